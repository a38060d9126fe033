"""The pages of a file, in their order.

Source: ISO 32000-1 §7.7.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.documents.pdf.values import PdfError, array, referred

if TYPE_CHECKING:
    from collections.abc import Iterator

    from veche.documents.pdf.document import Document

PAGES_MAX: Final = 2000
_TREE_DEPTH_MAX: Final = 32


def page_number(document: Document, index: int) -> int:
    """Number of the page's object.

    Raises:
        PdfError: There is no such page, or the tree of pages is none.
    """
    for at, number in enumerate(_pages(document)):
        if at == index:
            return number
    raise PdfError(f"there is no page {index + 1}")


def page_count(document: Document) -> int:
    """Pages of the file.

    Raises:
        PdfError: More than ``PAGES_MAX``, or the tree of pages is none.
    """
    return sum(1 for _ in _pages(document))


def _pages(document: Document) -> Iterator[int]:
    catalog = document.dictionary(document.root, "the catalog")
    root = referred(catalog.get(b"/Pages"), "/Pages of the catalog")
    stack, seen = [(root, 0)], set()
    count = 0
    while stack:
        number, depth = stack.pop()
        if number in seen or depth > _TREE_DEPTH_MAX:
            raise PdfError("the tree of pages is none")
        seen.add(number)
        node = document.dictionary(number, "a page")
        if node.get(b"/Type") == b"/Pages":
            kids = array(document.resolve(node.get(b"/Kids")), "/Kids")
            stack += [(referred(kid, "a page"), depth + 1) for kid in reversed(kids)]
        else:
            count += 1
            if count > PAGES_MAX:
                raise PdfError(f"more than {PAGES_MAX} pages")
            yield number
