"""News of banks, told to whom they concern: in the transaction in which they become true, once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from appservices.payments.banks.service import NewsKind, suspense
from appservices.payments.bulk.service import bulk
from appservices.payments.holders import store as holders
from appservices.payments.interbank.service import banks as peers_bank
from appservices.payments.paying.service import settling
from appservices.payments.payouts import texts
from appservices.payments.topups.service import invoices as bank_paid
from appservices.payments.transfers.core.payment import Input, State, step
from appservices.payments.transfers.service import authority, files
from appservices.payments.transfers.texts.paying import BANK_SAYS_NO, KEY_REVOKED, NO_COVER
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appservices.payments.banks.service import BankNews
    from appservices.payments.conversation.service.conversation import Conversation, Parts
    from appservices.payments.transfers.service.files import OpenPayment
    from appservices.payments.transfers.texts.views import PaymentView
    from veche.protocol.message import Doc
    from veche.protocol.texts.localizer import Localizer
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

_HEARD: Final[Mapping[NewsKind, Input]] = {
    NewsKind.NO_COVER: Input.NOT_MOVED,
    NewsKind.BOOKED: Input.MOVED,
    NewsKind.REJECTED: Input.NOT_MOVED,
    NewsKind.RETURNED: Input.COME_BACK,
    NewsKind.CONFLICT: Input.NOT_MOVED,
}
"""What news is to the payment of a line of a payout in bulk."""
_WAITS: Final[Mapping[NewsKind, Callable[[PaymentView, Localizer], Doc]]] = {
    NewsKind.HELD: texts.under_way_doc,
    NewsKind.SILENT: texts.silent_doc,
}
"""How a person is told that their payout goes on as it is."""


def hear(parts: Parts, txn: Cursor, news: BankNews) -> None:
    """A bank did something about an order, or money came.

    Args:
        parts: What all transactions share.
        txn: The transaction of the news; it may run again.
        news: What.
    """
    logger.info("bank: %s is %s", news.about, news.kind.value)
    cause = f"bank {news.about} {news.kind.value} {news.line}"
    scene = parts.conversation(txn, cause, news.at_ms)
    if news.kind is NewsKind.CREDITED:
        _credited(scene, news)
        return
    matter = files.lock(scene, news.about)
    if matter is not None:
        _of_payout(scene, matter, news)
    elif not suspense.heard(txn, news):
        peers_bank.heard(scene, news)


def _credited(scene: Conversation, news: BankNews) -> None:
    holder = holders.holder_of_account(scene.txn, news.account)
    if holder is not None and holder.kind == holders.ORGANISATION:
        bank_paid.credited(scene, news)
    if holder is not None and holder.kind == holders.PEER:
        peers_bank.received(scene, news, holder.id)
    if holder is None or holder.kind != holders.PERSON:
        return
    person = UserId(scene.vault.open(holder.sealed)["id"])
    room_id = scene.chat_of(person)
    if room_id is None:
        # They went out of their chat; their balance shows it wherever they begin another.
        return
    currency = holders.currency_of_account(scene.txn, news.account)
    doc = texts.credited_doc(news.amount_minor, currency, scene.localizer(person))
    scene.tell(room_id, person, doc)


def _of_payout(scene: Conversation, matter: OpenPayment, news: BankNews) -> None:
    person = matter.private.payer.person
    if person is None:
        _of_line(scene, matter, news)
        return
    localizer = scene.localizer(person)
    waits = _WAITS.get(news.kind)
    if waits is not None:
        is_quiet = news.kind is NewsKind.HELD
        _tell(scene, matter, person, waits(matter.view, localizer), is_quiet=is_quiet)
        return
    match news.kind:
        case NewsKind.NO_COVER:
            is_revoked = authority.is_stopped(scene, matter.payment)
            settling.refuse(scene, matter, KEY_REVOKED if is_revoked else NO_COVER)
        case NewsKind.BOOKED:
            after = _step(scene, matter, Input.MOVED)
            _tell(scene, after, person, texts.booked_doc(after.view, localizer))
        case NewsKind.REJECTED:
            after = _step(scene, matter, Input.NOT_MOVED)
            _tell(scene, after, person, texts.rejected_doc(after.view, news.code, localizer))
        case NewsKind.RETURNED:
            after = _step(scene, matter, Input.COME_BACK)
            _tell(scene, after, person, texts.returned_doc(after.view, news.code, localizer))
        case NewsKind.CONFLICT:
            # Before it was booked, a conflict ends the hold: nothing is paid out by it any more.
            if matter.payment.state is State.PAYING:
                matter = _step(scene, matter, Input.NOT_MOVED)
            _tell(scene, matter, person, texts.conflict_doc(matter.view, localizer))
        case _:
            raise AssertionError("money that comes in is of no payout")


def _of_line(scene: Conversation, matter: OpenPayment, news: BankNews) -> None:
    """A line of a payout in bulk, whose organisation hears of it by events."""
    heard = _HEARD.get(news.kind)
    if news.kind is NewsKind.NO_COVER:
        # It is paid from what was set aside: an operator has to look.
        logger.error("line %s of a payout has no cover", matter.payment.id)
    if heard is None:
        return
    if news.kind is NewsKind.CONFLICT and matter.payment.state is not State.PAYING:
        # It is over already, paid or not: what the bank says besides is in suspense.
        return
    bulk.settle(scene, _step(scene, matter, heard))


def _step(scene: Conversation, matter: OpenPayment, heard: Input) -> OpenPayment:
    why = BANK_SAYS_NO if heard is Input.NOT_MOVED else None
    payment, _ = step(matter.payment, heard, why=why)
    return files.save(scene, matter, payment)


def _tell(
    scene: Conversation, matter: OpenPayment, person: UserId, doc: Doc, *, is_quiet: bool = False
) -> None:
    room_id = matter.payer_room(scene)
    if room_id is not None:
        scene.tell(room_id, person, doc, is_quiet=is_quiet)
