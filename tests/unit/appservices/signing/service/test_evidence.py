"""Evidence reports: what people read, what machines read, and that both are sealed."""

from __future__ import annotations

import copy
import functools
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from appservices.signing.authority.core.issuing import Authority, Holder, seal_certificate
from appservices.signing.authority.service.authorities import Authorities
from appservices.signing.closing.service.evidence import (
    closed_report,
    evidence_report,
    sealed_report,
)
from appservices.signing.evidence.core.checks import check_evidence, read_evidence
from appservices.signing.evidence.core.record import Evidence
from appservices.signing.stamps.service.sealing import Seals
from tests.support import evidence as made
from tests.support.forgery import page
from tests.support.programs import program
from tests.support.signing import NOW, Office, fresh, ms, new_key, with_boxes
from veche.documents.signatures.report import Verdict
from veche.documents.signatures.verdict import Trusted, judge
from veche.protocol.texts.catalogue import LANGUAGES
from veche.protocol.unpadded_base64 import decode_base64
from veche.protocol.wire import parse

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.evidence import Case


@functools.cache
def office() -> Office:
    return Office()


@functools.cache
def case() -> Case:
    document = with_boxes(page("Lease"), ["Sig1", "Sig2"], with_letters=True)
    return made.case(office(), document)


def report(language: str = "en", **changes: Any) -> bytes:
    evidence = parse(Evidence, {**copy.deepcopy(case().record), **changes})
    return evidence_report(
        evidence, language=language, time_zone="Europe/Berlin", made_at_ms=ms(NOW)
    )


def words(pdf: bytes, folder: Path) -> str:
    (folder / "file.pdf").write_bytes(pdf)
    command = [program("pdftotext"), "-layout", str(folder / "file.pdf"), "-"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    ("language", "headings"),
    [
        ("en", ("Consent", "Intent", "Attribution", "Association", "Retention")),
        ("ru", ("Согласие", "Намерение", "Принадлежность", "Связь", "Хранение")),
        ("de", ("Zustimmung", "Absicht", "Zuordnung", "Verbindung", "Aufbewahrung")),
        ("uk", ("Згода", "Намір", "Належність", "Зв’язок", "Зберігання")),
    ],
)
def test_a_report_has_the_five_headings_in_each_language(
    language: str, headings: tuple[str, ...], tmp_path: Path
) -> None:
    assert language in LANGUAGES

    said = words(report(language), tmp_path)

    assert all(heading in said for heading in headings)
    for part in ("Alice Adams", "Боб Браун", "4718", made.SESSION, "@alice.adams:example.org"):
        assert part in said


def test_the_record_inside_is_the_one_that_was_given() -> None:
    assert read_evidence(report()) == case().evidence


def test_the_same_record_gives_the_same_bytes() -> None:
    assert report() == report()


def test_digests_are_told_as_other_programs_tell_them(tmp_path: Path) -> None:
    evidence = case().evidence
    held = [evidence.document.sha256, evidence.final_sha256, *evidence.policy.roots]
    held += [one.certificate_sha256 for one in evidence.parties if one.certificate_sha256]

    said = words(report(), tmp_path)

    assert len(held) >= 4
    assert all(decode_base64(one).hex() in said for one in held)


def test_of_whoever_gets_a_copy_alone_it_is_not_told_that_nobody_asked_them(tmp_path: Path) -> None:
    first, *others = copy.deepcopy(case().record["parties"])
    waiting = {**first, "party": "p8", "state": "waiting", "signed_at_ms": None}
    copied = {**waiting, "party": "p9", "role": "viewer"}

    said = words(report(parties=[first, *others, waiting, copied]), tmp_path)

    assert said.count("was not asked yet") == 1
    assert "Gets a copy" in said


def test_a_refusal_and_a_delegate_are_told(tmp_path: Path) -> None:
    record = copy.deepcopy(case().record)
    record["parties"][0]["delegated_to"] = "p2"
    said = words(
        report(
            state="declined",
            parties=record["parties"],
            declined={
                "party": "p2",
                "reason_code": "wrong_terms",
                "reason": "The rent is too high.",
                "at_ms": ms(NOW),
            },
        ),
        tmp_path,
    )

    assert "Declined: it ended before everyone had signed." in said
    assert "the terms are wrong “The rent is too high.”" in said
    assert "acts for Alice Adams" in said


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "This service never saw the document"),
        ("ru", "Сервис не видел ни документа"),
        ("de", "Dieser Dienst hat das Dokument"),
        ("uk", "Сервіс не бачив ні документа"),
    ],
)
def test_of_a_document_that_was_not_seen_the_report_says_so_and_names_no_title(
    language: str, sentence: str, tmp_path: Path
) -> None:
    record = copy.deepcopy(case().record)
    title = record["document"].pop("title")
    record["document"]["title_sha256"] = "A" * 43
    clauses = [
        {**{k: v for k, v in one.items() if k != "title"}, "title_sha256": "A" * 43}
        for one in record["clauses"]
    ]
    told = {"document": record["document"], "clauses": clauses, "mode": "blind"}
    pdf = report(language, **told, policy={**record["policy"], "verdict": ""})
    said = words(pdf, tmp_path)

    assert sentence in said
    assert title not in said
    assert read_evidence(pdf).document.title == ""


def test_words_that_nobody_foresaw_are_shown_as_they_are(tmp_path: Path) -> None:
    events = [{"at_ms": ms(NOW), "what": "renamed", "party": "p9"}]

    said = words(report(events=events), tmp_path)

    assert "renamed" in said
    assert "p9" in said


def test_a_name_in_other_letters_is_spelt_on_paper_and_kept_in_the_record(tmp_path: Path) -> None:
    parties = copy.deepcopy(case().record["parties"])
    parties[0]["name"] = "王小明"

    pdf = report("ru", parties=parties)

    assert read_evidence(pdf).parties[0].name == "王小明"
    said = words(pdf, tmp_path)
    assert "WangXiaoMing" in said
    assert "Согласие" in said


def test_a_long_session_is_reported_whole_inside_and_in_part_on_paper(tmp_path: Path) -> None:
    events = [{"at_ms": ms(NOW), "what": "viewed", "party": "p1"}] * 1_000

    pdf = report(events=events)

    assert len(read_evidence(pdf).events) == 1_000
    assert "Further events are in the record." in words(pdf, tmp_path)


def test_pdfdetach_finds_the_record(tmp_path: Path) -> None:
    (tmp_path / "file.pdf").write_bytes(report())

    command = [program("pdfdetach"), "-list", str(tmp_path / "file.pdf")]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert "evidence.json" in said


@functools.cache
def seals() -> Seals:
    """Of a site with one seal, all in this process."""
    site = office()
    key = new_key()
    certificate = seal_certificate(
        site.root, key.public_key(), Holder("Lindenau", organisation="Lindenau"), fresh(NOW)
    )
    known = (site.issuing.certificate, site.stamping.certificate, certificate)
    return Seals(
        Authorities(
            root=site.root.certificate,
            issuing=site.issuing,
            stamps=site.stamping,
            seals={"lindenau": Authority(certificate, key)},
            lists={one.serial_number: site.list_of(one, NOW) for one in known},
        )
    )


def test_a_report_is_sealed_by_the_site_and_closed() -> None:
    sealed = sealed_report(report(), seals(), "lindenau", ms(NOW))

    found = judge(sealed, Trusted([office().root.certificate], NOW))
    assert found.verdict is Verdict.SEALED
    assert [one.name for one in found.signers] == ["Lindenau"]
    evidence = read_evidence(sealed)
    assert check_evidence(evidence, case().pdf, case().report) == []


def test_a_site_without_a_seal_still_proves_when() -> None:
    closed = closed_report(report(), seals(), ms(NOW))

    found = judge(closed, Trusted([office().root.certificate], NOW))
    assert found.closed_at_ms == ms(NOW)
    assert found.verdict is Verdict.SIGNED


def test_a_changed_record_breaks_the_seal() -> None:
    sealed = sealed_report(report(), seals(), "lindenau", ms(NOW))
    at = sealed.index(b"/Type /EmbeddedFile") if b"/Type /EmbeddedFile" in sealed else 2000
    changed = sealed[: at + 200] + bytes((sealed[at + 200] ^ 1,)) + sealed[at + 201 :]

    found = judge(changed, Trusted([office().root.certificate], NOW))

    assert found.verdict in (Verdict.INVALID, Verdict.UNREADABLE)
