"""Fold a name to what the eye sees of it.

Two names look alike if they have the same skeleton (Unicode UTS 39 §4). One folding is not enough:
a capital M looks like the Cyrillic capital EM, while the small letters do not. So a name has
several folded forms, and looks like another if they share one. In one of them digits are read as
the letters that people write them for, "R3c0rd5".
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

RAW_CHARS_MAX: Final = 4_096
"""How much of a name is read at all; longer ones are malformed anyway."""
NAME_CHARS_MAX: Final = 256
"""How much is compared of what can be seen: Synapse's own limit of a display name."""
CACHED_CHARS_MAX: Final = 20_000
"""How many characters keep their folded forms; then the memory is emptied."""

_IGNORED: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
"""What no font draws (Unicode's Default_Ignorable_Code_Point)."""
_BADGES: Final = re.compile(
    "[\u2190-\u21ff\u2300-\u23ff\u2580-\u27bf\u2b00-\u2bff\u3000-\u303f"
    "\U0001f000-\U0001f0ff\U0001f200-\U0001faff\u00ae\u00a9\u2120\u2122]"
    "|(?<![\u24b6-\u24e9])[\u24b8\u24c7](?![\u24b6-\u24e9])"
)
"""Symbols that can pass for a badge, or for a space."""
_FLAG_LETTERS: Final = {0x1F1E6 + place: chr(0x61 + place) for place in range(26)}
_BOXED_LETTERS: Final = {
    start + place: chr(0x61 + place) for start in (0x1F150, 0x1F170) for place in range(26)
}
_FLAG: Final = re.compile("[\U0001f1e6-\U0001f1ff]")
_REVERSED: Final = re.compile("\u202e([^\u202c\u202e]*)\u202c?")
"""What a right-to-left override shows backwards, up to its end."""
_JAMO: Final = re.compile("[\u1100-\u1112]")
_WORD: Final = re.compile(r"[^\W_]+")
_LUNATE: Final = {0x3F2: "c", 0x3F9: "C"}
"""Sigmas that look like C, and that NFKD would turn into those that do not."""
_LOOKS: Final = {
    "и": "u", "з": "3", "ч": "4", "б": "6", "ⲟ": "o", "$": "s", "@": "a", "5": "s", "€": "e",
    "£": "l", "!": "i", "|": "l", "і": "i", "ı": "i", "¡": "i", "ß": "b", "ø": "o", "ł": "l",
    "w": "vv", "d": "cl", "曰": "日", "ミ": "三",
}  # fmt: skip
"""Pairs that Unicode does not list and that people do fall for."""
_LEET: Final = {
    "1": "l", "2": "z", "3": "e", "4": "a", "5": "s", "6": "b", "7": "t", "8": "b", "9": "g",
    "0": "o", "+": "t", "@": "a", "$": "s", "!": "l", "|": "l", "€": "e", "i": "l", "з": "e",
    "ч": "a", "б": "b",
}  # fmt: skip
"""Letters that digits are written for; a letter that looks like one of them is read as it."""
_LEET_MARKS: Final = re.compile("[0-9+@$!|€]")
_HAN: Final = dict(
    zip(
        "國囯銀務總稅會險郵電廳處門車業東學醫華馬關農財貿產證護檢監審報廣雲灣臺區縣鄉鎮氣動勞團館鐵"
        "運儲貸資應網戶龍萬與為稱麗養補導號訊詢託際發長",
        "国国银务总税会险邮电厅处门车业东学医华马关农财贸产证护检监审报广云湾台区县乡镇气动劳团馆铁"
        "运储贷资应网户龙万与为称丽养补导号讯询托际发长",
        strict=True,
    )
)
"""Traditional ideographs in names of offices and banks, as people of the mainland write them."""
_SEEN_AS: Final = {**_LUNATE, **{ord(old): new for old, new in _HAN.items()}}


class Letters:
    """The foldings of all characters, by one table of look-alikes."""

    def __init__(self, confusables: Mapping[str, str]) -> None:
        """Nothing is folded yet.

        Args:
            confusables: A character's prototype, for all that have another than themselves.
        """
        capitals = small_capitals()
        both = {**confusables, **capitals}
        self._table = {char: capitals.get(seen, seen) for char, seen in both.items()}
        self._folded: dict[str, tuple[str, ...]] = {}

    def forms(self, name: str, *, with_digits: bool = False) -> Sequence[Sequence[str]]:
        """Return the words of each folded form of a name, without repetitions.

        Args:
            name: As it is written.
            with_digits: Read letters as digits could stand for them though the name has none.
        """
        found = (form for seen in as_seen(name) for form in self._forms(seen, with_digits))
        return list(dict.fromkeys(found))

    def _forms(self, text: str, with_digits: bool) -> Iterator[tuple[str, ...]]:
        count = None if with_digits or _LEET_MARKS.search(text) else -1
        columns = tuple(zip(*map(self._fold, text), strict=True))[:count]
        for folded in dict.fromkeys(map("".join, columns)):
            yield tuple(_WORD.findall(folded))
        if _JAMO.search(text):
            # One slip of the pen may take a whole syllable.
            yield tuple(_WORD.findall(unicodedata.normalize("NFC", text.casefold())))

    def _fold(self, char: str) -> tuple[str, ...]:
        found = self._folded.get(char)
        if found is None:
            if len(self._folded) >= CACHED_CHARS_MAX:
                self._folded.clear()
            found = self._folded[char] = (
                self._finish(self._skeleton(self._skeleton(_look(char.casefold())).upper())),
                self._finish(self._skeleton(char.upper())),
                self._finish(self._skeleton(_look(char))),
                # As typed: finds slips of the pen where a skeleton is of two letters.
                char.casefold(),
                self._leet(char),
            )
        return found

    def _skeleton(self, text: str) -> str:
        return "".join(self._table.get(char, char) for char in text)

    def _leet(self, char: str) -> str:
        seen = self._finish(self._skeleton(_LEET.get(char, char.casefold())))
        return "".join(_LEET.get(one, one) for one in seen)

    def _finish(self, text: str) -> str:
        folded = self._skeleton(text.casefold())
        return "".join(self._table.get(_look(c), _look(c)) for c in folded).casefold()


def small_capitals() -> dict[str, str]:
    """Return "h" for "ʜ" and so on: other scripts' small letters look like our capitals."""
    start = "LATIN LETTER SMALL CAPITAL "
    found = {"ĸ": "k", "ʍ": "m"}
    for char in map(chr, [*range(0x250, 0x2B0), *range(0x1D00, 0x1D80), *range(0xA700, 0xA800)]):
        name = unicodedata.name(char, "")
        if name.startswith(start) and len(name) == len(start) + 1:
            found[char] = name[-1].lower()
    return found


def as_seen(name: str) -> Iterator[str]:
    """Yield a name as it stands, and as it reads with flags for letters, or backwards in part."""
    raw = name[:RAW_CHARS_MAX]
    yield _plain(raw)
    if _FLAG.search(raw):
        yield _plain(raw.translate(_FLAG_LETTERS))
    if "\u202e" in raw:
        yield _plain(_REVERSED.sub(lambda found: found[1][::-1], raw))


def _plain(text: str) -> str:
    """Leave out what cannot be seen, marks over letters, and symbols that look like a badge."""
    if text.isascii():
        return " ".join(text.split())[:NAME_CHARS_MAX]
    text = _FLAG.sub(" ", text.translate(_BOXED_LETTERS))
    text = " ".join(_BADGES.sub(" ", _IGNORED.sub("", text)).split())[:NAME_CHARS_MAX]
    text = unicodedata.normalize("NFKD", text.translate(_SEEN_AS))
    return "".join(c for c in text if not unicodedata.combining(c))[:NAME_CHARS_MAX]


def _look(text: str) -> str:
    return _LOOKS.get(text, text)
