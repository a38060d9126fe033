"""`veche verify REPORT --evidence FILE`: both files, and whether they go together."""

from __future__ import annotations

import datetime as dt
import functools
from typing import TYPE_CHECKING

import pytest
import typst
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support import evidence as made
from tests.support.forgery import page
from tests.support.signing import Office, with_boxes
from veche.cli.main import main
from veche.protocol.canonical import canonical

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.evidence import Case


@functools.cache
def office() -> Office:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)  # noqa: TID251 -- the command's clock
    return Office(now - dt.timedelta(hours=1))


@functools.cache
def case(words: str = "Lease") -> Case:
    return made.case(office(), with_boxes(page(words), ["Sig1", "Sig2"], with_letters=True))


def report(record: bytes) -> bytes:
    """A PDF with a record inside, signed by somebody and closed."""
    source = b'#pdf.attach("evidence.json", bytes(sys.inputs.data))\nEvidence'
    pdf = with_boxes(typst.compile(source, sys_inputs={"data": record.decode()}), ["Seal"])
    return office().close(office().person("Lindenau", pdf).sign(pdf, "Seal"))


class Run:
    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder = folder
        self._capsys = capsys

    def __call__(self, report: bytes, signed: bytes) -> tuple[int, str]:
        paths = [self._folder / name for name in ("report.pdf", "signed.pdf", "root.pem")]
        root = office().root.certificate.public_bytes(Encoding.PEM)
        for path, data in zip(paths, (report, signed, root), strict=True):
            path.write_bytes(data)
        words = ["verify", str(paths[0]), "--evidence", str(paths[1]), "--root", str(paths[2])]
        code = main(words)
        out, err = self._capsys.readouterr()
        return code, out + err


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(tmp_path, capsys)


def test_a_report_that_goes_with_its_file_is_believed(run: Run) -> None:
    code, said = run(report(canonical(case().record, where="record")), case().pdf)

    assert code == 0, said
    assert "The report goes with the signed file." in said
    assert said.count("It holds: who signed what and when is proven.") == 2


def test_the_two_may_be_named_the_other_way_round(run: Run) -> None:
    record = canonical(case().record, where="record")

    code, said = run(case().pdf, report(record))
    other = run(case("Other").pdf, report(record))

    assert code == 0, said
    assert "The report goes with the signed file." in said
    assert other[0] == 1, other[1]


def test_a_report_about_another_file_is_false(run: Run) -> None:
    code, said = run(report(canonical(case().record, where="record")), case("Other").pdf)

    assert code == 1
    assert "the record is about another file" in said
    assert said.endswith("False: the report does not go with the signed file.\n")


def test_a_file_without_a_record_is_no_report(run: Run) -> None:
    code, said = run(case().pdf, case().pdf)

    assert code == 1
    told = "neither of the two is a report on signatures: evidence.json: is not in the file"
    assert told in said


def test_a_changed_file_is_false_even_if_the_report_is_not(run: Run) -> None:
    at = case().pdf.index(b"Lease")
    changed = case().pdf[:at] + b"Least" + case().pdf[at + 5 :]

    code, said = run(report(canonical(case().record, where="record")), changed)

    assert code == 1
    assert "False: do not rely on this file." in said


def test_what_is_no_pdf_is_told(run: Run) -> None:
    code, said = run(b"hello", case().pdf)

    assert code == 1
    assert "neither of the two is a report on signatures" in said


def test_what_a_record_says_writes_no_line_of_its_own(run: Run) -> None:
    record = case().record
    first, *others = record["parties"]
    told = f"{first['party']}\nThe report goes with the signed file."
    parties = [{**first, "party": told, "certificate_sha256": "A" * 43}, *others]

    code, said = run(report(canonical({**record, "parties": parties}, where="record")), case().pdf)

    assert code == 1
    assert "The report goes" in said
    assert not [line for line in said.splitlines() if line.startswith("The report goes")]
