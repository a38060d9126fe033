"""The states of a dispute, as one table: a payer says that a payment was not right.

The amount is set aside at the payee, nothing else of theirs. The payee gives it back or contests;
who contests or says nothing leaves it to the institution; its decision can be appealed once, to
others, and stands if they do not decide; and each wait has an end. Source: design of Veche,
payments §8.8.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.amounts.core.periods import DAY_MS
from appservices.payments.transfers.core.payment import Kind
from veche.protocol.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Mapping

ASKED_MS: Final = 15 * 60_000
"""How long the payer has to approve it."""
HOLD_MORE_MS: Final = DAY_MS
"""How much longer the ledger holds the money than the last clock runs."""
HOLD_MS_MAX: Final = 89 * DAY_MS
"""Longest time from the first answer to the last decision."""
APPEAL_MS_MIN: Final = DAY_MS
"""Least time for those who decide an appeal: where less is left, there is none."""
WORDS_CHARACTERS_MAX: Final = 500
"""Longest reason, answer or decision."""
OPEN_MAX: Final = 10
"""Disputes of one payer that are not over."""
DISPUTABLE: Final = frozenset({Kind.PAY, Kind.INVOICE, Kind.MANDATE})
"""Kinds of payments. What an escrow released, those decided who were asked to."""


class DisputeState(enum.Enum):
    """Where a dispute has got to."""

    ASKED = "asked"
    """Waits for the payer's approval."""
    FREEZING = "freezing"
    """The writer sets the amount aside, or as much as there is."""
    OPEN = "open"
    """The payee is asked."""
    AT_DESK = "at_desk"
    """The payee contests, or was silent: the institution decides."""
    DECIDED = "decided"
    """The institution has decided; either side may appeal."""
    APPEALED = "appealed"
    """Others of the institution decide again, for good."""
    ENDING = "ending"
    """The writer gives back what is given back, and lets go of the rest."""
    CLOSED = "closed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class DisputeInput(enum.Enum):
    """An input to the state machine of a dispute."""

    GO = "go"
    """The payer approves it."""
    CANCEL = "cancel"
    TIME = "time"
    HELD = "held"
    NOT_HELD = "not_held"
    AGREE = "agree"
    """The payee gives it back."""
    CONTEST = "contest"
    RULE = "rule"
    """The institution decides, and that can be appealed."""
    APPEAL = "appeal"
    DECIDE = "decide"
    """The institution decides for good."""
    WITHDRAW = "withdraw"
    """The payer does not want it any more."""
    VOID = "void"
    """The key of whoever decided is revoked, and nothing has moved yet."""
    MOVED = "moved"
    NOT_MOVED = "not_moved"


class DisputeEffect(enum.Enum):
    """An effect of a step."""

    SET_CLOCK = "set_clock"
    HOLD = "hold"
    MOVE = "move"
    SHOW = "show"
    """Tell both how it stands, and ask who is to answer."""
    CLOSE_QUESTION = "close_question"


class End(enum.Enum):
    """How a dispute ended."""

    AGREED = "agreed"
    DECIDED = "decided"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    """Nobody decided in time: the payee has what was set aside."""


_S, _I, _E = DisputeState, DisputeInput, DisputeEffect
_CLOCK: Final = (_E.SET_CLOCK, _E.SHOW)
DISPUTE_TABLE: Final[
    Mapping[tuple[DisputeState, DisputeInput], tuple[DisputeState, tuple[DisputeEffect, ...]]]
] = {
    (_S.ASKED, _I.GO): (_S.FREEZING, (_E.HOLD,)),
    (_S.ASKED, _I.CANCEL): (_S.CANCELLED, (_E.CLOSE_QUESTION,)),
    (_S.ASKED, _I.TIME): (_S.EXPIRED, (_E.CLOSE_QUESTION,)),
    (_S.FREEZING, _I.HELD): (_S.OPEN, _CLOCK),
    # The payee has nothing: it may be tried again.
    (_S.FREEZING, _I.NOT_HELD): (_S.CANCELLED, (_E.SHOW,)),
    (_S.OPEN, _I.AGREE): (_S.ENDING, (_E.MOVE,)),
    (_S.OPEN, _I.CONTEST): (_S.AT_DESK, _CLOCK),
    (_S.OPEN, _I.TIME): (_S.AT_DESK, _CLOCK),
    (_S.OPEN, _I.WITHDRAW): (_S.ENDING, (_E.MOVE,)),
    (_S.AT_DESK, _I.RULE): (_S.DECIDED, _CLOCK),
    (_S.AT_DESK, _I.AGREE): (_S.ENDING, (_E.MOVE,)),
    (_S.AT_DESK, _I.DECIDE): (_S.ENDING, (_E.MOVE,)),
    (_S.AT_DESK, _I.WITHDRAW): (_S.ENDING, (_E.MOVE,)),
    (_S.AT_DESK, _I.TIME): (_S.ENDING, (_E.MOVE,)),
    (_S.DECIDED, _I.APPEAL): (_S.APPEALED, _CLOCK),
    (_S.DECIDED, _I.AGREE): (_S.ENDING, (_E.MOVE,)),
    (_S.DECIDED, _I.WITHDRAW): (_S.ENDING, (_E.MOVE,)),
    # Nobody appeals: it is done as it was decided. So it is where nobody decides the appeal.
    (_S.DECIDED, _I.TIME): (_S.ENDING, (_E.MOVE,)),
    (_S.APPEALED, _I.DECIDE): (_S.ENDING, (_E.MOVE,)),
    (_S.APPEALED, _I.AGREE): (_S.ENDING, (_E.MOVE,)),
    (_S.APPEALED, _I.WITHDRAW): (_S.ENDING, (_E.MOVE,)),
    (_S.APPEALED, _I.TIME): (_S.ENDING, (_E.MOVE,)),
    # Somebody decides it anew, with a key that counts.
    (_S.DECIDED, _I.VOID): (_S.AT_DESK, _CLOCK),
    (_S.APPEALED, _I.VOID): (_S.AT_DESK, _CLOCK),
    (_S.ENDING, _I.VOID): (_S.AT_DESK, _CLOCK),
    (_S.ENDING, _I.MOVED): (_S.CLOSED, (_E.SHOW,)),
    # The payer's account takes nothing any more: then it is let go.
    (_S.ENDING, _I.NOT_MOVED): (_S.ENDING, (_E.MOVE,)),
    # The ledger's own time was faster.
    (_S.ENDING, _I.NOT_HELD): (_S.CLOSED, (_E.SHOW,)),
}
"""Whatever is not in it is refused and changes nothing."""
RULED: Final = frozenset({_S.DECIDED, _S.APPEALED})
"""There is a decision, which is not done yet."""
LIVE: Final = frozenset({_S.OPEN, _S.AT_DESK, *RULED})
"""Money is set aside, and an end can be decided."""
OVER: Final = frozenset({_S.CLOSED, _S.CANCELLED, _S.EXPIRED})
REQUEST: Final = "request "
"""Begins ``decided_by`` where an organisation's program gave back: whose, and its digest."""
UNSEEN: Final = frozenset({_S.ASKED, _S.FREEZING, _S.CANCELLED, _S.EXPIRED})
"""What is not disputed, or not yet: whoever was paid learns nothing of it."""
_ENDS: Final[Mapping[DisputeInput, End]] = {
    _I.AGREE: End.AGREED,
    _I.DECIDE: End.DECIDED,
    _I.WITHDRAW: End.WITHDRAWN,
    _I.TIME: End.LAPSED,
    _I.NOT_MOVED: End.LAPSED,
    _I.NOT_HELD: End.LAPSED,
}


class DisputeStateError(ConflictError):
    """The dispute is in a state in which this cannot be done; nothing has changed (HTTP 409)."""

    errcode = "ORG.VECHE.DISPUTE_STATE"

    def __init__(self, state: DisputeState) -> None:
        super().__init__(f"the dispute is {state.value} already")
        self.state = state


@attrs.frozen
class Dispute:
    """A dispute.

    Attributes:
        id: ULID.
        payment_id: Of what is disputed.
        payer: Number of the holder who disputes it.
        payee: Number of the holder who was paid.
        ledger: Number of the currency.
        amount_minor: What is disputed.
        held_minor: What was set aside: less, if the payee had less.
        given_minor: What the end gives back.
        end: How it ended.
        due_at_ms: When its state ends by itself, UTC.
        hold_ends_at_ms: When the ledger lets go of what is set aside, UTC.
        approved_by: Nonce of the payer's approval.
        decided_by: Nonce of the approval of the payee, or of the desk.
        refund_id: The payment that gives back.
        ruled_minor: What the first decision gives back, where it can be appealed.
        ruled_by: Nonce of its approval.
        appealed_by: Number of the holder who appealed.
    """

    id: str
    payment_id: str
    state: DisputeState
    payer: int
    payee: int
    ledger: int
    amount_minor: int
    asked_at_ms: int
    due_at_ms: int | None
    held_minor: int = 0
    given_minor: int | None = None
    end: End | None = None
    hold_ends_at_ms: int | None = None
    approved_by: str | None = None
    decided_by: str | None = None
    refund_id: str | None = None
    ruled_minor: int | None = None
    ruled_by: str | None = None
    appealed_by: int | None = None

    @property
    def ruled_until_ms(self) -> int:
        """Until when an appeal can be decided, UTC."""
        return (self.hold_ends_at_ms or 0) - HOLD_MORE_MS

    def appeal_until_ms(self, now_ms: int, appeal_ms: int) -> int | None:
        """Until when one may appeal what is decided now; None: there is no time for that."""
        until_ms = min(now_ms + appeal_ms, self.ruled_until_ms - APPEAL_MS_MIN)
        return until_ms if until_ms > now_ms else None


def step_dispute(
    dispute: Dispute,
    heard: DisputeInput,
    *,
    due_at_ms: int | None = None,
    given_minor: int = 0,
) -> tuple[Dispute, tuple[DisputeEffect, ...]]:
    """The dispute after an input, and what that brings about.

    Args:
        dispute: As it is.
        heard: What happens.
        due_at_ms: When the next state ends by itself, UTC; None: it does not.
        given_minor: What goes back, for ``AGREE``, ``RULE`` and ``DECIDE``: at most what is set
            aside.

    Raises:
        DisputeStateError: The table has no such step; nothing has changed.
        ValueError: More is given back than is set aside: a bug of the caller.
    """
    found = DISPUTE_TABLE.get((dispute.state, heard))
    if found is None:
        raise DisputeStateError(dispute.state)
    if not 0 <= given_minor <= dispute.held_minor:
        raise ValueError("no more is given back than is set aside")
    state, effects = found
    given, end, ruled = dispute.given_minor, dispute.end, dispute.ruled_minor
    if heard is _I.RULE:
        ruled = given_minor
    elif heard is _I.VOID:
        given, end, ruled = None, None, None
    elif dispute.state in RULED and heard is _I.TIME:
        given, end = ruled or 0, End.DECIDED
    elif _S.ENDING in {state, dispute.state} and heard is not _I.MOVED:
        is_given = heard in {_I.AGREE, _I.DECIDE}
        given, end = given_minor if is_given else 0, _ENDS[heard]
    after = attrs.evolve(
        dispute, state=state, due_at_ms=due_at_ms, given_minor=given, end=end, ruled_minor=ruled
    )
    return after, effects
