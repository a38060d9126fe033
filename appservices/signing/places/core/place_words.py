"""Where somebody signs, as people type it: "on page 3 bottom right", "on page 3 at 100 500".

"left", "middle" and "right" alone, or after "bottom", are of the foot of a page; after "top" or
"middle" they say where on the page an area is found. "at" says how many points it is from the left
and from the top, "size" how wide and high it is, 200 by 60 if nothing is said.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from appservices.signing.places.core.places import (
    BOX_HEIGHT,
    BOX_WIDTH,
    HEIGHTS,
    PAGE_MAX,
    POINT_MAX,
    WIDTHS,
    Area,
    Place,
    Row,
    Side,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ON: Final = frozenset({"on", "на", "auf"})
_PAGE: Final = frozenset({"page", "странице", "стр", "стр.", "seite", "сторінці"})
_BOTTOM: Final = frozenset({"bottom", "внизу", "снизу", "unten", "знизу"})
_TOP: Final = frozenset({"top", "вверху", "сверху", "oben", "вгорі", "зверху"})
_SIDES: Final[Mapping[str, Side]] = {
    **dict.fromkeys(("left", "слева", "links", "ліворуч", "зліва"), Side.LEFT),
    **dict.fromkeys(("middle", "посередине", "mitte", "посередині"), Side.MIDDLE),
    **dict.fromkeys(("right", "справа", "rechts", "праворуч"), Side.RIGHT),
}
_AT: Final = frozenset({"at", "в", "bei", "у"})
_SIZE: Final = frozenset({"size", "размер", "размером", "größe", "grösse", "розмір", "розміром"})
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,3}")
_POINTS: Final = re.compile(r"0|[1-9][0-9]{0,4}")
_BY: Final = re.compile(r"([0-9]+)[x×х]([0-9]+)")
"""Of a size: "200x60"."""


class NoPlaceError(ValueError):
    """No place can be read.

    Attributes:
        word: At which word; empty: at the end.
    """

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class NoPageError(NoPlaceError):
    """No number of a page follows."""


class NoAreaError(NoPlaceError):
    """No points follow, or the area is too small, too large or too far away."""


def read_place(words: Sequence[str], at: int) -> tuple[Place, int]:
    """Where somebody signs, and at which word what follows begins.

    Args:
        words: Of an order.
        at: Of a word of ``ON``.

    Raises:
        NoPlaceError: It cannot be read.
    """
    reader = _Reader(words, at + 1)
    place = reader.place()
    return place, reader.at


def write_place(place: Place) -> str:
    """A place as it is typed; reading it gives the same."""
    page, side, area = f"on page {place.page}", place.side, place.area
    if area is not None:
        is_usual = (area.width, area.height) == (BOX_WIDTH, BOX_HEIGHT)
        size = "" if is_usual else f" size {area.width} {area.height}"
        return f"{page} at {area.x} {area.y}{size}"
    if side is None:
        return page
    row = "bottom" if place.row is None else place.row.value
    return f"{page} {row} {side.value}"


class _Reader:
    """Reads words from the left to the right, looking at the next alone."""

    def __init__(self, words: Sequence[str], at: int) -> None:
        self._words = words
        self.at = at

    @property
    def _word(self) -> str:
        return self._words[self.at] if self.at < len(self._words) else ""

    def _takes(self, known: frozenset[str]) -> bool:
        is_it = self._word.casefold() in known
        self.at += is_it
        return is_it

    def place(self) -> Place:
        """From the word "page" on."""
        if not self._takes(_PAGE):
            raise NoPlaceError(self._word)
        number = self._word
        if not _NUMBER.fullmatch(number) or int(number) > PAGE_MAX:
            raise NoPageError(number)
        self.at += 1
        page = int(number)
        if self._takes(_AT):
            return Place(page, area=self._area())
        if self._takes(_TOP):
            return Place(page, self._side() or Side.RIGHT, Row.TOP)
        is_bottom = self._takes(_BOTTOM)
        first = self._side()
        second = self._side() if first is Side.MIDDLE and not is_bottom else None
        return Place(page, first) if second is None else Place(page, second, Row.MIDDLE)

    def _side(self) -> Side | None:
        side = _SIDES.get(self._word.casefold())
        self.at += side is not None
        return side

    def _area(self) -> Area:
        x, y = self._points(), self._points()
        if not self._takes(_SIZE):
            return Area(x, y)
        both = _BY.fullmatch(self._word.casefold())
        if both is None:
            return Area(x, y, self._points(*WIDTHS), self._points(*HEIGHTS))
        self.at += 1
        return Area(x, y, _within(both[1], *WIDTHS), _within(both[2], *HEIGHTS))

    def _points(self, least: int = 0, most: int = POINT_MAX) -> int:
        found = _within(self._word, least, most)
        self.at += 1
        return found


def _within(word: str, least: int, most: int) -> int:
    if not _POINTS.fullmatch(word) or not least <= int(word) <= most:
        raise NoAreaError(word)
    return int(word)
