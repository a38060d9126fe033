"""Check of an evidence record against the signed file: with these two alone, without us."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from appservices.signing.evidence.core.attachments import attachment
from appservices.signing.evidence.core.handwriting_checks import hand_problems
from appservices.signing.evidence.core.record import (
    ATTACHMENT,
    IDENTIFIED,
    JSON_BYTES_MAX,
    Evidence,
    delegation_of,
    identification_of,
)
from veche.documents.pdf.document import Document
from veche.documents.pdf.grammar import OF_CLAUSE
from veche.documents.pdf.values import PdfError
from veche.documents.signatures.judging import Trusted
from veche.documents.signed_file import judge_file
from veche.protocol.approval import Approval, MandateShown, SignatureShown, challenge_of
from veche.protocol.errors import BadSignatureError, MalformedError
from veche.protocol.p256 import public_key, verify
from veche.protocol.unpadded_base64 import decode_base64, encode_base64
from veche.protocol.wire import mapping, parse

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    from appservices.signing.evidence.core.record import (
        EvidenceApproval,
        EvidenceDelegation,
        EvidenceIdentified,
        EvidenceParty,
    )
    from veche.documents.signatures.report import Report, Signed
    from veche.protocol.approval import ShownDocument

_VERIFIED: Final = 0b101
"""Flags of an authenticator: the person was there and was verified (WebAuthn Level 2, §6.1)."""
_FLAGS_AT: Final = 32


def problems_of(
    report: bytes, signed: bytes, roots: Sequence[bytes], now: dt.datetime
) -> list[str]:
    """Compare a report with the signed file, in a process of its own; list differences.

    Args:
        report: The evidence report, a PDF.
        signed: The signed file.
        roots: Certificates that are trusted, DER.
        now: The time, UTC.
    """
    trusted = Trusted.by_encoded(roots, now)
    try:
        evidence = read_evidence(report)
    except (PdfError, MalformedError) as e:
        swapped = _record_of(signed)
        if swapped is None:
            return [f"neither of the two is a report on signatures: {e}"]
        evidence, signed = swapped, report
    return check_evidence(evidence, signed, judge_file(signed, trusted))


def _record_of(pdf: bytes) -> Evidence | None:
    try:
        return read_evidence(pdf)
    except (PdfError, MalformedError):
        return None


def read_evidence(report: bytes) -> Evidence:
    """The record in a report.

    Args:
        report: The PDF, in the sealed profile; whether it is sealed is another question.

    Raises:
        PdfError: It is outside the profile.
        MalformedError: It has no record, or one of another form.
    """
    data = attachment(Document(report), ATTACHMENT, JSON_BYTES_MAX)
    if data is None:
        raise MalformedError(ATTACHMENT, "is not in the file")
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as e:
        raise MalformedError(ATTACHMENT, "is no JSON") from e
    return parse(Evidence, content, where=ATTACHMENT)


def check_evidence(evidence: Evidence, pdf: bytes, report: Report) -> list[str]:
    """Compare a record with the signed file; list differences.

    Args:
        evidence: The record.
        pdf: The signed file.
        report: The verdict on that file.
    """
    return list(_problems(evidence, pdf, report))


def _problems(evidence: Evidence, pdf: bytes, report: Report) -> Iterator[str]:
    if encode_base64(hashlib.sha256(pdf).digest()) != evidence.final_sha256:
        yield "the record is about another file: its SHA-256 is not that of this one"
    before = report.document_sha256
    is_first = not evidence.document.fields_before
    if is_first and before is not None and encode_base64(before) != evidence.document.sha256:
        yield "the record names another document than the one that was signed"
    yield from _signer_problems(evidence, report)
    yield from _clause_problems(evidence, report)
    yield from _certificate_problems(evidence)
    for approval in evidence.approvals:
        yield from (f"{approval.party}: {one}" for one in _approval_problems(evidence, approval))
    yield from _identity_problems(evidence, report)
    yield from hand_problems(evidence, report)
    for delegation in evidence.delegations:
        yield from (
            f"{delegation.party}: {one}" for one in _delegation_problems(evidence, delegation)
        )


def _delegation_problems(evidence: Evidence, told: EvidenceDelegation) -> Iterator[str]:
    """Check that the party's key approved the delegate, if a key did."""
    users = {one.party: one.user for one in evidence.parties}
    if told.party not in users or told.to not in users:
        yield "lets somebody act who took no part"
        return
    if told.approval is None:
        return
    signed = decode_base64(told.approval.signed)
    try:
        _check_signature(told.approval, signed)
        approval = parse(Approval, json.loads(signed), where="approval")
    except (BadSignatureError, MalformedError, ValueError) as e:
        yield f"the word on who acts for them does not hold: {e}"
        return
    wanted = delegation_of(evidence.session, told.party, users[told.to])
    shown = approval.shown
    if approval.person != users[told.party] or not isinstance(shown, MandateShown):
        yield "the word on who acts for them is somebody else's, or of something else"
    elif shown.what != wanted:
        yield "the word on who acts for them names another"


def _identity_problems(evidence: Evidence, report: Report) -> Iterator[str]:
    """Check that guests were identified by the registrars in their certificates."""
    by_party = {one.party: one for one in evidence.identified}
    fields = {one.field: one.party for one in evidence.parties if one.field}
    for signer in _asked(evidence, report):
        party = fields.get(_own_box(signer), "")
        seen = by_party.get(party)
        told = "" if seen is None else seen.line
        if signer.registrar and signer.registrar != told:
            yield f"{party}: the record names another who has identified them"
    for one in evidence.identified:
        yield from (f"{one.party}: {why}" for why in _word_problems(evidence, one))


def _word_problems(evidence: Evidence, seen: EvidenceIdentified) -> Iterator[str]:
    """Check that a key made the statement about the key that approved the signature."""
    given = seen.approval
    if given is None:
        yield "nobody has said with a key who they are"
        return
    signed = decode_base64(given.signed)
    try:
        _check_signature(given, signed)
        approval = parse(Approval, json.loads(signed), where="approval")
    except (BadSignatureError, MalformedError, ValueError) as e:
        yield f"the word on who they are does not hold: {e}"
        return
    keys = [one.key for one in evidence.approvals if one.party == seen.party]
    known = {_word_on(evidence, seen, key or "") for key in keys}
    shown = approval.shown
    if approval.person != seen.by or not isinstance(shown, MandateShown):
        yield "the word on who they are is somebody else's, or of something else"
    elif known and shown.what not in known:
        yield "the word on who they are is of another phone than the one that signed"


def _word_on(evidence: Evidence, seen: EvidenceIdentified, key: str) -> str:
    """Return the required statement about the holder of a key."""
    if not seen.about:
        return f"{IDENTIFIED} {evidence.session} {seen.party} {key}"
    party = next((one for one in evidence.parties if one.party == seen.party), None)
    user, name = ("", "") if party is None else (party.user, party.name)
    return identification_of(seen.about, user, name, key)


def _signer_problems(evidence: Evidence, report: Report) -> Iterator[str]:
    by_field = {one.field: one for one in evidence.parties if one.field}
    signers = _asked(evidence, report)
    for signer in signers:
        party = by_field.get(_own_box(signer))
        if party is None:
            yield f"{signer.field}: somebody signed of whom the record knows nothing"
        elif not _is_named(evidence, party, encode_base64(signer.certificate_sha256)):
            yield f"{party.party}: the record names another certificate"
        elif signer.account and signer.account != party.user:
            yield f"{party.party}: the record names another account"
    signed = {_own_box(one) for one in signers}
    for party in evidence.parties:
        if party.field and party.state == "signed" and party.field not in signed:
            yield f"{party.party}: the record says that they signed, the file does not"
    approved = {one.party for one in evidence.approvals}
    for party in evidence.parties:
        if party.certificate_sha256 and party.role != "seal" and party.party not in approved:
            yield f"{party.party}: no key of theirs approved the certificate in their name"


def _asked(evidence: Evidence, report: Report) -> list[Signed]:
    """List the signers of the session, without earlier ones that the record leaves out."""
    before = evidence.document.fields_before
    return [one for one in report.signers if one.field not in before]


def _own_box(signer: Signed) -> str:
    """Return the party of a signature; a clause signed separately is the same party's."""
    return signer.field.partition(OF_CLAUSE)[0] if signer.clause else signer.field


def _clause_problems(evidence: Evidence, report: Report) -> Iterator[str]:
    """Clauses that were signed by themselves, by the file or by the record alone."""
    party_of = {one.field: one.party for one in evidence.parties if one.field}
    signed = {
        (party_of.get(_own_box(one), one.field), one.clause)
        for one in _asked(evidence, report)
        if one.clause
    }
    told = {
        (party, clause.id)
        for clause in evidence.clauses
        for party, answer in clause.answers.items()
        if answer == "signed"
    }
    for party, clause in sorted(told - signed):
        yield f"{party}: the record says that they signed clause {clause}, the file does not"
    for party, clause in sorted(signed - told):
        yield f"{party}: they signed clause {clause}, of which the record does not say so"


def _is_named(evidence: Evidence, party: EvidenceParty, digest: str) -> bool:
    """Return whether the record names a certificate as the party's; seals have none there."""
    if party.certificate_sha256 is not None or party.role != "seal":
        return party.certificate_sha256 == digest
    known = (encode_base64(hashlib.sha256(one).digest()) for one in _certificates(evidence))
    return digest in known


def _certificate_problems(evidence: Evidence) -> Iterator[str]:
    known = {encode_base64(hashlib.sha256(one).digest()) for one in _certificates(evidence)}
    for party in evidence.parties:
        if party.certificate_sha256 is not None and party.certificate_sha256 not in known:
            yield f"{party.party}: the record lacks their certificate"
    for digest in evidence.log.keys() - known:
        yield f"the record has a proof for a certificate that it lacks: {digest}"


def _certificates(evidence: Evidence) -> list[bytes]:
    return [decode_base64(one) for one in evidence.certificates]


def _approval_problems(evidence: Evidence, given: EvidenceApproval) -> Iterator[str]:
    party = next((one for one in evidence.parties if one.party == given.party), None)
    if party is None:
        yield "an approval of somebody who took no part"
        return
    if given.means == "code":
        return
    signed = decode_base64(given.signed)
    try:
        _check_signature(given, signed)
        approval = parse(Approval, json.loads(signed), where="approval")
    except (BadSignatureError, MalformedError, ValueError) as e:
        yield f"the approval does not hold: {e}"
        return
    shown = approval.shown
    if not isinstance(shown, SignatureShown) or approval.person != party.user:
        yield "the approval is of something or somebody else"
        return
    facts = shown.facts_of(evidence.session)
    told = _told(facts) if facts is not None else ()
    paper = evidence.document
    title = (paper.title, paper.title_sha256)
    if told != (party.party, *title, paper.sha256, paper.code, evidence.effect):
        yield "what was approved is not this document in this session"
    if shown.key is not None and shown.key not in _keys(evidence, party.certificate_sha256):
        yield "the certificate is for another key than the one that was approved"


def _told(facts: ShownDocument) -> tuple[str | None, ...]:
    title = (facts.title or "", facts.title_sha256)
    return (facts.party, *title, facts.sha256, facts.code, facts.effect)


def _keys(evidence: Evidence, digest: str | None) -> Iterator[str]:
    """SHA-256 of the public key in the certificate that has a digest."""
    for der in _certificates(evidence):
        if encode_base64(hashlib.sha256(der).digest()) == digest:
            try:
                key = x509.load_der_x509_certificate(der).public_key()
            except ValueError:
                continue
            encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            yield encode_base64(hashlib.sha256(encoded).digest())


def _check_signature(given: EvidenceApproval, signed: bytes) -> None:
    """Make sure that the key signed these bytes.

    Raises:
        BadSignatureError: It did not.
    """
    key = decode_base64(given.public_key or "")
    if given.webauthn is None:
        verify(key, signed, given.signature or "")
        return
    client, authenticator = (
        decode_base64(one)
        for one in (given.webauthn.client_data, given.webauthn.authenticator_data)
    )
    said = mapping(json.loads(client))
    challenge = str(said.get("challenge", "")).replace("-", "+").replace("_", "/")
    if said.get("type") != "webauthn.get" or challenge != encode_base64(challenge_of(signed)):
        raise BadSignatureError("the passkey signed something else")
    site = hashlib.sha256((given.rp_id or "").encode()).digest()
    flags = authenticator[_FLAGS_AT : _FLAGS_AT + 1]
    if authenticator[:_FLAGS_AT] != site or not flags or flags[0] & _VERIFIED != _VERIFIED:
        raise BadSignatureError("the passkey is of another site, or nobody was verified")
    try:
        public_key(key).verify(
            decode_base64(given.webauthn.signature),
            authenticator + hashlib.sha256(client).digest(),
            ec.ECDSA(hashes.SHA256()),
        )
    except InvalidSignature as e:
        raise BadSignatureError("the signature is not of this passkey") from e
