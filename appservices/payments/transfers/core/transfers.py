"""A payment as transfers of the ledger: what the payee gets, then the fee, both or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.ledger.core import (
    Transfer,
    TransferFlag,
    ledger_id,
)
from appservices.payments.ledger.core.requests import TransferCode
from appservices.payments.transfers.core.payment import Kind
from veche.protocol.ids import Ulid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.transfers.core.payment import Payment

MAIN: Final = "main"
FEE: Final = "fee"


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


@attrs.frozen
class Between:
    """The numbers of the accounts of a payment; ``fees`` where there is a fee."""

    payer: int
    payee: int
    fees: int | None = None


def code_of(kind: Kind) -> TransferCode:
    """Why the money of a kind of payment moves."""
    return _CODES[kind]


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
