"""Attacks on signed PDF files that have a name: none of them is believed, here or by the page.

That the page (JavaScript) comes to the same verdicts is in
``tests/unit/appservices/widgets/test_signed_files.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import attackers, attacks
from tests.support.signing import NOW
from veche.protocol.pdf.values import VALUES_MAX
from veche.protocol.signatures.report import Reason, Report, Verdict
from veche.protocol.signatures.verdict import Trusted, judge

if TYPE_CHECKING:
    from collections.abc import Callable


def verdict(pdf: bytes) -> Report:
    return judge(pdf, Trusted([attackers.office().root.certificate], NOW))


@pytest.mark.parametrize("document", attacks.DOCUMENTS.values(), ids=attacks.DOCUMENTS.keys())
def test_what_is_attacked_is_believed_before(document: Callable[[], bytes]) -> None:
    assert verdict(attackers.signed(document())).verdict is Verdict.SEALED


def test_who_writes_their_revision_by_hand_is_believed_if_it_is_right() -> None:
    pdf = attackers.by_signer(lambda data: data)
    assert verdict(attackers.closed(pdf)).verdict is Verdict.SEALED
    same = attackers.with_range(lambda one: "{} {} {} {}".format(*one))
    assert verdict(same()).verdict is Verdict.SEALED


@pytest.mark.parametrize("make", attacks.AFTER.values(), ids=attacks.AFTER.keys())
def test_what_is_done_to_a_signed_file_is_red(make: Callable[[], bytes]) -> None:
    assert verdict(make()).verdict is Verdict.INVALID


@pytest.mark.parametrize("make", attacks.WRAPPED.values(), ids=attacks.WRAPPED.keys())
def test_what_is_moved_is_not_believed(make: Callable[[], bytes]) -> None:
    assert verdict(make()).verdict in {Verdict.INVALID, Verdict.UNREADABLE}


@pytest.mark.parametrize("make", attacks.RANGES.values(), ids=attacks.RANGES.keys())
def test_a_signature_that_is_good_for_another_range_is_red(make: Callable[[], bytes]) -> None:
    assert verdict(make()).verdict is Verdict.INVALID


@pytest.mark.parametrize("make", attacks.FORGED_ONES.values(), ids=attacks.FORGED_ONES.keys())
def test_a_signature_that_lacks_something_is_red(make: Callable[[], bytes]) -> None:
    assert verdict(make()).verdict is Verdict.INVALID


def test_the_parts_of_the_next_ones_are_believed_as_they_are() -> None:
    for make in (attackers.with_objects, attackers.with_stamp_objects):
        assert verdict(make(lambda _before, _held: None)()).verdict is Verdict.SEALED


@pytest.mark.parametrize("make", attacks.ADDED.values(), ids=attacks.ADDED.keys())
def test_what_comes_with_a_good_signature_is_red(make: Callable[[], bytes]) -> None:
    assert verdict(make()).verdict is Verdict.INVALID


@pytest.mark.parametrize("make", attacks.CERTIFIED.values(), ids=attacks.CERTIFIED.keys())
def test_what_a_certification_does_not_allow_is_red(make: Callable[[], bytes]) -> None:
    assert verdict(make()).verdict is Verdict.INVALID


def test_after_a_signature_that_allows_nothing_a_stamp_closes_the_file() -> None:
    assert verdict(attackers.closed(attacks.first_allows(1))).verdict is Verdict.SEALED


def test_no_more_values_are_read_than_memory_has_room_for() -> None:
    assert verdict(attackers.crowded(VALUES_MAX)).verdict is Verdict.UNSIGNED
    assert verdict(attackers.crowded(VALUES_MAX + 1)).verdict is Verdict.UNREADABLE


def test_a_first_signature_that_certifies_nothing_is_named() -> None:
    report = verdict(attacks.uncertified())

    assert report.verdict is Verdict.SIGNED
    assert {one.reason for one in report.findings} == {Reason.NOT_CERTIFIED}
