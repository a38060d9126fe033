"""The ledger: a pure machine that decides transfers, and the leaves and blocks that prove them."""

from appservices.payments.ledger.core.results import Class, Result
from appservices.payments.ledger.core.values import (
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
