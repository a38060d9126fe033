"""What is said in the room of a dispute or an escrow, where several read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.core.dispute import LIVE
from appservices.payments.core.dispute import OVER as DISPUTE_OVER
from appservices.payments.core.escrow import OVER as ESCROW_OVER
from appservices.payments.core.escrow import EscrowState, Role
from appservices.payments.core.texts.dispute import (
    Side,
    dispute_words,
    example_for,
    how_doc,
    stands_doc,
)
from appservices.payments.core.texts.escrow import silence_words, state_doc, state_words
from veche.protocol.message import Bold, Doc, Facts, Mono, Paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.core.texts.dispute import DisputeView
    from appservices.payments.core.texts.escrow import EscrowView
    from veche.protocol.message import Span
    from veche.protocol.texts.localizer import Speech


def dispute_name(number: str, speech: Speech) -> str:
    """What the room of a dispute is called; its homeserver reads that."""
    return speech.text("Dispute {number}", number=number)


def escrow_name(number: str, speech: Speech) -> str:
    """What the room of an escrow is called; its homeserver reads that."""
    return speech.text("Escrow {number}", number=number)


def moved_doc(speech: Speech) -> Doc:
    """What stands in the place of a card that is shown anew."""
    return (Paragraph(speech.text("How it stands is further down.")),)


def dispute_card(view: DisputeView, speech: Speech, clerks: Sequence[str] = ()) -> Doc:
    """How a dispute stands, for all in its room, and what each can write.

    Args:
        view: The dispute.
        speech: Of the room.
        clerks: Who speaks for the organisation that was paid.
    """
    stands = stands_doc(view, Side.PAYER, speech)
    if view.dispute.state in DISPUTE_OVER:
        return (*stands, _over(speech))
    if view.dispute.state not in LIVE:
        return stands
    named = ((view.payer, Side.PAYER), (view.payee, Side.PAYEE))
    sides = [(one.name, side) for one, side in named if one.person is not None or clerks]
    ways = [
        (name, example)
        for name, side in (*sides, (speech.text("Who decides"), Side.DESK))
        if (example := example_for(view, side, speech))
    ]
    said = [
        speech.text(
            "Talk here as you like; who decides for the institution reads along. Talk changes"
            " nothing: what counts is a line of these, or an answer to one of my questions."
        ),
        speech.text(
            "Files count as evidence, if they are sent here by: {names}.",
            names=", ".join(name for name, _ in sides),
        ),
    ]
    if clerks:
        words = speech.text(
            "For {name} speak here: {people}.", name=view.payee.name, people=", ".join(clerks)
        )
        said.append(words)
    elif view.payee.person is None:
        words = speech.text(
            "{name} answers by its program, and does not read here.", name=view.payee.name
        )
        said.append(words)
    again = speech.text("dispute {number}", number=view.number)
    return (*stands, *_ways(ways, again, speech), Paragraph(" ".join(said)))


def dispute_question(view: DisputeView, side: Side, name: Span, speech: Speech) -> Doc:
    """Above a question to one of them in the room."""
    words = dispute_words(view, side, speech)
    return (Paragraph(name, ": ", words), *how_doc(view, side, speech))


def dispute_news(view: DisputeView, speech: Speech) -> Doc:
    """That it stands otherwise now."""
    return (Paragraph(dispute_words(view, Side.PAYER, speech)),)


def dispute_reminder(view: DisputeView, speech: Speech) -> Doc:
    """That its time is over soon."""
    words = dispute_words(view, Side.PAYER, speech)
    return (Paragraph(Bold(speech.text("The time is nearly over.")), " ", words),)


def escrow_card(view: EscrowView, speech: Speech) -> Doc:
    """How an escrow stands, for all in its room, and what each can write."""
    stands = state_doc(view, Role.ARBITER, speech)
    if view.escrow.state in ESCROW_OVER:
        return (*stands, _over(speech))
    if view.escrow.state is not EscrowState.FUNDED:
        return stands
    number, all_of_them = view.number, speech.text("Everybody, once")
    ways = [
        (all_of_them, speech.text("escrow {number} release", number=number)),
        (all_of_them, speech.text("escrow {number} return", number=number)),
        (all_of_them, speech.text("escrow {number} share 60", number=number)),
    ]
    talk = speech.text(
        "Talk here as you like, and send what shows how things are. Talk changes nothing: what"
        " counts is a line of these, or an answer to one of my questions."
    )
    again = speech.text("escrow {number}", number=number)
    return (*stands, *_ways(ways, again, speech), Paragraph(talk))


def escrow_question(view: EscrowView, role: Role, name: Span, speech: Speech) -> Doc:
    """Above a question to one of them in the room."""
    return (Paragraph(name, ": ", state_words(view, role, speech)),)


def escrow_news(view: EscrowView, speech: Speech) -> Doc:
    """That it stands otherwise now."""
    return (Paragraph(state_words(view, Role.ARBITER, speech)),)


def escrow_reminder(view: EscrowView, speech: Speech) -> Doc:
    """That its time is over soon, and what happens then."""
    label = speech.text("If not, at {moment}", moment=speech.moment(view.escrow.ends_at_ms))
    return (
        Paragraph(Bold(speech.text("The time is nearly over."))),
        Facts([(label, silence_words(view, speech))]),
    )


def _ways(ways: list[tuple[str, str]], again: str, speech: Speech) -> Doc:
    """Who can write what, for example; to look at it again, everybody can."""
    shown = [*ways, (speech.text("To see this again"), again)]
    facts = Facts([(who, Mono(what)) for who, what in shown])
    return (Paragraph(speech.text("Write for example:")), facts)


def _over(speech: Speech) -> Paragraph:
    words = speech.text("It is over. This room stays yours; nothing that is said here counts.")
    return Paragraph(words)
