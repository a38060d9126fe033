"""An authority elsewhere, with people who have certificates of it, for tests of signing by them."""

from __future__ import annotations

import datetime as dt
import threading
from contextlib import contextmanager
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DAY: Final = dt.timedelta(days=1)
QUALIFIED: Final = "0.4.0.194112.1.2"
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@attrs.define(slots=False)
class Bank:
    """A root that issues to people.

    Attributes:
        name: Of it.
        now: When it is.
        list_url: Where its list is.
    """

    name: str
    now: dt.datetime
    list_url: str = "http://127.0.0.1:1/bank.crl"

    @cached_property
    def key(self) -> rsa.RSAPrivateKey:
        """Its key: such authorities have RSA, as a rule."""
        return rsa.generate_private_key(65_537, 2048)

    @cached_property
    def root(self) -> x509.Certificate:
        """Its certificate."""
        begins = self.now - 365 * DAY
        builder = _named(self.name, self.name, self.key, begins, self.now + 3650 * DAY)
        usage = _usage(key_cert_sign=True, crl_sign=True)
        return (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(usage, critical=True)
            .sign(self.key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        """Its certificate, as operators have it."""
        return self.root.public_bytes(Encoding.PEM)

    def issue(
        self,
        name: str,
        key: Any,
        *,
        begins: dt.datetime | None = None,
        ends: dt.datetime | None = None,
        policies: Sequence[str] = (QUALIFIED,),
        is_for_logging_in: bool = False,
    ) -> x509.Certificate:
        """A certificate of somebody.

        Args:
            name: Theirs.
            key: Private or public.
            begins: From when, UTC; None: yesterday.
            ends: Until when, UTC; None: in a year.
            policies: That it states.
            is_for_logging_in: It is for servers and log-ins, and not for signing.
        """
        since = begins or self.now - DAY
        builder = _named(name, self.name, key, since, ends or self.now + 365 * DAY)
        usage = _usage(key_agreement=True) if is_for_logging_in else _usage(content_commitment=True)
        builder = (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(_point(self.list_url), critical=False)
        )
        if is_for_logging_in:
            uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
            builder = builder.add_extension(uses, critical=False)
        stated = [x509.PolicyInformation(x509.ObjectIdentifier(one), None) for one in policies]
        if stated:
            builder = builder.add_extension(x509.CertificatePolicies(stated), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def revocations(
        self,
        *revoked: tuple[x509.Certificate, dt.datetime],
        made: dt.datetime | None = None,
        life: dt.timedelta = DAY,
    ) -> bytes:
        """Its list, DER.

        Args:
            revoked: Certificates on it, and since when.
            made: When it was made, UTC; None: now.
            life: Until the next one.
        """
        at = made or self.now
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.root.subject)
            .last_update(at)
            .next_update(at + life)
        )
        for certificate, since in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(certificate.serial_number)
                .revocation_date(since)
                .build()
            )
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)


@contextmanager
def lists_served() -> Iterator[tuple[str, dict[str, bytes]]]:
    """A place where lists are: its address, and what it gives; empty: it answers 404."""
    found: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = found.get(self.path.strip("/"))
            self.send_response(200 if data else 404)
            self.send_header("content-length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", found
        finally:
            server.shutdown()
            thread.join()


def _named(
    name: str, issuer: str, key: Any, begins: dt.datetime, ends: dt.datetime
) -> x509.CertificateBuilder:
    public = key.public_key() if hasattr(key, "public_key") else key
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _point(url: str) -> x509.CRLDistributionPoints:
    names = [x509.UniformResourceIdentifier(url)]
    return x509.CRLDistributionPoints([x509.DistributionPoint(names, None, None, None)])


def _usage(**uses: bool) -> x509.KeyUsage:
    names = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{one: uses.get(one, False) for one in names})
