"""The attempts of disputes: what sets the amount aside, and what ends that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.disputes.core.dispute import REQUEST, End
from appservices.payments.disputes.core.moves import dispute_hold
from appservices.payments.ledger.core import AccountCode, ledger_id
from appservices.payments.ledger.core.requests import chain
from appservices.payments.ledger.service import attempts
from appservices.payments.ledger.store import ledger
from appservices.payments.postings.core import HOLD, LET_GO, void
from appservices.payments.postings.service import aside as holds
from appservices.payments.proofs.service.heads import SHARD
from appservices.payments.transfers.core.payment import Kind, Payment, State
from appservices.payments.transfers.core.transfers import MAIN, Between, transfers_of
from appservices.payments.transfers.service import authority, files
from appservices.payments.transfers.service.files import Private
from appservices.payments.transfers.service.transfer_ids import main_transfer, transfer_id

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.disputes.core.dispute import Dispute
    from appservices.payments.disputes.service.records import Case

KIND: Final = "dispute"
"""Kind of the attempts of disputes."""


def attempt_hold(scene: Conversation, dispute: Dispute) -> None:
    """Have the writer set the disputed amount aside at the payee, or what there is of it."""
    account = holds.own(scene, dispute.payee, dispute.ledger)
    aside = holds.aside(scene, dispute.ledger, AccountCode.DISPUTED)
    id_ = transfer_id(scene, dispute.id, HOLD)
    hold = dispute_hold(dispute, account.id, aside.id, id_, scene.now_ms)
    new = holds.new_ones(account, aside)
    given = [dispute.approved_by] if dispute.approved_by is not None else []
    attempts.add(scene.txn, KIND, dispute.id, [hold], scene.now_ms, approved_by=given, accounts=new)


def held_minor(scene: Conversation, dispute: Dispute) -> int:
    """Return the sum that the ledger's writer has set aside for a dispute."""
    row = ledger.row(scene.txn, SHARD, ledger_id(transfer_id(scene, dispute.id, HOLD)))
    return row.amount if row is not None else 0


def attempt_end(scene: Conversation, case: Case) -> str | None:
    """Have the writer let go of what is set aside, and in the same chain give back of it.

    Returns:
        Id of the refund; None if nothing is given back.
    """
    dispute = case.dispute
    hold = transfer_id(scene, dispute.id, HOLD)
    end = [void(hold, transfer_id(scene, dispute.id, LET_GO))]
    new = []
    # What the desk decided counts only with its key, also where nothing goes back.
    is_decided = dispute.end is End.DECIDED and dispute.decided_by is not None
    given = [str(dispute.decided_by)] if is_decided else []
    refund_id = None
    if dispute.given_minor:
        refund = _refund(scene, case, dispute.given_minor)
        refund_id = refund.id
        given = authority.approvals_of(scene, refund)
        payee = holds.own(scene, dispute.payee, dispute.ledger)
        payer = holds.own(scene, dispute.payer, dispute.ledger)
        ids = {MAIN: main_transfer(scene, refund.id)}
        first = main_transfer(scene, dispute.payment_id)
        end += transfers_of(refund, Between(payee.id, payer.id), ids, first)
        new = holds.new_ones(payer)
        # Alone it may still be tried when this chain is not done: its own id.
        end[0] = void(hold, transfer_id(scene, dispute.id, f"{LET_GO} {refund.id}"))
    attempts.add(
        scene.txn, KIND, dispute.id, chain(end), scene.now_ms, approved_by=given, accounts=new
    )
    return refund_id


def _refund(scene: Conversation, case: Case, amount_minor: int) -> Payment:
    """The refund, whose evidence is the approval of the payee, or of the desk."""
    dispute, view = case.dispute, case.view
    # The program of an organisation decides by a request, persons by an approval.
    is_request = (dispute.decided_by or "").startswith(REQUEST)
    payment = Payment(
        id=scene.sender.fresh_ulid("refund"),
        kind=Kind.REFUND,
        state=State.PAYING,
        payer=dispute.payee,
        payee=dispute.payer,
        ledger=dispute.ledger,
        amount_minor=amount_minor,
        fee_minor=0,
        asked_at_ms=scene.now_ms,
        approved_by=None if is_request else dispute.decided_by,
        instruction=f"dispute {dispute.id}",
        refund_of=dispute.payment_id,
    )
    private = Private(view.payee, view.payer, view.currency, view.reference)
    kept = files.add(scene, payment, private)
    assert kept is not None, "its id is fresh"  # noqa: S101 -- our bug
    return payment
