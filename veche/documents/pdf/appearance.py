"""The appearance of a signature in its box: name, role, level, time.

The picture says what the signature's dictionary says, and nothing else: it is made from ``/Name``,
``/Reason`` and ``/M`` alone, in a font known by its digest, in a box that was there before anybody
signed. Whoever checks a file draws the picture again and compares bytes, so there is no picture to
be judged: none can hide, replace or add anything that a signature does not say.

All numbers are whole hundredths of a point, so that each language computes the same.

Source: ISO 32000-1 §12.5.5 and §8.10; ETSI EN 319 142-1 §5.4.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import TYPE_CHECKING, Final

import attrs

from veche.documents.pdf.letters import RESOURCE
from veche.documents.pdf.values import PdfError, array, number, reference, string_bytes, string_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.documents.pdf.letters import Letters
    from veche.documents.pdf.values import Dictionary, Value

CHARACTERS_MAX: Final = 100
"""Of a name, a role, a level."""
WIDTH_MIN: Final = 60_00
HEIGHT_MIN: Final = 30_00
WIDTH_MAX: Final = 400_00
HEIGHT_MAX: Final = 150_00
"""Bounds of a box whose signature is shown, in hundredths of a point."""
SEPARATOR: Final = " · "
"""Between role and level in ``/Reason``."""

_MARGIN: Final = 4_00
_FRAME: Final = 50
_LARGE: Final = 12_00
_SMALL: Final = 8_00
_WEIGHTS: Final = (5, 4, 4, 4)
"""Heights of the four lines, in parts of the box."""
_DATE: Final = re.compile(rb"D:(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)\d\dZ")
_CORNERS: Final = 4
_TURNS: Final = frozenset({b"90", b"180", b"270"})


@attrs.frozen
class Look:
    """The parts that are shown besides the name and the time.

    Attributes:
        role: As what somebody signs, in the document's language.
        level: What kind of signature it is, in the document's language; no " · " in it.
    """

    role: str
    level: str

    @property
    def reason(self) -> str:
        """Both, as ``/Reason`` of the signature has them."""
        return f"{self.role}{SEPARATOR}{self.level}"


def pdf_date(now_ms: int) -> bytes:
    """A moment as a signature's ``/M`` has it."""
    return f"(D:{_moment(now_ms):%Y%m%d%H%M%SZ})".encode()


def lines_of(signature: Dictionary) -> list[str]:
    """The lines of the picture that belongs to a signature: name, role, level, time.

    Raises:
        PdfError: It lacks one, or one is too long.
    """
    name = string_text(signature.get(b"/Name"), "/Name of a signature")
    role, separator, level = string_text(
        signature.get(b"/Reason"), "/Reason of a signature"
    ).rpartition(SEPARATOR)
    date = _DATE.fullmatch(string_bytes(signature.get(b"/M"), "/M of a signature"))
    if not separator or date is None:
        raise PdfError("a signature that is shown lacks its role, level or time")
    year, month, day, hour, minute = (one.decode() for one in date.groups())
    lines = [name, role, level, f"{year}-{month}-{day} {hour}:{minute} UTC"]
    if not all(0 < len(one) <= CHARACTERS_MAX for one in lines):
        raise PdfError(f"a line of a shown signature is empty or over {CHARACTERS_MAX} characters")
    return lines


def turn_of(box: Dictionary) -> int:
    """By how many degrees, against the clock, what a box shows stands on its page.

    A page that is shown turned has it turned back: 0, 90, 180 or 270, as ``/R`` of ``/MK`` says it
    plainly; whatever else is there is 0.

    Args:
        box: Dictionary of a field.
    """
    kind = box.get(b"/MK")
    turn = kind.get(b"/R") if isinstance(kind, dict) else None
    return int(turn) if isinstance(turn, bytes) and turn in _TURNS else 0


def size_of(rectangle: Value | None, turn: int = 0) -> tuple[int, int]:
    """Width and height of what a box shows, in hundredths of a point.

    Args:
        rectangle: ``/Rect`` of the box.
        turn: Of ``turn_of``.

    Raises:
        PdfError: It is none in which a signature can be shown.
    """
    corners = [number(one, "/Rect") for one in array(rectangle, "/Rect")]
    if len(corners) != _CORNERS:
        raise PdfError("/Rect is not four numbers")
    # Half up, as other languages round.
    left, bottom, right, top = (math.floor(one * 100 + 0.5) for one in corners)
    width, height = right - left, top - bottom
    if turn % 180:
        width, height = height, width
    if not (WIDTH_MIN <= width <= WIDTH_MAX and HEIGHT_MIN <= height <= HEIGHT_MAX):
        raise PdfError("a box is too small or too large for a signature to be shown")
    return width, height


def picture(size: tuple[int, int], lines: Sequence[str], letters: Letters) -> bytes:
    """The content of the picture: a thin frame and four lines.

    Args:
        size: Width and height of the box, in hundredths of a point.
        lines: Of ``lines_of``; each is made smaller until it fits.
        letters: Of the font.

    Raises:
        MissingLetterError: The font lacks a character.
    """
    width, height = size
    frame = (_FRAME // 2, _FRAME // 2, width - _FRAME, height - _FRAME)
    parts = [
        b"q\n%b w\n%b re\nS\nBT\n" % (_real(_FRAME), b" ".join(map(_real, frame))),
    ]
    room_high, room_wide = height - 2 * _MARGIN, width - 2 * _MARGIN
    at = height - _MARGIN
    before = 0
    for line, weight in zip(lines, _WEIGHTS, strict=True):
        step = room_high * weight // sum(_WEIGHTS)
        size_max = min(_LARGE if weight == max(_WEIGHTS) else _SMALL, step * 4 // 5)
        font_size = min(size_max, room_wide * 1000 // max(1, letters.width(line)))
        at -= step
        # The line's letters stand a quarter of its height above its lower edge.
        baseline = at + step // 4
        move = (_MARGIN, baseline) if not before else (0, baseline - before)
        before = baseline
        parts.append(
            b"%b %b Tf\n%b %b Td\n%b Tj\n"
            % (RESOURCE, _real(font_size), *map(_real, move), letters.encoded(line))
        )
    return b"".join([*parts, b"ET\nQ\n"])


def picture_entries(size: tuple[int, int], font: int, turn: int = 0) -> Dictionary:
    """The dictionary of the picture's stream, without its length.

    Args:
        size: Width and height of what the box shows, in hundredths of a point.
        font: Number of the font's object.
        turn: Of ``turn_of``: the picture is drawn upright, and turned as a whole.
    """
    width, height = map(_real, size)
    turned: dict[int, list[Value]] = {
        90: [b"0", b"1", b"-1", b"0", height, b"0"],
        180: [b"-1", b"0", b"0", b"-1", width, height],
        270: [b"0", b"-1", b"1", b"0", b"0", width],
    }
    matrix: Dictionary = {b"/Matrix": turned[turn]} if turn else {}
    return {
        b"/Type": b"/XObject",
        b"/Subtype": b"/Form",
        b"/BBox": [b"0", b"0", width, height],
        **matrix,
        b"/Resources": {b"/Font": {RESOURCE: reference(font)}},
    }


def _real(hundredths: int) -> bytes:
    """A number of points, the shortest way: 7.5, -0.25, 12."""
    whole, rest = divmod(abs(hundredths), 100)
    digits = f"{whole}.{rest:02}".rstrip("0").rstrip(".")
    return f"{'-' if hundredths < 0 else ''}{digits}".encode()


def _moment(now_ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(now_ms // 1000, tz=dt.UTC)
