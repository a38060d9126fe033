"""A person's own limits: made stricter at once, weaker only after a day.

So whoever hurries a person, or sits at their chat, gains nothing by having a limit changed. Source:
design of Veche, safety §2 F6.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.amounts.core.order import OrderProblem, read_amount
from veche.protocol.money import MINOR_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WEAKER_MS: Final = 24 * 3_600_000
"""How long a change waits that makes a limit weaker; nothing shortens it."""
NO_LIMIT: Final = MINOR_MAX
"""Amount of a limit that limits nothing."""


class LimitKind(enum.Enum):
    """The kind of a limit."""

    FIRST_PAYEE = "first_payee"
    """The first payment to somebody waits above it."""
    DAY = "day"
    """No more goes out in 24 hours."""


_KINDS: Final[Mapping[str, LimitKind]] = {
    **dict.fromkeys(["first", "первый", "erste", "перший"], LimitKind.FIRST_PAYEE),
    **dict.fromkeys(["day", "день", "tag"], LimitKind.DAY),
}
_OFF: Final = frozenset({"off", "нет", "aus", "немає"})


@attrs.frozen
class OwnLimit:
    """A limit as it is kept.

    Attributes:
        minor: What counts now.
        later_minor: What counts from ``later_at_ms`` on; None: no change waits.
        later_at_ms: UTC.
    """

    minor: int
    later_minor: int | None = None
    later_at_ms: int | None = None

    def at(self, now_ms: int) -> OwnLimit:
        """The limit at a moment: a change whose time has come counts."""
        if self.later_minor is None or self.later_at_ms is None or now_ms < self.later_at_ms:
            return self
        return OwnLimit(self.later_minor)


@attrs.frozen
class LimitOrder:
    """A change of a limit as a person wants it."""

    kind: LimitKind
    minor: int
    currency: str


def read_limit(typed: str, currencies: Sequence[str]) -> LimitOrder | OrderProblem:
    """The change that a person typed: "day 100 EUR", "first 50", "day off"."""
    words = typed.split()
    kind = _KINDS.get(words[0].casefold()) if words else None
    if kind is None:
        return OrderProblem.USAGE
    rest = words[1:]
    if len(rest) == 1 and rest[0].casefold() in _OFF and len(currencies) == 1:
        return LimitOrder(kind, NO_LIMIT, currencies[0])
    read = read_amount(rest, currencies)
    if isinstance(read, OrderProblem):
        return read
    amount, more = read
    if more:
        return OrderProblem.USAGE
    return LimitOrder(kind, amount.minor, amount.currency)


def changed(limit: OwnLimit, minor: int, now_ms: int) -> OwnLimit:
    """The limit after a change: a lower one counts at once, and ends a higher one that waits.

    Args:
        limit: As it is kept.
        minor: What the person wants.
        now_ms: UTC.
    """
    present = limit.at(now_ms)
    if minor <= present.minor:
        return OwnLimit(minor)
    return OwnLimit(present.minor, minor, now_ms + WEAKER_MS)
