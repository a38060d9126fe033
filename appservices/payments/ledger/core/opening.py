"""Opening an account, and changing how far it may go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.ledger.core.flags import (
    ACCOUNT_FLAGS,
    ACCOUNT_IMPORTED,
    CLOSED,
    NO_OVERCREDIT,
    NO_OVERDRAFT,
)
from appservices.payments.ledger.core.results import Result
from appservices.payments.ledger.core.timing import refuse_time
from appservices.payments.ledger.core.values import AMOUNT_MAX

if TYPE_CHECKING:
    from appservices.payments.ledger.core.book import AccountState, Book
    from appservices.payments.ledger.core.values import Account


def open_account(  # noqa: PLR0911 -- the order of the answers
    book: Book, account: Account, *, is_importing: bool, now_ms: int
) -> Account | Result:
    """The account as it is opened, or why it is not."""
    flags = int(account.flags)
    is_imported = flags & ACCOUNT_IMPORTED
    refused = refuse_time(account.at_ms, is_imported, is_importing, now_ms)
    if refused is not None:
        return refused
    if flags & ~ACCOUNT_FLAGS or (flags & CLOSED and not is_imported):
        return Result.RESERVED_FLAG
    if account.id <= 0:
        return Result.ID_MUST_NOT_BE_ZERO
    if account.id >= AMOUNT_MAX:
        return Result.ID_MUST_NOT_BE_INT_MAX
    if (state := book.accounts.get(account.id)) is not None:
        return _repeat(account, state)
    if (refused := _refuse(account, flags, book.account_at_ms)) is not None:
        return refused
    return account._replace(flags=flags, at_ms=account.at_ms or now_ms)


def change_allowance(state: AccountState, allowance: int) -> Result | None:
    """Why an account may not have this allowance; None if it may."""
    debits = state.debits_pending + state.debits_posted
    credits_ = state.credits_pending + state.credits_posted
    if not 0 <= allowance <= AMOUNT_MAX:
        return Result.ALLOWANCE_BELOW_USE
    if state.flags & NO_OVERDRAFT and debits > state.credits_posted + allowance:
        return Result.ALLOWANCE_BELOW_USE
    if state.flags & NO_OVERCREDIT and credits_ > state.debits_posted + allowance:
        return Result.ALLOWANCE_BELOW_USE
    return None


def _repeat(account: Account, state: AccountState) -> Result:
    # Neither sums nor time count, nor what may have changed since: the allowance, CLOSED.
    opened = state.opened
    for result, asked, recorded in (
        (Result.EXISTS_WITH_DIFFERENT_FLAGS, account.flags & ~CLOSED, opened.flags & ~CLOSED),
        (Result.EXISTS_WITH_DIFFERENT_REF, account.ref, opened.ref),
        (Result.EXISTS_WITH_DIFFERENT_EXT, account.ext, opened.ext),
        (Result.EXISTS_WITH_DIFFERENT_CHANNEL, account.channel, opened.channel),
        (Result.EXISTS_WITH_DIFFERENT_LEDGER, account.ledger, opened.ledger),
        (Result.EXISTS_WITH_DIFFERENT_CODE, account.code, opened.code),
    ):
        if asked != recorded:
            return result
    return Result.EXISTS


def _refuse(account: Account, flags: int, last_at_ms: int) -> Result | None:
    if flags & NO_OVERDRAFT and flags & NO_OVERCREDIT:
        return Result.FLAGS_ARE_MUTUALLY_EXCLUSIVE
    if account.ledger <= 0:
        return Result.LEDGER_MUST_NOT_BE_ZERO
    if account.code <= 0:
        return Result.CODE_MUST_NOT_BE_ZERO
    if flags & ACCOUNT_IMPORTED and account.at_ms <= last_at_ms:
        return Result.IMPORTED_EVENT_TIMESTAMP_MUST_NOT_REGRESS
    if not 0 <= account.allowance <= AMOUNT_MAX:
        return Result.ALLOWANCE_BELOW_USE
    return None
