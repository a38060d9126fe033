"""A test that is named as the keeper of a promise can fail, and runs each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.promises import what_is_wrong

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = """
def check_sum(found): assert found == 3

@pytest.mark.parametrize("n", [1])
def test_sums(n): assert n == 1

def test_helped(): check_sum(1 + 2)

def test_refused():
    with pytest.raises(ValueError): int("x")

def test_nothing(): sum([1, 2])

@pytest.mark.long
def test_rare(): assert True
"""
JAVASCRIPT = """
test("a page is shown", async () => {
    assert.ok(true);
});

// long
test("a large page is shown", async () => {
    assert.ok(true);
});

test("a page is opened", async () => {
    open();
});
"""


@pytest.mark.parametrize(
    ("file", "name", "wrong"),
    [
        ("test_it.py", "test_sums", ""),
        ("test_it.py", "test_helped", ""),
        ("test_it.py", "test_refused", ""),
        ("test_it.py", "test_nothing", "it asserts nothing"),
        ("test_it.py", "test_rare", "it is marked long"),
        ("test_it.py", "test_gone", "there is no such test"),
        ("it.test.js", "a page is shown", ""),
        ("it.test.js", "a large page is shown", "it is marked long"),
        ("it.test.js", "a page is opened", "it asserts nothing"),
        ("it.test.js", "a page is gone", "there is no such test"),
    ],
)
def test_a_promise_needs_a_test_of_every_run_that_asserts(
    tmp_path: Path, file: str, name: str, wrong: str
) -> None:
    path = tmp_path / file
    path.write_text(PYTHON if file.endswith(".py") else JAVASCRIPT)

    assert what_is_wrong(path, name) == wrong
