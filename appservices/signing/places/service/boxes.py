"""Making a document ready to be signed: the page of signatures, and boxes laid before anyone signs.

typst sets the page, pikepdf adds it to the document; then boxes and the font of signatures are
laid, and that file is *the document*, of which everybody sees the same digest.
"""

from __future__ import annotations

import functools
import io
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import segno
from anyascii import anyascii

from appservices.signing.papers.core.uploads import PAGES_MAX, UploadError, UploadTooLargeError
from appservices.signing.papers.texts.sheet import sheet_words
from appservices.signing.places.core.boxes import (
    Spot,
    check_boxes,
    foot_cells,
    foot_height,
    is_sided,
    seating,
)
from appservices.signing.places.core.places import PageSize
from appservices.signing.places.service.drawing import Frame, Insert, drawn, page_sizes, read_pages
from veche.documents.pdf import signature_font
from veche.documents.pdf.document import Document
from veche.documents.pdf.signing import lay_boxes
from veche.documents.pdf.values import PdfError
from veche.protocol.canonical import canonical
from veche.protocol.texts.catalogue import Catalogue
from veche.protocol.wire import parse
from veche.runtime.files.sandbox import SandboxError, in_sandbox
from veche.runtime.files.typesetting import labelled, typeset

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from appservices.signing.papers.texts.sheet import Sheet
    from appservices.signing.places.core.boxes import Seat, Seating
    from appservices.signing.places.service.drawing import Pages
    from veche.documents.pdf.signing import Box

PAPERS: Final = "appservices.signing.papers"
"""Where the texts are."""
FIELDS: Final = "veche-field"
"""Label of places for boxes."""
_A4: Final = PageSize(595.28, 841.89)
_SIDE_MIN: Final = 400
_SIDE_MAX: Final = 1_500
"""Sizes of a page, in points, for which a page of signatures is made alike; else it is A4."""


def with_signature_boxes(
    pdf: bytes, seats: Sequence[Seat], sheet: Sheet, *, run: Callable[..., Any] = in_sandbox
) -> bytes:
    """The document with frames, names and boxes for all signers. Call it in a thread.

    The same input gives the same bytes.

    Args:
        pdf: An ``Upload.pdf``.
        seats: Who signs, in the order in which they are printed.
        sheet: What the page of signatures says.
        run: How work over a stranger's file is done.

    Raises:
        BoxError: A seat names a page that is not there, an area that is not on its page, or one
            where another box is.
        MalformedError: Two have one field; or there are none or too many.
        UploadError: The document cannot be written anew.
        UploadTooLargeError: With the page of signatures it has more than ``PAGES_MAX`` pages.
    """
    try:
        pages: Pages = run(read_pages, pdf)
        plan, feet = _seated(seats, sheet, pages)
        own = _insert(plan.on_sheet, sheet, _sheet_size(pages.sizes)) if plan.on_sheet else None
        whole, typeset_boxes, sizes = run(drawn, pdf, feet, own)
        if len(sizes) > PAGES_MAX:
            raise UploadTooLargeError
        boxes = [*plan.free, *typeset_boxes]
        check_boxes(boxes, sizes)
        laid: bytes = whole + lay_boxes(Document(whole), boxes, with_letters=True)
    except (SandboxError, PdfError) as e:
        raise UploadError from e
    return laid


def _seated(seats: Sequence[Seat], sheet: Sheet, pages: Pages) -> tuple[Seating, dict[int, Insert]]:
    """Return the place of each signer, and the frames at the feet of pages."""
    plan = seating(seats, pages.sizes, pages.tight)
    feet = {page: _foot(held, sheet, pages.sizes[page]) for page, held in plan.at_foot.items()}
    # Names that take more lines than there are: these have to sign at the end.
    over = frozenset(page for page, foot in feet.items() if len(page_sizes(foot.pdf)) > 1)
    if not over:
        return plan, feet
    plan = seating(seats, pages.sizes, pages.tight | over)
    return plan, {page: feet[page] for page in plan.at_foot}


def _foot(seats: Sequence[Seat], sheet: Sheet, page: PageSize) -> Insert:
    cells = foot_cells(seats)
    return _insert(cells, sheet, PageSize(page.width, foot_height(len(cells))), is_foot=True)


def with_named_boxes(pdf: bytes, boxes: Sequence[Box], sizes: Sequence[PageSize]) -> bytes:
    """The document with boxes where a template has them; its pages stay as they are.

    Args:
        pdf: Of typst, in the sealed profile.
        boxes: By the template's coordinates.
        sizes: Of its pages.

    Raises:
        MalformedError: A box cannot show a signature, or covers another.
        PdfError: The file is outside the profile.
    """
    check_boxes(boxes, dict(enumerate(sizes)))
    return pdf + lay_boxes(Document(pdf), boxes, with_letters=True)


def _sheet_size(sizes: Sequence[PageSize]) -> PageSize:
    wide, high = sizes[-1].shown
    if min(wide, high) >= _SIDE_MIN and max(wide, high) <= _SIDE_MAX:
        return PageSize(wide, high)
    return _A4


def _insert(
    cells: Sequence[Seat | None], sheet: Sheet, size: PageSize, *, is_foot: bool = False
) -> Insert:
    data = {
        "language": sheet.language,
        "width": round(size.width),
        "height": round(size.height),
        "is_foot": is_foot,
        "words": sheet_words(_catalogue(), sheet),
        "rules": list(sheet.rules),
        "link": sheet.link,
        "qr": _qr(sheet.link) if sheet.link and not is_foot else "",
        "is_sided": is_sided(cells),
        "seats": [
            one and {"field": one.field, "name": _printed(one.name), "role": _printed(one.role)}
            for one in cells
        ],
    }
    inputs = canonical(data, where="seats").decode()
    template = (files("appservices.signing.places") / "signature_page.typ").read_bytes()
    spots = [parse(Spot, one, where="frame") for one in labelled(template, inputs, FIELDS)]
    frames = (Frame(one.id, one.page - 1, (one.x, one.y, one.w, one.h)) for one in spots)
    return Insert(typeset(template, inputs, at_ms=0), tuple(frames))


def _printed(words: str) -> str:
    """The words, or a spelling in Latin letters where the font has none of theirs."""
    return words if signature_font().can_show(words) else anyascii(words)


def _qr(link: str) -> str:
    out = io.BytesIO()
    segno.make_qr(link, error="m").save(out, kind="svg", border=0, xmldecl=False)
    return out.getvalue().decode()


@functools.cache
def _catalogue() -> Catalogue:
    return Catalogue.load(PAPERS)
