"""SQL of directories: their entries, the tree over those of ours, and how far we follow others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.acts.head_store import TableTree
from veche.bots import Chats

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.runtime.database import Cursor

CHATS: Final = Chats("acts")
CHANNEL: Final = "veche_directory"
"""Where processes hear that a directory has a new entry."""
NOTICES_KEPT_MS: Final = 100 * 86_400_000
"""How long it is known of what people were told: longer than the homeserver keeps that."""


class DirectoryTree(TableTree):
    """The entries of our directory as a tree."""

    tables = ("acts.entry", "acts.tree_node", "acts.checkpoint", "log")
    entries = "entries"

    def __init__(self, log: str) -> None:
        """Make it; it keeps nothing.

        Args:
            log: Name of the log, in its first history.
        """
        name = f"the directory {log}"
        super().__init__(log, name, name)


def entries(txn: Cursor, log: str, place: int, limit: int | None = None) -> list[tuple[int, str]]:
    """Places and texts of the entries of a directory from a place on."""
    txn.execute(
        "SELECT idx, entry FROM acts.entry WHERE log = %s AND idx >= %s ORDER BY idx LIMIT %s",
        (log, place, limit),
    )
    return [(idx, text) for idx, text in txn.fetchall()]


def add(txn: Cursor, log: str, place: int, texts: Sequence[str]) -> None:
    """Add entries to a directory; whoever follows it in this database hears of them."""
    for at, text in enumerate(texts, place):
        txn.execute("INSERT INTO acts.entry (log, idx, entry) VALUES (%s, %s, %s)", (log, at, text))
    txn.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


def followed(txn: Cursor, log: str) -> int:
    """How many entries the newest head has that was seen of a directory of others."""
    txn.execute("SELECT size FROM acts.followed WHERE log = %s", (log,))
    row = txn.fetchone()
    return int(row[0]) if row else 0


def follow(txn: Cursor, log: str, size: int, now_ms: int) -> None:
    """Keep that a directory of others was heard of, and is well."""
    txn.execute(
        "INSERT INTO acts.followed (log, size, seen_at_ms) VALUES (%s, %s, %s)"
        " ON CONFLICT (log) DO UPDATE SET size = EXCLUDED.size, seen_at_ms = EXCLUDED.seen_at_ms,"
        " why = NULL",
        (log, size, now_ms),
    )


def doubt(txn: Cursor, log: str, why: str) -> None:
    """Keep what is wrong with a directory of others."""
    txn.execute(
        "INSERT INTO acts.followed (log, size, seen_at_ms, why) VALUES (%s, 0, 0, %s)"
        " ON CONFLICT (log) DO UPDATE SET why = EXCLUDED.why",
        (log, why),
    )


def without_badge(txn: Cursor, entries: Mapping[str, int], limit: int) -> list[tuple[str, str]]:
    """Rooms of bots whose state has not the proof of their entry yet, with the bot."""
    txn.execute(
        "SELECT room_id, bot FROM runtime.room_bot"
        " JOIN runtime.room_member AS m USING (room_id)"
        " JOIN unnest(%s::text[], %s::bigint[]) AS wanted (bot, entry) USING (bot)"
        " WHERE m.user_id = bot AND m.membership = 'join' AND NOT EXISTS (SELECT FROM acts.badge"
        "  WHERE badge.room_id = room_bot.room_id AND badge.bot = room_bot.bot"
        "  AND badge.entry = wanted.entry) LIMIT %s",
        ([*entries], [*entries.values()], limit),
    )
    return [(room_id, bot) for room_id, bot in txn.fetchall()]


def keep_badge(txn: Cursor, room_id: str, bot: str, entry: int) -> bool:
    """Keep which entry a room's state has; whether it is the first."""
    txn.execute(
        "INSERT INTO acts.badge AS b (room_id, bot, entry) VALUES (%s, %s, %s)"
        " ON CONFLICT (room_id, bot) DO UPDATE SET entry = EXCLUDED.entry RETURNING xmax = 0",
        (room_id, bot, entry),
    )
    [(is_first,)] = txn.fetchall()
    return bool(is_first)


def master_keys(txn: Cursor, accounts: Sequence[str]) -> dict[str, str]:
    """Public master keys of bots of this database that are published, by their accounts."""
    txn.execute(
        "SELECT user_id, master_key FROM crypto.identity"
        " WHERE user_id = ANY(%s) AND published_at_ms IS NOT NULL",
        (list(accounts),),
    )
    return dict(txn.fetchall())


def keep_notice(txn: Cursor, id_: str, now_ms: int) -> bool:
    """Keep that somebody is told of something; whether it is new. Old ones are forgotten."""
    txn.execute("DELETE FROM acts.notice WHERE at_ms < %s", (now_ms - NOTICES_KEPT_MS,))
    txn.execute(
        "INSERT INTO acts.notice (id, at_ms) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING 1",
        (id_, now_ms),
    )
    return txn.fetchone() is not None
