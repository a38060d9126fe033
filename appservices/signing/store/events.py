"""SQL of what happened in sessions: a record that only grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.runtime.database import Cursor
    from veche.runtime.vault import Vault


@attrs.frozen
class Event:
    """Something that happened.

    Attributes:
        n: Its number among those of all sessions.
        session_id: In which.
        at_ms: UTC.
        what: A word: ``sent``, ``viewed``, ``certified``, ``signed``, ``declined`` …
        party: Who did it or whom it concerns; None: the session.
        details: Only sealed in the database.
    """

    n: int
    session_id: str
    at_ms: int
    what: str
    party: str | None
    details: Mapping[str, Any]


def add(
    txn: Cursor,
    vault: Vault,
    session_id: str,
    what: str,
    at_ms: int,
    *,
    party: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Keep that something happened."""
    sealed = None if details is None else vault.seal(details)
    txn.execute(
        "INSERT INTO signing.event (session_id, at_ms, what, party, sealed)"
        " VALUES (%s, %s, %s, %s, %s)",
        (session_id, at_ms, what, party, sealed),
    )


def wait_turn(txn: Cursor, requester: str) -> None:
    """Let whoever adds to the events of a requester end first.

    So they commit in the order of their numbers, and who reads on from one misses none.
    """
    txn.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"signing events {requester}",))


def of_session(txn: Cursor, vault: Vault, session_id: str) -> list[Event]:
    """All that happened in a session, in order."""
    txn.execute(
        "SELECT n, session_id, at_ms, what, party, sealed FROM signing.event"
        " WHERE session_id = %s ORDER BY n",
        (session_id,),
    )
    return [_event(vault, row) for row in txn.fetchall()]


def count(txn: Cursor, session_id: str, what: str, party: str | None = None) -> int:
    """How often something happened in a session, to one party or to anybody."""
    txn.execute(
        "SELECT count(*) FROM signing.event WHERE session_id = %s AND what = %s"
        " AND (%s::text IS NULL OR party = %s)",
        (session_id, what, party, party),
    )
    [(found,)] = txn.fetchall()
    return int(found)


def parties_of(txn: Cursor, session_id: str) -> list[str]:
    """Ids of all parties who did something in a session, or whom something concerned."""
    txn.execute(
        "SELECT DISTINCT party FROM signing.event WHERE session_id = %s AND party IS NOT NULL",
        (session_id,),
    )
    return [party for (party,) in txn.fetchall()]


def of_requester(txn: Cursor, vault: Vault, requester: str, after: int, count: int) -> list[Event]:
    """What happened in somebody's sessions after a number, in order."""
    txn.execute(
        "SELECT e.n, e.session_id, e.at_ms, e.what, e.party, e.sealed FROM signing.event e"
        " JOIN signing.session s ON s.id = e.session_id"
        " WHERE s.requester = %s AND e.n > %s ORDER BY e.n LIMIT %s",
        (requester, after, count),
    )
    return [_event(vault, row) for row in txn.fetchall()]


def _event(vault: Vault, row: Any) -> Event:
    n, session_id, at_ms, what, party, sealed = row
    details = {} if sealed is None else vault.open(bytes(sealed))
    return Event(n, session_id, at_ms, what, party, details)
