"""The Synapse side of the queue of new chats.

A person has a place from the moment when their ``/createRoom`` goes on until the bot that they
invite by it has said something in the room. Which callback sees what (Synapse 1.163):
``on_create_room`` comes before any work on the room, and may wait; ``user_may_invite`` names the
room; ``check_event_for_spam`` sees what the bot says. Other rooms, and other events, pass at once.

Nothing is refused here, and nobody waits for ever: a place is free again after ``PLACE_S_MAX``,
whatever became of the room, and whoever waited ``WAIT_S_MAX`` goes on. While no bot is heard, since
it does not run or speaks through another worker of Synapse, places are free sooner and sooner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import ValidationError
from synapse.logging.context import PreserveLoggingContext
from synapse.module_api import NOT_SPAM, make_deferred_yieldable
from synapse.module_api.errors import ConfigError
from twisted.internet.defer import Deferred

from homeserver_modules.chat_queue.config import ChatQueueConfig
from homeserver_modules.chat_queue.core import Queue

if TYPE_CHECKING:
    from collections.abc import Callable

    from synapse.events import EventBase
    from synapse.module_api import ModuleApi
    from synapse.types import Requester  # type: ignore[attr-defined]  # Synapse's own re-export
    from twisted.internet.interfaces import IDelayedCall

PLACE_S_MAX: Final = 5.0
"""How long a person has a place: longer than a first contact takes, and not much longer."""
PLACE_S_MIN: Final = 0.25
"""How long a person has a place while no bot is heard."""
ROOMS_MAX: Final = 1_000
"""New rooms in which a bot is waited for; the oldest ones are forgotten."""
WAIT_S_MAX: Final = 45.0
"""How long a person waits: proxies and clients give a request up after a minute."""


class ChatQueue:
    """Synapse module that lets people begin chats with bots in order, see this module's text."""

    def __init__(self, config: ChatQueueConfig, api: ModuleApi) -> None:
        """Nobody waits."""
        self._prefix = f"@{config.localpart_prefix}"
        self._api = api
        self._queue = Queue(config.at_once)
        self._turns: dict[str, Deferred[None]] = {}
        self._timers: dict[str, IDelayedCall] = {}
        self._rooms: dict[str, str] = {}
        self._place_s = PLACE_S_MAX
        api.register_third_party_rules_callbacks(on_create_room=self.on_create_room)
        api.register_spam_checker_callbacks(
            user_may_invite=self.user_may_invite, check_event_for_spam=self.check_event_for_spam
        )

    @staticmethod
    def parse_config(config: dict[str, Any]) -> ChatQueueConfig:
        """Read the module's section of homeserver.yaml.

        Raises:
            ConfigError: A key is unknown or its value wrong; it names the key.
        """
        try:
            return ChatQueueConfig.model_validate(config)
        except ValidationError as e:
            first = e.errors(include_input=False, include_url=False)[0]
            raise ConfigError(first["msg"], [str(part) for part in first["loc"]]) from e

    async def on_create_room(
        self,
        requester: Requester,
        request_content: dict[str, Any],
        is_request_by_admin: bool,  # noqa: ARG002 -- Synapse passes it
    ) -> None:
        """Wait for the turn of a person who invites a bot (third-party rules callback)."""
        invited = request_content.get("invite")
        if not isinstance(invited, list) or not any(map(self._is_bot, invited)):
            return
        person = requester.user.to_string()
        if self._queue.has(person):
            return
        if self._queue.come(person):
            self._begin(person)
            return
        turn = self._turns[person] = Deferred()
        self._after(WAIT_S_MAX, self._end, person)
        await make_deferred_yieldable(turn)

    async def user_may_invite(
        self, inviter: str, invitee: str, room_id: str
    ) -> Literal["NOT_SPAM"]:
        """Learn which room a person with a place has made (spam checker callback)."""
        if self._queue.has(inviter) and self._is_bot(invitee):
            self._rooms[room_id] = inviter
            if len(self._rooms) > ROOMS_MAX:
                del self._rooms[next(iter(self._rooms))]
        return NOT_SPAM

    async def check_event_for_spam(self, event: EventBase) -> Literal["NOT_SPAM"]:
        """Let the next one in once the bot has said something (spam checker callback)."""
        is_said = event.room_id in self._rooms and not event.is_state()
        if is_said and self._is_bot(event.sender):
            self._place_s = PLACE_S_MAX
            self._end(self._rooms.pop(event.room_id))
        return NOT_SPAM

    def _is_bot(self, user_id: object) -> bool:
        is_named_so = isinstance(user_id, str) and user_id.startswith(self._prefix)
        return is_named_so and self._api.is_mine(str(user_id))

    def _begin(self, person: str) -> None:
        """Let a person who has got a place go on."""
        self._after(self._place_s, self._end_silent, person)
        self._go_on(person)

    def _end_silent(self, person: str) -> None:
        """Give a place back of somebody to whom no bot has spoken."""
        self._place_s = max(PLACE_S_MIN, self._place_s / 2)
        self._end(person)

    def _end(self, person: str) -> None:
        """Give a place back, or wait no longer."""
        self._stop_timer(person)
        following = self._queue.leave(person)
        self._go_on(person)
        for one in following:
            self._begin(one)

    def _go_on(self, person: str) -> None:
        turn = self._turns.pop(person, None)
        if turn is not None:
            with PreserveLoggingContext():
                turn.callback(None)

    def _after(self, delay_s: float, call: Callable[[str], None], person: str) -> None:
        self._stop_timer(person)
        self._timers[person] = self._api.delayed_background_call(
            delay_s * 1000, call, person, desc="chat_queue"
        )

    def _stop_timer(self, person: str) -> None:
        timer = self._timers.pop(person, None)
        if timer is not None and timer.active():
            timer.cancel()
