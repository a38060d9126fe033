"""A PDF file as its revisions: tables, trailers, objects.

Only what all readers read alike is read: classic cross-reference tables whose revisions lie back to
back, no object streams, no hybrid or encrypted files. That is the *sealed profile*, which our
normaliser, typst and our own revisions have.

Source: ISO 32000-1 §7.5.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs

from veche.documents.pdf.values import (
    VALUES_MAX,
    PdfError,
    dictionary,
    natural,
    read_value,
    referred,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.documents.pdf.values import Dictionary, Value

FILE_BYTES_MAX: Final = 100 * 1024 * 1024
REVISIONS_MAX: Final = 500
OBJECTS_MAX: Final = 500_000
TRAILER_VALUES_MAX: Final = 1000

_HEADER: Final = re.compile(rb"%PDF-1\.[3-7]\r?\n(?:%[^\r\n]{1,80}\r?\n)?")
_LAST: Final = re.compile(rb"startxref\r?\n(\d{1,10})\r?\n%%EOF(?:\r\n|\r|\n)?\Z")
_LAST_BYTES: Final = 64
_TABLE: Final = re.compile(rb"xref[ ]*(?:\r\n|\r|\n)")
_SUBSECTION: Final = re.compile(rb"(\d{1,10}) (\d{1,10})[ ]*(?:\r\n|\r|\n)")
_ENTRY: Final = re.compile(rb"(\d{10}) (\d{5}) ([nf])(?: \n| \r|\r\n)")
_TRAILER: Final = re.compile(rb"trailer[ \r\n\t]*(?=<<)")
_TAIL: Final = re.compile(rb"[ \r\n\t]*startxref\r?\n(\d{1,10})\r?\n%%EOF")
_OBJECT: Final = re.compile(rb"(\d{1,10}) 0 obj(?=[ \r\n\t<\[/(])")
_END_OF_OBJECT: Final = re.compile(rb"[ \r\n\t]*endobj(?=[ \r\n\t]|\Z)")
_STREAM: Final = re.compile(rb"[ \r\n\t]*stream\r?\n")
_END_OF_STREAM: Final = re.compile(rb"(?:\r\n|\r|\n)?endstream(?=[ \r\n\t])")
_NEWLINE: Final = re.compile(rb"(?:\r\n|\r|\n)?")


@attrs.frozen
class PdfObject:
    """One object as it stands in the file.

    Attributes:
        number: Its number; the generation is 0.
        start: Where it begins.
        end: Where it ends, after ``endobj``.
        value: The object; of a stream, its dictionary.
        data: Where a stream's bytes begin and end; None if it is no stream.
        values: How many values it has.
    """

    number: int
    start: int
    end: int
    value: Value
    data: tuple[int, int] | None
    values: int = 1


@attrs.frozen
class Section:
    """One revision of a document.

    Attributes:
        table: Where its table begins.
        offsets: Where its objects begin.
        trailer: Its dictionary.
        marker_end: After its ``%%EOF``.
        end: After the end of that line, if the file has one there. Writers disagree whose that is,
            so a signature may cover the file up to either place.
    """

    table: int
    offsets: Mapping[int, int]
    trailer: Dictionary
    marker_end: int
    end: int


class Document:
    """A file, whose objects are read when they are asked for.

    Attributes:
        pdf: The file.
        sections: Its revisions, first to last.
        header_end: After the header.
    """

    def __init__(self, pdf: bytes) -> None:
        """Read the tables of all revisions.

        Raises:
            PdfError: The file is outside the sealed profile.
        """
        self.pdf = pdf
        header = _HEADER.match(pdf)
        if len(pdf) > FILE_BYTES_MAX:
            raise PdfError(f"the file is above {FILE_BYTES_MAX} bytes")
        if header is None:
            raise PdfError("the file does not begin with the header of PDF 1.3 to 1.7")
        self.header_end = header.end()
        self.sections: Sequence[Section] = _sections(pdf)
        self._offsets: dict[int, int] = {}
        for section in self.sections:
            self._offsets.update(section.offsets)
        self._read: dict[int, PdfObject] = {}

    @property
    def root(self) -> int:
        """Number of the catalog."""
        return referred(self.sections[-1].trailer.get(b"/Root"), "/Root of the trailer")

    @property
    def size(self) -> int:
        """One more than the largest number of an object."""
        return natural(self.sections[-1].trailer.get(b"/Size"), "/Size of the trailer")

    def object(self, number: int) -> PdfObject:
        """An object as the last revision has it.

        Raises:
            PdfError: There is none, or it is not where the table says.
        """
        if number not in self._read:
            offset = self._offsets.get(number)
            if offset is None:
                raise PdfError(f"there is no object {number}")
            self._read[number] = read_object(self.pdf, offset, len(self.pdf), number)
        return self._read[number]

    def dictionary(self, number: int, what: str) -> Dictionary:
        """An object that is a dictionary.

        Raises:
            PdfError: It is none.
        """
        return dictionary(self.object(number).value, what)

    def resolve(self, value: Value | None) -> Value | None:
        """The value, or the object that it refers to.

        Raises:
            PdfError: It refers to an object that is not there.
        """
        if isinstance(value, bytes) and value[-1:] == b"R":
            return self.object(referred(value, "a reference")).value
        return value


def read_object(pdf: bytes, at: int, end: int, number: int, most: int = VALUES_MAX) -> PdfObject:
    """The object that begins at ``at``.

    Raises:
        PdfError: It is another one, or not whole before ``end``, or has more values than that.
    """
    head = _OBJECT.match(pdf, at, end)
    if head is None or int(head[1]) != number:
        raise PdfError(f"object {number} is not where the table says")
    value, after, count = read_value(pdf, head.end(), end, most)
    data = None
    if isinstance(value, dict) and (begun := _STREAM.match(pdf, after, end)):
        length = natural(value.get(b"/Length"), f"/Length of object {number}")
        data = (begun.end(), begun.end() + length)
        ended = _END_OF_STREAM.match(pdf, data[1], end)
        if ended is None:
            raise PdfError(f"the stream of object {number} has another length")
        after = ended.end()
    closed = _END_OF_OBJECT.match(pdf, after, end)
    if closed is None:
        raise PdfError(f"object {number} does not end after its value")
    return PdfObject(number, at, closed.end(), value, data, count)


def _sections(pdf: bytes) -> list[Section]:
    last = _LAST.search(pdf, max(0, len(pdf) - _LAST_BYTES))
    if last is None:
        raise PdfError("the file does not end with startxref, a number and %%EOF")
    found: list[Section] = []
    table, count = int(last[1]), 0
    while True:
        if len(found) == REVISIONS_MAX:
            raise PdfError(f"more than {REVISIONS_MAX} revisions")
        section = _section(pdf, table, found[-1].table if found else len(pdf))
        found.append(section)
        count += len(section.offsets)
        if count > OBJECTS_MAX:
            raise PdfError(f"more than {OBJECTS_MAX} objects")
        previous = section.trailer.get(b"/Prev")
        if previous is None:
            break
        table = natural(previous, "/Prev of a trailer")
    if found[0].end != len(pdf):
        raise PdfError("something follows the last revision")
    return found[::-1]


def _section(pdf: bytes, table: int, end: int) -> Section:
    begun = _TABLE.match(pdf, table, end)
    if begun is None:
        raise PdfError("no classic cross-reference table where a revision says, before the next")
    offsets, at = _entries(pdf, begun.end(), end)
    head = _TRAILER.match(pdf, at, end)
    if head is None:
        raise PdfError("no trailer follows a table")
    value, at, _ = read_value(pdf, head.end(), end, TRAILER_VALUES_MAX)
    trailer = dictionary(value, "a trailer")
    tail = _TAIL.match(pdf, at, end)
    if tail is None or int(tail[1]) != table:
        raise PdfError("a trailer is not followed by startxref, the place of its table and %%EOF")
    if b"/XRefStm" in trailer or b"/Encrypt" in trailer:
        raise PdfError("the file is encrypted, or has tables of two kinds")
    newline = _NEWLINE.match(pdf, tail.end(), end)
    return Section(table, offsets, trailer, tail.end(), newline.end() if newline else tail.end())


def _entries(pdf: bytes, at: int, end: int) -> tuple[dict[int, int], int]:
    offsets: dict[int, int] = {}
    while section := _SUBSECTION.match(pdf, at, end):
        at, first, count = section.end(), int(section[1]), int(section[2])
        if count > OBJECTS_MAX:
            raise PdfError(f"more than {OBJECTS_MAX} objects")
        for number in range(first, first + count):
            entry = _ENTRY.match(pdf, at, end)
            if entry is None:
                raise PdfError(
                    f"the table's entry of object {number} is not 20 bytes as it must be"
                )
            at = entry.end()
            if entry[3] == b"f":
                if number:
                    raise PdfError(f"object {number} is freed")
            elif number in offsets or int(entry[2]) or not number:
                raise PdfError(f"object {number} is listed twice, or has a generation")
            else:
                offsets[number] = int(entry[1])
    return offsets, at
