"""The whole house for tests: PostgreSQL, Synapse and the services, each in processes of its own.

``with house(folder) as town`` starts the demo's office; ``program`` starts other services. Any part
can be killed and started again at any moment: that is what the house is for.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import yaml

from appservices.agency import demo as office_demo
from tests.support.people import Kind, Person
from tests.support.postgres import database, execute, synapse_database
from tests.support.processes import LOG_TAIL_CHARACTERS_MAX, ROOT, Child, free_ports
from tests.support.synapse import Homeserver
from tests.support.synapse_federation import federation_settings
from veche.cli.demo import world
from veche.cli.processes.homeserver import HomeserverPlan, is_healthy, postgres_database
from veche.runtime.database.embedded import EmbeddedPostgres
from veche.runtime.database.migrate import KERNEL_SETS, MigrationSet, migrate
from veche.runtime.database.synapse_database import make_synapse_database
from veche.server import demo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

READY_S_MAX: Final = 180
SERVICES: Final = (sys.executable, "-m", "veche.cli.main", "run", "all")
"""Starts the installed services, as an operator does."""
AGENCY: Final = MigrationSet("agency", "appservices.agency")
OFFICE: Final = office_demo.OFFICE_BOT
"""The bot of the demo's office."""

_open: Final[list[House]] = []


@attrs.frozen
class Place:
    """Where others find a house.

    Attributes:
        server_name: Of its homeserver.
        pages_port: Of its public site, where others must know it before; 0: a free one.
        is_federated: Whether other homeservers on this machine reach its own, by a name of a free
            port in place of ``server_name``.
        name_port: Of that name, if something stands before the homeserver: what it listens at is
            ``House.federation_port``.
        settings: Others of its homeserver.
        bridges: Bots of bridges that speak for people of other networks.
        modules: Makes the modules of its homeserver, of its name and the origin of the pages.
    """

    server_name: str = demo.SERVER_NAME
    pages_port: int = 0
    is_federated: bool = False
    name_port: int = 0
    settings: Mapping[str, Any] = attrs.field(factory=dict)
    bridges: Sequence[str] = ()
    modules: Callable[[str, str], Sequence[Mapping[str, Any]]] | None = None


@attrs.define
class House:
    """Synapse, the services and their databases; see ``house``.

    Attributes:
        server: Synapse.
        dsn: Connection string of the services' database.
        replicas: The processes of the services; Synapse pushes to the first one.
        postgres: The server, if the house has one of its own.
        pages_url: Origin of the pages, if the house has some; a name: passkeys refuse addresses.
    """

    server: Homeserver
    dsn: str
    replicas: Sequence[Child]
    ports: Sequence[int]
    postgres: EmbeddedPostgres | None = None
    pages_url: str = ""
    _people: list[Person] = attrs.field(factory=list)

    @property
    def url(self) -> str:
        """Base URL of the client API."""
        return self.server.url

    @property
    def federation_port(self) -> int:
        """Where other homeservers reach its own."""
        return int(self.server.plan.settings["listeners"][1]["port"])

    # The services

    def start(self, number: int = 0) -> float:
        """Start one process of the services; the seconds until it was ready."""
        self.launch(number)
        return self.wait_until_ready(number)

    def launch(self, number: int = 0) -> None:
        """Start one process of the services and do not wait."""
        self.replicas[number].start()

    def wait_until_ready(self, number: int = 0) -> float:
        """Return once the process answers ``/ready``; the seconds that it took."""
        began_s = time.monotonic()
        port = self.ports[number]
        self.replicas[number].wait_for(
            lambda: is_healthy(port, "/ready"), READY_S_MAX, "the services are not ready"
        )
        return time.monotonic() - began_s

    def stop(self, number: int = 0) -> int | None:
        """Let one process of the services end in order; its exit code."""
        return self.replicas[number].stop()

    def kill(self, number: int = 0) -> None:
        """End one process of the services as a power cut would."""
        self.replicas[number].kill()

    # What carries them

    def kill_homeserver(self) -> None:
        """End Synapse as a power cut would."""
        self.server.kill()

    def start_homeserver(self) -> None:
        """Start Synapse again, on the same port with the same data."""
        self.server.start()

    def kill_postgres(self) -> None:
        """End PostgreSQL, all of its processes at once, as a power cut would."""
        assert self.postgres is not None, "house(…, has_own_postgres=True) can do this"
        assert self.postgres.pid is not None
        pid = self.postgres.pid
        for one in (pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())):
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        self.postgres.stop()

    def start_postgres(self) -> None:
        """Start PostgreSQL again; it recovers by itself."""
        assert self.postgres is not None
        self.postgres.start()

    # Who lives there

    def person(self, name: str, kind: Kind = Kind.NIO, *, is_verified: bool = True) -> Person:
        """Somebody with a new account and one device; their client ends with the house."""
        user = self.server.register(name)
        person = Person.start(kind, self.url, user, is_verified=is_verified)
        self._people.append(person)
        return person

    def stop_people(self) -> None:
        """End the clients of all persons."""
        while self._people:
            self._people.pop().stop()

    # What is known of it

    def query(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Rows of one statement in the services' database."""
        return execute(self.dsn, statement, *values)

    def log(self) -> str:
        """The end of what the services have said."""
        parts = [f"services {n}:\n{self._tail(child)}" for n, child in enumerate(self.replicas)]
        return "\n".join(parts)

    def _tail(self, child: Child) -> str:
        return child.log()[-LOG_TAIL_CHARACTERS_MAX:]


def logs() -> str:
    """The logs of all houses that are open, for the report of a failure."""
    return "\n".join(one.log() for one in _open)


@contextmanager
def house(
    folder: Path,
    *,
    program: Sequence[str] = SERVICES,
    sections: Mapping[str, Any] | Callable[[str], Mapping[str, Any]] | None = None,
    migrations: MigrationSet | Sequence[MigrationSet] = AGENCY,
    replicas: int = 1,
    has_own_postgres: bool = False,
    has_pages: bool | Place = False,
) -> Iterator[House]:
    """A house in which everything runs; everything is ended afterwards.

    Args:
        folder: For its files; empty.
        program: Runs the services; ``-c FILE`` is added.
        sections: The services' sections of the configuration, or what makes them of the origin of
            the pages; the demo's office if None.
        migrations: Tables of the services.
        replicas: Processes of the services.
        has_own_postgres: Whether it has a PostgreSQL that can be killed; a database of the tests'
            common server otherwise.
        has_pages: Whether it has a public site; of one process of the services only. A place:
            it has one there, and its homeserver that name.
    """
    with ExitStack() as stack:
        own = (migrations,) if isinstance(migrations, MigrationSet) else migrations
        postgres = _own_postgres(stack) if has_own_postgres else None
        dsn, synapse_dsn = _databases(stack, postgres, (*KERNEL_SETS, *own))
        synapse_port, free_port, *ports = free_ports(2 + replicas)
        place = has_pages if isinstance(has_pages, Place) else Place()
        pages_port = place.pages_port or free_port
        origin = f"http://localhost:{pages_port}"
        plan = _plan(folder / "homeserver", place, synapse_port, ports[0], synapse_dsn)
        if place.modules is not None:
            plan = attrs.evolve(plan, modules=place.modules(plan.server_name, origin))
        server = Homeserver(plan)
        sections = sections(origin) if callable(sections) else sections
        sections = _demo_sections() if sections is None else sections
        if has_pages:
            sections = {**pages_sections(pages_port), **sections}
        configurations = [
            _write_configuration(
                folder / f"veche-{number}.yaml", server.plan, port, dsn, sections, place.bridges
            )
            for number, port in enumerate(ports)
        ]
        children = [
            Child((*program, "-c", str(path)), ROOT, path.with_suffix(".log"))
            for path in configurations
        ]
        one = House(server, dsn, children, ports, postgres, origin if has_pages else "")
        stack.callback(server.stop)
        for child in children:
            stack.callback(child.stop)
        stack.callback(one.stop_people)
        _open.append(one)
        stack.callback(_open.remove, one)
        server.start()
        for number in range(replicas):
            one.launch(number)
        for number in range(replicas):
            one.wait_until_ready(number)
        yield one


def _databases(
    stack: ExitStack, postgres: EmbeddedPostgres | None, sets: Sequence[MigrationSet]
) -> tuple[str, str]:
    """Of the services and of their Synapse."""
    if postgres is None:
        return stack.enter_context(database(*sets)), stack.enter_context(synapse_database())
    dsn = postgres.create_database("veche")
    make_synapse_database(postgres.dsn(), "synapse")
    migrate(dsn, sets)
    return dsn, postgres.dsn("synapse")


def pages_sections(port: int) -> dict[str, Any]:
    """The sections of a public site on this machine, whose widgets any client here may show."""
    local = ["http://localhost:*", "http://127.0.0.1:*"]
    return {
        "pages": {
            "public_url": f"http://localhost:{port}",
            "port": port,
            "embedders": ["https:", "vector:", *local],
        },
        "widgets": {"homeservers": ["https:", *local]},
        # What a test makes, it uses: without the hours that a new key waits.
        "approvals": {"held": []},
    }


def _demo_sections() -> dict[str, Any]:
    return {"agency": office_demo.agency_section(ROOT / "config" / "services")}


def _own_postgres(stack: ExitStack) -> EmbeddedPostgres:
    # Not below pytest's folder: each run of pytest closes that to others, and root's PostgreSQL
    # runs as somebody else.
    folder = Path(tempfile.mkdtemp(prefix="veche-house-"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    server = EmbeddedPostgres(folder / "postgres")
    server.start()
    stack.callback(server.stop)
    return server


def _plan(folder: Path, place: Place, port: int, services_port: int, dsn: str) -> HomeserverPlan:
    plan = HomeserverPlan(
        folder,
        place.server_name,
        port,
        appservice_url=f"http://127.0.0.1:{services_port}",
        database=postgres_database(dsn),
        settings=place.settings,
    )
    if not place.is_federated:
        return plan
    [federation] = free_ports(1)
    settings = {**federation_settings(plan.folder, plan.port, federation), **place.settings}
    name = f"localhost:{place.name_port or federation}"
    return attrs.evolve(plan, server_name=name, settings=settings)


def _write_configuration(
    path: Path,
    plan: HomeserverPlan,
    port: int,
    dsn: str,
    sections: Mapping[str, Any],
    bridges: Sequence[str],
) -> Path:
    text = world.services_configuration(
        plan,
        port=port,
        database_url=dsn,
        operator_key=demo.kept(path.parent / "operator_key", secrets.token_bytes(32)),
        sections=sections,
    )
    if bridges:
        whole = yaml.safe_load(text)
        whole["homeserver"]["bridges"] = list(bridges)
        text = yaml.safe_dump(whole)
    path.write_text(text)
    return path
