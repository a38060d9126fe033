"""Invoices between institutions: an organisation here asks a person there, or the other way round.

The invoice is the issuer's institution's: it says whether it can be paid still, and takes the
payment of it by the packet that names it (``peers_taking``). The payer's has a copy, which is asked
about, expires and is paid as one of its own; only that institution's people pay it there. Its
issuer is called by name and server there, so it is never taken for an organisation of the place.
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Any, Final

from appservices.payments.conversation.service.conversation import Parts
from appservices.payments.holders import store as holders
from appservices.payments.institutions.api import PeerAnswer
from appservices.payments.invoices.core.invoice import PAID_STATES, InvoiceInput, InvoiceState
from appservices.payments.invoices.core.order import InvoiceOrder
from appservices.payments.invoices.service import invoices
from appservices.payments.invoices.service.news import INVOICE
from appservices.payments.invoices.store import invoices as store
from appservices.payments.invoices.texts.invoice import withdrawn_doc
from appservices.payments.merchants.service import invoicing
from appservices.payments.organisations import store as events
from appservices.payments.peers.service import peers
from veche.bots import ChatJob
from veche.protocol.canonical import canonical
from veche.protocol.errors import UnavailableError
from veche.protocol.ids import UserId
from veche.protocol.wire import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.config import PeerSection
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.institutions.api import Packet, PeerInvoice, Question
    from appservices.payments.invoices.store.invoices import InvoiceFile
    from veche.contracts.payments.invoice import InvoiceCard
    from veche.messaging.jobs import Job
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

INVOICE_OVER: Final = "invoice_over"
INVOICE_PAID: Final = "invoice_paid"
INVOICE_OTHER: Final = "invoice_other"
"""It is to somebody else, or of another amount."""
BUSY: Final = "busy"
OPEN_MAX: Final = 100
"""Unpaid invoices of one other institution to one person here."""
DUE_MS_MAX: Final = 367 * 24 * 60 * 60 * 1000
_BUSY_MS: Final = 2_000


# --- here is who asks to be paid ------------------------------------------------------------------


def problem(
    scene: Conversation, peer: PeerSection, packet: Packet, *, is_paid: bool = False
) -> str | None:
    """Why an invoice of somebody here cannot be paid by a packet; None if it can.

    Args:
        scene: The transaction; the invoice is locked in it.
        peer: The payer's institution.
        packet: It names the invoice.
        is_paid: It was paid, in time as far as anybody knows, and that is forgotten here.
    """
    named = packet.invoice
    file = store.lock_invoice(scene.txn, named.id, named.version) if named is not None else None
    if file is None:
        return INVOICE_OVER
    invoice, order = file.invoice, invoices.order_of(scene, file)
    if invoice.state in PAID_STATES:
        return INVOICE_PAID
    is_late = invoice.due_at_ms <= scene.now_ms and not is_paid
    if invoice.state is not InvoiceState.ISSUED or is_late:
        return INVOICE_OVER
    is_theirs = _addressee_server(order) == peer.server
    is_whole = packet.amount == order.card.total
    return None if is_theirs and is_whole else INVOICE_OTHER


def take(scene: Conversation, packet: Packet) -> None:
    """Take an invoice for a packet that is kept, and of which ``problem`` said nothing."""
    assert packet.invoice is not None, "it names one"  # noqa: S101 -- our bug
    file = store.lock_invoice(scene.txn, packet.invoice.id, packet.invoice.version)
    assert file is not None, "it is there"  # noqa: S101 -- our bug
    invoices.take_for(scene, file, packet.id)


def free(scene: Conversation, packet_id: str) -> None:
    """The packet that took an invoice will not pay it: it can be paid again, until it is due."""
    file = store.lock_taken(scene.txn, packet_id)
    if file is not None and file.invoice.state is InvoiceState.PAYING:
        invoices.take_step(scene, file, InvoiceInput.NOT_MOVED)
        invoices.expire(scene, file.invoice.id, file.invoice.version)


class Tell(ChatJob[Parts]):
    """Tells another institution of an invoice, or that it is over, until it has heard it."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Say it; what was answered."""
        host, client = self._parts.host, self._parts.peers
        read = await host.database.run("payments.peer", self._read, job)
        if read is None or client is None:
            return {}
        server, more = read
        answer, message = await client.ask(server, job.payload["kind"], **more)
        if answer.state not in {"known", "refused"}:
            raise UnavailableError(f"{server} has not decided yet", retry_after_ms=_BUSY_MS)
        return {"answer": dict(message)}

    def _read(self, txn: Cursor, job: Job) -> tuple[str, dict[str, Any]] | None:
        """Read whom to tell, and what; None if it is of no use any more."""
        scene = self._parts.conversation(txn, job.id, self._parts.host.now_ms())
        named = job.payload
        file = store.invoice(txn, named["invoice"], named["version"])
        if file is None:
            return None
        order = invoices.order_of(scene, file)
        server = _addressee_server(order)
        if server is None or scene.section.peer(server) is None:
            return None
        if named["kind"] == INVOICE:
            if file.invoice.state is not InvoiceState.ISSUED:
                return None
            card = order.card.model_dump(mode="json", exclude_none=True)
            return server, {"invoice": {"addressee": order.addressee, "card": card}}
        kept = events.reason(txn, file.invoice.id)
        why = str(scene.vault.open(kept)["reason"]) if kept is not None else None
        over = {"id": file.invoice.id, "version": file.invoice.version}
        return server, {"over": {**over, **({"reason": why} if why else {})}}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """End what the other institution does not take: nobody would be asked to pay it."""
        if not result or job.payload["kind"] != INVOICE:
            return
        answer = parse(PeerAnswer, result["answer"])
        if answer.state != "refused":
            return
        scene = self._parts.conversation(txn, job.id, now_ms)
        file = store.lock_invoice(txn, job.payload["invoice"], job.payload["version"])
        if file is not None and file.invoice.state is InvoiceState.ISSUED:
            logger.warning("invoice %s is not taken there: %s", file.invoice.id, answer.code)
            reason = f"their institution does not take it: {answer.code}"
            events.keep_reason(txn, file.invoice.id, scene.vault.seal({"reason": reason}))
            invoices.take_step(scene, file, InvoiceInput.WITHDRAW)


# --- here is who is asked to pay ------------------------------------------------------------------


def receive(
    scene: Conversation, peer: PeerSection, question: Question, *, is_here: bool
) -> str | None:
    """Another institution has an invoice for somebody here, who is asked; why not, as a code.

    Args:
        scene: The transaction.
        peer: Which.
        question: With the invoice.
        is_here: There is a person of the addressee's id.
    """
    told = question.invoice
    assert told is not None, "it was checked"  # noqa: S101 -- our bug
    card = _as_here(told.card, peer.server)
    before = store.lock_invoice(scene.txn, card.id, card.version)
    if before is not None:
        return None if _is_same(scene, before, card, told) else "different_content"
    newest = store.lock_invoice(scene.txn, card.id)
    if newest is not None and newest.invoice.state is InvoiceState.PAYING:
        return BUSY  # its issuer says no to that payment, and then this takes its place
    why = _refusal(scene, peer, told, is_here=is_here)
    if why is not None:
        return why
    invoicing.issue(scene, InvoiceOrder(card=card, addressee=told.addressee))
    is_kept = store.invoice(scene.txn, card.id, card.version) is not None
    return None if is_kept else "different_content"


def over(scene: Conversation, peer: PeerSection, question: Question) -> bool:
    """An invoice of another institution cannot be paid any more; False while it is being paid."""
    told = question.over
    assert told is not None, "it was checked"  # noqa: S101 -- our bug
    file = store.lock_invoice(scene.txn, told.id, told.version)
    if file is None or _server_of(scene, file) != peer.server:
        return True
    if file.invoice.state is InvoiceState.PAYING:
        return False
    if file.invoice.state is InvoiceState.ISSUED:
        order = invoices.order_of(scene, file)
        invoices.take_step(scene, file, InvoiceInput.WITHDRAW)
        person = invoicing.addressee_of(order)
        room_id = scene.chat_of(person) if person is not None else None
        if person is not None and room_id is not None:
            doc = withdrawn_doc(order.card, told.reason, scene.localizer(person))
            scene.tell(room_id, person, doc)
    return True


def _refusal(
    scene: Conversation, peer: PeerSection, told: PeerInvoice, *, is_here: bool
) -> str | None:
    currency, person = told.card.total.currency, UserId(told.addressee)
    known = peers.known(scene, person)
    is_open = is_here and (known is None or known.is_open)
    is_ours = peers.server_of(person) == peers.own_server(scene)
    is_due = scene.now_ms < told.card.due_at_ms <= scene.now_ms + DUE_MS_MAX
    issuer = peers.issuer(scene, _as_here(told.card, peer.server).issuer)
    open_count = store.count_open(scene.txn, issuer.id, known.id) if known is not None else 0
    reasons = (
        (peers.is_closed(scene, peer), "closed"),
        (peer.we_owe_minor(currency) is None, "other_currency"),
        (not is_ours or not is_open, "no_such_payee"),
        (not is_due, "expired"),
        (open_count >= OPEN_MAX, "too_many"),
    )
    return next((code for is_so, code in reasons if is_so), None)


def _addressee_server(order: InvoiceOrder) -> str | None:
    return peers.server_of(order.addressee) if order.addressee is not None else None


def _as_here(card: InvoiceCard, server: str) -> InvoiceCard:
    """An invoice whose issuer is called by name and server."""
    return card.model_copy(update={"issuer": f"{card.issuer}:{server}"})


def _is_same(scene: Conversation, file: InvoiceFile, card: InvoiceCard, told: PeerInvoice) -> bool:
    order = invoices.order_of(scene, file)
    return _digest(order.card) == _digest(card) and order.addressee == told.addressee


def _digest(card: InvoiceCard) -> bytes:
    data = card.model_dump(mode="json", exclude_none=True)
    return hashlib.sha256(canonical(data, where="invoice")).digest()


def _server_of(scene: Conversation, file: InvoiceFile) -> str | None:
    """The institution of an invoice's issuer; None if that is here."""
    issuer = holders.holder(scene.txn, file.invoice.payee)
    return peers.server_of_holder(scene, issuer) if issuer.kind == holders.ABROAD else None
