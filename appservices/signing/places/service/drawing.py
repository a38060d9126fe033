"""The pages of a stranger's document: what they measure, and frames drawn on them.

This is what the sandbox does for the page of signatures, in a module that loads little: what the
sandbox loads stays in its memory.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.signing.places.core.places import PageSize, box_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pikepdf

    from veche.documents.pdf.signing import Box

SANDBOX_IMPORTS: Final = ("pikepdf",)
"""What the sandbox imports once for all of its children (``veche/runtime/files/sandbox.py``)."""
_DEPTH_MAX: Final = 32
"""Of the tree of pages, from a page upwards."""


@attrs.frozen
class Frame:
    """A place for a box that typst has found.

    Attributes:
        field: Its name.
        page: From 0.
        rectangle: From the left, from the top, width, height, in points.
    """

    field: str
    page: int
    rectangle: tuple[float, float, float, float]


@attrs.frozen
class Insert:
    """Typeset frames.

    Attributes:
        pdf: A page of them or more, or a strip for the foot of a page.
        frames: Where the boxes are on it.
    """

    pdf: bytes
    frames: tuple[Frame, ...]


@attrs.frozen
class Pages:
    """The known facts about a document's pages.

    Attributes:
        sizes: Of each.
        tight: Those that cannot be drawn smaller, from 0.
    """

    sizes: tuple[PageSize, ...]
    tight: frozenset[int]


def page_sizes(pdf: bytes) -> tuple[PageSize, ...]:
    """Sizes of the pages of a file of ours; of a stranger's, ask in the sandbox."""
    return read_pages(pdf).sizes


def read_pages(pdf: bytes) -> Pages:
    """Read the facts of the pages; runs in the sandbox."""
    import pikepdf  # noqa: PLC0415 -- 6 MiB, and only the sandbox draws

    with pikepdf.open(io.BytesIO(pdf)) as document:
        sizes = tuple(_size(page) for page in document.pages)
        tight = frozenset(at for at, page in enumerate(document.pages) if not _is_balanced(page))
    return Pages(sizes, tight)


def _size(page: pikepdf.Page) -> PageSize:
    """Return the visible size of a page: where its two boxes overlap, else the larger one."""
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
    """Return whether the page restores the graphics state, so that it can be drawn smaller."""
    import pikepdf  # noqa: PLC0415 -- 6 MiB, and only the sandbox draws

    if "/UserUnit" in page:
        return False
    depth = 0
    for instruction in pikepdf.parse_content_stream(page, "q Q"):
        depth += 1 if str(instruction.operator) == "q" else -1
        if depth < 0:
            return False
    return depth == 0


def drawn(
    pdf: bytes, feet: Mapping[int, Insert], own: Insert | None
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
            boxes += [box_in(one.field, page, one.rectangle, strip) for one in foot.frames]
        if own is not None:
            before = len(document.pages)
            with pikepdf.open(io.BytesIO(own.pdf)) as sheet:
                sizes = [_size(page) for page in sheet.pages]
                document.pages.extend(sheet.pages)
            boxes += [
                box_in(one.field, before + one.page, one.rectangle, sizes[one.page])
                for one in own.frames
            ]
        held = {at: _size(page) for at, page in enumerate(document.pages)}
        out = io.BytesIO()
        document.save(
            out,
            object_stream_mode=pikepdf.ObjectStreamMode.disable,
            min_version="1.7",
            deterministic_id=True,
        )
    return out.getvalue(), boxes, held


def _foot_share(foot: Insert, size: PageSize) -> float:
    import pikepdf  # noqa: PLC0415 -- 6 MiB, and only the sandbox draws

    with pikepdf.open(io.BytesIO(foot.pdf)) as strip:
        return _size(strip.pages[0]).height / size.height


def _draw_foot(page: pikepdf.Page, foot: Insert, size: PageSize) -> None:
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
