"""A person's own limits: shown, and changed by a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.amounts.core.order import OrderProblem
from appservices.payments.holders import store as holders
from appservices.payments.holders.core import NO_LIMIT, LimitKind, OwnLimit, changed, read_limit
from appservices.payments.limits.texts.limits import limit_example, limits_doc
from appservices.payments.transfers.texts.paying import problem_doc
from veche.protocol.message import Paragraph

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.holders.core import LimitOrder
    from veche.protocol.ids import RoomId, UserId


def limits_of(
    scene: Conversation, holder_id: int, ledger: int, currency: str
) -> dict[LimitKind, OwnLimit]:
    """Return a holder's limits in a currency: their own, else the institution's defaults."""
    first = OwnLimit(scene.section.first_payee_minor(currency))
    usual = {LimitKind.FIRST_PAYEE: first, LimitKind.DAY: OwnLimit(NO_LIMIT)}
    return usual | holders.own_limits(scene.txn, holder_id, ledger)


def change(scene: Conversation, holder_id: int, order: LimitOrder) -> OwnLimit:
    """Set a limit of a holder, who is locked; a weaker one counts later."""
    ledger = holders.currencies(scene.txn)[order.currency]
    before = limits_of(scene, holder_id, ledger, order.currency)[order.kind]
    after = changed(before, order.minor, scene.now_ms)
    holders.keep_own_limit(scene.txn, holder_id, ledger, order.kind, after)
    return after


def obey(scene: Conversation, room_id: RoomId, person: UserId, argument: str) -> None:
    """Show a person their limits, changed if they say so.

    Args:
        scene: The transaction.
        room_id: Where.
        person: Whose.
        argument: "day 100 EUR", or nothing.
    """
    localizer, currencies = scene.localizer(person), scene.section.currencies
    numbers = holders.currencies(scene.txn)
    holder = holders.lock_holder(scene.txn, scene.holder(person).id)
    order = read_limit(argument, currencies) if argument else None
    if isinstance(order, OrderProblem) and order is not OrderProblem.USAGE:
        example = limit_example(currencies[0], localizer)
        scene.tell(room_id, person, problem_doc(order, currencies, localizer, example))
        return
    if order is not None and not isinstance(order, OrderProblem):
        change(scene, holder.id, order)
    limits = {
        currency: {
            kind: limit.at(scene.now_ms)
            for kind, limit in limits_of(scene, holder.id, numbers[currency], currency).items()
        }
        for currency in currencies
    }
    url = scene.links.keys() if scene.links is not None else None
    doc = limits_doc(limits, url, localizer)
    if order is OrderProblem.USAGE:
        words = localizer.text("I cannot read that, so nothing has changed.")
        doc = (Paragraph(words), *doc)
    scene.tell(room_id, person, doc)
