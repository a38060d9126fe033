"""The little DER that signatures and time stamps need: a writer and a strict reader.

By hand, because building the same values with a general ASN.1 library costs 7 to 22 ms, and this
0.03 ms; and because a reader that takes one encoding only cannot be told two things by one file.
Source: ITU-T X.690 (2021).
"""

from __future__ import annotations

import functools
from typing import Final, NamedTuple

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
NULL: Final = 0x05
OID: Final = 0x06
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31

CHILDREN_MAX: Final = 64
"""Elements of one constructed element that are read."""
INDEFINITE_DEPTH_MAX: Final = 16
"""Elements of indefinite length in one another."""
_LENGTH_BYTES_MAX: Final = 4
_CONSTRUCTED: Final = 0x20
_END_OF_CONTENTS: Final = b"\0\0"
_LONG: Final = 0x80
_TAG_OF_MANY_OCTETS: Final = 0x1F


class DerError(ValueError):
    """The bytes are not the DER that was expected; nothing of them was taken."""


class Element(NamedTuple):
    """One element.

    Attributes:
        tag: Its identifier octet.
        body: Its contents octets.
    """

    tag: int
    body: bytes

    @property
    def encoded(self) -> bytes:
        """The element as it was read: DER has one form only."""
        return tlv(self.tag, self.body)


def tlv(tag: int, *parts: bytes) -> bytes:
    """One element with a definite length of the fewest octets."""
    body = b"".join(parts)
    size = len(body)
    if size < _LONG:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG | len(length))) + length + body


def sequence(*parts: bytes) -> bytes:
    """A SEQUENCE of elements."""
    return tlv(SEQUENCE, *parts)


def set_of(*parts: bytes) -> bytes:
    """A SET OF elements, in the order of their encodings (X.690 §11.6)."""
    return tlv(SET, *sorted(parts))


def integer(value: int) -> bytes:
    """A non-negative INTEGER."""
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octets(value: bytes) -> bytes:
    """An OCTET STRING."""
    return tlv(OCTET_STRING, value)


@functools.cache
def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER, as in ``2.16.840.1.101.3.4.2.1``."""
    first, second, *rest = (int(part) for part in dotted.split("."))
    body = bytearray()
    for value in (first * 40 + second, *rest):
        chunk = [value & 0x7F]
        left = value >> 7
        while left:
            chunk.append(0x80 | (left & 0x7F))
            left >>= 7
        body += bytes(reversed(chunk))
    return tlv(OID, bytes(body))


def read(data: bytes, at: int = 0) -> tuple[Element, int]:
    """The element at ``at``, and where it ends.

    Raises:
        DerError: A tag of several octets, a length that is indefinite or longer than it need be,
            or an element that does not end within the data.
    """
    if at + 2 > len(data) or data[at] & _TAG_OF_MANY_OCTETS == _TAG_OF_MANY_OCTETS:
        raise DerError("no element with a tag of one octet begins here")
    tag, size, start = data[at], data[at + 1], at + 2
    if size & _LONG:
        count = size - _LONG
        size = int.from_bytes(data[start : start + count], "big")
        is_shortest = size >= _LONG and size >> (8 * (count - 1)) != 0 if count else False
        if not is_shortest or count > _LENGTH_BYTES_MAX or start + count > len(data):
            raise DerError("a length is indefinite, or not as short as it can be")
        start += count
    if start + size > len(data):
        raise DerError("an element is longer than what holds it")
    return Element(tag, bytes(data[start : start + size])), start + size


def read_indefinite(data: bytes, at: int = 0, depth: int = 0) -> tuple[bytes, int]:
    """Return the element at ``at`` with definite lengths, and where it ends in the data.

    Elements of definite length stay as they are. NSS writes signatures with indefinite lengths, and
    so do Poppler and LibreOffice by it (X.690 §8.1.3.6).

    Raises:
        DerError: It is neither DER nor that, or too deep.
    """
    if data[at + 1 : at + 2] != b"\x80":
        element, end = read(data, at)
        return element.encoded, end
    tag, start = data[at], at + 2
    if depth == INDEFINITE_DEPTH_MAX or not tag & _CONSTRUCTED:
        raise DerError("a length is indefinite where it cannot be")
    parts: list[bytes] = []
    at = start
    while data[at : at + 2] != _END_OF_CONTENTS:
        part, at = read_indefinite(data, at, depth + 1)
        parts.append(part)
    if tag == _CONSTRUCTED | OCTET_STRING:
        return octets(b"".join(read_whole(one, OCTET_STRING) for one in parts)), at + 2
    return tlv(tag, *parts), at + 2


def read_whole(data: bytes, tag: int) -> bytes:
    """The contents of the one element that the data is.

    Raises:
        DerError: Another tag, or something follows.
    """
    element, end = read(data)
    if element.tag != tag or end != len(data):
        raise DerError(f"not one element with the tag {tag:#04x}, and nothing else")
    return element.body


def children(body: bytes) -> list[Element]:
    """The elements of which a constructed element's contents consist.

    Raises:
        DerError: They are no elements, or more than ``CHILDREN_MAX``.
    """
    found: list[Element] = []
    at = 0
    while at < len(body):
        if len(found) == CHILDREN_MAX:
            raise DerError(f"more than {CHILDREN_MAX} elements in one")
        element, at = read(body, at)
        found.append(element)
    return found


def members(body: bytes, *tags: int) -> list[bytes]:
    """The contents of the elements of a SEQUENCE whose tags are known.

    Raises:
        DerError: Others are there, or in another order.
    """
    found = children(body)
    if tuple(element.tag for element in found) != tags:
        raise DerError("not the elements that belong here")
    return [element.body for element in found]


def read_integer(body: bytes) -> int:
    """The value of a non-negative INTEGER's contents.

    Raises:
        DerError: It is empty, negative, or not as short as it can be.
    """
    if not body or body[0] & 0x80 or (len(body) > 1 and body[0] == 0 and not body[1] & 0x80):
        raise DerError("not a non-negative number in its shortest form")
    return int.from_bytes(body, "big")
