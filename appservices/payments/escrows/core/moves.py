"""Escrows and disputes as transfers: what is set aside, and how that ends.

An escrow ends by a post into the institution's escrow account, out of which the seller is paid in
the same chain; what is not posted is the buyer's again. A dispute ends by letting go of all that
was set aside and, in the same chain, a refund of what is given back: so the ledger counts it
against the payment, as it does any refund.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.escrows.core.escrow import HOLD_MORE_MS
from appservices.payments.ledger.core import Transfer, TransferFlag, ledger_id
from appservices.payments.ledger.core.requests import TransferCode
from veche.protocol.ids import Ulid

if TYPE_CHECKING:
    from appservices.payments.escrows.core.escrow import Escrow


def escrow_hold(escrow: Escrow, wallet: int, account: int, id_: Ulid, now_ms: int) -> Transfer:
    """Build the transfer that sets aside the money of an escrow.

    Args:
        escrow: Which.
        wallet: The buyer's account.
        account: The institution's account for escrows.
        id_: Id of the transfer.
        now_ms: UTC; the hold ends ``HOLD_MORE_MS`` after the escrow's date.
    """
    return Transfer(
        id=ledger_id(id_),
        debit_id=wallet,
        credit_id=account,
        amount=escrow.amount_minor,
        ledger=escrow.ledger,
        code=TransferCode.ESCROW_HOLD,
        flags=TransferFlag.PENDING,
        timeout_ms=max(1, escrow.ends_at_ms - now_ms) + HOLD_MORE_MS,
        ref=ledger_id(Ulid(escrow.id)),
    )


def post(hold: Ulid, id_: Ulid, amount_minor: int, payment: Ulid) -> Transfer:
    """Build the transfer that moves part or all of a hold, and releases the rest.

    Args:
        hold: The transfer that set it aside.
        id_: Id of the transfer.
        amount_minor: At least 1.
        payment: Whose first half it is.
    """
    return Transfer(
        id=ledger_id(id_),
        amount=amount_minor,
        flags=TransferFlag.POST,
        pending_id=ledger_id(hold),
        ref=ledger_id(payment),
    )
