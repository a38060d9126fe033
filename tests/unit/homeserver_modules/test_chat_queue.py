"""People who begin a chat with a bot are let in in order, and nobody waits for ever."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock, create_autospec

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synapse.module_api import NOT_SPAM, ModuleApi
from synapse.module_api.errors import ConfigError
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeserver_modules.chat_queue import ChatQueue
from homeserver_modules.chat_queue.core import WAITING_MAX, Queue
from homeserver_modules.chat_queue.module import (
    PLACE_S_MAX,
    PLACE_S_MIN,
    ROOMS_MAX,
    WAIT_S_MAX,
)

BOT, REMOTE_BOT = "@veche_tax:veche.test", "@veche_tax:other.test"


def test_more_people_than_may_wait_begin_at_once() -> None:
    queue = Queue(1)
    came = [queue.come(str(number)) for number in range(WAITING_MAX + 2)]

    assert came == [True] + [False] * WAITING_MAX + [True]


@given(st.integers(1, 4), st.lists(st.tuples(st.booleans(), st.integers(0, 12)), max_size=100))
def test_everybody_begins_in_the_order_in_which_they_came(
    at_once: int, steps: list[tuple[bool, int]]
) -> None:
    queue = Queue(at_once)
    going: set[str] = set()
    waiting: list[str] = []

    for is_coming, number in steps:
        person = str(number)
        if is_coming and not queue.has(person):
            assert queue.come(person) is (len(going) < at_once)
            (waiting.append if len(going) >= at_once else going.add)(person)
        elif not is_coming:
            going.discard(person)
            waiting = [one for one in waiting if one != person]
            following = queue.leave(person)
            assert following == waiting[: at_once - len(going)]
            going.update(following)
            waiting = waiting[len(following) :]
    assert len(going) == at_once or not waiting


class ChatQueueCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.api = create_autospec(ModuleApi)
        self.api.is_mine.side_effect = lambda user: user.endswith(":veche.test")
        self.api.delayed_background_call.side_effect = lambda delay_ms, call, *args, **_: (
            self.clock.callLater(delay_ms / 1000, call, *args)
        )
        self.module = ChatQueue(ChatQueue.parse_config({"at_once": 1}), self.api)

    def create(self, name: str, *invited: object) -> Deferred[None]:
        """A request for a room; it has fired once Synapse goes on with it."""
        requester = Mock()
        requester.user.to_string.return_value = f"@{name}:veche.test"
        body: dict[str, Any] = {"invite": list(invited)} if invited else {}
        return Deferred.fromCoroutine(self.module.on_create_room(requester, body, False))

    def invite(self, name: str, room: str, invitee: str = BOT) -> None:
        work = self.module.user_may_invite(f"@{name}:veche.test", invitee, room)
        assert self.successResultOf(Deferred.fromCoroutine(work)) == NOT_SPAM

    def say(self, room: str, sender: str = BOT, *, is_state: bool = False) -> None:
        event = Mock(room_id=room, sender=sender)
        event.is_state.return_value = is_state
        work = self.module.check_event_for_spam(event)
        assert self.successResultOf(Deferred.fromCoroutine(work)) == NOT_SPAM


class OrderTests(ChatQueueCase):
    def test_the_next_person_begins_once_the_bot_has_spoken_to_the_one_before(self) -> None:
        first, second, third = (self.create(name, BOT) for name in ("a", "b", "c"))
        self.invite("a", "!a")

        self.successResultOf(first)
        self.say("!a", is_state=True)  # its membership, its widget
        self.say("!a", sender="@a:veche.test")
        self.say("!other")
        assert not second.called
        self.say("!a")
        self.successResultOf(second)
        assert not third.called

    def test_other_rooms_are_made_at_once(self) -> None:
        self.create("a", BOT)

        others: list[tuple[object, ...]] = [(), ("@b:veche.test",), (REMOTE_BOT,), (None, 5, {})]
        for invited in others:
            self.successResultOf(self.create("b", *invited))

    def test_a_second_room_of_a_person_needs_no_place(self) -> None:
        self.create("a", BOT)

        self.successResultOf(self.create("a", BOT))

    def test_a_room_whose_bot_is_silent_keeps_its_place_for_a_while_only(self) -> None:
        self.create("a", BOT)
        second = self.create("b", BOT)

        self.clock.advance(PLACE_S_MAX - 0.1)
        self.create("a", BOT)  # does not prolong it
        assert not second.called
        self.clock.advance(0.1)
        self.successResultOf(second)

    def test_whoever_waited_long_goes_on_although_no_place_is_free(self) -> None:
        waiting = [self.create(str(number), BOT) for number in range(20)]

        self.clock.advance(WAIT_S_MAX)

        for one in waiting:
            self.successResultOf(one)

    def test_places_pass_on_quickly_while_no_bot_is_heard(self) -> None:
        waiting = [self.create(str(number), BOT) for number in range(60)]
        self.clock.pump([PLACE_S_MIN] * round(3 * PLACE_S_MAX / PLACE_S_MIN))
        assert sum(one.called for one in waiting) > 3 * PLACE_S_MAX
        going = sum(one.called for one in waiting)
        self.invite(str(going - 1), "!x")

        self.say("!x")  # the next one begins, and has a whole place again

        self.clock.pump([PLACE_S_MIN] * (round(PLACE_S_MAX / PLACE_S_MIN) - 1))
        assert sum(one.called for one in waiting) == going + 1

    def test_a_bot_that_speaks_late_is_heard(self) -> None:
        self.create("a", BOT)
        self.invite("a", "!a")
        self.clock.advance(PLACE_S_MAX)
        self.say("!a")

        self.create("b", BOT)
        third = self.create("c", BOT)

        self.clock.advance(PLACE_S_MAX - 0.1)
        assert not third.called

    def test_rooms_in_which_no_bot_speaks_are_forgotten(self) -> None:
        self.create("a", BOT)
        for number in range(ROOMS_MAX + 1):
            self.invite("a", f"!{number}")
        second = self.create("b", BOT)

        self.say("!0")
        assert not second.called
        self.say("!1")
        self.successResultOf(second)

    def test_nothing_is_kept_of_what_has_ended(self) -> None:
        for number in range(3):
            self.create(str(number), BOT)
            self.invite(str(number), f"!{number}")
            self.say(f"!{number}")

        assert not self.clock.getDelayedCalls()
        assert not self.module._rooms
        self.successResultOf(self.create("x", BOT))


def test_a_wrong_setting_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        ChatQueue.parse_config({"at_once": 0})

    assert caught.value.path == ["at_once"]
