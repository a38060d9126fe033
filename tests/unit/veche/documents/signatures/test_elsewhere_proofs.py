"""Proofs that programs of others keep in their signatures: lists and answers, in three places."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko_certvalidator import ValidationContext

from appservices.signing.authority.core.issuing import DAY
from tests.support.bank import Bank
from tests.support.elsewhere import Identity, packed_page, sign
from tests.support.elsewhere import new_key as key_of
from tests.support.forgery import last_contents
from tests.support.responders import Responder, Said
from tests.support.tables import each_row
from tests.unit.veche.documents.signatures.test_elsewhere import NOW
from veche.documents.pki import der
from veche.documents.pki.cms import der_of
from veche.documents.pki.revocation import archived, to_cms
from veche.documents.signatures.judging import Trusted
from veche.documents.signatures.report import Reason, Report, Verdict
from veche.documents.signed_file import judge_file

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

VALUES = der.oid("1.2.840.113549.1.9.16.2.24")
BASIC = der.oid("1.3.6.1.5.5.7.48.1.1")
_0, _1 = 0xA0, 0xA1


@functools.cache
def bank() -> Bank:
    return Bank("Bank", NOW, list_url="", responder_url="http://answers.example.org")


@functools.cache
def bob() -> Identity:
    key = key_of("rsa2048")
    return Identity(key, (bank().issue("Bob Brown", key), bank().root))


@functools.cache
def stamper() -> Identity:
    key = key_of("rsa2048")
    return Identity(key, (bank().issue_stamper(key), bank().root))


def answer(who: Identity, since: dt.datetime | None = None) -> bytes:
    said = Said(who.chain[0], bank().root, NOW, NOW + DAY, since)
    return Responder(bank().root, bank().key).answer(said, at=NOW)


def answers() -> list[bytes]:
    return [answer(bob()), answer(stamper())]


def basic_of(whole: bytes) -> bytes:
    """What of an answer is signed, and its signature."""
    _, held = der.children(der.read_whole(whole, der.SEQUENCE))
    _, basic = der.children(der.read_whole(held.body, der.SEQUENCE))
    return basic.body


@functools.cache
def signed() -> bytes:
    return sign(packed_page(), bob(), stamper=stamper(), bytes_reserved=24_000)


def grown(pdf: bytes, lists: bytes = b"", attribute: bytes = b"") -> bytes:
    """The file with more in what of its signature is not signed."""
    start, end = last_contents(pdf)
    data = bytes.fromhex(pdf[start:end].decode())
    outer, _ = der.read(data)
    kind, wrapped = der.children(outer.body)
    *parts, infos = der.children(der.read_whole(wrapped.body, der.SEQUENCE))
    [info] = der.children(infos.body)
    *said, unsigned = der.children(info.body)
    more = [der.tlv(_1, unsigned.body, attribute)]
    new = der.sequence(*(one.encoded for one in said), *more)
    held = [one.encoded for one in parts] + ([der.tlv(_1, lists)] if lists else [])
    made = der.sequence(*held, der.tlv(der.SET, new))
    cms = der.sequence(kind.encoded, der.tlv(_0, made))
    digits = cms.hex().encode().ljust(end - start, b"0")
    return pdf[:start] + digits + pdf[end:]


def values(*parts: bytes) -> bytes:
    """The attribute of CAdES."""
    return der.sequence(VALUES, der.tlv(der.SET, der.sequence(*parts)))


def in_lists() -> bytes:
    return grown(signed(), b"".join(to_cms(answers())))


def in_lists_bare() -> bytes:
    return grown(signed(), b"".join(der.tlv(_1, BASIC, basic_of(one)) for one in answers()))


def in_attribute() -> bytes:
    held = der.sequence(*map(basic_of, answers()))
    return grown(signed(), attribute=values(der.tlv(_1, held)))


def in_attribute_as_lists() -> bytes:
    return grown(signed(), attribute=values(der.tlv(_0, der.sequence(bank().revocations()))))


def of_adobe() -> bytes:
    """As pyHanko puts them into what it signs; of who stamps it has none there."""
    context = ValidationContext(
        trust_roots=[asn1_x509.Certificate.load(der_of(bank().root))],
        ocsps=[asn1_ocsp.OCSPResponse.load(answer(bob()))],
        allow_fetching=False,
        revocation_mode="hard-fail",
    )
    return sign(
        packed_page(),
        bob(),
        subfilter=SigSeedSubFilter.ADOBE_PKCS7_DETACHED,
        embed_validation_info=True,
        validation_context=context,
    )


def accused() -> bytes:
    held = to_cms([answer(bob(), NOW - DAY), answer(stamper())])
    return grown(signed(), b"".join(held))


def damaged() -> bytes:
    return grown(signed(), der.tlv(_1, b"\x06\x05"), values(b"\xa1\x03\x02\x05\x00"))


PLACES: dict[str, Callable[[], bytes]] = {
    "lists": in_lists,
    "lists, bare": in_lists_bare,
    "attribute": in_attribute,
    "attribute, lists": in_attribute_as_lists,
    "adobe": of_adobe,
}


def judged(pdf: bytes) -> Report:
    return judge_file(pdf, Trusted([bank().root], NOW + DAY / 2))


def reasons(report: Report) -> set[Reason]:
    return {one.reason for one in report.findings}


@each_row("name", PLACES)
def test_proofs_count_wherever_others_keep_them(name: str) -> None:
    report = judged(PLACES[name]())

    assert report.verdict is Verdict.SIGNED
    assert Reason.LISTS not in reasons(report)
    assert [one.name for one in report.signers] == ["Bob Brown"]


def test_without_them_it_is_not_known_whether_the_certificate_counted() -> None:
    assert Reason.LISTS in reasons(judged(signed()))


def test_an_answer_in_it_accuses() -> None:
    report = judged(accused())

    assert report.verdict is Verdict.INVALID
    assert Reason.REVOKED in reasons(report)


def test_what_cannot_be_read_says_nothing() -> None:
    assert reasons(judged(damaged())) == reasons(judged(signed()))


@given(st.binary(max_size=60))
def test_bytes_are_proofs_or_refused(data: bytes) -> None:
    for one in (data, der.sequence(data), der.sequence(der.tlv(_1, der.sequence(data)))):
        try:
            archived(one)
        except der.DerError:
            continue
