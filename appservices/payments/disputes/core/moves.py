"""Disputes as transfers: what is set aside. A dispute ends by letting go of all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.ledger.core import Transfer, TransferFlag, ledger_id
from appservices.payments.ledger.core.requests import TransferCode
from veche.protocol.ids import Ulid

if TYPE_CHECKING:
    from appservices.payments.disputes.core.dispute import Dispute


def dispute_hold(dispute: Dispute, account: int, disputed: int, id_: Ulid, now_ms: int) -> Transfer:
    """Build the transfer that sets aside a disputed amount, or as much as there is.

    Args:
        dispute: Which.
        account: The payee's account.
        disputed: The institution's account for disputes.
        id_: Id of the transfer.
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
