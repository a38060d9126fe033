"""Effects of the writer's decision on a payment: its state and receipts, in the same block."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from appservices.payments.allowances.service import uses as allowance_uses
from appservices.payments.bills.service import bills
from appservices.payments.bulk.service import bulk
from appservices.payments.invoices.service import invoices
from appservices.payments.ledger.core import Result
from appservices.payments.mandates.service import debits as charges
from appservices.payments.paying.service.paying import tell_unconfirmed
from appservices.payments.payouts import service as payouts
from appservices.payments.peers.service import sending as peers_sending
from appservices.payments.postings.service import holding
from appservices.payments.receipts.service import proofs as proving
from appservices.payments.receipts.service.news import tell_payee, tell_payer, tell_refused
from appservices.payments.refunds.service import refunds as api_refunds
from appservices.payments.transfers.core.payment import Input, Kind, State, step
from appservices.payments.transfers.service import authority, files
from appservices.payments.transfers.texts.paying import (
    FAILED,
    KEY_REVOKED,
    NO_COVER,
    NOT_PAYABLE,
    REFUND_TOO_HIGH,
    UNCONFIRMED,
)
from appservices.payments.transfers.texts.refusals import PEER_LIMIT
from veche.protocol.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.ledger.service.work import Outcome
    from appservices.payments.transfers.service.files import OpenPayment

logger = logging.getLogger(__name__)

_COVER_MS: Final = 60_000
_WHY: Final[Mapping[Result, str]] = {
    Result.EXCEEDS_CREDITS: NO_COVER,
    Result.EXCEEDS_DEBITS: PEER_LIMIT,
    Result.CREDIT_ACCOUNT_ALREADY_CLOSED: NOT_PAYABLE,
    Result.EXCEEDS_REFUNDABLE: REFUND_TOO_HIGH,
    Result.PENDING_TRANSFER_EXPIRED: UNCONFIRMED,
}


def settle(scene: Conversation, payment_id: str, outcome: Outcome) -> None:
    """The writer has decided the transfers of a payment.

    Args:
        scene: The transaction of the block.
        payment_id: Of which payment.
        outcome: What became of its transfers.

    Raises:
        UnavailableError: A payment from before a restore has no cover yet: it is tried again, since
            its payee has the money, and a bank may bring the payer's next.
    """
    matter = files.lock(scene, payment_id)
    if matter is None or matter.payment.state is not State.PAYING:
        return
    if outcome.is_done:
        payment, _ = step(matter.payment, Input.MOVED)
        tell_made(scene, files.save(scene, matter, payment), outcome)
        return
    why = why_not(payment_id, outcome)
    if why == NO_COVER and matter.payment.instruction == authority.RESTORED:
        raise UnavailableError("the payer does not have the money yet", retry_after_ms=_COVER_MS)
    refuse(scene, matter, why)


def tell_made(scene: Conversation, matter: OpenPayment, outcome: Outcome) -> None:
    """Tell both sides of a payment that is made in this block; what belongs to it follows."""
    payload = proving.payload(scene, matter, outcome)
    tell_payer(scene, matter, payload)
    tell_payee(scene, matter, payload)
    _settle_others(scene, matter)


def refuse(scene: Conversation, matter: OpenPayment, why: str) -> None:
    """A payment that was to be made moved nothing: the writer says so, or it was taken back."""
    payment, _ = step(matter.payment, Input.NOT_MOVED, why=why)
    after = files.save(scene, matter, payment)
    if payment.kind is Kind.PAYOUT:
        payouts.take_back(scene, payment)
    was_held = matter.payment.state is State.PAYING and holding.is_held_first(scene, payment)
    if was_held:
        holding.void(scene, payment)
    tell_refused(scene, after)
    _settle_others(scene, after)
    if was_held:
        tell_unconfirmed(scene, payment)


def _settle_others(scene: Conversation, matter: OpenPayment) -> None:
    """The invoice and the mandate of a payment follow it."""
    is_moved = matter.payment.state is State.PAID
    invoices.settle(scene, matter.payment, is_moved=is_moved)
    charges.settle(scene, matter)
    allowance_uses.settle(scene, matter)
    peers_sending.settle(scene, matter)
    api_refunds.settle(scene, matter.payment)
    bulk.settle(scene, matter)
    bills.heard(scene, matter)


def why_not(payment_id: str, outcome: Outcome) -> str:
    """Why the ledger moved nothing, as a code."""
    if outcome.is_revoked:
        return KEY_REVOKED
    for result in outcome.results:
        if result in _WHY:
            return _WHY[result]
    words = [one.word for one in outcome.results]
    logger.error("payment %s was refused by the ledger: %s", payment_id, words)
    return FAILED
