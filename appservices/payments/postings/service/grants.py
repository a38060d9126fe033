"""Money that accounts begin with in demos and tests: issued once, from the opening account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.holders import store as holders
from appservices.payments.postings.service import moving
from appservices.payments.transfers.core.payment import Kind, Payment, State
from appservices.payments.transfers.service import files
from appservices.payments.transfers.service.files import Private
from appservices.payments.transfers.texts.views import Party
from veche.protocol.ids import UserId, derived_ulid

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from veche.protocol.money import Money

INSTRUCTION: Final = "configuration"
"""What such a payment is ordered by."""


def issue(scene: Conversation) -> None:
    """Let each account have what the configuration grants it, if it has not got it yet.

    A grant is known by whoever gets it and the currency: another amount changes nothing.
    """
    holders.keep_currencies(scene.txn, scene.section.currencies)
    for name, money in scene.section.granted().items():
        _grant(scene, name, money)


def welcome(scene: Conversation, person: UserId) -> None:
    """Let a person of this homeserver have what everybody begins with, once."""
    money = scene.section.granted_to_newcomers()
    is_ours = person.partition(":")[2] == scene.sender.bot.user_id.partition(":")[2]
    if money is not None and is_ours and person not in scene.section.grants:
        _grant(scene, person, money)


def _grant(scene: Conversation, name: str, money: Money) -> None:
    section, bot = scene.section, scene.sender.bot
    payee = scene.holder(UserId(name)) if name.startswith("@") else scene.organisation(name)
    payment = Payment(
        id=derived_ulid(0, "grant", section.id, name, money.currency),
        kind=Kind.ISSUE,
        state=State.PAYING,
        payer=scene.institution().id,
        payee=payee.id,
        ledger=holders.currencies(scene.txn)[money.currency],
        amount_minor=money.minor,
        fee_minor=0,
        asked_at_ms=scene.now_ms,
        instruction=INSTRUCTION,
    )
    private = Private(
        payer=Party(bot.user_id, bot.display_name),
        payee=Party(name, name),
        currency=money.currency,
        reference="",
    )
    if files.add(scene, payment, private) is not None:
        moving.attempt(scene, payment)
