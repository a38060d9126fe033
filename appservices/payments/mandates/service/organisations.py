"""Mandates over HTTP: an organisation asks for one, follows it, debits by it, gives it up."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from appservices.payments.acts import service as acting
from appservices.payments.amounts.core.periods import period_number
from appservices.payments.conversation.service.chats import open_chat
from appservices.payments.holders import store as holders
from appservices.payments.mandates import store
from appservices.payments.mandates.api import ChargeView, MandateView
from appservices.payments.mandates.core.mandate import (
    MANDATE_MS_MAX,
    MANDATES_MAX,
    ChargeError,
    ChargeProblem,
    MandateState,
    Used,
    judge_charge,
)
from appservices.payments.mandates.core.order import ChargeOrder, MandateOrder, charge_form
from appservices.payments.mandates.service import debits as charges
from appservices.payments.mandates.service import mandates
from appservices.payments.mandates.texts import given_up_doc
from appservices.payments.organisations.service.known_people import check_currency, check_person
from appservices.payments.organisations.service.news import EVENT
from appservices.payments.questions.texts import reason_doc
from appservices.payments.transfers.service import files
from appservices.payments.transfers.store import payments
from veche.protocol.acts import ActClass
from veche.protocol.errors import ConflictError, MalformedError, NotFoundError
from veche.protocol.ids import Ulid, UserId
from veche.protocol.money import Money
from veche.protocol.wire import parse

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.mandates.api import ChargeBody, MandateBody
    from appservices.payments.mandates.store import Mandate
    from appservices.payments.organisations.service.known_people import Strangers
    from veche.api.bearer import OrganisationCaller

logger = logging.getLogger(__name__)

_HOPELESS: Final = frozenset(
    {ChargeProblem.NOT_ACTIVE, ChargeProblem.OVER, ChargeProblem.ABOVE_EACH}
)
"""What time does not mend: a debit is refused at once, and its payer is told of nothing."""


class TooManyMandatesError(ConflictError):
    """The payer has as many mandates of the organisation as there can be (HTTP 409)."""

    errcode = "ORG.VECHE.TOO_MANY_MANDATES"


def propose(
    scene: Conversation, caller: OrganisationCaller, body: MandateBody, strangers: Strangers
) -> MandateView:
    """Ask a person for a mandate.

    Args:
        scene: The transaction.
        caller: Who asks.
        body: What for.
        strangers: Who has no account here.

    Raises:
        MalformedError: Something of it is out of bounds; the field is named.
        TooManyMandatesError: They have too many of this organisation.
    """
    check_currency(scene, body.each_max.currency, "body.each_max")
    check_person(scene, body.payer, "body.payer", strangers)
    if not scene.now_ms < body.ends_at_ms <= scene.now_ms + 2 * MANDATE_MS_MAX:
        raise MalformedError("body.ends_at_ms", "should be later than now, and within 20 years")
    payer, payee = scene.holder(UserId(body.payer)), scene.organisation(caller.id)
    holders.lock_holder(scene.txn, payer.id)  # or several at once would pass the limit
    if store.count_between(scene.txn, payer.id, payee.id) >= MANDATES_MAX:
        raise TooManyMandatesError(f"A person has at most {MANDATES_MAX} mandates of you")
    told = body.model_dump(mode="json", exclude={"ours", "starts_at_ms"}, exclude_none=True)
    order = {
        **told,
        "id": scene.sender.fresh_ulid("mandate"),
        "payee": caller.id,
        "payee_name": caller.name,
        "starts_at_ms": scene.now_ms if body.starts_at_ms is None else body.starts_at_ms,
        "reply": EVENT,
        "about": {"organisation": caller.id, "ours": body.ours},
    }
    wanted = parse(MandateOrder, order, where="body")
    offer(scene, wanted)
    logger.info("mandate %s of %s is asked for", wanted.id, caller.id)
    return _view(scene, _mandate(scene, caller, wanted.id))


def offer(scene: Conversation, order: MandateOrder) -> None:
    """Keep a mandate and ask its payer, in a chat that is made if they have none."""
    mandates.propose(scene, order)
    person = UserId(order.payer)
    if scene.chat_of(person) is not None:
        mandates.ask(scene, order.id)
    else:
        open_chat(scene, person, mandate=order.id)


def read(scene: Conversation, caller: OrganisationCaller, mandate_id: str) -> MandateView:
    """A mandate of an organisation.

    Raises:
        NotFoundError: There is none of theirs.
    """
    return _view(scene, _mandate(scene, caller, mandate_id))


def end(
    scene: Conversation, caller: OrganisationCaller, mandate_id: str, reason: str | None = None
) -> MandateView:
    """Give a mandate up: nothing is debited by it any more. One that is ended stays so.

    Args:
        scene: The transaction.
        caller: Who gives it up.
        mandate_id: Of it.
        reason: Why, for the payer.

    Raises:
        NotFoundError: There is none of theirs.
    """
    _mandate(scene, caller, mandate_id, is_locked=False)
    charges.take_back(scene, mandate_id, is_ended=True)
    mandate = _mandate(scene, caller, mandate_id)
    if mandate.state is not MandateState.ENDED:
        was_given = mandate.state is not MandateState.PROPOSED
        mandates.change(scene, mandate, "revoke")
        if was_given:
            _tell_payer(scene, mandate, reason)
        logger.info("mandate %s is given up by %s", mandate_id, caller.id)
    return _view(scene, _mandate(scene, caller, mandate_id))


def charge(
    scene: Conversation, caller: OrganisationCaller, mandate_id: str, body: ChargeBody
) -> ChargeView:
    """Debit by a mandate, once the payer was told long enough before.

    Raises:
        NotFoundError: There is no such mandate of theirs.
        MalformedError: The amount is of another currency, or there is such a charge already.
        ChargeError: The mandate does not allow it, now or ever.
        ActRequiredError: It is an office's, without an act for exactly this.
    """
    mandate = _mandate(scene, caller, mandate_id)
    given = mandates.order_of(scene, mandate)
    if body.amount.currency != given.each_max.currency or body.amount.minor < 1:
        currency = given.each_max.currency
        raise MalformedError("body.amount", f"should be above zero, in {currency}")
    problem = _problem(scene, mandate, body.amount.minor)
    if problem in _HOPELESS:
        raise ChargeError(problem)
    order = ChargeOrder(
        id=body.id or scene.sender.fresh_ulid("charge"),
        mandate=Ulid(mandate.id),
        payee=caller.id,
        amount=body.amount,
        title=body.title,
        reply=EVENT,
        about={"organisation": caller.id, "ours": body.ours, "mandate": mandate.id},
    )
    if payments.is_number_taken(scene.txn, order.id):
        taken = "a payment ends in the same 8 characters already: take another id"
        raise MalformedError("body.id", taken)
    about = (UserId(given.payer), charge_form(order))
    token = acting.token_of(scene, caller.id, body.act, ActClass.PAYMENT_PULL, about)
    if token is not None:
        order = order.model_copy(update={"act": token.receipt})
    charges.announce(scene, order)
    logger.info("charge %s of %s by mandate %s", order.id, caller.id, mandate.id)
    return read_charge(scene, caller, mandate.id, order.id)


def read_charge(
    scene: Conversation, caller: OrganisationCaller, mandate_id: str, charge_id: str
) -> ChargeView:
    """A debit of an organisation.

    Raises:
        NotFoundError: There is none of theirs by this mandate.
    """
    file = payments.payment(scene.txn, charge_id)
    payee = scene.organisation(caller.id).id
    if file is None or file.payment.payee != payee or file.payment.mandate_id != mandate_id:
        raise NotFoundError("There is no such charge")
    matter = files.matter_of(scene, file)
    order = ChargeOrder.model_validate(matter.private.order)
    payment = file.payment
    return ChargeView(
        id=Ulid(payment.id),
        mandate=Ulid(mandate_id),
        state=payment.state.value,
        amount=order.amount,
        due_at_ms=payment.due_at_ms,
        why=payment.why,
        ours=order.about.get("ours", ""),
    )


def _problem(scene: Conversation, mandate: Mandate, minor: int) -> ChargeProblem | None:
    """Why a debit would be refused when its notice is over, as far as that is known now."""
    terms = mandate.terms
    due_at_ms = max(scene.now_ms + terms.notice_ms, terms.starts_at_ms)
    period = period_number(terms.starts_at_ms, terms.period, due_at_ms)
    used_minor = store.used_minor(scene.txn, mandate.id, period)
    used = Used(mandate.state, mandate.count, used_minor, noticed_at_ms=scene.now_ms)
    return judge_charge(minor, terms, used, due_at_ms)


def _mandate(
    scene: Conversation, caller: OrganisationCaller, mandate_id: str, *, is_locked: bool = True
) -> Mandate:
    found = (store.lock_mandate if is_locked else store.mandate)(scene.txn, mandate_id)
    if found is None or found.payee != scene.organisation(caller.id).id:
        raise NotFoundError("There is no such mandate")
    return found


def _tell_payer(scene: Conversation, mandate: Mandate, reason: str | None) -> None:
    order = mandates.order_of(scene, mandate)
    person = UserId(order.payer)
    room_id = scene.chat_of(person)
    if room_id is not None:
        localizer = scene.localizer(person)
        more = reason_doc(reason, localizer) if reason is not None else ()
        scene.tell(room_id, person, (*given_up_doc(order, localizer), *more))


def _view(scene: Conversation, mandate: Mandate) -> MandateView:
    order, terms = mandates.order_of(scene, mandate), mandate.terms
    left = None
    if mandate.state is MandateState.ACTIVE and terms.starts_at_ms <= scene.now_ms:
        period = period_number(terms.starts_at_ms, terms.period, scene.now_ms)
        used_minor = store.used_minor(scene.txn, mandate.id, period)
        left_minor = terms.period_max_minor - used_minor
        left = Money(minor=left_minor, currency=order.period_max.currency)
    return MandateView(
        id=Ulid(mandate.id),
        state=mandate.state.value,
        purpose=order.purpose,
        each_max=order.each_max,
        period=order.period,
        period_max=order.period_max,
        left=left,
        starts_at_ms=order.starts_at_ms,
        ends_at_ms=order.ends_at_ms,
        count=mandate.count,
        count_max=order.count_max,
        notice_ms=order.notice_ms,
        ours=order.about.get("ours", ""),
    )
