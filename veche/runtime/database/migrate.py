"""Migrations: the SQL files of the packages, each applied once and never changed afterwards.

One PostgreSQL schema a package. A file ``migrations/NNNN_name.sql`` runs in one transaction with
the row that records it. The database remembers each file's digest, and the oldest code that can
still work with it: a file whose first line is ``-- compat: N`` says that code which does not know
migration N of its schema must not run any more. Without that line the previous release goes on
working, which is what every step should aim at.

The current SQL functions of a package stand in one file, ``functions.sql``. It is applied again
whenever it has changed, in the transaction of the last migration that is due. So a new body needs
no migration; another signature does: it drops the function, whose grants it has to give again.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import closing
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import attrs
import psycopg2
import psycopg2.errors

from veche.protocol.errors import ConfigError, UnavailableError
from veche.runtime.database.transactions import Connection, Cursor, connect, no_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

SERVER_VERSION_MIN: Final = 17
STATEMENT_TIMEOUT_MS: Final = 30_000
WAIT_MS_MAX: Final = 60_000
"""How long to wait for another process that is migrating."""

_FILE: Final = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")
_COMPAT: Final = re.compile(r"^-- compat: (\d{1,4})$")
_SCHEMA: Final = re.compile(r"^[a-z][a-z0-9_]{0,30}$")
_PARAMETER: Final = re.compile(r'set parameter "([\w.]+)"')
"""In PostgreSQL's words to a role that may not give a function a setting of ours."""
_LOCK: Final = "SELECT pg_advisory_lock(hashtextextended('veche.migrate', 0))"
_OWN_TABLE: Final = """
    CREATE SCHEMA IF NOT EXISTS veche;
    CREATE TABLE IF NOT EXISTS veche.migration (
        schema TEXT NOT NULL,
        number INTEGER NOT NULL CHECK (number > 0),
        name TEXT NOT NULL,
        sha256 BYTEA NOT NULL CHECK (length(sha256) = 32),
        compat INTEGER NOT NULL CHECK (compat BETWEEN 0 AND number),
        applied_at TIMESTAMPTZ NOT NULL DEFAULT now(),
        PRIMARY KEY (schema, number)
    )"""


@attrs.frozen
class MigrationSet:
    """The migrations of one package.

    Attributes:
        schema: The PostgreSQL schema that they alone change.
        package: Import name; the files are in its folder ``migrations``.
    """

    schema: str = attrs.field(validator=attrs.validators.matches_re(_SCHEMA))
    package: str


KERNEL_SETS: Final = (
    MigrationSet("runtime", "veche.runtime"),
    MigrationSet("crypto", "veche.runtime.crypto"),
)


@attrs.frozen
class Migration:
    """One file.

    Attributes:
        compat: Number of the migration that code has to know to work after this one; 0: any.
    """

    schema: str
    number: int
    name: str
    sql: str
    compat: int

    @property
    def sha256(self) -> bytes:
        """Digest of the file."""
        return hashlib.sha256(self.sql.encode()).digest()

    def __str__(self) -> str:
        return f"{self.schema}/{self.number:04}_{self.name}"


@attrs.frozen
class Functions:
    """The current SQL functions of one package."""

    schema: str
    sql: str

    @property
    def sha256(self) -> bytes:
        """Digest of the file."""
        return hashlib.sha256(self.sql.encode()).digest()

    def __str__(self) -> str:
        return f"{self.schema}/functions"


_Step = Migration | Functions


class ForeignDatabaseError(ConfigError):
    """The database is not one that this Veche may change."""

    errcode = "ORG.VECHE.FOREIGN_DATABASE"


def read_migrations(migration_set: MigrationSet) -> list[Migration]:
    """The files of a package, by number; a package without them has none.

    Raises:
        ConfigError: A name is not ``NNNN_name.sql``, the numbers are not 1, 2, 3 …, or a compat
            is of a later one.
    """
    folder = files(migration_set.package) / "migrations"
    if not folder.is_dir():
        return []
    migrations: list[Migration] = []
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".sql"):
            continue
        match = _FILE.match(file.name)
        if match is None or int(match[1]) != len(migrations) + 1:
            raise ConfigError(
                f"{migration_set.package}/migrations/{file.name}: migrations are named"
                f" NNNN_name.sql, numbered without gaps; here {len(migrations) + 1:04} is due"
            )
        migrations.append(
            _migration(migration_set, int(match[1]), match[2], file.read_text(encoding="utf-8"))
        )
    return migrations


def read_functions(migration_set: MigrationSet) -> Functions | None:
    """Read the SQL functions of a package; None if it has none."""
    file = files(migration_set.package) / "functions.sql"
    if not file.is_file():
        return None
    return Functions(migration_set.schema, file.read_text(encoding="utf-8"))


def _migration(migration_set: MigrationSet, number: int, name: str, sql: str) -> Migration:
    compat = _COMPAT.match(sql.partition("\n")[0])
    migration = Migration(migration_set.schema, number, name, sql, int(compat[1]) if compat else 0)
    if migration.compat > number:
        raise ConfigError(f"{migration}: compat is at most its own number, {number}")
    return migration


def pending(dsn: str, sets: Sequence[MigrationSet]) -> list[str]:
    """Names of what code needs that ``migrate`` would apply, in order; nothing is changed.

    Functions that were applied before, and others after them, are not needed: a newer release has
    run ``migrate``.

    Raises:
        ForeignDatabaseError: As for ``migrate``.
        UnavailableError: The database does not answer.
    """
    with closing(_connect(dsn)) as connection, connection, connection.cursor() as txn:
        return [str(step) for step in _pending(txn, sets, is_current=False)]


def migrate(dsn: str, sets: Sequence[MigrationSet]) -> list[str]:
    """Apply what is missing, each file in its own transaction; the names of what was applied.

    Raises:
        ConfigError: The role lacks a right; the text says who gives it. Files applied before stay.
        ForeignDatabaseError: PostgreSQL is too old, the encoding is not UTF8, a schema of ours
            is somebody else's, an applied file was changed, or the database belongs to a newer
            Veche. Nothing was changed.
        UnavailableError: The database does not answer, another process migrates for too long,
            or a lock was not to be had. Files applied before it stay applied.
        psycopg2.Error: A file is wrong; it left nothing behind.
    """
    with closing(_connect(dsn)) as connection:
        _lock(connection)
        with connection, connection.cursor() as txn:
            missing = _pending(txn, sets, is_current=True)
            txn.execute(_OWN_TABLE)
        for steps in _by_transaction(missing):
            _apply(connection, steps)
        return [str(step) for step in missing]


def _connect(dsn: str) -> Connection:
    try:
        return connect(dsn, statement_timeout=STATEMENT_TIMEOUT_MS, client_min_messages="warning")
    except psycopg2.OperationalError as e:
        raise no_answer(e) from e


def _lock(connection: Connection) -> None:
    """Be the only one that migrates, until the connection is closed."""
    try:
        with connection, connection.cursor() as txn:
            txn.execute(
                "SELECT set_config('lock_timeout', %s, TRUE),"
                " set_config('statement_timeout', '0', TRUE)",
                (str(WAIT_MS_MAX),),
            )
            txn.execute(_LOCK)
    except psycopg2.errors.LockNotAvailable as e:
        raise UnavailableError(
            "another process is migrating this database", retry_after_ms=WAIT_MS_MAX
        ) from e


def _by_transaction(steps: Sequence[_Step]) -> list[list[_Step]]:
    """Each migration alone, and functions with the migration of their schema before them."""
    found: list[list[_Step]] = []
    for step in steps:
        if isinstance(step, Functions) and found and found[-1][0].schema == step.schema:
            found[-1].append(step)
        else:
            found.append([step])
    return found


def _apply(connection: Connection, steps: Sequence[_Step]) -> None:
    step = steps[0]
    try:
        with connection, connection.cursor() as txn:
            for step in steps:
                _apply_in(txn, step)
    except psycopg2.errors.LockNotAvailable as e:
        raise UnavailableError(f"{step}: a table is in use; try again", retry_after_ms=5_000) from e
    except psycopg2.errors.InsufficientPrivilege as e:
        user = connection.info.user
        raise ConfigError(f"{step}: {user} lacks a right: {_remedy(str(e), user)}") from e


def _apply_in(txn: Cursor, step: _Step) -> None:
    if isinstance(step, Functions):
        txn.execute(step.sql)
        # Beside the migrations, where every role that runs services may read.
        txn.execute(
            "INSERT INTO veche.migration (schema, number, name, sha256, compat)"
            " SELECT %s, count(*) + 1, 'functions', %s, 0 FROM veche.migration WHERE schema = %s",
            (str(step), step.sha256, str(step)),
        )
        return
    if step.number == 1 and not re.search(r"\bCREATE SCHEMA\b", step.sql):
        txn.execute(f"CREATE SCHEMA {step.schema}")
    txn.execute(step.sql)
    txn.execute(
        "INSERT INTO veche.migration (schema, number, name, sha256, compat)"
        " VALUES (%s, %s, %s, %s, %s)",
        (step.schema, step.number, step.name, step.sha256, step.compat),
    )


def _remedy(said: str, user: str) -> str:
    """Suggest how to give a role the right that it lacks, after PostgreSQL's message."""
    if found := _PARAMETER.search(said):
        return f"let a superuser run: GRANT SET ON PARAMETER {found[1]} TO {user}"
    return f"{said.splitlines()[0]}; migrate as the role that owns the database"


def _pending(txn: Cursor, sets: Sequence[MigrationSet], *, is_current: bool) -> list[_Step]:
    """List missing steps; with ``is_current``, also functions that others replaced since."""
    _check_server(txn)
    is_ours = _has_own_table(txn)
    missing: list[_Step] = []
    for migration_set in sets:
        applied = _applied(txn, migration_set.schema) if is_ours else {}
        migrations = read_migrations(migration_set)
        _check_applied(migration_set.schema, migrations, applied)
        if not applied:
            _check_free(txn, migration_set.schema)
        missing += [migration for migration in migrations if migration.number not in applied]
        functions = read_functions(migration_set)
        is_newer = len(applied) > len(migrations)
        if functions is not None and not is_newer:
            before = _applied(txn, str(functions)) if is_ours else {}
            known = [digest for _, (_, digest, _) in sorted(before.items())]
            if functions.sha256 not in (known[-1:] if is_current else known):
                missing.append(functions)
    return missing


def _check_server(txn: Cursor) -> None:
    txn.execute("SHOW server_version_num")
    version = int((txn.fetchone() or ("0",))[0]) // 10_000
    if version < SERVER_VERSION_MIN:
        raise ForeignDatabaseError(
            f"PostgreSQL {version} is too old: Veche needs {SERVER_VERSION_MIN} or newer"
        )
    txn.execute("SHOW server_encoding")
    encoding = (txn.fetchone() or ("",))[0]
    if encoding != "UTF8":
        raise ForeignDatabaseError(
            f"the database's encoding is {encoding}: make one with ENCODING 'UTF8'"
        )


def _has_own_table(txn: Cursor) -> bool:
    try:
        txn.execute(
            "SELECT array_agg(attname::text) FROM pg_attribute"
            " WHERE attrelid = to_regclass('veche.migration') AND attnum > 0"
        )
    except psycopg2.errors.InsufficientPrivilege as e:
        user = txn.connection.info.user
        raise ConfigError(
            f"permission denied: {user} may not read the tables of Veche:"
            f" let their owner run `veche db grant {user}`"
        ) from e
    (columns,) = txn.fetchone() or (None,)
    if columns is not None and not {"schema", "number", "sha256", "compat"} <= set(columns):
        raise ForeignDatabaseError(
            "the database has a table veche.migration that is not Veche's:"
            " use a database of its own"
        )
    return columns is not None


def _applied(txn: Cursor, schema: str) -> dict[int, tuple[str, bytes, int]]:
    txn.execute(
        "SELECT number, name, sha256, compat FROM veche.migration WHERE schema = %s", (schema,)
    )
    return {
        number: (name, bytes(digest), compat) for number, name, digest, compat in txn.fetchall()
    }


def _check_applied(
    schema: str, migrations: Sequence[Migration], applied: dict[int, tuple[str, bytes, int]]
) -> None:
    known = {migration.number: migration for migration in migrations}
    compat = max((needed for _, _, needed in applied.values()), default=0)
    if compat > len(known):
        raise ForeignDatabaseError(
            f"the database belongs to a newer Veche: its schema {schema} needs code that knows"
            f" migration {compat:04}, this one knows {len(known):04}; install that release"
        )
    for number, (name, digest, _) in applied.items():
        if number in known and known[number].sha256 != digest:
            raise ForeignDatabaseError(
                f"{schema}/{number:04}_{name} was changed after it was applied:"
                " restore the file, and make the change in a new one"
            )


def _check_free(txn: Cursor, schema: str) -> None:
    txn.execute("SELECT to_regnamespace(%s) IS NOT NULL", (schema,))
    if (txn.fetchone() or (False,))[0]:
        raise ForeignDatabaseError(
            f"the database has a schema {schema} that is not Veche's: use a database of its own"
        )
