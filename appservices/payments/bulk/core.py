"""The states of a payout in bulk and of its lines, as tables; what is not there changes nothing.

The whole sum is set aside first. Each line is then a payment from there; what failed or was stopped
goes back once no line is on its way any more.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Mapping

TRIES_MAX: Final = 3
"""How often a line is tried that failed for no reason of its payee's."""


class PayoutState(enum.Enum):
    """Where a payout has got to."""

    WAITING = "waiting"
    """For the approval by a second key."""
    HOLDING = "holding"
    """The writer decides whether there is cover to set all of it aside."""
    PAYING = "paying"
    STOPPING = "stopping"
    """No line is begun any more; those on their way end, the rest goes back."""
    RETURNING = "returning"
    """All lines are over; what failed goes back."""
    DONE = "done"
    STOPPED = "stopped"
    REFUSED = "refused"
    """There was no cover; nothing was paid."""


class PayoutInput(enum.Enum):
    """An input to the state machine of a payout."""

    APPROVE = "approve"
    """It may begin: a second key says so, or one is enough."""
    STOP = "stop"
    HELD = "held"
    NOT_HELD = "not_held"
    OVER = "over"
    """No line waits or is on its way, and something is left."""
    ALL_GONE = "all_gone"
    """No line waits or is on its way, and nothing is left."""
    BACK = "back"
    """What was left is back."""


class PayoutEffect(enum.Enum):
    """An effect of a step."""

    HOLD = "hold"
    """Let the writer try to set the sum aside."""
    PAY = "pay"
    """Begin with the lines."""
    STOP_LINES = "stop_lines"
    """What waits is not begun."""
    LOOK = "look"
    """It may be over already."""
    GIVE_BACK = "give_back"
    TELL = "tell"
    """The organisation hears of the end."""


Step = tuple[PayoutState, tuple[PayoutEffect, ...]]

PAYOUT_TABLE: Final[Mapping[tuple[PayoutState, PayoutInput], Step]] = {
    (PayoutState.WAITING, PayoutInput.APPROVE): (PayoutState.HOLDING, (PayoutEffect.HOLD,)),
    (PayoutState.WAITING, PayoutInput.STOP): (
        PayoutState.STOPPED,
        (PayoutEffect.STOP_LINES, PayoutEffect.TELL),
    ),
    (PayoutState.HOLDING, PayoutInput.HELD): (PayoutState.PAYING, (PayoutEffect.PAY,)),
    (PayoutState.HOLDING, PayoutInput.NOT_HELD): (
        PayoutState.REFUSED,
        (PayoutEffect.STOP_LINES, PayoutEffect.TELL),
    ),
    # The writer's answer is waited for: until then nobody knows whether something is set aside.
    (PayoutState.HOLDING, PayoutInput.STOP): (PayoutState.STOPPING, (PayoutEffect.STOP_LINES,)),
    (PayoutState.STOPPING, PayoutInput.HELD): (PayoutState.STOPPING, (PayoutEffect.GIVE_BACK,)),
    (PayoutState.STOPPING, PayoutInput.NOT_HELD): (PayoutState.STOPPED, (PayoutEffect.TELL,)),
    (PayoutState.PAYING, PayoutInput.STOP): (
        PayoutState.STOPPING,
        (PayoutEffect.STOP_LINES, PayoutEffect.LOOK),
    ),
    (PayoutState.PAYING, PayoutInput.OVER): (PayoutState.RETURNING, (PayoutEffect.GIVE_BACK,)),
    (PayoutState.PAYING, PayoutInput.ALL_GONE): (PayoutState.DONE, (PayoutEffect.TELL,)),
    (PayoutState.STOPPING, PayoutInput.OVER): (PayoutState.STOPPING, (PayoutEffect.GIVE_BACK,)),
    (PayoutState.STOPPING, PayoutInput.ALL_GONE): (PayoutState.STOPPED, (PayoutEffect.TELL,)),
    (PayoutState.STOPPING, PayoutInput.BACK): (PayoutState.STOPPED, (PayoutEffect.TELL,)),
    (PayoutState.RETURNING, PayoutInput.BACK): (PayoutState.DONE, (PayoutEffect.TELL,)),
}


class PayoutStateError(ConflictError):
    """The payout is in a state in which this cannot be done; nothing has changed (HTTP 409)."""

    errcode = "ORG.VECHE.PAYOUT_STATE"

    def __init__(self, state: PayoutState) -> None:
        super().__init__(f"the payout is {state.value} already")
        self.state = state


def step_payout(state: PayoutState, heard: PayoutInput) -> Step:
    """The state after an input, and what that brings about.

    Raises:
        PayoutStateError: The table has no such step.
    """
    found = PAYOUT_TABLE.get((state, heard))
    if found is None:
        raise PayoutStateError(state)
    return found


class LineState(enum.Enum):
    """Where a line has got to."""

    QUEUED = "queued"
    PAYING = "paying"
    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"
    """A bank paid it and gave it back."""
    STOPPED = "stopped"


class LineInput(enum.Enum):
    """An input to the state machine of a line."""

    TRY = "try"
    REFUSE = "refuse"
    """It is clear that it cannot be paid."""
    MOVED = "moved"
    NOT_MOVED = "not_moved"
    AGAIN = "again"
    """It was not paid for no reason of its payee's, and may be tried again."""
    COME_BACK = "come_back"
    STOP = "stop"


LINE_TABLE: Final[Mapping[tuple[LineState, LineInput], LineState]] = {
    (LineState.QUEUED, LineInput.TRY): LineState.PAYING,
    (LineState.QUEUED, LineInput.REFUSE): LineState.FAILED,
    (LineState.QUEUED, LineInput.STOP): LineState.STOPPED,
    (LineState.PAYING, LineInput.MOVED): LineState.PAID,
    (LineState.PAYING, LineInput.NOT_MOVED): LineState.FAILED,
    (LineState.PAYING, LineInput.AGAIN): LineState.QUEUED,
    (LineState.PAID, LineInput.COME_BACK): LineState.RETURNED,
}


class LineStateError(ConflictError):
    """The line is in a state in which this cannot happen; nothing has changed (HTTP 409)."""

    errcode = "ORG.VECHE.PAYOUT_LINE_STATE"


def step_line(state: LineState, heard: LineInput) -> LineState:
    """The state of a line after an input.

    Raises:
        LineStateError: The table has no such step.
    """
    found = LINE_TABLE.get((state, heard))
    if found is None:
        raise LineStateError(f"the line is {state.value} already")
    return found


@attrs.frozen
class BulkPayout:
    """A payout in bulk.

    Attributes:
        id: ULID.
        payer: Number of the organisation.
        ledger: Number of the currency.
        ours: The organisation's own number.
        total_minor: Of all lines.
        lines: How many there are.
        gone_minor: What has left what was set aside: paid, or given back.
        sha256: Of the instruction as it was signed.
        made_by: Mark of the key that signed it.
        approved_by: Mark of the second key; None: there is none.
        made_at_ms: When it came, UTC.
    """

    id: str
    payer: int
    ledger: int
    ours: str
    state: PayoutState
    total_minor: int
    lines: int
    gone_minor: int
    sha256: bytes
    made_by: str
    approved_by: str | None
    made_at_ms: int


@attrs.frozen
class BulkLine:
    """A line of a payout.

    Attributes:
        payout_id: Of which.
        n: Its place, from 1.
        ours: The organisation's own id.
        amount_minor: How much.
        payment_id: Of the payment; None: none was begun.
        tries: How often it was begun.
        why: Code, where it failed.
    """

    payout_id: str
    n: int
    ours: str
    state: LineState
    amount_minor: int
    payment_id: str | None = None
    tries: int = 0
    why: str | None = None
