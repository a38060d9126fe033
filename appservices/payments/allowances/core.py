"""An allowance: somebody lets another pay from their account, within caps, until they end it.

The caps are of mandates (``core.mandate``): periods are counted from the start, and what is not
used is lost. What differs is who acts: each use is approved by the key of who pays. Source: design
of Veche, features C17.
"""

from __future__ import annotations

import datetime as dt
import enum
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import attrs

from appservices.payments.amounts.core.order import OrderProblem, read_amount
from appservices.payments.amounts.core.periods import DAY_MS
from appservices.payments.transfers.core.rules import UseProblem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.amounts.core.periods import Period
    from veche.protocol.money import Money

ALLOWANCE_MS: Final = 365 * DAY_MS
"""How long an allowance lasts where no end is named."""
ALLOWANCE_MS_MAX: Final = 3_653 * DAY_MS
ALLOWANCES_MAX: Final = 10
"""Most allowances that one person gives another."""
PAYEES_MAX: Final = 20
"""Most payees and kinds that one allowance names."""
ASKED_MS: Final = DAY_MS
"""How long a giver may think about their own order."""

_FILLERS: Final = frozenset({"a", "per", "every", "в", "на", "за", "pro", "im"})
_PERIODS: Final[Mapping[str, Period]] = {
    **dict.fromkeys(["day", "день", "tag"], "day"),
    **dict.fromkeys(["week", "неделю", "woche", "тиждень"], "week"),
    **dict.fromkeys(["month", "месяц", "monat", "місяць"], "month"),
    **dict.fromkeys(["year", "год", "jahr", "рік"], "year"),
}


class AllowanceState(enum.Enum):
    """Where an allowance has got to."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    ENDED = "ended"


class AllowanceInput(enum.Enum):
    """An input to the state machine of an allowance."""

    APPROVE = "approve"
    END = "end"
    """The giver does not give it or takes it back, the other gives it up, or one froze all."""


ALLOWANCE_TABLE: Final[Mapping[tuple[AllowanceState, AllowanceInput], AllowanceState]] = {
    (AllowanceState.PROPOSED, AllowanceInput.APPROVE): AllowanceState.ACTIVE,
    (AllowanceState.PROPOSED, AllowanceInput.END): AllowanceState.ENDED,
    (AllowanceState.ACTIVE, AllowanceInput.END): AllowanceState.ENDED,
}
"""Whatever is not in it is refused and changes nothing."""


class AllowanceProblem(enum.Enum):
    """A problem with an allowance that somebody typed; its text is in ``texts``."""

    USAGE = "usage"
    BAD_DATE = "bad_date"
    EACH_ABOVE = "each_above"
    """More at once than in a period."""
    TOO_MANY = "too_many"


@attrs.frozen
class AllowanceTerms:
    """The terms of an allowance.

    Attributes:
        each_max_minor: Most of one use, with its fee.
        period: Unit of ``period_max_minor``.
        period_max_minor: Most in one period, at least ``each_max_minor``.
        starts_at_ms: UTC.
        ends_at_ms: UTC.
    """

    each_max_minor: int
    period: Period
    period_max_minor: int
    starts_at_ms: int
    ends_at_ms: int


@attrs.frozen
class Scope:
    """The payees of an allowance; anybody if it names nobody.

    Attributes:
        payees: Addresses: Matrix ids, names of organisations.
        kinds: Of organisations.
    """

    payees: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()

    def covers(self, payee: str, kinds: frozenset[str]) -> bool:
        """Return whether a payee may be paid.

        Args:
            payee: Address.
            kinds: What the payee sells; nothing for a person.
        """
        is_anybody = not (self.payees or self.kinds)
        return is_anybody or payee in self.payees or not self.kinds.isdisjoint(kinds)


@attrs.frozen
class AllowanceOrder:
    """An allowance as somebody wants to give it.

    Attributes:
        spender: As it was typed.
        period_max: Most in one period.
        each_max: Most at once.
        whom: Payees and kinds as they were typed; empty: anybody.
        ends_at_ms: UTC.
    """

    spender: str
    period: Period
    period_max: Money
    each_max: Money
    whom: tuple[str, ...]
    ends_at_ms: int


def step_allowance(state: AllowanceState, heard: AllowanceInput) -> AllowanceState | None:
    """The next state; None where the table has no such step."""
    return ALLOWANCE_TABLE.get((state, heard))


def judge_use(
    minor: int,
    terms: AllowanceTerms,
    state: AllowanceState,
    *,
    used_minor: int,
    is_covered: bool,
    now_ms: int,
) -> UseProblem | None:
    """Why a use is refused; None if it is allowed.

    Args:
        minor: What the giver is debited with, at least 1.
        terms: Of the allowance.
        state: Of it.
        used_minor: Of the period so far.
        is_covered: The payee is one whom it may pay.
        now_ms: UTC.
    """
    checks = (
        (state is not AllowanceState.ACTIVE, UseProblem.NOT_ACTIVE),
        (now_ms < terms.starts_at_ms, UseProblem.NOT_BEGUN),
        (now_ms >= terms.ends_at_ms, UseProblem.OVER),
        (not is_covered, UseProblem.OTHER_PAYEE),
        (minor > terms.each_max_minor, UseProblem.ABOVE_EACH),
        (used_minor + minor > terms.period_max_minor, UseProblem.ABOVE_PERIOD),
    )
    return next((problem for is_so, problem in checks if is_so), None)


def read_allowance(
    typed: str, currencies: Sequence[str], now_ms: int, time_zone: str = "UTC"
) -> AllowanceOrder | AllowanceProblem | OrderProblem:
    """The allowance that a person typed.

    Args:
        typed: "@bob 50 EUR a week each 20 EUR at @shop food until 2027-06-30"; all from ``each`` on
            may be left out, and comes in any order.
        currencies: Those of the ledgers here.
        now_ms: UTC.
        time_zone: Of the institution: the last day ends by it.
    """
    words = typed.split()
    read = read_amount(words[1:], currencies)
    if isinstance(read, OrderProblem):
        return read
    cap, rest = read
    rest = rest[1:] if rest and rest[0].casefold() in _FILLERS else rest
    period = _PERIODS.get(rest[0].casefold()) if rest else None
    if period is None:
        return AllowanceProblem.USAGE
    clauses = _clauses(rest[1:])
    if clauses is None:
        return AllowanceProblem.USAGE
    each = read_amount(clauses["each"], [cap.currency]) if "each" in clauses else (cap, ())
    if isinstance(each, OrderProblem):
        return each
    ends_at_ms = _end(clauses.get("until"), now_ms, time_zone)
    if ends_at_ms is None:
        return AllowanceProblem.BAD_DATE
    whom = tuple(dict.fromkeys(word.strip(",") for word in clauses.get("at", ())))
    order = AllowanceOrder(words[0], period, cap, each[0], whom, ends_at_ms)
    return _problem(order, is_clean=not each[1]) or order


def _problem(order: AllowanceOrder, *, is_clean: bool) -> AllowanceProblem | None:
    if not is_clean:
        return AllowanceProblem.USAGE
    if order.each_max.minor > order.period_max.minor:
        return AllowanceProblem.EACH_ABOVE
    return AllowanceProblem.TOO_MANY if len(order.whom) > PAYEES_MAX else None


_CLAUSES: Final[Mapping[str, str]] = {
    **dict.fromkeys(["each", "разово", "einzeln"], "each"),
    **dict.fromkeys(["at", "кому", "bei"], "at"),
    **dict.fromkeys(["until", "до", "bis"], "until"),
}


def _clauses(words: Sequence[str]) -> dict[str, list[str]] | None:
    """Split an order into clauses by their first words; None if a clause is empty."""
    found: dict[str, list[str]] = {}
    clause = None
    for word in words:
        begun = _CLAUSES.get(word.casefold())
        if begun is not None:
            if begun in found:
                return None
            clause = begun
            found[clause] = []
        elif clause is None:
            return None
        else:
            found[clause].append(word)
    return found if all(found.values()) else None


def _end(words: Sequence[str] | None, now_ms: int, time_zone: str) -> int | None:
    """When a day that was typed is over, UTC; None if it cannot be read or is not to come."""
    if words is None:
        return now_ms + ALLOWANCE_MS
    try:
        [day] = words
        after = dt.date.fromisoformat(day) + dt.timedelta(days=1)
        end = dt.datetime.combine(after, dt.time(), ZoneInfo(time_zone))
    except (ValueError, OverflowError):
        return None
    ends_at_ms = int(end.timestamp()) * 1000
    return ends_at_ms if now_ms < ends_at_ms <= now_ms + ALLOWANCE_MS_MAX else None
