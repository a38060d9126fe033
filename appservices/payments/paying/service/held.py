"""Steps after money is set aside, or was released because its time was over."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from appservices.payments.bills.service import bills
from appservices.payments.bills.service import ending as bill_ends
from appservices.payments.bills.texts import set_aside_doc
from appservices.payments.conversation.service.conversation import Parts
from appservices.payments.holders import store as holders
from appservices.payments.invoices.service import invoices
from appservices.payments.ledger.service import attempts
from appservices.payments.paying.service import paying, settling
from appservices.payments.peers.service import peers
from appservices.payments.peers.service import sending as peers_sending
from appservices.payments.postings.service import holding
from appservices.payments.questions.texts import confirming_doc
from appservices.payments.transfers.core.payment import Input, Kind, State, step
from appservices.payments.transfers.service import files
from appservices.payments.transfers.service.clocks import set_clock
from appservices.payments.transfers.texts.paying import BILL_OVER
from veche.bots import ChatJob
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import effect_id, ulid
from veche.runtime.database.exclusive import is_trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.ledger.core import Row
    from appservices.payments.ledger.service.attempts import Attempt, Settle
    from appservices.payments.ledger.service.batch import Apart
    from appservices.payments.ledger.service.work import Outcome
    from appservices.payments.transfers.service.files import OpenPayment
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

HOLD_ENDED: Final = "payments.hold_ended"
"""Job: a hold ended by itself."""
ENDED: Final = "hold.ended"
"""Attempt: what follows the end of a hold could not be written in its block."""
CONFIRM: Final = "confirm"
"""State of which the issuer hears if they have to confirm."""
_TIME: Final = 12
"""Digits of an id of the ledger that are its moment."""


def settles(parts: Parts) -> dict[str, Settle]:
    """Return the handlers of the ledger's answers, by kind of attempt."""
    deeds = {
        holding.HOLD: settle,
        holding.POST: settling.settle,
        holding.VOID: gave_back,
        bills.POST: bill_ends.settle,
    }
    found: dict[str, Settle] = {k: partial(_settle, parts, deed) for k, deed in deeds.items()}
    return {**found, ENDED: settle_ended}


def settle(scene: Conversation, payment_id: str, outcome: Outcome) -> None:
    """The writer has decided whether the money of a payment is set aside.

    Args:
        scene: The transaction of the block.
        payment_id: Of which payment.
        outcome: What became of its hold.
    """
    matter = files.lock(scene, payment_id)
    if matter is None or matter.payment.state is not State.HOLDING:
        return  # it is given back behind this: see ``holding``
    if not outcome.is_done:
        settling.refuse(scene, matter, settling.why_not(payment_id, outcome))
    elif matter.payment.kind is Kind.SHARE:
        _share_is_held(scene, matter)
    elif peers.is_abroad(scene, matter.payment):
        due_at_ms = outcome.at_ms + scene.section.peer_wait_ms
        payment, _ = step(matter.payment, Input.MOVED, due_at_ms=due_at_ms)
        peers_sending.begin(scene, files.save(scene, matter, payment))
    else:
        _invoice_is_held(scene, matter, outcome.at_ms)
    if outcome.is_done and holders.holder(scene.txn, matter.payment.payer).is_frozen:
        # They froze everything while a block had this in its hands.
        after = files.lock(scene, payment_id)
        if after is not None:
            paying.cancel(scene, after)


def gave_back(scene: Conversation, payment_id: str, outcome: Outcome) -> None:  # noqa: ARG001 -- as the others
    """The writer has decided whether the money of a payment is given back: there is no more to do.

    It may say that there is nothing, since the hold failed or ended by itself before.
    """
    if not outcome.is_done:
        words = [one.word for one in outcome.results]
        logger.info("nothing of payment %s was given back: %s", payment_id, words)


def expired(txn: Cursor, rows: Sequence[Row], at_ms: int, apart: Apart | None = None) -> None:
    """End what waited for somebody's yes, in a moment, since holds ended by themselves.

    Not in the block itself: money does not move any more, and the block locks nothing for it.

    Args:
        txn: The transaction of the block.
        rows: Of the ends.
        at_ms: Ledger time of the block.
        apart: Runs what follows one end so that a failure spoils no other; what fails is left as an
            attempt that moves nothing, which is tried again and then is a dead letter.
    """
    for row in rows:
        if row.ref is None:  # as its hold's
            continue
        try:
            with (apart or nullcontext)(txn):
                _tell_ended(txn, row.ref, at_ms)
        except Exception as e:
            if apart is None or is_trouble(e):
                raise
            logger.exception("nobody is told of the end of hold %s: trying again", row.id)
            attempts.add(txn, ENDED, row.ref, (), at_ms, approved_by=())


def settle_ended(txn: Cursor, attempt: Attempt, outcome: Outcome) -> None:
    """Do what ``expired`` could not do for the end of a hold."""
    _tell_ended(txn, attempt.about, outcome.at_ms)


def _tell_ended(txn: Cursor, ref: str, at_ms: int) -> None:
    of = ulid(int(ref[:_TIME], 16), bytes.fromhex(ref[_TIME:]))
    id_ = effect_id(HOLD_ENDED, of)
    jobs.schedule(txn, Job(id_, HOLD_ENDED, {"payment": of}, at_ms))


def ended(scene: Conversation, payment_id: str) -> None:
    """The hold of a payment ended by itself, if it is one of a payment; it is over if it waited."""
    matter = files.lock(scene, payment_id)
    if matter is not None and matter.payment.state is State.HELD:
        is_share = matter.payment.kind is Kind.SHARE
        why = BILL_OVER if is_share else paying.unheard(scene, matter.payment)
        paying.refuse_held(scene, matter, why)


class HoldEnded(ChatJob[Parts]):
    """A hold ended by itself."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """End what waited for it."""
        ended(self._parts.conversation(txn, job.id, now_ms), job.payload["payment"])


def _settle(
    parts: Parts,
    deed: Callable[[Conversation, str, Outcome], None],
    txn: Cursor,
    attempt: Attempt,
    outcome: Outcome,
) -> None:
    cause = f"attempt {attempt.kind} {attempt.about}"
    deed(parts.conversation(txn, cause, outcome.at_ms), attempt.about, outcome)


def _share_is_held(scene: Conversation, matter: OpenPayment) -> None:
    payment, _ = step(matter.payment, Input.MOVED)
    after = files.save(scene, matter, payment)
    bill = bills.lock(scene, str(payment.bill))
    room_id, person = after.payer_room(scene), after.private.asker.person
    if room_id is not None and person is not None and bill is not None:
        doc = set_aside_doc(bill.view, payment.amount_minor, scene.localizer(person))
        scene.tell(room_id, person, doc)
    bills.heard(scene, after)


def _invoice_is_held(scene: Conversation, matter: OpenPayment, at_ms: int) -> None:
    due_at_ms = at_ms + scene.section.confirm_wait_ms
    payment, _ = step(matter.payment, Input.MOVED, due_at_ms=due_at_ms)
    after = files.save(scene, matter, payment)
    set_clock(scene, payment)
    order = invoices.invoice_order(scene, payment)
    if order is not None:
        invoices.tell_issuer(scene, order, CONFIRM, payment.id)
    room_id, person = after.payer_room(scene), after.private.asker.person
    if room_id is not None and person is not None:
        scene.tell(room_id, person, confirming_doc(after.view, scene.localizer(person)))
