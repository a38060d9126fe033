"""An invoice in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.tax.core.tax import Amount, taxed
from veche.protocol.approval import showable
from veche.protocol.message import Bold, Bullets, Doc, Facts, Heading, Item, Mono, Paragraph

if TYPE_CHECKING:
    from veche.contracts.payments.invoice import InvoiceCard, InvoiceLine
    from veche.protocol.texts.localizer import Localizer

LINES_SHOWN_MAX: Final = 20
"""Lines that a message shows; of a longer invoice the rest are only counted."""


def invoice_doc(card: InvoiceCard, localizer: Localizer) -> Doc:
    """Describe an invoice: issuer, amount, law, deadline, and how to object."""
    facts: list[tuple[str, Item]] = [
        (localizer.text("From"), (Bold(card.issuer_name), " ", Mono(card.issuer)))
    ]
    if card.notice_id is not None:
        facts.append((localizer.text("Number"), Mono(card.notice_id)))
    facts.append((localizer.text("What for"), card.title))
    if card.law is not None:
        facts.append((localizer.text("By which law"), card.law))
    total = localizer.money(card.total.minor, card.total.currency)
    facts += [
        (localizer.text("Together"), Bold(total)),
        *_taxes(card, localizer),
        (localizer.text("Can be paid until"), localizer.moment(card.due_at_ms)),
    ]
    doc: Doc = (Heading(localizer.text("Invoice")), Facts(facts))
    if len(card.lines) > 1 or card.lines[0].text != card.title:
        doc = (*doc, _lines(card, localizer))
    if card.appeal is not None:
        doc = (*doc, Paragraph(Bold(localizer.text("How to object")), "\n", card.appeal))
    return doc


def withdrawn_doc(card: InvoiceCard, reason: str | None, localizer: Localizer) -> Doc:
    """Say that an invoice was cancelled, and why if that was given."""
    words = localizer.text(
        "{name} took back the invoice “{title}” of {amount}. Nothing is due; what was paid comes"
        " back by itself.",
        name=card.issuer_name,
        title=card.title,
        amount=localizer.money(card.total.minor, card.total.currency),
    )
    if reason is None:
        return (Paragraph(words),)
    return (
        Paragraph(words),
        Paragraph(Bold(localizer.text("Their reason")), "\n", showable(reason)),
    )


def line_words(line: InvoiceLine, localizer: Localizer) -> str:
    """Describe a line, with its tax rate."""
    if line.tax is None or not line.tax.basis_points:
        return line.text
    rate = f"{line.tax.basis_points / 100:.2f}".rstrip("0").rstrip(".")
    return f"{line.text} ({localizer.text('with {rate} % tax', rate=rate)})"


def _taxes(card: InvoiceCard, localizer: Localizer) -> list[tuple[str, Item]]:
    """How much of the total is tax, where the invoice says that."""
    lines = [Amount(one.text, one.amount.minor, one.tax) for one in card.lines if one.tax]
    tax_minor = taxed(lines).tax_minor if lines else 0
    if not tax_minor:
        return []
    return [(localizer.text("Tax in it"), localizer.money(tax_minor, card.total.currency))]


def _lines(card: InvoiceCard, localizer: Localizer) -> Bullets:
    shown: list[Item] = [
        f"{line_words(line, localizer)}: {localizer.money(line.amount.minor, line.amount.currency)}"
        for line in card.lines[:LINES_SHOWN_MAX]
    ]
    more = len(card.lines) - len(shown)
    if more:
        shown.append(localizer.text("and {count} more", count=more))
    return Bullets(shown)
