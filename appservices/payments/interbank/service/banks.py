"""Settling with other institutions by the bank: orders to ours, lines of what theirs pays us.

What we owe another institution is paid by an order like any payout (pain.001: we are our bank's
customer, not one of its kind; pacs.009 goes between banks). The ledger holds it until the bank
says what became of it, and moves it by the line of the account (camt.054, camt.053). What comes
back is owed again. What their bank pays ours comes with a reference that is theirs alone, and is
taken off what they owe. Source: design of Veche, payments §9.4.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from appservices.payments.banks.core.port import OrderKind, Party
from appservices.payments.banks.service import NewsKind, OrderRequest
from appservices.payments.formats.core import rf
from appservices.payments.holders import store as holders
from appservices.payments.interbank.service.settling import PAID, RECEIVED
from appservices.payments.peers import store
from appservices.payments.peers.service import peers
from veche.protocol.errors import MalformedError
from veche.protocol.ids import derived_ulid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.banks.service import BankNews
    from appservices.payments.config import PeerSection
    from appservices.payments.conversation.service.conversation import Conversation
    from veche.protocol.ids import Ulid
    from veche.protocol.money import Money

logger = logging.getLogger(__name__)

_STATES: Final[Mapping[NewsKind, str]] = {
    NewsKind.NO_COVER: "refused",
    NewsKind.BOOKED: "booked",
    NewsKind.REJECTED: "refused",
    NewsKind.RETURNED: "returned",
    NewsKind.CONFLICT: "conflict",
}


def reference(own_server: str, server: str, bank: str) -> str:
    """The reference by which another institution's payments to a bank of ours are known."""
    return rf.reference_of(_expected(own_server, server, bank))


def start(scene: Conversation) -> None:
    """Expect what other institutions settle, at each of our banks, for as long as we live."""
    own, currencies = peers.own_server(scene), holders.currencies(scene.txn)
    for peer in scene.section.peers:
        for bank in scene.section.banks:
            if peer.they_owe_minor(bank.currency) is None:
                continue
            due = peers.due_from(scene, peer.server, currencies[bank.currency])
            id_ = _expected(own, peer.server, bank.name)
            scene.banking.expect(scene.txn, bank.name, due.id, id_, scene.now_ms)


def pay(scene: Conversation, peer: PeerSection, bank: str, money: Money, words: str) -> str | None:
    """Have our bank pay another institution; the id of the settlement, None if that cannot be.

    Args:
        scene: The transaction.
        peer: Whom.
        bank: By name; of the currency.
        money: How much, at least 1: at most what is owed and not ordered already.
        words: Of the operator, kept with it.
    """
    holder = peers.institution(scene, peer.server)
    # Two orders at once wait for one another, so that both do not count what is owed.
    holders.lock_holder(scene.txn, holder.id)
    ledger = holders.currencies(scene.txn)[money.currency]
    left_minor = store.unsettled_minor(scene.txn, holder.id, ledger)
    to = peer.settlement
    if to is None or money.minor > left_minor:
        logger.error("nothing is settled with %s: only %s are owed", peer.server, left_minor)
        return None
    id_ = scene.sender.fresh_ulid("settlement")
    due = peers.due_to(scene, peer.server, ledger)
    other = Party(to.name, to.account, to.bic or "")
    text = "" if to.reference else f"Settlement {id_}"
    wish = OrderRequest(
        id_, bank, OrderKind.PAYOUT, due.id, other, money.minor, to.reference or "", text
    )
    try:
        scene.banking.order(scene.txn, wish, scene.now_ms)
    except MalformedError as e:
        logger.error("bank %s takes no settlement with %s: %s", bank, peer.server, e)  # noqa: TRY400 -- it says all
        return None
    store.add_settlement(scene.txn, id_, holder.id, PAID, ledger, money.minor, words, scene.now_ms)
    return id_


def heard(scene: Conversation, news: BankNews) -> None:
    """The bank says what became of an order, if it is a settlement."""
    state = _STATES.get(news.kind)
    if state is None or not store.set_settlement(scene.txn, news.about, state, news.code or None):
        return
    if state != "booked":
        logger.error("settlement %s is %s: %s", news.about, state, news.code)


def received(scene: Conversation, news: BankNews, peer: int) -> None:
    """Another institution's bank paid ours.

    Args:
        scene: The transaction of the bank's line.
        news: What came, already taken off what is owed.
        peer: Number of the institution.
    """
    currency = holders.currency_of_account(scene.txn, news.account)
    ledger = holders.currencies(scene.txn)[currency]
    id_ = scene.sender.fresh_ulid("settlement")
    store.add_settlement(
        scene.txn, id_, peer, RECEIVED, ledger, news.amount_minor, news.line, scene.now_ms
    )
    store.set_settlement(scene.txn, id_, "booked", None)


def _expected(own_server: str, server: str, bank: str) -> Ulid:
    return derived_ulid(1, "peer settlement", own_server, server, bank)
