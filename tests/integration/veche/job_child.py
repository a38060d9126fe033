"""A process that does jobs and never ends one; to be killed.

Run as ``python -m … DSN``. Once it is at a job it says so.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from twisted.internet import reactor as default_reactor  # noqa: TID251 -- this is a program
from twisted.internet.defer import Deferred

from veche.messaging.jobs import CHANNEL, Job, JobRunner
from veche.runtime.database import Database
from veche.runtime.database.listener import Listener
from veche.runtime.database.presence import Presence
from veche.runtime.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Mapping

reactor: Any = default_reactor


class Stuck:
    """Begins, and never ends."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        print(f"at {job.id}", flush=True)  # noqa: T201 -- for the test
        never: Deferred[Mapping[str, Any]] = Deferred()
        return await never

    def finish(self, *_: Any) -> None:
        raise AssertionError

    def refused(self, *_: Any) -> None:
        raise AssertionError


def main(dsn: str) -> None:
    presence = Presence()
    jobs = JobRunner(
        Database(dsn, reactor, threads=2),
        reactor,
        Tasks(running_max=50),
        {"say": Stuck()},
        presence,
    )
    Listener(dsn, reactor, {CHANNEL: jobs.wake}, presence.show).start()
    reactor.callWhenRunning(lambda: wait(jobs, presence))
    reactor.run()


def wait(jobs: JobRunner, presence: Presence) -> None:
    """Start the loop once this process can be seen."""
    if presence.shown_number is None:
        reactor.callLater(0.01, wait, jobs, presence)
    else:
        jobs.start()


if __name__ == "__main__":
    main(sys.argv[1])
