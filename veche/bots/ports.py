"""The parts that a process gives its bots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from veche.runtime.process import Process

if TYPE_CHECKING:
    from veche.access.approvals import Approvals
    from veche.acts import ActLog
    from veche.acts.heads import ActHeads
    from veche.acts.histories import Logs
    from veche.acts.witnesses.asking import Witnesses
    from veche.protocol.ids import DeviceId, UserId
    from veche.runtime.matrix.client import MatrixClient
    from veche.runtime.matrix.rooms import Rooms
    from veche.runtime.web.public import PageLinks


class BotPorts(Process, Protocol):
    """The port of a process to its bots.

    Attributes:
        bridges: Bots that speak for people of other networks.
        dsn: Of the database, for connections of one's own.
        client: To the homeserver.
        rooms: Reads and keeps the state of rooms.
        act_log: Commits the acts of organisations.
        act_heads: Signs the heads of their logs.
        witnesses: Vouch for the heads of logs.
        logs: Makes sure that no log falls behind what it signed.
        approvals: Keys of persons, and what they approve with them.
        links: Makes links to pages, None if there are none.
        public_url: Origin of the pages, None if there are none.
    """

    bridges: frozenset[UserId]
    dsn: str
    client: MatrixClient
    rooms: Rooms
    act_log: ActLog
    act_heads: ActHeads
    witnesses: Witnesses
    logs: Logs
    approvals: Approvals
    links: PageLinks | None
    public_url: str | None

    def device_id(self, bot: UserId) -> DeviceId:
        """Return the device of a bot.

        Raises:
            UnavailableError: Another process speaks for the bot now.
        """
