"""A homeserver of several processes under load: what is said arrives once, in order, and back."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import pytest
from twisted.internet.defer import gatherResults

from tests.integration.veche.rig import (
    RUNTIME,
    Case,
    Person,
    Rig,
    as_deferred,
    bodies_of,
    new_bot,
    until,
)
from tests.support.long import many
from tests.support.postgres import database, execute, synapse_database
from tests.support.processes import free_ports
from tests.support.synapse_workers import homeserver_with_workers
from veche.messaging.inbox.store import Source
from veche.protocol.ids import RoomId

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.synapse_workers import Workers
    from veche.protocol.ids import UserId

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

ROOMS: Final = 4
MESSAGES: Final = many(ordinary=6, long=25)
"""In each room, one after another; in all rooms at once."""


class WorkersTest(Case):
    tmp_path: Path

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path

    def setUp(self) -> None:
        [self.port] = free_ports(1)
        scope = database(RUNTIME)
        self.dsn = scope.__enter__()
        self.addCleanup(scope.__exit__, None, None, None)
        synapse = synapse_database()
        where = synapse.__enter__()
        self.addCleanup(synapse.__exit__, None, None, None)
        url = f"http://127.0.0.1:{self.port}"
        server = homeserver_with_workers(self.tmp_path, where, appservice_url=url)
        self.server: Workers = server.__enter__()
        self.addCleanup(server.__exit__, None, None, None)

    async def test_under_load_nothing_is_lost_doubled_or_turned_round(self) -> None:
        bot = new_bot()
        rig = await self.rig(bot)
        person = self.server.register("anna"), self.server.login("anna")
        # Every other message goes through another process of the homeserver.
        clients = [Person(url, *person) for url in (self.server.url, self.server.creator_url)]
        self.addCleanup(lambda: gatherResults([as_deferred(one.close()) for one in clients]))
        rooms = [await self.room(rig, bot, clients[0]) for _ in range(ROOMS)]
        said = {room: [f"{room} {number}" for number in range(MESSAGES)] for room in rooms}

        works = [as_deferred(self.talk(rig, bot, clients, room, said[room])) for room in rooms]
        await gatherResults(works, consumeErrors=True)
        await until(lambda: len(rig.bodies()) >= ROOMS * MESSAGES, "all messages")
        await until(lambda: all(row[1] >= 2 for row in rig.outbox()), "all answers")

        assert self.heard() == said
        for room in rooms:
            answers = bodies_of(await clients[1].timeline(room, bot))
            assert answers == [f"answer {words}" for words in said[room]]
        sources = {row[4] for row in rig.inbox()}
        assert sources == {int(Source.PUSHED)}

    async def rig(self, bot: UserId) -> Rig:
        rig = Rig(self.dsn, self.server.url, self.server.as_token, [bot], self.server.hs_token)
        self.addCleanup(lambda: as_deferred(rig.stop()))
        await rig.register()
        await rig.start(self.port, is_healing=False)
        await rig.ping()
        return rig

    async def room(self, rig: Rig, bot: UserId, person: Person) -> str:
        room = await person.create_room(bot)
        await rig.join(bot, room)
        return room

    async def talk(
        self, rig: Rig, bot: UserId, clients: Sequence[Person], room: str, said: Sequence[str]
    ) -> None:
        """Say everything, and have the bot say as much by its outbox meanwhile."""
        for number, words in enumerate(said):
            await clients[number % len(clients)].send(room, words)
            await rig.say(bot, RoomId(room), f"answer {words}", cause=words)

    def heard(self) -> dict[str, list[str]]:
        """What the service was told, by room, in order."""
        found: dict[str, list[str]] = defaultdict(list)
        query = "SELECT room_id, body FROM told WHERE kind = 'm.room.message' ORDER BY place"
        for room, body in execute(self.dsn, query):
            found[str(room)].append(str(body))
        return dict(found)
