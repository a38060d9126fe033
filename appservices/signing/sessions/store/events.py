"""SQL of what happened in sessions and in batches: a record that only grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.runtime.database import Cursor
    from veche.runtime.vault import Vault

CHANNEL: Final = "veche_signing_event"
"""Where a new event of an organisation is announced to all processes, for webhooks."""
IS_WAITING: Final = (
    "EXISTS (SELECT FROM signing.event AS e WHERE e.requester = w.owner AND e.n > w.cursor)"
)
"""Whether a target of a webhook has an event to hear of; see ``veche.messaging.webhooks.Feed``."""
_COLUMNS: Final = "n, session_id, at_ms, what, party, sealed, batch_id, batch_row"


@attrs.frozen
class Event:
    """Something that happened.

    Attributes:
        n: Its number among all.
        session_id: In which session; None: of a row that has none.
        at_ms: UTC.
        what: A word: ``sent``, ``viewed``, ``certified``, ``signed``, ``declined`` …
        party: Who did it or whom it concerns; None: the session.
        details: Only sealed in the database.
        batch: Id of a batch; None: it is of no row.
        row: Which row of it, from 1.
    """

    n: int
    session_id: str | None
    at_ms: int
    what: str
    party: str | None
    details: Mapping[str, Any]
    batch: str | None = None
    row: int | None = None


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


def add_of_row(
    txn: Cursor,
    requester: str,
    row: tuple[str, int],
    session_id: str | None,
    what: str,
    at_ms: int,
) -> None:
    """Keep what became of a row of a batch.

    Args:
        txn: The transaction.
        requester: Id of the organisation.
        row: Id of the batch, and which row of it.
        session_id: Of its session; None: it has none.
        what: ``row_made`` or ``row_failed``.
        at_ms: UTC.
    """
    txn.execute(
        "INSERT INTO signing.event (requester, session_id, batch_id, batch_row, what, at_ms)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (requester, session_id, *row, what, at_ms),
    )


def newest(txn: Cursor, requester: str) -> int:
    """Number of the newest event of an organisation; 0: it has none."""
    txn.execute("SELECT max(n) FROM signing.event WHERE requester = %s", (requester,))
    [(found,)] = txn.fetchall()
    return int(found or 0)


def wake(txn: Cursor) -> None:
    """Let every process look at its webhooks."""
    txn.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


def wait_turn(txn: Cursor, requester: str) -> None:
    """Let whoever adds to the events of a requester end first.

    So they commit in the order of their numbers, and who reads on from one misses none.
    """
    txn.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"signing events {requester}",))


def of_session(txn: Cursor, vault: Vault, session_id: str) -> list[Event]:
    """All that happened in a session, in order."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM signing.event WHERE session_id = %s AND batch_id IS NULL"  # noqa: S608 -- a constant
        " ORDER BY n",
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


def first_ms(txn: Cursor, session_id: str, what: str) -> int | None:
    """When something happened in a session for the first time, UTC; None: it did not."""
    txn.execute(
        "SELECT min(at_ms) FROM signing.event WHERE session_id = %s AND what = %s",
        (session_id, what),
    )
    [(found,)] = txn.fetchall()
    return None if found is None else int(found)


def parties_of(txn: Cursor, session_id: str) -> list[str]:
    """Ids of all parties who did something in a session, or whom something concerned."""
    txn.execute(
        "SELECT DISTINCT party FROM signing.event WHERE session_id = %s AND party IS NOT NULL",
        (session_id,),
    )
    return [party for (party,) in txn.fetchall()]


def of_requester(txn: Cursor, vault: Vault, requester: str, after: int, count: int) -> list[Event]:
    """List an organisation's events after a number, in order."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM signing.event WHERE requester = %s AND n > %s"  # noqa: S608 -- a constant
        " ORDER BY n LIMIT %s",
        (requester, after, count),
    )
    return [_event(vault, row) for row in txn.fetchall()]


def _event(vault: Vault, row: Any) -> Event:
    n, session_id, at_ms, what, party, sealed, batch, number = row
    details = {} if sealed is None else vault.open(bytes(sealed))
    return Event(n, session_id, at_ms, what, party, details, batch, number)
