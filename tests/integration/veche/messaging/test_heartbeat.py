"""Whether pushes come: with a homeserver that pushes, and with one that has stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest
from twisted.internet.task import Clock

from tests.integration.veche.rig import RUNTIME, Case, is_ours, new_bot
from tests.support.postgres import database, execute
from veche.messaging.inbox.heartbeat import (
    AGAIN_MS,
    BEAT,
    LOOK_MS,
    QUIET_MS,
    SILENT_MS_MAX,
    Heartbeat,
    PushWatch,
)
from veche.protocol.errors import UnavailableError
from veche.runtime.database import Database
from veche.runtime.matrix.client import MatrixError
from veche.runtime.metrics import REGISTRY
from veche.runtime.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.postgres

START_S = 1_764_000_000


@attrs.define
class Homeserver:
    """Takes what the application service says, and notes it; our own port, so it may be a fake."""

    said: list[str] = attrs.field(factory=list)
    made: list[Mapping[str, Any]] = attrs.field(factory=list)
    is_room_gone: bool = False

    async def call(self, method: str, path: str, *, body: Any = None) -> dict[str, Any]:
        if path.endswith("/whoami"):
            return {"user_id": "@veche_:veche.test"}
        if path.endswith("/register"):
            raise MatrixError(400, {"errcode": "M_USER_IN_USE"})
        if path.endswith("/createRoom"):
            self.made.append(body)
            return {"room_id": f"!beat{len(self.made)}"}
        assert (method, BEAT in path) == ("PUT", True)
        if self.is_room_gone:
            self.is_room_gone = False
            raise MatrixError(403, {"errcode": "M_FORBIDDEN"})
        self.said.append(path)
        return {"event_id": "$beat"}


class HeartbeatTests(Case):
    def setUp(self) -> None:
        scope = database(RUNTIME)
        self.dsn = scope.__enter__()
        self.addCleanup(scope.__exit__, None, None, None)
        from twisted.internet import reactor  # noqa: PLC0415, TID251 -- trial's

        running: Any = reactor
        self.database = Database(self.dsn, running)
        self.addCleanup(self.database.close)
        self.clock = Clock()
        self.clock.advance(START_S)
        self.server = Homeserver()
        self.pushes = PushWatch(is_ours)
        self.heart = self.process(self.pushes)

    def process(self, pushes: PushWatch) -> Heartbeat:
        """The heartbeat of one process."""
        server: Any = self.server
        return Heartbeat(self.database, self.clock, Tasks(running_max=2), server, pushes)

    @property
    def now_ms(self) -> int:
        return int(self.clock.seconds() * 1000)

    def wait(self, ms: int) -> None:
        self.clock.advance(ms / 1000)

    def push(self, pushes: PushWatch | None = None) -> None:
        (pushes or self.pushes).heard([{"type": "m.room.message"}], self.now_ms)

    async def test_where_it_is_quiet_something_is_said_and_its_push_is_all_right(self) -> None:
        await self.heart.look()
        said = len(self.server.said)
        self.push()
        self.wait(LOOK_MS)
        await self.heart.look()
        self.wait(SILENT_MS_MAX)

        await self.heart.check()
        assert (said, len(self.server.said), len(self.server.made)) == (1, 1, 1)

    async def test_where_there_is_traffic_nothing_is_said(self) -> None:
        for _ in range(4):
            self.push()
            await self.heart.look()
            self.wait(QUIET_MS)

        assert self.server.said == []

    async def test_pushes_that_stay_away_are_told_until_one_comes(self) -> None:
        await self.heart.look()
        self.wait(SILENT_MS_MAX)
        await self.heart.check()
        self.wait(1_000)
        with pytest.raises(UnavailableError, match="pushes nothing any more"):
            await self.heart.check()
        await self.heart.look()
        silent_s = REGISTRY.get_sample_value("veche_push_silent_seconds")
        assert len(self.server.said) == 2, "said again"
        self.push()
        await self.heart.look()

        await self.heart.check()
        assert silent_s == pytest.approx(SILENT_MS_MAX / 1000 + 1)
        assert REGISTRY.get_sample_value("veche_push_silent_seconds") == 0

    async def test_a_push_that_another_process_heard_counts_for_all(self) -> None:
        other = PushWatch(is_ours)
        await self.heart.look()
        self.wait(AGAIN_MS)
        self.push(other)
        await self.process(other).look()
        self.wait(SILENT_MS_MAX)

        await self.heart.check()

    async def test_one_process_says_it(self) -> None:
        await self.heart.look()
        await self.process(PushWatch(is_ours)).look()

        assert len(self.server.said) == 1

    async def test_a_process_that_begins_does_not_judge_what_came_before_it(self) -> None:
        await self.heart.look()
        self.wait(SILENT_MS_MAX + 1_000)
        begun = self.process(PushWatch(is_ours))

        await begun.check()
        self.wait(SILENT_MS_MAX + 1_000)
        with pytest.raises(UnavailableError):
            await begun.check()

    async def test_a_room_that_is_gone_is_made_anew(self) -> None:
        await self.heart.look()
        self.server.is_room_gone = True
        self.wait(QUIET_MS + 1_000)
        with pytest.raises(MatrixError):
            await self.heart.look()
        self.wait(QUIET_MS + 1_000)

        await self.heart.look()

        assert execute(self.dsn, "SELECT room_id FROM runtime.heartbeat") == [("!beat2",)]
        assert len(self.server.said) == 2

    def test_only_what_our_bots_say_measures_the_way(self) -> None:
        def count() -> float:
            return REGISTRY.get_sample_value("veche_push_lag_seconds_count") or 0.0

        before = count()
        for sender in ("@mallory:elsewhere", new_bot()):
            event = {"sender": sender, "origin_server_ts": self.now_ms - 1_500}
            self.pushes.heard([event], self.now_ms)
        for odd in ([], [None], [{"sender": new_bot()}], [{"sender": 1, "origin_server_ts": "x"}]):
            self.pushes.heard(odd, self.now_ms)

        assert count() - before == 1
