"""What a worker has said is sealed by its transaction, and leaves at once where it may."""

from __future__ import annotations

import base64
import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.veche.rig import (
    HIDDEN,
    SERVER_NAME,
    FakeSealer,
    FakeService,
    OfflineCase,
    event,
    new_bot,
    now_ms,
)
from tests.support.postgres import execute
from veche.messaging.inbox import store
from veche.messaging.outbox.store import CHANNEL, Relation, State, is_said
from veche.messaging.outbox.turns import (
    HELD_MAX,
    HELD_MS,
    NUMBERS_WAIT_MS,
    NUMBERS_WAIT_MS_MAX,
    Place,
)
from veche.protocol.ids import EventId, RoomId
from veche.protocol.message import RelationKind
from veche.runtime.database import connect
from veche.runtime.ports import HeldBack, NotPrepared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.integration.veche.rig import Rig
    from veche.messaging.outbox.turns import Handover, Ready, Turn
    from veche.protocol.ids import UserId
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres

ALICE = f"@alice:{SERVER_NAME}"
ROOM = RoomId("!room")


class HandingOnTests(OfflineCase):
    async def scene(self, *bots: UserId) -> tuple[Rig, list[Handover]]:
        """A process whose loops do not run, in a room, and what it hands on."""
        rig = await self.rig(*bots, starts=False)
        await self.seat(rig, ROOM)
        while (await rig.worker._run(None)).claim is not None:
            pass
        for bot, sealer in rig.sealers.items():
            rig.sender.use(bot, sealer, rig.service)
        handed: list[Handover] = []
        self.swap(rig.sender, "hand_on", handed.append)
        return rig, handed

    async def ask(self, rig: Rig, body: str = "ask me") -> str:
        asked = event(ROOM, ALICE, body)
        await rig.intake.take([asked])
        await rig.worker._run(None)
        return str(asked["event_id"])

    def states(self, rig: Rig) -> list[object]:
        return [row[1] for row in rig.outbox()]

    async def test_an_answer_is_sealed_with_its_cause_and_may_leave(self) -> None:
        rig, handed = await self.scene()

        await self.ask(rig)

        [spoken] = handed
        assert spoken.turn is not None
        assert spoken.turn.mark is not None
        [ready] = spoken.turn.ready
        assert json.loads(ready.body)["body"] == "answer me"
        assert ready.kind == "m.room.message"
        assert self.states(rig) == [State.SEALED]

    async def test_in_an_encrypted_room_it_is_encrypted(self) -> None:
        rig, handed = await self.scene()
        rig.crypto.encrypted.add(ROOM)

        await self.ask(rig)

        [spoken] = handed
        assert spoken.turn is not None
        assert spoken.turn.has_keys
        [ready] = spoken.turn.ready
        assert ready.kind == HIDDEN
        assert "answer me" not in ready.body

    async def test_what_is_handed_on_is_what_every_later_attempt_sends(self) -> None:
        rig, handed = await self.scene()
        await self.ask(rig)
        [bot] = rig.bots

        rows = await rig.database.run("test", _rows, bot)

        [spoken] = handed
        assert spoken.turn is not None
        assert rows == [(one.row.effect_id, one.body) for one in spoken.turn.ready]

    async def test_an_answer_is_written_once_and_never_as_it_was_said(self) -> None:
        rig, handed = await self.scene()
        execute(
            self.dsn,
            "CREATE TRIGGER once BEFORE UPDATE ON runtime.outbox FOR EACH ROW"
            " EXECUTE FUNCTION runtime.refuse_change();"
            "CREATE TRIGGER sealed BEFORE INSERT ON runtime.outbox FOR EACH ROW"
            " WHEN (NEW.content IS NOT NULL) EXECUTE FUNCTION runtime.refuse_change()",
        )

        await self.ask(rig)

        [spoken] = handed
        assert spoken.turn is not None
        assert self.states(rig) == [State.SEALED]

    async def test_an_answer_that_its_service_looks_at_is_sealed_all_the_same(self) -> None:
        rig, handed = await self.scene()
        [bot] = rig.bots
        found: list[bool] = []

        def say_and_look(txn: Cursor, inbound: Inbound) -> None:
            content = {"msgtype": "m.text", "body": "answer me"}
            effect = rig.service.say(txn, bot, ROOM, content, cause=inbound.event_id)
            found.append(is_said(txn, ROOM, effect))

        self.swap(FakeService, "receive", lambda _, txn, inbound: say_and_look(txn, inbound))

        await self.ask(rig)

        [spoken] = handed
        assert found == [True]
        assert spoken.turn is not None
        rows = await rig.database.run("test", _rows, bot)
        assert rows == [(one.row.effect_id, one.body) for one in spoken.turn.ready]
        assert self.states(rig) == [State.SEALED]

    async def test_behind_something_that_was_not_sent_it_waits_for_its_turn(self) -> None:
        rig, handed = await self.scene()
        [bot] = rig.bots
        await rig.say(bot, ROOM, "first", cause="first")

        await self.ask(rig)

        [spoken] = handed
        assert spoken.turn is None
        assert spoken.rooms == {(bot, ROOM)}
        assert self.states(rig) == [State.NEW, State.SEALED]

    async def test_what_was_said_before_is_not_said_in_other_bytes(self) -> None:
        rig, handed = await self.scene()
        [bot] = rig.bots
        asked = event(ROOM, ALICE, "ask me")
        await rig.say(bot, ROOM, "said before", cause=asked["event_id"])

        await rig.intake.take([asked])
        await rig.worker._run(None)

        [spoken] = handed
        assert spoken.turn is None
        assert self.states(rig) == [State.NEW]

    async def test_what_relates_to_it_follows_in_a_turn(self) -> None:
        rig, handed = await self.scene()
        [bot] = rig.bots

        def say_two(txn: Cursor, inbound: Inbound) -> None:
            content = {"msgtype": "m.text", "body": "one"}
            first = rig.service.say(txn, bot, ROOM, content, cause=inbound.event_id)
            relation = Relation(RelationKind.ANNOTATION, first, "👍")
            kind, cause = "m.reaction", "two"
            rig.service.say(txn, bot, ROOM, {}, cause=cause, kind=kind, relation=relation)

        self.swap(FakeService, "receive", lambda _, txn, inbound: say_two(txn, inbound))

        await self.ask(rig)

        [spoken] = handed
        assert spoken.turn is not None
        assert len(spoken.turn.ready) == 1
        assert not spoken.turn.is_all
        assert self.states(rig) == [State.SEALED, State.NEW]

    async def test_where_readers_have_to_be_asked_for_it_waits_for_its_turn(self) -> None:
        rig, handed = await self.scene()
        [bot] = rig.bots
        rig.crypto.encrypted.add(ROOM)

        def refuse(*_: Any) -> Any:
            raise NotPrepared("news")

        self.swap(FakeSealer, "seal_now", refuse)

        await self.ask(rig)

        [spoken] = handed
        assert spoken.turn is None
        assert spoken.rooms == {(bot, ROOM)}
        assert self.states(rig) == [State.NEW]

    async def test_documents_that_wait_keep_no_warning_from_leaving(self) -> None:
        rig, _ = await self.scene()
        [bot] = rig.bots
        rig.crypto.encrypted.add(ROOM)

        def hold(sealer: FakeSealer, *sealed: Any) -> Any:
            if "file" in sealed[3]:
                raise HeldBack("in doubt")
            return real(sealer, *sealed)

        real = FakeSealer.seal
        self.swap(FakeSealer, "seal", hold)
        for number in range(HELD_MAX + 1):
            document = {"msgtype": "m.file", "body": "a.pdf", "file": {}}
            await rig.say(bot, ROOM, "", cause=f"document {number}", content=document)
        await rig.say(bot, ROOM, "a warning", cause="warning")

        ready: list[Any] = []
        for _ in range(HELD_MAX):
            turn = await self.turn(rig)
            ready += turn.ready
            if turn.wait_ms is not None:
                break

        assert (len(ready), turn.wait_ms) == (1, HELD_MS)
        states = self.states(rig)
        assert states.count(State.NEW) == HELD_MAX
        assert states[-2:] == [State.GIVEN_UP, State.SEALED]

    async def test_an_edit_does_not_overtake_an_older_one_that_is_held_back(self) -> None:
        rig, handed = await self.edits_while_one_is_held(["newer"])

        [spoken] = handed
        while_held = await self.turn(rig)
        self.release()
        after = await self.turn(rig)

        assert (spoken.turn, while_held.ready) == (None, [])
        assert [_words(one) for one in after.ready] == ["older", "newer"]

    async def test_what_edits_something_else_is_sealed_at_once_beside_what_is_held_back(
        self,
    ) -> None:
        rig, _ = await self.edits_while_one_is_held(["of another", "once more"], "$another")

        while_held = await self.turn(rig)

        assert [_words(one) for one in while_held.ready] == ["of another", "once more"]
        assert self.states(rig) == [State.NEW, State.SEALED, State.SEALED]

    async def edits_while_one_is_held(
        self, newer: Sequence[str], target: str = "$said"
    ) -> tuple[Rig, list[Handover]]:
        """An edit waits, as it is a document; and what somebody says has more edits said."""
        rig, handed = await self.scene()
        [bot] = rig.bots
        rig.crypto.encrypted.add(ROOM)
        held = [True]
        self.release = held.clear
        real = FakeSealer.seal

        def hold(sealer: FakeSealer, *sealed: Any) -> Any:
            if held and "file" in sealed[3]:
                raise HeldBack("in doubt")
            return real(sealer, *sealed)

        def edit(txn: Cursor, /, body: str, target: str, **more: Any) -> None:
            relation = Relation(RelationKind.REPLACE, EventId(target))
            content = {"msgtype": "m.text", "body": body, **more}
            rig.service.say(txn, bot, ROOM, content, cause=body, relation=relation)

        def receive(_service: FakeService, txn: Cursor, _inbound: Inbound) -> None:
            for body in newer:
                edit(txn, body, target)

        for name in ("seal", "seal_now"):
            self.swap(FakeSealer, name, hold)
        self.swap(FakeService, "receive", receive)
        await rig.database.run("test", edit, "older", "$said", file={})
        assert (await self.turn(rig)).ready == []
        await self.ask(rig)
        return rig, handed

    async def test_while_many_are_written_to_reactions_wait_and_messages_do_not(self) -> None:
        rig, _ = await self.scene()
        [bot] = rig.bots

        await self.react(rig)
        waits = await self.turn(rig, now_ms(), is_busy=True)
        await rig.say(bot, ROOM, "more", cause="more")
        says = await self.turn(rig, now_ms(), is_busy=True)
        quiet = await self.turn(rig, now_ms())

        assert (waits.ready, waits.is_all, waits.wait_ms) == ([], False, NUMBERS_WAIT_MS)
        assert [one.kind for one in says.ready] == ["m.room.message"]
        assert (says.is_all, says.wait_ms) == (False, None)
        assert [one.kind for one in quiet.ready] == ["m.reaction", "m.room.message"]
        assert quiet.is_all

    async def test_reactions_do_not_wait_for_ever(self) -> None:
        rig, _ = await self.scene()

        await self.react(rig)
        turn = await self.turn(rig, now_ms() + NUMBERS_WAIT_MS_MAX, is_busy=True)

        assert [one.kind for one in turn.ready] == ["m.reaction"]

    async def test_reactions_that_were_begun_go_on(self) -> None:
        rig, _ = await self.scene()

        await self.react(rig)
        await self.turn(rig, now_ms())
        again = await self.turn(rig, now_ms(), is_busy=True)

        assert [one.kind for one in again.ready] == ["m.reaction"]

    async def react(self, rig: Rig) -> None:
        """The bot wants to place a reaction to what somebody said."""
        [bot] = rig.bots
        relation = Relation(RelationKind.ANNOTATION, EventId("$said"), "👍")

        def say(txn: Cursor) -> None:
            rig.service.say(txn, bot, ROOM, {}, cause="r", kind="m.reaction", relation=relation)

        await rig.database.run("test", say)

    async def turn(self, rig: Rig, at_ms: int = 1, *, is_busy: bool = False) -> Turn:
        """One turn of the room, prepared."""
        [bot] = rig.bots
        place = Place(bot, ROOM, rig.sealers[bot], rig.service)
        take = rig.sender._turns.take
        turn: Turn = await rig.database.run(
            "test", take, place, [], at_ms, is_prepared=True, is_busy=is_busy
        )
        return turn

    async def test_a_bot_of_another_process_is_announced_to_it(self) -> None:
        rig, handed = await self.scene()
        [bot] = rig.bots
        rig.sender.drop(bot)

        with closing(connect(self.dsn)) as other, other.cursor() as txn:
            other.autocommit = True
            txn.execute(f"LISTEN {CHANNEL}")
            await self.ask(rig)
            txn.execute("SELECT 1")
            announced = [one.payload for one in other.notifies]

        assert announced == [f"{bot} {ROOM}"]
        [spoken] = handed
        assert not spoken.rooms
        assert self.states(rig) == [State.NEW]

    async def test_a_bot_in_a_room_that_another_bot_has_taken_is_due(self) -> None:
        one, two = sorted((new_bot(), new_bot()))
        rig, _ = await self.scene(one, two)
        await rig.intake.take([event(ROOM, ALICE, "hello")])

        def settled(txn: Cursor) -> int | None:
            taken = store.take(txn, [two], now_ms())
            assert isinstance(taken, tuple)
            claim, items = taken
            end = store.End([item.seq for item in items])
            return store.settle(txn, claim, end, [one, two], [(ROOM, two)]).due_at_ms

        due_ms = await rig.database.run("test", settled)

        assert due_ms is not None


def _rows(txn: Cursor, bot: UserId) -> list[tuple[object, ...]]:
    txn.execute("SELECT effect_id, sealed FROM runtime.outbox WHERE bot = %s ORDER BY seq", (bot,))
    return txn.fetchall()


def _words(ready: Ready) -> object:
    """What a row says, sealed as it is."""
    return json.loads(base64.b64decode(json.loads(ready.body)["ciphertext"]))["content"]["body"]
