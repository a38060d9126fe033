"""The public site of a process: what browsers may see, all of one origin, and the links to it."""

from __future__ import annotations

import ipaddress
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from twisted.internet.defer import maybeDeferred
from twisted.web.resource import IResource, Resource

from veche.protocol.errors import ConfigError
from veche.runtime.web.server import json_answer, new_site

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from twisted.web.iweb import IRequest

    from veche.runtime.web.bodies import LargeBody

UNKNOWN: Final = "unknown"
"""Whoever has no address that can be read; all of them together count as one."""
API: Final = "_veche"
"""Below it are the APIs of the services; everything but this and the next is pages."""
MATRIX: Final = "_matrix"
"""Below it are the push gateway and the policy server, where Matrix wants them."""
WELL_KNOWN: Final = ".well-known"
"""In it (RFC 8615) services say where they are, and with which keys they sign."""
_SERVED: Final = (
    f"{API}/",
    *(f"{MATRIX}/{name}/" for name in ("push", "policy")),
    *(f"{WELL_KNOWN}/{name}" for name in ("veche/", "matrix/policy_server")),
)
"""How the paths of services begin, but for those of pages."""
HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    # Whoever opens a page of ours in a window cannot lead that elsewhere while a person reads it.
    (b"cross-origin-opener-policy", b"same-origin"),
)
"""Of every answer of the public site, where a page does not say another. There is none of CORS: no
other origin reads an answer, or sends a request that a browser asks about first, but where a route
is declared with ``takes_other_sites``."""
DRAIN_S_MAX: Final = 5.0
"""How long answers may take once the process is to end."""
_BY_CLIENT: Final = (
    "?theme=$org.matrix.msc2873.client_theme&lang=$org.matrix.msc2873.client_language"
)
"""Query of a widget's address that a client fills in (MSC2873)."""
# What JavaScript's encodeURIComponent leaves as it is.
_PLAIN: Final = "-_.!~*'()"
_NOT_FOUND: Final = (
    b"<!doctype html><html lang=en><meta charset=utf-8>"
    b"<meta name=viewport content='width=device-width'><title>Not found</title>"
    b"<h1>Not found</h1><p>There is no such page.</p></html>"
)


class PageLinks:
    """The addresses of pages; nobody else makes one."""

    def __init__(self, public_url: str) -> None:
        """Keep the origin.

        Args:
            public_url: As people reach the site, ``https://veche.example.org``, without a path.
        """
        self._url = public_url.rstrip("/")

    def page(self, *parts: str, fragment: str = "") -> str:
        """The address of a page of a feature.

        Args:
            parts: Of its path.
            fragment: What it is told and no server sees, as it stands in the address.
        """
        path = "/".join(map(_part, parts))
        return f"{self._url}/{path}" + (f"#{fragment}" if fragment else "")

    def sign_in(self, secret: str = "") -> str:
        """The page that signs in; ``secret`` rides in the fragment, which no server sees."""
        return self.page("signin", fragment=_part(secret))

    def approve(self, nonce: str) -> str:
        """The page that shows what is to be approved, and signs it.

        It asks the service what that is, by the nonce: an address has no answers, and is short.
        """
        return self.page("approve", fragment=nonce)

    def keys(self) -> str:
        """A person's keys, sessions and log."""
        return self.page("keys")

    @property
    def host(self) -> str:
        """Host of the public site, with its port if the address has one."""
        return urlsplit(self._url).netloc

    def widget(self, *parts: str) -> str:
        """A page as a widget: the client fills in the names that begin with ``$``.

        Args:
            parts: Of the page's path; none: the page of what goes on in the room.
        """
        return self.page(*parts, "widget") + _BY_CLIENT


class PublicRoot(Resource):
    """The root of the public site."""

    def __init__(self, routes: Mapping[str, IResource]) -> None:
        """Put the routes of all services together.

        Args:
            routes: By the path below the root, such as ``_veche/agency/v1``; the one at the empty
                path gets every request that is for no other.

        Raises:
            ConfigError: A path is below another, or cannot be.
        """
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted: not annotated
        paths = [path for path in routes if path]
        for path in paths:
            is_below = any(one != path and f"{path}/".startswith(f"{one}/") for one in paths)
            if not path.startswith(_SERVED) or "" in path.split("/") or is_below:
                raise ConfigError(f"no service may serve /{path}")
        # By segments: a slash inside of one (%2F) never makes it two.
        self._apis = {tuple(path.encode().split(b"/")): routes[path] for path in paths}
        self._pages = routes.get("")
        self.large_bodies: list[LargeBody] = [
            one for resource in routes.values() for one in getattr(resource, "large_bodies", ())
        ]
        self._lengths = sorted({len(path) for path in self._apis}, reverse=True)

    def getChildWithDefault(self, path: bytes, request: Any) -> Any:
        """Where a request goes on."""
        if path in (API.encode(), MATRIX.encode(), WELL_KNOWN.encode()):
            return self._api(path, request) or NoRoute()
        if self._pages is None:
            return _NoPage()
        if self._pages.isLeaf:
            request.prepath.pop()
            request.postpath.insert(0, path)
            return self._pages
        return self._pages.getChildWithDefault(path, request)

    def _api(self, first: bytes, request: Any) -> IResource | None:
        """The API that a path leads to; what is before it is taken off the path."""
        parts = (first, *request.postpath)
        # klein would log a traceback for what is no UTF-8, and take //x for /x.
        if b"" in parts[:-1] or not all(map(_is_utf8, parts)):
            return None
        for length in self._lengths:
            found = self._apis.get(parts[:length])
            if found is not None:
                request.prepath.extend(request.postpath[: length - 1])
                # klein does not know an empty path: what is for the prefix itself would be lost.
                request.postpath[: length - 1] = [] if request.postpath[length - 1 :] else [b""]
                return found
        return None


class PublicSite:
    """The public site of a process.

    Attributes:
        port: The first on which it listens, once it does.
    """

    def __init__(
        self,
        root: IResource,
        reactor: Any,
        address: str,
        ports: Sequence[int],
        *,
        trust_forwarded: bool = False,
    ) -> None:
        """Nothing is served before ``listen``; of the TCP ``ports``, 0 takes a free one."""
        self._site = new_site(
            root,
            reactor,
            headers=HEADERS,
            address_of=partial(client_address, trust_forwarded=trust_forwarded),
        )
        self._reactor = reactor
        self._address = address
        self._listening: list[Any] = []
        self._ports = ports
        self.port = ports[0]

    @property
    def is_listening(self) -> bool:
        """Return whether it is served now."""
        return bool(self._listening)

    def listen(self) -> None:
        """Serve from now on.

        Raises:
            twisted.internet.error.CannotListenError: The port is taken.
        """
        for port in self._ports:
            at = self._reactor.listenTCP(port, self._site, interface=self._address)
            self._listening.append(at)
        self.port = self._listening[0].getHost().port

    async def stop(self) -> None:
        """Take no more connections; wait a little for the answers that are being made."""
        listening, self._listening = self._listening, []
        for one in listening:
            await maybeDeferred(one.stopListening)
        if listening:
            await self._site.drained(DRAIN_S_MAX)


class _Missing(Resource):
    """Base: there is nothing here."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted: not annotated


class NoRoute(_Missing):
    """There is no such API."""

    def render(self, request: Any) -> bytes:
        """404, as of an API."""
        return json_answer(request, 404, {"errcode": "M_UNRECOGNIZED", "error": "No such route"})


class _NoPage(_Missing):
    """There is no such page."""

    def render(self, request: Any) -> bytes:
        """404, for a person."""
        request.setResponseCode(404)
        request.setHeader(b"content-type", b"text/html; charset=utf-8")
        return _NOT_FOUND


def client_address(request: IRequest, *, trust_forwarded: bool) -> str:
    """Return the client's address for limits: IPv4, or the /64 network of IPv6.

    Args:
        request: What was asked.
        trust_forwarded: All requests come through a proxy of the operator, which appends the
            address that it sees to ``X-Forwarded-For``; what stands before it anybody may write.
    """
    host = getattr(request.getClientAddress(), "host", None) or ""
    if trust_forwarded:
        lines = request.requestHeaders.getRawHeaders(b"x-forwarded-for") or []
        last = lines[-1].rpartition(b",")[2].strip().decode("latin-1") if lines else ""
        host = last or host
    return _network(host)


def _network(host: str) -> str:
    try:
        address = ipaddress.ip_address(_without_port(host).partition("%")[0])
    except ValueError:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    # One subscriber has a whole /64 (RFC 6177).
    return str(ipaddress.IPv6Network((address, 64), strict=False))


def _without_port(host: str) -> str:
    """An address without the brackets and the port that some proxies add."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host


def _is_utf8(part: bytes) -> bool:
    try:
        part.decode()
    except UnicodeDecodeError:
        return False
    return True


def _part(text: str) -> str:
    return quote(text, safe=_PLAIN)
