"""Unpadded base64."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veche.protocol.unpadded_base64 import from_unpadded, unpadded


@given(st.binary(max_size=200))
def test_bytes_go_there_and_back_without_padding(data: bytes) -> None:
    text = unpadded(data)

    assert "=" not in text
    assert from_unpadded(text) == data


@pytest.mark.parametrize("text", ["AA==", "A", "AA AA", "A-_A", "AAé", "AAAA\n", "~~~~", "\ud800"])
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        from_unpadded(text)


def test_bytes_have_one_form_only() -> None:
    assert from_unpadded("QQ") == b"A"
    with pytest.raises(ValueError, match="other unused bits"):
        from_unpadded("QR")


@given(st.text(max_size=200))
def test_garbage_raises_nothing_else(text: str) -> None:
    try:
        from_unpadded(text)
    except ValueError:
        return
