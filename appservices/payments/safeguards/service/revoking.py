"""Effects of a revoked key: payments that it approved and that have not moved stop at once.

Everything here is also looked at when it is about to move, so that nothing moves where this comes
late. See docs/explanation/approvals.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appservices.payments.allowances import store as allowance_store
from appservices.payments.allowances.service import allowances
from appservices.payments.bills import store as bills
from appservices.payments.conversation.service.conversation import Parts
from appservices.payments.escrows import store as escrow_store
from appservices.payments.escrows.core.escrow import EscrowState
from appservices.payments.escrows.service import escrows
from appservices.payments.escrows.service import records as escrow_files
from appservices.payments.guardians import store as guards
from appservices.payments.guardians.service import asking as guarding
from appservices.payments.holders import store as holders
from appservices.payments.mandates import store as mandate_store
from appservices.payments.mandates.service import mandates
from appservices.payments.paying.service import paying
from appservices.payments.transfers.service import authority, files
from appservices.payments.transfers.store import payments as store
from veche.access.approvals import revocation_kind, revoked_among
from veche.bots import ChatJob
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from veche.messaging.jobs import Job, JobHandler
    from veche.runtime.database import Cursor


def handlers(parts: Parts) -> dict[str, JobHandler]:
    """Return the handler of the job by which the bot hears of revoked keys."""
    return {revocation_kind(parts.bot.user_id): _Revoked(parts)}


def stop(scene: Conversation, person: UserId) -> None:
    """Stop what waits and was approved with a key that a person has revoked; tell those concerned.

    Payments, shares and escrows that are not set aside end. Allowances end. Mandates pause until
    the person approves them with another key. Decisions about escrows and of guardians are asked
    for anew.
    """
    holder_id = scene.holder(person).id
    # Whoever locks an escrow forgets such decisions, so they are looked up first.
    decided = _void(scene, escrow_store.decided_by(scene.txn, holder_id))
    for one in allowance_store.given_to(scene.txn, holder_id):
        for payment_id in allowance_store.waiting_of(scene.txn, one.id, store.WAITING_MAX):
            _refuse(scene, payment_id)
    bill_ids = bills.lock_bills_of(scene.txn, holder_id)
    holders.lock_holder(scene.txn, holder_id)
    shares = [one for bill_id in bill_ids for one in bills.shares(scene.txn, bill_id)]
    own = [one for one in shares if one.payment.payer == holder_id]
    for file in (*own, *store.waiting_of(scene.txn, holder_id)):
        paying.refuse_revoked(scene, files.matter_of(scene, file))
    _stop_agreements(scene, holder_id)
    for escrow_id in decided:
        escrows.ask_anew(scene, escrow_id, person)
    for id_ in _void(scene, guards.said_yes(scene.txn, holder_id)):
        _ask_guardian(scene, id_, holder_id)


def _stop_agreements(scene: Conversation, holder_id: int) -> None:
    """Stop what somebody has given, and may be used for more than one payment; and escrows."""
    for given in allowance_store.given_by(scene.txn, holder_id):
        if authority.is_revoked(scene, [given.approved_by]):
            allowances.end(scene, given.id, holder_id)
    for mandate in mandate_store.mandates_of(scene.txn, holder_id):
        mandates.pause_revoked(scene, mandate)
    for escrow_id in escrow_store.open_of_buyer(scene.txn, holder_id):
        escrows.refuse_revoked(scene, escrow_id)


def _void(scene: Conversation, nonces: Mapping[str, str | None]) -> list[str]:
    """List the ids whose approval was made with a key that was revoked since."""
    void = revoked_among(scene.txn, [one for one in nonces.values() if one is not None])
    return [id_ for id_, nonce in nonces.items() if nonce in void]


def _refuse(scene: Conversation, payment_id: str) -> None:
    matter = files.lock(scene, payment_id)
    if matter is not None:
        paying.refuse_revoked(scene, matter)


def _ask_guardian(scene: Conversation, id_: str, holder_id: int) -> None:
    matter, deal = files.lock(scene, id_), None
    if matter is None:
        deal = escrow_files.lock(scene, id_)
        is_open = deal is not None and deal.escrow.state is EscrowState.GUARDED
        matter = escrows.as_payment(scene, deal) if deal is not None and is_open else None
    if matter is not None:
        guarding.ask_again(scene, matter, holder_id)


class _Revoked(ChatJob[Parts]):
    """A person has revoked a key."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Stop what it approved."""
        stop(self._parts.conversation(txn, job.id, now_ms), UserId(job.payload["person"]))
