"""What people do on pages, on a real database: durable, once, in the order of the room, wiped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import attrs
import pytest
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import gatherResults

from tests.integration.veche.rig import (
    HIDDEN,
    SERVER_NAME,
    OfflineCase,
    as_deferred,
    event,
    hidden,
    member_event,
    new_bot,
    now_ms,
    until,
)
from tests.support.postgres import execute
from veche.messaging.inbox import pages, store, worker
from veche.messaging.inbox.pages import hand_in, outcome, page_event_id
from veche.protocol.errors import (
    ConflictError,
    MalformedError,
    NotFoundError,
    RefusedError,
    TooLargeError,
    UnavailableError,
)
from veche.protocol.ids import EventId, RoomId, UserId
from veche.protocol.inbound import DeviceStanding, PageCommand, PromptAnswer, Trust
from veche.runtime import live as live_module
from veche.runtime.database.listener import Listener
from veche.runtime.live import Live
from veche.server import housekeeping

if TYPE_CHECKING:
    from tests.integration.veche.rig import Rig
    from veche.messaging.inbox.pages import Outcome
    from veche.protocol.inbound import PageAct
    from veche.runtime.database import Database

pytestmark = pytest.mark.postgres
reactor: Any = default_reactor

ALICE: Final = UserId(f"@alice:{SERVER_NAME}")
BOB: Final = UserId(f"@bob:{SERVER_NAME}")
ROOM: Final = RoomId("!room")


async def settled(
    database: Database, live: Live, event_id: EventId, timeout_ms: int = 120_000
) -> Outcome:
    """What became of an act, once a worker of whichever process is done with it."""

    async def look(left_ms: int) -> Outcome | None:
        found: Outcome = await database.run("page outcome", outcome, event_id)
        return None if found == "waiting" and left_ms > 0 else found

    end: Outcome | None = await live.follow([pages.topic_of(event_id)], timeout_ms, look)
    assert end is not None
    return end


def said(act: PageAct) -> str:
    assert isinstance(act, PageCommand)
    return act.text


class PageRow(NamedTuple):
    """What was handed in, and whether it was new."""

    event_id: EventId
    is_new: bool


class PageCase(OfflineCase):
    """A room with a bot, Alice and Bob."""

    async def town(self, *bots: UserId, starts: bool = True) -> Rig:
        rig = await self.rig(*bots, starts=starts)
        await self.seat(rig, ROOM)
        for person in (ALICE, BOB):
            self.sit(person, "join")
        return rig

    def sit(self, user_id: str, membership: str, room_id: str = ROOM) -> None:
        execute(
            self.dsn,
            "INSERT INTO runtime.room_member (room_id, user_id, membership) VALUES (%s, %s, %s)"
            " ON CONFLICT (room_id, user_id) DO UPDATE SET membership = EXCLUDED.membership",
            room_id,
            user_id,
            membership,
        )

    @staticmethod
    def act(
        rig: Rig, text: str = "yes", key: str = "k1", sender: UserId = ALICE, **changes: Any
    ) -> PageCommand:
        one = PageCommand(
            bot=rig.bots[0],
            room_id=ROOM,
            event_id=page_event_id(sender, key),
            sender=sender,
            trust=Trust.VERIFIED,
            at_ms=now_ms(),
            name="say",
            about="it",
            text=text,
        )
        return attrs.evolve(one, **changes)

    @staticmethod
    def answer(rig: Rig, key: str = "k1", **changes: Any) -> PromptAnswer:
        one = PromptAnswer(
            bot=rig.bots[0],
            room_id=ROOM,
            event_id=page_event_id(ALICE, key),
            sender=ALICE,
            trust=Trust.VERIFIED,
            at_ms=now_ms(),
            prompt="01J00000000000000000000000",
            choice="yes",
        )
        return attrs.evolve(one, **changes)

    @staticmethod
    async def hand_in(rig: Rig, act: PageAct) -> PageRow:
        is_new = await rig.database.run("test", hand_in, act)
        return PageRow(act.event_id, is_new)

    @staticmethod
    async def outcome(rig: Rig, event_id: EventId) -> Outcome:
        return await rig.database.run("test", outcome, event_id)

    def rows(self) -> list[tuple[Any, ...]]:
        """(event id, state, event is there) of page rows, in order."""
        return execute(
            self.dsn,
            "SELECT event_id, state, event IS NOT NULL FROM runtime.inbox WHERE source = 3"
            " ORDER BY seq",
        )

    def keys(self) -> list[Any]:
        return execute(self.dsn, "SELECT event_id FROM runtime.page_act")


class HandingInTests(PageCase):
    async def test_the_bot_hears_exactly_what_was_handed_in(self) -> None:
        rig = await self.town()
        heard: list[PageAct] = []
        rig.service.fail_page = heard.append
        acts: list[PageAct] = [
            one
            for trust in Trust
            for one in (
                self.act(rig, trust.label, f"c{trust}", trust=trust),
                self.answer(rig, f"a{trust}", trust=trust, choice=trust.label, nonce="n"),
            )
        ]

        for act in acts:
            await self.hand_in(rig, act)

        await until(lambda: len(rig.bodies()) == len(acts), "all of them")
        assert heard == acts
        assert {one.standing for one in heard} == {DeviceStanding.PAGE}

    async def test_the_same_act_again_is_done_once(self) -> None:
        rig = await self.town()
        first = await self.hand_in(rig, self.act(rig))
        again = await self.hand_in(rig, self.act(rig))
        await until(lambda: rig.bodies() == ["yes"], "it")
        later = await self.hand_in(rig, self.act(rig))

        await self.hand_in(rig, self.act(rig, "end", "k2"))
        await until(lambda: rig.bodies()[-1] == "end", "the end")

        assert [one.is_new for one in (first, again, later)] == [True, False, False]
        assert {one.event_id for one in (first, again, later)} == {page_event_id(ALICE, "k1")}
        assert rig.bodies() == ["yes", "end"]

    async def test_the_same_act_at_the_same_moment_is_done_once(self) -> None:
        rig = await self.town()
        work = [as_deferred(self.hand_in(rig, self.act(rig))) for _ in range(12)]
        rows = await gatherResults(work, consumeErrors=True)

        await self.hand_in(rig, self.act(rig, "end", "k2"))
        await until(lambda: "end" in rig.bodies(), "the end")

        assert sorted(row.is_new for row in rows) == [False] * 11 + [True]
        assert rig.bodies() == ["yes", "end"]

    async def test_something_else_under_the_same_key_is_a_conflict_and_changes_nothing(
        self,
    ) -> None:
        rig = await self.town(new_bot(), new_bot())
        self.sit(ALICE, "join", "!other")
        await self.seat(rig, "!other")
        await self.hand_in(rig, self.act(rig))
        before = self.rows()

        for change in (
            {"text": "no"},
            {"about": "something else"},
            {"room_id": RoomId("!other")},
            {"bot": rig.bots[1]},
            {"trust": Trust.SIGNED},
        ):
            with pytest.raises(ConflictError):
                await self.hand_in(rig, attrs.evolve(self.act(rig), **change))

        assert [row[0] for row in self.rows()] == [row[0] for row in before]
        await until(lambda: rig.bodies() == ["yes"], "it")

    async def test_the_order_of_keys_in_the_content_makes_no_difference(self) -> None:
        rig = await self.town(starts=False)
        one = self.answer(rig, data={"a": 1, "b": {"c": 2, "d": 3}})
        other = self.answer(rig, data={"b": {"d": 3, "c": 2}, "a": 1})
        assert (await self.hand_in(rig, one)).is_new
        assert not (await self.hand_in(rig, other)).is_new

    async def test_keys_of_two_persons_have_nothing_to_do_with_one_another(self) -> None:
        rig = await self.town()
        assert (await self.hand_in(rig, self.act(rig, "a"))).is_new
        assert (await self.hand_in(rig, self.act(rig, "b", sender=BOB))).is_new
        await until(lambda: sorted(rig.bodies()) == ["a", "b"], "both")

    async def test_in_a_room_of_two_bots_only_the_one_that_is_meant_hears_it(self) -> None:
        rig = await self.town(new_bot(), new_bot())
        await self.hand_in(rig, self.act(rig, "for one", bot=rig.bots[1]))
        await rig.intake.take([event(ROOM, ALICE, "for all")])

        await until(lambda: len(rig.told("for all")) == 2, "the message")
        assert [row[1] for row in rig.told("for one")] == [rig.bots[1]]

    async def test_what_is_too_large_or_has_no_key_leaves_nothing(self) -> None:
        rig = await self.town(starts=False)
        bare = len('{"about":"it","name":"say","text":"","trust":2}')
        at_bound = "x" * (pages.CONTENT_BYTES_MAX - bare)
        await self.hand_in(rig, self.act(rig, at_bound, "fits"))

        with pytest.raises(TooLargeError):
            await self.hand_in(rig, self.act(rig, at_bound + "x"))
        for key in (
            "",
            " ",
            " a",
            "a ",
            "a b c",
            "k" * (pages.KEY_CHARACTERS_MAX + 1),
            "ж",
            "a\n",
            "\0",
        ):
            with pytest.raises(MalformedError):
                self.act(rig, key=key)

        assert len(self.rows()) == len(self.keys()) == 1

    async def test_words_that_only_json_holds_are_heard_as_they_are(self) -> None:
        rig = await self.town()
        heard: list[PageAct] = []
        rig.service.fail_page = heard.append
        odd = self.answer(rig, data={"x": "'\"\\ж\u2028%s", "n": [15, None, True], "": {}})
        await self.hand_in(rig, odd)
        await until(lambda: rig.bodies() == ["yes"], "it")
        assert heard == [odd]

    async def test_what_no_message_could_hold_is_refused_at_once(self) -> None:
        rig = await self.town(starts=False)
        for wrong in (1.5, "\ud800", 10**400, float("nan")):
            with pytest.raises(MalformedError):
                await self.hand_in(rig, self.answer(rig, data={"x": wrong}))
        assert self.rows() == self.keys() == []


class RoomTests(PageCase):
    async def test_where_the_bot_is_not_nothing_is_handed_in(self) -> None:
        rig = await self.town()
        await rig.intake.take([member_event(ROOM, rig.bots[0], "leave")])

        for act in (
            self.act(rig),
            self.act(rig, room_id=RoomId("!elsewhere")),
            self.act(rig, bot=UserId(f"@veche_none:{SERVER_NAME}")),
        ):
            with pytest.raises(RefusedError, match="other side"):
                await self.hand_in(rig, act)

        assert self.rows() == self.keys() == []

    async def test_who_is_not_in_the_room_says_nothing_there(self) -> None:
        rig = await self.town(starts=False)
        mallory = UserId(f"@mallory:{SERVER_NAME}")

        for membership in (None, "leave", "ban", "knock"):
            if membership:
                self.sit(mallory, membership)
            with pytest.raises(RefusedError, match="You are not in this room"):
                await self.hand_in(rig, self.act(rig, sender=mallory))
        assert self.rows() == self.keys() == []

        self.sit(mallory, "invite")
        assert (await self.hand_in(rig, self.act(rig, sender=mallory))).is_new

    async def test_while_nobody_knows_who_is_there_one_asks_again(self) -> None:
        rig = await self.town(starts=False)
        stranger = UserId(f"@new:{SERVER_NAME}")
        execute(self.dsn, "UPDATE runtime.room SET looked_at_ms = NULL")

        with pytest.raises(UnavailableError) as caught:
            await self.hand_in(rig, self.act(rig, sender=stranger))

        assert caught.value.retry_after_ms > 0
        assert self.keys() == []

    async def test_after_a_refusal_the_key_is_free(self) -> None:
        rig = await self.town()
        self.sit(ALICE, "leave")
        with pytest.raises(RefusedError):
            await self.hand_in(rig, self.act(rig))
        self.sit(ALICE, "join")

        assert (await self.hand_in(rig, self.act(rig))).is_new

        await until(lambda: rig.bodies() == ["yes"], "it")


class OrderTests(PageCase):
    async def test_acts_and_messages_of_a_room_keep_their_order(self) -> None:
        rig = await self.town()
        expected: list[str] = []
        for number in range(12):
            expected += [f"m{number}", f"p{number}"]
            await rig.intake.take([event(ROOM, ALICE, f"m{number}")])
            await self.hand_in(rig, self.act(rig, f"p{number}", f"k{number}"))

        await until(lambda: len(rig.bodies()) == len(expected), "all")
        assert rig.bodies() == expected

    async def test_an_act_waits_behind_words_of_the_same_person_that_are_still_closed(
        self,
    ) -> None:
        rig = await self.town()
        self.swap(worker, "KEY_WAIT_MS", 600_000)
        rig.crypto.missing.add("s1")
        content = hidden("m.room.message", {"msgtype": "m.text", "body": "first"}, "s1")
        await rig.intake.take([event(ROOM, ALICE, kind=HIDDEN, content=content)])
        await until(lambda: rig.inbox()[-1][2] == store.State.WAITS, "the key is missing")

        await self.hand_in(rig, self.act(rig, "second", "k1"))
        await self.hand_in(rig, self.act(rig, "of Bob", "k2", sender=BOB))
        await until(lambda: rig.bodies() == ["of Bob"], "the other person's")
        rig.crypto.missing.clear()
        bot = rig.bots[0]
        await rig.database.run("test", store.session_came, bot, ROOM, ["s1"], now_ms())

        await until(lambda: len(rig.bodies()) == 3, "all")
        assert rig.bodies() == ["of Bob", "first", "second"]

    async def test_a_room_that_rests_after_a_failure_is_not_hurried_by_an_act(self) -> None:
        rig = await self.town()
        self.swap(worker, "ROW_DELAYS_MS", (600_000,) * 4)

        def fail(act: PageAct) -> None:
            if said(act) == "bad":
                raise KeyError("a bug")

        rig.service.fail_page = fail
        with self.assertLogs("veche.messaging.inbox.worker", "ERROR"):
            await self.hand_in(rig, self.act(rig, "bad", "k1"))
            await until(lambda: rig.inbox()[-1][3] == 1, "a failure")

        await self.hand_in(rig, self.act(rig, "next", "k2"))

        [(due_at_ms,)] = execute(self.dsn, "SELECT next_at_ms FROM runtime.room_work")
        assert int(str(due_at_ms)) > now_ms() + 60_000

    async def test_a_failure_that_two_loops_meet_counts_once(self) -> None:
        rig = await self.town(starts=False)
        self.sit(rig.bots[0], "join")
        await self.hand_in(rig, self.act(rig, "bad"))
        run, rest_ms = rig.database.run, (60_000,) * 4
        taken = await run("test", store.take, rig.bots, now_ms())
        assert isinstance(taken, tuple)
        claim, [*_, row] = taken

        first = await run("test", store.fail, claim, row, now_ms(), rest_ms)
        # The other has taken the room before that, and reads the row after it.
        late = attrs.evolve(row, failures=first)
        second = await run("test", store.fail, claim, late, now_ms(), rest_ms)
        rested = await run("test", store.fail, claim, late, now_ms() + 60_000, rest_ms)

        assert (first, second, rested) == (1, 1, 2)


class EndTests(PageCase):
    async def test_what_was_said_is_wiped_once_it_is_done(self) -> None:
        rig = await self.town()
        row = await self.hand_in(rig, self.act(rig, "a secret"))
        await until(lambda: rig.bodies() == ["a secret"], "it")

        await until(lambda: self.rows() == [(row.event_id, store.State.DONE, False)], "wiped")
        assert await self.outcome(rig, row.event_id) == "done"
        told = "SELECT count(*) FROM runtime.inbox WHERE event::text LIKE '%%a secret%%'"
        assert execute(self.dsn, told) == [(0,)]

    async def test_messages_of_clients_are_not_wiped_with_it(self) -> None:
        rig = await self.town()
        await rig.intake.take([event(ROOM, ALICE, "kept")])
        await self.hand_in(rig, self.act(rig, "wiped"))
        await until(lambda: rig.bodies() == ["kept", "wiped"], "both")
        await until(lambda: self.rows()[0][2] is False, "wiped")

        kept = "SELECT event IS NOT NULL FROM runtime.inbox WHERE event_type = 'm.room.message'"
        assert execute(self.dsn, kept + " AND source = 1") == [(True,)]

    async def test_between_handing_in_and_the_work_a_process_may_die(self) -> None:
        bot = new_bot()
        dying = await self.town(bot, starts=False)
        row = await self.hand_in(dying, self.act(dying))
        await dying.stop()

        other = await self.rig(bot)

        await until(lambda: other.bodies() == ["yes"], "done by another")
        await until(lambda: self.rows() == [(row.event_id, store.State.DONE, False)], "wiped")
        assert not (await self.hand_in(other, self.act(other))).is_new

    async def test_what_fails_at_first_is_done_once(self) -> None:
        rig = await self.town()
        self.swap(worker, "ROW_DELAYS_MS", (10, 10, 10, 10))
        fails = [2]

        def fail_twice(act: PageAct) -> None:
            if said(act) == "ask it" and fails[0]:
                fails[0] -= 1
                raise RuntimeError("a bug")

        rig.service.fail_page = fail_twice
        with self.assertLogs("veche.messaging.inbox.worker", "ERROR"):
            await self.hand_in(rig, self.act(rig, "ask it"))
            await until(rig.outbox, "the answer")

        assert rig.bodies() == ["ask it"]
        assert len(rig.outbox()) == 1

    async def test_what_always_fails_is_refused_wiped_and_blocks_nobody(self) -> None:
        rig = await self.town()
        self.swap(worker, "ROW_DELAYS_MS", (10, 10, 10, 10))

        def fail(act: PageAct) -> None:
            if said(act) == "bad":
                raise KeyError("a bug")

        rig.service.fail_page = fail
        with self.assertLogs("veche.messaging.inbox.worker", "ERROR"):
            row = await self.hand_in(rig, self.act(rig, "bad", "k1"))
            await self.hand_in(rig, self.act(rig, "good", "k2"))
            await until(lambda: rig.bodies() == ["good"], "the good one")

        assert self.rows()[0] == (row.event_id, store.State.REFUSED, False)
        assert await self.outcome(rig, row.event_id) == "refused"
        assert not (await self.hand_in(rig, self.act(rig, "bad", "k1"))).is_new


class SettledTests(PageCase):
    def live_of(self, rig: Rig) -> Live:
        """Who waits in a process that hears of the others by PostgreSQL."""
        live = Live(reactor)
        listener = Listener(self.dsn, reactor, {live_module.CHANNEL: live.heard})
        listener.start()
        self.addCleanup(lambda: as_deferred(listener.stop()))
        del rig
        return live

    async def test_who_waits_learns_it_from_whichever_process(self) -> None:
        bot = new_bot()
        asking = await self.town(bot, starts=False)
        live = self.live_of(asking)
        row = await self.hand_in(asking, self.act(asking))
        waiting = as_deferred(settled(asking.database, live, row.event_id))
        await until(lambda: len(live) == 1, "somebody waits")
        assert not waiting.called

        await self.rig(bot)

        assert await waiting == "done"
        assert len(live) == 0

    async def test_a_refusal_ends_the_wait_too(self) -> None:
        rig = await self.town()
        self.swap(worker, "ROW_DELAYS_MS", (10, 10, 10, 10))
        live = self.live_of(rig)

        def fail(act: PageAct) -> None:
            if said(act) == "bad":
                raise KeyError("a bug")

        rig.service.fail_page = fail
        with self.assertLogs("veche.messaging.inbox.worker", "ERROR"):
            row = await self.hand_in(rig, self.act(rig, "bad"))
            assert await settled(rig.database, live, row.event_id) == "refused"

    async def test_what_is_not_done_in_time_waits(self) -> None:
        rig = await self.town(starts=False)
        row = await self.hand_in(rig, self.act(rig))
        live = Live(reactor)
        assert await settled(rig.database, live, row.event_id, 50) == "waiting"
        assert await settled(rig.database, live, row.event_id, 0) == "waiting"
        assert len(live) == 0

    async def test_of_an_act_that_nobody_did_nothing_is_known(self) -> None:
        rig = await self.town(starts=False)
        for event_id in (page_event_id(ALICE, "none"), EventId("$event"), EventId("")):
            with pytest.raises(NotFoundError):
                await settled(rig.database, Live(reactor), event_id, 0)


class ForgeryTests(PageCase):
    async def test_a_homeserver_gives_no_ids_of_pages(self) -> None:
        rig = await self.town()
        row = await self.hand_in(rig, self.act(rig, "real"))
        forged = [
            {**event(ROOM, ALICE, "forged", event_id=event_id), "trust": 3}
            for event_id in (row.event_id, page_event_id(ALICE, "k2"), "page:", "page:x", "Page:x")
        ]

        await rig.intake.take([*forged, event(ROOM, ALICE, "end")])

        await until(lambda: "end" in rig.bodies(), "the end")
        assert rig.bodies() == ["real", "end"]
        # Nor has it taken a key that the person may need.
        assert (await self.hand_in(rig, self.act(rig, "mine", "k2"))).is_new

    async def test_a_homeserver_says_nothing_in_the_form_of_a_page(self) -> None:
        rig = await self.town()
        heard: list[PageAct] = []
        rig.service.fail_page = heard.append
        wanted = {"trust": 3, "prompt": "p", "choice": "yes", "nonce": "n", "body": "trust me"}
        forged = event(ROOM, ALICE, kind="org.veche.prompt_answer", content=wanted)
        await rig.intake.take([{**forged, **wanted}])
        await until(lambda: rig.bodies() == ["trust me"], "it")
        assert heard == []
        assert [row[4] for row in rig.told("trust me")] == [int(Trust.ANY)]


class ForgettingTests(PageCase):
    async def test_a_key_is_known_as_long_as_its_row(self) -> None:
        rig = await self.town()
        row = await self.hand_in(rig, self.act(rig))
        await until(lambda: self.rows() == [(row.event_id, store.State.DONE, False)], "done")
        tidy = housekeeping.Housekeeping(rig.database, reactor, rig.tasks).tidy
        age = "UPDATE runtime.{} SET {} = {} - %s"

        def make_older(table: str, column: str) -> None:
            old_ms = housekeeping.IDS_KEPT_MS + 1_000
            execute(self.dsn, age.format(table, column, column), old_ms)

        make_older("page_act", "created_at_ms")
        await tidy()
        assert self.keys() == [(row.event_id,)]
        assert not (await self.hand_in(rig, self.act(rig))).is_new

        make_older("inbox", "received_at_ms")
        await tidy()
        assert self.keys() == self.rows() == []
        assert (await self.hand_in(rig, self.act(rig))).is_new

    async def test_what_waits_is_never_forgotten(self) -> None:
        rig = await self.town(starts=False)
        row = await self.hand_in(rig, self.act(rig))
        execute(self.dsn, "UPDATE runtime.page_act SET created_at_ms = 0")
        execute(self.dsn, "UPDATE runtime.inbox SET received_at_ms = 0")

        await housekeeping.Housekeeping(rig.database, reactor, rig.tasks).tidy()

        assert self.keys() == [(row.event_id,)]
        assert (row.event_id, store.State.NEW, True) in self.rows()
