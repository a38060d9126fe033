"""Validity of a certificate at a moment: its chain to a trusted root, and its lists.

A list of revoked certificates and the answer of an OCSP responder are two forms of one proof, and
are given and judged side by side; who is accused by either is revoked. Nothing is fetched: what
counts is what is given, the proofs in a file and perhaps newer ones.
Source: RFC 5280 §6 (as far as our profile goes: below an authority that is bound to names nobody is
proven, and policies are not mapped), RFC 3161,
RFC 6960 §4.2.2.2 (whose answers count).
"""

from __future__ import annotations

import datetime as dt
import functools
from itertools import islice, pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

import attrs
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes

from veche.documents.pki import algorithms, ocsp
from veche.documents.pki.cms import der_of
from veche.documents.pki.digests import SHA256
from veche.documents.pki.revocation import is_answer
from veche.documents.pki.stated import (
    READ_MAX,
    algorithm_of,
    extension,
    is_authority,
    is_responder,
    is_understood,
    may_stamp,
    read_certificate,
    read_list,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from veche.documents.pki.digests import Hash

CHAIN_MAX: Final = 4
CERTIFICATES_MAX: Final = 1000
"""Certificates, and lists, that are looked at for one file."""
TOLERANCE: Final = dt.timedelta(seconds=2)
"""Between two clocks."""
_HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_NO_ENDS: Final[Mapping[str, dt.datetime]] = MappingProxyType({})
_Read = TypeVar("_Read")
_Proof = x509.CertificateRevocationList | ocsp.Answer


@attrs.frozen
class Standing:
    """The standing of a certificate at a moment.

    Attributes:
        is_trusted: A chain leads to a root that is trusted, and all of it was valid.
        is_revoked: A list or an answer says that one of the chain counted no more.
        is_listed: For each of the chain but the root there is one that speaks of that moment.
        is_weak: An algorithm of the chain proved nothing any more.
    """

    is_trusted: bool
    is_revoked: bool = False
    is_listed: bool = False
    is_weak: bool = False

    @property
    def is_good(self) -> bool:
        """Trusted, with proof that it was not revoked."""
        return self.is_trusted and self.is_listed and not self.is_revoked and not self.is_weak


class Trust:
    """Roots, certificates and lists by which certificates are judged."""

    def __init__(
        self,
        roots: Sequence[x509.Certificate],
        certificates: Iterable[bytes],
        lists: Iterable[bytes],
        stamp_roots: Sequence[x509.Certificate] = (),
    ) -> None:
        """Take what is known; what cannot be read is left out.

        Args:
            roots: That are trusted.
            certificates: Others, DER; at most ``CERTIFICATES_MAX`` are looked at.
            lists: Of revoked certificates, and answers of OCSP responders, DER; at most
                ``CERTIFICATES_MAX``.
            stamp_roots: That are trusted for time stamps, and for nothing else.
        """
        self._roots = {der_of(root) for root in roots}
        self._stamp_roots = {der_of(root) for root in stamp_roots}
        self._by_subject: dict[bytes, list[x509.Certificate]] = {}
        for one in [*roots, *stamp_roots, *_readable(certificates, read_certificate)]:
            self._by_subject.setdefault(one.subject.public_bytes(), []).append(one)
        self._lists: dict[bytes, list[x509.CertificateRevocationList]] = {}
        self._answers: list[ocsp.Answer] = []
        proofs: Iterator[_Proof] = _readable(lists, _read_proof)
        for held in proofs:
            if isinstance(held, ocsp.Answer):
                self._answers.append(held)
            else:
                self._lists.setdefault(held.issuer.public_bytes(), []).append(held)
        self._issuers: dict[bytes, x509.Certificate | None] = {}
        self._responders: dict[tuple[bytes, bytes], bool] = {}

    def standing(
        self,
        certificate: x509.Certificate,
        at: dt.datetime,
        algorithms_end: Mapping[str, dt.datetime] = _NO_ENDS,
        hashes_used: Iterable[str] = (SHA256.name,),
    ) -> Standing:
        """Return the standing of a certificate at a moment.

        Args:
            certificate: Whose.
            at: The moment, UTC.
            algorithms_end: From when an algorithm proves nothing, by its name.
            hashes_used: Names of those that what it signed rests on.
        """
        chain = self.chain(certificate)
        if chain is None or not all(_is_valid(one, at) for one in chain):
            return Standing(is_trusted=False)
        ended = {name for name, end in algorithms_end.items() if at >= end}
        verdicts = [self.is_revoked(one, issuer, at, ended) for one, issuer in pairwise(chain)]
        return Standing(
            is_trusted=True,
            is_revoked=any(verdict is True for verdict in verdicts),
            is_listed=all(verdict is not None for verdict in verdicts),
            is_weak=bool(ended) and not ended.isdisjoint(self.algorithms(certificate, hashes_used)),
        )

    def root_of(self, certificate: x509.Certificate) -> x509.Certificate | None:
        """The root that is trusted and to which a certificate leads; None: to none."""
        chain = self.chain(certificate)
        return None if chain is None else chain[-1]

    def algorithms(self, certificate: x509.Certificate, hashes_used: Iterable[str]) -> set[str]:
        """Names of what a signature by a certificate rests on.

        Its hashes, the keys of the whole chain, and the hashes by which the certificates are
        signed; the root is trusted as it is, whatever it says of itself.

        Args:
            certificate: Whose key signed.
            hashes_used: Names of the hashes of the signature.
        """
        chain = self.chain(certificate) or [certificate]
        below = chain if len(chain) == 1 else chain[:-1]
        signed = [one.signature_hash_algorithm for one in below]
        names = {one.name for one in signed if one is not None}
        return {*hashes_used, *map(algorithm_of, chain), *names}

    def chain(self, certificate: x509.Certificate) -> list[x509.Certificate] | None:
        """From the certificate to a root, both included; None if no chain leads there."""
        chain = [certificate]
        roots = self._roots | self._stamp_roots if may_stamp(certificate) else self._roots
        while der_of(chain[-1]) not in roots:
            issuer = self.issuer_of(chain[-1])
            if issuer is None or len(chain) == CHAIN_MAX:
                return None
            chain.append(issuer)
        is_short_enough = all(_allows_below(one, at) for at, one in enumerate(chain[1:]))
        return chain if is_short_enough and all(map(is_understood, chain[:-1])) else None

    def issuer_of(self, certificate: x509.Certificate) -> x509.Certificate | None:
        """Return the known certificate that issued a certificate; None: there is none."""
        key = der_of(certificate)
        if key not in self._issuers:
            names = self._by_subject.get(certificate.issuer.public_bytes(), [])
            found = (one for one in names if is_authority(one) and _issued(one, certificate))
            self._issuers[key] = next(found, None)
        return self._issuers[key]

    def is_revoked(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        at: dt.datetime,
        ended: AbstractSet[str] = frozenset(),
    ) -> bool | None:
        """Return whether it was revoked by then; None if no list and no answer can tell.

        Args:
            certificate: Whose.
            issuer: Who has issued it.
            at: The moment, UTC.
            ended: Names of the algorithms that had ended.
        """
        said = [
            self._on_lists(certificate, issuer, at, ended),
            self._on_answers(certificate, issuer, at, ended),
        ]
        return True if True in said else False if False in said else None

    def _on_lists(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        at: dt.datetime,
        ended: AbstractSet[str],
    ) -> bool | None:
        """Return whether it was revoked by then; None if no list can tell.

        A list that was made later tells of the time before it too, as long as the certificate had
        not ended when it was made. By a hash that had ended it can accuse, and not acquit.
        """
        verdict: bool | None = None
        for one in self._lists.get(issuer.subject.public_bytes(), []):
            if not _is_about(one, certificate) or not _is_list_of(one, issuer):
                continue
            entry = one.get_revoked_certificate_by_serial_number(certificate.serial_number)
            if entry is not None:
                if entry.revocation_date_utc <= at:
                    return True
                verdict = False
            elif _speaks_of(one, certificate, at) and _hash_name(one) not in ended:
                verdict = False
        return verdict

    def _on_answers(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        at: dt.datetime,
        ended: AbstractSet[str],
    ) -> bool | None:
        """As ``_on_lists``, by the answers of responders."""
        verdict: bool | None = None
        for answer in self._answers:
            states = [one for one in answer.states if ocsp.is_about(one.about, certificate, issuer)]
            may_acquit = self.may_acquit(answer, issuer, ended) if states else None
            if may_acquit is None:
                continue
            if any(one.since is not None and one.since <= at for one in states):
                return True
            if may_acquit and any(_acquits(one, certificate, at) for one in states):
                verdict = False
        return verdict

    def may_acquit(
        self, answer: ocsp.Answer, issuer: x509.Certificate, ended: AbstractSet[str] = frozenset()
    ) -> bool | None:
        """Return whether an answer can prove that a certificate was good; None: ignore it.

        An answer counts that the issuer signed, or a responder to whom the same issuer has given a
        certificate for that. If nobody says that the responder's own certificate was not revoked,
        or what it rests on had ended, it can accuse, and not acquit.

        Args:
            answer: Whose authority is asked for.
            issuer: Of the certificates that it speaks of.
            ended: Names of the algorithms that had ended.
        """
        if answer.names(issuer) and answer.is_signed_by(issuer):
            return _scheme_name(answer) not in ended
        own = _readable(answer.certificates, read_certificate)
        for one in [*own, *filter(is_responder, self._known())]:
            if not answer.names(one) or not self._may_answer(one, issuer, answer.produced_at):
                continue
            is_revoked = self._on_lists(one, issuer, answer.produced_at, ended)
            if is_revoked is True or not answer.is_signed_by(one):
                continue
            needs_none = extension(one, x509.OCSPNoCheck) is not None
            used = {_scheme_name(answer), algorithm_of(one), _hash_name(one)}
            return (needs_none or is_revoked is False) and ended.isdisjoint(used)
        return None

    def _may_answer(self, one: x509.Certificate, issuer: x509.Certificate, at: dt.datetime) -> bool:
        """Return whether somebody was the responder of an issuer then (RFC 6960 §4.2.2.2)."""
        pair = der_of(one), der_of(issuer)
        if pair not in self._responders:
            self._responders[pair] = is_responder(one) and _issued(issuer, one)
        return self._responders[pair] and _is_valid(one, at)

    def _known(self) -> Iterator[x509.Certificate]:
        return (one for held in self._by_subject.values() for one in held)


def has_signed(
    certificate: x509.Certificate, signature: bytes, data: bytes, by: Hash = SHA256
) -> bool:
    """Return whether the key of a certificate signed the data, with a hash.

    ECDSA on P-256 or P-384, or RSA with PKCS #1 v1.5 and 2048 bits or more.
    """
    key = certificate.public_key()
    return algorithms.has_signed(key, signature, data, algorithms.scheme_for(key, by))


def _allows_below(certificate: x509.Certificate, authorities: int) -> bool:
    """Return whether an authority may have so many authorities between it and the end."""
    constraints = extension(certificate, x509.BasicConstraints)
    length = constraints.path_length if constraints is not None else 0
    return length is None or length >= authorities


@functools.lru_cache(maxsize=READ_MAX)
def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    is_taken = algorithms.is_taken(issuer.public_key())
    if not is_taken or not isinstance(certificate.signature_hash_algorithm, _HASHES):
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_valid(certificate: x509.Certificate, at: dt.datetime) -> bool:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return begins - TOLERANCE <= at <= ends


def _is_list_of(one: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    if not isinstance(one.signature_hash_algorithm, _HASHES):
        return False
    try:
        return one.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]  # TypeError.
    except (TypeError, ValueError):
        return False


def _hash_name(one: x509.CertificateRevocationList | x509.Certificate) -> str:
    return one.signature_hash_algorithm.name if one.signature_hash_algorithm is not None else ""


def _is_about(one: x509.CertificateRevocationList, certificate: x509.Certificate) -> bool:
    """Return whether a list is the one that the certificate names, or one without bounds."""
    try:
        bounds = one.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except x509.ExtensionNotFound:
        return True
    if bounds.indirect_crl or bounds.only_some_reasons or bounds.only_contains_attribute_certs:
        return False
    points = extension(certificate, x509.CRLDistributionPoints)
    mine = [name for point in points or [] for name in point.full_name or []]
    return any(name in mine for name in bounds.full_name or [])


def _speaks_of(
    one: x509.CertificateRevocationList, certificate: x509.Certificate, at: dt.datetime
) -> bool:
    until = one.next_update_utc
    is_in_time = one.last_update_utc <= certificate.not_valid_after_utc
    return is_in_time and until is not None and at <= until and _is_whole(one)


def _is_whole(one: x509.CertificateRevocationList) -> bool:
    """Return whether absence from this list proves that a certificate is not revoked.

    One of changes says nothing of who was revoked before; what must be understood, and is not here,
    may say the like (RFC 5280 §5.2).
    """
    held = one.extensions
    is_known = all(each.oid == x509.IssuingDistributionPoint.oid for each in held if each.critical)
    return is_known and all(each.oid != x509.DeltaCRLIndicator.oid for each in held)


def _acquits(one: ocsp.State, certificate: x509.Certificate, at: dt.datetime) -> bool:
    """Return whether it says that a certificate was good then; one revoked later was."""
    if one.status is not ocsp.Status.GOOD:
        return one.status is ocsp.Status.REVOKED
    return one.at <= certificate.not_valid_after_utc and at <= one.speaks_until


def _scheme_name(answer: ocsp.Answer) -> str:
    return answer.scheme.by.name if answer.scheme is not None else ""


def is_list_of_any(encoded: bytes, issuers: Iterable[x509.Certificate]) -> bool:
    """Return whether bytes are a list of revoked certificates that one of these authorities signed.

    Or an answer, of one of them or of a responder of theirs.
    """
    one = _read_proof(encoded)
    if isinstance(one, ocsp.Answer):
        known = list(issuers)
        trust = Trust((), map(der_of, known), ())
        return any(trust.may_acquit(one, issuer) is not None for issuer in known)
    return one is not None and any(_is_list_of(one, issuer) for issuer in issuers)


def _read_proof(encoded: bytes) -> _Proof | None:
    """A list, or an answer; None: it is neither."""
    if not is_answer(encoded):
        return read_list(encoded)
    try:
        return ocsp.read_answer(encoded)
    except ocsp.OcspError:
        return None


def _readable(encoded: Iterable[bytes], read: Callable[[bytes], _Read | None]) -> Iterator[_Read]:
    found = (read(one) for one in islice(encoded, CERTIFICATES_MAX))
    return (one for one in found if one is not None)
