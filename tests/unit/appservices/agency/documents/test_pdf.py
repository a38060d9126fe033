"""Documents: PDF/A-3b, the same for the same, and templates that reach nothing."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pikepdf
import pytest
import zxingcpp
from PIL import Image

from appservices.agency.cases.core.effects import MakeDocument
from appservices.agency.documents import pdf as documents
from appservices.agency.documents.pdf import (
    DATA_BYTES_MAX,
    TEMPLATE_BYTES_MAX,
    Emblems,
    make_document,
)
from tests.support.programs import program
from tests.support.tables import each_row
from tests.unit.appservices.agency.builders import (
    ANSWERS,
    EXAMPLE,
    NOW_MS,
    ROOT,
    Play,
    approved,
    claimed,
)
from veche.protocol.errors import MalformedError, TooLargeError
from veche.protocol.texts.catalogue import LANGUAGES
from veche.runtime.files.pictures import read_picture
from veche.runtime.files.typesetting import TypesettingError

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = EXAMPLE.with_suffix(".typ").read_bytes()
SMALL = b'#set document(title: "T")\n#set text(lang: "en")\n'


def data_of(play: Play) -> dict[str, Any]:
    (made,) = [e for e in play.outcome.effects if isinstance(e, MakeDocument)]
    return dict(made.data)


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    return data_of(approved())


def test_it_is_pdf_a_3b_with_the_facts_inside(data: dict[str, Any]) -> None:
    document = make_document(TEMPLATE, data, issued_at_ms=NOW_MS)
    with pikepdf.open(io.BytesIO(document.data)) as pdf:
        with pdf.open_metadata() as metadata:
            assert metadata.pdfa_status == "3B"
            assert metadata["dc:title"] == "Copy of a birth certificate"
            assert metadata["xmp:CreateDate"] == "2025-11-24T16:00:00+00:00"
        attached = pdf.attachments["data.json"].get_file()
        facts = json.loads(attached.read_bytes())["facts"]
        assert facts["answers"] == ANSWERS
        # Every font is inside, or readers of later years cannot show it.
        fonts = [f for page in pdf.pages for f in page.Resources.Font.values()]
        inner = [f.DescendantFonts[0].FontDescriptor for f in fonts]
        assert inner
        assert all("/FontFile3" in one or "/FontFile2" in one for one in inner)


def codes_in(pdf: bytes, folder: Path) -> list[str]:
    """What the codes on the pages say."""
    (folder / "file.pdf").write_bytes(pdf)
    command = [program("pdftoppm"), "-r", "150", "-png", "file.pdf", "page"]
    subprocess.run(command, cwd=folder, check=True, timeout=60)
    codes = []
    for path in sorted(folder.glob("page*.png")):
        with Image.open(path) as page:
            codes += [one.text for one in zxingcpp.read_barcodes(page)]
    return codes


def test_it_has_a_code_that_leads_to_where_it_is_checked(
    data: dict[str, Any], tmp_path: Path
) -> None:
    arms = read_picture(ROOT / "config/pictures/lindenau.svg")
    emblems = Emblems(arms, "https://veche.example.org/verify", "Town of Lindenau")

    document = make_document(TEMPLATE, data, issued_at_ms=NOW_MS, emblems=emblems)

    assert codes_in(document.data, tmp_path) == ["https://veche.example.org/verify"]
    assert document == make_document(TEMPLATE, data, issued_at_ms=NOW_MS, emblems=emblems)
    with pikepdf.open(io.BytesIO(document.data)) as pdf:
        assert len(pdf.pages) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_fits_on_one_page_in_every_language(data: dict[str, Any], language: str) -> None:
    made = make_document(TEMPLATE, {**data, "language": language}, issued_at_ms=NOW_MS)

    with pikepdf.open(io.BytesIO(made.data)) as pdf:
        assert len(pdf.pages) == 1


def test_the_same_data_gives_the_same_bytes(data: dict[str, Any]) -> None:
    one = make_document(TEMPLATE, data, issued_at_ms=NOW_MS)
    two = make_document(TEMPLATE, json.loads(json.dumps(data)), issued_at_ms=NOW_MS)

    assert one == two
    assert one.sha256 == hashlib.sha256(one.data).hexdigest()


def test_other_data_or_another_day_gives_other_bytes(data: dict[str, Any]) -> None:
    one = make_document(TEMPLATE, data, issued_at_ms=NOW_MS).sha256
    other = {**data, "shown": {**data["shown"], "office": "Another office"}}

    assert make_document(TEMPLATE, other, issued_at_ms=NOW_MS).sha256 != one
    assert make_document(TEMPLATE, data, issued_at_ms=NOW_MS + 86_400_000).sha256 != one


@pytest.mark.parametrize("name", ["Їжак Ґалаґан", "Άννα", "O’Neill #strong[x] $y$ *b* \\ @z"])
def test_what_a_person_wrote_is_shown_and_never_run(name: str) -> None:
    play = claimed(data={**ANSWERS, "child_name": "Anna"})
    case = play.outcome.case
    assert case.answers["child_name"] == "Anna"
    made = data_of(approved())
    made["shown"] = {
        **made["shown"],
        "answers": [{"id": "child_name", "label": "Name", "value": name}],
    }
    assert make_document(TEMPLATE, made, issued_at_ms=NOW_MS).data.startswith(b"%PDF-")


def test_letters_that_no_font_has_are_refused_and_not_left_out(data: dict[str, Any]) -> None:
    shown = {**data["shown"], "office": "市役所"}
    with pytest.raises(TypesettingError, match="could not be displayed"):
        make_document(TEMPLATE, {**data, "shown": shown}, issued_at_ms=NOW_MS)


@each_row(
    "line",
    [
        b'#import "@preview/cetz:0.3.0"',
        b'#import "@" + "preview/cetz:0.3.0"',
        b'#let x = "@preview/cetz:0.3.0"\n#import x: *',
        b'#include "other.typ"',
        b'#eval("1 + 1")',
    ],
)
def test_a_template_that_reaches_out_is_refused_with_its_line(line: bytes) -> None:
    with pytest.raises(TypesettingError, match=r"line [34]: a template is one file"):
        make_document(SMALL + line, {}, issued_at_ms=0)


@pytest.mark.parametrize(
    "line",
    [b'#read("/etc/passwd")', b'#read("../../etc/passwd")', b'#image("/etc/hostname")'],
)
def test_a_template_reads_nothing_of_the_disk(line: bytes) -> None:
    with pytest.raises(TypesettingError, match="the template does not work"):
        make_document(SMALL + line, {}, issued_at_ms=0)


@each_row(
    ("line", "message"),
    [
        (b"#unknown", "unknown variable"),
        (b"#let x = ", "expected expression"),
        (b"#json(bytes(sys.inputs.data)).missing", "does not contain key"),
        (b"#while true {}", "condition is always true"),
    ],
)
def test_a_wrong_template_says_what_is_wrong(line: bytes, message: str) -> None:
    with pytest.raises(TypesettingError, match=message):
        make_document(SMALL + line, {}, issued_at_ms=0)


class TestBounds:
    def test_the_template(self) -> None:
        comment = b"/" * (TEMPLATE_BYTES_MAX - len(SMALL))
        assert make_document(SMALL + comment, {}, issued_at_ms=0).data
        with pytest.raises(TooLargeError, match="the template is over"):
            make_document(SMALL + comment + b"/", {}, issued_at_ms=0)

    def test_the_data(self) -> None:
        large = {"x": "a" * (DATA_BYTES_MAX - len('{"x":""}'))}
        assert make_document(SMALL, large, issued_at_ms=0).data
        with pytest.raises(TooLargeError, match="the data of the document is over"):
            make_document(SMALL, {"x": large["x"] + "a"}, issued_at_ms=0)

    def test_the_document(self) -> None:
        size = len(make_document(SMALL, {}, issued_at_ms=0).data)
        with patch.object(documents, "FILE_BYTES_MAX", size):
            assert len(make_document(SMALL, {}, issued_at_ms=0).data) == size
        with (
            patch.object(documents, "FILE_BYTES_MAX", size - 1),
            pytest.raises(TooLargeError, match="the document is over"),
        ):
            make_document(SMALL, {}, issued_at_ms=0)

    def test_data_without_canonical_json(self) -> None:
        with pytest.raises(MalformedError):
            make_document(SMALL, {"x": 1.5}, issued_at_ms=0)


def test_an_organisation_can_bring_fonts(tmp_path: Path) -> None:
    without = make_document(SMALL + b"Words", {}, issued_at_ms=0)
    assert make_document(SMALL + b"Words", {}, issued_at_ms=0, fonts=tmp_path) == without
