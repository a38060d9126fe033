"""``twisted.mail`` as a bridge needs it: every override is here, with its reason.

- Server: a line that is too long, or that has a bare CR or LF, ends the connection.
- Server: a commit that fails answers 451, so that the sender tries again; mail that is never
  taken answers 554. Twisted answers 550 to both.
- Server: SIZE and 8BITMIME are offered, and the size is enforced; nothing logs addresses.
- Client: a send that is cancelled ends in silence.
- Client: octets go out as they are: dots are stuffed once, over the whole message.
"""

# Most of twisted.mail has no types.
# mypy: disable-error-code="no-untyped-call, union-attr"

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.mail import smtp
from zope.interface import implementer

from bridges.core.errors import AwayError, PermanentError, TemporaryError, UncertainError
from bridges.mail.core import MAIL_BYTES_MAX, UnreadableError
from veche.runtime import metrics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Commit = Callable[[str, str, bytes], Awaitable[None]]
    """Takes envelope sender, recipient and mail; it returns once all is committed."""

SERVER_TIMEOUT_S: Final = 120
CLIENT_TIMEOUT_S: Final = 20
CONNECTIONS_MAX: Final = 50
"""At once, of the operator's server; each may hold one mail of the largest size in memory."""
_GOOD: Final = 250
_TEMPORARY: Final = range(400, 500)

_refused = metrics.counter(
    "veche_bridge_mail_refused_total",
    "Mail that was refused, by why: address, size, unreadable, framing, busy, or later.",
    ["why"],
)


class _Server(smtp.ESMTP):
    noisy = False
    timeout = SERVER_TIMEOUT_S

    def extensions(self) -> dict[bytes, Any]:
        return {**super().extensions(), b"SIZE": [b"%d" % MAIL_BYTES_MAX], b"8BITMIME": None}

    def lineLengthExceeded(self, line: bytes) -> None:
        del line
        self._end(500, b"5.5.6 Line too long")

    def lineReceived(self, line: bytes) -> None:
        if b"\n" in line or b"\r" in line:  # RFC 5321, 2.3.8
            self._end(521, b"5.5.2 Bare CR or LF")
            return
        super().lineReceived(line)

    def connectionLost(self, reason: Any = connectionDone) -> None:
        self.factory.open_count -= 1
        super().connectionLost(reason)

    def _end(self, code: int, words: bytes) -> None:
        _refused.labels("framing").inc()
        self.sendCode(code, words)
        self.transport.loseConnection()

    def _messageHandled(self, results: list[tuple[bool, Any]]) -> None:
        failures = [result for is_good, result in results if not is_good]
        if not failures:
            self.sendCode(_GOOD, b"2.0.0 Taken")
        elif all(isinstance(one.value, UnreadableError) for one in failures):
            _refused.labels("unreadable").inc()
            self.sendCode(554, b"5.6.0 It cannot be read")
        else:
            _refused.labels("later").inc()
            self.sendCode(451, b"4.3.0 Not stored, please try again")


@implementer(smtp.IMessage)
class _Message:
    def __init__(self, sender: str, recipient: str, commit: Commit) -> None:
        self._sender, self._recipient, self._commit = sender, recipient, commit
        self._lines: list[bytes] = []
        self._size = 0

    def lineReceived(self, line: bytes) -> None:
        self._size += len(line) + 2
        if self._size > MAIL_BYTES_MAX:
            if self._lines:
                _refused.labels("size").inc()
            self._lines = []
            raise smtp.SMTPServerError(552, b"5.3.4 Mail too big")
        self._lines.append(line)

    def eomReceived(self) -> Deferred[None]:
        raw = b"\r\n".join([*self._lines, b""])
        return Deferred.fromCoroutine(_awaited(self._commit(self._sender, self._recipient, raw)))

    def connectionLost(self) -> None:
        self._lines = []


async def _awaited(work: Awaitable[None]) -> None:
    await work


@implementer(smtp.IMessageDelivery)
class _Delivery:
    def __init__(self, accepts: Callable[[str], bool], commit: Commit) -> None:
        self._accepts, self._commit, self._sender = accepts, commit, ""

    def receivedHeader(self, helo: Any, origin: Any, recipients: Any) -> None:
        """Add nothing: the operator's server did."""

    def validateFrom(self, helo: Any, origin: Any) -> Any:  # noqa: ARG002 -- Twisted's
        self._sender = str(origin)  # empty for reports
        return origin

    def validateTo(self, user: Any) -> Callable[[], _Message]:
        recipient = str(user.dest).lower()
        if not self._accepts(recipient):
            _refused.labels("address").inc()
            raise smtp.SMTPBadRcpt(user, resp="5.1.1 No such address")
        return lambda: _Message(self._sender, recipient, self._commit)


class Factory(smtp.SMTPFactory):
    """Takes mail."""

    protocol = _Server
    noisy = False

    def __init__(self, accepts: Callable[[str], bool], commit: Commit) -> None:
        """Make it from what says which addresses there are, and what takes a mail."""
        super().__init__()
        self._accepts, self._taken = accepts, commit
        self.open_count = 0

    def buildProtocol(self, addr: Any) -> Any:
        """Serve a connection; with too many, end it."""
        if self.open_count >= CONNECTIONS_MAX:
            _refused.labels("busy").inc()
            return None
        self.open_count += 1
        protocol = super().buildProtocol(addr)
        protocol.delivery = _Delivery(self._accepts, self._taken)
        return protocol


class _Sender(smtp.ESMTPSender):
    def transformChunk(self, chunk: bytes) -> bytes:
        self.resetTimeout()
        return chunk


class _SenderFactory(smtp.ESMTPSenderFactory):
    protocol = _Sender
    noisy = False

    def _processConnectionError(self, connector: Any, err: Any) -> None:
        # Without this, a connection that ends after its send was cancelled is an unhandled error.
        if hasattr(self, "result"):
            super()._processConnectionError(connector, err)


def wire(raw: bytes) -> bytes:
    """``raw`` with CRLF line ends and stuffed dots, over the whole message."""
    lines = re.split(rb"\r\n|\r|\n", raw.rstrip(b"\r\n"))
    return b"\r\n".join(b"." + one if one.startswith(b".") else one for one in lines) + b"\r\n"


async def send(reactor: Any, relay: tuple[str, int], sender: str, to: str, raw: bytes) -> None:
    """Hand one mail to the relay.

    Raises:
        AwayError: It was not reached.
        TemporaryError: It said 4xx.
        PermanentError: It said 5xx.
        UncertainError: The connection broke before its answer.
    """
    done: Deferred[Any] = Deferred()
    factory = _SenderFactory(
        None,
        None,
        sender,
        to,
        BytesIO(wire(raw)),
        done,
        retries=0,
        timeout=CLIENT_TIMEOUT_S,
        requireAuthentication=False,
        requireTransportSecurity=False,
    )
    reactor.connectTCP(*relay, factory, timeout=CLIENT_TIMEOUT_S)
    try:
        await done
    except smtp.SMTPConnectError as e:
        raise AwayError("the mail server is not reached") from e
    except smtp.SMTPClientError as e:
        if e.code in _TEMPORARY:
            raise TemporaryError(f"the mail server said {e.code}") from e
        if e.code >= _TEMPORARY.stop:
            raise PermanentError(f"the mail server said {e.code}") from e
        raise UncertainError("the mail server gave no answer") from e
