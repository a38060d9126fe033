"""Files of many programs: honest ones are not accused, manipulated ones never called good."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

import pytest

from tests.support import other_programs as files
from tests.support.elsewhere import packed_page
from tests.support.tables import each_row
from veche.documents.signatures.judging import Trusted
from veche.documents.signatures.report import Reason, Report, Verdict
from veche.documents.signatures.words import words_of
from veche.documents.signed_file import is_signed_file, judge_file
from veche.protocol.texts.catalogue import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Callable

PYTHON = re.compile(r"argument|unpack|expected|Error|object|bytes-like|tag 0x")
"""What texts of Python and its libraries have in them."""


@functools.cache
def trusted() -> Trusted:
    return Trusted(files.roots(), files.LATER)


def judged(data: bytes) -> Report:
    assert is_signed_file(data[: 1024 * 1024])
    report = judge_file(data, trusted())
    for one in report.findings:
        assert not PYTHON.search(one.detail)
    return report


def said(report: Report) -> str:
    return words_of(report, "en").partition("\n")[0]


def each(makers: files.Makers) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("make", makers.values(), ids=makers.keys())


@each(files.WHOLE)
def test_a_signature_over_all_of_it_holds_whoever_made_it(make: Callable[[], bytes]) -> None:
    found = judged(make())

    assert found.verdict is Verdict.SIGNED
    assert [one.name for one in found.signers] == ["Dora Diaz"]


@each(files.ADDED_TO)
def test_what_was_added_and_not_checked_is_in_the_headline(make: Callable[[], bytes]) -> None:
    found = judged(make())

    assert found.verdict is Verdict.UNPROVEN
    assert said(found) == (
        "The signatures are intact, but something was added to the file after signing. That was"
        " not checked."
    )
    for language in LANGUAGES:
        assert ("Nothing was changed" in words_of(found, language)) is False


@each(files.UNREAD)
def test_what_is_not_read_is_no_accusation(make: Callable[[], bytes]) -> None:
    found = judged(make())

    assert found.verdict is Verdict.UNREADABLE
    assert Reason.NOT_READ in {one.reason for one in found.findings}
    assert "check it with the program that made it" in words_of(found, "en")


@each(files.MANIPULATED)
def test_manipulated_files_are_never_called_good(make: Callable[[], bytes]) -> None:
    found = judged(make())

    assert found.verdict in {Verdict.INVALID, Verdict.UNREADABLE}
    assert "othing was changed" not in words_of(found, "en")


@each(files.CONTAINERS)
def test_containers_of_others_have_words_of_their_own(make: Callable[[], bytes]) -> None:
    found = judged(make())

    assert [one.reason for one in found.findings] == [Reason.FOREIGN]
    assert found.verdict is Verdict.UNREADABLE


@each(files.APART)
def test_signatures_by_themselves_have_words_of_their_own(make: Callable[[], bytes]) -> None:
    found = judged(make())

    assert [one.reason for one in found.findings] == [Reason.APART]
    assert found.verdict is Verdict.UNREADABLE


@each(files.UNSIGNED)
def test_what_nobody_has_signed_is_called_so(make: Callable[[], bytes]) -> None:
    found = judged(make())

    assert said(found) == "Nobody has signed this file."


def test_what_is_only_stamped_is_signed_by_nobody() -> None:
    found = judged(files.stamped(packed_page()))

    assert found.verdict is Verdict.UNSIGNED
    assert found.closed_at_ms is not None


def test_a_locked_file_is_called_so() -> None:
    assert [one.reason for one in judged(files.locked()).findings] == [Reason.LOCKED]


@each_row("size", [9, 600, 700, 900])
def test_a_part_of_a_file_is_not_called_unsigned(size: int) -> None:
    found = judged(files.signed()[:size])

    assert found.verdict is Verdict.UNREADABLE
    assert found.findings[0].reason is not Reason.NO_SIGNATURE


@each_row("before", [b"\r\n", b"\xef\xbb\xbf", b"From: dora\n\n", b" " * 1000])
def test_what_is_put_before_a_file_on_its_way_accuses_nobody(before: bytes) -> None:
    found = judged(before + files.signed())

    assert [one.reason for one in found.findings] == [Reason.BEFORE]
    assert "ask for the file once more" in words_of(found, "en")
    assert judged(before + packed_page()).verdict is Verdict.UNSIGNED


def test_a_key_for_pss_alone_is_taken() -> None:
    found = judged(files.by_pss_key())

    assert found.verdict is Verdict.UNPROVEN
    assert {Reason.NOT_READ, Reason.BROKEN}.isdisjoint(one.reason for one in found.findings)


def test_a_stamp_by_a_certificate_that_is_not_for_stamps_alone_proves_no_time() -> None:
    found = judged(files.stamped_laxly())

    assert found.verdict is Verdict.UNPROVEN
    assert Reason.TIME in {one.reason for one in found.findings}


@pytest.mark.parametrize("before", [b'{"reference":"', b'\n [{"payee":"'])
def test_a_receipt_that_names_a_pdf_is_still_a_receipt(before: bytes) -> None:
    assert not is_signed_file(before + b"%PDF-1.7")
    assert is_signed_file(b"remark %PDF-1.7")
