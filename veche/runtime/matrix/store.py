"""SQL of what we know of rooms: who is in them, and when we last looked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.ids import RoomId, UserId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.runtime.database import Cursor

CLOCK_SKEW_MS: Final = 5_000
"""How far the clocks of two replicas may be apart."""


@attrs.frozen
class Member:
    """Somebody's membership, as the homeserver tells it."""

    user_id: UserId
    membership: str
    event_id: str | None


def readers(txn: Cursor, room_id: RoomId) -> list[tuple[UserId, str]]:
    """List those in a room or invited, with ``join`` or ``invite``; our bots too."""
    txn.execute(
        "SELECT user_id, membership FROM runtime.room_member"
        " WHERE room_id = %s AND membership IN ('join', 'invite')",
        (room_id,),
    )
    return [(UserId(user_id), membership) for user_id, membership in txn.fetchall()]


def bots_in(txn: Cursor, room_id: RoomId) -> list[UserId]:
    """Which of our bots are in a room."""
    txn.execute(
        "SELECT b.bot FROM runtime.room_bot AS b JOIN runtime.room_member AS m"
        " ON m.room_id = b.room_id AND m.user_id = b.bot AND m.membership = 'join'"
        " WHERE b.room_id = %s ORDER BY b.bot",
        (room_id,),
    )
    return [UserId(bot) for (bot,) in txn.fetchall()]


def begin_look(txn: Cursor, room_id: RoomId) -> int:
    """How many changes of the room were seen before a look at it."""
    txn.execute(
        "INSERT INTO runtime.room AS r (room_id) VALUES (%s)"
        " ON CONFLICT (room_id) DO UPDATE SET changes = r.changes RETURNING changes",
        (room_id,),
    )
    [(changes,)] = txn.fetchall()
    return int(changes)


def end_look(
    txn: Cursor, room_id: RoomId, members: Sequence[Member], looked_at_ms: int, changes: int
) -> bool:
    """Store what a look brought; False if it was overtaken by events and must be made again.

    Args:
        txn: One transaction for all of it.
        room_id: The room.
        members: All but those who left, and but our own bots.
        looked_at_ms: When the first request of the look was made.
        changes: From ``begin_look``.
    """
    txn.execute(
        "UPDATE runtime.room SET looked_at_ms = %s WHERE room_id = %s AND changes = %s",
        (looked_at_ms, room_id, changes),
    )
    if txn.rowcount != 1:
        return False
    values = {
        "room": room_id,
        "users": [member.user_id for member in members],
        "memberships": [member.membership for member in members],
        "events": [member.event_id for member in members],
    }
    txn.execute(
        "INSERT INTO runtime.room_member (room_id, user_id, membership, event_id)"
        " SELECT %(room)s, * FROM unnest(%(users)s::text[], %(memberships)s::text[],"
        " %(events)s::text[]) ON CONFLICT (room_id, user_id) DO UPDATE"
        " SET membership = EXCLUDED.membership, event_id = EXCLUDED.event_id",
        values,
    )
    # Whoever is not in the answer left. Their last event stays: an older one that comes late is
    # seen not to follow it.
    txn.execute(
        "UPDATE runtime.room_member SET membership = 'leave'"
        " WHERE room_id = %(room)s AND membership <> 'leave' AND user_id <> ALL(%(users)s)"
        " AND user_id NOT IN (SELECT bot FROM runtime.room_bot WHERE room_id = %(room)s)",
        values,
    )
    return True


def note_member(txn: Cursor, room_id: RoomId, member: Member, replaces: str | None) -> bool:
    """Apply a member event; False if it does not follow what is known, so that one has to look.

    Args:
        txn: Of the worker.
        room_id: The room.
        member: What the event says.
        replaces: Id of the state event before it, None if there was none.
    """
    txn.execute(
        "INSERT INTO runtime.room_member AS m (room_id, user_id, membership, event_id)"
        " VALUES (%(room)s, %(user)s, %(membership)s, %(event)s)"
        " ON CONFLICT (room_id, user_id) DO UPDATE"
        " SET membership = EXCLUDED.membership, event_id = EXCLUDED.event_id"
        " WHERE m.event_id IS NOT DISTINCT FROM %(replaces)s OR m.event_id = %(event)s",
        {
            "room": room_id,
            "user": member.user_id,
            "membership": member.membership,
            "event": member.event_id,
            "replaces": replaces,
        },
    )
    is_applied = txn.rowcount == 1
    txn.execute("UPDATE runtime.room SET changes = changes + 1 WHERE room_id = %s", (room_id,))
    return is_applied


def expect_member(txn: Cursor, room_id: RoomId, user_id: UserId, membership: str) -> None:
    """Count with a member event of ours that is about to be sent.

    What is sealed after it in the same breath must be readable for who is invited, and not for who
    is removed. The event itself sets it right when it comes back. Into a room that the bot closed
    it lets in whom it invites, and nobody else.
    """
    txn.execute(
        "INSERT INTO runtime.room_member AS m (room_id, user_id, membership, is_let_in)"
        " VALUES (%(room)s, %(user)s, %(membership)s, %(membership)s = 'invite')"
        " ON CONFLICT (room_id, user_id) DO UPDATE SET is_let_in = EXCLUDED.is_let_in,"
        " membership = CASE WHEN m.membership = 'join' AND EXCLUDED.membership = 'invite'"
        "  THEN m.membership ELSE EXCLUDED.membership END",
        {"room": room_id, "user": user_id, "membership": membership},
    )
    txn.execute("UPDATE runtime.room SET changes = changes + 1 WHERE room_id = %s", (room_id,))


def close_room(txn: Cursor, room_id: RoomId) -> None:
    """Note that a bot made a room for those alone whom it invites."""
    txn.execute(
        "INSERT INTO runtime.room (room_id, is_closed) VALUES (%s, TRUE)"
        " ON CONFLICT (room_id) DO UPDATE SET is_closed = TRUE",
        (room_id,),
    )


def set_doubtful(txn: Cursor, room_id: RoomId) -> None:
    """Have the room's state read again before anything more is said in it."""
    txn.execute(
        "UPDATE runtime.room SET looked_at_ms = NULL, changes = changes + 1 WHERE room_id = %s",
        (room_id,),
    )


def note_out(txn: Cursor, room_id: RoomId, bot: UserId) -> None:
    """A bot is not in the room, as the homeserver says."""
    txn.execute(
        "UPDATE runtime.room_member SET membership = 'leave' WHERE room_id = %s AND user_id = %s",
        (room_id, bot),
    )


def forget_room(txn: Cursor, room_id: RoomId) -> bool:
    """Drop what is known of a room where no bot of ours is; whether that was so.

    While nobody is there, nothing keeps it current.
    """
    if bots_in(txn, room_id):
        return False
    set_doubtful(txn, room_id)
    txn.execute(
        "DELETE FROM runtime.room_member WHERE room_id = %s"
        " AND user_id NOT IN (SELECT bot FROM runtime.room_bot WHERE room_id = %s)",
        (room_id, room_id),
    )
    return True
