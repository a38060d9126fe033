"""A transfer whose id is taken: the same content is as good as done, other content is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.ledger.core.flags import BALANCING, VOID
from appservices.payments.ledger.core.results import Result

if TYPE_CHECKING:
    from appservices.payments.ledger.core.values import Row, Transfer


def repeat(t: Transfer, row: Row, hold: Row | None) -> Result:
    """Answer a transfer whose id is taken.

    Args:
        t: What is asked for.
        row: What is recorded.
        hold: The hold that ``row`` ended, if it did: what is absent in the request is the hold's.
    """
    asked = t if hold is None else fill(t, hold)
    timeout_ms = row.expires_at_ms - row.at_ms if row.expires_at_ms is not None else 0
    for result, is_same in (
        (Result.EXISTS_WITH_DIFFERENT_FLAGS, int(t.flags) == row.flags),
        (Result.EXISTS_WITH_DIFFERENT_PENDING_ID, t.pending_id == row.pending_id),
        (Result.EXISTS_WITH_DIFFERENT_TIMEOUT, t.timeout_ms == timeout_ms),
        (Result.EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID, asked.debit_id == row.debit_id),
        (Result.EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID, asked.credit_id == row.credit_id),
        (Result.EXISTS_WITH_DIFFERENT_AMOUNT, _is_same_amount(asked.amount or 0, row)),
        (Result.EXISTS_WITH_DIFFERENT_REF, asked.ref == row.ref),
        (Result.EXISTS_WITH_DIFFERENT_EXT, asked.ext == row.ext),
        (Result.EXISTS_WITH_DIFFERENT_CHANNEL, asked.channel == row.channel),
        (Result.EXISTS_WITH_DIFFERENT_LEDGER, asked.ledger == row.ledger),
        (Result.EXISTS_WITH_DIFFERENT_CODE, asked.code == row.code),
        (Result.EXISTS_WITH_DIFFERENT_REFUND_OF, asked.refund_of == row.refund_of),
    ):
        if not is_same:
            return result
    return Result.EXISTS


def fill(t: Transfer, hold: Row) -> Transfer:
    """A post or void with what is absent in it taken from the hold."""
    return t._replace(
        debit_id=t.debit_id or hold.debit_id,
        credit_id=t.credit_id or hold.credit_id,
        amount=hold.amount if t.amount is None else t.amount,
        ledger=t.ledger or hold.ledger,
        code=t.code or hold.code,
        refund_of=t.refund_of or hold.refund_of,
        ref=t.ref or hold.ref,
        ext=t.ext or hold.ext,
        channel=t.channel or hold.channel,
    )


def _is_same_amount(asked: int, row: Row) -> bool:
    if row.flags & BALANCING:
        return asked >= row.amount
    return asked == (row.released if row.flags & VOID else row.amount)
