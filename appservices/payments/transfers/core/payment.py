"""The states of a payment, as one table; what is not in it is refused and changes nothing.

Money moves in one place alone: ``PAYING`` is entered with an attempt that the writer decides, and
left in the block that decided it. Source: design of Veche, payments §8.1.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Mapping

ASKED_MS: Final = 15 * 60_000
"""How long a payment waits for its approval."""


class Kind(enum.Enum):
    """The kind of a payment."""

    PAY = "pay"
    """From one to another, because the payer wants it."""
    SHARE = "share"
    """Of a bill that several pay together, all or nobody."""
    INVOICE = "invoice"
    REFUND = "refund"
    MANDATE = "mandate"
    PAYOUT = "payout"
    """To an account at a bank; its transfers are those of the order to the bank."""
    ESCROW = "escrow"
    """To the seller of an escrow, out of what its buyer put aside."""
    ISSUE = "issue"
    """Money that accounts begin with, from the operator's configuration."""


class State(enum.Enum):
    """Where a payment has got to."""

    ASKED = "asked"
    """Waits for the payer's approval."""
    COOLING = "cooling"
    """Approved; waits because of a rule of the payer's."""
    GUARDED = "guarded"
    """Approved; the payer's guardians are asked."""
    HOLDING = "holding"
    """The writer decides whether there is cover to set aside."""
    HELD = "held"
    """Set aside; somebody else has to say yes before it is paid."""
    PAYING = "paying"
    """The writer decides."""
    PAID = "paid"
    RETURNED = "returned"
    """A payout that was made and came back from the bank."""
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Input(enum.Enum):
    """An input to the state machine of a payment."""

    GO = "go"
    """It may be made now: approved, and no rule is against it."""
    HOLD = "hold"
    """It is approved, no rule is against it, and somebody else has to say yes first."""
    POST = "post"
    """Whoever had to say yes has."""
    WAIT = "wait"
    """It is approved, and a rule makes it wait."""
    GUARD = "guard"
    """It is approved, and above what the payer does without guardians."""
    DENY = "deny"
    """Too few of the guardians approve, or in time."""
    REFUSE = "refuse"
    """It is approved, and a rule or whoever had to say yes is against it."""
    CANCEL = "cancel"
    """The payer does not want it, or froze everything."""
    TIME = "time"
    """The time for its approval is over."""
    MOVED = "moved"
    NOT_MOVED = "not_moved"
    COME_BACK = "come_back"
    """A bank gave back what was paid out."""


class Effect(enum.Enum):
    """An effect of a step."""

    ATTEMPT = "attempt"
    """Let the writer try to move the money."""
    HOLD = "hold"
    """Let the writer try to set the money aside."""
    VOID = "void"
    """Let the writer give back what is set aside."""
    SET_CLOCK = "set_clock"
    """Come back when the wait is over."""
    TELL_WAIT = "tell_wait"
    ASK_GUARDIANS = "ask_guardians"
    TELL_DENIED = "tell_denied"
    TELL_HELD = "tell_held"
    TELL_RECEIPTS = "tell_receipts"
    TELL_REFUSED = "tell_refused"
    CLOSE_QUESTION = "close_question"


Step = tuple[State, tuple[Effect, ...]]

TABLE: Final[Mapping[tuple[State, Input], Step]] = {
    (State.ASKED, Input.GO): (State.PAYING, (Effect.ATTEMPT,)),
    (State.ASKED, Input.HOLD): (State.HOLDING, (Effect.HOLD,)),
    (State.ASKED, Input.WAIT): (State.COOLING, (Effect.SET_CLOCK, Effect.TELL_WAIT)),
    (State.ASKED, Input.REFUSE): (State.REFUSED, (Effect.TELL_REFUSED,)),
    (State.ASKED, Input.CANCEL): (State.CANCELLED, (Effect.CLOSE_QUESTION,)),
    (State.ASKED, Input.TIME): (State.EXPIRED, (Effect.CLOSE_QUESTION,)),
    (State.COOLING, Input.GO): (State.PAYING, (Effect.ATTEMPT, Effect.CLOSE_QUESTION)),
    (State.COOLING, Input.HOLD): (State.HOLDING, (Effect.HOLD, Effect.CLOSE_QUESTION)),
    (State.COOLING, Input.WAIT): (State.COOLING, (Effect.SET_CLOCK,)),
    (State.COOLING, Input.REFUSE): (
        State.REFUSED,
        (Effect.TELL_REFUSED, Effect.CLOSE_QUESTION),
    ),
    (State.COOLING, Input.CANCEL): (State.CANCELLED, (Effect.CLOSE_QUESTION,)),
    (State.ASKED, Input.GUARD): (State.GUARDED, (Effect.SET_CLOCK, Effect.ASK_GUARDIANS)),
    (State.COOLING, Input.GUARD): (
        State.GUARDED,
        (Effect.CLOSE_QUESTION, Effect.SET_CLOCK, Effect.ASK_GUARDIANS),
    ),
    (State.GUARDED, Input.GO): (State.PAYING, (Effect.ATTEMPT, Effect.CLOSE_QUESTION)),
    (State.GUARDED, Input.HOLD): (State.HOLDING, (Effect.HOLD, Effect.CLOSE_QUESTION)),
    (State.GUARDED, Input.WAIT): (
        State.COOLING,
        (Effect.CLOSE_QUESTION, Effect.SET_CLOCK, Effect.TELL_WAIT),
    ),
    (State.GUARDED, Input.REFUSE): (
        State.REFUSED,
        (Effect.TELL_REFUSED, Effect.CLOSE_QUESTION),
    ),
    (State.GUARDED, Input.CANCEL): (State.CANCELLED, (Effect.CLOSE_QUESTION,)),
    (State.GUARDED, Input.DENY): (
        State.CANCELLED,
        (Effect.TELL_DENIED, Effect.CLOSE_QUESTION),
    ),
    (State.HOLDING, Input.MOVED): (State.HELD, (Effect.TELL_HELD,)),
    (State.HOLDING, Input.NOT_MOVED): (State.REFUSED, (Effect.TELL_REFUSED,)),
    # The hold that the writer may still make is given back behind it: attempts keep their order.
    (State.HOLDING, Input.CANCEL): (State.CANCELLED, (Effect.VOID,)),
    (State.HOLDING, Input.REFUSE): (State.REFUSED, (Effect.VOID, Effect.TELL_REFUSED)),
    (State.HELD, Input.POST): (State.PAYING, (Effect.ATTEMPT,)),
    (State.HELD, Input.CANCEL): (State.CANCELLED, (Effect.VOID,)),
    (State.HELD, Input.REFUSE): (State.REFUSED, (Effect.VOID, Effect.TELL_REFUSED)),
    (State.PAYING, Input.MOVED): (State.PAID, (Effect.TELL_RECEIPTS,)),
    (State.PAYING, Input.NOT_MOVED): (State.REFUSED, (Effect.TELL_REFUSED,)),
    (State.PAID, Input.COME_BACK): (State.RETURNED, ()),
}
OVER: Final = frozenset({State.RETURNED, State.REFUSED, State.CANCELLED, State.EXPIRED})
"""What nothing changes any more."""


class PaymentStateError(ConflictError):
    """The payment is in a state in which this cannot be done; nothing has changed (HTTP 409)."""

    errcode = "ORG.VECHE.WRONG_STATE"

    def __init__(self, state: State) -> None:
        super().__init__(f"the payment is {state.value} already")
        self.state = state


@attrs.frozen
class Payment:
    """A payment.

    Attributes:
        id: ULID.
        payer: Number of the holder.
        payee: Number of the holder.
        ledger: Number of the currency.
        amount_minor: What the payee gets, at least 1.
        fee_minor: What the payer pays beside it.
        approved_by: Nonce of its approval.
        instruction: What else it is ordered by.
        refund_of: The payment that it gives back.
        due_at_ms: When its state ends by itself, UTC.
        why: Code of why it was refused.
        bill: Id of the bill of which it is a share.
        tip_minor: How much of the amount is a tip.
        allowance_id: Of the allowance by which another pays from the payer's account.
        approved_at_ms: When it was approved, UTC.
    """

    id: str
    kind: Kind
    state: State
    payer: int
    payee: int
    ledger: int
    amount_minor: int
    fee_minor: int
    asked_at_ms: int
    due_at_ms: int | None = None
    approved_by: str | None = None
    instruction: str | None = None
    mandate_id: str | None = None
    period: int | None = None
    invoice: tuple[str, int] | None = None
    refund_of: str | None = None
    why: str | None = None
    bill: str | None = None
    tip_minor: int = 0
    allowance_id: str | None = None
    approved_at_ms: int | None = None

    @property
    def total_minor(self) -> int:
        """Sum that the payer is debited with."""
        return self.amount_minor + self.fee_minor


def step(
    payment: Payment, heard: Input, *, due_at_ms: int | None = None, why: str | None = None
) -> tuple[Payment, tuple[Effect, ...]]:
    """The payment after an input, and what that brings about.

    Args:
        payment: As it is.
        heard: What happens.
        due_at_ms: When the wait is over, for ``WAIT`` and of what is held.
        why: Code of the reason, for ``REFUSE`` and ``NOT_MOVED``.

    Raises:
        PaymentStateError: The table has no such step.
    """
    found = TABLE.get((payment.state, heard))
    if found is None:
        raise PaymentStateError(payment.state)
    state, effects = found
    is_refused = state is State.REFUSED
    return attrs.evolve(
        payment, state=state, due_at_ms=due_at_ms, why=why if is_refused else None
    ), effects
