"""What a signer hands in is their signature and nothing else, or it is refused with the reason."""

from __future__ import annotations

import functools
import hashlib
import re
from typing import Any

import attrs
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import assume, given
from hypothesis import strategies as st

from appservices.signing.authority.core.stampers import Stampers
from appservices.signing.papers.core.addition import (
    STAMP_AGE_MS_MAX,
    Claim,
    Expected,
    check_addition,
    check_claimed,
    check_claimed_stamp,
)
from tests.support.forgery import find, increment, page
from tests.support.signing import NOW, Office, Person, ms, with_boxes
from tests.support.tables import each_row
from veche.documents.pdf import signing
from veche.documents.pdf.appearance import Look
from veche.documents.pdf.document import Document
from veche.documents.pdf.signing import prepare_signature
from veche.documents.pki.cms import Signer, der_of
from veche.documents.pki.digests import SHA256, SHA512
from veche.documents.signatures.checking import open_signature, signer_of
from veche.documents.signatures.verdict import signatures_of
from veche.protocol.errors import BadSignatureError


@functools.cache
def office() -> Office:
    return Office()


@functools.cache
def document() -> bytes:
    return with_boxes(page("Pay 100 EUR to Bob"), ["Sig1", "Sig2"])


@functools.cache
def alice() -> Person:
    return office().person("Alice Adams", document())


@functools.cache
def bob() -> Person:
    return office().person("Bob Brown", document())


@functools.cache
def signed() -> bytes:
    return alice().sign(document(), "Sig1")


def expected(who: Person | None = None, **changes: Any) -> Expected:
    certificate = (who or alice()).certificate
    authorities = (office().issuing, office().stamping, office().root)
    found = Expected(
        fields=("Sig1",),
        document_sha256=hashlib.sha256(document()).digest(),
        certificate=certificate,
        stamps=Stampers(office().stamping.certificate),
        roots=(der_of(office().root.certificate),),
        known=frozenset(map(der_of, [certificate, *(one.certificate for one in authorities)])),
        signed_before=0,
        now_ms=ms(NOW),
    )
    return attrs.evolve(found, **changes)


def added(pdf: bytes, before: bytes | None = None) -> bytes:
    return pdf[len(document() if before is None else before) :]


def refusal(increment_: bytes, wanted: Expected, before: bytes | None = None) -> str:
    with pytest.raises(BadSignatureError) as caught:
        check_addition(document() if before is None else before, increment_, wanted)
    return str(caught.value)


def test_a_signature_in_ones_box_is_taken() -> None:
    check_addition(document(), added(signed()), expected())


def test_the_next_one_signs_what_the_first_has_signed() -> None:
    both = bob().sign(signed(), "Sig2")
    second = expected(bob(), fields=("Sig2",), signed_before=1)

    check_addition(signed(), added(both, signed()), second)


def test_the_box_of_another_is_refused() -> None:
    assert "your box Sig2" in refusal(added(signed()), expected(fields=("Sig2",)))


def test_the_certificate_of_another_is_refused() -> None:
    assert "another certificate" in refusal(added(signed()), expected(bob()))


def test_a_certificate_for_another_document_is_refused() -> None:
    other = expected(document_sha256=bytes(32))
    assert "another document" in refusal(added(signed()), other)


def test_a_signature_of_yesterday_is_refused() -> None:
    late = expected(now_ms=ms(NOW) + STAMP_AGE_MS_MAX + 1)
    assert "older than five minutes" in refusal(added(signed()), late)
    check_addition(document(), added(signed()), expected(now_ms=ms(NOW) + STAMP_AGE_MS_MAX))


def test_the_stamp_of_another_authority_is_refused() -> None:
    other = office().new_stamping(NOW)
    assert "is not ours" in refusal(added(signed()), expected(stamps=Stampers(other.certificate)))


def test_a_signature_without_a_stamp_is_refused() -> None:
    who = alice()
    proofs = office().proofs(who.certificate, NOW)
    prepared = prepare_signature(Document(document()), "Sig1", proofs, "Alice", ms(NOW))
    signer = Signer(who.certificate, [office().issuing.certificate])
    attributes = signer.signed_attributes(prepared.digest)
    bare = prepared.filled(signer.detached(attributes, sign(who, attributes)))

    assert "no time stamp" in refusal(bare, expected())


def test_two_signatures_at_once_are_refused() -> None:
    both = bob().sign(signed(), "Sig2")
    assert "not just one" in refusal(added(both), expected())


def test_a_stamp_over_the_whole_is_no_signature() -> None:
    closed = office().close(signed(), name="Sig2x")
    second = expected(fields=("Sig2x",), signed_before=1)
    assert "your box" in refusal(added(closed, signed()), second, signed())


@functools.cache
def with_clauses() -> bytes:
    return with_boxes(page("Pay 100 EUR to Bob"), ["Sig1", "Sig2", "Sig1:c7", "Sig1:c8"])


CLAUSES = ("Sig1", "Sig1:c7", "Sig1:c8")


def claim_of(pdf: bytes, field: str = "Sig1") -> Claim:
    """What a page hands in of a file that is not seen: a signature, and what it covers."""
    found = next(one for one, _ in signatures_of(Document(pdf)) if one.field == field)
    contents = found.contents
    at = pdf.index(contents)
    covered = hashlib.sha256(
        pdf[:at] + pdf[at + len(contents) : sum(found.byte_range[2:])]
    ).digest()
    data = bytes.fromhex(contents[1:-1].decode())
    return Claim(field, data[: 4 + int.from_bytes(data[2:4], "big")], covered)


def clauses_refusal(*places: tuple[str, str], wanted: tuple[str, ...] = CLAUSES) -> str:
    """Why Alice's signatures in some boxes are refused, by hers or Bob's hand; empty: not.

    It is the same whether the file is seen or not.
    """
    before = pdf = with_clauses()
    people = {one: office().person(one, before) for one in ("Alice", "Bob")}
    for name, place in places:
        pdf = people[name].sign(pdf, place)
    certificate = people["Alice"].certificate
    asked = expected(
        fields=wanted,
        document_sha256=hashlib.sha256(before).digest(),
        certificate=certificate,
        known=frozenset([der_of(certificate), *expected().known]),
    )
    reasons = set()
    for is_seen in (True, False):
        try:
            if is_seen:
                check_addition(before, pdf[len(before) :], asked)
            else:
                check_claimed([claim_of(pdf, place) for _, place in places], asked)
            reasons.add("")
        except BadSignatureError as e:
            reasons.add(str(e))
    (reason,) = reasons
    return reason


def test_clauses_are_signed_after_ones_own_box() -> None:
    alice_signs = [("Alice", one) for one in CLAUSES]

    assert clauses_refusal(*alice_signs) == ""


def test_a_clause_that_is_left_out_or_another_ones_is_refused() -> None:
    own, seventh, eighth = (("Alice", one) for one in CLAUSES)

    assert "the clause in the box Sig1:c8 is not signed" in clauses_refusal(own, seventh)
    assert "the clause in the box Sig1:c7 is not signed" in clauses_refusal(own, eighth)
    assert "only these are signed" in clauses_refusal(own, eighth, seventh)
    assert "not in your box" in clauses_refusal(seventh, own, eighth)
    other = ("Alice", "Sig2")
    assert "only these are signed" in clauses_refusal(own, seventh, eighth, other)
    assert "not just one" in clauses_refusal(own, seventh, wanted=("Sig1",))


def test_a_clause_that_another_person_signs_is_refused() -> None:
    own, seventh, _ = (("Alice", one) for one in CLAUSES)

    assert "another certificate" in clauses_refusal(own, seventh, ("Bob", "Sig1:c8"))


def shown(who: Person, name: str, minutes: int = 0, **changes: Any) -> tuple[bytes, bytes]:
    """A document whose boxes show, and what is added by a signature with a picture."""
    before = with_boxes(page("Pay 100 EUR to Bob"), ["Sig1"], with_letters=True)
    person = office().person(who.name, before)
    when = ms(NOW) + minutes * 60_000
    proofs = office().proofs(person.certificate, NOW)
    if changes:
        proofs = attrs.evolve(proofs, **changes)
    look = Look("Tenant", "AdES")
    prepared = prepare_signature(Document(before), "Sig1", proofs, name, when, look=look)
    signer = Signer(person.certificate, [office().issuing.certificate])
    attributes = signer.signed_attributes(prepared.digest)
    signature = sign(person, attributes)
    token = office().token(hashlib.sha256(signature).digest(), NOW)
    return before, prepared.filled(signer.detached(attributes, signature, token))


def shown_refusal(name: str, minutes: int = 0, **changes: Any) -> str:
    who = alice()
    before, increment_ = shown(who, name, minutes, **changes)
    certificate = next(one for one in signers_in(before + increment_))
    wanted = expected(
        document_sha256=hashlib.sha256(before).digest(),
        certificate=certificate,
        known=frozenset([der_of(certificate), *expected().known]),
    )
    try:
        check_addition(before, increment_, wanted)
    except BadSignatureError as e:
        return str(e)
    return ""


def signers_in(pdf: bytes) -> list[Any]:
    field, revision = signatures_of(Document(pdf))[-1]
    opened = open_signature(pdf, field, revision.ends)
    assert opened.signed is not None
    return [signer_of(opened.signed, opened.digest)]


def test_a_picture_that_names_somebody_else_or_another_time_is_refused() -> None:
    assert shown_refusal("Alice Adams") == ""
    # At the end, nobody could close the file any more.
    assert "broken" in shown_refusal("Bob Brown")
    assert "another time" in shown_refusal("Alice Adams", -60 * 24 * 365)


def test_a_signature_that_the_end_could_not_prove_is_refused() -> None:
    assert "revocation_unknown" in shown_refusal("Alice Adams", lists=[])


def test_a_first_signature_that_does_not_certify_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("veche.documents.pdf.signing.is_signed", lambda _document: True)
    assert "first_signature_does_not_certify" in shown_refusal("Alice Adams")


def test_a_first_signature_that_lets_nobody_sign_after_it_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(signing._CERTIFIES[b"/TransformParams"], b"/P", b"1")  # type: ignore[arg-type]
    assert "lets nobody sign after it" in shown_refusal("Alice Adams")


def test_nothing_and_rubbish_are_refused() -> None:
    assert "not just one" in refusal(b"", expected())
    assert refusal(b"%PDF-1.7 rubbish", expected())


@pytest.mark.parametrize("told", ["the true one", "the changed one"])
def test_a_changed_page_before_the_signature_is_refused(told: str) -> None:
    number, body = find(document(), b"100 EUR")
    forged = increment(document(), {number: body.replace(b"100 EUR", b"900 EUR")})
    is_true = told == "the true one"
    who = office().person("Mallory", document() if is_true else forged)
    wanted = expected(who, document_sha256=hashlib.sha256(forged).digest())

    assert "something else was added" in refusal(
        added(who.sign(forged, "Sig1")), expected(who) if is_true else wanted
    )


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_no_byte_can_be_another_one(at: int, flip: int) -> None:
    increment_ = bytearray(added(signed()))
    increment_[at % len(increment_)] ^= flip
    # The digits of the signature itself may be written large, and versions say nothing.
    assume(_significant(bytes(increment_)) != _significant(added(signed())))

    refusal(bytes(increment_), expected())


def _significant(increment_: bytes) -> bytes:
    return re.sub(rb"0201[0-9a-f]{2}310d", b"version", increment_.lower())


def sign(who: Person, data: bytes) -> bytes:
    return who.key.sign(data, ec.ECDSA(hashes.SHA256()))


class TestWhereTheFileIsNotSeen:
    """The signature alone, with the digest of what it is said to cover."""

    def test_a_partys_signature_is_taken(self) -> None:
        check_claimed([claim_of(signed())], expected())

    @each_row(
        ("changes", "reason"),
        [
            ({"document_sha256": bytes(32)}, "another document"),
            ({"known": frozenset()}, "not of here"),
            ({"now_ms": ms(NOW) + STAMP_AGE_MS_MAX + 1}, "older than five minutes"),
            ({"now_ms": ms(NOW) - STAMP_AGE_MS_MAX - 1}, "older than five minutes"),
        ],
    )
    def test_what_it_has_to_be_is_checked(self, changes: dict[str, Any], reason: str) -> None:
        with pytest.raises(BadSignatureError, match=reason):
            check_claimed([claim_of(signed())], expected(**changes))

    def test_of_another_or_by_another_authority_it_is_refused(self) -> None:
        with pytest.raises(BadSignatureError, match="another certificate"):
            check_claimed([claim_of(signed())], expected(bob()))
        other = office().new_stamping(NOW)
        with pytest.raises(BadSignatureError, match="is not ours"):
            check_claimed([claim_of(signed())], expected(stamps=Stampers(other.certificate)))

    def test_one_signature_is_not_taken_for_two_clauses(self) -> None:
        pdf, person = with_clauses(), office().person("Alice", with_clauses())
        for place in CLAUSES[:2]:
            pdf = person.sign(pdf, place)
        own, seventh = (claim_of(pdf, one) for one in CLAUSES[:2])
        asked = expected(
            fields=CLAUSES,
            document_sha256=hashlib.sha256(with_clauses()).digest(),
            certificate=person.certificate,
            known=frozenset([der_of(person.certificate), *expected().known]),
        )

        with pytest.raises(BadSignatureError, match="cover the same"):
            check_claimed([own, seventh, attrs.evolve(seventh, field="Sig1:c8")], asked)

    def test_over_something_else_it_is_refused(self) -> None:
        other = attrs.evolve(claim_of(signed()), digest=bytes(32))
        with pytest.raises(BadSignatureError):
            check_claimed([other], expected())

    @given(at=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
    def test_a_flipped_bit_is_never_taken(self, at: int, bit: int) -> None:
        claim = claim_of(signed())
        cms = claim.encoded
        at %= len(cms)
        # The version of a form, which says nothing that is relied on.
        assume(cms[at - 2 : at] != b"\x02\x01")
        broken = bytearray(cms)
        broken[at] ^= 1 << bit
        with pytest.raises(BadSignatureError):
            check_claimed([attrs.evolve(claim, encoded=bytes(broken))], expected())

    def test_only_our_stamp_of_now_closes_a_file(self) -> None:
        digest, stamps = hashlib.sha256(b"a file").digest(), Stampers(office().stamping.certificate)
        others = Stampers(office().new_stamping(NOW).certificate)
        token = office().token(digest, NOW)
        check_claimed_stamp(token, digest, stamps, ms(NOW))

        for wrong in (
            (token, bytes(32), stamps, ms(NOW)),
            (token, digest, others, ms(NOW)),
            (token, digest, stamps, ms(NOW) + STAMP_AGE_MS_MAX + 1),
            (token[:-1], digest, stamps, ms(NOW)),
            (claim_of(signed()).encoded, digest, stamps, ms(NOW)),
        ):
            with pytest.raises(BadSignatureError):
                check_claimed_stamp(*wrong)

    def test_a_stamp_that_closes_a_file_is_by_the_hash_of_the_site(self) -> None:
        stamps, digest = Stampers(office().stamping.certificate), SHA512.digest(b"a file")
        token = office().token(digest, NOW, by=SHA512)
        claimed = SHA256.digest(digest)
        check_claimed_stamp(token, claimed, stamps, ms(NOW), SHA512)

        weaker = office().token(SHA256.digest(b"a file"), NOW)
        for wrong in (
            (token, digest, stamps, ms(NOW), SHA512),
            (weaker, SHA256.digest(SHA256.digest(b"a file")), stamps, ms(NOW), SHA512),
            (token, digest, stamps, ms(NOW), SHA256),
        ):
            with pytest.raises(BadSignatureError):
                check_claimed_stamp(*wrong)
