"""Answers of OCSP responders, written by hand: also such as no responder would give."""

from __future__ import annotations

import datetime as dt
import hashlib
import subprocess
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.processes import free_ports
from tests.support.programs import program
from tests.support.signing import Office, new_key
from veche.documents.pki import der
from veche.documents.pki.cms import der_of
from veche.documents.pki.digests import HASHES, SHA256
from veche.documents.pki.ocsp import subject_and_key_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from appservices.signing.authority.core.issuing import Authority
    from veche.documents.pki.digests import Hash

    Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

HOUR: Final = dt.timedelta(hours=1)
_OIDS: Final = {"sha1": der.oid("1.3.14.3.2.26"), **{one.name: one.oid for one in HASHES}}
_NULL: Final = der.tlv(der.NULL)
NONCE: Final = der.oid("1.3.6.1.5.5.7.48.1.2")


@attrs.frozen
class Said:
    """What is said of one certificate.

    Attributes:
        certificate: Which.
        issuer: Who is said to have issued it.
        at: When it was so.
        until: Until when; None: it is not said.
        since: When it was revoked.
        reason: Why it was revoked.
        is_known: Whether the responder knows it.
        named_by: The hash of its issuer.
        extensions: DER of single extensions.
    """

    certificate: x509.Certificate
    issuer: x509.Certificate
    at: dt.datetime
    until: dt.datetime | None = None
    since: dt.datetime | None = None
    reason: int | None = None
    is_known: bool = True
    named_by: str = "sha1"
    extensions: bytes = b""

    def encoded(self) -> bytes:
        until = b"" if self.until is None else der.tlv(0xA0, moment(self.until))
        more = der.tlv(0xA1, der.sequence(self.extensions)) if self.extensions else b""
        return der.sequence(self._id(), self._status(), moment(self.at), until, more)

    def _id(self) -> bytes:
        made = [hashlib.new(self.named_by, one).digest() for one in subject_and_key_of(self.issuer)]
        algorithm = der.sequence(_OIDS[self.named_by], _NULL)
        serial = der.integer(self.certificate.serial_number)
        return der.sequence(algorithm, *map(der.octets, made), serial)

    def _status(self) -> bytes:
        if self.since is not None:
            code = (
                () if self.reason is None else (der.tlv(0xA0, der.tlv(10, bytes([self.reason]))),)
            )
            return der.tlv(0xA1, moment(self.since), *code)
        return der.tlv(0x80 if self.is_known else 0x82)


@attrs.frozen
class Responder:
    """Somebody who answers.

    Attributes:
        certificate: Their own.
        key: That signs.
        sent: Certificates that come with each answer.
    """

    certificate: x509.Certificate
    key: Key
    sent: Sequence[x509.Certificate] = ()

    def answer(
        self,
        *said: Said,
        at: dt.datetime,
        by: Hash = SHA256,
        is_by_key: bool = False,
        nonce: bytes = b"",
        extensions: bytes = b"",
        version: bytes = b"",
    ) -> bytes:
        """DER of an answer that was made at a time."""
        name, key = subject_and_key_of(self.certificate)
        digest = der.octets(hashlib.sha1(key, usedforsecurity=False).digest())
        if nonce:
            extensions += der.sequence(NONCE, der.octets(der.octets(nonce)))
        data = der.sequence(
            version,
            der.tlv(0xA2, digest) if is_by_key else der.tlv(0xA1, name),
            moment(at),
            der.sequence(*(one.encoded() for one in said)),
            der.tlv(0xA1, der.sequence(extensions)) if extensions else b"",
        )
        algorithm, signature = signed(self.key, data, by)
        bits = der.tlv(der.BIT_STRING, b"\0", signature)
        sent = der.tlv(0xA0, der.sequence(*map(der_of, self.sent))) if self.sent else b""
        return wrapped(der.sequence(data, algorithm, bits, sent))


def signed(key: Key, data: bytes, by: Hash) -> tuple[bytes, bytes]:
    """DER of the algorithm, and the signature."""
    if isinstance(key, rsa.RSAPrivateKey):
        return by.rsa, key.sign(data, padding.PKCS1v15(), by.for_keys)
    return by.ecdsa, key.sign(data, ec.ECDSA(by.for_keys))


def wrapped(basic: bytes, status: int = 0, kind: str = "1.3.6.1.5.5.7.48.1.1") -> bytes:
    """DER of an answer, of a kind."""
    held = der.sequence(der.oid(kind), der.octets(basic))
    return der.sequence(der.tlv(10, bytes([status])), der.tlv(0xA0, held))


def moment(at: dt.datetime) -> bytes:
    return der.tlv(der.GENERALIZED_TIME, at.strftime("%Y%m%d%H%M%SZ").encode())


def responder_of(
    issuer: Authority,
    begins: dt.datetime,
    *,
    life: dt.timedelta = dt.timedelta(days=30),
    key: Key | None = None,
    is_for_answers: bool = True,
    needs_no_list: bool = True,
    more: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> Responder:
    """A responder to whom an issuer has given a certificate, which comes with its answers."""
    own: Key = key or new_key()
    uses = ExtendedKeyUsageOID.OCSP_SIGNING if is_for_answers else ExtendedKeyUsageOID.CODE_SIGNING
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.ExtendedKeyUsage([uses]), False),
        *([(x509.OCSPNoCheck(), False)] if needs_no_list else []),
        *more,
    ]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Answers")]))
        .issuer_name(issuer.certificate.subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + life)
    )
    for extension, is_critical in extensions:
        builder = builder.add_extension(extension, critical=is_critical)
    made = builder.sign(issuer.key, hashes.SHA256())
    return Responder(made, own, [made])


@attrs.define(slots=False)
class Answering(Office):
    """An office whose authorities give no lists: responders of theirs answer."""

    @cached_property
    def responders(self) -> dict[x509.Name, Responder]:
        """By the name of the authority."""
        begins = self.now - dt.timedelta(days=1)
        return {
            one.certificate.subject: responder_of(one, begins, life=dt.timedelta(days=9_000))
            for one in (self.root, self.issuing)
        }

    def list_of(self, certificate: x509.Certificate, now: dt.datetime, by: Hash = SHA256) -> bytes:
        """An answer in place of a list: it is good, for a month."""
        return self.answer_of(certificate, now, by=by)

    def answer_of(
        self,
        certificate: x509.Certificate,
        now: dt.datetime,
        since: dt.datetime | None = None,
        by: Hash = SHA256,
    ) -> bytes:
        """What the responder of its issuer says of a certificate."""
        is_person = certificate.issuer == self.issuing_name
        issuer = (self.issuing if is_person else self.root).certificate
        said = Said(certificate, issuer, now, now + dt.timedelta(days=30), since, 1)
        return self.responders[issuer.subject].answer(said, at=now, by=by)


@contextmanager
def openssl_responder(
    folder: Path,
    issuer: tuple[x509.Certificate, Key],
    said: Sequence[tuple[x509.Certificate, dt.datetime | None]],
    by: tuple[x509.Certificate, Key] | None = None,
    options: Sequence[str] = ("-ndays", "1"),
) -> Iterator[str]:
    """A responder of OpenSSL; its address.

    Args:
        folder: For its files.
        issuer: Whose certificates it answers for.
        said: Certificates, and since when they are revoked; others it does not know.
        by: Who signs the answers; None: the issuer.
        options: Of the command.
    """
    certificate, key = by or issuer
    (folder / "ca.pem").write_bytes(issuer[0].public_bytes(Encoding.PEM))
    (folder / "by.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "by.key").write_bytes(secret)
    (folder / "index.txt").write_text("".join(_row(*one) for one in said))
    files = {"index": "index.txt", "CA": "ca.pem", "rsigner": "by.pem", "rkey": "by.key"}
    named = [word for name, file in files.items() for word in (f"-{name}", str(folder / file))]
    [port] = free_ports(1)
    line = [program("openssl"), "ocsp", "-port", str(port), *named, *options]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        try:
            assert running.stdout is not None
            for printed in running.stdout:
                if b"waiting for" in printed or b"ACCEPT" in printed:
                    break
            yield f"http://127.0.0.1:{port}"
        finally:
            running.kill()


def _row(certificate: x509.Certificate, since: dt.datetime | None) -> str:
    """One line of the index that OpenSSL keeps of certificates."""
    ends, revoked = (
        "" if one is None else one.strftime("%y%m%d%H%M%SZ")
        for one in (certificate.not_valid_after_utc, since)
    )
    why = f"{revoked},keyCompromise" if revoked else ""
    serial = f"{certificate.serial_number:X}"
    serial = serial if len(serial) % 2 == 0 else f"0{serial}"
    kind = "R" if revoked else "V"
    return f"{kind}\t{ends}\t{why}\t{serial}\tunknown\t/CN=somebody\n"
