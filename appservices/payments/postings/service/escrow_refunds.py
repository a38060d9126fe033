"""Refunds of what an escrow released: they go back the way the money came, through its account."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from appservices.payments.holders import store as holders
from appservices.payments.ledger.core import AccountCode
from appservices.payments.postings.core import END, OUT, back_out
from appservices.payments.transfers.core.payment import Kind
from appservices.payments.transfers.service.transfer_ids import transfer_id
from appservices.payments.transfers.store import payments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.ledger.core import Transfer
    from appservices.payments.transfers.core.payment import Payment
    from appservices.payments.transfers.core.transfers import Between


def aside_of(scene: Conversation, payment: Payment) -> int | None:
    """Number of the escrow account that a refund goes through; None if it goes through none."""
    if payment.kind is not Kind.REFUND or payment.refund_of is None:
        return None
    if payments.of_payment(scene.txn, payment.refund_of) is None:
        return None
    institution = scene.institution().id
    row = holders.keep_account(scene.txn, institution, payment.ledger, AccountCode.ESCROW)
    return row.id


def through(between: Between, aside: int | None) -> Between:
    """The accounts of the first half of a refund."""
    return between if aside is None else attrs.evolve(between, payee=aside)


def rest_of(
    scene: Conversation, refund: Payment, made: Sequence[Transfer], buyer: int
) -> list[Transfer]:
    """The second half of a refund that went into the escrow account.

    Args:
        scene: The transaction.
        refund: Which; it goes through the account.
        made: Its first half.
        buyer: Number of the buyer's account.
    """
    escrow_id = payments.of_payment(scene.txn, str(refund.refund_of))
    assert escrow_id is not None, "it goes through the account"  # noqa: S101 -- our bug
    posted = transfer_id(scene, escrow_id, END)
    return [back_out(made[0], buyer, posted, transfer_id(scene, refund.id, OUT))]
