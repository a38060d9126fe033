"""Who signs, as people type it."""

from __future__ import annotations

import re

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from appservices.signing.drafting.core.order import (
    OrderError,
    OrderProblem,
    PartyOrder,
    Wanted,
    WantedStage,
    read_list,
    read_order,
    write_order,
)
from appservices.signing.drafting.texts import GUEST_ORDER, ORDERS
from appservices.signing.places.core.places import (
    HEIGHTS,
    PAGE_MAX,
    POINT_MAX,
    WIDTHS,
    Area,
    Place,
    Row,
    Side,
    covering,
)
from appservices.signing.sessions.core.parties import Role
from appservices.signing.sessions.service.conversation import CATALOGUE
from tests.support.tables import each_row
from veche.protocol.texts.catalogue import LANGUAGES

GUEST = Wanted("Bob Brown", is_guest=True)
WRITER = attrs.evolve(GUEST, is_by_hand=True)
RIGHT = Place(3, Side.RIGHT)
BOB, CAROL, DAVE = Wanted("bob"), Wanted("carol"), Wanted("dave")


def one(*wanted: Wanted, need: int | None = None) -> WantedStage:
    return WantedStage(wanted, need)


@each_row("language", LANGUAGES)
def test_what_the_bot_shows_as_examples_means_the_same_in_every_language(language: str) -> None:
    for example in (*ORDERS, GUEST_ORDER):
        shown = CATALOGUE.text(language, example)
        words = re.sub(r"^(ich|я)\b", "me", shown)
        assert read_order(words) == read_order(example), shown


@each_row(
    ("typed", "order"),
    [
        ("bob", PartyOrder((one(BOB),))),
        ("bob, carol then dave", PartyOrder((one(BOB, CAROL), one(DAVE)))),
        ("bob and carol THEN dave", PartyOrder((one(BOB, CAROL), one(DAVE)))),
        ("bob и carol потом dave", PartyOrder((one(BOB, CAROL), one(DAVE)))),
        ("bob und carol dann dave", PartyOrder((one(BOB, CAROL), one(DAVE)))),
        ("bob та carol потім dave", PartyOrder((one(BOB, CAROL), one(DAVE)))),
        (
            "bob, carol as witness of bob",
            PartyOrder((one(BOB, Wanted("carol", Role.WITNESS, "bob")),)),
        ),
        # Whose witness it is can only mean one.
        ("bob, carol as witness", PartyOrder((one(BOB, Wanted("carol", Role.WITNESS, "bob")),))),
        # A witness signs right after whom they see, wherever they were typed.
        (
            "bob then dave then carol as witness of @Bob",
            PartyOrder((one(BOB, Wanted("carol", Role.WITNESS, "bob")), one(DAVE))),
        ),
        (
            "bob then @dave:x.org as approver",
            PartyOrder((one(BOB), one(Wanted("@dave:x.org", Role.APPROVER)))),
        ),
        (
            "2 of bob, carol, dave then erin",
            PartyOrder((one(BOB, CAROL, DAVE, need=2), one(Wanted("erin")))),
        ),
        ("2 из bob, carol, dave", PartyOrder((one(BOB, CAROL, DAVE, need=2),))),
        ("bob; copy to frank, greta", PartyOrder((one(BOB),), ("frank", "greta"))),
        ("bob copy to frank", PartyOrder((one(BOB),), ("frank",))),
        ("bob; копию frank", PartyOrder((one(BOB),), ("frank",))),
        ("bob, frank as copy", PartyOrder((one(BOB),), ("frank",))),
        ("bob then lindenau as seal", PartyOrder((one(BOB), one(Wanted("lindenau", Role.SEAL))))),
        ("bob then carol as clerk", PartyOrder((one(BOB), one(Wanted("carol", Role.CLERK))))),
        ("@then, @and", PartyOrder((one(Wanted("@then"), Wanted("@and")),))),
        ("2", PartyOrder((one(Wanted("2")),))),
        ("each of bob, carol", PartyOrder((one(BOB, CAROL),), is_each=True)),
        ("jeder bob, carol dann dave", PartyOrder((one(BOB, CAROL), one(DAVE)), is_each=True)),
        ("bob on page 3", PartyOrder((one(Wanted("bob", place=Place(3))),))),
        ("bob on page 3 bottom right", PartyOrder((one(Wanted("bob", place=RIGHT)),))),
        ("bob на странице 3 внизу справа", PartyOrder((one(Wanted("bob", place=RIGHT)),))),
        ("bob auf Seite 3 unten rechts", PartyOrder((one(Wanted("bob", place=RIGHT)),))),
        ("bob на сторінці 3 внизу праворуч", PartyOrder((one(Wanted("bob", place=RIGHT)),))),
        (
            "bob on page 1 left, carol as clerk on page 2 middle then dave on page 3 right",
            PartyOrder(
                (
                    one(
                        Wanted("bob", place=Place(1, Side.LEFT)),
                        Wanted("carol", Role.CLERK, place=Place(2, Side.MIDDLE)),
                    ),
                    one(Wanted("dave", place=RIGHT)),
                )
            ),
        ),
        (
            "bob, carol on page 3 bottom right as witness of bob",
            PartyOrder((one(BOB, Wanted("carol", Role.WITNESS, "bob", RIGHT)),)),
        ),
        ('carol, "Bob Brown"', PartyOrder((one(CAROL, GUEST),))),
        ("carol, „Bob  Brown“", PartyOrder((one(CAROL, GUEST),))),
        ("carol, «Bob Brown»", PartyOrder((one(CAROL, GUEST),))),
        (
            '"Bob Brown" on page 3 right, carol as witness of "bob brown"',
            PartyOrder(
                (
                    one(
                        attrs.evolve(GUEST, place=RIGHT),
                        Wanted("carol", Role.WITNESS, "Bob Brown"),
                    ),
                )
            ),
        ),
        ('carol, "Bob Brown" by hand', PartyOrder((one(CAROL, WRITER),))),
        ('carol, "Bob Brown" от руки', PartyOrder((one(CAROL, WRITER),))),
        ('carol, "Bob Brown" von Hand', PartyOrder((one(CAROL, WRITER),))),
        ('carol, "Bob Brown" від руки', PartyOrder((one(CAROL, WRITER),))),
        (
            '"Bob Brown" on page 3 right by hand, carol as witness of "bob brown"',
            PartyOrder(
                (
                    one(
                        attrs.evolve(WRITER, place=RIGHT),
                        Wanted("carol", Role.WITNESS, "Bob Brown"),
                    ),
                )
            ),
        ),
        (
            '"Bob Brown" by hand on page 3 right, "Ann Brown" by hand as signer',
            PartyOrder(
                (
                    one(
                        attrs.evolve(WRITER, place=RIGHT),
                        attrs.evolve(WRITER, person="Ann Brown"),
                    ),
                )
            ),
        ),
        (
            "https://matrix.to/#/@bob:x.org",
            PartyOrder((one(Wanted("https://matrix.to/#/@bob:x.org")),)),
        ),
    ],
)
def test_what_can_be_read(typed: str, order: PartyOrder) -> None:
    assert read_order(typed) == order
    assert read_order(write_order(order)) == order


@each_row(
    ("typed", "problem", "word"),
    [
        ("", OrderProblem.EMPTY, ""),
        ("  ", OrderProblem.EMPTY, ""),
        ("bob carol", OrderProblem.WORD, "carol"),
        ("bob,", OrderProblem.WORD, ""),
        ("bob,, carol", OrderProblem.WORD, ","),
        ("bob then", OrderProblem.WORD, ""),
        ("then bob", OrderProblem.WORD, "then"),
        ("bob; carol", OrderProblem.WORD, "carol"),
        ("bob;", OrderProblem.WORD, ""),
        ("bob copy to frank then carol", OrderProblem.WORD, "then"),
        ("a@b", OrderProblem.WORD, "a@b"),
        ("bob as king", OrderProblem.ROLE, "king"),
        ("bob as", OrderProblem.ROLE, ""),
        ("bob, BOB", OrderProblem.TWICE, "BOB"),
        ("bob; copy to @bob", OrderProblem.TWICE, "@bob"),
        ("bob, carol, dave as witness", OrderProblem.WITNESS, "dave"),
        ("bob, dave as witness of erin", OrderProblem.WITNESS, "dave"),
        ("bob as witness of carol, carol as witness of bob", OrderProblem.WITNESS, "bob"),
        ("lindenau as seal, bob as witness of lindenau", OrderProblem.WITNESS, "bob"),
        ("3 of bob, carol", OrderProblem.NEED, "3"),
        ('"Bob Brown" as clerk', OrderProblem.GUEST, "Bob Brown"),
        ('"Bob Brown" as seal', OrderProblem.GUEST, "Bob Brown"),
        ('each of bob then "Bob Brown"', OrderProblem.GUEST, ""),
        ("bob by hand", OrderProblem.WORD, "by"),
        ('"Bob Brown" by', OrderProblem.WORD, "by"),
        ('"Bob Brown" by hand qualified', OrderProblem.CERTIFICATE, "Bob Brown"),
        ('"Bob Brown" by hand as approver', OrderProblem.HAND, "Bob Brown"),
        ('bob, "Ann Brown" by hand as witness of bob', OrderProblem.HAND, "Ann Brown"),
        (
            '"Bob Brown" by hand, "Ann Brown" as witness of "Bob Brown"',
            OrderProblem.HAND,
            "Bob Brown",
        ),
        (
            '"Bob Brown" by hand, carol as witness of "Bob Brown", dave as witness of "Bob Brown"',
            OrderProblem.HAND,
            "Bob Brown",
        ),
        ('each of bob then "Bob Brown" by hand', OrderProblem.GUEST, ""),
        ('"Bob Brown', OrderProblem.WORD, '"'),
        ('bob; copy to "Bob Brown"', OrderProblem.WORD, '"Bob Brown"'),
        ('"@bob:x.org"', OrderProblem.WORD, "@bob:x.org"),
        ('"Bob Brown", "bob brown"', OrderProblem.TWICE, "bob brown"),
        ("bob on page", OrderProblem.PAGE, ""),
        ("bob on page 0", OrderProblem.PAGE, "0"),
        ("bob on page three", OrderProblem.PAGE, "three"),
        ("bob on page 2001", OrderProblem.PAGE, "2001"),
        ("bob on side 3", OrderProblem.WORD, "side"),
        ("bob on page 3 top up", OrderProblem.WORD, "up"),
        ("bob on page 3 left right", OrderProblem.WORD, "right"),
        ("bob on page 3 as clerk on page 4", OrderProblem.WORD, "on"),
        ("bob, carol on page 3 as approver", OrderProblem.PLACE, "carol"),
        ("bob, carol as copy on page 3", OrderProblem.PLACE, "carol"),
        ("frank as copy", OrderProblem.EMPTY, ""),
        ("each", OrderProblem.EMPTY, ""),
        ("bob then each carol", OrderProblem.WORD, "each"),
        ("each of 2 of bob, carol", OrderProblem.NEED, "2"),
        ("each of bob, carol as witness of bob", OrderProblem.WITNESS, "carol"),
        ("each of " + ", ".join(f"p{n}" for n in range(1001)), OrderProblem.TOO_MANY, ""),
        (", ".join(f"p{n}" for n in range(201)), OrderProblem.TOO_MANY, ""),
        (" then ".join(f"p{n}" for n in range(21)), OrderProblem.TOO_MANY, ""),
        ("b" * 60_001, OrderProblem.TOO_MANY, ""),
    ],
)
def test_what_cannot(typed: str, problem: OrderProblem, word: str) -> None:
    with pytest.raises(OrderError) as e:
        read_order(typed)
    assert (e.value.problem, e.value.word) == (problem, word)


@pytest.mark.parametrize(
    ("data", "typed"),
    [
        (b"bob\ncarol\n", "each of bob, carol"),
        (b'\xef\xbb\xbfUser;Flat\r\n"@bob:x.org";12b\r\n\r\ncarol;13', "each of @bob:x.org, carol"),
        (b"bob,\tx\ncarol\ty", "each of bob, carol"),
    ],
)
def test_a_list_is_an_order_for_each(data: bytes, typed: str) -> None:
    assert read_list(data) == typed


@each_row("data", [b"", b"\xff\xfe", b"bob\nbob", b"bob smith\n", b"then\n", b"name\n"])
def test_what_is_no_list(data: bytes) -> None:
    with pytest.raises(OrderError):
        read_list(data)


NAMES = st.lists(
    st.from_regex(r"@[a-z]{1,8}(:[a-z]{1,5})?", fullmatch=True), min_size=1, max_size=9, unique=True
)


PAGES = st.integers(1, PAGE_MAX)
POINTS = st.integers(0, POINT_MAX)
AREAS = st.builds(Area, POINTS, POINTS, st.integers(*WIDTHS), st.integers(*HEIGHTS))
PLACES = (
    st.builds(Place, PAGES, st.none() | st.sampled_from(Side))
    | st.builds(Place, PAGES, st.sampled_from(Side), st.sampled_from(Row))
    | st.builds(Place, PAGES, area=AREAS)
)


def wanted(name: str) -> st.SearchStrategy[Wanted]:
    boxed = st.builds(
        Wanted,
        st.just(name),
        st.sampled_from([Role.SIGNER, Role.CLERK]),
        place=st.none() | PLACES,
    )
    return boxed | st.just(Wanted(name, Role.APPROVER))


@given(NAMES, st.data())
def test_every_order_is_read_as_it_is_written(names: list[str], data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(names)))
    signing, left = names[:count], names[count:]
    stages = []
    while signing:
        size = data.draw(st.integers(1, len(signing)))
        held = tuple(data.draw(wanted(name)) for name in signing[:size])
        need = data.draw(st.none() | st.integers(1, size))
        stages.append(WantedStage(held, need))
        signing = signing[size:]
    if left:
        seen = stages[0].wanted[0].person
        stages[0] = WantedStage(
            (*stages[0].wanted, Wanted(left[0], Role.WITNESS, seen)), stages[0].need
        )
    order = PartyOrder(tuple(stages), tuple(left[1:]))
    assume(covering([each.place for stage in stages for each in stage.wanted]) is None)
    assert read_order(write_order(order)) == order


def placed(typed: str) -> Place | None:
    return read_order(f"bob {typed}").stages[0].wanted[0].place


@each_row(
    ("typed", "place"),
    [
        ("on page 3 at 100 500", Place(3, area=Area(100, 500))),
        ("on page 3 at 0 14400", Place(3, area=Area(0, POINT_MAX))),
        ("on page 3 at 100 500 size 60 150", Place(3, area=Area(100, 500, 60, 150))),
        ("on page 3 at 100 500 size 400x30", Place(3, area=Area(100, 500, 400, 30))),
        ("на странице 3 в 100 500 размером 200х60", Place(3, area=Area(100, 500))),
        ("auf Seite 3 bei 1 2 Größe 60 30", Place(3, area=Area(1, 2, 60, 30))),
        ("на сторінці 3 у 1 2 розміром 60 30", Place(3, area=Area(1, 2, 60, 30))),
        ("on page 3 top left", Place(3, Side.LEFT, Row.TOP)),
        ("on page 3 top", Place(3, Side.RIGHT, Row.TOP)),
        ("auf Seite 3 oben Mitte", Place(3, Side.MIDDLE, Row.TOP)),
        ("on page 3 middle left", Place(3, Side.LEFT, Row.MIDDLE)),
        ("on page 3 middle middle", Place(3, Side.MIDDLE, Row.MIDDLE)),
        ("on page 3 middle", Place(3, Side.MIDDLE)),
        ("on page 3 bottom middle", Place(3, Side.MIDDLE)),
    ],
)
def test_a_place_on_a_page_is_read(typed: str, place: Place) -> None:
    assert placed(typed) == place


@each_row(
    ("typed", "word"),
    [
        ("on page 3 at", ""),
        ("on page 3 at 100", ""),
        ("on page 3 at 100 , carol", ","),
        ("on page 3 at left 5", "left"),
        ("on page 3 at 100 14401", "14401"),
        ("on page 3 at -1 5", "-1"),
        ("on page 3 at 1.5 5", "1.5"),
        ("on page 3 at 007 5", "007"),
        ("on page 3 at 1 5 size", ""),
        ("on page 3 at 1 5 size 59 30", "59"),
        ("on page 3 at 1 5 size 60 29", "29"),
        ("on page 3 at 1 5 size 401x60", "401"),
        ("on page 3 at 1 5 size 400x151", "151"),
        ("on page 3 at 1 5 size 0200x60", "0200"),
        ("on page 3 at 1 5 size 200", ""),
        (f"on page 3 at {'9' * 5000} 5", "9" * 5000),
    ],
)
def test_an_area_that_is_none_is_refused_by_its_word(typed: str, word: str) -> None:
    with pytest.raises(OrderError) as caught:
        placed(typed)

    assert (caught.value.problem, caught.value.word) == (OrderProblem.AREA, word)


def test_two_boxes_in_one_place_are_refused_but_of_documents_of_their_own() -> None:
    with pytest.raises(OrderError) as caught:
        read_order("bob on page 1 at 100 500 then carol on page 1 at 299 559")
    assert (caught.value.problem, caught.value.word) == (OrderProblem.COVERS, "carol")

    read_order("bob on page 1 at 100 500, carol on page 1 at 300 500")
    read_order("bob on page 1 at 100 500, carol on page 2 at 100 500")
    read_order("each of bob on page 1 at 100 500, carol on page 1 at 100 500")
    with pytest.raises(OrderError):
        read_order("each of bob, carol on page 1 at 100 500 then dave on page 1 at 100 500")


@given(st.text(max_size=60))
def test_no_text_breaks_it(typed: str) -> None:
    try:
        order = read_order(typed)
    except OrderError:
        return
    assert read_order(write_order(order)) == order
