"""The one font in which signatures are shown: laid with the boxes, before anybody signs.

What a signature looks like is drawn after others have agreed to the document, so nobody has seen
the letters it will be drawn with. A font of the requester's could draw "9" for a space. Hence one
font, known by its digest: Libertinus Serif (SIL Open Font License 1.1, see ``letters.OFL.txt``),
its Latin and Cyrillic letters, digits and punctuation, 33 kB a document.

Five objects in this order, with consecutive numbers: the font file, its map to Unicode, descriptor,
CID font, Type 0 font. ``/DR`` of the form names the last one ``/VecheLetters``, and that has
``/VecheGlyphs``: a UTF-16BE string in hexadecimal whose k-th character is what glyph k shows, from
1. Its width in thousandths is the k-th in ``/W [1 [...]]`` of the CID font. So whoever reads a file
needs nothing else but ``DIGEST``.

Source: ISO 32000-1 §9.7.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.documents.pdf.values import PdfError, dictionary, reference, write_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from veche.documents.pdf.document import PdfObject
    from veche.documents.pdf.increment import Increment
    from veche.documents.pdf.values import Dictionary, Value

RESOURCE: Final = b"/VecheLetters"
"""Name of the font in ``/DR`` of the form, and in the picture of a signature."""
GLYPHS: Final = b"/VecheGlyphs"
OBJECTS: Final = 5
DIGEST: Final = "9907f1763e9d831212460543d33aa6abd50c4ebd20b4e757302cafc02a65e00e"
"""SHA-256 over the five objects, see ``digest_of``."""
_REFERENCE: Final = re.compile(rb"(\d{1,10}) 0 R")


class MissingLetterError(ValueError):
    """The font has no picture of a character.

    Attributes:
        character: Which.
    """

    def __init__(self, character: str) -> None:
        super().__init__(f"the font has no {character!r}")
        self.character = character


@attrs.frozen
class Letters:
    """The characters that the font can show.

    Attributes:
        glyphs: Number of each character's glyph.
        widths: Of each character, in thousandths of the font's size.
    """

    glyphs: Mapping[str, int]
    widths: Mapping[str, int]

    def can_show(self, text: str) -> bool:
        """Return whether each character has a glyph."""
        return all(one in self.glyphs for one in text)

    def encoded(self, text: str) -> bytes:
        """The text as a string operand, ``<00010002>``.

        Raises:
            MissingLetterError: A character has no glyph.
        """
        self._check(text)
        return b"<%b>" % b"".join(b"%04X" % self.glyphs[one] for one in text)

    def width(self, text: str) -> int:
        """How wide a text is, in thousandths of the font's size.

        Raises:
            MissingLetterError: A character has no glyph.
        """
        self._check(text)
        return sum(self.widths[one] for one in text)

    def _check(self, text: str) -> None:
        for one in text:
            if one not in self.glyphs:
                raise MissingLetterError(one)


@functools.cache
def signature_font() -> Letters:
    """The letters of the font."""
    known = _known()
    pairs = list(zip(known["characters"], known["widths"], strict=True))
    return Letters(
        {one: at for at, (one, _) in enumerate(pairs, 1)},
        dict(pairs),
    )


def lay_letters(increment: Increment) -> int:
    """Add the font; the number of its last object, which ``/DR`` refers to."""
    known = _known()
    characters, name = known["characters"], known["descriptor"]["/FontName"].encode()
    file = increment.add_stream(
        base64.b64decode("".join(known["font"])),
        {b"/Subtype": b"/CIDFontType0C", b"/Filter": b"/FlateDecode"},
    )
    to_unicode = increment.add_stream(_map(characters))
    given = {key.encode(): value.encode() for key, value in known["descriptor"].items()}
    descriptor = increment.add(
        {b"/Type": b"/FontDescriptor", **given, b"/FontFile3": reference(file)}
    )
    inner = increment.add(
        {
            b"/Type": b"/Font",
            b"/Subtype": b"/CIDFontType0",
            b"/BaseFont": name,
            b"/CIDSystemInfo": _SYSTEM,
            b"/FontDescriptor": reference(descriptor),
            b"/DW": b"0",
            b"/W": [b"1", [b"%d" % one for one in known["widths"]]],
        }
    )
    return increment.add(
        {
            b"/Type": b"/Font",
            b"/Subtype": b"/Type0",
            b"/BaseFont": name + b"-Identity-H",
            b"/Encoding": b"/Identity-H",
            b"/DescendantFonts": [reference(inner)],
            b"/ToUnicode": reference(to_unicode),
            GLYPHS: b"<%b>" % characters.encode("utf-16-be").hex().upper().encode(),
        }
    )


def digest_of(font: int, pdf: bytes, get: Callable[[int], PdfObject | None]) -> str:
    """SHA-256 of the five objects that end with ``font``, in hexadecimal.

    Over each object's value as ``write_value`` writes it, in which references say how far back
    they refer ("4 0 R" within object 6 is "2 0 R"), and the bytes of its stream, if it is one.

    Args:
        font: Number of the Type 0 font.
        pdf: The file.
        get: The object of a number.

    Raises:
        PdfError: An object is not there.
    """
    found = hashlib.sha256()
    for number in range(font - OBJECTS + 1, font + 1):
        one = get(number)
        if one is None:
            raise PdfError("a part of the font of signatures is not there")
        found.update(write_value(_relative(one.value, number)))
        if one.data is not None:
            found.update(memoryview(pdf)[slice(*one.data)])
    return found.hexdigest()


def laid_letters(form: Dictionary, resolve: Callable[[Value | None], Value | None]) -> Value | None:
    """Return the reference to the font in a form's ``/DR``; None if there is none.

    Raises:
        PdfError: The form's resources are none that we read.
    """
    resources_ = resolve(form.get(b"/DR"))
    if resources_ is None:
        return None
    fonts = resolve(dictionary(resources_, "/DR").get(b"/Font"))
    return None if fonts is None else dictionary(fonts, "/Font").get(RESOURCE)


def _relative(value: Value, holder: int) -> Value:
    if isinstance(value, list):
        return [_relative(one, holder) for one in value]
    if isinstance(value, dict):
        return {key: _relative(one, holder) for key, one in value.items()}
    found = _REFERENCE.fullmatch(value)
    return reference(holder - int(found[1])) if found is not None else value


@functools.cache
def _known() -> Any:
    return json.loads((resources.files("veche.documents.pdf") / "letters.json").read_bytes())


_SYSTEM: Final[Dictionary] = {
    b"/Registry": b"(Adobe)",
    b"/Ordering": b"(Identity)",
    b"/Supplement": b"0",
}
_MAP_LINES_MAX: Final = 100
"""Of a block, by the rules of CMaps."""
_MAP_HEAD: Final = b"""/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<0000> <FFFF>
endcodespacerange
"""
_MAP_TAIL: Final = b"""endcmap
CMapName currentdict /CMap defineresource pop
end
end"""


def _map(characters: str) -> bytes:
    """From glyphs to Unicode, for readers that search and copy text."""
    lines = [b"<%04X> <%04X>\n" % (at, ord(one)) for at, one in enumerate(characters, 1)]
    blocks = [lines[at : at + _MAP_LINES_MAX] for at in range(0, len(lines), _MAP_LINES_MAX)]
    parts = [b"%d beginbfchar\n%bendbfchar\n" % (len(block), b"".join(block)) for block in blocks]
    return b"".join([_MAP_HEAD, *parts, _MAP_TAIL])
