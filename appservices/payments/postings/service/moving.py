"""The attempt to move the money of a payment: its accounts, its transfers, its row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.holders import store as holders
from appservices.payments.ledger.core import AccountCode
from appservices.payments.ledger.core.requests import chain, opening
from appservices.payments.ledger.service import attempts
from appservices.payments.peers.service import peers
from appservices.payments.postings.service import escrow_refunds, sharing
from appservices.payments.transfers.core.transfers import FEE, MAIN, Between, transfers_of
from appservices.payments.transfers.service import authority
from appservices.payments.transfers.service.transfer_ids import main_transfer, transfer_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.transfers.core.payment import Payment

KIND: Final = "payment"
"""Kind of the attempts that make payments."""
_CODES: Final[Mapping[str, AccountCode]] = {
    holders.PERSON: AccountCode.WALLET,
    holders.ORGANISATION: AccountCode.MERCHANT,
    holders.INSTITUTION: AccountCode.OPENING,
}


def account_code(kind: str) -> AccountCode:
    """The sort of account that a kind of holder pays and is paid with."""
    return _CODES[kind]


def attempt(scene: Conversation, payment: Payment) -> None:
    """Have the writer try to make a payment; what it decides comes back in ``settling``."""
    payer, payee = account(scene, payment, payment.payer), account(scene, payment, payment.payee)
    fees = None
    if payment.fee_minor:
        institution = scene.institution().id
        fees = holders.keep_account(scene.txn, institution, payment.ledger, AccountCode.FEES)
    some = [one for one in (payer, payee, fees) if one is not None]
    used = [one for one in some if not one.is_opened or one.allowance]
    # Abroad it is no reversal: it goes to what we owe the institution.
    first = None if peers.is_abroad(scene, payment) else payment.refund_of
    refund_of = main_transfer(scene, first) if first is not None else None
    passing = sharing.passing_on(scene, payment, payee.id)
    taking = sharing.taking_back(scene, payment, payer.id)
    used += [one for one in passing.accounts if not one.is_opened]
    ids = {part: transfer_id(scene, payment.id, part) for part in (MAIN, FEE)}
    between = Between(payer.id, payee.id, fees.id if fees is not None else None)
    aside = escrow_refunds.aside_of(scene, payment)
    made = transfers_of(payment, escrow_refunds.through(between, aside), ids, refund_of)
    if aside is not None:
        made += escrow_refunds.rest_of(scene, payment, made, payee.id)
    attempts.add(
        scene.txn,
        KIND,
        payment.id,
        chain([*taking.transfers, *made, *passing.transfers]),
        scene.now_ms,
        approved_by=authority.approvals_of(scene, payment),
        accounts=[opening(one.id, one.ledger, one.code, one.allowance) for one in used],
    )


def account(scene: Conversation, payment: Payment, holder_id: int) -> holders.AccountRow:
    """The account of a holder that a payment uses; it gets a number now if there is none.

    Of somebody at another institution it is what we owe that one.
    """
    holder = holders.holder(scene.txn, holder_id)
    if holder.kind == holders.ABROAD:
        return peers.due_to(scene, peers.server_of_holder(scene, holder), payment.ledger)
    code = account_code(holder.kind)
    return holders.keep_account(scene.txn, holder_id, payment.ledger, code)
