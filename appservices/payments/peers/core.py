"""Payments to and from other institutions: the states on both sides, as two tables.

The side that pays decides. It sets the payer's money aside, asks the other side to *prepare*, and
only once that has said yes does it pay, in a block of its own ledger: from then on it says *commit*
until the other side has credited the payee. If it does not pay, whatever the reason, it says
*cancel* until that is heard. The other side never decides by itself once it has said yes: what it
has set aside is nobody's money yet, only a part of what the first one may owe it. So whatever is
lost, doubled or comes late, and whichever side ends in between, the payer paid if and only if the
payee is credited. Source: design of Veche, payments §9; of the two ways that it weighs, the one in
which no payment can be late.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OPEN_MAX: Final = 10_000
"""Packets of one peer that may wait for its word."""


class Out(enum.Enum):
    """Where a payment to another institution has got to, at the side that pays."""

    PREPARING = "preparing"
    """The money is set aside; the peer is asked."""
    AGREED = "agreed"
    """The peer says yes; the writer decides whether it is paid."""
    COMMITTING = "committing"
    """It is paid; the peer is told."""
    DONE = "done"
    """The peer has credited the payee."""
    REFUSED = "refused"
    """The peer says no."""
    CANCELLING = "cancelling"
    """It is not paid; the peer is told."""
    CANCELLED = "cancelled"
    """The peer has heard that."""


class OutInput(enum.Enum):
    """An input to the state machine of an outgoing payment."""

    YES = "yes"
    NO = "no"
    PAID = "paid"
    """The block that pays it."""
    NOT_PAID = "not_paid"
    """It is over without: no answer in time, the payer took it back, the ledger refused it."""
    CREDITED = "credited"
    """The peer has credited the payee, and proves it."""
    HEARD = "heard"
    """The peer has heard that it is cancelled."""


class In(enum.Enum):
    """Where a payment from another institution has got to, at the side that is paid."""

    HOLDING = "holding"
    """The writer decides whether the peer may owe so much more."""
    READY = "ready"
    """It may: the peer is told yes, and its word is waited for."""
    REFUSED = "refused"
    POSTING = "posting"
    """The peer has paid; the writer credits the payee."""
    DONE = "done"
    VOIDING = "voiding"
    """The peer has cancelled; the writer lets go."""
    CANCELLED = "cancelled"
    STUCK = "stuck"
    """The peer has paid, and the ledger does not credit the payee: an operator has to look."""


class InInput(enum.Enum):
    """An input to the state machine of an incoming payment."""

    HELD = "held"
    NOT_HELD = "not_held"
    COMMIT = "commit"
    CANCEL = "cancel"
    POSTED = "posted"
    NOT_POSTED = "not_posted"
    VOIDED = "voided"


OUT: Final[Mapping[tuple[Out, OutInput], Out]] = {
    (Out.PREPARING, OutInput.YES): Out.AGREED,
    (Out.PREPARING, OutInput.NO): Out.REFUSED,
    (Out.PREPARING, OutInput.NOT_PAID): Out.CANCELLING,
    (Out.AGREED, OutInput.PAID): Out.COMMITTING,
    (Out.AGREED, OutInput.NOT_PAID): Out.CANCELLING,
    # Its own answers come again, and late: what is decided stays.
    (Out.AGREED, OutInput.YES): Out.AGREED,
    (Out.COMMITTING, OutInput.YES): Out.COMMITTING,
    (Out.CANCELLING, OutInput.YES): Out.CANCELLING,
    (Out.CANCELLING, OutInput.NO): Out.CANCELLED,
    (Out.REFUSED, OutInput.NO): Out.REFUSED,
    # That the payment is refused is what the peer's no brings about.
    (Out.REFUSED, OutInput.NOT_PAID): Out.REFUSED,
    (Out.COMMITTING, OutInput.CREDITED): Out.DONE,
    (Out.DONE, OutInput.CREDITED): Out.DONE,
    (Out.DONE, OutInput.YES): Out.DONE,
    (Out.CANCELLING, OutInput.HEARD): Out.CANCELLED,
    (Out.CANCELLED, OutInput.HEARD): Out.CANCELLED,
    (Out.CANCELLED, OutInput.YES): Out.CANCELLED,
    (Out.CANCELLED, OutInput.NO): Out.CANCELLED,
}
"""What is not in it contradicts what was said before: nothing changes, and it is kept as a fault.

``REFUSED`` + ``YES`` is such a thing, and ``COMMITTING`` + ``NO``: the peer said the opposite.
"""

IN: Final[Mapping[tuple[In, InInput], In]] = {
    (In.HOLDING, InInput.HELD): In.READY,
    (In.HOLDING, InInput.NOT_HELD): In.REFUSED,
    # It may cancel before it has our answer; the hold that may still come is let go behind it.
    (In.HOLDING, InInput.CANCEL): In.VOIDING,
    (In.VOIDING, InInput.HELD): In.VOIDING,
    (In.VOIDING, InInput.NOT_HELD): In.VOIDING,
    (In.VOIDING, InInput.CANCEL): In.VOIDING,
    (In.VOIDING, InInput.VOIDED): In.CANCELLED,
    (In.CANCELLED, InInput.CANCEL): In.CANCELLED,
    (In.READY, InInput.COMMIT): In.POSTING,
    (In.READY, InInput.CANCEL): In.VOIDING,
    (In.POSTING, InInput.COMMIT): In.POSTING,
    (In.POSTING, InInput.POSTED): In.DONE,
    (In.POSTING, InInput.NOT_POSTED): In.STUCK,
    (In.STUCK, InInput.COMMIT): In.STUCK,
    (In.DONE, InInput.COMMIT): In.DONE,
    # What was refused may be cancelled: there is nothing to let go of.
    (In.REFUSED, InInput.CANCEL): In.REFUSED,
}
"""What is not in it contradicts what was said before, likewise: ``CANCELLED`` + ``COMMIT``."""

OUT_OVER: Final = frozenset({Out.DONE, Out.REFUSED, Out.CANCELLED})
IN_OVER: Final = frozenset({In.DONE, In.REFUSED, In.CANCELLED})
UNDECIDED: Final = frozenset({In.HOLDING, In.POSTING, In.VOIDING})
"""In which the writer has the word: whoever asks waits a moment."""


class PeerStateError(ConflictError):
    """A message about a payment between institutions contradicts an earlier one; HTTP 409."""

    errcode = "ORG.VECHE.PEER_CONTRADICTION"


def step_out(state: Out, heard: OutInput) -> Out:
    """The next state at the side that pays.

    Raises:
        PeerStateError: The table has no such step; nothing changes.
    """
    after = OUT.get((state, heard))
    if after is None:
        raise PeerStateError(f"the payment is {state.value}, so it cannot be {heard.value}")
    return after


def step_in(state: In, heard: InInput) -> In:
    """The next state at the side that is paid.

    Raises:
        PeerStateError: The table has no such step; nothing changes.
    """
    after = IN.get((state, heard))
    if after is None:
        raise PeerStateError(f"the payment is {state.value}, so it cannot be {heard.value}")
    return after


@attrs.frozen
class Side:
    """One side's facts about payments from one institution to another, in one currency.

    Attributes:
        moved_minor: What it has moved, ever.
        held_minor: What is set aside for packets that wait.
        waiting: Packets that wait, with their amounts: of the side that pays those it has paid and
            knows no credit of; of the other those that it has said yes to and not credited.
    """

    moved_minor: int
    held_minor: int
    waiting: Mapping[str, int]


@attrs.frozen
class Difference:
    """A difference between two sides.

    Attributes:
        minor: By how much the side that pays has moved more than what is explained.
        packets: Those that are on their way, which explain the rest.
    """

    minor: int
    packets: Sequence[str]


def compare(paying: Side, paid: Side) -> Difference:
    """Compare two sides, apart from payments on their way.

    Both may go on while the other is asked, so a difference counts once it stands twice.

    Args:
        paying: The side that pays.
        paid: The side that is paid.

    Returns:
        With ``minor`` 0 if all is explained.
    """
    on_the_way = sorted(paying.waiting.keys() & paid.waiting.keys())
    explained = sum(paying.waiting[one] for one in on_the_way)
    return Difference(paying.moved_minor - paid.moved_minor - explained, on_the_way)


def net_minor(they_owe_minor: int, we_owe_minor: int) -> int:
    """Return the sum that can be set off, which each owes the other at least."""
    return max(0, min(they_owe_minor, we_owe_minor))
