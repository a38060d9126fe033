"""A site whose processes are killed: at each moment, and another one goes on.

What is the same in all tests of it: how such a process is started and waited for, and that
everything is afterwards as it is where nobody is killed.
"""

from __future__ import annotations

import atexit
import collections
import functools
import itertools
import json
import os
import re
import select
import signal
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs
import pytest

from appservices.signing.parties.service import acting
from tests.integration.appservices.signing.chats import BOT
from tests.integration.appservices.signing.killed import HearingSite, KeptMedia
from tests.integration.veche.rig import event, hidden, is_ours, until
from tests.support.long import is_long
from tests.support.processes import ROOT, TIMEOUT_S
from veche.messaging.inbox.intake import Intake
from veche.messaging.inbox.store import State
from veche.messaging.jobs import store as jobs
from veche.runtime.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor

MODULE: Final = "tests.integration.appservices.signing.killed"
Facts = collections.Counter[tuple[str, ...]]
_KEPT: Final = (
    "SELECT 'session', state, revision::text, (closed_at_ms IS NULL)::text FROM signing.session",
    "SELECT 'party', regexp_replace(person, '_guest_.*_', ' guest '), state FROM signing.party",
    "SELECT 'signature', party, level FROM signing.signature",
    "SELECT 'certificate', person FROM signing.certificate",
    "SELECT 'event', what, coalesce(party, '') FROM signing.event",
    "SELECT 'blob', kind FROM signing.blob",
    "SELECT 'meeting', state, (sealed IS NULL)::text FROM signing.meeting",
    "SELECT 'renewal' FROM signing.renewal",
    "SELECT 'row', state FROM signing.batch_row",
    "SELECT 'rule', person, state FROM signing.guard_rule",
    "SELECT 'guarded', party FROM signing.guarded",
    "SELECT 'vote', guardian, is_yes::text FROM signing.guardian_vote",
    "SELECT 'errand', kind FROM runtime.errand",
    "SELECT 'act', substring(entry FROM '\"k\":\"([a-z_]+)\"') FROM runtime.act",
)
T = TypeVar("T")
_came = itertools.count(1)
_FLEETING: Final = re.compile(r"https?://\S+|\w*\d\w*|\b[A-Z]{8}\b")
"""What is another one each time: links, times, numbers of documents."""


def chosen(name: str, moments: Sequence[T]) -> list[T]:
    """Choose at which moments a process is killed: at each in a long run, else at one of them.

    Which one the name decides, so that each moment is the one of some tests.

    Args:
        name: Of what is killed.
        moments: All of them.
    """
    if is_long():
        return list(moments)
    return [moments[zlib.crc32(name.encode()) % len(moments)]]


class _Forker:
    """Forks processes of the site."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", MODULE],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        atexit.register(self._end)

    def fork(self, told: list[Any]) -> int:
        """A process; its number. One that still lives is killed."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(told).encode() + b"\n")
        return int(self._line())

    def exit_code(self) -> int | None:
        """How the newest one has ended, once; None: it lives."""
        assert self._process.stdout is not None
        is_told, _, _ = select.select([self._process.stdout], [], [], 0)
        return int(self._line()) if is_told else None

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "nothing forks processes any more"
        return line

    def _end(self) -> None:
        with self._process:  # closes what it reads, by which it ends
            pass


@functools.cache
def _forker(place: int) -> _Forker:
    """What forks the processes of a place, one at a time."""
    assert place >= 0
    return _Forker()


@attrs.define
class Doomed:
    """A process that kills itself at a moment.

    Attributes:
        log_path: What it says.
        place: One process lives at each: 0, or 1 where two live at once.
        exit_code: How it has ended; None: it was not looked, or it lives.
    """

    log_path: Path
    place: int = 0
    exit_code: int | None = None
    _number: int = 0

    def start(self, *told: Any) -> None:
        """Start it."""
        self._number = _forker(self.place).fork([str(self.log_path), *told])

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        if self.exit_code is None:
            self.exit_code = _forker(self.place).exit_code()
        return self.exit_code is None

    def log(self) -> str:
        """All that it said."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def kill(self) -> None:
        """End it, if it has not ended."""
        if self.is_running:
            os.kill(self._number, signal.SIGKILL)
            self.exit_code = int(_forker(self.place)._line())


class KillingSite(HearingSite):
    """The process of the test, which goes on after others."""

    timeout = TIMEOUT_S
    later_ms = 0
    """How far all clocks are ahead."""

    def setUp(self) -> None:
        super().setUp()
        self._speak(KeptMedia(self.folder))
        self.children = 0

    def later(self, milliseconds: int) -> None:
        """Let time pass."""
        self.later_ms += milliseconds
        now_ms, reactor = self.later_ms, self.host.reactor
        self.host.now_ms = lambda: int(reactor.seconds() * 1000) + now_ms

    def child(self, moment: str, place: int = 0) -> Doomed:
        """A process that kills itself at a moment."""
        self.children += 1
        child = Doomed(self.folder / f"child{self.children}.log", place)
        child.start(self.dsn, str(self.folder), moment, self.later_ms)
        self.addCleanup(child.kill)
        return child

    async def served(self, moment: str) -> tuple[Doomed, str]:
        """The same, once it serves; and where."""
        child = self.child(moment)
        await until(lambda: "serving" in child.log(), "it does not serve")
        found = re.search(r"serving (\S+)", child.log())
        assert found is not None
        return child, found[1]

    async def killed(self, child: Doomed) -> None:
        """Until a process has killed itself; what it was at is free for others then."""
        await until(lambda: not child.is_running, f"it lives: {child.log()}")
        assert child.exit_code == -signal.SIGKILL, child.log()
        await until(self._is_freed, "what it was at is not free")

    def _is_freed(self) -> bool:
        # As the loop of any process does that looks for jobs of processes that are gone.
        self.run_now(jobs.free, list(self.handlers), self.host.now_ms())
        return not self.rows("SELECT 1 FROM runtime.errand WHERE worker IS NOT NULL")

    async def broken(self, call: Any, *args: Any) -> None:
        """Call a process that is killed before it answers."""
        with pytest.raises(OSError, match=r".*"):
            await self.away(call, *args)

    # All is as it is where nobody is killed

    async def in_spite(
        self, kind: str, prepare: Callable[[], Awaitable[Any]], steps: tuple[str, ...]
    ) -> Facts:
        """Processes are killed at steps of a job; what becomes of it, each time.

        Args:
            kind: Of the job, whose time has come.
            prepare: Brings it about; each time anew.
            steps: At which a process is killed, one of them in an ordinary run; or the moment, if
                it is of a transaction.
        """
        found: dict[str, Facts] = {}
        for step in ("", *chosen(self.id(), steps)):
            before = await self.calm()
            await prepare()
            assert self.hasten(kind), f"{kind} is not there"
            if step:
                await self.killed(self.child(step if " " in step else f"{step} {kind}"))
            await self.settle()
            found[step] = self.since(before)
        return _the_same(found)

    # What came to the bot

    async def come(self, person: UserId, *contents: Mapping[str, Any] | str) -> None:
        """What somebody sends is in the inbox; words, or a whole content."""
        self.reach(person)
        events = []
        for one in contents:
            content = {"msgtype": "m.text", "body": one} if isinstance(one, str) else one
            sealed = hidden("m.room.message", content, "session")
            event_id = f"$came{next(_came)}"
            kind = "m.room.encrypted"
            events.append(
                event(self.room(person), person, kind=kind, content=sealed, event_id=event_id)
            )
        worker = self.inbox(Tasks(running_max=1))
        await Intake(self.database, self.host.reactor, [BOT], is_ours, worker).take(events)

    def approve_on_page(self, person: UserId) -> None:
        """Somebody has approved what they were asked last; the bot has not heard of it."""
        assert self.hand_over(person, self.signed(person)) == "approved"

    async def heard_in_spite(self, prepare: Callable[[], Awaitable[Any]]) -> Facts:
        """Processes are killed while they act on what came, which another one does then.

        Args:
            prepare: Lets it come; each time anew.
        """
        found: dict[str, Facts] = {}
        for moment in ("", *chosen(self.id(), ("in inbox", "after inbox"))):
            before = await self.calm()
            await prepare()
            assert self.rows("SELECT 1 FROM runtime.inbox"), "nothing came"
            if moment:
                await self.killed(self.child(moment))
            await self._hear_all()
            await self.settle()
            found[moment] = self.since(before)
        return _the_same(found)

    async def _hear_all(self) -> None:
        """Act on all that came; all of it is done, and forgotten then."""
        tasks = Tasks(running_max=10)
        self.inbox(tasks).start()
        states = "SELECT DISTINCT state FROM runtime.inbox WHERE state < %s"
        await until(lambda: not self.rows(states, State.DONE), "it is not acted on")
        await tasks.stop()
        done = self.rows("DELETE FROM runtime.inbox RETURNING state")
        assert {state for (state,) in done} == {State.DONE}

    async def asked_again(
        self,
        name: str,
        prepare: Callable[[], Awaitable[Callable[[str], Awaitable[int]]]],
        statuses: tuple[int, int] = (200, 200),
    ) -> Facts:
        """Processes are killed in a transaction of a request, which is sent again then.

        Args:
            name: Of the transaction.
            prepare: Makes the request, which takes the address of the site; the answer is its
                status.
            statuses: The first time, and again.
        """
        found: dict[str, Facts] = {}
        killed = (("in", statuses[0]), ("after", statuses[1]))
        for moment, status in (("", statuses[0]), *chosen(name, killed)):
            before = await self.calm()
            ask = await prepare()
            if moment:
                child, url = await self.served(f"{moment} {name}")
                with pytest.raises(OSError, match=r".*"):
                    await ask(url)
                await self.killed(child)
            answered = await ask(self.url)
            assert answered == status, (moment, name, answered)
            await self.settle()
            found[moment] = self.since(before)
        return _the_same(found)

    async def calm(self) -> Facts:
        """Nothing waits for anybody; what there is then."""
        for (session_id,) in self.rows(
            "SELECT id FROM signing.session WHERE state IN ('draft', 'open')"
        ):
            self.run_now(self._cancel, session_id)
        await self.settle()
        return self._facts()

    def _cancel(self, txn: Cursor, session_id: str) -> None:
        scene = self.scene_of(txn)
        session = scene.session(session_id)
        assert session is not None
        acting.cancelled(scene, session)

    def hasten(self, kind: str) -> bool:
        """The time of jobs of a kind has come; whether there are any."""
        now_ms = self.host.now_ms()
        return bool(
            self.rows(
                "UPDATE runtime.errand SET due_at_ms = least(due_at_ms, %s) WHERE kind = %s"
                " RETURNING 1",
                now_ms,
                kind,
            )
        )

    def since(self, before: Facts) -> Facts:
        """What has changed: more of what there is now, less of what there was."""
        found = self._facts()
        found.subtract(before)
        return collections.Counter({fact: count for fact, count in found.items() if count})

    def _facts(self) -> Facts:
        """All that is kept and said, without what is another one each time."""
        found: Facts = collections.Counter()
        for statement in _KEPT:
            found.update(tuple(row) for row in self.rows(statement))
        for (person,) in self.rows("SELECT DISTINCT person FROM signing.chat"):
            for content in self.contents(person):
                is_edit = "edit" if "m.new_content" in content else "message"
                body = _FLEETING.sub("#", content["body"])
                found["said", person, is_edit, body] += 1
        return found


def _the_same(found: dict[str, Facts]) -> Facts:
    """Each time it has come to the same."""
    wanted = found[""]
    for step, facts in found.items():
        more, less = facts - wanted, wanted - facts
        assert facts == wanted, (step, "more", more, "less", less)
    return wanted
