"""SQL of healing: whose turn it is, up to where, and what /sync says of memberships."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from veche.runtime.database.presence import LOCK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.messaging.inbox.events import Row
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor


@attrs.frozen
class HealLease:
    """The right to heal one bot for a while.

    Attributes:
        since: Token up to which nothing is missing, None for a new bot.
    """

    bot: UserId
    since: str | None


def lease_heal(
    txn: Cursor,
    bot: UserId,
    now_ms: int,
    *,
    older_than_ms: int,
    until_ms: int,
    worker: int | None = None,
) -> HealLease | None:
    """Become the one replica that heals a bot, if it was last healed before ``older_than_ms``.

    Args:
        txn: Cursor.
        bot: Which.
        now_ms: UTC.
        older_than_ms: UTC.
        until_ms: When the right ends, if the process does not.
        worker: By what the others see that this process lives; None: they do not.
    """
    txn.execute(
        "UPDATE runtime.bot SET heal_leased_until_ms = %(until)s, heal_worker = %(worker)s"
        " WHERE user_id = %(bot)s AND healed_at_ms <= %(older)s"
        " AND (heal_leased_until_ms <= %(now)s OR (heal_worker IS NOT NULL"
        "  AND heal_worker NOT IN (SELECT runtime.living(%(lock)s))))"
        " RETURNING healed_since",
        {
            "until": until_ms,
            "worker": worker,
            "bot": bot,
            "older": older_than_ms,
            "now": now_ms,
            "lock": LOCK,
        },
    )
    row = txn.fetchone()
    return None if row is None else HealLease(bot, row[0])


def end_heal(txn: Cursor, lease: HealLease, since: str, now_ms: int) -> bool:
    """Store the new token, in the transaction of the rows; False if another was faster."""
    txn.execute(
        "UPDATE runtime.bot SET healed_since = %s, healed_at_ms = %s, heal_leased_until_ms = 0"
        " WHERE user_id = %s AND healed_since IS NOT DISTINCT FROM %s",
        (since, now_ms, lease.bot, lease.since),
    )
    return txn.rowcount == 1


def drop_heal(txn: Cursor, lease: HealLease) -> None:
    """Give the right back without having healed."""
    txn.execute("UPDATE runtime.bot SET heal_leased_until_ms = 0 WHERE user_id = %s", (lease.bot,))


def note_gap(txn: Cursor, room_id: str, bot: UserId, now_ms: int) -> None:
    """Note that more was missed in a room than healing reads."""
    txn.execute(
        "INSERT INTO runtime.room_gap (room_id, bot, found_at_ms) VALUES (%s, %s, %s)"
        " ON CONFLICT (room_id, bot) DO UPDATE SET found_at_ms = EXCLUDED.found_at_ms",
        (room_id, bot, now_ms),
    )


def note_joined(txn: Cursor, bot: UserId, room_ids: Sequence[str]) -> None:
    """Note that a bot is in rooms, as its own /sync says."""
    txn.execute(
        "WITH noted AS (INSERT INTO runtime.room_bot (room_id, bot)"
        " SELECT unnest(%(rooms)s::text[]), %(bot)s ON CONFLICT DO NOTHING)"
        " INSERT INTO runtime.room_member AS m (room_id, user_id, membership)"
        " SELECT unnest(%(rooms)s::text[]), %(bot)s, 'join'"
        " ON CONFLICT (room_id, user_id) DO UPDATE SET membership = 'join'"
        " WHERE m.membership <> 'join'",
        {"rooms": sorted(room_ids), "bot": bot},
    )


def note_invited(txn: Cursor, bot: UserId, invites: Sequence[Row]) -> set[str]:
    """Note the rooms that a bot is invited to, as its own /sync says; those that are news."""
    txn.execute(
        "WITH given AS (SELECT * FROM unnest(%(rooms)s::text[], %(ids)s::text[])"
        "  AS g (room_id, event_id)), noted AS ("
        " INSERT INTO runtime.room_bot (room_id, bot) SELECT room_id, %(bot)s FROM given"
        " ON CONFLICT DO NOTHING)"
        " INSERT INTO runtime.room_member AS m (room_id, user_id, membership, event_id)"
        " SELECT room_id, %(bot)s, 'invite', event_id FROM given ORDER BY room_id"
        " ON CONFLICT (room_id, user_id) DO UPDATE"
        " SET membership = 'invite', event_id = EXCLUDED.event_id"
        " WHERE m.membership <> 'invite' RETURNING room_id",
        {
            "rooms": [row.room_id for row in invites],
            "ids": [row.event_id for row in invites],
            "bot": bot,
        },
    )
    return {room_id for (room_id,) in txn.fetchall()}


def known(txn: Cursor, room_id: str, event_ids: Sequence[str], bot: UserId) -> set[str]:
    """Which of some events the inbox has for a bot, or a bot of ours has sent."""
    txn.execute(
        "SELECT event_id FROM runtime.inbox"
        " WHERE room_id = %(room)s AND bot = %(bot)s AND event_id = ANY(%(ids)s)"
        " UNION ALL SELECT event_id FROM runtime.outbox"
        " WHERE room_id = %(room)s AND event_id = ANY(%(ids)s)",
        {"room": room_id, "bot": bot, "ids": list(event_ids)},
    )
    return {event_id for (event_id,) in txn.fetchall()}
