"""Documents made ready to be signed: frames, names, boxes, and nothing covered."""

from __future__ import annotations

import datetime as dt
import functools
import io
import re
import subprocess
from typing import TYPE_CHECKING

import pikepdf
import pytest
import typst
from PIL import Image, ImageChops
from pyhanko.sign.diff_analysis import ModificationLevel

from appservices.signing.papers.core.uploads import PAGES_MAX, UploadTooLargeError
from appservices.signing.papers.service.uploads import normalised
from appservices.signing.papers.texts.sheet import Sheet
from appservices.signing.places.core.boxes import BoxError, Seat
from appservices.signing.places.core.places import Area, Place, Side
from appservices.signing.places.service.boxes import with_named_boxes, with_signature_boxes
from appservices.signing.places.service.drawing import page_sizes
from tests.support import uploads
from tests.support.programs import program
from tests.support.readers import by_pdfsig, by_pyhanko
from tests.support.signing import Office
from tests.support.tables import each_row
from veche.documents.pdf.appearance import Look
from veche.documents.pdf.document import Document
from veche.documents.pdf.pages import page_count, page_number
from veche.documents.pdf.signing import Box, form_fields
from veche.documents.signatures.report import Verdict
from veche.documents.signatures.verdict import Trusted, judge
from veche.protocol.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SHEET = Sheet("Lease of flat 12b", "en", "https://sign.example.org/v#p=1.2", ("Both sign.",))
SEATS = (Seat("Sig1", "Alice Adams", "Landlady"), Seat("Sig2", "Боб Браун", "Наниматель"))


def made(pdf: bytes, seats: Sequence[Seat], sheet: Sheet) -> bytes:
    """Without the sandbox, which takes a while to begin."""
    return with_signature_boxes(pdf, seats, sheet, run=lambda work, *args: work(*args))


@functools.cache
def laid() -> bytes:
    return made(uploads.plain(), SEATS, SHEET)


def words(pdf: bytes, folder: Path, *options: str) -> str:
    (folder / "file.pdf").write_bytes(pdf)
    command = [program("pdftotext"), *options, str(folder / "file.pdf"), "-"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def rectangles(pdf: bytes) -> dict[str, tuple[int, list[float]]]:
    """Page, from 0, and corners of each field."""
    document = Document(pdf)
    found = {}
    with_pages = {number: at for at, number in enumerate(_pages(document))}
    for name, number in form_fields(document):
        held = document.dictionary(number, "a field")
        page = with_pages[int(bytes(held[b"/P"]).split()[0])]  # type: ignore[arg-type]
        found[name] = (page, [float(one) for one in held[b"/Rect"]])  # type: ignore[arg-type]
    return found


def _pages(document: Document) -> list[int]:
    return [page_number(document, at) for at in range(page_count(document))]


def test_a_page_of_signatures_follows_the_document(tmp_path: Path) -> None:
    said = words(laid(), tmp_path, "-f", "2")

    assert page_count(Document(laid())) == 2
    for part in ("Signatures", "Lease of flat 12b", "Alice Adams", "Наниматель", "Both sign."):
        assert part in said
    assert "https://sign.example.org/v#p=1.2" in said
    assert "Rent: 900 EUR" in words(laid(), tmp_path, "-l", "1")
    assert [(name, page) for name, (page, _) in rectangles(laid()).items()] == [
        ("Sig1", 1),
        ("Sig2", 1),
    ]


def test_the_same_document_and_names_give_the_same_bytes() -> None:
    assert with_signature_boxes(uploads.plain(), SEATS, SHEET) == laid()


def test_signed_in_both_boxes_it_is_sealed_and_others_believe_it(tmp_path: Path) -> None:
    # pdfsig judges at the present time.
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)  # noqa: TID251 -- as above
    office = Office(now - dt.timedelta(hours=1))
    pdf = office.person("Alice Adams", laid()).sign(laid(), "Sig1", look=Look("Landlady", "AdES"))
    pdf = office.person("Боб Браун", laid()).sign(pdf, "Sig2", look=Look("Наниматель", "AdES"))
    closed = office.close(pdf)

    found = judge(closed, Trusted([office.root.certificate], now))
    assert (found.verdict, [one.name for one in found.signers]) == (
        Verdict.SEALED,
        ["Alice Adams", "Боб Браун"],
    )
    assert words(closed, tmp_path, "-f", "2").count("AdES") == 2
    statuses = by_pyhanko(closed, office.root.certificate, now)
    assert [one.bottom_line for one in statuses[:-1]] == [True, True]
    forms = ModificationLevel.FORM_FILLING
    assert all(one.modification_level <= forms for one in statuses[:-1])
    said = by_pdfsig(tmp_path, closed, office.root.certificate)
    assert said.count("Signature is Valid.") == said.count("Certificate is Trusted.") == 2
    (tmp_path / "signed.pdf").write_bytes(closed)
    command = [program("qpdf"), "--check", str(tmp_path / "signed.pdf")]
    subprocess.run(command, check=True, capture_output=True)


def test_a_box_stands_on_the_side_that_was_chosen() -> None:
    seats = [
        Seat("Sig1", "Alice Adams", "Landlady", Place(1, Side.RIGHT)),
        Seat("Sig2", "Bob Brown", "Tenant", Place(1, Side.LEFT)),
    ]

    found = rectangles(made(uploads.plain(), seats, SHEET))

    width = page_sizes(uploads.plain())[0].width
    (_, (alice_left, alice_bottom, _, _)) = found["Sig1"]
    (_, (_, bob_bottom, bob_right, _)) = found["Sig2"]
    assert bob_right < width / 3 + 20
    assert alice_left > 2 * width / 3 - 20
    assert alice_bottom == bob_bottom


def test_a_named_page_gets_a_foot_and_keeps_its_words(tmp_path: Path) -> None:
    full = (
        "#set page(margin: 0pt)\n#block(height: 100%, width: 100%)[Top #align(bottom)[Last line]]"
    )
    pdf = typst.compile(full.encode())
    seats = [Seat("Sig1", "Alice Adams", "Landlady", Place(1))]

    out = made(pdf, seats, SHEET)

    assert page_count(Document(out)) == 1
    page, (_, bottom, _, top) = rectangles(out)["Sig1"]
    assert (page, bottom > 0, top < 92) == (0, True, True)
    layout = words(out, tmp_path, "-bbox")
    lowest = [
        float(line.split('yMax="')[1].split('"')[0])
        for line in layout.splitlines()
        if ">Last<" in line
    ]
    height = page_sizes(out)[0].height
    # From the top: the page's last line stands above the frames.
    assert lowest[0] <= height - 88
    assert "Alice Adams" in words(out, tmp_path)


def test_what_lay_outside_of_a_page_stays_unseen(tmp_path: Path) -> None:
    def change(document: pikepdf.Pdf) -> None:
        page = document.pages[0]
        page.contents_add(b"q 0 g 0 -500 600 480 re f Q")

    upload = normalised(uploads.changed(change))
    assert not isinstance(upload, type)
    out = made(upload.pdf, [Seat("Sig1", "A", "B", Place(1))], SHEET)

    (tmp_path / "file.pdf").write_bytes(out)
    command = [program("pdftoppm"), "-r", "72", "-gray", "file.pdf", "page"]
    subprocess.run(command, cwd=tmp_path, check=True)
    picture = (tmp_path / "page-1.pgm").read_bytes()
    assert picture.count(b"\0") < 2000


@pytest.mark.parametrize("content", [b"q", b"Q q", b"q q Q"])
def test_a_page_that_cannot_be_drawn_smaller_is_left_alone(content: bytes) -> None:
    def change(document: pikepdf.Pdf) -> None:
        document.pages[0].contents_add(content)

    upload = normalised(uploads.changed(change))
    assert not isinstance(upload, type)
    out = made(upload.pdf, [Seat("Sig1", "A", "B", Place(1))], SHEET)

    assert rectangles(out)["Sig1"][0] == 1


@each_row(
    "setting", ['paper: "a5"', 'paper: "us-letter"', "flipped: true", "width: 50pt, height: 50pt"]
)
def test_documents_of_any_size_get_a_page_of_signatures(setting: str) -> None:
    pdf = typst.compile(f"#set page({setting}, margin: 5pt)\nx".encode())

    out = made(pdf, SEATS, SHEET)

    assert page_count(Document(out)) == 2


def test_two_hundred_signers_have_room() -> None:
    seats = [Seat(f"Sig{at}", f"Signer with a long name {at} " * 3, "x" * 100) for at in range(200)]

    out = made(uploads.plain(), seats, SHEET)

    assert len(rectangles(out)) == 200


def test_a_document_with_all_the_pages_there_may_be_has_no_room_for_one_more() -> None:
    with pytest.raises(UploadTooLargeError):
        made(uploads.plain(pages=PAGES_MAX), SEATS, SHEET)


def odd_pages(document: pikepdf.Pdf) -> None:
    """Turned pages, by those above them too, cropped, below zero, of a unit of their own."""
    for rotation in (90, 180, 270, 0, 0):
        document.pages.append(document.pages[0])
        document.pages[-1].obj["/Rotate"] = rotation
    document.pages[1].obj["/CropBox"] = [50, 60, 500, 700]
    document.pages[2].obj["/MediaBox"] = [-300, -200, 400, 500]
    del document.pages[3].obj["/Rotate"]
    document.Root.Pages["/Rotate"] = 270
    document.pages[0].obj["/Rotate"] = 0
    document.pages[4].obj["/UserUnit"] = 2
    document.pages[5].obj["/MediaBox"] = [0, 0, 5_000, 3_000]


AREA = Area(60, 40, 220, 70)


@functools.cache
def placed_and_signed() -> tuple[Office, bytes, dt.datetime]:
    """A file with an area in the same place of each odd page, in which somebody signed."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)  # noqa: TID251 -- pdfsig has its own
    office = Office(now - dt.timedelta(hours=1))
    upload = normalised(uploads.changed(odd_pages))
    assert not isinstance(upload, type)
    seats = [Seat(f"Sig{page}", "A", "B", Place(page, area=AREA)) for page in range(1, 7)]
    pdf = made(upload.pdf, seats, SHEET)
    for page in range(1, 7):
        name = f"Константин Longfellow {page}"
        pdf = office.person(name, pdf).sign(pdf, f"Sig{page}", look=Look("Наниматель", "AdES"))
    return office, office.close(pdf), now


def test_boxes_on_odd_pages_are_sealed_and_others_believe_it(tmp_path: Path) -> None:
    office, closed, now = placed_and_signed()

    found = judge(closed, Trusted([office.root.certificate], now))
    assert (found.verdict, len(found.signers)) == (Verdict.SEALED, 6), found.findings
    assert page_count(Document(closed)) == 6, "nobody signs on a page of its own"
    assert [one.bottom_line for one in by_pyhanko(closed, office.root.certificate, now)[:-1]] == [
        True
    ] * 6
    said = by_pdfsig(tmp_path, closed, office.root.certificate)
    assert said.count("Signature is Valid.") == said.count("Certificate is Trusted.") == 6
    assert "- Total document signed" in said
    (tmp_path / "signed.pdf").write_bytes(closed)
    command = [program("qpdf"), "--check", str(tmp_path / "signed.pdf")]
    subprocess.run(command, check=True, capture_output=True)


POPPLER = ("pdftoppm", "-r", "72", "-cropbox", "-png", "file.pdf", "page")
MUPDF = ("mutool", "draw", "-q", "-r", "72", "-o", "page-%d.png", "file.pdf")


# Of the fifth page a unit is two points: poppler does not know of it.
@pytest.mark.parametrize(("reader", "unit"), [(POPPLER, 1), (MUPDF, 2)], ids=["poppler", "mupdf"])
def test_readers_show_each_signature_where_the_area_is(
    reader: tuple[str, ...], unit: int, tmp_path: Path
) -> None:
    closed = placed_and_signed()[1]

    signed, blank = drawn(closed, reader, tmp_path), drawn(without_boxes(closed), reader, tmp_path)

    assert len(signed) == 6
    for at, (one, other) in enumerate(zip(signed, blank, strict=True)):
        found = ImageChops.difference(one, other).getbbox()
        assert found is not None, at
        scale = unit if at == 4 else 1
        edges = (AREA.x, AREA.y, AREA.x + AREA.width, AREA.y + AREA.height)
        assert [side / scale for side in found] == pytest.approx(edges, abs=2), at


def without_boxes(pdf: bytes) -> bytes:
    """The same pages without what is drawn in boxes."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf)) as document:
        for page in document.pages:
            del page.obj["/Annots"]
        document.save(out)
    return out.getvalue()


def drawn(pdf: bytes, reader: tuple[str, ...], folder: Path) -> list[Image.Image]:
    """Pictures of the pages."""
    (folder / "file.pdf").write_bytes(pdf)
    name, *options = reader
    subprocess.run([program(name), *options], check=True, cwd=folder)
    found = []
    for path in sorted(folder.glob("page-*.png")):
        with Image.open(path) as one:
            found.append(one.convert("RGB"))
    return found


def test_of_a_page_what_its_two_boxes_share_is_shown() -> None:
    def change(document: pikepdf.Pdf) -> None:
        for crop in ([50, 60, 9_000, 700], [700, 800, 600, 900], [500, 400, 100, 200]):
            document.pages.append(document.pages[0])
            document.pages[-1].obj["/CropBox"] = crop

    sizes = page_sizes(uploads.changed(change))[1:]

    assert [(one.left, one.bottom, one.width, one.height) for one in sizes] == [
        (50, 60, pytest.approx(545.28, abs=0.01), 640),
        (0, 0, pytest.approx(595.28, abs=0.01), pytest.approx(841.89, abs=0.01)),
        (100, 200, 400, 200),
    ]


def test_the_words_of_a_turned_page_stand_upright(tmp_path: Path) -> None:
    said = words(placed_and_signed()[1], tmp_path, "-bbox")

    boxes = re.findall(
        r'xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">Константин<', said
    )
    assert len(boxes) == 6
    for box in boxes:
        left, top, right, bottom = map(float, box)
        assert right - left > 2 * (bottom - top), box


def test_an_area_that_is_not_on_its_page_is_refused_with_its_size() -> None:
    area = Area(500, 500)

    with pytest.raises(BoxError, match="page 1 is 595 by 841 points") as caught:
        made(uploads.plain(), [Seat("Sig1", "A", "B", Place(1, area=area))], SHEET)
    assert caught.value.field == "Sig1"


def test_a_page_with_an_area_stays_as_it_is_and_others_sign_at_the_end(tmp_path: Path) -> None:
    seats = [
        Seat("Sig1", "Alice Adams", "Landlady", Place(1, area=Area(100, 700))),
        Seat("Sig2", "Bob Brown", "Tenant", Place(1, Side.LEFT)),
    ]

    out = made(uploads.plain(), seats, SHEET)

    found = rectangles(out)
    assert {name: page for name, (page, _) in found.items()} == {"Sig1": 0, "Sig2": 1}
    assert found["Sig1"][1] == [100, 81.89, 300, 141.89]
    before = words(uploads.plain(), tmp_path, "-bbox", "-l", "1").split("<page")[1]
    assert words(out, tmp_path, "-bbox", "-l", "1").split("<page")[1] == before


def test_a_wrong_page_is_told_before_anything_is_done() -> None:
    with pytest.raises(MalformedError, match="no page 7"):
        made(uploads.plain(), [Seat("Sig1", "A", "B", Place(7))], SHEET)


def test_two_signers_with_one_field_are_refused() -> None:
    with pytest.raises(MalformedError, match="one name"):
        made(uploads.plain(), [SEATS[0], SEATS[0]], SHEET)


def test_boxes_of_a_template_leave_the_pages_as_they_are() -> None:
    pdf = uploads.plain()
    box = Box("Sig1", 0, (40, 40, 200, 90))

    out = with_named_boxes(pdf, [box], page_sizes(pdf))

    assert out.startswith(pdf)
    assert rectangles(out) == {"Sig1": (0, [40, 40, 200, 90])}
    with pytest.raises(MalformedError):
        with_named_boxes(pdf, [Box("Sig1", 5, box.corners)], page_sizes(pdf))
