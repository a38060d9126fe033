"""Flags as plain numbers: the operators of ``IntFlag`` take longer than deciding a transfer."""

from __future__ import annotations

from typing import Final

from appservices.payments.ledger.core.values import AccountFlag, TransferFlag

NO_OVERDRAFT: Final = int(AccountFlag.NO_OVERDRAFT)
NO_OVERCREDIT: Final = int(AccountFlag.NO_OVERCREDIT)
ACCOUNT_IMPORTED: Final = int(AccountFlag.IMPORTED)
CLOSED: Final = int(AccountFlag.CLOSED)
ACCOUNT_FLAGS: Final = int(~AccountFlag(0))

LINKED: Final = int(TransferFlag.LINKED)
PENDING: Final = int(TransferFlag.PENDING)
POST: Final = int(TransferFlag.POST)
VOID: Final = int(TransferFlag.VOID)
BALANCING_DEBIT: Final = int(TransferFlag.BALANCING_DEBIT)
BALANCING_CREDIT: Final = int(TransferFlag.BALANCING_CREDIT)
CLOSING_DEBIT: Final = int(TransferFlag.CLOSING_DEBIT)
CLOSING_CREDIT: Final = int(TransferFlag.CLOSING_CREDIT)
IMPORTED: Final = int(TransferFlag.IMPORTED)
EXPIRE: Final = int(TransferFlag.EXPIRE)

TRANSFER_FLAGS: Final = int(~TransferFlag(0)) & ~EXPIRE
"""What a caller may set."""
ENDING: Final = POST | VOID
BALANCING: Final = BALANCING_DEBIT | BALANCING_CREDIT
CLOSING: Final = CLOSING_DEBIT | CLOSING_CREDIT
MOVES_NOTHING: Final = PENDING | VOID | EXPIRE
"""Rows that leave the posted sums as they are: nothing of them can be given back."""
