"""The values of PDF, read strictly and written back token by token.

A value is its tokens: a ``bytes`` as it stands in the file (a name with its slash, a number, a
string, a reference, a word), a list, or a dictionary from names to values. So what is not
changed is written as it was, and two values are equal if and only if a file says them alike.

Stricter than ISO 32000-1 §7.3 where readers are known to differ: no comments within objects, no
name that hides a letter or a digit behind ``#``, no key twice.
"""

from __future__ import annotations

import re
from typing import Final

Value = bytes | list["Value"] | dict[bytes, "Value"]
"""A token, an array, or a dictionary whose keys are names with their slash."""
Dictionary = dict[bytes, Value]

DEPTH_MAX: Final = 64
"""Containers in one another."""

VALUES_MAX: Final = 2_000_000
"""In a file, besides its streams: what a page can hold in memory, and we within our bounds."""

_SPACE: Final = rb"[\0\t\n\f\r ]"
_END: Final = rb"(?=[\0\t\n\f\r ()<>\[\]{}/%]|\Z)"
_TOKEN: Final = re.compile(
    _SPACE
    + rb"*(?:(?P<leaf>/(?:[^\0\t\n\f\r ()<>\[\]{}/%#]|\#[0-9A-Fa-f]{2})*"
    + rb"|\d{1,10} \d{1,5} R"
    + _END
    + rb"|[+-]?(?:\d{1,19}(?:\.\d{0,19})?|\.\d{1,19})"
    + _END
    + rb"|(?:true|false|null)"
    + _END
    + rb"|<(?!<)[0-9A-Fa-f\0\t\n\f\r ]*>"
    + rb")|(?P<open><<|\[)|(?P<close>>>|\])|(?P<text>\())"
)
_PARENTHESIS: Final = re.compile(rb"\\.|[()]", re.DOTALL)
_HIDDEN: Final = re.compile(rb"#(?:3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])")
_REFERENCE: Final = re.compile(rb"(\d{1,10}) (\d{1,5}) R")
_NATURAL: Final = re.compile(rb"\d{1,19}")
_NUMBER: Final = re.compile(rb"[+-]?(?:\d+(?:\.\d*)?|\.\d+)")


class PdfError(ValueError):
    """The file is not one that all readers read alike; the message names the first reason."""


def read_value(data: bytes, at: int, end: int, most: int = VALUES_MAX) -> tuple[Value, int, int]:
    """The value that begins at ``at``, where it ends, and how many values are in it with itself.

    Args:
        data: The file.
        at: Where it begins.
        end: Where it has to end.
        most: How many values it may have.

    Raises:
        PdfError: There is none, or it does not end before ``end``, or has more values.
    """
    stack: list[tuple[bytes, list[Value]]] = []
    count = 0
    match = _TOKEN.match
    while True:
        token = match(data, at, end)
        if token is None:
            raise PdfError(f"no value of PDF at byte {at}")
        at = token.end()
        kind = token.lastgroup
        if kind == "open":
            if len(stack) == DEPTH_MAX:
                raise PdfError(f"more than {DEPTH_MAX} containers in one another at byte {at}")
            stack.append((token["open"], []))
            continue
        if kind == "leaf":
            value: Value = _leaf(token["leaf"])
        elif kind == "text":
            start, at = at - 1, _end_of_text(data, at, end)
            value = data[start:at]
        else:
            value = _closed(stack, token["close"], at)
        count += 1
        if count > most:
            raise PdfError(f"more than {VALUES_MAX} values")
        if not stack:
            return value, at, count
        stack[-1][1].append(value)


def _leaf(token: bytes) -> bytes:
    if token[:1] == b"/" and _HIDDEN.search(token):
        raise PdfError(f"the name {token.decode('ascii', 'replace')} hides a letter or a digit")
    return token


def _end_of_text(data: bytes, at: int, end: int) -> int:
    depth = 1
    for found in _PARENTHESIS.finditer(data, at, end):
        mark = found[0]
        if mark == b"(":
            depth += 1
        elif mark == b")":
            depth -= 1
            if not depth:
                return found.end()
    raise PdfError(f"the string before byte {at} has no end")


def _closed(stack: list[tuple[bytes, list[Value]]], mark: bytes, at: int) -> Value:
    if not stack or (stack[-1][0] == b"[") != (mark == b"]"):
        raise PdfError(f"{mark.decode()} closes nothing at byte {at}")
    opened, items = stack.pop()
    if opened == b"[":
        return items
    keys = items[::2]
    if len(items) % 2 or not all(isinstance(key, bytes) and key[:1] == b"/" for key in keys):
        raise PdfError(f"the dictionary before byte {at} is not pairs of names and values")
    made: Dictionary = dict(zip(keys, items[1::2], strict=True))  # type: ignore[arg-type]  # Bytes.
    if len(made) != len(keys):
        raise PdfError(f"the dictionary before byte {at} has a key twice")
    return made


def write_value(value: Value) -> bytes:
    """The value as it stands in a file."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, list):
        return b"[%b]" % b" ".join(map(write_value, value))
    pairs = (b"%b %b" % (key, write_value(one)) for key, one in value.items())
    return b"<<%b>>" % b" ".join(pairs)


def dictionary(value: Value | None, what: str) -> Dictionary:
    """The value if it is a dictionary.

    Raises:
        PdfError: It is not; the message says that ``what`` is none.
    """
    if not isinstance(value, dict):
        raise PdfError(f"{what} is no dictionary")
    return value


def array(value: Value | None, what: str) -> list[Value]:
    """The value if it is an array.

    Raises:
        PdfError: It is not.
    """
    if not isinstance(value, list):
        raise PdfError(f"{what} is no array")
    return value


def reference(number: int) -> bytes:
    """A reference to an object of generation 0."""
    return b"%d 0 R" % number


def referred(value: Value | None, what: str) -> int:
    """Number of the object that the value refers to.

    Raises:
        PdfError: It is no reference, or one to another generation than 0.
    """
    found = _REFERENCE.fullmatch(value) if isinstance(value, bytes) else None
    if found is None or int(found[2]):
        raise PdfError(f"{what} is no reference to an object of generation 0")
    return int(found[1])


def is_reference(value: Value | None) -> bool:
    """Return whether the value refers to an object."""
    return isinstance(value, bytes) and _REFERENCE.fullmatch(value) is not None


def natural(value: Value | None, what: str) -> int:
    """The value if it is a whole number from 0.

    Raises:
        PdfError: It is not.
    """
    if not isinstance(value, bytes) or not _NATURAL.fullmatch(value):
        raise PdfError(f"{what} is no natural number")
    return int(value)


def number(value: Value | None, what: str) -> float:
    """The value if it is a number.

    Raises:
        PdfError: It is not.
    """
    if not isinstance(value, bytes) or not _NUMBER.fullmatch(value):
        raise PdfError(f"{what} is no number")
    return float(value)


def text(words: str) -> bytes:
    """A text string: UTF-16 with its mark, in hexadecimal (ISO 32000-1 §7.9.2.2)."""
    return b"<FEFF%b>" % words.encode("utf-16-be").hex().upper().encode()


_LITERAL: Final = re.compile(rb"\\([nrtbf()\\]|[0-7]{1,3}|\r?\n|\r)|\r\n?")
_ESCAPES: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def string_bytes(value: Value | None, what: str) -> bytes:
    """Decode a string, literal or hexadecimal.

    Raises:
        PdfError: It is no string.
    """
    if isinstance(value, bytes) and value[:1] == b"<":
        digits = bytes(value[1:-1]).translate(None, b"\0\t\n\f\r ").decode()
        return bytes.fromhex(digits + "0" * (len(digits) % 2))
    if isinstance(value, bytes) and value[:1] == b"(":
        return _LITERAL.sub(_unescape, value[1:-1])
    raise PdfError(f"{what} is no string")


def _unescape(found: re.Match[bytes]) -> bytes:
    mark = found[1]
    if mark is None:
        return b"\n"
    if mark[:1].isdigit():
        return bytes((int(mark, 8) & 0xFF,))
    if mark[:1] in b"\r\n":
        return b""
    return _ESCAPES.get(mark, mark)


def string_text(value: Value | None, what: str) -> str:
    """The words of a text string: UTF-16 with its mark, UTF-8 with its mark, else Latin letters.

    Raises:
        PdfError: It is no string, or not of that form.
    """
    said = string_bytes(value, what)
    try:
        if said[:2] == b"\xfe\xff":
            return said[2:].decode("utf-16-be")
        return said.decode("utf-8-sig" if said[:3] == b"\xef\xbb\xbf" else "latin-1")
    except UnicodeDecodeError as e:
        raise PdfError(f"{what} is no text") from e
