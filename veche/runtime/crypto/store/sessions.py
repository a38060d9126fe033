"""Rows of sessions: Olm with devices, Megolm of others, and which messages were seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from psycopg2 import sql
from psycopg2.extras import execute_values

from veche.runtime.crypto.core.trust import IdentityView
from veche.runtime.crypto.core.values import OLM_SESSIONS_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from veche.runtime.crypto.core.olm import RoomKey
    from veche.runtime.database import Cursor


@attrs.frozen
class OlmRow:
    """A session with a device; ``pickle`` as stored."""

    peer_curve25519: str
    session_id: str
    pickle: str
    received_at_ms: int


@attrs.frozen
class OpeningRow:
    """Everything that opening one room event needs, read by one statement.

    Attributes:
        pickle: Of the inbound session.
        sender: Who gave the session.
        is_fresh: Whether the sender's keys were asked for since the last news of them.
        identity: Of the sender.
        is_cross_signed: Of the sender's device with just these two keys; None if there is none.
        is_pinned: Of that device.
        seen_with: The event that came with the message index before; None if none did.
    """

    device_no: int
    device_id: str
    pickled_under: str
    pickle: str
    sender: str
    sender_curve25519: str
    sender_ed25519: str
    is_fresh: bool
    identity: IdentityView
    is_cross_signed: bool | None
    is_pinned: bool
    seen_with: str | None


def olm_sessions(txn: Cursor, device_no: int, peer_curve25519: str) -> list[OlmRow]:
    """The sessions with a device, the one that last received first."""
    txn.execute(
        "SELECT peer_curve25519, session_id, pickle, received_at_ms FROM crypto.olm_session"
        " WHERE device_no = %s AND peer_curve25519 = %s"
        " ORDER BY received_at_ms DESC, session_id",
        (device_no, peer_curve25519),
    )
    return [OlmRow(*row) for row in txn.fetchall()]


def newest_olm_sessions(txn: Cursor, device_no: int, peers: Collection[str]) -> dict[str, OlmRow]:
    """The session to send with, by Curve25519 of the device; those without one are absent."""
    txn.execute(
        "SELECT DISTINCT ON (peer_curve25519) peer_curve25519, session_id, pickle, received_at_ms"
        " FROM crypto.olm_session WHERE device_no = %s AND peer_curve25519 = ANY(%s)"
        " ORDER BY peer_curve25519, received_at_ms DESC, session_id",
        (device_no, list(peers)),
    )
    return {row[0]: OlmRow(*row) for row in txn.fetchall()}


def save_olm_session(txn: Cursor, device_no: int, row: OlmRow) -> None:
    """Store a session that received or is new; of too many, the one silent for longest goes."""
    save_olm_sessions(txn, device_no, [row])
    txn.execute(
        "DELETE FROM crypto.olm_session WHERE device_no = %(no)s AND peer_curve25519 = %(peer)s"
        " AND session_id IN (SELECT session_id FROM crypto.olm_session"
        "  WHERE device_no = %(no)s AND peer_curve25519 = %(peer)s"
        "  ORDER BY received_at_ms DESC, session_id = %(kept)s DESC OFFSET %(most)s)",
        {
            "no": device_no,
            "peer": row.peer_curve25519,
            "kept": row.session_id,
            "most": OLM_SESSIONS_MAX,
        },
    )


def save_olm_sessions(txn: Cursor, device_no: int, rows: Sequence[OlmRow]) -> None:
    """Store sessions that sent."""
    execute_values(
        txn,
        "INSERT INTO crypto.olm_session"
        " (device_no, peer_curve25519, session_id, pickle, received_at_ms) VALUES %s"
        " ON CONFLICT (device_no, peer_curve25519, session_id)"
        " DO UPDATE SET pickle = EXCLUDED.pickle, received_at_ms = EXCLUDED.received_at_ms",
        [(device_no, *attrs.astuple(row)) for row in rows],
    )


def known_room_key(
    txn: Cursor, device_no: int, room_id: str, session_id: str
) -> tuple[str, str, int] | None:
    """Sender, Curve25519 and first index of the room key at a place."""
    txn.execute(
        "SELECT sender, sender_curve25519, first_index FROM crypto.room_key_in"
        " WHERE device_no = %s AND room_id = %s AND session_id = %s",
        (device_no, room_id, session_id),
    )
    row = txn.fetchone()
    return (row[0], row[1], row[2]) if row else None


def save_room_key(txn: Cursor, device_no: int, key: RoomKey, pickle: str, now_ms: int) -> None:
    """Store a room key, over a later one of the same device."""
    txn.execute(
        "INSERT INTO crypto.room_key_in (device_no, room_id, session_id, pickle, sender,"
        " sender_curve25519, sender_ed25519, first_index, received_at_ms)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (device_no, room_id, session_id) DO UPDATE SET pickle = EXCLUDED.pickle,"
        " first_index = EXCLUDED.first_index, received_at_ms = EXCLUDED.received_at_ms",
        (
            device_no,
            key.room_id,
            key.session_id,
            pickle,
            key.sender,
            key.sender_curve25519,
            key.sender_ed25519,
            key.first_index,
            now_ms,
        ),
    )


def opening_row(
    txn: Cursor, bot: str, room_id: str, session_id: str, message_index: int
) -> OpeningRow | None:
    """Look up the key that opens an event: the earliest, of all devices of the bot."""
    txn.execute(
        "SELECT d.device_no, d.device_id, d.pickled_under, k.pickle, k.sender,"
        " k.sender_curve25519, k.sender_ed25519, coalesce(p.queried_seq >= p.outdated_seq, FALSE),"
        " p.master_key, p.master_pinned, p.pinned_at_ms IS NOT NULL AND p.master_pinned IS NULL,"
        " pd.is_cross_signed, o.user_id IS NOT NULL, s.event_id"
        " FROM crypto.device d"
        " JOIN crypto.room_key_in k ON k.device_no = d.device_no"
        " LEFT JOIN crypto.person p ON p.user_id = k.sender"
        " LEFT JOIN crypto.person_device pd"
        "  ON pd.user_id = k.sender AND pd.curve25519 = k.sender_curve25519"
        "  AND pd.ed25519 = k.sender_ed25519"
        " LEFT JOIN crypto.pinned_device o ON (o.user_id, o.device_id, o.curve25519, o.ed25519)"
        "  = (pd.user_id, pd.device_id, pd.curve25519, pd.ed25519)"
        " LEFT JOIN crypto.message_seen s"
        "  ON s.device_no = k.device_no AND s.room_id = k.room_id AND s.session_id = k.session_id"
        "  AND s.message_index = %s"
        " WHERE d.user_id = %s AND k.room_id = %s AND k.session_id = %s"
        " ORDER BY k.first_index, d.device_no DESC, pd.is_cross_signed DESC NULLS LAST LIMIT 1",
        (message_index, bot, room_id, session_id),
    )
    row = txn.fetchone()
    if row is None:
        return None
    values = [*row[:8], IdentityView(*row[8:11]), *row[11:]]
    return OpeningRow(*values)


def first_index(txn: Cursor, bot: str, room_id: str, session_id: str) -> int | None:
    """From which message on a bot's devices have the key of a session; None: not at all."""
    txn.execute(
        "SELECT min(k.first_index) FROM crypto.device d JOIN crypto.room_key_in k USING (device_no)"
        " WHERE d.user_id = %s AND k.room_id = %s AND k.session_id = %s",
        (bot, room_id, session_id),
    )
    [(index,)] = txn.fetchall()
    return None if index is None else int(index)


def note_seen(txn: Cursor, device_no: int, place: tuple[str, str, int], event_id: str) -> None:
    """Note with which event a message index came, for the first time: again is an error.

    Args:
        txn: Cursor.
        device_no: Ours.
        place: Room id, session id, message index.
        event_id: Of the event.
    """
    txn.later(
        "INSERT INTO crypto.message_seen"
        " (device_no, room_id, session_id, message_index, event_id) VALUES (%s, %s, %s, %s, %s)",
        (device_no, *place, event_id),
    )


def wipe_room_keys(txn: Cursor, before_ms: int, rows_max: int) -> int:
    """Delete room keys that came before a moment, with their seen messages; returns how many."""
    txn.execute(
        "DELETE FROM crypto.room_key_in WHERE (device_no, room_id, session_id) IN"
        " (SELECT device_no, room_id, session_id FROM crypto.room_key_in"
        "  WHERE received_at_ms < %s LIMIT %s FOR UPDATE SKIP LOCKED)"
        " RETURNING device_no, room_id, session_id",
        (before_ms, rows_max),
    )
    gone = txn.fetchall()
    if gone:
        execute_values(
            txn,
            "DELETE FROM crypto.message_seen s USING (VALUES %s) AS v (no, room, session)"
            " WHERE s.device_no = v.no AND s.room_id = v.room AND s.session_id = v.session",
            gone,
        )
    return len(gone)


def repickle(txn: Cursor, table: str, device_no: int, repickled: Callable[[str], str]) -> None:
    """Replace each pickle of a device in a table of sessions.

    Args:
        txn: Under an epoch that nobody else has.
        table: ``olm_session``, ``room_key_in`` or ``room_key_out``.
        device_no: Whose.
        repickled: The new pickle of an old one.
    """
    name = sql.Identifier("crypto", table)
    txn.execute(
        sql.SQL("SELECT ctid::text, pickle FROM {} WHERE device_no = %s FOR UPDATE").format(name),
        (device_no,),
    )
    pairs = [(place, repickled(pickle)) for place, pickle in txn.fetchall()]
    if pairs:
        statement = sql.SQL(
            "UPDATE {} t SET pickle = v.pickle FROM (VALUES %s) AS v (place, pickle)"
            " WHERE t.ctid = v.place::tid"
        ).format(name)
        execute_values(txn, statement, pairs, page_size=1_000)
