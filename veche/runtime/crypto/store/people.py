"""Rows of the key directory: people's identities and devices as last asked, shared by all bots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs
from psycopg2.extras import execute_values

from veche.runtime.crypto.core.keys_query import PersonKeys, sorted_devices
from veche.runtime.crypto.core.trust import IdentityView
from veche.runtime.crypto.core.values import PeerDevice

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from veche.runtime.database import Cursor

CHANGED_MAX: Final = 1_000
"""Most persons with a changed identity that are listed."""
_LATE: Final = """FROM crypto.person AS p JOIN crypto.person_device AS d USING (user_id)
WHERE p.pinned_at_ms IS NOT NULL AND p.master_pinned IS NULL AND p.master_key IS NULL
  AND NOT EXISTS (SELECT FROM crypto.pinned_device AS o
    WHERE (o.user_id, o.device_id, o.curve25519, o.ed25519)
      = (d.user_id, d.device_id, d.curve25519, d.ed25519))"""


def mark_outdated(txn: Cursor, user_ids: Collection[str]) -> None:
    """Note news of people's keys: they are asked for before they are next needed.

    In the order of their ids, so that two transactions never wait for one another.
    """
    if user_ids:
        execute_values(
            txn,
            "INSERT INTO crypto.person AS p (user_id) VALUES %s"
            " ON CONFLICT (user_id) DO UPDATE SET outdated_seq = p.outdated_seq + 1",
            [(user_id,) for user_id in sorted(set(user_ids))],
        )


def mark_all_outdated(txn: Cursor) -> None:
    """Note that news may have been missed."""
    txn.execute(
        "WITH held AS (SELECT user_id FROM crypto.person ORDER BY user_id FOR NO KEY UPDATE)"
        " UPDATE crypto.person p SET outdated_seq = outdated_seq + 1"
        " FROM held WHERE p.user_id = held.user_id"
    )


def begin_query(txn: Cursor, user_ids: Collection[str]) -> dict[str, int]:
    """The news that an answer to a query that begins now will cover, by user id."""
    execute_values(
        txn,
        "INSERT INTO crypto.person (user_id) VALUES %s ON CONFLICT (user_id) DO NOTHING",
        [(user_id,) for user_id in sorted(set(user_ids))],
    )
    txn.execute(
        "SELECT user_id, outdated_seq FROM crypto.person WHERE user_id = ANY(%s)",
        (list(user_ids),),
    )
    return dict(txn.fetchall())


def never_answered(txn: Cursor, user_ids: Collection[str]) -> set[str]:
    """Those of some people about whom no answer ever came."""
    txn.execute(
        "SELECT user_id FROM crypto.person WHERE user_id = ANY(%s) AND queried_seq = 0",
        (sorted(user_ids),),
    )
    return {user_id for (user_id,) in txn.fetchall()}


def stored_keys(txn: Cursor, user_id: str) -> PersonKeys:
    """The keys of a person as last asked, locked until the transaction ends."""
    txn.execute(
        "SELECT master_key FROM crypto.person WHERE user_id = %s FOR NO KEY UPDATE", (user_id,)
    )
    row = txn.fetchone()
    txn.execute(
        "SELECT user_id, device_id, curve25519, ed25519, is_cross_signed"
        " FROM crypto.person_device WHERE user_id = %s",
        (user_id,),
    )
    devices = sorted_devices(PeerDevice(*device) for device in txn.fetchall())
    return PersonKeys(row[0] if row else None, devices)


def save_keys(txn: Cursor, user_id: str, keys: PersonKeys) -> None:
    """Store keys that differ from those before; counts as news, so that sealers look again."""
    txn.execute(
        "INSERT INTO crypto.person AS p (user_id, master_key) VALUES (%s, %s)"
        " ON CONFLICT (user_id) DO UPDATE SET master_key = EXCLUDED.master_key,"
        " outdated_seq = p.outdated_seq + 1, queried_seq = p.queried_seq + 1",
        (user_id, keys.master_key),
    )
    txn.execute("DELETE FROM crypto.person_device WHERE user_id = %s", (user_id,))
    if keys.devices:
        execute_values(
            txn,
            "INSERT INTO crypto.person_device"
            " (user_id, device_id, curve25519, ed25519, is_cross_signed) VALUES %s",
            [attrs.astuple(device)[:5] for device in keys.devices],
        )


def mark_old(txn: Cursor, bot: str, before_ms: int, limit: int) -> int:
    """Mark those in rooms of a bot whose keys were last asked for before a moment; how many.

    Args:
        txn: Cursor.
        bot: Whose rooms.
        before_ms: UTC.
        limit: How many at most, the longest unasked first.
    """
    txn.execute(
        "SELECT p.user_id FROM crypto.person AS p"
        " WHERE p.queried_at_ms < %s AND p.queried_seq >= p.outdated_seq"
        " AND EXISTS (SELECT FROM runtime.room_member AS m JOIN runtime.room_member AS b"
        "  ON b.room_id = m.room_id AND b.user_id = %s AND b.membership = 'join'"
        "  WHERE m.user_id = p.user_id AND m.membership IN ('join', 'invite'))"
        " ORDER BY p.queried_at_ms LIMIT %s",
        (before_ms, bot, limit),
    )
    found = [row[0] for row in txn.fetchall()]
    mark_outdated(txn, found)
    return len(found)


def end_query(txn: Cursor, seqs: Mapping[str, int], now_ms: int) -> list[str]:
    """Note which news an answer covers; whose keys are to be stored.

    Not those about whom a later query was answered first: theirs are newer than this answer.
    """
    if not seqs:
        return []
    covered = execute_values(
        txn,
        "UPDATE crypto.person p SET queried_seq = v.seq, queried_at_ms = v.at_ms"
        " FROM (VALUES %s) AS v (user_id, seq, at_ms)"
        " WHERE p.user_id = v.user_id AND p.queried_seq <= v.seq RETURNING p.user_id",
        [(user_id, seq, now_ms) for user_id, seq in sorted(seqs.items())],
        page_size=len(seqs),
        fetch=True,
    )
    return sorted(row[0] for row in covered)


def outdated_among(txn: Cursor, user_ids: Collection[str]) -> list[str]:
    """List those of some people whose devices must be asked for."""
    txn.execute(
        "SELECT u.user_id FROM unnest(%s::text[]) AS u (user_id)"
        " LEFT JOIN crypto.person p ON p.user_id = u.user_id"
        " WHERE coalesce(p.queried_seq < p.outdated_seq, TRUE)",
        (sorted(set(user_ids)),),
    )
    return [row[0] for row in txn.fetchall()]


def forget_strangers(txn: Cursor, user_ids: Collection[str]) -> None:
    """Drop the devices of those who share no room with a bot any more; pins stay."""
    txn.execute(
        "SELECT user_id FROM unnest(%s::text[]) AS u (user_id) WHERE NOT EXISTS"
        " (SELECT 1 FROM runtime.room_member m"
        "  WHERE m.user_id = u.user_id AND m.membership IN ('join', 'invite'))",
        (sorted(set(user_ids)),),
    )
    gone = [row[0] for row in txn.fetchall()]
    if gone:
        txn.execute("DELETE FROM crypto.person_device WHERE user_id = ANY(%s)", (gone,))
        txn.execute(
            "DELETE FROM crypto.person WHERE user_id = ANY(%s)"
            " AND master_pinned IS NULL AND pinned_at_ms IS NULL",
            (gone,),
        )


def pin(txn: Cursor, user_id: str, now_ms: int, sender_key: str | None = None) -> str | None:
    """Pin by what a person deals with us, unless it is; the pinned master key, None without one.

    That is the identity with the devices that it signed, or all devices where there is none. Who
    has no device that we know of is not pinned.

    Args:
        txn: Cursor.
        user_id: Who.
        now_ms: UTC.
        sender_key: Curve25519 of the device that dealt with us, which alone may vouch for an
            identity that comes later; None: any of them may.
    """
    txn.execute(
        "UPDATE crypto.person AS p SET master_pinned = p.master_key, pinned_at_ms = %s"
        " WHERE p.user_id = %s AND p.master_pinned IS NULL AND p.pinned_at_ms IS NULL"
        "  AND (p.master_key IS NOT NULL"
        "   OR EXISTS (SELECT FROM crypto.person_device AS d WHERE d.user_id = p.user_id))",
        (now_ms, user_id),
    )
    if txn.rowcount == 1:
        pin_devices(txn, user_id, sender_key)
    txn.execute("SELECT master_pinned FROM crypto.person WHERE user_id = %s", (user_id,))
    row = txn.fetchone()
    return row[0] if row else None


def pin_devices(txn: Cursor, user_id: str, sender_key: str | None = None) -> None:
    """Pin the devices that the identity of now signed; all of them where there is none."""
    txn.execute("DELETE FROM crypto.pinned_device WHERE user_id = %s", (user_id,))
    txn.execute(
        "INSERT INTO crypto.pinned_device (user_id, device_id, curve25519, ed25519, may_confirm)"
        " SELECT d.user_id, d.device_id, d.curve25519, d.ed25519,"
        "  p.master_key IS NOT NULL OR d.curve25519 = coalesce(%s, d.curve25519)"
        " FROM crypto.person AS p JOIN crypto.person_device AS d USING (user_id)"
        " WHERE p.user_id = %s AND (d.is_cross_signed OR p.master_key IS NULL)",
        (sender_key, user_id),
    )


def pinned_devices(txn: Cursor, user_id: str) -> list[tuple[PeerDevice, bool]]:
    """The devices by which a person dealt with us; whether each may vouch for what comes later."""
    txn.execute(
        "SELECT user_id, device_id, curve25519, ed25519, FALSE, TRUE, may_confirm"
        " FROM crypto.pinned_device WHERE user_id = %s ORDER BY device_id",
        (user_id,),
    )
    return [(PeerDevice(*row[:6]), row[6]) for row in txn.fetchall()]


def renew_pin(txn: Cursor, user_id: str, confirmed: str, now_ms: int) -> bool:
    """Pin a master key in the place of what was pinned, or a device beside those.

    Args:
        txn: Cursor.
        user_id: Who.
        confirmed: A master key; or the Ed25519 key of a device of somebody without an identity.
        now_ms: UTC.

    Returns:
        False if it is not there now, or pinned already: nothing has changed.
    """
    # It counts as news, so that sealers look again.
    news = "pinned_at_ms = %s, outdated_seq = outdated_seq + 1, queried_seq = queried_seq + 1"
    txn.execute(
        f"UPDATE crypto.person SET master_pinned = master_key, {news}"  # noqa: S608 -- ours
        " WHERE user_id = %s AND master_key = %s AND (master_pinned <> master_key"
        "  OR master_pinned IS NULL AND pinned_at_ms IS NOT NULL)",
        (now_ms, user_id, confirmed),
    )
    if txn.rowcount == 1:
        pin_devices(txn, user_id)
        return True
    txn.execute(
        "INSERT INTO crypto.pinned_device (user_id, device_id, curve25519, ed25519, may_confirm)"
        " SELECT d.user_id, d.device_id, d.curve25519, d.ed25519, TRUE"
        " FROM crypto.person AS p JOIN crypto.person_device AS d USING (user_id)"
        " WHERE p.user_id = %s AND d.ed25519 = %s AND p.pinned_at_ms IS NOT NULL"
        "  AND p.master_pinned IS NULL AND p.master_key IS NULL ON CONFLICT DO NOTHING",
        (user_id, confirmed),
    )
    if txn.rowcount != 1:
        return False
    txn.execute(f"UPDATE crypto.person SET {news} WHERE user_id = %s", (now_ms, user_id))  # noqa: S608 -- ours
    return True


def identity_of(txn: Cursor, user_id: str) -> IdentityView:
    """The identity of a person as we know it, locked until the transaction ends."""
    txn.execute(
        "SELECT master_key, master_pinned, pinned_at_ms IS NOT NULL AND master_pinned IS NULL"
        " FROM crypto.person WHERE user_id = %s FOR NO KEY UPDATE",
        (user_id,),
    )
    row = txn.fetchone()
    return IdentityView(*row) if row else IdentityView(None, None, are_devices_pinned=False)


def sender_of(txn: Cursor, bot: str, room_id: str, session_id: object) -> tuple[str | None, bool]:
    """Curve25519 of the device that gave a session, and whether it may vouch for later ones."""
    txn.execute(
        "SELECT k.sender_curve25519, coalesce(o.may_confirm, FALSE) FROM crypto.device AS d"
        " JOIN crypto.room_key_in AS k USING (device_no)"
        " LEFT JOIN crypto.pinned_device AS o ON (o.user_id, o.curve25519, o.ed25519)"
        "  = (k.sender, k.sender_curve25519, k.sender_ed25519)"
        " WHERE d.user_id = %s AND k.room_id = %s AND k.session_id = %s"
        " ORDER BY k.first_index, d.device_no DESC LIMIT 1",
        (bot, room_id, session_id if isinstance(session_id, str) else None),
    )
    row = txn.fetchone()
    return (row[0], row[1]) if row else (None, False)


def late_devices(txn: Cursor, user_id: str) -> list[tuple[str, str]]:
    """Id and Ed25519 of the devices that somebody without an identity has not confirmed here."""
    txn.execute(
        f"SELECT d.device_id, d.ed25519 {_LATE} AND p.user_id = %s ORDER BY d.device_id",
        (user_id,),
    )
    return [(device_id, ed25519) for device_id, ed25519 in txn.fetchall()]


def changed_identities(txn: Cursor) -> list[tuple[str, str | None, str]]:
    """(user id, pinned, present) of those whose present identity is not the pinned one.

    None was pinned of those who dealt with us without an identity; of those who still have none,
    each device that came later.
    """
    txn.execute(
        "SELECT user_id, master_pinned, master_key FROM crypto.person"
        " WHERE master_pinned <> master_key OR master_pinned IS NULL"
        "  AND pinned_at_ms IS NOT NULL AND master_key IS NOT NULL ORDER BY user_id LIMIT %s",
        (CHANGED_MAX,),
    )
    found = txn.fetchall()
    late = f"SELECT d.user_id, NULL, d.ed25519 {_LATE} ORDER BY d.user_id, d.device_id LIMIT %s"
    txn.execute(late, (CHANGED_MAX,))
    return [(user_id, pinned, present) for user_id, pinned, present in [*found, *txn.fetchall()]]
