"""Escrows step by step: agreed to, put aside, decided, ended; each input steps the table once.

Whoever comes second, be it another vote, the clock or a freeze, waits for the row and finds it
stepped. Money is moved by the writer alone, and what it answers is settled in its block.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.escrows import store
from appservices.payments.escrows.core.escrow import (
    ANSWER_MS,
    WAITING,
    EscrowEffect,
    EscrowInput,
    EscrowState,
    Role,
    step_escrow,
)
from appservices.payments.escrows.service import asking
from appservices.payments.escrows.service import moving as moves
from appservices.payments.escrows.service import records as deals
from appservices.payments.escrows.texts.escrow import GUARDED, TOO_LATE, split_words
from appservices.payments.guardians.core import DUE_MS
from appservices.payments.guardians.service import asking as guarding
from appservices.payments.holders import store as holders
from appservices.payments.ledger.core import Result
from appservices.payments.paying.service.settling import tell_made
from appservices.payments.postings.service.judging import judge_now
from appservices.payments.rooms import service as case_rooms
from appservices.payments.transfers.core import payment as payments
from appservices.payments.transfers.core.payment import Kind, Payment
from appservices.payments.transfers.core.rules import Go, Guard, Refuse, Wait
from appservices.payments.transfers.service import authority, files
from appservices.payments.transfers.service.files import OpenPayment, Private
from appservices.payments.transfers.texts.paying import FAILED, KEY_REVOKED, NO_COVER, NOT_PAYABLE
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import effect_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.escrows.core.escrow import Escrow, Voter
    from appservices.payments.escrows.service.records import Deal
    from appservices.payments.ledger.service.work import Outcome
    from veche.chat.prompts import Answered
    from veche.protocol.ids import UserId

logger = logging.getLogger(__name__)

CLOCK: Final = "payments.escrow.clock"
"""Job: the time of an escrow's state is over."""
_GONE: Final = frozenset(
    {
        Result.PENDING_TRANSFER_EXPIRED,
        Result.PENDING_TRANSFER_ALREADY_VOIDED,
    }
)
"""The buyer has the money again."""
_WHY: Final[Mapping[Result, str]] = {
    Result.EXCEEDS_CREDITS: NO_COVER,
    Result.CREDIT_ACCOUNT_ALREADY_CLOSED: NOT_PAYABLE,
}


def propose(scene: Conversation, deal: Deal) -> None:
    """Keep a new escrow; ask the seller and the arbiters whether they take part."""
    deals.add(scene, deal)
    if deal.escrow.is_agreed:
        _all_agreed(scene, deal)
        return
    _set_clock(scene, deal.escrow)
    asking.show_all(scene, deal)


def answered(scene: Conversation, answer: Answered) -> None:
    """Somebody who takes part has answered."""
    deal = lock(scene, str(answer.kept.purpose.get("escrow")))
    voter = deal.voter_of(answer.inbound.sender) if deal is not None else None
    if deal is None or voter is None:
        return
    choice = answer.chosen.choice or ""
    localizer = scene.localizer(answer.inbound.sender)
    state = deal.escrow.state
    if choice.startswith(asking.VOTE):
        _vote(scene, deal, voter, answer)
    elif choice == asking.JOIN and may_join(deal, voter):
        if scene.settle(answer, localizer.text("You take part.")):
            _join(scene, deal, voter)
    elif choice == asking.PUT_ASIDE and state is EscrowState.AGREED:
        _fund(scene, deal, answer)
    elif choice in {asking.STOP, asking.DECLINE} and may_refuse(deal, voter):
        if scene.settle(answer, localizer.text("Nothing is put aside.")):
            _refuse(scene, deal, voter)
    else:
        scene.settle(answer, localizer.text("Nothing has changed."))


def may_join(deal: Deal, voter: Voter) -> bool:
    """Return whether somebody is being asked to take part."""
    return deal.escrow.state is EscrowState.PROPOSED and not voter.has_agreed


def may_refuse(deal: Deal, voter: Voter) -> bool:
    """Return whether somebody may decline to take part, or as the buyer stop it."""
    is_free = voter.role is Role.BUYER or not voter.has_agreed
    return is_free and deal.escrow.state in WAITING


def choose(scene: Conversation, deal: Deal, voter: Voter, choice: str) -> bool:
    """Do what one who takes part chose on a page, which takes no key; False if it cannot be done.

    Args:
        scene: The transaction.
        deal: The escrow, locked.
        voter: Who chose.
        choice: Id of the choice, as the question has it.
    """
    person = deal.person_of(voter)
    if person is None:
        return False
    localizer = scene.localizer(person)
    if choice == asking.JOIN and may_join(deal, voter):
        asking.close(scene, deal, voter, localizer.text("You take part."))
        _join(scene, deal, voter)
    elif choice in {asking.STOP, asking.DECLINE} and may_refuse(deal, voter):
        asking.close(scene, deal, voter, localizer.text("Nothing is put aside."))
        _refuse(scene, deal, voter)
    else:
        return False
    return True


def lock(scene: Conversation, escrow_id: str) -> Deal | None:
    """Lock an escrow as it stands now: one whose time is over goes on first, before the clock."""
    fire_timer(scene, escrow_id)
    return deals.lock(scene, escrow_id)


def fire_timer(scene: Conversation, escrow_id: str) -> None:
    """Step an escrow whose timer is due; one that is not due stays as it is."""
    deal = deals.lock(scene, escrow_id)
    if deal is None or deal.escrow.due_at_ms is None or deal.escrow.due_at_ms > scene.now_ms:
        return
    escrow = deal.escrow
    if escrow.state is EscrowState.COOLING and escrow.ends_at_ms > scene.now_ms:
        _go_on(scene, deal)
    elif escrow.state is EscrowState.GUARDED:
        _deny(scene, deal, EscrowInput.TIME)
    elif escrow.state in WAITING:
        _step(scene, deal, EscrowInput.TIME)
    elif escrow.state is EscrowState.FUNDED:
        _step(scene, deal, EscrowInput.TIME, to_seller=escrow.silent_to_seller)


def stop(scene: Conversation, deal: Deal) -> bool:
    """The buyer stops an escrow that is locked; False if the money is set aside already."""
    if deal.escrow.state not in WAITING:
        return False
    _step(scene, deal, EscrowInput.CANCEL)
    return True


def take_back(scene: Conversation, deal: Deal) -> None:
    """An organisation that sells takes back an escrow that is locked, and not put aside."""
    _step(scene, deal, EscrowInput.DECLINE)


def decide(scene: Conversation, deal: Deal, given: Voter) -> None:
    """Keep what one who takes part decides, of an escrow that is locked and put aside.

    Args:
        scene: The transaction.
        deal: The escrow.
        given: Who, with what they decide and its evidence; one who has decided changes nothing.
    """
    if store.keep_vote(scene.txn, deal.escrow.id, given, scene.now_ms):
        after = attrs.evolve(deal, escrow=deal.escrow.with_voter(given))
        asking.tell_vote(scene, after, given)
        if (decided := after.escrow.decided) is not None:
            _step(scene, after, EscrowInput.DECIDE, to_seller=decided)


def stop_all(scene: Conversation, buyer: int) -> None:
    """Stop what a buyer who stops everything has not put aside yet."""
    for escrow_id in store.open_of_buyer(scene.txn, buyer):
        deal = deals.lock(scene, escrow_id)
        if deal is not None:
            stop(scene, deal)


def not_funded(scene: Conversation, escrow_id: str, why: str) -> None:
    """End an escrow whose money the writer has not set aside: its attempt was taken back."""
    deal = deals.lock(scene, escrow_id)
    if deal is not None and deal.escrow.state is EscrowState.FUNDING:
        _step(scene, deal, EscrowInput.NOT_MOVED, why=why)


def refuse_revoked(scene: Conversation, escrow_id: str) -> None:
    """Stop an escrow that waits and whose approval counts no more: its key is revoked."""
    deal = deals.lock(scene, escrow_id)
    if deal is None or deal.escrow.state not in {EscrowState.COOLING, EscrowState.GUARDED}:
        return
    if authority.is_revoked(scene, [deal.escrow.approved_by]):
        _step(scene, deal, EscrowInput.REFUSE, why=KEY_REVOKED)


def ask_anew(scene: Conversation, escrow_id: str, person: UserId) -> None:
    """Ask somebody to decide again, whose decision counts no more: its key is revoked."""
    asking.show_to(scene, escrow_id, person)


def forget_decisions(scene: Conversation, holder_id: int) -> None:
    """Forget what somebody who stops everything has decided, where nothing has come of it yet.

    What is just being decided is waited for.
    """
    for escrow_id in store.decided_by(scene.txn, holder_id):
        deal = deals.lock(scene, escrow_id)
        if deal is not None and deal.escrow.state is EscrowState.FUNDED:
            given = [one.approved_by for one in deal.escrow.voters if one.holder == holder_id]
            store.forget_votes(scene.txn, escrow_id, [one for one in given if one is not None])


def ask_undecided(scene: Conversation, person: UserId) -> None:
    """Ask somebody about each escrow that waits for their decision."""
    holder_id = scene.holder(person).id
    for escrow_id in store.of_holder(scene.txn, holder_id):
        deal = deals.lock(scene, escrow_id)
        if deal is not None and deal.escrow.state is EscrowState.FUNDED:
            asking.show_to(scene, escrow_id, person)


def settle(scene: Conversation, escrow_id: str, outcome: Outcome) -> None:
    """The writer has decided the hold of an escrow, or its end."""
    deal = deals.lock(scene, escrow_id)
    assert deal is not None, "it is kept with its attempt"  # noqa: S101 -- our bug
    if deal.escrow.state is EscrowState.FUNDING:
        _settle_hold(scene, deal, outcome)
    elif deal.escrow.state is EscrowState.ENDING:
        _settle_end(scene, deal, outcome)


def _settle_hold(scene: Conversation, deal: Deal, outcome: Outcome) -> None:
    escrow = deal.escrow
    if outcome.is_revoked:
        _step(scene, deal, EscrowInput.NOT_MOVED, why=KEY_REVOKED)
        return
    if not outcome.is_done:
        why = next((_WHY[one] for one in outcome.results if one in _WHY), FAILED)
        _step(scene, deal, EscrowInput.NOT_MOVED, why=why)
        return
    funded = attrs.evolve(escrow, funded_at_ms=scene.now_ms)
    after = attrs.evolve(deal, escrow=funded)
    after = _step(scene, after, EscrowInput.MOVED, due_at_ms=escrow.ends_at_ms)
    if holders.holder(scene.txn, escrow.buyer).is_frozen:
        # They froze everything while a block had this in its hands.
        _step(scene, after, EscrowInput.TIME, to_seller=0)
        return
    case_rooms.want(scene, "escrow", escrow.id)


def _settle_end(scene: Conversation, deal: Deal, outcome: Outcome) -> None:
    escrow = deal.escrow
    assert escrow.to_seller is not None, "it is decided"  # noqa: S101 -- the table
    payment_id = escrow.payment_id if escrow.to_seller else None
    paid = files.lock(scene, payment_id) if payment_id is not None else None
    if outcome.is_done:
        is_all = escrow.to_seller == escrow.amount_minor
        heard = EscrowInput.ALL_MOVED if is_all else EscrowInput.PART_MOVED
        _step(scene, deal, heard if escrow.to_seller else EscrowInput.ALL_BACK)
        if paid is not None:
            tell_made(scene, _stepped(scene, paid, payments.Input.MOVED), outcome)
        return
    if paid is not None:
        _stepped(scene, paid, payments.Input.NOT_MOVED)
    if outcome.is_revoked:
        undone = attrs.evolve(escrow, payment_id=None)
        deal = attrs.evolve(deal, escrow=undone)
        _step(scene, deal, EscrowInput.VOID, due_at_ms=escrow.ends_at_ms)
        # Locked anew it is without the decisions that count no more.
        again = deals.lock(scene, escrow.id)
        if again is not None:
            asking.show_all(scene, again)
        return
    is_gone = not escrow.to_seller or not _GONE.isdisjoint(outcome.results)
    words = [one.word for one in outcome.results]
    logger.warning("escrow %s was not paid out: %s", escrow.id, words)
    if is_gone:
        _step(scene, deal, EscrowInput.ALL_BACK)
    else:
        _step(scene, deal, EscrowInput.NOT_MOVED, to_seller=0)


def _stepped(scene: Conversation, paid: OpenPayment, heard: payments.Input) -> OpenPayment:
    payment, _ = payments.step(paid.payment, heard, why=FAILED)
    return files.save(scene, paid, payment)


def _join(scene: Conversation, deal: Deal, voter: Voter) -> None:
    store.keep_agreed(scene.txn, deal.escrow.id, voter.holder)
    agreed = attrs.evolve(voter, has_agreed=True)
    after = attrs.evolve(deal, escrow=deal.escrow.with_voter(agreed))
    if after.escrow.is_agreed:
        _all_agreed(scene, after)


def _all_agreed(scene: Conversation, deal: Deal) -> None:
    due_at_ms = min(scene.now_ms + ANSWER_MS, deal.escrow.ends_at_ms)
    _step(scene, deal, EscrowInput.ALL_AGREED, due_at_ms=due_at_ms)


def _refuse(scene: Conversation, deal: Deal, voter: Voter) -> None:
    """Somebody does not take part, or the buyer stops it."""
    is_buyer = voter.role is Role.BUYER
    _step(scene, deal, EscrowInput.CANCEL if is_buyer else EscrowInput.DECLINE)


def _fund(scene: Conversation, deal: Deal, answer: Answered) -> None:
    nonce = answer.chosen.approved_by
    if nonce is None:
        return
    if scene.settle(answer, scene.localizer(answer.inbound.sender).text("Approved.")):
        approved = attrs.evolve(deal.escrow, approved_by=nonce)
        _go_on(scene, attrs.evolve(deal, escrow=approved))


def _go_on(scene: Conversation, deal: Deal) -> None:
    """Do with an approved escrow what the buyer's rules say."""
    escrow = deal.escrow
    if authority.is_revoked(scene, [escrow.approved_by]):
        _step(scene, deal, EscrowInput.REFUSE, why=KEY_REVOKED)
        return
    evidence = scene.approvals.authorised(scene.txn, escrow.approved_by)
    verdict = judge_now(scene, as_payment(scene, deal), evidence.at_ms)
    seller = holders.holder(scene.txn, escrow.seller)
    match verdict:
        case Go() if seller.is_open:
            _step(scene, deal, EscrowInput.GO, due_at_ms=escrow.ends_at_ms)
        case Wait(until_ms=until_ms) if until_ms < escrow.ends_at_ms:
            _step(scene, deal, EscrowInput.WAIT, due_at_ms=until_ms)
        case Wait():
            _step(scene, deal, EscrowInput.REFUSE, why=TOO_LATE)
        case Guard():
            _guard(scene, deal)
        case Refuse(reason=reason):
            _step(scene, deal, EscrowInput.REFUSE, why=reason.value)
        case Go():
            _step(scene, deal, EscrowInput.REFUSE, why=NOT_PAYABLE)


def guardian_said(scene: Conversation, deal: Deal) -> None:
    """Go on with an escrow if enough guardians approve, and end it if too few are left to."""
    counted = guarding.tally_of(scene, as_payment(scene, deal))
    if counted.is_approved:
        _go_on(scene, deal)
    elif counted.is_lost:
        _deny(scene, deal, EscrowInput.DENY)


def _guard(scene: Conversation, deal: Deal) -> None:
    """Ask the buyer's guardians; where too few are left nothing is put aside."""
    due_at_ms = min(scene.now_ms + DUE_MS, deal.escrow.ends_at_ms)
    after = _step(scene, deal, EscrowInput.GUARD, due_at_ms=due_at_ms)
    if guarding.tally_of(scene, as_payment(scene, after)).is_lost:
        _step(scene, after, EscrowInput.DENY, why=GUARDED)


def _deny(scene: Conversation, deal: Deal, heard: EscrowInput) -> None:
    """Too few guardians approve an escrow, or in time."""
    guarding.tell_denied(scene, as_payment(scene, deal))
    _step(scene, deal, heard, why=GUARDED)


def as_payment(scene: Conversation, deal: Deal) -> OpenPayment:
    """An escrow as the payment that rules see in it."""
    escrow = deal.escrow
    payment = Payment(
        id=escrow.id,
        kind=Kind.ESCROW,
        state=payments.State.ASKED,
        payer=escrow.buyer,
        payee=escrow.seller,
        ledger=escrow.ledger,
        amount_minor=escrow.amount_minor,
        fee_minor=0,
        asked_at_ms=escrow.asked_at_ms,
        due_at_ms=escrow.due_at_ms,
    )
    buyer, seller = deal.parties[:2]
    return OpenPayment(payment, Private(buyer, seller, deal.currency, deal.reference), scene.now_ms)


def _vote(scene: Conversation, deal: Deal, voter: Voter, answer: Answered) -> None:
    person, nonce = answer.inbound.sender, answer.chosen.approved_by
    localizer = scene.localizer(person)
    if deal.escrow.state is not EscrowState.FUNDED or voter.approved_by is not None:
        scene.settle(answer, _late_words(scene, deal, voter, answer))
        return
    if holders.holder(scene.txn, voter.holder).is_frozen:
        words = localizer.text("You froze your payments, so this does not count.")
        scene.settle(answer, words)
        return
    to_seller = int((answer.chosen.choice or "").removeprefix(asking.VOTE))
    if nonce is None or not 0 <= to_seller <= deal.escrow.amount_minor:
        return
    given = attrs.evolve(voter, to_seller=to_seller, approved_by=nonce)
    words = localizer.text(
        "You decided: {split}", split=split_words(deal.view, to_seller, localizer)
    )
    if scene.settle(answer, words):
        decide(scene, deal, given)


def _late_words(scene: Conversation, deal: Deal, voter: Voter, answer: Answered) -> str:
    """Why a decision does not count: another one was faster."""
    localizer = scene.localizer(answer.inbound.sender)
    escrow = deal.escrow
    if escrow.to_seller is not None:
        split = split_words(deal.view, escrow.to_seller, localizer)
        return localizer.text("It was decided already: {split}", split=split)
    if voter.to_seller is not None:
        split = split_words(deal.view, voter.to_seller, localizer)
        return localizer.text("You decided before, once: {split}", split=split)
    return localizer.text("Nothing has changed.")


def _step(
    scene: Conversation,
    deal: Deal,
    heard: EscrowInput,
    *,
    due_at_ms: int | None = None,
    to_seller: int | None = None,
    why: str | None = None,
) -> Deal:
    escrow, effects = step_escrow(
        deal.escrow, heard, due_at_ms=due_at_ms, to_seller=to_seller, why=why
    )
    after = deals.save(scene, deal, escrow)
    for effect in effects:
        match effect:
            case EscrowEffect.SET_CLOCK:
                _set_clock(scene, escrow)
            case EscrowEffect.ASK_GUARDIANS:
                guarding.ask(scene, as_payment(scene, after))
            case EscrowEffect.CLOSE_GUARDIANS:
                guarding.close(scene, as_payment(scene, after))
            case EscrowEffect.HOLD:
                moves.attempt_hold(scene, escrow)
            case EscrowEffect.MOVE:
                payment_id = moves.attempt_end(scene, after)
                after = deals.save(scene, after, attrs.evolve(escrow, payment_id=payment_id))
            case EscrowEffect.SHOW:
                asking.show_all(scene, after)
    return after


def _set_clock(scene: Conversation, escrow: Escrow) -> None:
    assert escrow.due_at_ms is not None, "it has such a time"  # noqa: S101 -- our bug
    id_ = effect_id(CLOCK, escrow.id, escrow.due_at_ms)
    jobs.schedule(scene.txn, Job(id_, CLOCK, {"escrow": escrow.id}, escrow.due_at_ms))
