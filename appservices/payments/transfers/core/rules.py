"""Rules of the payer between an approval and the money; the strictest rule wins.

They slow down whoever is hurried by a stranger on the phone. Nobody shortens a wait that runs, the
person neither; they can only cancel the payment.

Somebody is new to a payer until more than the limit for first payments went to them, and that was
asked for before as long a time as such a payment waits. What is asked for within that time is one
sum, and above the limit it waits. So a first payment of one Euro, or a large one in small parts,
gains nothing over waiting. Source: design of Veche, safety §2 F6, F8, payments §8.1.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.amounts.core.periods import DAY_MS, HOUR_MS

if TYPE_CHECKING:
    from collections.abc import Iterable

LARGE_FACTOR: Final = 10
"""How many times the first payee's limit a large part of a balance begins at."""


class Reason(enum.Enum):
    """Why a payment waits or is refused; its text is in ``texts``."""

    FROZEN = "frozen"
    BANNED = "banned"
    OVER_DAY_LIMIT = "over_day_limit"
    FIRST_PAYEE = "first_payee"
    LARGE_PART = "large_part"


@attrs.frozen
class Go:
    """Nothing is against it."""


@attrs.frozen
class Wait:
    """It waits.

    Attributes:
        until_ms: UTC.
        reason: The rule that waits longest.
    """

    until_ms: int
    reason: Reason


@attrs.frozen
class Guard:
    """The payer's guardians are asked first."""


@attrs.frozen
class Refuse:
    """A rule says no."""

    reason: Reason


Verdict = Go | Wait | Guard | Refuse


@attrs.frozen
class Waits:
    """How long rules make wait; the operator's, of at least the design's length in earnest.

    Attributes:
        first_payee_ms: What goes to somebody new, above the limit for it; also within which time
            that is one sum.
        large_part_ms: Most of the balance within a day.
    """

    first_payee_ms: int = 12 * HOUR_MS
    large_part_ms: int = DAY_MS


@attrs.frozen
class Limits:
    """A person's own limits, in the currency of the payment.

    Attributes:
        first_payee_minor: Above it what goes to somebody new waits.
        day_minor: Most that goes out in 24 hours; None: no limit.
        guarded_minor: Above it guardians have to approve; None: there are none.
    """

    first_payee_minor: int
    day_minor: int | None = None
    guarded_minor: int | None = None


@attrs.frozen
class Facts:
    """The facts about the payer in the ledger and the payments.

    Attributes:
        is_frozen: The payer froze everything.
        is_known: The payee is nobody new, whatever went to them.
        earlier_minor: Gone to the payee of what was asked for before the wait of first payments,
            less what came back.
        lately_minor: Gone, or going, to the payee of what was asked for since, and what they may
            take by allowances given since; of this payment nothing.
        day_minor: Gone out within 24 hours, of this payment nothing.
        balance_minor: What there is now.
        is_banned: The payer forbade such payments to themselves.
        is_approved: Enough of the guardians approved this payment.
        unguarded_minor: Gone out within 24 hours without guardians, whoever got it, of this
            payment nothing.
    """

    is_frozen: bool
    is_known: bool
    earlier_minor: int
    lately_minor: int
    day_minor: int
    balance_minor: int
    is_banned: bool = False
    is_approved: bool = False
    unguarded_minor: int = 0


def judge(
    total_minor: int,
    limits: Limits,
    waits: Waits,
    facts: Facts,
    *,
    approved_at_ms: int,
    now_ms: int,
) -> Verdict:
    """Judge a payment by the rules: refuse before guard before wait before go.

    Args:
        total_minor: Amount with fee.
        limits: The payer's own.
        waits: The operator's.
        facts: Of the payer.
        approved_at_ms: From when a wait counts, UTC.
        now_ms: UTC; a wait that is over by then is served.
    """
    if facts.is_frozen:
        return Refuse(Reason.FROZEN)
    if facts.is_banned:
        return Refuse(Reason.BANNED)
    if limits.day_minor is not None and facts.day_minor + total_minor > limits.day_minor:
        return Refuse(Reason.OVER_DAY_LIMIT)
    if needs_guardians(total_minor, limits, facts):
        return Guard()
    waiting = [
        (approved_at_ms + wait_ms, reason)
        for wait_ms, reason in _waits(total_minor, limits, waits, facts)
        if approved_at_ms + wait_ms > now_ms
    ]
    return Wait(*max(waiting, key=lambda one: one[0])) if waiting else Go()


def is_new(limits: Limits, facts: Facts) -> bool:
    """Return whether the payee is new to the payer."""
    return not facts.is_known and facts.earlier_minor <= limits.first_payee_minor


def needs_guardians(total_minor: int, limits: Limits, facts: Facts) -> bool:
    """Return whether guardians must approve: the payments of a day count together.

    Whoever hurries a person could name one payee after the other, so all of them count.
    """
    if limits.guarded_minor is None or facts.is_approved:
        return False
    return facts.unguarded_minor + total_minor > limits.guarded_minor


def _waits(
    total_minor: int, limits: Limits, waits: Waits, facts: Facts
) -> Iterable[tuple[int, Reason]]:
    if is_new(limits, facts) and facts.lately_minor + total_minor > limits.first_payee_minor:
        yield waits.first_payee_ms, Reason.FIRST_PAYEE
    day_ago_minor = facts.balance_minor + facts.day_minor
    gone_minor = facts.day_minor + total_minor
    is_large = total_minor >= LARGE_FACTOR * limits.first_payee_minor
    if is_large and 2 * gone_minor > day_ago_minor:
        yield waits.large_part_ms, Reason.LARGE_PART


class UseProblem(enum.Enum):
    """Why a use is refused; nothing moves and no part of the period is used."""

    NOT_ACTIVE = "allowance_not_active"
    NOT_BEGUN = "allowance_not_begun"
    OVER = "allowance_over"
    OTHER_PAYEE = "allowance_other_payee"
    ABOVE_EACH = "allowance_above_each"
    ABOVE_PERIOD = "allowance_above_period"
