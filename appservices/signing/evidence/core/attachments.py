"""Files within a file: what ``/EmbeddedFiles`` of a document in the sealed profile has.

Source: ISO 32000-1 §7.11.4.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from veche.documents.pdf.values import PdfError, array, dictionary, referred, string_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from veche.documents.pdf.document import Document
    from veche.documents.pdf.values import Dictionary

ATTACHMENTS_MAX: Final = 1_000
_DEPTH_MAX: Final = 16


def attachment(document: Document, name: str, bytes_max: int) -> bytes | None:
    """A file within a document; None if there is none of this name.

    Args:
        document: In the sealed profile.
        name: Of the file.
        bytes_max: Of the file, unpacked.

    Raises:
        PdfError: It is there twice, too large, or packed in another way than by deflate.
    """
    catalog = document.dictionary(document.root, "the catalog")
    names = document.resolve(catalog.get(b"/Names"))
    tree = document.resolve(dictionary(names, "/Names").get(b"/EmbeddedFiles")) if names else None
    if tree is None:
        return None
    found = [
        one
        for one in _specifications(document, dictionary(tree, "/EmbeddedFiles"), 0)
        if string_text(one.get(b"/UF", one.get(b"/F")), "the name of a file") == name
    ]
    if len(found) > 1:
        raise PdfError(f"{name} is in the file twice")
    return _content(document, found[0], bytes_max) if found else None


def _specifications(document: Document, node: Dictionary, depth: int) -> Iterator[Dictionary]:
    if depth > _DEPTH_MAX:
        raise PdfError("the tree of files is too deep")
    pairs = array(document.resolve(node.get(b"/Names", [])), "/Names")
    if len(pairs) > 2 * ATTACHMENTS_MAX:
        raise PdfError(f"more than {ATTACHMENTS_MAX} files in the file")
    for one in pairs[1::2]:
        yield dictionary(document.resolve(one), "a file specification")
    for kid in array(document.resolve(node.get(b"/Kids", [])), "/Kids")[:ATTACHMENTS_MAX]:
        inner = dictionary(document.resolve(kid), "/Kids")
        yield from _specifications(document, inner, depth + 1)


def _content(document: Document, specification: Dictionary, bytes_max: int) -> bytes:
    files = dictionary(document.resolve(specification.get(b"/EF")), "/EF")
    one = document.object(referred(files.get(b"/F"), "a file in the file"))
    if one.data is None:
        raise PdfError("a file in the file is no stream")
    data = document.pdf[slice(*one.data)]
    packing = dictionary(one.value, "a file in the file").get(b"/Filter")
    if packing in (b"/FlateDecode", [b"/FlateDecode"]):
        unpacking = zlib.decompressobj()
        try:
            data = unpacking.decompress(data, bytes_max + 1)
        except zlib.error as e:
            raise PdfError("a file in the file is damaged") from e
    elif packing is not None:
        raise PdfError("a file in the file is packed in another way")
    if len(data) > bytes_max:
        raise PdfError(f"a file in the file is above {bytes_max} bytes")
    return data
