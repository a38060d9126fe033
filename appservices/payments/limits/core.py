"""Bans that a person sets for a time; they can be made longer, never shorter.

Source: design of Veche, features H3.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

ALL: Final = "all"
PAYOUTS: Final = "payouts"
DAYS_MAX: Final = 366
_WHAT: Final[Mapping[str, str]] = {
    **dict.fromkeys([ALL, "everything", "всё", "все", "alles", "усе"], ALL),
    **dict.fromkeys([PAYOUTS, "выводы", "auszahlungen", "виведення"], PAYOUTS),
}
_UNITS: Final[Mapping[str, int]] = {
    **dict.fromkeys(["day", "days", "день", "дня", "дней", "tag", "tage", "дні", "днів"], 1),
    **dict.fromkeys(
        ["week", "weeks", "неделя", "неделю", "недели", "недель", "woche", "wochen"], 7
    ),
    **dict.fromkeys(["тиждень", "тижні", "тижнів"], 7),
}
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,2}")
_WORDS: Final = 3


class BanProblem(enum.Enum):
    """A problem with a ban that somebody typed; its text is in ``texts``."""

    USAGE = "usage"
    UNKNOWN_KIND = "unknown_kind"
    TOO_LONG = "too_long"


@attrs.frozen
class BanOrder:
    """The ban that somebody asks for.

    Attributes:
        what: ``all``, ``payouts``, or a kind of organisations.
        days: How long, 1 to ``DAYS_MAX``.
    """

    what: str
    days: int


def read_ban(typed: str, kinds: Collection[str]) -> BanOrder | BanProblem:
    """The ban that a person typed: "gambling 90 days", "payouts 2 weeks", "all 7 days".

    Args:
        typed: After the word for it.
        kinds: Those of organisations here.
    """
    words = [word.casefold() for word in typed.split()]
    days = _days(words[1:]) if len(words) == _WORDS else None
    if days is None:
        return BanProblem.USAGE
    what = _WHAT.get(words[0], words[0])
    if what not in {ALL, PAYOUTS, *kinds}:
        return BanProblem.UNKNOWN_KIND
    return BanOrder(what, days) if days <= DAYS_MAX else BanProblem.TOO_LONG


def _days(words: Sequence[str]) -> int | None:
    number, unit = words
    if not _NUMBER.fullmatch(number) or unit not in _UNITS:
        return None
    return int(number) * _UNITS[unit]
