"""SQL of payouts in bulk, and of their lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.bulk.core import BulkLine, BulkPayout, LineState, PayoutState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.runtime.database import Cursor

_PAYOUT: Final = (
    "id, payer, ledger, ours, state, total, lines, gone, sha256, made_by, approved_by, made_at_ms"
)
_LINE: Final = "payout_id, n, ours, state, amount, payment_id, tries, why"


@attrs.frozen
class NewLine:
    """A line as it is kept first; ``sealed`` is who is paid, and what for."""

    ours: str
    amount_minor: int
    sealed: bytes


@attrs.frozen
class LineFile:
    """A line as it is kept; ``sealed`` is who is paid, and what for."""

    line: BulkLine
    sealed: bytes


def add(
    txn: Cursor, payout: BulkPayout, instruction: bytes, lines: Sequence[NewLine], now_ms: int
) -> bool:
    """Keep a new payout; False if the organisation has one of this number of its own.

    Args:
        txn: The transaction.
        payout: It.
        instruction: As it was signed, sealed.
        lines: In their order.
        now_ms: UTC.
    """
    txn.execute(
        "INSERT INTO payments.payout (id, payer, ledger, ours, state, total, lines, instruction,"
        " sha256, made_by, made_at_ms, changed_at_ms)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (payer, ours) DO NOTHING",
        (
            payout.id,
            payout.payer,
            payout.ledger,
            payout.ours,
            payout.state.value,
            payout.total_minor,
            payout.lines,
            instruction,
            payout.sha256,
            payout.made_by,
            now_ms,
            now_ms,
        ),
    )
    if txn.rowcount != 1:
        return False
    txn.execute(
        "INSERT INTO payments.payout_line"
        " (payout_id, n, ours, state, amount, sealed, changed_at_ms)"
        " SELECT %s, n, ours, 'queued', amount, sealed, %s"
        " FROM unnest(%s::text[], %s::bigint[], %s::bytea[])"
        " WITH ORDINALITY AS given (ours, amount, sealed, n)",
        (
            payout.id,
            now_ms,
            [line.ours for line in lines],
            [line.amount_minor for line in lines],
            [line.sealed for line in lines],
        ),
    )
    return True


def one_key_minor(txn: Cursor, payer: int, ledger: int, since_ms: int) -> int:
    """Sum up an organisation's payouts by one key alone since a moment, in a currency.

    Args:
        txn: The organisation is locked in it.
        payer: Its number.
        ledger: Number of the currency.
        since_ms: UTC.
    """
    txn.execute(
        "SELECT coalesce(sum(total), 0) FROM payments.payout WHERE payer = %s AND ledger = %s"
        " AND made_at_ms > %s AND approved_by IS NULL AND state NOT IN ('waiting', 'refused')",
        (payer, ledger, since_ms),
    )
    [(minor,)] = txn.fetchall()
    return int(minor)


def payer_of(txn: Cursor, payout_id: str) -> int | None:
    """Number of the organisation that pays; None if there is no such payout."""
    txn.execute("SELECT payer FROM payments.payout WHERE id = %s", (payout_id,))
    row = txn.fetchone()
    return int(row[0]) if row else None


def lock(txn: Cursor, payout_id: str) -> BulkPayout:
    """A payout that there is, which nobody else steps until the transaction ends."""
    txn.execute(f"SELECT {_PAYOUT} FROM payments.payout WHERE id = %s FOR UPDATE", (payout_id,))  # noqa: S608 -- a constant
    [row] = txn.fetchall()
    return _payout(row)


def payout(txn: Cursor, payout_id: str) -> BulkPayout:
    """A payout that there is."""
    txn.execute(f"SELECT {_PAYOUT} FROM payments.payout WHERE id = %s", (payout_id,))  # noqa: S608 -- a constant
    [row] = txn.fetchall()
    return _payout(row)


def save(txn: Cursor, payout_id: str, state: PayoutState, now_ms: int) -> None:
    """Keep the state of a payout that is locked."""
    txn.execute(
        "UPDATE payments.payout SET state = %s, changed_at_ms = %s WHERE id = %s",
        (state.value, now_ms, payout_id),
    )


def approve(txn: Cursor, payout_id: str, key: str, approval: bytes) -> None:
    """Keep which second key approved a payout, and as what it was signed, sealed."""
    txn.execute(
        "UPDATE payments.payout SET approved_by = %s, approval = %s WHERE id = %s",
        (key, approval, payout_id),
    )


def add_gone(txn: Cursor, payout_id: str, minor: int) -> None:
    """Count what has left what was set aside; the database refuses more than there was."""
    txn.execute("UPDATE payments.payout SET gone = gone + %s WHERE id = %s", (minor, payout_id))


def instruction_of(txn: Cursor, payout_id: str) -> bytes:
    """An instruction as it was signed, sealed."""
    txn.execute("SELECT instruction FROM payments.payout WHERE id = %s", (payout_id,))
    [(sealed,)] = txn.fetchall()
    return bytes(sealed)


def queued(txn: Cursor, payout_id: str, limit: int) -> list[LineFile]:
    """Lines that are not begun, in order, locked."""
    return _lines(txn, "payout_id = %s AND state = 'queued'", (payout_id,), limit, is_locked=True)


def lines_after(txn: Cursor, payout_id: str, after: int, limit: int) -> list[LineFile]:
    """Lines after a place, in order."""
    return _lines(txn, "payout_id = %s AND n > %s", (payout_id, after), limit)


def of_payment(txn: Cursor, payment_id: str) -> BulkLine | None:
    """The line that a payment is of; None: it is of none."""
    found = _lines(txn, "payment_id = %s", (payment_id,), 1)
    return found[0].line if found else None


def save_line(txn: Cursor, line: BulkLine, now_ms: int) -> None:
    """Keep the state of a line of a payout that is locked, and what goes with it."""
    txn.execute(
        "UPDATE payments.payout_line SET state = %s, payment_id = %s, tries = %s, why = %s,"
        " changed_at_ms = %s WHERE payout_id = %s AND n = %s",
        (
            line.state.value,
            line.payment_id,
            line.tries,
            line.why,
            now_ms,
            line.payout_id,
            line.n,
        ),
    )


def stop_queued(txn: Cursor, payout_id: str, now_ms: int) -> None:
    """Begin no line any more that is not begun."""
    txn.execute(
        "UPDATE payments.payout_line SET state = 'stopped', changed_at_ms = %s"
        " WHERE payout_id = %s AND state = 'queued'",
        (now_ms, payout_id),
    )


def is_open(txn: Cursor, payout_id: str, *states: LineState) -> bool:
    """Return whether a payout has a line in one of some states."""
    txn.execute(
        "SELECT EXISTS (SELECT FROM payments.payout_line WHERE payout_id = %s AND state = ANY(%s))",
        (payout_id, [state.value for state in states]),
    )
    [(found,)] = txn.fetchall()
    return bool(found)


def counts(txn: Cursor, payout_id: str) -> dict[str, tuple[int, int]]:
    """How many lines there are, and their sum, by state."""
    txn.execute(
        "SELECT state, count(*), sum(amount)::bigint FROM payments.payout_line"
        " WHERE payout_id = %s GROUP BY state",
        (payout_id,),
    )
    return {state: (count, minor) for state, count, minor in txn.fetchall()}


def _lines(
    txn: Cursor, where: str, values: tuple[Any, ...], limit: int, *, is_locked: bool = False
) -> list[LineFile]:
    lock = " FOR UPDATE" if is_locked else ""
    txn.execute(
        f"SELECT {_LINE}, sealed FROM payments.payout_line WHERE {where}"  # noqa: S608 -- constants
        f" ORDER BY n LIMIT %s{lock}",
        (*values, limit),
    )
    return [_line(row) for row in txn.fetchall()]


def _line(row: tuple[Any, ...]) -> LineFile:
    payout_id, n, ours, state, amount, payment_id, tries, why, sealed = row
    line = BulkLine(payout_id, n, ours, LineState(state), amount, payment_id, tries, why)
    return LineFile(line, bytes(sealed))


def _payout(row: tuple[Any, ...]) -> BulkPayout:
    id_, payer, ledger, ours, state, total, lines, gone, sha256, *keys, made_at_ms = row
    made_by, approved_by = keys
    return BulkPayout(
        id=id_,
        payer=payer,
        ledger=ledger,
        ours=ours,
        state=PayoutState(state),
        total_minor=total,
        lines=lines,
        gone_minor=gone,
        sha256=bytes(sha256),
        made_by=made_by,
        approved_by=approved_by,
        made_at_ms=made_at_ms,
    )
