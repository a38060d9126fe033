"""The one HTTP client for addresses that others name: webhooks, callbacks, other homeservers.

Whoever names an address can name one of our own network, or a name that is that only when we look
it up a second time. So the endpoint factory of Twisted's Agent resolves a name once, judges every
address, and connects to an address that was judged, never to the name. No redirects, no proxies, no
cookies; one deadline and one bound on the bytes of the answer.

Source: RFC 6890 and the IANA registries of special-purpose addresses; OWASP, "Server-Side Request
Forgery Prevention".
"""

from __future__ import annotations

import ipaddress
import re
from base64 import b64encode
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import attrs
from treq.content import collect
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, ConnectingCancelledError
from twisted.internet.interfaces import IResolutionReceiver, IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS
from twisted.internet.task import Cooperator
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.web._newclient import ParseError, RequestTransmissionFailed, ResponseFailed
from twisted.web.client import Agent, FileBodyProducer, HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from veche.protocol.addresses import split_address
from veche.protocol.errors import MalformedError, RefusedError
from veche.runtime import metrics
from veche.runtime.web.http_client import HEAD_BYTES_MAX, Answer, AnswerTooLargeError, NoAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from twisted.internet.interfaces import IAddress, IProtocolFactory
    from twisted.web.client import URI

TIMEOUT_S: Final = 10.0
"""From the first look-up to the last byte of the answer."""
ANSWER_BYTES_MAX: Final = 64 * 1024
ADDRESSES_MAX: Final = 4
"""Addresses of one name that are tried."""
HOST_CHARACTERS_MAX: Final = 253
LABEL_CHARACTERS_MAX: Final = 63
RUNNING_MAX: Final = 50
"""Requests at a time; one more is refused: slow servers of others must not hold all we have."""
LOOKUPS_MAX: Final = 48
"""Names that are looked up at a time: each holds a thread (``names``) until the system gives up,
whatever our deadline."""
_JSON: Final = "application/json"
_BEARER: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""``token68`` of RFC 9110 §11.2."""
_PORT: Final = re.compile(r":[0-9]{1,5}$")
_LABEL: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{LABEL_CHARACTERS_MAX}}}")
_RETRY_AFTER_MS: Final = 5_000
_HTTPS, _HTTP = 443, 80
_REDIRECTS: Final = range(300, 400)
_NO_NAME: Final = "this is no path or name"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

# What Python's is_global lets pass and is not for us: anycast relays and addresses that carry
# another address inside, which a gateway might unpack.
_NEVER_4: Final = tuple(map(ipaddress.IPv4Network, ("192.88.99.0/24", "224.0.0.0/4")))
_GLOBAL_6: Final = ipaddress.IPv6Network("2000::/3")
_NEVER_6: Final = tuple(
    map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
)

_refused = metrics.counter(
    "veche_outbound_refused_total", "Requests to others that were refused, by why.", ["reason"]
)


class OutboundRefusedError(RefusedError):
    """An address is not one that we connect to, or it answered with a redirect."""

    errcode = "ORG.VECHE.OUTBOUND_REFUSED"


@attrs.frozen
class Place:
    """Where to ask.

    Attributes:
        host: Name or address to connect to.
        port: TCP port.
        name: Of the certificate, and in the header ``Host``.
        is_tls: Whether by TLS; plain HTTP is for tests and networks of the operator.
    """

    host: str
    port: int
    name: str
    is_tls: bool = True


class Outbound:
    """Asks servers that somebody named."""

    def __init__(
        self,
        reactor: Any,
        *,
        allowed: Collection[Network] = (),
        trust_root: Any = None,
        timeout_s: float = TIMEOUT_S,
        bytes_max: int = ANSWER_BYTES_MAX,
    ) -> None:
        """Make the client.

        Args:
            reactor: Clock, names and network.
            allowed: Networks that the operator lists: they may be asked although they are not of
                the public Internet.
            trust_root: Who signs certificates; None: those whom the system trusts.
            timeout_s: From the first look-up to the last byte of an answer.
            bytes_max: Of the body of an answer.
        """
        self.bytes_max = bytes_max
        self._reactor = reactor
        self._allowed = tuple(allowed)
        self._trust_root = trust_root
        self._timeout_s = timeout_s
        self._running = 0
        self._looking_up = 0

    async def get(self, place: Place, target: str) -> Answer:
        """Ask with ``GET``; the answer whatever its status, but for redirects.

        Args:
            place: Where.
            target: Path and query, quoted: printable ASCII without spaces.

        Raises:
            OutboundRefusedError: No address of the name may be connected to, or a redirect came.
            NoAnswerError: No answer, not in time, or too many requests run already.
            AnswerTooLargeError: It is over ``bytes_max``.
        """
        return await self._ask(place, target, b"GET", {"Accept": _JSON})

    async def post(
        self,
        place: Place,
        target: str,
        body: bytes,
        kind: str = _JSON,
        bearer: str = "",
        *,
        password: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send something with ``POST``; the answer whatever its status, but for redirects.

        Args:
            place: Where.
            target: Path and query, quoted: printable ASCII without spaces.
            body: JSON, or of another kind.
            kind: Content type of the body.
            bearer: By what the other server knows us; empty for nothing.
            password: ``user:password``, if it knows us by that (RFC 7617); empty for nothing.
            headers: Others that the protocol there wants: printable ASCII.

        Raises:
            OutboundRefusedError: As for ``get``; also if ``bearer`` or one of
                ``headers`` cannot stand in a header.
            NoAnswerError: As for ``get``; whether it was read there is unknown.
            AnswerTooLargeError: As for ``get``.
        """
        if bearer and not _BEARER.fullmatch(bearer):
            raise OutboundRefusedError("this is no key for a header")
        head = {"Content-Type": kind, **(headers or {})}
        if not all(one.isascii() and one.isprintable() for one in head.values()):
            raise OutboundRefusedError("this cannot stand in a header")
        if bearer:
            head["Authorization"] = f"Bearer {bearer}"
        elif password:
            head["Authorization"] = f"Basic {b64encode(password.encode()).decode()}"
        return await self._ask(place, target, b"POST", head, body)

    async def check(self, place: Place) -> None:
        """Look a server up, to say at once that it is none that is ever asked.

        Raises:
            OutboundRefusedError: No address of the name may be connected to.
            NoAnswerError: There is no such name now, or too many are looked up.
        """
        if not is_host(without_port(place.name)) or not is_host(place.host):
            raise OutboundRefusedError(_NO_NAME)
        looking = Deferred.fromCoroutine(self._addresses(place.host))
        try:
            await looking.addTimeout(TIMEOUT_S, self._reactor)
        except DeferredTimeoutError as e:
            raise NoAnswerError("the name is not found", retry_after_ms=_RETRY_AFTER_MS) from e

    async def _ask(
        self,
        place: Place,
        target: str,
        method: bytes,
        head: Mapping[str, str],
        body: bytes | None = None,
    ) -> Answer:
        if not target.startswith("/") or not target.isascii() or not target.isprintable():
            raise OutboundRefusedError("this is no path")
        if " " in target or not is_host(without_port(place.name)) or not is_host(place.host):
            raise OutboundRefusedError(_NO_NAME)
        if self._running >= RUNNING_MAX:
            _refused.labels("busy").inc()
            raise NoAnswerError("too many requests to others", retry_after_ms=_RETRY_AFTER_MS)
        self._running += 1
        endpoints = _Endpoints(self, place)
        try:
            work = Deferred.fromCoroutine(self._exchange(endpoints, target, method, head, body))
            answer = await work.addTimeout(self._timeout_s, self._reactor)
        except DeferredTimeoutError as e:
            _refused.labels("slow").inc()
            raise NoAnswerError(
                "the other server does not answer", retry_after_ms=_RETRY_AFTER_MS
            ) from e
        finally:
            self._running -= 1
        if answer.status in _REDIRECTS:
            _refused.labels("redirect").inc()
            raise OutboundRefusedError("the other server redirects")
        return answer

    async def _exchange(
        self,
        endpoints: _Endpoints,
        target: str,
        method: bytes,
        head: Mapping[str, str],
        body: bytes | None,
    ) -> Answer:
        place = endpoints.place
        pool = HTTPConnectionPool(self._reactor, persistent=False)
        agent = Agent.usingEndpointFactory(self._reactor, endpoints, pool)
        headers = Headers({"Host": [place.name], "User-Agent": ["Veche"]})
        for name, value in head.items():
            headers.addRawHeader(name, value)
        url = f"{'https' if place.is_tls else 'http'}://{place.name}{target}".encode()
        cooperator = Cooperator(scheduler=lambda work: self._reactor.callLater(0, work))
        sent = None if body is None else FileBodyProducer(BytesIO(body), cooperator)
        try:
            response = await agent.request(method, url, headers, sent)
            await collect(response, endpoints.take)
        except (ResponseFailed, RequestTransmissionFailed, ParseError) as e:
            if any(one.check(CancelledError) for one in getattr(e, "reasons", ())):
                raise CancelledError from e  # as whoever gave up expects it
            endpoints.check_size()
            raise NoAnswerError("this is no HTTP", retry_after_ms=_RETRY_AFTER_MS) from e
        finally:
            endpoints.close()
        raw = response.headers.getAllRawHeaders()
        endpoints.check_size()
        return Answer(
            response.code, {name.lower(): values[-1] for name, values in raw}, bytes(endpoints.body)
        )

    async def connect(self, place: Place, factory: IProtocolFactory) -> Any:
        """Connect to the first address of a server that may be connected to and answers."""
        failure: Exception | None = None
        for address in await self._addresses(place.host):
            try:
                return await self._endpoint(place, address).connect(factory)
            except ConnectingCancelledError as e:
                raise CancelledError from e  # as whoever gave up expects it
            except (ConnectError, OSError) as e:
                failure = e
        raise NoAnswerError("no connection", retry_after_ms=_RETRY_AFTER_MS) from failure

    async def _addresses(self, host: str) -> Sequence[_Ip]:
        """The addresses of a name that may be connected to."""
        if self._looking_up >= LOOKUPS_MAX:
            _refused.labels("busy").inc()
            raise NoAnswerError("too many names are looked up", retry_after_ms=_RETRY_AFTER_MS)
        self._looking_up += 1
        found = await _resolved(self._reactor, host, self._looked_up)
        if not found:
            raise NoAnswerError("there is no such server", retry_after_ms=_RETRY_AFTER_MS)
        good = [one for one in found if is_public(one) or self._is_allowed(one)]
        if not good:
            _refused.labels("address").inc()
            raise OutboundRefusedError("this server has no address of the public Internet")
        return good[:ADDRESSES_MAX]

    def _looked_up(self) -> None:
        self._looking_up -= 1

    def _is_allowed(self, address: _Ip) -> bool:
        return any(
            address.version == network.version and address in network for network in self._allowed
        )

    def _endpoint(self, place: Place, address: _Ip) -> IStreamClientEndpoint:
        kind = TCP4ClientEndpoint if address.version == 4 else TCP6ClientEndpoint  # noqa: PLR2004
        endpoint: IStreamClientEndpoint = kind(
            self._reactor, str(address), place.port, timeout=TIMEOUT_S
        )
        if not place.is_tls:
            return endpoint
        name = without_port(place.name).strip("[]")
        options = optionsForClientTLS(name, trustRoot=self._trust_root)
        return wrapClientTLS(options, endpoint)


def is_public(address: _Ip) -> bool:
    """Return whether an address is of the public Internet, and only of that.

    Those that hold another address inside (IPv4-mapped, NAT64, 6to4, Teredo) never are: what a
    gateway makes of them is not ours to know.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not any(address in one for one in _NEVER_4)
    return (
        address in _GLOBAL_6 and address.is_global and not any(address in one for one in _NEVER_6)
    )


async def _resolved(reactor: Any, host: str, when_done: Callable[[], None]) -> list[_Ip]:
    """All addresses of a name; an address is its own.

    Also what only looks like a name, such as ``2130706433`` or ``0x7f.1``, becomes the address that
    the system would connect to. ``when_done`` is called once the thread is free, also if nobody
    waits for the result any more.
    """
    receiver = _Receiver(when_done)
    reactor.nameResolver.resolveHostName(receiver, host.strip("[]"))
    return [
        ipaddress.ip_address(str(getattr(one, "host", "")).partition("%")[0])
        for one in await receiver.complete
    ]


@implementer(IResolutionReceiver)
class _Receiver:
    """Collects the addresses of a name."""

    def __init__(self, when_done: Callable[[], None]) -> None:
        self._when_done = when_done
        self._found: list[IAddress] = []
        self.complete: Deferred[list[IAddress]] = Deferred()

    def resolutionBegan(self, resolutionInProgress: Any) -> None:  # noqa: N803 -- Twisted's
        """It begins; it cannot be ended early."""

    def addressResolved(self, address: IAddress) -> None:
        """One was found."""
        self._found.append(address)

    def resolutionComplete(self) -> None:
        """There are no more."""
        self._when_done()
        if not self.complete.called:
            self.complete.callback(self._found)


@implementer(IAgentEndpointFactory, IStreamClientEndpoint)
class _Endpoints:
    """Connects to a judged address of a server, whatever the agent asks for, and counts bytes."""

    def __init__(self, outbound: Outbound, place: Place) -> None:
        self._outbound = outbound
        self.place = place
        self.body = bytearray()
        self._connection: Any = None

    def endpointForURI(self, _: URI) -> _Endpoints:
        return self

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:  # noqa: N803 -- Twisted's
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> Any:
        wrapping = WrappingFactory(factory)
        wrapping.noisy = False
        wrapping.protocol = partial(_Bounded, self._outbound.bytes_max)
        self._connection = await self._outbound.connect(self.place, wrapping)
        return self._connection.wrappedProtocol

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.abortConnection()

    def take(self, data: bytes) -> None:
        """Take some of the answer's body."""
        self.body += data
        if len(self.body) > self._outbound.bytes_max:
            self.close()

    def check_size(self) -> None:
        """Refuse an answer that is over its bound."""
        most = self._outbound.bytes_max
        if getattr(self._connection, "left", 0) < 0 or len(self.body) > most:
            _refused.labels("large").inc()
            words = f"the answer has more than {most} bytes"
            raise AnswerTooLargeError(words, retry_after_ms=_RETRY_AFTER_MS)


class _Bounded(ProtocolWrapper):
    """A connection that ends once more than an answer and its head have come.

    Attributes:
        left: How many bytes may still come.
    """

    def __init__(self, bytes_max: int, *parts: Any) -> None:
        super().__init__(*parts)
        self.left = bytes_max + HEAD_BYTES_MAX

    def dataReceived(self, data: bytes) -> None:
        self.left -= len(data)
        if self.left < 0:
            self.abortConnection()
        else:
            super().dataReceived(data)  # type: ignore[no-untyped-call]  # Twisted: not annotated


def without_port(name: str) -> str:
    """The name of a certificate without its port."""
    found = _PORT.search(name)
    return name[: found.start()] if found and name.rpartition("]")[2].count(":") == 1 else name


def is_host(host: str) -> bool:
    """Return whether it can be the name of a host, or an address (RFC 1035 §2.3.1, §2.3.4).

    What the resolver or TLS could not encode must not come to them.
    """
    if any(c in host for c in "[]:"):
        return _is_address_6(host)
    labels = host.removesuffix(".").split(".")
    return len(host) <= HOST_CHARACTERS_MAX and all(map(_LABEL.fullmatch, labels))


def _is_address_6(text: str) -> bool:
    inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return ipaddress.IPv6Address(inner).scope_id is None
    except ValueError:
        return False


def place_of(url: str) -> tuple[Place, str]:
    """Where a target is, and what is asked for there.

    Raises:
        MalformedError: It has another form than ``https://host[:port]/path?query``.
    """
    parts = split_address(url)
    host, port = parts.hostname or "", parts.port
    bare = f"[{host}]" if ":" in host else host
    is_right = parts.scheme in {"http", "https"} and is_host(bare) and port != 0
    if not is_right or parts.username is not None or parts.fragment:
        raise MalformedError("body.url", "should be an address such as https://host/path")
    is_tls = parts.scheme == "https"
    usual = _HTTPS if is_tls else _HTTP
    name = bare if port in {None, usual} else f"{bare}:{port}"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(bare, port or usual, name, is_tls=is_tls), target
