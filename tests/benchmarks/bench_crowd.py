"""Two hundred people who meet an office at the same moment, each in an encrypted chat of their own.

The demo's office answers. Each person makes a chat, waits for the office's first words, and gives
``ANSWERS`` answers, one after another. The clients cost next to nothing and share the machine with
the servers; Synapse is one process, without workers.

``first_contact_p50_s`` is from the start of the person's ``/createRoom`` until they can read the
office's first message; ``create_room_p50_s_baseline`` is how long that request takes, in which we
have no part. ``answer_p50_s`` is from the start of a person's PUT until they can read the next
question. ``answers_per_s`` counts from the first answer that is sent until the last question is
there. ``events_per_answer`` is how many events the office's bot sent after its first question, by
answer. ``synapse_sends_per_s_baseline`` is what the same Synapse can take right afterwards, from
``SENDERS`` clients that send plain messages into rooms of their own and read nothing.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import psutil

from tests.benchmarks.light_client import LightClient
from tests.support.services import OFFICE, house
from veche.protocol.prompts import PROMPT_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.services import House

PEOPLE: Final = 200
ANSWERS: Final = 3
"""Of each person: the language, the service, and the word that begins it."""
WAIT_S_MAX: Final = 300.0
SENDERS: Final = 8
SENDS: Final = 400
LOGINS: Final = 8
"""People who make their accounts at once, before anything is measured."""


def run() -> dict[str, float]:
    """Seconds, events, and answers a second."""
    with tempfile.TemporaryDirectory(prefix="veche-bench-") as folder, house(Path(folder)) as town:
        with ThreadPoolExecutor(LOGINS) as threads:
            names = [f"person{number}" for number in range(PEOPLE)]
            people = list(threads.map(lambda name: LightClient(town, name), names))
        bot = OFFICE
        processes = {"services": town.replicas[0].pid, "synapse": town.server.child.pid}
        before = {name: _cpu_s(pid) for name, pid in processes.items()}
        began_s = time.perf_counter()
        with ThreadPoolExecutor(PEOPLE) as threads:
            visits = list(threads.map(lambda person: _visit(person, bot), people))
        taken_s = time.perf_counter() - began_s
        cores = {
            f"{name}_cores": (_cpu_s(pid) - before[name]) / taken_s
            for name, pid in processes.items()
        }
        return (
            _figures(visits)
            | cores
            | {
                "events_per_answer": _bot_events(town, bot, visits) / (PEOPLE * ANSWERS),
                "synapse_sends_per_s_baseline": _sends_per_s(people[:SENDERS]),
            }
        )


@attrs.frozen
class _Visit:
    """What one person saw; moments are of ``time.perf_counter``.

    Attributes:
        created_s: How long ``/createRoom`` took.
        contact_s: From the start until the first words were read.
        first_question: Event that asks first.
        answered_s: When each answer was begun.
        asked_s: When the question that followed it was read.
    """

    room_id: str
    created_s: float
    contact_s: float
    first_question: str
    answered_s: Sequence[float]
    asked_s: Sequence[float]


def _visit(person: LightClient, bot: str) -> _Visit:
    began_s = time.perf_counter()
    room_id = person.create_room(bot, is_encrypted=True, is_join_awaited=False)
    created_s = time.perf_counter() - began_s
    heard = person.messages(room_id, WAIT_S_MAX)
    question = next(heard)
    contact_s = time.perf_counter() - began_s
    if PROMPT_KEY not in question["content"]:
        question = _question(heard)
    first_question = question["event_id"]
    answered_s, asked_s = [], []
    for _ in range(ANSWERS):
        answered_s.append(time.perf_counter())
        person.send(room_id, "1")
        _question(heard)
        asked_s.append(time.perf_counter())
    return _Visit(room_id, created_s, contact_s, first_question, answered_s, asked_s)


def _question(heard: Iterator[Any]) -> Any:
    """The next message that asks something, not an edit of one."""
    return next(
        event
        for event in heard
        if PROMPT_KEY in event["content"] and "m.new_content" not in event["content"]
    )


def _figures(visits: Sequence[_Visit]) -> dict[str, float]:
    contact_s = sorted(one.contact_s for one in visits)
    answers_s = [
        asked - answered
        for one in visits
        for answered, asked in zip(one.answered_s, one.asked_s, strict=True)
    ]
    began_s = min(one.answered_s[0] for one in visits)
    ended_s = max(one.asked_s[-1] for one in visits)
    return {
        "first_contact_p50_s": statistics.median(contact_s),
        "first_contact_max_s": contact_s[-1],
        "create_room_p50_s_baseline": statistics.median(one.created_s for one in visits),
        "answer_p50_s": statistics.median(answers_s),
        "answers_per_s": len(answers_s) / (ended_s - began_s),
    }


def _bot_events(town: House, bot: str, visits: Sequence[_Visit]) -> int:
    """How many events the bot sent after the first question of each visit and its reactions."""
    [(count,)] = town.query(
        "SELECT count(*) FROM runtime.outbox AS o JOIN runtime.outbox AS first"
        " ON first.room_id = o.room_id AND first.event_id = ANY(%s) AND o.seq > first.seq"
        " WHERE o.bot = %s AND NOT (o.event_type = 'm.reaction'"
        "  AND o.relation->>1 = first.effect_id)",
        [one.first_question for one in visits],
        bot,
    )
    return int(str(count))


def _sends_per_s(senders: Sequence[LightClient]) -> float:
    rooms = [
        one.create_room(other.user_id, is_encrypted=False, is_join_awaited=False)
        for one, other in zip(senders, reversed(senders), strict=True)
    ]

    def send(person: LightClient, room_id: str) -> None:
        for number in range(SENDS // len(senders)):
            person.send(room_id, f"message {number}")

    began_s = time.perf_counter()
    with ThreadPoolExecutor(len(senders)) as threads:
        list(threads.map(send, senders, rooms))
    return SENDS / (time.perf_counter() - began_s)


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
