import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from veche.protocol.ids import ULID_PATTERN, as_event_id, derived_ulid, effect_id, ulid

MS_MAX = (1 << 48) - 1


def test_a_ulid_is_that_of_the_specification() -> None:
    assert ulid(1_469_918_176_385, bytes(10)) == "01ARYZ6S410000000000000000"


@given(st.integers(0, MS_MAX), st.binary(min_size=10, max_size=10))
def test_a_ulid_has_its_pattern(at_ms: int, entropy: bytes) -> None:
    assert re.match(ULID_PATTERN, ulid(at_ms, entropy))


@given(st.integers(0, MS_MAX - 1))
def test_ulids_sort_by_time(at_ms: int) -> None:
    assert ulid(at_ms, b"\xff" * 10) < ulid(at_ms + 1, bytes(10))


@each_row(
    ("at_ms", "entropy"),
    [(-1, bytes(10)), (MS_MAX + 1, bytes(10)), (0, bytes(9)), (0, bytes(11))],
)
def test_a_ulid_out_of_bounds_is_refused(at_ms: int, entropy: bytes) -> None:
    with pytest.raises(ValueError, match=r"must have|does not fit"):
        ulid(at_ms, entropy)


def test_the_same_cause_makes_the_same_id() -> None:
    assert effect_id("$event", "menu", 1) == effect_id("$event", "menu", 1)
    assert derived_ulid(5, "$event", 1) == derived_ulid(5, "$event", 1)


def test_another_cause_makes_another_id() -> None:
    causes = [("a", "bc"), ("ab", "c"), ("abc",), ("a", "b", "c"), ("a", "bc", "")]
    assert len({effect_id(*cause) for cause in causes}) == len(causes)
    assert len({derived_ulid(5, *cause) for cause in causes}) == len(causes)


def test_an_effect_id_is_safe_in_a_path() -> None:
    assert re.fullmatch("[0-9a-f]{32}", effect_id("$a/b:c", 1))


@pytest.mark.parametrize("value", ["$a", "$143273582443PhrSn:example.org", "$" + "x" * 254])
def test_an_event_id_is_taken(value: str) -> None:
    assert as_event_id(value) == value


@each_row(
    "value", [None, 5, ["$a"], "", "$", "a", "!a", "$a b", "$a\x00", "$\ud800", "$" + "x" * 255]
)
def test_what_no_database_takes_is_no_event_id(value: object) -> None:
    assert as_event_id(value) is None
