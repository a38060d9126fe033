"""SQL of files of which their bank does not say that it has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from veche.runtime.database import Cursor


class WaitingFile(NamedTuple):
    """A file that is given to its bank again and again.

    Attributes:
        id: Its ``MsgId``.
        bank: By name.
        at_ms: When it was written, UTC.
        orders: How many of its orders wait for the bank's word.
        minor: What they come to.
    """

    id: str
    bank: str
    at_ms: int
    orders: int
    minor: int


def waiting(txn: Cursor, before_ms: int) -> list[WaitingFile]:
    """The files of before a moment that their bank has neither taken nor refused, oldest first."""
    txn.execute(
        "SELECT f.id, f.bank, f.at_ms, count(*), sum(o.amount)::bigint"
        " FROM payments.bank_file AS f JOIN payments.bank_order AS o ON o.file = f.id"
        " WHERE NOT f.is_taken AND f.at_ms < %s AND o.state IN ('filed', 'sent', 'asked')"
        " GROUP BY f.id ORDER BY f.at_ms, f.id",
        (before_ms,),
    )
    return [WaitingFile(*row) for row in txn.fetchall()]


def word_of(txn: Cursor, file_id: str) -> str | None:
    """Return the operator's decision about a file."""
    txn.execute("SELECT word FROM payments.bank_file WHERE id = %s", (file_id,))
    [(word,)] = txn.fetchall()
    return None if word is None else str(word)


def lock_taken(txn: Cursor, file_id: str) -> tuple[bool, str | None] | None:
    """Lock a file; return whether the bank has it, and the operator's word; None: no file."""
    txn.execute(
        "SELECT is_taken, word FROM payments.bank_file WHERE id = %s FOR UPDATE", (file_id,)
    )
    return txn.fetchone()


def set_word(txn: Cursor, file_id: str, word: str) -> None:
    """Keep what an operator found out."""
    txn.execute("UPDATE payments.bank_file SET word = %s WHERE id = %s", (word, file_id))


def is_alarmed(txn: Cursor, bank: str, file_id: str) -> bool:
    """Return whether an operator was told of a file already."""
    txn.execute(
        "SELECT 1 FROM payments.bank_alarm WHERE bank = %s AND about = %s LIMIT 1", (bank, file_id)
    )
    return txn.fetchone() is not None
