"""SQL of jobs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.protocol.ids import EffectId
from veche.runtime.database.presence import LOCK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.runtime.database import Cursor

CHANNEL: Final = "veche_errand"
"""Where a new job is announced to all processes."""
LEASE_MS: Final = 180_000
"""After which another process may try; longer than ``PERFORM_TIMEOUT_S``."""
FREED_ATTEMPTS_MAX: Final = 3
"""A job that was begun more often rests first: it may be what ends processes."""
FREED_REST_MS: Final = 30_000
PAYLOAD_BYTES_MAX: Final = 64 * 1024


@attrs.frozen
class Job:
    """Something to do.

    Attributes:
        id: Derived from its cause, so that a repeated cause makes the same job.
        kind: Says which handler does it.
        payload: What the handler needs; JSON, at most ``PAYLOAD_BYTES_MAX``.
        due_at_ms: When, UTC; the past means at once.
    """

    id: EffectId
    kind: str
    payload: Mapping[str, Any]
    due_at_ms: int


@attrs.frozen
class Leased:
    """A job that this process has for a while.

    Attributes:
        attempts: This one included.
        lease: Its number; another one means that it was given to somebody else since.
    """

    job: Job
    attempts: int
    lease: int


def schedule(txn: Cursor, job: Job) -> bool:
    """Write a job down; the same id again changes nothing, and the answer is False.

    Raises:
        ValueError: Its payload is over ``PAYLOAD_BYTES_MAX``.
    """
    payload = json.dumps(dict(job.payload))
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise ValueError(f"the payload of an errand has at most {PAYLOAD_BYTES_MAX} bytes")
    txn.execute(
        "WITH added AS ("
        " INSERT INTO runtime.errand (errand_id, kind, payload, due_at_ms)"
        " VALUES (%s, %s, %s, %s) ON CONFLICT (errand_id) DO NOTHING RETURNING 1)"
        " SELECT pg_notify(%s, %s) FROM added",
        (job.id, job.kind, payload, job.due_at_ms, CHANNEL, job.kind),
    )
    return txn.fetchone() is not None


def hasten(txn: Cursor, job_id: EffectId, now_ms: int) -> None:
    """Make a job due that waits for its time; one that is at work, or gone, stays as it is."""
    txn.execute(
        "WITH due AS ("
        " UPDATE runtime.errand SET due_at_ms = %s"
        " WHERE errand_id = %s AND worker IS NULL AND due_at_ms > %s RETURNING kind)"
        " SELECT pg_notify(%s, kind) FROM due",
        (now_ms, job_id, now_ms, CHANNEL),
    )


def cancel(txn: Cursor, job_id: EffectId) -> None:
    """Forget a job; what an attempt at work brings is dropped."""
    txn.execute("DELETE FROM runtime.errand WHERE errand_id = %s", (job_id,))


def free(txn: Cursor, kinds: list[str], now_ms: int) -> None:
    """Make due what processes were at that are gone, once it has rested if that happens often."""
    txn.execute(
        "UPDATE runtime.errand SET worker = NULL, due_at_ms = least(due_at_ms, %(now)s"
        " + CASE WHEN attempts <= %(few)s THEN 0 ELSE %(rest)s END)"
        " WHERE worker IS NOT NULL AND kind = ANY(%(kinds)s)"
        " AND worker NOT IN (SELECT runtime.living(%(lock)s))",
        {
            "now": now_ms,
            "few": FREED_ATTEMPTS_MAX,
            "rest": FREED_REST_MS,
            "kinds": kinds,
            "lock": LOCK,
        },
    )


def lease(
    txn: Cursor,
    kinds: list[str],
    others: list[EffectId],
    now_ms: int,
    limit: int,
    worker: int | None = None,
) -> tuple[list[Leased], int | None]:
    """Take what is due for this process, and when the next is.

    Args:
        txn: The transaction.
        kinds: Which this process can do.
        others: Jobs that are not for this process now: at work here, or left to others.
        now_ms: UTC.
        limit: How many at most.
        worker: By what the others see that this process lives; None: they do not.
    """
    txn.execute(
        "UPDATE runtime.errand AS e"
        " SET due_at_ms = %(until)s, worker = %(worker)s, lease = e.lease + 1,"
        " attempts = e.attempts + 1"
        " FROM (SELECT errand_id, due_at_ms FROM runtime.errand"
        "   WHERE kind = ANY(%(kinds)s) AND due_at_ms <= %(now)s"
        "     AND errand_id <> ALL(%(others)s)"
        "   ORDER BY due_at_ms, errand_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED) AS due"
        " WHERE e.errand_id = due.errand_id"
        " RETURNING e.errand_id, e.kind, e.payload, due.due_at_ms, e.attempts, e.lease",
        {
            "until": now_ms + LEASE_MS,
            "kinds": kinds,
            "others": others,
            "now": now_ms,
            "limit": limit,
            "worker": worker,
        },
    )
    leased = [
        Leased(Job(EffectId(job_id), kind, payload, due_at_ms), attempts, lease)
        for job_id, kind, payload, due_at_ms, attempts, lease in txn.fetchall()
    ]
    # What is returned comes in the order of the table, which a vacuum changes.
    leased.sort(key=lambda one: (one.job.due_at_ms, one.job.id))
    txn.execute(
        "SELECT min(due_at_ms) FROM runtime.errand WHERE kind = ANY(%s) AND errand_id <> ALL(%s)",
        (kinds, others),
    )
    [(next_at_ms,)] = txn.fetchall()
    return leased, next_at_ms


def remove(txn: Cursor, leased: Leased) -> bool:
    """Remove a job if this attempt still has it; whether it had."""
    txn.execute(
        "DELETE FROM runtime.errand WHERE errand_id = %s AND lease = %s",
        (leased.job.id, leased.lease),
    )
    return txn.rowcount == 1


def hand_on(txn: Cursor, leased: Leased, now_ms: int) -> None:
    """Make a job due for the other processes, and let them know."""
    delay(txn, leased, now_ms)
    txn.execute("SELECT pg_notify(%s, %s)", (CHANNEL, leased.job.kind))


def delay(txn: Cursor, leased: Leased, due_at_ms: int) -> None:
    """Make a job due later, if this attempt still has it."""
    txn.execute(
        "UPDATE runtime.errand SET due_at_ms = %s, worker = NULL"
        " WHERE errand_id = %s AND lease = %s",
        (due_at_ms, leased.job.id, leased.lease),
    )
