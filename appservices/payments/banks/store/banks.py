"""SQL of banks: orders, files, lines, what is expected, ends of days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.banks.core.moves import Held
from appservices.payments.banks.core.orders import OrderState
from appservices.payments.banks.core.port import OrderKind
from veche.protocol.ids import Ulid

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from veche.runtime.database import Cursor

MOVING, POSTED, SUSPENSE = "moving", "posted", "suspense"
"""States of a line: its transfers wait for the writer, are done, or are done to suspense."""
ADVICE, STATEMENT, BOTH = "advice", "statement", "both"
"""By which messages a line was told."""


@attrs.frozen
class BankRow:
    """A bank.

    Attributes:
        name: As in the configuration.
        account: Ours there.
        ledger: Number of its currency.
        cursor: What was fetched up to.
        has_opening: The balance before the first line is known.
        is_stopped: A day's end left something unexplained.
    """

    name: str
    account: str
    ledger: int
    cursor: str
    has_opening: bool
    is_stopped: bool


@attrs.frozen
class OrderRow:
    """An order to a bank.

    Attributes:
        held: What the ledger knows of it.
        bank: Which.
        state: Where it stands.
        sealed: Who pays or is paid, and what for.
    """

    held: Held
    bank: str
    state: OrderState
    sealed: bytes


@attrs.frozen
class FileRow:
    """A file for a bank, as it is sent for ever."""

    id: str
    bank: str
    name: str
    sha256: str
    sealed: bytes


@attrs.frozen
class ExpectedRow:
    """An entry that a line may be for; see ``reconcile.Expected``."""

    id: str
    account: int
    amount_minor: int | None
    reference: str
    virtual_account: str


@attrs.frozen
class LineRow:
    """A line of a bank's account that counts once."""

    bank: str
    key: str
    sha256: bytes
    signed_minor: int
    booked_on: dt.date
    order_id: str | None
    sealed: bytes
    expected_id: str | None = None
    batch: str | None = None
    told_by: str = BOTH


_ORDER_COLUMNS: Final = "id, kind, account, amount, bank, state, sealed"


def keep_bank(txn: Cursor, name: str, account: str, ledger: int) -> None:
    """Remember a bank of the configuration."""
    txn.execute(
        "INSERT INTO payments.bank (name, account, ledger) VALUES (%s, %s, %s)"
        " ON CONFLICT (name) DO NOTHING",
        (name, account, ledger),
    )


def bank(txn: Cursor, name: str) -> BankRow:
    """A bank, which nobody else changes until the transaction ends."""
    txn.execute(
        "SELECT name, account, ledger, cursor, has_opening, stopped_at_ms IS NOT NULL"
        " FROM payments.bank WHERE name = %s FOR UPDATE",
        (name,),
    )
    [row] = txn.fetchall()
    return BankRow(*row)


def ledger_of(txn: Cursor, name: str) -> int:
    """Number of the currency of a bank; nothing is locked."""
    txn.execute("SELECT ledger FROM payments.bank WHERE name = %s", (name,))
    [(ledger,)] = txn.fetchall()
    return int(ledger)


def cursor_of(txn: Cursor, name: str) -> str:
    """Return the cursor of a bank's fetched files; empty: none."""
    txn.execute("SELECT cursor FROM payments.bank WHERE name = %s", (name,))
    return "".join(cursor for (cursor,) in txn.fetchall())


def move_cursor(txn: Cursor, name: str, before: str, after: str) -> bool:
    """Note what was fetched; whether nobody else had meanwhile."""
    txn.execute(
        "UPDATE payments.bank SET cursor = %s WHERE name = %s AND cursor = %s",
        (after, name, before),
    )
    return txn.rowcount == 1


def set_stopped(txn: Cursor, name: str, at_ms: int | None) -> None:
    """Stop paying out by a bank, or go on (None)."""
    txn.execute("UPDATE payments.bank SET stopped_at_ms = %s WHERE name = %s", (at_ms, name))


def add_order(txn: Cursor, order: OrderRow, now_ms: int) -> None:
    """Keep an order that waits for its hold, if it has one."""
    held = order.held
    txn.execute(
        "INSERT INTO payments.bank_order"
        " (id, bank, kind, state, is_held, account, amount, sealed, changed_at_ms)"
        " VALUES (%s, %s, %s, 'queued', %s, %s, %s, %s, %s)",
        (
            held.id,
            order.bank,
            held.kind.value,
            held.kind is OrderKind.COLLECT,
            held.account,
            held.amount_minor,
            order.sealed,
            now_ms,
        ),
    )


def set_held(txn: Cursor, order_id: str) -> None:
    """The ledger has the hold of an order."""
    txn.execute("UPDATE payments.bank_order SET is_held = TRUE WHERE id = %s", (order_id,))


def drop_order(txn: Cursor, order_id: str) -> None:
    """Forget an order that got no hold."""
    txn.execute("DELETE FROM payments.bank_order WHERE id = %s AND NOT is_held", (order_id,))


def lock_order(txn: Cursor, order_id: str) -> OrderRow | None:
    """An order, which nobody else steps until the transaction ends; None if it is not ours."""
    txn.execute(
        f"SELECT {_ORDER_COLUMNS} FROM payments.bank_order WHERE id = %s FOR UPDATE",  # noqa: S608 -- a constant
        (order_id,),
    )
    rows = txn.fetchall()
    return _order(*rows[0]) if rows else None


def set_state(
    txn: Cursor, order_id: str, state: OrderState, now_ms: int, *, code: str = ""
) -> None:
    """Note where an order stands, and the bank's word for it if it gave one."""
    txn.execute(
        "UPDATE payments.bank_order SET state = %s, changed_at_ms = %s,"
        " code = CASE WHEN %s = '' THEN code ELSE %s END WHERE id = %s",
        (state.value, now_ms, code, code, order_id),
    )


def queued(txn: Cursor, bank_name: str, limit: int) -> list[OrderRow]:
    """Orders that wait for a file, oldest first, for this transaction alone."""
    txn.execute(
        f"SELECT {_ORDER_COLUMNS} FROM payments.bank_order"  # noqa: S608 -- a constant
        " WHERE bank = %s AND state = 'queued' AND is_held ORDER BY id LIMIT %s"
        " FOR UPDATE SKIP LOCKED",
        (bank_name, limit),
    )
    return [_order(*row) for row in txn.fetchall()]


def all_queued(txn: Cursor) -> list[str]:
    """Ids of all orders that wait for a file."""
    txn.execute("SELECT id FROM payments.bank_order WHERE state = 'queued' ORDER BY id")
    return [str(id_) for (id_,) in txn.fetchall()]


def doubt(txn: Cursor, order_id: str) -> None:
    """Have no file made of an order that waits: an operator asks the bank what became of it."""
    txn.execute(
        "UPDATE payments.bank_order SET state = 'asked' WHERE id = %s AND state = 'queued'",
        (order_id,),
    )


def orders_of_file(txn: Cursor, file_id: str) -> list[OrderRow]:
    """The orders of a file, in the order of their ids, for this transaction alone."""
    txn.execute(
        f"SELECT {_ORDER_COLUMNS} FROM payments.bank_order"  # noqa: S608 -- a constant
        " WHERE file = %s ORDER BY id FOR UPDATE",
        (file_id,),
    )
    return [_order(*row) for row in txn.fetchall()]


def sent_since(txn: Cursor, bank_name: str, days: int) -> list[OrderRow]:
    """Count a banking day for the orders at a bank; those of which nothing was heard for ``days``.

    Args:
        txn: The transaction.
        bank_name: Which.
        days: Banking days.
    """
    txn.execute(
        "UPDATE payments.bank_order SET days = days + 1 WHERE bank = %s AND state = 'sent'",
        (bank_name,),
    )
    txn.execute(
        f"SELECT {_ORDER_COLUMNS} FROM payments.bank_order"  # noqa: S608 -- a constant
        " WHERE bank = %s AND state = 'sent' AND days >= %s ORDER BY id FOR UPDATE",
        (bank_name, days),
    )
    return [_order(*row) for row in txn.fetchall()]


def add_file(txn: Cursor, file: FileRow, order_ids: Sequence[str], now_ms: int) -> None:
    """Keep a file with its orders, which are filed then."""
    txn.execute(
        "INSERT INTO payments.bank_file (id, bank, name, sha256, sealed, at_ms)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (file.id, file.bank, file.name, file.sha256, file.sealed, now_ms),
    )
    txn.execute(
        "UPDATE payments.bank_order SET file = %s, state = %s, changed_at_ms = %s"
        " WHERE id = ANY(%s)",
        (file.id, OrderState.FILED.value, now_ms, list(order_ids)),
    )


def file(txn: Cursor, file_id: str) -> FileRow:
    """A file."""
    txn.execute(
        "SELECT id, bank, name, sha256, sealed FROM payments.bank_file WHERE id = %s", (file_id,)
    )
    [(id_, bank_name, name, sha256, sealed)] = txn.fetchall()
    return FileRow(id_, bank_name, name, sha256, bytes(sealed))


def set_taken(txn: Cursor, file_id: str) -> None:
    """The bank has a file."""
    txn.execute("UPDATE payments.bank_file SET is_taken = TRUE WHERE id = %s", (file_id,))


def add_line(txn: Cursor, line: LineRow, now_ms: int) -> bytes | None:
    """Keep a line that is new and about to be moved; the digest it was kept with if it is not."""
    txn.execute(
        "INSERT INTO payments.bank_line"
        " (bank, key, sha256, signed_minor, booked_on, order_id, sealed, expected_id, batch,"
        " told_by, state, at_ms) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (bank, key) DO NOTHING",
        (*attrs.astuple(line), MOVING, now_ms),
    )
    if txn.rowcount == 1:
        return None
    txn.execute(
        "SELECT sha256 FROM payments.bank_line WHERE bank = %s AND key = %s", (line.bank, line.key)
    )
    [(digest,)] = txn.fetchall()
    return bytes(digest)


def has_line(txn: Cursor, bank_name: str, key: str) -> bool:
    """Return whether a line is known."""
    txn.execute("SELECT FROM payments.bank_line WHERE bank = %s AND key = %s", (bank_name, key))
    return txn.rowcount == 1


def set_line_state(txn: Cursor, bank_name: str, key: str, state: str) -> None:
    """Note what became of a line."""
    txn.execute(
        "UPDATE payments.bank_line SET state = %s WHERE bank = %s AND key = %s",
        (state, bank_name, key),
    )


def line(txn: Cursor, bank_name: str, key: str) -> LineRow:
    """A line, which nobody else changes until the transaction ends."""
    txn.execute(
        "SELECT bank, key, sha256, signed_minor, booked_on, order_id, sealed, expected_id"
        " FROM payments.bank_line WHERE bank = %s AND key = %s FOR UPDATE",
        (bank_name, key),
    )
    [(name, key_, digest, signed, booked_on, order_id, sealed, expected_id)] = txn.fetchall()
    return LineRow(
        name, key_, bytes(digest), signed, booked_on, order_id, bytes(sealed), expected_id
    )


def sum_before(txn: Cursor, bank_name: str, day: dt.date) -> int:
    """Sum up the lines of the days before a day."""
    txn.execute(
        "SELECT coalesce(sum(signed_minor), 0)::bigint FROM payments.bank_line"
        " WHERE bank = %s AND booked_on < %s",
        (bank_name, day),
    )
    [(total,)] = txn.fetchall()
    return int(total)


def set_opening(txn: Cursor, bank_name: str) -> None:
    """The balance before the first line is known."""
    txn.execute("UPDATE payments.bank SET has_opening = TRUE WHERE name = %s", (bank_name,))


def balance_at(txn: Cursor, bank_name: str, ledger_account: int, day: dt.date) -> int:
    """Return a bank's balance at a day's end, by the ledger and the lines on their way.

    The account of the ledger is that of all banks in a currency: what lines of the others moved is
    taken off. One statement, so that a line is not counted on both sides while it is moved.
    """
    txn.execute(
        "SELECT coalesce((SELECT debits_posted - credits_posted FROM ledger.account"
        "  WHERE shard = 0 AND id = %(account)s), 0)"
        " + coalesce(sum(CASE"
        "  WHEN (l.bank <> %(bank)s OR booked_on > %(day)s) AND state <> 'moving'"
        "  THEN -signed_minor"
        "  WHEN l.bank = %(bank)s AND booked_on <= %(day)s AND state = 'moving'"
        "  THEN signed_minor ELSE 0 END), 0)::bigint"
        " FROM payments.bank_line AS l JOIN payments.bank AS b ON b.name = l.bank"
        " WHERE b.ledger = (SELECT ledger FROM payments.bank WHERE name = %(bank)s)",
        {"account": ledger_account, "day": day, "bank": bank_name},
    )
    [(total,)] = txn.fetchall()
    return int(total)


def unopened(txn: Cursor, account: int) -> tuple[int, int] | None:
    """Ledger and code of an account that the ledger does not have yet; None if it has."""
    txn.execute(
        "SELECT ledger, code FROM payments.account AS a WHERE id = %s"
        " AND NOT EXISTS (SELECT FROM ledger.account AS l WHERE l.shard = 0 AND l.id = a.id)",
        (account,),
    )
    return txn.fetchone()


def add_day(
    txn: Cursor,
    bank_name: str,
    day: dt.date,
    closing_minor: int,
    difference_minor: int,
    now_ms: int,
) -> bool:
    """Keep the end of a day; whether it is new."""
    txn.execute(
        "INSERT INTO payments.bank_day (bank, day, closing_minor, difference_minor, at_ms)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (bank, day) DO NOTHING",
        (bank_name, day, closing_minor, difference_minor, now_ms),
    )
    return txn.rowcount == 1


def set_explained(txn: Cursor, bank_name: str, day: dt.date) -> None:
    """Note that a day's end adds up now: an operator brought its difference into suspense."""
    txn.execute(
        "UPDATE payments.bank_day SET difference_minor = 0 WHERE bank = %s AND day = %s",
        (bank_name, day),
    )


def add_alarm(txn: Cursor, bank_name: str, about: str, problem: str, now_ms: int) -> None:
    """Keep something that an operator has to look at."""
    txn.execute(
        "INSERT INTO payments.bank_alarm (bank, about, problem, at_ms) VALUES (%s, %s, %s, %s)",
        (bank_name, about, problem, now_ms),
    )


def alarms(txn: Cursor, bank_name: str) -> list[tuple[str, str]]:
    """List the alarms for an operator, oldest first: subject and problem."""
    txn.execute(
        "SELECT about, problem FROM payments.bank_alarm WHERE bank = %s ORDER BY number",
        (bank_name,),
    )
    return txn.fetchall()


def add_expected(txn: Cursor, bank_name: str, expected: ExpectedRow, now_ms: int) -> None:
    """Expect something; what is expected already stays."""
    txn.execute(
        "INSERT INTO payments.bank_expected"
        " (id, bank, account, amount, reference, virtual_account, since_ms)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING",
        (
            expected.id,
            bank_name,
            expected.account,
            expected.amount_minor,
            expected.reference or None,
            expected.virtual_account or None,
            now_ms,
        ),
    )


def expected_for(
    txn: Cursor, bank_name: str, reference: str, virtual_account: str
) -> list[ExpectedRow]:
    """List the entries that a line with a reference or virtual account may be for."""
    txn.execute(
        "SELECT id, account, amount, coalesce(reference, ''), coalesce(virtual_account, '')"
        " FROM payments.bank_expected WHERE bank = %s AND is_open"
        " AND (reference = %s OR virtual_account = %s) ORDER BY id FOR UPDATE",
        (bank_name, reference, virtual_account),
    )
    return [ExpectedRow(*row) for row in txn.fetchall()]


def meet_expected(txn: Cursor, expected_id: str, bank_name: str, key: str) -> None:
    """A line came for something expected; what may come any number of times stays open."""
    txn.execute(
        "UPDATE payments.bank_line SET expected_id = %s WHERE bank = %s AND key = %s",
        (expected_id, bank_name, key),
    )
    txn.execute(
        "UPDATE payments.bank_expected SET is_open = FALSE WHERE id = %s AND amount IS NOT NULL",
        (expected_id,),
    )


def _order(
    id_: str, kind: str, account: int, amount: int, bank_name: str, state: str, sealed: bytes
) -> OrderRow:
    held = Held(Ulid(id_), OrderKind(kind), account, amount)
    return OrderRow(held, bank_name, OrderState(state), bytes(sealed))
