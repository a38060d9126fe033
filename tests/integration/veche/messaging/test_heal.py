"""What pushes lose is healed: crashes of Synapse, deafness of ours, gaps, lost invitations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet import reactor  # noqa: TID251 -- the tests run in it
from twisted.internet.defer import Deferred

from tests.integration.veche.online import OnlineCase, online
from tests.integration.veche.proxy import LOSE_REQUEST, PASS, Proxy
from tests.integration.veche.rig import as_deferred, now_ms, pause, until
from tests.support.postgres import execute
from veche.messaging.inbox import heal
from veche.messaging.inbox.heartbeat import Heartbeat
from veche.messaging.inbox.store import Source, lease_heal
from veche.protocol.errors import UnavailableError
from veche.runtime import metrics
from veche.runtime.database.presence import Presence
from veche.runtime.matrix.client import path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.integration.veche.rig import Person, Rig

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]


@pytest.fixture(scope="module", autouse=True)
def _online(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with online(tmp_path_factory.mktemp("synapse")):
        yield


def healed_count(reason: str) -> float:
    """What the metric says."""
    name = "veche_inbox_healed_total"
    return metrics.REGISTRY.get_sample_value(name, {"reason": reason}) or 0.0


class HangingIntake:
    """Takes pushes and never acknowledges them."""

    def __init__(self) -> None:
        self.count = 0

    async def take(self, events: Sequence[object]) -> None:
        self.count += len(events)
        await Deferred()


class HealTests(OnlineCase):
    def setUp(self) -> None:
        super().setUp()
        # What is beyond them is the same with few messages as with many.
        whole = f'"limit":{heal.TIMELINE_LIMIT}'
        self.swap(heal, "_FILTER", heal._FILTER.replace(whole, '"limit":10'))
        self.swap(heal, "TIMELINE_LIMIT", 10)
        self.swap(heal, "PAGE_LIMIT", 10)

    async def scene(self) -> tuple[Rig, Person, str]:
        """A bot in a room, its healing token stored, and no healing but by call."""
        rig = await self.rig()
        [bot] = rig.bots
        await rig.healer.heal(bot, "test")
        alice = self.person()
        room = await alice.create_room(bot)
        await rig.join(bot, room)
        await until(lambda: len(rig.told()) == 2, "joined")
        await rig.healer.heal(bot, "test")
        return rig, alice, room

    async def send(self, alice: Person, room: str, count: int) -> list[str]:
        names = [str(number) for number in range(count)]
        for name in names:
            await alice.send(room, name)
        return names

    async def test_synapse_killed_while_events_queue(self) -> None:
        rig, alice, room = await self.scene()
        await rig.deaf()
        hanging: Any = HangingIntake()
        intake, rig.intake = rig.intake, hanging
        rig.listen(self.as_port)
        await rig.ping()
        names = await self.send(alice, room, 40)
        await until(lambda: hanging.count, "a push that hangs")

        self.server.kill()
        await rig.deaf()
        self.server.start()
        rig.intake = intake
        rig.listen(self.as_port)
        before = healed_count("test")
        count = await rig.healer.heal(rig.bots[0], "test")

        await until(lambda: len(rig.bodies()) >= 40, "all of them")
        assert rig.bodies() == names
        assert healed_count("test") - before == count
        # What Synapse had in memory is lost to pushes; a retry brings what hung at most.
        assert count >= len(names) - hanging.count
        await pause(0.5)
        assert rig.bodies() == names

    async def test_what_was_pushed_meanwhile_is_not_done_again(self) -> None:
        rig, alice, room = await self.scene()
        names = await self.send(alice, room, 5)
        await until(lambda: rig.bodies() == names, "pushed")

        assert await rig.healer.heal(rig.bots[0], "test") == 0
        assert rig.bodies() == names

    async def test_what_came_while_nobody_was_there_is_no_warning(self) -> None:
        rig, alice, room = await self.scene()
        await rig.deaf()
        names = await self.send(alice, room, 3)

        with self.assertLogs("veche.messaging.inbox.heal", "INFO") as logs:
            rig.healer.start()
            await until(lambda: rig.bodies() == names and logs.records, "all of them")

        assert [one.levelname for one in logs.records] == ["INFO"]

    async def test_a_long_deafness_is_paged_back_in_order(self) -> None:
        rig, alice, room = await self.scene()
        await rig.deaf()
        names = await self.send(alice, room, heal.TIMELINE_LIMIT + heal.PAGE_LIMIT + 30)

        count = await rig.healer.heal(rig.bots[0], "test")

        assert count == len(names)
        await until(lambda: len(rig.bodies()) == len(names), "all")
        assert rig.bodies() == names
        assert execute(self.dsn, "SELECT * FROM runtime.room_gap") == []

    async def test_paging_stops_at_what_the_inbox_knows(self) -> None:
        rig, alice, room = await self.scene()
        await self.send(alice, room, 30)
        await until(lambda: len(rig.bodies()) == 30, "pushed")
        await rig.deaf()
        await self.send(alice, room, heal.TIMELINE_LIMIT + 5)

        assert await rig.healer.heal(rig.bots[0], "test") == heal.TIMELINE_LIMIT + 5
        assert execute(self.dsn, "SELECT * FROM runtime.room_gap") == []

    async def test_more_than_is_read_back_is_a_gap_with_an_alarm(self) -> None:
        self.swap(heal, "GAP_EVENTS_MAX", heal.TIMELINE_LIMIT + 20)
        rig, alice, room = await self.scene()
        await rig.deaf()
        await self.send(alice, room, heal.TIMELINE_LIMIT + heal.PAGE_LIMIT + 50)

        with self.assertLogs("veche.messaging.inbox.heal", "ERROR"):
            count = await rig.healer.heal(rig.bots[0], "test")

        assert count >= heal.TIMELINE_LIMIT + 20
        [(found, bot)] = execute(self.dsn, "SELECT room_id, bot FROM runtime.room_gap")
        assert (found, bot) == (room, rig.bots[0])

    async def test_what_was_before_the_bot_came_is_not_its_business(self) -> None:
        rig = await self.rig()
        [bot] = rig.bots
        await rig.healer.heal(bot, "test")
        await rig.deaf()
        alice = self.person()
        room = await alice.create_room()
        await self.send(alice, room, heal.TIMELINE_LIMIT + 20)
        await alice.state(room, "m.room.member", bot, {"membership": "invite"})
        await rig.join(bot, room)
        await alice.send(room, "after")

        await rig.healer.heal(bot, "test")

        await until(lambda: "after" in rig.bodies(), "after")
        assert rig.bodies() == ["after"]
        assert execute(self.dsn, "SELECT * FROM runtime.room_gap") == []

    async def test_a_lost_invitation_is_found_and_not_told_twice(self) -> None:
        rig = await self.rig()
        [bot] = rig.bots
        await rig.healer.heal(bot, "test")
        await rig.deaf()
        room = await self.person().create_room(bot)

        assert await rig.healer.heal(bot, "test") == 1
        await until(rig.told, "invitation")
        await self.hear(rig)
        await self.person("bob").create_room(bot)
        await until(lambda: len(rig.told()) == 2, "the push after it")

        assert room in [row[0] for row in execute(self.dsn, "SELECT room_id FROM told")]
        assert len(execute(self.dsn, "SELECT 1 FROM told WHERE room_id = %s", room)) == 1

    async def test_a_lost_leave_is_found(self) -> None:
        rig, alice, room = await self.scene()
        await rig.deaf()
        await alice.state(room, "m.room.member", rig.bots[0], {"membership": "ban"})

        await rig.healer.heal(rig.bots[0], "test")

        await until(lambda: len(rig.told()) == 3, "the ban")
        [(membership,)] = execute(
            self.dsn,
            "SELECT membership FROM runtime.room_member WHERE user_id = %s AND room_id = %s",
            rig.bots[0],
            room,
        )
        assert membership == "ban"

    async def test_a_bot_that_is_new_to_the_database_knows_its_rooms(self) -> None:
        first, alice, room = await self.scene()
        [bot] = first.bots
        await first.stop()
        execute(self.dsn, "TRUNCATE runtime.bot, runtime.room_bot, runtime.room_member, told")

        rig = await self.rig(bot)
        await rig.healer.heal(bot, "test")
        await alice.send(room, "hello")

        await until(lambda: rig.bodies() == ["hello"], "hello")

    async def test_one_replica_heals(self) -> None:
        rig, _, _ = await self.scene()
        [bot] = rig.bots
        other = await self.rig(bot, starts=False)
        asked: list[str] = []
        held: Deferred[None] = Deferred()

        def asking(one: Rig, name: str) -> None:
            client: Any = one.client
            call = client.call

            async def noted(method: str, target: str, **more: Any) -> Any:
                if target.endswith("/sync"):
                    asked.append(name)
                    await held
                return await call(method, target, **more)

            client.call = noted

        asking(rig, "rig")
        asking(other, "other")
        for one in (rig, other):
            assert await one.healer.heal(bot, "test", age_ms=3_600_000) == 0
        assert asked == []  # the scene has just healed it

        first = as_deferred(rig.healer.heal(bot, "test"))
        await until(lambda: asked, "the first asks")
        assert await other.healer.heal(bot, "test") == 0
        assert asked == ["rig"]  # the other did not, while the first was at it
        held.callback(None)
        await first
        await other.healer.heal(bot, "test")
        assert asked == ["rig", "other"]

    async def test_nobody_waits_for_a_process_that_was_killed_while_it_healed(self) -> None:
        rig, alice, room = await self.scene()
        [bot] = rig.bots
        await rig.deaf()
        await alice.send(room, "hello")
        lives, gone = Presence(), Presence()
        await rig.database.run("test", lives.show)  # the thread's session is kept
        await rig.database.run(
            "test",
            lease_heal,
            bot,
            now_ms(),
            older_than_ms=now_ms(),
            until_ms=now_ms() + heal.LEASE_MS,
            worker=lives.number,
        )
        assert await rig.healer.heal(bot, "test") == 0
        execute(self.dsn, "UPDATE runtime.bot SET heal_worker = %s", gone.number)
        assert await rig.healer.heal(bot, "test") == 1

    async def test_a_failed_heal_changes_nothing_and_gives_the_right_back(self) -> None:
        proxy = Proxy(self.server.url)
        self.addCleanup(lambda: as_deferred(proxy.stop()))
        rig = await self.rig(url=proxy.url, starts=False)
        [bot] = rig.bots
        await rig.healer.heal(bot, "test")
        before = execute(self.dsn, "SELECT healed_since FROM runtime.bot")

        proxy.fault = lambda _, target: LOSE_REQUEST if "/sync" in target else PASS
        await self.assertFailure(as_deferred(rig.healer.heal(bot, "test")), UnavailableError)

        assert execute(self.dsn, "SELECT healed_since FROM runtime.bot") == before
        [(leased_until_ms,)] = execute(self.dsn, "SELECT heal_leased_until_ms FROM runtime.bot")
        assert leased_until_ms == 0
        proxy.fault = lambda _method, _target: PASS
        await rig.healer.heal(bot, "test")
        assert execute(self.dsn, "SELECT healed_since FROM runtime.bot") is not None

    async def test_a_replica_whose_lease_ran_out_stores_nothing(self) -> None:
        rig, alice, room = await self.scene()
        [bot] = rig.bots
        await rig.deaf()
        await alice.send(room, "hello")
        since = execute(self.dsn, "SELECT healed_since FROM runtime.bot")
        client: Any = rig.client
        call = client.call

        async def slow(method: str, target: str, **more: Any) -> Any:
            answer = await call(method, target, **more)
            if target.endswith("/sync"):  # another replica was faster meanwhile
                execute(self.dsn, "UPDATE runtime.bot SET healed_since = 'faster'")
            return answer

        client.call = slow
        assert await rig.healer.heal(bot, "test") == 0

        assert execute(self.dsn, "SELECT healed_since FROM runtime.bot") == [("faster",)]
        assert since != [("faster",)]
        assert rig.bodies() == []


class LoopTests(OnlineCase):
    """When healing happens by itself."""

    async def begin(self) -> tuple[Rig, Person, str]:
        self.swap(heal, "HEAL_SOON_MS", 50)
        rig = await self.rig(is_healing=True)
        rig.intake.when_to_heal(lambda _: None)  # the test says when
        [bot] = rig.bots
        alice = self.person()
        room = await alice.create_room(bot)
        await rig.join(bot, room)
        await until(lambda: len(rig.told()) == 2, "joined")
        await until(lambda: self.healed_at_ms() > 0, "healed at the start")
        return rig, alice, room

    def healed_at_ms(self) -> int:
        [(at_ms,)] = execute(self.dsn, "SELECT healed_at_ms FROM runtime.bot")
        assert isinstance(at_ms, int)
        return at_ms

    async def missed(self, rig: Rig, alice: Person, room: str) -> None:
        await rig.deaf()
        await alice.send(room, "missed")

    async def test_at_the_start(self) -> None:
        rig, alice, room = await self.begin()
        await self.missed(rig, alice, room)
        await rig.stop()

        again = await self.rig(*rig.bots, is_healing=True)

        await until(lambda: "missed" in again.bodies(), "healed")

    async def test_after_a_broken_connection(self) -> None:
        rig, alice, room = await self.begin()
        await self.missed(rig, alice, room)
        assert "missed" not in rig.bodies()

        rig.healer.soon("broken")

        await until(lambda: "missed" in rig.bodies(), "healed")
        sources = [row[4] for row in rig.inbox()]
        assert sources[-1] == Source.HEALED

    async def test_every_interval(self) -> None:
        self.swap(heal, "HEAL_INTERVAL_MS", 300)
        rig, alice, room = await self.begin()
        await self.missed(rig, alice, room)

        await until(lambda: "missed" in rig.bodies(), "healed")

    async def test_signs_of_loss_come_often_and_count_once_in_a_while(self) -> None:
        self.swap(heal, "STRAY_PAUSE_MS", 600_000)
        rig, _, _ = await self.begin()
        before = self.healed_at_ms()
        rig.healer.soon("stray")
        await until(lambda: self.healed_at_ms() > before, "healed")
        once = self.healed_at_ms()
        for _ in range(5):
            rig.healer.soon("stray")
        await pause(0.3)

        assert self.healed_at_ms() == once

    async def test_it_goes_on_after_the_homeserver_was_away(self) -> None:
        self.swap(heal, "_RETRY_MS", 200)
        rig, alice, room = await self.begin()
        rig.client.when_broken(lambda: rig.healer.soon("broken"))

        await self.missed(rig, alice, room)
        self.server.stop()
        rig.healer.soon("broken")
        await pause(0.5)
        assert "missed" not in rig.bodies()
        self.server.start()

        await until(lambda: "missed" in rig.bodies(), "healed")


class RepeatTests(OnlineCase):
    async def test_pushes_and_healing_together_do_each_event_once(self) -> None:
        rig = await self.rig(is_healing=True)
        [bot] = rig.bots
        await until(
            lambda: execute(self.dsn, "SELECT 1 FROM runtime.bot WHERE healed_at_ms > 0"), "token"
        )
        alice = self.person()
        room = await alice.create_room(bot)
        await rig.join(bot, room)
        started_ms = now_ms()
        for number in range(30):
            sending = as_deferred(alice.send(room, str(number)))
            await rig.healer.heal(bot, "test")
            await sending

        await until(lambda: len(rig.bodies()) == 30, "all")
        await pause(0.3)
        assert rig.bodies() == [str(number) for number in range(30)]
        assert now_ms() > started_ms
        answer = await rig.client.call("GET", path("joined_rooms"), user=bot)
        assert answer["joined_rooms"] == [room]


class HeartbeatTests(OnlineCase):
    async def test_what_the_application_service_says_to_itself_is_pushed(self) -> None:
        rig = await self.rig()
        pushes = rig.intake.pushes
        heart = Heartbeat(rig.database, reactor, rig.tasks, rig.client, pushes)
        began_ms = now_ms()

        await heart.look()
        await until(lambda: pushes.heard_at_ms >= began_ms, "the push of it")
        await heart.look()
        await heart.check()

        assert execute(self.dsn, "SELECT asked_at_ms FROM runtime.heartbeat") == [(None,)]
        assert rig.told() == [], "no service is told of it"
        assert rig.inbox() == []
