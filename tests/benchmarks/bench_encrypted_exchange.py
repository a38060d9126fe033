"""What one exchange costs: a person's message in, a bot's answer out, encrypted and in clear.

Measured is the services' process, as an operator runs it, with the echo service: inbox, decryption,
service, act, outbox, encryption. CPU is user and system time of the process and its threads, as the
kernel counts it. Beside it stands what Synapse spends on the same exchanges, and how long ordinary
clients need to say the same to one another through the same Synapse.

``answer_p50_ms`` is from the start of the person's PUT until the answer is there in their /sync,
one exchange after another. ``synapse_p50_ms`` is one message between two clients, measured the same
way; ``synapse_answer_p50_ms`` a client's answer by another client that does nothing else.

CPU depends on what else the machine does: caches are cold when others had the core, and Synapse
spends twenty times as much on the same two cores meanwhile. ``cpu_ms_…_quiet`` is the same work
beside a homeserver that costs next to nothing: use it to compare two versions. Beside both stands
what a fixed piece of work costs under the same load
(``client_encrypted_baseline_us``: a client seals its message) and on a machine that does nothing
else (``client_idle_baseline_us``).
"""

from __future__ import annotations

import itertools
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import attrs
import psutil

from tests.benchmarks.light_client import MESSAGES_MAX, LightClient, echo_house
from tests.benchmarks.quiet_homeserver import QuietHomeserver
from tests.support import echo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.services import House
    from veche.protocol.ids import UserId

ROOMS: Final = 8
"""Persons who talk to the bot at once, each in a room of their own."""
EXCHANGES: Final = 400
"""At once, in all rooms together."""
QUIET_ROOMS: Final = 4
QUIET_EXCHANGES: Final = 1_200
"""Beside a quiet homeserver."""
EXCHANGES_ALONE: Final = 100
"""One after another, in one room: one rotation of the room key on either side."""
WARM_UP: Final = 10
MESSAGES: Final = 60
SEALED: Final = MESSAGES_MAX - 1
PAUSE_S: Final = 0.05
"""So that a client's long poll hangs before the other speaks, as it does outside of benchmarks."""

_numbers = itertools.count(1)


def run() -> dict[str, float]:
    """CPU in ms an exchange, time in ms."""
    with echo_house() as town:
        bot = echo.bot_of(town.server.plan.server_name)
        persons = [LightClient(town, f"person{number}") for number in range(ROOMS)]
        figures = {"client_idle_baseline_us": _seal_us(persons[0], bot)}
        for kind, is_encrypted in (("encrypted", True), ("plain", False)):
            rooms = [one.create_room(bot, is_encrypted=is_encrypted) for one in persons]
            places = [_Place(*one) for one in zip(persons, rooms, strict=True)]
            _at_once(places, ROOMS * WARM_UP)
            meter = _Meter(town)
            found = _at_once(places, EXCHANGES)
            figures |= meter.figures(kind, EXCHANGES)
            figures |= {
                f"answer_{ROOMS}_rooms_{kind}_p50_ms": _median_ms([one.taken_s for one in found]),
                f"client_{kind}_baseline_us": statistics.median(one.cpu_us for one in found),
            }
        figures |= _alone(town, persons[0], bot)
        figures |= _between_clients(*persons[:2])
    return figures | _quiet()


def _quiet() -> dict[str, float]:
    """CPU of an exchange beside a homeserver that costs next to nothing."""
    quiet, figures = QuietHomeserver(), {}
    with echo_house() as town:
        quiet.stand_before(town)
        bot = echo.bot_of(town.server.plan.server_name)
        persons = [LightClient(town, f"person{number}") for number in range(QUIET_ROOMS)]
        places: dict[str, list[_Place]] = {}
        for kind, is_encrypted in (("encrypted", True), ("plain", False)):
            rooms = [one.create_room(bot, is_encrypted=is_encrypted) for one in persons]
            places[kind] = [_Place(*one) for one in zip(persons, rooms, strict=True)]
            for place in places[kind]:
                _exchange(place)
        quiet.be_quiet(town, bot)

        def talk(place: _Place, exchanges: int) -> None:
            for _ in range(exchanges):
                target, content = place.person.prepare(place.room_id, f"{next(_numbers)}")
                sent_as = target.partition("/send/")[2].partition("/")[0]
                quiet.exchange(place.room_id, place.person.user_id, sent_as, content)

        with ThreadPoolExecutor(QUIET_ROOMS) as threads:
            for kind, some in places.items():
                list(threads.map(talk, some, [WARM_UP] * QUIET_ROOMS))
                meter = _Meter(town)
                list(threads.map(talk, some, [QUIET_EXCHANGES // QUIET_ROOMS] * QUIET_ROOMS))
                found = meter.figures(kind, QUIET_EXCHANGES)
                figures[f"cpu_ms_{kind}_quiet"] = found[f"cpu_ms_{kind}"]
    return figures


def _seal_us(person: LightClient, bot: UserId) -> float:
    room_id = person.create_room(bot, is_encrypted=True)
    person.prepare(room_id, "the first one shares the key")
    began_s = time.thread_time()
    for _ in range(SEALED):
        person.prepare(room_id, "message")
    return (time.thread_time() - began_s) / SEALED * 1e6


@attrs.frozen
class _Place:
    """A person in their room with the bot."""

    person: LightClient
    room_id: str


class _Meter:
    """CPU of the services and of Synapse from now on."""

    def __init__(self, town: House) -> None:
        self._processes = {
            "": psutil.Process(town.replicas[0].pid),
            "_synapse_baseline": psutil.Process(town.server.child.pid),
        }
        self._before_s = {name: _cpu_s(one) for name, one in self._processes.items()}

    def figures(self, kind: str, exchanges: int) -> dict[str, float]:
        return {
            f"cpu_ms_{kind}{name}": (_cpu_s(one) - self._before_s[name]) * 1000 / exchanges
            for name, one in self._processes.items()
        }


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@attrs.frozen
class _Exchange:
    """One message and its answer.

    Attributes:
        taken_s: From the start of the PUT until the answer was there.
        cpu_us: What it cost the client to make its message.
        answered_at_ms: When Synapse took the answer.
    """

    taken_s: float
    cpu_us: float
    event_id: str
    answered_at_ms: int


def _exchange(place: _Place) -> _Exchange:
    words = f"message {next(_numbers)}"
    cpu_s = time.thread_time()
    target, content = place.person.prepare(place.room_id, words)
    cpu_us = (time.thread_time() - cpu_s) * 1e6
    began_s = time.perf_counter()
    event_id = place.person.call("PUT", target, content)["event_id"]
    answer = place.person.wait_for(place.room_id, echo.answer_to(words))
    taken_s = time.perf_counter() - began_s
    return _Exchange(taken_s, cpu_us, event_id, answer["origin_server_ts"])


def _at_once(places: Sequence[_Place], exchanges: int) -> list[_Exchange]:
    """Have all persons talk at once."""

    def talk(place: _Place) -> list[_Exchange]:
        return [_exchange(place) for _ in range(exchanges // len(places))]

    with ThreadPoolExecutor(len(places)) as threads:
        return [one for some in threads.map(talk, places) for one in some]


def _alone(town: House, person: LightClient, bot: UserId) -> dict[str, float]:
    """One exchange after another, and where its time goes."""
    place = _Place(person, person.create_room(bot, is_encrypted=True))
    for _ in range(WARM_UP):
        _exchange(place)
    meter = _Meter(town)
    found = [_exchange(place) for _ in range(EXCHANGES_ALONE)]
    figures = meter.figures("encrypted_alone", EXCHANGES_ALONE)
    rows = town.query(
        "SELECT event_id, (event->>'origin_server_ts')::bigint, received_at_ms FROM runtime.inbox"
        " WHERE room_id = %s",
        place.room_id,
    )
    times: dict[Any, Any] = {event_id: (sent, received) for event_id, sent, received in rows}
    pushed = [times[one.event_id][1] - times[one.event_id][0] for one in found]
    ours = [one.answered_at_ms - times[one.event_id][1] for one in found]
    return figures | {
        "answer_p50_ms": _median_ms([one.taken_s for one in found]),
        "answer_pushed_after_p50_ms": statistics.median(pushed),
        "answer_in_services_p50_ms": statistics.median(ours),
    }


def _between_clients(one: LightClient, other: LightClient) -> dict[str, float]:
    """One message, and a message and its answer, between two clients without any of us."""
    room_id = one.create_room(other.user_id, is_encrypted=False, is_join_awaited=False)
    other.join(room_id)
    one.catch_up()
    other.catch_up()
    heard_s: list[float] = []
    answered_s: list[float] = []

    def answer(words: str) -> float:
        other.wait_for(room_id, words)
        at_s = time.perf_counter()
        other.send(room_id, echo.answer_to(words))
        return at_s

    with ThreadPoolExecutor(1) as thread:
        for _ in range(MESSAGES):
            words = f"message {next(_numbers)}"
            heard = thread.submit(answer, words)
            time.sleep(PAUSE_S)
            began_s = time.perf_counter()
            one.send(room_id, words)
            one.wait_for(room_id, echo.answer_to(words))
            answered_s.append(time.perf_counter() - began_s)
            heard_s.append(heard.result() - began_s)
    return {
        "synapse_p50_ms": _median_ms(heard_s),
        "synapse_answer_p50_ms": _median_ms(answered_s),
    }


def _median_ms(values_s: Sequence[float]) -> float:
    return statistics.median(values_s) * 1000
