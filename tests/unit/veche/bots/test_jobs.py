"""Jobs of bots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import attrs
import pytest
from twisted.internet.defer import Deferred

from veche.bots import by_bot
from veche.messaging.jobs import Job
from veche.protocol.errors import RefusedError
from veche.protocol.ids import EffectId, UserId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.runtime.database import Cursor

RECORDS: Final = UserId("@records:veche.test")
PARKS: Final = UserId("@parks:veche.test")
TXN: Final = cast("Cursor", None)


@attrs.define
class Handler:
    """Notes what it is asked to do."""

    name: str
    done: list[str]

    async def perform(self, job: Job) -> Mapping[str, Any]:
        self.done.append(f"{self.name} performs {job.id}")
        return {"by": self.name}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        del txn, job
        self.done.append(f"{self.name} finishes {result['by']} at {now_ms}")

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:
        del txn, job
        self.done.append(f"{self.name} hears {error} at {now_ms}")


def job_of(bot: UserId) -> Job:
    return Job(EffectId("one"), "clock", {"bot": bot}, 0)


def test_a_job_is_done_by_the_handler_of_its_bot() -> None:
    done: list[str] = []
    offices = {
        RECORDS: {"clock": Handler("records", done)},
        PARKS: {"clock": Handler("parks", done)},
    }
    handler, job = by_bot(offices)["clock"], job_of(PARKS)
    results: list[Any] = []

    Deferred.fromCoroutine(cast("Any", handler.perform(job))).addCallback(results.append)
    handler.finish(TXN, job, results[0], 5)
    handler.refused(TXN, job_of(RECORDS), RefusedError("no"), 6)

    assert done == ["parks performs one", "parks finishes parks at 5", "records hears no at 6"]


def test_a_job_of_a_bot_that_is_no_more_fails_and_waits() -> None:
    handler = by_bot({RECORDS: {"clock": Handler("records", [])}})["clock"]

    with pytest.raises(KeyError, match="parks"):
        handler.finish(TXN, job_of(PARKS), {}, 5)
