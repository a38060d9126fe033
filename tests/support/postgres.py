"""PostgreSQL for tests: one server for all test processes, a database of its own for each user.

``with database(MigrationSet(...)) as dsn`` gives an empty, migrated database. Databases are copied
from a template that is migrated once, so a new one takes some 40 ms; Synapse's from one that a
Synapse has made, so that each one starts with its tables there and nothing left to do on them.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import hashlib
import itertools
import os
import select
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import make_dsn, parse_dsn

from tests.support.processes import ROOT, wait_until
from tests.support.temporary import memory, shared_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg2.extensions import connection as Connection  # noqa: N812 -- a type, named like one
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

    from veche.runtime.database import Connection as Session
    from veche.runtime.database.migrate import MigrationSet

START_S_MAX: Final = 180
FOR_SYNAPSE: Final = " ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
_numbers = itertools.count(1)
_idle: Final[dict[str, dict[object, list[Any]]]] = {}
"""Connections to our databases that nobody uses now, by what makes them."""
C = TypeVar("C", bound="Connection")


@contextmanager
def database(*sets: MigrationSet) -> Iterator[str]:
    """Connection string of a fresh database with the migrations of ``sets``; dropped at the end."""
    template = _template(sets) if sets else "template0"
    with _created(template) as dsn:
        yield dsn


def kept_database(*sets: MigrationSet) -> str:
    """Connection string of a database that is there until the server ends, to make copies of."""
    return _create(_template(sets))


@contextmanager
def copy_of(dsn: str) -> Iterator[str]:
    """Connection string of a copy of a database that nobody uses now; dropped at the end."""
    with _created(parse_dsn(dsn)["dbname"]) as copy:
        yield copy


@contextmanager
def synapse_database() -> Iterator[str]:
    """Connection string of a database with Synapse's tables, in which nobody lives yet."""
    with _created(_synapse_template()) as dsn:
        yield dsn


@contextmanager
def empty_synapse_database() -> Iterator[str]:
    """Connection string of an empty database of the kind that Synapse insists on."""
    with _created("template0", FOR_SYNAPSE) as dsn:
        yield dsn


def lay_data(folder: Path) -> None:
    """Put there what `initdb` makes, so that a server of our own need not make it each time."""
    folder.mkdir(parents=True, exist_ok=True)
    # With its owner, who is another user where root runs this.
    command = ["cp", "-a", f"{_laid().name}/data", str(folder)]
    subprocess.run(command, check=True)


@functools.cache
def _laid() -> tempfile.TemporaryDirectory[str]:
    from veche.runtime.database.embedded import EmbeddedPostgres  # noqa: PLC0415 -- few need it

    folder = tempfile.TemporaryDirectory(prefix="veche-laid-")
    atexit.register(folder.cleanup)
    Path(folder.name).chmod(0o755)
    with EmbeddedPostgres(Path(folder.name), is_durable=False):
        pass
    return folder


def execute(dsn: str, statement: str, *values: object) -> list[tuple[object, ...]]:
    """Rows of one statement, committed."""
    with _kept(dsn, psycopg2.connect) as connection, connection, connection.cursor() as txn:
        txn.execute(statement, values)
        return txn.fetchall() if txn.description else []


@contextmanager
def session(dsn: str) -> Iterator[Session]:
    """A connection with the settings of ours; what it has not committed is taken back."""
    from veche.runtime.database import connect  # noqa: PLC0415 -- most tests do without

    with _kept(dsn, connect) as connection:
        try:
            yield connection
        finally:
            if not connection.closed:
                connection.rollback()


@contextmanager
def _kept(dsn: str, connect: Callable[[str], C]) -> Iterator[C]:
    # Those of our databases are kept: a new one has PostgreSQL read its catalogue again, which
    # costs more than most statements.
    idle: list[Any] = _idle.get(dsn, {}).setdefault(connect, [])
    connection = _alive(idle) or connect(dsn)
    try:
        yield connection
    finally:
        if dsn in _idle and not connection.closed:
            idle.append(connection)
        else:
            connection.close()


def _alive(idle: list[Any]) -> Any:
    """Take a connection that the server has not ended meanwhile; None: there is none."""
    while idle:
        connection = idle.pop()
        # The server says nothing to who asks nothing, but that it ends.
        if not select.select([connection], [], [], 0)[0]:
            return connection
        connection.close()
    return None


def waiting_count(dsn: str) -> int:
    """Count the connections to this database that wait for a lock; other tests' do not count."""
    statement = (
        "SELECT count(DISTINCT pid)::int FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE NOT granted AND datname = current_database()"
    )
    [(count,)] = execute(dsn, statement)
    return int(str(count))


@contextmanager
def _created(template: str, options: str = "") -> Iterator[str]:
    dsn = _create(template, options)
    _idle[dsn] = {}
    try:
        yield dsn
    finally:
        for connection in itertools.chain.from_iterable(_idle.pop(dsn).values()):
            connection.close()
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        with _administration() as txn:
            txn.execute(drop.format(sql.Identifier(parse_dsn(dsn)["dbname"])))


def _create(template: str, options: str = "") -> str:
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with _administration() as txn:
        # A copy of the files costs a third less CPU than one by the write-ahead log.
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY" + options)
        txn.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
    return _dsn_of(name)


@functools.cache
def _template(sets: tuple[MigrationSet, ...]) -> str:
    # The files' content is part of the name: a changed migration gets a new template.
    digest = hashlib.sha256()
    for one in sets:
        digest.update(repr(one).encode())
        for path in sorted((ROOT / one.package.replace(".", "/") / "migrations").glob("*.sql")):
            digest.update(path.name.encode() + path.read_bytes())
    return _made_once(f"template_{digest.hexdigest()[:16]}", "", lambda dsn: _migrated(dsn, sets))


@functools.cache
def _synapse_template() -> str:
    return _made_once("template_synapse", FOR_SYNAPSE, _filled_by_synapse)


def _made_once(name: str, options: str, fill: Callable[[str], None]) -> str:
    with _administration() as txn:
        txn.execute("SELECT pg_advisory_lock(1)")  # one maker at a time, over all processes
        try:
            txn.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            if txn.fetchone() is None:
                making = f"{name}_{os.getpid()}"
                create = sql.SQL("CREATE DATABASE {} TEMPLATE template0" + options)
                txn.execute(create.format(sql.Identifier(making)))
                fill(_dsn_of(making))
                rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
                txn.execute(rename.format(sql.Identifier(making), sql.Identifier(name)))
        finally:
            txn.execute("SELECT pg_advisory_unlock(1)")
    return name


def _migrated(dsn: str, sets: tuple[MigrationSet, ...]) -> None:
    from veche.runtime.database.migrate import migrate  # noqa: PLC0415 -- most tests do without

    migrate(dsn, list(sets))


def _filled_by_synapse(dsn: str) -> None:
    from tests.support.synapse import homeserver  # noqa: PLC0415 -- most tests do without

    def is_done() -> bool:
        return not execute(dsn, "SELECT 1 FROM background_updates")

    at_once = {"background_updates": {"sleep_enabled": False}}
    with (
        tempfile.TemporaryDirectory(prefix="veche-synapse-") as folder,
        homeserver(Path(folder), dsn=dsn, server_name="nobody.invalid", settings=at_once),
    ):
        wait_until(is_done, START_S_MAX, "Synapse did not finish its tables")


@contextmanager
def _administration() -> Iterator[Cursor]:
    with _administrator().cursor() as txn:
        yield txn


@functools.cache
def _administrator() -> Connection:
    # One for all of this process: a connection costs as much as a third of a database.
    connection = psycopg2.connect(_server())
    connection.autocommit = True
    return connection


def _dsn_of(name: str) -> str:
    return make_dsn(_server(), dbname=name)


@functools.cache
def _server() -> str:
    # Kept open, with its lock, until this process ends.
    folder, users = _join()
    _held.append(users)
    return (folder / "dsn").read_text()


_held: Final[list[object]] = []


def _join() -> tuple[Path, IO[str]]:
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))[:16]
    place = _place()
    folder = place / f"veche-pg-{run}"
    with (place / f"veche-pg-{os.getuid()}.lock").open("a") as start:
        fcntl.flock(start, fcntl.LOCK_EX)
        users = _locked(folder)
        if not (folder / "dsn").exists():
            _start(folder)
    return folder, users


def _place() -> Path:
    """Where the server has its files: the same for all processes of a machine.

    A database has a thousand files and is gone a second later: ext4 looks long for a place for the
    next ones, since it does not take those of files just removed.
    """
    return memory() or shared_folder()


def _locked(folder: Path) -> IO[str]:
    # Where the last server is just being taken away, its lock file goes with it: take the lock
    # that the next server will look at.
    while True:
        folder.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            users = (folder / "users").open("a")
            fcntl.flock(users, fcntl.LOCK_SH)
            if _is_same(users, folder / "users"):
                return users
            users.close()


def _is_same(file: IO[str], path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False


def _start(folder: Path) -> None:
    log = (folder / "keeper.log").open("ab")
    with log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.support.postgres_keeper", str(folder)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a Ctrl-C at the tests must not take the server first
        )

    def is_up() -> bool:
        if keeper.poll() is not None:
            text = (folder / "keeper.log").read_text(errors="replace")
            raise RuntimeError(f"PostgreSQL did not start:\n{text}")
        return (folder / "dsn").exists()

    wait_until(is_up, START_S_MAX, "PostgreSQL did not start")
    # Let go of, since it outlives us: Python would complain about a child nobody waits for.
    keeper.returncode = 0
