"""DER: one encoding of each value, and no other is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from veche.documents.pki import der
from veche.documents.pki.der import DerError


@given(st.binary(max_size=70_000))
def test_what_is_written_is_read(body: bytes) -> None:
    assert der.read_whole(der.octets(body), der.OCTET_STRING) == body


@given(st.integers(0, 2**200))
def test_a_number_has_one_form(number: int) -> None:
    body = der.read_whole(der.integer(number), der.INTEGER)

    assert der.read_integer(body) == number
    with pytest.raises(DerError):
        der.read_integer(b"\0" + body if not body[0] & 0x80 else b"\xff")


@each_row(
    ("dotted", "encoded"),
    [
        ("1.2.840.113549.1.7.2", "06092a864886f70d010702"),
        ("2.16.840.1.101.3.4.2.1", "0609608648016503040201"),
        ("2.5.4.3", "0603550403"),
        ("2.999.3", "0603883703"),
    ],
)
def test_object_identifiers_are_those_of_the_standards(dotted: str, encoded: str) -> None:
    assert der.oid(dotted).hex() == encoded


@each_row(
    "data",
    [
        "",
        "04",
        "0401",
        "0480",  # indefinite
        "048101aa",  # one octet would do
        "04820001aa",  # a leading zero
        "0485000000000100",  # five octets
        "1f0100",  # a tag of several octets
        "04820100aa",  # longer than the data
    ],
)
def test_other_encodings_are_refused(data: str) -> None:
    with pytest.raises(DerError):
        der.read(bytes.fromhex(data))


@given(st.binary(max_size=64))
def test_what_is_read_is_written_the_same(data: bytes) -> None:
    try:
        element, end = der.read(data)
    except DerError:
        return
    assert element.encoded == data[:end]


def test_members_of_a_set_are_in_order() -> None:
    assert der.set_of(b"\x02\x01\x05", b"\x01\x01\xff") == bytes.fromhex("31060101ff020105")


def test_one_element_more_than_is_read_is_refused() -> None:
    body = der.integer(1) * der.CHILDREN_MAX

    assert len(der.children(body)) == der.CHILDREN_MAX
    with pytest.raises(DerError):
        der.children(body + der.integer(1))


@each_row(
    ("encoded", "definite"),
    [
        ("0403616263", "0403616263"),
        ("30800403616263" + "0000", "30050403616263"),
        ("3080a0800201010000" + "0000", "3005a003020101"),
        ("2480040161" + "04026263" + "0000", "0403616263"),
        ("2480" + "0000", "0400"),
    ],
)
def test_indefinite_lengths_are_read_as_definite_ones(encoded: str, definite: str) -> None:
    data = bytes.fromhex(encoded)

    assert der.read_indefinite(data + b"more") == (bytes.fromhex(definite), len(data))


@each_row(
    "encoded",
    [
        "3080",
        "308004",
        "30800403616263",
        "0480616200",
        "30830000010000",
        "2480020101" + "0000",
        "3080" * (der.INDEFINITE_DEPTH_MAX + 1) + "0000" * (der.INDEFINITE_DEPTH_MAX + 1),
    ],
)
def test_what_is_no_element_of_indefinite_length_is_refused(encoded: str) -> None:
    with pytest.raises(der.DerError):
        der.read_indefinite(bytes.fromhex(encoded))


def test_as_many_indefinite_lengths_in_one_another_as_allowed_are_read() -> None:
    most = der.INDEFINITE_DEPTH_MAX

    assert der.read_indefinite(bytes.fromhex("3080" * most + "0000" * most))[1] == 4 * most
