"""Making a document ready to be signed: the page of signatures, and boxes laid before anyone signs.

typst sets the page, pikepdf adds it to the document; then boxes and the font of signatures are
laid, and that file is *the document*, of which everybody sees the same digest.
"""

from __future__ import annotations

import functools
import io
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import attrs
import segno
from anyascii import anyascii

from appservices.signing.core.boxes import (
    Spot,
    box_of,
    check_boxes,
    foot_cells,
    foot_height,
    is_sided,
    seating,
)
from appservices.signing.core.papers.sheet import sheet_words
from appservices.signing.core.papers.uploads import (
    PAGES_MAX,
    UploadError,
    UploadTooLargeError,
)
from appservices.signing.core.places import PageSize
from veche.protocol.canonical import canonical
from veche.protocol.catalogue import Catalogue
from veche.protocol.pdf.document import Document
from veche.protocol.pdf.letters import letters
from veche.protocol.pdf.signing import lay_boxes
from veche.protocol.pdf.values import PdfError
from veche.protocol.wire import parse
from veche.runtime.sandbox import SandboxError, in_sandbox
from veche.runtime.typesetting import labelled, typeset

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pikepdf

    from appservices.signing.core.boxes import Seat, Seating
    from appservices.signing.core.papers.sheet import Sheet
    from veche.protocol.pdf.signing import Box

PAPERS: Final = "appservices.signing.core.papers"
"""Where the texts are."""
FIELDS: Final = "veche-field"
"""Label of places for boxes."""
_A4: Final = PageSize(595.28, 841.89)
_DEPTH_MAX: Final = 32
"""Of the tree of pages, from a page upwards."""
_SIDE_MIN: Final = 400
_SIDE_MAX: Final = 1_500
"""Sizes of a page, in points, for which a page of signatures is made alike; else it is A4."""


@attrs.frozen
class _Insert:
    """Typeset frames: the PDF, and where the boxes are on its pages."""

    pdf: bytes
    spots: tuple[Spot, ...]


@attrs.frozen
class _Pages:
    """What is known of a document's pages.

    Attributes:
        sizes: Of each.
        tight: Those that cannot be drawn smaller, from 0.
    """

    sizes: tuple[PageSize, ...]
    tight: frozenset[int]


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
        pages: _Pages = run(read_pages, pdf)
        plan, feet = _seated(seats, sheet, pages)
        own = _insert(plan.on_sheet, sheet, _sheet_size(pages.sizes)) if plan.on_sheet else None
        drawn, typeset_boxes, sizes = run(_drawn, pdf, feet, own)
        if len(sizes) > PAGES_MAX:
            raise UploadTooLargeError
        boxes = [*plan.free, *typeset_boxes]
        check_boxes(boxes, sizes)
        laid: bytes = drawn + lay_boxes(Document(drawn), boxes, with_letters=True)
    except (SandboxError, PdfError) as e:
        raise UploadError from e
    return laid


def _seated(
    seats: Sequence[Seat], sheet: Sheet, pages: _Pages
) -> tuple[Seating, dict[int, _Insert]]:
    """Who signs where, and the frames at the feet of pages."""
    plan = seating(seats, pages.sizes, pages.tight)
    feet = {page: _foot(held, sheet, pages.sizes[page]) for page, held in plan.at_foot.items()}
    # Names that take more lines than there are: these have to sign at the end.
    over = frozenset(page for page, foot in feet.items() if len(page_sizes(foot.pdf)) > 1)
    if not over:
        return plan, feet
    plan = seating(seats, pages.sizes, pages.tight | over)
    return plan, {page: feet[page] for page in plan.at_foot}


def _foot(seats: Sequence[Seat], sheet: Sheet, page: PageSize) -> _Insert:
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


def page_sizes(pdf: bytes) -> tuple[PageSize, ...]:
    """Sizes of the pages of a file of ours; of a stranger's, ask in the sandbox."""
    return read_pages(pdf).sizes


def read_pages(pdf: bytes) -> _Pages:
    """What is known of the pages; what runs in the sandbox."""
    import pikepdf  # noqa: PLC0415 -- 6 MiB, and only the sandbox draws

    with pikepdf.open(io.BytesIO(pdf)) as document:
        sizes = tuple(_size(page) for page in document.pages)
        tight = frozenset(at for at, page in enumerate(document.pages) if not _is_balanced(page))
    return _Pages(sizes, tight)


def _size(page: pikepdf.Page) -> PageSize:
    """What is shown of a page: what its two boxes share; the larger one if they share none."""
    media, crop = _edges(page.mediabox), _edges(page.cropbox)
    left, bottom = max(media[0], crop[0]), max(media[1], crop[1])
    right, top = min(media[2], crop[2]), min(media[3], crop[3])
    if left >= right or bottom >= top:
        left, bottom, right, top = media
    return PageSize(right - left, top - bottom, left, bottom, _rotation(page))


def _edges(box: Any) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (float(one) for one in box)
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _rotation(page: pikepdf.Page) -> int:
    """By how many degrees a page is shown turned, which it can have from those above it."""
    node: Any = page.obj
    for _ in range(_DEPTH_MAX):
        if "/Rotate" in node:
            turn = int(node["/Rotate"])
            return turn % 360 if turn % 90 == 0 else 0
        if "/Parent" not in node:
            break
        node = node["/Parent"]
    return 0


def _is_balanced(page: pikepdf.Page) -> bool:
    """Whether the page leaves the graphics state as it was, so that it can be drawn smaller."""
    import pikepdf  # noqa: PLC0415 -- 6 MiB, and only the sandbox draws

    if "/UserUnit" in page:
        return False
    depth = 0
    for instruction in pikepdf.parse_content_stream(page, "q Q"):
        depth += 1 if str(instruction.operator) == "q" else -1
        if depth < 0:
            return False
    return depth == 0


def _sheet_size(sizes: Sequence[PageSize]) -> PageSize:
    wide, high = sizes[-1].shown
    if min(wide, high) >= _SIDE_MIN and max(wide, high) <= _SIDE_MAX:
        return PageSize(wide, high)
    return _A4


def _insert(
    cells: Sequence[Seat | None], sheet: Sheet, size: PageSize, *, is_foot: bool = False
) -> _Insert:
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
    template = (files("appservices.signing") / "signature_page.typ").read_bytes()
    return _Insert(
        typeset(template, inputs, at_ms=0),
        tuple(parse(Spot, one, where="frame") for one in labelled(template, inputs, FIELDS)),
    )


def _printed(words: str) -> str:
    """The words, or a spelling in Latin letters where the font has none of theirs."""
    return words if letters().can_show(words) else anyascii(words)


def _qr(link: str) -> str:
    out = io.BytesIO()
    segno.make_qr(link, error="m").save(out, kind="svg", border=0, xmldecl=False)
    return out.getvalue().decode()


def _drawn(
    pdf: bytes, feet: Mapping[int, _Insert], own: _Insert | None
) -> tuple[bytes, list[Box], dict[int, PageSize]]:
    """The document with the frames drawn, boxes for them, sizes; what runs in the sandbox."""
    import pikepdf  # noqa: PLC0415 -- 6 MiB, and only the sandbox draws

    boxes: list[Box] = []
    with pikepdf.open(io.BytesIO(pdf)) as document:
        for page, foot in feet.items():
            size = _size(document.pages[page])
            _draw_foot(document.pages[page], foot, size)
            rows = size.height * _foot_share(foot, size)
            strip = PageSize(size.width, rows, size.left, size.bottom)
            boxes += [attrs.evolve(box_of(spot, strip), page=page) for spot in foot.spots]
        if own is not None:
            before = len(document.pages)
            with pikepdf.open(io.BytesIO(own.pdf)) as sheet:
                sizes = [_size(page) for page in sheet.pages]
                document.pages.extend(sheet.pages)
            for spot in own.spots:
                box = box_of(spot, sizes[spot.page - 1])
                boxes.append(attrs.evolve(box, page=before + box.page))
        held = {at: _size(page) for at, page in enumerate(document.pages)}
        out = io.BytesIO()
        document.save(
            out,
            object_stream_mode=pikepdf.ObjectStreamMode.disable,
            min_version="1.7",
            deterministic_id=True,
        )
    return out.getvalue(), boxes, held


def _foot_share(foot: _Insert, size: PageSize) -> float:
    import pikepdf  # noqa: PLC0415 -- 6 MiB, and only the sandbox draws

    with pikepdf.open(io.BytesIO(foot.pdf)) as strip:
        return _size(strip.pages[0]).height / size.height


def _draw_foot(page: pikepdf.Page, foot: _Insert, size: PageSize) -> None:
    """Draw a page a little smaller, and the frames below it."""
    import pikepdf  # noqa: PLC0415 -- 6 MiB, and only the sandbox draws

    share = _foot_share(foot, size)
    scale = 1 - share
    across = size.left + size.width * share / 2 - scale * size.left
    up = size.bottom + size.height * share - scale * size.bottom
    clip = f"{size.left:.2f} {size.bottom:.2f} {size.width:.2f} {size.height:.2f} re W n"
    # What lay outside of the page would otherwise be seen beside the smaller one.
    page.contents_add(
        f"q {scale:.6f} 0 0 {scale:.6f} {across:.4f} {up:.4f} cm {clip}\n".encode(), prepend=True
    )
    page.contents_add(b"\nQ\n")
    if "/Annots" in page:
        del page["/Annots"]
    with pikepdf.open(io.BytesIO(foot.pdf)) as strip:
        place = pikepdf.Rectangle(
            size.left,
            size.bottom,
            size.left + size.width,
            size.bottom + size.height * share,
        )
        page.add_overlay(strip.pages[0], place)


@functools.cache
def _catalogue() -> Catalogue:
    return Catalogue.load(PAPERS)
