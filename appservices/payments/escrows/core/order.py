"""Escrow orders as typed: "bob 100 EUR bicycle; until 24.12.2026; arbiter carol; 2 of 3".

Whom, how much and what for as in a payment; then, after semicolons, the rules. What is left out is
the usual: two weeks, more than half of those who take part, and at the end the money goes back.
"""

from __future__ import annotations

import datetime as dt
import enum
import re
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import attrs

from appservices.payments.amounts.core.order import Order, OrderProblem, read_amount, read_order
from appservices.payments.amounts.core.periods import DAY_MS
from appservices.payments.escrows.core.escrow import (
    LIFE_MS,
    LIFE_MS_MAX,
    VOTERS_MAX,
    VOTERS_MIN,
    OnSilence,
    is_enough,
    majority,
)
from veche.protocol.forms.dates import read_date
from veche.protocol.forms.models import Field, FieldKind
from veche.protocol.forms.problems import FieldError
from veche.protocol.forms.values import FieldContext

if TYPE_CHECKING:
    from collections.abc import Sequence

RELEASE: Final = frozenset({"release", "отдать", "freigeben", "віддати"})
"""The money is the seller's."""
RETURN: Final = frozenset({"return", "вернуть", "zurückgeben", "zurueckgeben", "повернути"})
"""It is the buyer's again."""
SHARE: Final = frozenset({"share", "разделить", "teilen", "розділити"})
STOP: Final = frozenset({"stop", "cancel", "отменить", "стоп", "abbrechen", "скасувати"})
_UNTIL: Final = frozenset({"until", "до", "bis"})
_ARBITERS: Final = frozenset(
    {"arbiter", "arbiters", "арбитр", "арбитры", "schlichter", "арбітр", "арбітри"}
)
_ELSE: Final = frozenset({"else", "otherwise", "then", "иначе", "sonst", "інакше"})
_K_OF_N: Final = re.compile(r"(\d{1,2}) (?:of|из|von|з|із) (\d{1,2})", re.IGNORECASE)
_DATE: Final = Field(id="until", kind=FieldKind.DATE, label="until")


class EscrowProblem(enum.Enum):
    """A problem with the order of an escrow; its text is in ``texts``."""

    USAGE = "usage"
    BAD_RULE = "bad_rule"
    """A part after a semicolon says nothing that is known."""
    BAD_DATE = "bad_date"
    TOO_EARLY = "too_early"
    TOO_LATE = "too_late"
    TOO_MANY = "too_many"
    """Over ``VOTERS_MAX`` take part."""
    TWICE = "twice"
    """Somebody takes part as two."""
    BAD_COUNT = "bad_count"
    """k of n: not more than half, or another n than there are."""


@attrs.frozen
class EscrowOrder:
    """An escrow as it was ordered.

    Attributes:
        order: Seller, amount, what for.
        arbiters: As they were typed.
        k: How many of all decide.
        ends_at_ms: The end of its last day, UTC.
    """

    order: Order
    arbiters: tuple[str, ...]
    k: int
    on_silence: OnSilence
    ends_at_ms: int


@attrs.define
class Rules:
    """The rules of an escrow besides payee, amount and purpose; defaults where left out.

    Attributes:
        arbiters: As they were typed.
        count: How many of all decide, of how many; None: more than half.
        until: Its last day.
    """

    arbiters: tuple[str, ...] = ()
    count: tuple[int, int] | None = None
    on_silence: OnSilence = OnSilence.RETURN
    until: dt.date | None = None


@attrs.frozen
class Now:
    """When and where it is typed.

    Attributes:
        now_ms: UTC.
        language: Of the person.
        time_zone: Of the institution: the last day ends by it.
    """

    now_ms: int
    language: str
    time_zone: str

    @property
    def today(self) -> dt.date:
        """The day there."""
        return dt.datetime.fromtimestamp(self.now_ms / 1000, ZoneInfo(self.time_zone)).date()

    def end_of(self, day: dt.date) -> int:
        """The moment in which a day is over, UTC."""
        after = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), ZoneInfo(self.time_zone))
        return int(after.timestamp()) * 1000


def read_escrow(
    typed: str, currencies: Sequence[str], now: Now
) -> EscrowOrder | EscrowProblem | OrderProblem:
    """The escrow that a buyer typed after the word for it.

    Args:
        typed: What; see the module.
        currencies: Those of the ledgers here.
        now: When and where.
    """
    first, *parts = (part.strip() for part in typed.split(";"))
    order = read_order(first, currencies)
    if not isinstance(order, Order):
        return EscrowProblem.USAGE if order is OrderProblem.USAGE else order
    rules = Rules()
    for part in parts:
        problem = _read_rule(rules, part, now) if part else None
        if problem is not None:
            return problem
    return ordered(order, rules, now)


def ordered(order: Order, rules: Rules, now: Now) -> EscrowOrder | EscrowProblem:
    """An escrow with all its rules, or which of them cannot be.

    Args:
        order: Seller, amount, what for.
        rules: As they were typed.
        now: When and where.
    """
    if rules.until is not None and (problem := _far(rules.until, now)) is not None:
        return problem
    n = VOTERS_MIN + len(rules.arbiters)
    k, of = rules.count or (majority(n), n)
    ends_at_ms = now.now_ms + LIFE_MS if rules.until is None else now.end_of(rules.until)
    problem = _problem(order, rules, (k, of), ends_at_ms - now.now_ms)
    return problem or EscrowOrder(order, rules.arbiters, k, rules.on_silence, ends_at_ms)


def read_share(typed: str, currency: str) -> int | OrderProblem:
    """Read the seller's share, such as "60" or "60.00 EUR", in minor units."""
    found = read_amount(typed.split(), [currency])
    if isinstance(found, OrderProblem):
        return found
    amount, rest = found
    return OrderProblem.BAD_AMOUNT if rest else amount.minor


def _problem(
    order: Order, rules: Rules, count: tuple[int, int], life_ms: int
) -> EscrowProblem | None:
    n = VOTERS_MIN + len(rules.arbiters)
    if n > VOTERS_MAX:
        return EscrowProblem.TOO_MANY
    names = [one.removeprefix("@").casefold() for one in (order.payee, *rules.arbiters)]
    if len(set(names)) != len(names):
        return EscrowProblem.TWICE
    if count[1] != n or not is_enough(*count):
        return EscrowProblem.BAD_COUNT
    if life_ms <= 0:
        return EscrowProblem.TOO_EARLY
    return EscrowProblem.TOO_LATE if life_ms > LIFE_MS_MAX else None


def _read_rule(rules: Rules, part: str, now: Now) -> EscrowProblem | None:
    word, _, rest = part.partition(" ")
    word = word.casefold()
    if word in _UNTIL:
        return _read_until(rules, rest, now)
    if word in _ARBITERS and rest:
        rules.arbiters = tuple(rest.replace(",", " ").split())
        return None
    if (found := _K_OF_N.fullmatch(part)) is not None:
        rules.count = (int(found[1]), int(found[2]))
        return None
    said = (rest if word in _ELSE else part).casefold()
    if said in RELEASE | RETURN:
        rules.on_silence = OnSilence.RELEASE if said in RELEASE else OnSilence.RETURN
        return None
    return EscrowProblem.BAD_RULE


def _read_until(rules: Rules, typed: str, now: Now) -> EscrowProblem | None:
    context = FieldContext(
        language=now.language, today=now.today, time_zone=now.time_zone, default_region="ZZ"
    )
    try:
        rules.until = read_date(_DATE, typed, context)
    except FieldError:
        return EscrowProblem.BAD_DATE
    return None


def _far(until: dt.date, now: Now) -> EscrowProblem | None:
    """Days far away are no moments for every clock."""
    if abs((until - now.today).days) > LIFE_MS_MAX // DAY_MS + 1:
        return EscrowProblem.TOO_LATE if until > now.today else EscrowProblem.TOO_EARLY
    return None
