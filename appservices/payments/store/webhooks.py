"""SQL of webhooks: targets, their cursors, which process delivers to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.store.events import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Collection

    from veche.runtime.database import Cursor

ACTIVE: Final = "active"
DISABLED: Final = "disabled"
_COLUMNS: Final = "id, holder, url, state, cursor, failures, failing_since_ms, why"


@attrs.frozen
class Webhook:
    """A target.

    Attributes:
        id: ULID.
        holder: Number of the organisation.
        cursor: ``n`` of the last event that it has taken.
        failures: Since it last took one.
        failing_since_ms: When the first of these was; None: there is none.
        why: Of the last one, in a word.
    """

    id: str
    holder: int
    url: str
    state: str
    cursor: int
    failures: int = 0
    failing_since_ms: int | None = None
    why: str | None = None


@attrs.frozen
class Leased:
    """A target that this process delivers to; ``lease`` makes one that was overtaken write none."""

    webhook: Webhook
    lease: int


def add(txn: Cursor, id_: str, holder: int, url: str, after: int | None, now_ms: int) -> bool:
    """Keep a new target; False if this organisation has it already.

    Args:
        txn: The transaction.
        id_: ULID.
        holder: Number of the organisation.
        url: Where.
        after: Its cursor; None: behind all events there are.
        now_ms: UTC.
    """
    txn.execute(
        "INSERT INTO payments.webhook (id, holder, url, state, cursor, due_at_ms, made_at_ms)"
        " VALUES (%s, %s, %s, 'active', coalesce(%s,"
        " (SELECT n FROM payments.event_count WHERE holder = %s), 0), %s, %s)"
        " ON CONFLICT (holder, url) DO NOTHING",
        (id_, holder, url, after, holder, now_ms, now_ms),
    )
    return txn.rowcount == 1


def of_holder(txn: Cursor, holder: int) -> list[Webhook]:
    """The targets of an organisation, the oldest first."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.webhook WHERE holder = %s ORDER BY made_at_ms, id",  # noqa: S608 -- a constant
        (holder,),
    )
    return [Webhook(*row) for row in txn.fetchall()]


def remove(txn: Cursor, holder: int, id_: str) -> bool:
    """Forget a target; whether the organisation had it."""
    txn.execute("DELETE FROM payments.webhook WHERE id = %s AND holder = %s", (id_, holder))
    return txn.rowcount == 1


def resume(txn: Cursor, holder: int, id_: str, after: int | None, now_ms: int) -> Webhook | None:
    """Let a target hear again; None if the organisation has no such target."""
    txn.execute(
        "UPDATE payments.webhook SET state = 'active', cursor = coalesce(%s, cursor),"  # noqa: S608 -- a constant
        " failures = 0, failing_since_ms = NULL, why = NULL, due_at_ms = %s, lease = lease + 1"
        f" WHERE id = %s AND holder = %s RETURNING {_COLUMNS}",
        (after, now_ms, id_, holder),
    )
    row = txn.fetchone()
    return Webhook(*row) if row else None


def lease(
    txn: Cursor, but: Collection[str], now_ms: int, until_ms: int, limit: int
) -> list[Leased]:
    """Take targets that are due and have an event to hear of.

    Args:
        txn: The transaction.
        but: Ids that this process has in its hands.
        now_ms: UTC.
        until_ms: When another process may take them.
        limit: How many at most.
    """
    txn.execute(
        "UPDATE payments.webhook SET due_at_ms = %s, lease = lease + 1 WHERE id IN"  # noqa: S608 -- a constant
        " (SELECT w.id FROM payments.webhook AS w WHERE w.state = 'active' AND w.due_at_ms <= %s"
        " AND w.id <> ALL(%s) AND EXISTS (SELECT FROM payments.event AS e"
        " WHERE e.holder = w.holder AND e.n > w.cursor)"
        " ORDER BY w.due_at_ms LIMIT %s FOR UPDATE SKIP LOCKED)"
        f" RETURNING {_COLUMNS}, lease",
        (until_ms, now_ms, list(but), limit),
    )
    return [_leased(row) for row in txn.fetchall()]


def taken(txn: Cursor, leased: Leased, n: int, until_ms: int) -> bool:
    """Note that a target has taken an event; False if another process has the target now."""
    txn.execute(
        "UPDATE payments.webhook SET cursor = %s, failures = 0, failing_since_ms = NULL,"
        " why = NULL, due_at_ms = %s WHERE id = %s AND lease = %s",
        (n, until_ms, leased.webhook.id, leased.lease),
    )
    return txn.rowcount == 1


def failed(txn: Cursor, leased: Leased, why: str, now_ms: int, due_at_ms: int) -> None:
    """Note that a target has not taken an event, and when it is tried again."""
    txn.execute(
        "UPDATE payments.webhook SET failures = failures + 1, why = %s, due_at_ms = %s,"
        " failing_since_ms = coalesce(failing_since_ms, %s) WHERE id = %s AND lease = %s",
        (why, due_at_ms, now_ms, leased.webhook.id, leased.lease),
    )


def disable(txn: Cursor, leased: Leased, why: str, now_ms: int) -> bool:
    """Deliver no more to a target; whether it was ours to say."""
    txn.execute(
        "UPDATE payments.webhook SET state = 'disabled', failures = failures + 1, why = %s,"
        " failing_since_ms = coalesce(failing_since_ms, %s) WHERE id = %s AND lease = %s",
        (why, now_ms, leased.webhook.id, leased.lease),
    )
    return txn.rowcount == 1


def release(txn: Cursor, leased: Leased, now_ms: int) -> None:
    """Give a target back: whoever is next goes on."""
    txn.execute(
        "UPDATE payments.webhook SET due_at_ms = %s WHERE id = %s AND lease = %s",
        (now_ms, leased.webhook.id, leased.lease),
    )


def next_due(txn: Cursor, but: Collection[str]) -> int | None:
    """When the next target that has an event to hear of may be sent to; None if there is none."""
    txn.execute(
        "SELECT min(w.due_at_ms) FROM payments.webhook AS w WHERE w.state = 'active'"
        " AND w.id <> ALL(%s) AND EXISTS (SELECT FROM payments.event AS e"
        " WHERE e.holder = w.holder AND e.n > w.cursor)",
        (list(but),),
    )
    [(due_at_ms,)] = txn.fetchall()
    return None if due_at_ms is None else int(due_at_ms)


def disabled_count(txn: Cursor) -> int:
    """How many targets hear nothing any more."""
    txn.execute("SELECT count(*) FROM payments.webhook WHERE state = 'disabled'")
    [(count,)] = txn.fetchall()
    return int(count)


def sealed_holder(txn: Cursor, holder: int) -> bytes:
    """Whose it is, under the operator's key."""
    txn.execute("SELECT sealed FROM payments.holder WHERE id = %s", (holder,))
    [(sealed,)] = txn.fetchall()
    return bytes(sealed)


def failing(txn: Cursor, id_: str) -> tuple[int, int | None]:
    """How often a target failed since it last took an event, and since when."""
    txn.execute(
        "SELECT failures, failing_since_ms FROM payments.webhook WHERE id = %s FOR UPDATE", (id_,)
    )
    row = txn.fetchone()
    return (int(row[0]), row[1]) if row else (0, None)


def wake(txn: Cursor) -> None:
    """Let every process look at its targets."""
    txn.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


def _leased(row: tuple[Any, ...]) -> Leased:
    *values, number = row
    return Leased(Webhook(*values), number)
