"""A table is one test that sees each row and names the one that fails."""

from __future__ import annotations

import inspect

import pytest

from tests.support.tables import each_row


def test_each_row_of_both_tables_is_seen() -> None:
    seen = []

    @each_row("letter", "ab")
    @each_row("number, word", [(1, "one"), pytest.param(2, "two", id="second")])
    def test(fixture: str, letter: str, number: int, word: str) -> None:
        seen.append((fixture, letter, number, word))

    test("given")
    assert list(inspect.signature(test).parameters) == ["fixture"]
    assert seen == [("given", one, *row) for one in "ab" for row in ((1, "one"), (2, "two"))]


def test_a_failure_names_its_row() -> None:
    @each_row(("number", "limit"), [(1, 2), (3, 2), (1, 2)])
    def test(number: int, limit: int) -> None:
        assert number < limit

    with pytest.raises(AssertionError) as failed:
        test()
    assert failed.value.__notes__ == ["in the row number=3, limit=2"]


@each_row("rows, error", [([], "no row"), ([(1, 2, 3)], "longer"), ([(1,)], "shorter")])
def test_a_table_that_tests_nothing_or_the_wrong_thing_is_refused(
    rows: list[tuple[int]], error: str
) -> None:
    with pytest.raises(ValueError, match=error):
        each_row("one, other", rows)
