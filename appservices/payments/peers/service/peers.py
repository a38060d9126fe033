"""Other institutions, and the persons who have their accounts there, as holders of this ledger."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.holders import store as holders
from appservices.payments.ledger.core import AccountCode
from appservices.payments.peers import store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.config import PeerSection
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.holders.store import AccountRow, Holder
    from appservices.payments.transfers.core.payment import Payment
    from veche.protocol.ids import UserId

logger = logging.getLogger(__name__)

INSTRUCTION: Final = "peer "
"""Before the server of another institution: by whose order somebody here was paid."""


def server_of(address: str) -> str:
    """The server of a Matrix id."""
    return address.partition(":")[2]


def peer_of(scene: Conversation, address: str) -> PeerSection | None:
    """The other institution that somebody's server has; None if there is no agreement with it."""
    server = server_of(address)
    return scene.section.peer(server) if server != own_server(scene) else None


def own_server(scene: Conversation) -> str:
    """The server of this institution."""
    return server_of(scene.sender.bot.user_id)


def institution(scene: Conversation, server: str) -> Holder:
    """Another institution as the holder of what is owed."""
    mark = scene.vault.mark(f"{holders.PEER} {server}")
    sealed = scene.vault.seal({"id": server})
    return holders.keep_holder(scene.txn, mark, sealed, holders.PEER, scene.now_ms)


def person(scene: Conversation, address: UserId) -> Holder:
    """A person of another institution; their account is there."""
    mark = scene.vault.mark(f"{holders.ABROAD} {address}")
    sealed = scene.vault.seal({"id": address})
    return holders.keep_holder(scene.txn, mark, sealed, holders.ABROAD, scene.now_ms)


def issuer(scene: Conversation, name: str) -> Holder:
    """Return the issuer of an invoice: an organisation here, or ``name:server`` of another."""
    if ":" not in name:
        return scene.organisation(name)
    mark = scene.vault.mark(f"{holders.ABROAD} {name}")
    sealed = scene.vault.seal({"id": name})
    return holders.keep_holder(scene.txn, mark, sealed, holders.ABROAD, scene.now_ms)


def known(scene: Conversation, address: UserId) -> Holder | None:
    """A person of ours who had something to do with money here; None if nothing yet."""
    return holders.holder_of_mark(scene.txn, scene.vault.mark(address))


def payee(scene: Conversation, address: UserId) -> Holder:
    """Return the payee, here or at another institution."""
    is_there = peer_of(scene, address) is not None
    return person(scene, address) if is_there else scene.holder(address)


def is_abroad(scene: Conversation, payment: Payment) -> bool:
    """Return whether the payee of a payment has their account at another institution."""
    return holders.holder(scene.txn, payment.payee).kind == holders.ABROAD


def is_from_peer(payment: Payment) -> bool:
    """Return whether another institution ordered a payment to somebody here."""
    return (payment.instruction or "").startswith(INSTRUCTION)


def server_of_holder(scene: Conversation, holder: Holder) -> str:
    """The server of another institution, or of a person there."""
    kept = str(scene.vault.open(holder.sealed)["id"])
    return server_of(kept) if holder.kind == holders.ABROAD else kept


def fault(
    scene: Conversation, holder: Holder, what: str, about: str, message: Mapping[str, Any]
) -> None:
    """Keep what another institution signed against its own word; nothing new begins with it."""
    sealed = scene.vault.seal({"message": dict(message)})
    if store.keep_fault(scene.txn, holder.id, what, about, sealed, scene.now_ms):
        server = server_of_holder(scene, holder)
        logger.error("peer %s, payment %s: %s; see `veche ledger peers`", server, about, what)


def is_closed(scene: Conversation, peer: PeerSection) -> bool:
    """Return whether no new payments to an institution begin, by its operator or by faults."""
    return not peer.is_open or store.has_faults(scene.txn, institution(scene, peer.server).id)


def due_to(scene: Conversation, server: str, ledger: int) -> AccountRow:
    """The account of what we owe another institution, with what it may be at most."""
    peer, currency = scene.section.peer(server), _currency(scene, ledger)
    most = peer.we_owe_minor(currency) if peer is not None else None
    return _account(scene, server, ledger, AccountCode.DUE_TO_PEER, most)


def room_minor(scene: Conversation, payment: Payment, *, is_settled: bool = False) -> int | None:
    """Return the sum that can go to the payee's institution; None if they are here.

    Args:
        scene: The transaction.
        payment: To whom, in which currency.
        is_settled: As if nothing were owed.
    """
    there = holders.holder(scene.txn, payment.payee)
    if there.kind != holders.ABROAD:
        return None
    server = server_of_holder(scene, there)
    peer = scene.section.peer(server)
    currency = _currency(scene, payment.ledger)
    most = peer.we_owe_minor(currency) if peer is not None else None
    owed = store.owed(scene.txn, institution(scene, server).id)
    we_owe = [one.we_owe_minor for one in owed if one.currency == currency and not is_settled]
    return max(0, (most or 0) - sum(we_owe))


def due_from(scene: Conversation, server: str, ledger: int) -> AccountRow:
    """The account of what another institution owes us, with what it may be at most."""
    peer, currency = scene.section.peer(server), _currency(scene, ledger)
    most = peer.they_owe_minor(currency) if peer is not None else None
    return _account(scene, server, ledger, AccountCode.DUE_FROM_PEER, most)


def _account(
    scene: Conversation, server: str, ledger: int, code: AccountCode, most: int | None
) -> AccountRow:
    holder = institution(scene, server)
    kept = holders.keep_account(scene.txn, holder.id, ledger, code)
    return attrs.evolve(kept, allowance=most or 0)


def _currency(scene: Conversation, ledger: int) -> str:
    by_number = {number: code for code, number in holders.currencies(scene.txn).items()}
    return by_number[ledger]
