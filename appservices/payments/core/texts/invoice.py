"""An invoice in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.core.tax import Amount, taxed
from veche.protocol.approval import showable
from veche.protocol.message import Bold, Bullets, Doc, Facts, Heading, Item, Mono, Paragraph

if TYPE_CHECKING:
    from veche.contracts.payments.invoice import InvoiceCard, InvoiceLine
    from veche.protocol.texts.localizer import Speech

LINES_SHOWN_MAX: Final = 20
"""Lines that a message shows; of a longer invoice the rest are only counted."""


def invoice_doc(card: InvoiceCard, speech: Speech) -> Doc:
    """Who asks for what, by which law, until when, and how one objects."""
    facts: list[tuple[str, Item]] = [
        (speech.text("From"), (Bold(card.issuer_name), " ", Mono(card.issuer)))
    ]
    if card.notice_id is not None:
        facts.append((speech.text("Number"), Mono(card.notice_id)))
    facts.append((speech.text("What for"), card.title))
    if card.law is not None:
        facts.append((speech.text("By which law"), card.law))
    total = speech.money(card.total.minor, card.total.currency)
    facts += [
        (speech.text("Together"), Bold(total)),
        *_taxes(card, speech),
        (speech.text("Can be paid until"), speech.moment(card.due_at_ms)),
    ]
    doc: Doc = (Heading(speech.text("Invoice")), Facts(facts))
    if len(card.lines) > 1 or card.lines[0].text != card.title:
        doc = (*doc, _lines(card, speech))
    if card.appeal is not None:
        doc = (*doc, Paragraph(Bold(speech.text("How to object")), "\n", card.appeal))
    return doc


def withdrawn_doc(card: InvoiceCard, reason: str | None, speech: Speech) -> Doc:
    """That an invoice was taken back, and why if that was said."""
    words = speech.text(
        "{name} took back the invoice “{title}” of {amount}. Nothing is due; what was paid comes"
        " back by itself.",
        name=card.issuer_name,
        title=card.title,
        amount=speech.money(card.total.minor, card.total.currency),
    )
    if reason is None:
        return (Paragraph(words),)
    return (Paragraph(words), Paragraph(Bold(speech.text("Their reason")), "\n", showable(reason)))


def line_words(line: InvoiceLine, speech: Speech) -> str:
    """What a line is for, with the rate of the tax that is in it."""
    if line.tax is None or not line.tax.basis_points:
        return line.text
    rate = f"{line.tax.basis_points / 100:.2f}".rstrip("0").rstrip(".")
    return f"{line.text} ({speech.text('with {rate} % tax', rate=rate)})"


def _taxes(card: InvoiceCard, speech: Speech) -> list[tuple[str, Item]]:
    """How much of the total is tax, where the invoice says that."""
    lines = [Amount(one.text, one.amount.minor, one.tax) for one in card.lines if one.tax]
    tax_minor = taxed(lines).tax_minor if lines else 0
    if not tax_minor:
        return []
    return [(speech.text("Tax in it"), speech.money(tax_minor, card.total.currency))]


def _lines(card: InvoiceCard, speech: Speech) -> Bullets:
    shown: list[Item] = [
        f"{line_words(line, speech)}: {speech.money(line.amount.minor, line.amount.currency)}"
        for line in card.lines[:LINES_SHOWN_MAX]
    ]
    more = len(card.lines) - len(shown)
    if more:
        shown.append(speech.text("and {count} more", count=more))
    return Bullets(shown)
