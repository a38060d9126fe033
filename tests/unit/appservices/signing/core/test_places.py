"""Where a box is on a page: as the page is shown, whatever its own coordinates are."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appservices.signing.places.core.boxes import (
    BoxError,
    Fault,
    Seat,
    Seating,
    check_boxes,
    seating,
)
from appservices.signing.places.core.places import (
    Area,
    PageSize,
    Place,
    Row,
    Side,
    area_at,
    box_in,
    covering,
    is_on,
)
from tests.support.tables import each_row

A4 = PageSize(595.28, 841.89)
CROPPED = PageSize(400, 600, left=-50, bottom=100)


def turned(size: PageSize, rotation: int) -> PageSize:
    return attrs.evolve(size, rotation=rotation)


@each_row(
    ("size", "corners"),
    [
        (A4, (100, 281.89, 300, 341.89)),
        (turned(A4, 90), (500, 100, 560, 300)),
        (turned(A4, 180), (295.28, 500, 495.28, 560)),
        (turned(A4, 270), (35.28, 541.89, 95.28, 741.89)),
        (CROPPED, (50, 140, 250, 200)),
        (turned(CROPPED, 90), (450, 200, 510, 400)),
        (turned(CROPPED, 180), (50, 600, 250, 660)),
        (turned(CROPPED, 270), (-210, 400, -150, 600)),
    ],
)
def test_an_area_is_where_it_is_seen(
    size: PageSize, corners: tuple[float, float, float, float]
) -> None:
    box = box_in("Sig1", 0, (100, 500, 200, 60), size)

    assert box.corners == pytest.approx(corners)
    assert box.turn == size.rotation


def seen(point: tuple[float, float], size: PageSize) -> tuple[float, float]:
    """Where a point of a page is seen, from the left and from the top: turned step by step."""
    x, y, wide, high = point[0] - size.left, point[1] - size.bottom, size.width, size.height
    for _ in range(size.rotation // 90):
        # With the clock: the left edge becomes the top.
        x, y, wide, high = y, wide - x, high, wide
    return x, high - y


SIZES = st.builds(
    PageSize,
    st.integers(200, 15_000).map(float),
    st.integers(200, 15_000).map(float),
    st.integers(-5_000, 5_000).map(float),
    st.integers(-5_000, 5_000).map(float),
    st.sampled_from([0, 90, 180, 270]),
)


@given(SIZES, st.integers(0, 14_400), st.integers(0, 14_400))
def test_what_was_chosen_is_what_is_seen(size: PageSize, x: int, y: int) -> None:
    left, bottom, right, top = box_in("Sig1", 0, (x, y, 70, 40), size).corners

    one, other = seen((left, bottom), size), seen((right, top), size)

    assert sorted((one[0], other[0])) == pytest.approx([x, x + 70])
    assert sorted((one[1], other[1])) == pytest.approx([y, y + 40])


AREAS = st.builds(
    Area, *(st.integers(0, 900) for _ in "xy"), st.integers(60, 400), st.integers(30, 150)
)
ROWS = st.tuples(st.sampled_from(Row), st.sampled_from(Side))
PLACES = st.one_of(
    st.builds(Place, st.just(1), area=AREAS),
    ROWS.map(lambda one: Place(1, one[1], one[0])),
    st.builds(Place, st.just(1), st.none() | st.sampled_from(Side)),
    st.none(),
)


def planned(seats: list[Seat], size: PageSize) -> Seating | BoxError:
    try:
        return seating(seats, [size], frozenset())
    except BoxError as e:
        return e


@given(SIZES, st.lists(PLACES, min_size=1, max_size=12))
def test_either_all_boxes_are_good_or_it_is_said_whose_is_not(
    size: PageSize, places: list[Place | None]
) -> None:
    seats = [Seat(f"Sig{at}", "x", "y", place) for at, place in enumerate(places)]
    wanted = {seat.field for seat in seats if seat.place and seat.place.is_free}
    plan = planned(seats, size)

    if isinstance(plan, BoxError):
        assert plan.fault is Fault.OFF
        assert plan.field in wanted
        return
    if plan.free and covering(places) is None:
        check_boxes(plan.free, {0: size})
    assert {box.field for box in plan.free} == wanted
    assert not (plan.free and plan.at_foot), "a page with a box on it is not drawn smaller"


def test_boxes_of_one_corner_stand_below_one_another_beside_what_is_there() -> None:
    places = [
        Place(1, Side.RIGHT, Row.TOP),
        Place(1, Side.RIGHT, Row.TOP),
        Place(1, area=Area(300, 80)),
    ]
    seats = [Seat(f"Sig{at}", "x", "y", place) for at, place in enumerate(places)]

    plan = seating(seats, [A4], frozenset())

    tops = [round(A4.height - box.corners[3]) for box in plan.free]
    assert [box.field for box in plan.free] == ["Sig0", "Sig1", "Sig2"]
    assert tops == [160, 226, 80]


def test_a_corner_of_a_page_that_is_too_small_has_no_room() -> None:
    small = PageSize(199, 300)

    assert all(area_at(row, side, small, []) is None for row in Row for side in Side)
    assert area_at(Row.TOP, Side.LEFT, PageSize(228, 88), []) == Area(28, 28)
    assert area_at(Row.TOP, Side.LEFT, PageSize(227, 88), []) is None
    assert area_at(Row.TOP, Side.LEFT, PageSize(228, 87), []) is None


@each_row(
    ("area", "is_fine"),
    [
        (Area(0, 0), True),
        (Area(395, 781), True),
        (Area(396, 781), False),
        (Area(395, 782), False),
        (Area(14_400, 14_400), False),
    ],
)
def test_a_box_is_whole_on_its_page(area: Area, *, is_fine: bool) -> None:
    assert is_on(area, A4) is is_fine
    if is_fine:
        return
    with pytest.raises(BoxError, match="page 1 is 595 by 841 points") as caught:
        seating([Seat("Sig1", "x", "y", Place(1, area=area))], [A4], frozenset())
    assert (caught.value.field, caught.value.shown) == ("Sig1", (595, 841))


def test_a_turned_page_is_as_wide_as_it_is_shown() -> None:
    wide = turned(A4, 90)

    assert is_on(Area(641, 535), wide)
    assert not is_on(Area(395, 781), wide)
