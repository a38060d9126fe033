"""Plain transfers and holds: what may move, and how much of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.ledger.core.flags import (
    BALANCING,
    BALANCING_CREDIT,
    BALANCING_DEBIT,
    CLOSED,
    CLOSING,
    IMPORTED,
    MOVES_NOTHING,
    NO_OVERCREDIT,
    NO_OVERDRAFT,
    PENDING,
)
from appservices.payments.ledger.core.results import Result
from appservices.payments.ledger.core.timing import refuse_import
from appservices.payments.ledger.core.values import AMOUNT_MAX, Row

if TYPE_CHECKING:
    from appservices.payments.ledger.core.book import AccountState, Book
    from appservices.payments.ledger.core.values import Transfer


def move(book: Book, t: Transfer, flags: int, pos: int, now_ms: int) -> Row | Result:  # noqa: C901, PLR0911, PLR0912 -- the order of the answers, one a line
    """The row of a plain transfer or a hold, or why there is none.

    Args:
        book: What is known.
        t: What is asked for; its id is new.
        flags: Its flags, none of an ending.
        pos: Where it would be recorded.
        now_ms: Ledger time.
    """
    if (refused := _refuse_form(t, flags)) is not None:
        return refused
    debit, credit = book.accounts.get(t.debit_id), book.accounts.get(t.credit_id)
    if debit is None:
        return Result.DEBIT_ACCOUNT_NOT_FOUND
    if credit is None:
        return Result.CREDIT_ACCOUNT_NOT_FOUND
    if debit.ledger != credit.ledger:
        return Result.ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER
    if t.ledger != debit.ledger:
        return Result.TRANSFER_MUST_HAVE_THE_SAME_LEDGER_AS_ACCOUNTS
    at_ms = now_ms
    if flags & IMPORTED:
        at_ms = t.at_ms
        if (refused := refuse_import(book, t, debit, credit)) is not None:
            return refused
    if debit.flags & CLOSED:
        return Result.DEBIT_ACCOUNT_ALREADY_CLOSED
    if credit.flags & CLOSED:
        return Result.CREDIT_ACCOUNT_ALREADY_CLOSED
    amount = t.amount or 0
    if flags & BALANCING:
        amount = _balanced(amount, flags, debit, credit)
    if (refused := _refuse_sums(amount, flags, debit, credit)) is not None:
        return refused
    if t.timeout_ms and not 0 < t.timeout_ms <= AMOUNT_MAX - at_ms:
        return Result.OVERFLOWS_TIMEOUT
    if (refused := _refuse_cover(amount, debit, credit)) is not None:
        return refused
    if t.refund_of is not None:
        refused = _refuse_refund(book, t, t.refund_of, amount)
        if refused is not None:
            return refused
    expires_at_ms = at_ms + t.timeout_ms if t.timeout_ms else None
    return Row(
        pos,
        t.id,
        t.debit_id,
        t.credit_id,
        amount,
        0,
        t.ledger,
        t.code,
        flags,
        None,
        t.refund_of,
        t.ref,
        t.ext,
        t.channel,
        expires_at_ms,
        at_ms,
    )


def _refuse_form(t: Transfer, flags: int) -> Result | None:  # noqa: C901, PLR0911 -- likewise
    debit_id, credit_id = t.debit_id, t.credit_id
    if debit_id <= 0:
        return Result.DEBIT_ACCOUNT_ID_MUST_NOT_BE_ZERO
    if debit_id >= AMOUNT_MAX:
        return Result.DEBIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX
    if credit_id <= 0:
        return Result.CREDIT_ACCOUNT_ID_MUST_NOT_BE_ZERO
    if credit_id >= AMOUNT_MAX:
        return Result.CREDIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX
    if debit_id == credit_id:
        return Result.ACCOUNTS_MUST_BE_DIFFERENT
    if t.pending_id is not None:
        return Result.PENDING_ID_MUST_BE_ABSENT
    if not flags & PENDING:
        if t.timeout_ms:
            return Result.TIMEOUT_RESERVED_FOR_PENDING_TRANSFER
        if flags & CLOSING:
            return Result.CLOSING_TRANSFER_MUST_BE_PENDING
    if t.ledger <= 0:
        return Result.LEDGER_MUST_NOT_BE_ZERO
    if t.code <= 0:
        return Result.CODE_MUST_NOT_BE_ZERO
    return None


def _balanced(amount: int, flags: int, debit: AccountState, credit: AccountState) -> int:
    """As much of the amount as there is, and nothing if there is none."""
    if flags & BALANCING_DEBIT:
        used = debit.debits_posted + debit.debits_pending
        amount = min(amount, max(0, debit.credits_posted + debit.allowance - used))
    if flags & BALANCING_CREDIT:
        used = credit.credits_posted + credit.credits_pending
        amount = min(amount, max(0, credit.debits_posted + credit.allowance - used))
    return amount


def _refuse_sums(
    amount: int, flags: int, debit: AccountState, credit: AccountState
) -> Result | None:
    debits = debit.debits_pending + debit.debits_posted + amount
    credits_ = credit.credits_pending + credit.credits_posted + amount
    if amount >= 0 and debits <= AMOUNT_MAX and credits_ <= AMOUNT_MAX:
        return None
    # A negative amount is none of this ledger: as if it were far too large.
    if amount < 0:
        amount = AMOUNT_MAX + 1
    sums = [
        (Result.OVERFLOWS_DEBITS_POSTED, debit.debits_posted),
        (Result.OVERFLOWS_CREDITS_POSTED, credit.credits_posted),
        (Result.OVERFLOWS_DEBITS, debit.debits_pending + debit.debits_posted),
        (Result.OVERFLOWS_CREDITS, credit.credits_pending + credit.credits_posted),
    ]
    if flags & PENDING:
        sums = [
            (Result.OVERFLOWS_DEBITS_PENDING, debit.debits_pending),
            (Result.OVERFLOWS_CREDITS_PENDING, credit.credits_pending),
            *sums,
        ]
    return next(result for result, used in sums if used + amount > AMOUNT_MAX)


def _refuse_cover(amount: int, debit: AccountState, credit: AccountState) -> Result | None:
    if debit.flags & NO_OVERDRAFT:
        debits = debit.debits_pending + debit.debits_posted + amount
        if debits > debit.credits_posted + debit.allowance:
            return Result.EXCEEDS_CREDITS
    if credit.flags & NO_OVERCREDIT:
        credits_ = credit.credits_pending + credit.credits_posted + amount
        if credits_ > credit.debits_posted + credit.allowance:
            return Result.EXCEEDS_DEBITS
    return None


def _refuse_refund(book: Book, t: Transfer, refund_of: str, amount: int) -> Result | None:
    original = book.find(refund_of)
    if original is None or original.flags & MOVES_NOTHING:
        return Result.REFUND_ORIGINAL_NOT_FOUND
    reversed_ = (original.credit_id, original.debit_id, original.ledger)
    if (t.debit_id, t.credit_id, t.ledger) != reversed_:
        return Result.REFUND_NOT_REVERSED
    if book.refunded_of(original.id) + amount > original.amount:
        return Result.EXCEEDS_REFUNDABLE
    return None
