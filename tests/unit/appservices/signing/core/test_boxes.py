"""Where signers sign: nothing covers anything, and everyone has a place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appservices.signing.authority.core.levels import Level
from appservices.signing.places.core.appearance import appearance, look_of, name_to_show
from appservices.signing.places.core.boxes import (
    BOXES_MAX,
    FOOT_SEATS_MAX,
    Seat,
    Spot,
    box_of,
    check_boxes,
    foot_cells,
    seating,
)
from appservices.signing.places.core.places import PageSize, Place, Side
from appservices.signing.sessions.core.parties import Role
from tests.support.tables import each_row
from veche.documents.pdf.appearance import Look
from veche.documents.pdf.letters import signature_font
from veche.documents.pdf.signing import Box
from veche.documents.signatures.verdict import SIGNATURES_MAX
from veche.protocol.errors import MalformedError
from veche.protocol.texts.catalogue import LANGUAGES, Catalogue

A4 = PageSize(595.28, 841.89)
CATALOGUE = Catalogue.load("appservices.signing.papers")


def test_a_place_of_typst_is_measured_from_the_other_corner() -> None:
    spot = Spot(id="Sig1", page=2, x=40.126, y=700.0, w=160.0, h=50.0)

    assert box_of(spot, A4) == Box("Sig1", 1, (40.13, 91.89, 200.13, 141.89))
    assert box_of(spot, PageSize(600, 800, 10, 20)).corners == (50.13, 70.0, 210.13, 120.0)


@each_row(
    ("box", "words"),
    [
        (Box("Sig1", 1, (40, 40, 200, 90)), "no page 2"),
        (Box("Sig1", 0, (-1, 40, 200, 90)), "off its page"),
        (Box("Sig1", 0, (500, 40, 660, 90)), "off its page"),
        (Box("Sig1", 0, (40, 800, 200, 850)), "off its page"),
        (Box("Sig1", 0, (40, 40, 99, 90)), "points wide"),
        (Box("Sig1", 0, (40, 40, 200, 69)), "points wide"),
        (Box("Sig1", 0, (40, 40, 441, 90)), "points wide"),
        (Box("Sig1", 0, (40, 40, 200, 191)), "points wide"),
        (Box("1", 0, (40, 40, 200, 90)), "letters and digits"),
        (Box("Sig 1", 0, (40, 40, 200, 90)), "letters and digits"),
        (Box("Sig1.c7", 0, (40, 40, 200, 90)), "letters and digits"),
        (Box("S" * 33, 0, (40, 40, 200, 90)), "letters and digits"),
    ],
)
def test_a_box_that_could_not_show_a_signature_is_refused(box: Box, words: str) -> None:
    with pytest.raises(MalformedError, match=words):
        check_boxes([box], {0: A4})


def test_boxes_neither_cover_each_other_nor_share_a_name() -> None:
    one, beside = Box("Sig1", 0, (40, 40, 200, 90)), Box("Sig2", 0, (200, 40, 360, 90))
    check_boxes([one, beside], {0: A4})
    check_boxes([one, Box("Sig2", 1, one.corners)], {0: A4, 1: A4})

    with pytest.raises(MalformedError, match="covers the box"):
        check_boxes([one, Box("Sig2", 0, (199, 89, 300, 150))], {0: A4})
    with pytest.raises(MalformedError, match="one name"):
        check_boxes([one, Box("Sig1", 0, (300, 300, 460, 350))], {0: A4})


def test_there_is_a_bound_on_boxes() -> None:
    many = [Box(f"Sig{at}", at, (40, 40, 200, 90)) for at in range(BOXES_MAX + 1)]
    sizes = dict.fromkeys(range(BOXES_MAX + 1), A4)

    check_boxes(many[:-1], sizes)
    with pytest.raises(MalformedError, match="200"):
        check_boxes(many, sizes)
    with pytest.raises(MalformedError):
        check_boxes([], sizes)
    with pytest.raises(MalformedError):
        seating([], [A4], frozenset())
    with pytest.raises(MalformedError):
        seating([Seat(f"S{at}", "x", "y") for at in range(BOXES_MAX + 1)], [A4], frozenset())


def test_signers_sign_at_the_end_unless_a_page_is_named() -> None:
    seats = [Seat("Sig1", "Alice", "Landlady"), Seat("Sig2", "Bob", "Tenant", Place(2))]

    plan = seating(seats, [A4, A4], frozenset())

    assert (plan.at_foot, plan.on_sheet) == ({1: (seats[1],)}, (seats[0],))


@pytest.mark.parametrize("page", [0, -1, 3])
def test_a_page_that_is_not_there_is_refused(page: int) -> None:
    with pytest.raises(MalformedError, match="no page"):
        seating([Seat("Sig1", "Alice", "x", Place(page))], [A4, A4], frozenset())


@each_row(
    ("size", "tight"),
    [
        (PageSize(595, 842, rotation=90), frozenset()),
        (PageSize(200, 842), frozenset()),
        (PageSize(595, 200), frozenset()),
        (A4, frozenset({0})),
    ],
)
def test_a_page_without_room_sends_its_signers_to_the_end(
    size: PageSize, tight: frozenset[int]
) -> None:
    seat = Seat("Sig1", "Alice", "x", Place(1))

    assert seating([seat], [size], tight).on_sheet == (seat,)


def at_side(name: str, side: Side | None) -> Seat:
    return Seat(name, "x", "y", Place(1, side))


def test_signers_stand_on_the_side_that_was_chosen_for_them() -> None:
    left, right = at_side("A", Side.LEFT), at_side("B", Side.RIGHT)
    also_right, anywhere = at_side("C", Side.RIGHT), at_side("D", None)

    assert foot_cells([right]) == (None, None, right)
    assert foot_cells([anywhere, right, left]) == (left, anywhere, right)
    assert foot_cells([right, also_right]) == (None, None, right, None, None, also_right)
    assert foot_cells([anywhere]) == (anywhere,)


def test_a_foot_with_too_many_rows_sends_its_signers_to_the_end() -> None:
    seats = [at_side(f"S{at}", Side.RIGHT) for at in range(3)]

    assert seating(seats[:2], [A4], frozenset()).on_sheet == ()
    assert seating(seats, [A4], frozenset()).on_sheet == tuple(seats)


@given(st.lists(st.none() | st.sampled_from(Side), min_size=1, max_size=6))
def test_every_signer_of_a_foot_has_one_cell(sides: list[Side | None]) -> None:
    seats = [at_side(f"S{at}", side) for at, side in enumerate(sides)]

    cells = foot_cells(seats)

    assert sorted(one.field for one in cells if one is not None) == [one.field for one in seats]


@given(st.lists(st.one_of(st.none(), st.integers(1, 3)), min_size=1, max_size=30))
def test_everyone_has_one_place(pages: list[int | None]) -> None:
    places = [None if page is None else Place(page) for page in pages]
    seats = [Seat(f"S{at}", "x", "y", place) for at, place in enumerate(places)]

    plan = seating(seats, [A4, PageSize(300, 300), A4], frozenset({2}))

    placed = [*plan.on_sheet, *(seat for held in plan.at_foot.values() for seat in held)]
    assert sorted(seat.field for seat in placed) == sorted(seat.field for seat in seats)
    assert all(len(held) <= FOOT_SEATS_MAX for held in plan.at_foot.values())


def test_every_role_and_level_is_shown_in_each_language_with_letters_of_the_font() -> None:
    for language in LANGUAGES:
        for role in Role:
            for level in Level:
                look = look_of(CATALOGUE, language, role.value, level.value)
                assert signature_font().can_show(look.reason)
                assert look.role != role.value
                assert look.level != level.value
    assert look_of(CATALOGUE, "en", "signer", "S4") == Look(
        "Signer", "Qualified electronic signature"
    )


def test_the_document_may_call_a_signer_otherwise() -> None:
    assert look_of(CATALOGUE, "en", "signer", "S2", title="Landlady").role == "Landlady"
    assert look_of(CATALOGUE, "en", "signer", "S2", title="房东").role == "Signer"


def test_a_name_that_the_font_lacks_is_shown_as_the_account() -> None:
    assert name_to_show("Боб Браун", "@bob:example.org") == "Боб Браун"
    assert name_to_show("王小明", "@wang:example.org") == "@wang:example.org"
    assert name_to_show("", "@wang:example.org") == "@wang:example.org"


def test_the_stream_of_a_picture_is_that_of_its_box() -> None:
    drawn = appearance([b"10", b"20", b"170", b"70"], ["Alice", "a", "b", "c"])

    assert drawn.startswith(b"q\n0.5 w\n0.25 0.25 159.5 49.5 re\n")


def test_a_file_in_which_all_have_signed_can_be_closed_and_renewed() -> None:
    assert SIGNATURES_MAX >= BOXES_MAX + 50
