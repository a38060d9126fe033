"""Money of a payment that is set aside until somebody else has said yes: held, posted, given back.

Three attempts about one payment, which the writer takes in their order. So what is given back right
after it was to be held is held and given back, and what was given back is never posted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.holders import store as holders
from appservices.payments.invoices.service.invoices import invoice_order
from appservices.payments.ledger.core import AccountCode, Transfer, TransferFlag, ledger_id
from appservices.payments.ledger.core.requests import TransferCode, chain, opening
from appservices.payments.ledger.service import attempts
from appservices.payments.peers.service import peers
from appservices.payments.postings.service import sharing
from appservices.payments.postings.service.moving import account
from appservices.payments.transfers.core.payment import Kind
from appservices.payments.transfers.core.transfers import FEE, code_of
from appservices.payments.transfers.service import authority
from appservices.payments.transfers.service.transfer_ids import main_transfer, transfer_id
from veche.protocol.ids import Ulid

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.holders.store import AccountRow
    from appservices.payments.transfers.core.payment import Payment

HOLD: Final = "payment.hold"
POST: Final = "payment.post"
VOID: Final = "payment.void"
CONFIRM_HOLD_MS: Final = 60_000
"""How long the ledger keeps money for a merchant to confirm; then it goes back by itself."""
_FEE_HOLD: Final = "fee hold"


def is_held_first(scene: Conversation, payment: Payment) -> bool:
    """Return whether somebody else has to say yes before a payment is made."""
    if payment.kind is Kind.SHARE or peers.is_abroad(scene, payment):
        return True
    order = invoice_order(scene, payment)
    return order is not None and order.terms.confirm


def hold(scene: Conversation, payment: Payment, timeout_ms: int) -> None:
    """Have the writer set the money aside; what it decides comes back in ``held``.

    Args:
        scene: The transaction.
        payment: Which.
        timeout_ms: After that the ledger gives it back by itself.
    """
    between = [account(scene, payment, one) for one in (payment.payer, payment.payee)]
    transfer = Transfer(
        id=ledger_id(_hold_id(scene, payment)),
        debit_id=between[0].id,
        credit_id=between[1].id,
        amount=payment.amount_minor,
        ledger=payment.ledger,
        code=code_of(payment.kind),
        flags=TransferFlag.PENDING,
        timeout_ms=timeout_ms,
        ref=ledger_id(Ulid(payment.id)),
    )
    held = [transfer]
    if payment.fee_minor:
        between.append(_fees(scene, payment))
        id_ = ledger_id(transfer_id(scene, payment.id, _FEE_HOLD))
        amount, fees = payment.fee_minor, between[-1].id
        held.append(transfer._replace(id=id_, credit_id=fees, amount=amount, code=TransferCode.FEE))
    opened = [
        opening(one.id, one.ledger, one.code, one.allowance)
        for one in between
        if not one.is_opened or one.allowance
    ]
    given = authority.approvals_of(scene, payment)
    attempts.add(
        scene.txn,
        HOLD,
        payment.id,
        chain(held),
        scene.now_ms,
        approved_by=given,
        accounts=opened,
    )


def post(scene: Conversation, payment: Payment) -> None:
    """Have the writer pay what is set aside, as much of it as the payment's amount is now.

    Raises:
        SplitError: It cannot be shared as its invoice says.
    """
    payee = account(scene, payment, payment.payee)
    passing = sharing.passing_on(scene, payment, payee.id)
    posted = [posting(scene, payment)]
    if payment.fee_minor:
        hold_id = transfer_id(scene, payment.id, _FEE_HOLD)
        fee = posted[0]._replace(
            id=ledger_id(transfer_id(scene, payment.id, FEE)),
            pending_id=ledger_id(hold_id),
            amount=payment.fee_minor,
        )
        posted.append(fee)
    moved = chain([*posted, *passing.transfers])
    opened = [
        opening(one.id, one.ledger, one.code) for one in passing.accounts if not one.is_opened
    ]
    attempts.add(scene.txn, POST, payment.id, moved, scene.now_ms, approved_by=(), accounts=opened)


def posting(scene: Conversation, payment: Payment) -> Transfer:
    """The transfer that pays what is set aside."""
    return Transfer(
        id=ledger_id(main_transfer(scene, payment.id)),
        amount=payment.amount_minor,
        flags=TransferFlag.POST,
        pending_id=ledger_id(_hold_id(scene, payment)),
        ref=ledger_id(Ulid(payment.id)),
    )


def void(scene: Conversation, payment: Payment) -> None:
    """Have the writer give back what is set aside, if it is and was not given back by itself."""
    transfer = Transfer(
        id=ledger_id(transfer_id(scene, payment.id, "void")),
        flags=TransferFlag.VOID,
        pending_id=ledger_id(_hold_id(scene, payment)),
        ref=ledger_id(Ulid(payment.id)),
    )
    voided = [transfer]
    if payment.fee_minor:
        ids = (transfer_id(scene, payment.id, part) for part in ("fee void", _FEE_HOLD))
        id_, hold_id = map(ledger_id, ids)
        voided.append(transfer._replace(id=id_, pending_id=hold_id))
    attempts.add(scene.txn, VOID, payment.id, voided, scene.now_ms, approved_by=())


def _fees(scene: Conversation, payment: Payment) -> AccountRow:
    institution = scene.institution().id
    return holders.keep_account(scene.txn, institution, payment.ledger, AccountCode.FEES)


def _hold_id(scene: Conversation, payment: Payment) -> Ulid:
    return transfer_id(scene, payment.id, "hold")
