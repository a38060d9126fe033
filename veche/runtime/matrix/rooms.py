"""Rooms: making them, going in, and reading their state when it is not known."""

from __future__ import annotations

import logging
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import attrs
from twisted.internet.defer import Deferred

from veche.protocol.commands import COMMAND_DESCRIPTION, command_description
from veche.protocol.errors import NotYetError, UnavailableError
from veche.protocol.ids import RoomId, UserId
from veche.runtime import metrics
from veche.runtime.matrix import store
from veche.runtime.matrix.client import MatrixError, path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from twisted.internet.interfaces import IReactorTime

    from veche.protocol.commands import Command
    from veche.protocol.ids import DeviceId, EffectId
    from veche.protocol.texts.catalogue import Catalogue
    from veche.runtime.database import Cursor, Database
    from veche.runtime.matrix.client import MatrixClient
    from veche.runtime.ports import RoomHooks

logger = logging.getLogger(__name__)

MEGOLM: Final = "m.megolm.v1.aes-sha2"
ALIAS_PREFIX: Final = "veche_room_"
LOOKS_MAX: Final = 5
"""Attempts to read a room's state before a change overtakes it."""
OWNER_LEVEL: Final = 100
"""Power of who makes a room."""
_ENCRYPTED: Final[Mapping[str, Any]] = MappingProxyType(
    {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": MEGOLM}}
)
_READ_BY_ANYBODY: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "type": "m.room.history_visibility",
        "state_key": "",
        "content": {"history_visibility": "world_readable"},
    }
)
WITHHELD: Final[Mapping[str, Any]] = MappingProxyType({"invite": 50})
"""Power levels of a room into which its bot alone lets people; none of them can put another out."""
_DEFAULT_VISIBILITY: Final = "shared"
"""What a room without ``m.room.history_visibility`` has (Matrix spec v1.18)."""
_NOT_INVITED: Final = (403, 404)

_looks = metrics.counter("veche_room_looks_total", "Readings of a room's state.", ["end"])


@attrs.frozen
class RoomPlan:
    """A room that a bot makes: private, and encrypted from its first event on; or public.

    Attributes:
        initial_state: Further state events, each ``{"type", "state_key", "content"}``.
        power_levels: Overrides of ``m.room.power_levels``.
        public_alias: For a room that anybody may join and read, also what was said before: the
            localpart of its address, in our namespace; only the bot speaks there. None: private.
    """

    initial_state: Sequence[Mapping[str, Any]] = ()
    power_levels: Mapping[str, Any] | None = None
    public_alias: str | None = None

    def body(self, alias_localpart: str) -> dict[str, Any]:
        """The body of ``/createRoom``; nobody is invited by it, see ``Sender.set_membership``."""
        first = _ENCRYPTED if self.public_alias is None else _READ_BY_ANYBODY
        body: dict[str, Any] = {
            "preset": "private_chat" if self.public_alias is None else "public_chat",
            "room_alias_name": alias_localpart,
            "initial_state": [dict(first), *map(dict, self.initial_state)],
        }
        if self.public_alias is not None:
            body["power_level_content_override"] = {"events_default": OWNER_LEVEL}
        if self.power_levels is not None:
            body["power_level_content_override"] = dict(self.power_levels)
        return body


@attrs.frozen
class Made:
    """A room of a plan.

    Attributes:
        is_new: Whether it was made just now; False if an earlier attempt made it.
    """

    room_id: RoomId
    is_new: bool


def introduced(
    name: str, commands: Sequence[Command], bot: UserId, catalogue: Catalogue, language: str
) -> list[Mapping[str, Any]]:
    """State that tells what a room is called, and what its bot answers there."""
    state = [{"type": "m.room.name", "state_key": "", "content": {"name": name}}]
    for command in commands:
        key, content = command_description(command, bot, catalogue, language)
        state.append({"type": COMMAND_DESCRIPTION, "state_key": key, "content": content})
    return [*state]


async def create_room(
    client: MatrixClient, bot: UserId, device: DeviceId, plan: RoomPlan, unique: EffectId
) -> Made:
    """Make a room, or find the one that an earlier attempt made.

    The alias in our exclusive namespace is what makes it idempotent: a second room cannot get it.
    ``Rooms.create`` also reads its state, which has to be known before anything is said there.

    Args:
        client: To the homeserver.
        bot: Who makes it and owns it for ever.
        device: Of the bot.
        plan: What kind of room.
        unique: Derived from the cause; of a public room its address is what makes it one.

    Raises:
        MatrixError: The homeserver refused.
        NoAnswerError: There was no answer; the same call again finds what it made.
    """
    localpart = plan.public_alias or ALIAS_PREFIX + unique
    try:
        answer = await client.call(
            "POST", path("createRoom"), user=bot, device=device, body=plan.body(localpart)
        )
        return Made(RoomId(str(answer["room_id"])), is_new=True)
    except MatrixError as e:
        if e.errcode != "M_ROOM_IN_USE":
            raise
    alias = f"#{localpart}:{bot.partition(':')[2]}"
    answer = await client.call("GET", path("directory", "room", alias), user=bot)
    return Made(RoomId(str(answer["room_id"])), is_new=False)


async def leave(client: MatrixClient, bot: UserId, room_id: RoomId, reason: str) -> None:
    """Leave a room, or refuse the invitation to it; not being in it is fine.

    Clients show the reason, which may be empty.

    Raises:
        MatrixError: The homeserver refused for another reason.
        NoAnswerError: There was no answer; the same call again is right.
    """
    body = {"reason": reason} if reason else {}
    try:
        await client.call("POST", path("rooms", room_id, "leave"), user=bot, body=body)
    except MatrixError as e:
        if e.status not in _NOT_INVITED:
            raise


async def join(
    client: MatrixClient, bot: UserId, device: DeviceId, room_id: RoomId, via: Sequence[str] = ()
) -> None:
    """Go into a room; being in it already is fine.

    Args:
        client: To the homeserver.
        bot: Who.
        device: Of the bot.
        room_id: Where.
        via: Servers that know the room, for a room of another server.

    Raises:
        NotYetError: There is no invitation: it was taken back, or it is of another server, which
            sends it before it lets anybody in by it (seen with Synapse 1.163).
        MatrixError: The homeserver refused for another reason.
        NoAnswerError: There was no answer; the same call again is right.
    """
    query = {"via": list(via)} if via else None
    try:
        await client.call("POST", path("join", room_id), user=bot, device=device, query=query)
    except MatrixError as e:
        if e.status in _NOT_INVITED:
            raise NotYetError("the invitation was taken back") from e
        raise


@attrs.define(slots=False, eq=False)
class Rooms:
    """Makes rooms and goes into them, reads their state and keeps it."""

    _client: MatrixClient
    _database: Database
    _reactor: IReactorTime
    _hooks: RoomHooks
    _is_ours: Callable[[str], bool]
    _looking: dict[RoomId, list[Deferred[bool]]] = attrs.field(init=False, factory=dict)

    async def create(
        self, bot: UserId, device: DeviceId, plan: RoomPlan, unique: EffectId
    ) -> RoomId:
        """As ``create_room``; when it returns, the room's encryption is pinned.

        Only people whom the bot invites can read what is said in a private room. One that was just
        made has nobody else in it, and the state that was asked for: nothing needs to be read. A
        public one, and one that an earlier attempt made, is looked at.

        Raises:
            MatrixError: The homeserver refused.
            UnavailableError: There was no answer; the same call again goes on.
        """
        made = await create_room(self._client, bot, device, plan, unique)
        if plan.public_alias is None:
            at_ms = int(self._reactor.seconds() * 1000)
            await self._database.run("made", self._keep_made, made, plan, at_ms)
        if plan.public_alias is not None or not made.is_new:
            await self.look(bot, made.room_id)
        return made.room_id

    async def look(self, bot: UserId, room_id: RoomId) -> bool:
        """Read a room's members, encryption and history visibility, and store them.

        Several that ask for the same room meanwhile share one reading.

        Returns:
            False if the bot is not in the room.

        Raises:
            MatrixError: The homeserver refused for another reason.
            UnavailableError: It does not answer, or the room changes faster than it can be read.
        """
        waiting = self._looking.get(room_id)
        if waiting is not None:
            shared: Deferred[bool] = Deferred()
            waiting.append(shared)
            return await shared
        self._looking[room_id] = []
        try:
            result = await self._look(bot, room_id)
        except BaseException as e:
            for one in self._looking.pop(room_id):
                one.errback(e)
            raise
        for one in self._looking.pop(room_id):
            one.callback(result)
        return result

    async def _look(self, bot: UserId, room_id: RoomId) -> bool:
        for _ in range(LOOKS_MAX):
            changes = await self._database.run("look", store.begin_look, room_id)
            looked_at_ms = int(self._reactor.seconds() * 1000)
            try:
                members, encryption, visibility = await self._read(bot, room_id)
            except MatrixError as e:
                if e.status != 403:  # noqa: PLR2004 -- forbidden
                    raise
                await self._database.run("look", store.note_out, room_id, bot)
                _looks.labels("out").inc()
                return False
            if await self._database.run(
                "look", self._store, room_id, members, encryption, visibility, looked_at_ms, changes
            ):
                _looks.labels("done").inc()
                return True
        _looks.labels("overtaken").inc()
        raise UnavailableError("the room changes too fast", retry_after_ms=1_000)

    def _keep_made(self, txn: Cursor, made: Made, plan: RoomPlan, made_at_ms: int) -> None:
        """Keep of a private room whom it is for, and its state if it is new."""
        store.close_room(txn, made.room_id)
        if not made.is_new:
            return
        state = {str(one["type"]): one["content"] for one in plan.initial_state}
        visibility = _visibility(state.get("m.room.history_visibility"))
        encryption = _ENCRYPTED["content"]
        changes = store.begin_look(txn, made.room_id)
        self._store(txn, made.room_id, [], encryption, visibility, made_at_ms, changes)

    def _store(
        self,
        txn: Cursor,
        room_id: RoomId,
        members: Sequence[store.Member],
        encryption: Mapping[str, Any] | None,
        visibility: str,
        looked_at_ms: int,
        changes: int,
    ) -> bool:
        if not store.end_look(txn, room_id, members, looked_at_ms, changes):
            return False
        if encryption is not None:
            self._hooks.encrypted(txn, room_id, encryption)
        self._hooks.visibility(txn, room_id, visibility)
        for member in members:
            if member.membership in {"join", "invite"}:
                self._hooks.member(txn, room_id, member.user_id, member.membership)
        return True

    async def _read(
        self, bot: UserId, room_id: RoomId
    ) -> tuple[list[store.Member], Mapping[str, Any] | None, str]:
        # One after another: if the bot is not in the room, the first one says so.
        members = await self._members(bot, room_id)
        encryption = await self._state(bot, room_id, "m.room.encryption")
        visibility = await self._state(bot, room_id, "m.room.history_visibility")
        return members, encryption, _visibility(visibility)

    async def _members(self, bot: UserId, room_id: RoomId) -> list[store.Member]:
        answer = await self._client.call(
            "GET", path("rooms", room_id, "members"), user=bot, query={"not_membership": "leave"}
        )
        members = []
        for event in answer.get("chunk", ()):
            user_id, membership = event["state_key"], event["content"].get("membership")
            if isinstance(membership, str) and not self._is_ours(user_id):
                members.append(store.Member(UserId(user_id), membership, event.get("event_id")))
        return members

    async def _state(self, bot: UserId, room_id: RoomId, kind: str) -> Mapping[str, Any] | None:
        try:
            return await self._client.call("GET", path("rooms", room_id, "state", kind), user=bot)
        except MatrixError as e:
            if e.status == 404:  # noqa: PLR2004 -- the room has no such state
                return None
            raise


def _visibility(content: Mapping[str, Any] | None) -> str:
    value = (content or {}).get("history_visibility")
    return value if isinstance(value, str) else _DEFAULT_VISIBILITY
