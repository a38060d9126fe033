"""Messages to other institutions, sent until they are heard, and the effects of answers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from appservices.payments.conversation.service.conversation import Parts
from appservices.payments.holders import store as holders
from appservices.payments.institutions.api import PeerAnswer
from appservices.payments.institutions.core import origin_of
from appservices.payments.invoices.service.news import own_address
from appservices.payments.paying.service import paying
from appservices.payments.peers import store, texts
from appservices.payments.peers.core import Out, OutInput, PeerStateError, step_out
from appservices.payments.peers.service import peers
from appservices.payments.peers.service.sending import CANCEL, COMMIT, KINDS, PREPARE
from appservices.payments.proofs.core.receipts import ReceiptError, verify_receipt
from appservices.payments.receipts.service import proofs as proving
from appservices.payments.transfers.core.payment import State
from appservices.payments.transfers.service import files
from appservices.payments.transfers.store import payments as payment_store
from veche.bots import ChatJob
from veche.protocol.errors import UnavailableError
from veche.protocol.money import Money
from veche.protocol.wire import parse
from veche.transparency.notes import log_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.peers.store import OutFile
    from appservices.payments.transfers.service.files import OpenPayment
    from appservices.payments.transfers.texts.views import Party
    from veche.messaging.jobs import Job
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

_BUSY_MS: Final = 500
_HEARD: Final[Mapping[tuple[str, str], OutInput]] = {
    (PREPARE, "ready"): OutInput.YES,
    (PREPARE, "refused"): OutInput.NO,
    # It credited this once before, and our database was restored since then: it is paid again.
    (PREPARE, "done"): OutInput.YES,
    (COMMIT, "done"): OutInput.CREDITED,
    (CANCEL, "cancelled"): OutInput.HEARD,
    (CANCEL, "refused"): OutInput.NO,
}
"""What an answer means; whatever else is said contradicts what was said before."""


class Send(ChatJob[Parts]):
    """Tells another institution of a payment, again until it has an answer that counts."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Ask; what it answered, as it was signed."""
        host = self._parts.host
        read = await host.database.run("payments.peer", self._read, job)
        if read is None:
            return {}
        server, more, amount = read
        kind = job.payload["kind"]
        client = self._parts.peers
        assert client is not None, "a service has one"  # noqa: S101 -- our bug
        answer, message = await client.ask(server, kind, **more)
        if answer.state == "busy":
            raise UnavailableError(f"{server} has not decided yet", retry_after_ms=_BUSY_MS)
        if not self._counts(server, job, answer, amount):
            await host.database.run("payments.peer", self._fault, job, server, message)
            raise UnavailableError(f"{server} contradicts itself", retry_after_ms=_BUSY_MS)
        return {"answer": dict(message)}

    def _read(self, txn: Cursor, job: Job) -> tuple[str, dict[str, Any], Money] | None:
        """Read whom to ask, what, and about which amount; None if nothing is left to send."""
        scene = self._parts.conversation(txn, job.id, self._parts.host.now_ms())
        kind, id_ = job.payload["kind"], job.payload["payment"]
        out = store.out(txn, id_)
        file = payment_store.payment(txn, id_)
        if out is None or file is None or KINDS.get(out.state) != kind:
            return None
        server = peers.server_of_holder(scene, holders.holder(txn, out.peer))
        matter = files.matter_of(scene, file)
        amount = Money(minor=out.amount_minor, currency=matter.private.currency)
        if kind == PREPARE:
            return server, _prepare(scene, matter, out), amount
        if kind == COMMIT:
            return server, commit_of(scene, matter, out), amount
        return server, {"id": id_}, amount

    def _counts(self, server: str, job: Job, answer: PeerAnswer, amount: Money) -> bool:
        """Return whether an answer fits the question, with proof if it says that money came."""
        if (job.payload["kind"], answer.state) not in _HEARD:
            return False
        if answer.state != "done" or job.payload["kind"] == PREPARE:
            return True
        section = self._parts.section.peer(server)
        try:
            proved = verify_receipt(answer.receipt or {}, section.verifiers() if section else [])
        except ReceiptError as e:
            logger.warning("payment %s at %s: %s", job.payload["payment"], server, e)
            return False
        receipt = proved.receipt
        is_of_it = receipt.payment == job.payload["payment"] and receipt.amount == amount
        return is_of_it and log_of(proved.origin) == origin_of(server)

    def _fault(self, txn: Cursor, job: Job, server: str, message: Mapping[str, Any]) -> None:
        scene = self._parts.conversation(txn, job.id, self._parts.host.now_ms())
        what = f"{message.get('state')} in answer to {job.payload['kind']}"
        holder = peers.institution(scene, server)
        peers.fault(scene, holder, what, job.payload["payment"], message)

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Go on with the payment."""
        if result:
            scene = self._parts.conversation(txn, job.id, now_ms)
            answer = parse(PeerAnswer, result["answer"])
            heard = _HEARD[job.payload["kind"], answer.state]
            answered(scene, job.payload["payment"], heard, answer, result["answer"])


def answered(
    scene: Conversation, id_: str, heard: OutInput, answer: PeerAnswer, message: Mapping[str, Any]
) -> None:
    """Another institution has said something of a payment to it.

    Args:
        scene: The transaction.
        id_: Id of the payment.
        heard: What.
        answer: The answer.
        message: As it was signed.
    """
    matter = files.lock(scene, id_)
    file = store.lock_out(scene.txn, id_)
    if matter is None or file is None:
        return
    try:
        state = step_out(file.state, heard)
    except PeerStateError:
        holder = holders.holder(scene.txn, file.peer)
        what = f"{heard.value} of what is {file.state.value}"
        peers.fault(scene, holder, what, id_, message)
        return
    if state is file.state:
        return
    kept = scene.vault.open(file.sealed) if file.sealed is not None else {}
    sealed = scene.vault.seal({**kept, answer.state: dict(message)})
    store.save_out(scene.txn, id_, state, sealed, scene.now_ms)
    if matter.payment.state is State.HELD and state is Out.AGREED:
        paying.post_held(scene, matter)
    elif matter.payment.state is State.HELD and state is Out.REFUSED:
        paying.refuse_held(scene, matter, texts.why_of(answer.code))


def commit_of(scene: Conversation, matter: OpenPayment, out: OutFile) -> dict[str, Any]:
    """Build ``commit`` of a payment: all that a server needs that has forgotten it."""
    packet = _prepare(scene, matter, out)["packet"]
    return {"id": out.id, "receipt": proving.again(scene, matter), "packet": packet}


def _prepare(scene: Conversation, matter: OpenPayment, out: OutFile) -> dict[str, Any]:
    payment, private = matter.payment, matter.private
    packet: dict[str, Any] = {
        "id": payment.id,
        "amount": {"minor": payment.amount_minor, "currency": private.currency},
        "payer": _party(scene, private.payer),
        "payee": _party(scene, private.payee),
        "reference": private.reference,
    }
    if payment.refund_of is not None:
        packet["refund_of"] = payment.refund_of
    if payment.invoice is not None:
        packet["invoice"] = dict(zip(("id", "version"), payment.invoice, strict=True))
    return {"packet": packet, "expires_at_ms": out.expires_at_ms}


def _party(scene: Conversation, party: Party) -> dict[str, str]:
    """Somebody as the other institution is told of them; an organisation here with its server."""
    address = party.address
    return {
        "address": address if ":" in address else own_address(scene, address),
        "name": party.name,
    }
