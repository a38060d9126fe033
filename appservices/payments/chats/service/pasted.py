"""A payment code or a link that somebody pastes into their chat: what it asks for is asked there.

It is read as on the page of the wallet, and pays nothing itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.amounts.core.order import Order
from appservices.payments.chats.service import payouts as payout_orders
from appservices.payments.chats.texts.codes import bank_amount_doc, other_doc, person_amount_doc
from appservices.payments.conversation.core.commands import PAY
from appservices.payments.formats.core.plain import decimal_text
from appservices.payments.payouts.core import PayoutOrder
from appservices.payments.wallet.api import LinkBody, OrderBody
from appservices.payments.wallet.service import codes, invoices, orders
from appservices.payments.wallet.service.visit import PaymentRefusedError, Visit
from veche.protocol.errors import NotFoundError
from veche.protocol.message import Paragraph
from veche.protocol.wire import parse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.wallet.api import CodeView, PartyView
    from veche.protocol.inbound import Inbound
    from veche.protocol.message import Doc

_LINKS: Final = ("https://", "http://")
_OURS: Final = "/pay#"
"""What a link to pay by has in it; other links are talk, unless they follow the word for paying."""
_EXAMPLE_MINOR: Final = 1_250


def code_in(content: Mapping[str, Any]) -> str | None:
    """The code that a message is, or that follows the word for paying; None for all else.

    Args:
        content: Of the message. Lines count: a GiroCode has several.
    """
    body = content.get("body")
    if content.get("msgtype") != "m.text" or not isinstance(body, str):
        return None
    first, _, rest = body.strip().partition(" ")
    is_pay = PAY.is_called(first.lstrip("!/"))
    text = rest.strip() if is_pay else body.strip()
    is_talk = not is_pay and text.startswith(_LINKS) and _OURS not in text
    return text if codes.is_code(text) and not is_talk else None


def take(scene: Conversation, inbound: Inbound, code: str) -> Order | None:
    """Ask for the approval of what a code wants to be paid, or say why not.

    Args:
        scene: The transaction.
        inbound: The message.
        code: As ``code_in`` found it.

    Returns:
        A payment to a person, whose name is to be looked up first, or to an organisation by its
        name; None: all is done.
    """
    person, room_id = inbound.sender, inbound.room_id
    visit = Visit(scene, person, scene.language_of(person))
    try:
        return _take(visit, inbound, codes.read(visit, code))
    except (PaymentRefusedError, NotFoundError) as e:
        scene.tell(room_id, person, (Paragraph(str(e)),))
        return None


def _take(visit: Visit, inbound: Inbound, view: CodeView) -> Order | None:
    scene, room_id, person = visit.scene, inbound.room_id, visit.person
    if view.link is not None:
        invoice, version, digest = view.link.split(".")
        link = {"invoice": invoice, "version": int(version), "hash": digest}
        invoices.ask(visit, parse(LinkBody, link, where="code"))
    elif view.payee is None:
        facts = [(one.name, one.value) for one in view.facts]
        amount = f"{view.amount} {view.currency}" if view.amount else ""
        scene.tell(room_id, person, other_doc(facts, amount, view.words, visit.localizer))
    elif not view.amount:
        scene.tell(room_id, person, _amount_doc(visit, view, view.payee))
    elif view.kind == "bank":
        money = orders.read_typed(visit, view.amount, view.currency)
        wanted = PayoutOrder(money, view.payee.address, view.payee.name, view.reference)
        payout_orders.begin(scene, inbound, wanted)
    else:
        return _to_person(visit, view, view.payee.address)
    return None


def _amount_doc(visit: Visit, view: CodeView, payee: PartyView) -> Doc:
    currency = view.currency or visit.scene.section.currencies[0]
    amount = f"{decimal_text(_EXAMPLE_MINOR, currency)} {currency}"
    if view.kind == "bank":
        return bank_amount_doc(amount, payee.address, payee.name, visit.localizer)
    return person_amount_doc(amount, payee.address, view.reference, visit.localizer)


def _to_person(visit: Visit, view: CodeView, address: str) -> Order:
    typed = {
        "payee": address,
        "amount": view.amount,
        "currency": view.currency,
        "reference": view.reference,
    }
    order = parse(OrderBody, typed, where="code")
    payee = orders.payee_of(visit, order)
    amount = orders.read_typed(visit, view.amount, view.currency)
    return Order(payee if isinstance(payee, str) else payee.id, amount, order.reference)
