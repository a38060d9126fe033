"""The profile of our certificates, and of the lists that say whether they were revoked.

It is what OpenSSL, NSS (``pdfsig``) and EN 319 102-1 all accept, found by trying. Two choices are
uncommon: each certificate has a list of its own (so that a second signer's newer list does not take
a first signer's proof away), and none names an OCSP responder (NSS would not trust it then).

Source: RFC 5280, RFC 9336 (document signing), RFC 3161 §2.3 (time stamping).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import attrs
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from veche.documents.pki import der
from veche.documents.pki.account_key import account_uri
from veche.documents.pki.certificates import (
    ARC,
    DOCUMENT_DIGEST,
    HAND,
    HAND_BYTES_MAX,
    REGISTRAR,
    REGISTRAR_BYTES_MAX,
    Hand,
    Level,
    level_of,
)
from veche.documents.pki.digests import SHA256

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    from veche.documents.pki.digests import Hash
    from veche.protocol.ids import UserId

STAMP_POLICY: Final = f"{ARC}.1.1"
_DOCUMENT_SIGNING: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")
_PSEUDONYM: Final = NameOID.PSEUDONYM
DAY: Final = dt.timedelta(days=1)
BACKDATE: Final = dt.timedelta(minutes=1)
"""Clocks differ: a certificate is good a little before it was made."""
AUTHORITY_LIFE: Final = 25 * 365 * DAY
STAMPS_LIFE: Final = 15 * 365 * DAY
SEAL_LIFE: Final = 3 * 365 * DAY
ACCOUNT_LIFE: Final = 3 * 365 * DAY
PERSON_LIFE: Final = 365 * DAY
PERSON_LIFE_MIN: Final = dt.timedelta(minutes=10)
PERSON_LIFE_MAX: Final = 3 * 365 * DAY
LIST_LIFE: Final = 400 * DAY
"""Of lists about authorities; those about persons last as long as the certificate."""
NAME_CHARS_MAX: Final = 64
"""Of a common name (RFC 5280, ub-common-name)."""


@attrs.frozen
class Holder:
    """The holder that a certificate names.

    Attributes:
        name: Shown to whoever checks a signature, 1 to 64 characters.
        user_id: The account; None of an authority or an organisation, or of who has none.
        organisation: That somebody acts for, or that it is; empty for none.
        registrar: Name and account of who has seen their identity document; empty: nobody has.
        hand: Of a witness: who has written by hand before them; None: nobody.
    """

    name: str
    user_id: UserId | None = None
    organisation: str = ""
    registrar: str = ""
    hand: Hand | None = None

    def subject(self) -> x509.Name:
        """The distinguished name."""
        parts = [(NameOID.ORGANIZATION_NAME, self.organisation)] if self.organisation else []
        parts += [(_PSEUDONYM, self.user_id)] if self.user_id is not None else []
        parts += [(NameOID.COMMON_NAME, self.name[:NAME_CHARS_MAX])]
        return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])


@attrs.frozen
class Authority:
    """Somebody who signs certificates and lists.

    Attributes:
        certificate: Its own.
        key: Of the certificate.
        by: The hash with which it signs certificates and lists.
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    by: Hash = SHA256


@attrs.frozen
class Fresh:
    """The parts of a new certificate that differ each time.

    Attributes:
        serial: 20 octets at random, positive (``x509.random_serial_number``).
        list_url: Where its list will be; empty: it has none.
        now: The time, UTC, whole seconds.
    """

    serial: int
    list_url: str
    now: dt.datetime


def root_certificate(
    key: ec.EllipticCurvePrivateKey, holder: Holder, serial: int, now: dt.datetime
) -> x509.Certificate:
    """Make the self-signed root, by which everything else is trusted."""
    public, subject = key.public_key(), holder.subject()
    builder = _builder(public, subject, subject, serial, (now - BACKDATE, now + AUTHORITY_LIFE))
    return _sign(builder, _as_authority(None), key, SHA256)


def issuing_certificate(
    root: Authority, public: ec.EllipticCurvePublicKey, holder: Holder, fresh: Fresh
) -> x509.Certificate:
    """Make the certificate of the authority for people's certificates alone."""
    end = root.certificate.not_valid_after_utc
    return _issued(root, public, holder, fresh, (end, _as_authority(0)))


def stamps_certificate(
    root: Authority, public: ec.EllipticCurvePublicKey, holder: Holder, fresh: Fresh
) -> x509.Certificate:
    """Make the certificate of a time stamp authority."""
    extensions: _Extensions = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage("digital_signature"), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True),
    ]
    end = min(fresh.now + STAMPS_LIFE, root.certificate.not_valid_after_utc)
    return _issued(root, public, holder, fresh, (end, extensions))


def seal_certificate(
    root: Authority, public: ec.EllipticCurvePublicKey, holder: Holder, fresh: Fresh
) -> x509.Certificate:
    """Make the certificate of an organisation's seal, never of a person."""
    end = min(fresh.now + SEAL_LIFE, root.certificate.not_valid_after_utc)
    return _issued(root, public, holder, fresh, (end, _signing_extensions(Level.SEAL)))


def person_certificate(
    issuing: Authority,
    public: ec.EllipticCurvePublicKey,
    holder: Holder,
    fresh: Fresh,
    bound: tuple[bytes, Level, dt.timedelta],
) -> x509.Certificate:
    """For the one document that a person is about to sign.

    Args:
        issuing: Who issues it.
        public: The key that the person's device has just made, P-256.
        holder: The person, with their account, or who has identified them, or both.
        fresh: Serial, address of the list, time.
        bound: SHA-256 of the document before anyone signed it; how it was made sure who the person
            is; how long the certificate lives, ``PERSON_LIFE_MIN`` to ``PERSON_LIFE_MAX``.

    Raises:
        ValueError: The life is outside its bounds, or it would not say how the holder is known.
    """
    document_sha256, level, life = bound
    if not PERSON_LIFE_MIN <= life <= PERSON_LIFE_MAX:
        raise ValueError(f"a certificate lives {PERSON_LIFE_MIN} to {PERSON_LIFE_MAX}")
    digest = x509.UnrecognizedExtension(DOCUMENT_DIGEST, der.octets(document_sha256))
    extensions: _Extensions = [
        *_signing_extensions(level),
        *_known_by(holder),
        (digest, False),
    ]
    end = min(fresh.now + life, issuing.certificate.not_valid_after_utc)
    return _issued(issuing, public, holder, fresh, (end, extensions))


def account_certificate(
    root: Authority, public: rsa.RSAPublicKey, holder: Holder, fresh: Fresh
) -> x509.Certificate:
    """Make the certificate of a bot, by which trusting clients see it as verified.

    Clients check no list, and homeservers let nobody replace the signature by it: so it lasts as
    long as the bot's identity is meant to, and the directory says who is official now.
    """
    if holder.user_id is None:
        raise ValueError("a certificate of an account names one")
    extensions: _Extensions = [
        (x509.SubjectAlternativeName([account_uri(holder.user_id)]), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage("digital_signature"), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
    ]
    end = min(fresh.now + ACCOUNT_LIFE, root.certificate.not_valid_after_utc)
    return _issued(root, public, holder, fresh, (end, extensions))


def _known_by(holder: Holder) -> _Extensions:
    """The extensions that say by whom or what a person is known."""
    told: _Extensions = []
    if holder.user_id is not None:
        told.append((x509.SubjectAlternativeName([account_uri(holder.user_id)]), False))
    seen = holder.registrar.encode()
    if len(seen) > REGISTRAR_BYTES_MAX or not (told or seen):
        raise ValueError("a person's certificate names an account, or who has identified them")
    if seen:
        told.append((x509.UnrecognizedExtension(REGISTRAR, der.octets(seen)), False))
    if holder.hand is not None:
        wrote = holder.hand.record_sha256 + holder.hand.name.encode()
        if len(wrote) > HAND_BYTES_MAX or len(holder.hand.record_sha256) != SHA256.size:
            raise ValueError("a witness's certificate names who wrote, and the digest of what")
        told.append((x509.UnrecognizedExtension(HAND, der.octets(wrote)), False))
    return told


@attrs.frozen
class Revoked:
    """Why and since when a certificate counts no more.

    Attributes:
        since: UTC, whole seconds.
        reason: As RFC 5280 §5.3.1 names it.
    """

    since: dt.datetime
    reason: x509.ReasonFlags


def revocation_list(
    issuer: Authority,
    certificate: x509.Certificate,
    now: dt.datetime,
    revoked: Revoked | None = None,
) -> x509.CertificateRevocationList:
    """The list that speaks of one certificate and of no other.

    Args:
        issuer: Who issued the certificate.
        certificate: Whose list.
        now: The time, UTC, whole seconds; also the list's number.
        revoked: If it counts no more.
    """
    end = certificate.not_valid_after_utc
    if _is_lasting(certificate):
        end = min(now + LIST_LIFE, end)
    if revoked is not None:  # Fraud is also found out after a certificate has ended.
        end = max(now + LIST_LIFE, end)
    key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    only = x509.IssuingDistributionPoint(
        full_name=_list_address(certificate),
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=False,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now)
        .next_update(end)
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
        .add_extension(key_id, critical=False)
        .add_extension(only, critical=True)
    )
    if revoked is not None:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(certificate.serial_number)
            .revocation_date(revoked.since)
            .add_extension(x509.CRLReason(revoked.reason), critical=False)
            .build()
        )
    return builder.sign(issuer.key, issuer.by.for_keys)


def _list_address(certificate: x509.Certificate) -> list[x509.GeneralName] | None:
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    address: list[x509.GeneralName] | None = points[0].full_name
    return address


def _is_lasting(certificate: x509.Certificate) -> bool:
    """Return whether its revocation lists are renewed: an authority's are, a signer's not."""
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    return constraints.ca or level_of(certificate) is None


_Extensions = list[tuple[x509.ExtensionType, bool]]


def _as_authority(path_length: int | None) -> _Extensions:
    return [
        (x509.BasicConstraints(ca=True, path_length=path_length), True),
        (_usage("key_cert_sign", "crl_sign"), True),
    ]


def _signing_extensions(level: Level) -> _Extensions:
    # NSS wants emailProtection: with documentSigning alone it says error -8101.
    uses = [ExtendedKeyUsageOID.EMAIL_PROTECTION, _DOCUMENT_SIGNING]
    policy = x509.PolicyInformation(level.policy, None)
    return [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage("digital_signature", "content_commitment"), True),
        (x509.ExtendedKeyUsage(uses), False),
        (x509.CertificatePolicies([policy]), False),
    ]


_USES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def _usage(*names: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: name in names for name in _USES})


def _issued(
    issuer: Authority,
    public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    holder: Holder,
    fresh: Fresh,
    rest: tuple[dt.datetime, _Extensions],
) -> x509.Certificate:
    end, extensions = rest
    life = (fresh.now - BACKDATE, end)
    name = issuer.certificate.subject
    builder = _builder(public, holder.subject(), name, fresh.serial, life)
    key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    own: _Extensions = [(key_id, False)]
    if fresh.list_url:
        url = x509.UniformResourceIdentifier(fresh.list_url)
        point = x509.DistributionPoint([url], None, None, None)
        own.append((x509.CRLDistributionPoints([point]), False))
    return _sign(builder, [*own, *extensions], issuer.key, issuer.by)


def _builder(
    public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    subject: x509.Name,
    issuer: x509.Name,
    serial: int,
    life: tuple[dt.datetime, dt.datetime],
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(serial)
        .not_valid_before(life[0])
        .not_valid_after(life[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _sign(
    builder: x509.CertificateBuilder,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
    key: ec.EllipticCurvePrivateKey,
    by: Hash,
) -> x509.Certificate:
    for extension, is_critical in extensions:
        builder = builder.add_extension(extension, critical=is_critical)
    return builder.sign(key, by.for_keys)
