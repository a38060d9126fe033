"""Attacks on signed PDF files that have a name: none of them is believed, here or by the page.

That the page (JavaScript) comes to the same verdicts is in
``tests/unit/appservices/widgets/test_signed_files.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.support import additions, attackers, attacks
from tests.support.far_objects import TABLES, covered
from tests.support.forgery import page
from tests.support.signing import NOW
from tests.support.tables import each_row
from veche.documents.pdf.structure import SIZE_MAX
from veche.documents.pdf.values import VALUES_MAX
from veche.documents.signatures.report import Reason, Report, Verdict
from veche.documents.signatures.verdict import Trusted, judge

if TYPE_CHECKING:
    from collections.abc import Callable


WHY: Final = {
    "words of the page": "object 4 of a later revision belongs to no signature",
    "another box is moved": "a later revision does not add one signature",
    "the own box is moved": "a field was changed besides being signed, or was signed already",
    "the own box looks like something": "the picture of a signature is no new object of its"
    " revision",
    "the form has another entry": "a later revision changes the form",
    "the catalog has another entry": "a later revision changes the catalog",
    "the signature has another entry": "a signature has what does not belong to it",
    "the signature is of two kinds": "a signature is of two kinds",
    "the signature is put in place of words": "a signature is no new object of its revision",
    "the signature certifies": "a later signature certifies the file",
    "two transforms": "/Reference is not one transform",
    "the store of proofs has another entry": "the store has what is no proof",
    "the store of proofs is another one": "a later revision replaces the store of proofs",
    "a proof is taken away": "a later revision takes proofs away",
    "a proof is more than that": "a proof is no plain stream",
    "a proof is no stream": "a proof is no plain stream",
    "a proof is there twice": "a proof is no new object of its revision",
    "a proof was there before, and is none": "a proof is no new object of its revision",
    "a proof is put in place of words": "a proof is no new object of its revision",
    "a stamp: its field shows something": "a later revision adds a field that shows something",
    "… its field is nowhere": "a later revision adds a field that shows something",
    "… its field ends twice": "a later revision adds a field that shows something",
    "… its field has a look": "a later revision adds a field that shows something",
    "… the page has another entry": "a later revision changes a page or the form besides adding its"
    " field",
    "… a certificate is taken away": "a later revision takes proofs away",
    "… the store of proofs is a font": "a later revision replaces the store of proofs",
    "… a note of the page": "a later revision changes the notes of a page besides adding its field",
    "… what is signed is no string": "/Contents is no hexadecimal string",
    "… what is signed is no hexadecimal string": "/Contents is no hexadecimal string",
}
"""Some of what is refused for two reasons is refused for the one that says what was done."""
WHY_FORGED: Final = {
    "its stamp tells an algorithm that there is not": "an algorithm that is not taken",
    "what it says is not what its key signed": "what was signed is not what is here",
    "it says that it covers something else": "what was signed is not what is here",
    "its stamp is signed by another key": "the key of the certificate did not sign it",
    "its stamp tells another time": "what was signed is not what is here",
    "it tells another algorithm": "an algorithm that is not taken",
    "it has what it covers within": "a signature over something else",
    "it is over another kind of content": "a signature over something else",
    "a list of its own is within": "lists belong into the store of proofs",
    "its digits end in spaces": "what is in its place are no pairs of digits",
}
"""The same of a signature by itself."""


def verdict(pdf: bytes) -> Report:
    return judge(pdf, Trusted([attackers.office().root.certificate], NOW))


@each_row("document", attacks.DOCUMENTS.values())
def test_what_is_attacked_is_believed_before(document: Callable[[], bytes]) -> None:
    assert verdict(attackers.signed(document())).verdict is Verdict.SEALED


@each_row("make", attacks.LIKE_ATTACKS.values())
def test_what_looks_like_an_attack_and_is_none_is_believed(make: Callable[[], bytes]) -> None:
    found = verdict(make())
    assert found.verdict is Verdict.SEALED, found.findings


def test_who_writes_their_revision_by_hand_is_believed_if_it_is_right() -> None:
    pdf = attackers.by_signer(lambda data: data)
    assert verdict(attackers.closed(pdf)).verdict is Verdict.SEALED
    same = attackers.with_range(lambda one: "{} {} {} {}".format(*one))
    assert verdict(same()).verdict is Verdict.SEALED


@each_row("make", attacks.AFTER.values())
def test_what_is_done_to_a_signed_file_is_red(make: Callable[[], bytes]) -> None:
    assert verdict(make()).verdict is Verdict.INVALID


@each_row("make", attacks.WRAPPED.values())
def test_what_is_moved_is_not_believed(make: Callable[[], bytes]) -> None:
    assert verdict(make()).verdict in {Verdict.INVALID, Verdict.UNREADABLE}


def test_a_page_with_numbers_that_some_readers_do_not_know_is_not_shown_alike() -> None:
    """Of which mupdf showed the words below a picture, and poppler the picture."""
    assert verdict(attackers.signed(covered(SIZE_MAX))).verdict is Verdict.UNREADABLE


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES.keys())
def test_a_file_with_tables_of_its_own_is_not_shown_alike(make: Callable[[], bytes]) -> None:
    assert verdict(attackers.signed(make())).verdict is Verdict.UNREADABLE


@each_row("make", attacks.RANGES.values())
def test_a_signature_that_is_good_for_another_range_is_red(make: Callable[[], bytes]) -> None:
    assert verdict(make()).verdict is Verdict.INVALID


@each_row("make", attacks.FORGED_ONES.values())
def test_a_signature_that_lacks_something_is_red(make: Callable[[], bytes]) -> None:
    assert verdict(make()).verdict is Verdict.INVALID


def test_the_parts_of_the_next_ones_are_believed_as_they_are() -> None:
    for make in (attackers.with_objects, attackers.with_stamp_objects):
        assert verdict(make(lambda _before, _held: None)()).verdict is Verdict.SEALED


@each_row("make", additions.ADDED.values())
def test_what_comes_with_a_good_signature_is_red(make: Callable[[], bytes]) -> None:
    assert verdict(make()).verdict is Verdict.INVALID


@each_row(("name", "why"), WHY.items())
def test_the_reason_is_told_for_which_it_is_red(name: str, why: str) -> None:
    [found] = verdict(additions.ADDED[name]()).findings
    assert (found.reason, found.detail) == (Reason.CHANGED, why)


@each_row(("name", "why"), WHY_FORGED.items())
def test_the_reason_is_told_for_which_a_signature_is_broken(name: str, why: str) -> None:
    [found] = verdict(attacks.FORGED_ONES[name]()).findings
    assert (found.reason, found.field, found.detail) == (Reason.BROKEN, "Sig1", why)


@pytest.mark.parametrize("name", ["its hole has half a byte", "its hole is too large"])
def test_a_hole_holds_whole_bytes_and_not_too_many(name: str) -> None:
    [found] = verdict(additions.ADDED[name]()).findings
    assert (found.reason, found.field) == (Reason.BROKEN, "Sig2")
    assert found.detail == "what is in its place are no pairs of digits"


@each_row("make", attacks.CERTIFIED.values())
def test_what_a_certification_does_not_allow_is_red(make: Callable[[], bytes]) -> None:
    assert verdict(make()).verdict is Verdict.INVALID


def test_after_a_signature_that_allows_nothing_a_stamp_closes_the_file() -> None:
    assert verdict(attackers.closed(attacks.first_allows(1))).verdict is Verdict.SEALED


def test_no_more_values_are_read_than_memory_has_room_for() -> None:
    assert verdict(attackers.crowded(VALUES_MAX)).verdict is Verdict.UNSIGNED
    assert verdict(attackers.crowded(VALUES_MAX + 1)).verdict is Verdict.UNREADABLE


def test_a_trailer_has_no_entry_that_is_not_known() -> None:
    pdf = page(attackers.HONEST)
    assert verdict(pdf).verdict is Verdict.UNSIGNED
    [found] = verdict(pdf.replace(b"/Size", b"/Foo 1/Size", 1)).findings
    assert (found.reason, found.detail) == (Reason.UNREADABLE, "a trailer has /Foo")


def test_a_first_signature_that_certifies_nothing_is_named() -> None:
    report = verdict(attacks.uncertified())

    assert report.verdict is Verdict.SIGNED
    assert {one.reason for one in report.findings} == {Reason.NOT_CERTIFIED}
