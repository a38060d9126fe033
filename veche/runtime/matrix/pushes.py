"""The fast way in for what the homeserver pushes: its usual request, read without Twisted's HTTP.

Each message of a room costs two such requests (the bot's own message comes back), and a request
through ``twisted.web`` costs several times what this does. Here is read what Synapse sends and
nothing else: requests of the application service API with the right token. From the first request
on that is anything else, the connection belongs to the site.

Source: RFC 9112 (HTTP/1.1), §6.3 for the length of a request.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.policies import TimeoutMixin

from veche.runtime.matrix.transactions import METHODS, TRANSACTION_BYTES_MAX, kind_of
from veche.runtime.web import ARRIVAL_S_MAX, IDLE_S_MAX, observe_answer
from veche.runtime.web.connecting import writer_of

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress
    from twisted.python.failure import Failure

    from veche.runtime.matrix.transactions import Transactions
    from veche.runtime.web import BoundedSite

logger = logging.getLogger(__name__)

HEAD_BYTES_MAX: Final = 16 * 1024
_HEAD_END: Final = b"\r\n\r\n"
_REASONS: Final = {
    200: b"OK",
    400: b"Bad Request",
    404: b"Not Found",
    408: b"Request Timeout",
    500: b"Internal Server Error",
    503: b"Service Unavailable",
}


class Pushes(Factory):
    """Takes connections for a site, and pushes itself."""

    noisy = False

    def __init__(self, site: BoundedSite, transactions: Transactions) -> None:
        """Make it.

        Args:
            site: Serves everything else.
            transactions: Takes what is pushed; the site has it too.
        """
        self.site = site
        self.transactions = transactions
        self._open: set[_Push] = set()

    def doStart(self) -> None:
        """Twisted begins to listen."""
        self.site.doStart()  # type: ignore[no-untyped-call]  # Twisted: not annotated

    def doStop(self) -> None:
        """Twisted has ended listening: whoever waits for nothing may leave."""
        for one in list(self._open):
            one.end()
        self.site.doStop()  # type: ignore[no-untyped-call]  # Twisted: not annotated

    def buildProtocol(self, addr: IAddress | None) -> _Push:
        """A connection came."""
        return _Push(self, addr)

    def came(self, one: _Push) -> None:
        """A connection is up."""
        self._open.add(one)

    def left(self, one: _Push) -> None:
        """It ended."""
        self._open.discard(one)


class _Push(Protocol, TimeoutMixin):
    """A connection of the homeserver, or, since its first other request, of the site."""

    def __init__(self, factory: Pushes, address: IAddress | None) -> None:
        self._pushes = factory
        self._address = address
        self._data = bytearray()
        self._kind = b""
        self._head_end = 0
        self._end = 0
        self._is_answering = False
        self._is_lost = False
        self._is_ending = False
        self._other: Any = None

    def callLater(self, delay_s: float, call: Any) -> Any:
        """Time-outs are by the site's clock."""
        return self._pushes.site.clock.callLater(delay_s, call)

    def connectionMade(self) -> None:
        """Twisted says that it is up."""
        self._pushes.came(self)
        self._write = writer_of(self.transport)
        self.setTimeout(IDLE_S_MAX)  # type: ignore[no-untyped-call]  # Twisted: not annotated

    def dataReceived(self, data: bytes) -> None:
        """Twisted brings some bytes."""
        if self._other is not None:
            self._other.dataReceived(data)
            return
        if not self._data:
            # However steadily it drips.
            self.setTimeout(ARRIVAL_S_MAX)  # type: ignore[no-untyped-call]  # Twisted: not annotated
        self._data += data
        if not self._is_answering:
            self._read()

    def _read(self) -> None:
        """Answer the next request once it is there."""
        if not self._end and not self._read_head():
            return
        if len(self._data) < self._end:
            return
        body = bytes(self._data[self._head_end : self._end])
        del self._data[: self._end]
        self._end = 0
        self._is_answering = True
        clock = self._pushes.site.clock
        began_s = clock.seconds()

        def answer(status: int, text: bytes) -> None:
            observe_answer(status, clock.seconds() - began_s)
            self._answer(status, text)

        self._pushes.transactions.handle(self._kind, body, answer)

    def _answer(self, status: int, text: bytes) -> None:
        if self._is_lost:
            return  # the homeserver hung up; it will send it again
        self._is_answering = False
        self.setTimeout(IDLE_S_MAX)  # type: ignore[no-untyped-call]  # Twisted: not annotated
        head = b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self._write(head % (status, _REASONS[status], len(text)) + text)
        if self._is_ending:
            self._close()
        elif self._data:
            self._read()

    def _read_head(self) -> bool:
        """Find where the next request ends; False until it is known."""
        end = self._data.find(_HEAD_END)
        if end < 0 and len(self._data) <= HEAD_BYTES_MAX:
            return False
        head = bytes(self._data[:end])
        length = self._length(head) if 0 <= end <= HEAD_BYTES_MAX else None
        if length is None:
            self._give_over()
            return False
        self._head_end = end + len(_HEAD_END)
        self._end = self._head_end + length
        return True

    def _length(self, head: bytes) -> int | None:
        """Length of the body; None if the request is another one, or not as usual."""
        first, *lines = head.split(b"\r\n")
        method, _, rest = first.partition(b" ")
        target, _, version = rest.partition(b" ")
        kind = kind_of(target)
        if kind is None or METHODS[kind] != method or b"?" in target or version != b"HTTP/1.1":
            return None
        self._kind = kind
        headers: dict[bytes, bytes] = {}
        for line in lines:
            name, colon, value = line.partition(b":")
            name = name.lower()
            if not colon or name in headers or name in _UNUSUAL or name != name.strip():
                return None
            headers[name] = value.strip()
        if not self._pushes.transactions.is_authorized(headers.get(b"authorization", b"")):
            return None
        if headers.get(b"connection", b"keep-alive").lower() != b"keep-alive":
            return None
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > len(str(TRANSACTION_BYTES_MAX)):
            return None
        return int(length) if int(length) <= TRANSACTION_BYTES_MAX else None

    def _give_over(self) -> None:
        """From here on it is the site's."""
        self.setTimeout(None)  # type: ignore[no-untyped-call]  # Twisted: not annotated
        data, self._data = bytes(self._data), bytearray()
        site: Any = self._pushes.site
        self._other = site.buildProtocol(self._address)
        self._other.makeConnection(self.transport)
        self._other.dataReceived(data)

    def timeoutConnection(self) -> None:
        """Nothing came for long."""
        if self._is_answering:
            self.setTimeout(IDLE_S_MAX)  # type: ignore[no-untyped-call]  # Twisted: not annotated
            return
        if self._end:
            logger.warning("only %d of %d bytes came of a push", len(self._data), self._end)
            self._is_ending = True
            self._answer(408, b'{"errcode": "M_UNKNOWN", "error": "This did not arrive in time"}')
            return
        link: Any = self.transport
        link.abortConnection()

    def end(self) -> None:
        """Close the connection once what it asked is answered."""
        self._is_ending = True
        if not self._is_answering:
            self._close()

    def _close(self) -> None:
        link: Any = self.transport
        link.loseConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Twisted says that it ended."""
        self._is_lost = True
        self._pushes.left(self)
        self.setTimeout(None)  # type: ignore[no-untyped-call]  # Twisted: not annotated
        if self._other is not None:
            self._other.connectionLost(reason)


_UNUSUAL: Final = frozenset((b"transfer-encoding", b"expect", b"upgrade", b"trailer"))
