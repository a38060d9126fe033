"""Times of imports: their own, in the past; nothing else brings one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.ledger.core.results import Result
from appservices.payments.ledger.core.values import AMOUNT_MAX

if TYPE_CHECKING:
    from appservices.payments.ledger.core.book import AccountState, Book
    from appservices.payments.ledger.core.values import Transfer


def refuse_time(at_ms: int, is_imported: int, is_importing: bool, now_ms: int) -> Result | None:
    """Why a transfer or an account may not have this time; None if it may.

    Args:
        at_ms: Its own time, 0 if it has none.
        is_imported: Its flag.
        is_importing: The flag of the first of its request: all are imported or none is.
        now_ms: Ledger time.
    """
    if bool(is_imported) is not is_importing:
        return (
            Result.IMPORTED_EVENT_EXPECTED if is_importing else Result.IMPORTED_EVENT_NOT_EXPECTED
        )
    if not is_imported:
        return Result.TIMESTAMP_MUST_BE_ZERO if at_ms else None
    if not 0 < at_ms <= AMOUNT_MAX:
        return Result.IMPORTED_EVENT_TIMESTAMP_OUT_OF_RANGE
    return Result.IMPORTED_EVENT_TIMESTAMP_MUST_NOT_ADVANCE if at_ms > now_ms else None


def refuse_import(
    book: Book, t: Transfer, debit: AccountState, credit: AccountState
) -> Result | None:
    """Why an imported transfer does not fit to what is there; None if it does."""
    if t.at_ms <= book.transfer_at_ms:
        return Result.IMPORTED_EVENT_TIMESTAMP_MUST_NOT_REGRESS
    if t.at_ms <= debit.opened.at_ms:
        return Result.IMPORTED_EVENT_TIMESTAMP_MUST_POSTDATE_DEBIT_ACCOUNT
    if t.at_ms <= credit.opened.at_ms:
        return Result.IMPORTED_EVENT_TIMESTAMP_MUST_POSTDATE_CREDIT_ACCOUNT
    return Result.IMPORTED_EVENT_TIMEOUT_MUST_BE_ZERO if t.timeout_ms else None
