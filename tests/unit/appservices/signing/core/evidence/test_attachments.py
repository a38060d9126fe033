"""Files within a file are read within bounds, and only if all readers would find the same one."""

from __future__ import annotations

import io
import zlib

import pikepdf
import pytest

from appservices.signing.evidence.core.attachments import attachment
from tests.support.forgery import page, stream
from tests.support.tables import each_row
from veche.documents.pdf.document import Document
from veche.documents.pdf.values import PdfError


def with_file(content: bytes, *, tree: bytes = b"<</Names[(a.json)6 0 R]>>") -> Document:
    """A page with a file that is called a.json."""
    names = b"/Names<</EmbeddedFiles %b>>" % tree
    return Document(page("x", {6: b"<</F(a.json)/UF(a.json)/EF<</F 7 0 R>>>>", 7: content}, names))


def test_a_file_is_found_plain_and_packed() -> None:
    packed = stream(zlib.compress(b"{}"), b"/Filter/FlateDecode")

    assert attachment(with_file(stream(b"{}")), "a.json", 10) == b"{}"
    assert attachment(with_file(packed), "a.json", 10) == b"{}"
    assert attachment(with_file(packed), "b.json", 10) is None
    assert attachment(Document(page("x")), "a.json", 10) is None


def test_what_other_programs_attach_is_found_too() -> None:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(page("x"))) as document:
        document.attachments["a.json"] = b"content"
        document.save(out, object_stream_mode=pikepdf.ObjectStreamMode.disable)

    assert attachment(Document(out.getvalue()), "a.json", 10) == b"content"


@each_row(
    "document",
    [
        lambda: with_file(stream(bytes(11))),
        lambda: with_file(stream(zlib.compress(bytes(10**7)), b"/Filter/FlateDecode")),
        lambda: with_file(stream(b"no deflate", b"/Filter/FlateDecode")),
        lambda: with_file(stream(b"{}", b"/Filter/LZWDecode")),
        lambda: with_file(b"(no stream)"),
        lambda: with_file(stream(b"{}"), tree=b"<</Names[(a.json)6 0 R(a.json)6 0 R]>>"),
        lambda: with_file(stream(b"{}"), tree=b"<</Names[%b]>>" % (b"(a)6 0 R" * 1001)),
        lambda: with_file(stream(b"{}"), tree=b"<</Kids[8 0 R]>>"),
    ],
)
def test_a_file_that_cannot_be_relied_on_is_refused(document: object) -> None:
    assert callable(document)
    with pytest.raises(PdfError):
        attachment(document(), "a.json", 10)


def test_a_tree_that_leads_to_itself_ends() -> None:
    names = b"/Names<</EmbeddedFiles 6 0 R>>"

    with pytest.raises(PdfError, match="too deep"):
        attachment(Document(page("x", {6: b"<</Kids[6 0 R]>>"}, names)), "a.json", 10)
