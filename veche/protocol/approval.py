"""Approvals: a person's device key signs exactly what was shown, once.

A service asks for one in a choice of a prompt (``AskedApproval``); the page of the person's key
shows it, signs canonical JSON of it with the moment, and hands in a ``SignedApproval``. Whoever
holds that and the public key can check it without us. Pure: which approvals are asked for, and
which keys a person has, ``veche.access.approvals`` knows.

Source: design of Veche, protocol §4. ECDSA over P-256 with SHA-256, as WebCrypto writes it (r and
s of 32 bytes each), or a passkey's assertion whose challenge is the SHA-256 of the same bytes.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from veche.protocol.canonical import INTEGER_MAX, canonical
from veche.protocol.errors import MalformedError
from veche.protocol.ids import WireUserId
from veche.protocol.money import Money
from veche.protocol.unpadded_base64 import decode_base64, encode_base64
from veche.protocol.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

APPROVAL_KEY: Final = "org.veche.approval"

NAME_CHARACTERS_MAX: Final = 200
"""Longest name or reference that is shown."""
TITLE_CHARACTERS_MAX: Final = 70
"""Longest title: what is paid for, in a few words."""
TEXT_CHARACTERS_MAX: Final = 2_000
"""Longest text of a mandate, and longest value that is released."""
VALUES_MAX: Final = 60
"""Most values that one approval releases."""
CLAUSES_MAX: Final = 50
"""Most clauses of a document that need consent of their own."""
DOCUMENTS_MAX: Final = 250
"""Most documents that one approval signs."""
SHOWN_BYTES_MAX: Final = 16 * 1024
"""Most bytes of canonical JSON that one approval shows: a prompt carries it."""
LIST_BYTES_MAX: Final = 480 * 1024
"""The same of several documents, which no prompt carries."""
CLOCK_MS_MAX: Final = 5 * 60_000
"""How far the moment in an approval may be from ours."""
AUTHENTICATOR_CHARACTERS_MAX: Final = 4_096
"""Longest part of a passkey's assertion, in base64."""

_BASE64: Final = r"^[A-Za-z0-9+/]*$"
_HIDDEN: Final = frozenset(("Cc", "Cf", "Co", "Cs", "Zl", "Zp"))
"""Categories of characters that one does not see, or that turn round what one sees."""
_BLANK: Final = re.compile("[\u115f\u1160\u3164\uffa0\u2800]")
"""Letters, by their category, that show nothing."""

Kind = Literal["payment", "signature", "release", "mandate"]


def showable(text: str) -> str:
    """``text`` without what an approval refuses to show: control, invisible, turning characters."""
    seen = _BLANK.sub("", text.replace("\r\n", "\n").replace("\t", " "))
    return "".join(c for c in seen if c == "\n" or unicodedata.category(c) not in _HIDDEN)


def _visible(text: str) -> str:
    if "\n" in text or showable(text) != text:
        raise ValueError("has characters that cannot be shown as they are")
    return text


def _visible_lines(text: str) -> str:
    if showable(text) != text:
        raise ValueError("has characters that cannot be shown as they are")
    return text


Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS_MAX), AfterValidator(_visible)]
Title = Annotated[
    str, Field(min_length=1, max_length=TITLE_CHARACTERS_MAX), AfterValidator(_visible)
]
Text = Annotated[
    str, Field(min_length=1, max_length=TEXT_CHARACTERS_MAX), AfterValidator(_visible_lines)
]
Value = Annotated[str, Field(max_length=TEXT_CHARACTERS_MAX), AfterValidator(_visible_lines)]
Nonce = Annotated[str, Field(pattern=r"^[a-z2-7]{32}$")]
Sha256 = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]$")]
KeyId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]
Moment = Annotated[int, Field(ge=0, le=INTEGER_MAX)]


class Exact(Wire):
    """Base of what is signed: an unknown field would be signed without being shown."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class ShownMoney(Money):
    """An amount above zero, with no field beside it."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    minor: Annotated[int, Field(ge=1, le=INTEGER_MAX)]


class ShownCap(Money):
    """A limit, which may be zero, with no field beside it."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    minor: Annotated[int, Field(ge=0, le=INTEGER_MAX)]


class PaymentShown(Exact):
    """The facts of a payment that a person sees before approving it.

    Attributes:
        payee: Account or id of the payee.
        payee_name: As the payee's institution knows it.
        amount: The amount.
        reference: Purpose.
    """

    payee: Name
    payee_name: Name
    amount: ShownMoney
    reference: Name


class ShownValue(Exact):
    """One value that is released, with its label."""

    label: Name
    value: Value


class ReleaseShown(Exact):
    """The facts of a release of data that a person sees before approving it.

    Attributes:
        to: Name of the office.
        service: For which of its services.
        number: Number of the case.
        values: At most ``VALUES_MAX``.
    """

    to: Name
    service: Name
    number: Name
    values: Annotated[tuple[ShownValue, ...], Field(strict=False, max_length=VALUES_MAX)]


class Titled(Exact):
    """An item with a title, or with a digest of it if only browsers know the title.

    Attributes:
        title: Title as it is shown; none: only browsers know it.
        title_sha256: Hash of a title that only browsers know, see ``blind_api.veiled``.
    """

    title: Name | None = None
    title_sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _check_title(self) -> Self:
        if (self.title is None) == (self.title_sha256 is None):
            raise ValueError("must have either title or title_sha256")
        return self


class ShownClause(Titled):
    """A clause that needs separate consent, with the person's answer to it.

    Attributes:
        id: Id in the document.
        accepted: Whether they agree to it.
    """

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,16}$")]
    accepted: bool


class ShownHand(Exact):
    """A handwritten signature of a person without a key, as the witness saw it.

    Attributes:
        party: The party who wrote.
        name: Theirs.
        papers: Kind of the identity document that they showed.
        drawing: SHA-256 of what they wrote, see ``handwriting.Drawing``.
        record: SHA-256 of all that they agreed to, see ``handwriting.HandRecord``.
    """

    party: Annotated[str, Field(pattern=r"^p[1-9][0-9]{0,2}$")]
    name: Name
    papers: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
    drawing: Sha256
    record: Sha256


class ShownDocument(Titled):
    """The facts of one of several documents that a person signs with one approval.

    Attributes:
        sha256: SHA-256 of the file before anybody signed it, unpadded base64.
        size: Bytes of that file.
        pages: Pages of that file; 0 if it is no PDF.
        requester: Name of the requester.
        session: Id of the session.
        party: Their id in the session.
        role: Role in which they sign.
        code: Four digits, which everyone sees who sees this file in this session.
        parties_sha256: SHA-256 of the signers and their order, see ``parties_sha256`` of the
            session.
        effect: Whether it counts once everyone has signed, or for each who did.
        hand: For a witness: the handwritten signature that they saw.
    """

    sha256: Sha256
    size: Annotated[int, Field(ge=1, le=INTEGER_MAX)]
    pages: Annotated[int, Field(ge=0, le=INTEGER_MAX)]
    requester: Name
    session: Annotated[str, Field(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}$")]
    party: Annotated[str, Field(pattern=r"^p[1-9][0-9]{0,2}$")]
    role: Literal["signer", "clerk", "approver", "witness"]
    code: Annotated[str, Field(pattern=r"^[0-9]{4}$")]
    parties_sha256: Sha256
    effect: Literal["when_complete", "each"]
    hand: ShownHand | None = None


class SignatureShown(ShownDocument):
    """The facts of a document that a person sees before signing it (design of Veche, signing §9.4).

    For several documents at once, ``sha256`` is one digest of all (``documents_sha256``). ``size``
    and ``pages`` are sums; the other facts are those of the first document.

    Attributes:
        level: Level of the signature. ``S1``: by the key of the approval alone; ``S2``: by a fresh
            key. ``S3`` and ``S4``: by the key of a certificate from elsewhere.
        read: Whether all pages were on the screen, or the person says that they read it elsewhere.
        clauses: Clauses that need separate consent.
        key: Id of that other key, as ``fingerprint``; none: at level ``S1``.
        documents: Several, each in a session of its own; none: it is one document.
    """

    level: Literal["S1", "S2", "S3", "S4"]
    read: Literal["all_pages", "elsewhere"]
    clauses: Annotated[tuple[ShownClause, ...], Field(strict=False, max_length=CLAUSES_MAX)]
    key: Sha256 | None = None
    documents: (
        Annotated[
            tuple[ShownDocument, ...], Field(strict=False, min_length=1, max_length=DOCUMENTS_MAX)
        ]
        | None
    ) = None

    @model_validator(mode="after")
    def _check_documents(self) -> Self:
        if self.documents is not None:
            _check_sums(self, self.documents)
        return self

    def facts_of(self, session: str) -> ShownDocument | None:
        """Return the facts of a session's document that were shown; None: none were."""
        if self.documents is None:
            return self if self.session == session else None
        return next((one for one in self.documents if one.session == session), None)


class MandateShown(Exact):
    """The facts of a mandate (a permission that lasts) that a person sees before approving it.

    Attributes:
        what: Code of what is permitted, for programs.
        text: The same in words.
        cap: The most that it permits, in each ``period``.
        until_ms: End, UTC; none: until it is revoked.
    """

    what: Name
    text: Text
    cap: ShownCap | None = None
    period: Literal["day", "week", "month", "year"] | None = None
    until_ms: Moment | None = None


Shown = PaymentShown | ReleaseShown | SignatureShown | MandateShown
SHOWN: Final[Mapping[Kind, type[Exact]]] = {
    "payment": PaymentShown,
    "release": ReleaseShown,
    "signature": SignatureShown,
    "mandate": MandateShown,
}


class AskedApproval(Exact):
    """An approval that a person is asked for; it is part of the choice that needs it.

    Attributes:
        kind: Kind of the act.
        nonce: 160 random bits of the service; used once.
        person: The person whose key has to sign.
        shown: All that the page shows; its fields by ``kind``.
    """

    kind: Kind
    nonce: Nonce
    person: WireUserId
    shown: Shown

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_shown(self.kind, self.shown)
        return self


class Approval(Exact):
    """The text that a key signs to approve: the requested approval, and the time.

    Attributes:
        v: Version, 1.
        kind: As asked.
        nonce: As asked.
        person: As asked.
        shown: As asked.
        at_ms: When, UTC, by the clock of the service (``GET …/time``).
    """

    v: Literal[1]
    kind: Kind
    nonce: Nonce
    person: WireUserId
    shown: Shown
    at_ms: Moment

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_shown(self.kind, self.shown)
        return self


class Decline(Exact):
    """The text that a key signs to decline: without facts, so that it is never an approval.

    Attributes:
        v: Version, 1.
        kind: ``decline``.
        nonce: As asked.
        person: As asked.
        at_ms: When, UTC.
    """

    v: Literal[1]
    kind: Literal["decline"]
    nonce: Nonce
    person: WireUserId
    at_ms: Moment


Part = Annotated[str, Field(pattern=_BASE64, max_length=AUTHENTICATOR_CHARACTERS_MAX)]


class Assertion(Wire):
    """The answer of a passkey (WebAuthn Level 2, §5.2.2); each part in unpadded base64.

    Attributes:
        client_data: ``clientDataJSON``.
        authenticator_data: ``authenticatorData``.
        signature: ``signature``, DER.
    """

    client_data: Part
    authenticator_data: Part
    signature: Part


class Proof(Wire):
    """Proof that somebody has a key: a signature of it, in one of two forms.

    Attributes:
        signature: Signature of a P-256 key: r and s, 64 bytes, unpadded base64.
        webauthn: Answer of a passkey.
    """

    signature: Annotated[str, Field(pattern=_BASE64, max_length=86)] | None = None
    webauthn: Assertion | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.signature is None) == (self.webauthn is None):
            raise ValueError("must have either signature or webauthn")
        return self


class SignedApproval(Proof):
    """An approval, or its refusal, with the signature of a key.

    Attributes:
        v: Version, 1.
        approval: The signed approval.
        key: Id of the key.
        signature: Signature of a P-256 key: r and s, 64 bytes, unpadded base64.
        webauthn: Answer of a passkey.
    """

    v: Literal[1]
    approval: Approval | Decline
    key: KeyId


def shown_bytes(shown: Shown) -> bytes:
    """Canonical JSON of what is shown, as it is asked: a field without a value is not there.

    Raises:
        MalformedError: It is over ``SHOWN_BYTES_MAX``, of several documents ``LIST_BYTES_MAX``.
    """
    data = canonical(shown.model_dump(mode="json", exclude_none=True), where="shown")
    is_list = isinstance(shown, SignatureShown) and shown.documents is not None
    most = LIST_BYTES_MAX if is_list else SHOWN_BYTES_MAX
    if len(data) > most:
        raise MalformedError("shown", f"is over {most} bytes")
    return data


def documents_sha256(digests: Iterable[bytes]) -> bytes:
    """One digest of several documents: SHA-256 of all of theirs, sorted, one after the other."""
    return hashlib.sha256(b"".join(sorted(digests))).digest()


def signed_bytes(approval: Approval | Decline) -> bytes:
    """The bytes that a key signs: canonical JSON of the approval as it was received.

    Nothing in its models is coerced, passed over or added, so this writes what was read.
    """
    return canonical(approval.model_dump(mode="json", exclude_unset=True), where="approval")


def signed_shown_bytes(approval: Approval) -> bytes:
    """Canonical JSON of what was shown, as it was received: to be equal to what was asked."""
    return canonical(approval.shown.model_dump(mode="json", exclude_unset=True), where="approval")


def challenge_of(data: bytes) -> bytes:
    """Return the challenge that a passkey signs for ``data``: its SHA-256."""
    return hashlib.sha256(data).digest()


def _check_shown(kind: Kind, shown: Shown) -> None:
    if type(shown) is not SHOWN[kind]:
        raise ValueError(f"what is shown is not a {kind}")


def _check_sums(shown: SignatureShown, documents: Sequence[ShownDocument]) -> None:
    """Make sure that what is said of all documents is what is said of each."""
    if len({one.session for one in documents}) != len(documents):
        raise ValueError("has two documents of one session")
    if shown.level != "S2" or shown.clauses:
        raise ValueError("several documents are signed in their files, and without clauses")
    digest = documents_sha256(decode_base64(one.sha256) for one in documents)
    sums = (sum(one.size for one in documents), sum(one.pages for one in documents))
    same = ShownDocument.model_fields.keys() - {"sha256", "size", "pages"}
    is_same = all(getattr(shown, name) == getattr(documents[0], name) for name in same)
    if not is_same or (shown.size, shown.pages) != sums or shown.sha256 != encode_base64(digest):
        raise ValueError("says something else of all documents than of each")
