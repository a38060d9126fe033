"""Unpadded base64."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from veche.protocol.unpadded_base64 import decode_base64, encode_base64


@given(st.binary(max_size=200))
def test_bytes_go_there_and_back_without_padding(data: bytes) -> None:
    text = encode_base64(data)

    assert "=" not in text
    assert decode_base64(text) == data


@each_row("text", ["AA==", "A", "AA AA", "A-_A", "AAé", "AAAA\n", "~~~~", "\ud800"])
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        decode_base64(text)


def test_bytes_have_one_form_only() -> None:
    assert decode_base64("QQ") == b"A"
    with pytest.raises(ValueError, match="other unused bits"):
        decode_base64("QR")


@given(st.text(max_size=200))
def test_garbage_raises_nothing_else(text: str) -> None:
    try:
        decode_base64(text)
    except ValueError:
        return
