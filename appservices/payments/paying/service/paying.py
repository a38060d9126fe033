"""A payment from its question to the attempt: asked, approved, judged, stopped.

Each function is a part of one transaction. What the writer decides comes back in ``settling``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from appservices.payments.allowances import store as allowances
from appservices.payments.allowances.service import uses as allowance_uses
from appservices.payments.bills.service import bills
from appservices.payments.guardians.core import DUE_MS
from appservices.payments.guardians.service import asking as guarding
from appservices.payments.holders import store as holders
from appservices.payments.invoices.service import invoices
from appservices.payments.mandates.service import debits as charges
from appservices.payments.payouts import service as payouts
from appservices.payments.peers.service import peers
from appservices.payments.peers.service import sending as peers_sending
from appservices.payments.postings.service import holding, moving, sharing
from appservices.payments.postings.service.judging import balance_of, judge_now
from appservices.payments.questions.service import approvals, extras
from appservices.payments.receipts.service.news import tell_refused
from appservices.payments.refunds.service import refunds as api_refunds
from appservices.payments.transfers.core.payment import (
    ASKED_MS,
    Effect,
    Input,
    Kind,
    Payment,
    State,
    step,
)
from appservices.payments.transfers.core.rules import Go, Guard, Reason, Refuse, Wait
from appservices.payments.transfers.service import asking, authority, files
from appservices.payments.transfers.service.clocks import set_clock
from appservices.payments.transfers.service.files import OpenPayment
from appservices.payments.transfers.store import payments
from appservices.payments.transfers.store import payments as store
from appservices.payments.transfers.texts.paying import (
    BILL_OVER,
    FAILED,
    KEY_REVOKED,
    NO_COVER,
    NOT_PAYABLE,
    REFUND_TOO_HIGH,
    UNCONFIRMED,
    YOURSELF,
    refused_doc,
)
from appservices.payments.transfers.texts.refusals import PEER_ROOM, PEER_SILENT
from veche.protocol.message import NO_PAYLOAD

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.transfers.service.files import Private
    from veche.chat.prompts import Answered
    from veche.protocol.ids import UserId
    from veche.protocol.message import Doc, Payload


def new(
    scene: Conversation,
    private: Private,
    amount_minor: int,
    kind: Kind = Kind.PAY,
    refund_of: str | None = None,
) -> OpenPayment:
    """A payment that its payer asks for now; not kept yet.

    Args:
        scene: The transaction.
        private: Who pays whom, what for; both are persons.
        amount_minor: How much, at least 1.
        kind: What it is of.
        refund_of: The payment that it gives back.
    """
    payer, payee = private.payer.person, private.payee.person
    assert payer is not None, "a person asks for it"  # noqa: S101 -- our bug
    assert payee is not None, "an organisation is paid by its invoice"  # noqa: S101 -- our bug
    payment = Payment(
        id=scene.sender.fresh_ulid("payment"),
        kind=kind,
        state=State.ASKED,
        payer=scene.holder(payer).id,
        payee=_payee(scene, payee, refund_of),
        ledger=holders.currencies(scene.txn)[private.currency],
        amount_minor=amount_minor,
        fee_minor=scene.section.fee_minor(private.currency) if kind is Kind.PAY else 0,
        asked_at_ms=scene.now_ms,
        due_at_ms=scene.now_ms + ASKED_MS,
        refund_of=refund_of,
    )
    return OpenPayment(payment, private, scene.now_ms)


def _payee(scene: Conversation, payee: UserId, refund_of: str | None) -> int:
    """Return the account of the payee; refunds go to the original payer, wherever they are."""
    payer = store.payer_of(scene.txn, refund_of) if refund_of is not None else None
    return peers.payee(scene, payee).id if payer is None else payer


def begin(
    scene: Conversation,
    matter: OpenPayment,
    details: Doc = (),
    payload: Payload = NO_PAYLOAD,
    *,
    is_addressee: bool = False,
) -> None:
    """Ask the payer to approve a new payment, unless it is clear already that it cannot be made.

    An invoice is asked about whatever there is: until it is due there may be money.

    Args:
        scene: The transaction.
        matter: The payment, asked and not kept yet.
        details: What stands above the question: the invoice in words.
        payload: What rides beside it: the invoice.
        is_addressee: It is of an invoice to the payer.
    """
    payment, person = matter.payment, matter.private.asker.person
    room_id = matter.payer_room(scene)
    if person is None or room_id is None:
        return
    is_invoice = payment.kind is Kind.INVOICE
    why = _above_peer(scene, payment, is_settled=True) if is_invoice else hopeless(scene, payment)
    if why is not None:
        _tell_why(scene, matter, why, details, payload)
        return
    if files.add(scene, payment, matter.private) is not None:
        if payment.kind is not Kind.INVOICE or not extras.ask_first(scene, matter):
            approvals.ask_approval(scene, matter, details, payload, is_addressee=is_addressee)
        set_clock(scene, payment)


def tell_hopeless(scene: Conversation, matter: OpenPayment) -> bool:
    """Tell the payer that a new payment cannot be made, if that is clear; False if it is not."""
    why = hopeless(scene, matter.payment)
    return why is not None and _tell_why(scene, matter, why)


def _tell_why(
    scene: Conversation,
    matter: OpenPayment,
    why: str,
    details: Doc = (),
    payload: Payload = NO_PAYLOAD,
) -> bool:
    room_id, person = matter.payer_room(scene), matter.private.asker.person
    if room_id is None or person is None:
        return False
    minor = at_most_minor(scene, matter.payment, why)
    doc = (*details, *refused_doc(why, matter.view, minor, scene.localizer(person)))
    scene.tell(room_id, person, doc, payload=payload)
    return True


def at_most_minor(scene: Conversation, payment: Payment, why: str) -> int:
    """The amount that a refusal names: what can go to the payee's institution, or the balance."""
    if why != PEER_ROOM:
        return balance_of(scene, payment)
    is_invoice = payment.kind is Kind.INVOICE
    return peers.room_minor(scene, payment, is_settled=is_invoice) or 0


def answered(scene: Conversation, answer: Answered) -> None:
    """Act on the payer's answer: whether to pay, or whether to stop what waits."""
    matter = files.lock(scene, str(answer.kept.purpose.get("payment")))
    if matter is None or matter.private.asker.person != answer.inbound.sender:
        return
    nonce, choice = answer.chosen.approved_by, answer.chosen.choice
    localizer = scene.localizer(answer.inbound.sender)
    if choice in {asking.DECLINE, asking.STOP}:
        if scene.settle(answer, localizer.text("Not paid.")):
            cancel(scene, matter)
        return
    if choice == asking.OBJECT:
        words = localizer.text("You object. The office hears of it; until then nothing is due.")
        if matter.payment.state is State.ASKED and scene.settle(answer, words):
            invoices.object_to(scene, matter.payment)
        return
    if extras.answered(scene, matter, answer):
        return
    if nonce is None or matter.payment.state is not State.ASKED:
        return
    if scene.settle(answer, localizer.text("Approved.")):
        evidence = scene.approvals.authorised(scene.txn, nonce)
        purse = answer.kept.purpose.get(choice or "")
        paid = _from_purse(scene, matter, str(purse)) if purse is not None else matter
        approved = attrs.evolve(paid.payment, approved_by=nonce)
        _go_on(scene, attrs.evolve(paid, payment=approved), evidence.at_ms)


def guardian_said(scene: Conversation, matter: OpenPayment) -> None:
    """Go on with a payment if enough guardians approve, and end it if too few are left to."""
    counted = guarding.tally_of(scene, matter)
    if counted.is_approved and matter.payment.kind is Kind.MANDATE:
        charges.fire_timer(scene, matter)
    elif counted.is_approved:
        _resume(scene, matter)
    elif counted.is_lost:
        _deny(scene, matter)


def fire_timer(scene: Conversation, matter: OpenPayment) -> None:
    """Step a payment whose timer is due; one that is not due stays as it is."""
    payment = matter.payment
    if payment.due_at_ms is None:
        return
    if payment.due_at_ms > scene.now_ms:
        set_clock(scene, payment)  # a clock was set back: nothing ends early, nor never
    elif payment.state is State.ASKED:
        _step(scene, matter, Input.TIME)
    elif payment.state is State.HELD:
        refuse_held(scene, matter, unheard(scene, payment))
    elif payment.state is State.COOLING and payment.kind is Kind.MANDATE:
        charges.fire_timer(scene, matter)
    elif payment.state is State.COOLING and payment.approved_by is not None:
        _resume(scene, matter)
    elif payment.state is State.GUARDED:
        _deny(scene, matter)


def cancel(scene: Conversation, matter: OpenPayment) -> None:
    """The payer does not want it any more; nothing happens if it is too late for that."""
    if matter.payment.state in {State.ASKED, State.COOLING, State.GUARDED}:
        charges.settle(scene, _step(scene, matter, Input.CANCEL))
    elif matter.payment.state in {State.HOLDING, State.HELD}:
        _let_go(scene, _step(scene, matter, Input.CANCEL))


def post_held(scene: Conversation, matter: OpenPayment) -> None:
    """Pay a held payment to which everybody has said yes, if its approval counts.

    Raises:
        SplitError: So little cannot be shared as its invoice says; nothing has changed.
    """
    if authority.is_stopped(scene, matter.payment):
        refuse_held(scene, matter, KEY_REVOKED)
    else:
        _step(scene, matter, Input.POST)


def refuse_revoked(scene: Conversation, matter: OpenPayment) -> None:
    """End a payment that waits if a key that approved it is revoked."""
    is_known = matter.payment.state in {State.COOLING, State.GUARDED, State.HELD}
    if not is_known or not authority.is_stopped(scene, matter.payment):
        return
    if matter.payment.state is State.HELD:
        refuse_held(scene, matter, KEY_REVOKED)
    else:
        charges.settle(scene, _step(scene, matter, Input.REFUSE, why=KEY_REVOKED))


def unheard(scene: Conversation, payment: Payment) -> str:
    """Why a payment is over whose yes did not come in time."""
    return PEER_SILENT if peers.is_abroad(scene, payment) else UNCONFIRMED


def refuse_held(scene: Conversation, matter: OpenPayment, why: str) -> None:
    """Give the money of a held payment back to which somebody has not said yes."""
    _let_go(scene, _step(scene, matter, Input.REFUSE, why=why))


def _let_go(scene: Conversation, matter: OpenPayment) -> None:
    """Release what was reserved for a payment that is over, and tell its payee."""
    invoices.settle(scene, matter.payment, is_moved=False)
    allowance_uses.settle(scene, matter)
    peers_sending.settle(scene, matter)
    api_refunds.settle(scene, matter.payment)
    tell_unconfirmed(scene, matter.payment)


def tell_unconfirmed(scene: Conversation, payment: Payment) -> None:
    """Let a merchant who had to confirm hear that it is not paid: they shall not deliver."""
    order = invoices.invoice_order(scene, payment)
    if order is not None and order.terms.confirm:
        invoices.tell_issuer(scene, order, UNCONFIRMED, payment.id)


def hopeless(scene: Conversation, payment: Payment) -> str | None:
    """Why there is no use in asking for an approval; None if there is."""
    if payment.payer == payment.payee:
        return YOURSELF
    if not _can_be_paid(scene, payment):
        return NOT_PAYABLE
    if holders.holder(scene.txn, payment.payer).is_frozen:
        return Reason.FROZEN.value
    if balance_of(scene, payment) < payment.total_minor:
        return NO_COVER
    # Of an invoice all is owed at once, and until it is due the two may have settled.
    return _above_peer(scene, payment, is_settled=payment.kind is Kind.INVOICE)


def _above_peer(scene: Conversation, payment: Payment, *, is_settled: bool) -> str | None:
    """Why a payment is too much for its payee's institution; None if it is not."""
    room_minor = peers.room_minor(scene, payment, is_settled=is_settled)
    return PEER_ROOM if room_minor is not None and payment.amount_minor > room_minor else None


def _can_be_paid(scene: Conversation, payment: Payment) -> bool:
    """Return whether the payee is here; refunds also reach people who stopped everything."""
    payee = holders.holder(scene.txn, payment.payee)
    is_refund = payment.kind is Kind.REFUND
    return not payee.is_closed if is_refund else payee.is_open


def _is_too_high(scene: Conversation, payment: Payment) -> bool:
    """Return whether a refund gives back more than other refunds and a dispute have left."""
    if payment.refund_of is None:
        return False
    return payment.amount_minor > payments.left_minor(scene.txn, payment.refund_of)


def _go_on(scene: Conversation, matter: OpenPayment, approved_at_ms: int) -> None:
    """Do with an approved payment what the rules say."""
    payment = attrs.evolve(matter.payment, approved_at_ms=approved_at_ms)
    matter = attrs.evolve(matter, payment=payment)
    if (why := _stopped(scene, payment)) is not None:
        _step(scene, matter, Input.REFUSE, why=why)
        return
    match judge_now(scene, matter, approved_at_ms):
        case Go():
            _make(scene, matter)
        case Wait(until_ms=until_ms, reason=reason):
            _step(scene, matter, Input.WAIT, due_at_ms=until_ms, reason=reason)
        case Guard():
            guarded = _step(scene, matter, Input.GUARD, due_at_ms=scene.now_ms + DUE_MS)
            if guarding.tally_of(scene, guarded).is_lost:
                cancel(scene, guarded)
        case Refuse(reason=reason):
            _step(scene, matter, Input.REFUSE, why=reason.value)


def _stopped(scene: Conversation, payment: Payment) -> str | None:
    """Why an approved payment is stopped whatever the payer's rules say; None if it is not."""
    if authority.is_stopped(scene, payment):
        return KEY_REVOKED
    return Reason.FROZEN.value if authority.is_frozen(scene, payment) else None


def _make(scene: Conversation, matter: OpenPayment) -> None:
    """Have a payment made that no rule is against, unless something else is."""
    why = None if _can_be_paid(scene, matter.payment) else NOT_PAYABLE
    if _is_too_high(scene, matter.payment):
        why = REFUND_TOO_HIGH
    if why is None:
        matter, why = allowance_uses.use(scene, matter)
    why = why or invoices.begin_paying(scene, matter.payment)
    if matter.payment.kind is Kind.PAYOUT and not payouts.is_taken(scene, matter):
        why = FAILED
    if why is None and sharing.problem(scene, matter.payment):
        why = FAILED
        invoices.settle(scene, matter.payment, is_moved=False)
    if not bills.is_open(scene, matter.payment):
        why = BILL_OVER
    if why is not None:
        allowance_uses.give_back(scene, matter.payment)
    go = Input.HOLD if holding.is_held_first(scene, matter.payment) else Input.GO
    _step(scene, matter, go if why is None else Input.REFUSE, why=why)


def _resume(scene: Conversation, matter: OpenPayment) -> None:
    """Go on with a payment that waited; a key that was revoked meanwhile approved nothing."""
    if authority.is_stopped(scene, matter.payment):
        _step(scene, matter, Input.REFUSE, why=KEY_REVOKED)
        return
    evidence = scene.approvals.authorised(scene.txn, matter.payment.approved_by)
    _go_on(scene, matter, evidence.at_ms)


def _deny(scene: Conversation, matter: OpenPayment) -> None:
    """Too few guardians approve a payment."""
    charges.settle(scene, _step(scene, matter, Input.DENY))


def _from_purse(scene: Conversation, matter: OpenPayment, allowance_id: str) -> OpenPayment:
    """A payment from the account of another in the place of one from one's own."""
    giver = allowances.giver_of(scene.txn, allowance_id)
    assert giver is not None, "it was offered"  # noqa: S101 -- a foreign key
    holders.lock_holder(scene.txn, giver)
    allowance = allowances.lock_allowance(scene.txn, allowance_id)
    assert allowance is not None, "it has a giver"  # noqa: S101 -- our bug
    cancel(scene, matter)
    theirs = allowance_uses.paid_from(scene, matter, allowance)
    payment = attrs.evolve(
        theirs.payment, id=scene.sender.fresh_ulid("payment"), asked_at_ms=scene.now_ms
    )
    added = files.add(scene, payment, theirs.private)
    assert added is not None, "its id is fresh"  # noqa: S101 -- our bug
    return added


def _step(
    scene: Conversation,
    matter: OpenPayment,
    heard: Input,
    *,
    due_at_ms: int | None = None,
    why: str | None = None,
    reason: Reason | None = None,
) -> OpenPayment:
    payment, effects = step(matter.payment, heard, due_at_ms=due_at_ms, why=why)
    after = files.save(scene, matter, payment)
    for effect in effects:
        match effect:
            case Effect.ATTEMPT | Effect.HOLD | Effect.VOID:
                _move(scene, after, heard, effect)
            case Effect.SET_CLOCK:
                set_clock(scene, payment)
            case Effect.TELL_WAIT if reason is not None:
                asking.ask_whether_to_stop(scene, after, reason)
            case Effect.TELL_REFUSED:
                tell_refused(scene, after)
            case Effect.ASK_GUARDIANS:
                guarding.ask(scene, after)
            case Effect.TELL_DENIED:
                guarding.tell_denied(scene, after)
            case Effect.CLOSE_QUESTION:
                asking.close(scene, after)
                guarding.close(scene, after)
            case _:
                raise AssertionError(f"{effect} is no effect of {heard}")
    bills.heard(scene, after)
    return after


def _hold_ms(scene: Conversation, payment: Payment) -> int:
    """How long the ledger keeps what is set aside."""
    if payment.kind is Kind.SHARE:
        return bills.timeout_ms(scene, payment)
    is_abroad = peers.is_abroad(scene, payment)
    return peers_sending.hold_ms(scene) if is_abroad else holding.CONFIRM_HOLD_MS


def _move(scene: Conversation, matter: OpenPayment, heard: Input, effect: Effect) -> None:
    """Have the writer do what an effect says."""
    payment = matter.payment
    if effect is Effect.VOID:
        holding.void(scene, payment)
    elif effect is Effect.HOLD:
        holding.hold(scene, payment, _hold_ms(scene, payment))
    elif payment.kind is Kind.PAYOUT:
        payouts.attempt(scene, matter)
    elif heard is Input.POST:
        holding.post(scene, payment)
    else:
        moving.attempt(scene, payment)
