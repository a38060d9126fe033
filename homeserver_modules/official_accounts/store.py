"""SQL of names and invitations: what somebody was called, how often they invite, who is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from synapse.storage.database import LoggingTransaction

TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS veche_invite_count (
        inviter TEXT NOT NULL, hour BIGINT NOT NULL, invites BIGINT NOT NULL,
        PRIMARY KEY (inviter, hour))""",
    """CREATE TABLE IF NOT EXISTS veche_refused_invite (
        at_ms BIGINT NOT NULL, inviter TEXT NOT NULL, invitee TEXT NOT NULL,
        room_id TEXT NOT NULL, rule TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS veche_refused_invite_at ON veche_refused_invite (at_ms)",
)


def count(txn: LoggingTransaction, inviter: str, hour: int) -> int:
    """Count one more invitation in an hour since 1970; how many there are now."""
    txn.execute(
        "INSERT INTO veche_invite_count (inviter, hour, invites) VALUES (?, ?, 1)"
        " ON CONFLICT (inviter, hour)"
        " DO UPDATE SET invites = veche_invite_count.invites + 1",
        (inviter, hour),
    )
    txn.execute(
        "SELECT invites FROM veche_invite_count WHERE inviter = ? AND hour = ?", (inviter, hour)
    )
    row = txn.fetchone()
    return int(row[0]) if row else 0


def keep(txn: LoggingTransaction, at_ms: int, *refused: str) -> None:
    """Put a refusal on record.

    Args:
        txn: The transaction.
        at_ms: When, UTC.
        refused: Who invited, whom, into which room; and the rule.
    """
    txn.execute(
        "INSERT INTO veche_refused_invite (at_ms, inviter, invitee, room_id, rule)"
        " VALUES (?, ?, ?, ?, ?)",
        (at_ms, *refused),
    )


def tidy(txn: LoggingTransaction, hour: int, before_ms: int) -> None:
    """Forget the counts of hours before one, and refusals before a moment."""
    txn.execute("DELETE FROM veche_invite_count WHERE hour < ?", (hour,))
    txn.execute("DELETE FROM veche_refused_invite WHERE at_ms < ?", (before_ms,))


def display_names(txn: LoggingTransaction) -> list[tuple[str, str]]:
    """Return each person of this server who has a display name, with it."""
    txn.execute("SELECT full_user_id, displayname FROM profiles WHERE displayname <> ''")
    return txn.fetchall()


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
