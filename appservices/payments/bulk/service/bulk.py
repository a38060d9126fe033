"""Payouts in bulk: set aside, paid line by line, stopped, and what is left given back.

Whoever steps a payout has locked its organisation and then the payout, as blocks lock a payment's
payer first: so nothing waits for one another.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.acts import service as acting
from appservices.payments.bulk import store
from appservices.payments.bulk.core import (
    TRIES_MAX,
    BulkLine,
    BulkPayout,
    LineInput,
    LineState,
    PayoutEffect,
    PayoutInput,
    PayoutState,
    step_line,
    step_payout,
)
from appservices.payments.holders import store as holders
from appservices.payments.ledger.core import Account, AccountCode, AccountFlag, Transfer, ledger_id
from appservices.payments.ledger.core.requests import TransferCode
from appservices.payments.ledger.core.values import ulid_of
from appservices.payments.ledger.service import attempts
from appservices.payments.organisations import store as events
from appservices.payments.transfers.core.payment import Payment, State
from appservices.payments.transfers.service.transfer_ids import main_transfer
from appservices.payments.transfers.texts.paying import FAILED
from veche.messaging import jobs
from veche.messaging.jobs import Job, retry_delay_ms
from veche.protocol.acts import ActClass
from veche.protocol.ids import Ulid, derived_ulid, effect_id

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation, Parts
    from appservices.payments.ledger.service.attempts import Attempt, Settle
    from appservices.payments.ledger.service.work import Outcome
    from appservices.payments.transfers.service.files import OpenPayment
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

HOLD: Final = "payout hold"
"""Kind of the attempt that sets the sum of a payout aside."""
BACK: Final = "payout back"
"""Kind of the attempts that give back what was set aside; about a payout, or one line's payment."""
PAY_LINES: Final = "payments.payout_lines"
"""Job: looks up who is paid next, and begins to pay them."""
BACK_AGAIN: Final = "payments.payout_back"
"""Job: gives back what could not be given back before."""
NAME: Final = "payout"
"""First word of what the payment of a line is ordered by."""
_ASIDE: Final = int(AccountFlag.NO_OVERDRAFT | AccountFlag.HISTORY)
_OPEN: Final = (LineState.QUEUED, LineState.PAYING)


def settles(parts: Parts) -> dict[str, Settle]:
    """Return the handlers of the ledger's answers about payouts, by kind of attempt."""

    def scene_of(txn: Cursor, attempt: Attempt, outcome: Outcome) -> Conversation:
        return parts.conversation(txn, f"attempt {attempt.about}", outcome.at_ms)

    def hold(txn: Cursor, attempt: Attempt, outcome: Outcome) -> None:
        settle_hold(scene_of(txn, attempt, outcome), attempt.about, outcome)

    def back(txn: Cursor, attempt: Attempt, outcome: Outcome) -> None:
        settle_back(scene_of(txn, attempt, outcome), attempt, outcome)

    return {HOLD: hold, BACK: back}


def lock(scene: Conversation, payout_id: str) -> BulkPayout | None:
    """A payout, locked behind its organisation; None if there is none."""
    payer = store.payer_of(scene.txn, payout_id)
    if payer is None:
        return None
    holders.lock_holder(scene.txn, payer)
    return store.lock(scene.txn, payout_id)


def take_step(scene: Conversation, payout: BulkPayout, heard: PayoutInput) -> BulkPayout:
    """Step a payout that is locked, and do what follows.

    Raises:
        PayoutStateError: The table has no such step; nothing has changed.
    """
    state, effects = step_payout(payout.state, heard)
    store.save(scene.txn, payout.id, state, scene.now_ms)
    after = attrs.evolve(payout, state=state)
    logger.info("payout %s is %s", payout.id, state.value)
    for effect in effects:
        match effect:
            case PayoutEffect.HOLD:
                _hold(scene, after)
            case PayoutEffect.PAY:
                go_on(scene, after, "first")
            case PayoutEffect.STOP_LINES:
                store.stop_queued(scene.txn, after.id, scene.now_ms)
            case PayoutEffect.LOOK:
                after = look(scene, after)
            case PayoutEffect.GIVE_BACK:
                after = _give_back(scene, after)
            case PayoutEffect.TELL:
                _tell(scene, after, f"payout.{state.value}", after.ours)
    return after


def look(scene: Conversation, payout: BulkPayout) -> BulkPayout:
    """End a payout that is locked once no line of it waits or is on its way."""
    is_going = payout.state in {PayoutState.PAYING, PayoutState.STOPPING}
    if not is_going or store.is_open(scene.txn, payout.id, *_OPEN):
        return payout
    now = store.payout(scene.txn, payout.id)
    is_gone = now.gone_minor == now.total_minor
    return take_step(scene, now, PayoutInput.ALL_GONE if is_gone else PayoutInput.OVER)


def go_on(scene: Conversation, payout: BulkPayout, cause: str) -> None:
    """Have the next lines paid."""
    id_ = effect_id(PAY_LINES, payout.id, cause)
    jobs.schedule(scene.txn, Job(id_, PAY_LINES, {"payout": payout.id}, scene.now_ms))


def set_aside(scene: Conversation, payout: BulkPayout) -> holders.AccountRow:
    """The organisation's account from which lines are paid; it cannot be overdrawn."""
    code = AccountCode.PAYOUT_CLEARING
    return holders.keep_account(scene.txn, payout.payer, payout.ledger, code)


def settle_hold(scene: Conversation, payout_id: str, outcome: Outcome) -> None:
    """The writer has decided whether the sum is set aside."""
    payout = lock(scene, payout_id)
    assert payout is not None, "it is kept with its attempt"  # noqa: S101 -- our bug
    take_step(scene, payout, PayoutInput.HELD if outcome.is_done else PayoutInput.NOT_HELD)


def settle_back(scene: Conversation, attempt: Attempt, outcome: Outcome) -> None:
    """Settle money that came back: the rest of a payout, or a line that a bank returned.

    A bank tells of money before the ledger has it, so it may not be there yet.
    """
    about, _, tries = attempt.about.partition(" ")
    [transfer] = attempt.chain
    payout_id = ulid_of(str(transfer.ref))
    if not outcome.is_done:
        words = [one.word for one in outcome.results]
        logger.warning("what was set aside for %s is not given back yet: %s", about, words)
        told = {"payout": payout_id, "about": about, "minor": transfer.amount}
        count = int(tries) + 1
        id_ = effect_id(BACK_AGAIN, about, count)
        due_at_ms = scene.now_ms + retry_delay_ms(count)
        jobs.schedule(scene.txn, Job(id_, BACK_AGAIN, {**told, "tries": count}, due_at_ms))
        return
    payout = lock(scene, payout_id)
    if payout is not None and about == payout_id:
        take_step(scene, payout, PayoutInput.BACK)


def settle(scene: Conversation, matter: OpenPayment) -> None:
    """A payment is over, or came back; if it is a line of a payout, that follows it."""
    payment = matter.payment
    if payment.instruction is None or not payment.instruction.startswith(f"{NAME} "):
        return
    line = store.of_payment(scene.txn, payment.id)
    payout = lock(scene, line.payout_id) if line is not None else None
    if line is None or payout is None:
        return
    match payment.state:
        case State.PAID:
            _paid(scene, payout, line, matter)
        case State.RETURNED:
            _returned(scene, payout, line, payment)
        case _:
            _failed(scene, payout, line, payment)


def fail(scene: Conversation, payout: BulkPayout, line: BulkLine, why: str) -> None:
    """A line cannot be paid; ``payout`` is locked, and looked at by the caller."""
    state = step_line(line.state, LineInput.REFUSE)
    store.save_line(scene.txn, attrs.evolve(line, state=state, why=why), scene.now_ms)
    _tell(scene, payout, "payout.failed", line.ours)


def _paid(scene: Conversation, payout: BulkPayout, line: BulkLine, matter: OpenPayment) -> None:
    payment, organisation = matter.payment, matter.private.payer.address
    kept: Any = (matter.private.order or {}).get("act")
    form = acting.payout_form(organisation, payment, matter.private.currency)
    acting.spend_kept(scene.txn, kept, organisation, ActClass.PAYOUT, form)
    after = attrs.evolve(line, state=step_line(line.state, LineInput.MOVED))
    store.save_line(scene.txn, after, scene.now_ms)
    store.add_gone(scene.txn, payout.id, line.amount_minor)
    _tell(scene, payout, "payout.paid", line.ours, payment.id)
    look(scene, payout)


def _failed(scene: Conversation, payout: BulkPayout, line: BulkLine, payment: Payment) -> None:
    is_tried_again = (
        payment.why == FAILED and line.tries < TRIES_MAX and payout.state is PayoutState.PAYING
    )
    if is_tried_again:
        state = step_line(line.state, LineInput.AGAIN)
        store.save_line(scene.txn, attrs.evolve(line, state=state, payment_id=None), scene.now_ms)
        go_on(scene, payout, f"again {line.n} {line.tries}")
        return
    state = step_line(line.state, LineInput.NOT_MOVED)
    failed = attrs.evolve(line, state=state, why=payment.why or FAILED)
    store.save_line(scene.txn, failed, scene.now_ms)
    _tell(scene, payout, "payout.failed", line.ours, payment.id)
    look(scene, payout)


def _returned(scene: Conversation, payout: BulkPayout, line: BulkLine, payment: Payment) -> None:
    after = attrs.evolve(line, state=step_line(line.state, LineInput.COME_BACK))
    store.save_line(scene.txn, after, scene.now_ms)
    _tell(scene, payout, "payout.returned", line.ours, payment.id)
    move_back(scene, payout, payment.id, line.amount_minor)


def _hold(scene: Conversation, payout: BulkPayout) -> None:
    account, aside = _merchant(scene, payout), set_aside(scene, payout)
    transfer = Transfer(
        id=ledger_id(main_transfer(scene, payout.id)),
        debit_id=account.id,
        credit_id=aside.id,
        amount=payout.total_minor,
        ledger=payout.ledger,
        code=TransferCode.BULK_ASIDE,
        ref=ledger_id(Ulid(payout.id)),
    )
    new = [
        Account(one.id, one.ledger, one.code, _ASIDE)
        for one in (account, aside)
        if not one.is_opened
    ]
    attempts.add(scene.txn, HOLD, payout.id, [transfer], scene.now_ms, approved_by=(), accounts=new)


def _give_back(scene: Conversation, payout: BulkPayout) -> BulkPayout:
    now = store.payout(scene.txn, payout.id)
    left_minor = now.total_minor - now.gone_minor
    store.add_gone(scene.txn, payout.id, left_minor)
    move_back(scene, payout, payout.id, left_minor)
    return attrs.evolve(payout, gone_minor=now.total_minor)


def move_back(
    scene: Conversation, payout: BulkPayout, about: str, minor: int, tries: int = 0
) -> None:
    """Let the writer try to give back what was set aside.

    Args:
        scene: The transaction.
        payout: Locked.
        about: Its id, or that of the payment of a line that came back.
        minor: How much.
        tries: How often it was not there yet: each try is a transfer of its own.
    """
    back = derived_ulid(payout.made_at_ms, "payout back", about, tries)
    transfer = Transfer(
        id=ledger_id(main_transfer(scene, back)),
        debit_id=set_aside(scene, payout).id,
        credit_id=_merchant(scene, payout).id,
        amount=minor,
        ledger=payout.ledger,
        code=TransferCode.BULK_BACK,
        ref=ledger_id(Ulid(payout.id)),
    )
    attempts.add(scene.txn, BACK, f"{about} {tries}", [transfer], scene.now_ms, approved_by=())


def _merchant(scene: Conversation, payout: BulkPayout) -> holders.AccountRow:
    return holders.keep_account(scene.txn, payout.payer, payout.ledger, AccountCode.MERCHANT)


def _tell(
    scene: Conversation, payout: BulkPayout, type_: str, ours: str, payment_id: str | None = None
) -> None:
    news = events.News(type_, ours, payment_id=payment_id, payout_id=payout.id)
    events.add_event(scene.txn, payout.payer, news, scene.now_ms)
