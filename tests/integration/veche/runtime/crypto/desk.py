"""A bot's device on a real PostgreSQL, with a homeserver that is a few dictionaries.

Transactions run at once in the caller's thread, so a test says where one fails: before its commit
(``fail_next``, ``fail_at`` its name) or with its process (a new ``Desk`` on the same database).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.integration.veche.runtime.crypto.house import OPERATOR_KEY, Ports
from tests.support.crypto_peers import BOT, ROOM, Side
from veche.protocol.errors import UnavailableError
from veche.protocol.ids import RoomId, UserId
from veche.runtime.crypto.channel import Channel
from veche.runtime.crypto.core.trust import WithoutIdentity
from veche.runtime.crypto.opening import Opener
from veche.runtime.crypto.recovery import Recovery
from veche.runtime.crypto.sealing import Sealer
from veche.runtime.crypto.start import take_over
from veche.runtime.crypto.tracking import Hooks, People
from veche.runtime.database import connect
from veche.runtime.matrix.client import MatrixError
from veche.runtime.ports import NotPrepared

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from veche.runtime.crypto.core.values import Json
    from veche.runtime.crypto.keys import OperatorKey
    from veche.runtime.database import Connection

R = TypeVar("R")
START_MS = 1_800_000_000_000


def run(work: Coroutine[Any, Any, R]) -> R:
    """The result of a coroutine that never has to wait."""
    results: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(results.append)
    assert results, "it waits"
    if isinstance(results[0], Failure):
        results[0].raiseException()
    result: R = results[0]
    return result


class Broken(Exception):  # noqa: N818 -- of the tests
    """The transaction that was told to fail."""


class SyncDatabase:
    """``Database`` in the caller's thread."""

    def __init__(self, dsn: str) -> None:
        self.connection: Connection = connect(dsn)
        self.fail_next = 0
        self.fail_at = ""
        self.log: list[str] = []

    async def run(self, name: str, transaction: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        """One transaction; rolled back at its end if it was told to fail."""
        self.log.append(name)
        try:
            with self.connection.cursor() as txn:
                result = transaction(txn, *args, **kwargs)
            self._break_if_told(name)
        except BaseException:
            self.connection.rollback()
            raise
        self.connection.commit()
        return result

    def _break_if_told(self, name: str) -> None:
        if name == self.fail_at:
            raise Broken
        if self.fail_next:
            self.fail_next -= 1
            raise Broken

    def execute(self, statement: str, *values: Any) -> list[Any]:
        """Rows of one statement, committed."""
        with self.connection, self.connection.cursor() as txn:
            txn.execute(statement, values)
            return txn.fetchall() if txn.description else []


@attrs.define(slots=False)  # so that a test can stand in for a call
class Server:
    """A homeserver as a client sees it; people's devices are ``Side``s."""

    sides: dict[tuple[str, str], Side] = attrs.Factory(dict)
    channel: list[Json | Exception] = attrs.Factory(list)
    sent: list[tuple[str, str, Json]] = attrs.Factory(list)
    calls: list[str] = attrs.Factory(list)
    failing: set[str] = attrs.Factory(set)
    unreachable: set[str] = attrs.Factory(set)
    claimless: set[str] = attrs.Factory(set)
    uploads: list[Json] = attrs.Factory(list)
    extra: Json = attrs.Factory(dict)
    bot: str = BOT

    async def call(self, method: str, path: str, *, body: Any = None, **_more: Any) -> Json:
        """One request."""
        what = path.removeprefix("/_matrix/client/v3/")
        self.calls.append(f"{method} {what}")
        for broken in self.failing:
            if broken in path:
                raise UnavailableError("no answer", retry_after_ms=1)
        if what == "keys/query":
            return self._query(body["device_keys"])
        if what == "keys/claim":
            return self._claim(body["one_time_keys"])
        if what == "keys/upload":
            self.uploads.append(body)
            return {"one_time_key_counts": {"signed_curve25519": 50}}
        if what.startswith("sendToDevice/"):
            _, sent_type, txn_id = what.split("/")
            self.sent.append((sent_type, txn_id, body["messages"]))
            return {}
        if "msc3575" in path:
            answer = self.channel.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        return {}

    def _query(self, wanted: Json) -> Json:
        answer: Json = {"device_keys": {}, "master_keys": {}, "self_signing_keys": {}}
        for (user_id, device_id), side in self.sides.items():
            if user_id not in wanted or user_id in self.unreachable:
                continue
            published = side.published()
            answer["device_keys"].setdefault(user_id, {})
            answer["device_keys"][user_id][device_id] = published["device_keys"][user_id][device_id]
            for kind in ("master_keys", "self_signing_keys"):
                answer[kind].update(published.get(kind, {}))
        answer["failures"] = {user.partition(":")[2]: {} for user in self.unreachable & set(wanted)}
        return {**answer, **self.extra}

    def _claim(self, wanted: Json) -> Json:
        keys: Json = {}
        for user_id, devices in wanted.items():
            for device_id in devices:
                if (user_id, device_id) in self.sides and device_id not in self.claimless:
                    claimed = self.sides[user_id, device_id].claimed()
                    keys.setdefault(user_id, {})[device_id] = claimed
        return {"one_time_keys": keys, "failures": {}}

    def delivered(self) -> None:
        """Let every device hear what was sent to it, once; group sessions by session id."""
        for sent_type, _, messages in self.sent:
            for user_id, devices in messages.items():
                for device_id, content in devices.items():
                    self._deliver(sent_type, user_id, device_id, content)
        self.sent.clear()

    def _deliver(self, kind: str, user_id: str, device_id: str, content: Json) -> None:
        side = self.sides.get((user_id, device_id))
        if side is None:
            return
        event = {"type": kind, "sender": self.bot, "content": content}
        if kind == "m.room.encrypted":
            heard = side.hear(event)
            side.heard.append((heard.event_type, heard.content))
        else:
            side.heard.append((kind, content))


class Desk:
    """One process that speaks for the bot."""

    def __init__(
        self, dsn: str, server: Server, key: OperatorKey = OPERATOR_KEY, bot: str = BOT
    ) -> None:
        self.bot = UserId(bot)
        self.clock = Clock()
        self.clock.advance(START_MS / 1000)
        self.server = server
        server.bot = bot
        self.database = SyncDatabase(dsn)
        stands_in: Any = self.database
        client: Any = server
        self.people = People(stands_in, client, self.clock, ())
        self.ports = Ports()
        self.opener = Opener(key, self.people)
        self.writer, self.row = run(take_over(stands_in, key, self.bot, self.now_ms))
        self.sealer = Sealer(self.writer, stands_in, client, self.people, WithoutIdentity.SHARE)
        run(self.sealer.to_device.take_over())
        self.channel = Channel(self.writer, client, self.row, self._wake)
        self.recovery = Recovery(
            self.writer, stands_in, self.people, self.sealer, self.ports, "finger print"
        )

    @property
    def now_ms(self) -> int:
        return int(self.clock.seconds() * 1000)

    def _wake(self, txn: Any, room_id: Any, session_ids: Any, now_ms: int) -> None:
        self.ports.wake(txn, self.bot, room_id, session_ids, now_ms)

    def close(self) -> None:
        """The process ends."""
        self.database.connection.close()

    # Rooms and people

    def room(self, *members: str, room_id: str = ROOM) -> None:
        """An encrypted room with joined members."""
        run(self.database.run("t", Hooks().encrypted, room_id, {"algorithm": "m.megolm"}))
        for member in (self.bot, *members):
            self.member(member, room_id=room_id)

    def member(self, user_id: str, membership: str = "join", room_id: str = ROOM) -> None:
        """A change of membership, as the inbox applies it."""
        self.database.execute(
            "INSERT INTO runtime.room_member (room_id, user_id, membership) VALUES (%s, %s, %s)"
            " ON CONFLICT (room_id, user_id) DO UPDATE SET membership = EXCLUDED.membership",
            room_id,
            user_id,
            membership,
        )
        run(self.database.run("t", Hooks().member, room_id, user_id, membership))

    def add(self, side: Side) -> Side:
        """A device that the homeserver knows."""
        self.server.sides[side.user_id, side.device_id] = side
        return side

    # What the inbox and the outbox do

    def prepare(self, room_id: str = ROOM) -> None:
        run(self.sealer.prepare(RoomId(room_id), self.now_ms))

    def seal(self, body: str = "hello", room_id: str = ROOM) -> Json:
        """Seal and commit, prepared by the caller."""
        content = {"msgtype": "m.text", "body": body}
        sealed: Json = run(
            self.database.run(
                "seal", self.sealer.seal, room_id, "m.room.message", content, {}, self.now_ms
            )
        )
        return sealed

    def say(self, body: str = "hello", room_id: str = ROOM) -> Json:
        """Prepare, seal, commit and deliver the keys; the sealed content."""
        self.prepare(room_id)
        try:
            sealed = self.seal(body, room_id)
        except NotPrepared:  # there was news; the sender prepares again
            self.prepare(room_id)
            sealed = self.seal(body, room_id)
        run(self.sealer.deliver(RoomId(room_id)))
        self.server.delivered()
        return sealed

    def answer(
        self,
        *events: Any,
        pos: str = "1",
        since: str = "1",
        changed: Any = (),
        left: Any = (),
        keys: int | None = 50,
        is_fallback_used: bool = False,
    ) -> Json:
        """An answer of the crypto channel."""
        e2ee: Json = {"device_lists": {"changed": list(changed), "left": list(left)}}
        if keys is not None:
            e2ee["device_one_time_keys_count"] = {"signed_curve25519": keys}
        e2ee["device_unused_fallback_key_types"] = [] if is_fallback_used else ["signed_curve25519"]
        to_device = {"next_batch": since, "events": list(events)}
        return {"pos": pos, "extensions": {"e2ee": e2ee, "to_device": to_device}}

    def step(self, answer: Json | Exception | None = None) -> Any:
        """Take one answer of the channel."""
        if answer is not None:
            self.server.channel.append(answer)
        return run(self.channel.step(lambda: self.now_ms))

    def hear(self, *events: Any) -> Any:
        """Take to-device events."""
        return self.step(self.answer(*events))

    def open(self, event: Json) -> Any:
        """Open a room event as the inbox does, its effects committed."""
        return run(self.database.run("open", self.opener, self.bot, event))

    def side(self) -> Side:
        """The bot's device as others see it: a target to meet and tell."""
        account: Any = self.writer._account  # the tests stand for the homeserver
        return Side(self.bot, self.writer.own.device_id, None, account)


def unknown_pos() -> MatrixError:
    """The channel's answer after the homeserver forgot the connection."""
    return MatrixError(400, {"errcode": "M_UNKNOWN_POS"})
