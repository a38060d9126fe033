"""Work that began anew is not ended by whoever still holds what was true of the work before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.veche.rig import SERVER_NAME, OfflineCase, event, now_ms
from veche.messaging.inbox import store
from veche.messaging.outbox import store as outbox
from veche.messaging.outbox.marks import Mark
from veche.protocol.ids import EventId, RoomId

if TYPE_CHECKING:
    from tests.integration.veche.rig import Rig
    from veche.messaging.inbox.store import Claim, Item
    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres

ALICE = f"@alice:{SERVER_NAME}"
ROOM = RoomId("!room")


class MarkTests(OfflineCase):
    async def scene(self) -> Rig:
        """A process whose loops do not run, with its bot's join to be done."""
        rig = await self.rig(starts=False)
        await self.seat(rig, ROOM)
        return rig

    async def take(self, rig: Rig) -> tuple[Claim, list[Item]]:
        taken = await rig.database.run("test", store.take, rig.bots, now_ms())
        assert isinstance(taken, tuple)
        return taken

    async def settle(self, rig: Rig, claim: Claim, *items: Item) -> int | None:
        end = store.End([item.seq for item in items])
        settled = await rig.database.run("test", store.settle, claim, end, rig.bots)
        return settled.due_at_ms

    async def test_a_claim_that_another_worker_overtook_ends_nothing(self) -> None:
        """Of two that see a room as due, one may get it only after the other has ended it."""
        rig = await self.scene()
        slow, _ = await self.take(rig)
        claim, items = await self.take(rig)
        assert await self.settle(rig, claim, *items) is None
        await rig.intake.take([event(ROOM, ALICE, "hello")])

        due_ms = await self.settle(rig, slow)

        assert due_ms is not None
        _, [item] = await self.take(rig)
        assert item.sender == ALICE

    async def test_an_acknowledgement_that_is_written_twice_ends_only_what_it_was_for(self) -> None:
        """The process does not always learn that it was written."""
        rig = await self.scene()
        [bot] = rig.bots

        def work_mark(txn: Cursor) -> int:
            found = outbox.rows(txn, bot, ROOM, rig.service.log.outbox_vault)
            assert found is not None
            return found.mark

        first = await rig.say(bot, ROOM, "one", cause="one")
        mark = Mark(ROOM, bot, first, EventId("$one"), await rig.database.run("test", work_mark))
        await rig.database.run("test", outbox.mark_sent, [mark])
        second = await rig.say(bot, ROOM, "two", cause="two")

        await rig.database.run("test", outbox.mark_sent, [mark])

        due, _ = await rig.database.run("test", outbox.due, rig.bots, now_ms(), 10)
        assert due == [(bot, ROOM)]
        assert await rig.database.run("test", outbox.unsent, bot, ROOM) == [second]
