"""Escrows as they are kept, with the names that are sealed in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from appservices.payments.escrows import store
from appservices.payments.escrows.core.escrow import EscrowState, Role
from appservices.payments.escrows.texts.escrow import EscrowView
from appservices.payments.holders import store as holders
from appservices.payments.transfers.texts.views import Party
from veche.access.approvals import revoked_among

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.escrows.core.escrow import Escrow, Voter
    from appservices.payments.escrows.store import EscrowFile
    from veche.protocol.ids import UserId


@attrs.frozen
class Deal:
    """An escrow with its names, in a transaction.

    Attributes:
        escrow: As it is.
        parties: Buyer, seller, arbiters.
        currency: ISO 4217.
        reference: Purpose; may be empty.
        ours: What an organisation that sells knows it by.
    """

    escrow: Escrow
    parties: tuple[Party, ...]
    currency: str
    reference: str
    ours: str = ""

    @property
    def view(self) -> EscrowView:
        """View of it for texts."""
        return EscrowView(self.escrow, self.parties, self.currency, self.reference)

    def voter_of(self, person: UserId) -> Voter | None:
        """Somebody who takes part; None for anybody else."""
        for voter, party in zip(self.escrow.voters, self.parties, strict=True):
            if party.person == person:
                return voter
        return None

    def person_of(self, voter: Voter) -> UserId | None:
        """Matrix id of somebody who takes part; None for an organisation."""
        return self.view.named(voter.holder).person

    @property
    def buyer(self) -> Voter:
        """The buyer, who puts the money aside."""
        return next(one for one in self.escrow.voters if one.role is Role.BUYER)


def add(scene: Conversation, deal: Deal) -> None:
    """Keep a new escrow."""
    sealed = scene.vault.seal(
        {
            "parties": [[one.address, one.name] for one in deal.parties],
            "currency": deal.currency,
            "reference": deal.reference,
            "ours": deal.ours,
        }
    )
    store.add_escrow(scene.txn, deal.escrow, sealed, scene.now_ms)


def lock(scene: Conversation, escrow_id: str) -> Deal | None:
    """An escrow, which nobody else steps until the transaction ends; its buyer is locked first.

    What was decided with a key that is revoked meanwhile counts no more, and is forgotten.
    """
    buyer = store.buyer_of(scene.txn, escrow_id)
    if buyer is None:
        return None
    holders.lock_holder(scene.txn, buyer)
    file = store.lock_escrow(scene.txn, escrow_id)
    if file is None:
        return None
    if file.escrow.state is EscrowState.FUNDED:
        nonces = [one.approved_by for one in file.escrow.voters if one.approved_by is not None]
        void = revoked_among(scene.txn, nonces)
        if void:
            store.forget_votes(scene.txn, escrow_id, void)
            file = store.lock_escrow(scene.txn, escrow_id) or file
    return deal_of(scene, file)


def deal_of(scene: Conversation, file: EscrowFile) -> Deal:
    """An escrow that was read, with what is sealed in it."""
    opened = scene.vault.open(file.sealed)
    parties = tuple(Party(address, name) for address, name in opened["parties"])
    ours = opened.get("ours", "")
    return Deal(file.escrow, parties, opened["currency"], opened["reference"], ours)


def save(scene: Conversation, deal: Deal, escrow: Escrow) -> Deal:
    """Keep the next state of an escrow that is locked."""
    store.save_escrow(scene.txn, escrow, scene.now_ms)
    return attrs.evolve(deal, escrow=escrow)
