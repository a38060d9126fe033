"""The ledger: a pure machine that decides transfers, and the leaves and blocks that prove them."""

from appservices.payments.core.ledger.results import Class, Result
from appservices.payments.core.ledger.values import (
    AMOUNT_MAX,
    Account,
    AccountCode,
    AccountFlag,
    Row,
    Transfer,
    TransferFlag,
    ledger_id,
    ulid_of,
)

__all__ = [
    "AMOUNT_MAX",
    "Account",
    "AccountCode",
    "AccountFlag",
    "Class",
    "Result",
    "Row",
    "Transfer",
    "TransferFlag",
    "ledger_id",
    "ulid_of",
]
