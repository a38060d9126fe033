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
    from veche.protocol.texts.localizer import Localizer


def dispute_name(number: str, localizer: Localizer) -> str:
    """What the room of a dispute is called; its homeserver reads that."""
    return localizer.text("Dispute {number}", number=number)


def escrow_name(number: str, localizer: Localizer) -> str:
    """What the room of an escrow is called; its homeserver reads that."""
    return localizer.text("Escrow {number}", number=number)


def moved_doc(localizer: Localizer) -> Doc:
    """What stands in the place of a card that is shown anew."""
    return (Paragraph(localizer.text("How it stands is further down.")),)


def dispute_card(view: DisputeView, localizer: Localizer, clerks: Sequence[str] = ()) -> Doc:
    """How a dispute stands, for all in its room, and what each can write.

    Args:
        view: The dispute.
        localizer: Of the room.
        clerks: Who speaks for the organisation that was paid.
    """
    stands = stands_doc(view, Side.PAYER, localizer)
    if view.dispute.state in DISPUTE_OVER:
        return (*stands, _over(localizer))
    if view.dispute.state not in LIVE:
        return stands
    named = ((view.payer, Side.PAYER), (view.payee, Side.PAYEE))
    sides = [(one.name, side) for one, side in named if one.person is not None or clerks]
    ways = [
        (name, example)
        for name, side in (*sides, (localizer.text("Who decides"), Side.DESK))
        if (example := example_for(view, side, localizer))
    ]
    said = [
        localizer.text(
            "Talk here as you like; who decides for the institution reads along. Talk changes"
            " nothing: what counts is a line of these, or an answer to one of my questions."
        ),
        localizer.text(
            "Files count as evidence, if they are sent here by: {names}.",
            names=", ".join(name for name, _ in sides),
        ),
    ]
    if clerks:
        words = localizer.text(
            "For {name} speak here: {people}.", name=view.payee.name, people=", ".join(clerks)
        )
        said.append(words)
    elif view.payee.person is None:
        words = localizer.text(
            "{name} answers by its program, and does not read here.", name=view.payee.name
        )
        said.append(words)
    again = localizer.text("dispute {number}", number=view.number)
    return (*stands, *_ways(ways, again, localizer), Paragraph(" ".join(said)))


def dispute_question(view: DisputeView, side: Side, name: Span, localizer: Localizer) -> Doc:
    """Above a question to one of them in the room."""
    words = dispute_words(view, side, localizer)
    return (Paragraph(name, ": ", words), *how_doc(view, side, localizer))


def dispute_news(view: DisputeView, localizer: Localizer) -> Doc:
    """That it stands otherwise now."""
    return (Paragraph(dispute_words(view, Side.PAYER, localizer)),)


def dispute_reminder(view: DisputeView, localizer: Localizer) -> Doc:
    """That its time is over soon."""
    words = dispute_words(view, Side.PAYER, localizer)
    return (Paragraph(Bold(localizer.text("The time is nearly over.")), " ", words),)


def escrow_card(view: EscrowView, localizer: Localizer) -> Doc:
    """How an escrow stands, for all in its room, and what each can write."""
    stands = state_doc(view, Role.ARBITER, localizer)
    if view.escrow.state in ESCROW_OVER:
        return (*stands, _over(localizer))
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
    return (*stands, *_ways(ways, again, localizer), Paragraph(talk))


def escrow_question(view: EscrowView, role: Role, name: Span, localizer: Localizer) -> Doc:
    """Above a question to one of them in the room."""
    return (Paragraph(name, ": ", state_words(view, role, localizer)),)


def escrow_news(view: EscrowView, localizer: Localizer) -> Doc:
    """That it stands otherwise now."""
    return (Paragraph(state_words(view, Role.ARBITER, localizer)),)


def escrow_reminder(view: EscrowView, localizer: Localizer) -> Doc:
    """That its time is over soon, and what happens then."""
    label = localizer.text("If not, at {moment}", moment=localizer.moment(view.escrow.ends_at_ms))
    return (
        Paragraph(Bold(localizer.text("The time is nearly over."))),
        Facts([(label, silence_words(view, localizer))]),
    )


def _ways(ways: list[tuple[str, str]], again: str, localizer: Localizer) -> Doc:
    """Who can write what, for example; to look at it again, everybody can."""
    shown = [*ways, (localizer.text("To see this again"), again)]
    facts = Facts([(who, Mono(what)) for who, what in shown])
    return (Paragraph(localizer.text("Write for example:")), facts)


def _over(localizer: Localizer) -> Paragraph:
    words = localizer.text("It is over. This room stays yours; nothing that is said here counts.")
    return Paragraph(words)
