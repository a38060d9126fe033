"""The bot's device and the clients of others, against a real Synapse.

matrix-nio stands for older clients (no cross-signing identity), the Rust SDK in its strict mode for
Element X (only cross-signed devices get keys and are believed).
"""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing

import pytest
from twisted.internet.threads import deferToThread

from tests.integration.veche.runtime.crypto.house import OPERATOR_KEY
from tests.integration.veche.runtime.crypto.stand import Stand
from tests.support.postgres import execute
from veche.cli.processes.homeserver import sqlite_database
from veche.protocol.inbound import DeviceStanding, Trust
from veche.runtime.crypto import maintenance
from veche.runtime.crypto.attachments import decrypt_file, encrypt_file, read_file_key
from veche.runtime.crypto.bot import State
from veche.runtime.crypto.recovery import HintKind
from veche.runtime.crypto.tracking import Hooks
from veche.runtime.crypto.writer import LostWriterError
from veche.runtime.matrix.client import path

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]


async def refuse(user_id: str) -> bool:
    """A lock that is not to be had."""
    del user_id
    return False


class InteropTest(Stand):
    """Both ways, and what may happen in between."""

    @pytest.mark.long
    async def test_nio_and_the_bot_read_one_another(self) -> None:
        house = await self.house("desk")
        anna = await self.person("nio", "anna")
        created = deferToThread(anna.create_dm, house.bot)
        room = await house.join_invited()
        await created

        asked = await deferToThread(anna.send, room, "please pay my tax")
        opened = await house.read(room, asked)
        await house.say(room, "effect-1", "Invoice 42")
        answer = await deferToThread(anna.wait_for, room, "Invoice 42")

        assert opened.content["body"] == "please pay my tax"
        assert (opened.trust, opened.standing) == (Trust.E2EE, DeviceStanding.NO_IDENTITY)
        assert answer.is_encrypted

    async def test_the_strict_rust_client_and_the_bot_read_one_another(self) -> None:
        house = await self.house("office")
        boris = await self.person("rust", "boris")
        created = deferToThread(boris.create_dm, house.bot)
        room = await house.join_invited()
        await created

        asked = await deferToThread(boris.send, room, "hello")
        opened = await house.read(room, asked)
        await house.say(room, "effect-2", "Invoice 43")
        answer = await deferToThread(boris.wait_for, room, "Invoice 43")

        assert opened.content["body"] == "hello"
        assert (opened.trust, opened.standing) == (Trust.VERIFIED, DeviceStanding.VERIFIED)
        assert answer.is_readable

    async def test_a_bot_that_writes_first_is_read_by_who_joins_later(self) -> None:
        house = await self.house("first")
        clara = await self.person("rust", "clara")
        room = await house.create_room([clara.user_id])
        await house.say(room, "effect-first", "You have a letter")

        await deferToThread(clara.accept_invites)
        letter = await deferToThread(clara.wait_for, room, "You have a letter")

        assert letter.is_encrypted

    async def test_another_process_takes_over_with_the_same_device(self) -> None:
        first, second = await self.house("twice"), await self.house("twice")
        boris = await self.person("rust", "boris2")
        room = await self.dm(first, boris)
        await first.say(room, "effect-twice-1", "from the first")
        device_id = first.device.device_id
        assert (first.device.state, second.device.state) == (State.WRITER, State.STANDBY)
        with pytest.raises(LostWriterError):
            _ = second.device.sealer

        await first.device.stop()
        await second.wait_until(lambda: second.device.is_writer, "the standby took over")
        await second.say(room, "effect-twice-2", "from the second")
        asked = await deferToThread(boris.send, room, "who is it?")

        assert second.device.device_id == device_id
        assert (await deferToThread(boris.wait_for, room, "from the second")).is_readable
        assert (await second.read(room, asked)).content["body"] == "who is it?"

    async def test_a_process_whose_lock_is_cut_is_followed_by_another(self) -> None:
        first = await self.house("cut")
        second = await self.house("cut")
        # Whoever asks first has the lock then; here it shall be the second.
        first.locks.try_take = refuse  # type: ignore[method-assign]  # a stand-in
        execute(
            self.dsn,
            "SELECT pg_terminate_backend(l.pid) FROM pg_locks l WHERE l.locktype = 'advisory'"
            " AND l.granted AND l.pid <> pg_backend_pid()"
            " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )

        await second.wait_until(lambda: second.device.is_writer, "the second took over")
        await first.wait_until(lambda: not first.device.is_writer, "the first noticed")

        assert first.changes == [True, False]

    async def test_a_new_device_of_the_bot_alarms_nobody(self) -> None:
        house = await self.house("newdevice")
        boris = await self.person("rust", "boris3")
        room = await self.dm(house, boris)
        await house.say(room, "effect-new-1", "before")
        await deferToThread(boris.wait_for, room, "before")
        old = house.device.device_id

        await house.database.run(
            "test", maintenance.new_device, OPERATOR_KEY, house.bot, house.now_ms()
        )
        again = await self.house("newdevice", is_started=False)
        await house.device.stop()
        await again.device.start()
        await again.say(room, "effect-new-2", "after")
        after = await deferToThread(boris.wait_for, room, "after")
        asked = await deferToThread(boris.send, room, "still you?")

        assert again.device.device_id != old
        assert after.is_readable
        assert (await again.read(room, asked)).trust is Trust.VERIFIED
        shown = await again.client.call("GET", path("devices"), user=again.bot)
        assert [one["device_id"] for one in shown["devices"]] == [again.device.device_id]

    async def test_a_device_that_was_deleted_on_the_server_is_replaced(self) -> None:
        house = await self.house("deleted")
        old = house.device.device_id
        await house.client.call("DELETE", path("devices", old), user=house.bot)

        await house.wait_until(
            lambda: house.device.is_writer and house.device.device_id != old, "a new device"
        )

    async def test_lost_sessions_are_healed_by_a_dummy_and_the_person_is_told(self) -> None:
        house = await self.house("lost")
        boris = await self.person("rust", "boris4")
        room = await self.dm(house, boris)
        first = await deferToThread(boris.send, room, "first")
        await house.read(room, first)
        execute(self.dsn, "DELETE FROM crypto.olm_session")
        execute(self.dsn, "DELETE FROM crypto.message_seen")
        execute(self.dsn, "DELETE FROM crypto.room_key_in")
        lost = await deferToThread(boris.send, room, "lost")
        event = await house.client.call("GET", path("rooms", room, "event", lost), user=house.bot)
        await house.database.run(
            "test", Hooks().unreadable, house.bot, {**event, "room_id": room}, house.now_ms()
        )
        await house.wait_until(lambda: bool(house.ports.hints), "a hint")
        await house.wait_until(
            lambda: not execute(self.dsn, "SELECT 1 FROM crypto.to_device_out"), "dummies left"
        )
        # The homeserver forgets what the client has heard once that asks for more.
        await house.wait_until(lambda: self.unheard_count(boris.user_id) == 0, "it is not heard")

        again = await deferToThread(boris.send, room, "again")
        opened = await house.read(room, again)

        assert opened.content["body"] == "again"
        assert house.ports.hints[0].kind is HintKind.SEND_AGAIN

    def unheard_count(self, user: str) -> int:
        """How many messages to devices of somebody wait on the homeserver."""
        database = sqlite_database(self.server.plan.folder)["args"]["database"]
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            query = "SELECT count(*) FROM device_inbox WHERE user_id = ?"
            [count] = connection.execute(query, (user,)).fetchone()
        return int(count)

    async def test_files_go_both_ways(self) -> None:
        house = await self.house("files")
        anna = await self.person("nio", "anna2")
        room = await self.dm(house, anna)
        sent = await deferToThread(anna.send_file, room, "form.pdf", b"the form")
        opened = await house.read(room, sent)
        key = read_file_key(opened.content["file"])
        data = await house.client.download(key.mxc, user=house.bot, bytes_max=1_000)
        plain = io.BytesIO()
        decrypt_file(io.BytesIO(data), plain, key)
        ciphertext, file = encrypt_file(b"the decision")
        file["url"] = await house.client.upload(ciphertext, user=house.bot)
        info = {"mimetype": "text/plain", "size": 12}
        content = {"msgtype": "m.file", "body": "decision.txt", "file": file, "info": info}
        await house.send_sealed(room, "effect-file", await house.seal(room, content))

        shown = await deferToThread(anna.wait_for, room, "decision.txt")

        assert plain.getvalue() == b"the form"
        assert await deferToThread(anna.download, shown.content) == b"the decision"

    async def test_a_second_device_and_a_leaving_person(self) -> None:
        house = await self.house("second")
        boris = await self.person("rust", "boris5")
        anna = await self.person("nio", "anna3")
        room = await self.dm(house, boris)
        await deferToThread(boris.invite, room, anna.user_id)
        await deferToThread(anna.accept_invites)
        await house.look(room)
        await house.say(room, "effect-second-1", "to both")
        await deferToThread(anna.wait_for, room, "to both")
        await deferToThread(boris.wait_for, room, "to both")
        other = await deferToThread(anna.new_device)
        self.addCleanup(deferToThread, other.stop)
        await house.say(room, "effect-second-2", "to both devices")

        read = await deferToThread(other.wait_for, room, "to both devices")
        asked = await deferToThread(other.send, room, "from the second device")

        assert read.is_readable
        assert (await house.read(room, asked)).content["body"] == "from the second device"

    async def test_an_act_beside_the_ciphertext_and_an_edit_are_read(self) -> None:
        house = await self.house("acts")
        boris = await self.person("rust", "boris6")
        room = await self.dm(house, boris)
        content = {"msgtype": "m.text", "body": "Decision 7"}
        sealed = await house.seal(room, content, {"org.veche.act": {"v": 1}})
        event_id = await house.send_sealed(room, "effect-act", sealed)
        shown = await deferToThread(boris.wait_for, room, "Decision 7")
        raw = await deferToThread(boris.raw, room, event_id)
        relation = {"rel_type": "m.replace", "event_id": event_id}
        edit = {
            "msgtype": "m.text",
            "body": "* Decision 8",
            "m.new_content": {"msgtype": "m.text", "body": "Decision 8"},
            "m.relates_to": relation,
        }
        await house.send_sealed(room, "effect-edit", await house.seal(room, edit))

        edited = await deferToThread(boris.wait_for, room, "Decision 8")

        assert shown.is_readable
        assert raw["content"]["org.veche.act"] == {"v": 1}
        assert edited.replaces == event_id
