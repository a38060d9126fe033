"""A revision in the making: objects that are appended to a file, with their table and trailer.

Source: ISO 32000-1 §7.5.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from veche.documents.pdf.values import Dictionary, dictionary, reference, write_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from veche.documents.pdf.document import Document
    from veche.documents.pdf.values import Value

_KEPT: Final = (b"/Root", b"/Info", b"/ID")


@attrs.frozen
class Written:
    """A finished revision.

    Attributes:
        data: What is appended to the file, byte for byte.
        places: Where each object begins in ``data``.
    """

    data: bytes
    places: dict[int, int]


class Increment:
    """The next revision of a file."""

    def __init__(self, document: Document) -> None:
        """Begin a revision that adds nothing yet."""
        self._document = document
        self._next = document.size
        self._values: dict[int, Value] = {}
        self._streams: dict[int, bytes] = {}

    def dictionary(self, number: int, what: str) -> Dictionary:
        """An object that is a dictionary, as this revision has it so far.

        Raises:
            PdfError: It is none.
        """
        if number in self._values:
            return dictionary(self._values[number], what)
        return self._document.dictionary(number, what)

    def reserve(self) -> int:
        """A number for an object that others refer to before it is added."""
        number = self._next
        self._next += 1
        return number

    def add(self, value: Value) -> int:
        """Add an object; its number."""
        number = self.reserve()
        self.put(number, value)
        return number

    def put(self, number: int, value: Value) -> None:
        """Set the object of a number that exists or was reserved."""
        self._values[number] = value

    def add_stream(self, data: bytes, entries: Dictionary | None = None) -> int:
        """Add a stream as it is, not compressed; its number."""
        number = self.reserve()
        head = write_value({**(entries or {}), b"/Length": b"%d" % len(data)})
        self._streams[number] = b"%b\nstream\n%b\nendstream" % (head, data)
        return number

    def write(self) -> Written:
        """Finish it."""
        start = len(self._document.pdf)
        last = self._document.sections[-1]
        parts = [b"" if last.end > last.marker_end else b"\n"]
        places: dict[int, int] = {}
        at = len(parts[0])
        bodies = self._streams | {one: write_value(held) for one, held in self._values.items()}
        for number in sorted(bodies):
            places[number] = at
            parts.append(b"%d 0 obj\n%b\nendobj\n" % (number, bodies[number]))
            at += len(parts[-1])
        parts += [b"xref\n", *_table(places, start), b"trailer\n", self._trailer(last.table)]
        parts.append(b"\nstartxref\n%d\n%%%%EOF\n" % (start + at))
        return Written(b"".join(parts), places)

    def _trailer(self, previous: int) -> bytes:
        old = self._document.sections[-1].trailer
        kept: Dictionary = {key: old[key] for key in _KEPT if key in old}
        return write_value({b"/Size": b"%d" % self._next, b"/Prev": b"%d" % previous, **kept})


def _table(places: dict[int, int], start: int) -> Iterator[bytes]:
    """Subsections of consecutive numbers, an entry of 20 bytes each."""
    numbers = sorted(places)
    firsts = [one for one in numbers if one - 1 not in places]
    for first in firsts:
        last = first
        while last + 1 in places:
            last += 1
        yield b"%d %d\n" % (first, last - first + 1)
        yield from (b"%010d 00000 n \n" % (start + places[one]) for one in range(first, last + 1))


def references(numbers: list[int]) -> list[Value]:
    """References to objects, as an array."""
    return [reference(number) for number in numbers]
