"""Encrypted files: what is written, and everything that is refused when reading."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.crypto_peers import damaged, refuses
from tests.support.tables import each_row
from veche.protocol.errors import MalformedError, TooLargeError
from veche.protocol.unpadded_base64 import decode_base64, encode_base64
from veche.runtime.crypto import attachments
from veche.runtime.crypto.attachments import (
    CHUNK_BYTES,
    decrypt_file,
    encrypt_file,
    open_head,
    read_file_key,
)

URL = "mxc://veche.test/abc"


def opened(ciphertext: bytes, file: dict[str, Any]) -> bytes:
    plain = io.BytesIO()
    decrypt_file(io.BytesIO(ciphertext), plain, read_file_key(file))
    return plain.getvalue()


@given(st.binary(max_size=1_000))
def test_a_file_goes_there_and_back(data: bytes) -> None:
    ciphertext, file = encrypt_file(data)

    assert opened(ciphertext, {**file, "url": URL}) == data


def test_a_file_of_several_chunks_goes_there_and_back() -> None:
    data = bytes(range(256)) * (3 * CHUNK_BYTES // 256 + 1)
    ciphertext, file = encrypt_file(data)

    assert ciphertext != data
    assert opened(ciphertext, {**file, "url": URL}) == data


def test_each_file_has_its_own_key_and_the_form_of_the_specification() -> None:
    first, file = encrypt_file(b"same")
    second, other = encrypt_file(b"same")

    assert first != second
    assert file["key"]["k"] != other["key"]["k"]
    assert file["v"] == "v2"
    assert decode_base64(file["iv"])[8:] == bytes(8)
    assert file["hashes"] == {"sha256": encode_base64(hashlib.sha256(first).digest())}
    assert file["key"] | {"k": ""} == {
        "kty": "oct",
        "alg": "A256CTR",
        "key_ops": ["encrypt", "decrypt"],
        "k": "",
        "ext": True,
    }


def test_nothing_is_written_of_a_file_with_another_hash() -> None:
    ciphertext, file = encrypt_file(b"contract")
    plain = io.BytesIO()
    changed = bytes([ciphertext[0] ^ 1]) + ciphertext[1:]

    with pytest.raises(MalformedError) as e:
        decrypt_file(io.BytesIO(changed), plain, read_file_key({**file, "url": URL}))

    assert e.value.field == "file.hashes.sha256"
    assert plain.getvalue() == b""


@each_row("count", [0, 3, 8, 100])
def test_the_head_of_a_file_is_opened_once_its_hash_is_right(count: int) -> None:
    ciphertext, file = encrypt_file(b"contract")
    key = read_file_key({**file, "url": URL})

    assert open_head(ciphertext, key, count) == b"contract"[:count]
    with pytest.raises(MalformedError, match="sha256"):
        open_head(ciphertext[:-1], key, count)


def test_every_part_of_the_description_is_checked() -> None:
    file = {**encrypt_file(b"x")[1], "url": URL}
    unused = ("key.key_ops", "key.ext")
    padded = "= 'AAAA='"  # padding is tolerated, the length is not

    for where, wrong in damaged(file):
        if where.startswith(unused) or (where.startswith("url") and padded in where):
            continue
        assert refuses(MalformedError, read_file_key, wrong), where


def test_padded_base64_of_older_clients_is_read() -> None:
    ciphertext, file = encrypt_file(b"x")
    file["hashes"]["sha256"] += "="
    file["iv"] += "=="

    assert opened(ciphertext, {**file, "url": URL}) == b"x"


def test_a_file_at_the_limit_is_taken_and_one_beyond_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attachments, "FILE_BYTES_MAX", 100)
    ciphertext, file = encrypt_file(b"x" * 100)
    key = read_file_key({**file, "url": URL})

    assert decrypt_file(io.BytesIO(ciphertext), io.BytesIO(), key) == 100
    with pytest.raises(TooLargeError):
        encrypt_file(b"x" * 101)
    with pytest.raises(TooLargeError):
        decrypt_file(io.BytesIO(ciphertext + b"x"), io.BytesIO(), key)


def test_no_key_is_in_the_representation() -> None:
    file = encrypt_file(b"x")[1]
    key = read_file_key({**file, "url": URL})

    assert str(key.key) not in repr(key)
