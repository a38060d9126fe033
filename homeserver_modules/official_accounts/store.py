"""Tables of directories in Synapse's database, and how somebody was called before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.contracts.directory.bundle import Held

if TYPE_CHECKING:
    from synapse.storage.database import LoggingTransaction


def last_name(txn: LoggingTransaction, user_id: str) -> str | None:
    """Return the name in the room that a local person joined, or changed their name in, last."""
    txn.execute(
        "SELECT m.display_name FROM local_current_membership AS c"
        " JOIN room_memberships AS m ON m.event_id = c.event_id"
        " WHERE c.user_id = ? AND c.membership = 'join'"
        " ORDER BY m.event_stream_ordering DESC LIMIT 1",
        (user_id,),
    )
    row = txn.fetchone()
    return None if row is None else row[0]


_ENTRY: Final = """CREATE TABLE IF NOT EXISTS veche_directory_entry (
    log TEXT NOT NULL, idx BIGINT NOT NULL, entry TEXT NOT NULL, PRIMARY KEY (log, idx))"""
_FOLLOWED: Final = """CREATE TABLE IF NOT EXISTS veche_directory_followed (
    log TEXT NOT NULL PRIMARY KEY, size BIGINT NOT NULL, seen_ms BIGINT NOT NULL)"""


def held(txn: LoggingTransaction, log: str) -> Held:
    """Return what is known of a directory; the tables are made at the first call.

    Only the process that runs background tasks calls this: two would make the tables at once.
    """
    for table in (_ENTRY, _FOLLOWED):
        txn.execute(table)
    txn.execute("SELECT size FROM veche_directory_followed WHERE log = ?", (log,))
    row = txn.fetchone()
    return Held(tuple(text for _, text in entries(txn, log, 0)), 0 if row is None else row[0])


def keep(txn: LoggingTransaction, log: str, old: Held, new: Held, now_ms: int) -> None:
    """Keep what is new of a directory, and that it was heard of."""
    for idx, text in enumerate(new.entries[len(old.entries) :], len(old.entries)):
        txn.execute("INSERT INTO veche_directory_entry VALUES (?, ?, ?)", (log, idx, text))
    txn.execute(
        "INSERT INTO veche_directory_followed VALUES (?, ?, ?) ON CONFLICT (log) DO UPDATE"
        " SET size = excluded.size, seen_ms = excluded.seen_ms",
        (log, new.size, now_ms),
    )


def entries(txn: LoggingTransaction, log: str, place: int) -> list[tuple[int, str]]:
    """Return places and texts of the entries of a directory from a place on."""
    txn.execute(
        "SELECT idx, entry FROM veche_directory_entry WHERE log = ? AND idx >= ? ORDER BY idx",
        (log, place),
    )
    return [(idx, text) for idx, text in txn.fetchall()]


def seen_ms(txn: LoggingTransaction, log: str) -> int | None:
    """Return when a directory was heard of last, UTC; None: never."""
    txn.execute("SELECT seen_ms FROM veche_directory_followed WHERE log = ?", (log,))
    row = txn.fetchone()
    return None if row is None else int(row[0])
