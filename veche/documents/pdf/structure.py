"""Byte accounting: every byte of a file belongs to one object of one revision.

Why: readers disagree. One that finds a broken table rebuilds it by looking for ``n g obj``
anywhere, also where a careful library never looks, and shows what that library has not checked. A
file of which nothing is left over, in any revision, cannot be read in two ways.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs

from veche.documents.pdf.document import Document, read_object
from veche.documents.pdf.values import VALUES_MAX, PdfError, natural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.documents.pdf.document import PdfObject, Section

_SPACE: Final = re.compile(rb"[ \r\n\t]*")
_ANY_OBJECT: Final = re.compile(rb"\d[ \r\n\t\0\f]+\d{1,5}[ \r\n\t\0\f]+obj")
SIZE_MAX: Final = 8_388_607
"""Largest ``/Size``: some readers know no objects with larger numbers (ISO 32000-1, Annex C)."""
_TABLES: Final = (b"/XRef", b"/ObjStm")
_TRAILER_KEYS: Final = frozenset({b"/Size", b"/Root", b"/Info", b"/ID", b"/Prev"})


@attrs.frozen
class Revision:
    """One revision, all of whose bytes are accounted for.

    Attributes:
        objects: What it adds or replaces.
        start: Its first byte.
        ends: Where it ends: after ``%%EOF``, and after the end of that line.
    """

    objects: Mapping[int, PdfObject]
    start: int
    ends: tuple[int, int]


def revisions(document: Document) -> list[Revision]:
    """The revisions of a file, first to last.

    Raises:
        PdfError: A byte is left over, or a table or a trailer does not say what is there.
    """
    found: list[Revision] = []
    start, at, left, largest = 0, document.header_end, VALUES_MAX, 0
    for section in document.sections:
        largest = max(largest, max(section.offsets, default=0))
        _check_trailer(document, section, largest)
        objects = _objects(document.pdf, section, at, left)
        left -= sum(one.values for one in objects.values())
        if found:
            _check_hidden(document.pdf, at, section.table, len(objects))
        found.append(Revision(objects, start, (section.marker_end, section.end)))
        # The line end after %%EOF may be this revision's last byte or the next one's first.
        start = at = section.marker_end
    return found


def _check_trailer(document: Document, section: Section, largest: int) -> None:
    """Make sure that a trailer says what is there.

    An object whose number is not below its ``/Size`` is missing to some readers, also one of an
    earlier revision (ISO 32000-1 §7.5.5): what it covered would be seen.
    """
    trailer = section.trailer
    if trailer.get(b"/Root") != document.sections[-1].trailer.get(b"/Root"):
        raise PdfError("the trailers do not name one catalog")
    if not largest < natural(trailer.get(b"/Size"), "/Size of a trailer") <= SIZE_MAX:
        raise PdfError(f"/Size of a trailer is too small, or above {SIZE_MAX}")
    unknown = trailer.keys() - _TRAILER_KEYS
    if unknown:
        raise PdfError(f"a trailer has {min(unknown).decode('ascii', 'replace')}")


def _objects(pdf: bytes, section: Section, at: int, most: int) -> dict[int, PdfObject]:
    """The section's objects, which lie between ``at`` and its table with only space between.

    They have so many values at most.
    """
    places = sorted((offset, number) for number, offset in section.offsets.items())
    ends = [offset for offset, _ in places] + [section.table]
    found: dict[int, PdfObject] = {}
    for (offset, number), end in zip(places, ends[1:], strict=True):
        _check_space(pdf, at, offset, f"before object {number}")
        found[number] = one = read_object(pdf, offset, end, number, most)
        _check_tables(one)
        at, most = one.end, most - one.values
    _check_space(pdf, at, section.table, "before a table")
    return found


def _check_tables(one: PdfObject) -> None:
    """Make sure that no object says where objects are: some readers look there first.

    A linearised file of its whole length is read by the table after its first object (ISO 32000-1,
    Annex F), and the tables of others are streams.
    """
    if not isinstance(one.value, dict):
        return
    is_table = one.data is not None and one.value.get(b"/Type") in _TABLES
    if is_table or b"/Linearized" in one.value:
        raise PdfError(f"object {one.number} says where other objects are")


def _check_space(pdf: bytes, at: int, end: int, where: str) -> None:
    space = _SPACE.match(pdf, at, max(at, end))
    if at > end or space is None or space.end() != end:
        raise PdfError(f"bytes that belong to nothing, {where}")


def _check_hidden(pdf: bytes, at: int, end: int, count: int) -> None:
    """Make sure that who looks for objects instead of reading the table finds the same ones."""
    if sum(1 for _ in _ANY_OBJECT.finditer(pdf, at, end)) != count:
        raise PdfError("a later revision hides an object within another")
