"""Texts in the room of an escrow, where several people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.escrows.core.escrow import OVER as ESCROW_OVER
from appservices.payments.escrows.core.escrow import EscrowState, Role
from appservices.payments.escrows.texts.escrow import silence_words, state_doc, state_words
from appservices.payments.rooms.texts import over_paragraph, ways_doc
from veche.protocol.message import Bold, Doc, Facts, Paragraph

if TYPE_CHECKING:
    from appservices.payments.escrows.texts.escrow import EscrowView
    from veche.protocol.message import Span
    from veche.protocol.texts.localizer import Localizer


def escrow_name(number: str, localizer: Localizer) -> str:
    """Name the room of an escrow; its homeserver reads the name."""
    return localizer.text("Escrow {number}", number=number)


def escrow_card(view: EscrowView, localizer: Localizer) -> Doc:
    """How an escrow stands, for all in its room, and what each can write."""
    stands = state_doc(view, Role.ARBITER, localizer)
    if view.escrow.state in ESCROW_OVER:
        return (*stands, over_paragraph(localizer))
    if view.escrow.state is not EscrowState.FUNDED:
        return stands
    number, all_of_them = view.number, localizer.text("Everybody, once")
    ways = [
        (all_of_them, localizer.text("escrow {number} release", number=number)),
        (all_of_them, localizer.text("escrow {number} return", number=number)),
        (all_of_them, localizer.text("escrow {number} share 60", number=number)),
    ]
    talk = localizer.text(
        "Talk here as you like, and send what shows how things are. Talk changes nothing: what"
        " counts is a line of these, or an answer to one of my questions."
    )
    again = localizer.text("escrow {number}", number=number)
    return (*stands, *ways_doc(ways, again, localizer), Paragraph(talk))


def escrow_question(view: EscrowView, role: Role, name: Span, localizer: Localizer) -> Doc:
    """Above a question to one of them in the room."""
    return (Paragraph(name, ": ", state_words(view, role, localizer)),)


def escrow_news(view: EscrowView, localizer: Localizer) -> Doc:
    """Say that the state of an escrow has changed."""
    return (Paragraph(state_words(view, Role.ARBITER, localizer)),)


def escrow_reminder(view: EscrowView, localizer: Localizer) -> Doc:
    """Say that the time of an escrow is over soon, and what happens then."""
    label = localizer.text("If not, at {moment}", moment=localizer.moment(view.escrow.ends_at_ms))
    return (
        Paragraph(Bold(localizer.text("The time is nearly over."))),
        Facts([(label, silence_words(view, localizer))]),
    )
