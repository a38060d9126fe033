"""Processes of the site, which serve pages and do jobs, and each kills itself at one moment.

``python -m tests.integration.appservices.signing.killed``: for each line of JSON, the arguments of
``Site.begin``, it forks such a process, so that none has to read all of the code first; it says its
number, and how it ended. A moment is ``in NAME`` or ``after NAME`` of a transaction (before it
commits, and once it has), or ``begin``, ``perform`` or ``finish KIND`` of a job (before
anything, with its result, before its transaction commits). ``every`` is none: the process goes on,
and says each moment that it comes by. A process says where it serves. The
inbox has one transaction, ``inbox``: one in which there is nothing to act on is no moment.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import random
import select
import signal
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar, cast

import attrs
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- a process of its own

from appservices.signing.bot import Signing
from tests.integration.appservices.signing.chats import BOT, ChatSite, Homeserver
from tests.integration.veche.rig import FakeCrypto, FakeHooks, is_ours
from veche.messaging import jobs
from veche.messaging.inbox.worker import Ports, Worker, _Outcome
from veche.messaging.jobs import CHANNEL, Job, JobRunner
from veche.messaging.outbox.marks import Marks
from veche.messaging.outbox.sender import OutboxSender
from veche.protocol.ids import effect_id
from veche.protocol.inbound import PromptAnswer, Trust
from veche.runtime.database import Database
from veche.runtime.database.listener import Listener
from veche.runtime.database.presence import Presence
from veche.runtime.matrix.rooms import Rooms
from veche.runtime.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from veche.messaging.jobs import JobHandler
    from veche.protocol.ids import UserId
    from veche.protocol.inbound import Inbound, PageAct
    from veche.runtime.database import Cursor
    from veche.runtime.ports import Undelivered

P = ParamSpec("P")
R = TypeVar("R")
reactor: Any = default_reactor
_LOOK_S = 0.05
EVERY: Final = "every"
HEAR: Final = "test.hear"
"""Job: the bot hears what somebody has written."""
_written = itertools.count(1)


def die() -> None:
    """As a machine does that loses its power; for the process."""
    os.kill(os.getpid(), signal.SIGKILL)


def pass_by(moment: str, wanted: str) -> None:
    """Come by a moment: die if it is the one that is wanted."""
    if wanted == EVERY:
        print(f"moment {moment}", flush=True)  # noqa: T201 -- for the test
    elif wanted == moment:
        die()


class DeadlyDatabase(Database):
    """A database in one of whose transactions the process ends."""

    moment = ""

    async def run(
        self,
        name: str,
        transaction: Callable[Concatenate[Cursor, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        def last(txn: Cursor, /, *more: P.args, **named: P.kwargs) -> R:
            done = transaction(txn, *more, **named)
            if not _is_idle(done):
                pass_by(f"in {name}", self.moment)
            return done

        result = await super().run(name, last, *args, **kwargs)
        if not _is_idle(result):
            pass_by(f"after {name}", self.moment)
        return result


def _is_idle(done: object) -> bool:
    """Whether this came of a transaction of the inbox in which no room was due."""
    return isinstance(done, _Outcome) and done.claim is None


@attrs.define
class DeadlyHandler:
    """The handler of a kind of jobs, at one of whose steps the process ends."""

    handler: JobHandler
    moment: str

    async def perform(self, job: Job) -> Mapping[str, Any]:
        self._at("begin", job)
        result = await self.handler.perform(job)
        self._at("perform", job)
        return result

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        self.handler.finish(txn, job, result, now_ms)
        self._at("finish", job)

    def refused(self, *args: Any) -> None:
        self.handler.refused(*args)

    def _at(self, step: str, job: Job) -> None:
        pass_by(f"{step} {job.kind}", self.moment)


@attrs.define
class _Hear:
    """The bot hears what somebody has written, once, in one transaction: as by the inbox."""

    site: ChatSite

    async def perform(self, _: Job) -> Mapping[str, Any]:
        return {}

    def finish(self, txn: Cursor, job: Job, _: Mapping[str, Any], __: int) -> None:
        told = job.payload
        if "answer" in told:
            answer = PromptAnswer(**{**told["answer"], "trust": Trust(told["answer"]["trust"])})
            self.site.hear_answer(txn, answer)
            return
        event_id = f"$heard{job.id}"
        self.site.hear(txn, told["person"], told["content"], event_id, Trust.VERIFIED)

    def refused(self, *_: Any) -> None:
        raise AssertionError("there is nothing to refuse")


def _nobody(*_: object) -> Any:
    raise AssertionError("nobody wrote what cannot be acted on")


class HearingSite(ChatSite):
    """A site that hears what persons write in a job, so that a process can be killed at it."""

    def _speak(self, server: Homeserver) -> None:
        super()._speak(server)
        self.handlers = {**self.handlers, HEAR: _Hear(self)}

    def receive(self, txn: Cursor, inbound: Inbound) -> None:
        """Of the service."""
        Signing.receive(cast("Any", self), txn, inbound)

    def receive_page(self, txn: Cursor, act: PageAct) -> None:
        """Of the service."""
        Signing.receive_page(cast("Any", self), txn, act)

    def undelivered(self, _: Cursor, undelivered: Undelivered) -> None:
        """Of the service."""
        raise AssertionError(f"nothing is sent here: {undelivered}")

    def inbox(self, tasks: Tasks) -> Worker:
        """What acts on what came; only the crypto and the homeserver are stand-ins."""
        crypto, clock = FakeCrypto(), self.host.reactor
        hooks = FakeHooks(crypto)
        rooms = Rooms(self.host.client, self.database, clock, hooks, is_ours)
        client, marks = self.host.client, Marks()
        vault = self.host.act_log.outbox_vault
        sender = OutboxSender(
            self.database, clock, tasks, client, rooms, marks, random.random, vault
        )
        ports = Ports(
            crypto.open, crypto, hooks, crypto, is_ours, given_up=_nobody, doubted=_nobody
        )
        return Worker(self.database, clock, tasks, {BOT: self}, ports, rooms, sender)

    def write(self, person: UserId, content: Mapping[str, Any]) -> None:
        """Somebody writes something that the bot has not heard yet."""
        self._let_hear(person, {"person": person, "content": content})

    def answer_on_page(self, answer: PromptAnswer) -> None:
        """Somebody answers on a page, which the bot has not heard yet."""
        said = attrs.asdict(answer, filter=lambda field, _: field.init)
        self._let_hear(answer.sender, {"answer": said})

    def _let_hear(self, person: UserId, payload: Mapping[str, Any]) -> None:
        id_ = effect_id(HEAR, person, str(next(_written)))
        self.run_now(jobs.schedule, Job(id_, HEAR, payload, self.host.now_ms()))


class _Files(MutableMapping[str, bytes]):
    """Files by their address, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def __getitem__(self, mxc: str) -> bytes:
        return self._path(mxc).read_bytes()

    def __setitem__(self, mxc: str, data: bytes) -> None:
        self._path(mxc).write_bytes(data)

    def __delitem__(self, mxc: str) -> None:
        self._path(mxc).unlink()

    def __iter__(self) -> Iterator[str]:
        return (f"mxc://veche.test/{one.name}" for one in self._folder.iterdir())

    def __len__(self) -> int:
        return sum(1 for _ in self._folder.iterdir())

    def _path(self, mxc: str) -> Path:
        return self._folder / mxc.rpartition("/")[2]


class KeptMedia(Homeserver):
    """Media of a homeserver that outlives the process."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.media: MutableMapping[str, bytes] = _Files(folder / "media")

    async def upload(self, data: bytes, **_: Any) -> str:
        mxc = f"mxc://veche.test/{hashlib.sha256(data).hexdigest()}"
        self.media[mxc] = data
        return mxc


class _Later:
    """A clock that is some time ahead."""

    def __init__(self, later_ms: int) -> None:
        self._later_ms = later_ms

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)

    def seconds(self) -> float:
        return float(reactor.seconds()) + self._later_ms / 1000


class Site(HearingSite):
    """The site, in this process."""

    moment = ""

    def runTest(self) -> None:
        """Of the base class; nothing is tested here."""

    def begin(self, dsn: str, folder: str, moment: str, later_ms: int) -> None:
        """Serve, and do jobs.

        Args:
            dsn: The database.
            folder: Of the site.
            moment: When it kills itself; see the module.
            later_ms: How far its clock is ahead.
        """
        self.dsn, self.folder, self.moment = dsn, Path(folder), moment
        self._listen()
        self._serve()
        clock: Any = _Later(later_ms)
        self.host.now_ms = lambda: int(clock.seconds() * 1000)
        self._speak(KeptMedia(self.folder))
        presence = Presence()
        handlers = {kind: DeadlyHandler(one, moment) for kind, one in self.handlers.items()}
        tasks = Tasks(running_max=50)
        loop = JobRunner(self.database, clock, tasks, handlers, presence)
        if moment.endswith(" inbox"):
            self.inbox(tasks).start()
        Listener(dsn, reactor, {CHANNEL: loop.wake}, presence.show).start()
        self._start_when_seen(loop, presence)

    def _database(self) -> Database:
        made = DeadlyDatabase(self.dsn, reactor, threads=4)
        made.moment = self.moment
        return made

    def _start_when_seen(self, loop: JobRunner, presence: Presence) -> None:
        if presence.shown_number is None:
            reactor.callLater(_LOOK_S, self._start_when_seen, loop, presence)
            return
        loop.start()
        print(f"serving {self.url}", flush=True)  # noqa: T201 -- for the test


def live(log: str, *args: Any) -> None:
    """Be a process of the site, which says in a log what it has to say."""
    os.setsid()
    output, nothing = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), os.open(os.devnull, 0)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    site: Any = Site("runTest")  # type: ignore[no-untyped-call]  # trial: not annotated
    reactor.callWhenRunning(site.begin, *args)
    reactor.run()


def ended(child: int) -> int:
    """How a process has ended; whoever asks for the next one, or is gone, needs it no more."""
    found = 0
    while not found:
        if select.select([sys.stdin], [], [], _LOOK_S)[0]:
            os.kill(child, signal.SIGKILL)
        found, status = os.waitpid(child, os.WNOHANG)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what it has started
    return os.waitstatus_to_exitcode(status)


def main() -> None:
    """Fork a process for each line."""
    while line := sys.stdin.readline():
        child = os.fork()
        if not child:
            live(*json.loads(line))
            os._exit(1)
        print(child, flush=True)  # noqa: T201 -- for the test
        print(ended(child), flush=True)  # noqa: T201 -- for the test


if __name__ == "__main__":
    main()
