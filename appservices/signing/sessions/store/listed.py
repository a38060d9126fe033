"""SQL of a person's lists: what they have running, what waits for others, what ended lately."""

from __future__ import annotations

from typing import TYPE_CHECKING

from veche.protocol.ids import Ulid

if TYPE_CHECKING:
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor


def running_of(txn: Cursor, requester: UserId, count: int) -> list[Ulid]:
    """List somebody's drafts and sent documents that are not over, newest first."""
    txn.execute(
        "SELECT id FROM signing.session WHERE requester = %s"
        " AND state IN ('draft', 'open', 'sealing') ORDER BY made_at_ms DESC LIMIT %s",
        (requester, count),
    )
    return [Ulid(row[0]) for row in txn.fetchall()]


def with_others(txn: Cursor, person: UserId, count: int) -> list[Ulid]:
    """List received documents that are not over and now wait for others, newest first."""
    txn.execute(
        "SELECT s.id FROM signing.session s WHERE s.state IN ('open', 'sealing')"
        " AND s.requester <> %s AND s.id IN"
        " (SELECT session_id FROM signing.party WHERE person = %s)"
        " AND NOT (s.state = 'open' AND EXISTS (SELECT 1 FROM signing.party p"
        " WHERE p.session_id = s.id AND p.person = %s AND p.state IN ('invited', 'viewed')))"
        " ORDER BY s.sent_at_ms DESC, s.id LIMIT %s",
        (person, person, person, count),
    )
    return [Ulid(row[0]) for row in txn.fetchall()]


def completed_of(
    txn: Cursor, person: UserId, since_ms: int, until_ms: int, count: int
) -> list[Ulid]:
    """List sent and received documents completed in a span, in order.

    Args:
        txn: The transaction.
        person: Who.
        since_ms: UTC.
        until_ms: UTC; not within the span.
        count: How many at most.
    """
    txn.execute(
        "SELECT s.id FROM signing.session s WHERE s.state = 'completed' AND s.mode = 'assisted'"
        " AND s.closed_at_ms >= %s AND s.closed_at_ms < %s"
        " AND (s.requester = %s OR s.id IN"
        " (SELECT session_id FROM signing.party WHERE person = %s))"
        " ORDER BY s.closed_at_ms, s.id LIMIT %s",
        (since_ms, until_ms, person, person, count),
    )
    return [Ulid(row[0]) for row in txn.fetchall()]


def ended_of(txn: Cursor, person: UserId, count: int) -> list[Ulid]:
    """List sent and received documents that are over, last ended first; no drafts."""
    txn.execute(
        "SELECT s.id FROM signing.session s WHERE s.ended_at_ms IS NOT NULL"
        " AND s.sent_at_ms IS NOT NULL AND s.id IN"
        " (SELECT id FROM signing.session WHERE requester = %s"
        " UNION SELECT session_id FROM signing.party WHERE person = %s)"
        " ORDER BY s.ended_at_ms DESC, s.id LIMIT %s",
        (person, person, count),
    )
    return [Ulid(row[0]) for row in txn.fetchall()]
