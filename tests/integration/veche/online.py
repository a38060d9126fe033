"""Cases with a real Synapse, one for each module of tests."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, ClassVar

from tests.integration.veche.rig import RUNTIME, Case, Person, Rig, as_deferred, new_bot, until
from tests.support.postgres import database
from tests.support.processes import free_ports
from tests.support.synapse import homeserver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.synapse import Homeserver
    from veche.protocol.ids import UserId


class OnlineCase(Case):
    """A case with a database of its own and the homeserver of its module."""

    server: ClassVar[Homeserver]
    as_port: ClassVar[int]
    people: ClassVar[dict[str, tuple[str, str]]]

    def setUp(self) -> None:
        scope = database(RUNTIME)
        self.dsn = scope.__enter__()
        self.addCleanup(scope.__exit__, None, None, None)

    async def rig(
        self,
        *bots: UserId,
        url: str | None = None,
        is_healing: bool = False,
        starts: bool = True,
    ) -> Rig:
        """A process of ours that is pushed to; it ends with the case."""
        rig = Rig(
            self.dsn,
            url or self.server.url,
            self.server.as_token,
            bots or [new_bot()],
            self.server.hs_token,
        )
        self.addCleanup(lambda: as_deferred(rig.stop()))
        await rig.register()
        if starts:
            await rig.start(is_healing=is_healing)
            await self.hear(rig)
        else:
            await rig.prepare()
        return rig

    async def hear(self, rig: Rig) -> None:
        """Have ``rig`` listen; return once the homeserver pushes to it again.

        After failures Synapse first pushes what it kept. An event that comes between the last
        of that and its note that we are up is kept too, until it next fails to reach us.
        """
        rig.listen(self.as_port)
        await rig.ping()
        await until(self._is_pushing, "the end of Synapse's back-off")

    def _is_pushing(self) -> bool:
        folder = self.server.plan.folder
        with closing(sqlite3.connect(folder / "homeserver.db")) as connection:
            states = connection.execute("SELECT state FROM application_services_state").fetchall()
        return all(state == ("up",) for state in states)

    def person(self, name: str = "alice") -> Person:
        """Somebody with an account and a client of their own."""
        user_id, token = self.people[name]
        person = Person(self.server.url, user_id, token)
        self.addCleanup(lambda: as_deferred(person.close()))
        return person


@contextmanager
def online(folder: Path) -> Iterator[None]:
    """Have a Synapse for all cases meanwhile."""
    [OnlineCase.as_port] = free_ports(1)
    url = f"http://127.0.0.1:{OnlineCase.as_port}"
    with homeserver(folder, appservice_url=url) as server:
        OnlineCase.server = server
        OnlineCase.people = {}
        for name in ("alice", "bob"):
            OnlineCase.people[name] = (server.register(name), server.login(name))
        yield
