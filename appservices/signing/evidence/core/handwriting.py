"""Handwriting of a person without a key on a tablet, and the record of their consent.

A drawing is lines in whole numbers, never a picture of a stranger's making: whoever shows it draws
it, and there is nothing in it to be run or decoded. It is no key and proves nothing by itself. What
counts is that a witness, who saw it being written, signs the digest of the record with their own.

Source: design of Veche, signing §5.3.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from veche.protocol.approval import (
    CLAUSES_MAX,
    Exact,
    Moment,
    Name,
    Sha256,
    ShownClause,
)
from veche.protocol.canonical import canonical
from veche.protocol.unpadded_base64 import encode_base64
from veche.protocol.wire import Wire

WIDTH: Final = 1_000
HEIGHT: Final = 300
"""Of the sheet on which it is written, in its own units; y goes down."""
STROKES_MAX: Final = 100
POINTS_MAX: Final = 3_000
"""Of all strokes together."""
LENGTH_MIN: Final = 150
"""Shortest way of the pen, all in all: less is a slip of the hand, and no name."""
NAME_CHARACTERS_MAX: Final = 200
"""Of a typed name."""
RECORD_CHARACTERS_MAX: Final = 64 * 1024
"""Longest record, in base64."""
WHAT: Final = "org.veche.hand"
_PAIR: Final = 2

Coordinate = Annotated[int, Field(ge=0, le=WIDTH)]
Stroke = Annotated[
    tuple[Coordinate, ...], Field(strict=False, min_length=2, max_length=2 * POINTS_MAX)
]
"""From where the pen goes down to where it is lifted: x, y, x, y and so on."""


class Drawing(Wire):
    """A handwritten drawing.

    Attributes:
        strokes: In the order in which they were written.
    """

    strokes: Annotated[
        tuple[Stroke, ...], Field(strict=False, min_length=1, max_length=STROKES_MAX)
    ]

    @model_validator(mode="after")
    def _check(self) -> Drawing:
        if any(len(one) % _PAIR for one in self.strokes):
            raise ValueError("strokes: x without y")
        if any(y > HEIGHT for one in self.strokes for y in one[1::2]):
            raise ValueError(f"strokes: y is at most {HEIGHT}")
        if sum(len(one) for one in self.strokes) > _PAIR * POINTS_MAX:
            raise ValueError(f"strokes: over {POINTS_MAX} points")
        if self.length < LENGTH_MIN:
            raise ValueError("strokes: nothing was written")
        return self

    @property
    def length(self) -> int:
        """Way of the pen, all in all, in units of the sheet."""
        return math.floor(sum(map(_length, self.strokes)))

    @property
    def sha256(self) -> str:
        """SHA-256 of its canonical JSON, by which everything else names it."""
        told = canonical({"strokes": [list(one) for one in self.strokes]}, where="drawing")
        return encode_base64(hashlib.sha256(told).digest())

    @property
    def path(self) -> str:
        """The same as a path of SVG."""
        return " ".join(map(_path, self.strokes))


def _points(stroke: tuple[int, ...]) -> list[tuple[int, int]]:
    return list(zip(stroke[::2], stroke[1::2], strict=True))


def _length(stroke: tuple[int, ...]) -> float:
    return sum(math.dist(one, other) for one, other in itertools.pairwise(_points(stroke)))


def _path(stroke: tuple[int, ...]) -> str:
    first, *others = _points(stroke)
    # A point alone is drawn by a line to itself, whose ends are round.
    lines = others or [first]
    return f"M{first[0]} {first[1]}" + "".join(f"L{x} {y}" for x, y in lines)


class HandRecord(Exact):
    """A person's consent by hand; the witness signs the digest of its canonical JSON.

    Attributes:
        v: Version, 1.
        what: That it is such a record.
        session: Id of the session.
        party: The party who wrote.
        name: As the document calls them, as they have typed it, and as their papers have it.
        title: Of the document.
        document_sha256: Hash of the file before anybody signed it.
        code: Its four digits, which stood on the tablet.
        parties_sha256: SHA-256 of who signs in which order.
        effect: When it counts.
        agreed: That they have said so, by a tick beside what they wrote.
        read: That all pages were on the tablet's screen.
        clauses: Those that need consent, each with the answer.
        drawing_sha256: Of what they wrote.
        written_at_ms: When, by the clock of the service.
        witness: Account of who has seen it.
        papers: Which kind of identity document they showed.
    """

    v: Literal[1] = 1
    what: Literal["org.veche.hand"] = WHAT
    session: Annotated[str, Field(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}$")]
    party: Annotated[str, Field(pattern=r"^p[1-9][0-9]{0,2}$")]
    name: Name
    title: Name
    document_sha256: Sha256
    code: Annotated[str, Field(pattern=r"^[0-9]{4}$")]
    parties_sha256: Sha256
    effect: Literal["when_complete", "each"]
    agreed: Literal[True] = True
    read: Literal["all_pages"] = "all_pages"
    clauses: Annotated[tuple[ShownClause, ...], Field(strict=False, max_length=CLAUSES_MAX)]
    drawing_sha256: Sha256
    written_at_ms: Moment
    witness: Name
    papers: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]

    @property
    def told(self) -> dict[str, Any]:
        """The record as JSON."""
        return self.model_dump(mode="json", exclude_none=True)

    @property
    def signed(self) -> bytes:
        """Its canonical JSON."""
        return canonical(self.told, where="hand")

    @property
    def sha256(self) -> str:
        """SHA-256 of those bytes."""
        return encode_base64(hashlib.sha256(self.signed).digest())
