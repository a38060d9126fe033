"""Rows of our devices and identities, and the epoch that fences their writers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from veche.runtime.database import Cursor

LOCK_NAME: Final = "veche.crypto/"
"""Before a bot's id: the text whose hash is the number of its advisory lock."""

_COLUMNS = (
    "device_no, user_id, device_id, account, pickled_under, position, to_device_since,"
    " writer_epoch, fallback_made_at_ms, written_on"
)
_SELECT = f"SELECT {_COLUMNS} FROM crypto.device WHERE user_id = %s"  # noqa: S608 -- names of ours
_TAKE = (
    "UPDATE crypto.device SET writer_epoch = writer_epoch + 1"  # noqa: S608 -- names of ours
    f" WHERE user_id = %s AND retired_at_ms IS NULL RETURNING {_COLUMNS}"
)


@attrs.frozen
class DeviceRow:
    """A device of ours; ``account`` is a pickle."""

    device_no: int
    user_id: str
    device_id: str
    account: str
    pickled_under: str
    position: str | None
    to_device_since: str | None
    writer_epoch: int
    fallback_made_at_ms: int | None
    written_on: str | None


@attrs.frozen
class IdentityRow:
    """The sealed identity of a bot."""

    user_id: str
    master_key: str
    seeds_sealed: bytes
    sealed_under: str
    published_at_ms: int | None


def take_epoch(txn: Cursor, user_id: str) -> DeviceRow | None:
    """Become the writer of the bot's active device; None if it has none yet."""
    txn.execute(_TAKE, (user_id,))
    row = txn.fetchone()
    return DeviceRow(*row) if row else None


def is_epoch(txn: Cursor, device_no: int, epoch: int) -> bool:
    """Return whether the epoch still holds; locks it for this transaction if so."""
    txn.execute(
        "SELECT 1 FROM crypto.device WHERE device_no = %s AND writer_epoch = %s"
        " AND retired_at_ms IS NULL FOR NO KEY UPDATE",
        (device_no, epoch),
    )
    return txn.fetchone() is not None


def await_writer(txn: Cursor, user_id: str) -> None:
    """Wait until a transaction under the epoch of a bot's device has ended, if one runs."""
    txn.execute(
        "SELECT 1 FROM crypto.device WHERE user_id = %s AND retired_at_ms IS NULL FOR SHARE",
        (user_id,),
    )


def published(txn: Cursor, limit: int) -> dict[str, tuple[str, str]]:
    """Master key and active device of each bot whose identity is public, by user id."""
    txn.execute(
        "SELECT user_id, master_key, device_id FROM crypto.identity"
        " JOIN crypto.device USING (user_id)"
        " WHERE retired_at_ms IS NULL AND published_at_ms IS NOT NULL"
        " ORDER BY user_id LIMIT %s",
        (limit,),
    )
    return {user_id: (key, device_id) for user_id, key, device_id in txn.fetchall()}


def active_device(txn: Cursor, user_id: str) -> DeviceRow | None:
    """The bot's device that is not retired."""
    txn.execute(_SELECT + " AND retired_at_ms IS NULL", (user_id,))
    row = txn.fetchone()
    return DeviceRow(*row) if row else None


def devices_of(txn: Cursor, user_id: str) -> list[DeviceRow]:
    """All devices of the bot, retired ones too."""
    txn.execute(_SELECT + " ORDER BY device_no", (user_id,))
    return [DeviceRow(*row) for row in txn.fetchall()]


def add_device(
    txn: Cursor, user_id: str, device_id: str, account: str, pickled_under: str, now_ms: int
) -> None:
    """Insert a new device, of which nobody is the writer yet."""
    txn.execute(
        "INSERT INTO crypto.device (user_id, device_id, account, pickled_under,"
        " fallback_made_at_ms, written_on) VALUES (%s, %s, %s, %s, %s, %s)",
        (user_id, device_id, account, pickled_under, now_ms, cluster(txn)),
    )


def account_of(txn: Cursor, device_no: int) -> tuple[str, str]:
    """The pickled account, and the name of the operator key it is under."""
    txn.execute(
        "SELECT account, pickled_under FROM crypto.device WHERE device_no = %s", (device_no,)
    )
    [row] = txn.fetchall()
    return row[0], row[1]


def save_account(txn: Cursor, device_no: int, account: str) -> None:
    """Store the pickled account."""
    txn.execute("UPDATE crypto.device SET account = %s WHERE device_no = %s", (account, device_no))


def save_fallback_time(txn: Cursor, device_no: int, now_ms: int) -> None:
    """Note when the fallback key was replaced."""
    txn.execute(
        "UPDATE crypto.device SET fallback_made_at_ms = %s WHERE device_no = %s",
        (now_ms, device_no),
    )


def save_position(
    txn: Cursor, device_no: int, position: str | None, to_device_since: str | None
) -> None:
    """Store how far the crypto channel was read."""
    txn.execute(
        "UPDATE crypto.device SET position = %s, to_device_since = %s WHERE device_no = %s",
        (position, to_device_since, device_no),
    )


def save_repickled(txn: Cursor, device_no: int, account: str, pickled_under: str) -> None:
    """Store the account under another operator key."""
    txn.execute(
        "UPDATE crypto.device SET account = %s, pickled_under = %s WHERE device_no = %s",
        (account, pickled_under, device_no),
    )


def forget_fallback_time(txn: Cursor, device_no: int) -> None:
    """Have the fallback key replaced at the next answer of the channel."""
    txn.execute(
        "UPDATE crypto.device SET fallback_made_at_ms = NULL WHERE device_no = %s", (device_no,)
    )


def end_epoch(txn: Cursor, device_no: int) -> None:
    """End the epoch of whoever writes; waits until its transaction ended."""
    txn.execute(
        "UPDATE crypto.device SET writer_epoch = writer_epoch + 1 WHERE device_no = %s",
        (device_no,),
    )


def identities(txn: Cursor) -> list[str]:
    """Bots with an identity."""
    txn.execute("SELECT user_id FROM crypto.identity ORDER BY user_id")
    return [row[0] for row in txn.fetchall()]


def key_names(txn: Cursor) -> set[str]:
    """Names of the operator keys that anything is sealed or pickled under."""
    txn.execute(
        "SELECT sealed_under FROM crypto.identity UNION SELECT pickled_under FROM crypto.device"
    )
    return {row[0] for row in txn.fetchall()}


def try_lock(txn: Cursor, user_id: str) -> bool:
    """Keep every process from speaking for a bot until the transaction ends; False if one does."""
    txn.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", (LOCK_NAME + user_id,))
    [(is_taken,)] = txn.fetchall()
    return bool(is_taken)


def retire(txn: Cursor, device_no: int, now_ms: int) -> None:
    """End a device: no writer can pass, and what could be sent with its ratchets is dropped.

    Keys of rooms that it was given stay: reading with them changes nothing.
    """
    txn.execute(
        "UPDATE crypto.device SET retired_at_ms = %s, writer_epoch = writer_epoch + 1"
        " WHERE device_no = %s",
        (now_ms, device_no),
    )
    for table in ("olm_session", "room_key_out", "room_key_shared", "to_device_out", "unwedged"):
        txn.execute(f"DELETE FROM crypto.{table} WHERE device_no = %s", (device_no,))  # noqa: S608 -- names of ours


def cluster(txn: Cursor) -> str:
    """Which database cluster this is, on which timeline; a restore or failover changes it."""
    txn.execute(
        "SELECT system_identifier || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)"
        " FROM pg_control_system()"
    )
    [(name,)] = txn.fetchall()
    return str(name)


def add_identity(
    txn: Cursor, user_id: str, master_key: str, seeds_sealed: bytes, sealed_under: str
) -> None:
    """Insert an identity."""
    txn.execute(
        "INSERT INTO crypto.identity (user_id, master_key, seeds_sealed, sealed_under)"
        " VALUES (%s, %s, %s, %s)",
        (user_id, master_key, seeds_sealed, sealed_under),
    )


def identity_of(txn: Cursor, user_id: str) -> IdentityRow | None:
    """The bot's sealed identity."""
    txn.execute(
        "SELECT user_id, master_key, seeds_sealed, sealed_under, published_at_ms"
        " FROM crypto.identity WHERE user_id = %s",
        (user_id,),
    )
    row = txn.fetchone()
    return IdentityRow(row[0], row[1], bytes(row[2]), row[3], row[4]) if row else None


def save_identity(txn: Cursor, user_id: str, seeds_sealed: bytes, sealed_under: str) -> None:
    """Store the seeds, sealed again."""
    txn.execute(
        "UPDATE crypto.identity SET seeds_sealed = %s, sealed_under = %s WHERE user_id = %s",
        (seeds_sealed, sealed_under, user_id),
    )


def save_published(txn: Cursor, user_id: str, now_ms: int) -> None:
    """Note that the identity is public."""
    txn.execute(
        "UPDATE crypto.identity SET published_at_ms = coalesce(published_at_ms, %s)"
        " WHERE user_id = %s",
        (now_ms, user_id),
    )
