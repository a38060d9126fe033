"""A message that fails each time is given up, and whoever wrote it is told, once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.integration.veche.rig import (
    HIDDEN,
    SERVER_NAME,
    OfflineCase,
    as_deferred,
    event,
    hidden,
    now_ms,
    until,
)
from tests.support.postgres import execute
from veche.messaging.inbox import pages, store, worker
from veche.protocol.ids import RoomId, UserId, effect_id
from veche.protocol.inbound import PageCommand, Trust

if TYPE_CHECKING:
    from tests.integration.veche.rig import Rig
    from veche.protocol.inbound import Inbound, PageAct

pytestmark = pytest.mark.postgres

ALICE: Final = UserId(f"@alice:{SERVER_NAME}")
ROOM: Final = RoomId("!room")
WORDS: Final = {"msgtype": "m.text", "body": "bad"}


def fail_page(act: PageAct) -> None:
    raise KeyError(f"a bug: {act}")


def fail(inbound: Inbound) -> None:
    if inbound.event_type != "m.room.member":
        raise KeyError("a bug")


def words_about(rig: Rig, bad: dict[str, Any]) -> str:
    return effect_id(rig.bots[0], f"given up {bad['event_id']}")


class GivenUpTests(OfflineCase):
    async def failing(self) -> Rig:
        """A process whose service fails at each message."""
        self.swap(worker, "ROW_DELAYS_MS", (10, 10, 10, 10))
        rig = await self.rig()
        await self.seat(rig, ROOM)
        rig.service.fail = fail
        return rig

    async def given_up(self, rig: Rig, *events: dict[str, Any]) -> list[str]:
        """Have events fail; effects that tell of it."""
        with self.assertLogs("veche.messaging.inbox.worker", "ERROR"):
            await rig.intake.take(list(events))
            await until(lambda: self.refused(rig) >= len(events), "given up")
        return self.told()

    @staticmethod
    def refused(rig: Rig) -> int:
        return sum(row[2] == store.State.REFUSED for row in rig.inbox())

    def told(self) -> list[str]:
        rows = execute(self.dsn, "SELECT effect_id FROM runtime.outbox ORDER BY seq")
        return [str(effect) for (effect,) in rows]

    async def test_who_wrote_it_is_told_once_and_others_go_on(self) -> None:
        rig = await self.failing()
        plain = event(ROOM, ALICE, "bad")
        content = hidden("m.room.message", WORDS, "session")
        sealed = event(ROOM, ALICE, kind=HIDDEN, content=content)

        told = await self.given_up(rig, plain, sealed)

        assert told == [words_about(rig, plain), words_about(rig, sealed)]

    async def test_a_second_push_of_it_tells_nobody_again(self) -> None:
        rig = await self.failing()
        bad = event(ROOM, ALICE, "bad")
        await self.given_up(rig, bad)
        rig.service.fail = lambda _: None
        await rig.intake.take([bad, event(ROOM, ALICE, "good")])
        await until(lambda: rig.bodies() == ["good"], "what came after")

        assert self.told() == [words_about(rig, bad)]

    async def test_nobody_is_told_of_what_nobody_waits_for(self) -> None:
        rig = await self.failing()
        notice = event(ROOM, ALICE, content={"msgtype": "m.notice", "body": "bad"})
        topic = event(ROOM, ALICE, kind="m.room.topic", state_key="", content={"topic": "bad"})
        unknown = event(ROOM, ALICE, kind="com.example.else", content={})

        assert await self.given_up(rig, notice, topic, unknown) == []

    async def test_who_acts_on_a_page_sees_it_there(self) -> None:
        rig = await self.failing()
        execute(
            self.dsn,
            "INSERT INTO runtime.room_member (room_id, user_id, membership)"
            " VALUES (%s, %s, 'join')",
            ROOM,
            ALICE,
        )
        act = PageCommand(
            bot=rig.bots[0],
            room_id=ROOM,
            event_id=pages.page_event_id(ALICE, "key"),
            sender=ALICE,
            trust=Trust.VERIFIED,
            at_ms=now_ms(),
            name="say",
            about="it",
        )
        rig.service.fail_page = fail_page
        with self.assertLogs("veche.messaging.inbox.worker", "ERROR"):
            await rig.database.run("test", pages.hand_in, act)
            await until(lambda: self.refused(rig), "given up")

        assert await rig.database.run("test", pages.outcome, act.event_id) == "refused"
        assert self.told() == []

    async def test_a_row_goes_though_nobody_can_be_told(self) -> None:
        rig = await self.failing()
        rig.service.log = None  # type: ignore[assignment]  # so that saying anything fails

        assert await self.given_up(rig, event(ROOM, ALICE, "bad")) == []
        assert rig.inbox()[-1][3] == store.FAILURES_MAX

    async def test_a_stop_while_a_failure_is_counted_is_not_held_up(self) -> None:
        rig = await self.failing()
        is_counting, go_on = threading.Event(), threading.Event()
        self.addCleanup(go_on.set)

        def count(*_: object) -> int:
            is_counting.set()
            go_on.wait()
            return 1

        self.swap(pages, "fail", count)
        with self.assertLogs("veche.messaging.inbox.worker", "ERROR"):
            await rig.intake.take([event(ROOM, ALICE, "bad")])
            await until(is_counting.is_set, "a failure being counted")
        stopping = as_deferred(rig.tasks.stop())
        go_on.set()

        await until(lambda: stopping.called, "stopped")
