"""A homeserver of a world: rooms, people, and what it pushes to the application service.

What it was told with a transaction id it does once. Its pushes are lost, come twice, or in another
order, as the world wants it; `/sync` knows of all.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import parse_qs, unquote

import attrs
from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from veche.protocol.inbound import DeviceStanding, Trust
from veche.runtime.web.http_client import Connections, NoAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random

    from tests.simulation.whole.computer import Computer
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor

PORT: Final = 8008
PUSH_PORT: Final = 8009
AS_TOKEN: Final = "as-token-of-the-world"  # noqa: S105 -- of tests
HS_TOKEN: Final = "hs-token-of-the-world"  # noqa: S105 -- of tests
HIDDEN: Final = "m.room.encrypted"
MESSAGE: Final = "m.room.message"
MEMBER: Final = "m.room.member"
EVENTS_AT_ONCE: Final = 20
AGAIN_S: Final = 1.0
AGAIN_S_MAX: Final = 16.0
_OK: Final = 200


@attrs.define
class Luck:
    """Chances, from 0 to 1, of each push, and of each request to the homeserver."""

    dropped: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    failing: float = 0.0


@attrs.define
class Room:
    """A room; state by type and key, as events."""

    id: str
    state: dict[tuple[str, str], dict[str, Any]] = attrs.field(factory=dict)
    timeline: list[dict[str, Any]] = attrs.field(factory=list)

    def membership(self, user: str) -> str:
        """Of somebody."""
        event = self.state.get((MEMBER, user))
        return str(event["content"]["membership"]) if event is not None else "leave"


class Refusal(Exception):  # noqa: N818 -- an answer
    """It does not do that."""

    def __init__(self, status: int, errcode: str) -> None:
        super().__init__(errcode)
        self.status = status
        self.errcode = errcode


class Homeserver:
    """One server.

    Attributes:
        name: After the colon.
        names: Of people, by id.
        luck: How bad it is now.
        watchers: Of people who are told of each event in their rooms.
    """

    def __init__(self, name: str, computer: Computer, chance: Random, service: str) -> None:
        self.name = name
        self.names: dict[str, str] = {}
        self.luck = Luck()
        self.rooms: dict[str, Room] = {}
        self.watchers: dict[str, Callable[[Room, dict[str, Any]], None]] = {}
        self.sent: dict[str, str] = {}
        """Event ids by transaction ids."""
        self.doubles: list[str] = []
        self._aliases: dict[str, str] = {}
        self._media: dict[str, bytes] = {}
        self._numbers = itertools.count(1)
        self._order: list[tuple[str, dict[str, Any]]] = []
        self._computer = computer
        self._chance = chance
        self._queue: deque[list[dict[str, Any]]] = deque()
        self._fresh: list[dict[str, Any]] = []
        self._transactions = itertools.count(1)
        self._is_pushing = False
        self._to_service = Connections(cast("Any", computer), f"http://{service}:{PUSH_PORT}")
        computer.listenTCP(PORT, Site(_Api(self), reactor=computer))

    # People.

    def add_person(self, user: str, name: str, watch: Callable[[Room, Any], None]) -> None:
        """Somebody has an account."""
        self.names[user] = name
        self.watchers[user] = watch

    def begin_chat(self, user: str, bot: str) -> str:
        """A person makes a room and invites a bot."""
        room = self._make_room(user, [])
        self._set(room, user, MEMBER, bot, {"membership": "invite", "is_direct": True})
        return room.id

    def say(self, user: str, room_id: str, content: Mapping[str, Any]) -> str:
        """A person says something, encrypted."""
        return self._add(self.rooms[room_id], user, HIDDEN, hidden(MESSAGE, content))

    def join(self, user: str, room_id: str) -> None:
        """Somebody goes in, who is invited."""
        room = self.rooms[room_id]
        if room.membership(user) == "invite":
            self._set(room, user, MEMBER, user, {"membership": "join"})

    @property
    def is_quiet(self) -> bool:
        """Whether all is pushed."""
        return not self._queue and not self._fresh

    # Events.

    def _make_room(self, creator: str, state: Sequence[Mapping[str, Any]]) -> Room:
        room = Room(f"!room{next(self._numbers)}:{self.name}")
        self.rooms[room.id] = room
        self._set(room, creator, MEMBER, creator, {"membership": "join"})
        encryption = {"algorithm": "m.megolm.v1.aes-sha2"}
        first: list[Mapping[str, Any]] = [{"type": "m.room.encryption", "content": encryption}]
        for one in state or first:
            self._set(room, creator, one["type"], one.get("state_key", ""), one["content"])
        return room

    def _set(self, room: Room, sender: str, kind: str, key: str, content: Any) -> str:
        before = room.state.get((kind, key))
        more = {} if before is None else {"prev_content": before["content"]}
        return self._add(room, sender, kind, content, state_key=key, unsigned=more)

    def _add(self, room: Room, sender: str, kind: str, content: Any, **more: Any) -> str:
        event = {
            "event_id": f"$event{next(self._numbers)}",
            "room_id": room.id,
            "sender": sender,
            "type": kind,
            "content": content,
            "origin_server_ts": int(self._computer.seconds() * 1000),
            **more,
        }
        room.timeline.append(event)
        if "state_key" in more:
            room.state[kind, more["state_key"]] = event
        self._order.append((room.id, event))
        self._fresh.append(event)
        self._computer.callLater(0, self._push)
        for user, watch in list(self.watchers.items()):
            if room.membership(user) in {"join", "invite"}:
                self._computer.callLater(0.001, watch, room, event)
        return str(event["event_id"])

    # Pushes.

    def _push(self) -> None:
        fresh, self._fresh = self._fresh, []
        if fresh:
            self._queue.append(fresh[:EVENTS_AT_ONCE])
            self._fresh = fresh[EVENTS_AT_ONCE:]
        if self._queue and not self._is_pushing:
            self._is_pushing = True
            Deferred.fromCoroutine(self._push_all()).addErrback(_raise)

    async def _push_all(self) -> None:
        while self._queue or self._fresh:
            if not self._queue:
                self._queue.append(self._fresh[:EVENTS_AT_ONCE])
                self._fresh = self._fresh[EVENTS_AT_ONCE:]
            late = self._chance.random() < self.luck.late and len(self._queue) > 1
            events = self._queue[1] if late else self._queue[0]
            number = next(self._transactions)
            if self._chance.random() >= self.luck.dropped:
                await self._push_until_taken(number, events)
                if self._chance.random() < self.luck.doubled:
                    await self._push_until_taken(number, events)
            self._queue.remove(events)
        self._is_pushing = False

    async def _push_until_taken(self, number: int, events: list[dict[str, Any]]) -> None:
        body = json.dumps({"events": events}).encode()
        again_s = AGAIN_S
        while not await self._is_taken(number, body):
            await self._pause(again_s)
            again_s = min(AGAIN_S_MAX, 2 * again_s)

    async def _is_taken(self, number: int, body: bytes) -> bool:
        head = f"Authorization: Bearer {HS_TOKEN}\r\nContent-Type: application/json\r\n".encode()
        target = f"/_matrix/app/v1/transactions/{number}".encode()
        try:
            answer = await self._to_service.request(
                b"PUT", target, head, body, timeout_s=60.0, answer_bytes_max=1 << 16
            )
        except NoAnswerError:
            return False
        return answer.status == _OK

    async def _pause(self, delay_s: float) -> None:
        over: Deferred[None] = Deferred()
        self._computer.callLater(delay_s, over.callback, None)
        await over

    # The client API.

    def answer(self, method: str, parts: list[str], query: Mapping[str, str], body: Any) -> Any:
        """Do what an application service asks.

        Raises:
            Refusal: It does not.
        """
        user = query.get("user_id", f"@veche:{self.name}")
        if parts[1:2] == ["rooms"]:
            room = self.rooms[parts[2]]
            if room.membership(user) != "join":
                raise Refusal(403, "M_FORBIDDEN")
            return self._in_room(method, room, parts[3:], user, body)
        deeds: dict[str, Callable[[], Any]] = {
            "versions": lambda: {"versions": ["v1.11"]},
            "appservice": dict,
            "register": dict,
            "account": lambda: {"user_id": user},
            "profile": lambda: self._profile(method, parts[2], body),
            "createRoom": lambda: {"room_id": self._create(user, body).id},
            "directory": lambda: self._named(parts[3]),
            "joined_rooms": lambda: {"joined_rooms": self._joined(user)},
            "sync": lambda: self._sync(user, query.get("since")),
            "join": lambda: self._go_in(user, parts[2]),
        }
        return deeds[parts[0] if parts == ["versions"] else parts[1]]()

    def _profile(self, method: str, who: str, body: Any) -> Mapping[str, Any]:
        if method == "PUT":
            self.names[who] = body["displayname"]
        if who not in self.names:
            raise Refusal(404, "M_NOT_FOUND")
        return {"displayname": self.names[who]}

    def _named(self, alias: str) -> Mapping[str, Any]:
        if alias not in self._aliases:
            raise Refusal(404, "M_NOT_FOUND")
        return {"room_id": self._aliases[alias]}

    def _joined(self, user: str) -> list[str]:
        return [one.id for one in self.rooms.values() if one.membership(user) == "join"]

    def _go_in(self, user: str, room_id: str) -> Mapping[str, Any]:
        if self.rooms[room_id].membership(user) not in {"invite", "join"}:
            raise Refusal(403, "M_FORBIDDEN")
        self.join(user, room_id)
        return {"room_id": room_id}

    def _create(self, user: str, body: Mapping[str, Any]) -> Room:
        localpart = body.get("room_alias_name")
        alias = f"#{localpart}:{self.name}"
        if localpart is not None and alias in self._aliases:
            raise Refusal(400, "M_ROOM_IN_USE")
        room = self._make_room(user, body.get("initial_state", []))
        if localpart is not None:
            self._aliases[alias] = room.id
        return room

    def _in_room(
        self, method: str, room: Room, rest: list[str], user: str, body: Any
    ) -> Mapping[str, Any]:
        match method, rest:
            case "PUT", ["send" | "redact", kind, txn_id]:
                return {"event_id": self._once(room, user, kind, txn_id, body)}
            case "PUT", ["state", kind, key]:
                return {"event_id": self._set(room, user, kind, key, body)}
            case "GET", ["members"]:
                found = [event for (kind, _), event in room.state.items() if kind == MEMBER]
                return {"chunk": [e for e in found if e["content"]["membership"] != "leave"]}
            case "GET", ["state", kind, *key]:
                event = room.state.get((kind, key[0] if key else ""))
                if event is None:
                    raise Refusal(404, "M_NOT_FOUND")
                content: dict[str, Any] = event["content"]
                return content
            case "GET", ["messages"]:
                return {"chunk": room.timeline[::-1]}
        raise AssertionError(f"the homeserver of the world cannot {method} {rest}")

    def _once(self, room: Room, user: str, kind: str, txn_id: str, body: Any) -> str:
        key = f"{user} {room.id} {txn_id}"
        if key not in self.sent:
            self.sent[key] = self._add(room, user, kind, body)
        return self.sent[key]

    def _sync(self, user: str, since: str | None) -> Mapping[str, Any]:
        joined: defaultdict[str, list[Any]] = defaultdict(list)
        invited: dict[str, Any] = {}
        for room_id, event in self._order[int(since or len(self._order)) :]:
            room = self.rooms[room_id]
            if room.membership(user) == "join":
                joined[room_id].append(event)
            elif room.membership(user) == "invite":
                kept = ("type", "sender", "content", "state_key")
                stripped: dict[str, Any] = {key: event[key] for key in kept if key in event}
                if event["type"] == MEMBER and event.get("state_key") == user:
                    invited[room_id] = {"invite_state": {"events": [stripped]}}
        rooms: dict[str, Any] = {
            "join": {id_: {"timeline": {"events": events}} for id_, events in joined.items()},
            "invite": invited,
        }
        return {"next_batch": str(len(self._order)), "rooms": rooms}

    def keep(self, data: bytes) -> str:
        """Media."""
        uri = f"mxc://{self.name}/{len(self._media)}"
        self._media[uri] = data
        return uri

    def is_failing(self) -> bool:
        """Whether it does not feel like it."""
        return self._chance.random() < self.luck.failing


class _Api(Resource):
    """Over HTTP."""

    isLeaf = True

    def __init__(self, server: Homeserver) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._server = server

    def render(self, request: Any) -> Any:
        """Answer."""
        path, _, query = request.uri.decode().partition("?")
        found = {name: values[-1] for name, values in parse_qs(query).items()}
        parts = [unquote(part) for part in path.split("/")]
        data = request.content.read()
        if self._server.is_failing():
            return self._said(request, 500, {"errcode": "M_UNKNOWN"})
        if parts[2] == "media":
            return self._said(request, _OK, {"content_uri": self._server.keep(data)})
        try:
            body = json.loads(data) if data else None
            return self._said(
                request, _OK, self._server.answer(request.method.decode(), parts[3:], found, body)
            )
        except Refusal as e:
            return self._said(request, e.status, {"errcode": e.errcode, "error": ""})

    def _said(self, request: Any, status: int, body: Any) -> Any:
        request.setResponseCode(status)
        request.setHeader(b"content-type", b"application/json")
        request.write(json.dumps(body).encode())
        request.finish()
        return NOT_DONE_YET


def _raise(failure: Any) -> None:
    failure.raiseException()


# Encryption: everybody has the key.


def hidden(kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """What is said, not to be read by accident."""
    inside = json.dumps({"type": kind, "content": dict(content)})
    return {
        "algorithm": "m.megolm.v1.aes-sha2",
        "session_id": "session",
        "ciphertext": base64.b64encode(inside.encode()).decode(),
    }


def shown(event: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Type and content of an event."""
    content = event["content"]
    if event["type"] != HIDDEN:
        return event["type"], content
    inside = json.loads(base64.b64decode(content["ciphertext"]))
    return inside["type"], inside["content"]


@attrs.frozen
class Opened:
    """What was inside."""

    event_type: str
    content: Mapping[str, Any]
    trust: Trust = Trust.VERIFIED
    standing: DeviceStanding = DeviceStanding.VERIFIED


class Opener:
    """As the crypto's: a verified device said it."""

    def __call__(self, txn: Cursor, bot: UserId, event: Mapping[str, Any], /) -> Opened:
        """Open it."""
        del txn, bot
        return Opened(*shown(event))

    def settled(self, txn: Cursor, bot: UserId) -> None:
        """As the port."""

    def has_come(self, *_: Any) -> bool:
        """As the port."""
        return False


@attrs.frozen
class Sealer:
    """As the crypto's."""

    device_id: Any

    def is_encrypted(self, *_: Any) -> bool:
        """As the port."""
        return True

    async def prepare(self, *_: Any) -> None:
        """As the port."""

    def seal(
        self, txn: Any, room: Any, kind: str, content: Any, beside: Any, at_ms: int
    ) -> Mapping[str, Any]:
        """As the port."""
        del txn, room, at_ms
        return {**hidden(kind, content), **beside}

    seal_now = seal

    def seal_apart(self, audience: str, *sealed: Any) -> Mapping[str, Any]:
        """As the port."""
        del audience
        return self.seal(*sealed)

    async def deliver(self, *_: Any) -> None:
        """As the port."""

    def device_lost(self) -> None:
        """As the port."""
