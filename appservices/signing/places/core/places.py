"""Where in a document somebody signs, as whoever asks says it, and where that is on a page.

A place is the foot of a page, an area of it, or a corner where an area is found. Areas are whole
points from the left top corner of the page *as it is shown*: cropped and turned. A file knows
neither: its coordinates begin anywhere, and stay where they are when a page is turned. The page
does the same: ``appservices/widgets/static/pdf/boxes.js``.

Source: ISO 32000-1 §7.7.3.3 (``/CropBox``, ``/Rotate``, ``/UserUnit``) and §12.5.6.19 (``/R``).
"""

from __future__ import annotations

import enum
import math
from typing import TYPE_CHECKING, Final

import attrs

from veche.documents.pdf import HEIGHT_MAX, HEIGHT_MIN, WIDTH_MAX, WIDTH_MIN
from veche.documents.pdf.signing import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE_MAX: Final = 2_000
"""Largest number of a page that can be chosen."""
POINT_MAX: Final = 14_400
"""Largest side of a page that readers have to show (ISO 32000-1, annex C), in points."""
BOX_WIDTH: Final = 200
BOX_HEIGHT: Final = 60
"""Of an area of which no size is said, in points."""
_MARGIN: Final = 28
"""Between an area in a corner and the edges of its page."""
_GAP: Final = 6
_HUNDREDTHS: Final = 100
WIDTHS: Final = (WIDTH_MIN // _HUNDREDTHS, WIDTH_MAX // _HUNDREDTHS)
HEIGHTS: Final = (HEIGHT_MIN // _HUNDREDTHS, HEIGHT_MAX // _HUNDREDTHS)
"""Least and most of an area, in points: smaller, the words of a signature could not be read."""


class Side(enum.Enum):
    """Where on a page somebody signs, in the order of its columns."""

    LEFT = "left"
    MIDDLE = "middle"
    RIGHT = "right"


class Row(enum.Enum):
    """How high on a page an area is found; at its bottom is the foot, which is none."""

    TOP = "top"
    MIDDLE = "middle"


@attrs.frozen
class Area:
    """A rectangle on a page as it is shown, in whole points (of ``/UserUnit``, where it has one).

    Attributes:
        x: From its left edge, 0 to ``POINT_MAX``.
        y: From its top edge, likewise.
        width: Within ``WIDTHS``.
        height: Within ``HEIGHTS``.
    """

    x: int
    y: int
    width: int = BOX_WIDTH
    height: int = BOX_HEIGHT

    def overlaps(self, other: Area) -> bool:
        """Return whether the two have a part in common; those that touch have none."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


@attrs.frozen
class Place:
    """Where in a document whoever asks wants somebody to sign.

    Attributes:
        page: On which page, from 1.
        side: Where at its foot, or in the row; None: wherever there is room, or in an area.
        row: Where an area is found, of the usual size; a side is said too. None: at the foot.
        area: In which area; then neither side nor row is said.
    """

    page: int
    side: Side | None = None
    row: Row | None = None
    area: Area | None = None

    @property
    def is_free(self) -> bool:
        """Return whether the box is on the page as it is, not in a foot made for it."""
        return self.row is not None or self.area is not None


@attrs.frozen
class PageSize:
    """A page, in its own coordinates.

    Attributes:
        width: In points.
        height: In points.
        left: Where it begins, in points; can be below zero.
        bottom: Where it begins, in points; can be below zero.
        rotation: By how many degrees it is shown turned, with the clock: 0, 90, 180 or 270.
    """

    width: float
    height: float
    left: float = 0
    bottom: float = 0
    rotation: int = 0

    @property
    def shown(self) -> tuple[float, float]:
        """Width and height as it is shown."""
        turned = self.rotation % 180 != 0
        return (self.height, self.width) if turned else (self.width, self.height)


def box_in(
    field: str, page: int, rectangle: tuple[float, float, float, float], size: PageSize
) -> Box:
    """The box at a rectangle of a page, in hundredths of a point.

    Args:
        field: Its name.
        page: From 0.
        rectangle: From the left, from the top, width, height, of the page as it is shown.
        size: Of that page.
    """
    x, y, wide, high = rectangle
    left, right = size.left, size.left + size.width
    bottom, top = size.bottom, size.bottom + size.height
    corners = {
        0: (left + x, top - y - high, left + x + wide, top - y),
        90: (left + y, bottom + x, left + y + high, bottom + x + wide),
        180: (right - x - wide, bottom + y, right - x, bottom + y + high),
        270: (right - y - high, top - x - wide, right - y, top - x),
    }[size.rotation]
    first, second, third, fourth = (_whole(one) for one in corners)
    return Box(field, page, (first, second, third, fourth), size.rotation)


def area_at(row: Row, side: Side, size: PageSize, taken: Sequence[Area]) -> Area | None:
    """The uppermost area in a row of a page that covers no other; None: there is no room.

    Args:
        row: From where it is looked for, downwards.
        side: In which column.
        size: Of the page.
        taken: Areas of others on that page.
    """
    wide, high = size.shown
    x = {
        Side.LEFT: _MARGIN,
        Side.MIDDLE: math.floor((wide - BOX_WIDTH) / 2),
        Side.RIGHT: math.floor(wide - BOX_WIDTH - _MARGIN),
    }[side]
    y = _MARGIN if row is Row.TOP else math.floor((high - BOX_HEIGHT) / 2)
    while is_on(found := Area(x, y), size):
        if not any(found.overlaps(one) for one in taken):
            return found
        y += BOX_HEIGHT + _GAP
    return None


def covering(places: Sequence[Place | None], *, alike: int = 0) -> tuple[int, int] | None:
    """The first two of which one's area covers the other's, by where they stand; None: none does.

    Args:
        places: Of everybody.
        alike: So many at the beginning are never in one document.
    """
    areas = [
        (at, one.page, one.area)
        for at, one in enumerate(places)
        if one is not None and one.area is not None
    ]
    for index, (at, page, area) in enumerate(areas):
        for other_at, other_page, other in areas[index + 1 :]:
            if page == other_page and other_at >= alike and area.overlaps(other):
                return at, other_at
    return None


def is_on(area: Area, size: PageSize) -> bool:
    """Return whether all of an area is on its page."""
    wide, high = size.shown
    return min(area.x, area.y) >= 0 and area.x + area.width <= wide and area.y + area.height <= high


def _whole(points: float) -> float:
    # Half up, as other languages round; zero has no sign, which a file would show.
    return math.floor(points * _HUNDREDTHS + 0.5) / _HUNDREDTHS + 0.0
