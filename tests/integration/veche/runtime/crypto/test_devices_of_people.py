"""What happens to people's devices and to the bot's keys, against a real Synapse.

The bot is ours; the people have matrix-nio, the strict Rust SDK, or devices without a client where
there are many of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from tests.integration.veche.runtime.crypto.guests import Guest, at_once
from tests.integration.veche.runtime.crypto.house import WAIT_S
from tests.integration.veche.runtime.crypto.stand import Stand
from tests.support.crypto_peers import identity
from tests.support.long import many
from tests.support.postgres import execute
from veche.protocol.ids import UserId
from veche.protocol.inbound import DeviceStanding, Trust
from veche.runtime.crypto.core.trust import UNVERIFIED
from veche.runtime.crypto.core.values import ONE_TIME_KEYS_LOW
from veche.runtime.crypto.tracking import identity_view, pin_identity, renew_identity
from veche.runtime.matrix.client import path

if TYPE_CHECKING:
    from tests.integration.veche.runtime.crypto.house import House
    from veche.protocol.ids import RoomId

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

CLAIMS: Final = 60
GUESTS: Final = many(ordinary=3, long=12)
DEVICES_EACH: Final = 4


class DevicesTest(Stand):
    """One Synapse for all of them."""

    async def claim(self, bot: str, device: str, token: str) -> tuple[str, bool]:
        """The key that the next one gets who wants to write to the bot; is it the fallback key?"""
        wanted = {bot: {device: "signed_curve25519"}}
        answer = await deferToThread(
            self.server.call,
            "POST",
            "/_matrix/client/v3/keys/claim",
            token=token,
            body={"one_time_keys": wanted},
        )
        [key] = answer.body["one_time_keys"][bot][device].values()
        return key["key"], bool(key.get("fallback"))

    async def exhaust(self, bot: str, device: str, token: str) -> str:
        """Claim until only the fallback key is left, and return it."""
        claimed = [await self.claim(bot, device, token) for _ in range(CLAIMS)]
        assert claimed[-1][1], "the fallback key is not used"
        assert len({key for key, _ in claimed}) == sum(not last for _, last in claimed) + 1
        return claimed[-1][0]

    async def filled_up(self, house: House) -> None:
        """Return once the server has one-time keys of the bot again."""
        deadline = house.reactor.seconds() + WAIT_S
        count = 0
        while count < ONE_TIME_KEYS_LOW:
            assert house.reactor.seconds() < deadline, "the keys are not filled up"
            answer = await house.client.call(
                "POST",
                path("keys", "upload"),
                user=house.bot,
                device=house.device.device_id,
                body={},
            )
            count = answer["one_time_key_counts"].get("signed_curve25519", 0)
            await deferLater(house.reactor, 0.1, lambda: None)

    async def test_who_comes_after_sixty_claims_is_read_and_the_fallback_key_is_replaced(
        self,
    ) -> None:
        house = await self.house("claims")
        anna, boris = await self.person("nio", "anna1"), await self.person("rust", "boris1")
        rooms = [await self.dm(house, anna), await self.dm(house, boris)]
        token = self.server.login(self.server.register("mallory"))
        device = house.device.device_id
        await house.device.stop()
        spent = await self.exhaust(house.bot, device, token)
        sent = [
            await deferToThread(person.send, room, "are you there?")
            for person, room in zip((anna, boris), rooms, strict=True)
        ]

        again = await self.house("claims")
        opened = [await again.read(room, one) for room, one in zip(rooms, sent, strict=True)]
        for number, room in enumerate(rooms):
            await again.say(room, f"effect-claims-{number}", "I am here")
        for person, room in zip((anna, boris), rooms, strict=True):
            assert (await deferToThread(person.wait_for, room, "I am here")).is_readable
        later = await deferToThread(anna.send, rooms[0], "good")
        assert (await again.read(rooms[0], later)).content["body"] == "good"
        await self.filled_up(again)
        await again.device.stop()

        assert [one.content["body"] for one in opened] == ["are you there?"] * 2
        assert await self.exhaust(house.bot, device, token) != spent

    async def test_a_message_is_read_on_each_of_fifty_devices_but_an_unsigned_one(self) -> None:
        house = await self.house("fifty")
        anna, boris = await self.person("nio", "anna2"), await self.person("rust", "boris2")
        guests = [
            Guest(house, f"guest{n}", f"GUEST{n}X{m}", has_identity=n == 0)
            for n in range(GUESTS)
            for m in range(DEVICES_EACH)
        ]
        first, unsigned, *others = guests[:DEVICES_EACH]
        for guest in guests:
            await guest.enter()
        await first.publish_identity()
        for guest in (first, *others):
            await guest.sign()
        people = sorted({guest.user for guest in guests})
        room = await house.create_room([anna.user_id, boris.user_id, *people])
        await at_once(guest.join(room) for guest in guests[::DEVICES_EACH])
        await deferToThread(anna.accept_invites)
        await deferToThread(boris.accept_invites)
        await house.look(room)

        event_id = await house.say(room, "effect-fifty", "to everybody")
        event = await house.event(room, event_id)
        await at_once(guest.hear() for guest in guests)
        read = [guest.read(event) for guest in guests if guest is not unsigned]

        assert read == ["to everybody"] * (GUESTS * DEVICES_EACH - 1)
        assert (unsigned.read(event), unsigned.withheld) == (None, [UNVERIFIED])
        for person in (anna, boris):
            assert (await deferToThread(person.wait_for, room, "to everybody")).is_readable

    async def test_a_device_that_was_logged_out_gets_no_more_keys(self) -> None:
        house = await self.house("loggedout")
        anna = await self.person("nio", "anna3")
        room = await self.dm(house, anna)
        other = await deferToThread(anna.new_device)
        self.addCleanup(deferToThread, other.stop)
        await house.say(room, "effect-out-1", "to both")
        assert (await deferToThread(other.wait_for, room, "to both")).is_readable
        before = self.shared(room)
        await deferToThread(other.logout_device)
        await self.heard_of(house, anna.user_id)

        await house.say(room, "effect-out-2", "to one")
        after = self.shared(room)

        assert (await deferToThread(anna.wait_for, room, "to one")).is_readable
        [old], [new] = before, after.keys() - before.keys()
        assert before[old] == {anna.device_id, other.device_id}
        assert after[new] == {anna.device_id}

    async def test_a_bot_that_is_not_cross_signed_is_refused_and_ours_is_not(self) -> None:
        house = await self.house("signed")
        boris = await self.person("rust", "boris4")
        mute = Guest(house, "mute", "MUTE")
        await mute.enter()
        room = await self.dm(house, boris)
        await deferToThread(boris.invite, room, mute.user)
        await mute.join(room)
        await deferToThread(boris.wait_for_member, room, mute.user)
        await house.look(room)

        asked = await deferToThread(boris.send, room, "who is there?")
        unread = await mute.say(room, "the one who is not signed", boris.user_id)
        await house.say(room, "effect-signed", "the one who is")
        shown = await deferToThread(boris.wait_for, room, "the one who is")
        await mute.hear()

        assert (await house.read(room, asked)).content["body"] == "who is there?"
        assert mute.withheld == [UNVERIFIED]
        assert (shown.sender, shown.is_readable) == (house.bot, True)
        # What came before it in the timeline has been looked at.
        assert unread not in {one.event_id for one in boris.messages(room) if one.is_readable}

    async def test_a_new_identity_of_a_person_is_not_trusted_until_the_pin_is_renewed(self) -> None:
        house = await self.house("identity")
        boris = await self.person("rust", "boris5")
        room = await self.dm(house, boris)
        first = await deferToThread(boris.send, room, "it is me")
        assert (await house.read(room, first)).trust is Trust.VERIFIED
        pinned = await self.pin(house, boris.user_id)
        await house.say(room, "effect-id-1", "before")
        before = self.shared(room)

        await deferToThread(boris.reset_identity)
        await self.heard_of(house, boris.user_id)
        await house.say(room, "effect-id-2", "after")
        shown = await deferToThread(boris.wait_for, room, "after")
        second = await deferToThread(boris.send, room, "it is still me")
        doubted = await house.read(room, second)
        still = await self.pin(house, boris.user_id)
        who = UserId(boris.user_id)
        renewed = str((await house.database.run("test", identity_view, who)).master_key)
        assert await house.database.run("test", renew_identity, who, renewed, house.now_ms())
        third = await deferToThread(boris.send, room, "confirmed")

        assert (doubted.trust, doubted.standing) == (Trust.E2EE, DeviceStanding.IDENTITY_CHANGED)
        assert shown.is_readable
        assert len(self.shared(room).keys() - before.keys()) == 1, "the session was not changed"
        assert still == pinned != renewed
        assert (await house.read(room, third)).trust is Trust.VERIFIED

    async def met(self, house: House, phone: Guest) -> RoomId:
        """A room in which a device without an identity dealt with the bot."""
        await phone.enter()
        room = await house.create_room([phone.user])
        await phone.join(room)
        await house.look(room)
        first = await phone.say(room, "it is me", house.bot)
        assert (await house.read(room, first)).standing is DeviceStanding.NO_IDENTITY
        return room

    async def test_an_identity_that_the_server_adds_later_is_not_the_persons(self) -> None:
        house = await self.house("late")
        phone = Guest(house, "anna6", "PHONE")
        ghost = Guest(house, "anna6", "GHOST", has_identity=True)
        room = await self.met(house, phone)
        await ghost.enter()
        await ghost.publish_identity()
        await ghost.sign()
        await self.heard_of(house, phone.user)

        said = await ghost.say(room, "pay", house.bot)
        opened = await house.read(room, said)
        warning = await house.event(room, await house.say(room, "effect-late", "a warning"))
        await phone.hear()
        await ghost.hear()

        assert (opened.trust, opened.standing) == (Trust.E2EE, DeviceStanding.LATE)
        assert (phone.read(warning), ghost.read(warning)) == ("a warning", None)
        assert ghost.withheld == [UNVERIFIED]

    async def test_an_identity_that_is_set_up_later_on_the_device_counts(self) -> None:
        house = await self.house("honest")
        phone = Guest(house, "anna7", "PHONE")
        room = await self.met(house, phone)
        phone.side.identity = identity(phone.user)
        await phone.publish_identity()
        await phone.sign()
        await self.heard_of(house, phone.user)

        said = await phone.say(room, "it is still me", house.bot)

        assert (await house.read(room, said)).standing is DeviceStanding.VERIFIED

    async def pin(self, house: House, user_id: str) -> str | None:
        return await house.database.run("test", pin_identity, UserId(user_id), house.now_ms())

    async def heard_of(self, house: House, user_id: str) -> None:
        """Return once the bot has heard that somebody's devices are others now."""
        rows = "SELECT 1 FROM crypto.person WHERE user_id = %s AND outdated_seq > queried_seq"
        await house.wait_until(lambda: bool(execute(self.dsn, rows, user_id)), "news of devices")

    def shared(self, room: RoomId) -> dict[str, set[str]]:
        """The devices that were given each session of the bot in a room."""
        rows = execute(
            self.dsn,
            "SELECT session_id, device_id FROM crypto.room_key_shared"
            " WHERE room_id = %s AND withheld_code IS NULL",
            room,
        )
        found: dict[str, set[str]] = {}
        for session_id, device_id in rows:
            found.setdefault(str(session_id), set()).add(str(device_id))
        return found
