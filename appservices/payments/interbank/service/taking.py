"""Questions of another institution about a payment to somebody here, and the answers.

Each question is one transaction: the state, what the writer is to do, what was signed. The answer
is read from the state, so the same question again has the same answer.
"""

from __future__ import annotations

import hashlib
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.config import PREPARED_MS_MAX
from appservices.payments.holders import store as holders
from appservices.payments.institutions.api import Packet, Question
from appservices.payments.institutions.core import origin_of
from appservices.payments.interbank.service import invoices as invoices_abroad
from appservices.payments.invoices.service import invoices
from appservices.payments.invoices.store import invoices as invoice_store
from appservices.payments.ledger.core import Result, Transfer, TransferFlag, ledger_id
from appservices.payments.ledger.core.requests import TransferCode, opening
from appservices.payments.ledger.service import attempts
from appservices.payments.peers import store
from appservices.payments.peers.core import OPEN_MAX, In, InInput, PeerStateError, step_in
from appservices.payments.peers.service import peers
from appservices.payments.postings.service import moving
from appservices.payments.proofs.core.receipts import ReceiptError, verify_receipt
from appservices.payments.receipts.service import news
from appservices.payments.receipts.service import proofs as proving
from appservices.payments.transfers.core.payment import Kind, Payment, State
from appservices.payments.transfers.core.transfers import MAIN
from appservices.payments.transfers.service import files
from appservices.payments.transfers.service.files import Private
from appservices.payments.transfers.service.transfer_ids import transfer_id
from appservices.payments.transfers.store import payments
from appservices.payments.transfers.store import payments as payment_store
from appservices.payments.transfers.texts.views import Party
from veche.protocol.canonical import canonical
from veche.protocol.ids import Ulid, UserId
from veche.protocol.money import MINOR_MAX
from veche.protocol.wire import parse
from veche.transparency.notes import log_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appservices.payments.config import PeerSection
    from appservices.payments.conversation.service.conversation import Conversation, Parts
    from appservices.payments.holders.store import Holder
    from appservices.payments.invoices.store.invoices import InvoiceFile
    from appservices.payments.ledger.service.attempts import Attempt, Settle
    from appservices.payments.ledger.service.work import Outcome
    from appservices.payments.peers.store import InFile
    from appservices.payments.transfers.service.files import OpenPayment
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

HOLD: Final = "peer.hold"
POST: Final = "peer.post"
VOID: Final = "peer.void"

NO_PAYEE: Final = "no_such_payee"
OTHER_CURRENCY: Final = "other_currency"
CLOSED: Final = "closed"
NO_CREDIT: Final = "no_credit"
EXPIRED: Final = "expired"
DIFFERENT: Final = "different_content"
NOT_YOURS: Final = "not_yours"
"""The payer is of a third institution."""
BAD_AMOUNT: Final = "bad_amount"
BUSY: Final = "busy"
FAILED: Final = "failed"
_WHY: Final[Mapping[Result, str]] = {
    Result.EXCEEDS_CREDITS: NO_CREDIT,
    Result.CREDIT_ACCOUNT_ALREADY_CLOSED: NO_PAYEE,
}


def settles(parts: Parts) -> dict[str, Settle]:
    """Return the handlers of the writer's answers, by kind of attempt."""
    deeds = {HOLD: held, POST: posted, VOID: voided}
    return {kind: partial(_settle, parts, deed) for kind, deed in deeds.items()}


def payable(scene: Conversation, peer: PeerSection, address: str, currency: str) -> str | None:
    """Why somebody here cannot be paid from another institution at all; None if they can."""
    why = _closed(scene, peer, currency)
    if why is not None:
        return why
    known = peers.known(scene, UserId(address))
    is_ours = peers.server_of(address) == peers.own_server(scene)
    return None if is_ours and (known is None or known.is_open) else NO_PAYEE


def prepare(
    scene: Conversation,
    peer: PeerSection,
    question: Question,
    message: Mapping[str, Any],
    *,
    is_here: bool,
    paid_at_ms: int | None = None,
) -> None:
    """Another institution asks whether a payment will be taken.

    Args:
        scene: The transaction.
        peer: Which.
        question: With its packet.
        message: As it was signed.
        is_here: There is a person of the payee's id.
        paid_at_ms: When it paid it, as it proves: we have forgotten that we said yes, and credit
            it at once, so that what was paid of it since can be booked next. None: it asks.
    """
    packet = question.packet
    assert packet is not None, "it was checked"  # noqa: S101 -- our bug
    digest = hashlib.sha256(canonical(packet.model_dump(mode="json"), where="packet")).digest()
    file = store.lock_in(scene.txn, packet.id)
    if file is not None:
        return
    is_paid = paid_at_ms is not None
    why = _refusal(scene, peer, question, packet, is_here=is_here, is_paid=is_paid)
    holder = peers.institution(scene, peer.server)
    kept = {"prepare": dict(message)} | ({"commit": dict(message)} if is_paid else {})
    sealed = scene.vault.seal(kept)
    payee = None if why is not None else _payee(scene, packet)
    ledger = holders.currencies(scene.txn).get(packet.amount.currency)
    new = store.InFile(
        id=packet.id,
        peer=holder.id,
        state=In.REFUSED if why is not None else In.POSTING if is_paid else In.HOLDING,
        ledger=ledger,
        amount_minor=packet.amount.minor if packet.amount.minor > 0 else None,
        payee=payee.id if payee is not None else None,
        sha256=digest,
        sealed=sealed,
        why=why,
        came_at_ms=scene.now_ms,
        changed_at_ms=scene.now_ms,
    )
    if store.add_in(scene.txn, new) and payee is not None and ledger is not None:
        if packet.invoice is not None:
            invoices_abroad.take(scene, packet)
        if is_paid:
            store.save_in(scene.txn, new.id, new.state, scene.now_ms, paid_at_ms=paid_at_ms)
            _made(scene, new, State.PAYING)
        _set_aside(scene, peer, packet, payee, ledger, is_paid=is_paid)


def is_same(file: InFile, packet: Packet, holder: Holder) -> bool:
    """Return whether a packet equals the earlier one of its id."""
    digest = hashlib.sha256(canonical(packet.model_dump(mode="json"), where="packet")).digest()
    return file.peer == holder.id and file.sha256 in {None, digest}


def commit(
    scene: Conversation,
    peer: PeerSection,
    question: Question,
    message: Mapping[str, Any],
    *,
    is_forgetful: bool = False,
) -> bool:
    """Another institution says that a payment is made, and proves it; False if that is no proof.

    Args:
        scene: The transaction.
        peer: Which.
        question: With its receipt.
        message: As it was signed.
        is_forgetful: Our database was restored: we may have said yes to it and not know that.
    """
    file = store.lock_in(scene.txn, str(question.id))
    holder = peers.institution(scene, peer.server)
    packet = question.packet
    is_lost = file is None and is_forgetful and packet is not None and packet.id == question.id
    if is_lost and packet is not None:
        ledger = holders.currencies(scene.txn).get(packet.amount.currency)
        amount_minor = packet.amount.minor
        paid_at_ms = _paid_at_ms(scene, peer, question, packet.id, ledger, amount_minor)
        if paid_at_ms is not None:
            prepare(scene, peer, question, message, is_here=True, paid_at_ms=paid_at_ms)
            return True
    if file is None or file.peer != holder.id:
        peers.fault(scene, holder, "commit of what was never prepared", str(question.id), message)
        return False
    paid_at_ms = _paid_at_ms(scene, peer, question, file.id, file.ledger, file.amount_minor)
    if paid_at_ms is None:
        peers.fault(scene, holder, "commit without a receipt that holds", file.id, message)
        return False
    kept = scene.vault.open(file.sealed or b"")
    sealed = scene.vault.seal({**kept, "commit": dict(message)})
    if is_forgetful and file.state is In.HOLDING:
        store.save_in(scene.txn, file.id, file.state, scene.now_ms, sealed=sealed)
        return True
    state = _step(scene, holder, file, InInput.COMMIT, message)
    if state is None:
        return False
    if state is not file.state:
        store.save_in(scene.txn, file.id, state, scene.now_ms, sealed=sealed, paid_at_ms=paid_at_ms)
        post = Transfer(
            id=ledger_id(transfer_id(scene, file.id, MAIN)),
            flags=TransferFlag.POST,
            pending_id=ledger_id(transfer_id(scene, file.id, "hold")),
            ref=ledger_id(Ulid(file.id)),
        )
        attempts.add(scene.txn, POST, file.id, [post], scene.now_ms, approved_by=())
    return True


def cancel(
    scene: Conversation, peer: PeerSection, question: Question, message: Mapping[str, Any]
) -> bool:
    """Another institution says that a payment will never be made; False if it said the opposite."""
    id_ = str(question.id)
    file, holder = store.lock_in(scene.txn, id_), peers.institution(scene, peer.server)
    if file is None:
        # The question to prepare it may still come, late: then it is over already.
        now_ms = scene.now_ms
        gone = store.InFile(
            id_, holder.id, In.CANCELLED, None, None, None, None, None, None, now_ms, now_ms
        )
        return store.add_in(scene.txn, gone)
    if file.peer != holder.id:
        return False
    state = _step(scene, holder, file, InInput.CANCEL, message)
    if state is None:
        return False
    if state is not file.state:
        store.save_in(scene.txn, id_, state, scene.now_ms)
        void = Transfer(
            id=ledger_id(transfer_id(scene, id_, "void")),
            flags=TransferFlag.VOID,
            pending_id=ledger_id(transfer_id(scene, id_, "hold")),
            ref=ledger_id(Ulid(id_)),
        )
        attempts.add(scene.txn, VOID, id_, [void], scene.now_ms, approved_by=())
    return True


def held(scene: Conversation, id_: str, outcome: Outcome) -> None:
    """The writer has decided whether the other institution may owe so much more."""
    file = store.lock_in(scene.txn, id_)
    if file is None:
        return
    state = step_in(file.state, InInput.HELD if outcome.is_done else InInput.NOT_HELD)
    why = None
    if state is In.REFUSED:
        invoices_abroad.free(scene, id_)
        why = next((_WHY[one] for one in outcome.results if one in _WHY), FAILED)
    if state is not file.state:
        store.save_in(scene.txn, id_, state, scene.now_ms, why=why)
    told = scene.vault.open(file.sealed or b"").get("commit") if state is In.READY else None
    server = peers.server_of_holder(scene, holders.holder(scene.txn, file.peer))
    peer = scene.section.peer(server)
    if told is not None and peer is not None:
        # It had been paid before it was set aside: our database was restored.
        commit(scene, peer, parse(Question, told), told)


def voided(scene: Conversation, id_: str, outcome: Outcome) -> None:  # noqa: ARG001 -- as the others
    """The writer has let go, or there was nothing to let go of."""
    file = store.lock_in(scene.txn, id_)
    if file is not None:
        store.save_in(scene.txn, id_, step_in(file.state, InInput.VOIDED), scene.now_ms)
        invoices_abroad.free(scene, id_)


def posted(scene: Conversation, id_: str, outcome: Outcome) -> None:
    """The writer has credited the payee, who is told; or an operator has to look."""
    file = store.lock_in(scene.txn, id_)
    if file is None:
        return
    heard = InInput.POSTED if outcome.is_done else InInput.NOT_POSTED
    store.save_in(scene.txn, id_, step_in(file.state, heard), scene.now_ms)
    if not outcome.is_done:
        words = [one.word for one in outcome.results]
        logger.error("payment %s of a peer is paid there and not credited here: %s", id_, words)
        return
    matter = _made(scene, file)
    if matter is None and (matter := files.lock(scene, id_)) is not None:
        matter = files.save(scene, matter, attrs.evolve(matter.payment, state=State.PAID))
    if matter is not None:
        news.tell_from_peer(scene, matter, outcome)
        invoices.settle(scene, matter.payment, is_moved=True)


def receipt_of(scene: Conversation, id_: str) -> dict[str, Any]:
    """The receipt of a payment from another institution that is done."""
    file = payment_store.payment(scene.txn, id_)
    assert file is not None, "what is done has its payment"  # noqa: S101 -- our bug
    return proving.again(scene, files.matter_of(scene, file))


def _refusal(
    scene: Conversation,
    peer: PeerSection,
    question: Question,
    packet: Packet,
    *,
    is_here: bool,
    is_paid: bool,
) -> str | None:
    """Why a new payment is not taken, as far as that is not the writer's to say."""
    expires_at_ms = scene.now_ms + 1 if is_paid else question.expires_at_ms or 0
    reasons = (
        (peers.server_of(packet.payer.address) != peer.server, NOT_YOURS),
        (not 0 < packet.amount.minor <= MINOR_MAX, BAD_AMOUNT),
        (not scene.now_ms < expires_at_ms <= scene.now_ms + 2 * PREPARED_MS_MAX, EXPIRED),
        (packet.invoice is None and not is_here, NO_PAYEE),
    )
    why = next((code for is_so, code in reasons if is_so), None)
    if packet.invoice is None:
        why = why or payable(scene, peer, packet.payee.address, packet.amount.currency)
        is_ours = peers.server_of(packet.payee.address) == peers.own_server(scene)
    else:
        why = why or _closed(scene, peer, packet.amount.currency)
        why = why or invoices_abroad.problem(scene, peer, packet, is_paid=is_paid)
        is_ours = True
    if is_paid and is_ours and why in {CLOSED, NO_PAYEE}:
        why = None  # what is paid there is owed here, whoever contradicted whom or stopped since
    if why is None and payment_store.is_number_taken(scene.txn, packet.id):
        why = DIFFERENT
    holder = peers.institution(scene, peer.server)
    if why is None and not is_paid and store.count_open_in(scene.txn, holder.id) >= OPEN_MAX:
        why = BUSY
    return why


def _closed(scene: Conversation, peer: PeerSection, currency: str) -> str | None:
    """Why nobody here is paid by another institution now; None if they are."""
    if peers.is_closed(scene, peer):
        return CLOSED
    return OTHER_CURRENCY if peer.they_owe_minor(currency) is None else None


def _payee(scene: Conversation, packet: Packet) -> Holder:
    """Return the payee: the person, or the issuer of the invoice."""
    if packet.invoice is None:
        return scene.holder(UserId(packet.payee.address))
    file = invoice_store.invoice(scene.txn, packet.invoice.id, packet.invoice.version)
    assert file is not None, "it was looked at"  # noqa: S101 -- our bug
    return holders.holder(scene.txn, file.invoice.payee)


def _set_aside(
    scene: Conversation,
    peer: PeerSection,
    packet: Packet,
    payee: Holder,
    ledger: int,
    *,
    is_paid: bool,
) -> None:
    """Have the writer set it aside for the payee, or credit it at once if it is paid."""
    due = peers.due_from(scene, peer.server, ledger)
    wallet = holders.keep_account(scene.txn, payee.id, ledger, moving.account_code(payee.kind))
    # Without a time-out: only the word of the other side ends it, and it is nobody's money yet.
    transfer = Transfer(
        id=ledger_id(transfer_id(scene, packet.id, MAIN if is_paid else "hold")),
        debit_id=due.id,
        credit_id=wallet.id,
        amount=packet.amount.minor,
        ledger=ledger,
        code=TransferCode.FROM_PEER,
        flags=TransferFlag(0) if is_paid else TransferFlag.PENDING,
        ref=ledger_id(Ulid(packet.id)),
    )
    kind = POST if is_paid else HOLD
    accounts = [opening(due.id, due.ledger, due.code, due.allowance)]
    if not wallet.is_opened:
        accounts.append(opening(wallet.id, wallet.ledger, wallet.code))
    attempts.add(
        scene.txn, kind, packet.id, [transfer], scene.now_ms, approved_by=(), accounts=accounts
    )


def _step(
    scene: Conversation, holder: Holder, file: InFile, heard: InInput, message: Mapping[str, Any]
) -> In | None:
    """The next state; None if what was said contradicts what was said before."""
    try:
        return step_in(file.state, heard)
    except PeerStateError:
        peers.fault(scene, holder, f"{heard.value} of what is {file.state.value}", file.id, message)
        return None


def _paid_at_ms(
    scene: Conversation,
    peer: PeerSection,
    question: Question,
    id_: str,
    ledger: int | None,
    amount_minor: int | None,
) -> int | None:
    """When the ledger of the other institution got the payment, as it was prepared.

    Returns:
        UTC; None if it is not proved that it has it.
    """
    try:
        proved = verify_receipt(question.receipt or {}, peer.verifiers())
    except ReceiptError as e:
        logger.warning("payment %s of %s: %s", id_, peer.server, e)
        return None
    receipt = proved.receipt
    is_of_it = receipt.payment == id_ and receipt.amount.minor == amount_minor
    of_currency = holders.currencies(scene.txn).get(receipt.amount.currency)
    is_of_it = is_of_it and of_currency is not None and of_currency == ledger
    is_proved = is_of_it and log_of(proved.origin) == origin_of(peer.server)
    return receipt.at_ms if is_proved else None


def _made(scene: Conversation, file: InFile, state: State = State.PAID) -> OpenPayment | None:
    """The payment of a packet, as its payee has it; kept now, None if it is kept already."""
    prepared = parse(Question, scene.vault.open(file.sealed or b"")["prepare"])
    packet = prepared.packet
    assert packet is not None, "it was checked"  # noqa: S101 -- our bug
    assert file.payee is not None, "it was prepared"  # noqa: S101 -- our bug
    assert file.ledger is not None, "it was prepared"  # noqa: S101 -- our bug
    refund_of = _refunded(scene, packet, file.payee)
    invoice = invoice_store.lock_taken(scene.txn, file.id)
    kind = Kind.REFUND if refund_of is not None else Kind.PAY
    payment = Payment(
        id=file.id,
        kind=kind if invoice is None else Kind.INVOICE,
        state=state,
        payer=_payer(scene, packet).id,
        payee=file.payee,
        ledger=file.ledger,
        amount_minor=packet.amount.minor,
        fee_minor=0,
        asked_at_ms=file.came_at_ms,
        instruction=f"{peers.INSTRUCTION}{peers.server_of(packet.payer.address)}",
        refund_of=refund_of,
        invoice=(invoice.invoice.id, invoice.invoice.version) if invoice is not None else None,
    )
    private = Private(
        payer=Party(packet.payer.address, packet.payer.name),
        payee=_named(scene, packet, invoice),
        currency=packet.amount.currency,
        reference=packet.reference,
    )
    return files.add(scene, payment, private)


def _payer(scene: Conversation, packet: Packet) -> Holder:
    """Return the payer: the other institution's person, or its organisation that refunds."""
    address = packet.payer.address
    is_person = address.startswith("@")
    return peers.person(scene, UserId(address)) if is_person else peers.issuer(scene, address)


def _named(scene: Conversation, packet: Packet, invoice: InvoiceFile | None) -> Party:
    """Return the payee with their name here."""
    if invoice is None:
        return Party(packet.payee.address, packet.payee.name)
    card = invoices.order_of(scene, invoice).card
    return Party(card.issuer, card.issuer_name)


def _refunded(scene: Conversation, packet: Packet, payee: int) -> str | None:
    """The payment of the payee that a packet gives back; None: it counts as one of its own."""
    of = packet.refund_of
    first = payment_store.payment(scene.txn, of) if of is not None else None
    if first is None or first.payment.payer != payee or first.payment.state is not State.PAID:
        return None
    if holders.holder(scene.txn, first.payment.payee).kind != holders.ABROAD:
        return None
    # Two at once wait here for one another, so that both do not count what is left.
    holders.lock_holder(scene.txn, first.payment.payee)
    left_minor = payments.left_minor(scene.txn, first.payment.id)
    return first.payment.id if packet.amount.minor <= left_minor else None


def _settle(
    parts: Parts,
    deed: Callable[[Conversation, str, Outcome], None],
    txn: Cursor,
    attempt: Attempt,
    outcome: Outcome,
) -> None:
    cause = f"attempt {attempt.kind} {attempt.about}"
    deed(parts.conversation(txn, cause, outcome.at_ms), attempt.about, outcome)
