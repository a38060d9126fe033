"""SQL of what organisations hear and do over HTTP: events, answers by key, references."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.contracts.payments.invoice_api import EVENTS_MAX, InvoiceEvent
from veche.runtime.live import announce

if TYPE_CHECKING:
    from veche.runtime.database import Cursor

KEPT_MS: Final = 90 * 24 * 60 * 60 * 1000
"""How long events and answers are kept."""
CHANNEL: Final = "veche_payment_event"
"""Where a new event is announced to all processes, for webhooks."""
DROPPED_MAX: Final = 100
"""Most old rows that go with one new one."""


IS_WAITING: Final = (
    "EXISTS (SELECT FROM payments.event AS e WHERE e.holder = w.owner::bigint AND e.n > w.cursor)"
)
"""Whether a target of a webhook has an event to hear of; see ``Feed``."""


@attrs.frozen
class Request:
    """A request that came under this key before.

    Attributes:
        sha256: Of what was asked.
        answer: As it is kept; None: it is being worked out in this transaction.
    """

    sha256: bytes
    answer: Any


def events_topic(holder: int) -> str:
    """Return the topic announced when an organisation has a new event."""
    return f"payment events {holder}"


@attrs.frozen
class News:
    """The news of a matter of an organisation.

    Attributes:
        type: As ``InvoiceEvent.type``.
        ours: What the organisation knows it by.
        invoice_id: Of an invoice.
        payment_id: Of the payment or refund.
        payout_id: Of a payout in bulk.
        mandate_id: Of a mandate.
        escrow_id: Of an escrow.
    """

    type: str
    ours: str
    invoice_id: str | None = None
    payment_id: str | None = None
    payout_id: str | None = None
    mandate_id: str | None = None
    escrow_id: str | None = None


def add_event(txn: Cursor, holder: int, news: News, now_ms: int) -> None:
    """Add the next event of an organisation, and wake who waits for it."""
    txn.execute(
        "INSERT INTO payments.event_count AS c (holder, n) VALUES (%s, 1)"
        " ON CONFLICT (holder) DO UPDATE SET n = c.n + 1 RETURNING n",
        (holder,),
    )
    [(n,)] = txn.fetchall()
    txn.execute(
        "INSERT INTO payments.event"
        " (holder, n, type, invoice_id, payment_id, payout_id, mandate_id, escrow_id, ours, at_ms)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            holder,
            n,
            news.type,
            news.invoice_id,
            news.payment_id,
            news.payout_id,
            news.mandate_id,
            news.escrow_id,
            news.ours,
            now_ms,
        ),
    )
    txn.execute(
        "DELETE FROM payments.event WHERE (holder, n) IN (SELECT holder, n FROM payments.event"
        " WHERE at_ms < %s LIMIT %s)",
        (now_ms - KEPT_MS, DROPPED_MAX),
    )
    announce(txn, events_topic(holder))
    txn.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


def events_after(
    txn: Cursor, holder: int, after: int, limit: int = EVENTS_MAX
) -> list[InvoiceEvent]:
    """The events of an organisation after one, in order, at most ``limit``."""
    txn.execute(
        "SELECT n, type, at_ms, invoice_id, payment_id, payout_id, mandate_id, escrow_id, ours"
        " FROM payments.event WHERE holder = %s AND n > %s ORDER BY n LIMIT %s",
        (holder, after, limit),
    )
    names = ("n", "type", "at_ms", "invoice", "payment", "payout", "mandate", "escrow", "ours")
    return [InvoiceEvent(**dict(zip(names, row, strict=True))) for row in txn.fetchall()]


def newest(txn: Cursor, holder: int) -> int:
    """Number of the newest event of an organisation; 0: it has none."""
    txn.execute("SELECT n FROM payments.event_count WHERE holder = %s", (holder,))
    row = txn.fetchone()
    return int(row[0]) if row else 0


def begin_request(txn: Cursor, caller: int, key: str, sha256: bytes, now_ms: int) -> Request | None:
    """The request that came under a key before; None: this is the first, and it is noted.

    Whoever comes second waits here until the first one is committed.
    """
    txn.execute(
        "DELETE FROM payments.request WHERE (caller, key) IN (SELECT caller, key"
        " FROM payments.request WHERE at_ms < %s LIMIT %s)",
        (now_ms - KEPT_MS, DROPPED_MAX),
    )
    txn.execute(
        "INSERT INTO payments.request (caller, key, sha256, at_ms) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (caller, key) DO NOTHING",
        (caller, key, sha256, now_ms),
    )
    if txn.rowcount == 1:
        return None
    return request(txn, caller, key)


def request(txn: Cursor, caller: int, key: str) -> Request | None:
    """The request that came under a key; None: there was none."""
    txn.execute(
        "SELECT sha256, answer FROM payments.request WHERE caller = %s AND key = %s", (caller, key)
    )
    row = txn.fetchone()
    return None if row is None else Request(bytes(row[0]), row[1])


def keep_answer(txn: Cursor, caller: int, key: str, answer: str) -> None:
    """Keep what a request was answered, sealed, for whoever asks again under its key."""
    txn.execute(
        "UPDATE payments.request SET answer = %s WHERE caller = %s AND key = %s",
        (json.dumps(answer), caller, key),
    )


def keep_reference(txn: Cursor, reference: str, invoice_id: str) -> None:
    """Keep by which reference an invoice is paid."""
    txn.execute(
        "INSERT INTO payments.invoice_reference (reference, invoice_id) VALUES (%s, %s)",
        (reference, invoice_id),
    )


def invoice_of_reference(txn: Cursor, reference: str) -> str | None:
    """The invoice that is paid by a reference; None if there is none.

    Args:
        txn: The transaction.
        reference: As ``core.formats.rf.read`` gives it.
    """
    txn.execute(
        "SELECT invoice_id FROM payments.invoice_reference WHERE reference = %s", (reference,)
    )
    row = txn.fetchone()
    return row[0] if row else None


def reason(txn: Cursor, invoice_id: str) -> bytes | None:
    """Why an invoice was taken back, sealed; None if nobody said."""
    txn.execute(
        "SELECT withdrawn FROM payments.invoice_reference WHERE invoice_id = %s", (invoice_id,)
    )
    row = txn.fetchone()
    return bytes(row[0]) if row and row[0] is not None else None


def keep_reason(txn: Cursor, invoice_id: str, sealed: bytes) -> None:
    """Keep why an invoice was taken back."""
    txn.execute(
        "UPDATE payments.invoice_reference SET withdrawn = %s WHERE invoice_id = %s",
        (sealed, invoice_id),
    )
