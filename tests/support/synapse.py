"""A real Synapse for tests, as a child process on the loopback address.

``with homeserver(folder, modules=[...]) as server`` starts one; without a database URL it uses
SQLite, which is enough where only the modules and the client API are looked at.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import attrs
import yaml

from tests.support.calls import Answer, request
from tests.support.people import PASSWORD
from tests.support.processes import ROOT, Child, free_ports
from veche.cli.processes.homeserver import (
    HomeserverPlan,
    command,
    is_healthy,
    postgres_database,
    register_person,
    secret,
    write_configuration,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

SERVER_NAME: Final = "veche.test"
START_S_MAX: Final = 180
CHEAP: Final[Mapping[str, Any]] = {
    # A person's password is hashed three times until they are there, each in a quarter of a second.
    "bcrypt_rounds": 4,
    # Figures for administrators, and the search for people, which no test asks for.
    "stats": {"enabled": False},
    "update_user_directory_from_worker": "nobody",
    # A homeserver of a test ends before its memory counts.
    "gc_thresholds": [50_000, 20, 20],
}
"""Settings that make a Synapse of a test cheaper."""
LOG_LEVEL: Final = "WARNING"
"""What a Synapse of the tests logs from: the lines about each request take a tenth of its time."""


@attrs.define
class Homeserver:
    """A Synapse with the files in ``plan.folder``; start, stop, kill and start it again at will.

    Attributes:
        plan: What it is; change it only while it does not run.
    """

    plan: HomeserverPlan
    child: Child = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.plan = attrs.evolve(self.plan, settings={**CHEAP, **self.plan.settings})
        folder = self.plan.folder
        # So that modules of the tests are found too, which no wheel has.
        seen = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {"PYTHONPATH": os.pathsep.join(seen)}
        self.child = Child(command(self.plan), folder, folder / "output.log", environment)

    @property
    def url(self) -> str:
        """Base URL of the client API."""
        return self.plan.url

    @property
    def as_token(self) -> str:
        """Token with which our application service acts."""
        return secret(self.plan.folder / "as_token")

    @property
    def hs_token(self) -> str:
        """Token with which Synapse pushes transactions."""
        return secret(self.plan.folder / "hs_token")

    def log(self) -> str:
        """All that Synapse logged, its last failure to start included."""
        path = self.plan.folder / "homeserver.log"
        return self.child.log() + (path.read_text(errors="replace") if path.exists() else "")

    def start(self) -> None:
        """Write its configuration, start it and wait until it answers."""
        write_configuration(self.plan)
        log = self.plan.folder / "log.yaml"
        said = yaml.safe_load(log.read_text())
        said["root"]["level"] = LOG_LEVEL
        log.write_text(yaml.safe_dump(said))
        self.child.start()
        try:
            self.child.wait_for(lambda: is_healthy(self.plan.port), START_S_MAX, "Synapse")
        except (RuntimeError, TimeoutError):
            self.kill()
            raise

    def stop(self) -> None:
        """Let it end in order."""
        self.child.stop()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.child.kill()

    def restart(self) -> None:
        """Stop it, then start it on the same port with the same data."""
        self.stop()
        self.start()

    def register(self, name: str, password: str = PASSWORD) -> str:
        """A new account of a person; its user id."""
        assert register_person(self.plan, name, password), f"{name} exists"
        return f"@{name}:{self.plan.server_name}"

    def login(self, user: str, password: str = PASSWORD) -> str:
        """An access token of a person."""
        identifier = {"type": "m.id.user", "user": user}
        body = {"type": "m.login.password", "identifier": identifier, "password": password}
        answer = self.call("POST", "/_matrix/client/v3/login", body=body)
        assert answer.status == 200, answer
        return str(answer.body["access_token"])

    def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        query: Mapping[str, str] | None = None,
        body: object = None,
    ) -> Answer:
        """One request to the client or admin API.

        Args:
            method: HTTP method.
            path: From ``/_matrix`` or ``/_synapse`` on, already quoted.
            token: Access token; ``as_token`` to act as a bot.
            query: For example ``{"user_id": "@veche_x:veche.test"}``.
            body: JSON.
        """
        return request(method, self.url + path, token=token, query=query, body=body)


@contextmanager
def homeserver(
    folder: Path,
    *,
    modules: Sequence[Mapping[str, Any]] = (),
    dsn: str | None = None,
    appservice_url: str | None = None,
    server_name: str = SERVER_NAME,
    settings: Mapping[str, Any] | None = None,
    port: int | None = None,
) -> Iterator[Homeserver]:
    """A running Synapse; stopped at the end.

    Args:
        folder: Where its files are.
        modules: Entries of Synapse's ``modules``.
        dsn: From ``synapse_database()``; None is SQLite.
        appservice_url: Where it pushes transactions; None: nobody listens, but bots can act.
        server_name: The part after the colon in its ids.
        settings: Further keys of homeserver.yaml, which replace ours.
        port: Of the client API; a free one if None.
    """
    free_port, dead_port = free_ports(2)
    plan = HomeserverPlan(
        folder,
        server_name,
        port or free_port,
        appservice_url=appservice_url or f"http://127.0.0.1:{dead_port}",
        database=postgres_database(dsn) if dsn else None,
        modules=modules,
        settings=settings or {},
    )
    server = Homeserver(plan)
    try:
        server.start()
        yield server
    finally:
        server.stop()
