"""A payment to somebody at another institution: the jobs that tell it, and what ends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.holders import store as holders
from appservices.payments.peers import store
from appservices.payments.peers.core import Out, OutInput, step_out
from appservices.payments.peers.service import peers
from appservices.payments.transfers.core.payment import State
from appservices.payments.transfers.service import authority
from appservices.payments.transfers.service.clocks import set_clock
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import effect_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.transfers.service.files import OpenPayment

SEND: Final = "payments.peer"
"""Job: says to another institution what a payment to it needs."""
HOLD_MORE_MS: Final = 60_000
"""How much longer than the peer has to answer the ledger keeps the money."""
PREPARE, COMMIT, CANCEL = "prepare", "commit", "cancel"
KINDS: Final[Mapping[Out, str]] = {
    Out.PREPARING: PREPARE,
    Out.COMMITTING: COMMIT,
    Out.CANCELLING: CANCEL,
}
"""What there is to say in a state; in the others there is nothing."""


def hold_ms(scene: Conversation) -> int:
    """How long the ledger keeps money for another institution to answer; then it lets go itself."""
    return scene.section.peer_wait_ms + HOLD_MORE_MS


def begin(scene: Conversation, matter: OpenPayment) -> None:
    """The money of a payment is set aside: have its institution asked.

    Args:
        scene: The transaction of the block.
        matter: The payment, which waits until it is due.
    """
    payment = matter.payment
    assert payment.due_at_ms is not None, "what waits is due"  # noqa: S101 -- our bug
    payee = holders.holder(scene.txn, payment.payee)
    peer = peers.institution(scene, peers.server_of_holder(scene, payee))
    file = store.OutFile(
        id=payment.id,
        peer=peer.id,
        state=Out.PREPARING,
        ledger=payment.ledger,
        amount_minor=payment.amount_minor,
        expires_at_ms=payment.due_at_ms,
        sealed=None,
        asked_at_ms=scene.now_ms,
        changed_at_ms=scene.now_ms,
    )
    set_clock(scene, payment)
    if store.add_out(scene.txn, file):
        _send(scene, payment.id, PREPARE)


def start(scene: Conversation) -> None:
    """Say at once what a process that ended may have been about to say; twice does no harm."""
    for id_, state in store.open_out(scene.txn):
        if state in KINDS:
            payload = {"payment": id_, "kind": KINDS[state]}
            job_id = effect_id(SEND, id_, KINDS[state], scene.now_ms)
            jobs.schedule(scene.txn, Job(job_id, SEND, payload, scene.now_ms))


def settle(scene: Conversation, matter: OpenPayment) -> None:
    """A payment is made, or over without: if it is to another institution, that hears of it."""
    file = store.lock_out(scene.txn, matter.payment.id)
    if file is None:
        return
    is_paid = matter.payment.state is State.PAID
    if not is_paid and matter.payment.instruction == authority.RESTORED:
        return  # it is credited there: it stays open, and is not cancelled
    state = step_out(file.state, OutInput.PAID if is_paid else OutInput.NOT_PAID)
    if state is file.state:
        return
    store.save_out(scene.txn, file.id, state, None, scene.now_ms)
    _send(scene, file.id, COMMIT if is_paid else CANCEL)


def _send(scene: Conversation, id_: str, kind: str) -> None:
    payload = {"payment": id_, "kind": kind}
    job_id = effect_id(SEND, id_, kind)
    jobs.schedule(scene.txn, Job(job_id, SEND, payload, scene.now_ms))
