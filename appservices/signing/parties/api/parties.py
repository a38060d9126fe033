"""HTTP bodies of a party in a session: views, questions, certificates, signatures.

Files and increments travel as ciphertext; its key is in a party's link, never in an answer.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from appservices.signing.evidence.core.handwriting import Drawing, HandRecord
from appservices.signing.parties.api.providers import ProviderView
from veche.contracts.signing.own_certificate_api import AuthorityView, OwnCertificateView
from veche.contracts.signing.signing_api import (
    PARTIES_MAX,
    ClauseId,
    ClauseView,
    LevelName,
    ModeName,
    PartyId,
    PartyView,
    RoleName,
    SessionId,
)
from veche.documents.sealing_api import Encoded
from veche.protocol.approval import CLAUSES_MAX, Sha256, SignedApproval
from veche.protocol.wire import Wire

INCREMENT_BYTES_MAX: Final = 256 * 1024
"""Largest revision of one signer, in clear."""
INCREMENT_CHARACTERS_MAX: Final = (INCREMENT_BYTES_MAX + 28) * 4 // 3 + 4  # with nonce and tag
CMS_CHARACTERS_MAX: Final = 64 * 1024 * 4 // 3 + 4
CLAUSE_CMS_CHARACTERS_MAX: Final = 16 * 1024 * 4 // 3 + 4
"""Room enough: what is reserved in a file for a signature of ours is 5 kB."""
LIST_CHARACTERS_MAX: Final = 512 * 1024
SPKI_CHARACTERS_MAX: Final = 200
REASON_CHARACTERS_MAX: Final = 1_000
Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{32}$")]
BASE64: Final = r"^[A-Za-z0-9+/]+$"
Cipher = Annotated[str, Field(pattern=BASE64, max_length=INCREMENT_CHARACTERS_MAX)]
ReasonCode = Literal["wrong_terms", "wrong_person", "not_mine", "need_time", "other"]


class DocumentView(Wire):
    """The document before anybody signed it.

    Attributes:
        sha256: SHA-256 of it.
        size: Its bytes.
        pages: Its pages; 0: it is no PDF.
        blob: SHA-256 of its ciphertext, hexadecimal: the name under ``…/blobs``.
        is_signed: Others had signed it before: each signature gets a field that shows nothing.
        name: Of a file that is no PDF, its name in the container in which it is signed.
        kind: Likewise, its media type.
    """

    sha256: Sha256
    size: int
    pages: int
    blob: str
    is_signed: bool = False
    name: str | None = None
    kind: str | None = None


class StageView(Wire):
    """Parties who act at once.

    Attributes:
        need: How many signatures are enough; none: all.
        parties: Their ids.
    """

    need: int | None
    parties: list[PartyId]


class WrittenView(Wire):
    """The handwriting that a witness has to confirm by signing.

    Attributes:
        record: All that they agreed to.
        sha256: Of its canonical JSON: what the witness approves.
        drawing: What they wrote.
        code: Four digits, which the tablet shows.
        until_ms: When it counts no more, UTC.
    """

    record: HandRecord
    sha256: Sha256
    drawing: Drawing
    code: str
    until_ms: int


class YouView(Wire):
    """The party who asks.

    Attributes:
        party: Their id.
        role: As what they take part.
        level: How they have to sign.
        field: Name of their box; none: they have none.
        state: State of the party.
        can_act: Whether they may sign, decline or delegate now.
        own: The certificate, issued elsewhere, with which they want to sign.
        sees: Of a witness: who writes by hand before them, by their id.
        written: Of the same, once that was written, until they have signed: what.
    """

    party: PartyId
    role: RoleName
    level: LevelName
    field: str | None
    state: str
    can_act: bool
    own: OwnCertificateView | None = None
    sees: PartyId | None = None
    written: WrittenView | None = None


class ClauseClaim(Wire):
    """A clause that was signed by itself, of a document that the service does not see.

    Attributes:
        clause: In the document.
        cms: Its signature, DER.
        signed_sha256: Of what that covers.
    """

    clause: ClauseId
    cms: Annotated[str, Field(pattern=BASE64, max_length=CLAUSE_CMS_CHARACTERS_MAX)]
    signed_sha256: Sha256


class RevisionView(Wire):
    """An addition of a party to the file.

    Attributes:
        number: From 1.
        party: Who signed in it; none: it closes the file.
        previous_sha256: Of the file before.
        sha256: Of the file with it.
        size: Bytes of the increment in clear.
        increment: Its ciphertext.
        cms: Handed in, of a document that is not seen: its signature, or closing stamp, DER.
        signed_sha256: Likewise: SHA-256 of what the signature covers; of a closing stamp by another
            hash: SHA-256 of the digest that it is over.
        clauses: Likewise: those that were signed by themselves after it, in their order.
    """

    number: Annotated[int, Field(ge=1, le=PARTIES_MAX + 100)]
    party: PartyId | None = None
    previous_sha256: Sha256
    sha256: Sha256
    size: Annotated[int, Field(ge=1, le=INCREMENT_BYTES_MAX)]
    increment: Cipher
    cms: Annotated[str, Field(pattern=BASE64, max_length=CMS_CHARACTERS_MAX)] | None = None
    signed_sha256: Sha256 | None = None
    clauses: (
        Annotated[tuple[ClauseClaim, ...], Field(strict=False, max_length=CLAUSES_MAX)] | None
    ) = None


class ProofsView(Wire):
    """The proofs that a signer's revision needs beside their certificate.

    Attributes:
        certificates: DER: the root, who issues certificates, and who stamps, unless somebody
            elsewhere does.
        lists: DER: those that speak of the last ones.
    """

    certificates: list[Encoded]
    lists: list[Encoded]


class SessionView(Wire):
    """A session as one of its parties sees it.

    Attributes:
        session: Its id.
        mode: ``assisted``: the service has the document; ``blind``: only browsers have.
        state: Where it has got to.
        title: Of the document; none: only browsers know it.
        title_sha256: Hash of a title that only browsers know, see ``blind_api.veiled``.
        filename: Of the file as it was sent; none: only browsers know it, or it has none.
        matter: Ciphertext of what only browsers know: titles, names, the salt.
        requester: Who asks; where the service knows no names, their account.
        effect: Whether signatures count once everyone has signed, or each for itself.
        may_delegate: Whether parties may let others sign.
        deadline_at_ms: UTC.
        code: Four digits of the document in this session.
        parties_sha256: Of who signs in which order.
        document: The document.
        clauses: Those that need consent.
        stages: Who acts when.
        parties: All of them.
        you: Who asks.
        revisions: All so far, the first one first.
        proofs: For a signer's revision.
        authorities: Elsewhere, whose certificates are taken here; files are judged by them too.
        stampers: Elsewhere, who stamp here in the service's place, or did: files are judged by
            their certificates (DER), for time stamps alone.
        is_stamped_elsewhere: One of them stamps now.
        providers: Of remote signatures, at which people can sign on their page.
        final_sha256: Of the closed file; none: it is not closed yet.
        is_to_close: A page that can read the file has to close it now.
        is_to_renew: Likewise: has to put another time stamp on it.
        stamp_hash: Of the time stamp that closes or renews it.
        deletes_at_ms: Of a closed document: from when what is kept of it may be deleted, UTC.
        is_deleted: Whether it was: there is no file, no matter and no revision any more.
        may_delete: Whether it is over, and who asks can have it deleted here: they asked for the
            signatures, and have not wanted that yet.
        is_yours: Whether who asks is who asked for the signatures.
        report: SHA-256 of the ciphertext of the report, hexadecimal, which the document's key
            opens; none: there is none yet, or it was made under a key that pages have not.
        now_ms: Our clock, UTC.
    """

    session: SessionId
    mode: ModeName = "assisted"
    state: str
    title: str | None = None
    title_sha256: Sha256 | None = None
    filename: str | None = None
    matter: str | None = None
    requester: str
    effect: Literal["when_complete", "each"]
    may_delegate: bool
    deadline_at_ms: int
    code: str
    parties_sha256: Sha256
    document: DocumentView
    clauses: list[ClauseView]
    stages: list[StageView]
    parties: list[PartyView]
    you: YouView
    revisions: list[RevisionView]
    proofs: ProofsView
    authorities: list[AuthorityView] = Field(default_factory=list)
    stampers: list[str] = Field(default_factory=list)
    is_stamped_elsewhere: bool = False
    providers: list[ProviderView] = Field(default_factory=list)
    final_sha256: Sha256 | None = None
    is_to_close: bool = False
    is_to_renew: bool = False
    stamp_hash: Literal["sha256", "sha384", "sha512"] = "sha256"
    deletes_at_ms: int | None = None
    is_deleted: bool = False
    may_delete: bool = False
    is_yours: bool = False
    report: str | None = None
    now_ms: int


class ClauseAnswer(Wire):
    """An answer to a clause.

    Attributes:
        id: Of the clause.
        accepted: Whether the person agrees to it.
    """

    id: ClauseId
    accepted: bool


class AskBody(Wire):
    """Describe what a party is about to approve.

    Attributes:
        party: Who.
        level: ``S2`` and above with ``key``, ``S1`` without.
        read: Whether all pages were on the screen, or the person says they read it elsewhere.
        clauses: An answer to every clause that is not ``required``.
        key: SHA-256 of the SubjectPublicKeyInfo, DER: fresh, or above ``S2`` the certificate's.
        is_refusal: It will be declined, so no guardian has to agree first.
    """

    party: PartyId
    level: Literal["S1", "S2", "S3", "S4"]
    read: Literal["all_pages", "elsewhere"]
    clauses: Annotated[tuple[ClauseAnswer, ...], Field(strict=False, max_length=CLAUSES_MAX)] = ()
    key: Sha256 | None = None
    is_refusal: bool = False

    @model_validator(mode="after")
    def _check_key(self) -> AskBody:
        if (self.level != "S1") != (self.key is not None):
            raise ValueError("levels S2 and above sign with another key, level S1 without one")
        return self


class AskedView(Wire):
    """The approval that the person's device key has to sign.

    Attributes:
        asked: ``AskedApproval``, to be signed exactly; its ``shown`` has all that is shown.
        now_ms: ``at_ms`` of the approval goes by this clock, UTC.
        expires_at_ms: Later it is too late, UTC.
    """

    asked: dict[str, Any]
    now_ms: int
    expires_at_ms: int


class CertificateBody(Wire):
    """A person asks for the certificate of their fresh key.

    Attributes:
        session: For which session.
        party: For which of its parties.
        spki: SubjectPublicKeyInfo of the key, DER: P-256.
        proof: That they have the key: its signature (ECDSA with SHA-256, r and s of 32 bytes) over
            the approval's canonical JSON, the bytes that the device key signed too.
        approval: As the person's device key signed it.
    """

    session: SessionId
    party: PartyId
    spki: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+$", max_length=SPKI_CHARACTERS_MAX)]
    proof: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{85}[AQgw]$")]
    approval: SignedApproval


class CertificateView(Wire):
    """The certificate, with all that its signature is proven by.

    Attributes:
        certificate: DER.
        certificates: DER: the root, who issues certificates, and who stamps, unless somebody
            elsewhere does.
        lists: DER: those that speak of the certificate, and of the last ones.
        act: Its entry in the log of acts.
    """

    certificate: Encoded
    certificates: list[Encoded]
    lists: list[Encoded]
    act: str


class SignatureBody(Wire):
    """A party hands in their signature.

    Attributes:
        party: Who.
        revision: At level ``S2`` and above: what they added to the file.
        approval: At level ``S1``: what their device key signed.
    """

    party: PartyId
    revision: RevisionView | None = None
    approval: SignedApproval | None = None

    @model_validator(mode="after")
    def _check_one(self) -> SignatureBody:
        if (self.revision is None) == (self.approval is None):
            raise ValueError("must have either revision or approval")
        return self
