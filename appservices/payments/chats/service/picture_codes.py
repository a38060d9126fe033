"""Reads the codes in a picture: what runs in the sandbox, since a picture is a stranger's.

What decodes pictures is imported in the child alone: it takes memory, and its faults are not ours.
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Final

from appservices.payments.chats.texts.pictures import PIXELS_MAX, PictureProblem
from appservices.payments.formats.core import epc, gost56042
from veche.protocol.errors import MalformedError

if TYPE_CHECKING:
    from PIL.Image import Image

SANDBOX_IMPORTS: Final = ("zxingcpp", "PIL.PngImagePlugin", "PIL.JpegImagePlugin")
"""What the sandbox imports once for all of its children (``veche/runtime/files/sandbox.py``)."""
KINDS: Final = ("PNG", "JPEG", "WEBP", "GIF")
SIDE_MAX: Final = 2_400
"""Larger pictures are made smaller: a code has at most 177 modules a side."""
CODES_MAX: Final = 16
"""Codes of one picture that are told; it has more than one to pay long before."""
_GOST: Final = b"ST0001"
_EPC: Final = b"BCD"


def codes_in(picture: bytes) -> list[str] | PictureProblem:
    """The texts of all codes in a picture, each once; or why it is not read.

    Args:
        picture: The file as it was sent.
    """
    import zxingcpp  # noqa: PLC0415 -- only the sandbox reads pictures

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of what is refused here
        opened = _opened(picture)
    if isinstance(opened, PictureProblem):
        return opened
    kinds = zxingcpp.BarcodeFormat
    formats = zxingcpp.BarcodeFormats([kinds.QRCode, kinds.Aztec, kinds.DataMatrix])
    found = zxingcpp.read_barcodes(opened, formats=formats, text_mode=zxingcpp.TextMode.Plain)
    texts = dict.fromkeys(_text(one.bytes, one.text) for one in found)
    return list(texts)[:CODES_MAX]


def _opened(picture: bytes) -> Image | PictureProblem:
    """The picture in grey, at most ``SIDE_MAX`` a side."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 -- only the sandbox reads

    Image.MAX_IMAGE_PIXELS = None  # the bound is ours, below
    try:
        opened = Image.open(io.BytesIO(picture), formats=KINDS)
        if getattr(opened, "is_animated", False):
            return PictureProblem.MOVES
        opened.draft("L", (SIDE_MAX, SIDE_MAX))
        if opened.width * opened.height > PIXELS_MAX:
            return PictureProblem.TOO_WIDE
        grey = _on_white(opened)
        grey.thumbnail((SIDE_MAX, SIDE_MAX))
    except UnidentifiedImageError:
        return PictureProblem.KIND
    except (OSError, SyntaxError, ValueError):  # of Pillow: the file is damaged
        return PictureProblem.BROKEN
    return grey


def _on_white(opened: Image) -> Image:
    """In grey; what is transparent becomes white, as clients show it."""
    from PIL import Image  # noqa: PLC0415 -- only the sandbox reads pictures

    if not opened.has_transparency_data:
        return opened.convert("L")
    layers = opened.convert("LA")
    white = Image.new("L", layers.size, 255)
    white.paste(layers.getchannel("L"), mask=layers.getchannel("A"))
    return white


def _text(raw: bytes, text: str) -> str:
    """Decode the text of a code; payment codes by GOST and EPC name their encoding."""
    try:
        if raw.startswith(_GOST):
            return gost56042.decoded(raw)
        return epc.decoded(raw) if raw.startswith(_EPC) else text
    except MalformedError:
        return text
