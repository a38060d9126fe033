"""Payments as they are kept, with the names that are sealed in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from appservices.payments.conversation import store as chats
from appservices.payments.holders import store as holders
from appservices.payments.transfers.store import payments as store
from appservices.payments.transfers.texts.views import Party, PaymentView
from veche.protocol.ids import RoomId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.transfers.core.payment import Payment
    from appservices.payments.transfers.store.payments import PaymentFile
    from veche.protocol.ids import UserId
    from veche.runtime.vault import Vault


@attrs.frozen
class Private:
    """The sealed part of a payment.

    Attributes:
        payer: Who pays.
        payee: Who is paid.
        currency: ISO 4217.
        reference: Purpose; may be empty.
        room_id: Where the payer asked for it; None if they did not.
        order: Of a charge, as it was ordered; of a payout, its ``bank``.
        user: Who pays from the payer's account, by an allowance; None: the payer.
    """

    payer: Party
    payee: Party
    currency: str
    reference: str
    room_id: RoomId | None = None
    order: Mapping[str, Any] | None = None
    user: Party | None = None

    @property
    def asker(self) -> Party:
        """The person who is asked, and told the outcome."""
        return self.user or self.payer

    @property
    def concerned(self) -> list[UserId]:
        """The person who asks and, if another, the holder of the account; people only."""
        persons = [one.person for one in (self.asker, self.payer) if one.person is not None]
        return list(dict.fromkeys(persons))

    def sealed(self, vault: Vault) -> bytes:
        """Under the operator's key."""
        return vault.seal(
            {
                "payer": [self.payer.address, self.payer.name],
                "payee": [self.payee.address, self.payee.name],
                "currency": self.currency,
                "reference": self.reference,
                "room": self.room_id,
                "order": self.order,
                "user": [self.user.address, self.user.name] if self.user else None,
            }
        )


@attrs.frozen
class OpenPayment:
    """A payment with its names, in a transaction.

    Attributes:
        payment: As it is.
        private: Its names and what it is for.
        changed_at_ms: When it got into its state, UTC.
    """

    payment: Payment
    private: Private
    changed_at_ms: int

    @property
    def view(self) -> PaymentView:
        """View of it for texts."""
        payment, private = self.payment, self.private
        return PaymentView(
            id=payment.id,
            kind=payment.kind,
            payer=private.payer,
            payee=private.payee,
            amount_minor=payment.amount_minor,
            fee_minor=payment.fee_minor,
            currency=private.currency,
            reference=private.reference,
            at_ms=self.changed_at_ms,
            tip_minor=payment.tip_minor,
            user=private.user,
        )

    def payer_room(self, scene: Conversation) -> RoomId | None:
        """Where who pays is told of it; None if they have no chat."""
        room_id, person = self.private.room_id, self.private.asker.person
        if person is None:
            return None
        is_theirs = room_id is not None and chats.chat(scene.txn, room_id) is not None
        if room_id is not None and is_theirs and scene.is_alone(room_id, person):
            return room_id
        return scene.chat_of(person)


def add(scene: Conversation, payment: Payment, private: Private) -> OpenPayment | None:
    """Keep a new payment; None if its cause was handled before."""
    if not store.add_payment(scene.txn, payment, private.sealed(scene.vault), scene.now_ms):
        return None
    return OpenPayment(payment, private, scene.now_ms)


def lock(scene: Conversation, payment_id: str) -> OpenPayment | None:
    """A payment, which nobody else steps until the transaction ends.

    Its payer is locked first, and of a share before that its bill.
    """
    before = store.locked_before(scene.txn, payment_id)
    if before is None:
        return None
    payer, bill_id = before
    if bill_id is not None:
        store.lock_bill(scene.txn, bill_id)
    holders.lock_holder(scene.txn, payer)
    file = store.lock_payment(scene.txn, payment_id)
    return matter_of(scene, file) if file is not None else None


def matter_of(scene: Conversation, file: PaymentFile) -> OpenPayment:
    """A payment that was read, with what is sealed in it."""
    opened = scene.vault.open(file.sealed)
    room = opened["room"]
    private = Private(
        payer=_party(opened["payer"]),
        payee=_party(opened["payee"]),
        currency=opened["currency"],
        reference=opened["reference"],
        room_id=None if room is None else RoomId(room),
        order=opened["order"],
        user=_party(opened["user"]) if opened.get("user") else None,
    )
    return OpenPayment(file.payment, private, file.changed_at_ms)


def save(scene: Conversation, matter: OpenPayment, payment: Payment) -> OpenPayment:
    """Keep the next state of a payment that is locked."""
    store.save_payment(scene.txn, payment, scene.now_ms)
    return attrs.evolve(matter, payment=payment, changed_at_ms=scene.now_ms)


def _party(kept: Any) -> Party:
    address, name = kept
    return Party(address, name)
