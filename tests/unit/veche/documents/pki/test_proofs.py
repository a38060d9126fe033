"""Proofs that travel with a signature: added without touching what is signed."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.containers import LEASE, bound_to, signed
from tests.support.forgery import last_contents, page
from tests.support.responders import Answering
from tests.support.signing import NOW, Office, with_boxes
from veche.documents.asic.container import new_container, read_container
from veche.documents.pki import der
from veche.documents.pki.cms import CmsError, read_signed_data, with_proofs
from veche.documents.pki.revocation import to_values
from veche.documents.pki.stamps import read_token
from veche.documents.signatures.judging import Trusted
from veche.documents.signatures.report import Reason, Verdict
from veche.documents.signatures.verdict import judge

VALUES = der.oid("1.2.840.113549.1.9.16.2.24")


def _signature(office: Office) -> bytes:
    container = new_container([LEASE])
    return read_container(signed(container, bound_to(office, "Ann", container))).steps[0].encoded


def test_proofs_are_added_once_and_nothing_else_changes() -> None:
    office = Office()
    encoded, other = _signature(office), Office().root.certificate.public_bytes(Encoding.DER)
    before = read_signed_data(encoded)

    made = with_proofs(encoded, [other, *before.certificates], before.lists)

    after = read_signed_data(made)
    assert set(after.certificates) == {*before.certificates, other}
    assert after.lists == before.lists
    assert len(before.lists) == 3
    same = ("content_type", "attributes", "signature", "token", "issuer_and_serial")
    assert all(getattr(before, name) == getattr(after, name) for name in same)
    assert with_proofs(made, [other], before.lists[:1]) == made


def test_what_is_no_signature_or_has_no_room_gets_no_proofs() -> None:
    with pytest.raises(CmsError):
        with_proofs(b"hello", [], [])
    with pytest.raises(CmsError, match="above"):
        with_proofs(_signature(Office()), [bytes(70_000)], [])


def _token(*attributes: bytes) -> bytes:
    """A time stamp with something that is not signed."""
    whole = Office().token(bytes(32), NOW)
    kind, wrapped = der.children(der.read_whole(whole, der.SEQUENCE))
    *parts, infos = der.children(der.read_whole(wrapped.body, der.SEQUENCE))
    [info] = der.children(infos.body)
    new = der.sequence(info.body, der.tlv(0xA1, *attributes))
    held = der.sequence(*(one.encoded for one in parts), der.tlv(der.SET, new))
    return der.sequence(kind.encoded, der.tlv(0xA0, held))


def _values(*parts: bytes) -> bytes:
    return der.sequence(VALUES, der.tlv(der.SET, *parts))


def unsigned() -> dict[str, tuple[bytes, bool]]:
    """Time stamps with something that is not signed, and whether they are read."""
    office = Answering(NOW)
    one, two = (office.answer_of(a.certificate, NOW) for a in (office.stamping, office.issuing))
    stamp = der.sequence(der.oid("1.2.840.113549.1.9.16.2.14"), der.tlv(der.SET, _token()))
    listed = der.tlv(0xA0, der.sequence(Office().list_of(office.stamping.certificate, NOW)))
    other = der.tlv(0xA2, der.sequence())
    good = _values(to_values([one]))
    return {
        "one": (_token(good), True),
        "two": (_token(_values(to_values([one, two]))), True),
        "none": (_token(), False),
        "twice": (_token(good, good), False),
        "two values": (_token(_values(to_values([one]), to_values([two]))), False),
        "empty": (_token(_values(to_values([]))), False),
        "nothing": (_token(_values(der.sequence())), False),
        "lists": (_token(_values(der.sequence(listed))), False),
        "others": (_token(_values(der.sequence(to_values([one])[4:], other))), False),
        "anything for an answer": (
            _token(_values(der.sequence(der.tlv(0xA1, der.sequence(b"\5\0"))))),
            True,
        ),
        "another kind": (_token(der.sequence(der.oid("1.2.3"), der.tlv(der.SET, one))), False),
        "stamp of a stamp": (_token(stamp), False),
        "not in order": (_token(*sorted([stamp, good], reverse=True)), False),
        "no attribute": (_token(der.tlv(der.SET, b"")), False),
        "bytes": (_token(b"hello"), False),
    }


def test_in_a_time_stamp_answers_are_what_is_not_signed_and_nothing_else_is() -> None:
    for name, (encoded, is_read) in unsigned().items():
        try:
            found = len(read_token(encoded).signed.lists)
        except CmsError:
            found = 0
        assert bool(found) is is_read, name


def test_answers_are_added_to_a_time_stamp_once() -> None:
    office = Answering(NOW)
    token = office.token(bytes(32), NOW)
    one, two = (office.answer_of(a.certificate, NOW) for a in (office.stamping, office.issuing))
    own = Office().list_of(office.stamping.certificate, NOW)

    once = with_proofs(token, [], [one, own])
    again = with_proofs(once, [], [two, one, own])

    assert set(read_token(once).signed.lists) == {one, own}
    assert set(read_token(again).signed.lists) == {one, two, own}
    assert with_proofs(again, [], [one]) == again
    with pytest.raises(CmsError, match="added"):
        with_proofs(token, [], [der.sequence(der.tlv(10, b"\6"))])


def test_in_a_pdf_lists_belong_into_the_store_of_proofs() -> None:
    office = Office()
    document = with_boxes(page("Pay"), ["Sig1"])
    alice = office.person("Alice", document)
    pdf = alice.sign(document, "Sig1")
    start, end = last_contents(pdf)
    data = bytes.fromhex(pdf[start:end].decode())
    size = int.from_bytes(data[2:4], "big") + 4
    more = with_proofs(data[:size], [], [office.list_of(alice.certificate, NOW)])
    changed = pdf[:start] + more.hex().encode().ljust(end - start, b"0") + pdf[end:]

    found = judge(changed, Trusted([office.root.certificate], NOW))

    assert found.verdict is Verdict.INVALID
    assert Reason.BROKEN in {one.reason for one in found.findings}
