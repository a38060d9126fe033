"""A bot with its device against a real homeserver and database; rooms are read by hand."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import attrs
from twisted.internet.task import deferLater

from veche.protocol.errors import NotYetError, UnavailableError
from veche.protocol.ids import RoomId, UserId
from veche.runtime.crypto.bot import BotDevice, CryptoParts
from veche.runtime.crypto.core.trust import WithoutIdentity
from veche.runtime.crypto.keys import OperatorKey
from veche.runtime.crypto.locks import Locks
from veche.runtime.crypto.opening import Opened, Opener
from veche.runtime.crypto.tracking import Hooks, People
from veche.runtime.database import Database, DedicatedSession
from veche.runtime.matrix.client import MatrixClient, MatrixError, path
from veche.runtime.matrix.rooms import join
from veche.runtime.ports import NeedsDevices, NotPrepared, WaitsForKey
from veche.runtime.web.http_client import Connections

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.support.synapse import Homeserver
    from veche.runtime.crypto.recovery import Hint
    from veche.runtime.database import Cursor

OPERATOR_KEY = OperatorKey(bytes(range(32)))
WAIT_S = 120.0
_NUMBERS = itertools.count(1)


@attrs.define
class Ports:
    """Notes what encryption asks of the runtime."""

    woken: list[tuple[str, str]] = attrs.Factory(list)
    hints: list[Hint] = attrs.Factory(list)
    is_failing: bool = False

    def wake(
        self, _txn: Cursor, _bot: UserId, room_id: RoomId, session_ids: Sequence[str], _now_ms: int
    ) -> None:
        """Note the sessions that came."""
        self.woken += [(room_id, session_id) for session_id in session_ids]

    def hint(self, _txn: Cursor, _bot: UserId, hint: Hint, _now_ms: int) -> None:
        """Note what a person would be told."""
        if self.is_failing:
            raise UnavailableError("the disk is full", retry_after_ms=1)
        self.hints.append(hint)


class House:
    """One process: a database pool, a client, and one bot's device."""

    def __init__(
        self, server: Homeserver, dsn: str, reactor: Any, bot: str = "@veche_desk:veche.test"
    ) -> None:
        self.reactor = reactor
        self.bot = UserId(bot)
        self.dsn = dsn
        self.database = Database(dsn, reactor)
        self.connections = Connections(reactor, server.url)
        self.client = MatrixClient(self.connections, server.as_token)
        self.people = People(self.database, self.client, reactor)
        self.locks = Locks(DedicatedSession("locks", dsn, reactor))
        self.ports = Ports()
        self.changes: list[bool] = []
        self.opener = Opener(OPERATOR_KEY, self.people)
        parts = CryptoParts(
            reactor,
            self.database,
            self.client,
            self.locks,
            OPERATOR_KEY,
            self.people,
            self.ports,
            WithoutIdentity.SHARE,
            lambda _bot, is_writer: self.changes.append(is_writer),
        )
        self.device = BotDevice(parts, self.bot)

    def now_ms(self) -> int:
        return int(self.reactor.seconds() * 1000)

    async def stop(self) -> None:
        await self.device.stop()
        await self.locks.close()
        await self.connections.close()
        self.database.close()

    async def wait_until(self, is_so: Callable[[], bool], what: str) -> None:
        deadline = self.reactor.seconds() + WAIT_S
        while not is_so():
            if self.reactor.seconds() > deadline:
                raise AssertionError(f"not within {WAIT_S} s: {what}")
            await deferLater(self.reactor, 0.05, lambda: None)

    async def join_invited(self) -> RoomId:
        """Accept the first invitation that comes; the room, its state stored."""
        deadline = self.reactor.seconds() + WAIT_S
        for number in _NUMBERS:
            if self.reactor.seconds() > deadline:
                break
            # Never the same request twice: Synapse would give the same stored answer.
            query = {"timeout": "0", "filter": json.dumps({"account_data": {"limit": number}})}
            answer = await self.client.call("GET", path("sync"), user=self.bot, query=query)
            for room_id in answer.get("rooms", {}).get("invite", {}):
                if await self._join(RoomId(room_id)):
                    return RoomId(room_id)
            await deferLater(self.reactor, 0.1, lambda: None)
        raise AssertionError("no invitation came")

    async def _join(self, room_id: RoomId) -> bool:
        """Go in; False while the server of whoever invited does not know of it yet."""
        try:
            await join(self.client, self.bot, self.device.device_id, room_id)
        except NotYetError:
            return False
        await self.look(room_id)
        return True

    async def look(self, room_id: RoomId) -> None:
        """Store members and encryption of a room, as the tracking of rooms does."""
        members = await self.client.call("GET", path("rooms", room_id, "members"), user=self.bot)
        rows = [
            (room_id, event["state_key"], event["content"]["membership"])
            for event in members["chunk"]
        ]
        encryption = await self.client.call(
            "GET", path("rooms", room_id, "state", "m.room.encryption"), user=self.bot
        )
        await self.database.run("test", _store_room, room_id, rows, encryption)

    async def create_room(self, invite: Sequence[str]) -> RoomId:
        """An encrypted room of the bot."""
        content = {"algorithm": "m.megolm.v1.aes-sha2"}
        state = [{"type": "m.room.encryption", "state_key": "", "content": content}]
        body = {"preset": "private_chat", "invite": list(invite), "initial_state": state}
        answer = await self.client.call("POST", path("createRoom"), user=self.bot, body=body)
        room_id = RoomId(answer["room_id"])
        await self.look(room_id)
        return room_id

    async def read(self, room_id: RoomId, event_id: str) -> Opened:
        """Open an event, waiting for its key and asking for devices as the inbox does."""
        event = {**await self.event(room_id, event_id), "room_id": room_id}
        deadline = self.reactor.seconds() + WAIT_S
        while True:
            try:
                return await self.database.run("test", self.opener, self.bot, event)
            except NeedsDevices as e:
                await self.people.refresh(self.bot, [e.user_id])
            except WaitsForKey:
                if self.reactor.seconds() > deadline:
                    raise
                await deferLater(self.reactor, 0.1, lambda: None)

    async def event(self, room_id: RoomId, event_id: str) -> dict[str, Any]:
        """An event as the homeserver has it; what another server sends comes a little later."""
        deadline = self.reactor.seconds() + WAIT_S
        while True:
            try:
                where = path("rooms", room_id, "event", event_id)
                return await self.client.call("GET", where, user=self.bot)
            except MatrixError as e:
                if e.errcode != "M_NOT_FOUND" or self.reactor.seconds() > deadline:
                    raise
                await deferLater(self.reactor, 0.1, lambda: None)

    async def say(self, room_id: RoomId, effect: str, body: str, **more: Any) -> str:
        """Seal and send as the outbox does; the event id."""
        content = {"msgtype": "m.text", "body": body, **more}
        sealed = await self.seal(room_id, content)
        return await self.send_sealed(room_id, effect, sealed)

    async def seal(
        self, room_id: RoomId, content: Any, beside: Any = None, event_type: str = "m.room.message"
    ) -> Any:
        sealer = self.device.sealer
        for _ in range(3):
            await sealer.prepare(room_id, self.now_ms())
            try:
                return await self.database.run(
                    "test", sealer.seal, room_id, event_type, content, beside or {}, self.now_ms()
                )
            except NotPrepared:
                continue
        raise AssertionError("never prepared")

    async def send_sealed(self, room_id: RoomId, effect: str, sealed: Any) -> str:
        await self.device.sealer.deliver(room_id)
        answer = await self.client.call(
            "PUT",
            path("rooms", room_id, "send", "m.room.encrypted", effect),
            user=self.bot,
            device=self.device.device_id,
            body=sealed,
        )
        return str(answer["event_id"])


def _store_room(
    txn: Cursor, room_id: RoomId, rows: Sequence[tuple[str, str, str]], encryption: Any
) -> None:
    for row in rows:
        txn.execute(
            "INSERT INTO runtime.room_member (room_id, user_id, membership) VALUES (%s, %s, %s)"
            " ON CONFLICT (room_id, user_id) DO UPDATE SET membership = EXCLUDED.membership",
            row,
        )
        Hooks().member(txn, room_id, UserId(row[1]), row[2])
    Hooks().encrypted(txn, room_id, encryption)
