"""SQL of webhooks: targets, their cursors, which process delivers to them.

Whether a target has something to hear is for the service to say; see ``Feed.is_waiting``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Collection

    from veche.messaging.webhooks.feed import Feed
    from veche.runtime.database import Cursor

WAIT_MS_MAX: Final = 600_000
"""Longer than any lease or wait after a failure."""
ACTIVE: Final = "active"
DISABLED: Final = "disabled"
_COLUMNS: Final = "id, feed, owner, url, state, cursor, failures, failing_since_ms, why"


@attrs.frozen
class Webhook:
    """A target.

    Attributes:
        id: ULID.
        feed: The service whose events.
        owner: The organisation, as that service keeps it.
        cursor: ``n`` of the last event that it has taken.
        failures: Since it last took one.
        failing_since_ms: When the first of these was; None: there is none.
        why: Of the last one, in a word.
    """

    id: str
    feed: str
    owner: str
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


def lock_owner(txn: Cursor, feed: str, owner: str) -> None:
    """Let whoever changes how many targets an organisation has end first."""
    txn.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"webhooks {feed} {owner}",))


def add(txn: Cursor, webhook: Webhook, now_ms: int) -> bool:
    """Keep a new target; False if this organisation has it already."""
    txn.execute(
        "INSERT INTO runtime.webhook (id, feed, owner, url, state, cursor, due_at_ms, made_at_ms)"
        " VALUES (%s, %s, %s, %s, 'active', %s, %s, %s) ON CONFLICT (feed, owner, url) DO NOTHING",
        (webhook.id, webhook.feed, webhook.owner, webhook.url, webhook.cursor, now_ms, now_ms),
    )
    return txn.rowcount == 1


def of_owner(txn: Cursor, feed: str, owner: str) -> list[Webhook]:
    """The targets of an organisation, the oldest first."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM runtime.webhook WHERE feed = %s AND owner = %s"  # noqa: S608 -- a constant
        " ORDER BY made_at_ms, id",
        (feed, owner),
    )
    return [Webhook(*row) for row in txn.fetchall()]


def everywhere(txn: Cursor) -> list[Webhook]:
    """All targets of all services, those first that hear nothing any more."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM runtime.webhook"  # noqa: S608 -- a constant
        " ORDER BY state = 'active', feed, failing_since_ms, id"
    )
    return [Webhook(*row) for row in txn.fetchall()]


def read(txn: Cursor, id_: str) -> Webhook | None:
    """A target, whoever's; None if there is none."""
    txn.execute(f"SELECT {_COLUMNS} FROM runtime.webhook WHERE id = %s", (id_,))  # noqa: S608 -- a constant
    row = txn.fetchone()
    return Webhook(*row) if row else None


def remove(txn: Cursor, feed: str, owner: str, id_: str) -> bool:
    """Forget a target; whether the organisation had it."""
    txn.execute(
        "DELETE FROM runtime.webhook WHERE id = %s AND feed = %s AND owner = %s", (id_, feed, owner)
    )
    return txn.rowcount == 1


def resume(
    txn: Cursor, feed: str, owner: str, id_: str, after: int | None, now_ms: int
) -> Webhook | None:
    """Let a target hear again; None if the organisation has no such target."""
    txn.execute(
        "UPDATE runtime.webhook SET state = 'active', cursor = coalesce(%s, cursor),"  # noqa: S608 -- a constant
        " failures = 0, failing_since_ms = NULL, why = NULL, due_at_ms = %s, lease = lease + 1"
        f" WHERE id = %s AND feed = %s AND owner = %s RETURNING {_COLUMNS}",
        (after, now_ms, id_, feed, owner),
    )
    row = txn.fetchone()
    return Webhook(*row) if row else None


def lease(
    txn: Cursor, feed: Feed, but: Collection[str], now_ms: int, until_ms: int, limit: int
) -> list[Leased]:
    """Take targets that are due and have an event to hear of.

    ``but`` are the ids that this process has in its hands.
    """
    txn.execute(
        "UPDATE runtime.webhook SET due_at_ms = %s, lease = lease + 1 WHERE id IN"  # noqa: S608 -- constants
        " (SELECT w.id FROM runtime.webhook AS w WHERE w.feed = %s AND w.state = 'active'"
        # What is further away than any wait was put there by a process whose clock was ahead.
        " AND (w.due_at_ms <= %s OR w.due_at_ms > %s)"
        f" AND w.id <> ALL(%s) AND {feed.is_waiting}"
        " ORDER BY w.due_at_ms LIMIT %s FOR UPDATE SKIP LOCKED)"
        f" RETURNING {_COLUMNS}, lease",
        (until_ms, feed.name, now_ms, now_ms + WAIT_MS_MAX, list(but), limit),
    )
    return [_leased(row) for row in txn.fetchall()]


def taken(txn: Cursor, leased: Leased, n: int, until_ms: int) -> bool:
    """Note that a target has taken an event; False if another process has the target now."""
    txn.execute(
        "UPDATE runtime.webhook SET cursor = %s, failures = 0, failing_since_ms = NULL,"
        " why = NULL, due_at_ms = %s WHERE id = %s AND lease = %s",
        (n, until_ms, leased.webhook.id, leased.lease),
    )
    return txn.rowcount == 1


def failed(txn: Cursor, leased: Leased, why: str, now_ms: int, due_at_ms: int) -> None:
    """Note that a target has not taken an event, and when it is tried again."""
    txn.execute(
        "UPDATE runtime.webhook SET failures = failures + 1, why = %s, due_at_ms = %s,"
        " failing_since_ms = coalesce(failing_since_ms, %s) WHERE id = %s AND lease = %s",
        (why, due_at_ms, now_ms, leased.webhook.id, leased.lease),
    )


def disable(txn: Cursor, leased: Leased, why: str, now_ms: int) -> bool:
    """Deliver no more to a target; whether it was ours to say."""
    txn.execute(
        "UPDATE runtime.webhook SET state = 'disabled', failures = failures + 1, why = %s,"
        " failing_since_ms = coalesce(failing_since_ms, %s) WHERE id = %s AND lease = %s",
        (why, now_ms, leased.webhook.id, leased.lease),
    )
    return txn.rowcount == 1


def release(txn: Cursor, leased: Leased, now_ms: int) -> None:
    """Give a target back: whoever is next goes on."""
    txn.execute(
        "UPDATE runtime.webhook SET due_at_ms = %s WHERE id = %s AND lease = %s",
        (now_ms, leased.webhook.id, leased.lease),
    )


def next_due(txn: Cursor, feed: Feed, but: Collection[str]) -> int | None:
    """When the next target that has an event to hear of may be sent to; None if there is none."""
    txn.execute(
        "SELECT min(w.due_at_ms) FROM runtime.webhook AS w WHERE w.feed = %s"  # noqa: S608 -- a constant
        f" AND w.state = 'active' AND w.id <> ALL(%s) AND {feed.is_waiting}",
        (feed.name, list(but)),
    )
    [(due_at_ms,)] = txn.fetchall()
    return None if due_at_ms is None else int(due_at_ms)


def disabled_count(txn: Cursor, feed: str) -> int:
    """How many targets of a service hear nothing any more."""
    txn.execute(
        "SELECT count(*) FROM runtime.webhook WHERE feed = %s AND state = 'disabled'", (feed,)
    )
    [(count,)] = txn.fetchall()
    return int(count)


def failing(txn: Cursor, id_: str) -> tuple[int, int | None]:
    """How often a target failed since it last took an event, and since when."""
    txn.execute(
        "SELECT failures, failing_since_ms FROM runtime.webhook WHERE id = %s FOR UPDATE", (id_,)
    )
    row = txn.fetchone()
    return (int(row[0]), row[1]) if row else (0, None)


def wake(txn: Cursor, channel: str) -> None:
    """Let every process look at its targets."""
    txn.execute("SELECT pg_notify(%s, '')", (channel,))


def _leased(row: tuple[Any, ...]) -> Leased:
    *values, number = row
    return Leased(Webhook(*values), number)
