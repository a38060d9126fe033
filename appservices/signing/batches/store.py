"""SQL of batches: many documents from one template, a session for each row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.protocol.ids import Ulid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from veche.runtime.database import Cursor
    from veche.runtime.vault import Vault

WAITING: Final = "waiting"
MADE: Final = "made"
FAILED: Final = "failed"
_BATCH: Final = (
    "id, requester, template, version, language, may_delegate, deadline_at_ms, made_at_ms"
)


@attrs.frozen
class Batch:
    """Many documents from one template.

    Attributes:
        id: ULID.
        requester: Id of the organisation.
        template: Name of the template.
        version: SHA-256 of its files, as the rows were checked by them.
        language: Of the documents.
        may_delegate: Whether parties may let others sign.
        deadline_at_ms: Of all sessions, UTC.
        made_at_ms: When it was asked for, UTC; the documents have this day.
    """

    id: Ulid
    requester: str
    template: str
    version: bytes
    language: str
    may_delegate: bool
    deadline_at_ms: int
    made_at_ms: int


@attrs.frozen
class Row:
    """A row of a batch.

    Attributes:
        n: From 1.
        state: ``WAITING``, ``MADE`` or ``FAILED``.
        told: What was asked while it waits; its reference, and of a failed one the problems.
        session_id: Of one that was made.
    """

    n: int
    state: str
    told: Mapping[str, Any] = attrs.field(repr=False)
    session_id: str | None = None


def known(txn: Cursor, requester: str, key: str) -> tuple[Ulid, bytes] | None:
    """The batch under a key of idempotency and the digest of what was asked; None: there is none.

    Who asks is alone with this key until the transaction ends.
    """
    txn.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"signing batch {requester} {key}",))
    txn.execute(
        "SELECT id, caller_sha256 FROM signing.batch WHERE requester = %s AND caller_key = %s",
        (requester, key),
    )
    row = txn.fetchone()
    return None if row is None else (Ulid(row[0]), bytes(row[1]))


def add(
    txn: Cursor, vault: Vault, batch: Batch, rows: Iterable[Row], once: tuple[str, bytes]
) -> None:
    """Keep a new batch with its rows.

    Args:
        txn: The transaction.
        vault: Seals.
        batch: The new one.
        rows: All of them.
        once: Key of idempotency, and the digest of what was asked.
    """
    txn.execute(
        f"INSERT INTO signing.batch ({_BATCH}, caller_key, caller_sha256)"  # noqa: S608 -- a constant
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (*attrs.astuple(batch), *once),
    )
    kept = list(rows)
    txn.execute(
        "INSERT INTO signing.batch_row (batch_id, n, state, sealed)"
        " SELECT %s, n, state, sealed"
        " FROM unnest(%s::integer[], %s::text[], %s::bytea[]) AS given (n, state, sealed)",
        (
            batch.id,
            [row.n for row in kept],
            [row.state for row in kept],
            [vault.seal(row.told) for row in kept],
        ),
    )


def read(txn: Cursor, batch_id: str) -> Batch | None:
    """A batch; None: there is no such."""
    txn.execute(f"SELECT {_BATCH} FROM signing.batch WHERE id = %s", (batch_id,))  # noqa: S608 -- a constant
    row = txn.fetchone()
    if row is None:
        return None
    id_, requester, template, version, *rest = row
    return Batch(Ulid(id_), requester, template, bytes(version), *rest)


def counts(txn: Cursor, batch_id: str) -> Mapping[str, int]:
    """How many rows there are, by state."""
    txn.execute(
        "SELECT state, count(*) FROM signing.batch_row WHERE batch_id = %s GROUP BY state",
        (batch_id,),
    )
    return {state: int(count) for state, count in txn.fetchall()}


def waiting_until(txn: Cursor, batch_id: str, n: int) -> int:
    """How many rows up to a number still wait."""
    txn.execute(
        "SELECT count(*) FROM signing.batch_row"
        " WHERE batch_id = %s AND n <= %s AND state = 'waiting'",
        (batch_id, n),
    )
    [(count,)] = txn.fetchall()
    return int(count)


def waiting_after(txn: Cursor, batch_id: str, n: int, count: int) -> list[int]:
    """The numbers of the next rows that wait, in order."""
    txn.execute(
        "SELECT n FROM signing.batch_row WHERE batch_id = %s AND n > %s AND state = 'waiting'"
        " ORDER BY n LIMIT %s",
        (batch_id, n, count),
    )
    return [int(found) for (found,) in txn.fetchall()]


def row(txn: Cursor, vault: Vault, batch_id: str, n: int, *, is_locked: bool = False) -> Row | None:
    """A row; None: there is no such."""
    lock = " FOR UPDATE" if is_locked else ""
    txn.execute(
        "SELECT n, state, sealed, session_id FROM signing.batch_row"  # noqa: S608 -- constants
        f" WHERE batch_id = %s AND n = %s{lock}",
        (batch_id, n),
    )
    found = txn.fetchone()
    return None if found is None else _row(vault, found)


def rows(txn: Cursor, vault: Vault, batch_id: str, after: int, count: int) -> list[Row]:
    """The rows after a number, in order."""
    txn.execute(
        "SELECT n, state, sealed, session_id FROM signing.batch_row"
        " WHERE batch_id = %s AND n > %s ORDER BY n LIMIT %s",
        (batch_id, after, count),
    )
    return [_row(vault, one) for one in txn.fetchall()]


def failed(txn: Cursor, vault: Vault, batch_id: str, count: int) -> list[Row]:
    """The first rows that failed, in order."""
    txn.execute(
        "SELECT n, state, sealed, session_id FROM signing.batch_row"
        " WHERE batch_id = %s AND state = 'failed' ORDER BY n LIMIT %s",
        (batch_id, count),
    )
    return [_row(vault, one) for one in txn.fetchall()]


def save(txn: Cursor, vault: Vault, batch_id: str, changed: Row) -> None:
    """Keep what became of a row."""
    txn.execute(
        "UPDATE signing.batch_row SET state = %s, sealed = %s, session_id = %s"
        " WHERE batch_id = %s AND n = %s",
        (changed.state, vault.seal(changed.told), changed.session_id, batch_id, changed.n),
    )


def _row(vault: Vault, found: Any) -> Row:
    n, state, sealed, session_id = found
    return Row(n, state, vault.open(bytes(sealed)), session_id)
