from __future__ import annotations

import csv
import datetime as dt
import io
import itertools

import attrs
from hypothesis import given
from hypothesis import strategies as st

from appservices.payments.banks.core.messages import read_events
from appservices.payments.banks.core.port import Closed
from appservices.payments.statements.core import (
    CSV_HEAD,
    AccountStatement,
    Period,
    Said,
    by_period,
    lines_of,
    read_month,
    write_camt,
    write_csv,
)
from tests.support.tables import each_row

NOW_MS = 1_790_000_000_000
OWN = 7
PENDING, POST, VOID, EXPIRE = 2, 4, 8, 512


@attrs.frozen
class Row:
    pos: int
    at_ms: int
    id: str
    debit_id: int
    credit_id: int
    amount: int
    flags: int


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    at_ms = NOW_MS
    found = []
    for pos in range(draw(st.integers(0, 20))):
        at_ms += draw(st.integers(0, 20 * 86_400_000))
        debit, credit = draw(st.permutations([OWN, 8, 9]))[:2]
        flags = draw(st.sampled_from([0, 0, 1, PENDING, POST, VOID, EXPIRE]))
        amount = draw(st.integers(0, 10**12))
        found.append(Row(pos, at_ms, f"{pos:032x}", debit, credit, amount, flags))
    return found


def statement_of(
    found: list[Row], opening_minor: int = 0, said: Said | None = None
) -> AccountStatement:
    words = Said() if said is None else said
    lines = lines_of(found, OWN, opening_minor=opening_minor, say=lambda _: words)
    days = [dt.datetime.fromtimestamp(row.at_ms // 1000, dt.UTC).date() for row in found]
    on = days or [dt.date(2026, 9, 21)]
    return AccountStatement("1000007", "EUR", on[0], on[-1], opening_minor, lines, len(found))


def balance(found: list[Row]) -> int:
    """Another fold of the same rows."""
    total = 0
    for row in found:
        is_posted = row.flags not in (PENDING, VOID, EXPIRE)
        total += row.amount * ((row.credit_id == OWN) - (row.debit_id == OWN)) * is_posted
    return total


@given(rows(), st.integers(-(10**9), 10**9))
def test_a_statement_closes_with_the_ledgers_balance(found: list[Row], opening: int) -> None:
    one = statement_of(found, opening)
    assert one.closing_minor == opening + balance(found)
    assert one.opening_minor + one.credit_minor - one.debit_minor == one.closing_minor


@given(rows(), st.sampled_from(Period))
def test_days_and_months_follow_one_another_without_a_gap(found: list[Row], period: Period) -> None:
    whole = statement_of(found, 5)
    parts = by_period(whole, period)

    assert tuple(line for part in parts for line in part.lines) == whole.lines
    assert [p.opening_minor for p in parts] == [5, *(p.closing_minor for p in parts)][: len(parts)]
    assert all(a.closed_on < b.opened_on for a, b in itertools.pairwise(parts))
    for part in parts:
        days = [dt.datetime.fromtimestamp(x.at_ms // 1000, dt.UTC).date() for x in part.lines]
        assert part.opened_on <= min(days) <= max(days) <= part.closed_on


@given(rows(), st.integers(-(10**9), 10**9))
def test_the_camt_says_the_same_and_a_bank_reader_takes_it(found: list[Row], opening: int) -> None:
    one = statement_of(found, opening, Said("Anna", "rent"))
    [event] = read_events(write_camt(one, "S1", NOW_MS).data)

    assert isinstance(event, Closed)
    told = event.statement
    assert (told.opening_minor, told.closing_minor) == (one.opening_minor, one.closing_minor)
    assert [e.signed_minor for e in told.entries] == [line.amount_minor for line in one.lines]
    assert {e.text for e in told.entries} <= {"rent"}


@given(rows(), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_the_csv_says_the_same(found: list[Row], text: str) -> None:
    one = statement_of(found, 0, Said(text, "rent"))
    head, *lines = csv.reader(io.StringIO(write_csv(one).decode(), newline=""))

    assert tuple(head) == CSV_HEAD
    assert [line[2] for line in lines] == [line.id for line in one.lines]
    assert [line[5].replace(".", "") for line in lines] == [
        f"{x.balance_minor:04}" if x.balance_minor < 0 else f"{x.balance_minor:03}"
        for x in one.lines
    ]
    assert all(line[7].removeprefix("'") == text.removeprefix("'") for line in lines)


@each_row("odd", ["\ufffe", "\uffff", "\x0b", "\ud800"])
def test_no_character_of_somebody_s_name_keeps_a_statement_from_being_made(odd: str) -> None:
    row = Row(1, NOW_MS, "1", 8, OWN, 5, 0)
    one = statement_of([row], 0, Said(f"Mal{odd}lory", f"{odd}rent"))
    [event] = read_events(write_camt(one, "S1", NOW_MS).data)

    assert isinstance(event, Closed)
    [entry] = event.statement.entries
    assert (entry.other_name, entry.text) == ("Mal\ufffdlory", "\ufffdrent")


@each_row("first", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_a_csv_is_a_formula(first: str) -> None:
    row = Row(1, NOW_MS, "1", 8, OWN, 5, 0)
    one = statement_of([row], 0, Said(f"{first}cmd|'/C calc'!A0", f"{first}1"))
    [_, line] = csv.reader(io.StringIO(write_csv(one).decode(), newline=""))
    assert line[7].startswith(f"'{first}")
    assert line[8].startswith(f"'{first}")


@each_row(
    ("typed", "first"),
    [
        ("", dt.date(2026, 11, 1)),
        ("2026-11", dt.date(2026, 11, 1)),
        ("2026-2", dt.date(2026, 2, 1)),
        ("10.2026", dt.date(2026, 10, 1)),
        ("12/2025", dt.date(2025, 12, 1)),
        ("2026-12", None),
        ("2026-13", None),
        ("0000-01", None),
        ("november", None),
        ("2026", None),
    ],
)
def test_a_month_is_read_unless_it_is_none_or_to_come(typed: str, first: dt.date | None) -> None:
    assert read_month(typed, dt.date(2026, 11, 26)) == first
