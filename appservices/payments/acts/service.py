"""Acts of offices in payments: an invoice, debit or payment by an office needs an act's token.

An office's own service commits the act in this server's log and hands on the receipt, which is
checked against the log; an office outside says on what ground it acts, and the act is committed in
its name, in the transaction of what it asks for. A token is spent once: with the invoice that it
is for, or in the block that moves the money. Source: design of Veche, acts §4.4, payments §2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appservices.payments.invoices.core.order import order_form
from veche.acts import Act, spend, token_in_log
from veche.protocol.acts import ActClass, ActReceipt, call_form
from veche.protocol.errors import ActRequiredError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.invoices.core.order import InvoiceOrder
    from appservices.payments.transfers.core.payment import Payment
    from veche.contracts.payments.act_offer import ActGround, ActOffer
    from veche.protocol.acts import ActToken
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor


def is_office(scene: Conversation, organisation: str) -> bool:
    """Return whether an organisation's dealings with people are acts."""
    found = scene.section.organisation(organisation)
    return found is not None and found.is_office()


def token_of(
    scene: Conversation,
    organisation: str,
    offer: ActOffer | None,
    act: ActClass,
    about: tuple[UserId, Mapping[str, str]],
) -> ActToken | None:
    """The token of what an office is about to do; None where no act is needed.

    Args:
        scene: The transaction.
        organisation: Who does it.
        offer: What came with it.
        act: What class of act it is.
        about: Whom it concerns, and the clear form of the effect.

    Raises:
        ActRequiredError: It is an office, and there is no act for exactly this.
    """
    if not is_office(scene, organisation):
        return None
    if offer is None:
        raise ActRequiredError(
            "What an office asks of a person is an act: send `act` with its ground or its receipt"
        )
    person, form = about
    if offer.receipt is not None:
        return token_in_log(scene.txn, offer.receipt, form, organisation, act)
    assert offer.ground is not None, "one of both is there"  # noqa: S101 -- the model's
    return commit(scene, organisation, offer.ground, act, (person, form))


def commit(
    scene: Conversation,
    organisation: str,
    ground: ActGround,
    act: ActClass,
    about: tuple[UserId, Mapping[str, str]],
) -> ActToken:
    """Commit an act of an organisation that keeps its log here; arguments as of ``token_of``."""
    person, form = about
    done = Act(
        organisation=organisation,
        act=act,
        person=person,
        purpose=ground.purpose,
        basis=ground.basis,
        actor=ground.actor,
        why=ground.why,
        case=ground.case,
    )
    return scene.parts.host.act_log.commit(scene.txn, done, form, scene.now_ms)


def spend_of_order(scene: Conversation, order: InvoiceOrder) -> None:
    """Spend the act with which an office's service of this server orders an invoice.

    Raises:
        ActRequiredError: It is an office's, without an act for exactly this.
    """
    card = order.card
    if not is_office(scene, card.issuer):
        return
    if card.act is None or order.addressee is None:
        raise ActRequiredError("What an office asks of a person is an act, and names the person")
    form = order_form(order)
    spend(scene.txn, token_in_log(scene.txn, card.act, form, card.issuer, ActClass.INVOICE), form)


def payout_form(organisation: str, payment: Payment, currency: str) -> dict[str, str]:
    """The clear form of paying somebody by a line of a payout."""
    return call_form(
        "payments",
        "payout",
        payer=organisation,
        payment=payment.id,
        amount=f"{payment.amount_minor} {currency}",
    )


def spend_kept(
    txn: Cursor,
    kept: Mapping[str, Any] | None,
    organisation: str,
    act: ActClass,
    form: Mapping[str, str],
) -> None:
    """Spend the token whose receipt was kept with a payment, in the block that moves its money.

    Args:
        txn: Of the block.
        kept: The receipt; None: it needed none.
        organisation: Whose act it is.
        act: Of which class.
        form: The clear form of the effect.

    Raises:
        ActRequiredError: It is for something else, or was spent before; nothing is moved.
    """
    if kept is not None:
        receipt = ActReceipt.model_validate(dict(kept))
        spend(txn, token_in_log(txn, receipt, form, organisation, act), form)
