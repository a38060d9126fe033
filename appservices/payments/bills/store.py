"""SQL of bills that several pay together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.bills.core.bill import Bill, BillState
from appservices.payments.transfers.store import payments

if TYPE_CHECKING:
    from typing import Any

    from appservices.payments.transfers.store.payments import PaymentFile
    from veche.runtime.database import Cursor

OPEN_MAX: Final = 20
"""Bills of one organiser that are open at once."""
_COLUMNS: Final = "id, organiser, ledger, amount, state, due_at_ms, sealed"
_LIVE: Final = "state IN ('open', 'posting')"


@attrs.frozen
class BillFile:
    """A bill as it is kept.

    Attributes:
        sealed: Who shares what, what for, under the operator's key.
    """

    bill: Bill
    sealed: bytes


def add_bill(txn: Cursor, bill: Bill, sealed: bytes, now_ms: int) -> bool:
    """Keep a new bill; False if there is one of its id: its cause was handled before."""
    txn.execute(
        f"INSERT INTO payments.bill ({_COLUMNS}, asked_at_ms, changed_at_ms)"  # noqa: S608 -- a constant
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING",
        (
            bill.id,
            bill.organiser,
            bill.ledger,
            bill.amount_minor,
            bill.state.value,
            bill.due_at_ms,
            sealed,
            now_ms,
            now_ms,
        ),
    )
    return txn.rowcount == 1


def lock_bill(txn: Cursor, bill_id: str) -> BillFile | None:
    """A bill, which nobody else steps, nor any share of it, until the transaction ends."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.bill WHERE id = %s FOR UPDATE",  # noqa: S608 -- a constant
        (bill_id,),
    )
    row = txn.fetchone()
    return _file(row) if row else None


def save_bill(txn: Cursor, bill: Bill, now_ms: int) -> None:
    """Keep the state of a bill that is locked."""
    txn.execute(
        "UPDATE payments.bill SET state = %s, changed_at_ms = %s WHERE id = %s",
        (bill.state.value, now_ms, bill.id),
    )


def open_of(txn: Cursor, organiser: int) -> list[BillFile]:
    """The bills of an organiser that are not over, the oldest first; ``OPEN_MAX`` at most."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.bill WHERE organiser = %s AND {_LIVE}"  # noqa: S608 -- a constant
        " ORDER BY id LIMIT %s",
        (organiser, OPEN_MAX),
    )
    return [_file(row) for row in txn.fetchall()]


def asked_since(txn: Cursor, organiser: int, since_ms: int) -> int:
    """How many bills somebody has begun since a moment."""
    txn.execute(
        "SELECT count(*) FROM payments.bill WHERE organiser = %s AND asked_at_ms > %s",
        (organiser, since_ms),
    )
    [(count,)] = txn.fetchall()
    return int(count)


def times_asked(txn: Cursor, bill_id: str) -> dict[int, int]:
    """How often each payer was asked for their share of a bill, by number of the holder."""
    txn.execute(
        "SELECT payer, count(*) FROM payments.payment WHERE bill_id = %s GROUP BY payer",
        (bill_id,),
    )
    return dict(txn.fetchall())


def lock_bills_of(txn: Cursor, payer: int) -> list[str]:
    """Lock the bills of which somebody has a share that is not over; their ids."""
    txn.execute(
        f"SELECT id FROM payments.bill WHERE {_LIVE} AND id IN (SELECT bill_id"  # noqa: S608 -- a constant
        " FROM payments.payment WHERE payer = %s AND bill_id IS NOT NULL)"
        " ORDER BY id FOR UPDATE",
        (payer,),
    )
    return [bill_id for (bill_id,) in txn.fetchall()]


def shares(txn: Cursor, bill_id: str) -> list[PaymentFile]:
    """The shares of a bill, which is locked: the latest of each payer, in the order of asking."""
    return payments.newest_of_bill(txn, bill_id)


def _file(row: tuple[Any, ...]) -> BillFile:
    id_, organiser, ledger, amount, state, due_at_ms, sealed = row
    bill = Bill(id_, organiser, ledger, amount, BillState(state), due_at_ms)
    return BillFile(bill, bytes(sealed))
