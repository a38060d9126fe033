"""What the modules inside Synapse cost, and how well the name guard tells names apart.

``name_us`` is CPU time of one check against a set's protected names; ``name_recall`` the share of
imitations that it sees through, in the worst set; ``name_false_per_20k`` the honest names that it
takes for an office, in the worst set. Firms of the generator that are the real ones do not count.

``ratio_send`` is the CPU time in which a Synapse with all our modules takes a message, by that of
one without, in turns; ``ratio_send_big`` the same in a room with ``BIG`` state events. ``check_us``
is CPU time of checking the receipt of one act.
"""

from __future__ import annotations

import itertools
import random
import time
import urllib.parse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import attrs
import psutil

from homeserver_modules.directories.config import DirectorySection
from homeserver_modules.directories.follower import Directories, Follower
from homeserver_modules.event_guard.proofs import Proofs
from homeserver_modules.official_accounts.confusables import load_confusables
from homeserver_modules.official_accounts.core.guard import NameGuard
from homeserver_modules.official_accounts.core.letters import Letters
from tests.support.event_receipts import Log, directory
from tests.support.names import SEED, SETS, imitations
from tests.support.served_directory import Served, served
from tests.support.synapse import homeserver
from veche.cli.processes.homeserver import DELIVERY, EVENT_GUARD, OFFICIAL_ACCOUNTS
from veche.contracts.directory.receipts import Policy, SeenEvent
from veche.contracts.directory.rules import Directory
from veche.contracts.directory.snapshot import ProtectedName

if TYPE_CHECKING:
    from tests.support.calls import Answer
    from tests.support.names import NameSet
    from tests.support.synapse import Homeserver

HONEST: Final = 100_000
BIG: Final = 1_200
TURNS: Final = 8
SENT: Final = 50
"""Messages of one turn."""
RECEIPTS: Final = 200
_PER: Final = 20_000


def run() -> dict[str, float]:
    """Microseconds, shares and counts."""
    found = [_names(names) for names in SETS.values()]
    return {
        "name_us": max(one[0] for one in found),
        "name_recall": min(one[1] for one in found),
        "name_false_per_20k": max(one[2] for one in found),
        "check_us": _check_us(),
        **_ratios(),
    }


def _names(names: NameSet) -> tuple[float, float, float]:
    protected = [ProtectedName(name, "", frozenset(), "") for name in names.protected()]
    guard = NameGuard(protected, Letters(load_confusables()))
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


def _check_us() -> float:
    now_ms = time.time_ns() // 1_000_000
    written = directory(now_ms - 3_600_000)
    section = DirectorySection.model_validate(Served(written, "http://127.0.0.1:1").config)
    known = Directories([section], Follower(mock.Mock(), lambda: now_ms))
    state = Directory(section.root)
    for text in written.texts:
        state.add(text)
    known.followed[0].seen_ms = now_ms
    known.look({written.log: state.snapshot(now_ms)})
    proofs, log = Proofs(known, Policy()), Log()
    bot, room = "@veche_records:veche.test", "!room:veche.test"
    events = [
        log.proven(SeenEvent(room, bot, "m.room.message", {"body": f"{number}"}, now_ms))
        for number in range(RECEIPTS)
    ]
    began_s = time.process_time()
    for event in events:
        proofs.check(event, is_ours=True)
    return (time.process_time() - began_s) / RECEIPTS * 1e6


@attrs.define
class _Sender:
    server: Homeserver
    token: str
    numbers: itertools.count[int] = attrs.field(factory=itertools.count)

    @classmethod
    def of(cls, server: Homeserver) -> _Sender:
        server.register("anna")
        return cls(server, server.login("anna"))

    def room(self, state: int) -> str:
        events = [
            {"type": "org.example.state", "state_key": f"{number}", "content": {"n": number}}
            for number in range(state)
        ]
        request = {"preset": "private_chat", "initial_state": events}
        return str(self._call("POST", "/createRoom", request).body["room_id"])

    def spent_s(self, room: str) -> float:
        """CPU time of one turn."""
        process = psutil.Process(self.server.child.pid)
        began_s = sum(process.cpu_times()[:2])
        for number in itertools.islice(self.numbers, SENT):
            where = f"/rooms/{urllib.parse.quote(room)}/send/m.room.message/{number}"
            self._call("PUT", where, {"msgtype": "m.text", "body": "Good morning"})
        return sum(process.cpu_times()[:2]) - began_s

    def _call(self, method: str, path: str, body: object) -> Answer:
        answer = self.server.call(method, f"/_matrix/client/v3{path}", token=self.token, body=body)
        assert answer.status == 200, answer
        return answer


def _modules(where: Served) -> list[dict[str, Any]]:
    directories = {"directories": [where.config]}
    return [
        {"module": EVENT_GUARD, "config": directories},
        {"module": OFFICIAL_ACCOUNTS, "config": directories},
        {"module": DELIVERY, "config": {}},
    ]


def _ratios() -> dict[str, float]:
    written = directory(time.time_ns() // 1_000_000 - 3_600_000)
    with (
        TemporaryDirectory() as folder,
        served(written) as where,
        homeserver(Path(folder) / "plain") as plain,
        homeserver(Path(folder) / "ours", modules=_modules(where)) as ours,
    ):
        senders = [_Sender.of(server) for server in (plain, ours)]
        sizes = {"ratio_send": 0, "ratio_send_big": BIG}
        return {name: _ratio(senders, state) for name, state in sizes.items()}


def _ratio(senders: list[_Sender], state: int) -> float:
    rooms = [one.room(state) for one in senders]
    for one, room in zip(senders, rooms, strict=True):
        one.spent_s(room)
    turns = [
        [one.spent_s(room) for one, room in zip(senders, rooms, strict=True)] for _ in range(TURNS)
    ]
    without, with_ours = (sum(turn[which] for turn in turns) for which in (0, 1))
    return with_ours / without
