"""QR codes (ISO/IEC 18004) as pictures, by segno."""

from __future__ import annotations

import io
from typing import Final

import segno
from segno.encoder import DataOverflowError

from veche.protocol.errors import TooLargeError

_ERROR_LEVEL: Final = "m"
_BORDER: Final = 4
"""Modules of white around it, which ISO/IEC 18004 asks for."""


def draw_svg(text: str, *, version_max: int | None = None) -> bytes:
    """A code as SVG, black on white, without a size of its own.

    Args:
        text: What it says, drawn in UTF-8 at error level M.
        version_max: Largest size that will do, 1 to 40.

    Raises:
        TooLargeError: It does not fit.
    """
    return _drawn(text, "svg", version_max, light="white", omitsize=True, xmldecl=False)


def draw_png(text: str, *, scale: int = 8, version_max: int | None = None) -> bytes:
    """A code as PNG.

    Args:
        text: What it says, drawn in UTF-8 at error level M.
        scale: Pixels a module.
        version_max: Largest size that will do, 1 to 40.

    Raises:
        TooLargeError: It does not fit.
    """
    return _drawn(text, "png", version_max, scale=scale)


def _drawn(text: str, kind: str, version_max: int | None, **options: object) -> bytes:
    try:
        code = segno.make_qr(text, error=_ERROR_LEVEL, encoding="utf-8", boost_error=False)
    except DataOverflowError as e:
        raise TooLargeError("the text does not fit into a QR code") from e
    if version_max is not None and int(code.version) > version_max:
        raise TooLargeError("the text does not fit into the largest code that will do")
    out = io.BytesIO()
    code.save(out, kind=kind, border=_BORDER, **options)
    return out.getvalue()
