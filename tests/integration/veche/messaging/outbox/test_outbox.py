"""The outbox against a real Synapse: one event for each effect, in order, whatever breaks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.veche.online import OnlineCase, online
from tests.integration.veche.proxy import LOSE_ANSWER, LOSE_REQUEST, PASS, Proxy
from tests.integration.veche.rig import (
    SERVER_NAME,
    OfflineCase,
    as_deferred,
    bodies_of,
    new_bot,
    now_ms,
    pause,
    reactor,
    until,
)
from tests.support.postgres import execute
from veche.acts import Act, ActLog, message_form
from veche.messaging import outbox
from veche.messaging.outbox import Outgoing, Relation, sender, store, turns
from veche.protocol.acts import ACT, OPENING, ActClass
from veche.protocol.errors import ActRequiredError, MalformedError
from veche.protocol.ids import DeviceId, EffectId, EventId, RoomId, effect_id
from veche.protocol.message import RelationKind
from veche.runtime.crypto.media import download_encrypted, upload_encrypted
from veche.runtime.matrix.client import MatrixError, path
from veche.runtime.matrix.rooms import RoomPlan, create_room, join
from veche.runtime.matrix.transactions import TRANSACTION_BYTES_MAX
from veche.runtime.web.http_client import AnswerTooLargeError, Connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.integration.veche.rig import Rig
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]


@pytest.fixture(scope="module", autouse=True)
def _online(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder: Path = tmp_path_factory.mktemp("synapse")
    with online(folder):
        yield


SENT, GIVEN_UP = store.State.SENT, store.State.GIVEN_UP


class SendingCase(OnlineCase):
    """A person and a bot in a room."""

    async def scene(
        self, *, url: str | None = None, is_encrypted: bool = False
    ) -> tuple[Rig, UserId, Any, str]:
        rig = await self.rig(url=url)
        [bot] = rig.bots
        alice = self.person()
        room = await alice.create_room(bot, is_encrypted=is_encrypted)
        await rig.join(bot, room)
        await until(lambda: len(rig.told()) == 2, "invitation and join")
        return rig, bot, alice, room

    async def all_sent(self, rig: Rig) -> None:
        def is_done() -> bool:
            rows = rig.outbox()
            return bool(rows) and all(row[1] >= SENT for row in rows)

        await until(is_done, "all sent")

    def proxy(self) -> Proxy:
        proxy = Proxy(self.server.url)
        self.addCleanup(lambda: as_deferred(proxy.stop()))
        return proxy


class SendingTests(SendingCase):
    async def test_a_persons_question_is_answered(self) -> None:
        rig, bot, alice, room = await self.scene()

        await alice.send(room, "ask me")

        await self.all_sent(rig)
        [answer] = [e for e in await alice.timeline(room, bot) if e["type"] == "m.room.message"]
        assert answer["content"]["body"] == "answer me"
        assert answer["content"][ACT]["v"] == 1
        assert OPENING not in answer["content"]  # for the person alone, and this room is plain
        assert rig.outbox()[0][2] == answer["event_id"]

    async def test_messages_of_a_room_leave_in_their_order(self) -> None:
        rig, bot, alice, room = await self.scene()
        names = [str(number) for number in range(25)]

        def say_all(txn: Cursor) -> None:
            for name in names:
                content = {"msgtype": "m.text", "body": name}
                rig.service.say(txn, bot, RoomId(room), content, cause=name)

        await rig.database.run("test", say_all)

        await self.all_sent(rig)
        assert bodies_of(await alice.timeline(room, bot)) == names

    async def test_the_same_effect_twice_is_one_message(self) -> None:
        rig, bot, alice, room = await self.scene()

        await rig.say(bot, room, "once", cause="c")
        await rig.say(bot, room, "once", cause="c")
        await rig.say(bot, room, "end", cause="d")

        await self.all_sent(rig)
        assert bodies_of(await alice.timeline(room, bot)) == ["once", "end"]

    async def test_in_an_encrypted_room_nothing_leaves_in_clear(self) -> None:
        rig, bot, alice, room = await self.scene(is_encrypted=True)

        await rig.say(bot, room, "secret", cause="c")

        await self.all_sent(rig)
        [sent] = [e for e in await alice.timeline(room, bot) if e["type"] != "m.room.member"]
        assert sent["type"] == "m.room.encrypted"
        assert sent["content"][ACT]["v"] == 1  # beside the ciphertext, in clear
        assert "secret" not in json.dumps(sent)
        [sealer] = rig.sealers.values()
        # A look at what is due may have another turn taken, which prepares and has nothing to send.
        assert (set(sealer.prepared), sealer.delivered) == ({room}, [room])
        [(content, sealed)] = execute(self.dsn, "SELECT content, sealed FROM runtime.outbox")
        assert content is None
        assert "secret" not in str(sealed)

    async def test_a_room_encrypted_later_is_so_for_ever(self) -> None:
        rig, bot, alice, room = await self.scene()
        await rig.say(bot, room, "plain", cause="1")
        await self.all_sent(rig)

        await alice.state(room, "m.room.encryption", "", {"algorithm": "m.megolm.v1.aes-sha2"})
        await until(lambda: room in rig.crypto.encrypted, "pinned")
        await alice.state(room, "m.room.encryption", "", {})
        await until(lambda: len(rig.told()) == 4, "both told")
        await rig.say(bot, room, "secret", cause="2")

        await self.all_sent(rig)
        assert bodies_of(await alice.timeline(room, bot)) == ["plain"]

    async def test_edits_reactions_threads_replies_and_redactions_find_their_event(self) -> None:
        rig, bot, alice, room = await self.scene()
        base = effect_id(bot, "base")
        new = {"msgtype": "m.text", "body": "edited"}
        edit = {"msgtype": "m.text", "body": "* edited", "m.new_content": new}

        def say_all(txn: Cursor) -> None:
            say, here = rig.service.say, RoomId(room)
            say(txn, bot, here, {"msgtype": "m.text", "body": "base"}, cause="base")
            kinds = RelationKind
            for kind in (kinds.THREAD, kinds.REPLY, kinds.REFERENCE):
                content = {"msgtype": "m.text", "body": kind.name}
                say(txn, bot, here, content, cause=kind.name, relation=Relation(kind, base))
            say(txn, bot, here, edit, cause="e", relation=Relation(kinds.REPLACE, base))
            one = Relation(kinds.ANNOTATION, base, "1️⃣")
            reaction = say(txn, bot, here, {}, cause="r", kind="m.reaction", relation=one)
            say(txn, bot, here, {}, cause="x", kind="m.room.redaction", redacts=reaction)

        await rig.database.run("test", say_all)
        await self.all_sent(rig)

        events = {e["event_id"]: e for e in await alice.timeline(room, bot)}
        ids = [row[2] for row in rig.outbox()]
        sent = [events[one] for one in ids]
        target = ids[0]
        relations = [event["content"].get("m.relates_to", {}) for event in sent]
        assert relations[1]["rel_type"] == "m.thread"
        assert relations[1]["event_id"] == target
        assert relations[2]["m.in_reply_to"]["event_id"] == target
        assert relations[3] == {"rel_type": "m.reference", "event_id": target}
        assert relations[4] == {"rel_type": "m.replace", "event_id": target}
        assert sent[5]["type"] == "m.reaction"
        assert sent[5]["content"] == {}  # it was redacted
        assert sent[6]["type"] == "m.room.redaction"
        assert sent[6]["content"]["redacts"] == ids[5]

    async def test_an_effect_is_found_by_its_event(self) -> None:
        rig, bot, _, room = await self.scene()
        effect = await rig.say(bot, room, "x", cause="c")
        await self.all_sent(rig)
        event_id = EventId(rig.outbox()[0][2])

        def look_up(txn: Cursor) -> Sequence[object]:
            here = RoomId(room)
            return [
                outbox.effect_of(txn, here, event_id),
                outbox.effect_of(txn, here, EventId("$none")),
            ]

        assert await rig.database.run("test", look_up) == [effect, None]

    async def test_a_reaction_that_is_there_counts_as_placed(self) -> None:
        rig, bot, _, room = await self.scene()
        base = await rig.say(bot, room, "base", cause="base")
        relation = Relation(RelationKind.ANNOTATION, base, "👍")
        for cause in ("r1", "r2"):
            await rig.say(
                bot, room, "", cause=cause, content={}, kind="m.reaction", relation=relation
            )

        await self.all_sent(rig)

        assert [row[1] for row in rig.outbox()] == [SENT] * 3
        assert rig.outbox()[2][2] is None

    async def test_what_relates_to_something_given_up_is_given_up(self) -> None:
        rig, bot, alice, room = await self.scene()
        lost = Relation(RelationKind.REPLACE, EffectId("never"))
        reply = Relation(RelationKind.REPLY, EffectId("never"))

        with self.assertLogs("veche.messaging.outbox.turns", "ERROR"):
            edit = await rig.say(bot, room, "edit", cause="e", relation=lost)
            await rig.say(bot, room, "reply", cause="r", relation=reply)
            await self.all_sent(rig)

        assert execute(self.dsn, "SELECT * FROM undelivered") == [(edit, "relation_lost")]
        assert bodies_of(await alice.timeline(room, bot)) == ["reply"]

    async def test_state_and_invitations_leave_by_the_outbox(self) -> None:
        rig = await self.rig()
        [bot] = rig.bots
        device = rig.sealers[bot].device_id
        room = await rig.rooms.create(bot, device, RoomPlan(), effect_id(bot, "room"))
        bob = self.person("bob")

        content = {"membership": "invite", "reason": "welcome"}
        await rig.say(
            bot, room, "", cause="i", content=content, kind="m.room.member", state_key=bob.user_id
        )
        await rig.say(
            bot, room, "", cause="t", content={"topic": "x"}, kind="m.room.topic", state_key=""
        )
        await self.all_sent(rig)
        await rig.say(bot, room, "secret", cause="m")
        await self.all_sent(rig)

        assert [row[1] for row in rig.outbox()] == [SENT] * 3
        await bob.client.call("POST", path("join", room), body={})
        state = await bob.client.call("GET", path("rooms", room, "state", "m.room.topic"))
        assert state["topic"] == "x"
        [(kind,)] = execute(
            self.dsn, "SELECT sealed_type FROM runtime.outbox WHERE event_type = 'm.room.message'"
        )
        assert kind == "m.room.encrypted"

    async def test_two_bots_in_one_room_do_not_swallow_each_other(self) -> None:
        first, second = new_bot(), new_bot()
        rig = await self.rig(first, second)
        alice = self.person()
        room = await alice.create_room(first, second)
        for bot in (first, second):
            await rig.join(bot, room)

        for bot in (first, second):
            await rig.say(bot, room, f"by {bot}", cause="the same cause")
        await self.all_sent(rig)

        assert sorted(bodies_of(await alice.timeline(room))) == sorted(
            [f"by {first}", f"by {second}"]
        )


class CrashTests(SendingCase):
    """The process ends between any two steps: there is one event in the room."""

    async def begin(self, *, is_encrypted: bool = True) -> tuple[Rig, UserId, Any, str, Proxy]:
        self.swap(sender, "retry_ms", lambda _attempts, _chance: 20)
        proxy = self.proxy()
        rig, bot, alice, room = await self.scene(url=proxy.url, is_encrypted=is_encrypted)
        await rig.say(bot, room, "first", cause="first")
        await self.all_sent(rig)
        return rig, bot, alice, room, proxy

    async def end(self, rig: Rig, alice: Any, room: str, count: int = 2) -> Rig:
        """Another process takes over; the room has ``count`` messages of the bot in the end."""
        await rig.stop()
        after = await self.rig(*rig.bots)
        after.crypto.encrypted |= rig.crypto.encrypted
        await self.all_sent(after)
        await pause(0.3)
        events = await alice.timeline(room, rig.bots[0])
        sent = [e for e in events if e["type"] in {"m.room.message", "m.room.encrypted"}]
        assert len(sent) == count, sent
        assert [row[2] for row in after.outbox()] == [event["event_id"] for event in sent]
        return after

    async def test_after_the_cause_before_the_seal(self) -> None:
        rig, bot, alice, room, _ = await self.begin()
        rig.sender.drop(bot)
        await rig.say(bot, room, "second", cause="second")

        await self.end(rig, alice, room)

    async def test_after_the_seal_before_the_request(self) -> None:
        rig, bot, alice, room, proxy = await self.begin()
        proxy.fault = lambda method, _: LOSE_REQUEST if method == "PUT" else PASS
        await rig.say(bot, room, "second", cause="second")
        await until(lambda: rig.outbox()[-1][3] >= 2, "an attempt")
        [(before,)] = execute(self.dsn, "SELECT sealed FROM runtime.outbox WHERE state = 1")

        after = await self.end(rig, alice, room)

        [(sealed,)] = execute(
            self.dsn, "SELECT sealed FROM runtime.outbox ORDER BY seq DESC LIMIT 1"
        )
        assert sealed == before
        assert after.sealers[bot].sealed_count == 0  # the bytes of the first process

    async def test_after_the_request_before_the_answer(self) -> None:
        rig, bot, alice, room, proxy = await self.begin()
        proxy.fault = lambda method, _: LOSE_ANSWER if method == "PUT" else PASS
        await rig.say(bot, room, "second", cause="second")
        await until(lambda: rig.outbox()[-1][3] >= 2, "an attempt")

        await self.end(rig, alice, room)

    async def test_after_the_answer_before_it_is_written_down(self) -> None:
        self.swap(sender, "MARK_DELAY_MS", 600_000)
        rig, bot, alice, room = await self.scene(is_encrypted=True)
        await rig.say(bot, room, "first", cause="first")
        await until(lambda: len(rig.marks) == 1, "acknowledged")
        assert rig.outbox()[0][1] == store.State.SEALED

        self.swap(sender, "MARK_DELAY_MS", 10)
        await self.end(rig, alice, room, 1)

    async def test_synapse_restarted_between_two_attempts(self) -> None:
        rig, bot, alice, room, proxy = await self.begin()
        proxy.fault = lambda method, _: LOSE_ANSWER if method == "PUT" else PASS
        await rig.say(bot, room, "second", cause="second")
        await until(lambda: rig.outbox()[-1][3] >= 2, "an attempt")
        await rig.stop()

        self.server.restart()

        await self.end(rig, alice, room)

    async def test_after_more_than_a_day_the_room_is_searched_first(self) -> None:
        await self.search_after_a_day(is_encrypted=True)

    async def test_a_plain_message_is_found_by_its_content(self) -> None:
        await self.search_after_a_day(is_encrypted=False)

    async def search_after_a_day(self, *, is_encrypted: bool) -> None:
        rig, bot, alice, room, proxy = await self.begin(is_encrypted=is_encrypted)
        proxy.fault = lambda method, _: LOSE_ANSWER if method == "PUT" else PASS
        await rig.say(bot, room, "second", cause="second")
        await until(lambda: rig.outbox()[-1][3] >= 2, "an attempt")
        await rig.stop()
        # As if the homeserver had forgotten the transaction id, and a day had passed.
        execute(
            self.dsn,
            "UPDATE runtime.outbox SET first_sent_at_ms = first_sent_at_ms - %s,"
            " effect_id = effect_id || 'x' WHERE state = 1",
            turns.REMEMBERED_MS + 60_000,
        )

        await self.end(rig, alice, room)

    async def test_with_another_device_the_room_is_searched_and_then_sent_to(self) -> None:
        rig, bot, alice, room, proxy = await self.begin()
        proxy.fault = lambda method, _: LOSE_REQUEST if method == "PUT" else PASS
        await rig.say(bot, room, "second", cause="second")
        await until(lambda: rig.outbox()[-1][3] >= 2, "an attempt")
        await rig.stop()

        after = await self.rig(bot, starts=False)
        after.sealers[bot].device_id = DeviceId("VECHETEST2")
        await after.register()
        await after.start(self.as_port, is_healing=False)

        await self.all_sent(after)
        events = await alice.timeline(room, bot)
        assert len([e for e in events if e["type"] == "m.room.encrypted"]) == 2

    async def test_a_line_that_loses_every_third_answer(self) -> None:
        self.swap(sender, "retry_ms", lambda _attempts, _chance: 20)
        proxy = self.proxy()
        rig, bot, alice, room = await self.scene(url=proxy.url)
        count = [0]

        def fault(method: str, target: str) -> Any:
            if method != "PUT" or "/send/" not in target:
                return PASS
            count[0] += 1
            return (PASS, LOSE_ANSWER, LOSE_REQUEST)[count[0] % 3]

        proxy.fault = fault
        names = [str(number) for number in range(15)]
        for name in names:
            await rig.say(bot, room, name, cause=name)

        await self.all_sent(rig)
        assert bodies_of(await alice.timeline(room, bot)) == names


class AnswerTests(SendingCase):
    async def undelivered(self, rig: Rig) -> list[tuple[object, ...]]:
        await self.all_sent(rig)
        return execute(self.dsn, "SELECT reason FROM undelivered")

    async def test_a_bot_that_was_removed_learns_that_the_room_is_lost(self) -> None:
        rig, bot, alice, room = await self.scene()
        rig.sender.drop(bot)
        await rig.say(bot, room, "one", cause="1")
        await rig.say(bot, room, "two", cause="2")
        await rig.deaf()  # so that it does not know yet
        await alice.state(room, "m.room.member", bot, {"membership": "ban"})

        rig.sender.use(bot, rig.sealers[bot], rig.service)

        assert await self.undelivered(rig) == [("room_lost",)] * 2
        [(membership,)] = execute(
            self.dsn, "SELECT membership FROM runtime.room_member WHERE user_id = %s", bot
        )
        assert membership == "leave"

    async def test_what_the_room_forbids_is_told_and_the_rest_goes_on(self) -> None:
        rig, bot, alice, room = await self.scene()

        await rig.say(
            bot, room, "", cause="1", content={"name": "x"}, kind="m.room.name", state_key=""
        )
        await rig.say(bot, room, "two", cause="2")

        assert await self.undelivered(rig) == [("forbidden",)]
        assert bodies_of(await alice.timeline(room, bot)) == ["two"]

    async def test_a_room_that_was_never_joined_is_lost(self) -> None:
        rig = await self.rig()
        [bot] = rig.bots
        room = await self.person().create_room()

        await rig.say(bot, room, "hello", cause="1")

        assert await self.undelivered(rig) == [("room_lost",)]

    async def test_content_that_is_too_large_is_given_up(self) -> None:
        rig, bot, alice, room = await self.scene()

        with self.assertLogs("veche.messaging.outbox.sender", "ERROR"):
            await rig.say(bot, room, "x" * 70_000, cause="1")
            await rig.say(bot, room, "small", cause="2")
            found = await self.undelivered(rig)

        assert found == [("malformed",)]
        assert bodies_of(await alice.timeline(room, bot)) == ["small"]

    async def test_a_deleted_device_waits_for_a_new_one(self) -> None:
        rig, bot, _, room = await self.scene()
        device = rig.sealers[bot].device_id
        await rig.client.call("DELETE", path("devices", device), user=bot, body={})

        with self.assertLogs("veche.messaging.outbox.sender", "ERROR"):
            await rig.say(bot, room, "hello", cause="1")
            await until(lambda: rig.sealers[bot].is_device_lost, "told")
            await until(self.rests, "it is tried again soon")

        assert rig.outbox()[0][1] == store.State.SEALED

    def rests(self) -> bool:
        [(next_at_ms,)] = execute(self.dsn, "SELECT next_at_ms FROM runtime.outbox_work")
        assert isinstance(next_at_ms, int)
        return next_at_ms > now_ms() + 30_000

    async def test_the_table_of_answers(self) -> None:
        proxy = self.proxy()
        rig, bot, alice, room = await self.scene(url=proxy.url)
        for number, (status, content, reason) in enumerate(
            [
                (403, {"errcode": "M_FORBIDDEN", "org.veche.reason": "ACT_MISSING"}, "guard"),
                (400, {"errcode": "ORG.VECHE.MALFORMED", "error": "x"}, "guard"),
                (403, {"errcode": "M_INVITE_BLOCKED"}, "invites_blocked"),
                (413, {"errcode": "M_TOO_LARGE"}, "malformed"),
                (400, {"errcode": "M_BAD_JSON"}, "malformed"),
                (404, {"errcode": "M_NOT_FOUND"}, "malformed"),
            ]
        ):
            answer = (status, content)
            proxy.fault = answering(answer)
            await rig.say(bot, room, "x", cause=str(number))
            found = await self.undelivered(rig)
            assert len(found) == number + 1
            assert found[-1] == (reason,)
        proxy.fault = lambda _method, _path: PASS
        await rig.say(bot, room, "goes on", cause="end")
        await self.all_sent(rig)

        assert bodies_of(await alice.timeline(room, bot)) == ["goes on"]

    async def test_limits_and_errors_of_the_server_are_waited_for_and_order_stays(self) -> None:
        self.swap(sender, "retry_ms", lambda _attempts, _chance: 50)
        proxy = self.proxy()
        rig, bot, alice, room = await self.scene(url=proxy.url)
        answers: list[Any] = [
            (429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 100}),
            (500, {}),
            (502, "no object"),
            (503, {"errcode": "M_UNKNOWN"}),
            (401, {"errcode": "M_UNKNOWN_TOKEN"}),
            (200, "no object"),
        ]
        answers = answers[:-1]
        proxy.fault = lambda method, target: (
            answers.pop(0) if answers and method == "PUT" and "/send/" in target else PASS
        )

        await rig.say(bot, room, "first", cause="1")
        await rig.say(bot, room, "second", cause="2")

        await self.all_sent(rig)
        assert bodies_of(await alice.timeline(room, bot)) == ["first", "second"]
        assert rig.outbox()[0][3] == 6
        ids = {target.rpartition("/")[2] for target in proxy.sent()}
        assert len(ids) == 2  # each with its one transaction id
        assert all("device_id=" in target for target in proxy.sent())


class RoomTests(SendingCase):
    def members(self, room: str) -> dict[object, object]:
        """Memberships as we know them."""
        rows: Any = execute(
            self.dsn,
            "SELECT user_id, membership FROM runtime.room_member WHERE room_id = %s",
            room,
        )
        return dict(rows)

    async def test_making_a_room_twice_makes_one(self) -> None:
        rig = await self.rig()
        [bot] = rig.bots
        device, unique = rig.sealers[bot].device_id, effect_id(bot, "room")

        first = await create_room(rig.client, bot, device, RoomPlan(), unique)
        second = await create_room(rig.client, bot, device, RoomPlan(), unique)
        other = await create_room(rig.client, bot, device, RoomPlan(), effect_id(bot, "other"))

        assert first.is_new
        assert not second.is_new
        assert first.room_id == second.room_id != other.room_id

    async def test_joining_bears_repetition(self) -> None:
        rig = await self.rig()
        [bot] = rig.bots
        device = rig.sealers[bot].device_id
        room = RoomId(await self.person().create_room(bot))

        for _ in range(2):
            await join(rig.client, bot, device, room)

        answer = await rig.client.call("GET", path("joined_rooms"), user=bot)
        assert answer["joined_rooms"] == [room]

    async def test_the_first_look_knows_members_encryption_and_visibility(self) -> None:
        alice, bob = self.person(), self.person("bob")
        rig = await self.rig()
        [bot] = rig.bots
        room = await alice.create_room(bot, bob.user_id, is_encrypted=True)
        await alice.state(room, "m.room.history_visibility", "", {"history_visibility": "joined"})

        await rig.join(bot, room)

        # The look is stored before the join is done; what the hooks note is there before that.
        await until(lambda: len(rig.told()) == 2, "invitation and join")
        assert room in rig.crypto.encrypted
        assert rig.crypto.visibilities[room] == "joined"
        members = self.members(room)
        assert members == {bot: "join", alice.user_id: "join", bob.user_id: "invite"}

    async def test_whom_a_bot_removes_is_no_reader_any_more(self) -> None:
        rig, bot, alice, room = await self.scene()
        bob = self.person("bob")
        levels = {"users": {bot: 50}, "users_default": 0}
        state = await alice.client.call("GET", path("rooms", room, "state", "m.room.power_levels"))
        await alice.state(room, "m.room.power_levels", "", {**state, **levels})
        for membership in ("invite", "ban"):
            content = {"membership": membership}
            await rig.say(
                bot,
                room,
                "",
                cause=membership,
                content=content,
                kind="m.room.member",
                state_key=bob.user_id,
            )
        await self.all_sent(rig)
        await until(lambda: (bob.user_id, "ban") in rig.crypto.member_events, "told")
        await until(lambda: all(row[2] == 2 for row in rig.inbox()), "done")

        assert (bob.user_id, "invite") in rig.crypto.member_events
        members = self.members(room)
        assert members[bob.user_id] == "ban"

    async def test_whoever_could_not_be_invited_is_not_counted_as_a_reader(self) -> None:
        proxy = self.proxy()
        rig, bot, _, room = await self.scene(url=proxy.url)
        bob = self.person("bob")
        blocked = (403, {"errcode": "M_INVITE_BLOCKED"})
        proxy.fault = lambda method, target: (
            blocked if method == "PUT" and "m.room.member" in target else PASS
        )
        await rig.say(
            bot,
            room,
            "",
            cause="i",
            content={"membership": "invite"},
            kind="m.room.member",
            state_key=bob.user_id,
        )
        await self.all_sent(rig)
        await rig.say(bot, room, "sealed after a look", cause="m")
        await self.all_sent(rig)

        members = self.members(room)
        assert members[bob.user_id] == "leave"

    async def test_members_stay_current_by_events_without_another_look(self) -> None:
        rig, _, alice, room = await self.scene()
        bob = self.person("bob")
        await until(lambda: execute(self.dsn, "SELECT looked_at_ms FROM runtime.room"), "look")

        await alice.state(room, "m.room.member", bob.user_id, {"membership": "invite"})
        await bob.client.call("POST", path("join", room), body={})
        await bob.client.call("POST", path("rooms", room, "leave"), body={})
        await until(lambda: (bob.user_id, "leave") in rig.crypto.member_events, "told")
        await until(lambda: all(row[2] == 2 for row in rig.inbox()), "done")

        members = self.members(room)
        assert members[bob.user_id] == "leave"
        [(is_known,)] = execute(self.dsn, "SELECT looked_at_ms IS NOT NULL FROM runtime.room")
        assert is_known


class TokenTests(OfflineCase):
    """Nothing is appended without a token for exactly that."""

    async def test_a_token_for_another_message_or_a_spent_one_is_refused(self) -> None:
        rig = await self.rig(starts=False)
        [bot] = rig.bots
        log, room = ActLog(bytes(32)), RoomId("!room")
        content = {"msgtype": "m.text", "body": "x"}
        one = Outgoing(bot, room, EffectId("e1"), "m.room.message", content)
        others = [
            Outgoing(bot, room, EffectId("e2"), "m.room.message", content),
            Outgoing(bot, RoomId("!other"), EffectId("e1"), "m.room.message", content),
            Outgoing(bot, room, EffectId("e1"), "m.room.message", {**content, "body": "y"}),
            Outgoing(bot, room, EffectId("e1"), "m.other", content),
        ]

        def work(txn: Cursor) -> None:
            form = message_form(bot, room, one.effect_id, one.event_type, content)
            act = Act("office", ActClass.MESSAGE, None, "test", "test")
            token = log.commit(txn, act, form, 1, ph=form["ph"])
            for other in others:
                with pytest.raises(ActRequiredError):
                    outbox.append(txn, other, token, 1)
            outbox.append(txn, one, token, 1)
            with pytest.raises(ActRequiredError):
                outbox.append(txn, one, token, 1)

        await rig.database.run("test", work)

        assert [row[0] for row in rig.outbox()] == ["e1"]

    async def test_what_a_process_without_the_bots_device_appends_waits(self) -> None:
        rig = await self.rig()
        [bot] = rig.bots
        rig.sender.drop(bot)

        await rig.say(bot, "!room", "x", cause="1")
        await pause(0.2)

        assert rig.outbox()[0][1] == store.State.NEW


def answering(answer: tuple[int, object]) -> Callable[[str, str], Any]:
    """Have every request that sends something answered so."""
    return lambda method, _: answer if method == "PUT" else PASS


class PushTests(OnlineCase):
    """The listening side, over real sockets."""

    async def push(self, body: bytes, token: str | None = None) -> tuple[int, bytes]:
        connections = Connections(reactor, f"http://127.0.0.1:{self.as_port}")
        head = f"Authorization: Bearer {token or self.server.hs_token}\r\n".encode()
        try:
            answer = await connections.request(
                b"PUT",
                b"/_matrix/app/v1/transactions/1",
                head,
                body,
                timeout_s=20,
                answer_bytes_max=1 << 20,
            )
        finally:
            await connections.close()
        return answer.status, answer.body

    async def test_a_body_at_the_bound_is_read_and_one_beyond_it_is_not(self) -> None:
        rig = await self.rig()
        start, end = b'{"events":[],"x":"', b'"}'
        fill = b"x" * (TRANSACTION_BYTES_MAX - len(start) - len(end))

        assert await self.push(start + fill + end) == (200, b"{}")
        assert (await self.push(start + fill + b"x" + end))[0] == 413
        assert rig.inbox() == []

    async def test_bad_pushes_leave_no_row_and_good_ones_go_on(self) -> None:
        rig = await self.rig()

        assert (await self.push(b'{"events":[{}]}', "wrong"))[0] == 403
        with self.assertLogs("veche.runtime.matrix.transactions", "ERROR"):
            assert (await self.push(b"{"))[0] == 400
            assert (await self.push(b'{"events":{}}'))[0] == 400
        assert (await self.push(b'{"events":[{},null,5]}'))[0] == 200
        assert rig.inbox() == []

    async def test_without_a_database_it_is_not_acknowledged(self) -> None:
        rig = await self.rig()
        rig.database.close()
        event = (
            b'{"events":[{"event_id":"$1","room_id":"!r","sender":"@a:b","type":"m.x",'
            b'"content":{}}]}'
        )

        assert (await self.push(event))[0] == 503


class MediaTests(OnlineCase):
    async def test_a_file_goes_up_encrypted_and_comes_back(self) -> None:
        rig = await self.rig(starts=False)
        [bot] = rig.bots
        data = b"a document " * 10_000

        file = await upload_encrypted(rig.client, bot, data)
        stored = await rig.client.download(file["url"], user=bot, bytes_max=len(data))

        assert await download_encrypted(rig.client, bot, file, bytes_max=len(data)) == data
        assert stored != data
        failing = download_encrypted(rig.client, bot, file, bytes_max=len(data) - 1)
        await self.assertFailure(as_deferred(failing), AnswerTooLargeError)

    async def test_a_file_that_was_changed_is_refused_before_it_is_decrypted(self) -> None:
        rig = await self.rig(starts=False)
        [bot] = rig.bots
        file = await upload_encrypted(rig.client, bot, b"one")
        other = await upload_encrypted(rig.client, bot, b"two")

        for wrong in ({**file, "url": other["url"]}, {**file, "hashes": {}}, {}):
            failing = download_encrypted(rig.client, bot, wrong, bytes_max=100)
            await self.assertFailure(as_deferred(failing), MalformedError)

    async def test_a_file_that_nobody_has(self) -> None:
        rig = await self.rig(starts=False)
        [bot] = rig.bots
        file = await upload_encrypted(rig.client, bot, b"one")
        gone = {**file, "url": f"mxc://{SERVER_NAME}/none"}

        failing = download_encrypted(rig.client, bot, gone, bytes_max=100)

        await self.assertFailure(as_deferred(failing), MatrixError)
