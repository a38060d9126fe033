"""A payment from its question to the attempt: asked, approved, judged, stopped.

Each function is a part of one transaction. What the writer decides comes back in ``settling``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from appservices.payments.core.limits import LimitKind
from appservices.payments.core.payment import ASKED_MS, Effect, Input, Kind, Payment, State, step
from appservices.payments.core.rules import (
    DAY_MS,
    Facts,
    Go,
    Limits,
    Reason,
    Refuse,
    Verdict,
    Wait,
    Waits,
    judge,
)
from appservices.payments.core.texts.paying import (
    FAILED,
    NO_COVER,
    PAYEE_CLOSED,
    YOURSELF,
    refused_doc,
)
from appservices.payments.service import (
    asking,
    charges,
    files,
    invoices,
    limiting,
    moving,
    payouts,
)
from appservices.payments.service.clocks import set_clock
from appservices.payments.service.files import Matter
from appservices.payments.store import holders
from appservices.payments.store import payments as store
from veche.protocol.message import NO_PAYLOAD

if TYPE_CHECKING:
    from appservices.payments.service.files import Private
    from appservices.payments.service.scene import Scene
    from veche.protocol.message import Doc, Payload
    from veche.runtime.prompts import Answered


def new(
    scene: Scene,
    private: Private,
    amount_minor: int,
    kind: Kind = Kind.PAY,
    refund_of: str | None = None,
) -> Matter:
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
        id=scene.voice.fresh_ulid("payment"),
        kind=kind,
        state=State.ASKED,
        payer=scene.holder(payer).id,
        payee=scene.holder(payee).id,
        ledger=holders.currencies(scene.txn)[private.currency],
        amount_minor=amount_minor,
        fee_minor=scene.section.fee_minor(private.currency) if kind is Kind.PAY else 0,
        asked_at_ms=scene.now_ms,
        due_at_ms=scene.now_ms + ASKED_MS,
        refund_of=refund_of,
    )
    return Matter(payment, private, scene.now_ms)


def begin(
    scene: Scene,
    matter: Matter,
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
    payment, person = matter.payment, matter.private.payer.person
    room_id = matter.payer_room(scene)
    if person is None or room_id is None:
        return
    if payment.kind is not Kind.INVOICE and tell_hopeless(scene, matter):
        return
    if files.add(scene, payment, matter.private) is not None:
        asking.ask_approval(scene, matter, details, payload, is_addressee=is_addressee)
        set_clock(scene, payment)


def tell_hopeless(scene: Scene, matter: Matter) -> bool:
    """Tell the payer that a new payment cannot be made, if that is clear; False if it is not."""
    why = _hopeless(scene, matter.payment)
    room_id, person = matter.payer_room(scene), matter.private.payer.person
    if why is None or room_id is None or person is None:
        return False
    balance_minor = balance_of(scene, matter.payment)
    doc = refused_doc(why, matter.view, balance_minor, scene.speech(person))
    scene.tell(room_id, person, doc)
    return True


def answered(scene: Scene, matter: Matter, answer: Answered) -> None:
    """The payer has answered: the question whether to pay, or whether to stop what waits.

    Args:
        scene: The transaction.
        matter: The payment, locked.
        answer: An answer to a question about it, approved where that is needed.
    """
    nonce, choice = answer.chosen.approved_by, answer.chosen.choice
    speech = scene.speech(answer.inbound.sender)
    if choice in {asking.DECLINE, asking.STOP}:
        if scene.settle(answer, speech.text("Not paid.")):
            cancel(scene, matter)
        return
    if choice == asking.OBJECT:
        words = speech.text("You object. The office hears of it; until then nothing is due.")
        if matter.payment.state is State.ASKED and scene.settle(answer, words):
            invoices.object_to(scene, matter.payment)
        return
    evidence = scene.approvals.evidence(scene.txn, nonce) if nonce is not None else None
    if evidence is None or matter.payment.state is not State.ASKED:
        return
    if scene.settle(answer, speech.text("Approved.")):
        approved = attrs.evolve(matter.payment, approved_by=nonce)
        _go_on(scene, attrs.evolve(matter, payment=approved), evidence.at_ms)


def rang(scene: Scene, matter: Matter) -> None:
    """The time of a payment's state may be over."""
    payment = matter.payment
    if payment.due_at_ms is None or payment.due_at_ms > scene.now_ms:
        return
    if payment.state is State.ASKED:
        _step(scene, matter, Input.TIME)
    elif payment.state is State.COOLING and payment.kind is Kind.MANDATE:
        charges.rang(scene, matter)
    elif payment.state is State.COOLING and payment.approved_by is not None:
        evidence = scene.approvals.evidence(scene.txn, payment.approved_by)
        assert evidence is not None, "what is approved has evidence"  # noqa: S101 -- our bug
        _go_on(scene, matter, evidence.at_ms)


def cancel(scene: Scene, matter: Matter) -> None:
    """The payer does not want it any more; nothing happens if it is too late for that."""
    if matter.payment.state in {State.ASKED, State.COOLING}:
        charges.settle(scene, _step(scene, matter, Input.CANCEL))


def balance_of(scene: Scene, payment: Payment) -> int:
    """What the payer can pay with, in the currency of a payment."""
    payer = holders.holder(scene.txn, payment.payer)
    rows = holders.balances(scene.txn, payer.id, moving.account_code(payer.kind))
    return next((one.available_minor for one in rows if one.ledger == payment.ledger), 0)


def tell_refused(scene: Scene, matter: Matter) -> None:
    """Tell the payer why it was not made."""
    room_id, person = matter.payer_room(scene), matter.private.payer.person
    if room_id is None or person is None or matter.payment.why is None:
        return
    balance_minor = balance_of(scene, matter.payment)
    doc = refused_doc(matter.payment.why, matter.view, balance_minor, scene.speech(person))
    scene.tell(room_id, person, doc)


def _hopeless(scene: Scene, payment: Payment) -> str | None:
    """Why there is no use in asking for an approval; None if there is."""
    if payment.payer == payment.payee:
        return YOURSELF
    if not _can_be_paid(scene, payment):
        return PAYEE_CLOSED
    if holders.holder(scene.txn, payment.payer).is_frozen:
        return Reason.FROZEN.value
    return NO_COVER if balance_of(scene, payment) < payment.total_minor else None


def _can_be_paid(scene: Scene, payment: Payment) -> bool:
    """Whether the payee is here; who stopped everything gets back what is theirs."""
    payee = holders.holder(scene.txn, payment.payee)
    is_refund = payment.kind is Kind.REFUND
    return not payee.is_closed if is_refund else payee.is_open


def _go_on(scene: Scene, matter: Matter, approved_at_ms: int) -> None:
    """Do with an approved payment what the rules say."""
    verdict = _judge(scene, matter, approved_at_ms)
    match verdict:
        case Go():
            why = None if _can_be_paid(scene, matter.payment) else PAYEE_CLOSED
            why = why or invoices.begin_paying(scene, matter.payment)
            if matter.payment.kind is Kind.PAYOUT and not payouts.is_taken(scene, matter):
                why = FAILED
            _step(scene, matter, Input.GO if why is None else Input.REFUSE, why=why)
        case Wait(until_ms=until_ms, reason=reason):
            _step(scene, matter, Input.WAIT, due_at_ms=until_ms, reason=reason)
        case Refuse(reason=reason):
            _step(scene, matter, Input.REFUSE, why=reason.value)


def _judge(scene: Scene, matter: Matter, approved_at_ms: int) -> Verdict:
    payment, section = matter.payment, scene.section
    own = limiting.limits_of(scene, payment.payer, payment.ledger, matter.private.currency)
    limits = Limits(*(own[kind].at(scene.now_ms).minor for kind in LimitKind))
    day_ago_ms = scene.now_ms - DAY_MS
    # Who gives money back, or pays an organisation's invoice, is not hurried by a stranger.
    is_known = payment.kind in {Kind.REFUND, Kind.INVOICE}
    facts = Facts(
        is_frozen=holders.holder(scene.txn, payment.payer).is_frozen,
        has_paid_payee=is_known or store.has_paid(scene.txn, payment.payer, payment.payee),
        day_minor=store.gone_minor(scene.txn, payment.payer, payment.ledger, day_ago_ms),
        balance_minor=balance_of(scene, payment),
    )
    return judge(
        payment.total_minor,
        limits,
        Waits(section.first_payee_wait_ms, section.large_part_wait_ms),
        facts,
        approved_at_ms=approved_at_ms,
        now_ms=scene.now_ms,
    )


def _step(
    scene: Scene,
    matter: Matter,
    heard: Input,
    *,
    due_at_ms: int | None = None,
    why: str | None = None,
    reason: Reason | None = None,
) -> Matter:
    payment, effects = step(matter.payment, heard, due_at_ms=due_at_ms, why=why)
    after = files.save(scene, matter, payment)
    for effect in effects:
        match effect:
            case Effect.ATTEMPT if payment.kind is Kind.PAYOUT:
                payouts.attempt(scene, after)
            case Effect.ATTEMPT:
                moving.attempt(scene, payment)
            case Effect.SET_CLOCK:
                set_clock(scene, payment)
            case Effect.TELL_WAIT if reason is not None:
                asking.ask_whether_to_stop(scene, after, reason)
            case Effect.TELL_REFUSED:
                tell_refused(scene, after)
            case Effect.CLOSE_QUESTION:
                asking.close(scene, after)
            case _:
                raise AssertionError(f"{effect} is no effect of {heard}")
    return after
