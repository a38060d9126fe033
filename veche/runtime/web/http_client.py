"""A lean HTTP/1.1 client for one server: persistent connections, bounded answers.

Not Twisted's ``Agent``: a message costs us a request, and a request through ``Agent`` costs two
and a half times the CPU (`tests/benchmarks/bench_client.py` compares the two). It speaks to one
server that the operator named, follows no redirects and knows no proxies, cookies or compression.

Source: RFC 9112 (HTTP/1.1), §6.3 for the length of an answer, §9.3 for persistence.
"""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, ConnectionDone, DNSLookupError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import optionsForClientTLS
from twisted.python.failure import Failure

from veche.protocol.addresses import split_address
from veche.protocol.errors import ConfigError, UnavailableError
from veche.runtime.web.connecting import cancellable, writer_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twisted.internet.interfaces import IDelayedCall, IReactorTime, IStreamClientEndpoint

CONNECTIONS_MAX: Final = 256
"""Open connections; each bot's long poll holds one."""
WAITING_MAX: Final = 10_000
"""Requests that may wait for a connection."""
HEAD_BYTES_MAX: Final = 64 * 1024
IDLE_S_MAX: Final = 20.0
"""A connection that idled longer is not used again: the server may be closing it."""
CONNECT_TIMEOUT_S: Final = 10
RETRY_AFTER_MS: Final = 1_000

_REPEATABLE: Final = (b"GET", b"PUT", b"DELETE")
_NO_BODY: Final = (204, 304)
_INFORMATIONAL: Final = range(100, 200)


class NoAnswerError(UnavailableError):
    """The server did not answer: no connection, a broken one, or too late.

    Whether the request was carried out is unknown.
    """

    errcode = "ORG.VECHE.NO_ANSWER"


class AnswerTooLargeError(NoAnswerError):
    """The answer is larger than the caller takes."""

    errcode = "ORG.VECHE.ANSWER_TOO_LARGE"


@attrs.frozen
class Answer:
    """The server's answer.

    Attributes:
        headers: By lower-case name; of a repeated one the last.
    """

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes


class Connections:
    """Connections to one server, reused."""

    def __init__(
        self, reactor: IReactorTime, base_url: str, *, connections_max: int = CONNECTIONS_MAX
    ) -> None:
        """Make the pool; the first request connects.

        Args:
            reactor: Clock and network.
            base_url: ``http://host:port`` or ``https://host``, with nothing after it.
            connections_max: How many may be open.

        Raises:
            ConfigError: The URL has another form.
        """
        url = split_address(base_url)
        if url.scheme not in {"http", "https"} or not url.hostname or url.path.strip("/"):
            raise ConfigError(f"{base_url} is not of the form http://host:port")
        self._reactor = reactor
        self._is_tls = url.scheme == "https"
        self._hostname = url.hostname
        self._port = url.port or (443 if self._is_tls else 80)
        self.host = url.netloc.encode()
        self._connections_max = connections_max
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()
        self._opening = 0
        self._waiting: collections.deque[Deferred[None]] = collections.deque()
        self._is_closed = False

    async def request(
        self,
        method: bytes,
        target: bytes,
        head: bytes,
        body: bytes | None,
        *,
        timeout_s: float,
        answer_bytes_max: int,
    ) -> Answer:
        r"""Send one request and read the whole answer.

        Args:
            method: In capitals.
            target: Path and query, quoted.
            head: Header lines, each ended by ``\\r\\n``, without host and length.
            body: Or None for a request without one.
            timeout_s: From now until the answer is complete.
            answer_bytes_max: Largest body that is read.

        Raises:
            NoAnswerError: There is no complete answer.
            AnswerTooLargeError: It is too large; the connection was closed.
        """
        length = b"" if body is None else b"Content-Length: %d\r\n" % len(body)
        request = b"%b %b HTTP/1.1\r\nHost: %b\r\n%b%b\r\n%b" % (
            method,
            target,
            self.host,
            head,
            length,
            body or b"",
        )
        deadline_s = self._reactor.seconds() + timeout_s
        connection = await self._take(deadline_s)
        was_used = connection.is_used
        try:
            return await connection.exchange(request, deadline_s, answer_bytes_max)
        except _UnusedConnectionLostError:
            # The server closed an idle connection just as we wrote: it has not read the request.
            if not (was_used and method in _REPEATABLE):
                raise
        connection = await self._open_new(deadline_s)
        return await connection.exchange(request, deadline_s, answer_bytes_max)

    async def close(self) -> None:
        """Close every connection; what waits for an answer gets none."""
        self._is_closed = True
        ended = [connection.ended() for connection in self._open]
        for connection in list(self._open):
            connection.abort()
        for one in ended:
            await one
        while self._waiting:
            self._waiting.popleft().callback(None)

    async def _take(self, deadline_s: float) -> _Connection:
        while True:
            if self._is_closed:
                raise NoAnswerError("the client is closed", retry_after_ms=RETRY_AFTER_MS)
            while self._idle:
                connection = self._idle.pop()
                if self._reactor.seconds() - connection.idle_since_s < IDLE_S_MAX:
                    return connection
                connection.abort()
            if len(self._open) + self._opening < self._connections_max:
                return await self._open_new(deadline_s)
            if len(self._waiting) >= WAITING_MAX:
                raise NoAnswerError("too many requests wait", retry_after_ms=RETRY_AFTER_MS)
            await self._wait(deadline_s)

    async def _wait(self, deadline_s: float) -> None:
        turn: Deferred[None] = Deferred(self._waiting.remove)
        turn.addTimeout(max(0.0, deadline_s - self._reactor.seconds()), self._reactor)
        self._waiting.append(turn)
        try:
            await turn
        except DeferredTimeoutError as e:
            raise NoAnswerError("no connection in time", retry_after_ms=RETRY_AFTER_MS) from e

    async def _open_new(self, deadline_s: float) -> _Connection:
        self._opening += 1
        connection: Any = None
        try:
            timeout_s = min(CONNECT_TIMEOUT_S, max(0.001, deadline_s - self._reactor.seconds()))
            connecting = cancellable(self._endpoint().connect(_Connecting(self)))
            connection = await connecting.addTimeout(timeout_s, self._reactor)
        except (ConnectError, DNSLookupError, DeferredTimeoutError, OSError) as e:
            raise NoAnswerError(
                f"no connection to {self._hostname}: {type(e).__name__}",
                retry_after_ms=RETRY_AFTER_MS,
            ) from e
        finally:
            self._opening -= 1
            if connection is None:
                self._next()  # not before: whoever waits counts what is being opened
        return connection  # type: ignore[no-any-return]  # what _Connecting built

    def _endpoint(self) -> IStreamClientEndpoint:
        plain = HostnameEndpoint(self._reactor, self._hostname, self._port)
        if not self._is_tls:
            return plain
        endpoint: IStreamClientEndpoint = wrapClientTLS(optionsForClientTLS(self._hostname), plain)
        return endpoint

    def opened(self, connection: _Connection) -> None:
        """A connection is up."""
        self._open.add(connection)

    def lost(self, connection: _Connection) -> None:
        """A connection ended."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._next()

    def free(self, connection: _Connection) -> None:
        """A connection may be used again."""
        self._idle.append(connection)
        self._next()

    def _next(self) -> None:
        if self._waiting:
            self._waiting.popleft().callback(None)

    def seconds(self) -> float:
        """The clock."""
        return self._reactor.seconds()

    def call_later(self, delay_s: float, connection: _Connection) -> IDelayedCall:
        """Have a connection give up."""
        return self._reactor.callLater(max(0.0, delay_s), connection.time_up)


class _UnusedConnectionLostError(NoAnswerError):
    """A connection was lost before any byte of the answer came."""


@attrs.define
class _Pending:
    """An answer that is awaited."""

    answer: Deferred[Answer]
    bytes_max: int
    is_begun: bool = False


class _Connecting(Factory):
    noisy = False

    def __init__(self, owner: Connections) -> None:
        self._owner = owner

    def buildProtocol(self, addr: object) -> _Connection:
        del addr
        return _Connection(self._owner)


class _Connection(Protocol):
    """One connection, one request at a time."""

    def __init__(self, owner: Connections) -> None:
        self._owner = owner
        self._pending: _Pending | None = None
        self._reader: AnswerReader | None = None
        self._alarm: IDelayedCall | None = None
        self._ended: list[Deferred[None]] = []
        self._is_lost = False
        self.is_used = False
        self.idle_since_s = 0.0

    def connectionMade(self) -> None:
        """Twisted says that it is up."""
        link: Any = self.transport  # TCP or TLS; its type knows only what all transports have
        link.setTcpNoDelay(True)
        self._write = writer_of(link)
        self._owner.opened(self)

    async def exchange(self, request: bytes, deadline_s: float, bytes_max: int) -> Answer:
        """Write a request, read the answer."""
        if self._is_lost:
            raise _UnusedConnectionLostError("the connection broke", retry_after_ms=RETRY_AFTER_MS)
        answer: Deferred[Answer] = Deferred(lambda _: self.abort())
        self._pending = _Pending(answer, bytes_max)
        self._reader = AnswerReader(bytes_max)
        self._alarm = self._owner.call_later(deadline_s - self._owner.seconds(), self)
        self._write(request)
        return await answer

    def dataReceived(self, data: bytes) -> None:
        """Twisted brings some bytes."""
        pending, reader = self._pending, self._reader
        if pending is None or reader is None:
            self.abort()  # an answer to nothing
            return
        pending.is_begun = True
        try:
            answer = reader.read(data)
        except ValueError as e:
            self._fail(NoAnswerError(f"not HTTP: {e}", retry_after_ms=RETRY_AFTER_MS))
            self.abort()
            return
        except AnswerTooLargeError as e:
            self._fail(e)
            self.abort()
            return
        if answer is not None:
            self._finish(answer, reader.is_persistent)

    def _finish(self, answer: Answer, is_persistent: bool) -> None:
        pending = self._settle()
        if pending is None:
            return
        self.is_used = True
        if is_persistent and not self._is_lost:
            self.idle_since_s = self._owner.seconds()
            self._owner.free(self)
        else:
            self.abort()
        if not pending.answer.called:
            pending.answer.callback(answer)

    def _fail(self, error: NoAnswerError) -> None:
        pending = self._settle()
        if pending is not None and not pending.answer.called:
            pending.answer.errback(Failure(error))

    def _settle(self) -> _Pending | None:
        pending, self._pending, self._reader = self._pending, None, None
        alarm, self._alarm = self._alarm, None
        if alarm is not None and alarm.active():
            alarm.cancel()
        return pending

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Twisted says that it ended."""
        self._is_lost = True
        pending, reader = self._pending, self._reader
        if pending is not None and reader is not None:
            answer = reader.end() if reason is not None and reason.check(ConnectionDone) else None
            if answer is not None:
                self._finish(answer, is_persistent=False)
            else:
                kind = NoAnswerError if pending.is_begun else _UnusedConnectionLostError
                self._fail(kind("the connection broke", retry_after_ms=RETRY_AFTER_MS))
        self._owner.lost(self)
        ended, self._ended = self._ended, []
        for one in ended:
            one.callback(None)

    def time_up(self) -> None:
        """The answer did not come in time."""
        self._fail(NoAnswerError("no answer in time", retry_after_ms=RETRY_AFTER_MS))
        self.abort()

    def abort(self) -> None:
        """Close it at once."""
        if not self._is_lost:
            link: Any = self.transport
            link.abortConnection()

    def ended(self) -> Deferred[None]:
        """Fires when it is closed."""
        one: Deferred[None] = Deferred()
        self._ended.append(one)
        return one


class AnswerReader:
    """Reads one answer from the bytes of a connection."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._buffer = b""
        self._status = 0
        self._headers: dict[bytes, bytes] = {}
        self._length: int | None = None
        self._is_chunked = False
        self._chunks: list[bytes] | None = None
        self._chunk_bytes = 0
        self.is_persistent = True

    def read(self, data: bytes) -> Answer | None:
        """Take some bytes; the answer once it is complete."""
        self._buffer = self._buffer + data if self._buffer else data
        while not self._status:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > HEAD_BYTES_MAX:
                    raise ValueError("the head is too large")
                return None
            head, self._buffer = self._buffer[:end], self._buffer[end + 4 :]
            self._read_head(head)
        return self._read_chunks() if self._is_chunked else self._read_plain()

    def end(self) -> Answer | None:
        """The connection was closed: the answer if that is what ends it."""
        if self._status and self._length is None and not self._is_chunked:
            return self._answer(self._buffer)
        return None

    def _read_head(self, head: bytes) -> None:
        first, *lines = head.split(b"\r\n")
        if first[:7] != b"HTTP/1." or not first[9:12].isdigit():
            raise ValueError("no status line")
        status = int(first[9:12])
        if status in _INFORMATIONAL:
            return
        headers = self._headers
        for line in lines:
            name, colon, value = line.partition(b":")
            if not colon:
                raise ValueError("a header without a colon")
            headers[name.lower()] = value.strip()
        self._status = status
        self.is_persistent = first[:8] == b"HTTP/1.1" and (
            headers.get(b"connection", b"").lower() != b"close"
        )
        if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
            self._is_chunked = True
            self._chunks = []
        elif status in _NO_BODY:
            self._length = 0
        elif b"content-length" in headers:
            if not headers[b"content-length"].isdigit():
                raise ValueError("no length")
            self._length = int(headers[b"content-length"])
            self._check(self._length)
        else:
            self.is_persistent = False

    def _read_plain(self) -> Answer | None:
        length = self._length
        if length is None:
            self._check(len(self._buffer))
            return None
        if len(self._buffer) < length:
            return None
        if len(self._buffer) > length:
            self.is_persistent = False  # bytes that nobody asked for
        return self._answer(self._buffer[:length])

    def _read_chunks(self) -> Answer | None:
        chunks = self._chunks
        if chunks is None:
            raise ValueError("no chunks")
        while True:
            end = self._buffer.find(b"\r\n")
            if end < 0:
                if len(self._buffer) > HEAD_BYTES_MAX:
                    raise ValueError("a chunk without a size")
                return None
            size = int(self._buffer[:end].partition(b";")[0], 16)
            if size < 0:
                raise ValueError("a negative size")
            if size == 0:
                return self._read_trailer(end, chunks)
            self._check(self._chunk_bytes + size)
            if len(self._buffer) < end + 2 + size + 2:
                return None
            if self._buffer[end + 2 + size : end + 4 + size] != b"\r\n":
                raise ValueError("a chunk of another size than it says")
            chunks.append(self._buffer[end + 2 : end + 2 + size])
            self._chunk_bytes += size
            self._buffer = self._buffer[end + 2 + size + 2 :]

    def _read_trailer(self, end: int, chunks: list[bytes]) -> Answer | None:
        rest = self._buffer[end:]
        if rest[:4] == b"\r\n\r\n":
            if len(rest) > 4:  # noqa: PLR2004 -- the length of what was compared
                self.is_persistent = False
            return self._answer(b"".join(chunks))
        if b"\r\n\r\n" in rest:
            self.is_persistent = False
            return self._answer(b"".join(chunks))
        if len(rest) > HEAD_BYTES_MAX:
            raise ValueError("the trailer is too large")
        return None

    def _check(self, size: int) -> None:
        if size > self._bytes_max:
            raise AnswerTooLargeError(
                f"the answer has more than {self._bytes_max} bytes", retry_after_ms=RETRY_AFTER_MS
            )

    def _answer(self, body: bytes) -> Answer:
        return Answer(self._status, self._headers, body)
