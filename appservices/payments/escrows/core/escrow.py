"""The states of an escrow, as one table: money put aside, until k of n decide, or a date does.

Each of n persons decides once how much the seller gets; what k of them say alike is done. More than
half of them are needed, so two outcomes never both have enough. What nobody has decided by its date
happens by itself: the whole goes to the seller, or back. Source: design of Veche, payments §8.6.
"""

from __future__ import annotations

import enum
from collections import Counter
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.amounts.core.periods import DAY_MS
from veche.protocol.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VOTERS_MIN: Final = 2
VOTERS_MAX: Final = 9
"""Buyer, seller, and up to seven arbiters."""
LIFE_MS: Final = 14 * DAY_MS
"""How long it has, if nothing else is said."""
LIFE_MS_MAX: Final = 76 * DAY_MS
HOLD_MORE_MS: Final = 14 * DAY_MS
"""How much longer the ledger holds the money than the escrow has: together at most 90 days."""
ANSWER_MS: Final = 7 * DAY_MS
"""How long those who are asked to take part have, and then the buyer to put the money aside."""
OPEN_MAX: Final = 20
"""Escrows of one buyer that are not over."""


class EscrowState(enum.Enum):
    """Where an escrow has got to."""

    PROPOSED = "proposed"
    """Waits for the seller and the arbiters to take part."""
    AGREED = "agreed"
    """Waits for the buyer's approval."""
    COOLING = "cooling"
    """Approved; waits because of a rule of the buyer's."""
    GUARDED = "guarded"
    """Approved; the buyer's guardians are asked."""
    FUNDING = "funding"
    """The writer decides whether there is the money."""
    FUNDED = "funded"
    """The money is set aside; each of n decides once."""
    ENDING = "ending"
    """It is decided; the writer moves the money."""
    RELEASED = "released"
    RETURNED = "returned"
    SHARED = "shared"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REFUSED = "refused"


class EscrowInput(enum.Enum):
    """An input to the state machine of an escrow."""

    ALL_AGREED = "all_agreed"
    DECLINE = "decline"
    """Somebody who was asked does not take part, or an organisation that sells takes it back."""
    CANCEL = "cancel"
    """The buyer does not want it any more, or froze everything."""
    TIME = "time"
    GO = "go"
    """Approved, and no rule is against it."""
    WAIT = "wait"
    GUARD = "guard"
    """Approved, and above what the buyer does without guardians."""
    DENY = "deny"
    """Too few of the guardians approve."""
    REFUSE = "refuse"
    DECIDE = "decide"
    """k of n say the same."""
    MOVED = "moved"
    """The writer set the money aside."""
    NOT_MOVED = "not_moved"
    ALL_MOVED = "all_moved"
    PART_MOVED = "part_moved"
    VOID = "void"
    """Nothing moved: the key of somebody who decided was revoked before the writer did it."""
    ALL_BACK = "all_back"
    """All of it is the buyer's again: let go by the writer, or by the ledger's own time."""


class EscrowEffect(enum.Enum):
    """An effect of a step."""

    SET_CLOCK = "set_clock"
    ASK_GUARDIANS = "ask_guardians"
    CLOSE_GUARDIANS = "close_guardians"
    """End the questions to them."""
    HOLD = "hold"
    """Let the writer try to set the money aside."""
    MOVE = "move"
    """Let the writer do what was decided."""
    SHOW = "show"
    """Tell everybody who takes part how it stands, and ask who is to answer."""


_S, _I, _E = EscrowState, EscrowInput, EscrowEffect
_CLOCK: Final = (_E.SET_CLOCK, _E.SHOW)
_TOLD: Final = (_E.SHOW,)
_GUARDED: Final = (*_CLOCK, _E.ASK_GUARDIANS)
_OVER_GUARDIANS: Final = (_E.CLOSE_GUARDIANS, _E.SHOW)
ESCROW_TABLE: Final[
    Mapping[tuple[EscrowState, EscrowInput], tuple[EscrowState, tuple[EscrowEffect, ...]]]
] = {
    (_S.PROPOSED, _I.ALL_AGREED): (_S.AGREED, _CLOCK),
    (_S.PROPOSED, _I.DECLINE): (_S.DECLINED, _TOLD),
    (_S.PROPOSED, _I.CANCEL): (_S.CANCELLED, _TOLD),
    (_S.PROPOSED, _I.TIME): (_S.EXPIRED, _TOLD),
    (_S.AGREED, _I.GO): (_S.FUNDING, (_E.HOLD,)),
    (_S.AGREED, _I.WAIT): (_S.COOLING, _CLOCK),
    (_S.AGREED, _I.REFUSE): (_S.REFUSED, _TOLD),
    (_S.AGREED, _I.DECLINE): (_S.DECLINED, _TOLD),
    (_S.AGREED, _I.CANCEL): (_S.CANCELLED, _TOLD),
    (_S.AGREED, _I.TIME): (_S.EXPIRED, _TOLD),
    (_S.COOLING, _I.GO): (_S.FUNDING, (_E.HOLD,)),
    (_S.COOLING, _I.WAIT): (_S.COOLING, (_E.SET_CLOCK,)),
    (_S.COOLING, _I.REFUSE): (_S.REFUSED, _TOLD),
    (_S.COOLING, _I.DECLINE): (_S.DECLINED, _TOLD),
    (_S.COOLING, _I.CANCEL): (_S.CANCELLED, _TOLD),
    (_S.COOLING, _I.TIME): (_S.EXPIRED, _TOLD),
    (_S.AGREED, _I.GUARD): (_S.GUARDED, _GUARDED),
    (_S.COOLING, _I.GUARD): (_S.GUARDED, _GUARDED),
    (_S.GUARDED, _I.GO): (_S.FUNDING, (_E.CLOSE_GUARDIANS, _E.HOLD)),
    (_S.GUARDED, _I.WAIT): (_S.COOLING, (_E.CLOSE_GUARDIANS, *_CLOCK)),
    (_S.GUARDED, _I.DENY): (_S.REFUSED, _OVER_GUARDIANS),
    (_S.GUARDED, _I.TIME): (_S.REFUSED, _OVER_GUARDIANS),
    (_S.GUARDED, _I.REFUSE): (_S.REFUSED, _OVER_GUARDIANS),
    (_S.GUARDED, _I.DECLINE): (_S.DECLINED, _OVER_GUARDIANS),
    (_S.GUARDED, _I.CANCEL): (_S.CANCELLED, _OVER_GUARDIANS),
    (_S.FUNDING, _I.MOVED): (_S.FUNDED, _CLOCK),
    (_S.FUNDING, _I.NOT_MOVED): (_S.REFUSED, _TOLD),
    (_S.FUNDED, _I.DECIDE): (_S.ENDING, (_E.MOVE,)),
    (_S.FUNDED, _I.TIME): (_S.ENDING, (_E.MOVE,)),
    (_S.ENDING, _I.ALL_MOVED): (_S.RELEASED, _TOLD),
    (_S.ENDING, _I.PART_MOVED): (_S.SHARED, _TOLD),
    (_S.ENDING, _I.ALL_BACK): (_S.RETURNED, _TOLD),
    # The seller's account takes nothing any more: then it goes back.
    (_S.ENDING, _I.NOT_MOVED): (_S.ENDING, (_E.MOVE,)),
    (_S.ENDING, _I.VOID): (_S.FUNDED, (_E.SET_CLOCK,)),
}
"""Whatever is not in it is refused and changes nothing."""
WAITING: Final = frozenset({_S.PROPOSED, _S.AGREED, _S.COOLING, _S.GUARDED})
"""No money is set aside yet; the buyer can still stop it."""
HOLDING: Final = frozenset({_S.FUNDED, _S.ENDING})
"""Money is set aside."""
OVER: Final = frozenset(_S) - {state for state, _ in ESCROW_TABLE}


class OnSilence(enum.Enum):
    """The effect at the date of an escrow that nobody has decided."""

    RELEASE = "release"
    RETURN = "return"


class Role(enum.Enum):
    """As what somebody takes part."""

    BUYER = "buyer"
    SELLER = "seller"
    ARBITER = "arbiter"


class EscrowStateError(ConflictError):
    """The escrow is in a state in which this cannot be done; nothing has changed (HTTP 409)."""

    errcode = "ORG.VECHE.ESCROW_STATE"

    def __init__(self, state: EscrowState) -> None:
        super().__init__(f"the escrow is {state.value} already")
        self.state = state


@attrs.frozen
class Voter:
    """Somebody who takes part.

    Attributes:
        holder: Number.
        has_agreed: They said so; the buyer did by proposing it.
        to_seller: What they decided; None as long as they have not.
        approved_by: Nonce of their approval of that.
    """

    holder: int
    role: Role
    has_agreed: bool
    to_seller: int | None = None
    approved_by: str | None = None


@attrs.frozen
class Escrow:
    """An escrow.

    Attributes:
        id: ULID.
        buyer: Number of the holder who puts the money aside.
        seller: Number of the holder who may get it.
        ledger: Number of the currency.
        k: How many have to say the same.
        voters: 2 to ``VOTERS_MAX``, buyer and seller first.
        ends_at_ms: When ``on_silence`` happens by itself, UTC.
        due_at_ms: When its state ends by itself, UTC.
        approved_by: Nonce of the buyer's approval to put the money aside.
        to_seller: What was decided.
        payment_id: What the seller was paid by.
        why: Code of why it is refused.
    """

    id: str
    state: EscrowState
    buyer: int
    seller: int
    ledger: int
    amount_minor: int
    k: int
    voters: tuple[Voter, ...]
    on_silence: OnSilence
    asked_at_ms: int
    ends_at_ms: int
    due_at_ms: int | None = None
    approved_by: str | None = None
    funded_at_ms: int | None = None
    to_seller: int | None = None
    payment_id: str | None = None
    why: str | None = None

    @property
    def silent_to_seller(self) -> int:
        """Sum that the seller gets at the date if nobody has decided."""
        return self.amount_minor if self.on_silence is OnSilence.RELEASE else 0

    @property
    def is_agreed(self) -> bool:
        """Return whether everybody who was asked takes part."""
        return all(one.has_agreed for one in self.voters)

    @property
    def decided(self) -> int | None:
        """Sum on which k of n agree; None as long as there is no such outcome."""
        return outcome([one.to_seller for one in self.voters], self.k)

    @property
    def is_decidable(self) -> bool:
        """Return whether k of n can still say the same; if not, the date decides."""
        return can_decide([one.to_seller for one in self.voters], self.k)

    def voter(self, holder: int) -> Voter | None:
        """Somebody who takes part; None for anybody else."""
        return next((one for one in self.voters if one.holder == holder), None)

    def with_voter(self, voter: Voter) -> Escrow:
        """The same with the newer state of one who takes part."""
        voters = tuple(voter if one.holder == voter.holder else one for one in self.voters)
        return attrs.evolve(self, voters=voters)


def outcome(votes: Sequence[int | None], k: int) -> int | None:
    """Return the sum on which at least k votes agree; absent votes (None) do not count."""
    counted = Counter(vote for vote in votes if vote is not None)
    return next((vote for vote, count in counted.items() if count >= k), None)


def can_decide(votes: Sequence[int | None], k: int) -> bool:
    """Return whether k equal votes are there or can still come."""
    counted = Counter(vote for vote in votes if vote is not None)
    return max(counted.values(), default=0) + votes.count(None) >= k


def majority(n: int) -> int:
    """How many of n have to agree if nothing else is said: more than half, at least two."""
    return max(VOTERS_MIN, n // 2 + 1)


def is_enough(k: int, n: int) -> bool:
    """Return whether k of n can be a rule: nobody alone, and not enough for two outcomes."""
    return VOTERS_MIN <= n <= VOTERS_MAX and VOTERS_MIN <= k <= n and 2 * k > n


def step_escrow(
    escrow: Escrow,
    heard: EscrowInput,
    *,
    due_at_ms: int | None = None,
    to_seller: int | None = None,
    why: str | None = None,
) -> tuple[Escrow, tuple[EscrowEffect, ...]]:
    """The escrow after an input, and what that brings about.

    Args:
        escrow: As it is.
        heard: What happens.
        due_at_ms: When the next state ends by itself, UTC; None: it does not.
        to_seller: What is decided, for ``DECIDE``, ``TIME`` and ``NOT_MOVED`` of what is held.
        why: Code of the reason, for what ends in ``REFUSED``: ``REFUSE``, ``DENY``, ``TIME`` of
            what is guarded, and ``NOT_MOVED`` of what is to be set aside.

    Raises:
        EscrowStateError: The table has no such step; nothing has changed.
    """
    found = ESCROW_TABLE.get((escrow.state, heard))
    if found is None:
        raise EscrowStateError(escrow.state)
    state, effects = found
    decided = escrow.to_seller if to_seller is None else to_seller
    if heard is EscrowInput.ALL_BACK:
        decided = 0
    has_outcome = state in {_S.ENDING, _S.RELEASED, _S.RETURNED, _S.SHARED}
    return attrs.evolve(
        escrow,
        state=state,
        due_at_ms=due_at_ms,
        to_seller=decided if has_outcome else None,
        why=why if state is _S.REFUSED else None,
    ), effects
