"""Escrows and disputes as transfers: what is set aside, and how that ends.

An escrow ends by a post into the institution's escrow account, out of which the seller is paid in
the same chain; what is not posted is the buyer's again. A dispute ends by letting go of all that
was set aside and, in the same chain, a refund of what is given back: so the ledger counts it
against the payment, as it does any refund.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.core.escrow import HOLD_MORE_MS
from appservices.payments.core.ledger import Transfer, TransferFlag, ledger_id
from appservices.payments.core.transfers import TransferCode
from veche.protocol.ids import Ulid

if TYPE_CHECKING:
    from appservices.payments.core.dispute import Dispute
    from appservices.payments.core.escrow import Escrow

HOLD: Final = "hold"
END: Final = "end"
"""Part of the transfer that posts what is set aside."""
LET_GO: Final = "let go"
"""Part of the transfer that lets go of all of it."""
OUT: Final = "out"
"""Part of the transfer out of the escrow account, where a refund goes back through it."""


def escrow_hold(escrow: Escrow, wallet: int, account: int, id_: Ulid, now_ms: int) -> Transfer:
    """What sets the money of an escrow aside.

    Args:
        escrow: Which.
        wallet: The buyer's account.
        account: The institution's account for escrows.
        id_: Of the transfer.
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
    """What moves a part of what is set aside, or all, and lets go of the rest.

    Args:
        hold: The transfer that set it aside.
        id_: Of the transfer.
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


def void(hold: Ulid, id_: Ulid) -> Transfer:
    """What lets go of all that is set aside."""
    return Transfer(id=ledger_id(id_), flags=TransferFlag.VOID, pending_id=ledger_id(hold))


def back_out(refund: Transfer, buyer: int, posted: Ulid, id_: Ulid) -> Transfer:
    """The second half of a refund of what an escrow released: back the way it came.

    Args:
        refund: From the seller into the escrow account.
        buyer: The buyer's account.
        posted: The transfer that posted it into the escrow account.
        id_: Of the second transfer.
    """
    return refund._replace(
        id=ledger_id(id_),
        debit_id=refund.credit_id,
        credit_id=buyer,
        refund_of=ledger_id(posted),
    )


def dispute_hold(dispute: Dispute, account: int, disputed: int, id_: Ulid, now_ms: int) -> Transfer:
    """What sets a disputed amount aside, or as much of it as there is.

    Args:
        dispute: Which.
        account: The payee's account.
        disputed: The institution's account for disputes.
        id_: Of the transfer.
        now_ms: UTC.
    """
    assert dispute.hold_ends_at_ms is not None, "it has an end"  # noqa: S101 -- our bug
    return Transfer(
        id=ledger_id(id_),
        debit_id=account,
        credit_id=disputed,
        amount=dispute.amount_minor,
        ledger=dispute.ledger,
        code=TransferCode.DISPUTE_HOLD,
        flags=TransferFlag.PENDING | TransferFlag.BALANCING_DEBIT,
        timeout_ms=max(1, dispute.hold_ends_at_ms - now_ms),
        ref=ledger_id(Ulid(dispute.id)),
    )
