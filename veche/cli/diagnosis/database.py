"""Checks of the database."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final

from veche.acts.witnesses import store as witnesses
from veche.cli.diagnosis.finding import Check, Patient
from veche.protocol.errors import ConfigError, VecheError
from veche.runtime.database import connect, is_unavailable
from veche.runtime.database.migrate import ForeignDatabaseError, pending
from veche.server.installed import migration_sets

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from veche.runtime.database import Cursor


def look_at_connection(patient: Patient) -> Iterable[tuple[str, str]]:
    """Check that the database answers, and keeps a session for us."""
    where = "database.folder" if patient.config.database.folder else "database.url"
    try:
        with closing(connect(patient.dsn)) as connection:
            pids = set()
            for _ in range(2):
                with connection, connection.cursor() as txn:
                    txn.execute("SELECT pg_backend_pid()")
                    pids.add(txn.fetchone())
    except Exception as e:
        if not is_unavailable(e):
            raise
        reason = str(e).strip().splitlines()[0]
        yield f"it does not answer: {reason}", f"start PostgreSQL, or correct {where}"
        return
    if len(pids) > 1:
        yield (
            "a pooler hands our session to others",
            "connect to PostgreSQL directly: locks and notifications need a session",
        )


def look_at_tables(patient: Patient) -> Iterable[tuple[str, str]]:
    """Check that the database is ours and up to date."""
    specs = {name: patient.specs[name] for name in patient.config.services}
    try:
        missing = pending(patient.dsn, migration_sets(specs))
    except ForeignDatabaseError as e:
        what, _, mend = str(e).partition(": ")
        yield what, mend
        return
    except (ConfigError, VecheError) as e:
        yield str(e), "reinstall this release"
        return
    if missing:
        yield f"{len(missing)} migrations are missing, first {missing[0]}", "veche db migrate"


def look_at_collation(patient: Patient) -> Iterable[tuple[str, str]]:
    """Check that no system upgrade can change the order of texts under the indexes."""
    with closing(connect(patient.dsn)) as connection, connection, connection.cursor() as txn:
        is_risky = follows_system(txn)
    if is_risky:
        yield (
            "its order of texts is the system's, and changes with it",
            "make the database with TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'",
        )


def look_at_witnesses(patient: Patient) -> Iterable[tuple[str, str]]:
    """Check that the witnesses sign the heads of our logs."""
    keys = [one.key for one in patient.config.witnesses.of]
    with closing(connect(patient.dsn)) as connection, connection, connection.cursor() as txn:
        found = witnesses.failing(txn, keys)
    for one in found:
        name = one.witness.partition("+")[0]
        yield (
            f"{name} has not signed the head of {one.origin}, {one.failures} times: {one.why}",
            "ask its operator; docs/guides/operators/witnesses.md says what each answer means",
        )


def look_at_matters(patient: Patient) -> Iterable[tuple[str, str]]:
    """List matters in the database that wait for an operator."""
    with closing(connect(patient.dsn)) as connection, connection, connection.cursor() as txn:
        for name in patient.config.services:
            look = patient.specs[name].look_in
            for what, mend in look(txn, patient.now_s()) if look is not None else ():
                yield f"{name}: {what}", mend


def follows_system(txn: Cursor) -> bool:
    """Return whether the order of texts in this database depends on a system locale."""
    txn.execute(
        "SELECT datlocprovider = 'c' AND datcollate NOT IN ('C', 'POSIX', 'C.UTF-8', 'C.utf8')"
        " FROM pg_database WHERE datname = current_database()"
    )
    row = txn.fetchone()
    return bool(row and row[0])


CHECKS: Final[Sequence[Check[Patient]]] = (
    Check("database", look_at_connection, "it answers"),
    Check("tables", look_at_tables, "up to date", needs=("database",)),
    Check("witnesses", look_at_witnesses, "they sign, or there are none", needs=("tables",)),
    Check("matters", look_at_matters, "none waits for you", needs=("tables",)),
    Check("collation", look_at_collation, "safe", needs=("database",)),
)
