"""What the modules inside Synapse cost, and how well the name guard tells names apart.

``ratio_send`` is CPU time of a Synapse with our modules, by that of one without, while a person
sends messages; ``ratio_send_big`` the same in a room with ``STATE`` events of state. Both take
turns, in blocks of ``BLOCK`` messages, and the medians count; ``send_ms_baseline`` is that of the
one without.

``check_us`` is CPU time of the check of a receipt whose head nobody has seen yet, with three
witnesses; ``check_us_known`` of one whose head was seen before, as of events that were sent
together. ``check_us_sent`` is of a receipt as our outbox sends it: an act that comes alone has a
head of its own, signed at once, before any witness has seen it.

``name_us`` is CPU time of one check against a set's protected names; ``name_recall`` the share of
imitations that it sees through, in the worst set; ``name_false_per_20k`` the honest names that it
takes for an office, in the worst set. Firms of the generator that are the real ones do not count.
``name_us_slowest`` is that of the slowest of ``RANDOM_NAMES`` random names, to be below 1,000.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
import urllib.parse
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs
import psutil

from homeserver_modules.official_accounts.confusables import load_confusables
from homeserver_modules.official_accounts.core.guard import NameGuard
from homeserver_modules.official_accounts.core.letters import Letters
from tests.support.event_receipts import OFFICE, SERVER, Log, directory, trusted
from tests.support.names import SEED, SETS, imitations, random_names
from tests.support.postgres import synapse_database
from tests.support.served_directory import served
from tests.support.synapse import homeserver
from veche.cli.processes.homeserver import modules
from veche.contracts.directory.receipts import Policy, SeenEvent, check_receipt
from veche.contracts.directory.snapshot import ProtectedName
from veche.transparency.notes import Cosigner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.names import NameSet
    from tests.support.synapse import Homeserver

HONEST: Final = 100_000
_PER: Final = 20_000
RANDOM_NAMES: Final = 20_000
SLOW_US: Final = 200
"""A check that took less is not repeated."""
STATE: Final = 1_200
BLOCK: Final = 25
BLOCKS: Final = 16
RECEIPTS: Final = 400
WITNESSES: Final = 3
AT_MS: Final = 1_790_000_000_000


def run() -> dict[str, float]:
    """Microseconds, shares and counts."""
    found = [_names(names) for names in SETS.values()]
    return {
        **_sending(),
        **_receipts(),
        "name_us": max(one[0] for one in found),
        "name_recall": min(one[1] for one in found),
        "name_false_per_20k": max(one[2] for one in found),
        "name_us_slowest": _slowest_us(SETS["second"]),
    }


def _names(names: NameSet) -> tuple[float, float, float]:
    guard = _guard(names)
    honest = list(names.honest(random.Random(SEED), HONEST))  # noqa: S311 -- the same each time
    began_s = time.process_time()
    taken = [(name, guard.check(name)) for name in honest]
    check_us = (time.process_time() - began_s) / HONEST * 1e6
    false = sum(
        match is not None and match.protected.name.casefold() not in name.casefold()
        for name, match in taken
    )
    all_ = list(imitations(names))
    seen = sum(guard.check(one.shown) is not None for one in all_)
    return check_us, seen / len(all_), false * _PER / HONEST


def _guard(names: NameSet) -> NameGuard:
    protected = [ProtectedName(name, "", frozenset(), "") for name in names.protected()]
    return NameGuard(protected, Letters(load_confusables()))


def _slowest_us(names: NameSet) -> float:
    guard = _guard(names)
    return max(_quickest_us(guard, name) for name in random_names(RANDOM_NAMES))


def _quickest_us(guard: NameGuard, name: str) -> float:
    """The quickest check of some: what others do on this machine meanwhile is not the guard's."""
    taken_us = []
    for _ in range(10):
        began_s = time.thread_time()
        guard.check(name)
        taken_us.append((time.thread_time() - began_s) * 1e6)
        if taken_us[-1] < SLOW_US:
            break
    return min(taken_us)


@attrs.frozen
class _Sender:
    """A person of a Synapse, with a small room and a big one."""

    server: Homeserver
    token: str
    small: str
    big: str

    @classmethod
    def of(cls, server: Homeserver) -> _Sender:
        server.register("anna")
        token = server.login("anna")
        small, big = (
            str(server.call("POST", f"{_CLIENT}/createRoom", token=token, body={}).body["room_id"])
            for _ in range(2)
        )
        one = cls(server, token, small, big)
        for number in range(STATE):
            one.put(big, f"state/org.example.state/{number}", {"n": number})
        return one

    def put(self, room: str, what: str, content: object) -> None:
        path = f"{_CLIENT}/rooms/{urllib.parse.quote(room)}/{what}"
        answer = self.server.call("PUT", path, token=self.token, body=content)
        assert answer.status == 200, answer

    def block_s(self, room: str, number: int) -> float:
        """CPU seconds of the homeserver for one block of messages."""
        process = psutil.Process(self.server.child.pid)
        before_s = sum(process.cpu_times()[:2])
        for one in range(BLOCK):
            body = {"msgtype": "m.text", "body": "A message as people write it."}
            self.put(room, f"send/m.room.message/{number}-{one}", body)
        return sum(process.cpu_times()[:2]) - before_s


_CLIENT: Final = "/_matrix/client/v3"


def _sending() -> dict[str, float]:
    with ExitStack() as stack:
        began_ms = time.time_ns() // 1_000_000 - 3_600_000
        where = stack.enter_context(served(directory(began_ms)))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="veche-bench-")))
        senders = []
        for name, ours in (("with", modules({"directories": [where.config]})), ("without", ())):
            dsn = stack.enter_context(synapse_database())
            server = homeserver(folder / name, modules=ours, dsn=dsn)
            senders.append(_Sender.of(stack.enter_context(server)))
        small = _turns(senders, [one.small for one in senders])
        big = _turns(senders, [one.big for one in senders])
    return {
        "ratio_send": small[0] / small[1],
        "ratio_send_big": big[0] / big[1],
        "send_ms_baseline": small[1] / BLOCK * 1000,
    }


def _turns(senders: Sequence[_Sender], rooms: Sequence[str]) -> list[float]:
    """The median block of each, in CPU seconds; the first block of each warms up."""
    taken: list[list[float]] = [[] for _ in senders]
    for number in range(BLOCKS + 1):
        for at, (sender, room) in enumerate(zip(senders, rooms, strict=True)):
            taken[at].append(sender.block_s(room, number))
    return [statistics.median(one[1:]) for one in taken]


def _receipts() -> dict[str, float]:
    first, again = _receipts_us(WITNESSES)
    sent, _ = _receipts_us(0)
    return {"check_us": first, "check_us_known": again, "check_us_sent": sent}


def _receipts_us(witnesses: int) -> list[float]:
    """What a receipt takes the first time and again, with so many witnesses."""
    known = trusted(directory(AT_MS - 3_600_000), AT_MS)
    names = [f"witness{number}.example" for number in range(witnesses)]
    cosigners = [Cosigner(name, name.encode().ljust(32)) for name in names]
    log = Log(cosigners=[(one, AT_MS // 1000) for one in cosigners])
    policy = Policy(tuple(one.verifier for one in cosigners), witnesses)
    sender = f"@veche_{OFFICE}:{SERVER}"
    events = [
        log.proven(SeenEvent("!r", sender, "m.room.message", {"body": str(number)}, AT_MS))
        for number in range(RECEIPTS)
    ]
    taken = []
    for _ in range(2):
        began_s = time.process_time()
        for event in events:
            assert check_receipt(event, known, policy)
        taken.append((time.process_time() - began_s) / RECEIPTS * 1e6)
    return taken
