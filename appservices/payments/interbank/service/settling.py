"""Settling with other institutions: what a bank moved, and what both owe one another set off.

An operator orders it, at both institutions: the ledger follows what happened between their banks,
and cannot make it happen. What is ordered is an attempt like every other, so it is booked once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from appservices.payments.conversation.service.conversation import Parts
from appservices.payments.holders import store as holders
from appservices.payments.ledger.core import AccountCode, Transfer, ledger_id
from appservices.payments.ledger.core.requests import TransferCode, opening
from appservices.payments.ledger.service import attempts
from appservices.payments.peers import store
from appservices.payments.peers.service import peers
from veche.bots import ChatJob
from veche.protocol.money import Money

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.config import PeerSection
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.holders.store import AccountRow
    from appservices.payments.ledger.service.attempts import Attempt, Settle
    from appservices.payments.ledger.service.work import Outcome
    from veche.messaging.jobs import Job
    from veche.protocol.ids import Ulid
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

KIND: Final = "peer.settle"
SETTLE: Final = "payments.peer_settle"
"""Job: an operator's order to book a settlement."""
PAID: Final = "paid"
"""Our bank paid theirs."""
RECEIVED: Final = "received"
"""Their bank paid ours."""
NETTED: Final = "netted"
"""What both owe one another is set off."""
KINDS: Final = (PAID, RECEIVED, NETTED)
PAY: Final = "pay"
"""Our bank is to pay theirs."""


Pay = Callable[["Conversation", "PeerSection", str, Money, str], "str | None"]


def settles(_parts: Parts) -> dict[str, Settle]:
    """Return the handlers of the writer's answers."""
    return {KIND: _settled}


def settle(scene: Conversation, server: str, kind: str, money: Money, reference: str) -> Ulid:
    """Have a settlement booked; its id.

    Args:
        scene: The transaction.
        server: With whom.
        kind: One of ``KINDS``.
        money: How much, at least 1.
        reference: By which it is found in the statements of both banks.
    """
    ledger = holders.currencies(scene.txn)[money.currency]
    due_to, due_from = (of(scene, server, ledger) for of in (peers.due_to, peers.due_from))
    bank = _bank(scene, ledger, money.currency)
    debit, credit = {
        PAID: (due_to, bank),
        RECEIVED: (bank, due_from),
        NETTED: (due_to, due_from),
    }[kind]
    id_ = scene.sender.fresh_ulid("settlement")
    transfer = Transfer(
        id=ledger_id(id_),
        debit_id=debit.id,
        credit_id=credit.id,
        amount=money.minor,
        ledger=ledger,
        code=TransferCode.NETTED if kind == NETTED else TransferCode.SETTLED,
        ref=ledger_id(id_),
    )
    peer = peers.institution(scene, server)
    store.add_settlement(
        scene.txn, id_, peer.id, kind, ledger, money.minor, reference, scene.now_ms
    )
    accounts = [
        opening(one.id, one.ledger, one.code, one.allowance)
        for one in (debit, credit)
        if not one.is_opened or one.allowance
    ]
    attempts.add(scene.txn, KIND, id_, [transfer], scene.now_ms, approved_by=(), accounts=accounts)
    return id_


def _bank(scene: Conversation, ledger: int, currency: str) -> AccountRow:
    """Where the ledger has what a bank moved: with a bank that tells of it, that is in suspense."""
    is_told = any(one.currency == currency for one in scene.section.banks)
    code = AccountCode.SUSPENSE if is_told else AccountCode.BANK
    return holders.keep_account(scene.txn, scene.institution().id, ledger, code)


class SettlePeer(ChatJob[Parts]):
    """Books what an operator ordered, or has the bank pay."""

    def __init__(self, parts: Parts, pay: Pay) -> None:
        """Make it.

        Args:
            parts: Of the institution.
            pay: Has a bank pay another institution.
        """
        super().__init__(parts)
        self._pay = pay

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Leave it to the writer."""
        wanted = job.payload
        money = Money(minor=wanted["minor"], currency=wanted["currency"])
        scene = self._parts.conversation(txn, job.id, now_ms)
        peer = scene.section.peer(wanted["server"])
        if wanted["kind"] == PAY and peer is not None:
            self._pay(scene, peer, wanted["bank"], money, wanted["reference"])
            return
        settle(scene, wanted["server"], wanted["kind"], money, wanted["reference"])


def _settled(txn: Cursor, attempt: Attempt, outcome: Outcome) -> None:
    store.end_settlement(txn, attempt.about, is_booked=outcome.is_done)
    if not outcome.is_done:
        words = [one.word for one in outcome.results]
        logger.error("settlement %s is not booked: %s", attempt.about, words)
