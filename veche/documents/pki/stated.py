"""Reading certificates, and what each says of itself: its uses, its policies, where its proofs are.

Source: RFC 5280 §4.2, RFC 3161 §2.3, RFC 6960 §4.2.2.2.
"""

from __future__ import annotations

import functools
import re
import warnings
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, ExtensionOID

from veche.documents.pki import algorithms, ocsp

CURVE_NAMES: Final = tuple(one.name for one in algorithms.CURVES)
READ_MAX: Final = 256
"""Certificates that are kept as they were read, and pairs of them that were judged: the authorities
are the same in nearly all files."""
_READ_BYTES_MAX: Final = 4096
"""Of one that is kept; longer ones are read each time."""
_UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    CryptographyDeprecationWarning,
)
"""What the library raises for what is no certificate or list of a form that it takes."""
# Of a form that it still takes but should not, such as a negative number, it warns: here that is
# an error. Only the calls of this module and of ``trust`` are meant.
warnings.filterwarnings(
    "error",
    category=CryptographyDeprecationWarning,
    module=rf"{re.escape(__package__)}\.(stated|trust)",
)
_Kind = TypeVar("_Kind", bound=x509.ExtensionType)

_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        # What is done with policies: a certificate is believed for those that it states itself.
        ExtensionOID.POLICY_CONSTRAINTS,
        ExtensionOID.INHIBIT_ANY_POLICY,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
    }
)
"""Critical extensions that stop nobody."""


def algorithm_of(certificate: x509.Certificate) -> str:
    """Name of the algorithm of its key: ``secp256r1``, ``rsa2048``; empty of another kind."""
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.curve.name
    return f"rsa{key.key_size}" if isinstance(key, rsa.RSAPublicKey) else ""


def may_sign_documents(certificate: x509.Certificate) -> bool:
    """Return whether its holder may sign with it: it is no authority, and allows signing."""
    return not is_authority(certificate) and allows_signing(certificate)


def allows_signing(certificate: x509.Certificate) -> bool:
    """Return whether it does not limit its key to something else than signing documents.

    Without ``keyUsage`` there is no limit, and an authority may sign too (RFC 5280 §4.2.1.3).
    """
    usage = extension(certificate, x509.KeyUsage)
    is_free = usage is None or usage.digital_signature or usage.content_commitment
    return is_free and not _may_stamp(certificate)


def may_stamp(certificate: x509.Certificate) -> bool:
    """Return whether it is for time stamps and for nothing else (RFC 3161 §2.3)."""
    return not is_authority(certificate) and _may_stamp(certificate)


def names_stamping(certificate: x509.Certificate) -> bool:
    """Return whether time stamps are among its uses, though not as RFC 3161 §2.3 has it."""
    uses = extension(certificate, x509.ExtendedKeyUsage)
    return uses is not None and ExtendedKeyUsageOID.TIME_STAMPING in uses


def policies_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The policies that it states, as dotted numbers."""
    stated = extension(certificate, x509.CertificatePolicies)
    return tuple(one.policy_identifier.dotted_string for one in stated or ())


def addresses_of(certificate: x509.Certificate) -> list[str]:
    """Where it says that its list is."""
    points = extension(certificate, x509.CRLDistributionPoints)
    names = [name for point in points or [] for name in point.full_name or []]
    return [one.value for one in names if isinstance(one, x509.UniformResourceIdentifier)]


def responders_of(certificate: x509.Certificate) -> list[str]:
    """Where it says that a responder answers for it."""
    told = extension(certificate, x509.AuthorityInformationAccess)
    names = [
        one.access_location
        for one in told or []
        if one.access_method == AuthorityInformationAccessOID.OCSP
    ]
    return [one.value for one in names if isinstance(one, x509.UniformResourceIdentifier)]


def read_certificate(encoded: bytes) -> x509.Certificate | None:
    """The certificate, if all that we look at in it can be read; else None."""
    return (_read_before if len(encoded) <= _READ_BYTES_MAX else _read_anew)(encoded)


def _read_anew(encoded: bytes) -> x509.Certificate | None:
    try:
        one = x509.load_der_x509_certificate(encoded)
        # The library reads these when they are asked for, and raises then.
        _ = one.extensions, one.subject, one.issuer, one.public_key(), one.signature_hash_algorithm
        _ = ocsp.subject_and_key_of(one)
    except _UNREADABLE:
        return None
    return one


_read_before = functools.lru_cache(maxsize=READ_MAX)(_read_anew)


def read_list(encoded: bytes) -> x509.CertificateRevocationList | None:
    """The list of revoked certificates, if all that we look at in it can be read; else None."""
    try:
        one = x509.load_der_x509_crl(encoded)
        _ = one.extensions, one.issuer, one.next_update_utc, one.signature_hash_algorithm, len(one)
    except _UNREADABLE:
        return None
    return one


def is_responder(one: x509.Certificate) -> bool:
    """Return whether it is for signing answers, whoever has issued it."""
    uses, usage = extension(one, x509.ExtendedKeyUsage), extension(one, x509.KeyUsage)
    is_free = usage is None or usage.digital_signature
    return uses is not None and ExtendedKeyUsageOID.OCSP_SIGNING in uses and is_free


def extension(certificate: x509.Certificate, kind: type[_Kind]) -> _Kind | None:
    """An extension of a certificate; None if it has none of that kind."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def is_understood(certificate: x509.Certificate) -> bool:
    """Return whether it has no critical extension that we ignore (RFC 5280 §4.2).

    Such as the names to which an authority is bound: those that it gives to others prove nothing.
    """
    return all(one.oid in _UNDERSTOOD for one in certificate.extensions if one.critical)


def _may_stamp(certificate: x509.Certificate) -> bool:
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return False
    return uses.critical and list(uses.value) == [ExtendedKeyUsageOID.TIME_STAMPING]


def is_authority(certificate: x509.Certificate) -> bool:
    """Return whether it may issue certificates; without ``keyUsage`` nothing forbids it."""
    constraints = extension(certificate, x509.BasicConstraints)
    usage = extension(certificate, x509.KeyUsage)
    is_free = usage is None or usage.key_cert_sign
    return constraints is not None and constraints.ca and is_free
