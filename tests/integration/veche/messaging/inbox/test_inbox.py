"""The inbox on a real database: each event acts once, in order, whatever fails."""

from __future__ import annotations

import random
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

from psycopg2.errors import QueryCanceled

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
    pause,
    until,
)
from tests.support.postgres import execute
from veche.messaging.inbox import store
from veche.messaging.inbox.worker import KEY_WAIT_MS
from veche.protocol.errors import UnavailableError
from veche.protocol.ids import RoomId, UserId
from veche.runtime.database import connect
from veche.runtime.matrix import store as rooms
from veche.server.housekeeping import EVENT_KEPT_MS, IDS_KEPT_MS, KEY_KEPT_MS, Housekeeping

if TYPE_CHECKING:
    from tests.integration.veche.rig import Rig
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor

ALICE, BOB = f"@alice:{SERVER_NAME}", f"@bob:{SERVER_NAME}"
ROOM = "!room"


def secret(sender: str, body: str, session_id: str, room_id: str = ROOM) -> dict[str, Any]:
    content = hidden("m.room.message", {"msgtype": "m.text", "body": body}, session_id)
    return event(room_id, sender, kind=HIDDEN, content=content)


class IntakeTests(OfflineCase):
    async def test_an_event_sent_twice_acts_once(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        one = event(ROOM, ALICE, "one")

        for events in ([one], [one], [one, one], [event(ROOM, ALICE, "two"), one]):
            await rig.intake.take(events)

        await until(lambda: "two" in rig.bodies(), "two")
        assert rig.bodies() == ["one", "two"]

    async def test_events_of_a_push_act_in_their_order(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        names = [str(number) for number in range(130)]

        await rig.intake.take([event(ROOM, ALICE, name) for name in names])

        await until(lambda: len(rig.bodies()) == len(names), "all")
        assert rig.bodies() == names

    async def test_pushes_out_of_order_act_all_of_them(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        pushes = [[event(ROOM, ALICE, f"{n}")] for n in range(20)]
        shuffled = pushes * 2
        random.Random(5).shuffle(shuffled)  # noqa: S311 -- no secret

        for push in shuffled:
            await rig.intake.take(push)

        await until(lambda: len(rig.bodies()) == 20, "all")
        assert sorted(rig.bodies(), key=int) == [str(n) for n in range(20)]

    async def test_a_malformed_event_does_not_keep_the_others(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)

        await rig.intake.take(
            [None, event(ROOM, ALICE, "good"), {"type": 1}, event(ROOM, ALICE, "x", sender="\0")]
        )

        await until(rig.bodies, "the good one")
        assert rig.bodies() == ["good"]

    async def test_nul_and_lone_surrogates_do_not_block_the_inbox(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        odd = {"msgtype": "m.text", "x": "a\0b\ud800c", "body": "odd", "f": 1.5}

        await rig.intake.take([event(ROOM, ALICE, content=odd), event(ROOM, ALICE, "even")])

        await until(lambda: len(rig.bodies()) == 2, "both")

    async def test_what_is_no_content_of_a_message_does_not_hold_up_its_room(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        too_large = {"msgtype": "m.text", "body": "large", "n": [10**400]}
        lists = {"msgtype": ["m.text"], "body": "lists", "m.relates_to": {"rel_type": []}}

        def look(inbound: Inbound) -> None:
            """As the services look whether a message is a file."""
            assert inbound.content.get("msgtype") not in {"m.file", "m.image"}

        rig.service.fail = look

        await rig.intake.take(
            [
                event(ROOM, ALICE, content=too_large),
                event(ROOM, ALICE, content=lists),
                event(ROOM, ALICE, "even"),
            ]
        )

        await until(lambda: "even" in rig.bodies(), "the good one")
        assert rig.bodies() == ["lists", "even"]
        assert [row[3] for row in rig.inbox()] == [0] * 4, "none failed, which would rest the room"

    async def test_rooms_without_a_bot_leave_no_row_and_ask_for_healing(self) -> None:
        rig = await self.rig()
        reasons: list[str] = []
        rig.intake.when_to_heal(reasons.append)

        await rig.intake.take([event("!elsewhere", ALICE, "not for us")])

        assert rig.inbox() == []
        assert reasons == ["stray"]

    async def test_what_our_bots_say_takes_no_transaction(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        before = len(rig.inbox())
        rig.database.close()

        await rig.intake.take([event(ROOM, rig.bots[0], "our own")])

        assert len(rig.inbox()) == before

    async def test_without_a_database_nothing_is_acknowledged(self) -> None:
        rig = await self.rig()
        rig.database.close()

        taking = as_deferred(rig.intake.take([event(ROOM, ALICE, "one")]))

        await self.assertFailure(taking, UnavailableError)

    async def test_each_bot_in_a_room_is_told_once(self) -> None:
        first, second = new_bot(), new_bot()
        rig = await self.rig(first, second)
        await self.seat(rig, ROOM)

        await rig.intake.take([event(ROOM, ALICE, "hello")])

        await until(lambda: len(rig.bodies()) == 2, "both")
        assert rig.bodies(first) == rig.bodies(second) == ["hello"]

    async def test_an_invited_bot_reads_its_invitation_and_nothing_else(self) -> None:
        inside, invited = new_bot(), new_bot()
        rig = await self.rig(inside, invited)
        execute(self.dsn, "INSERT INTO runtime.room VALUES (%s, 1)", ROOM)
        await rig.intake.take([member_event(ROOM, inside, "join")])

        await rig.intake.take(
            [member_event(ROOM, invited, "invite", sender=ALICE), event(ROOM, ALICE, "private")]
        )

        await until(lambda: rig.bodies(inside), "the one inside")
        await until(lambda: any(row[1] == invited for row in rig.told()), "the one invited")
        await until(lambda: all(row[2] == 2 for row in rig.inbox()), "all done")
        assert [row[3] for row in rig.told() if row[1] == invited] == ["m.room.member"]

    async def test_a_push_that_comes_again_does_not_undo_a_membership(self) -> None:
        rig = await self.rig()
        invite = member_event(ROOM, rig.bots[0], "invite", sender=ALICE)
        gone = member_event(ROOM, rig.bots[0], "leave")
        execute(self.dsn, "INSERT INTO runtime.room VALUES (%s, 1)", ROOM)
        await rig.intake.take([invite, gone, member_event(ROOM, rig.bots[0], "join")])

        await rig.intake.take([invite, gone])
        await rig.intake.take([event(ROOM, ALICE, "still here")])

        await until(lambda: rig.bodies() == ["still here"], "still in the room")

    async def test_after_a_leave_nothing_more_is_stored(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        await rig.intake.take([member_event(ROOM, rig.bots[0], "leave")])

        await rig.intake.take([event(ROOM, ALICE, "behind its back")])

        assert [row[0] for row in execute(self.dsn, "SELECT event_type FROM runtime.inbox")] == [
            "m.room.member"
        ] * 2

    async def test_many_rows_ask_for_healing(self) -> None:
        rig = await self.rig(starts=False)
        await self.seat(rig, ROOM)
        reasons: list[str] = []
        rig.intake.when_to_heal(reasons.append)

        for _ in range(20):
            await rig.intake.take([event(ROOM, ALICE, "x") for _ in range(99)])
        assert reasons == []
        await rig.intake.take([event(ROOM, ALICE, "x") for _ in range(20)])

        assert reasons == ["volume"]

    async def test_the_intake_does_not_wait_for_a_worker_at_work(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        await until(lambda: len(rig.told()) == 1, "the join")

        is_at_work, go_on = threading.Event(), threading.Event()
        self.addCleanup(go_on.set)

        def slow(inbound: Inbound) -> None:
            if inbound.content.get("body") == "slow":
                is_at_work.set()
                go_on.wait()

        rig.service.fail = slow
        await rig.intake.take([event(ROOM, ALICE, "slow")])
        await until(is_at_work.is_set, "the worker at work")
        await rig.intake.take([event(ROOM, ALICE, "quick")])

        assert rig.bodies() == []
        go_on.set()
        await until(lambda: rig.bodies() == ["slow", "quick"], "both, in order")


class WorkerTests(OfflineCase):
    async def test_two_replicas_do_each_row_once_and_keep_the_order_of_rooms(self) -> None:
        bot = new_bot()
        rigs = [await self.rig(bot), await self.rig(bot)]
        names = [f"!room{number}" for number in range(8)]
        for name in names:
            await self.seat(rigs[0], name)

        for number in range(25):
            push = [event(name, ALICE, f"{name} {number}") for name in names]
            await rigs[number % 2].intake.take(push)

        await until(lambda: len(rigs[0].bodies()) == 8 * 25, "all")
        for name in names:
            told = [body for body in rigs[0].bodies() if body.startswith(f"{name} ")]
            assert told == [f"{name} {number}" for number in range(25)]

    async def test_an_effect_and_its_cause_commit_together(self) -> None:
        self.swap(worker_module(), "ROW_DELAYS_MS", (10, 20, 30, 40))
        rig = await self.rig()
        await self.seat(rig, ROOM)
        fails = [2]

        def fail_twice(inbound: Inbound) -> None:
            if inbound.content.get("body") == "ask it" and fails[0]:
                fails[0] -= 1
                raise RuntimeError("a bug")

        rig.service.fail = fail_twice
        with self.assertLogs("veche.messaging.inbox.worker", "ERROR"):
            await rig.intake.take([event(ROOM, ALICE, "ask it")])
            await until(rig.outbox, "the answer")

        assert rig.bodies() == ["ask it"]
        assert len(rig.outbox()) == 1

    async def test_a_row_that_always_fails_is_refused_and_blocks_nobody(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        self.swap(worker_module(), "ROW_DELAYS_MS", (10, 20, 30, 40))

        def fail(inbound: Inbound) -> None:
            if inbound.content.get("body") == "bad":
                raise KeyError("a bug")

        rig.service.fail = fail
        with self.assertLogs("veche.messaging.inbox.worker", "ERROR") as logs:
            await rig.intake.take([event(ROOM, ALICE, name) for name in ("a", "b", "bad", "c")])
            await until(lambda: rig.bodies() == ["a", "b", "c"], "the others, in order")

        assert [(row[2], row[3]) for row in rig.inbox()[-2:]] == [(3, store.FAILURES_MAX), (2, 0)]
        assert any("given up" in line for line in logs.output)

    async def test_rows_before_a_failing_one_are_done_before_it_is_tried_again(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        # So long that it is not tried again before we look.
        self.swap(worker_module(), "ROW_DELAYS_MS", (60_000,) * 4)

        def fail(inbound: Inbound) -> None:
            if inbound.content.get("body") == "bad":
                raise KeyError("a bug")

        rig.service.fail = fail
        with self.assertLogs("veche.messaging.inbox.worker", "ERROR"):
            await rig.intake.take([event(ROOM, ALICE, name) for name in ("a", "b", "bad", "c")])
            await until(lambda: rig.inbox()[-2][3] == 1, "a failure")

        assert rig.bodies() == ["a", "b"]
        assert [(row[2], row[3]) for row in rig.inbox()[-2:]] == [(0, 1), (0, 0)]

    async def test_a_row_that_failed_is_left_to_whoever_has_the_room_by_now(self) -> None:
        rig = await self.rig(starts=False)
        await self.seat(rig, ROOM)
        await rig.intake.take([event(ROOM, ALICE, "a"), event(ROOM, ALICE, "bad")])
        taken = await rig.database.run("test", store.take, rig.bots, now_ms())
        assert isinstance(taken, tuple)
        claim, [*_, bad] = taken
        failed = worker_module()._RowFailedError(claim, bad, is_first=False)

        with closing(connect(self.dsn)) as other, other, other.cursor() as txn:
            assert isinstance(store.take(txn, rig.bots, now_ms()), tuple)
            assert not await rig.worker._row_failed(failed)

        # Otherwise the room would rest before what came earlier is done.
        assert rig.inbox()[-1][3] == 0

    async def test_a_room_rests_after_a_failure_though_another_loop_had_just_taken_it(self) -> None:
        rig = await self.rig(starts=False)
        await rig.prepare()
        await self.seat(rig, ROOM)
        await rig.intake.take([event(ROOM, ALICE, "bad")])
        began_ms, resting_ms = now_ms(), 60_000

        def fail_while_taken(txn: Cursor) -> int | None:
            taken = store.take(txn, rig.bots, began_ms)
            assert isinstance(taken, tuple)
            claim, items = taken
            # Another transaction, as that of a loop which has met the row before.
            with connect(self.dsn) as other, other.cursor() as of_other:
                assert store.fail(of_other, claim, items[-1], began_ms, (resting_ms,)) == 1
            end = store.End(next_at_ms=began_ms)
            return store.settle(txn, claim, end, rig.bots).due_at_ms

        due_ms = await rig.database.run("test", fail_while_taken)

        assert due_ms == began_ms + resting_ms

    async def test_a_service_that_asks_for_time_is_not_counted_as_failing(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        waits = [6]

        def not_yet(inbound: Inbound) -> None:
            if inbound.content.get("body") == "early" and waits[0]:
                waits[0] -= 1
                raise UnavailableError("not yet", retry_after_ms=10)

        rig.service.fail = not_yet
        await rig.intake.take([event(ROOM, ALICE, "early")])

        await until(lambda: rig.bodies() == ["early"], "done in the end")
        assert rig.inbox()[-1][2:4] == (2, 0)

    async def test_a_statement_that_takes_for_ever_counts_as_a_failure(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        self.swap(worker_module(), "ROW_DELAYS_MS", (10, 10, 10, 10))

        def stuck(inbound: Inbound) -> None:
            if inbound.content.get("body") == "stuck":
                raise QueryCanceled("statement timeout")

        rig.service.fail = stuck
        with self.assertLogs("veche.messaging.inbox.worker", "ERROR"):
            await rig.intake.take([event(ROOM, ALICE, "stuck"), event(ROOM, ALICE, "next")])
            await until(lambda: rig.bodies() == ["next"], "the next")

    async def test_content_that_is_no_object_is_refused(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)

        await rig.intake.take([event(ROOM, ALICE, content="text"), event(ROOM, ALICE, "good")])

        await until(lambda: rig.bodies() == ["good"], "the good one")
        assert rig.inbox()[-2][2] == 3

    async def test_rows_that_came_while_nobody_was_there_are_done_at_the_start(self) -> None:
        bot = new_bot()
        sleeping = await self.rig(bot, starts=False)
        await self.seat(sleeping, ROOM)
        await sleeping.intake.take([event(ROOM, ALICE, "early")])

        rig = await self.rig(bot)

        await until(lambda: rig.bodies() == ["early"], "done")

    async def test_a_process_leaves_the_rows_of_other_services_alone(self) -> None:
        ours, theirs = new_bot(), new_bot()
        other = await self.rig(theirs, starts=False)
        rig = await self.rig(ours)
        await self.seat(rig, ROOM)
        await rig.intake.take([member_event(ROOM, theirs, "join")])

        await rig.intake.take([event(ROOM, ALICE, "hello")])

        await until(lambda: rig.bodies(ours) == ["hello"], "ours")
        assert rig.bodies(theirs) == []
        other.worker.start()
        await until(lambda: rig.bodies(theirs) == ["hello"], "theirs")

    async def test_a_notification_wakes_a_process_that_has_the_bot(self) -> None:
        self.swap(worker_module(), "POLL_MS", 600_000)  # so that it is not the slow look
        ours, theirs = new_bot(), new_bot()
        rig, other = await self.rig(ours), await self.rig(theirs)
        await self.seat(rig, ROOM)
        await self.seat(other, ROOM)
        await until(lambda: len(rig.told()) == 3, "joins")

        await rig.intake.take([event(ROOM, ALICE, "hello")])

        await until(lambda: rig.bodies(theirs) == ["hello"], "theirs")


class KeyTests(OfflineCase):
    async def test_a_message_waits_for_its_key_and_is_done_when_it_comes(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        rig.crypto.missing.add("s1")

        await rig.intake.take([secret(ALICE, "first", "s1"), secret(ALICE, "second", "s2")])
        await until(lambda: rig.inbox()[-2][2] == 1, "waiting")
        assert rig.bodies() == []
        rig.crypto.missing.clear()
        count = await self.key_comes(rig, "s1")

        assert count == 1
        await until(lambda: rig.bodies() == ["first", "second"], "both, in order")

    async def test_a_key_that_comes_while_its_row_is_put_by_is_not_missed(self) -> None:
        """What stores the key does not see the row wait, and what lets it wait no key."""
        self.swap(worker_module(), "KEY_WAIT_MS", 600_000)  # so that it is not the end of the wait
        rig = await self.rig()
        await self.seat(rig, ROOM)
        rig.crypto.missing.add("s1")
        woken: list[int] = []

        def key_comes(bot: UserId) -> None:
            with closing(connect(self.dsn)) as other, other.cursor() as txn:
                woken.append(store.session_came(txn, bot, RoomId(ROOM), ["s1"], now_ms()))
                other.commit()
            rig.crypto.missing.discard("s1")
            rig.crypto.came.add("s1")

        rig.crypto.meanwhile = key_comes
        await rig.intake.take([secret(ALICE, "first", "s1"), secret(ALICE, "second", "s2")])

        await until(lambda: rig.bodies() == ["first", "second"], "both")
        assert woken == [0]

    async def test_others_do_not_wait_for_somebodys_key(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        rig.crypto.missing.add("s1")

        await rig.intake.take([secret(ALICE, "hers", "s1"), secret(BOB, "his", "s2")])

        await until(lambda: rig.bodies() == ["his"], "his")

    async def test_members_are_tracked_although_their_words_wait(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        rig.crypto.missing.add("s1")

        await rig.intake.take([secret(ALICE, "hers", "s1"), member_event(ROOM, ALICE, "leave")])

        await until(lambda: (ALICE, "leave") in rig.crypto.member_events, "the leave")

    async def test_after_the_quiet_wait_the_person_is_told_and_the_room_goes_on(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        self.swap(worker_module(), "KEY_WAIT_MS", 200)
        rig.crypto.missing.add("s1")
        lost = secret(ALICE, "lost", "s1")

        await rig.intake.take([lost, secret(ALICE, "next", "s2")])

        await until(lambda: rig.bodies() == ["next"], "the next one")
        assert rig.crypto.unreadable_events == [lost["event_id"]]
        rig.crypto.missing.clear()
        await self.key_comes(rig, "s1")
        await until(lambda: rig.bodies() == ["next", "lost"], "late, and once")
        assert rig.crypto.unreadable_events == [lost["event_id"]]

    async def test_a_key_for_nothing_wakes_nobody(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)

        assert await self.key_comes(rig, "s9") == 0

    async def test_fifty_rows_that_wait_do_not_make_the_worker_spin(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        rig.crypto.missing.add("s1")
        taken_at_ms = now_ms()
        await rig.intake.take([secret(ALICE, "x", "s1") for _ in range(store.ROWS_MAX + 5)])
        await until(lambda: any(row[2] == 1 for row in rig.inbox()), "waiting")

        def rest_ms() -> int:
            [(next_at_ms,)] = execute(self.dsn, "SELECT next_at_ms FROM runtime.room_work")
            assert isinstance(next_at_ms, int)
            return next_at_ms - taken_at_ms

        # A loop that saw the room as due before they came may have been the first to read them.
        await until(lambda: rest_ms() > KEY_WAIT_MS // 2, "the room rests")

    async def test_devices_are_asked_for_once_and_then_it_goes_on(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        rig.crypto.unknown.add(ALICE)

        await rig.intake.take([secret(ALICE, "a", "s1"), secret(ALICE, "b", "s1")])

        await until(lambda: rig.bodies() == ["a", "b"], "both")
        assert rig.crypto.refreshed == [ALICE]

    async def key_comes(self, rig: Rig, session_id: str) -> int:
        return await rig.database.run(
            "test", store.session_came, rig.bots[0], RoomId(ROOM), [session_id], now_ms()
        )


class TrackingTests(OfflineCase):
    """Who is in a room, by its events, with doubt where they do not follow one another."""

    async def members(self, rig: Rig) -> dict[str, str]:
        found = await rig.database.run("test", rooms.readers, RoomId(ROOM))
        return {user: membership for user, membership in found if user not in rig.bots}

    def is_known(self) -> bool:
        [(is_known,)] = execute(
            self.dsn,
            "SELECT EXISTS (SELECT FROM runtime.room WHERE room_id = %s"
            " AND looked_at_ms IS NOT NULL)",
            ROOM,
        )
        return bool(is_known)

    async def push(self, rig: Rig, *events: dict[str, Any]) -> None:
        await rig.intake.take(list(events))
        await until(lambda: all(row[2] == 2 for row in rig.inbox()), "all done")

    async def test_members_come_and_go(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        invited = member_event(ROOM, ALICE, "invite", sender=BOB)
        joined = member_event(ROOM, ALICE, "join", replaces=invited["event_id"])
        left = member_event(ROOM, ALICE, "leave", replaces=joined["event_id"])

        await self.push(rig, invited)
        assert await self.members(rig) == {ALICE: "invite"}
        await self.push(rig, joined)
        assert await self.members(rig) == {ALICE: "join"}
        await self.push(rig, left)

        assert await self.members(rig) == {}
        assert self.is_known()

    async def test_a_join_that_comes_after_the_leave_does_not_count(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        joined = member_event(ROOM, ALICE, "join")
        left = member_event(ROOM, ALICE, "leave", replaces=joined["event_id"])
        await self.push(rig, left)

        await rig.intake.take([joined])
        await until(lambda: rig.inbox()[-1][2] == 2, "done")

        assert await self.members(rig) == {}
        assert not self.is_known()  # so that nothing is said before a look

    async def test_what_was_pushed_before_a_look_changes_nothing(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        await until(lambda: rig.inbox()[-1][2] == 2, "seated")
        execute(self.dsn, "UPDATE runtime.room SET looked_at_ms = %s", now_ms() + 60_000)

        await self.push(rig, member_event(ROOM, ALICE, "join"))

        assert await self.members(rig) == {}
        assert self.is_known()
        assert (ALICE, "join") in rig.crypto.member_events

    async def test_encryption_is_pinned_at_once_and_visibility_is_looked_up(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        algorithm = {"algorithm": "m.megolm.v1.aes-sha2"}
        visible = {"history_visibility": "joined"}

        await self.push(
            rig, event(ROOM, ALICE, kind="m.room.encryption", state_key="", content=algorithm)
        )
        assert self.is_known()
        assert ROOM in rig.crypto.encrypted
        await rig.intake.take(
            [event(ROOM, ALICE, kind="m.room.history_visibility", state_key="", content=visible)]
        )
        await until(lambda: rig.inbox()[-1][2] == 2, "done")

        assert not self.is_known()

    async def test_state_under_another_key_is_not_the_rooms(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)

        await self.push(
            rig,
            event(ROOM, ALICE, kind="m.room.encryption", state_key="x", content={"algorithm": "a"}),
            event(ROOM, ALICE, kind="m.room.encryption", content={"algorithm": "a"}),
            member_event(ROOM, ALICE, "join", content={"membership": 5}),
        )

        assert ROOM not in rig.crypto.encrypted
        assert await self.members(rig) == {}

    async def test_a_room_without_our_bots_is_forgotten(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        await self.push(rig, member_event(ROOM, ALICE, "join"))

        await self.push(rig, member_event(ROOM, rig.bots[0], "leave"))

        assert await self.members(rig) == {}
        assert not self.is_known()

    async def test_a_look_that_events_overtook_is_not_stored(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        room = RoomId(ROOM)
        changes = await rig.database.run("test", rooms.begin_look, room)
        await self.push(rig, member_event(ROOM, ALICE, "join"))

        def end(txn: Cursor) -> bool:
            return rooms.end_look(txn, room, [], now_ms(), changes)

        assert not await rig.database.run("test", end)
        assert await self.members(rig) == {ALICE: "join"}
        changes = await rig.database.run("test", rooms.begin_look, room)
        assert await rig.database.run("test", end)
        assert await self.members(rig) == {}
        assert await rig.database.run("test", rooms.bots_in, room) == rig.bots


class HousekeepingTests(OfflineCase):
    async def test_events_go_after_a_day_and_ids_after_three_months(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        await rig.intake.take([event(ROOM, ALICE, name) for name in ("old", "older", "new")])
        await until(lambda: len(rig.bodies()) == 3, "done")
        rows = [row[0] for row in rig.inbox()]
        for event_id, age_ms in zip(
            rows[1:], (EVENT_KEPT_MS + 1_000, IDS_KEPT_MS + 1_000), strict=False
        ):
            execute(
                self.dsn,
                "UPDATE runtime.inbox SET received_at_ms = %s WHERE event_id = %s",
                now_ms() - age_ms,
                event_id,
            )

        await Housekeeping(rig.database, clock(), rig.tasks).tidy()

        left = execute(self.dsn, "SELECT event_id, event IS NULL FROM runtime.inbox ORDER BY seq")
        assert left == [(rows[0], False), (rows[1], True), (rows[3], False)]
        await rig.intake.take([event(ROOM, ALICE, "old", event_id=rows[1])])
        await pause(0.2)
        assert rig.bodies() == ["old", "older", "new"]

    async def test_what_waits_stays_readable_for_a_week(self) -> None:
        rig = await self.rig()
        await self.seat(rig, ROOM)
        self.swap(worker_module(), "KEY_WAIT_MS", 50)
        rig.crypto.missing.add("s1")
        await rig.intake.take([secret(ALICE, "lost", "s1")])
        await until(lambda: rig.inbox()[-1][2] == 4, "late")
        tidy = Housekeeping(rig.database, clock(), rig.tasks).tidy

        for age_ms, state in ((EVENT_KEPT_MS * 2, 4), (KEY_KEPT_MS + 1_000, 3)):
            execute(
                self.dsn,
                "UPDATE runtime.inbox SET received_at_ms = %s WHERE state = 4",
                now_ms() - age_ms,
            )
            await tidy()
            assert rig.inbox()[-1][2] == state


def worker_module() -> Any:
    from veche.messaging.inbox import worker  # noqa: PLC0415 -- its constants are patched

    return worker


def clock() -> Any:
    from twisted.internet import reactor  # noqa: PLC0415, TID251 -- trial's

    return reactor
