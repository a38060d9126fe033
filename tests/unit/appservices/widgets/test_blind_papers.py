"""A document that a browser has made ready is one that everybody can sign and check."""

from __future__ import annotations

import base64
import datetime as dt
import functools
import hashlib
import subprocess
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from appservices.signing.places.core.boxes import Seat, seating
from appservices.signing.places.core.places import Area, Place, Row, Side
from appservices.signing.places.service.drawing import read_pages
from tests.support import uploads
from tests.support.forgery import page
from tests.support.node import ROOT, why_no_node
from tests.support.programs import program
from tests.support.readers import by_pdfsig, by_pyhanko
from tests.support.signing import Office
from tests.unit.appservices.widgets.test_signing_twins import by_page
from veche.documents.pdf.appearance import Look
from veche.documents.pdf.document import Document
from veche.documents.pdf.pages import page_count
from veche.documents.pdf.signing import can_be_shown, form_fields
from veche.documents.signatures.report import Verdict
from veche.documents.signatures.verdict import Trusted, judge

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(bool(why_no_node()), reason=why_no_node())

LOOK: Final = Look("Tenant", "Advanced electronic signature")
SIGNERS: Final = {"Sig1": "Alice Adams", "Sig2": "Боб Браун", "Sig3": "Carol Clark"}
SHEET: Final = {
    "heading": "Signatures",
    "of": "of the document “Lease of flat 12b, which has a title that is long, for two lines”",
    "rules": ["A signature counts once everyone who is needed has signed."],
    "note": "Each frame is filled when its signer signs.",
}
AREA: Final = {"x": 100, "y": 500, "width": 200, "height": 60}
_PREPARE: Final = """
    const { normalise } = await at("pdf/normalising.js");
    const { withBoxes } = await at("pdf/sheet.js");
    const { readFile } = await import("node:fs/promises");
    const letters = JSON.parse(await readFile(given.letters));
    const found = [];
    for (const { pdf, seats } of given.files) {
        try {
            const upload = await normalise(bytes(pdf), bytes(given.salt));
            const made = withBoxes(upload.pdf, seats, given.sheet, letters);
            found.push({ pdf: base64(made.pdf), boxes: made.boxes });
        } catch (error) {
            found.push(error.fault ? `${error.fault} ${error.field}` : String(error.stack));
        }
    }
    answer(found);
"""


def seat(field: str, name: str, place: dict[str, Any] | None = None) -> dict[str, Any]:
    """Who signs where."""
    account = f"@{field.lower()}:example.org"
    made = {"field": field, "name": name, "account": account, "role": "Signer"}
    return made if place is None else {**made, "place": place}


def prepared(files: list[tuple[bytes, list[dict[str, Any]]]]) -> list[Any]:
    """What the page makes of uploads and seats."""
    given = {
        "letters": str(ROOT / "veche" / "documents" / "pdf" / "letters.json"),
        "salt": base64.b64encode(hashlib.sha256(b"chance").digest()).decode(),
        "sheet": SHEET,
        "files": [{"pdf": base64.b64encode(pdf).decode(), "seats": seats} for pdf, seats in files],
    }
    found: list[Any] = by_page(_PREPARE, given)
    return found


@functools.cache
def _lease() -> tuple[bytes, list[dict[str, Any]]]:
    """A lease of an office's program with a form, signed by three: one of them on its page."""
    seats = [
        seat("Sig1", SIGNERS["Sig1"]),
        seat("Sig2", SIGNERS["Sig2"]),
        seat("Sig3", SIGNERS["Sig3"], {"page": 1, "corner": "bottom right"}),
    ]
    (made,) = prepared([(uploads.changed(uploads.text_field), seats)])
    assert isinstance(made, dict), made
    return base64.b64decode(made["pdf"]), made["boxes"]


@functools.cache
def _signed() -> tuple[Office, bytes]:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)  # noqa: TID251 -- pdfsig has its own
    office, (document, _) = Office(now - dt.timedelta(hours=1)), _lease()
    pdf = document
    for field, name in SIGNERS.items():
        pdf = office.person(name, document).sign(pdf, field, look=LOOK)
    return office, office.close(pdf)


def test_the_document_has_a_box_for_everyone_that_can_show_a_signature() -> None:
    pdf, boxes = _lease()
    document = Document(pdf)

    assert [name for name, _ in form_fields(document)] == [one["field"] for one in boxes]
    assert {one["field"]: one["page"] for one in boxes} == {"Sig1": 1, "Sig2": 1, "Sig3": 0}
    assert page_count(document) == 2
    for field, name in SIGNERS.items():
        assert can_be_shown(document, field, [name, LOOK.role, LOOK.level])


def test_what_is_signed_in_it_is_sealed_for_the_strict_verdict() -> None:
    office, closed = _signed()

    report = judge(closed, Trusted([office.root.certificate], office.now))

    assert report.verdict is Verdict.SEALED, report.findings
    assert [one.name for one in report.signers] == list(SIGNERS.values())


def test_others_accept_it_too(tmp_path: Path) -> None:
    office, closed = _signed()

    said = by_pdfsig(tmp_path, closed, office.root.certificate)
    found = by_pyhanko(closed, office.root.certificate, office.now + dt.timedelta(seconds=5))

    assert said.count("Signature is Valid.") == said.count("Certificate is Trusted.") == 3
    assert "- Total document signed" in said
    assert [one.bottom_line for one in found[:-1]] == [True] * 3


def test_names_and_roles_are_printed_and_those_the_font_lacks_by_their_account(
    tmp_path: Path,
) -> None:
    seats = [seat("Sig1", "Боб Браун"), seat("Sig2", "李雷")]
    (made,) = prepared([(page("Pay"), seats)])
    (tmp_path / "file.pdf").write_bytes(base64.b64decode(made["pdf"]))

    command = [program("pdftotext"), str(tmp_path / "file.pdf"), "-"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert all(one in said for one in ("Pay", "Боб Браун", "@sig2:example.org", "Signatures"))
    assert "which has a title" in said


def test_many_signers_get_as_many_pages_as_they_need() -> None:
    seats = [seat(f"Sig{number}", f"Person {number}") for number in range(1, 41)]
    (made,) = prepared([(page("Pay"), seats)])

    boxes = made["boxes"]
    assert [one["field"] for one in boxes] == [one["field"] for one in seats]
    assert page_count(Document(base64.b64decode(made["pdf"]))) == boxes[-1]["page"] + 1 > 3


def test_boxes_in_one_corner_stand_beside_one_another_and_bad_places_are_refused() -> None:
    corner = {"page": 1, "corner": "bottom right"}
    two = [seat("Sig1", "A", corner), seat("Sig2", "B", corner)]
    moved = {**corner, "area": AREA}
    made = prepared(
        [
            (page("Pay"), two),
            (page("Pay"), [seat("Sig1", "A", moved), seat("Sig2", "B", moved)]),
            (page("Pay"), [seat("Sig1", "A", {**corner, "page": 2})]),
            (page("Pay"), [seat("Sig1", "A", {**corner, "area": {**AREA, "x": 400}})]),
        ]
    )

    first, second = (one["corners"] for one in made[0]["boxes"])
    assert (first[0], second[1]) == (second[0], first[3] + 6)
    assert made[1:] == ["covers Sig2", "page Sig1", "off Sig1"]


def odd_page(rotation: int) -> bytes:
    boxes = b"/MediaBox[-20 10 595.5 842]/CropBox[0 30 9000 800]"
    return page(
        "Pay", {3: b"<</Type/Page/Parent 2 0 R%b/Rotate %d/Contents 4 0 R>>" % (boxes, rotation)}
    )


def test_a_page_that_is_turned_and_cropped_gets_the_boxes_that_the_service_lays() -> None:
    area = Area(33, 41, 180, 45)
    places = [Place(1, area=area), *(Place(1, side, row) for row in Row for side in Side)]
    seats = [Seat(f"Sig{at}", "A", "B", place) for at, place in enumerate(places)]
    told = [
        seat(
            one.field,
            "A",
            {"page": 1, "corner": "top left", "area": attrs.asdict(area)}
            if one.place.row is None or one.place.side is None
            else {"page": 1, "corner": f"{one.place.row.value} {one.place.side.value}"},
        )
        for one in seats
        if one.place is not None
    ]
    turns = (0, 90, 180, 270, -90, 45)

    made = prepared([(odd_page(rotation), told) for rotation in turns])

    for rotation, found in zip(turns, made, strict=True):
        assert isinstance(found, dict), found
        free = seating(seats, read_pages(odd_page(rotation)).sizes, frozenset()).free
        ours = [(one.field, one.page, list(one.corners), one.turn) for one in free]
        assert [
            (one["field"], one["page"], one["corners"], one.get("turn", 0))
            for one in found["boxes"]
        ] == ours, rotation
