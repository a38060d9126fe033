"""PDF files as people send them: forms, comments, layers, programs, locks."""

from __future__ import annotations

import functools
import hashlib
import io
from typing import TYPE_CHECKING, Any

import pikepdf
import typst

if TYPE_CHECKING:
    from collections.abc import Callable


@functools.cache
def plain(words: str = "Rent: 900 EUR a month.", pages: int = 1) -> bytes:
    """A file of typst, in the sealed profile."""
    source = f"#for n in range({pages}) [Lease. {words} #pagebreak(weak: true)]"
    return bytes(typst.compile(source.encode(), timestamp=0))


def changed(change: Callable[[pikepdf.Pdf], None], pdf: bytes | None = None, **how: Any) -> bytes:
    """A file after something was done to it; written with object streams, as most programs do."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf if pdf is not None else plain())) as document:
        change(document)
        how.setdefault("object_stream_mode", pikepdf.ObjectStreamMode.generate)
        document.save(out, deterministic_id=not how.get("encryption"), **how)
    return out.getvalue()


def nothing(document: pikepdf.Pdf) -> None:
    """Change nothing but how it is written."""
    del document


def script(document: pikepdf.Pdf) -> None:
    """A program that runs when it is opened."""
    document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")
    document.Root.Names = pikepdf.Dictionary(JavaScript=pikepdf.Dictionary(Names=pikepdf.Array([])))


def text_field(document: pikepdf.Pdf, value: str = "Filled by Alice") -> None:
    """A form with one answer, and no picture of it."""
    font = document.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica
        )
    )
    field = document.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Annot,
            Subtype=pikepdf.Name.Widget,
            FT=pikepdf.Name.Tx,
            T="answer",
            V=value,
            DA="/F1 12 Tf",
            F=4,
            Rect=pikepdf.Array([100, 300, 300, 330]),
            P=document.pages[0].obj,
        )
    )
    document.pages[0].Annots = pikepdf.Array([field])
    document.Root.AcroForm = pikepdf.Dictionary(
        Fields=pikepdf.Array([field]),
        DA="/F1 12 Tf",
        DR=pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font)),
        NeedAppearances=True,
    )


def comment(document: pikepdf.Pdf) -> None:
    """A drawing over the page."""
    drawing = document.make_stream(b"0 0 100 20 re f")
    drawing.Type, drawing.Subtype = pikepdf.Name.XObject, pikepdf.Name.Form
    drawing.BBox = pikepdf.Array([0, 0, 100, 20])
    document.pages[0].Annots = pikepdf.Array(
        [
            pikepdf.Dictionary(
                Type=pikepdf.Name.Annot,
                Subtype=pikepdf.Name.Square,
                F=4,
                Rect=pikepdf.Array([100, 100, 200, 120]),
                AP=pikepdf.Dictionary(N=drawing),
            )
        ]
    )


def layers(document: pikepdf.Pdf) -> None:
    """A layer that is switched off."""
    group = document.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.OCG, Name="hidden"))
    document.Root.OCProperties = pikepdf.Dictionary(
        OCGs=pikepdf.Array([group]),
        D=pikepdf.Dictionary(OFF=pikepdf.Array([group]), Order=pikepdf.Array([])),
    )


def other_on_paper(document: pikepdf.Pdf) -> None:
    """A picture that is another one where it is printed."""
    look = {"Type": pikepdf.Name.XObject, "Subtype": pikepdf.Name.Image, "Width": 1, "Height": 1}
    look |= {"ColorSpace": pikepdf.Name.DeviceGray, "BitsPerComponent": 8}
    other = document.make_indirect(pikepdf.Stream(document, b"\0", **look))
    alternates = pikepdf.Array([pikepdf.Dictionary(Image=other, DefaultForPrinting=True)])
    shown = pikepdf.Stream(document, b"\xff", Alternates=alternates, **look)
    page = document.pages[0]
    name = page.add_resource(shown, pikepdf.Name.XObject)
    page.contents_add(b"q 9 0 0 9 9 9 cm %b Do Q" % str(name).encode())


def attachment(document: pikepdf.Pdf) -> None:
    """A file within the file."""
    document.attachments["terms.txt"] = b"other terms"


def xfa(document: pikepdf.Pdf) -> None:
    """A form that most programs cannot show."""
    document.Root.AcroForm = pikepdf.Dictionary(
        Fields=pikepdf.Array([]), XFA=document.make_stream(b"<xdp/>")
    )


def large_picture(document: pikepdf.Pdf) -> None:
    """20 MB that nothing can press together."""
    picture = pikepdf.Stream(document, hashlib.shake_256(b"noise").digest(20_000_000))
    picture.Type, picture.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
    picture.Width, picture.Height = 4000, 5000
    picture.ColorSpace, picture.BitsPerComponent = pikepdf.Name.DeviceGray, 8
    resources = document.pages[0].Resources
    resources.XObject = pikepdf.Dictionary(Im1=picture)
    document.pages[0].contents_add(b"q 100 0 0 100 0 0 cm /Im1 Do Q")


def no_pages(document: pikepdf.Pdf) -> None:
    """Nothing to see."""
    del document.pages[:]
