"""A payment as transfers of the ledger: what the payee gets, then the fee, both or none."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.core.ledger import (
    Account,
    AccountCode,
    AccountFlag,
    Transfer,
    TransferFlag,
    ledger_id,
)
from appservices.payments.core.payment import Kind
from veche.protocol.ids import Ulid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.core.payment import Payment

MAIN: Final = "main"
FEE: Final = "fee"


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


_CODES: Final[Mapping[Kind, TransferCode]] = {
    Kind.ISSUE: TransferCode.ISSUE,
    Kind.PAY: TransferCode.PAY,
    Kind.SHARE: TransferCode.SHARE,
    Kind.INVOICE: TransferCode.INVOICE,
    Kind.MANDATE: TransferCode.MANDATE,
    Kind.REFUND: TransferCode.REFUND,
    Kind.ESCROW: TransferCode.ESCROW,
}
PAYMENT_CODES: Final = frozenset({TransferCode.FROM_PEER, *_CODES.values()})
"""Why money moves from one to another; whatever else moves what an institution owes settles it."""
_BOUND: Final = frozenset(
    {AccountCode.WALLET, AccountCode.MERCHANT, AccountCode.ESCROW, AccountCode.DISPUTED}
)
"""Accounts whose money is owed to somebody, so that they never have less than none."""


@attrs.frozen
class Between:
    """The numbers of the accounts of a payment; ``fees`` where there is a fee."""

    payer: int
    payee: int
    fees: int | None = None


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


def code_of(kind: Kind) -> TransferCode:
    """Why the money of a kind of payment moves."""
    return _CODES[kind]


def chain(transfers: Sequence[Transfer]) -> list[Transfer]:
    """Transfers tied together: all of them or none."""
    linked = [one._replace(flags=one.flags | TransferFlag.LINKED) for one in transfers[:-1]]
    return [
        *linked,
        *(one._replace(flags=one.flags & ~TransferFlag.LINKED) for one in transfers[-1:]),
    ]


def transfers_of(
    payment: Payment, between: Between, ids: Mapping[str, Ulid], refund_of: Ulid | None = None
) -> list[Transfer]:
    """The chain that makes a payment.

    Args:
        payment: What is paid.
        between: Whose accounts.
        ids: Of the transfers: ``MAIN``, and ``FEE`` where there is a fee.
        refund_of: The transfer that a refund gives back.
    """
    has_fee = payment.fee_minor > 0
    ref = ledger_id(Ulid(payment.id))
    main = Transfer(
        id=ledger_id(ids[MAIN]),
        debit_id=between.payer,
        credit_id=between.payee,
        amount=payment.amount_minor,
        ledger=payment.ledger,
        code=_CODES[payment.kind],
        flags=TransferFlag.LINKED if has_fee else 0,
        refund_of=ledger_id(refund_of) if refund_of is not None else None,
        ref=ref,
        ext=payment.period or 0,
    )
    if not has_fee:
        return [main]
    assert between.fees is not None, "a fee goes to an account"  # noqa: S101 -- our bug
    fee = Transfer(
        id=ledger_id(ids[FEE]),
        debit_id=between.payer,
        credit_id=between.fees,
        amount=payment.fee_minor,
        ledger=payment.ledger,
        code=TransferCode.FEE,
        ref=ref,
    )
    return [main, fee]
