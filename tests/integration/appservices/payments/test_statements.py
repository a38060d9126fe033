"""Statements out of a ledger in PostgreSQL."""

from __future__ import annotations

import datetime as dt
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from appservices.payments.statements.core import LINES_MAX, Said
from appservices.payments.statements.service import statements
from appservices.payments.statements.service.statements import DAYS_MAX, statement
from appservices.payments.statements.store import last_block_before
from tests.integration.appservices.payments.ledgers import ledger
from tests.support.ledger import ALICE, BANK, BOB, Shard, people
from veche.protocol.errors import MalformedError, TooLargeError
from veche.runtime.database import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres

DAY_MS = 86_400_000
FIRST = dt.date(2026, 9, 1)
FIRST_MS = 1_788_220_800_000
PAYMENTS = 7


@pytest.fixture(scope="module")
def txn() -> Iterator[Cursor]:
    """A ledger in which Alice pays Bob 1, 2, 3 … once a day, twelve hours after midnight."""
    with ledger() as (dsn, store):
        shard = people(Shard(store, now_ms=FIRST_MS - DAY_MS))
        shard.one(BANK, ALICE, 1_000)
        for number in range(PAYMENTS):
            shard.now_ms = FIRST_MS + number * DAY_MS + DAY_MS // 2
            shard.one(ALICE, BOB, number + 1)
        with closing(connect(dsn)) as connection, connection, connection.cursor() as cursor:
            yield cursor


def test_the_first_day_is_the_one_that_it_says() -> None:
    assert dt.datetime.fromtimestamp(FIRST_MS / 1000, dt.UTC).date() == FIRST


@pytest.mark.parametrize("start", range(PAYMENTS))
@pytest.mark.parametrize("count", [1, 3, PAYMENTS])
def test_a_statement_has_the_lines_of_its_days_and_adds_up(
    txn: Cursor, start: int, count: int
) -> None:
    first = FIRST + dt.timedelta(days=start)
    found = statement(txn, ALICE, "EUR", (first, first + dt.timedelta(days=count - 1)))
    numbers = range(start, min(start + count, PAYMENTS))

    assert [line.amount_minor for line in found.lines] == [-(n + 1) for n in numbers]
    assert found.closing_minor - found.opening_minor == -sum(n + 1 for n in numbers)


def test_before_anything_there_is_nothing(txn: Cursor) -> None:
    long_ago = dt.date(2000, 1, 1)
    found = statement(txn, ALICE, "EUR", (long_ago, long_ago))
    assert (found.opening_minor, found.lines, found.closing_minor) == (0, (), 0)


def test_a_line_says_what_its_reader_may_know(txn: Cursor) -> None:
    found = statement(txn, BOB, "EUR", (FIRST, FIRST), lambda row: Said(f"from {row.debit_id}"))
    assert [line.said.name for line in found.lines] == [f"from {ALICE}"]


def test_pages_do_not_show(txn: Cursor, monkeypatch: pytest.MonkeyPatch) -> None:
    days = (FIRST, FIRST + dt.timedelta(days=PAYMENTS))
    whole = statement(txn, ALICE, "EUR", days)
    monkeypatch.setattr(statements, "PAGE_ROWS", 2)
    assert statement(txn, ALICE, "EUR", days) == whole


def test_a_statement_is_bounded(txn: Cursor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "LINES_MAX", 2)
    with pytest.raises(TooLargeError):
        statement(txn, ALICE, "EUR", (FIRST, FIRST + dt.timedelta(days=PAYMENTS)))
    assert LINES_MAX == 100_000


@pytest.mark.parametrize("days", [-1, DAYS_MAX])
def test_days_are_in_order_and_bounded(txn: Cursor, days: int) -> None:
    with pytest.raises(MalformedError):
        statement(txn, ALICE, "EUR", (FIRST, FIRST + dt.timedelta(days=days)))


def test_a_block_is_found_by_its_time(txn: Cursor) -> None:
    txn.execute("SELECT seq, at_ms FROM ledger.block WHERE shard = 0 ORDER BY seq")
    blocks = txn.fetchall()
    for seq, at_ms in blocks:
        before = [number for number, when in blocks if when < at_ms]
        assert last_block_before(txn, 0, at_ms) == max(before, default=0)
        assert last_block_before(txn, 0, at_ms + 1) >= seq
