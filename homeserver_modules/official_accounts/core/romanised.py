"""Write a Cyrillic or Greek name in Latin letters, as impostors do: "Sberbank" for "Сбербанк"."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LETTERS: Final[Mapping[str, str]] = {
    "а": "a", "б": "b", "в": "v", "г": "g", "ґ": "g", "д": "d", "е": "e", "є": "ye", "з": "z",
    "и": "i", "і": "i", "ї": "i", "й": "y", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o",
    "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch",
    "ш": "sh", "щ": "shch", "ы": "y", "э": "e", "ж": "zh", "ю": "yu", "я": "ya", "ё": "e",
    "ъ": "", "ь": "", "’": "", "ʼ": "", "қ": "k", "ғ": "g", "ң": "n", "ө": "o", "ұ": "u", "ү": "u",
    "ә": "a", "љ": "lj", "њ": "nj", "ћ": "c", "ђ": "dj", "ј": "j", "ѓ": "g", "ќ": "k",
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i",
    "κ": "k", "λ": "l", "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s",
    "ς": "s", "τ": "t", "υ": "y", "φ": "f", "χ": "ch", "ψ": "ps", "ω": "o",
}  # fmt: skip
"""The commonest way of street signs and web addresses."""
_OTHERS: Final[tuple[Mapping[str, str], ...]] = (
    # As in passports (ICAO 9303).
    {"ю": "iu", "я": "ia", "й": "i", "ц": "ts", "ъ": "ie", "є": "ie"},
    # As in international standards (ISO 9, DIN), without their marks.
    {"ю": "ju", "я": "ja", "й": "j", "х": "h", "ц": "c", "щ": "sc", "є": "je", "ш": "s", "ч": "c"},
    # As in Ukraine and Bulgaria.
    {"и": "y", "г": "h", "щ": "sht", "ъ": "a", "х": "h", "ё": "yo", "β": "b", "η": "h", "υ": "u"},
)


def romanised(name: str) -> Iterator[str]:
    """Yield a name in Latin letters by each way of writing them, if it has others."""
    low = "".join(
        char if char in _LETTERS else unicodedata.normalize("NFD", char)[0] for char in name.lower()
    )
    if not any(char in _LETTERS for char in low):
        return
    for other in ({}, *_OTHERS):
        yield "".join(other.get(char, _LETTERS.get(char, char)) for char in low)
