"""Pictures of payment codes in words: why one that was sent leads to no payment."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from veche.protocol.message import Doc, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.texts.localizer import Localizer

PICTURE_BYTES_MAX: Final = 10 * 1024 * 1024
PIXELS_MAX: Final = 40_000_000
"""Of a picture as it is opened; photos (JPEG) are opened smaller than they are."""
_MILLION: Final = 1_000_000


class PictureProblem(enum.Enum):
    """Why a picture asks for nothing."""

    IN_CLEAR = "in_clear"
    BROKEN = "broken"
    GONE = "gone"
    TOO_BIG = "too_big"
    TOO_WIDE = "too_wide"
    """It has more points than are looked at."""
    KIND = "kind"
    """It is no picture, or of a kind that is not read."""
    MOVES = "moves"
    NO_CODE = "no_code"
    SEVERAL = "several"
    BUSY = "busy"
    """The one before is not read yet."""


_PROBLEMS: Final[Mapping[PictureProblem, str]] = {
    PictureProblem.IN_CLEAR: N_(
        "The picture is not encrypted, so I do not read it. Send it in an encrypted chat."
    ),
    PictureProblem.BROKEN: N_(
        "I cannot read this picture: it is damaged or cut off. Take it again, or write what the"
        " code says."
    ),
    PictureProblem.GONE: N_("I could not get the picture. Please send it again."),
    PictureProblem.TOO_BIG: N_(
        "A picture of a code has at most {size} MB. Send it smaller, or only the part with the"
        " code."
    ),
    PictureProblem.TOO_WIDE: N_(
        "This picture has more than {pixels} million points. Send it smaller, or only the part"
        " with the code."
    ),
    PictureProblem.KIND: N_(
        "I read codes in pictures of the kinds PNG, JPEG, WebP and GIF; this is none. Take a"
        " screenshot of it and send that, or write what the code says."
    ),
    PictureProblem.MOVES: N_(
        "This picture moves, so it may show several codes. Send one that stands still."
    ),
    PictureProblem.NO_CODE: N_(
        "I find no payment code in this picture. Take it from closer, straight and in good light,"
        " with all of the code and some white around it, or write what the code says."
    ),
    PictureProblem.SEVERAL: N_(
        "There are several payment codes in this picture. Send only the part with the one that"
        " you want to pay."
    ),
    PictureProblem.BUSY: N_(
        "I am still reading the picture you sent before. Send this one again once I have answered."
    ),
}


def picture_problem_doc(problem: PictureProblem, localizer: Localizer) -> Doc:
    """Why a picture asks for nothing, and what to do."""
    size, pixels = PICTURE_BYTES_MAX // _MILLION, PIXELS_MAX // _MILLION
    return (Paragraph(localizer.text(_PROBLEMS[problem], size=size, pixels=pixels)),)
