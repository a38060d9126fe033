"""The room of a chat: made once, by the ghost, with the bot of the bridge and the office's bot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs
from twisted.internet.task import deferLater

from bridges.core.ids import portal_alias
from bridges.core.model import PortalKey
from bridges.host import store
from bridges.host.store import PortalId
from veche.messaging.jobs import Job, schedule
from veche.protocol.errors import UnavailableError
from veche.protocol.ids import RoomId, UserId, effect_id
from veche.runtime.matrix.client import MatrixError, path
from veche.runtime.matrix.rooms import RoomPlan, join

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridges.core.model import BridgeName
    from bridges.host.ports import BotPorts
    from bridges.host.store import Portal
    from veche.messaging.service import BotAccount
    from veche.protocol.errors import RefusedError
    from veche.runtime.database import Cursor

KIND: Final = "bridges.portal"
LOOK_S: Final = 0.2
LOOKS_MAX: Final = 50
"""How often it is looked whether the office's bot has come, each ``LOOK_S``, before a new try."""
BRIDGE_STATES: Final = ("m.bridge", "uk.half-shot.bridge")


@attrs.frozen
class Network:
    """One network, as the host knows it.

    Attributes:
        name: Of the network.
        bot: Of the bridge.
        secret: Makes ids that tell nobody an address.
        carries_files: Whether it sends files.
    """

    name: BridgeName
    bot: BotAccount
    secret: bytes = attrs.field(repr=False)
    carries_files: bool


def order(txn: Cursor, id_: PortalId, now_ms: int) -> None:
    """Have the room of a chat made."""
    payload = {"bridge": id_.bridge, "portal": id_.portal, "receiver": id_.receiver}
    schedule(txn, Job(effect_id(KIND, *id_.key), KIND, payload, now_ms))


@attrs.frozen
class MakePortal:
    """Makes the room of a chat; each step may have been done before.

    Attributes:
        host: The process.
        networks: By their codes.
        opened: What only the bridge knows of a chat.
        made: Says in the room what has waited for it.
    """

    host: BotPorts
    networks: Mapping[str, Network]
    opened: Callable[[Portal], Mapping[str, Any]]
    made: Callable[[Cursor, Portal, int], None]

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Make the ghost and the room, and bring everybody in."""
        portal = await self.host.database.run("bridges.portal", store.read_portal, _id(job))
        if portal is None:
            raise UnavailableError("the chat is not kept yet", retry_after_ms=1_000)
        network = self.networks[portal.id.bridge]
        known = self.opened(portal)
        await self._make_ghost(portal.ghost, f"{known['name']} ({network.name.display_name})")
        room_id = await self._make_room(portal, network, PortalKey(known["id"], portal.id.receiver))
        bot = network.bot.user_id
        await self._invite(portal.ghost, room_id, bot)
        await join(self.host.client, bot, self.host.device_id(bot), room_id)
        await self._invite(portal.ghost, room_id, portal.office_bot)
        await self._wait_for(portal.ghost, room_id, portal.office_bot)
        await self.host.rooms.look(bot, room_id)
        return {"room": room_id}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Say what has waited for the room."""
        id_ = _id(job)
        store.lock_portal(txn, id_)
        store.set_room(txn, id_, RoomId(result["room"]))
        portal = store.read_portal(txn, id_)
        assert portal is not None  # noqa: S101 -- chats are never removed
        self.made(txn, portal, now_ms)

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:
        """Leave it: what was written waits for an operator."""

    async def _make_ghost(self, ghost: UserId, name: str) -> None:
        localpart = ghost[1:].partition(":")[0]
        body = {
            "type": "m.login.application_service",
            "username": localpart,
            "inhibit_login": True,
        }
        try:
            await self.host.client.call("POST", path("register"), body=body)
        except MatrixError as e:
            if e.errcode != "M_USER_IN_USE":
                raise
        try:
            await self.host.client.call(
                "PUT", path("profile", ghost, "displayname"), user=ghost, body={"displayname": name}
            )
        except MatrixError as e:
            if e.errcode != "M_FORBIDDEN":
                raise  # else it looks like the name of an office, and they go without one

    async def _make_room(self, portal: Portal, network: Network, key: PortalKey) -> RoomId:
        alias = portal_alias(network.name.network, key, network.secret)
        plan = RoomPlan(initial_state=_advert(portal, network))
        ghost, client = portal.ghost, self.host.client
        try:
            answer = await client.call(
                "POST", path("createRoom"), user=ghost, body=plan.body(alias)
            )
        except MatrixError as e:
            if e.errcode != "M_ROOM_IN_USE":
                raise
            where = path("directory", "room", f"#{alias}:{self.host.server_name}")
            answer = await client.call("GET", where, user=ghost)
        return RoomId(str(answer["room_id"]))

    async def _invite(self, ghost: UserId, room_id: RoomId, whom: UserId) -> None:
        if await self._membership(ghost, room_id, whom) not in {"invite", "join"}:
            where, body = path("rooms", room_id, "invite"), {"user_id": whom}
            await self.host.client.call("POST", where, user=ghost, body=body)

    async def _wait_for(self, ghost: UserId, room_id: RoomId, whom: UserId) -> None:
        """Wait until somebody is in the room: what is said before never reaches their service.

        Raises:
            UnavailableError: They do not come: the job is done again.
        """
        for _ in range(LOOKS_MAX):
            if await self._membership(ghost, room_id, whom) == "join":
                return
            await deferLater(self.host.reactor, LOOK_S)
        raise UnavailableError(f"{whom} does not come", retry_after_ms=1_000)

    async def _membership(self, ghost: UserId, room_id: RoomId, whom: UserId) -> str:
        where = path("rooms", room_id, "state", "m.room.member", whom)
        try:
            state = await self.host.client.call("GET", where, user=ghost)
        except MatrixError as e:
            if e.errcode != "M_NOT_FOUND":
                raise
            return ""
        return str(state.get("membership"))


@attrs.frozen
class EndParts:
    """Passes a message on some of whose parts have not come.

    Attributes:
        ended: Does so in a chat, for the message with a key.
    """

    ended: Callable[[Cursor, Portal, str, int], None]

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Do nothing outside."""
        del job
        return {}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Pass it on."""
        del result
        id_ = _id(job)
        store.lock_portal(txn, id_)
        portal = store.read_portal(txn, id_)
        if portal is not None:
            self.ended(txn, portal, job.payload["message"], now_ms)

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:
        """Nobody refuses it."""


def _id(job: Job) -> PortalId:
    given = job.payload
    return PortalId(given["bridge"], given["portal"], given["receiver"])


def _advert(portal: Portal, network: Network) -> list[Mapping[str, Any]]:
    """Say in the room that it is bridged (MSC2346); state is never encrypted, so not to whom."""
    name = network.name
    content = {
        "bridgebot": network.bot.user_id,
        "creator": portal.ghost,
        "protocol": {"id": name.network, "displayname": name.display_name},
        "channel": {"id": portal.id.portal[:16]},
        "com.beeper.room_type": "dm",
    }
    key = f"org.veche.{name.network}"
    return [{"type": kind, "state_key": key, "content": content} for kind in BRIDGE_STATES]
