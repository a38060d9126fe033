"""A server of somebody else on the loopback address: it answers by TLS whatever a test wants.

``Names`` stands before the reactor, so that names and ports mean what a test says.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import tempfile
from typing import TYPE_CHECKING, Any, Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.internet import reactor  # noqa: TID251 -- it listens
from twisted.internet._sslverify import IOpenSSLTrustRoot
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.interfaces import IOpenSSLContextFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from twisted.internet.interfaces import IDelayedCall
    from twisted.trial.unittest import TestCase

HOURS: Final = dt.timedelta(hours=1)


@implementer(IOpenSSLTrustRoot, IOpenSSLContextFactory)
class Own:
    """A certificate and its key in a file; as a trust root it trusts itself alone."""

    def __init__(self, pem: bytes) -> None:
        self._file = tempfile.NamedTemporaryFile()  # noqa: SIM115 -- kept as long as this is
        self._file.write(pem)
        self._file.flush()

    def getContext(self) -> SSL.Context:
        """Of the server."""
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.use_certificate_file(self._file.name)
        context.use_privatekey_file(self._file.name)
        return context

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def _addCACertsToContext(self, context: SSL.Context) -> None:
        context.load_verify_locations(self._file.name)


def certificate(case: TestCase, *names: str) -> Own:
    """A certificate for names and addresses, signed by itself."""
    own = Own(certificate_pem(*names))
    case.addCleanup(own.close)
    return own


def certificate_pem(*names: str) -> bytes:
    """The same in PEM, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = dt.datetime.now(tz=dt.UTC)  # noqa: TID251 -- TLS looks at the real clock
    one = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - HOURS)
        .not_valid_after(now + HOURS)
        .add_extension(x509.SubjectAlternativeName([_san(one) for one in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return one.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def answer(status: int, body: bytes, **headers: str) -> bytes:
    """A whole HTTP answer."""
    lines = [f"HTTP/1.1 {status} Some words", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@attrs.define
class Foreign:
    """What the server does, and what it saw.

    Attributes:
        answers: By path; ``None`` for a path: it says nothing. A sequence is sent piece by piece.
        connected: Connections that it took.
        seen: First lines of requests.
        hosts: Their ``Host``.
    """

    port: int
    answers: dict[str, bytes | Sequence[bytes] | None] = attrs.field(factory=dict)
    connected: int = 0
    seen: list[str] = attrs.field(factory=list)
    hosts: list[str] = attrs.field(factory=list)
    open: set[_Scripted] = attrs.field(factory=set)

    def hang_up(self) -> Deferred[Any]:
        """Close what is open; fires once that is done."""
        return gatherResults([one.hang_up() for one in list(self.open)])


def foreign(case: TestCase, own: Own) -> Foreign:
    """A server that listens until the case ends."""
    one = Foreign(0)
    factory: Any = Factory()
    factory.noisy = False
    factory.buildProtocol = lambda _address: _Scripted(one)
    port: Any = reactor.listenSSL(0, factory, own, interface="127.0.0.1")  # type: ignore[attr-defined]
    one.port = port.getHost().port
    case.addCleanup(one.hang_up)
    case.addCleanup(port.stopListening)
    return one


class _Scripted(Protocol):
    def __init__(self, foreign: Foreign) -> None:
        self._foreign = foreign
        self._heard = b""
        self._ended: Deferred[None] = Deferred()
        self._next: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._foreign.connected += 1
        self._foreign.open.add(self)

    def connectionLost(self, reason: Failure | None = None) -> None:
        del reason
        self._foreign.open.discard(self)
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._ended.callback(None)

    def hang_up(self) -> Deferred[None]:
        transport: Any = self.transport
        transport.abortConnection()
        return self._ended

    def dataReceived(self, data: bytes) -> None:
        self._heard += data
        if b"\r\n\r\n" not in self._heard:
            return
        lines = self._heard.decode().split("\r\n")
        self._heard = b""
        self._foreign.seen.append(lines[0])
        self._foreign.hosts += [line[6:] for line in lines if line.startswith("Host: ")]
        path = lines[0].split(" ")[1].partition("?")[0]
        said = self._foreign.answers.get(path, answer(404, b"{}"))
        if isinstance(said, bytes):
            self._send(said)
        elif said is not None:
            self._drip(list(said))

    def _send(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(data)

    def _drip(self, pieces: list[bytes]) -> None:
        if pieces and self in self._foreign.open:
            self._send(pieces.pop(0))
            self._next = reactor.callLater(0.02, self._drip, pieces)


class Names:
    """A reactor for which names and ports are those of a test.

    Attributes:
        asked: Names that were looked up.
        connected: (address, port) to which a connection was begun.
    """

    def __init__(
        self,
        names: Mapping[str, Sequence[str]],
        ports: Mapping[int, int] | None = None,
        *,
        elsewhere: str = "",
    ) -> None:
        """Make it.

        Args:
            names: Addresses by name; a name that is missing has none, an address is its own.
            ports: Where a port really is.
            elsewhere: All addresses lead to this one; empty: connections are refused.
        """
        self.names = {name: list(addresses) for name, addresses in names.items()}
        self.asked: list[str] = []
        self.connected: list[tuple[str, int]] = []
        self.nameResolver = self
        self._ports = dict(ports or {})
        self._elsewhere = elsewhere

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)

    def resolveHostName(self, receiver: Any, host: str, *_: Any, **__: Any) -> None:
        """Names as the test says."""
        self.asked.append(host)
        receiver.resolutionBegan(self)
        itself = [host] if _is_address(host) else []
        for one in self.names.get(host, itself):
            kind = IPv4Address if ipaddress.ip_address(one).version == 4 else IPv6Address
            receiver.addressResolved(kind("TCP", one, 0))
        receiver.resolutionComplete()

    def connectTCP(self, host: str, port: int, factory: Any, *rest: Any, **more: Any) -> Any:
        """A connection to where the test says."""
        self.connected.append((host, port))
        if not self._elsewhere:
            factory.clientConnectionFailed(None, Failure(Refused()))
            return None
        real: Any = reactor
        there = self._ports.get(port, port)
        return real.connectTCP(self._elsewhere, there, factory, *rest, **more)


def _san(name: str) -> x509.GeneralName:
    if _is_address(name):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
