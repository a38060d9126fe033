"""SQL of mandates and of what they were used for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.mandates.core.mandate import MandateState, Terms

if TYPE_CHECKING:
    from veche.runtime.database import Cursor

_COLUMNS: Final = (
    "id, payer, payee, ledger, state, count_used, sealed, approved_by, each_max, period,"
    " period_max, starts_at_ms, ends_at_ms, count_max, notice_ms"
)


@attrs.frozen
class Mandate:
    """A mandate as it is kept.

    Attributes:
        id: ULID.
        payer: Number of the holder.
        payee: Number of the holder.
        ledger: Number of the currency.
        count: Charges so far.
        sealed: The order, under the operator's key.
        approved_by: Nonce of its approval.
    """

    id: str
    payer: int
    payee: int
    ledger: int
    state: MandateState
    count: int
    sealed: bytes
    approved_by: str | None
    terms: Terms


def add_mandate(txn: Cursor, mandate: Mandate, now_ms: int) -> bool:
    """Keep a new mandate; False if there is one of its id."""
    terms = mandate.terms
    txn.execute(
        f"INSERT INTO payments.mandate ({_COLUMNS}, changed_at_ms)"  # noqa: S608 -- a constant
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (id) DO NOTHING",
        (
            mandate.id,
            mandate.payer,
            mandate.payee,
            mandate.ledger,
            mandate.state.value,
            mandate.count,
            mandate.sealed,
            mandate.approved_by,
            terms.each_max_minor,
            terms.period,
            terms.period_max_minor,
            terms.starts_at_ms,
            terms.ends_at_ms,
            terms.count_max,
            terms.notice_ms,
            now_ms,
        ),
    )
    return txn.rowcount == 1


def lock_mandate(txn: Cursor, mandate_id: str) -> Mandate | None:
    """A mandate, which nobody else uses or ends until the transaction ends; None: there is none."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.mandate WHERE id = %s FOR UPDATE",  # noqa: S608 -- a constant
        (mandate_id,),
    )
    row = txn.fetchone()
    return _mandate(row) if row else None


def mandate(txn: Cursor, mandate_id: str) -> Mandate | None:
    """A mandate as it is; None if there is none."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.mandate WHERE id = %s",  # noqa: S608 -- a constant
        (mandate_id,),
    )
    row = txn.fetchone()
    return _mandate(row) if row else None


def payer_of(txn: Cursor, mandate_id: str) -> int | None:
    """Number of the payer of a mandate; None if there is no such mandate."""
    txn.execute("SELECT payer FROM payments.mandate WHERE id = %s", (mandate_id,))
    row = txn.fetchone()
    return int(row[0]) if row else None


def mandates_of(txn: Cursor, payer: int) -> list[Mandate]:
    """The mandates of a payer that are not ended, the oldest first, locked."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.mandate WHERE payer = %s"  # noqa: S608 -- a constant
        " AND state <> 'ended' ORDER BY id FOR UPDATE",
        (payer,),
    )
    return [_mandate(row) for row in txn.fetchall()]


def shown_of(txn: Cursor, payer: int) -> list[Mandate]:
    """The mandates of a payer that are not ended, the oldest first, as they are; unlocked."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.mandate WHERE payer = %s"  # noqa: S608 -- a constant
        " AND state <> 'ended' ORDER BY id",
        (payer,),
    )
    return [_mandate(row) for row in txn.fetchall()]


def count_between(txn: Cursor, payer: int, payee: int) -> int:
    """How many mandates that are not ended there are from a payer to a payee."""
    txn.execute(
        "SELECT count(*) FROM payments.mandate WHERE payer = %s AND payee = %s"
        " AND state <> 'ended'",
        (payer, payee),
    )
    [(count,)] = txn.fetchall()
    return int(count)


def save_state(
    txn: Cursor, mandate_id: str, state: MandateState, approved_by: str | None, now_ms: int
) -> None:
    """Keep the state of a mandate that is locked."""
    txn.execute(
        "UPDATE payments.mandate SET state = %s, approved_by = %s, changed_at_ms = %s"
        " WHERE id = %s",
        (state.value, approved_by, now_ms, mandate_id),
    )


def used_minor(txn: Cursor, mandate_id: str, period: int) -> int:
    """Return the sum debited, or being debited, in a period."""
    txn.execute(
        "SELECT used FROM payments.mandate_period WHERE mandate_id = %s AND period = %s",
        (mandate_id, period),
    )
    row = txn.fetchone()
    return int(row[0]) if row else 0


def use(txn: Cursor, mandate: Mandate, period: int, minor: int) -> None:
    """Count a charge.

    Raises:
        psycopg2.Error: It is above the cap or the count: the database does not let it pass.
    """
    txn.execute(
        "INSERT INTO payments.mandate_period AS p (mandate_id, period, cap, used)"
        " VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (mandate_id, period) DO UPDATE SET used = p.used + EXCLUDED.used",
        (mandate.id, period, mandate.terms.period_max_minor, minor),
    )
    txn.execute(
        "UPDATE payments.mandate SET count_used = count_used + 1 WHERE id = %s", (mandate.id,)
    )


def give_back(txn: Cursor, mandate_id: str, period: int, minor: int) -> None:
    """Take back that a charge was counted: it moved nothing."""
    txn.execute(
        "UPDATE payments.mandate_period SET used = used - %s WHERE mandate_id = %s AND period = %s",
        (minor, mandate_id, period),
    )
    txn.execute(
        "UPDATE payments.mandate SET count_used = count_used - 1 WHERE id = %s", (mandate_id,)
    )


def _mandate(row: tuple[Any, ...]) -> Mandate:
    id_, payer, payee, ledger, state, count, sealed, approved_by, *terms = row
    kept = Terms(*terms)
    return Mandate(
        id=id_,
        payer=payer,
        payee=payee,
        ledger=ledger,
        state=MandateState(state),
        count=count,
        sealed=bytes(sealed),
        approved_by=approved_by,
        terms=kept,
    )
