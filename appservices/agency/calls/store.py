"""Tables of the calls that desks have announced, and of words that did not count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from veche.protocol.ids import EventId, UserId
    from veche.runtime.database import Cursor

TRIES_KEPT_MS: Final = 30 * 24 * 3_600_000


@attrs.frozen
class OpenCall:
    """A call that nobody has asked about yet."""

    id: str
    case_id: str
    language: str


def lock_calls(txn: Cursor, bot: UserId, person: UserId) -> None:
    """Let nobody else count the tries of a person until the transaction ends."""
    txn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"agency call {bot} {person}",)
    )


def add_call(
    txn: Cursor,
    call: OpenCall,
    bot: UserId,
    person: UserId,
    staff: str,
    made_ms: int,
    until_ms: int,
) -> None:
    """Keep a call; it takes the place of an open one about the same case."""
    txn.execute(
        "UPDATE agency.call SET outcome = 'replaced', ended_at_ms = %s"
        " WHERE case_id = %s AND outcome IS NULL AND until_ms > %s",
        (made_ms, call.case_id, made_ms),
    )
    txn.execute(
        "INSERT INTO agency.call (call_id, bot, person, case_id, staff_id, language, made_at_ms,"
        " until_ms) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (call.id, bot, person, call.case_id, staff, call.language, made_ms, until_ms),
    )


def open_calls(txn: Cursor, bot: UserId, person: UserId, now_ms: int) -> list[OpenCall]:
    """Calls of an office to a person whose words count now."""
    txn.execute(
        "SELECT call_id, case_id, language FROM agency.call"
        " WHERE bot = %s AND person = %s AND outcome IS NULL AND until_ms > %s ORDER BY call_id",
        (bot, person, now_ms),
    )
    return [OpenCall(*row) for row in txn.fetchall()]


def end_call(txn: Cursor, call: OpenCall, outcome: str, now_ms: int) -> None:
    """Let the words of a call count no more."""
    txn.execute(
        "UPDATE agency.call SET outcome = %s, ended_at_ms = %s WHERE call_id = %s",
        (outcome, now_ms, call.id),
    )


def count_tries(txn: Cursor, bot: UserId, person: UserId, since_ms: int) -> int:
    """How many wrong words a person has typed since a moment."""
    txn.execute(
        "SELECT count(*) FROM agency.call_try WHERE bot = %s AND person = %s AND at_ms > %s",
        (bot, person, since_ms),
    )
    [(count,)] = txn.fetchall()
    return int(count)


def add_try(txn: Cursor, bot: UserId, person: UserId, event_id: EventId, now_ms: int) -> None:
    """Keep that words did not count."""
    txn.execute(
        "INSERT INTO agency.call_try (event_id, bot, person, at_ms) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (event_id, bot, person, now_ms),
    )


def drop_tries(txn: Cursor, before_ms: int) -> int:
    """Forget old wrong words; how many."""
    txn.execute("DELETE FROM agency.call_try WHERE at_ms < %s", (before_ms,))
    return txn.rowcount
