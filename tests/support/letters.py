"""Makes ``veche/documents/pdf/letters.json`` from the font that typst brings.

Run it (``python -m tests.support.letters``) only to add characters: another font has another
digest, and files with the former one would not be judged as before.
"""

from __future__ import annotations

import base64
import io
import json
import re
import textwrap
from pathlib import Path
from typing import Any, Final

import pikepdf
import typst

from veche.documents.pdf import letters

_RANGES: Final = (
    (0x20, 0x7F),
    (0xA0, 0x180),
    (0x218, 0x21C),
    (0x400, 0x460),
    (0x490, 0x492),
    (0x4AE, 0x4B2),
    (0x2010, 0x2016),
    (0x2018, 0x201F),
    (0x2020, 0x2023),
)
"""Latin, Cyrillic, punctuation."""
_MORE: Final = "…€№"
_SOURCE: Final = b"""
#set text(font: "Libertinus Serif", ligatures: false, kerning: false, fallback: false, size: 10pt)
#set page(width: 500pt, height: 4000pt)
#for c in json(bytes(sys.inputs.data)) [#text(c) #linebreak()]
"""
_DESCRIPTOR: Final = (
    "/FontName",
    "/Flags",
    "/FontBBox",
    "/ItalicAngle",
    "/Ascent",
    "/Descent",
    "/CapHeight",
    "/StemV",
)


def make() -> dict[str, Any]:
    """What the file has."""
    codes = [one for first, end in _RANGES for one in range(first, end)]
    characters = [one for one in [*map(chr, codes), *_MORE] if one.isprintable()]
    pdf = typst.compile(
        _SOURCE,
        sys_inputs={"data": json.dumps(characters)},
        pdf_standards="a-3b",
        timestamp=0,
        ignore_system_fonts=True,
    )
    with pikepdf.open(io.BytesIO(pdf)) as file:
        (font,) = [one for one in file.objects if _is_font(one)]
        known = re.findall(r"<([0-9A-F]{4})> <([0-9A-F]{4})>\n", _text(font["/ToUnicode"]))
        shown = [chr(int(code, 16)) for glyph, code in known if int(glyph, 16)]
        # Glyph 1 is the first character and so on: that is all the map that readers need.
        if shown != characters:
            raise AssertionError("glyphs are in another order than the characters")
        inner = font["/DescendantFonts"][0]
        descriptor = inner["/FontDescriptor"]
        return {
            "characters": "".join(characters),
            "widths": _widths(inner["/W"], len(characters)),
            "descriptor": {key: _token(descriptor[key]) for key in _DESCRIPTOR},
            "font": textwrap.wrap(
                base64.b64encode(descriptor["/FontFile3"].read_raw_bytes()).decode(), 96
            ),
        }


def _is_font(one: Any) -> bool:
    return isinstance(one, pikepdf.Dictionary) and one.get("/Subtype") == "/Type0"


def _text(stream: Any) -> str:
    return str(stream.read_bytes().decode())


def _token(value: Any) -> str:
    return str(value.unparse().decode()) if isinstance(value, pikepdf.Object) else str(value)


def _widths(found: Any, count: int) -> list[int]:
    """Of glyphs 1 to ``count``; typst writes runs of equal widths: first, last, width."""
    numbers = [int(one) for one in found]
    runs = zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)
    widths = {at: width for first, last, width in runs for at in range(first, last + 1)}
    return [widths[at] for at in range(1, count + 1)]


if __name__ == "__main__":
    place = Path(letters.__file__).with_suffix(".json")
    place.write_text(json.dumps(make(), ensure_ascii=False, indent=1) + "\n")
