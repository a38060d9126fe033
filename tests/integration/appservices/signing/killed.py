"""A process of the site, which serves pages and does errands, and kills itself at one moment.

``python -m tests.integration.appservices.signing.killed DSN FOLDER MOMENT``. A moment is
``in NAME`` or ``after NAME`` of a transaction (before it commits, and once it has), or ``begin``,
``perform`` or ``finish KIND`` of an errand (before anything, with its result, before its
transaction commits). It says where it serves.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import attrs
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- a process of its own

from tests.integration.appservices.signing.chats import ChatSite, Homeserver
from veche.runtime.database import Database
from veche.runtime.errands import CHANNEL, Errands
from veche.runtime.listener import Listener
from veche.runtime.presence import Presence
from veche.runtime.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from veche.runtime.database import Cursor
    from veche.runtime.errands import Errand, ErrandHandler

P = ParamSpec("P")
R = TypeVar("R")
reactor: Any = default_reactor
_LOOK_S = 0.05


def die() -> None:
    """As a machine does that loses its power; for the process."""
    os.kill(os.getpid(), signal.SIGKILL)


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
            if self.moment == f"in {name}":
                die()
            return done

        result = await super().run(name, last, *args, **kwargs)
        if self.moment == f"after {name}":
            die()
        return result


@attrs.define
class DeadlyHandler:
    """The handler of a kind of errands, at one of whose steps the process ends."""

    handler: ErrandHandler
    moment: str

    async def perform(self, errand: Errand) -> Mapping[str, Any]:
        self._at("begin", errand)
        result = await self.handler.perform(errand)
        self._at("perform", errand)
        return result

    def finish(self, txn: Cursor, errand: Errand, result: Mapping[str, Any], now_ms: int) -> None:
        self.handler.finish(txn, errand, result, now_ms)
        self._at("finish", errand)

    def refused(self, *args: Any) -> None:
        self.handler.refused(*args)

    def _at(self, step: str, errand: Errand) -> None:
        if self.moment == f"{step} {errand.kind}":
            die()


class KeptMedia(Homeserver):
    """Media of a homeserver that outlives the process."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    async def upload(self, data: bytes, **_: Any) -> str:
        name = hashlib.sha256(data).hexdigest()
        (self._folder / name).write_bytes(data)
        return f"mxc://veche.test/{name}"


class Site(ChatSite):
    """The site, in this process."""

    moment = ""

    def runTest(self) -> None:
        """Of the base class; nothing is tested here."""

    def begin(self, dsn: str, folder: Path, moment: str) -> None:
        """Serve, and do errands."""
        self.dsn, self.folder, self.moment = dsn, folder, moment
        self._listen()
        self._serve()
        media = folder / "media"
        media.mkdir(exist_ok=True)
        self._speak(KeptMedia(media))
        presence = Presence()
        handlers = {kind: DeadlyHandler(one, moment) for kind, one in self.handlers.items()}
        errands = Errands(self.database, reactor, Tasks(running_max=50), handlers, presence)
        Listener(dsn, reactor, {CHANNEL: errands.wake}, presence.show).start()
        self._start_when_seen(errands, presence)

    def _database(self) -> Database:
        made = DeadlyDatabase(self.dsn, reactor, threads=4)
        made.moment = self.moment
        return made

    def _start_when_seen(self, errands: Errands, presence: Presence) -> None:
        if presence.shown_number is None:
            reactor.callLater(_LOOK_S, self._start_when_seen, errands, presence)
            return
        errands.start()
        print(f"serving {self.url}", flush=True)  # noqa: T201 -- for the test


def main(dsn: str, folder: str, moment: str) -> None:
    """Begin."""
    site: Any = Site("runTest")  # type: ignore[no-untyped-call]  # trial: not annotated
    reactor.callWhenRunning(site.begin, dsn, Path(folder), moment)
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
