"""Rows of rooms: their settings, our outbound sessions, who has them, and what waits to be sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import attrs
from psycopg2.extras import execute_values

from veche.runtime.crypto.core.rotation import AGE_MS_MAX, MESSAGES_MAX, Limits
from veche.runtime.crypto.core.trust import IdentityView
from veche.runtime.crypto.core.values import Json, PeerDevice

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from veche.runtime.database import Cursor

HISTORY_DEFAULT = "shared"


@attrs.define
class SealingRow:
    """The facts that sealing needs first, read by the statement that checks the epoch.

    Attributes:
        session_id: Of our outbound session; None without one.
        message_count: Messages that it sealed, as committed.
        readers: Digest of who may read and of which keys of theirs we know.
    """

    session_id: str | None
    message_count: int
    created_at_ms: int
    is_encrypted: bool
    limits: Limits
    history_visibility: str
    readers: str


@attrs.frozen
class Reader:
    """A member who may read what is sent now.

    Attributes:
        is_invited: Not joined yet: news of such devices never reaches us.
        is_fresh: Whether the keys were asked for since the last news.
    """

    user_id: str
    is_invited: bool
    is_fresh: bool
    identity: IdentityView
    devices: tuple[PeerDevice, ...]


@attrs.frozen
class Shared:
    """A device that got, or was refused, the present session."""

    user_id: str
    device_id: str
    curve25519: str
    first_index: int | None
    withheld_code: str | None


@attrs.frozen
class Unreadable:
    """A room event whose key did not come in time."""

    room_id: str
    event_id: str
    sender: str
    session_id: str


@attrs.frozen
class ToDeviceRow:
    """A request that waits to be sent to devices."""

    txn_id: str
    event_type: str
    messages: Json


_SEALING: Final = """
SELECT o.session_id, o.message_count, o.created_at_ms, r.is_encrypted, r.rotation_ms,
    r.rotation_messages, r.history_visibility,
    (SELECT md5(coalesce(string_agg(concat_ws(' ', m.user_id, m.membership, m.is_let_in,
        p.outdated_seq,
        p.queried_seq), ',' ORDER BY m.user_id), ''))
    FROM runtime.room_member m LEFT JOIN crypto.person p ON p.user_id = m.user_id
    WHERE m.room_id = %(room)s AND m.membership IN ('join', 'invite')) AS digest
FROM crypto.device d
    LEFT JOIN crypto.room_key_out o ON o.device_no = d.device_no AND o.room_id = %(room)s
    LEFT JOIN crypto.room r ON r.room_id = %(room)s
WHERE d.device_no = %(no)s AND d.writer_epoch = %(epoch)s AND d.retired_at_ms IS NULL
FOR NO KEY UPDATE OF d"""
_SEALING_NOW: Final = _SEALING + " SKIP LOCKED"
_DEMAND_SEALING: Final = f"""
SELECT runtime.demand((SELECT is_encrypted AND session_id = %(session)s
    AND (rotation_ms, rotation_messages) = (%(rotation_ms)s, %(rotation_messages)s)
    AND digest = %(readers)s FROM ({_SEALING_NOW}) AS s), 'the session is not settled')"""  # noqa: S608 -- of constants


def sealing_row(
    txn: Cursor, device_no: int, epoch: int, room_id: str, *, waits: bool = True
) -> SealingRow | None:
    """The row, its device locked until the transaction ends; None if the epoch is over.

    Or, unless it ``waits``, if another transaction has the device.
    """
    txn.execute(
        _SEALING if waits else _SEALING_NOW, {"room": room_id, "no": device_no, "epoch": epoch}
    )
    row = txn.fetchone()
    if row is None:
        return None
    limits = Limits() if row[4] is None else Limits(row[4], row[5])
    visibility = row[6] or HISTORY_DEFAULT
    return SealingRow(row[0], row[1] or 0, row[2] or 0, bool(row[3]), limits, visibility, row[7])


def demand_sealing(
    txn: Cursor, device_no: int, epoch: int, room_id: str, settled: SealingRow
) -> None:
    """Have the transaction run again unless a row is as it was, but for its count of messages.

    The device is locked; a transaction that would have to wait for it runs again too.
    """
    txn.later(
        _DEMAND_SEALING,
        {
            "room": room_id,
            "no": device_no,
            "epoch": epoch,
            "session": settled.session_id,
            "rotation_ms": settled.limits.rotation_ms,
            "rotation_messages": settled.limits.rotation_messages,
            "readers": settled.readers,
        },
    )


def is_closed(txn: Cursor, room_id: str) -> bool:
    """Return whether a bot made a room for its invited people alone."""
    txn.execute("SELECT FROM runtime.room WHERE room_id = %s AND is_closed", (room_id,))
    return txn.rowcount == 1


def readers_of(txn: Cursor, room_id: str, own_user_id: str) -> list[Reader]:
    """List those who may read messages to a room now, with their devices as last asked.

    Into a room that the bot made for certain people, whoever else came in reads nothing.
    """
    txn.execute(
        "SELECT m.user_id, m.membership = 'invite', coalesce(p.queried_seq >= p.outdated_seq,"
        " FALSE), p.master_key, p.master_pinned,"
        " p.pinned_at_ms IS NOT NULL AND p.master_pinned IS NULL,"
        " pd.device_id, pd.curve25519, pd.ed25519, pd.is_cross_signed, o.user_id IS NOT NULL"
        " FROM runtime.room_member m"
        " LEFT JOIN runtime.room k ON k.room_id = m.room_id"
        " LEFT JOIN crypto.room r ON r.room_id = m.room_id"
        " LEFT JOIN crypto.person p ON p.user_id = m.user_id"
        " LEFT JOIN crypto.person_device pd ON pd.user_id = m.user_id"
        " LEFT JOIN crypto.pinned_device o ON (o.user_id, o.device_id, o.curve25519, o.ed25519)"
        "  = (pd.user_id, pd.device_id, pd.curve25519, pd.ed25519)"
        " WHERE m.room_id = %s AND m.user_id <> %s AND (m.membership = 'join'"
        "  OR m.membership = 'invite' AND r.history_visibility IS DISTINCT FROM 'joined')"
        " AND (m.is_let_in OR k.is_closed IS NOT TRUE)"
        " ORDER BY m.user_id, pd.device_id",
        (room_id, own_user_id),
    )
    devices: dict[tuple[str, bool, bool, IdentityView], list[PeerDevice]] = {}
    for row in txn.fetchall():
        of_person = devices.setdefault((*row[:3], IdentityView(*row[3:6])), [])
        if row[6] is not None:
            of_person.append(PeerDevice(row[0], *row[6:]))
    return [Reader(*person, tuple(own)) for person, own in devices.items()]


def outbound_pickle(txn: Cursor, device_no: int, room_id: str) -> tuple[str, str, int] | None:
    """Session id, pickle and message count of our session in a room."""
    txn.execute(
        "SELECT session_id, pickle, message_count FROM crypto.room_key_out"
        " WHERE device_no = %s AND room_id = %s",
        (device_no, room_id),
    )
    row = txn.fetchone()
    return (row[0], row[1], row[2]) if row else None


def replace_outbound(
    txn: Cursor, device_no: int, room_id: str, session_id: str, pickle: str, now_ms: int
) -> None:
    """Store a new session in a room; the one before, and who had it, are forgotten."""
    txn.execute(
        "DELETE FROM crypto.room_key_shared"
        " WHERE device_no = %s AND room_id = %s AND session_id <> %s",
        (device_no, room_id, session_id),
    )
    txn.execute(
        "INSERT INTO crypto.room_key_out"
        " (device_no, room_id, session_id, pickle, message_count, created_at_ms)"
        " VALUES (%s, %s, %s, %s, 0, %s) ON CONFLICT (device_no, room_id) DO UPDATE SET"
        " session_id = EXCLUDED.session_id, pickle = EXCLUDED.pickle, message_count = 0,"
        " created_at_ms = EXCLUDED.created_at_ms",
        (device_no, room_id, session_id, pickle, now_ms),
    )


def save_outbound(
    txn: Cursor, device_no: int, room_id: str, session_id: str, pickle: str, message_count: int
) -> None:
    """Store a session that sealed a message; the transaction runs again if it was dropped."""
    txn.later(
        "WITH saved AS (UPDATE crypto.room_key_out SET pickle = %s, message_count = %s"
        " WHERE device_no = %s AND room_id = %s AND session_id = %s AND message_count = %s"
        " RETURNING 1)"
        " SELECT runtime.demand(EXISTS (SELECT FROM saved), 'the session was dropped')",
        (pickle, message_count, device_no, room_id, session_id, message_count - 1),
    )


def shared_with(txn: Cursor, device_no: int, room_id: str, session_id: str) -> list[Shared]:
    """The devices that got, or were refused, a session of ours."""
    txn.execute(
        "SELECT user_id, device_id, curve25519, first_index, withheld_code"
        " FROM crypto.room_key_shared WHERE device_no = %s AND room_id = %s AND session_id = %s",
        (device_no, room_id, session_id),
    )
    return [Shared(*row) for row in txn.fetchall()]


def save_shared(
    txn: Cursor, device_no: int, room_id: str, session_id: str, rows: Sequence[Shared]
) -> None:
    """Note to whom a session was given, or refused and why."""
    if rows:
        execute_values(
            txn,
            "INSERT INTO crypto.room_key_shared (device_no, room_id, session_id, user_id,"
            " device_id, curve25519, first_index, withheld_code) VALUES %s"
            " ON CONFLICT (device_no, room_id, session_id, user_id, device_id) DO UPDATE SET"
            " curve25519 = EXCLUDED.curve25519, first_index = EXCLUDED.first_index,"
            " withheld_code = EXCLUDED.withheld_code",
            [(device_no, room_id, session_id, *attrs.astuple(row)) for row in rows],
        )


def drop_sessions_shared_with(txn: Cursor, user_id: str) -> None:
    """Drop every outbound session that a person has: the next message makes a new one."""
    txn.execute(
        "DELETE FROM crypto.room_key_out o WHERE EXISTS (SELECT 1 FROM crypto.room_key_shared s"
        " WHERE s.device_no = o.device_no AND s.room_id = o.room_id"
        " AND s.session_id = o.session_id AND s.user_id = %s AND s.first_index IS NOT NULL)",
        (user_id,),
    )


def drop_sessions_in(txn: Cursor, room_id: str) -> None:
    """Drop our outbound sessions in a room."""
    txn.execute("DELETE FROM crypto.room_key_out WHERE room_id = %s", (room_id,))


def is_encrypted(txn: Cursor, room_id: str) -> bool:
    """Return whether the room was ever encrypted."""
    txn.execute("SELECT is_encrypted FROM crypto.room WHERE room_id = %s", (room_id,))
    row = txn.fetchone()
    return bool(row and row[0])


def demand_plain(txn: Cursor, room_id: str) -> None:
    """Have the transaction run again if the room is encrypted."""
    txn.later(
        "SELECT runtime.demand(NOT EXISTS (SELECT FROM crypto.room"
        " WHERE room_id = %s AND is_encrypted), 'the room is encrypted')",
        (room_id,),
    )


def pin_encrypted(txn: Cursor, room_id: str, limits: Limits) -> None:
    """Note that the room is encrypted, for ever; the limits are those of the last setting."""
    txn.execute(
        "INSERT INTO crypto.room AS r"
        " (room_id, is_encrypted, rotation_ms, rotation_messages, history_visibility)"
        " VALUES (%s, TRUE, %s, %s, %s) ON CONFLICT (room_id) DO UPDATE SET is_encrypted = TRUE,"
        " rotation_ms = EXCLUDED.rotation_ms, rotation_messages = EXCLUDED.rotation_messages",
        (room_id, limits.rotation_ms, limits.rotation_messages, HISTORY_DEFAULT),
    )


def set_history_visibility(txn: Cursor, room_id: str, visibility: str) -> bool:
    """Store who may read what was said before; True if that changed."""
    txn.execute(
        "INSERT INTO crypto.room AS r"
        " (room_id, is_encrypted, rotation_ms, rotation_messages, history_visibility)"
        " VALUES (%s, FALSE, %s, %s, %s) ON CONFLICT (room_id) DO UPDATE"
        " SET history_visibility = EXCLUDED.history_visibility"
        " WHERE r.history_visibility <> EXCLUDED.history_visibility",
        (room_id, AGE_MS_MAX, MESSAGES_MAX, visibility),
    )
    return txn.rowcount == 1


def add_to_device(
    txn: Cursor, device_no: int, room_id: str | None, rows: Sequence[ToDeviceRow]
) -> None:
    """Queue requests to devices; they go before the next event of the room."""
    execute_values(
        txn,
        "INSERT INTO crypto.to_device_out (txn_id, device_no, room_id, event_type, messages)"
        " VALUES %s",
        [
            (row.txn_id, device_no, room_id, row.event_type, json.dumps(row.messages))
            for row in rows
        ],
    )


def waiting_to_device(
    txn: Cursor, device_no: int, room_id: str | None, rows_max: int
) -> list[ToDeviceRow]:
    """Requests that wait, keys of a room or (None) those that belong to no room."""
    txn.execute(
        "SELECT txn_id, event_type, messages FROM crypto.to_device_out"
        " WHERE device_no = %s AND room_id IS NOT DISTINCT FROM %s LIMIT %s",
        (device_no, room_id, rows_max),
    )
    return [ToDeviceRow(*row) for row in txn.fetchall()]


def rooms_with_waiting(txn: Cursor, device_no: int) -> set[str | None]:
    """Where requests wait."""
    txn.execute(
        "SELECT DISTINCT room_id FROM crypto.to_device_out WHERE device_no = %s", (device_no,)
    )
    return {row[0] for row in txn.fetchall()}


def drop_to_device(txn: Cursor, txn_ids: Collection[str]) -> None:
    """Forget requests that were sent, or never can be."""
    txn.execute("DELETE FROM crypto.to_device_out WHERE txn_id = ANY(%s)", (list(txn_ids),))


def count_attempt(txn: Cursor, txn_id: str) -> int:
    """Count a failed attempt; returns how many there were."""
    txn.execute(
        "UPDATE crypto.to_device_out SET attempts = attempts + 1 WHERE txn_id = %s"
        " RETURNING attempts",
        (txn_id,),
    )
    row = txn.fetchone()
    return int(row[0]) if row else 0


def is_unwedged(txn: Cursor, device_no: int, device: PeerDevice, since_ms: int) -> bool:
    """Return whether an ``m.dummy`` went to a device after a moment."""
    txn.execute(
        "SELECT 1 FROM crypto.unwedged"
        " WHERE device_no = %s AND user_id = %s AND device_id = %s AND at_ms > %s",
        (device_no, device.user_id, device.device_id, since_ms),
    )
    return txn.fetchone() is not None


def note_unwedged(txn: Cursor, device_no: int, devices: Sequence[PeerDevice], now_ms: int) -> None:
    """Note that an ``m.dummy`` goes to each of some devices."""
    txn.execute(
        "INSERT INTO crypto.unwedged (device_no, user_id, device_id, at_ms)"
        " SELECT %s, user_id, device_id, %s"
        " FROM unnest(%s::text[], %s::text[]) AS g (user_id, device_id)"
        " ON CONFLICT (device_no, user_id, device_id) DO UPDATE SET at_ms = EXCLUDED.at_ms",
        (device_no, now_ms, [one.user_id for one in devices], [one.device_id for one in devices]),
    )


def add_unreadable(txn: Cursor, bot: str, event: Unreadable, now_ms: int) -> None:
    """Note an event whose key did not come in time, for the bot's writer."""
    txn.execute(
        "INSERT INTO crypto.unreadable (bot, event_id, room_id, sender, session_id, noted_at_ms)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (bot, event_id) DO NOTHING",
        (bot, event.event_id, event.room_id, event.sender, event.session_id, now_ms),
    )


def unreadable(txn: Cursor, bot: str, rows_max: int) -> list[Unreadable]:
    """Events that were noted, oldest first."""
    txn.execute(
        "SELECT room_id, event_id, sender, session_id FROM crypto.unreadable WHERE bot = %s"
        " ORDER BY noted_at_ms, event_id LIMIT %s",
        (bot, rows_max),
    )
    return [Unreadable(*row) for row in txn.fetchall()]


def drop_readable(txn: Cursor, bot: str, device_no: int) -> None:
    """Forget events whose room key came after they were noted."""
    txn.execute(
        "DELETE FROM crypto.unreadable AS u USING crypto.room_key_in AS k WHERE u.bot = %s"
        " AND k.device_no = %s AND k.room_id = u.room_id AND k.session_id = u.session_id"
        " AND k.received_at_ms >= u.noted_at_ms",
        (bot, device_no),
    )


def drop_unreadable(txn: Cursor, bot: str, event_ids: Collection[str]) -> None:
    """Forget events that were told of."""
    txn.execute(
        "DELETE FROM crypto.unreadable WHERE bot = %s AND event_id = ANY(%s)",
        (bot, list(event_ids)),
    )
