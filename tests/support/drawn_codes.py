"""Pictures of codes, as people send and scan them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import segno
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence


def drawn(text: str, scale: int = 6, encoding: str = "utf-8") -> Image.Image:
    """A QR code in grey."""
    out = io.BytesIO()
    segno.make(text, micro=False, encoding=encoding).save(out, kind="png", scale=scale)
    return Image.open(out).convert("L")


def saved(picture: Image.Image, kind: str = "PNG", **more: Any) -> bytes:
    """A picture as a file."""
    out = io.BytesIO()
    picture.save(out, kind, **more)
    return out.getvalue()


def beside(pictures: Sequence[Image.Image]) -> Image.Image:
    """One picture of several, from left to right."""
    size = (sum(one.width for one in pictures), max(one.height for one in pictures))
    whole, left = Image.new("L", size, 255), 0
    for one in pictures:
        whole.paste(one, (left, 0))
        left += one.width
    return whole
