"""The states of a quote, as one table: what an invoice costs besides, told before it is paid.

The merchant may answer anew until the payer has approved. Each answer makes the choice and the
question for the approval void that came before it: only the newest total is ever approved. Source:
design of Veche, payments §2 (C4).
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from veche.protocol.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Mapping


class QuoteState(enum.Enum):
    """Where a quote has got to."""

    WANTING = "wanting"
    """The payer has not said where to."""
    ASKED = "asked"
    """The merchant is asked."""
    OFFERED = "offered"
    """The payer is asked to choose."""
    CHOSEN = "chosen"
    """The payer chose, and is asked to approve the final total."""


class QuoteInput(enum.Enum):
    """An input to the state machine of a quote."""

    PLACE = "place"
    """The payer says where to, or says it anew."""
    OFFER = "offer"
    """The merchant answers, or answers anew."""
    CHOOSE = "choose"


class QuoteEffect(enum.Enum):
    """An effect of a step."""

    CLOSE_QUESTION = "close_question"
    """What the payer was asked before counts no more."""
    TELL_MERCHANT = "tell_merchant"
    ASK_CHOICE = "ask_choice"
    ASK_APPROVAL = "ask_approval"


_ASK: Final = (
    QuoteState.ASKED,
    (QuoteEffect.CLOSE_QUESTION, QuoteEffect.TELL_MERCHANT),
)
_OFFER: Final = (QuoteState.OFFERED, (QuoteEffect.CLOSE_QUESTION, QuoteEffect.ASK_CHOICE))
QUOTE_TABLE: Final[
    Mapping[tuple[QuoteState, QuoteInput], tuple[QuoteState, tuple[QuoteEffect, ...]]]
] = {
    (QuoteState.WANTING, QuoteInput.PLACE): _ASK,
    (QuoteState.ASKED, QuoteInput.PLACE): _ASK,
    (QuoteState.OFFERED, QuoteInput.PLACE): _ASK,
    (QuoteState.CHOSEN, QuoteInput.PLACE): _ASK,
    (QuoteState.ASKED, QuoteInput.OFFER): _OFFER,
    (QuoteState.OFFERED, QuoteInput.OFFER): _OFFER,
    (QuoteState.CHOSEN, QuoteInput.OFFER): _OFFER,
    (QuoteState.OFFERED, QuoteInput.CHOOSE): (QuoteState.CHOSEN, (QuoteEffect.ASK_APPROVAL,)),
}


class QuoteStateError(ConflictError):
    """The quote is in a state in which this cannot be done; nothing has changed (HTTP 409)."""

    errcode = "ORG.VECHE.QUOTE_STATE"

    def __init__(self, state: QuoteState) -> None:
        super().__init__(f"the quote is {state.value}")
        self.state = state


def step_quote(state: QuoteState, heard: QuoteInput) -> tuple[QuoteState, tuple[QuoteEffect, ...]]:
    """The state of a quote after an input, and what that brings about.

    Raises:
        QuoteStateError: The table has no such step.
    """
    found = QUOTE_TABLE.get((state, heard))
    if found is None:
        raise QuoteStateError(state)
    return found
