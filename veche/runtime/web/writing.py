"""Writing to a connection at once, where that can be.

Twisted keeps what is written, has the kernel watch the socket, and writes when its loop comes
round: three system calls and a round for what the socket's buffer nearly always has room for. So
here it is given to the socket first; what that does not take goes Twisted's way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet import tcp

if TYPE_CHECKING:
    from twisted.internet.interfaces import ITransport


class Writer:
    """Writes to one connection; nothing else may write to it before it is told to ``stop``."""

    def __init__(self, transport: ITransport | None) -> None:
        """Make it.

        Args:
            transport: Of the connection. Anything but plain TCP is only handed on to.
        """
        link: Any = transport
        self._transport = link
        self._socket = link.getHandle() if _is_plain(link) else None

    def write(self, data: bytes) -> None:
        """Write."""
        if self._socket is not None:
            try:
                sent = self._socket.send(data)
            except OSError:
                sent = 0  # full, or broken, which Twisted finds out
            if sent == len(data):
                return
            # Twisted has the rest: what is written later comes behind it.
            self.stop()
            data = data[sent:]
        self._transport.write(data)

    def stop(self) -> None:
        """Go Twisted's way from now on."""
        self._socket = None


def _is_plain(link: object) -> bool:
    """Whether the bytes on the socket are those that are written."""
    return isinstance(link, tcp.Connection) and not link.TLS
