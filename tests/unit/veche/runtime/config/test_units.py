import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from veche.runtime.config.units import parse_duration, parse_size, show_duration, show_size


@each_row(
    ("text", "duration_ms"),
    [
        ("0 s", 0),
        ("250 ms", 250),
        ("30 s", 30_000),
        ("5min", 300_000),
        ("2 h", 7_200_000),
        ("7 d", 604_800_000),
        ("1 w", 604_800_000),
    ],
)
def test_a_duration_is_read_in_ms(text: str, duration_ms: int) -> None:
    assert parse_duration(text) == duration_ms


@each_row(
    ("text", "size_bytes"),
    [("512 B", 512), ("64 KiB", 65_536), ("16MiB", 16_777_216), ("2 GiB", 1 << 31)],
)
def test_a_size_is_read_in_bytes(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@each_row(
    "text", ["", "30", "s", "-1 s", "1.5 h", "30 seconds", "30  s", "30 S", "30 s ", "٣ s", "1 MB"]
)
def test_what_is_no_amount_with_a_unit_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as '30 s'"):
        parse_duration(text)
    with pytest.raises(ValueError, match=r"such as '16 MiB'"):
        parse_size(text)


def test_the_longest_amount_has_nine_digits() -> None:
    assert parse_duration("999999999 ms") == 999_999_999
    with pytest.raises(ValueError, match="whole number"):
        parse_duration("1000000000 ms")


@given(st.integers(0, 999_999_999))
def test_what_is_shown_is_read_back(amount: int) -> None:
    assert parse_duration(show_duration(amount)) == amount
    assert parse_size(show_size(amount)) == amount


def test_the_largest_unit_that_fits_is_shown() -> None:
    assert show_duration(7_200_000) == "2 h"
    assert show_duration(90_000) == "90 s"
    assert show_size(16 << 20) == "16 MiB"
