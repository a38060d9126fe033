"""Where the homeserver of a server name answers others.

Source: Matrix spec v1.18, Server-Server API, "Resolving server names"; the grammar is that of the
appendices, "Server Name". Redirects of ``.well-known`` are not followed, and the deprecated
``_matrix._tcp`` is not asked for.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs
from twisted.internet.error import ConnectError
from twisted.names.client import Resolver
from twisted.names.dns import Record_SRV
from twisted.names.error import DNSQueryTimeoutError, DomainError, ResolverError

from veche.protocol.errors import MalformedError, RefusedError, UnavailableError
from veche.protocol.json_reader import read_json
from veche.runtime.web.outbound import OutboundRefusedError, Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.runtime.web.outbound import Outbound

SERVER_NAME_CHARACTERS_MAX: Final = 230
FEDERATION_PORT: Final = 8448
PORT_MAX: Final = 65535
_WELL_KNOWN: Final = "/.well-known/matrix/server"
_RESOLV_CONF: Final = Path("/etc/resolv.conf")
_DNS_PORT: Final = 53
_DNS_SERVERS_MAX: Final = 3
_DNS_TIMEOUTS_S: Final = (1, 2)
_NAME: Final = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?)"
    r"(?::(?P<port>[0-9]{1,5}))?"
)


@attrs.frozen
class ServerName:
    """A server name, taken apart.

    Attributes:
        host: Name or address; an IPv6 address in its brackets.
        port: None if it does not say.
    """

    host: str
    port: int | None

    @property
    def is_address(self) -> bool:
        """Return whether the host is an address and not a name."""
        try:
            ipaddress.ip_address(self.host.strip("[]"))
        except ValueError:
            return False
        return True

    def __str__(self) -> str:
        return self.host if self.port is None else f"{self.host}:{self.port}"


class Srv(Protocol):
    """Looks up SRV records."""

    async def targets(self, name: str) -> Sequence[tuple[str, int]]:
        """Hosts and ports of a service, the best first; none if there is no such record.

        A target "." says that the service is not offered.
        """


class DnsSrv:
    """Asks the name servers of the machine; whatever fails counts as no record."""

    def __init__(self, reactor: Any, servers: Sequence[tuple[str, int]] | None = None) -> None:
        """Make it.

        Args:
            reactor: Clock and network.
            servers: IPv4 addresses and ports of name servers; None: those of ``resolv.conf``.
        """
        self._reactor = reactor
        self._servers = name_servers(_RESOLV_CONF) if servers is None else list(servers)

    async def targets(self, name: str) -> Sequence[tuple[str, int]]:
        """As ``Srv`` says."""
        if not self._servers:
            return ()
        # One for each question: it keeps nothing, and leaves no timer behind.
        resolver = Resolver(
            servers=list(self._servers), timeout=_DNS_TIMEOUTS_S, reactor=self._reactor
        )
        try:
            answers, _, _ = await resolver.lookupService(name)
        except (DomainError, ResolverError, DNSQueryTimeoutError, TimeoutError, ConnectError):
            return ()
        found = [one.payload for one in answers if isinstance(one.payload, Record_SRV)]
        found.sort(key=lambda one: (one.priority, -one.weight))
        return [(one.target.name.decode("ascii", errors="replace"), one.port) for one in found]


def name_servers(path: Path) -> list[tuple[str, int]]:
    """The IPv4 name servers of a ``resolv.conf``; none if it cannot be read."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return []
    named = [line.split()[1] for line in lines if line.startswith("nameserver ")]
    return [(one, _DNS_PORT) for one in named if ":" not in one][:_DNS_SERVERS_MAX]


def parse_server_name(text: str) -> ServerName:
    """Take a server name apart.

    Raises:
        MalformedError: It is none.
    """
    found = _NAME.fullmatch(text) if len(text) <= SERVER_NAME_CHARACTERS_MAX else None
    port = int(found["port"]) if found and found["port"] else None
    if found is None or (port is not None and not 0 < port <= PORT_MAX):
        raise MalformedError("matrix_server_name", "should be the name of a homeserver")
    name = ServerName(found["host"], port)
    if name.host.startswith("[") and not name.is_address:
        raise MalformedError("matrix_server_name", "should be the name of a homeserver")
    return name


class Discovery:
    """Finds homeservers."""

    def __init__(self, outbound: Outbound, srv: Srv | None = None) -> None:
        """Make it.

        Args:
            outbound: Asks for ``.well-known``.
            srv: None: SRV records are not looked up.
        """
        self._outbound = outbound
        self._srv = srv

    async def place_of(self, name: ServerName) -> Place:
        """Where a homeserver answers others.

        Raises:
            OutboundRefusedError: Its name leads to an address that we do not connect to.
            UnavailableError: It cannot be found now.
        """
        if name.is_address or name.port is not None:
            return Place(name.host, name.port or FEDERATION_PORT, str(name))
        delegated = await self._delegated(name)
        if delegated is None:
            return await self._by_srv(name)
        if delegated.is_address or delegated.port is not None:
            return Place(delegated.host, delegated.port or FEDERATION_PORT, str(delegated))
        return await self._by_srv(delegated)

    async def _delegated(self, name: ServerName) -> ServerName | None:
        """Read the server name in ``.well-known``; None if there is none of valid form."""
        try:
            answer = await self._outbound.get(Place(name.host, 443, name.host), _WELL_KNOWN)
        except (RefusedError, UnavailableError):
            # As any other failure of it, by the specification. Whether an address is one that we
            # connect to is judged again for each connection.
            return None
        if answer.status != 200:  # noqa: PLR2004 -- HTTP
            return None
        try:
            content: Any = read_json(answer.body, where="well-known")
            return parse_server_name(content["m.server"])
        except (KeyError, TypeError, MalformedError):
            return None

    async def _by_srv(self, name: ServerName) -> Place:
        targets: Sequence[tuple[str, int]] = ()
        if self._srv is not None:
            targets = await self._srv.targets(f"_matrix-fed._tcp.{name.host}")
        if not targets:
            return Place(name.host, FEDERATION_PORT, name.host)
        host, port = targets[0]
        if host in {"", "."}:
            raise OutboundRefusedError("this server says that it answers nobody")
        # The certificate is that of the name, not of where the record points to.
        return Place(host, port, name.host)
