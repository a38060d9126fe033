"""Where signers sign: places that a template names, the foot of a page, or a page of its own.

A page of its own, at the end, is the rule: it has room for any number of names, and covers nothing.
Whoever asks may name a page instead; that page is drawn a little smaller, so that its foot has
room. Either way the names, roles and frames are typeset; boxes lie in the frames.
"""

from __future__ import annotations

import enum
import re
from itertools import combinations
from typing import TYPE_CHECKING, Annotated, Final

import attrs
from pydantic import Field

from veche.protocol.errors import MalformedError
from veche.protocol.pdf.appearance import HEIGHT_MAX, HEIGHT_MIN, WIDTH_MAX, WIDTH_MIN
from veche.protocol.pdf.signing import Box
from veche.protocol.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BOXES_MAX: Final = 200
FOOT_SEATS_MAX: Final = 6
"""Signers at the foot of one page; more go to a page of their own."""
FIELD: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,31}(:[A-Za-z0-9]{1,16})?")
"""Name of a field: ``Sig1``, or ``Sig1:c7`` of a clause."""
_HUNDREDTHS: Final = 100
_FOOT_ROW: Final = 92
"""Height of a row of frames with their names, in points."""
_FOOT_COLUMNS: Final = 3
PAGE_MAX: Final = 2_000
"""Largest number of a page that can be chosen."""
_FOOT_WIDTH_MIN: Final = 300
_FOOT_SHARE_MAX: Final = 0.3
"""Of a page's height that its foot may take, or the rest could not be read."""


class Side(enum.Enum):
    """Where at the foot of a page somebody signs, in the order of its columns."""

    LEFT = "left"
    MIDDLE = "middle"
    RIGHT = "right"


@attrs.frozen
class Place:
    """Where in a document whoever asks wants somebody to sign.

    Attributes:
        page: At the foot of which page, from 1.
        side: Where there; None: wherever there is room.
    """

    page: int
    side: Side | None = None


@attrs.frozen
class Seat:
    """Somebody who will sign, or a clause that needs a signature of its own.

    Attributes:
        field: Name of the field, unique in the document; see ``FIELD``.
        name: As it is printed.
        role: As what they sign, as it is printed; of a clause, its title.
        page: On which page, from 1; None: on a page of its own.
        side: Where at the foot of that page; None: wherever there is room.
    """

    field: str
    name: str
    role: str
    page: int | None = None
    side: Side | None = None


class Spot(Wire):
    """A place that typst has found: the label ``<veche-field>`` of a template.

    Attributes:
        id: Name of the field.
        page: From 1.
        x: From the left edge, in points.
        y: From the top edge, in points.
        w: Width, in points.
        h: Height, in points.
    """

    id: Annotated[str, Field(max_length=64)]
    page: Annotated[int, Field(ge=1)]
    x: Annotated[float, Field(ge=0)]
    y: Annotated[float, Field(ge=0)]
    w: Annotated[float, Field(gt=0)]
    h: Annotated[float, Field(gt=0)]


@attrs.frozen
class PageSize:
    """A page.

    Attributes:
        width: In points.
        height: In points.
        left: Where it begins, in points.
        bottom: Where it begins, in points.
        rotation: By how many degrees it is shown turned.
    """

    width: float
    height: float
    left: float = 0
    bottom: float = 0
    rotation: int = 0


def box_of(spot: Spot, size: PageSize) -> Box:
    """A place of typst's, measured from the left bottom corner, in hundredths of a point.

    Args:
        spot: The place.
        size: Of its page.
    """
    left, top = size.left + spot.x, size.bottom + size.height - spot.y
    corners = (left, top - spot.h, left + spot.w, top)
    first, second, third, fourth = (round(one * _HUNDREDTHS) / _HUNDREDTHS for one in corners)
    return Box(spot.id, spot.page - 1, (first, second, third, fourth))


def check_boxes(boxes: Sequence[Box], sizes: Mapping[int, PageSize]) -> None:
    """Make sure that each box can show a signature and covers no other.

    Args:
        boxes: Of one document.
        sizes: Of its pages, from 0; those that have boxes are enough.

    Raises:
        MalformedError: A box is off its page, too small or large, has a bad name, or covers another
            one; or there are too many or none.
    """
    if not 1 <= len(boxes) <= BOXES_MAX:
        raise MalformedError("boxes", f"must be 1 to {BOXES_MAX}")
    names = [box.field for box in boxes]
    if len(set(names)) != len(names):
        raise MalformedError("boxes", "two have one name")
    for box in boxes:
        _check_box(box, sizes.get(box.page))
    for one, other in combinations(boxes, 2):
        if one.page == other.page and _overlap(one.corners, other.corners):
            raise MalformedError(one.field, f"covers the box {other.field}")


def _check_box(box: Box, size: PageSize | None) -> None:
    if FIELD.fullmatch(box.field) is None:
        raise MalformedError("field", "a name has letters and digits: Sig1, or Sig1:c7 of a clause")
    if size is None:
        raise MalformedError(box.field, f"there is no page {box.page + 1}")
    left, bottom, right, top = box.corners
    if left < size.left or bottom < size.bottom or min(left, bottom) < 0:
        raise MalformedError(box.field, "the box is off its page")
    if right > size.left + size.width or top > size.bottom + size.height:
        raise MalformedError(box.field, "the box is off its page")
    width, height = (right - left) * _HUNDREDTHS, (top - bottom) * _HUNDREDTHS
    # Half of a hundredth: what adding and subtracting floats leaves.
    if not (
        WIDTH_MIN - 0.5 <= width <= WIDTH_MAX + 0.5
        and HEIGHT_MIN - 0.5 <= height <= HEIGHT_MAX + 0.5
    ):
        bounds = (WIDTH_MIN, HEIGHT_MIN, WIDTH_MAX, HEIGHT_MAX)
        least_wide, least_high, most_wide, most_high = (one // _HUNDREDTHS for one in bounds)
        raise MalformedError(
            box.field,
            f"must be {least_wide} to {most_wide} points wide and {least_high} to {most_high} high",
        )


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@attrs.frozen
class Seating:
    """Who signs where.

    Attributes:
        at_foot: By page, from 0.
        on_sheet: On a page of its own at the end.
    """

    at_foot: Mapping[int, tuple[Seat, ...]]
    on_sheet: tuple[Seat, ...]


def seating(seats: Sequence[Seat], sizes: Sequence[PageSize], tight: frozenset[int]) -> Seating:
    """Where everyone signs; whoever finds no room on the named page gets a page of their own.

    Args:
        seats: In the order in which they are printed.
        sizes: Of all pages.
        tight: Pages, from 0, that cannot be drawn smaller.

    Raises:
        MalformedError: A page is named that is not there; there are none or too many signers.
    """
    if not 1 <= len(seats) <= BOXES_MAX:
        raise MalformedError("boxes", f"must be 1 to {BOXES_MAX}")
    at_foot: dict[int, tuple[Seat, ...]] = {}
    for seat in seats:
        if seat.page is not None and not 1 <= seat.page <= len(sizes):
            raise MalformedError(seat.field, f"there is no page {seat.page}, of {len(sizes)}")
        if seat.page is not None:
            at_foot[seat.page - 1] = (*at_foot.get(seat.page - 1, ()), seat)
    roomy = {
        page: held
        for page, held in at_foot.items()
        if page not in tight and _has_room(sizes[page], held)
    }
    placed = {seat.field for held in roomy.values() for seat in held}
    return Seating(roomy, tuple(seat for seat in seats if seat.field not in placed))


def foot_cells(seats: Sequence[Seat]) -> tuple[Seat | None, ...]:
    """The cells of the foot of a page, row by row; None: an empty one.

    Where nobody has chosen a side, signers stand side by side, from the left.
    """
    if all(seat.side is None for seat in seats):
        return tuple(seats)
    sides = list(Side)
    cells: dict[int, Seat] = {}
    # Those who have chosen come first, or others would stand where they want to.
    for seat in sorted(seats, key=lambda one: one.side is None):
        at = 0 if seat.side is None else sides.index(seat.side)
        while at in cells:
            at += 1 if seat.side is None else _FOOT_COLUMNS
        cells[at] = seat
    rows = 1 + max(cells) // _FOOT_COLUMNS
    return tuple(cells.get(at) for at in range(rows * _FOOT_COLUMNS))


def foot_height(cells: int) -> int:
    """Height of the frames in some cells at the foot of a page, in points."""
    return -(-cells // _FOOT_COLUMNS) * _FOOT_ROW


def _has_room(size: PageSize, seats: Sequence[Seat]) -> bool:
    return (
        len(seats) <= FOOT_SEATS_MAX
        and not size.rotation
        and size.width >= _FOOT_WIDTH_MIN
        and foot_height(len(foot_cells(seats))) <= size.height * _FOOT_SHARE_MAX
    )
