"""A merchant that is paid by its name: "pay bakery 5 EUR bread".

What the payer typed becomes an invoice of the merchant's, which they alone are asked about. So what
is paid is heard of, refunded and disputed as any other invoice, and an allowance may pay it. The
merchant hears of it once it is paid: whoever only asks tells them nothing. Source: design of Veche,
payments §10 (a static code "opens a new invoice at each scan").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.allowances.service import allowances
from appservices.payments.allowances.service import uses as allowance_uses
from appservices.payments.guardians.core import DUE_MS
from appservices.payments.holders import store as holders
from appservices.payments.invoices.core.order import InvoiceOrder
from appservices.payments.merchants.service import invoicing
from appservices.payments.organisations.service.news import EVENT
from appservices.payments.paying.service import paying
from appservices.payments.postings.service import judging
from appservices.payments.questions.service import approvals
from appservices.payments.transfers.core.payment import ASKED_MS, Kind, Payment, State
from appservices.payments.transfers.service.files import OpenPayment, Private
from appservices.payments.transfers.texts.paying import by_invoice_doc
from appservices.payments.transfers.texts.views import Party
from veche.contracts.payments.invoice import InvoiceCard
from veche.protocol.ids import UserId, ulid
from veche.protocol.wire import parse

if TYPE_CHECKING:
    from appservices.payments.allowances.store import Allowance
    from appservices.payments.amounts.core.order import Order
    from appservices.payments.config import OrganisationSection
    from appservices.payments.conversation.service.conversation import Conversation
    from veche.protocol.inbound import Inbound

_SPARE_MS: Final = 60 * 60_000
"""After all that may make a payment wait, for its way through the ledger."""


def order(
    scene: Conversation,
    inbound: Inbound,
    merchant: OrganisationSection,
    wanted: Order,
    giver: UserId | None,
) -> None:
    """Somebody pays an organisation in their chat.

    Args:
        scene: The transaction.
        inbound: What they wrote.
        merchant: Whom they named.
        wanted: How much, what for.
        giver: From whose account, if they said so.
    """
    person, room_id = inbound.sender, inbound.room_id
    if not merchant.is_paid_by_name:
        localizer = scene.localizer(person)
        scene.tell(room_id, person, by_invoice_doc(merchant.name_in(localizer.language), localizer))
        return
    private = Private(
        payer=Party(person, person),
        payee=party_of(scene, merchant),
        currency=wanted.amount.currency,
        reference=wanted.reference,
        room_id=room_id,
    )
    allowance = None
    if giver is not None:
        allowance = allowances.usable(scene, private, wanted.amount.minor, giver)
        if allowance is None:
            return  # they are told why
    matter = new(scene, private, wanted.amount.minor, allowance)
    if approvals.offered(scene, matter) or not paying.tell_hopeless(scene, matter):
        begin(scene, matter)


def party_of(scene: Conversation, merchant: OrganisationSection) -> Party:
    """An organisation as its invoices name it."""
    return Party(merchant.id, merchant.name_in(scene.section.language))


def new(
    scene: Conversation, private: Private, minor: int, allowance: Allowance | None = None
) -> OpenPayment:
    """The payment of an invoice that is yet to be made; neither is kept.

    Args:
        scene: The transaction.
        private: Who pays which organisation, and what for, as if from their own account.
        minor: How much.
        allowance: By which somebody else's account is debited; None: their own.
    """
    person = private.payer.person
    assert person is not None, "a person asks for it"  # noqa: S101 -- our bug
    chance = scene.vault.chance(f"{scene.sender.cause} {scene.now_ms}")
    payment = Payment(
        id=scene.sender.fresh_ulid("payment"),
        kind=Kind.INVOICE,
        state=State.ASKED,
        payer=scene.holder(person).id,
        payee=scene.organisation(private.payee.address).id,
        ledger=holders.currencies(scene.txn)[private.currency],
        amount_minor=minor,
        fee_minor=0,
        asked_at_ms=scene.now_ms,
        due_at_ms=scene.now_ms + ASKED_MS,
        # As of an organisation's own: whoever has its reference could pay and read it.
        invoice=(ulid(scene.now_ms, chance), 1),
    )
    matter = OpenPayment(payment, private, scene.now_ms)
    return matter if allowance is None else allowance_uses.paid_from(scene, matter, allowance)


def begin(scene: Conversation, matter: OpenPayment) -> None:
    """Make the invoice of a payment, and ask its payer to approve it."""
    invoicing.keep(scene, _invoice(scene, matter))
    paying.begin(scene, matter)


def _invoice(scene: Conversation, matter: OpenPayment) -> InvoiceOrder:
    """The invoice that a payment is of, of one line: what the payer wrote."""
    payment, private, person = matter.payment, matter.private, matter.private.asker.person
    assert payment.invoice is not None, "it was given one"  # noqa: S101 -- our bug
    assert person is not None, "a person asks for it"  # noqa: S101 -- our bug
    amount = {"minor": payment.amount_minor, "currency": private.currency}
    title = private.reference or scene.localizer(person).text("Payment")
    card = {
        "v": 1,
        "id": payment.invoice[0],
        "issuer": private.payee.address,
        "issuer_name": private.payee.name,
        "title": title,
        "lines": [{"text": title, "amount": amount}],
        "total": amount,
        "due_at_ms": _due_ms(scene),
    }
    return InvoiceOrder(
        card=parse(InvoiceCard, card),
        reply=EVENT,
        about={"organisation": private.payee.address, "ours": ""},
        is_by_payer=True,
    )


def _due_ms(scene: Conversation) -> int:
    """Until when it can be paid: whatever makes an approved payment wait is over by then, UTC."""
    waits = judging.waits_of(scene)
    longest_ms = DUE_MS + max(waits.first_payee_ms, waits.large_part_ms)
    return scene.now_ms + ASKED_MS + longest_ms + _SPARE_MS
