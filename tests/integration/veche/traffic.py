"""Encrypted exchanges of several persons with the echo service, while something is killed.

An exchange is a message that says what no other says, and its one answer. What is counted at the
end is what the persons' own clients have.
"""

from __future__ import annotations

import collections
import random
import re
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import attrs

from tests.integration.veche.autopsy import autopsy
from tests.support.calls import request
from tests.support.echo import answer_to, bot_of
from tests.support.people import ClientError
from tests.support.processes import wait_until
from veche.messaging.inbox.store import State
from veche.server.demo import SERVER_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.support.people import Message, Person
    from tests.support.services import House

ROTATION_MESSAGES: Final = 5
"""A room key of the bot seals as many messages, then a new one is taken."""
ROTATE_EVERY: Final = 7
"""A person takes a new room key after as many messages."""
PAUSE_S_MAX: Final = 0.3
"""Longest pause of a person between two messages."""
SETTLED_S_MAX: Final = 240
"""How long the last answers may take after everything runs again."""
_PAGE: Final = 1_000


@attrs.define
class Talk:
    """One person in one room.

    Attributes:
        sent: What was sent and taken by the homeserver.
        unsure: What was refused or got no answer: it may have arrived.
    """

    person: Person
    room: str
    sent: list[str] = attrs.field(factory=list)
    unsure: list[str] = attrs.field(factory=list)

    def say(self, words: str) -> None:
        """Send a message that nobody has sent before."""
        if (len(self.sent) + 1) % ROTATE_EVERY == 0:
            self.person.rotate(self.room)
        try:
            self.person.send(self.room, words)
        except ClientError:
            self.unsure.append(words)
        else:
            self.sent.append(words)

    def answers(self) -> collections.Counter[str]:
        """How often the bot said what, each event counted once."""
        return collections.Counter(message.body for message in self._of_bot())

    def unreadable(self) -> list[Message]:
        """What the person's client could not decrypt."""
        return [message for message in self._of_bot() if not message.is_readable]

    def unanswered(self) -> list[str]:
        """What surely arrived and has no answer."""
        answers = self.answers()
        return [words for words in self.sent if not answers[answer_to(words)]]

    def is_settled(self) -> bool:
        """Whether everything that surely arrived has an answer, and all can be read."""
        return not self.unanswered() and not self.unreadable()

    def sessions(self) -> tuple[set[str], set[str]]:
        """The Megolm sessions of the person and of the bot, as the homeserver has them."""
        found: dict[str, set[str]] = collections.defaultdict(set)
        for event in self.events():
            if event["type"] == "m.room.encrypted":
                found[event["sender"]].add(event["content"]["session_id"])
        return found[self.person.user_id], found[bot_of(SERVER_NAME)]

    def events(self) -> list[dict[str, Any]]:
        """The newest events of the room, as the homeserver has them."""
        path = f"/_matrix/client/v3/rooms/{self.room}/messages"
        query = {"dir": "b", "limit": str(_PAGE)}
        answer = request("GET", self.person.url + path, token=self.person.access_token, query=query)
        events: list[dict[str, Any]] = answer.body["chunk"]
        return events

    def _of_bot(self) -> list[Message]:
        bot = bot_of(SERVER_NAME)
        kinds = {"m.room.message", "m.room.encrypted"}
        return [
            one
            for one in self.person.messages(self.room)
            if one.sender == bot and one.type in kinds
        ]


def begin_talk(person: Person) -> Talk:
    """A new encrypted chat with the echo bot, whose room keys live shortly."""
    encryption = {"algorithm": "m.megolm.v1.aes-sha2", "rotation_period_msgs": ROTATION_MESSAGES}
    state = [{"type": "m.room.encryption", "state_key": "", "content": encryption}]
    bot = bot_of(SERVER_NAME)
    body = {
        "preset": "private_chat",
        "is_direct": True,
        "invite": [bot],
        "initial_state": state,
    }
    url = f"{person.url}/_matrix/client/v3/createRoom"
    answer = request("POST", url, token=person.access_token, body=body)
    assert answer.status == 200, answer
    room = str(answer.body["room_id"])
    person.wait_for_member(room, bot)
    return Talk(person, room)


def seconds_to_first_answer(town: House, talk: Talk) -> float:
    """Kill the services, write to them, start them; from then on until the answer is there.

    Args:
        town: Where the echo service runs, one process of it.
        talk: Who writes.
    """
    words = f"while nobody was there {len(talk.sent)}"
    town.kill()
    talk.say(words)
    began_s = time.monotonic()
    town.launch()
    talk.person.wait_for(talk.room, f"^{re.escape(answer_to(words))}$")
    return time.monotonic() - began_s


class Traffic:
    """Several persons who talk at the same time."""

    def __init__(self, town: House, talks: Sequence[Talk], chance: random.Random) -> None:
        self._town = town
        self._talks = talks
        self._chance = chance
        self._errors: list[BaseException] = []

    def run(self, exchanges: int, disturb: Callable[[], None]) -> None:
        """Let everybody talk, and disturb until they have said everything.

        Args:
            exchanges: Messages of all persons together.
            disturb: Breaks something and mends it again; called over and over.
        """
        threads = [
            threading.Thread(target=self._talk, args=(person, count, self._chance.random()))
            for person, count in self._shares(exchanges)
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            disturb()
        for thread in threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def settle(self) -> None:
        """Return once everything is answered, and nothing more can come."""
        self._wait()
        # A room's events are in order: a second answer to an earlier message would come first.
        for talk in self._talks:
            talk.say(f"end {talk.room}")
        self._wait()

    def _wait(self) -> None:
        try:
            wait_until(self._is_settled, SETTLED_S_MAX, "not everything is answered")
        except TimeoutError as e:
            late = [talk for talk in self._talks if not talk.is_settled()]
            raise AssertionError(f"{e}:\n{autopsy(self._town, late)}") from e

    def _shares(self, exchanges: int) -> list[tuple[Person, int]]:
        people = list({id(talk.person): talk.person for talk in self._talks}.values())
        each, left = divmod(exchanges, len(people))
        return [(person, each + (number < left)) for number, person in enumerate(people)]

    def _talk(self, person: Person, count: int, seed: float) -> None:
        chance = random.Random(seed)  # noqa: S311 -- no secret
        talks = [talk for talk in self._talks if talk.person is person]
        try:
            for number in range(count):
                chance.choice(talks).say(f"{person.user_id} {number}")
                time.sleep(chance.uniform(0, PAUSE_S_MAX))
        except BaseException as e:  # noqa: BLE001 -- raised again by the test's own thread
            self._errors.append(e)

    def _is_settled(self) -> bool:
        return all(talk.is_settled() for talk in self._talks)


def check(town: House, talks: Sequence[Talk]) -> None:
    """Nothing is lost, nothing answered twice, nothing undecryptable in either direction."""
    for talk in talks:
        answers = talk.answers()
        once = {answer_to(words) for words in talk.sent}
        perhaps = {answer_to(words) for words in talk.unsure}

        assert talk.unreadable() == []
        assert {words: answers[words] for words in once} == dict.fromkeys(once, 1)
        assert {words for words in perhaps if answers[words] > 1} == set()
        # Anything else would be a hint that the bot could not read a message.
        assert answers.keys() - once - perhaps == set()
    undone = "SELECT event_id, state, failures FROM runtime.inbox WHERE state <> %s"
    assert town.query(undone, int(State.DONE)) == []
