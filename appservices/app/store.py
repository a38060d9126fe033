"""SQL of subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from veche.messaging.inbox.store import HOUSEKEEPING_ROWS_MAX

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from veche.runtime.database import Cursor

TOUCHED_MS: Final = 3_600_000
"""How exactly it is kept when a subscription was used last: each push would write otherwise."""


@attrs.frozen
class Row:
    """A subscription as it is kept.

    Attributes:
        digest: Of its pushkey.
        sealed: ``Subscription``.
        failures: In a row.
        waits_until_ms: Until when its push service is left alone, UTC.
    """

    digest: bytes
    sealed: bytes
    failures: int
    waits_until_ms: int


def has_room(txn: Cursor, rows_max: int) -> bool:
    """Return whether one more may be kept.

    Where there are as many as may be, the one that was registered longest ago is forgotten of
    those to which nothing was ever sent.
    """
    txn.execute("SELECT count(*) FROM app.subscription")
    [(count,)] = txn.fetchall()
    if count < rows_max:
        return True
    txn.execute(
        "DELETE FROM app.subscription WHERE pushkey_digest = (SELECT pushkey_digest FROM"
        " app.subscription WHERE NOT is_proven ORDER BY used_at_ms LIMIT 1 FOR UPDATE SKIP LOCKED)"
    )
    return txn.rowcount > 0


def touch(txn: Cursor, digest: bytes, now_ms: int) -> bool:
    """Remember that a subscription is used; return whether it is there."""
    txn.execute(
        "UPDATE app.subscription SET used_at_ms = GREATEST(used_at_ms, %s)"
        " WHERE pushkey_digest = %s",
        (now_ms, digest),
    )
    return txn.rowcount > 0


def add(txn: Cursor, digest: bytes, endpoint: bytes, sealed: bytes, now_ms: int) -> None:
    """Keep a subscription; an older one of the same endpoint is forgotten."""
    txn.execute(
        "INSERT INTO app.subscription (pushkey_digest, endpoint_digest, sealed, used_at_ms)"
        " VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (endpoint_digest) DO UPDATE SET"
        "  pushkey_digest = EXCLUDED.pushkey_digest, sealed = EXCLUDED.sealed,"
        "  used_at_ms = EXCLUDED.used_at_ms, failures = 0, failing_since_ms = NULL,"
        "  waits_until_ms = 0, is_proven = false",
        (digest, endpoint, sealed, now_ms),
    )


def find(txn: Cursor, digests: Collection[bytes]) -> Mapping[bytes, Row]:
    """Read subscriptions by the digests of their pushkeys; some may not be there."""
    txn.execute(
        "SELECT pushkey_digest, sealed, failures, waits_until_ms FROM app.subscription"
        " WHERE pushkey_digest = ANY(%s)",
        (list(digests),),
    )
    rows = (
        Row(bytes(digest), bytes(sealed), failures, waits)
        for digest, sealed, failures, waits in txn.fetchall()
    )
    return {row.digest: row for row in rows}


def sent(txn: Cursor, digest: bytes, now_ms: int) -> None:
    """Remember that its push service took something."""
    txn.execute(
        "UPDATE app.subscription SET used_at_ms = GREATEST(used_at_ms, %s), failures = 0,"
        "  failing_since_ms = NULL, waits_until_ms = 0, is_proven = true"
        " WHERE pushkey_digest = %s AND (used_at_ms < %s OR failures > 0 OR NOT is_proven)",
        (now_ms, digest, now_ms - TOUCHED_MS),
    )


def failed(txn: Cursor, digest: bytes, wait_ms: int, now_ms: int) -> None:
    """Remember that its push service took nothing."""
    txn.execute(
        "UPDATE app.subscription SET failures = failures + 1, waits_until_ms = %s,"
        "  failing_since_ms = COALESCE(failing_since_ms, %s)"
        " WHERE pushkey_digest = %s",
        (now_ms + wait_ms, now_ms, digest),
    )


def remove(txn: Cursor, digest: bytes) -> bool:
    """Forget a subscription; return whether it was there."""
    txn.execute("DELETE FROM app.subscription WHERE pushkey_digest = %s", (digest,))
    return txn.rowcount > 0


def forget_unused(txn: Cursor, before_ms: int) -> int:
    """Forget what was used last before a moment; return how many."""
    return _forget(txn, "used_at_ms < %s", before_ms)


def forget_failing(txn: Cursor, before_ms: int) -> int:
    """Forget what has failed since before a moment; return how many."""
    return _forget(txn, "failing_since_ms < %s", before_ms)


def _forget(txn: Cursor, which: str, before_ms: int) -> int:
    txn.execute(
        "DELETE FROM app.subscription WHERE pushkey_digest IN (SELECT pushkey_digest"  # noqa: S608 -- ours
        f" FROM app.subscription WHERE {which} LIMIT %s FOR UPDATE SKIP LOCKED)",
        (before_ms, HOUSEKEEPING_ROWS_MAX),
    )
    return txn.rowcount
