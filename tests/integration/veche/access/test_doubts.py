"""Whoever comes with another identity or device: who is told what, and what confirms it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from tests.integration.veche.access.approvals.till import ApprovalCase
from tests.integration.veche.access.sessions.chat import ALICE, MASTER
from tests.support.said import opened
from veche.access.identity_doubts import _CATALOGUE, _YES, Doubts
from veche.messaging.inbox.store import Claim, Item, State
from veche.protocol.ids import EventId, RoomId, UserId
from veche.protocol.inbound import DeviceStanding, Inbound, Trust
from veche.runtime.crypto.store import people as people_store
from veche.runtime.crypto.tracking import identity_view, pin_identity, unconfirmed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.runtime.database import Cursor

NEW: Final = "another master key"
_SESSION: Final = "session of {}"


@attrs.frozen
class Told:
    """Something the bot said: the text, and who can read it; None: whoever always does."""

    body: str
    audience: str | None


class DoubtsCase(ApprovalCase):
    """Alice in a chat with the bot."""

    def setUp(self) -> None:
        super().setUp()
        self.doubts = Doubts(self.log, self.approvals.parts)
        self.count = 0

    async def meet_by(self, *, master: str | None = None, **devices: bool) -> RoomId:
        """She dealt with us by those devices."""
        await self.know(ALICE, master=master, **devices)
        room_id = await self.chat()
        await self.transact(pin_identity, ALICE, self.now_ms)
        return room_id

    async def hear(
        self, room_id: RoomId, device: str, standing: DeviceStanding, body: str = "hello", **of: Any
    ) -> bool:
        """A device says something; whether it was an answer to our question."""
        self.count += 1
        event_id = EventId(f"$heard{self.count}")
        event = {"room_id": room_id, "content": {"session_id": _SESSION.format(device)}}
        await self.transact(_gave_key, room_id, device)
        content = {"msgtype": "m.text", "body": body, **of}
        claim = Claim(room_id, self.bot(), 1, is_joined=True, looked_at_ms=1)
        kind = "m.room.encrypted"
        item = Item(self.count, event_id, ALICE, kind, event, State.NEW, None, self.now_ms, 0)
        inbound = Inbound(
            bot=claim.bot,
            room_id=room_id,
            event_id=event_id,
            sender=ALICE,
            event_type="m.room.message",
            content=content,
            trust=Trust.E2EE,
            standing=standing,
            at_ms=self.now_ms,
        )
        heard: bool = await self.transact(self.doubts.heard, claim, item, inbound, self.now_ms)
        return heard

    def bot(self) -> UserId:
        [(bot,)] = self.sql("SELECT DISTINCT bot FROM runtime.room_bot")
        return UserId(bot)

    def told(self) -> list[Told]:
        rows = self.sql("SELECT content FROM runtime.outbox ORDER BY seq")
        said = [opened(content) for (content,) in rows]
        return [Told(content["body"], content.get("audience")) for content in said]

    def code(self) -> str:
        """The code in the last question to the devices of before."""
        asked = [one.body for one in self.told() if one.audience is None and "yes" in one.body]
        [code] = re.findall(r"yes (\d{4})", asked[-1])
        return str(code)

    async def waiting(self) -> list[str]:
        return list(await self.transact(unconfirmed, ALICE))


class TellingTest(DoubtsCase):
    async def test_the_devices_of_before_are_warned_first_and_then_the_new_ones(self) -> None:
        room_id = await self.meet_by(PHONE=False)
        await self.know(master=NEW, PHONE=False, GHOST=True)

        await self.transact(self.doubts.came, ALICE, self.now_ms)
        for device, standing in (
            ("PHONE", DeviceStanding.IDENTITY_CHANGED),
            ("GHOST", DeviceStanding.LATE),
        ):
            assert not await self.hear(room_id, device, standing)

        question, offer = self.told()  # once, however often
        assert (question.audience, offer.audience) == (None, NEW)
        assert "anot her  mast er k ey" not in question.body
        assert "anot her  mast er k ey" in offer.body
        assert "Until it is confirmed I send no links, codes or documents." in question.body
        # What a ghost can read helps it to nothing.
        assert "is another one now" in offer.body
        assert self.code() not in offer.body
        assert "/signin" not in offer.body

    async def test_a_new_device_of_somebody_without_an_identity_is_told_of_too(self) -> None:
        await self.meet_by(PHONE=False)
        await self.know(master=None, PHONE=False, TABLET=False)

        await self.transact(self.doubts.came, ALICE, self.now_ms)

        question, offer = self.told()
        assert "new device" in question.body
        assert "TABLET" in question.body
        assert "cannot be read on a new one" in offer.body
        assert (question.audience, offer.audience) == (None, "ed TABLET")

    async def test_a_device_that_she_has_not_confirmed_can_read_what_to_do(self) -> None:
        room_id = await self.meet_by(master=MASTER, PHONE=True, LAPTOP=False)

        for _ in range(2):
            assert not await self.hear(room_id, "LAPTOP", DeviceStanding.UNSIGNED)

        [told] = self.told()
        assert told.audience == "all"
        assert "confirm it in the settings of your client" in told.body

    async def test_nothing_is_said_to_devices_that_are_simply_hers(self) -> None:
        room_id = await self.meet_by(PHONE=False)

        for body in ("hello", "yes 1234"):
            assert not await self.hear(room_id, "PHONE", DeviceStanding.NO_IDENTITY, body)

        assert self.told() == []

    async def test_an_identity_that_is_gone_is_told_of_without_a_question(self) -> None:
        room_id = await self.meet_by(master=MASTER, PHONE=True)
        await self.know(master=None, PHONE=False)

        await self.hear(room_id, "PHONE", DeviceStanding.IDENTITY_CHANGED)

        [told] = self.told()
        assert "set up recovery in your client" in told.body


class ConfirmingTest(DoubtsCase):
    async def doubted(self) -> RoomId:
        room_id = await self.meet_by(PHONE=False)
        await self.know(master=NEW, PHONE=False, TABLET=True)
        await self.transact(self.doubts.came, ALICE, self.now_ms)
        return room_id

    async def test_a_reply_of_a_device_of_before_confirms_the_identity(self) -> None:
        room_id = await self.doubted()
        body = f"Yes {self.code()}"

        assert await self.hear(room_id, "PHONE", DeviceStanding.IDENTITY_CHANGED, body)

        view = await self.transact(identity_view, ALICE)
        assert (view.master_pinned, view.is_doubted) == (NEW, False)
        assert "You confirmed it by your reply" in self.told()[-1].body
        # The phone, which the new identity did not sign, reads that too.
        assert self.told()[-1].audience == "all"

    async def test_the_new_device_confirms_nothing_though_it_knows_the_code(self) -> None:
        room_id = await self.doubted()
        body = f"yes {self.code()}"

        for standing in DeviceStanding:
            await self.hear(room_id, "TABLET", standing, body)

        assert await self.waiting() == [NEW]
        assert "Only a device by which you dealt with me before" in self.told()[-1].body

    async def test_another_code_an_edit_or_a_notice_confirms_nothing(self) -> None:
        room_id = await self.doubted()
        code = self.code()
        wrong = f"{(int(code) + 1) % 10_000:04}"
        of_before = DeviceStanding.IDENTITY_CHANGED
        edit: Mapping[str, Any] = {"m.relates_to": {"rel_type": "m.replace", "event_id": "$x"}}

        assert await self.hear(room_id, "PHONE", of_before, f"yes {wrong}")
        assert not await self.hear(room_id, "PHONE", of_before, f"yes {code}", **edit)
        assert not await self.hear(room_id, "PHONE", of_before, f"yes {code}", msgtype="m.notice")
        for body in (code, f"no {code}", f"yes {code} {code}", "yes"):
            assert not await self.hear(room_id, "PHONE", of_before, body)

        assert await self.waiting() == [NEW]
        assert any("This is not the code" in one.body for one in self.told())

    async def test_a_code_is_of_one_identity_and_of_no_later_one(self) -> None:
        room_id = await self.doubted()
        code = self.code()
        await self.know(master="a third master key", PHONE=False, GHOST=True)

        await self.hear(room_id, "PHONE", DeviceStanding.IDENTITY_CHANGED, f"yes {code}")

        assert await self.waiting() == ["a third master key"]

    async def test_a_device_that_only_read_along_confirms_nothing(self) -> None:
        await self.know(master=None, PHONE=False, GHOST=False)
        room_id = await self.chat()
        await self.transact(_pin_by, "PHONE", self.now_ms)
        await self.know(master=NEW, PHONE=False, GHOST=True)
        await self.transact(self.doubts.came, ALICE, self.now_ms)

        body = f"yes {self.code()}"
        await self.hear(room_id, "GHOST", DeviceStanding.IDENTITY_CHANGED, body)

        assert await self.waiting() == [NEW]

    async def test_a_reply_confirms_a_new_device_of_somebody_without_an_identity(self) -> None:
        room_id = await self.meet_by(PHONE=False)
        await self.know(master=None, PHONE=False, TABLET=False, GHOST=False)
        await self.transact(self.doubts.came, ALICE, self.now_ms)
        asked = [one.body for one in self.told() if "TABLET" in one.body and one.audience is None]
        [code] = re.findall(r"yes (\d{4})", asked[0])

        assert await self.hear(room_id, "PHONE", DeviceStanding.NO_IDENTITY, f"yes {code}")

        assert await self.waiting() == ["ed GHOST"]


@pytest.mark.parametrize("language", ["de", "ru", "uk"])
def test_yes_is_understood_as_it_is_shown(language: str) -> None:
    assert _YES.fullmatch(f"{_CATALOGUE.text(language, 'yes')} 4711")


def _gave_key(txn: Cursor, room_id: RoomId, device: str) -> None:
    txn.execute("SELECT DISTINCT bot FROM runtime.room_bot")
    [(bot,)] = txn.fetchall()
    txn.execute(
        "INSERT INTO crypto.identity VALUES (%s, 'key', '', 'operator', 1) ON CONFLICT DO NOTHING",
        (bot,),
    )
    txn.execute(
        "INSERT INTO crypto.device (user_id, device_id, account, pickled_under)"
        " VALUES (%s, 'VECHE', '', '') ON CONFLICT DO NOTHING",
        (bot,),
    )
    txn.execute(
        "INSERT INTO crypto.room_key_in SELECT d.device_no, %s, %s, '', %s, %s, %s, 0, 0"
        " FROM crypto.device AS d WHERE d.user_id = %s ON CONFLICT DO NOTHING",
        (room_id, _SESSION.format(device), ALICE, f"curve {device}", f"ed {device}", bot),
    )


def _pin_by(txn: Cursor, device: str, now_ms: int) -> None:
    people_store.pin(txn, ALICE, now_ms, f"curve {device}")
