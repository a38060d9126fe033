"""Revoking certificates: of persons, whose lists are in the database; of seals and authorities.

A new list takes the place of the one before, at the address that the certificate names, at once.
Whoever asks there (``veche verify --online``) reads it; files keep the list that was stapled in,
and are judged by the newer one if it is given.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from appservices.signing.authority.core.issuing import Revoked, revocation_list
from appservices.signing.certificates import store
from veche.protocol.errors import NotFoundError

if TYPE_CHECKING:
    from appservices.signing.authority.service.authorities import Authorities
    from veche.runtime.database import Cursor

REASONS: Final = {
    "key_compromise": x509.ReasonFlags.key_compromise,
    "affiliation_changed": x509.ReasonFlags.affiliation_changed,
    "superseded": x509.ReasonFlags.superseded,
    "cessation_of_operation": x509.ReasonFlags.cessation_of_operation,
    "privilege_withdrawn": x509.ReasonFlags.privilege_withdrawn,
}
"""As RFC 5280 §5.3.1 names them."""


def revoke(
    txn: Cursor,
    authorities: Authorities,
    serial: int,
    now_ms: int,
    since: dt.datetime | None = None,
    reason: x509.ReasonFlags = x509.ReasonFlags.key_compromise,
) -> Revoked | None:
    """Revoke a certificate of a person; its new list commits with the transaction.

    One that is revoked can be put earlier, as when it is found out later that somebody else had
    signed by it before; never later, as people may have relied on that.

    Args:
        txn: The transaction.
        authorities: With who issues certificates of persons.
        serial: Of the certificate.
        now_ms: The time, UTC.
        since: From when, UTC; None: it never counted, as somebody else asked for it.
        reason: Why.

    Returns:
        None: it counts no more from then; else how it was revoked before, which stays.

    Raises:
        NotFoundError: There is no such certificate of a person here.
    """
    issued = store.lock(txn, serial)
    if issued is None:
        raise NotFoundError("There is no such certificate here")
    if issued.is_own:
        raise NotFoundError("That certificate was issued elsewhere: only who did can revoke it")
    certificate = x509.load_der_x509_certificate(issued.certificate)
    why = Revoked(since or certificate.not_valid_before_utc, reason)
    before = revoked_by(issued.list, certificate)
    if before is not None and before.since <= why.since:
        return before
    now = dt.datetime.fromtimestamp(now_ms // 1000, dt.UTC)
    made = revocation_list(authorities.issuing, certificate, now, why)
    store.revoke(txn, serial, made.public_bytes(Encoding.DER), now_ms)
    return None


def revoked_by(listed: bytes, certificate: x509.Certificate) -> Revoked | None:
    """Return a list's entry on a certificate; None: it is not on the list.

    Raises:
        ValueError: It is no list.
    """
    held = x509.load_der_x509_crl(listed)
    entry = held.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if entry is None:
        return None
    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        reason = x509.ReasonFlags.key_compromise
    return Revoked(entry.revocation_date_utc, reason)
