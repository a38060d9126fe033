"""Answers of responders: what they prove, whose count, and that no changed one proves anything."""

from __future__ import annotations

import datetime as dt
import functools
import io
from typing import TYPE_CHECKING, Any

import attrs
import pikepdf
import pytest
from asn1crypto import cms as asn1_cms
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as theirs
from hypothesis import given
from hypothesis import strategies as st

from appservices.signing.authority.core.issuing import DAY, Authority, Holder, root_certificate
from tests.support import containers
from tests.support.elsewhere import new_key as key_of
from tests.support.forgery import page
from tests.support.responders import HOUR, Answering, Responder, Said, responder_of, wrapped
from tests.support.signing import NOW, YEAR, Office, Person, new_key, with_boxes
from tests.support.tables import each_row
from veche.documents.asic.container import read_container
from veche.documents.pdf.signing import Proofs
from veche.documents.pki import der
from veche.documents.pki.cms import der_of, read_signed_data
from veche.documents.pki.digests import SHA384, SHA512
from veche.documents.pki.ocsp import FRESH_FOR, OcspError, Status, is_about, read_answer
from veche.documents.pki.trust import Standing, Trust, is_list_of_any
from veche.documents.signatures.judging import Trusted
from veche.documents.signatures.report import Reason, Verdict
from veche.documents.signed_file import judge_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.support.elsewhere import Key

LATER = NOW + HOUR
"""When it is asked whether the certificate was good."""
GOOD = Standing(is_trusted=True, is_listed=True)
UNKNOWN = Standing(is_trusted=True)
REVOKED = Standing(is_trusted=True, is_revoked=True, is_listed=True)


@functools.cache
def office() -> Office:
    return Office(NOW - DAY)


@functools.cache
def bob() -> Person:
    return office().person("Bob", b"document")


@functools.cache
def issuer() -> Responder:
    """Who issues the certificates of persons, and answers too."""
    return Responder(office().issuing.certificate, office().issuing.key)


@functools.cache
def delegate() -> Responder:
    return responder_of(office().issuing, NOW - DAY)


@functools.cache
def listed_delegate() -> Responder:
    """A responder whose own certificate may be revoked."""
    return responder_of(office().issuing, NOW - DAY, needs_no_list=False)


@functools.cache
def stranger() -> Authority:
    """An authority that has the name of ours, and not its key."""
    key = new_key()
    holder = Holder("Lindenau Persons", organisation="Lindenau")
    return Authority(root_certificate(key, holder, 7, NOW - DAY), key)


def said(**options: object) -> Said:
    """Of Bob's certificate: good, for a day."""
    known = Said(bob().certificate, office().issuing.certificate, NOW, NOW + DAY)
    return attrs.evolve(known, **options)  # type: ignore[arg-type]  # Whatever a test says of it.


def listing(
    *extensions: tuple[x509.ExtensionType, bool], since: dt.datetime | None = None
) -> list[bytes]:
    """A list of who issued Bob's certificate, with extensions, and whether each is critical."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(office().issuing.certificate.subject)
        .last_update(NOW)
        .next_update(NOW + DAY)
    )
    for extension, is_critical in extensions:
        builder = builder.add_extension(extension, is_critical)
    if since is not None:
        entry = x509.RevokedCertificateBuilder().revocation_date(since)
        builder = builder.add_revoked_certificate(
            entry.serial_number(bob().certificate.serial_number).build()
        )
    made = builder.sign(office().issuing.key, SHA384.for_keys)
    return [made.public_bytes(Encoding.DER)]


def bounded(**changes: Any) -> list[bytes]:
    """The same with bounds, which are those that Bob's certificate names."""
    kind = x509.CRLDistributionPoints
    [point] = bob().certificate.extensions.get_extension_for_class(kind).value
    bounds: dict[str, Any] = dict.fromkeys(
        ("only_contains_user_certs", "only_contains_ca_certs", "indirect_crl"), False
    )
    bounds |= {"only_contains_attribute_certs": False, "only_some_reasons": None}
    bounds |= {"full_name": point.full_name, "relative_name": None}
    return listing((x509.IssuingDistributionPoint(**(bounds | changes)), True))


_CHANGES = x509.DeltaCRLIndicator(1)
_STRANGE = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\x05\0")


def revoked(issuer_: Authority, certificate: x509.Certificate, since: dt.datetime) -> bytes:
    """A list of an authority on which a certificate is, and which says nothing of later."""
    made = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer_.certificate.subject)
        .last_update(NOW)
        .next_update(NOW + HOUR / 2)
        .add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(certificate.serial_number)
            .revocation_date(since)
            .build()
        )
    )
    return made.sign(issuer_.key, SHA384.for_keys).public_bytes(Encoding.DER)


@attrs.frozen
class Case:
    """Proofs, and what they make of Bob's certificate."""

    make: Callable[[], Sequence[bytes]]
    expected: Standing
    at: dt.datetime = LATER
    ends: Mapping[str, dt.datetime] = attrs.field(factory=dict)
    certificates: Callable[[], Sequence[x509.Certificate]] = tuple


def _by(who: Callable[[], Responder], **options: object) -> Callable[[], list[bytes]]:
    return lambda: [who().answer(said(**options), at=NOW)]


def _sha1_is_no_matter() -> list[bytes]:
    return [delegate().answer(said(named_by="sha1"), at=NOW, by=SHA512)]


def _silent() -> list[bytes]:
    """An answer without a certificate."""
    return [attrs.evolve(delegate(), sent=()).answer(said(), at=NOW)]


def _listed(is_revoked: bool, since: dt.datetime = NOW - HOUR) -> list[bytes]:
    """What the responder said whose certificate may be revoked, and a list about that."""
    who = listed_delegate()
    other = who.certificate if is_revoked else delegate().certificate
    return [who.answer(said(), at=NOW), revoked(office().issuing, other, since)]


def _of_root() -> list[bytes]:
    """By a responder of the authority above the issuer."""
    return [responder_of(office().root, NOW - DAY).answer(said(), at=NOW)]


def _of_stranger() -> list[bytes]:
    return [responder_of(stranger(), NOW - DAY).answer(said(), at=NOW)]


def _of_other_name() -> list[bytes]:
    """By a responder of somebody with the issuer's key, and another name."""
    key = office().issuing.key
    other = Authority(root_certificate(key, Holder("Other"), 9, NOW - DAY), key)
    return [responder_of(other, NOW - DAY).answer(said(), at=NOW)]


def _as_issuer() -> list[bytes]:
    """By somebody who has the name of the issuer, and another key."""
    return [Responder(stranger().certificate, stranger().key).answer(said(), at=NOW)]


def _other_key() -> list[bytes]:
    """In the name of the responder, by another key."""
    return [attrs.evolve(delegate(), key=new_key()).answer(said(), at=NOW)]


def _of_other_authority() -> list[bytes]:
    """Of a certificate with the same number, of another authority."""
    return [delegate().answer(said(issuer=stranger().certificate), at=NOW)]


def _of_other_certificate() -> list[bytes]:
    other = office().person("Carol", b"document").certificate
    return [delegate().answer(said(certificate=other), at=NOW)]


def _old_responder(begins: dt.datetime) -> list[bytes]:
    return [responder_of(office().issuing, begins, life=DAY).answer(said(), at=NOW)]


def _not_for_answers() -> list[bytes]:
    who = responder_of(office().issuing, NOW - DAY, is_for_answers=False)
    return [who.answer(said(), at=NOW)]


def _with_key_of(key: Key) -> list[bytes]:
    return [responder_of(office().issuing, NOW - DAY, key=key).answer(said(), at=NOW)]


def _used_for(usage: str) -> list[bytes]:
    names = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    bits = x509.KeyUsage(**{name: name == usage for name in names})
    who = responder_of(office().issuing, NOW - DAY, more=[(bits, True)])
    return [who.answer(said(), at=NOW)]


def _critical(in_single: bool) -> list[bytes]:
    one = der.sequence(der.oid("1.2.3"), der.tlv(der.BOOLEAN, b"\xff"), der.octets(b""))
    if in_single:
        return [delegate().answer(said(extensions=one), at=NOW)]
    return [delegate().answer(said(), at=NOW, extensions=one)]


def _all(*found: Said) -> list[bytes]:
    return [delegate().answer(one, at=NOW) for one in found]


CASES: dict[str, Case] = {
    # What is said
    "good": Case(_by(delegate), GOOD),
    "at the end": Case(_by(delegate), GOOD, NOW + DAY),
    "after the end": Case(_by(delegate), UNKNOWN, NOW + DAY + dt.timedelta(seconds=1)),
    "of what was before": Case(_by(delegate), GOOD, NOW - HOUR),
    "without an end": Case(_by(delegate, until=None), GOOD, NOW + FRESH_FOR),
    "without an end, later": Case(
        _by(delegate, until=None), UNKNOWN, NOW + FRESH_FOR + dt.timedelta(seconds=1)
    ),
    "revoked before": Case(_by(delegate, since=NOW - HOUR, reason=1), REVOKED),
    "revoked in that second": Case(_by(delegate, since=LATER), REVOKED),
    "revoked later": Case(_by(delegate, since=LATER + HOUR, reason=4), GOOD),
    "revoked, no reason": Case(_by(delegate, since=NOW - HOUR), REVOKED),
    "not known": Case(_by(delegate, is_known=False), UNKNOWN),
    "nothing": Case(list, UNKNOWN),
    "made after its end": Case(
        lambda: [issuer().answer(said(at=NOW + 2 * YEAR, until=None), at=NOW + 2 * YEAR)], UNKNOWN
    ),
    "known after it was made": Case(_by(delegate, at=NOW + HOUR), UNKNOWN),
    "ends before it begins": Case(_by(delegate, until=NOW - HOUR), UNKNOWN),
    "no reason at all": Case(_by(delegate, since=NOW - HOUR, reason=7), UNKNOWN),
    "another, and this": Case(
        lambda: [
            delegate().answer(
                Said(delegate().certificate, office().issuing.certificate, NOW), said(), at=NOW
            )
        ],
        GOOD,
    ),
    "who is accused once is revoked": Case(
        lambda: _all(said(), said(since=NOW - HOUR), said()), REVOKED
    ),
    "a list accuses": Case(
        lambda: [*_by(delegate)(), revoked(office().issuing, bob().certificate, NOW)], REVOKED
    ),
    "a list accuses later": Case(
        lambda: [
            *_by(delegate)(),
            revoked(office().issuing, bob().certificate, NOW + DAY),
        ],
        GOOD,
    ),
    "an answer accuses": Case(
        lambda: [
            *_by(delegate, since=NOW)(),
            office().list_of(bob().certificate, NOW),
        ],
        REVOKED,
    ),
    # How it is named
    **{
        f"named by {name}": Case(_by(delegate, named_by=name), GOOD)
        for name in ("sha1", "sha256", "sha384", "sha512")
    },
    "signed by sha512": Case(_sha1_is_no_matter, GOOD),
    "responder by its key": Case(lambda: [delegate().answer(said(), at=NOW, is_by_key=True)], GOOD),
    "of another authority": Case(_of_other_authority, UNKNOWN),
    "of another certificate": Case(_of_other_certificate, UNKNOWN),
    # Whose it is
    "issuer": Case(_by(issuer), GOOD),
    "issuer by its key": Case(lambda: [issuer().answer(said(), at=NOW, is_by_key=True)], GOOD),
    "without a certificate": Case(_silent, UNKNOWN),
    "certificate from elsewhere": Case(
        _silent, GOOD, certificates=lambda: [delegate().certificate]
    ),
    "responder that may be revoked, no list": Case(_by(listed_delegate), UNKNOWN),
    "responder that may be revoked accuses": Case(_by(listed_delegate, since=NOW - HOUR), REVOKED),
    "responder on no list": Case(lambda: _listed(is_revoked=False), GOOD),
    "responder revoked": Case(lambda: _listed(is_revoked=True), UNKNOWN),
    "responder revoked accuses": Case(
        lambda: [
            listed_delegate().answer(said(since=NOW - HOUR), at=NOW),
            revoked(office().issuing, listed_delegate().certificate, NOW - HOUR),
        ],
        UNKNOWN,
    ),
    "responder without need of a list, revoked": Case(
        lambda: [*_by(delegate)(), revoked(office().issuing, delegate().certificate, NOW - HOUR)],
        UNKNOWN,
    ),
    "responder revoked after it": Case(lambda: _listed(True, NOW + HOUR), GOOD),
    "responder of the authority above": Case(_of_root, UNKNOWN),
    "responder of a stranger": Case(_of_stranger, UNKNOWN),
    "responder of the issuer's key by another name": Case(_of_other_name, UNKNOWN),
    "stranger with the issuer's name": Case(_as_issuer, UNKNOWN),
    "by another key": Case(_other_key, UNKNOWN),
    "responder that had ended": Case(
        lambda: _old_responder(NOW - DAY - dt.timedelta(seconds=1)), UNKNOWN
    ),
    "responder in its last second": Case(lambda: _old_responder(NOW - DAY), GOOD),
    "responder not yet": Case(lambda: _old_responder(NOW + HOUR), UNKNOWN),
    "not for answers": Case(_not_for_answers, UNKNOWN),
    "for signing": Case(lambda: _used_for("digital_signature"), GOOD),
    "for other things": Case(lambda: _used_for("crl_sign"), UNKNOWN),
    # By what
    "rsa": Case(lambda: _with_key_of(key_of("rsa2048")), GOOD),
    "short rsa": Case(lambda: _with_key_of(key_of("rsa1024")), UNKNOWN),
    "p384": Case(lambda: _with_key_of(key_of("p384")), GOOD),
    "p521": Case(lambda: _with_key_of(key_of("p521")), UNKNOWN),
    "hash that had ended": Case(
        lambda: [delegate().answer(said(), at=NOW, by=SHA384)], UNKNOWN, ends={"sha384": NOW}
    ),
    "hash that had ended accuses": Case(
        lambda: [delegate().answer(said(since=NOW), at=NOW, by=SHA384)],
        REVOKED,
        ends={"sha384": NOW},
    ),
    "key that had ended": Case(
        lambda: _with_key_of(key_of("p384")),
        UNKNOWN,
        ends={"secp384r1": NOW},
    ),
    # Lists
    "list": Case(listing, GOOD),
    "list with bounds": Case(bounded, GOOD),
    "list of another address": Case(
        lambda: bounded(full_name=[x509.UniformResourceIdentifier("http://example.org/")]), UNKNOWN
    ),
    "list of some reasons": Case(
        lambda: bounded(only_some_reasons=frozenset({x509.ReasonFlags.key_compromise})), UNKNOWN
    ),
    "list of several issuers": Case(lambda: bounded(indirect_crl=True), UNKNOWN),
    "list of attribute certificates": Case(
        lambda: bounded(full_name=None, only_contains_attribute_certs=True), UNKNOWN
    ),
    "list of changes alone": Case(lambda: listing((_CHANGES, True)), UNKNOWN),
    "list of changes, which nobody must know": Case(lambda: listing((_CHANGES, False)), UNKNOWN),
    "list of changes accuses": Case(lambda: listing((_CHANGES, True), since=NOW), REVOKED),
    "list with something that must be known": Case(lambda: listing((_STRANGE, True)), UNKNOWN),
    "list with something that may be unknown": Case(lambda: listing((_STRANGE, False)), GOOD),
    "list with the like accuses": Case(lambda: listing((_STRANGE, True), since=NOW), REVOKED),
    "with its version, which DER leaves out": Case(
        lambda: [delegate().answer(said(), at=NOW, version=der.tlv(0xA0, der.integer(0)))], UNKNOWN
    ),
    # Extensions
    "nonce": Case(lambda: [delegate().answer(said(), at=NOW, nonce=b"1234")], GOOD),
    "critical extension": Case(lambda: _critical(in_single=False), UNKNOWN),
    "critical extension of one": Case(lambda: _critical(in_single=True), UNKNOWN),
    "extension": Case(
        _by(delegate, extensions=der.sequence(der.oid("1.2.3"), der.octets(b""))), GOOD
    ),
}


def proofs_of(case: Case) -> tuple[list[bytes], list[bytes]]:
    """Certificates and lists: the case's, and a list about the issuer."""
    above = office().issuing.certificate
    # By a hash that a case has not ended.
    certificates = [der_of(above), *map(der_of, case.certificates())]
    return certificates, [*case.make(), office().list_of(above, NOW)]


def standing_of(case: Case) -> Standing:
    trust = Trust([office().root.certificate], *proofs_of(case))
    return trust.standing(bob().certificate, case.at, case.ends)


@each_row("name", CASES)
def test_a_certificate_stands_as_the_answers_of_its_issuer_say(name: str) -> None:
    assert standing_of(CASES[name]) == CASES[name].expected


def test_an_authority_is_proven_by_an_answer_too() -> None:
    one = office()
    above = Said(one.issuing.certificate, one.root.certificate, NOW, NOW + DAY)
    answers = [
        responder_of(one.root, NOW - DAY).answer(above, at=NOW),
        delegate().answer(said(), at=NOW),
    ]

    trust = Trust([one.root.certificate], [der_of(one.issuing.certificate)], answers)

    assert trust.standing(bob().certificate, LATER) == GOOD


@functools.cache
def issuers_own() -> bytes:
    """An answer of which every byte counts: no certificate is with it."""
    return issuer().answer(said(), at=NOW, nonce=b"1234")


@functools.cache
def delegates() -> bytes:
    return delegate().answer(said(), at=NOW)


def _is_proven(answer: bytes) -> bool:
    return standing_of(Case(lambda: [answer], GOOD)).is_listed


@pytest.mark.parametrize("make", [issuers_own, delegates])
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_an_answer_of_which_one_bit_is_another_proves_nothing(
    make: Callable[[], bytes], place: int, bit: int
) -> None:
    changed = bytearray(make())
    changed[place % len(changed)] ^= 1 << bit

    assert not _is_proven(bytes(changed))


def test_a_bit_of_the_signature_that_is_said_not_to_count_proves_nothing() -> None:
    answers = (delegate().answer(said(), at=NOW) for _ in range(100))
    answer = next(one for one in answers if not read_answer(one).signature[-1] & 1)
    signature = read_answer(answer).signature

    assert _is_proven(answer)
    assert not _is_proven(answer.replace(b"\0" + signature, b"\1" + signature))


@given(st.binary(max_size=200), st.integers(0, 10_000))
def test_what_is_put_into_an_answer_or_cut_from_it_proves_nothing(more: bytes, place: int) -> None:
    whole = issuers_own()
    at = place % len(whole)

    assert not _is_proven(whole[:at])
    assert not more or not _is_proven(whole[:at] + more + whole[at:])


@given(st.binary(max_size=100))
def test_bytes_are_an_answer_or_refused(data: bytes) -> None:
    for one in (data, wrapped(data), der.sequence(data)):
        with pytest.raises(OcspError):
            read_answer(one)


@each_row("status", [1, 2, 3, 5, 6])
def test_who_gives_no_answer_says_nothing(status: int) -> None:
    whole = der.sequence(der.tlv(10, bytes([status])))

    with pytest.raises(OcspError, match="no answer"):
        read_answer(whole)


def test_an_answer_of_another_kind_is_none() -> None:
    basic = der.read_whole(delegates(), der.SEQUENCE)

    with pytest.raises(OcspError):
        read_answer(wrapped(basic, kind="1.3.6.1.5.5.7.48.1.99"))


def test_an_answer_is_read_as_others_read_it() -> None:
    one = said(since=NOW - HOUR, reason=4, named_by="sha256")
    encoded = delegate().answer(one, at=NOW, nonce=b"12345678")

    found, known = read_answer(encoded), theirs.load_der_ocsp_response(encoded)

    (state,) = found.states
    assert found.produced_at == known.produced_at_utc
    assert found.signed == known.tbs_response_bytes
    assert found.signature == known.signature
    assert found.name == known.responder_name.public_bytes()  # type: ignore[union-attr]  # By name.
    assert (state.at, state.until) == (known.this_update_utc, known.next_update_utc)
    assert state.status is Status.REVOKED
    assert known.certificate_status is theirs.OCSPCertStatus.REVOKED
    assert state.since == known.revocation_time_utc
    assert known.revocation_reason is x509.ReasonFlags.superseded
    assert state.about.serial == known.serial_number
    assert state.about.key_hash == known.issuer_key_hash
    assert is_about(state.about, bob().certificate, office().issuing.certificate)
    assert found.certificates == (der_of(delegate().certificate),)
    nonce = known.extensions.get_extension_for_class(x509.OCSPNonce).value
    assert found.nonce == nonce.nonce


def test_answers_of_whom_they_are() -> None:
    ours, other = office().issuing.certificate, stranger().certificate

    assert is_list_of_any(delegates(), [office().root.certificate, ours])
    assert is_list_of_any(issuers_own(), [ours])
    assert is_list_of_any(_by(listed_delegate)()[0], [ours])
    assert not is_list_of_any(delegates(), [office().root.certificate, other])
    assert not is_list_of_any(b"hello", [ours])
    assert not is_list_of_any(wrapped(b"hello"), [ours])


# In files


@functools.cache
def answering() -> Answering:
    return Answering(NOW)


@functools.cache
def carol() -> Person:
    return answering().person("Carol", _document())


@functools.cache
def _document() -> bytes:
    return with_boxes(page("Pay 100 EUR to Bob"), ["Sig1"])


@functools.cache
def proven(kind: str) -> bytes:
    """A file that is signed and closed, in which there are answers and no list."""
    one = answering()
    if kind == "pdf":
        return one.close(carol().sign(_document(), "Sig1"))
    container = containers.closed(one, containers.made(one))
    if kind == "container":
        return container
    about = Proofs([], [one.answer_of(one.stamping.certificate, NOW)])
    return containers.closed(one, container, proofs=about)


def trusted(now: dt.datetime = NOW + DAY, lists: Sequence[bytes] = ()) -> Trusted:
    return Trusted([answering().root.certificate], now, lists)


@pytest.mark.parametrize("kind", ["pdf", "container", "renewed"])
def test_a_file_with_answers_in_place_of_lists_is_sealed(kind: str) -> None:
    assert judge_file(proven(kind), trusted()).verdict is Verdict.SEALED


def test_answers_are_where_readers_of_files_look_for_them() -> None:
    with pikepdf.open(io.BytesIO(proven("pdf"))) as pdf:
        store = pdf.Root.DSS
        answers = [bytes(one.read_raw_bytes()) for one in store.OCSPs]
        assert len(store.CRLs) == 0

    assert [theirs.load_der_ocsp_response(one).response_status.value for one in answers] == [0] * 3


def test_answers_in_a_container_are_wrapped_as_cms_has_them() -> None:
    encoded = read_container(proven("container")).steps[0].encoded

    signed = asn1_cms.ContentInfo.load(encoded)["content"]

    assert signed["version"].native == "v5"
    assert {one.name for one in signed["crls"]} == {"other"}
    kinds = {one.chosen["other_rev_info_format"].native for one in signed["crls"]}
    assert kinds == {"ocsp_response"}
    assert len(signed["crls"]) == 3
    assert len(read_signed_data(encoded).lists) == 3


@pytest.mark.parametrize("kind", ["pdf", "container"])
def test_a_month_later_it_is_not_known_whether_the_stamp_still_counted(kind: str) -> None:
    found = judge_file(proven(kind), trusted(NOW + 40 * DAY))

    assert found.verdict is Verdict.SIGNED
    assert {one.reason for one in found.findings} == {Reason.LISTS}


@pytest.mark.parametrize(
    ("since", "expected"),
    [(NOW - HOUR, Verdict.INVALID), (NOW + HOUR, Verdict.SEALED)],
    ids=["before", "after"],
)
def test_a_newer_answer_accuses_who_was_revoked_before_they_signed(
    since: dt.datetime, expected: Verdict
) -> None:
    newer = answering().answer_of(carol().certificate, NOW + DAY, since)

    found = judge_file(proven("pdf"), trusted(lists=[newer]))

    assert found.verdict is expected
    assert (Reason.REVOKED in {one.reason for one in found.findings}) is (since < NOW)
