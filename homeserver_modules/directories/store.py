"""SQL of the directories that are followed, in Synapse's own database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.contracts.directory.bundle import Held

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synapse.storage.database import LoggingTransaction

_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS veche_directory_entry (
        log TEXT NOT NULL, idx BIGINT NOT NULL, entry TEXT NOT NULL, PRIMARY KEY (log, idx))""",
    """CREATE TABLE IF NOT EXISTS veche_directory_followed (
        log TEXT NOT NULL PRIMARY KEY, size BIGINT NOT NULL, seen_ms BIGINT NOT NULL)""",
)


def held(txn: LoggingTransaction, log: str) -> tuple[Held, int]:
    """Return what is kept of a directory and when it was heard of; the tables are made.

    Only the process that runs background tasks calls this: two would make the tables at once.
    """
    for table in _TABLES:
        txn.execute(table)
    size, seen_ms = _followed(txn, log)
    return Held(_entries(txn, log, 0), size), seen_ms


def keep(txn: LoggingTransaction, log: str, old: Held, new: Held, seen_ms: int) -> None:
    """Keep what is new of a directory, and when it was heard of."""
    for idx, text in enumerate(new.entries[len(old.entries) :], len(old.entries)):
        txn.execute("INSERT INTO veche_directory_entry VALUES (?, ?, ?)", (log, idx, text))
    txn.execute(
        "INSERT INTO veche_directory_followed VALUES (?, ?, ?) ON CONFLICT (log) DO UPDATE"
        " SET size = excluded.size, seen_ms = excluded.seen_ms",
        (log, new.size, seen_ms),
    )


def news(
    txn: LoggingTransaction, places: Mapping[str, int]
) -> dict[str, tuple[tuple[str, ...], int]]:
    """Return of each directory its entries from a place on, and when it was heard of; 0: never."""
    return {
        log: (_entries(txn, log, place), _followed(txn, log)[1]) for log, place in places.items()
    }


def _followed(txn: LoggingTransaction, log: str) -> tuple[int, int]:
    txn.execute("SELECT size, seen_ms FROM veche_directory_followed WHERE log = ?", (log,))
    row = txn.fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def _entries(txn: LoggingTransaction, log: str, place: int) -> tuple[str, ...]:
    txn.execute(
        "SELECT entry FROM veche_directory_entry WHERE log = ? AND idx >= ? ORDER BY idx",
        (log, place),
    )
    return tuple(text for (text,) in txn.fetchall())
