"""Receipts as files, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appservices.payments.invoices.texts.invoice import line_words
from veche.protocol.message import Doc, Link, Mono, Paragraph

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.transfers.texts.views import Party, PaymentView
    from veche.contracts.payments.invoice import InvoiceLine
    from veche.protocol.texts.localizer import Localizer


def receipt_file_doc(url: str | None, localizer: Localizer) -> Doc:
    """Describe the file that comes next.

    Args:
        url: Of the page that checks it; None if there are no pages here.
        localizer: How the person is spoken to.
    """
    words = localizer.text(
        "The receipt comes now as a PDF to read, and as a file that proves the payment to anybody,"
        " without us. With an invoice that says its taxes the tax invoice comes too."
    )
    if url is None:
        return (Paragraph(words),)
    return (
        Paragraph(words),
        Paragraph(Link(localizer.text("Where it is checked:"), url)),
    )


def no_receipt_doc(number: str, localizer: Localizer) -> Doc:
    """Say that there is no such payment, and show a correct command.

    Args:
        number: As it was typed; empty: none was.
        localizer: How the person is spoken to.
    """
    if number:
        words = localizer.text(
            "There is no payment of yours of this number. Write “history” to see them:"
        )
    else:
        words = localizer.text("Write the number of the payment; “history” shows them:")
    return (Paragraph(words, "\n", Mono(localizer.text("receipt NUMBER"))),)


def receipt_page(
    view: PaymentView, lines: Sequence[InvoiceLine], institution: str, localizer: Localizer
) -> Mapping[str, Any]:
    """Build the content of a receipt's PDF.

    Args:
        view: The payment, which was made.
        lines: Of its invoice; none: it is of none.
        institution: Its name.
        localizer: How whoever reads it is spoken to.
    """

    def money(minor: int) -> str:
        return localizer.money(minor, view.currency)

    facts = [
        (localizer.text("Number"), view.number),
        (localizer.text("When"), localizer.moment(view.at_ms)),
        (localizer.text("From"), _named(view.payer)),
        (localizer.text("To"), _named(view.payee)),
        (localizer.text("What for"), view.reference),
        (localizer.text("Amount"), money(view.amount_minor)),
        (localizer.text("Of it a tip"), money(view.tip_minor) if view.tip_minor else ""),
        (localizer.text("Fee"), money(view.fee_minor)),
        (localizer.text("Number of the payment"), view.id),
    ]
    note = localizer.text(
        "The signed receipt is attached as receipt.json; it proves the payment to anybody."
    )
    return {
        "language": localizer.language,
        "institution": institution,
        "title": localizer.text("Receipt"),
        "facts": [list(fact) for fact in facts if fact[1]],
        "lines_title": localizer.text("Invoice"),
        "lines": [[line_words(one, localizer), money(one.amount.minor)] for one in lines],
        "note": note,
    }


def _named(party: Party) -> str:
    return party.name if party.name == party.address else f"{party.name} ({party.address})"
