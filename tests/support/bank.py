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
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from tests.support.keys import rsa_key
from tests.support.responders import Responder, Said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Served = bytes | Callable[[bytes], bytes]

DAY: Final = dt.timedelta(days=1)
QUALIFIED: Final = "0.4.0.194112.1.2"
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@attrs.define(slots=False)
class Bank:
    """A root that issues to people.

    Attributes:
        name: Of it.
        now: When it is.
        list_url: Where its list is; empty: it has none.
        responder_url: Where a responder answers for its certificates; empty: none does.
        issued: By their numbers.
    """

    name: str
    now: dt.datetime
    list_url: str = "http://127.0.0.1:1/bank.crl"
    responder_url: str = ""
    issued: dict[int, x509.Certificate] = attrs.field(factory=dict)

    @cached_property
    def key(self) -> rsa.RSAPrivateKey:
        """Its key: such authorities have RSA, as a rule."""
        return rsa_key()

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
        builder = builder.add_extension(
            x509.BasicConstraints(ca=False, path_length=None), critical=True
        ).add_extension(usage, critical=True)
        builder = self._with_proofs(builder)
        if is_for_logging_in:
            uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
            builder = builder.add_extension(uses, critical=False)
        stated = [x509.PolicyInformation(x509.ObjectIdentifier(one), None) for one in policies]
        if stated:
            builder = builder.add_extension(x509.CertificatePolicies(stated), critical=False)
        return self._issued(builder)

    def issue_authority(self, name: str, key: Any) -> x509.Certificate:
        """A certificate of somebody who issues to people."""
        builder = _named(name, self.name, key, self.now - DAY, self.now + 365 * DAY)
        return self._issued(
            self._with_proofs(builder)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(key_cert_sign=True), critical=True)
        )

    def issue_stamper(self, key: Any, life: dt.timedelta = 365 * DAY) -> x509.Certificate:
        """A certificate of somebody who stamps."""
        builder = _named(f"{self.name} Time", self.name, key, self.now - DAY, self.now + life)
        uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        return self._issued(
            self._with_proofs(builder)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(uses, critical=True)
        )

    def _issued(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        made = builder.sign(self.key, hashes.SHA256())
        self.issued[made.serial_number] = made
        return made

    @property
    def point(self) -> x509.CRLDistributionPoints:
        """Where its list is, as certificates say it."""
        return _point(self.list_url)

    def _with_proofs(self, builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
        """A certificate that says where its proofs are."""
        if self.list_url:
            builder = builder.add_extension(self.point, critical=False)
        if self.responder_url:
            builder = builder.add_extension(_responder(self.responder_url), critical=False)
        return builder

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

    def answer(self, question: bytes, since: dt.datetime | None = None) -> bytes:
        """What it says when it is asked itself, DER: good, or revoked since a time."""
        asked = ocsp.load_der_ocsp_request(question)
        nonces = [one.value for one in asked.extensions if isinstance(one.value, x509.OCSPNonce)]
        nonce = nonces[0].nonce if nonces else b""
        one = self.issued[asked.serial_number]
        said = Said(one, self.root, self.now, self.now + DAY, since)
        return Responder(self.root, self.key).answer(said, at=self.now, nonce=nonce)


@contextmanager
def lists_served() -> Iterator[tuple[str, dict[str, Served]]]:
    """A place where lists and responders are: its address, and what it gives.

    Empty: it answers 404; a function: it is given what was posted.
    """
    found: dict[str, Served] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._give(self.rfile.read(int(self.headers["content-length"])))

        def do_GET(self) -> None:
            self._give(b"")

        def _give(self, asked: bytes) -> None:
            held = found.get(self.path.strip("/"))
            data = held(asked) if callable(held) else held
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


def _responder(url: str) -> x509.AuthorityInformationAccess:
    where = x509.UniformResourceIdentifier(url)
    kind = AuthorityInformationAccessOID.OCSP
    return x509.AuthorityInformationAccess([x509.AccessDescription(kind, where)])


def _usage(**uses: bool) -> x509.KeyUsage:
    names = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{one: uses.get(one, False) for one in names})
