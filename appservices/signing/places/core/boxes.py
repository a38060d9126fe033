"""Where signers sign: places that a template names, on a page, at its foot, or on one of its own.

A page of its own, at the end, is the rule: it has room for any number of names, and covers nothing.
Whoever asks may name the foot of a page instead; that page is drawn a little smaller, so that its
foot has room. Either way the names, roles and frames are typeset; boxes lie in the frames. Or they
name an area of a page: there a box lies on what is drawn, and nothing is typeset.
"""

from __future__ import annotations

import enum
import re
from itertools import combinations
from typing import TYPE_CHECKING, Annotated, Final

import attrs
from pydantic import Field

from appservices.signing.places.core.places import Area, PageSize, Side, area_at, box_in, is_on
from veche.documents.pdf import HEIGHT_MAX, HEIGHT_MIN, WIDTH_MAX, WIDTH_MIN
from veche.protocol.errors import MalformedError
from veche.protocol.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.signing.places.core.places import Place
    from veche.documents.pdf.signing import Box

BOXES_MAX: Final = 200
FOOT_SEATS_MAX: Final = 6
"""Signers at the foot of one page; more go to a page of their own."""
FIELD: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,31}(:[A-Za-z0-9]{1,16})?")
"""Name of a field: ``Sig1``, or ``Sig1:c7`` of a clause."""
_HUNDREDTHS: Final = 100
_HALF: Final = 0.005
_FOOT_ROW: Final = 92
"""Height of a row of frames with their names, in points."""
_FOOT_COLUMNS: Final = 3
_FOOT_WIDTH_MIN: Final = 300
_FOOT_SHARE_MAX: Final = 0.3
"""Of a page's height that its foot may take, or the rest could not be read."""


@attrs.frozen
class Seat:
    """Somebody who will sign, or a clause that needs a signature of its own.

    Attributes:
        field: Name of the field, unique in the document; see ``FIELD``.
        name: As it is printed.
        role: As what they sign, as it is printed; of a clause, its title.
        place: Where; None: on a page of its own.
    """

    field: str
    name: str
    role: str
    place: Place | None = None


class Fault(enum.Enum):
    """Why a box cannot be where it is to be."""

    PAGE = "page"
    """There is no such page."""
    OFF = "off"
    """It is not whole on its page."""
    COVERS = "covers"
    """Another one is there."""
    SIZE = "size"


class BoxError(MalformedError):
    """A box cannot be where it is to be.

    Attributes:
        fault: Why.
        why: The message without the field.
        shown: Of one that is off its page: how wide and high that is, in whole points; else (0, 0).
    """

    def __init__(self, field: str, fault: Fault, why: str, shown: tuple[int, int] = (0, 0)) -> None:
        super().__init__(field, why)
        self.fault = fault
        self.why = why
        self.shown = shown


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


def box_of(spot: Spot, size: PageSize) -> Box:
    """A place of typst's as a box of the file.

    Args:
        spot: The place.
        size: Of its page.
    """
    return box_in(spot.id, spot.page - 1, (spot.x, spot.y, spot.w, spot.h), size)


def check_boxes(boxes: Sequence[Box], sizes: Mapping[int, PageSize]) -> None:
    """Make sure that each box can show a signature and covers no other.

    Args:
        boxes: Of one document.
        sizes: Of its pages, from 0; those that have boxes are enough.

    Raises:
        BoxError: A box is off its page, too small or large, or covers another one.
        MalformedError: One has a bad name, or that of another; or there are too many or none.
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
            raise BoxError(one.field, Fault.COVERS, f"covers the box {other.field}")


def _check_box(box: Box, size: PageSize | None) -> None:
    if FIELD.fullmatch(box.field) is None:
        raise MalformedError("field", "a name has letters and digits: Sig1, or Sig1:c7 of a clause")
    if size is None:
        raise BoxError(box.field, Fault.PAGE, f"there is no page {box.page + 1}")
    left, bottom, right, top = box.corners
    # Half of a hundredth: what rounding to one leaves.
    if (
        left < size.left - _HALF
        or bottom < size.bottom - _HALF
        or right > size.left + size.width + _HALF
        or top > size.bottom + size.height + _HALF
    ):
        raise BoxError(box.field, Fault.OFF, "the box is off its page")
    width, height = (right - left) * _HUNDREDTHS, (top - bottom) * _HUNDREDTHS
    if box.turn % 180:
        width, height = height, width
    # Half of a hundredth: what adding and subtracting floats leaves.
    if not (
        WIDTH_MIN - 0.5 <= width <= WIDTH_MAX + 0.5
        and HEIGHT_MIN - 0.5 <= height <= HEIGHT_MAX + 0.5
    ):
        bounds = (WIDTH_MIN, HEIGHT_MIN, WIDTH_MAX, HEIGHT_MAX)
        least_wide, least_high, most_wide, most_high = (one // _HUNDREDTHS for one in bounds)
        raise BoxError(
            box.field,
            Fault.SIZE,
            f"must be {least_wide} to {most_wide} points wide and {least_high} to {most_high} high",
        )


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@attrs.frozen
class Seating:
    """The place of each signer.

    Attributes:
        free: Boxes on pages as they are.
        at_foot: By page, from 0.
        on_sheet: On a page of its own at the end.
    """

    free: tuple[Box, ...]
    at_foot: Mapping[int, tuple[Seat, ...]]
    on_sheet: tuple[Seat, ...]


def seating(seats: Sequence[Seat], sizes: Sequence[PageSize], tight: frozenset[int]) -> Seating:
    """Where everyone signs; whoever finds no room at the named foot gets a page of their own.

    A page on which a box has a place is not drawn smaller: what the place was meant for would move.

    Args:
        seats: In the order in which they are printed.
        sizes: Of all pages.
        tight: Pages, from 0, that cannot be drawn smaller.

    Raises:
        BoxError: A page is named that is not there, or an area is not on its page.
        MalformedError: There are none or too many signers.
    """
    if not 1 <= len(seats) <= BOXES_MAX:
        raise MalformedError("boxes", f"must be 1 to {BOXES_MAX}")
    at_foot: dict[int, tuple[Seat, ...]] = {}
    for seat in seats:
        place = seat.place
        if place is not None and not 1 <= place.page <= len(sizes):
            why = f"there is no page {place.page}, of {len(sizes)}"
            raise BoxError(seat.field, Fault.PAGE, why)
        if place is not None and not place.is_free:
            at_foot[place.page - 1] = (*at_foot.get(place.page - 1, ()), seat)
    free = _free(seats, sizes)
    tight |= {box.page for box in free}
    roomy = {
        page: held
        for page, held in at_foot.items()
        if page not in tight and _has_room(sizes[page], held)
    }
    placed = {seat.field for held in roomy.values() for seat in held}
    placed |= {box.field for box in free}
    return Seating(free, roomy, tuple(seat for seat in seats if seat.field not in placed))


def _free(seats: Sequence[Seat], sizes: Sequence[PageSize]) -> tuple[Box, ...]:
    """The boxes of those who sign on a page as it is; those with an area come first."""
    found: dict[str, Area] = {}
    taken: dict[int, list[Area]] = {}
    for seat in sorted(seats, key=lambda one: one.place is None or one.place.area is None):
        place = seat.place
        if place is None or not place.is_free:
            continue
        size, there = sizes[place.page - 1], taken.setdefault(place.page, [])
        area = place.area
        if area is None and place.row is not None:
            area = area_at(place.row, place.side or Side.RIGHT, size, there)
        if area is None or not is_on(area, size):
            wide, high = (int(one) for one in size.shown)
            why = f"has no room there: page {place.page} is {wide} by {high} points as it is shown"
            raise BoxError(seat.field, Fault.OFF, why, (wide, high))
        there.append(area)
        found[seat.field] = area
    return tuple(
        box_in(seat.field, seat.place.page - 1, attrs.astuple(found[seat.field]), size)
        for seat in seats
        if seat.place is not None and seat.field in found
        for size in [sizes[seat.place.page - 1]]
    )


def foot_cells(seats: Sequence[Seat]) -> tuple[Seat | None, ...]:
    """The cells of the foot of a page, row by row; None: an empty one.

    Where nobody has chosen a side, signers stand side by side, from the left.
    """
    if all(_side(seat) is None for seat in seats):
        return tuple(seats)
    sides = list(Side)
    cells: dict[int, Seat] = {}
    # Those who have chosen come first, or others would stand where they want to.
    for seat in sorted(seats, key=lambda one: _side(one) is None):
        side = _side(seat)
        at = 0 if side is None else sides.index(side)
        while at in cells:
            at += 1 if side is None else _FOOT_COLUMNS
        cells[at] = seat
    rows = 1 + max(cells) // _FOOT_COLUMNS
    return tuple(cells.get(at) for at in range(rows * _FOOT_COLUMNS))


def is_sided(cells: Sequence[Seat | None]) -> bool:
    """Return whether cells of a foot stand left, in the middle and right; else side by side."""
    return any(one is None or _side(one) is not None for one in cells)


def _side(seat: Seat) -> Side | None:
    return None if seat.place is None else seat.place.side


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
