"""The report on a signed file: the verdict, its reasons, the signers."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.documents.pki.certificates import Hand, Level


class Verdict(enum.Enum):
    """A verdict on which a checker can rely."""

    SEALED = "sealed"
    """Every rule holds: who signed what and when is proven."""
    SIGNED = "signed"
    """The signatures hold and nothing was changed; a named reason keeps it from being proven."""
    UNPROVEN = "unproven"
    """Nothing was changed, but who signed or when is not proven."""
    INVALID = "invalid"
    """A signature is broken, or something was changed, added or hidden after it."""
    UNSIGNED = "unsigned"
    """There is no signature."""
    UNREADABLE = "unreadable"
    """It is of a form that is not checked here: that says nothing of the signatures in it."""


class Reason(enum.Enum):
    """Why a verdict is not green."""

    NO_SIGNATURE = "no_signature"
    UNREADABLE = "outside_the_sealed_profile"
    BEFORE = "bytes_before_the_container"
    LOCKED = "locked_by_a_password"
    NOT_READ = "signature_not_readable"
    APART = "signature_of_another_kind"
    FOREIGN = "container_of_another_program"
    TOO_MANY = "too_many_signatures"
    HIDDEN = "hidden_bytes"
    CHANGED = "changed_after_signing"
    RANGE = "does_not_cover_its_revision"
    BROKEN = "broken"
    OTHER_DOCUMENT = "certified_for_another_document"
    REVOKED = "revoked"
    UNKNOWN_SIGNER = "who_is_not_proven"
    NOT_FOR_SIGNING = "certificate_not_for_this"
    TIME = "when_is_not_proven"
    NO_STAMP = "not_time_stamped"
    LISTS = "revocation_unknown"
    OPEN_TAIL = "tail_not_time_stamped"
    NOT_CERTIFIED = "first_signature_does_not_certify"
    ACTIVE = "active_content"
    OTHERS = "other_signatures_before"
    ALGORITHM = "algorithm_no_longer_trusted"
    ELSEWHERE = "signed_elsewhere"
    EARLIER = "signed_an_earlier_state"
    CLAUSE = "clause_not_signed_by_its_signer"

    @property
    def verdict(self) -> Verdict:
        """The best verdict that a file with it can get."""
        return _BEST[self]


_BEST: Final = {
    **dict.fromkeys(Reason, Verdict.INVALID),
    Reason.NO_SIGNATURE: Verdict.UNSIGNED,
    Reason.UNREADABLE: Verdict.UNREADABLE,
    Reason.BEFORE: Verdict.UNREADABLE,
    Reason.LOCKED: Verdict.UNREADABLE,
    Reason.NOT_READ: Verdict.UNREADABLE,
    Reason.APART: Verdict.UNREADABLE,
    Reason.FOREIGN: Verdict.UNREADABLE,
    Reason.TOO_MANY: Verdict.UNREADABLE,
    Reason.UNKNOWN_SIGNER: Verdict.UNPROVEN,
    Reason.TIME: Verdict.UNPROVEN,
    Reason.NO_STAMP: Verdict.SIGNED,
    Reason.LISTS: Verdict.SIGNED,
    Reason.OPEN_TAIL: Verdict.SIGNED,
    Reason.NOT_CERTIFIED: Verdict.SIGNED,
    Reason.ACTIVE: Verdict.SIGNED,
    Reason.OTHERS: Verdict.SIGNED,
    Reason.ALGORITHM: Verdict.UNPROVEN,
    Reason.ELSEWHERE: Verdict.SIGNED,
    Reason.EARLIER: Verdict.UNPROVEN,
    Reason.CLAUSE: Verdict.SIGNED,
}
_WORST_FIRST: Final = (
    Verdict.INVALID,
    Verdict.UNREADABLE,
    Verdict.UNSIGNED,
    Verdict.UNPROVEN,
    Verdict.SIGNED,
)


@attrs.frozen
class Finding:
    """One reason, and where it was found.

    Attributes:
        reason: Stable, for programs.
        field: Name of the signature's field; empty if it is about the file.
        detail: For those who look closer; in English.
    """

    reason: Reason
    field: str = ""
    detail: str = ""


@attrs.frozen
class Signed:
    """One person's or organisation's signature.

    Attributes:
        field: Name of its field.
        name: Whom the certificate names.
        account: Their Matrix id; empty if the certificate has none.
        level: How it was made sure who they are; None if the certificate does not say.
        at_ms: The time of the stamp over it, UTC; None if it has none.
        is_proven: Whether who and when are proven.
        certificate_sha256: Of the certificate's DER.
        clause: Id of the clause that was signed by itself; empty: it is a signature of the whole.
        registrar: Name and account of who has seen their identity document; empty: nobody has.
        issuer: Who has issued the certificate, as it says.
        root_sha256: Of the certificate, DER, of the authority that is trusted and that it leads to;
            empty: it leads to none.
        policies: That the certificate states, as dotted numbers.
        hand: Of a witness: who has written by hand before them, without a key, and the digest of
            the record of it; None: nobody has.
    """

    field: str
    name: str
    account: str
    level: Level | None
    at_ms: int | None
    is_proven: bool
    certificate_sha256: bytes
    clause: str = ""
    registrar: str = ""
    issuer: str = ""
    root_sha256: bytes = b""
    policies: tuple[str, ...] = ()
    hand: Hand | None = None


@attrs.frozen
class Report:
    """The verdict, and what it rests on.

    Attributes:
        verdict: The whole.
        findings: Why it is not green; empty if and only if it is.
        signers: In the order of their signatures.
        document_sha256: Of the file before anyone signed; None without signatures.
        closed_at_ms: The time of the last stamp over the whole file, UTC; None if it has none.
        proven_until_ms: When the last stamp ends to prove anything, UTC: its certificate ends, or
            an algorithm does. None if no stamp closes the file.
        files: Names of the files in a container that is signed; empty of a PDF.
    """

    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    signers: tuple[Signed, ...] = ()
    document_sha256: bytes | None = None
    closed_at_ms: int | None = None
    proven_until_ms: int | None = None
    files: tuple[str, ...] = ()


def reported(findings: Sequence[Finding], report: Report | None = None) -> Report:
    """A report with the verdict that its findings leave."""
    left = {finding.reason.verdict for finding in findings}
    verdict = next((one for one in _WORST_FIRST if one in left), Verdict.SEALED)
    known = report if report is not None else Report(verdict)
    return attrs.evolve(known, verdict=verdict, findings=tuple(findings))
