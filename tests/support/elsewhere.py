"""PDF files as other programs sign them: pyHanko, RSA and ECDSA, object streams, several CAs."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
from typing import TYPE_CHECKING, Any

import attrs
import pikepdf
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from tests.support.forgery import page

if TYPE_CHECKING:
    Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

DAY = dt.timedelta(days=1)


@attrs.frozen
class Identity:
    """A key with its certificate and those above it, the root last."""

    key: Key
    chain: tuple[x509.Certificate, ...]

    @property
    def root(self) -> x509.Certificate:
        return self.chain[-1]

    @property
    def asn1_key(self) -> Any:
        encoded = self.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return asn1_keys.PrivateKeyInfo.load(encoded)


def new_key(kind: str) -> Key:
    """``rsa2048``, ``p256``, ``p384``, ``p521``…"""
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    curves = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
    return ec.generate_private_key(curves[kind])


def new_identity(
    now: dt.datetime, kind: str, *, is_stamper: bool = False, is_critical: bool = True
) -> Identity:
    """Somebody known by an authority of its own, with an intermediate one between.

    Args:
        now: The time.
        kind: Of the key.
        is_stamper: Whether they stamp.
        is_critical: Whether their certificate says so as RFC 3161 §2.3 has it.
    """
    root_key, middle_key, key = (new_key("p256"), new_key("rsa2048"), new_key(kind))
    root = _certificate(now, "Other Root", root_key, None)
    middle = _certificate(now, "Other Issuing", middle_key, (root, root_key))
    name = "Other Time" if is_stamper else "Dora Diaz"
    above = (middle, middle_key)
    leaf = _certificate(
        now, name, key, above, is_leaf=True, is_stamper=is_stamper, is_critical=is_critical
    )
    return Identity(key, (leaf, middle, root))


def _certificate(
    now: dt.datetime,
    name: str,
    key: Key,
    above: tuple[x509.Certificate, Key] | None,
    *,
    is_leaf: bool = False,
    is_stamper: bool = False,
    is_critical: bool = True,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signing = (above[0].subject, above[1]) if above else (subject, key)
    usage = dict.fromkeys(
        (
            *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
            *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    for one in ("digital_signature", "content_commitment") if is_leaf else ("key_cert_sign",):
        usage[one] = True
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + 700 * DAY)
        .add_extension(x509.BasicConstraints(ca=not is_leaf, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if is_stamper:
        uses = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(uses, critical=is_critical)
    return builder.sign(signing, hashes.SHA256())


def packed_page() -> bytes:
    """A page with object streams and a cross-reference stream, as most programs write it."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(page("Pay 100 EUR to Bob"))) as pdf:
        pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return out.getvalue()


def sign(
    pdf: bytes,
    who: Identity,
    field: str = "Sig1",
    stamper: Identity | None = None,
    **options: Any,
) -> bytes:
    """The file with a signature by pyHanko.

    Args:
        pdf: Any.
        who: Signs.
        field: Name of the field, which is made.
        stamper: Stamps it, if anybody does.
        **options: ``prefer_pss``, ``subfilter``, ``md_algorithm``, ``bytes_reserved``, and what
            pyHanko's ``PdfSignatureMetadata`` takes.
    """
    room = options.pop("bytes_reserved", None)
    signer = signers.SimpleSigner(
        signing_cert=_asn1(who.chain[0]),
        signing_key=who.asn1_key,
        cert_registry=_store(who),
        prefer_pss=options.pop("prefer_pss", False),
    )
    meta = signers.PdfSignatureMetadata(
        field_name=field,
        subfilter=options.pop("subfilter", fields.SigSeedSubFilter.PADES),
        md_algorithm=options.pop("md_algorithm", "sha256"),
        **options,
    )
    stamps = None
    if stamper is not None:
        stamps = DummyTimeStamper(
            _asn1(stamper.chain[0]),
            stamper.asn1_key,
            certs_to_embed=_store(stamper),
            override_md="sha256",
        )
    work = signers.PdfSigner(meta, signer=signer, timestamper=stamps).async_sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(pdf)), bytes_reserved=room
    )
    return bytes(asyncio.run(work).getvalue())


def _asn1(certificate: x509.Certificate) -> Any:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def _store(who: Identity) -> Any:
    store = SimpleCertificateStore()
    store.register_multiple([_asn1(one) for one in who.chain[1:-1]])
    return store
