"""`veche crypto` while a bot serves: PostgreSQL, Synapse and a person's client are real."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest
from twisted.internet import reactor  # noqa: TID251 -- the tests run in it
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.integration.veche.runtime.crypto.house import OPERATOR_KEY, House
from tests.support.people import Person
from tests.support.postgres import database
from tests.support.processes import ROOT, TIMEOUT_S
from tests.support.synapse import homeserver
from veche.runtime.crypto import channel
from veche.runtime.database.migrate import KERNEL_SETS
from veche.runtime.matrix.client import path

if TYPE_CHECKING:
    from tests.support.synapse import Homeserver

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]


class CryptoStories(TestCase):
    timeout = TIMEOUT_S
    stack: ClassVar[ExitStack]
    folder: ClassVar[Path]
    server: ClassVar[Homeserver]
    dsn: ClassVar[str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.stack = ExitStack()
        cls.folder = Path(cls.stack.enter_context(tempfile.TemporaryDirectory()))
        cls.server = cls.stack.enter_context(homeserver(cls.folder / "hs"))
        cls.dsn = cls.stack.enter_context(database(*KERNEL_SETS))
        for name, key in (("key", OPERATOR_KEY.secret), ("new", b"n" * 32)):
            (cls.folder / name).write_bytes(key)
            (cls.folder / name).chmod(0o600)
        (cls.folder / "veche.yaml").write_text(
            f"homeserver: {{url: {cls.server.url}, server_name: veche.test, as_token_path: a,"
            f" hs_token_path: b}}\ncrypto: {{key_path: key}}\ndatabase: {{url: {cls.dsn!r}}}\n"
        )

    @classmethod
    def tearDownClass(cls) -> None:
        cls.stack.close()

    async def veche(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The command in a process of its own, as an operator starts it."""
        command = [sys.executable, "-m", "veche.cli.main", "crypto", *words]
        return await deferToThread(
            subprocess.run,
            [*command, "-c", str(self.folder / "veche.yaml")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=240,
        )

    async def wait_for_another_device(self, house: House, old: str) -> None:
        """The old writer notices at the latest when its poll of the channel ends."""
        deadline = house.now_ms() + 120_000
        while not house.device.is_writer or house.device.device_id == old:
            assert house.now_ms() < deadline
            await deferLater(house.reactor, 0.1, lambda: None)

    @pytest.mark.long
    async def test_a_bot_goes_on_with_a_new_device_and_people_read_it(self) -> None:
        self.patch(channel, "POLL_MS", 2_000)  # type: ignore[no-untyped-call]  # trial's
        house = House(self.server, self.dsn, reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(house.stop()))
        await house.device.start()
        user = await deferToThread(self.server.register, "anna")
        anna: Person = await deferToThread(Person.start, "nio", self.server.url, user)
        self.addCleanup(deferToThread, anna.stop)
        created = deferToThread(anna.create_dm, house.bot)
        room = await house.join_invited()
        await created
        await house.say(room, "effect-1", "before")
        await deferToThread(anna.wait_for, room, "before")
        old, fingerprint = house.device.device_id, house.device.fingerprint

        made = await self.veche("new-device", house.bot)
        await self.wait_for_another_device(house, old)
        await house.say(room, "effect-2", "after")
        after = await deferToThread(anna.wait_for, room, "after")
        asked = await deferToThread(anna.send, room, "still you?")
        answered = await house.read(room, asked)
        listed = await self.veche("fingerprints")
        shown = await house.client.call("GET", path("devices"), user=house.bot)
        refused = await self.veche("rekey", "--new-key", str(self.folder / "new"))

        new = house.device.device_id
        assert (made.returncode, made.stderr) == (0, "")
        assert f"{house.bot}: new device {new}\n" in made.stdout
        assert after.is_encrypted
        assert after.is_readable
        assert answered.content["body"] == "still you?"
        assert [one["device_id"] for one in shown["devices"]] == [new]
        assert listed.stdout == f"{house.bot}  {new}  {fingerprint}\n"
        assert refused.returncode == 1
        assert f"a running process speaks for {house.bot}: stop every" in refused.stderr
