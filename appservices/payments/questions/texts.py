"""Texts on an invoice's own questions: a tip, a quote, a merchant's yes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from veche.protocol.message import Bold, Doc, Mono, Paragraph

if TYPE_CHECKING:
    from appservices.payments.transfers.texts.views import PaymentView
    from veche.protocol.texts.localizer import Localizer


def place_doc(details: Doc, localizer: Localizer) -> Doc:
    """The question where to."""
    return (
        *details,
        Paragraph(
            localizer.text("Where shall it be brought? Write it in one line:"), "\n",
            Mono(localizer.text("deliver Main Street 5, Lindenau")),
        ),
    )  # fmt: skip


def no_place_doc(localizer: Localizer) -> Doc:
    """Say that nothing waits for an address, or that it cannot be read."""
    words = localizer.text("Nothing of yours waits for an address, or it is too long to be read.")
    return (Paragraph(words),)


def quote_asked_doc(details: Doc, view: PaymentView, localizer: Localizer) -> Doc:
    """Say that the merchant is asked for the price."""
    words = localizer.text(
        "I have asked {name} what it costs in all. You are asked again before anything is paid.",
        name=view.payee.name,
    )
    return (*details, Paragraph(words))


def options_doc(view: PaymentView, place: str, localizer: Localizer) -> Doc:
    """The question which option of a quote."""
    words = localizer.text(
        "{name} has answered. What do you take? It comes on top of {amount}.",
        name=view.payee.name,
        amount=localizer.money(view.amount_minor, view.currency),
    )
    doc: Doc = (Paragraph(words),)
    return (*doc, Paragraph(localizer.text("Where to"), ": ", Bold(place))) if place else doc


def tip_doc(details: Doc, view: PaymentView, localizer: Localizer) -> Doc:
    """The question for a tip, before the approval."""
    words = localizer.text(
        "Would you like to add a tip to {amount}? You see the whole before you approve it.",
        amount=localizer.money(view.amount_minor, view.currency),
    )
    return (*details, Paragraph(words))


def confirming_doc(view: PaymentView, localizer: Localizer) -> Doc:
    """Say that the money is set aside until the merchant says yes."""
    words = localizer.text(
        "{amount} are set aside. {name} is asked to confirm; if they do not at once, you have it"
        " again.",
        amount=localizer.money(view.amount_minor, view.currency),
        name=view.payee.name,
    )
    return (Paragraph(words),)


def reason_doc(reason: str, localizer: Localizer) -> Doc:
    """Why a merchant said no, in their own words."""
    return (Paragraph(localizer.text("They write:"), " ", reason),)
