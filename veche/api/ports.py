"""The parts that a process gives a service for its share of the public site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from veche.access.approvals import Approvals
    from veche.access.sessions import Sessions
    from veche.acts import ActLog
    from veche.acts.heads import ActHeads
    from veche.acts.witnesses.asking import Witnesses
    from veche.api.gate import Gate
    from veche.runtime.live import Live
    from veche.runtime.matrix.client import MatrixClient


class PagePorts(Protocol):
    """The port of a process to the routes of its services; there is one only where there are pages.

    Attributes:
        server_name: Of the homeserver.
        client: To the homeserver.
        gate: Before the APIs, with the database and the clock.
        live: Those who wait for news.
        sessions: Of persons on pages.
        approvals: Keys of persons, and what they approve with them.
        act_log: Commits the acts of organisations.
        act_heads: Signs the heads of their logs; ``witnesses`` vouch for these and others.
        embedders: Whose frames may hold widgets.
        public_url: Origin of the pages.
    """

    server_name: str
    client: MatrixClient
    gate: Gate
    live: Live
    sessions: Sessions
    approvals: Approvals
    act_log: ActLog
    act_heads: ActHeads
    witnesses: Witnesses
    embedders: tuple[str, ...]
    public_url: str | None

    @property
    def service_names(self) -> frozenset[str]:
        """The services that the configuration has this process carry."""
