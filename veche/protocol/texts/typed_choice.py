"""Matching of typed text to choices: by number, label, id, or the start of one.

People type "1.", "1️⃣", "PAY", "pay 12,50 eur." or "remind", on a phone, in a hurry; all are clear.
What is not clear is said to be so, never guessed.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

import attrs

from veche.protocol.texts.folding import folded_text

if TYPE_CHECKING:
    from collections.abc import Sequence

TYPED_CHARACTERS_MAX: Final = 200
"""Longest text that may be an answer: twice the longest label."""
PREFIX_CHARACTERS_MIN: Final = 2
"""Shortest start of a label that counts as the label."""
KEYCAPS_MAX: Final = 10
"""Keycaps end at ten."""

_OUTER: Final = " .,!?:;()[]\"'«»„“”#*_`"
_SAME: Final = str.maketrans(
    {
        # Ukrainian is typed with any apostrophe.
        "\N{MODIFIER LETTER APOSTROPHE}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        # Emoji come with or without these.
        "\N{VARIATION SELECTOR-16}": None,
        "\N{COMBINING ENCLOSING KEYCAP}": None,
    }
)
_NUMBER: Final = re.compile(r"(?:no|nr|n)?[ .]{0,2}(\d{1,2})")
_KEYCAP: Final = re.compile("([0-9])\u20e3")
_TEN: Final = "🔟"


class Choosable(Protocol):
    """Something that can be chosen: of a prompt, or of a form's field."""

    @property
    def id(self) -> str:
        """The id that the service gets."""

    @property
    def label(self) -> str:
        """The label that the person reads."""


C = TypeVar("C", bound=Choosable)


class Closeness(enum.IntEnum):
    """How well the words fit; the smaller, the closer."""

    SHOWN = 0
    """The number or the label: what the person sees."""
    ID = 1
    PREFIX = 2
    """The start of a label or an id."""


class NoMatch(enum.Enum):
    """Why a text that looks like an answer chooses nothing."""

    UNKNOWN = "unknown"
    """A number beyond the choices."""
    AMBIGUOUS = "ambiguous"
    """It fits several."""


@attrs.frozen
class Match(Generic[C]):
    """The one choice that a text stands for."""

    choice: C
    closeness: Closeness


def match_choice(choices: Sequence[C], typed: str) -> Match[C] | NoMatch | None:
    """The choice that a person typed; None if it is other words.

    Args:
        choices: In the order of their numbers, from 1.
        typed: Up to ``TYPED_CHARACTERS_MAX`` characters may be an answer.
    """
    words = folded(typed) if len(typed) <= TYPED_CHARACTERS_MAX else ""
    if not words or not choices:
        return None
    number = typed_number(words)
    labels = [folded(choice.label) for choice in choices]
    tiers = (
        [c for n, c in enumerate(choices, 1) if n == number or labels[n - 1] == words],
        [c for c in choices if folded(c.id) == words],
        [
            c
            for c, label in zip(choices, labels, strict=True)
            if len(words) >= PREFIX_CHARACTERS_MIN
            and (label.startswith(words) or folded(c.id).startswith(words))
        ],
    )
    for closeness, found in zip(Closeness, tiers, strict=True):
        if found:
            return Match(found[0], closeness) if len(found) == 1 else NoMatch.AMBIGUOUS
    return None if number is None else NoMatch.UNKNOWN


def folded(value: str) -> str:
    """``value`` as it is compared: as ``folded_text``, and without outer marks.

    What consists of marks only ("?", "…") keeps them.
    """
    plain = folded_text(value.translate(_SAME))
    return plain.strip(_OUTER) or plain


def typed_number(words: str) -> int | None:
    """The number, of at most two digits, that folded words are: "1", "no 1"; else None."""
    if words == _TEN:
        return KEYCAPS_MAX
    found = _NUMBER.fullmatch(words)
    return int(found[1]) if found else None


def keycap(number: int) -> str:
    """The emoji of a number, 1 to ``KEYCAPS_MAX``.

    Raises:
        ValueError: There is no such emoji.
    """
    if not 1 <= number <= KEYCAPS_MAX:
        raise ValueError(f"keycaps go from 1 to {KEYCAPS_MAX}")
    return _TEN if number == KEYCAPS_MAX else f"{number}\ufe0f\u20e3"


def keycap_number(key: str) -> int | None:
    """The number that a reaction shows, with or without U+FE0F; None for any other key."""
    plain = key.replace("\ufe0f", "")
    if plain == _TEN:
        return KEYCAPS_MAX
    found = _KEYCAP.fullmatch(plain)
    return int(found[1]) if found else None


def without_quote(body: str) -> str:
    """The body of a reply without the quoted lines that older clients put before it.

    Source: Matrix spec v1.12 §"Fallbacks for rich replies"; removed in v1.13, still sent.
    """
    lines = body.split("\n")
    quoted = next((n for n, line in enumerate(lines) if not line.startswith(">")), len(lines))
    return "\n".join(lines[quoted:]).strip("\n") if quoted else body
