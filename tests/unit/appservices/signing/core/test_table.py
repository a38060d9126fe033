"""Tables of documents, as spreadsheets write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appservices.signing.drafting.core.table import (
    CELL_CHARACTERS_MAX,
    COLUMNS_MAX,
    TableError,
    read_head,
    read_row,
    read_table,
)
from tests.support.tables import each_row

if TYPE_CHECKING:
    from collections.abc import Sequence

PARTIES, ANSWERS = ("p1", "p2"), ("rent", "reference")


@each_row(
    ("data", "rows"),
    [
        (b"a,b\n1,2\n", [["a", "b"], ["1", "2"]]),
        (b"\xef\xbb\xbfa;b\r\n1,5;2\r\n", [["a", "b"], ["1,5", "2"]]),
        (b"a\tb\n1\t2", [["a", "b"], ["1", "2"]]),
        (b'a,b\n"1, 2","say ""x""\nand y"\n', [["a", "b"], ["1, 2", 'say "x"\nand y']]),
        (b"a\n\n  \n,\n1", [["a"], ["1"]]),
        (b"", []),
    ],
)
def test_what_spreadsheets_write_is_read(data: bytes, rows: list[list[str]]) -> None:
    assert list(read_table(data)) == rows


@each_row(
    ("data", "words"),
    [
        (b"a,b\n\xff", "UTF-8"),
        (b'a,b\n"1', "line 2"),
        (b'a,b\n1,2\n"1"x,2', "line 3"),
        (b"," * COLUMNS_MAX, "line 1"),
        (b"a\n" + b"x" * (CELL_CHARACTERS_MAX + 1), "line 2"),
    ],
)
def test_what_is_no_table_is_refused_with_its_line(data: bytes, words: str) -> None:
    with pytest.raises(TableError, match=words):
        list(read_table(data))


@given(st.binary(max_size=80))
def test_no_bytes_break_it(data: bytes) -> None:
    try:
        rows = list(read_table(data))
    except TableError:
        return
    assert all(any(row) for row in rows)


def test_a_head_names_the_columns_of_the_template() -> None:
    head = ["reference", "p1.name", "parties.p2.user", "rent", "answers.reference"]

    columns = read_head(head, PARTIES, ANSWERS)

    assert columns == ["reference", "p1.name", "p2.user", "answers.rent", "answers.reference"]


@each_row(
    ("head", "words"),
    [
        (
            ["rent", "pets"],
            "“pets”; there are: reference, title, p1.name, p1.user, p2.name, p2.user, rent",
        ),
        (["p3.name"], "“p3.name”"),
        ([], "is empty"),
        (["rent", ""], "“”"),
        (["rent", "answers.rent"], "“answers.rent” twice"),
    ],
)
def test_a_head_with_other_columns_is_refused(head: Sequence[str], words: str) -> None:
    with pytest.raises(TableError, match=words):
        read_head(head, PARTIES, ANSWERS)


def test_a_title_is_that_of_the_document_unless_the_template_asks_for_one() -> None:
    assert read_head(["title", "rent"], PARTIES, ANSWERS) == ["title", "answers.rent"]
    asks = read_head(["title", "rent"], PARTIES, [*ANSWERS, "title"])
    assert asks == ["answers.title", "answers.rent"]


def test_a_row_is_what_a_program_would_send() -> None:
    columns = ["reference", "title", "p1.name", "p1.user", "p2.name", "p2.user", "answers.rent"]

    cells = ["f5", "Lease of flat 5", "Alice", "@alice:x.org", "Town", "", "900 EUR", ""]
    assert read_row(columns, cells) == {
        "reference": "f5",
        "title": "Lease of flat 5",
        "parties": [
            {"party": "p1", "name": "Alice", "user": "@alice:x.org"},
            {"party": "p2", "name": "Town"},
        ],
        "answers": {"rent": "900 EUR"},
    }
    assert read_row(columns, ["f5"]) == {"reference": "f5", "parties": [], "answers": {}}


def test_a_row_with_more_cells_than_columns_is_refused() -> None:
    with pytest.raises(TableError, match="more cells"):
        read_row(["reference"], ["f5", "900"])
