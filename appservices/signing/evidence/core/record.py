"""Record of how a document was signed, inside an evidence report.

It stands in a report (PDF/A-3) as ``evidence.json``, for machines; what the pages say is made from
it. Everything in it can be checked with the signed file alone: ``evidence_checks``. It has no
addresses of the network.

Source: design of Veche, signing §10.3; the five headings of a report are those of the US laws ESIGN
and UETA: consent, intent, attribution, association, retention.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from appservices.signing.evidence.core.handwriting import RECORD_CHARACTERS_MAX, Drawing, HandRecord
from veche.protocol.approval import Assertion
from veche.protocol.errors import MalformedError
from veche.protocol.unpadded_base64 import decode_base64, encode_base64
from veche.protocol.wire import Wire, parse

DELEGATED: Final = "delegated"
"""``what`` of the mandate by which a party lets somebody else act begins with it."""
DECLINED: Final = "declined"
"""``what`` of the mandate by which somebody says that a signer declined before them begins so."""
IDENTIFIED: Final = "identified"
"""``what`` of the mandate by which somebody says who a signer is begins with it."""
TAKEN_BACK: Final = "taken-back"
"""What stands there in the place of the other when a party acts themselves again."""
ATTACHMENT: Final = "evidence.json"
"""Name of the record in a report."""
PARTIES_MAX: Final = 400
"""Those who were asked, and as many who act in their place."""
EVENTS_MAX: Final = 10_000
CERTIFICATES_MAX: Final = 1_000
TEXT_CHARACTERS_MAX: Final = 1_000
SIGNED_CHARACTERS_MAX: Final = 288 * 1024
"""Longest approval, in base64: of a hundred documents."""
JSON_BYTES_MAX: Final = 16 * 1024 * 1024

Digest = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]$")]
"""SHA-256 in unpadded base64."""
Der = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+$", max_length=128 * 1024)]
"""DER in unpadded base64."""
Moment = Annotated[int, Field(ge=0)]
"""Milliseconds UTC."""
Text = Annotated[str, Field(max_length=TEXT_CHARACTERS_MAX)]
Id = Annotated[str, Field(max_length=100)]
"""A party's id within the session, or another name that people do not read."""


class EvidenceDocument(Wire):
    """The document to be signed.

    Attributes:
        title: As the parties saw it; empty: the service never knew it.
        title_sha256: Of a title that only the parties' browsers know, see ``blind_api.veiled``.
        sha256: Of the file before anybody signed.
        bytes: Size of it.
        pages: Of it; 0: it is no PDF.
        filename: Of a file that is no PDF, its name in the container in which it is signed.
        kind: Likewise, its media type; empty: a PDF.
        code: The four digits that all of them saw.
        fields_before: Where others had signed it before the parties were asked; as a rule empty.
    """

    title: Text = ""
    title_sha256: Digest | None = None
    sha256: Digest
    bytes: Annotated[int, Field(ge=0)]
    pages: Annotated[int, Field(ge=0)]
    filename: Text = ""
    kind: Text = ""
    code: Annotated[str, Field(pattern=r"^\d{4}$")]
    fields_before: Annotated[tuple[Text, ...], Field(strict=False, max_length=200)] = ()


class EvidenceParty(Wire):
    """Somebody who took part.

    Attributes:
        party: Their id in the session.
        role: As what: signer, clerk, seal, approver, witness, viewer.
        name: As the others saw it.
        user: Their account; of a seal, the organisation's id.
        state: State of the party: signed, declined, delegated, lapsed, excused and so on.
        level: How they signed (S0 to S4, seal); empty if they did not.
        field: Name of their field in the file; empty: they signed without one.
        of: Of a witness, whose signature they saw.
        delegated_to: Who acts in their place; empty: nobody.
        signed_at_ms: By our clock; None: they did not. The proven time is the stamp's.
        certificate_sha256: Of the certificate that they signed with in the file.
        certificate_name: Whom a certificate names that was issued elsewhere; empty: it was not.
        issuer: Who issued that certificate, as it says; that it is qualified (S4) is the word of
            who operates the service.
    """

    party: Id
    role: Id
    name: Text
    user: Text
    state: Id
    level: Annotated[str, Field(max_length=10)] = ""
    field: Id = ""
    of: Id = ""
    delegated_to: Id = ""
    signed_at_ms: Moment | None = None
    certificate_sha256: Digest | None = None
    certificate_name: Annotated[str, Field(max_length=200)] = ""
    issuer: Annotated[str, Field(max_length=200)] = ""


class EvidenceStage(Wire):
    """Parties who act at once.

    Attributes:
        parties: Their ids.
        need: How many are enough; None: all.
    """

    parties: Annotated[tuple[Id, ...], Field(strict=False, max_length=PARTIES_MAX)]
    need: int | None = None


class EvidenceEvent(Wire):
    """Something that happened.

    Attributes:
        at_ms: By our clock.
        party: Who did it; empty: the service.
        what: One word: sent, invited, viewed, signed, declined, delegated, extended, closed, ….
        event_id: The event in the room that shows it; empty: none does.
        device: Of the person's, from which it came; empty: not known.
    """

    at_ms: Moment
    party: Id = ""
    what: Id
    event_id: Text = ""
    device: Text = ""


class EvidenceApproval(Wire):
    """A person's approval, as ``veche.access.approvals`` exports it, and its owner.

    Attributes:
        party: Whose.
        means: By what they approved.
        person: Their account.
        at_ms: When it was taken, by our clock.
        signed: Canonical JSON of the approval, the very bytes, in unpadded base64.
        key: Id of their key; None of a code.
        public_key: Of that key, 65 bytes in unpadded base64; None of a code.
        signature: Of a P-256 key.
        webauthn: Answer of a passkey.
        rp_id: Where the passkey lives.
        reply: The message with the code.
    """

    party: Id
    means: Literal["p256", "webauthn", "code"]
    person: Text
    at_ms: Moment
    signed: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+$", max_length=SIGNED_CHARACTERS_MAX)]
    key: Id | None = None
    public_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{87}$")] | None = None
    signature: Annotated[str, Field(max_length=100)] | None = None
    webauthn: Assertion | None = None
    rp_id: Id | None = None
    reply: dict[str, Any] | None = None


class EvidenceLog(Wire):
    """Proof that a certificate is in the log of acts.

    Attributes:
        entry: The leaf.
        proof: That the log has it: canonical JSON of ``act_proof.ActsProof`` with the one act. The
            key of the log, which its site publishes, verifies the head in it.
    """

    entry: Annotated[str, Field(max_length=16 * 1024)]
    proof: Annotated[str, Field(max_length=16 * 1024)]


class EvidenceClause(Wire):
    """A part of the document that needed consent of its own.

    Attributes:
        id: In the document.
        title: As it was shown; empty: the service never knew it.
        title_sha256: Of a title that only the parties' browsers know.
        kind: required, unfair, optional.
        page: Where it is, from 1.
        answers: By party: accepted; signed, which is accepted by a signature of its own in the
            file; or refused.
    """

    id: Id
    title: Text = ""
    title_sha256: Digest | None = None
    kind: Id
    page: Annotated[int, Field(ge=1)]
    answers: dict[Id, Literal["accepted", "signed", "refused"]]


class EvidenceDelegation(Wire):
    """Somebody acted in another's place.

    Attributes:
        party: Who let them.
        to: Who acts.
        at_ms: Since when.
        approval: The mandate that they gave with their key; None: they said so in their chat.
    """

    party: Id
    to: Id
    at_ms: Moment
    approval: EvidenceApproval | None = None


class EvidenceIdentified(Wire):
    """A registrar's signed statement that they identified a signer.

    Attributes:
        party: The signer.
        by: Account of who has seen it.
        by_name: As the certificate calls them.
        by_organisation: For which they did so; empty: it was not asked yet.
        papers: Which kind of identity document they saw; its number is kept nowhere.
        at_ms: When.
        about: Of a signer with an account: the identification, which may be of long before; empty:
            they signed as a guest.
        approval: What they said, a mandate whose ``what`` names session, party and the key of the
            signer's phone; of a signer with an account see ``identification_of``.
    """

    party: Id
    by: Text
    by_name: Text
    by_organisation: Text = ""
    papers: Id
    about: Id = ""
    at_ms: Moment
    approval: EvidenceApproval | None = None

    @property
    def line(self) -> str:
        """Registrar, as the certificate names them."""
        return registrar_line(self.by_name, self.by, self.by_organisation)


class EvidenceHand(Wire):
    """A consent by hand of a person without a key, signed by their witness.

    Attributes:
        party: Who wrote, at level S0.
        witness: Who signed as the witness of it; their approval names the record's digest.
        record: Canonical JSON of ``handwriting.HandRecord``, the very bytes, in unpadded base64.
        drawing: What was written.
    """

    party: Id
    witness: Id
    record: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+$", max_length=RECORD_CHARACTERS_MAX)]
    drawing: Drawing


class EvidenceDeclined(Wire):
    """Why a session ended before everyone had signed.

    Attributes:
        party: Who declined.
        reason_code: Of the known reasons.
        reason: In their words; may be empty.
        at_ms: When.
    """

    party: Id
    reason_code: Id
    reason: Text = ""
    at_ms: Moment


class EvidencePolicy(Wire):
    """By what rules it was signed and checked.

    Attributes:
        roots: SHA-256 of the certificates of the authorities that were accepted.
        leaf_life_ms: How long certificates of persons are valid.
        verifier_version: Of the software that judged the file at the end.
        verdict: Which it gave; empty: nobody signed in the file, or it never saw it.
    """

    roots: Annotated[tuple[Digest, ...], Field(strict=False, max_length=20)]
    leaf_life_ms: Annotated[int, Field(ge=0)]
    verifier_version: Id
    verdict: Id = ""


class Evidence(Wire):
    """The whole record.

    Attributes:
        v: Version of this form.
        session: Its id.
        site: The service that ran it, such as ``sign.example.org``.
        mode: ``assisted``: it read the document; ``blind``: it never saw it, and judged nothing
            that is in it.
        state: How it ended: completed, declined, expired, cancelled.
        effect: When signatures count: ``when_complete`` or ``each``.
        document: What was to be signed.
        final_sha256: Of the file as it was closed.
        created_at_ms: When the parties were asked.
        ended_at_ms: When it ended.
        parties: All of them.
        stages: In their order.
        events: In their order.
        approvals: Of those who signed with a key.
        certificates: Of those who signed in the file, their authorities', the time stamps'.
        log: Of the certificates of persons, by the SHA-256 of the certificate.
        tsa: Time stamps that are not in the file.
        clauses: That needed consent.
        delegations: In their order.
        declined: None if nobody did.
        identified: Of those who signed in person.
        hands: Of those who agreed by hand, without a key.
        policy: By what rules.
    """

    v: Literal[1] = 1
    session: Id
    site: Text
    mode: Literal["assisted", "blind"] = "assisted"
    state: Literal["completed", "declined", "expired", "cancelled"]
    effect: Literal["when_complete", "each"]
    document: EvidenceDocument
    final_sha256: Digest
    created_at_ms: Moment
    ended_at_ms: Moment
    parties: Annotated[
        tuple[EvidenceParty, ...], Field(strict=False, min_length=1, max_length=PARTIES_MAX)
    ]
    stages: Annotated[tuple[EvidenceStage, ...], Field(strict=False, max_length=20)]
    events: Annotated[tuple[EvidenceEvent, ...], Field(strict=False, max_length=EVENTS_MAX)]
    approvals: Annotated[
        tuple[EvidenceApproval, ...], Field(strict=False, max_length=PARTIES_MAX)
    ] = ()
    certificates: Annotated[tuple[Der, ...], Field(strict=False, max_length=CERTIFICATES_MAX)] = ()
    log: Annotated[dict[Digest, EvidenceLog], Field(default_factory=dict)]
    tsa: Annotated[tuple[Der, ...], Field(strict=False, max_length=CERTIFICATES_MAX)] = ()
    clauses: Annotated[tuple[EvidenceClause, ...], Field(strict=False, max_length=50)] = ()
    delegations: Annotated[
        tuple[EvidenceDelegation, ...], Field(strict=False, max_length=PARTIES_MAX)
    ] = ()
    declined: EvidenceDeclined | None = None
    identified: Annotated[
        tuple[EvidenceIdentified, ...], Field(strict=False, max_length=PARTIES_MAX)
    ] = ()
    hands: Annotated[tuple[EvidenceHand, ...], Field(strict=False, max_length=PARTIES_MAX)] = ()
    policy: EvidencePolicy


def record_in(hand: EvidenceHand) -> HandRecord:
    """The record of what somebody wrote by hand.

    Raises:
        MalformedError: It is none.
    """
    try:
        content = json.loads(decode_base64(hand.record))
    except ValueError as e:
        raise MalformedError("hands.record", "is no JSON") from e
    return parse(HandRecord, content, where="hands.record")


def delegation_of(session: str, party: str, user: str | None) -> str:
    """``what`` of the mandate by which a party lets somebody else act, or nobody any more.

    Args:
        session: Of the document.
        party: Whose place it is.
        user: Account of the other; None: they act themselves again.
    """
    other = TAKEN_BACK if user is None else encode_base64(hashlib.sha256(user.encode()).digest())
    return f"{DELEGATED} {session} {party} {other}"


def registrar_line(name: str, person: str, organisation: str) -> str:
    """Return the registrar's name as in a certificate.

    Args:
        name: As people know them.
        person: Their account.
        organisation: For which they did so; may be empty.
    """
    return ", ".join(one for one in (name, person, organisation) if one)


def identification_of(about: str, user: str, name: str, key: str) -> str:
    """``what`` of the mandate by which somebody says who the holder of a key is.

    Args:
        about: Id of the identification.
        user: Account of the holder.
        name: As it stands in their identity document; case and spaces make no difference.
        key: Id of the key.
    """
    who = f"{user}\n{' '.join(name.split()).casefold()}"
    digest = encode_base64(hashlib.sha256(who.encode()).digest())
    return f"{IDENTIFIED} {about} {digest} {key}"
