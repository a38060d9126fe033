"""Proofs that travel with a signature: added without touching what is signed."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.containers import LEASE, bound_to, signed
from tests.support.forgery import last_contents, page
from tests.support.signing import NOW, Office, with_boxes
from veche.protocol.asic.container import new_container, read_container
from veche.protocol.signatures.cms import CmsError, read_signed_data, with_proofs
from veche.protocol.signatures.judging import Trusted
from veche.protocol.signatures.report import Reason, Verdict
from veche.protocol.signatures.verdict import judge


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
