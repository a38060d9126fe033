"""SQL of holders, their accounts and balances, currencies, and what holders set for themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.holders.core import LimitKind, OwnLimit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.runtime.database import Cursor

INSTITUTION: Final = "institution"
PERSON: Final = "person"
ORGANISATION: Final = "organisation"
ELSEWHERE: Final = "elsewhere"
"""Whoever has an account at a bank, known by its number alone; they have none here."""
PEER: Final = "peer"
"""Another institution; of it there is what we owe it, and what it owes us."""
ABROAD: Final = "abroad"
"""A person who has their account at another institution, and none here."""


@attrs.frozen
class Holder:
    """Somebody who has accounts.

    Attributes:
        id: Number.
        sealed: Matrix id, under the operator's key.
        kind: ``institution``, ``person``, ``organisation``, ``elsewhere``, ``peer`` or ``abroad``.
        is_frozen: They stopped everything.
        is_closed: They are not here any more.
    """

    id: int
    sealed: bytes
    kind: str
    is_frozen: bool
    is_closed: bool

    @property
    def is_open(self) -> bool:
        """Return whether they can be paid."""
        return not (self.is_frozen or self.is_closed)


@attrs.frozen
class AccountRow:
    """An account of a holder.

    Attributes:
        id: Its number in the ledger.
        ledger: Number of the currency.
        code: What sort of account it is.
        is_opened: The ledger has it.
        allowance: How much may be owed by it, or to it; of peers alone.
    """

    id: int
    ledger: int
    code: int
    is_opened: bool
    allowance: int = 0


@attrs.frozen
class BalanceRow:
    """The balance of a wallet: available, and set aside."""

    ledger: int
    available_minor: int
    held_minor: int


_COLUMNS = "id, sealed, kind, frozen_at_ms IS NOT NULL, closed_at_ms IS NOT NULL"


def keep_currencies(txn: Cursor, codes: Sequence[str]) -> dict[str, int]:
    """The numbers of currencies; one that is new gets one."""
    txn.execute("LOCK TABLE payments.currency IN SHARE ROW EXCLUSIVE MODE")
    txn.execute(
        "INSERT INTO payments.currency (code) SELECT code FROM unnest(%s::text[]) AS wanted (code)"
        " WHERE NOT EXISTS (SELECT FROM payments.currency AS c WHERE c.code = wanted.code)",
        (list(codes),),
    )
    return currencies(txn)


def currencies(txn: Cursor) -> dict[str, int]:
    """The numbers of all currencies there have ever been here, by code."""
    txn.execute("SELECT code, ledger FROM payments.currency")
    return dict(txn.fetchall())


def keep_holder(txn: Cursor, mark: bytes, sealed: bytes, kind: str, now_ms: int) -> Holder:
    """The holder of a mark; kept now if they are new."""
    found = holder_of_mark(txn, mark)
    if found is not None:
        return found
    txn.execute(
        "INSERT INTO payments.holder (mark, sealed, kind, since_ms) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (mark) DO NOTHING",
        (mark, sealed, kind, now_ms),
    )
    kept = holder_of_mark(txn, mark)
    assert kept is not None, "it was kept now, or by somebody else"  # noqa: S101 -- our bug
    return kept


def holder_of_mark(txn: Cursor, mark: bytes) -> Holder | None:
    """The holder of a mark; None if there is none."""
    txn.execute(f"SELECT {_COLUMNS} FROM payments.holder WHERE mark = %s", (mark,))  # noqa: S608 -- a constant
    row = txn.fetchone()
    return _holder(*row) if row else None


def holder(txn: Cursor, holder_id: int) -> Holder:
    """A holder by number."""
    txn.execute(f"SELECT {_COLUMNS} FROM payments.holder WHERE id = %s", (holder_id,))  # noqa: S608 -- a constant
    [row] = txn.fetchall()
    return _holder(*row)


def holder_of_account(txn: Cursor, account: int) -> Holder | None:
    """Return the holder of a ledger account; None if it is nobody's of ours."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.holder"  # noqa: S608 -- a constant
        " WHERE id = (SELECT holder FROM payments.account WHERE id = %s)",
        (account,),
    )
    row = txn.fetchone()
    return _holder(*row) if row else None


def currency_of_account(txn: Cursor, account: int) -> str:
    """The code of the currency that an account is kept in."""
    txn.execute(
        "SELECT c.code FROM payments.account AS a JOIN payments.currency AS c USING (ledger)"
        " WHERE a.id = %s",
        (account,),
    )
    [(code,)] = txn.fetchall()
    return str(code)


def lock_holder(txn: Cursor, holder_id: int) -> Holder:
    """A holder, whose payments nobody else steps until the transaction ends."""
    # Not FOR UPDATE: rows that refer to a holder, whose number never changes, need not wait; and
    # who added one could wait here for another who did the same.
    txn.execute("SELECT FROM payments.holder WHERE id = %s FOR NO KEY UPDATE", (holder_id,))
    return holder(txn, holder_id)


def set_frozen(txn: Cursor, holder_id: int, at_ms: int | None) -> None:
    """Stop everything of a holder, or go on (None)."""
    txn.execute("UPDATE payments.holder SET frozen_at_ms = %s WHERE id = %s", (at_ms, holder_id))


def keep_account(txn: Cursor, holder_id: int, ledger: int, code: int) -> AccountRow:
    """The account of a holder; it gets a number now if there is none."""
    key = (holder_id, ledger, code)
    txn.execute(
        "INSERT INTO payments.account (holder, ledger, code) SELECT %s, %s, %s WHERE NOT EXISTS"
        " (SELECT FROM payments.account WHERE holder = %s AND ledger = %s AND code = %s)"
        " ON CONFLICT (holder, ledger, code) DO NOTHING",
        (*key, *key),
    )
    txn.execute(
        "SELECT a.id, l.id IS NOT NULL FROM payments.account AS a"
        " LEFT JOIN ledger.account AS l ON l.shard = 0 AND l.id = a.id"
        " WHERE a.holder = %s AND a.ledger = %s AND a.code = %s",
        key,
    )
    [(number, is_opened)] = txn.fetchall()
    return AccountRow(number, ledger, code, is_opened)


def accounts(txn: Cursor, holder_id: int, code: int) -> list[tuple[int, str]]:
    """The accounts of a holder of one sort that the ledger has: number and currency."""
    txn.execute(
        "SELECT a.id, c.code FROM payments.account AS a JOIN payments.currency AS c USING (ledger)"
        " JOIN ledger.account AS l ON l.shard = 0 AND l.id = a.id"
        " WHERE a.holder = %s AND a.code = %s ORDER BY c.code",
        (holder_id, code),
    )
    return [(number, currency) for number, currency in txn.fetchall()]


def balances(txn: Cursor, holder_id: int, code: int) -> list[BalanceRow]:
    """List the balances of a holder's accounts of one sort, owed by the institution."""
    txn.execute(
        "SELECT a.ledger, l.credits_posted + l.allowance - l.debits_posted - l.debits_pending,"
        " l.debits_pending FROM payments.account AS a"
        " JOIN ledger.account AS l ON l.shard = 0 AND l.id = a.id"
        " WHERE a.holder = %s AND a.code = %s ORDER BY a.ledger",
        (holder_id, code),
    )
    return [BalanceRow(*row) for row in txn.fetchall()]


def own_limits(txn: Cursor, holder_id: int, ledger: int) -> dict[LimitKind, OwnLimit]:
    """Return the limits that a holder set for themselves in a currency."""
    txn.execute(
        "SELECT kind, minor, later_minor, later_at_ms FROM payments.own_limit"
        " WHERE holder = %s AND ledger = %s",
        (holder_id, ledger),
    )
    return {LimitKind(kind): OwnLimit(*limit) for kind, *limit in txn.fetchall()}


def keep_own_limit(
    txn: Cursor, holder_id: int, ledger: int, kind: LimitKind, limit: OwnLimit
) -> None:
    """Keep what a holder, who is locked, sets for themselves."""
    txn.execute(
        "INSERT INTO payments.own_limit (holder, ledger, kind, minor, later_minor, later_at_ms)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (holder, ledger, kind) DO UPDATE"
        " SET minor = EXCLUDED.minor, later_minor = EXCLUDED.later_minor,"
        " later_at_ms = EXCLUDED.later_at_ms",
        (holder_id, ledger, kind.value, limit.minor, limit.later_minor, limit.later_at_ms),
    )


def _holder(id_: int, sealed: bytes, kind: str, is_frozen: bool, is_closed: bool) -> Holder:
    return Holder(id_, bytes(sealed), kind, is_frozen, is_closed)
