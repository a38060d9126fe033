"""Connections: attempts that whoever asked can end, and writing without a round of the reactor."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from twisted.internet import tcp
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel

if TYPE_CHECKING:
    from collections.abc import Callable


class Channel(HTTPChannel):
    """A connection to a site: what is begun on it has to arrive."""

    def resetTimeout(self) -> None:
        """Go on waiting for a request that is coming; its first line has to come at once."""
        if self.requests:
            super().resetTimeout()  # type: ignore[no-untyped-call]  # Twisted: not annotated

    def timeoutConnection(self) -> None:
        """Nothing came for long."""
        if self.requests:
            self.requests[-1].too_slow()
        else:
            super().timeoutConnection()  # type: ignore[no-untyped-call]  # Twisted: not annotated


def cancellable(connecting: Deferred[Any]) -> Deferred[Any]:
    """An attempt to connect that fails with ``CancelledError`` if it is cancelled.

    Twisted's own fails with ``ConnectingCancelledError``, or with ``DNSLookupError`` if it was
    looking the name up, as if nobody had asked it to end.
    """
    is_cancelled = False

    def cancel(_: Deferred[Any]) -> None:
        nonlocal is_cancelled
        is_cancelled = True
        connecting.cancel()

    def end(result: Any) -> None:
        if not is_cancelled:
            attempt.callback(result)
        elif not isinstance(result, Failure):
            result.abort()  # it came at the last moment, and nobody wants it

    attempt: Deferred[Any] = Deferred(cancel)
    connecting.addBoth(end)
    return attempt


def writer_of(link: Any) -> Callable[[bytes], None]:
    """Return what writes to a connection, at once while its socket takes everything.

    Twisted waits until the kernel says that the socket has room, as it nearly always has: three
    system calls and a round of the reactor. Nothing else may write to the connection before.
    """
    if not isinstance(link, tcp.Connection) or link.TLS:
        return link.write  # type: ignore[no-any-return]
    handle, is_behind = link.getHandle(), False

    def write(data: bytes) -> None:
        nonlocal is_behind
        sent = 0
        if not is_behind:
            with suppress(OSError):  # full, or broken, which Twisted finds out
                sent = handle.send(data)
        if sent < len(data):
            is_behind = True
            link.write(data[sent:])

    return write
