"""The bot's device and the clients of others, against a real Synapse.

matrix-nio stands for older clients (no cross-signing identity), the Rust SDK in its strict mode for
Element X (only cross-signed devices get keys and are believed).
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from twisted.internet import reactor  # noqa: TID251 -- the tests run in it
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.integration.veche.runtime.crypto.house import House
from tests.support.people import Person
from tests.support.postgres import database
from tests.support.synapse import homeserver
from veche.protocol.inbound import DeviceStanding, Trust
from veche.runtime.migrate import KERNEL_SETS

if TYPE_CHECKING:
    from tests.support.synapse import Homeserver

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]


class InteropTest(TestCase):
    """One Synapse and one database for all stories; each has its own people."""

    timeout = 120
    stack: ClassVar[ExitStack]
    server: ClassVar[Homeserver]
    dsn: ClassVar[str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.stack = ExitStack()
        folder = Path(cls.stack.enter_context(tempfile.TemporaryDirectory()))
        cls.server = cls.stack.enter_context(homeserver(folder / "hs"))
        cls.dsn = cls.stack.enter_context(database(*KERNEL_SETS))

    @classmethod
    def tearDownClass(cls) -> None:
        cls.stack.close()

    async def house(self, bot: str = "desk") -> House:
        """A running bot; stopped at the end of the test."""
        house = House(self.server, self.dsn, reactor, f"@veche_{bot}:veche.test")
        self.addCleanup(lambda: _deferred(house.stop()))
        await house.device.start()
        assert house.device.is_writer
        return house

    async def person(self, kind: str, name: str) -> Person:
        """A person with a client; ended at the end of the test."""
        user = await deferToThread(self.server.register, name)
        person: Person = await deferToThread(Person.start, kind, self.server.url, user)
        self.addCleanup(deferToThread, person.stop)
        return person

    async def test_nio_and_the_bot_read_one_another(self) -> None:
        house = await self.house()
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


def _deferred(work: Any) -> Any:
    from twisted.internet.defer import Deferred  # noqa: PLC0415

    return Deferred.fromCoroutine(work)
