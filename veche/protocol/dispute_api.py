"""Disputes as an organisation that was paid sees and answers them over HTTP."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from veche.protocol.ids import WireUlid
from veche.protocol.money import Money
from veche.protocol.wire import Wire

WORDS_CHARACTERS_MAX: Final = 500
"""Longest reason, answer or decision."""


class DisputeAnswerBody(Wire):
    """What the organisation says to a dispute.

    Attributes:
        gives_back: All that is set aside goes back; otherwise the institution's desk decides.
        words: Why; the payer and the desk read it.
    """

    gives_back: bool
    words: Annotated[str, Field(max_length=WORDS_CHARACTERS_MAX)] = ""


class DisputeView(Wire):
    """A dispute of what the organisation was paid.

    Attributes:
        id: Of it.
        payment: Id of what is disputed.
        state: ``open`` (to be answered), ``at_desk``, ``ending`` or ``closed``.
        amount: What is disputed.
        held: What of it is set aside.
        given: What goes back, once that is decided.
        ended_by: ``agreed``, ``decided``, ``withdrawn``, ``lapsed``.
        due_at_ms: When the state ends by itself, UTC.
        reason: What the payer says.
        answer: What the organisation said.
        decision: What the desk says.
    """

    id: WireUlid
    payment: WireUlid
    state: str
    amount: Money
    held: Money
    given: Money | None = None
    ended_by: str | None = None
    due_at_ms: int | None = None
    reason: str
    answer: str = ""
    decision: str = ""
