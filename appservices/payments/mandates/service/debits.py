"""Debits by a mandate: announced, judged when the time of notice is over, counted once.

A charge is a payment that waits in ``cooling`` until it was announced long enough. What it is
judged by is locked, so a mandate that was ended before is ended, also in a race. Where the payer
has guardians and it is above their rule, they approve it first, and then it is judged again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.acts import service as acting
from appservices.payments.amounts.core.periods import period_number
from appservices.payments.guardians.core import DUE_MS
from appservices.payments.guardians.service import asking as guarding
from appservices.payments.holders import store as holders
from appservices.payments.mandates import store
from appservices.payments.mandates.core.mandate import (
    ChargeProblem,
    MandateState,
    Used,
    judge_charge,
)
from appservices.payments.mandates.core.order import ChargeOrder, charge_form
from appservices.payments.mandates.service import mandates
from appservices.payments.mandates.service.mandates import order_of
from appservices.payments.mandates.texts import charge_refused_doc, notice_doc
from appservices.payments.organisations.service import news
from appservices.payments.postings.service import judging, moving
from appservices.payments.transfers.core.payment import Input, Kind, Payment, State, step
from appservices.payments.transfers.service import asking, authority, files
from appservices.payments.transfers.service.clocks import set_clock
from appservices.payments.transfers.service.files import OpenPayment, Private
from appservices.payments.transfers.store import payments
from appservices.payments.transfers.texts.views import Party
from veche.acts import token_in_log
from veche.protocol.acts import ActClass
from veche.protocol.errors import ActRequiredError
from veche.protocol.ids import effect_id

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.mandates.store import Mandate
    from veche.chat.prompts import Answered

logger = logging.getLogger(__name__)

UNKNOWN: Final = "unknown_mandate"
ACT_REQUIRED: Final = "act_required"
"""An office's, without an act for exactly this charge."""


def announce(scene: Conversation, order: ChargeOrder) -> None:
    """Tell the payer of a charge, and make it once they were told long enough before."""
    mandate = store.lock_mandate(scene.txn, order.mandate)
    currency = order_of(scene, mandate).each_max.currency if mandate is not None else None
    is_theirs = mandate is not None and mandate.payee == scene.organisation(order.payee).id
    if mandate is None or not is_theirs or currency != order.amount.currency:
        tell_payee(scene, order, State.REFUSED.value, UNKNOWN)
        return
    if not _has_act(scene, order):
        tell_payee(scene, order, State.REFUSED.value, ACT_REQUIRED)
        return
    if mandate.state is not MandateState.ACTIVE:
        # Its payer is not told of it: it may not pass by a mandate that counts again meanwhile.
        tell_payee(scene, order, State.REFUSED.value, ChargeProblem.NOT_ACTIVE.value)
        return
    given = order_of(scene, mandate)
    payment = Payment(
        id=order.id,
        kind=Kind.MANDATE,
        state=State.COOLING,
        payer=mandate.payer,
        payee=mandate.payee,
        ledger=mandate.ledger,
        amount_minor=order.amount.minor,
        fee_minor=0,
        asked_at_ms=scene.now_ms,
        due_at_ms=scene.now_ms + mandate.terms.notice_ms,
        mandate_id=mandate.id,
    )
    private = Private(
        payer=Party(given.payer, given.payer),
        payee=Party(given.payee, given.payee_name),
        currency=order.amount.currency,
        reference=order.title,
        order=order.model_dump(mode="json", exclude_none=True),
    )
    matter = files.add(scene, payment, private)
    if matter is not None:
        if mandate.terms.notice_ms:
            _tell_notice(scene, matter, mandate)
        set_clock(scene, payment)


def fire_timer(scene: Conversation, matter: OpenPayment) -> None:
    """Judge a charge whose notice is over, or which guardians approved."""
    payment = matter.payment
    mandate = store.lock_mandate(scene.txn, str(payment.mandate_id))
    assert mandate is not None, "a charge refers to it"  # noqa: S101 -- a foreign key
    if not _has_act(scene, _order(matter)):
        # It was announced before its payee was an office.
        refused = _refuse(scene, matter, ACT_REQUIRED)
        tell_payee(scene, _order(refused), refused.payment.state.value, refused.payment.why)
        return
    terms = mandate.terms
    period = period_number(terms.starts_at_ms, terms.period, max(scene.now_ms, terms.starts_at_ms))
    is_frozen = holders.holder(scene.txn, payment.payer).is_frozen
    is_stopped = is_frozen or judging.is_banned(scene, matter)
    is_stopped = is_stopped or authority.is_stopped(scene, payment)
    used = Used(
        state=MandateState.PAUSED if is_stopped else mandate.state,
        count=mandate.count,
        period_minor=store.used_minor(scene.txn, mandate.id, period),
        noticed_at_ms=payment.asked_at_ms,
    )
    problem = judge_charge(payment.total_minor, terms, used, scene.now_ms)
    if problem is not None:
        _tell_refused(scene, _refuse(scene, matter, problem.value), mandate, problem)
        return
    if judging.needs_guardians(scene, matter):
        _guard(scene, matter)
        return
    store.use(scene.txn, mandate, period, payment.total_minor)
    after, _ = step(attrs.evolve(payment, period=period), Input.GO)
    _close(scene, files.save(scene, matter, after))
    moving.attempt(scene, after)


def _refuse(scene: Conversation, matter: OpenPayment, why: str) -> OpenPayment:
    after, _ = step(matter.payment, Input.REFUSE, why=why)
    refused = files.save(scene, matter, after)
    _close(scene, refused)
    return refused


def _guard(scene: Conversation, matter: OpenPayment) -> None:
    """Ask the payer's guardians; where too few are left the charge is over."""
    after, _ = step(matter.payment, Input.GUARD, due_at_ms=scene.now_ms + DUE_MS)
    guarded = files.save(scene, matter, after)
    set_clock(scene, after)
    guarding.ask(scene, guarded)
    if guarding.tally_of(scene, guarded).is_lost:
        cancelled, _ = step(after, Input.CANCEL)
        over = files.save(scene, guarded, cancelled)
        _close(scene, over)
        settle(scene, over)


def _close(scene: Conversation, matter: OpenPayment) -> None:
    """End what the payer and the guardians are asked about a charge."""
    asking.close(scene, matter)
    guarding.close(scene, matter)


def answered(scene: Conversation, answer: Answered) -> None:
    """Act on the payer's answer about a mandate; who stops it takes back its charges first."""
    choice = answer.chosen.choice
    if choice in mandates.STOPPING:
        mandate_id = str(answer.kept.purpose.get("mandate"))
        take_back(scene, mandate_id, is_ended=choice == mandates.ENDING)
    mandates.answered(scene, answer)


def take_back(scene: Conversation, mandate_id: str, *, is_ended: bool) -> None:
    """Take back the charges of a mandate that the writer has not decided: it is being stopped.

    Args:
        scene: The transaction.
        mandate_id: Of it.
        is_ended: For good, so what is announced and waits is refused now, not when its time comes.
    """
    problem = ChargeProblem.NOT_ACTIVE
    payer = store.payer_of(scene.txn, mandate_id)
    if payer is None:
        return
    taken_back = payments.take_back_attempts(scene.txn, payer, mandate_id=mandate_id)
    holders.lock_holder(scene.txn, payer)
    # Those whose time came while the lock was waited for.
    taken_back += payments.take_back_attempts(
        scene.txn, payer, mandate_id=mandate_id, is_locked=True
    )
    for payment_id in taken_back:
        matter = files.lock(scene, payment_id)
        mandate = store.lock_mandate(scene.txn, mandate_id)
        if matter is not None and mandate is not None:
            after, _ = step(matter.payment, Input.NOT_MOVED, why=problem.value)
            refused = files.save(scene, matter, after)
            store.give_back(scene.txn, mandate_id, refused.payment.period or 0, after.total_minor)
            _tell_refused(scene, refused, mandate, problem)
    if is_ended:
        for payment_id in payments.waiting_by(scene.txn, payer, mandate_id):
            matter = files.lock(scene, payment_id)
            if matter is not None:
                # Who ends it knows that nothing is debited any more.
                over = _refuse(scene, matter, problem.value)
                tell_payee(scene, _order(over), over.payment.state.value, over.payment.why)


def settle(scene: Conversation, matter: OpenPayment) -> None:
    """A charge is over, if it is one: what moved nothing has used nothing."""
    payment = matter.payment
    if payment.mandate_id is None:
        return
    order = _order(matter)
    if payment.state is State.PAID:
        _spend_act(scene, order)
    elif payment.period is not None:
        store.give_back(scene.txn, payment.mandate_id, payment.period, payment.total_minor)
    tell_payee(scene, _order(matter), payment.state.value, payment.why)


def _spend_act(scene: Conversation, order: ChargeOrder) -> None:
    """Spend the act of an office's charge, in the block that moves its money."""
    if order.act is not None and acting.is_office(scene, order.payee):
        kept, form = order.act.model_dump(mode="json"), charge_form(order)
        acting.spend_kept(scene.txn, kept, order.payee, ActClass.PAYMENT_PULL, form)


def _has_act(scene: Conversation, order: ChargeOrder) -> bool:
    """Return whether a charge has the act that it needs; only an office's does."""
    if not acting.is_office(scene, order.payee):
        return True
    try:
        if order.act is not None:
            form, pull = charge_form(order), ActClass.PAYMENT_PULL
            token_in_log(scene.txn, order.act, form, order.payee, pull)
            return True
    except ActRequiredError as e:
        logger.warning("charge %s of %s: %s", order.id, order.payee, e)
    return False


def tell_payee(scene: Conversation, order: ChargeOrder, state: str, why: str | None) -> None:
    """Let the organisation hear what became of its charge."""
    payload = {**order.about, "charge": order.id, "state": state, "why": why}
    news.tell(scene, order.reply, effect_id(order.reply or "", order.id, state), payload)


def _order(matter: OpenPayment) -> ChargeOrder:
    return ChargeOrder.model_validate(matter.private.order)


def _tell_notice(scene: Conversation, matter: OpenPayment, mandate: Mandate) -> None:
    room_id, person, at_ms = matter.payer_room(scene), matter.private.asker.person, None
    at_ms = matter.payment.due_at_ms
    if room_id is None or person is None or at_ms is None:
        return
    localizer = scene.localizer(person)
    amount = localizer.money(matter.payment.amount_minor, matter.private.currency)
    title = matter.private.reference
    doc = notice_doc(order_of(scene, mandate), amount, title, at_ms, localizer)
    scene.tell(room_id, person, doc)


def _tell_refused(
    scene: Conversation, matter: OpenPayment, mandate: Mandate, problem: ChargeProblem
) -> None:
    tell_payee(scene, _order(matter), matter.payment.state.value, problem.value)
    room_id, person = matter.payer_room(scene), matter.private.asker.person
    if room_id is not None and person is not None:
        localizer = scene.localizer(person)
        amount = localizer.money(matter.payment.amount_minor, matter.private.currency)
        doc = charge_refused_doc(order_of(scene, mandate), amount, problem, localizer)
        scene.tell(room_id, person, doc)
