"""A table of people: the page reads it as the services read tables."""

from __future__ import annotations

import base64
from random import Random
from typing import Any, Final

import pytest

from appservices.signing.drafting.core.table import TableError, read_table
from tests.support.node import why_no_node
from tests.unit.appservices.widgets.test_signing_twins import by_page

pytestmark = pytest.mark.skipif(bool(why_no_node()), reason=why_no_node())

_ROWS: Final = """
    const { readTable } = await at("sign/new/table.js");
    answer(given.map((text) => {
        try {
            return [...readTable(text)].map(({ cells }) => cells);
        } catch (error) {
            if (!error.fault) throw error;
            return error.fault;
        }
    }));
"""
_PEOPLE: Final = """
    const { readPeople } = await at("sign/new/table.js");
    const isAccount = (typed) => /^@?[a-z0-9]+(:[a-z.]+)?$/.test(typed);
    answer(given.map((data) => {
        try {
            return readPeople(bytes(data), isAccount);
        } catch (error) {
            if (!error.fault) throw error;
            return `${error.fault} ${error.line}`;
        }
    }));
"""
PARTS: Final = ('"', '""', ",", ";", "\t", "\n", "\r\n", "\r", " ", "bob", "@carol:x.org", "Müller")


def by_service(text: str) -> Any:
    try:
        return list(read_table(text.encode()))
    except TableError:
        return "mark"


def test_cells_are_those_that_the_service_reads() -> None:
    random = Random(7)  # noqa: S311 -- test data
    tables = ["".join(random.choices(PARTS, k=random.randint(0, 14))) for _ in range(20_000)]

    found = by_page(_ROWS, tables)

    wanted = [by_service(one) for one in tables]
    assert sum(one == "mark" for one in wanted) > 500
    assert sum(len(one) > 1 for one in wanted if one != "mark") > 500
    for text, ours, theirs in zip(tables, wanted, found, strict=True):
        assert theirs == ours, (text, theirs, ours)


def test_people_are_an_account_and_a_name_on_each_line() -> None:
    many = "".join(f"s{at}\n" for at in range(100))
    tables = (
        'account;name\n@bob:x.org;"Brown; Bob"\n\ncarol\n'.encode("utf-8-sig"),
        many.encode(),
        b"bob\nnot an account,x",
        b"name\n",
        b"",
        b"\xff\xfe",
        many.encode() + b"bob",
        b"bob\n" * 300_000,
        b'bob\n"carol',
    )

    found = by_page(_PEOPLE, [base64.b64encode(one).decode() for one in tables])

    assert found[0] == [
        {"account": "@bob:x.org", "name": "Brown; Bob"},
        {"account": "carol", "name": ""},
    ]
    assert [len(found[1]), *found[2:]] == [
        *(100, "account 2", "empty 0", "empty 0", "text 0", "many 0", "many 0", "mark 2"),
    ]
