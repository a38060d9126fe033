"""The attempts of escrows: the hold, and what ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.escrows.core.moves import escrow_hold, post
from appservices.payments.ledger.core import AccountCode
from appservices.payments.ledger.core.requests import chain
from appservices.payments.ledger.service import attempts
from appservices.payments.postings.core import END, HOLD, LET_GO, void
from appservices.payments.postings.service import aside as holds
from appservices.payments.transfers.core.payment import Kind, Payment, State
from appservices.payments.transfers.core.transfers import MAIN, Between, transfers_of
from appservices.payments.transfers.service import files
from appservices.payments.transfers.service.files import Private
from appservices.payments.transfers.service.transfer_ids import main_transfer, transfer_id
from veche.protocol.ids import Ulid

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.escrows.core.escrow import Escrow
    from appservices.payments.escrows.service.records import Deal

KIND: Final = "escrow"
"""Kind of the attempts of escrows."""


def attempt_hold(scene: Conversation, escrow: Escrow) -> None:
    """Have the writer try to set the money of an escrow aside."""
    wallet = holds.own(scene, escrow.buyer, escrow.ledger)
    aside = holds.aside(scene, escrow.ledger, AccountCode.ESCROW)
    id_ = transfer_id(scene, escrow.id, HOLD)
    hold = escrow_hold(escrow, wallet.id, aside.id, id_, scene.now_ms)
    new = holds.new_ones(wallet, aside)
    given = [escrow.approved_by] if escrow.approved_by is not None else []
    attempts.add(scene.txn, KIND, escrow.id, [hold], scene.now_ms, approved_by=given, accounts=new)


def attempt_end(scene: Conversation, deal: Deal) -> str | None:
    """Have the writer do what was decided of an escrow.

    Returns:
        Id of the payment by which the seller gets it; None if they get nothing.
    """
    escrow = deal.escrow
    hold = transfer_id(scene, escrow.id, HOLD)
    given = [
        one.approved_by
        for one in escrow.voters
        if one.approved_by is not None and one.to_seller == escrow.to_seller
    ]
    # Where too few decided alike, its own rule does: nobody's key is needed for that.
    given = given if escrow.decided == escrow.to_seller else []
    if not escrow.to_seller:
        end = void(hold, transfer_id(scene, escrow.id, LET_GO))
        attempts.add(scene.txn, KIND, escrow.id, [end], scene.now_ms, approved_by=given)
        return None
    payment = _payment(scene, deal, escrow.to_seller)
    seller = holds.own(scene, escrow.seller, escrow.ledger)
    aside = holds.aside(scene, escrow.ledger, AccountCode.ESCROW)
    ids = {MAIN: main_transfer(scene, payment.id)}
    made = [
        post(hold, posted(scene, escrow.id), escrow.to_seller, Ulid(payment.id)),
        *transfers_of(payment, Between(aside.id, seller.id), ids),
    ]
    new = holds.new_ones(seller)
    attempts.add(
        scene.txn, KIND, escrow.id, chain(made), scene.now_ms, approved_by=given, accounts=new
    )
    return payment.id


def posted(scene: Conversation, escrow_id: str) -> Ulid:
    """The transfer by which the money of an escrow leaves the buyer."""
    return transfer_id(scene, escrow_id, END)


def _payment(scene: Conversation, deal: Deal, amount_minor: int) -> Payment:
    """The payment to the seller, whose evidence is the buyer's approval of the escrow."""
    escrow = deal.escrow
    payment = Payment(
        id=scene.sender.fresh_ulid("payment"),
        kind=Kind.ESCROW,
        state=State.PAYING,
        payer=escrow.buyer,
        payee=escrow.seller,
        ledger=escrow.ledger,
        amount_minor=amount_minor,
        fee_minor=0,
        asked_at_ms=scene.now_ms,
        approved_by=escrow.approved_by,
    )
    buyer, seller = deal.parties[:2]
    private = Private(buyer, seller, deal.currency, deal.reference)
    kept = files.add(scene, payment, private)
    assert kept is not None, "its id is fresh"  # noqa: S101 -- our bug
    return payment
