"""By which approvals money may move, and whether all of them still count.

A revoked key approves nothing. Money that it approved, and that has not moved, needs a new
approval. Money that an agreement has set aside goes on by the agreement's own rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.holders import store as holders
from appservices.payments.transfers.store import approvals
from veche.access.approvals import revoked_among

if TYPE_CHECKING:
    from collections.abc import Iterable

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.transfers.core.payment import Payment

RESTORED: Final = "restored"
"""Orders a payment that is booked again: by the receipt of this institution."""


def approvals_of(scene: Conversation, payment: Payment) -> list[str]:
    """List the nonces of the approvals without which a payment may not be made."""
    if payment.instruction == RESTORED:
        return []  # what was made once is booked, whatever is revoked since
    nonces = [payment.approved_by]
    if payment.mandate_id is not None:
        nonces.append(approvals.mandate_approval(scene.txn, payment.mandate_id))
    if payment.allowance_id is not None:
        nonces.append(approvals.approval_of(scene.txn, payment.allowance_id))
    return [one for one in nonces if one is not None]


def is_revoked(scene: Conversation, nonces: Iterable[str | None]) -> bool:
    """Return whether the key of one of these approvals is revoked; None is no approval."""
    given = [one for one in nonces if one is not None]
    return bool(revoked_among(scene.txn, given))


def is_stopped(scene: Conversation, payment: Payment) -> bool:
    """Return whether a payment may not be made any more because a key is revoked."""
    return is_revoked(scene, approvals_of(scene, payment))


def is_frozen(scene: Conversation, payment: Payment) -> bool:
    """Return whether who pays has stopped everything: whose money it is, or who uses it."""
    who = [payment.payer]
    if payment.allowance_id is not None:
        spender = approvals.spender_of(scene.txn, payment.allowance_id)
        who += [spender] if spender is not None else []
    return any(holders.holder(scene.txn, one).is_frozen for one in who)


def void_votes(scene: Conversation, payment_id: str) -> frozenset[str]:
    """Return the approvals of a payment's guardians whose keys are revoked."""
    return revoked_among(scene.txn, approvals.yes_of(scene.txn, payment_id))
