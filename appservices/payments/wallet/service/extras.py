"""Questions of an invoice before its approval, on the wallet's page: address, option, tip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.amounts.core.order import OrderProblem, read_amount
from appservices.payments.conversation.service.conversation import announce_change
from appservices.payments.invoices.service import invoices
from appservices.payments.questions.service import extras
from appservices.payments.transfers.core.payment import State
from appservices.payments.transfers.texts.paying import chosen_facts, tip_facts
from appservices.payments.wallet.api import ChoiceView, ExtrasView, FactView
from appservices.payments.wallet.service.orders import own_locked
from appservices.payments.wallet.texts import Trouble

if TYPE_CHECKING:
    from appservices.payments.transfers.core.payment import Payment
    from appservices.payments.transfers.service.files import OpenPayment
    from appservices.payments.wallet.api import ChoiceBody
    from appservices.payments.wallet.service.visit import Visit
    from veche.protocol.prompts import Choice


def extras_view(visit: Visit, payment: Payment) -> ExtrasView | None:
    """Return an invoice's questions to its payer before the approval; None: none."""
    order = invoices.invoice_order(visit.scene, payment)
    if order is None or not (order.terms.quote or order.terms.tips):
        return None
    choices = _open_choices(visit, payment.id)
    is_tip = any(one.id.startswith(extras.TIP) for one in choices)
    return ExtrasView(
        choices=[ChoiceView(id=one.id, label=one.label) for one in choices],
        takes_tip=is_tip,
        takes_place=order.terms.quote == "delivery",
        is_asked=not choices and extras.is_quoting(visit.scene, payment),
    )


def chosen_view(visit: Visit, matter: OpenPayment) -> list[FactView]:
    """List the choices of an invoice's payer: option and tip."""
    order = invoices.invoice_order(visit.scene, matter.payment)
    if order is None:
        return []
    currency, localizer = matter.private.currency, visit.localizer
    chosen = extras.chosen_of(visit.scene, matter, order)
    facts = chosen_facts(chosen, currency, localizer)
    facts += tip_facts(matter.payment.tip_minor, currency, localizer)
    return [FactView(name=name, value=value) for name, value in facts]


def choose(visit: Visit, payment_id: str, body: ChoiceBody) -> None:
    """Take one of what is offered, a tip of one's own, or say where to.

    Raises:
        NotFoundError: There is no such payment of theirs.
        PaymentRefusedError: That is not asked for any more, or cannot be read.
    """
    scene, matter = visit.scene, own_locked(visit, payment_id)
    order = invoices.invoice_order(scene, matter.payment)
    if matter.payment.state is not State.ASKED or order is None:
        raise visit.refused(Trouble.TOO_LATE)
    if body.place is not None:
        if not extras.take_place(scene, matter, body.place):
            raise visit.refused(Trouble.BAD_PLACE, "place")
    elif body.tip is not None:
        extras.take_own_tip(scene, matter, _tip_minor(visit, matter.payment, body.tip))
    else:
        offered = {one.id: one for one in _open_choices(visit, payment_id)}
        chosen = offered.get(body.choice or "")
        if chosen is None:
            raise visit.refused(Trouble.TOO_LATE)
        extras.take(scene, matter, chosen)
    announce_change(scene.txn, visit.person)


def _tip_minor(visit: Visit, payment: Payment, typed: str) -> int:
    """A tip of the payer's own: as much as the invoice at most."""
    order = invoices.invoice_order(visit.scene, payment)
    is_asked = any(one.id.startswith(extras.TIP) for one in _open_choices(visit, payment.id))
    if order is None or not is_asked:
        raise visit.refused(Trouble.TOO_LATE)
    total = order.card.total
    read = read_amount(f"{typed} {total.currency}".split(), [total.currency])
    if isinstance(read, OrderProblem) or read[1] or not 0 < read[0].minor <= total.minor:
        amount = visit.localizer.money(total.minor, total.currency)
        raise visit.refused(Trouble.BAD_TIP, "tip", amount=amount)
    return read[0].minor


def _open_choices(visit: Visit, payment_id: str) -> list[Choice]:
    """List the options and tips in the open question about a payment."""
    offered = visit.offered(payment_id)
    return [one for one in offered if one.id.startswith((extras.TIP, extras.OPTION))]
