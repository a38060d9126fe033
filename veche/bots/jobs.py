"""Jobs of a chat bot outside transactions: joining chats, making them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import attrs

from veche.bots.conversation import ChatParts
from veche.messaging.jobs import JobHandler
from veche.protocol.bridged import bridge_of
from veche.protocol.errors import TooLargeError, UnavailableError
from veche.protocol.ids import RoomId, UserId
from veche.runtime.matrix.client import MatrixError, path
from veche.runtime.matrix.rooms import RoomPlan, introduced, join, leave
from veche.runtime.web.http_client import AnswerTooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from veche.bots.conversation import Conversation
    from veche.bots.ports import BotPorts
    from veche.messaging.jobs import Job
    from veche.protocol.commands import Command
    from veche.protocol.errors import RefusedError
    from veche.runtime.database import Cursor

FETCH_TIMEOUT_S: Final = 50.0
"""For one file; two that follow one another stay under the limit of a job."""
_GONE = frozenset({403, 404})
_FILE_GONE: Final = frozenset({400, 403, 404, 410})
_TOO_LARGE: Final = 413

P = TypeVar("P", bound=ChatParts[Any])


class ChatJob(JobHandler, Generic[P]):
    """Base: nothing to do outside transactions, nothing special when it is refused."""

    def __init__(self, parts: P) -> None:
        self._parts = parts

    @property
    def _host(self) -> BotPorts:
        return self._parts.host

    @property
    def _bot(self) -> UserId:
        return self._parts.bot.user_id

    async def perform(self, job: Job) -> Mapping[str, Any]:  # noqa: ARG002 -- of the protocol
        """Do it, outside transactions; it may be done again."""
        return {}

    async def make_room(
        self, job: Job, name: str, commands: Sequence[Command], language: str, plan: RoomPlan
    ) -> Mapping[str, Any]:
        """Make a room, or find the one that an earlier attempt made: ``{"room": its id}``."""
        catalogue = self._parts.profile.catalogue
        state = introduced(name, commands, self._bot, catalogue, language)
        plan = attrs.evolve(plan, initial_state=(*state, *plan.initial_state))
        device = self._host.device_id(self._bot)
        return {"room": await self._host.rooms.create(self._bot, device, plan, job.id)}

    async def fetch(self, mxc: str, bytes_max: int) -> bytes | None:
        """Fetch a file that a person sent, as it is stored; None: the homeserver has it no more.

        Raises:
            TooLargeError: It has more than ``bytes_max`` bytes.
            UnavailableError: The homeserver may have it later.
        """
        try:
            return await self._host.client.download(
                mxc, user=self._bot, bytes_max=bytes_max, timeout_s=FETCH_TIMEOUT_S
            )
        except AnswerTooLargeError as e:
            raise TooLargeError(str(e)) from e
        except MatrixError as e:
            if e.status == _TOO_LARGE:
                raise TooLargeError(e.error) from e
            if e.status in _FILE_GONE:
                return None
            raise UnavailableError(str(e), retry_after_ms=e.retry_after_ms or 0) from e


class Join(ChatJob[P]):
    """Goes into a chat that a person began, and welcomes them."""

    def __init__(
        self, parts: P, greet: Callable[[Any, RoomId, UserId], None], *, has_widget: bool = True
    ) -> None:
        """Make it.

        Args:
            parts: What all transactions of the bot share.
            greet: Welcomes a person: conversation, room, person.
            has_widget: Whether its widget is shown in chats that persons made.
        """
        super().__init__(parts)
        self._greet = greet
        self._has_widget = has_widget

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Go in, learn who is there, show the widget; or leave, where there is a reason to."""
        room_id = RoomId(job.payload["room"])
        if (reason := job.payload.get("reason")) is not None:
            await leave(self._host.client, self._bot, room_id, reason)
            return {}
        await join(self._host.client, self._bot, self._host.device_id(self._bot), room_id)
        # What is said there is sealed for its members, so they must be known first.
        await self._host.rooms.look(self._bot, room_id)
        if self._has_widget:
            await self._show_widget(room_id)
        return {}

    async def _show_widget(self, room_id: RoomId) -> None:
        """Show the widget, where whoever made the room lets the bot."""
        for one in self._parts.widget(self._parts.section.language):
            where = path("rooms", room_id, "state", one["type"], one["state_key"])
            try:
                await self._host.client.call("PUT", where, user=self._bot, body=one["content"])
            except MatrixError as e:
                if e.status not in _GONE:
                    raise
                return

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Welcome them; who comes by a bridge has written already, and that is answered."""
        chat = self._parts.chats.read(txn, RoomId(job.payload["room"]))
        if chat is None or bridge_of(chat.person, self._host.bridges):
            return
        if not chat.is_greeted and "reason" not in job.payload:
            scene = self._parts.conversation(txn, job.id, now_ms)
            self._greet(scene, chat.room_id, chat.person)


class OpenChat(ChatJob[P]):
    """Makes a chat with somebody who has none; what goes on there is for ``finish`` of a bot."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Make the room, unless they have got one meanwhile."""
        called = f"{self._parts.profile.purpose}.chat"
        language, room_id = await self._host.database.run(called, self._read, job)
        if room_id is not None:
            return {"room": room_id}
        name, commands = self._parts.section.name_in(language), self._parts.profile.commands
        plan = RoomPlan(initial_state=self._parts.widget(language))
        return await self.make_room(job, name, commands, language, plan)

    def _read(self, txn: Cursor, job: Job) -> tuple[str, RoomId | None]:
        """The language of the person, and the chat that they have got meanwhile."""
        scene = self._parts.conversation(txn, job.id, self._host.now_ms())
        person = UserId(job.payload["person"])
        return scene.language_of(person), scene.chat_of(person, is_greeted=False)


def invite(scene: Conversation[Any], room_id: RoomId, person: UserId) -> bool:
    """Have a person in the chat that was made for them; whether they were welcomed there."""
    chats = scene.parts.chats
    known = chats.read(scene.txn, room_id)
    if known is not None:
        return known.is_greeted
    chats.keep(scene.txn, room_id, person, scene.now_ms)
    scene.let_in(room_id, person)
    return False


def by_bot(handlers: Mapping[UserId, Mapping[str, JobHandler]]) -> dict[str, JobHandler]:
    """Combine the handlers of several bots, by kind: the payload of a job names its ``bot``."""
    kinds = {kind for one in handlers.values() for kind in one}
    return {kind: _ByBot({bot: one[kind] for bot, one in handlers.items()}) for kind in kinds}


@attrs.frozen
class _ByBot:
    handlers: Mapping[UserId, JobHandler]

    async def perform(self, job: Job) -> Mapping[str, Any]:
        return await self._of(job).perform(job)

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        self._of(job).finish(txn, job, result, now_ms)

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:
        self._of(job).refused(txn, job, error, now_ms)

    def _of(self, job: Job) -> JobHandler:
        return self.handlers[UserId(job.payload["bot"])]
