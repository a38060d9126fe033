"""Resources of a process for its parts: the clock, the database, and when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from twisted.internet.defer import Deferred

    from veche.runtime.database import Database


class Process(Protocol):
    """The port of a process to its parts.

    Attributes:
        server_name: Of the homeserver.
        reactor: Clock, network and threads; its time is the database's.
        database: For transactions.
    """

    server_name: str
    reactor: Any
    database: Database

    def now_ms(self) -> int:
        """Return the moment, UTC."""

    def seed(self, purpose: str) -> bytes:
        """Derive 32 secret bytes for a purpose from the operator key; always the same."""

    def spawn(self, name: str, work: Coroutine[Deferred[Any], Any, None]) -> bool:
        """Start background work, which ends with the process; see ``Tasks.spawn``."""

    def hear(self, channel: str, heard: Callable[[str], None]) -> None:
        """Call ``heard`` with each NOTIFY on a channel; with nothing once some may be missed.

        Only while services are made.
        """

    def at_stop(self, end: Callable[[], Awaitable[None]]) -> None:
        """Have something ended after the background work, before the database."""
