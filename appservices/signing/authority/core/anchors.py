"""Certificates that were issued elsewhere: from whom they are taken, and at which level.

The operator lists authorities, and says of each what signatures by its certificates are. We only
check what they said: that a certificate leads to one of them, is fit to sign with now, and says the
policy that was demanded. Whether the law calls it qualified is nothing that we can find out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.keys.core.provider import KeyUnfitError, check_key
from veche.documents.pki.certificates import document_digest_of, level_of, registrar_of
from veche.documents.pki.cms import der_of
from veche.documents.pki.stated import may_sign_documents, policies_of, read_certificate
from veche.documents.pki.trust import Trust
from veche.protocol.errors import RefusedError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from cryptography import x509

    from appservices.signing.authority.core.levels import Level

CHAIN_MAX: Final = 4
"""Certificates that may be given: the person's, and those above it."""


class OwnCertificateError(RefusedError):
    """A certificate that was issued elsewhere is not taken (HTTP 409)."""

    errcode = "ORG.VECHE.CERTIFICATE_NOT_TAKEN"


@attrs.frozen
class Anchor:
    """An authority elsewhere whose certificates are taken.

    Attributes:
        name: As people are told of it.
        certificate: Its own; what is above it does not matter.
        level: Of signatures by certificates below it, as the operator says.
        policies: A certificate has to state one of these (dotted numbers); empty: any or none.
    """

    name: str
    certificate: x509.Certificate
    level: Level
    policies: frozenset[str] = frozenset()


@attrs.frozen
class Taken:
    """A certificate that may sign.

    Attributes:
        certificate: The person's.
        anchor: Below which it is.
    """

    certificate: x509.Certificate
    anchor: Anchor

    @property
    def level(self) -> Level:
        """Level of signatures by it."""
        return self.anchor.level


def check_own(chain: Sequence[bytes], anchors: Sequence[Anchor], now: dt.datetime) -> Taken:
    """Make sure that somebody may sign with a certificate of their own.

    Whether it was revoked is found out when it has signed: the proof of that is in the file.

    Args:
        chain: Their certificate, then those above it, DER; at most ``CHAIN_MAX``.
        anchors: From whom certificates are taken.
        now: The time, UTC.

    Returns:
        It, with the anchor that gives the highest level.

    Raises:
        OwnCertificateError: It is not taken; the message says why, and what would be.
    """
    if not anchors:
        raise OwnCertificateError("No certificates from elsewhere are taken here.")
    certificate, *above = [_readable(one) for one in chain[:CHAIN_MAX]]
    _check_fit(certificate)
    found = [
        Taken(certificate, one) for one in anchors if _is_below(certificate, above, one, now=now)
    ]
    if not found:
        raise OwnCertificateError(_why_not(certificate, above, anchors, now))
    good = [one for one in found if _states_policy(certificate, one.anchor)]
    if not good:
        raise OwnCertificateError(
            f"This certificate of {found[0].anchor.name} states none of the policies that are asked"
            " for here: take the one that is for signing."
        )
    return max(good, key=lambda one: one.level.rank)


def _readable(encoded: bytes) -> x509.Certificate:
    found = read_certificate(encoded)
    if found is None:
        raise OwnCertificateError("One of the certificates cannot be read.")
    return found


def _check_fit(certificate: x509.Certificate) -> None:
    """Make sure that documents are signed with it, and that it is of elsewhere."""
    try:
        check_key(certificate)
    except KeyUnfitError as e:
        raise OwnCertificateError(
            "The key of this certificate is too weak or of another kind: P-256, P-384 or RSA with"
            " 2048 bits or more are taken."
        ) from e
    if not may_sign_documents(certificate):
        raise OwnCertificateError(
            "This certificate is not for signing documents, but for another use such as logging in:"
            " choose the one that is for signatures."
        )
    # Ours say by these what we have made sure of; nobody else has to say that.
    try:
        ours = (document_digest_of(certificate), level_of(certificate), registrar_of(certificate))
        is_as_ours = any(ours)
    except ValueError:
        is_as_ours = True
    if is_as_ours:
        raise OwnCertificateError("This certificate is made as those of a service like this one.")


def _is_below(
    certificate: x509.Certificate,
    above: Sequence[x509.Certificate],
    anchor: Anchor,
    *,
    now: dt.datetime,
) -> bool:
    trust = Trust([anchor.certificate], map(der_of, above), ())
    is_itself = der_of(certificate) == der_of(anchor.certificate)
    return not is_itself and trust.standing(certificate, now).is_trusted


def _why_not(
    certificate: x509.Certificate,
    above: Sequence[x509.Certificate],
    anchors: Sequence[Anchor],
    now: dt.datetime,
) -> str:
    ends, begins = certificate.not_valid_after_utc, certificate.not_valid_before_utc
    if now > ends:
        return f"This certificate ended on {ends:%Y-%m-%d}: get a new one from who issued it."
    if now < begins:
        return f"This certificate begins only on {begins:%Y-%m-%d %H:%M} UTC."
    names = ", ".join(dict.fromkeys(one.name for one in anchors))
    more = "" if above else " Give the certificates above it too (--certificate)."
    return f"This certificate is of nobody whose certificates are taken here: {names}.{more}"


def _states_policy(certificate: x509.Certificate, anchor: Anchor) -> bool:
    if not anchor.policies:
        return True
    return not anchor.policies.isdisjoint(policies_of(certificate))
