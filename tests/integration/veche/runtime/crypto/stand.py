"""A real Synapse and a database for the stories of a file; each story has its own people."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from twisted.internet import reactor  # noqa: TID251 -- the tests run in it
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.integration.veche.runtime.crypto.house import House
from tests.support.people import Person
from tests.support.postgres import database
from tests.support.processes import TIMEOUT_S
from tests.support.synapse import homeserver
from veche.runtime.database.migrate import KERNEL_SETS

if TYPE_CHECKING:
    from tests.support.synapse import Homeserver
    from veche.protocol.ids import RoomId


class Stand(TestCase):
    """One Synapse and one database for all stories of the class."""

    timeout = TIMEOUT_S
    stack: ClassVar[ExitStack]
    server: ClassVar[Homeserver]
    dsn: ClassVar[str]

    @classmethod
    def setUpClass(cls) -> None:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            cls.open(stack, folder)
            cls.dsn = stack.enter_context(database(*KERNEL_SETS))
            cls.stack = stack.pop_all()

    @classmethod
    def open(cls, stack: ExitStack, folder: Path) -> None:
        """Start what the stories need."""
        cls.server = stack.enter_context(homeserver(folder / "hs"))

    @classmethod
    def tearDownClass(cls) -> None:
        cls.stack.close()

    async def house(self, bot: str, *, is_started: bool = True) -> House:
        """A bot in a process of its own; stopped at the end of the test."""
        user = f"@veche_{bot}:{self.server.plan.server_name}"
        house = House(self.server, self.dsn, reactor, user)
        self.addCleanup(lambda: Deferred.fromCoroutine(house.stop()))
        if is_started:
            await house.device.start()
        return house

    async def person(self, kind: str, name: str, server: Homeserver | None = None) -> Person:
        """A person with a client; ended at the end of the test."""
        home = server or self.server
        user = await deferToThread(home.register, name)
        person: Person = await deferToThread(Person.start, kind, home.url, user)
        self.addCleanup(deferToThread, person.stop)
        return person

    async def dm(self, house: House, person: Person) -> RoomId:
        """A direct chat that the person made and the bot has joined."""
        created = deferToThread(person.create_dm, house.bot)
        room = await house.join_invited()
        await created
        return room
