"""Requests to the ledger: why money moves, accounts at their first use, chains."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from appservices.payments.ledger.core import (
    Account,
    AccountCode,
    AccountFlag,
    Transfer,
    TransferFlag,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


_BOUND: Final = frozenset(
    {AccountCode.WALLET, AccountCode.MERCHANT, AccountCode.ESCROW, AccountCode.DISPUTED}
)
"""Accounts whose money is owed to somebody, so that they never have less than none."""


class TransferCode(enum.IntEnum):
    """Why money moves, as the ledger has it; a number never means anything else."""

    ISSUE = 1
    PAY = 10
    FEE = 11
    INVOICE = 12
    MANDATE = 13
    ESCROW = 14
    SHARE = 15
    PASSED_ON = 16
    TAX = 17
    REFUND = 20
    PAYOUT = 30
    BOOKED = 31
    RETURNED = 32
    TOP_UP = 33
    SUSPENSE = 34
    FIRST_BALANCE = 35
    ESCROW_HOLD = 40
    DISPUTE_HOLD = 42
    BULK_ASIDE = 45
    BULK_BACK = 46
    FROM_PEER = 50
    SETTLED = 51
    NETTED = 52


def opening(number: int, ledger: int, code: int, allowance: int = 0) -> Account:
    """An account as it is opened at its first use.

    Args:
        number: Of it.
        ledger: Number of the currency.
        code: What sort of account it is.
        allowance: How far it may be overdrawn; of a peer's, how much may be owed.
    """
    flags = AccountFlag(0)
    if code in _BOUND or code == AccountCode.DUE_FROM_PEER:
        flags = AccountFlag.NO_OVERDRAFT | AccountFlag.HISTORY
    elif code == AccountCode.DUE_TO_PEER:
        flags = AccountFlag.NO_OVERCREDIT | AccountFlag.HISTORY
    return Account(number, ledger, code, int(flags), allowance)


def chain(transfers: Sequence[Transfer]) -> list[Transfer]:
    """Transfers tied together: all of them or none."""
    linked = [one._replace(flags=one.flags | TransferFlag.LINKED) for one in transfers[:-1]]
    return [
        *linked,
        *(one._replace(flags=one.flags & ~TransferFlag.LINKED) for one in transfers[-1:]),
    ]
