"""Dead letters of the ledger: who waits for the money is told, and who runs the institution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.disputes.store import disputes
from appservices.payments.escrows import store as escrows
from appservices.payments.faults.texts import operator_doc, stuck_doc, stuck_payment_doc
from appservices.payments.transfers.service import files
from appservices.payments.transfers.store import payments
from appservices.payments.transfers.texts.views import Party, number_of
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.ledger.store.attempts import Attempt


def tell(scene: Conversation, attempt: Attempt) -> None:
    """Tell those concerned that an attempt is a dead letter now; nobody is locked for that."""
    for one in scene.section.operators:
        person = UserId(one)
        room_id = scene.chat_of(person)
        if room_id is not None:
            doc = operator_doc(attempt.kind, attempt.about, scene.localizer(person))
            scene.tell(room_id, person, doc)
    file = payments.payment(scene.txn, attempt.about)
    if file is not None:
        matter = files.matter_of(scene, file)
        for person in matter.private.concerned:
            room_id = scene.chat_of(person)
            if room_id is not None:
                doc = stuck_payment_doc(matter.view, scene.localizer(person))
                scene.tell(room_id, person, doc)
        return
    for party in _parties(scene, attempt.about):
        room_id = scene.chat_of(party.person) if party.person is not None else None
        if party.person is not None and room_id is not None:
            doc = stuck_doc(number_of(attempt.about), scene.localizer(party.person))
            scene.tell(room_id, party.person, doc)


def _parties(scene: Conversation, about: str) -> Sequence[Party]:
    """List the participants of an escrow or a dispute."""
    sealed = escrows.sealed(scene.txn, about)
    if sealed is not None:
        return [Party(*one) for one in scene.vault.open(sealed)["parties"]]
    sealed = disputes.sealed(scene.txn, about)
    if sealed is None:
        return []
    opened = scene.vault.open(sealed)
    return [Party(*opened["payer"]), Party(*opened["payee"])]
