"""Documents from templates: the same every time, with a place for everyone who signs."""

from __future__ import annotations

import argparse
import datetime as dt
import functools
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appservices.signing.commands import template as template_command
from appservices.signing.papers.service.uploads import normalised
from appservices.signing.templates.core import Filling, TemplateError
from appservices.signing.templates.service.templates import (
    check_folder,
    make_document,
    read_folder,
    sample,
)
from tests.support.programs import program
from tests.support.signing import NOW, Office
from veche.documents.pdf.appearance import Look
from veche.documents.pdf.document import Document
from veche.documents.pdf.signing import form_fields
from veche.documents.signatures.report import Verdict
from veche.documents.signatures.verdict import Trusted, judge
from veche.protocol.errors import ConfigError, VecheError
from veche.protocol.forms import FieldContext, parse_values

if TYPE_CHECKING:
    from appservices.signing.templates.service.templates import FolderTemplate, MadeDocument

TEMPLATES = Path(__file__).parents[5] / "config/signing"
NAMES = sorted(one.name for one in TEMPLATES.iterdir())
SMALL = b"""
template: consent
version: 1
title: {en: Consent}
parties: [{id: person, role: signer, title: {en: Person}}]
stages: [{parties: [person]}]
form: [{id: what, kind: text, required: true, label: {en: Subject}}]
"""


@functools.cache
def lease() -> FolderTemplate:
    return read_folder(TEMPLATES / "lease-of-a-flat")


def lease_answers(language: str = "en", **more: object) -> Filling:
    context = FieldContext(language, dt.date(2026, 11, 26), "UTC", "DE")
    typed = {
        "address": "Lindenallee 5\n12345 Lindenau",
        "rooms": "3",
        "rent": "900 EUR",
        "begins_on": "2026-12-01",
        "notice": "one_month",
        **more,
    }
    values = parse_values(lease().template.asked(language), typed, context)
    return Filling(values, {"landlord": "Alice Adams", "tenant": "Боб Браун"}, context)


@functools.cache
def made() -> MadeDocument:
    return make_document(lease(), lease_answers())


def words(pdf: bytes, folder: Path) -> str:
    (folder / "file.pdf").write_bytes(pdf)
    command = [program("pdftotext"), "-layout", str(folder / "file.pdf"), "-"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def folder_with(tmp_path: Path, source: bytes, definition: bytes = SMALL) -> Path:
    (tmp_path / "template.yaml").write_bytes(definition)
    (tmp_path / "template.typ").write_bytes(source)
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_the_templates_that_we_ship_are_right(name: str) -> None:
    assert check_folder(TEMPLATES / name) == []


def test_a_lease_says_what_was_answered(tmp_path: Path) -> None:
    said = words(made().pdf, tmp_path)

    for part in ("Lease of a flat", "Alice Adams", "Боб Браун", "900.00 EUR", "1 December 2026"):
        assert part in said
    assert (made().title, made().clause_pages) == ("Lease of a flat", {"c7": 1})


def test_the_same_answers_give_the_same_bytes_and_others_other_ones() -> None:
    again = make_document(lease(), lease_answers())
    other = make_document(lease(), lease_answers(rent="901 EUR"))

    assert again == made()
    assert other.pdf != made().pdf


def test_a_document_of_a_template_needs_no_normalising() -> None:
    pdf = made().pdf
    base = pdf[: pdf.index(b"%%EOF") + 6]

    upload = normalised(base)

    assert not isinstance(upload, type)
    assert upload.is_kept


def test_both_sign_the_lease_and_the_tenant_its_unfair_clause_too() -> None:
    office, pdf = Office(), made().pdf
    assert sorted(name for name, _ in form_fields(Document(pdf))) == [
        "landlord",
        "tenant",
        "tenant:c7",
    ]

    tenant = office.person("Боб Браун", pdf)
    signed = office.person("Alice Adams", pdf).sign(pdf, "landlord", look=Look("Landlord", "AdES"))
    signed = tenant.sign(signed, "tenant", look=Look("Tenant", "AdES"))
    signed = tenant.sign(signed, "tenant:c7", look=Look("Penalty", "AdES"))

    found = judge(office.close(signed), Trusted([office.root.certificate], NOW))
    assert found.verdict is Verdict.SEALED
    assert [one.field for one in found.signers] == ["landlord", "tenant", "tenant:c7"]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (b"", 'no place to sign: #sign-field("person")'),
        (b'#sign-field("person")#sign-field("other")', 'nobody signs in #sign-field("other")'),
        (b'#sign-field("person")#sign-field("person")', "marked twice"),
        (b'#sign-field("person")#clause("c1")', "mark each clause of template.yaml once"),
        (b'#sign-field("person", width: 10pt)', "points wide"),
        (b'#place(dx: -500pt)[#sign-field("person")]', "does not work"),
        (b'#sign-field("person")#import "x.typ"', "line 1: a template is one file"),
        (b'#sign-field("person")\n#read("/etc/passwd")', "does not work"),
        (b'#sign-field("person")#unknown', "unknown"),
        (b'#sign-field("person") #data.answers.other', "does not work"),
        ('#sign-field("person") 王'.encode(), "could not be displayed"),
        (b'#sign-field("person") #(while true {})', "does not work"),
    ],
)
def test_what_is_wrong_with_a_source_is_said(source: bytes, problem: str, tmp_path: Path) -> None:
    found = check_folder(folder_with(tmp_path, source))

    assert found
    assert problem in found[0]


def test_a_source_that_forgets_optional_answers_is_found(tmp_path: Path) -> None:
    definition = SMALL.replace(b"required: true, ", b"")
    source = b'#sign-field("person") #data.answers.what'

    found = check_folder(folder_with(tmp_path, source, definition))

    assert len(found) == 1
    assert "required answers alone" in found[0]


def test_a_folder_without_its_files_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in check_folder(tmp_path)[0]
    (tmp_path / "template.yaml").write_bytes(SMALL)
    with pytest.raises(TemplateError, match=r"template\.typ cannot be read"):
        read_folder(tmp_path)
    (tmp_path / "template.typ").write_bytes(b"x" * (256 * 1024 + 1))
    with pytest.raises(TemplateError, match="over 262144 bytes"):
        read_folder(tmp_path)


@settings(deadline=None, max_examples=15)
@given(st.text(st.sampled_from("ab #[]$*_`<>@=-/\\\"'(){}€Ж"), max_size=40))
def test_no_answer_changes_the_source(answer: str) -> None:
    template = read_folder_small()
    filling = sample(template.template, "en", is_full=True)
    values = {"what": f'{answer} #sign-field("x") {answer}'}

    document = make_document(template, attrs.evolve(filling, values=values))

    assert [name for name, _ in form_fields(Document(document.pdf))] == ["person"]


@functools.cache
def read_folder_small() -> FolderTemplate:
    import tempfile  # noqa: PLC0415 -- one use

    with tempfile.TemporaryDirectory() as folder:
        return read_folder(folder_with(Path(folder), b'#answer("what") #sign-field("person")'))


def test_the_command_says_what_is_right_and_what_is_wrong(tmp_path: Path) -> None:
    out = io.StringIO()
    wrong = folder_with(tmp_path, b"")

    code = template_command.check([TEMPLATES / "board-resolution", wrong], out)

    assert code == 1
    right, *problems = out.getvalue().splitlines()
    assert right.endswith("board-resolution: board-resolution 1 is right (en, ru, de, uk)")
    assert all(str(wrong) in one for one in problems)
    assert template_command.check([TEMPLATES / "board-resolution"], io.StringIO()) == 0


def test_the_command_shows_a_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(TEMPLATES / "lease-of-a-flat", tmp_path / "lease")
    out = tmp_path / "lease.pdf"

    parser = argparse.ArgumentParser()
    template_command.add_commands(parser.add_subparsers())
    words_typed = ["template", "try", str(tmp_path / "lease"), str(out), "--language", "uk"]
    arguments = parser.parse_args(words_typed)

    assert arguments.run(arguments) == 0
    assert "fields: landlord, tenant, tenant.c7" in capsys.readouterr().out
    assert "Договір найму квартири" in words(out.read_bytes(), tmp_path)


LEASE: dict[str, Any] = {
    "parties": [
        {"party": "p1", "name": "Lena Land", "user": "@lena:veche.test"},
        {"party": "p2", "name": "Tom Tenant", "user": "@tom:veche.test"},
    ],
    "answers": {
        "address": "Lindenallee 7\n12345 Lindenau",
        "rooms": "2",
        "rent": "654.32",
        "begins_on": "2027-01-01",
        "notice": "one_month",
    },
}


def filled(folder: Path, row: object, *more: str) -> int:
    """What the command that fills a template returns; it writes ``lease.pdf``."""
    (folder / "row.json").write_text(row if isinstance(row, str) else json.dumps(row))
    parser = argparse.ArgumentParser()
    template_command.add_commands(parser.add_subparsers())
    lease = str(TEMPLATES / "lease-of-a-flat")
    typed = ["template", "fill", lease, str(folder / "row.json"), str(folder / "lease.pdf")]
    arguments = parser.parse_args([*typed, *more])
    code: int = arguments.run(arguments)
    return code


def test_the_command_fills_one_in_where_no_service_sees_the_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert filled(tmp_path, LEASE, "--language", "de") == 0

    pdf = (tmp_path / "lease.pdf").read_bytes()
    told = words(pdf, tmp_path)
    assert "Lindenallee 7" in told
    assert "654" in told
    assert "Tom Tenant" in told
    assert b"/FT /Sig" not in pdf
    said = capsys.readouterr().out.splitlines()
    assert said[1:3] == [
        "  signer @lena:veche.test Lena Land (Vermieter)",
        "  signer @tom:veche.test Tom Tenant (Mieter)",
    ]
    assert said[3].startswith("  clause on page ")
    assert said[3].endswith(", unfair: Vertragsstrafe bei Verzug")


@pytest.mark.parametrize(
    ("row", "words_of_it"),
    [
        ("{", "is no JSON"),
        ([], "row"),
        ({"answers": LEASE["answers"]}, "parties"),
        ({**LEASE, "parties": LEASE["parties"][:1]}, "parties.p2"),
        ({**LEASE, "answers": {"rent": "a lot"}}, "answers"),
        ("x" * (template_command.ROW_BYTES_MAX + 1), "more than"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_and_nothing_is_written(
    tmp_path: Path, row: object, words_of_it: str
) -> None:
    with pytest.raises(VecheError, match=words_of_it):
        filled(tmp_path, row)

    assert not (tmp_path / "lease.pdf").exists()


def test_a_row_that_is_missing_is_named(tmp_path: Path) -> None:
    arguments = argparse.Namespace(
        folder=TEMPLATES / "lease-of-a-flat",
        row=tmp_path / "nowhere.json",
        out=tmp_path / "a.pdf",
        language=None,
    )
    with pytest.raises(ConfigError, match=r"nowhere\.json"):
        template_command.run_fill(arguments)
