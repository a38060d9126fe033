"""How a bill that several pay together ends: paid as a whole, or nobody has paid anything."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from appservices.payments.bills.core.bill import BillInput, BillState
from appservices.payments.bills.service import bills
from appservices.payments.bills.texts import end_doc
from appservices.payments.postings.service import holding
from appservices.payments.receipts.service import news
from appservices.payments.transfers.core.payment import Input, State, step
from appservices.payments.transfers.service import asking, files
from appservices.payments.transfers.texts.paying import BILL_OVER
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import effect_id

if TYPE_CHECKING:
    from appservices.payments.bills.core.bill import Bill
    from appservices.payments.bills.service.bills import BillMatter
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.ledger.service.work import Outcome
    from appservices.payments.transfers.service.files import OpenPayment

logger = logging.getLogger(__name__)

BILL_DUE: Final = "payments.bill_due"
"""Job: the time for all to agree is over."""
_ASKED: Final = frozenset({State.ASKED, State.COOLING, State.GUARDED})
_SET_ASIDE: Final = frozenset({State.HOLDING, State.HELD})


def set_clock(scene: Conversation, bill: Bill) -> None:
    """Come back to a bill when all have to have agreed."""
    id_ = effect_id(BILL_DUE, bill.id)
    jobs.schedule(scene.txn, Job(id_, BILL_DUE, {"bill": bill.id}, bill.due_at_ms))


def fire_timer(scene: Conversation, bill_id: str) -> None:
    """End a bill whose timer is due: what is set aside goes back, unless all had agreed."""
    matter = bills.lock(scene, bill_id)
    is_open = matter is not None and matter.bill.state is BillState.OPEN
    if matter is not None and is_open and matter.bill.due_at_ms <= scene.now_ms:
        _end(scene, matter, BillInput.TIME)


def cancel(scene: Conversation, matter: BillMatter) -> None:
    """The organiser does not want it any more; nothing happens if it is too late for that."""
    if matter.bill.state is BillState.OPEN:
        _end(scene, matter, BillInput.CANCEL)


def settle(scene: Conversation, bill_id: str, outcome: Outcome) -> None:
    """The writer has decided all shares of a bill at once.

    Args:
        scene: The transaction of the block.
        bill_id: Of which bill.
        outcome: What became of its transfers.
    """
    matter = bills.lock(scene, bill_id)
    if matter is None or matter.bill.state is not BillState.POSTING:
        return
    shares = [one for one in matter.shares if one.payment.state is State.PAYING]
    if not outcome.is_done:
        words = [one.word for one in outcome.results]
        logger.warning("bill %s was refused by the ledger: %s", bill_id, words)
        for share in shares:
            refused, _ = step(share.payment, Input.NOT_MOVED, why=BILL_OVER)
            holding.void(scene, refused)
            news.tell_refused(scene, files.save(scene, share, refused))
        _end(scene, matter, BillInput.NOT_MOVED)
        return
    for share in shares:
        paid, _ = step(share.payment, Input.MOVED)
        news.tell_share(scene, files.save(scene, share, paid), outcome)
    _end(scene, matter, BillInput.MOVED)


def _end(scene: Conversation, matter: BillMatter, heard: BillInput) -> None:
    before = matter.view
    after = bills.take(scene, matter, heard)
    if heard is not BillInput.MOVED:
        for share in matter.shares:
            release(scene, share)
    organiser = after.private.organiser.person
    assert organiser is not None, "a person asks for it"  # noqa: S101 -- our bug
    localizer = scene.localizer(organiser)
    bills.close_questions(scene, after, localizer.text("This bill is over."))
    bills.tell(scene, after, end_doc(before, after.bill.state, localizer))


def release(scene: Conversation, share: OpenPayment) -> None:
    """A share is not to be paid any more: it is not asked for, and what is set aside goes back."""
    payment = share.payment
    if payment.state in _ASKED:
        over, _ = step(payment, Input.CANCEL)
        asking.close(scene, files.save(scene, share, over))
    elif payment.state in _SET_ASIDE:
        over, _ = step(payment, Input.REFUSE, why=BILL_OVER)
        holding.void(scene, over)
        news.tell_refused(scene, files.save(scene, share, over))
