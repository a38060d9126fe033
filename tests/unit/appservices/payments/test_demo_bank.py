from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from appservices.payments.banks.core.messages import read_events
from appservices.payments.banks.core.orders_xml import write_orders
from appservices.payments.banks.core.port import (
    BankEvent,
    Booked,
    Closed,
    NameAnswer,
    Odd,
    OrderKind,
    Party,
    Status,
)
from appservices.payments.banks.core.xml import BankMessageError
from appservices.payments.demo_bank.bank import Bank, demo_iban
from appservices.payments.demo_bank.book import ELSEWHERE, Book, Movement
from appservices.payments.demo_bank.habits import Habit, habit_of
from appservices.payments.demo_bank.names import compare
from tests.support.tables import each_row
from tests.unit.appservices.payments.rails.builders import DAY, IBANS, NOW_MS, collection, order
from veche.protocol.errors import ConflictError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OWN = Party("Town of Example", demo_iban(1), "COBADEFF")
CAPITAL_MINOR = 10_000_000


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    book = Book(tmp_path / "bank.sqlite", DAY)
    with book.transaction():
        book.open_account(OWN.account, OWN.name)
        book.open_account(demo_iban(2), "Ivan Petrov")
        book.move(Movement(0, DAY, ELSEWHERE, OWN.account, CAPITAL_MINOR))
        book.next_day()
    yield Bank(book, OWN.account, "EUR")
    book.close()


def told(bank: Bank) -> list[BankEvent | None]:
    """What it told so far; None for a file that cannot be read."""
    events: list[BankEvent | None] = []
    for _, _, data in bank.book.told(0):
        try:
            events += read_events(data)
        except BankMessageError:
            events.append(None)
    return events


def words(bank: Bank) -> list[str]:
    """The same in short."""
    short = []
    for event in told(bank):
        match event:
            case Status():
                short.append(f"{event.status.value} {event.code}".strip())
            case Booked():
                side = "in" if event.entry.is_credit else "out"
                short.append(f"{side} {event.entry.return_code}".strip())
            case Closed():
                short.append("closed")
            case Odd():
                short.append("odd")
            case None:
                short.append("unreadable")
    return short


def give(bank: Bank, amount_minor: int, kind: OrderKind = OrderKind.PAYOUT) -> bool:
    """Give it an order; whether the answer got lost."""
    of_kind = order if kind is OrderKind.PAYOUT else collection
    one = attrs.evolve(
        of_kind(amount_minor, amount_minor), own=OWN, other=Party("Ivan Petrov", demo_iban(2))
    )
    return bank.take(write_orders([one], NOW_MS).data, NOW_MS)


@pytest.mark.parametrize(
    ("digits", "is_lost", "said"),
    [
        (50, False, ["accepted", "out", "settled", "closed"]),
        (1, False, ["rejected AC04", "closed"]),
        (2, False, ["rejected AM04", "closed"]),
        (3, True, ["out", "closed"]),
        (4, True, ["closed"]),
        (5, False, ["pending", "accepted", "out", "closed"]),
        (6, False, ["accepted", "out", "settled", "in MS03", "closed"]),
        (7, False, ["accepted", "out", "out", "settled", "closed"]),
        (8, False, ["out", "accepted", "closed"]),
        (9, False, ["rejected MS03", "out", "closed"]),
        (10, False, ["accepted", "out", "settled", "unreadable", "closed"]),
    ],
)
def test_the_last_two_digits_say_what_goes_wrong(
    bank: Bank, digits: int, is_lost: bool, said: list[str]
) -> None:
    assert give(bank, 1_000 + digits) is is_lost
    bank.close_day(NOW_MS)

    assert words(bank) == said


def test_every_habit_has_its_digits() -> None:
    assert [habit_of(500 + habit.value) for habit in Habit] == list(Habit)
    assert [habit_of(digits) for digits in (0, 11, 99, 100)] == [None] * 4


def test_its_book_balances_and_so_do_its_statements(bank: Bank) -> None:
    for digits in (50, 3, 6, 7, 9):
        give(bank, 1_000 + digits)
    give(bank, 2_050, OrderKind.COLLECT)
    bank.close_day(NOW_MS)
    bank.close_day(NOW_MS)
    first, second = (event.statement for event in told(bank) if isinstance(event, Closed))

    accounts = (OWN.account, demo_iban(2), ELSEWHERE)
    assert sum(bank.book.balance_minor(account) for account in accounts) == 0
    assert first.opening_minor == CAPITAL_MINOR
    assert first.closing_minor == CAPITAL_MINOR - 1_050 - 1_003 - 1_007 - 1_009 + 2_050
    assert (second.opening_minor, second.entries) == (first.closing_minor, [])


def test_what_there_is_no_money_for_is_rejected(bank: Bank) -> None:
    give(bank, CAPITAL_MINOR + 50)
    assert words(bank) == ["rejected AM04"]


def test_the_same_file_again_does_nothing(bank: Bank) -> None:
    give(bank, 1_003)
    before = bank.book.told_count()

    assert give(bank, 1_003) is False
    assert bank.book.told_count() == before


def test_another_file_under_the_same_id_is_refused(bank: Bank) -> None:
    data = write_orders([order(own=OWN, text="a")], NOW_MS).data
    bank.take(data, NOW_MS)
    with pytest.raises(ConflictError):
        bank.take(data.replace(b"<Ustrd>a<", b"<Ustrd>b<"), NOW_MS)


def test_orders_of_another_account_are_refused_as_a_whole(bank: Bank) -> None:
    with pytest.raises(RefusedError):
        bank.take(write_orders([order(own=Party("X", IBANS[2]))], NOW_MS).data, NOW_MS)
    assert bank.book.told_count() == 0


def test_what_would_go_from_an_account_to_itself_is_rejected_alone(bank: Bank) -> None:
    orders = [
        order(n, 1_050, own=OWN, other=Party("Somebody", account))
        for n, account in enumerate((OWN.account, bank.virtual("Alice"), demo_iban(2)))
    ]
    bank.take(write_orders(orders, NOW_MS).data, NOW_MS)

    assert words(bank) == ["rejected AG01", "rejected AG01", "accepted", "out", "settled"]


def test_what_comes_to_a_virtual_account_is_the_customers_and_says_so(bank: Bank) -> None:
    virtual = bank.virtual("Alice")
    bank.receive(Movement(0, DAY, ELSEWHERE, "", 700, named=virtual, other_name="A"), NOW_MS)
    [event] = told(bank)

    assert isinstance(event, Booked)
    assert (event.account, event.entry.own_account) == (OWN.account, virtual)


def test_nobody_can_pay_to_an_account_that_is_not_there(bank: Bank) -> None:
    with pytest.raises(RefusedError):
        bank.receive(Movement(0, DAY, ELSEWHERE, "", 700, named=demo_iban(99)), NOW_MS)


def test_it_goes_on_after_a_restart(bank: Bank, tmp_path: Path) -> None:
    give(bank, 1_005)
    again = attrs.evolve(bank, book=Book(tmp_path / "bank.sqlite", DAY))
    again.close_day(NOW_MS)

    assert words(again) == ["pending", "accepted", "out", "closed"]
    again.book.close()


@each_row(
    ("asked", "owner", "answer"),
    [
        ("anna maria petrova", "Anna Maria Petrova", NameAnswer.MATCH),
        ("Anna  Petrova", "Anna Petrova", NameAnswer.MATCH),
        ("Anna Petrowa", "Anna Petrova", NameAnswer.CLOSE),
        ("Ana Petrova", "Anna Petrova", NameAnswer.CLOSE),
        ("Annna Petrova", "Anna Petrova", NameAnswer.CLOSE),
        ("Anna Petrova", "Anna Maria Petrova", NameAnswer.CLOSE),
        ("Anna Maria Petrova", "Anna Petrova", NameAnswer.CLOSE),
        ("Ana Petrowa", "Anna Petrova", NameAnswer.NO_MATCH),
        ("Anna", "Anna Petrova", NameAnswer.NO_MATCH),
        ("Petrova Anna", "Anna Petrova", NameAnswer.NO_MATCH),
        ("", "A", NameAnswer.NO_MATCH),
    ],
)
def test_a_name_is_nearly_right_or_wrong(asked: str, owner: str, answer: NameAnswer) -> None:
    found = compare(asked, owner)
    assert found.answer is answer
    assert found.name == (owner if answer is NameAnswer.CLOSE else "")
