"""Documents whose readers come to different objects: by large numbers, by how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.support.attackers import office
from tests.support.forgery import find, increment, page, stream
from tests.support.signing import with_boxes
from veche.documents.pdf.document import Document
from veche.documents.pdf.signing import Proofs, prepare_closing

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK: Final = b"/Type/XObject/Subtype/Form/BBox[0 0 140 30]"
COVER: Final = b"<</Type/Annot/Subtype/Stamp/F 4/Rect[50 680 560 740]/P 3 0 R/AP<</N 7 0 R>>>>"
_GAP: Final = 100
"""Numbers from here on no object has, up to the next."""
_FAR: Final = 300


class _Fewer(Document):
    """A file to which its attacker adds as if it had fewer objects."""

    @property
    def size(self) -> int:
        return _GAP


def covered(far: int) -> bytes:
    """A document in which a picture covers what the page says, as objects with large numbers."""
    form = {6: b"<</Fields[]>>"}
    words = page("Pay 9999 EUR to Mallory", form, b"/AcroForm 6 0 R")
    number, held = find(words, b"/Type/Page/")
    cover = COVER.replace(b"7 0 R", b"%d 0 R" % (far + 1))
    covered = {
        number: held.replace(b"/Contents", b"/Annots[%d 0 R]/Contents" % far),
        far: cover,
        far + 1: stream(b"1 g 0 0 510 60 re f", LOOK),
    }
    return increment(words, covered)


def fewer_objects() -> bytes:
    """The closing revision says that there is no object with the number of a picture over words.

    Nor are there those of the signature then: it is for who has seen the verdict, and reads on.
    """
    boxed = with_boxes(covered(_FAR), ["Sig1"])
    pdf = office().person("Alice", boxed).sign(boxed, "Sig1")
    prepared = prepare_closing(_Fewer(pdf), "Seal1", Proofs())
    return pdf + prepared.filled(office().token(prepared.digest, office().now))


TABLES: Final[dict[str, Callable[[], bytes]]] = {
    "linearised": lambda: page("Pay", {6: b"<</Linearized 1/L 99999/H[9 9]/O 3/E 99/N 1/T 9>>"}),
    "a table": lambda: page("Pay", {6: stream(b"", b"/Type/XRef/W[1 2 1]/Size 7/Root 1 0 R")}),
    "packed objects": lambda: page("Pay", {6: stream(b"", b"/Type/ObjStm/N 0/First 0")}),
}
"""Files with an object that says where others are."""
