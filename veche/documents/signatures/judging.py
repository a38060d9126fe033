"""Rules that are the same for signatures in any kind of file: signer, time, proofs.

Time is walked backwards: the last stamp has to be good now, a signature or a stamp before it at the
time that the stamp over it proves (as RFC 4998 chains do). So a file outlives its certificates.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

import attrs
from cryptography import x509
from cryptography.x509.oid import NameOID

from veche.documents.pki.certificates import document_digest_of, hand_of, level_of, registrar_of
from veche.documents.pki.cms import der_of
from veche.documents.pki.stated import allows_signing, may_stamp, names_stamping, policies_of
from veche.documents.pki.trust import TOLERANCE
from veche.documents.signatures.checking import SignatureFault
from veche.documents.signatures.report import Finding, Reason, Report, Signed, Verdict, reported

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.documents.pki.trust import Standing, Trust

ALGORITHMS_END: Final[Mapping[str, dt.datetime]] = MappingProxyType({})
"""From when an algorithm proves nothing any more, by its name as ``trust.algorithm_of`` has it, or
that of a hash, as ``sha256``. Nobody has named a day for those that we take. A day that is set here
has to be in ``static/signatures/judging.js`` too."""


class StampRoot(bytes):
    """DER of an authority that is trusted for time stamps, and for nothing else."""

    __slots__ = ()


@attrs.frozen
class Trusted:
    """By what a file is judged.

    Attributes:
        roots: Authorities that are trusted.
        now: The time, UTC.
        lists: Lists of revoked certificates that are newer than those in the file, DER.
        algorithms_end: From when an algorithm proves nothing any more.
        stamp_roots: Authorities that are trusted for time stamps, and for nothing else.
    """

    roots: Sequence[x509.Certificate]
    now: dt.datetime
    lists: Sequence[bytes] = ()
    algorithms_end: Mapping[str, dt.datetime] = ALGORITHMS_END
    stamp_roots: Sequence[x509.Certificate] = ()

    @staticmethod
    def by_encoded(
        roots: Sequence[bytes],
        now: dt.datetime,
        lists: Sequence[bytes] = (),
        algorithms_end: Mapping[str, dt.datetime] = ALGORITHMS_END,
    ) -> Trusted:
        """The same by certificates in DER; those that are a ``StampRoot`` are for stamps alone."""
        found: tuple[list[x509.Certificate], list[x509.Certificate]] = ([], [])
        for one in roots:
            found[isinstance(one, StampRoot)].append(x509.load_der_x509_certificate(one))
        return Trusted(found[False], now, lists, algorithms_end, found[True])


class Claim(Protocol):
    """A signature, or a stamp over the whole, as a kind of files has it."""

    @property
    def name(self) -> str:
        """Name of its place in the file."""

    @property
    def is_stamp(self) -> bool:
        """Return whether it is a stamp over the whole, and nobody's signature."""

    @property
    def stamped_at_ms(self) -> int | None:
        """The time that its stamp states, UTC; None: it has none."""

    @property
    def signed_by(self) -> frozenset[str]:
        """Names of the hashes that the signature rests on."""

    @property
    def stamped_by(self) -> frozenset[str]:
        """Names of the hashes that its stamp rests on."""

    def signer(self) -> x509.Certificate:
        """The certificate whose key signed it; ``SignatureFault`` if none did."""

    def stamper(self) -> x509.Certificate:
        """The certificate of who stamped it; ``SignatureFault`` if nobody did."""


class Judge:
    """One file, from its last signature to its first.

    Attributes:
        findings: So far, the last first.
    """

    def __init__(
        self, trust: Trust, documents: Sequence[bytes], by: Trusted, *, is_chained: bool = False
    ) -> None:
        """Begin with the last signature.

        Args:
            trust: With the certificates and lists of the file.
            documents: Digests of what was there before anyone signed: a certificate for one
                document has to be for one of these.
            by: What is trusted, and the time.
            is_chained: Whether each signature covers those before it, which are then no later.
        """
        self.findings: list[Finding] = []
        self._trust = trust
        self._documents = documents
        self._end = by.algorithms_end
        self._proven_at = by.now
        self._covered_at = by.now
        self._is_chained = is_chained
        self._signers: list[Signed] = []
        self._closed_at_ms: int | None = None
        self._until_ms: int | None = None

    def find(self, reason: Reason, name: str = "", detail: str = "") -> None:
        """Note why the file is not green."""
        self.findings.append(Finding(reason, name, detail))

    def take(self, one: Claim, *, is_last: bool) -> None:
        """Judge the signature before those that were taken.

        Args:
            one: The signature.
            is_last: Whether it is the last one of the file, and covers all of it.
        """
        if one.is_stamp:
            moment = self._stamped(one)
            if moment is not None:
                self._proven_at = self._covered_at = moment
                self._closed_at_ms = _ms(moment) if is_last else self._closed_at_ms
        elif (signed := self._signature(one)) is not None:
            self._signers.append(signed)

    def signer(self, name: str) -> Signed | None:
        """Return the signer in a place; None if that signature was not taken, or does not hold."""
        return next((one for one in self._signers if one.field == name), None)

    def certificates(self, name: str) -> set[bytes]:
        """Digests of the certificates by which a place was signed, of signatures that hold."""
        return {one.certificate_sha256 for one in self._signers if one.field == name}

    def report(self, document_sha256: bytes | None) -> Report:
        """Report on the whole file.

        Args:
            document_sha256: Of what was there before anyone signed; None: that is not known.
        """
        closed_at_ms = self._closed_at_ms
        return reported(
            self.findings[::-1],
            Report(
                Verdict.SEALED,
                signers=tuple(self._signers[::-1]),
                document_sha256=document_sha256,
                closed_at_ms=closed_at_ms,
                proven_until_ms=self._until_ms if closed_at_ms is not None else None,
            ),
        )

    def _stamped(self, one: Claim) -> dt.datetime | None:
        """The time of a stamp over the whole; None if it does not count."""
        try:
            certificate = one.stamper()
        except SignatureFault as e:
            self.find(e.reason, one.name, str(e))
            return None
        moment = _moment(one.stamped_at_ms or 0)
        if not self._is_good_stamp(one, certificate, moment):
            return None
        self._until_ms = self._until_ms or _ms(self._until(certificate, one.stamped_by))
        return moment

    def _until(self, certificate: x509.Certificate, hashes: frozenset[str]) -> dt.datetime:
        used = self._trust.algorithms(certificate, hashes)
        ends = [self._end[name] for name in used if name in self._end]
        return min([certificate.not_valid_after_utc, *ends])

    def _is_good_stamp(
        self, one: Claim, certificate: x509.Certificate, moment: dt.datetime
    ) -> bool:
        """Return whether a stamp's time counts; a certificate without newer lists gets a remark."""
        name = one.name
        standing = self._standing(certificate, self._proven_at, one.stamped_by)
        if standing.is_revoked:
            self.find(Reason.REVOKED, name, "the authority of the time stamp")
        elif not may_stamp(certificate):
            reason = Reason.TIME if names_stamping(certificate) else Reason.NOT_FOR_SIGNING
            self.find(reason, name, "not for time stamps alone")
        elif not standing.is_trusted or moment > self._covered_at + TOLERANCE:
            self.find(Reason.TIME, name)
        elif standing.is_weak:
            self.find(Reason.ALGORITHM, name, "of the time stamp")
        else:
            if not standing.is_listed:
                self.find(Reason.LISTS, name, "the authority of the time stamp")
            return True
        return False

    def _standing(
        self, certificate: x509.Certificate, at: dt.datetime, hashes: frozenset[str]
    ) -> Standing:
        return self._trust.standing(certificate, at, self._end, hashes)

    def _signature(self, one: Claim) -> Signed | None:
        try:
            certificate = one.signer()
            moment = self._signed_at(one)
        except SignatureFault as e:
            self.find(e.reason, one.name, str(e))
            return None
        if self._is_chained and moment is not None:
            self._covered_at = moment
        is_proven = self._is_good_signer(one, certificate, moment or self._proven_at)
        root = self._trust.root_of(certificate)
        return signed_by(certificate, one.name, moment, is_proven=is_proven, root=root)

    def _signed_at(self, one: Claim) -> dt.datetime | None:
        """The time of the stamp over a signature; None if it has none that counts."""
        if one.stamped_at_ms is None:
            self.find(Reason.NO_STAMP, one.name)
            return None
        certificate, moment = one.stamper(), _moment(one.stamped_at_ms)
        return moment if self._is_good_stamp(one, certificate, moment) else None

    def _is_good_signer(self, one: Claim, certificate: x509.Certificate, at: dt.datetime) -> bool:
        name = one.name
        standing = self._standing(certificate, at, one.signed_by)
        if standing.is_revoked:
            self.find(Reason.REVOKED, name)
        elif not allows_signing(certificate):
            self.find(Reason.NOT_FOR_SIGNING, name)
        elif not self._is_for_this(certificate):
            self.find(Reason.OTHER_DOCUMENT, name)
        elif not standing.is_trusted:
            self.find(Reason.UNKNOWN_SIGNER, name)
        elif standing.is_weak:
            self.find(Reason.ALGORITHM, name)
        elif not standing.is_listed:
            self.find(Reason.LISTS, name)
        return standing.is_good

    def _is_for_this(self, certificate: x509.Certificate) -> bool:
        try:
            bound = document_digest_of(certificate)
        except ValueError:
            return False
        return bound is None or bound in self._documents


def signed_by(
    certificate: x509.Certificate,
    name: str,
    moment: dt.datetime | None,
    *,
    is_proven: bool,
    root: x509.Certificate | None = None,
) -> Signed:
    """A signature as a report has it.

    Args:
        certificate: Of who signed.
        name: Of the signature's place.
        moment: The time that a stamp proves; None if none does.
        is_proven: Whether the certificate is proven to have been good then.
        root: That is trusted and to which it leads; None: to none.
    """
    return Signed(
        field=name,
        name=_attribute(certificate.subject, NameOID.COMMON_NAME),
        account=_attribute(certificate.subject, NameOID.PSEUDONYM),
        level=level_of(certificate),
        registrar=registrar_of(certificate),
        at_ms=_ms(moment) if moment is not None else None,
        is_proven=is_proven and moment is not None,
        certificate_sha256=hashlib.sha256(der_of(certificate)).digest(),
        issuer=_attribute(certificate.issuer, NameOID.COMMON_NAME),
        root_sha256=b"" if root is None else hashlib.sha256(der_of(root)).digest(),
        policies=policies_of(certificate),
        hand=hand_of(certificate),
    )


def _attribute(name: x509.Name, kind: x509.ObjectIdentifier) -> str:
    names = name.get_attributes_for_oid(kind)
    return str(names[0].value) if names else ""


def _moment(at_ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(at_ms / 1000, tz=dt.UTC)


def _ms(moment: dt.datetime) -> int:
    return round(moment.timestamp() * 1000)
