"""The states of a bill that several pay together, as one table: all of them pay it, or nobody.

Each share is a payment of its own, set aside until all are. The whole is then posted as one chain
of the ledger, so that none is paid alone. Source: design of Veche, payments §8.5.
"""

from __future__ import annotations

import enum
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.amounts.core.split import Part, Split, check, divide
from veche.protocol.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SLACK_MS: Final = 10 * 60_000
"""How much longer the ledger keeps a share set aside: the chain of posts has to be written too."""


class BillState(enum.Enum):
    """Where a bill has got to."""

    OPEN = "open"
    """Not all shares are set aside."""
    POSTING = "posting"
    """All are; the writer decides the whole."""
    PAID = "paid"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FAILED = "failed"
    """The writer would not: a hold was over, or the organiser cannot be paid any more."""


class BillInput(enum.Enum):
    """An input to the state machine of a bill."""

    FULL = "full"
    """The last share is set aside."""
    MOVED = "moved"
    NOT_MOVED = "not_moved"
    CANCEL = "cancel"
    """The organiser does not want it, or divides it anew."""
    TIME = "time"


class BillEffect(enum.Enum):
    """An effect of a step."""

    POST = "post"
    """Let the writer try to pay all shares, as one chain."""
    RELEASE = "release"
    """Whatever is set aside goes back, and nobody is asked any more."""
    TELL = "tell"
    """The organiser hears how it ended."""


BILL_TABLE: Final[
    Mapping[tuple[BillState, BillInput], tuple[BillState, tuple[BillEffect, ...]]]
] = {
    (BillState.OPEN, BillInput.FULL): (BillState.POSTING, (BillEffect.POST,)),
    (BillState.OPEN, BillInput.CANCEL): (BillState.CANCELLED, (BillEffect.RELEASE,)),
    (BillState.OPEN, BillInput.TIME): (
        BillState.EXPIRED,
        (BillEffect.RELEASE, BillEffect.TELL),
    ),
    (BillState.POSTING, BillInput.MOVED): (BillState.PAID, (BillEffect.TELL,)),
    (BillState.POSTING, BillInput.NOT_MOVED): (
        BillState.FAILED,
        (BillEffect.RELEASE, BillEffect.TELL),
    ),
}
OVER: Final = frozenset({BillState.PAID, BillState.CANCELLED, BillState.EXPIRED, BillState.FAILED})
"""What nothing changes any more."""


class BillStateError(ConflictError):
    """The bill is in a state in which this cannot be done; nothing has changed (HTTP 409)."""

    errcode = "ORG.VECHE.BILL_STATE"

    def __init__(self, state: BillState) -> None:
        super().__init__(f"the bill is {state.value} already")
        self.state = state


@attrs.frozen
class Bill:
    """A bill.

    Attributes:
        id: ULID.
        organiser: Number of the holder who gets the money.
        ledger: Number of the currency.
        amount_minor: What the others pay together, at least 1.
        due_at_ms: When all shares have to be set aside, UTC.
    """

    id: str
    organiser: int
    ledger: int
    amount_minor: int
    state: BillState
    due_at_ms: int


def step_bill(bill: Bill, heard: BillInput) -> tuple[Bill, tuple[BillEffect, ...]]:
    """The bill after an input, and what that brings about.

    Raises:
        BillStateError: The table has no such step.
    """
    found = BILL_TABLE.get((bill.state, heard))
    if found is None:
        raise BillStateError(bill.state)
    state, effects = found
    return attrs.evolve(bill, state=state), effects


@attrs.frozen
class Sharer:
    """Somebody who shares a bill.

    Attributes:
        who: As they were named; Matrix id once they are found.
        parts: How many parts they pay of what the fixed amounts leave.
        fixed_minor: What they pay whatever the others do; None: their parts.
    """

    who: str
    parts: int = 1
    fixed_minor: int | None = None


def shares_of(total_minor: int, sharers: Sequence[Sharer]) -> list[int]:
    """Return the share of each sharer, in their order; the sum is the total.

    Fixed amounts first, then everybody's parts of what they leave, each rounded down; the units
    that remain are given one by one in the order in which they stand.

    Raises:
        SplitError: The fixed amounts are more than the total, or less and nobody takes the rest.
    """
    whole = sum(one.parts for one in sharers if one.fixed_minor is None)
    shares = [
        Fraction(one.parts, whole) if one.fixed_minor is None else one.fixed_minor
        for one in sharers
    ]
    split = Split(tuple(Part(str(n), share) for n, share in enumerate(shares)))
    if whole:
        check(split)
    return [minor for _, minor in divide(total_minor, split)]


def without(sharers: Sequence[Sharer], gone: Sequence[str]) -> list[Sharer]:
    """The sharers who remain, so that the whole total can be divided among them.

    Who has a fixed amount keeps it while somebody with parts is left; else all get equal parts.
    """
    left = [one for one in sharers if one.who not in gone]
    if all(one.fixed_minor is not None for one in left):
        return [Sharer(one.who) for one in left]
    return left
