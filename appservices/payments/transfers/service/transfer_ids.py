"""The ids of the transfers of payments: always the same, and nobody else can guess them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.ledger.core import ledger_id
from appservices.payments.transfers.core.transfers import MAIN
from veche.protocol.ids import Ulid, ulid

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation

_TIME_DIGITS: Final = 12


def main_transfer(scene: Conversation, payment_id: str) -> Ulid:
    """The transfer by which the payee of a payment gets the money: what receipts are of."""
    return transfer_id(scene, payment_id, MAIN)


def transfer_id(scene: Conversation, payment_id: str, part: str) -> Ulid:
    """The id of a transfer of a payment.

    It has the moment of the payment's id, so that it sorts beside it.
    """
    at_ms = int(ledger_id(Ulid(payment_id))[:_TIME_DIGITS], 16)
    return ulid(at_ms, scene.vault.chance(f"{payment_id} {part}"))
