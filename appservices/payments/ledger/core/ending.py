"""The ends of a hold: a post of all or a part of it, a void, or its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.ledger.core.flags import (
    BALANCING,
    CLOSED,
    CLOSING,
    ENDING,
    EXPIRE,
    IMPORTED,
    PENDING,
    POST,
    VOID,
)
from appservices.payments.ledger.core.repeats import fill
from appservices.payments.ledger.core.results import Result
from appservices.payments.ledger.core.timing import refuse_import
from appservices.payments.ledger.core.values import Row, expiry_id

if TYPE_CHECKING:
    from appservices.payments.ledger.core.book import Book
    from appservices.payments.ledger.core.values import Transfer

_ENDED: Final = {
    POST: Result.PENDING_TRANSFER_ALREADY_POSTED,
    VOID: Result.PENDING_TRANSFER_ALREADY_VOIDED,
    EXPIRE: Result.PENDING_TRANSFER_EXPIRED,
}


def end(book: Book, t: Transfer, flags: int, pos: int, now_ms: int) -> Row | Result:  # noqa: PLR0911 -- the order of the answers, one a line
    """The row that ends a hold, or why there is none.

    Args:
        book: What is known.
        t: A post or void; its id is new.
        flags: Its flags.
        pos: Where it would be recorded.
        now_ms: Ledger time.
    """
    if (refused := _refuse_form(t, flags)) is not None:
        return refused
    hold = book.find_hold(t.pending_id or "")
    if hold is None:
        return Result.PENDING_TRANSFER_NOT_FOUND
    if not hold.flags & PENDING:
        return Result.PENDING_TRANSFER_NOT_PENDING
    whole = fill(t, hold)
    if (refused := _refuse_difference(whole, hold, flags)) is not None:
        return refused
    ended = book.end_of(hold.id)
    if ended is not None:
        return _ENDED[ended & (ENDING | EXPIRE)]
    if hold.expires_at_ms is not None and hold.expires_at_ms <= now_ms:
        return Result.PENDING_TRANSFER_EXPIRED
    if (refused := _refuse_state(book, t, hold, flags)) is not None:
        return refused
    if whole.refund_of != hold.refund_of:
        return Result.REFUND_NOT_REVERSED
    return Row(
        pos,
        t.id,
        hold.debit_id,
        hold.credit_id,
        (whole.amount or 0) if flags & POST else 0,
        hold.amount,
        hold.ledger,
        hold.code,
        flags,
        hold.id,
        hold.refund_of,
        whole.ref,
        whole.ext,
        whole.channel,
        None,
        t.at_ms or now_ms,
    )


def expire(hold: Row, pos: int, now_ms: int) -> Row:
    """The row that ends a hold whose time is over."""
    return hold._replace(
        pos=pos,
        id=expiry_id(hold.id, now_ms),
        amount=0,
        released=hold.amount,
        flags=EXPIRE,
        pending_id=hold.id,
        expires_at_ms=None,
        at_ms=now_ms,
    )


def _refuse_form(t: Transfer, flags: int) -> Result | None:
    if flags & ENDING == ENDING or flags & (PENDING | BALANCING | CLOSING):
        return Result.FLAGS_ARE_MUTUALLY_EXCLUSIVE
    if t.pending_id is None:
        return Result.PENDING_ID_MUST_BE_PRESENT
    if t.pending_id == t.id:
        return Result.PENDING_ID_MUST_BE_DIFFERENT
    if t.timeout_ms:
        return Result.TIMEOUT_RESERVED_FOR_PENDING_TRANSFER
    return None


def _refuse_difference(whole: Transfer, hold: Row, flags: int) -> Result | None:
    amount = whole.amount or 0
    for result, is_other in (
        (
            Result.PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID,
            whole.debit_id != hold.debit_id,
        ),
        (
            Result.PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID,
            whole.credit_id != hold.credit_id,
        ),
        (Result.PENDING_TRANSFER_HAS_DIFFERENT_LEDGER, whole.ledger != hold.ledger),
        (Result.PENDING_TRANSFER_HAS_DIFFERENT_CODE, whole.code != hold.code),
        # A negative amount is none of this ledger: as if it were far too large.
        (Result.EXCEEDS_PENDING_TRANSFER_AMOUNT, not 0 <= amount <= hold.amount),
        (
            Result.PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT,
            bool(flags & VOID) and amount != hold.amount,
        ),
    ):
        if is_other:
            return result
    return None


def _refuse_state(book: Book, t: Transfer, hold: Row, flags: int) -> Result | None:
    debit, credit = book.accounts[hold.debit_id], book.accounts[hold.credit_id]
    if flags & IMPORTED and (refused := refuse_import(book, t, debit, credit)) is not None:
        return refused
    if flags & VOID:
        return None
    # In a closed account nothing moves but voids, as in TigerBeetle: so the hold that closed it
    # cannot be posted either. Its account is closed until it is voided, or its time is over.
    if debit.flags & CLOSED:
        return Result.DEBIT_ACCOUNT_ALREADY_CLOSED
    if credit.flags & CLOSED:
        return Result.CREDIT_ACCOUNT_ALREADY_CLOSED
    return None
