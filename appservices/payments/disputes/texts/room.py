"""Texts in the room of a dispute, where several people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.disputes.core.dispute import LIVE
from appservices.payments.disputes.core.dispute import OVER as DISPUTE_OVER
from appservices.payments.disputes.texts.dispute import (
    Side,
    dispute_words,
    example_for,
    how_doc,
    stands_doc,
)
from appservices.payments.rooms.texts import over_paragraph, ways_doc
from veche.protocol.message import Bold, Doc, Paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.disputes.texts.dispute import DisputeView
    from veche.protocol.message import Span
    from veche.protocol.texts.localizer import Localizer


def dispute_name(number: str, localizer: Localizer) -> str:
    """Name the room of a dispute; its homeserver reads the name."""
    return localizer.text("Dispute {number}", number=number)


def dispute_card(view: DisputeView, localizer: Localizer, clerks: Sequence[str] = ()) -> Doc:
    """How a dispute stands, for all in its room, and what each can write.

    Args:
        view: The dispute.
        localizer: Of the room.
        clerks: Who speaks for the organisation that was paid.
    """
    stands = stands_doc(view, Side.PAYER, localizer)
    if view.dispute.state in DISPUTE_OVER:
        return (*stands, over_paragraph(localizer))
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
    return (*stands, *ways_doc(ways, again, localizer), Paragraph(" ".join(said)))


def dispute_question(view: DisputeView, side: Side, name: Span, localizer: Localizer) -> Doc:
    """Above a question to one of them in the room."""
    words = dispute_words(view, side, localizer)
    return (Paragraph(name, ": ", words), *how_doc(view, side, localizer))


def dispute_news(view: DisputeView, localizer: Localizer) -> Doc:
    """Say that the state of a dispute has changed."""
    return (Paragraph(dispute_words(view, Side.PAYER, localizer)),)


def dispute_reminder(view: DisputeView, localizer: Localizer) -> Doc:
    """Say that the time of a dispute is over soon."""
    words = dispute_words(view, Side.PAYER, localizer)
    return (Paragraph(Bold(localizer.text("The time is nearly over.")), " ", words),)
