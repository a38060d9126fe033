"""The inbox and the outbox of one process, with small stand-ins for a service and a device.

PostgreSQL and Synapse are real. The service keeps what it is told in a table, in the transaction
in which it is told, and answers by the outbox; the device "encrypts" by hiding the text in base64.
"""

from __future__ import annotations

import base64
import itertools
import json
import random
import secrets
from typing import TYPE_CHECKING, Any, Final, cast

import attrs
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.protocols.policies import WrappingFactory
from twisted.trial.unittest import TestCase

from tests.support.postgres import database, execute
from tests.support.processes import TIMEOUT_S
from veche.acts import Act, ActLog
from veche.acts.heads import ActHeads
from veche.acts.witnesses.asking import Witnesses
from veche.messaging import outbox
from veche.messaging.inbox import store
from veche.messaging.inbox.heal import Healer
from veche.messaging.inbox.intake import Intake
from veche.messaging.inbox.worker import Ports, Worker
from veche.messaging.outbox import store as outbox_store
from veche.messaging.outbox.marks import Marks
from veche.messaging.outbox.sender import OutboxSender
from veche.messaging.service import BotAccount
from veche.protocol.acts import ActClass
from veche.protocol.ids import DeviceId, RoomId, UserId, effect_id
from veche.protocol.inbound import DeviceStanding, PageCommand, Trust
from veche.runtime.config.witnesses import WitnessesSection
from veche.runtime.database import Database
from veche.runtime.database.listener import Listener
from veche.runtime.database.migrate import MigrationSet
from veche.runtime.matrix.client import MatrixClient, MatrixError, path
from veche.runtime.matrix.pushes import Pushes
from veche.runtime.matrix.rooms import Rooms
from veche.runtime.matrix.transactions import Transactions
from veche.runtime.ports import NeedsDevices, WaitsForKey
from veche.runtime.tasks import Tasks
from veche.runtime.web import new_site
from veche.runtime.web.http_client import Connections

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from veche.messaging.inbox.store import Claim, Item
    from veche.messaging.outbox import Relation
    from veche.protocol.ids import EffectId
    from veche.protocol.inbound import Inbound, Incoming, PageAct
    from veche.runtime.database import Cursor
    from veche.runtime.ports import Undelivered

reactor: Any = default_reactor

SERVER_NAME: Final = "veche.test"
SEED: Final = b"l" * 32
"""Of the logs of acts."""
WAIT_S_MAX: Final = 120.0
HIDDEN: Final = "m.room.encrypted"
_numbers = itertools.count(1)


def is_ours(user_id: str) -> bool:
    """The namespace of the tests' registration."""
    return user_id.startswith("@veche_") and user_id.endswith(f":{SERVER_NAME}")


def now_ms() -> int:
    """The moment."""
    return int(reactor.seconds() * 1000)


def new_bot() -> UserId:
    """A bot that no other test has."""
    return UserId(f"@veche_bot{next(_numbers)}_{secrets.token_hex(4)}:{SERVER_NAME}")


async def pause(seconds: float) -> None:
    """Let others work."""
    await deferLater(reactor, seconds, lambda: None)


async def until(condition: Callable[[], Any], what: str, seconds: float = WAIT_S_MAX) -> None:
    """Return once ``condition`` holds."""
    deadline = reactor.seconds() + seconds
    while not condition():
        if reactor.seconds() > deadline:
            raise TimeoutError(what)
        await pause(0.02)


@attrs.define
class FakeService:
    """Keeps what it is told; answers ``ask …`` with ``answer …``.

    Attributes:
        fail: Given an event, raises what the test wants.
        fail_page: Given what was done on a page, raises what the test wants.
    """

    is_answering: bool = True
    fail: Callable[[Inbound], None] = lambda _: None
    fail_page: Callable[[PageAct], None] = lambda _: None
    log: ActLog = attrs.field(factory=lambda: ActLog(bytes(32)))

    def receive(self, txn: Cursor, inbound: Inbound) -> None:
        """Keep it."""
        self.fail(inbound)
        self._keep(txn, inbound, inbound.event_type, inbound.content.get("body"))

    def receive_page(self, txn: Cursor, act: PageAct) -> None:
        """Keep it; what a command says is its body."""
        self.fail_page(act)
        self._keep(txn, act, "page", act.text if isinstance(act, PageCommand) else act.choice)

    def _keep(self, txn: Cursor, inbound: Incoming, kind: str, said: Any) -> None:
        txn.execute(
            "INSERT INTO told (bot, room_id, event_id, sender, kind, body, trust)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (
                inbound.bot,
                inbound.room_id,
                inbound.event_id,
                inbound.sender,
                kind,
                said,
                int(inbound.trust),
            ),
        )
        body = str(said)
        if self.is_answering and body.startswith("ask "):
            content = {"msgtype": "m.text", "body": "answer " + body[4:]}
            self.say(txn, inbound.bot, inbound.room_id, content, cause=inbound.event_id)

    def given_up(self, txn: Cursor, claim: Claim, item: Item, at_ms: int) -> None:
        """Say so, as the hints do."""
        del at_ms
        content = {"msgtype": "m.text", "body": f"gave up {item.event_id}"}
        self.say(txn, claim.bot, claim.room_id, content, cause=f"given up {item.event_id}")

    def doubted(self, txn: Cursor, claim: Claim, item: Item, inbound: Inbound, at_ms: int) -> bool:
        """Say so, as is done of an identity that changed; let everybody hear the message."""
        del at_ms
        if inbound.standing is not DeviceStanding.IDENTITY_CHANGED:
            return False
        content = {"msgtype": "m.text", "body": "who are you?"}
        self.say(txn, claim.bot, claim.room_id, content, cause=f"doubted {item.event_id}")
        return False

    def undelivered(self, txn: Cursor, undelivered: Undelivered) -> None:
        """Keep that."""
        txn.execute(
            "INSERT INTO undelivered VALUES (%s, %s)",
            (undelivered.effect_id, undelivered.reason.value),
        )

    def say(
        self,
        txn: Cursor,
        bot: UserId,
        room_id: RoomId,
        content: Mapping[str, Any],
        *,
        cause: str,
        kind: str = "m.room.message",
        **more: Any,
    ) -> EffectId:
        """Append to the outbox."""
        effect = effect_id(bot, cause)
        outgoing = outbox.Outgoing(bot, room_id, effect, kind, content, **more)
        form = outgoing.form
        act = Act("office", ActClass.MESSAGE, None, "test", "test")
        token = self.log.commit(txn, act, form, now_ms(), ph=form["ph"])
        outbox.append(txn, outgoing, token, now_ms())
        return effect


@attrs.define
class FakeCrypto:
    """Opens and seals by base64; keys can be made to miss.

    Attributes:
        missing: Sessions whose key did not come.
        meanwhile: Called while a row is found to lack its key, with the bot.
        came: Sessions whose key came while a row was put by.
        unknown: People whose devices have to be asked for.
        encrypted: Rooms that were pinned.
        members: What the hooks were told, newest last.
    """

    missing: set[str] = attrs.field(factory=set)
    meanwhile: Callable[[UserId], None] = lambda _: None
    came: set[str] = attrs.field(factory=set)
    unknown: set[str] = attrs.field(factory=set)
    encrypted: set[str] = attrs.field(factory=set)
    visibilities: dict[str, str] = attrs.field(factory=dict)
    member_events: list[tuple[str, str]] = attrs.field(factory=list)
    unreadable_events: list[str] = attrs.field(factory=list)
    refreshed: list[str] = attrs.field(factory=list)

    def open(self, txn: Cursor, bot: UserId, event: Mapping[str, Any], /) -> FakeOpened:
        del txn
        content = event["content"]
        if content["session_id"] in self.missing:
            self.meanwhile(bot)
            raise WaitsForKey(content["session_id"])
        if event["sender"] in self.unknown:
            raise NeedsDevices(event["sender"])
        inside = json.loads(base64.b64decode(content["ciphertext"]))
        return FakeOpened(inside["type"], inside["content"])

    def settled(self, txn: Cursor, bot: UserId) -> None:
        """Nobody is storing keys."""

    def has_come(self, txn: Cursor, bot: UserId, room_id: RoomId, wanted: WaitsForKey) -> bool:
        del txn, bot, room_id
        return wanted.session_id in self.came

    async def refresh(self, bot: UserId, user_ids: Collection[UserId]) -> None:
        del bot
        self.refreshed += user_ids
        self.unknown -= set(user_ids)


@attrs.frozen
class FakeOpened:
    """What was inside."""

    event_type: str
    content: Mapping[str, Any]
    trust: Trust = Trust.VERIFIED
    standing: DeviceStanding = DeviceStanding.VERIFIED


@attrs.frozen
class FakeHooks:
    """Tells the fake crypto."""

    crypto: FakeCrypto

    def encrypted(self, txn: Cursor, room_id: RoomId, content: Mapping[str, Any]) -> None:
        del txn, content
        self.crypto.encrypted.add(room_id)

    def visibility(self, txn: Cursor, room_id: RoomId, visibility: str) -> None:
        del txn
        self.crypto.visibilities[room_id] = visibility

    def member(self, txn: Cursor, room_id: RoomId, user_id: UserId, membership: str) -> None:
        del txn, room_id
        self.crypto.member_events.append((user_id, membership))

    def unreadable(self, txn: Cursor, bot: UserId, event: Mapping[str, Any], at_ms: int) -> None:
        del txn, bot, at_ms
        self.crypto.unreadable_events.append(event["event_id"])


def hidden(event_type: str, content: Mapping[str, Any], session_id: str) -> dict[str, Any]:
    """Content of an ``m.room.encrypted`` event that the fake crypto opens."""
    inside = json.dumps({"type": event_type, "content": dict(content)})
    return {
        "algorithm": "m.megolm.v1.aes-sha2",
        "session_id": session_id,
        "ciphertext": base64.b64encode(inside.encode()).decode(),
    }


@attrs.define
class FakeSealer:
    """Seals with a number that grows, so that sealing twice shows."""

    crypto: FakeCrypto
    device_id: DeviceId
    sealed_count: int = 0
    delivered: list[str] = attrs.field(factory=list)
    prepared: list[str] = attrs.field(factory=list)
    is_device_lost: bool = False

    def is_encrypted(self, txn: Cursor, room_id: RoomId) -> bool:
        del txn
        return room_id in self.crypto.encrypted

    async def prepare(self, room_id: RoomId, at_ms: int) -> None:
        del at_ms
        self.prepared.append(room_id)

    def seal(
        self,
        txn: Cursor,
        room_id: RoomId,
        event_type: str,
        content: Mapping[str, Any],
        beside: Mapping[str, Any],
        at_ms: int,
    ) -> Mapping[str, Any]:
        del txn, room_id, at_ms
        self.sealed_count += 1
        numbered = {**content, "number": self.sealed_count}
        return {**hidden(event_type, numbered, f"out{self.device_id}"), **beside}

    seal_now = seal

    def seal_apart(self, audience: str, *sealed: Any) -> Mapping[str, Any]:
        return {**self.seal(*sealed), "audience": audience}

    async def deliver(self, room_id: RoomId) -> None:
        self.delivered.append(room_id)

    def device_lost(self) -> None:
        self.is_device_lost = True


class Rig:
    """One process of ours."""

    def __init__(
        self,
        dsn: str,
        url: str,
        as_token: str,
        bots: Sequence[UserId],
        hs_token: str = "hs",  # noqa: S107 -- of tests
    ) -> None:
        self.dsn = dsn
        self.bots = list(bots)
        self.accounts = [BotAccount(bot, "Bot", "office") for bot in self.bots]
        self.hs_token = hs_token
        self.service = FakeService()
        self.crypto = FakeCrypto()
        self.database = Database(dsn, reactor)
        self.connections = Connections(reactor, url)
        self.client = MatrixClient(self.connections, as_token)
        self.tasks = Tasks(running_max=100)
        self.marks = Marks()
        hooks = FakeHooks(self.crypto)
        self.rooms = Rooms(self.client, self.database, reactor, hooks, is_ours)
        self.sender = OutboxSender(
            self.database,
            reactor,
            self.tasks,
            self.client,
            self.rooms,
            self.marks,
            random.random,
            ActLog(bytes(32)).outbox_vault,
            ActHeads(Witnesses(self.database, reactor, WitnessesSection()), SERVER_NAME, SEED),
        )
        self.worker = Worker(
            self.database,
            reactor,
            self.tasks,
            dict.fromkeys(self.bots, self.service),
            Ports(
                self.crypto.open,
                self.crypto,
                hooks,
                self.crypto,
                is_ours,
                given_up=self.service.given_up,
                doubted=self.service.doubted,
            ),
            self.rooms,
            self.sender,
        )
        self.intake = Intake(self.database, reactor, self.bots, is_ours, self.worker)
        self.healer = Healer(
            self.database, reactor, self.tasks, self.client, self.bots, is_ours, self.worker
        )
        self.intake.when_to_heal(self.healer.soon)
        self.sealers = {bot: FakeSealer(self.crypto, DeviceId("VECHETEST1")) for bot in self.bots}
        self.listener = Listener(
            dsn,
            reactor,
            {store.CHANNEL: self.worker.wake, outbox_store.CHANNEL: self.sender.announced},
        )
        self.port: Any = None
        self.open: Any = None

    async def start(self, port: int | None = None, *, is_healing: bool = True) -> None:
        """Begin; listen on ``port`` for the homeserver if there is one."""
        await self.prepare()
        if port is not None:
            self.listen(port)
        self.worker.start()
        self.sender.start()
        if is_healing:
            self.healer.start()
        self.listener.start()
        for bot, sealer in self.sealers.items():
            self.sender.use(bot, sealer, self.service)

    async def prepare(self) -> None:
        """The tables of the stand-ins, and the bots."""
        await self.database.run("test", _make_tables)
        await self.database.run("test", store.add_bots, self.accounts)

    def listen(self, port: int) -> None:
        """Take what the homeserver pushes."""
        root = Transactions(self.hs_token, self.intake)
        site = new_site(root, reactor, large_bodies=[root.large_body])
        pushes: Any = Pushes(site, root)
        self.open = WrappingFactory(pushes)
        self.port = reactor.listenTCP(port, self.open, interface="127.0.0.1")

    async def deaf(self) -> None:
        """Listen no longer."""
        if self.port is not None:
            port, self.port = self.port, None
            await port.stopListening()
            for one in list(self.open.protocols):
                one.transport.abortConnection()

    async def stop(self) -> None:
        """End; what was not committed is gone, as if the process was killed."""
        await self.deaf()
        await self.listener.stop()
        await self.tasks.stop()
        await self.connections.close()
        self.database.close()
        await pause(0.01)

    # The bots' side of the homeserver.

    async def register(self) -> None:
        """Make the bots and their devices there."""
        for bot, sealer in self.sealers.items():
            body = {
                "type": "m.login.application_service",
                "username": bot[1:].partition(":")[0],
                "inhibit_login": True,
            }
            try:
                await self.client.call("POST", path("register"), body=body)
            except MatrixError as e:
                if e.errcode != "M_USER_IN_USE":
                    raise
            device = path("devices", sealer.device_id)
            await self.client.call("PUT", device, user=bot, body={"display_name": "test"})

    async def ping(self) -> None:
        """Have the homeserver end its back-off."""
        target = "/_matrix/client/v1/appservice/veche/ping"
        for _ in range(100):
            try:
                await self.client.call("POST", target, body={})
            except MatrixError as e:
                # Over a connection that was closed with the process before.
                if not e.errcode.startswith("M_CONNECTION_"):
                    raise
                await pause(0.1)
            else:
                return
        raise AssertionError("the homeserver cannot reach us")

    async def join(self, bot: UserId, room_id: str) -> None:
        """Go in."""
        await self.client.call("POST", path("join", room_id), user=bot, body={})

    async def say(
        self,
        bot: UserId,
        room_id: str,
        body: str,
        *,
        cause: str,
        relation: Relation | None = None,
        **more: Any,
    ) -> EffectId:
        """Have a bot say something by the outbox."""
        content: dict[str, Any] = more.pop("content", {"msgtype": "m.text", "body": body})

        def work(txn: Cursor) -> EffectId:
            return self.service.say(
                txn, bot, RoomId(room_id), content, cause=cause, relation=relation, **more
            )

        return await self.database.run("test", work)

    # What became of it.

    def told(self, body: str | None = None) -> list[tuple[Any, ...]]:
        """(body, bot, sender, kind, trust) of what the service was told, in order."""
        rows = execute(self.dsn, "SELECT body, bot, sender, kind, trust FROM told ORDER BY place")
        return [row for row in rows if body is None or row[0] == body]

    def bodies(self, bot: UserId | None = None) -> list[Any]:
        """Bodies of the messages that the service was told, in order."""
        return [row[0] for row in self.told() if row[0] and (bot is None or row[1] == bot)]

    def outbox(self) -> list[tuple[Any, ...]]:
        """(effect id, state, event id, attempts, failure) in order."""
        return execute(
            self.dsn,
            "SELECT effect_id, state, event_id, attempts, failure FROM runtime.outbox ORDER BY seq",
        )

    def inbox(self) -> list[tuple[Any, ...]]:
        """(event id, bot, state, failures, source) in order."""
        return execute(
            self.dsn,
            "SELECT event_id, bot, state, failures, source FROM runtime.inbox ORDER BY seq",
        )


def _make_tables(txn: Cursor) -> None:
    txn.execute(
        "SELECT pg_advisory_xact_lock(7);"
        "CREATE TABLE IF NOT EXISTS told (place bigint GENERATED ALWAYS AS IDENTITY, bot text,"
        " room_id text, event_id text, sender text, kind text, body text, trust int,"
        " PRIMARY KEY (event_id, bot));"
        "CREATE TABLE IF NOT EXISTS undelivered (effect_id text PRIMARY KEY, reason text)"
    )


class Person:
    """Somebody with an ordinary client."""

    def __init__(self, url: str, user_id: str, token: str) -> None:
        self.user_id = user_id
        self.connections = Connections(reactor, url)
        self.client = MatrixClient(self.connections, token)
        self._count = 0

    async def create_room(self, *invited: str, is_encrypted: bool = False) -> str:
        """A private room; ids of those to invite."""
        body: dict[str, Any] = {"preset": "private_chat", "invite": list(invited)}
        if is_encrypted:
            content = {"algorithm": "m.megolm.v1.aes-sha2"}
            body["initial_state"] = [
                {"type": "m.room.encryption", "state_key": "", "content": content}
            ]
        answer = await self.client.call("POST", path("createRoom"), body=body)
        return str(answer["room_id"])

    async def send(
        self, room_id: str, body: str = "", *, kind: str = "m.room.message", **content: Any
    ) -> str:
        """Send a message or another event; its id."""
        self._count += 1
        full = content or {"msgtype": "m.text", "body": body}
        target = path("rooms", room_id, "send", kind, f"{self.user_id}{self._count}{now_ms()}")
        return str((await self.client.call("PUT", target, body=full))["event_id"])

    async def state(self, room_id: str, kind: str, key: str, content: Mapping[str, Any]) -> str:
        """Set a state event; its id."""
        target = path("rooms", room_id, "state", kind, key)
        return str((await self.client.call("PUT", target, body=content))["event_id"])

    async def timeline(self, room_id: str, sender: str | None = None) -> list[dict[str, Any]]:
        """The room's newest events, oldest first; only those of ``sender``."""
        answer = await self.client.call(
            "GET", path("rooms", room_id, "messages"), query={"dir": "b", "limit": "200"}
        )
        events = [event for event in answer["chunk"] if sender in {None, event["sender"]}]
        return cast("list[dict[str, Any]]", events[::-1])

    async def close(self) -> None:
        """End."""
        await self.connections.close()


def bodies_of(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """Bodies of the messages among events."""
    return [e["content"]["body"] for e in events if e["type"] == "m.room.message"]


def as_deferred(work: Any) -> Deferred[Any]:
    """A coroutine, begun."""
    return Deferred.fromCoroutine(work)


RUNTIME: Final = MigrationSet("runtime", "veche.runtime")
NOWHERE: Final = "http://127.0.0.1:1"
_events = itertools.count(1)


def event(
    room_id: str, sender: str, body: str = "", /, *, kind: str = "m.room.message", **changes: Any
) -> dict[str, Any]:
    """An event as the homeserver pushes it."""
    whole = {
        "room_id": room_id,
        "event_id": f"$event{next(_events)}",
        "sender": sender,
        "type": kind,
        "content": {"msgtype": "m.text", "body": body},
        "origin_server_ts": now_ms(),
        "unsigned": {"age": 1},
    }
    return whole | changes


def member_event(
    room_id: str, user_id: str, membership: str, /, *, replaces: str | None = None, **changes: Any
) -> dict[str, Any]:
    """A member event as the homeserver pushes it."""
    unsigned = {"replaces_state": replaces} if replaces else {}
    return event(
        room_id,
        user_id,
        kind="m.room.member",
        **{
            "state_key": user_id,
            "content": {"membership": membership},
            "unsigned": unsigned,
            **changes,
        },
    )


class Case(TestCase):
    """A case that may change constants of modules for its own time."""

    timeout = TIMEOUT_S

    def swap(self, module: object, name: str, value: object) -> None:
        """Let ``module.name`` be ``value`` until the case ends."""
        self.patch(module, name, value)  # type: ignore[no-untyped-call]  # trial's


class OfflineCase(Case):
    """A case with a database and no homeserver: pushes are handed over by call."""

    def setUp(self) -> None:
        scope = database(RUNTIME)
        self.dsn = scope.__enter__()
        self.addCleanup(scope.__exit__, None, None, None)
        self.rigs: list[Rig] = []

    async def rig(self, *bots: UserId, starts: bool = True) -> Rig:
        """One more process; it ends with the case."""
        rig = Rig(self.dsn, NOWHERE, "as", bots or [new_bot()])
        self.addCleanup(lambda: as_deferred(rig.stop()))
        if starts:
            await rig.start(is_healing=False)
        else:
            await rig.prepare()
        return rig

    async def seat(self, rig: Rig, room_id: str, *, is_known: bool = True) -> None:
        """Have the rig's bots join a room, whose state needs no look if ``is_known``."""
        if is_known:
            execute(
                self.dsn,
                "INSERT INTO runtime.room (room_id, looked_at_ms) VALUES (%s, 1)"
                " ON CONFLICT DO NOTHING",
                room_id,
            )
        await rig.intake.take([member_event(room_id, bot, "join") for bot in rig.bots])
