"""Accounts of others from which somebody may pay: what is left, what is used, what comes back.

A use is counted with the giver and the allowance locked, in the transaction that hands its payment
to the writer; what moves nothing is given back. So two uses at once never pass the cap, and none is
made of an allowance that is ended, which the database sees to as well (``allowance_cap``,
``allowance_lasts``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from appservices.payments.allowances import store
from appservices.payments.allowances.core import Scope, judge_use
from appservices.payments.allowances.texts import AllowanceView, use_refused_doc, used_doc
from appservices.payments.amounts.core.periods import period_number
from appservices.payments.transfers.core.payment import State
from appservices.payments.transfers.texts.views import Party

if TYPE_CHECKING:
    from appservices.payments.allowances.store import Allowance
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.transfers.core.payment import Payment
    from appservices.payments.transfers.core.rules import UseProblem
    from appservices.payments.transfers.service.files import OpenPayment


def view_of(scene: Conversation, allowance: Allowance) -> AllowanceView:
    """An allowance with its names."""
    opened = scene.vault.open(allowance.sealed)
    return AllowanceView(
        giver=Party(*opened["giver"]),
        spender=Party(*opened["spender"]),
        payees=tuple(Party(*one) for one in opened["payees"]),
        kinds=tuple(opened["kinds"]),
        currency=opened["currency"],
        terms=allowance.terms,
    )


def sealed(scene: Conversation, view: AllowanceView) -> bytes:
    """The names of an allowance, under the operator's key."""
    return scene.vault.seal(
        {
            "giver": [view.giver.address, view.giver.name],
            "spender": [view.spender.address, view.spender.name],
            "payees": [[one.address, one.name] for one in view.payees],
            "kinds": list(view.kinds),
            "currency": view.currency,
        }
    )


def left_minor(scene: Conversation, allowance: Allowance) -> int:
    """Return the sum that an allowance still permits in this period."""
    used = store.used_minor(scene.txn, allowance.id, _period(scene, allowance))
    return allowance.terms.period_max_minor - used


def problem_of(
    scene: Conversation, allowance: Allowance, payee: str, minor: int
) -> UseProblem | None:
    """Why somebody cannot be paid by an allowance; None if they can.

    Args:
        scene: The transaction.
        allowance: By which.
        payee: Address.
        minor: What the giver would be debited with.
    """
    view = view_of(scene, allowance)
    scope = Scope(frozenset(one.address for one in view.payees), frozenset(view.kinds))
    return judge_use(
        minor,
        allowance.terms,
        allowance.state,
        used_minor=store.used_minor(scene.txn, allowance.id, _period(scene, allowance)),
        is_covered=scope.covers(payee, scene.section.kinds_of(payee)),
        now_ms=scene.now_ms,
    )


def paid_from(scene: Conversation, matter: OpenPayment, allowance: Allowance) -> OpenPayment:
    """A payment that is not kept yet, from the account of who gave an allowance."""
    view = view_of(scene, allowance)
    payment = attrs.evolve(matter.payment, payer=allowance.giver, allowance_id=allowance.id)
    private = attrs.evolve(matter.private, payer=view.giver, user=view.spender)
    return attrs.evolve(matter, payment=payment, private=private)


def use(scene: Conversation, matter: OpenPayment) -> tuple[OpenPayment, str | None]:
    """Count a payment that is about to be made, if it is by an allowance.

    Returns:
        The payment with the period that it counts in, and None; or why it may not be made.
    """
    payment = matter.payment
    if payment.allowance_id is None:
        return matter, None
    allowance = store.lock_allowance(scene.txn, payment.allowance_id)
    assert allowance is not None, "a use refers to it"  # noqa: S101 -- a foreign key
    payee = matter.private.payee.address
    problem = problem_of(scene, allowance, payee, payment.total_minor)
    if problem is not None:
        _tell_giver_refused(scene, matter)
        return matter, problem.value
    period = _period(scene, allowance)
    store.use(scene.txn, allowance, period, payment.total_minor)
    return attrs.evolve(matter, payment=attrs.evolve(payment, period=period)), None


def give_back(scene: Conversation, payment: Payment) -> None:
    """A use that was counted moves nothing."""
    if payment.allowance_id is not None and payment.period is not None:
        minor = payment.total_minor
        store.give_back(scene.txn, payment.allowance_id, payment.period, minor)


def settle(scene: Conversation, matter: OpenPayment) -> None:
    """A use is over, if it is one: what moved nothing has used nothing; the giver hears of it."""
    payment = matter.payment
    if payment.allowance_id is None:
        return
    if payment.state is not State.PAID:
        give_back(scene, payment)
        _tell_giver_refused(scene, matter)
        return
    giver = matter.private.payer.person
    allowance = store.lock_allowance(scene.txn, payment.allowance_id)
    room_id = scene.chat_of(giver) if giver is not None else None
    if giver is not None and room_id is not None and allowance is not None:
        doc = used_doc(matter.view, left_minor(scene, allowance), scene.localizer(giver))
        scene.tell(room_id, giver, doc)


def _tell_giver_refused(scene: Conversation, matter: OpenPayment) -> None:
    giver = matter.private.payer.person
    room_id = scene.chat_of(giver) if giver is not None else None
    if giver is not None and room_id is not None:
        scene.tell(room_id, giver, use_refused_doc(matter.view, scene.localizer(giver)))


def _period(scene: Conversation, allowance: Allowance) -> int:
    terms = allowance.terms
    return period_number(terms.starts_at_ms, terms.period, max(scene.now_ms, terms.starts_at_ms))
