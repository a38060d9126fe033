"""PDF files an attacker could make of an honest one, built byte by byte."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.signing import Office

_ROOM: Final = 5000


def stream(data: bytes, entries: bytes = b"") -> bytes:
    """A stream's object."""
    return b"<<%b/Length %d>>\nstream\n%b\nendstream" % (entries, len(data), data)


FORGED: Final = stream(b"BT /F1 24 Tf 60 700 Td (Pay 9999 EUR to Mallory) Tj ET")
"""What a page shows instead."""


def page(words: str, more: Mapping[int, bytes] | None = None, catalog: bytes = b"") -> bytes:
    """A file of one page, in the sealed profile."""
    content = stream(f"BT /F1 24 Tf 60 700 Td ({words}) Tj ET".encode())
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R%b>>" % catalog,
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
        b"/Resources<</Font<</F1 5 0 R>>>>>>",
        4: content,
        5: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        **(more or {}),
    }
    out, rows = bytearray(b"%PDF-1.7\n%\xbf\xf7\xa2\xfe\n"), b""
    for number in range(1, len(objects) + 1):
        rows += b"%010d 00000 n \n" % len(out)
        out += b"%d 0 obj\n%b\nendobj\n" % (number, objects[number])
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n%b" % (len(objects) + 1, rows)
    out += b"trailer\n<</Size %d/Root 1 0 R>>\n" % (len(objects) + 1)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % table)


def find(pdf: bytes, pattern: bytes) -> tuple[int, bytes]:
    """Number and body of the last object that has the pattern."""
    found = [one for one in objects(pdf) if pattern in one[1]]
    return found[-1]


def newest(pdf: bytes, number: int) -> bytes:
    """The last body of an object."""
    return [body for one, body in objects(pdf) if one == number][-1]


def objects(pdf: bytes) -> list[tuple[int, bytes]]:
    """Number and body of each object, as they stand."""
    pattern = rb"(?:^|\n)(\d+) 0 obj\n(.*?)\nendobj"
    return [(int(one[1]), one[2]) for one in re.finditer(pattern, pdf, re.DOTALL)]


def increment(
    pdf: bytes,
    objects: Mapping[int, bytes],
    *,
    table: str = "right",
    trailer: bytes | None = None,
    between: bytes = b"",
) -> bytes:
    """Append a revision.

    Args:
        pdf: To what.
        objects: Bodies by number.
        table: ``right``; ``empty`` lists nothing, so most viewers rebuild it and show the objects;
            ``short`` has entries of 19 bytes; ``shifted`` says a byte too far.
        trailer: Its dictionary, if not the right one; ``%PREV%`` and ``%SIZE%`` are filled in.
        between: Bytes before the table that belong to nothing.
    """
    previous = int(re.findall(rb"startxref\s+(\d+)", pdf)[-1])
    root = re.findall(rb"/Root (\d+) 0 R", pdf)[-1]
    size = max([*map(int, re.findall(rb"/Size (\d+)", pdf)), *(one + 1 for one in objects)])
    out, rows = bytearray(pdf), b""
    for number, body in sorted(objects.items()):
        at = len(out) + (1 if table == "shifted" else 0)
        end = b"\n" if table == "short" else b" \n"
        rows += b"%d 1\n%010d 00000 n%b" % (number, at, end)
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    out += between
    place = len(out)
    out += b"xref\n" + (b"0 0\n" if table == "empty" else rows)
    head = (
        trailer if trailer is not None else b"<</Root %b 0 R/Size %%SIZE%%/Prev %%PREV%%>>" % root
    )
    head = head.replace(b"%PREV%", b"%d" % previous).replace(b"%SIZE%", b"%d" % size)
    return bytes(out + b"trailer\n%b\nstartxref\n%d\n%%%%EOF\n" % (head, place))


def closed_by_attacker(
    office: Office, pdf: bytes, hidden: Mapping[int, bytes], *, root: bytes = b""
) -> bytes:
    """Objects that no table lists, under the attacker's own time stamp over the whole file.

    The last stamp covers every byte and all signatures are intact. With a trailer without /Root
    some viewers rebuild the table and show what is hidden.
    """
    form, body = find(pdf, b"/SigFlags")
    previous = int(re.findall(rb"startxref\s+(\d+)", pdf)[-1])
    number = max(int(one) for one in re.findall(rb"/Size (\d+)", pdf))
    room = b"<" + b"0" * _ROOM + b">"
    listed = {
        form: body.replace(b"/Fields [", b"/Fields [%d 0 R " % (number + 1)),
        number: b"<</Type /DocTimeStamp /Filter /Adobe.PPKLite /SubFilter /ETSI.RFC3161"
        b" /ByteRange [0 9999999999 9999999999 9999999999] /Contents %b>>" % room,
        number + 1: b"<</FT /Sig /T (Late) /Type /Annot /Subtype /Widget /F 132"
        b" /Rect [0 0 0 0] /V %d 0 R>>" % number,
    }
    out, rows = bytearray(pdf), b""
    for one, held in sorted({**listed, **hidden}.items()):
        if one not in hidden:
            rows += b"%d 1\n%010d 00000 n \n" % (one, len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (one, held)
    table = len(out)
    out += b"xref\n%btrailer\n<<%b/Size %d/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (
        rows,
        root,
        number + 2,
        previous,
        table,
    )
    hole = out.index(room)
    resume = hole + len(room)
    at = out.index(b"[0 9999999999")
    until = out.index(b"]", at) + 1
    out[at:until] = (b"[0 %d %d %d]" % (hole, resume, len(out) - resume)).ljust(until - at)
    digest = hashlib.sha256(out[:hole] + out[resume:]).digest()
    token = office.token(digest, office.now).hex().encode()
    out[hole + 1 : hole + 1 + len(token)] = token
    return bytes(out)


def last_contents(pdf: bytes) -> tuple[int, int]:
    """Where the digits of the last signature's hole begin and end."""
    found = list(re.finditer(rb"/Contents <([0-9A-Fa-f]{200,})>", pdf))
    return found[-1].span(1)


def first_range(pdf: bytes) -> re.Match[bytes]:
    """The first signature's range."""
    found = re.search(rb"/ByteRange \[0 (\d+) +(\d+) +(\d+) *\]", pdf)
    assert found is not None
    return found


def again(pdf: bytes, old: bytes, new: bytes) -> bytes:
    """A file of one revision with other words in an object, and its places told anew."""
    changed = pdf.replace(old, new, 1)
    table = changed.index(b"xref\n")
    head, tail = changed[:table], changed[table:]
    for number in range(1, int(re.findall(rb"/Size (\d+)", tail)[0])):
        at = head.index(b"\n%d 0 obj\n" % number) + 1
        rows = tail.split(b"\n")
        rows[2 + number] = b"%010d 00000 n " % at
        tail = b"\n".join(rows)
    return head + re.sub(rb"startxref\n\d+", b"startxref\n%d" % table, tail)
