"""SQL of the directories that are followed, in Synapse's own database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from synapse.storage.database import LoggingTransaction

    from veche.contracts.directory.bundle import Held

_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS veche_followed_directory (
        log TEXT PRIMARY KEY, held BIGINT NOT NULL, size BIGINT NOT NULL,
        entries TEXT NOT NULL, seen_ms BIGINT NOT NULL)"""
_KEEP: Final = """
    INSERT INTO veche_followed_directory (log, held, size, entries, seen_ms)
    VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (log) DO UPDATE SET held = EXCLUDED.held, size = EXCLUDED.size,
        entries = EXCLUDED.entries, seen_ms = EXCLUDED.seen_ms
    WHERE veche_followed_directory.held <= EXCLUDED.held"""


@attrs.frozen
class Kept:
    """How much of a directory there is.

    Attributes:
        held: Entries that are kept.
        size: Entries of the newest head that was seen.
        seen_ms: When the directory was last asked, and had nothing more; UTC.
    """

    held: int = 0
    size: int = 0
    seen_ms: int = 0


def make_table(txn: LoggingTransaction) -> None:
    """Make the table; of the process for background work alone."""
    txn.execute(_TABLE)


def kept(txn: LoggingTransaction, log: str) -> Kept:
    """How much there is."""
    txn.execute("SELECT held, size, seen_ms FROM veche_followed_directory WHERE log = ?", (log,))
    row = txn.fetchone()
    return Kept(*row) if row else Kept()


def entries(txn: LoggingTransaction, log: str) -> tuple[str, ...]:
    """All entries, from the first on."""
    txn.execute("SELECT entries FROM veche_followed_directory WHERE log = ?", (log,))
    row = txn.fetchone()
    return tuple(json.loads(row[0])) if row else ()


def keep(txn: LoggingTransaction, log: str, held: Held, seen_ms: int) -> None:
    """Keep what was proven."""
    text = json.dumps(held.entries)
    txn.execute(_KEEP, (log, len(held.entries), held.size, text, seen_ms))


def saw(txn: LoggingTransaction, log: str, size: int, seen_ms: int) -> None:
    """Note that a directory was asked and had no new entry."""
    txn.execute(
        "UPDATE veche_followed_directory SET size = ?, seen_ms = ? WHERE log = ?",
        (size, seen_ms, log),
    )
