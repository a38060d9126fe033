"""The strict verdict on a signed PDF: who signed what, when, and what a checker can rely on.

A file is judged by its bytes alone. It is green only if every byte is accounted for, what follows
the first signature is signatures and their proofs, each signature holds and was made with a
certificate that was good at the time of its stamp, and a trusted stamp closes the file.

Time is walked backwards: the last stamp has to be good now, a signature or a stamp before it at the
time that the stamp over it proves (as RFC 4998 chains do). So a file outlives its certificates.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Final

import attrs
from cryptography.x509.oid import NameOID

from veche.protocol.pdf.document import Document
from veche.protocol.pdf.grammar import (
    State,
    active_names,
    has_other_signatures,
    has_signature,
    read_addition,
)
from veche.protocol.pdf.signing import stored
from veche.protocol.pdf.structure import revisions
from veche.protocol.pdf.values import PdfError
from veche.protocol.signatures.certificates import document_digest_of, level_of
from veche.protocol.signatures.checking import (
    Opened,
    SignatureFault,
    open_signature,
    signer_of,
    stamper_of,
)
from veche.protocol.signatures.cms import der_of
from veche.protocol.signatures.report import Finding, Reason, Report, Signed, Verdict, reported
from veche.protocol.signatures.trust import (
    TOLERANCE,
    Trust,
    addresses_of,
    may_sign_documents,
    may_stamp,
    read_certificate,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509

    from veche.protocol.pdf.grammar import SignatureField
    from veche.protocol.pdf.structure import Revision

SIGNATURES_MAX: Final = 200
_MARKER: Final = b"%%EOF"


@attrs.frozen
class Trusted:
    """By what a file is judged.

    Attributes:
        roots: Authorities that are trusted.
        now: The time, UTC.
        lists: Lists of revoked certificates that are newer than those in the file, DER.
    """

    roots: Sequence[x509.Certificate]
    now: dt.datetime
    lists: Sequence[bytes] = ()


def judge(pdf: bytes, by: Trusted) -> Report:
    """Judge a file.

    Args:
        pdf: The file, at most 100 MiB.
        by: What is trusted, and the time.
    """
    try:
        document = Document(pdf)
        parts = revisions(document)
    except PdfError as e:
        reason = Reason.HIDDEN if _begins_signed(pdf) else Reason.UNREADABLE
        return reported([Finding(reason, detail=str(e))])
    try:
        base, added = _split(document, parts)
        if not added:
            return reported([Finding(Reason.NO_SIGNATURE)])
        if len(added) > SIGNATURES_MAX:
            return reported([Finding(Reason.TOO_MANY)])
        return _Walk(document, base, added, by).report()
    except PdfError as e:
        return reported([Finding(Reason.CHANGED, detail=str(e))])


def signatures_of(document: Document) -> list[tuple[SignatureField, Revision]]:
    """The signatures of a file with their revisions, first to last; whether they hold is not said.

    Raises:
        PdfError: The file is outside the sealed profile, or was changed after a signature.
    """
    return _split(document, revisions(document))[1]


def list_addresses(pdf: bytes) -> list[str]:
    """Where the certificates in a file say that their lists are, each once; none if it is no file.

    Whoever made the file chose them.
    """
    try:
        document = Document(pdf)
        added = signatures_of(document)
    except PdfError:
        return []
    held = _certificates_in(document, added)
    return list(dict.fromkeys(address for one in held for address in addresses_of(one)))


def _certificates_in(document: Document, added: Sequence[_Added]) -> list[x509.Certificate]:
    encoded = list(stored(document, b"/Certs"))
    for field, revision in added:
        try:
            encoded += open_signature(document.pdf, field, revision.ends).certificates
        except SignatureFault:
            continue
    found = (read_certificate(one) for one in encoded)
    return [one for one in found if one is not None]


def _begins_signed(pdf: bytes) -> bool:
    """Whether a beginning of the file is a signed file that all readers read alike.

    Who makes such a file keeps to that; what breaks it was added by somebody who wanted it unseen.
    """
    at = pdf.find(_MARKER)
    for _ in range(SIGNATURES_MAX):
        if at < 0:
            return False
        try:
            document = Document(pdf[: at + len(_MARKER)])
            if signatures_of(document):
                return True
        except PdfError:
            pass
        at = pdf.find(_MARKER, at + 1)
    return False


_Added = tuple["SignatureField", "Revision"]


def _split(document: Document, parts: Sequence[Revision]) -> tuple[list[Revision], list[_Added]]:
    """The revisions before anyone signed, and those with the signatures."""
    before = State(document.root, {})
    base: list[Revision] = []
    added: list[_Added] = []
    for revision in parts:
        after = before.later(revision.objects)
        if added or has_signature(after):
            added.append((read_addition(before, after, revision), revision))
        else:
            base.append(revision)
        before = after
    return base, added


class _Walk:
    """One file, from its last signature to its first."""

    def __init__(
        self, document: Document, base: Sequence[Revision], added: Sequence[_Added], by: Trusted
    ) -> None:
        pdf = document.pdf
        self._findings: list[Finding] = []
        self._fields = [field for field, _ in added]
        self._opened = [self._open(pdf, *one) for one in added]
        ends = base[-1].ends if base else (0, 0)
        self._documents = [hashlib.sha256(memoryview(pdf)[:end]).digest() for end in ends]
        self._base = base
        self._now = by.now
        known = [der for one in self._opened if one is not None for der in one.certificates]
        self._trust = Trust(
            by.roots,
            [*stored(document, b"/Certs"), *known],
            [*stored(document, b"/CRLs"), *by.lists],
        )

    def report(self) -> Report:
        """Judge each signature, then the whole."""
        signers: list[Signed] = []
        proven_at, closed_at_ms = self._now, None
        for one in reversed(self._opened):
            if one is None:
                continue
            if one.signed is None:
                moment, is_good = self._judge_stamp(one, proven_at)
                proven_at = moment if is_good else proven_at
                if is_good and one is self._opened[-1]:
                    closed_at_ms = _ms(moment)
            elif (signed := self._judge_signature(one, proven_at)) is not None:
                signers.append(signed)
        self._judge_file()
        return reported(
            self._findings[::-1],
            Report(
                Verdict.SEALED,
                signers=tuple(signers[::-1]),
                document_sha256=self._documents[1],
                closed_at_ms=closed_at_ms,
            ),
        )

    def _open(self, pdf: bytes, field: SignatureField, revision: Revision) -> Opened | None:
        try:
            return open_signature(pdf, field, revision.ends)
        except SignatureFault as e:
            self._find(e.reason, field.field, str(e))
            return None

    def _judge_file(self) -> None:
        objects = [one for revision in self._base for one in revision.objects.values()]
        for name in sorted(active_names(objects), reverse=True):
            self._find(Reason.ACTIVE, detail=name)
        if has_other_signatures(objects):
            self._find(Reason.OTHERS)
        if not self._fields[0].certifies:
            self._find(Reason.NOT_CERTIFIED)
        if not self._fields[-1].is_stamp:
            self._find(Reason.OPEN_TAIL)

    def _judge_stamp(self, one: Opened, proven_at: dt.datetime) -> tuple[dt.datetime, bool]:
        """The time of a document time stamp, and whether it counts."""
        field = one.field.field
        if one.stamp is None:  # Never: a document time stamp is one.
            return proven_at, False
        moment = _moment(one.stamp.at_ms)
        try:
            certificate = stamper_of(one.stamp, one.digest)
        except SignatureFault as e:
            self._find(e.reason, field, str(e))
            return moment, False
        return moment, self._is_good_stamp(field, certificate, moment, proven_at)

    def _is_good_stamp(
        self,
        field: str,
        certificate: x509.Certificate,
        moment: dt.datetime,
        proven_at: dt.datetime,
    ) -> bool:
        """Whether a stamp's time counts; a certificate without newer lists is only remarked."""
        standing = self._trust.standing(certificate, proven_at)
        if standing.is_revoked:
            self._find(Reason.REVOKED, field, "the authority of the time stamp")
        elif not may_stamp(certificate):
            self._find(Reason.NOT_FOR_SIGNING, field, "not for time stamps")
        elif not standing.is_trusted or moment > proven_at + TOLERANCE:
            self._find(Reason.TIME, field)
        else:
            if not standing.is_listed:
                self._find(Reason.LISTS, field, "the authority of the time stamp")
            return True
        return False

    def _judge_signature(self, one: Opened, proven_at: dt.datetime) -> Signed | None:
        field = one.field.field
        if one.signed is None:  # Never: only document time stamps are without.
            return None
        try:
            certificate = signer_of(one.signed, one.digest)
            moment = self._signed_at(one, one.signed.signature, proven_at)
        except SignatureFault as e:
            self._find(e.reason, field, str(e))
            return None
        is_proven = self._is_good_signer(field, certificate, moment or proven_at)
        return Signed(
            field=field,
            name=_name_of(certificate),
            account=_account_of(certificate),
            level=level_of(certificate),
            at_ms=_ms(moment) if moment is not None else None,
            is_proven=is_proven and moment is not None,
            certificate_sha256=hashlib.sha256(der_of(certificate)).digest(),
        )

    def _signed_at(
        self, one: Opened, signature: bytes, proven_at: dt.datetime
    ) -> dt.datetime | None:
        """The time of the stamp over a signature; None if it has none that counts."""
        field = one.field.field
        if one.stamp is None:
            self._find(Reason.NO_STAMP, field)
            return None
        certificate = stamper_of(one.stamp, hashlib.sha256(signature).digest())
        moment = _moment(one.stamp.at_ms)
        is_good = self._is_good_stamp(field, certificate, moment, proven_at)
        return moment if is_good else None

    def _is_good_signer(self, field: str, certificate: x509.Certificate, at: dt.datetime) -> bool:
        standing = self._trust.standing(certificate, at)
        if standing.is_revoked:
            self._find(Reason.REVOKED, field)
        elif not may_sign_documents(certificate):
            self._find(Reason.NOT_FOR_SIGNING, field)
        elif not self._is_for_this(certificate):
            self._find(Reason.OTHER_DOCUMENT, field)
        elif not standing.is_trusted:
            self._find(Reason.UNKNOWN_SIGNER, field)
        elif not standing.is_listed:
            self._find(Reason.LISTS, field)
        return standing.is_good

    def _is_for_this(self, certificate: x509.Certificate) -> bool:
        try:
            bound = document_digest_of(certificate)
        except ValueError:
            return False
        return bound is None or bound in self._documents

    def _find(self, reason: Reason, field: str = "", detail: str = "") -> None:
        self._findings.append(Finding(reason, field, detail))


def _name_of(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def _account_of(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.PSEUDONYM)
    return str(names[0].value) if names else ""


def _moment(at_ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(at_ms / 1000, tz=dt.UTC)


def _ms(moment: dt.datetime) -> int:
    return round(moment.timestamp() * 1000)
