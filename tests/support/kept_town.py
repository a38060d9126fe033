"""A town as an earlier Veche left it: its state, kept in an archive, set up again under new code.

`tests/data/README.md` says what is in the archive; `tests/stories/keep_town.py` makes it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from tests.support.people import Kind, Person
from tests.support.postgres import execute, session
from tests.support.processes import ROOT, Child, free_ports
from tests.support.services import House
from tests.support.synapse import Homeserver
from veche.acts.last_signed import database_id
from veche.cli.processes.homeserver import HomeserverPlan, postgres_database
from veche.runtime.crypto.store.devices import cluster
from veche.runtime.database.embedded import EmbeddedPostgres, binaries
from veche.server import demo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ARCHIVE: Final = ROOT / "tests" / "data" / "town-676cbb4b.tar.xz"
"""The town of the commit before the modules of the kernel moved into packages."""
DATABASES: Final = ("veche", "synapse")
READY: Final = "Stop with Ctrl-C"
"""What `veche up` says in the end."""
START_S_MAX: Final = 240
_NOT_KEPT: Final = ("postgres", "lock", "*.log", "log", "*.yaml", "media_store")
"""What each start makes anew."""


@attrs.define
class KeptTown:
    """The state folder of `veche up`, the clients of its people, and what was going on.

    Attributes:
        folder: Of the state; the clients' folders lie beside it.
        facts: What was going on when it was kept.
        port: Of the homeserver.
        pages_port: Of the pages.
        app_port: Of the app.
    """

    folder: Path
    facts: dict[str, Any] = attrs.field(factory=dict)
    port: int = attrs.field(init=False)
    pages_port: int = attrs.field(init=False)
    app_port: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.port, self.pages_port, self.app_port = free_ports(3)

    @property
    def postgres(self) -> EmbeddedPostgres:
        """Its database server, which runs already while the town does."""
        return EmbeddedPostgres(self.folder / "postgres", is_durable=False)

    @property
    def clients(self) -> Path:
        """The folder of the people's clients."""
        return self.folder.with_name("people")

    def house(self, tree: Path = ROOT) -> House:
        """The town as a house, whose one process is `veche up` of a checkout.

        Args:
            tree: The checkout.
        """
        command = [sys.executable, "-m", "veche.cli.main", "up", "--state", str(self.folder)]
        ports = ["--port", str(self.port), "--pages-port", str(self.pages_port)]
        ports += ["--app-port", str(self.app_port)]
        log, path = self.folder.with_name("up.log"), {"PYTHONPATH": str(tree)}
        up = Child([*command, *ports], tree, log, path)
        plan = HomeserverPlan(
            self.folder / "homeserver",
            demo.SERVER_NAME,
            self.port,
            database=postgres_database(self.postgres.dsn("synapse")),
        )
        one = House(Homeserver(plan), self.postgres.dsn("veche"), [up], [])
        one.pages_url = f"http://localhost:{self.pages_port}"
        return one

    @contextmanager
    def running(self, house: House) -> Iterator[None]:
        """Run it."""
        [up] = house.replicas
        up.start()
        try:
            up.wait_for(lambda: READY in up.log(), START_S_MAX, "the town does not start")
            yield
        finally:
            up.stop()

    def person(self, one: demo.Person) -> Person:
        """One of its people with the client that they have, or a new one."""
        password = (self.folder / "passwords" / one.name).read_text().strip()
        url = f"http://127.0.0.1:{self.port}"
        home = self.clients / one.name
        return Person.start(
            Kind.NIO, url, one.user_id, password, is_verified=not home.exists(), home=home
        )

    def rows(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Rows of the services' database, while its server runs."""
        return execute(self.postgres.dsn("veche"), statement, *values)

    def ledger(self) -> dict[str, Any]:
        """What nothing may change: each account, and each published head, as JSON has them."""
        accounts = self.rows(
            "SELECT id, debits_posted, credits_posted, debits_pending, credits_pending"
            " FROM ledger.account ORDER BY shard, id"
        )
        heads = self.rows("SELECT shard, size, note FROM ledger.checkpoint ORDER BY shard, size")
        return {"accounts": [*map(list, accounts)], "heads": [*map(list, heads)]}

    def waiting(self) -> dict[str, int]:
        """How many rows wait in the queues."""
        queues = {
            "inbox": "SELECT count(*) FROM runtime.inbox WHERE state < 2",
            "outbox": "SELECT count(*) FROM runtime.outbox WHERE state < 2",
            "jobs": "SELECT count(*) FROM runtime.errand"
            " WHERE due_at_ms <= extract(epoch FROM now()) * 1000",
        }
        counts = {name: self.rows(statement)[0][0] for name, statement in queues.items()}
        return {name: int(str(count)) for name, count in counts.items()}

    def keep(self, archive: Path) -> None:
        """Write it into an archive; nothing of it runs."""
        beside = self.folder.parent
        with self.postgres as server:
            for name in DATABASES:
                with (beside / f"{name}.sql").open("wb") as dump:
                    _run("pg_dump", "--no-owner", "--no-privileges", server.dsn(name), stdout=dump)
        (beside / "facts.json").write_text(json.dumps(self.facts, indent=1, ensure_ascii=False))
        kept = ("state", "people", "facts.json", *(f"{name}.sql" for name in DATABASES))
        with tarfile.open(archive, "w:xz", preset=9) as packed:
            for name in kept:
                packed.add(beside / name, name, filter=_kept)

    @classmethod
    def restore(cls, folder: Path, archive: Path = ARCHIVE) -> KeptTown:
        """Set it up again in an empty folder, with a database server of its own."""
        with tarfile.open(archive) as packed:
            packed.extractall(folder)  # noqa: S202 -- our own archive
        town = cls(folder / "state", json.loads((folder / "facts.json").read_text()))
        with town.postgres as server:
            for name in DATABASES:
                dsn, path = server.create_database(name), str(folder / f"{name}.sql")
                _run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-1", "-f", path, dsn)
            town._take_place(server.dsn("veche"))
        return town

    def _take_place(self, dsn: str) -> None:
        """Pass for the database that was kept, which nobody has restored: Veche tells them apart.

        The copy has all that was there, so nothing is lost by it.
        """
        with session(dsn) as connection, connection.cursor() as txn:
            txn.execute("UPDATE crypto.device SET written_on = %s", (cluster(txn),))
            told = database_id(txn)
            connection.commit()
        for path in (self.folder / "heads").iterdir():
            path.write_text(json.dumps({**json.loads(path.read_text()), "database": told}))


def checkout_of(commit: str, folder: Path) -> Path:
    """Lay a commit into a folder, to be found by Python with its entry points."""
    folder.mkdir()
    packed = folder.with_suffix(".tar")
    subprocess.run(["git", "archive", "-o", packed, commit], cwd=ROOT, check=True)  # noqa: S607
    with tarfile.open(packed) as tree:
        tree.extractall(folder)  # noqa: S202 -- our own archive
    # What `run` fetches, and git ignores.
    vendored = "appservices/widgets/static/vendor"
    schemas = "appservices/payments/banks/core/schemas"
    is_packaged = (folder / schemas).parent.is_dir()  # commits before have them elsewhere
    laid = schemas if is_packaged else "appservices/payments/core/rails/schemas"
    shutil.copytree(ROOT / vendored, folder / vendored)
    shutil.copytree(ROOT / schemas, folder / laid)
    setup = "from setuptools import setup; setup()"
    subprocess.run([sys.executable, "-c", setup, "-q", "egg_info"], cwd=folder, check=True)
    return folder


def _kept(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    path = Path(entry.name)
    if any(path.match(one) for one in _NOT_KEPT):
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _run(program: str, *arguments: str, stdout: Any = None) -> None:
    command: Sequence[str] = [str(binaries() / program), *arguments]
    subprocess.run(command, stdout=stdout or subprocess.DEVNULL, check=True)
