"""What is typed to share a bill, and what is asked back."""

from appservices.payments.amounts.core.order import REFERENCE_CHARACTERS_MAX, OrderProblem
from appservices.payments.amounts.core.split import PARTS_MAX
from appservices.payments.bills.core.bill import Sharer
from appservices.payments.bills.core.order import WEIGHT_MAX, BillOrder, BillProblem, read_bill
from tests.support.tables import each_row

EURO = ["EUR"]


def read(typed: str, currencies: list[str] | None = None) -> BillOrder:
    found = read_bill(typed, currencies or EURO)
    assert isinstance(found, BillOrder)
    return found


def test_an_amount_some_names_and_what_it_is_for() -> None:
    order = read("60.00 EUR @alice @Bob:2 @carol=10.00 dinner at Ida's")

    assert order.amount.minor == 6_000
    assert order.sharers == (Sharer("alice"), Sharer("bob", 2), Sharer("carol", fixed_minor=1_000))
    assert order.reference == "dinner at Ida's"


@each_row(
    "typed",
    [
        "60 @alice @bob dinner",
        "60 € dinner @alice, @bob",
        "60,00 EUR for dinner @alice @bob;",
        "EUR 60 @alice dinner @bob",
    ],
)
def test_names_stand_where_they_like(typed: str) -> None:
    order = read(typed)

    assert (order.amount.minor, order.reference) == (6_000, "dinner")
    assert [one.who for one in order.sharers] == ["alice", "bob"]


@each_row("word", ["@me", "@Ich", "@я", "@me:1"])
def test_who_asks_may_have_a_share_too(word: str) -> None:
    assert read(f"60 EUR {word} @bob").sharers == (Sharer(""), Sharer("bob"))


def test_a_name_may_have_its_server() -> None:
    order = read("60 EUR @bob:example.org @carol:example.org:3 @dan:example.org=5")

    assert [(one.who, one.parts, one.fixed_minor) for one in order.sharers] == [
        ("bob:example.org", 1, None),
        ("carol:example.org", 3, None),
        ("dan:example.org", 1, 500),
    ]


@each_row(
    ("typed", "problem"),
    [
        ("", OrderProblem.USAGE),
        ("@alice @bob", OrderProblem.BAD_AMOUNT),
        ("0 EUR @alice", OrderProblem.NOT_ABOVE_ZERO),
        ("1,250 EUR @alice", OrderProblem.AMOUNT_IN_DOUBT),
        ("60 USD @alice", OrderProblem.OTHER_CURRENCY),
        (f"60 EUR @alice {'x' * (REFERENCE_CHARACTERS_MAX + 1)}", OrderProblem.LONG_REFERENCE),
        ("60 EUR @alice din\u200bner", OrderProblem.HIDDEN_CHARACTERS),
        ("60 EUR dinner", BillProblem.NOBODY),
        ("60 EUR @me", BillProblem.NOBODY),
        ("60 EUR @bob @BOB", BillProblem.TWICE),
        ("60 EUR @bob:0", BillProblem.BAD_PARTS),
        (f"60 EUR @bob:{WEIGHT_MAX + 1}", BillProblem.BAD_PARTS),
        ("60 EUR @=5", BillProblem.BAD_PARTS),
        ("60 EUR @bob=5.0001", OrderProblem.TOO_MANY_DECIMALS),
        ("60 EUR @bob=1,250", OrderProblem.AMOUNT_IN_DOUBT),
        ("60 EUR @bob=70 @carol", BillProblem.TOO_LITTLE),
        ("60 EUR @bob=20 @carol=30", BillProblem.REMAINS),
        ("60 EUR @bob=60 @carol", BillProblem.NOTHING_LEFT),
        ("0.01 EUR @bob @carol", BillProblem.NOTHING_LEFT),
    ],
)
def test_what_cannot_be_read_is_asked_back(typed: str, problem: BillProblem | OrderProblem) -> None:
    assert read_bill(typed, EURO) is problem


def test_where_there_are_several_currencies_one_is_typed() -> None:
    assert read_bill("60 @bob", ["EUR", "UAH"]) is OrderProblem.NO_CURRENCY


def test_as_many_share_it_as_may_and_no_more() -> None:
    names = " ".join(f"@p{n}" for n in range(PARTS_MAX))

    assert len(read(f"60 EUR {names}").sharers) == PARTS_MAX
    assert read_bill(f"60 EUR {names} @more", EURO) is BillProblem.TOO_MANY


def test_the_most_parts_are_read() -> None:
    assert read(f"60 EUR @bob:{WEIGHT_MAX}").sharers == (Sharer("bob", WEIGHT_MAX),)
