from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from veche.protocol.canonical import DEPTH_MAX, INTEGER_MAX, canonical, plain
from veche.protocol.errors import MalformedError


def nested(levels: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    assert isinstance(value, dict)
    return value


@each_row(
    ("value", "data"),
    [
        ({}, "{}"),
        ({"b": 1, "a": [True, False, None]}, '{"a":[true,false,null],"b":1}'),
        ({"é": "日本\n"}, '{"é":"日本\\n"}'),
        # Sorted by code point, where JavaScript sorts by UTF-16 unit.
        ({"\U00010000": 1, "\uffff": 2}, '{"\uffff":2,"\U00010000":1}'),
        ({"n": INTEGER_MAX, "m": -INTEGER_MAX}, '{"m":-9007199254740991,"n":9007199254740991}'),
    ],
)
def test_canonical_json_is_that_of_the_spec(value: dict[str, Any], data: str) -> None:
    assert canonical(value) == data.encode()


@each_row(
    ("value", "field"),
    [
        ({"a": 1.0}, r"content\.a"),
        ({"a": float("nan")}, r"content\.a"),
        ({"a": {"b": [INTEGER_MAX + 1]}}, r"content\.a\.b\.0"),
        ({"a": -INTEGER_MAX - 1}, r"content\.a"),
        ({"a": "\ud800"}, r"content\.a"),
        ({"\ud800": 1}, "content"),
        ({1: "a"}, "content"),
        ({"a": b"b"}, r"content\.a"),
        ({"a": {1, 2}}, r"content\.a"),
        ({"a": nested(DEPTH_MAX)}, "nested"),
    ],
)
def test_what_readers_would_see_differently_is_refused(value: dict[Any, Any], field: str) -> None:
    with pytest.raises(MalformedError, match=field):
        canonical(value)


def test_nesting_up_to_the_bound_is_written() -> None:
    assert canonical(nested(DEPTH_MAX)).count(b"{") == DEPTH_MAX


def test_a_copy_is_plain_and_shares_nothing() -> None:
    inner: dict[str, Any] = {"b": (1, 2)}
    value = MappingProxyType({"a": inner})

    copy = plain(value)
    inner["b"] = (3,)

    assert copy == {"a": {"b": [1, 2]}}


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-INTEGER_MAX, INTEGER_MAX)
            | st.text(max_size=9),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
            max_leaves=8,
        ),
        max_size=4,
    )
)
def test_order_of_keys_does_not_matter(value: dict[str, Any]) -> None:
    assert canonical(value) == canonical(dict(reversed(value.items())))
