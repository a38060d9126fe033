"""Reading JSON from outside: kinds, lengths, and text that a database takes."""

from __future__ import annotations

import pytest

from tests.support.tables import each_row
from veche.protocol.json_reader import is_text
from veche.runtime.crypto.core.values import (
    ID_CHARACTERS_MAX,
    BadEventError,
    Reason,
    as_object,
    as_text,
    read_json,
    write_json,
)


@each_row("value", [None, True, 7, b"x", "", [], {}, "a\0b", "\ud800"])
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(BadEventError) as e:
        as_text(value, "where")

    assert e.value.reason is Reason.FORM


def test_a_text_at_its_limit_is_taken_and_one_beyond_is_not() -> None:
    assert as_text("x" * ID_CHARACTERS_MAX, "where") == "x" * ID_CHARACTERS_MAX
    with pytest.raises(BadEventError) as e:
        as_text("x" * (ID_CHARACTERS_MAX + 1), "where")

    assert e.value.reason is Reason.TOO_LARGE


@each_row("value", [None, 7, "x", []])
def test_what_is_no_object_is_refused(value: object) -> None:
    with pytest.raises(BadEventError):
        as_object(value, "where")


@each_row("data", [b"", b"null", b"\xff\xfe", b"[" * 100_000, b'{"a":1'])
def test_bytes_that_are_no_object_are_refused(data: bytes) -> None:
    with pytest.raises(BadEventError):
        read_json(data, "where")


def test_text_of_any_language_is_stored() -> None:
    assert is_text("вече 🙂")
    assert not is_text("\0")
    assert not is_text("\udc00")


def test_json_is_written_short_and_in_utf8() -> None:
    assert write_json({"a": "вече", "b": [1]}) == '{"a":"вече","b":[1]}'.encode()
