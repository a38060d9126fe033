"""Files that other programs signed: told what can be told, never green, and never fooled."""

from __future__ import annotations

import datetime as dt
import functools
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.sign.fields import SigSeedSubFilter

from tests.support.elsewhere import DAY, Identity, new_identity, packed_page, sign
from tests.support.forgery import FORGED, page
from tests.support.signing import Office, with_boxes
from tests.support.tables import each_row
from veche.documents.signatures.judging import Trusted
from veche.documents.signatures.report import Reason, Report, Verdict
from veche.documents.signed_file import file_addresses, judge_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# pyHanko's own stamper takes the time from the clock, long after this line in a long run.
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)  # noqa: TID251 -- as above
LATER = NOW + dt.timedelta(hours=6)
GOOD = {Verdict.SEALED, Verdict.SIGNED}


@functools.cache
def identity(kind: str) -> Identity:
    return new_identity(NOW, kind)


@functools.cache
def stamper() -> Identity:
    return new_identity(NOW, "rsa2048", is_stamper=True)


@functools.cache
def signed() -> bytes:
    return sign(packed_page(), identity("rsa2048"), stamper=stamper())


def verdict(pdf: bytes, who: Sequence[Identity] = (), now: dt.datetime = LATER) -> Report:
    roots = [one.root for one in (*who, stamper())]
    return judge_file(pdf, Trusted(roots, now))


def known(pdf: bytes, now: dt.datetime = LATER) -> Report:
    return verdict(pdf, [identity("rsa2048")], now)


def reasons(report: Report) -> set[Reason]:
    return {one.reason for one in report.findings}


@each_row("kind", ["rsa2048", "rsa3072", "p256", "p384"])
@each_row("base", [packed_page, lambda: page("Pay")])
def test_a_signature_over_all_of_it_is_amber_and_names_who_signed(
    kind: str, base: Callable[[], bytes]
) -> None:
    found = verdict(sign(base(), identity(kind), stamper=stamper()), [identity(kind)])

    assert found.verdict is Verdict.SIGNED
    assert Reason.ELSEWHERE in reasons(found)
    assert [(one.name, one.is_proven) for one in found.signers] == [("Dora Diaz", False)]
    assert found.signers[0].at_ms is not None


@each_row(
    "options",
    [
        {"prefer_pss": True},
        {"md_algorithm": "sha512"},
        {"md_algorithm": "sha384", "prefer_pss": True},
        {"subfilter": SigSeedSubFilter.ADOBE_PKCS7_DETACHED},
    ],
)
def test_other_hashes_and_forms_are_read(options: dict[str, Any]) -> None:
    found = known(sign(packed_page(), identity("rsa2048"), **options))

    assert found.verdict is Verdict.SIGNED
    assert Reason.NO_STAMP in reasons(found)


def test_without_the_root_nobody_is_proven() -> None:
    found = verdict(signed())

    assert found.verdict is Verdict.UNPROVEN
    assert Reason.UNKNOWN_SIGNER in reasons(found)


def test_of_two_signers_only_the_last_has_signed_all_of_it() -> None:
    both = sign(signed(), identity("p256"), "Sig2")

    found = verdict(both, [identity("rsa2048"), identity("p256")])

    assert found.verdict is Verdict.UNPROVEN
    assert [one.field for one in found.findings if one.reason is Reason.EARLIER] == ["1"]
    assert len(found.signers) == 2


@pytest.mark.parametrize("kind", ["rsa1024", "p521"])
def test_weak_or_unknown_keys_are_not_taken_and_accuse_nobody(kind: str) -> None:
    found = verdict(sign(packed_page(), identity(kind)), [identity(kind)])

    assert found.verdict is Verdict.UNREADABLE
    assert Reason.NOT_READ in reasons(found)


def test_a_certificate_that_had_ended_proves_nobody() -> None:
    found = known(sign(packed_page(), identity("rsa2048")), NOW + 800 * DAY)

    assert found.verdict is Verdict.UNPROVEN


def _appended() -> bytes:
    return signed() + b"4 0 obj\n" + FORGED + b"\nendobj\nstartxref\n0\n%%EOF\n"


def _flip(needle: bytes, with_: bytes) -> Callable[[], bytes]:
    def make() -> bytes:
        assert needle in signed()
        return signed().replace(needle, with_, 1)

    return make


def _range(change: Callable[[list[int]], list[int]]) -> Callable[[], bytes]:
    def make() -> bytes:
        found = re.search(rb"/ByteRange \[([\d ]+?)( *)\]", signed())
        assert found is not None
        numbers = change([int(one) for one in found[1].split()])
        text = b" ".join(b"%d" % one for one in numbers)
        room = len(found[1]) + len(found[2])
        return signed().replace(found[0], b"/ByteRange [%b]" % text.ljust(room)[:room], 1)

    return make


def _contents(change: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    def make() -> bytes:
        found = re.search(rb"/Contents <([0-9a-fA-F]+)>", signed())
        assert found is not None
        return signed().replace(found[1], change(found[1]), 1)

    return make


HOSTILE: dict[str, Callable[[], bytes]] = {
    "something is appended": _appended,
    "a byte of the file": _flip(b"%PDF-1.7", b"%PDF-1.6"),
    "a byte of a name": _flip(b"Sig1", b"Sig9"),
    "the hole is wider": _range(lambda one: [one[0], one[1] - 1, *one[2:]]),
    "the hole is elsewhere": _range(lambda one: [0, 9, 19, one[2] + one[3] - 19]),
    "the range begins later": _range(lambda one: [1, *one[1:]]),
    "the range overlaps": _range(lambda one: [0, one[2], one[1], one[3]]),
    "the range is longer than the file": _range(lambda one: [*one[:3], one[3] + 9]),
    "the range ends before": _range(lambda one: [*one[:3], one[3] - 9]),
    "there is no signature": _contents(lambda held: b"0" * len(held)),
    "it is no DER": _contents(lambda held: b"f" * len(held)),
    "it is cut": _contents(lambda held: held[:900].ljust(len(held), b"0")),
    "something follows it": _contents(lambda held: held[:-2] + b"01"),
    "its length is indefinite": _contents(lambda held: b"0480" + held[4:]),
    "there is no range": _flip(b"/ByteRange", b"/ByteRangf"),
}


@each_row("make", HOSTILE.values())
def test_hostile_files_are_never_amber(make: Callable[[], bytes]) -> None:
    assert known(make()).verdict not in GOOD


def test_a_signature_moved_to_another_file_is_red() -> None:
    other = sign(page("Pay 9999 EUR to Mallory"), identity("p256"), stamper=stamper())
    mine = re.search(rb"/Contents <([0-9a-fA-F]+)>", signed())
    its = re.search(rb"/Contents <([0-9a-fA-F]+)>", other)
    assert mine is not None
    assert its is not None
    moved = other.replace(its[1], mine[1].ljust(len(its[1]), b"0")[: len(its[1])])

    assert known(moved).verdict is Verdict.INVALID


def test_a_file_of_ours_that_was_changed_stays_red_whoever_signs_it_then() -> None:
    office = Office(NOW - dt.timedelta(hours=1))
    document = with_boxes(page("Pay 100 EUR to Bob"), ["Sig1"])
    ours = office.close(office.person("Alice", document).sign(document, "Sig1"))

    again = sign(ours, identity("rsa2048"), "Late", stamper())

    roots = [office.root.certificate, identity("rsa2048").root, stamper().root]
    assert judge_file(again, Trusted(roots, LATER)).verdict is Verdict.INVALID


@given(st.data())
def test_no_changed_byte_is_ever_amber(data: st.DataObject) -> None:
    pdf = bytearray(signed())
    at = data.draw(st.integers(0, len(pdf) - 1))
    pdf[at] ^= data.draw(st.integers(1, 255))

    if known(bytes(pdf)).verdict in GOOD:
        # White space in a string of hexadecimal digits says nothing (ISO 32000-1 §7.3.4.3).
        pattern = re.compile(rb"/Contents <[0-9A-Fa-f\s\0]+>")
        assert pattern.sub(b"", bytes(pdf)).rstrip(b"\r\n") == (
            pattern.sub(b"", signed()).rstrip(b"\r\n")
        )


def test_what_is_no_signed_file_has_no_addresses() -> None:
    assert file_addresses(packed_page()) == []
    assert file_addresses(b"PK\3\4") == []
    assert verdict(packed_page()).verdict is Verdict.UNSIGNED
