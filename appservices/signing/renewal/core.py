"""Renewing signed files: another stamp over all of it, before the last one ends to prove anything.

What is renewed is judged before: a stamp makes nothing true that was not. With the stamp come newer
lists of the authorities and of the stamps, or answers about them, and never one about a person: a
person's list speaks of the time of the signature, and a newer one could only take that away.

Source: ETSI EN 319 142-1 §5.5 (PAdES B-LTA), ETSI EN 319 162-1 §A.7; the rule of time: RFC 4998 §5.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import attrs
from cryptography import x509

from veche.documents.asic import ArchiveError, container
from veche.documents.pdf import Document, PdfError
from veche.documents.pdf.signing import (
    Prepared,
    Proofs,
    form_fields,
    prepare_closing,
    room_for_stamp,
)
from veche.documents.pki.asking import serials_in
from veche.documents.pki.cms import CmsError
from veche.documents.pki.digests import SHA256
from veche.documents.pki.revocation import is_answer
from veche.documents.pki.stamps import read_token
from veche.documents.pki.stated import addresses_of, may_sign_documents, read_certificate
from veche.documents.signatures.report import Reason, Verdict
from veche.documents.signed_file import (
    file_certificates,
    is_container,
    judge_file,
    lasting_addresses,
    lasting_serials,
)
from veche.protocol.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from veche.documents.pki.digests import Hash
    from veche.documents.signatures.judging import Trusted
    from veche.documents.signatures.report import Report

BEFORE: Final = dt.timedelta(days=365)
"""How long before the end of a stamp a file is renewed."""
CLOCK_MAX: Final = dt.timedelta(minutes=5)
"""How far the clock of a time stamp authority may be from ours."""
_MS: Final = 1000
_FIELD: Final = "Closed"


class NotRenewedError(RefusedError):
    """A file is not renewed: a stamp would prove nothing, or not for longer (HTTP 409)."""

    errcode = "ORG.VECHE.NOT_RENEWED"


@attrs.frozen
class Stamper:
    """A time stamp authority.

    Attributes:
        certificates: Its own and those above it, DER.
        token: A token over a digest; it may raise what it wants.
        by: The hash of that digest.
    """

    certificates: Sequence[bytes]
    token: Callable[[bytes], bytes]
    by: Hash = SHA256


@attrs.frozen
class Renewal:
    """A file that waits for its new stamp.

    Attributes:
        prepared: The revision, or the container, with a place for it.
        data: The file as it is.
        until_ms: When its last stamp ends to prove anything, UTC.
    """

    prepared: Prepared | container.Prepared = attrs.field(repr=False)
    data: bytes = attrs.field(repr=False)
    until_ms: int

    @property
    def digest(self) -> bytes:
        """Digest to stamp, by the hash for which the renewal began."""
        return self.prepared.digest


def renew_before_ms(report: Report) -> int | None:
    """When a file has to be renewed at the latest, UTC; None: nothing closes it."""
    if report.proven_until_ms is None:
        return None
    return report.proven_until_ms - int(BEFORE.total_seconds()) * _MS


def check_renewable(report: Report) -> None:
    """Make sure that another stamp is worth something.

    Raises:
        NotRenewedError: Something is not proven that a stamp cannot mend.
    """
    left = {finding.reason for finding in report.findings} - {Reason.LISTS}
    if report.verdict not in (Verdict.SEALED, Verdict.SIGNED) or left:
        names = ", ".join(sorted(one.value for one in left))
        raise NotRenewedError(f"the file is not renewed: {names or report.verdict.value}")


def begin_renewal(
    data: bytes, by: Trusted, certificates: Sequence[bytes], hashed: Hash = SHA256
) -> Renewal:
    """Judge a file that is to be renewed, and prepare what is stamped.

    Args:
        data: A file that is closed.
        by: What is trusted, and the time; with the newest lists of the authorities, of the stamps
            before, and of the new one.
        certificates: Of who will stamp it and those above, DER.
        hashed: The hash of what is stamped.

    Raises:
        NotRenewedError: The file is not proven.
    """
    before = judge_file(data, by)
    check_renewable(before)
    lasting = {*lasting_addresses(data), *_addresses(certificates)}
    numbers = {*lasting_serials(data), *_serials(certificates)}
    whole = _issuers(certificates) - _issuers_of_persons(data)
    proofs = Proofs(
        [one for one in certificates if not _is_root(one, by)],
        [
            one
            for one in by.lists
            if _address_of(one) in lasting
            or _is_only_about(one, numbers)
            or _issuer_of(one) in whole
        ],
    )
    try:
        prepared = _prepared(data, proofs, hashed, room_for_stamp(certificates))
        return Renewal(prepared, data, before.proven_until_ms or 0)
    except (CmsError, ArchiveError, PdfError) as e:
        raise NotRenewedError(f"the file is not renewed: {e}") from e


def finish_renewal(renewal: Renewal, by: Trusted, token: bytes) -> tuple[bytes, Report]:
    """Put the stamp in that was asked for, and judge the file again.

    Args:
        renewal: That was begun.
        by: As for ``begin_renewal``.
        token: A time stamp over its digest.

    Returns:
        The file, and the report on it.

    Raises:
        NotRenewedError: The stamp is none, or the file would not be proven for longer.
    """
    try:
        moment = dt.datetime.fromtimestamp(read_token(token).at_ms / _MS, tz=dt.UTC)
        if isinstance(renewal.prepared, container.Prepared):
            renewed = renewal.prepared.embed(token)
        else:
            renewed = renewal.data + renewal.prepared.filled(token)
    except (CmsError, ArchiveError, ValueError) as e:
        raise NotRenewedError(f"the file is not renewed: {e}") from e
    if abs(moment - by.now) > CLOCK_MAX:
        raise NotRenewedError(f"the file is not renewed: the authority's clock says {moment}")
    after = judge_file(renewed, attrs.evolve(by, now=max(by.now, moment)))
    check_renewable(after)
    if (after.proven_until_ms or 0) <= renewal.until_ms:
        raise NotRenewedError("the file is not renewed: the new stamp would not last longer")
    return renewed, after


def _prepared(
    data: bytes, proofs: Proofs, hashed: Hash, room: int
) -> Prepared | container.Prepared:
    if is_container(data):
        return container.prepare_closing(data, proofs, hashed)
    document = Document(data)
    taken = {name for name, _ in form_fields(document)}
    field = next(name for name in _fields() if name not in taken)
    return prepare_closing(document, field, proofs, bytes_max=room, by=hashed)


def _fields() -> Iterator[str]:
    number = 2
    while True:
        yield f"{_FIELD}{number}"
        number += 1


def _addresses(certificates: Sequence[bytes]) -> Iterator[str]:
    for encoded in certificates:
        if (one := read_certificate(encoded)) is not None:
            yield from addresses_of(one)


def _serials(certificates: Sequence[bytes]) -> Iterator[int]:
    return (one.serial_number for one in map(read_certificate, certificates) if one is not None)


def _is_only_about(answer: bytes, serials: AbstractSet[int]) -> bool:
    """Return whether it is an answer about certificates of these alone: of no person."""
    about = serials_in(answer)
    return bool(about) and about <= serials


def _issuers(certificates: Sequence[bytes]) -> set[bytes]:
    known = (one for one in map(read_certificate, certificates) if one is not None)
    return {one.issuer.public_bytes() for one in known}


def _issuers_of_persons(data: bytes) -> set[bytes]:
    known = filter(may_sign_documents, file_certificates(data))
    return {one.issuer.public_bytes() for one in known}


def _issuer_of(encoded: bytes) -> bytes | None:
    """Return the issuer of a list about all of its certificates; None: it is another list."""
    if is_answer(encoded) or _address_of(encoded):
        return None
    try:
        return x509.load_der_x509_crl(encoded).issuer.public_bytes()
    except ValueError:
        return None


def _is_root(encoded: bytes, by: Trusted) -> bool:
    one = read_certificate(encoded)
    return one is None or one in (*by.roots, *by.stamp_roots)


def _address_of(encoded: bytes) -> str:
    """The address of the one list that it says to be; empty if it says none."""
    try:
        held = x509.load_der_x509_crl(encoded).extensions
        bounds = held.get_extension_for_class(x509.IssuingDistributionPoint).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        return ""
    names = [one.value for one in bounds.full_name or []]
    return str(names[0]) if names else ""
