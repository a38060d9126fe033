"""Disputes step by step: approved, set aside, answered, decided; each input steps the table once.

Whoever comes second waits for the row and finds it stepped. Money is moved by the writer alone, and
what it answers is settled in its block.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.disputes.core.dispute import (
    HOLD_MORE_MS,
    HOLD_MS_MAX,
    LIVE,
    RULED,
    DisputeEffect,
    DisputeInput,
    DisputeState,
    step_dispute,
)
from appservices.payments.disputes.core.order import DisputeProblem
from appservices.payments.disputes.service import asking, evidence
from appservices.payments.disputes.service import moving as moves
from appservices.payments.disputes.service import records as cases
from appservices.payments.disputes.texts.dispute import Side, dispute_problem_doc
from appservices.payments.holders import store as holders
from appservices.payments.ledger.core import Result
from appservices.payments.ledger.service import attempts
from appservices.payments.paying.service.settling import tell_made
from appservices.payments.postings.core import HOLD, LET_GO, void
from appservices.payments.rooms import service as case_rooms
from appservices.payments.transfers.core import payment as payments
from appservices.payments.transfers.service import files
from appservices.payments.transfers.service.transfer_ids import transfer_id
from appservices.payments.transfers.store.payments import left_minor
from appservices.payments.transfers.texts.paying import FAILED
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import effect_id
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.disputes.core.dispute import Dispute
    from appservices.payments.disputes.service.records import Case
    from appservices.payments.ledger.service.work import Outcome
    from veche.chat.prompts import Answered
    from veche.protocol.ids import RoomId, UserId

logger = logging.getLogger(__name__)

CLOCK: Final = "payments.dispute.clock"
"""Job: the time of a dispute's state is over."""
_GONE: Final = frozenset({Result.PENDING_TRANSFER_EXPIRED, Result.PENDING_TRANSFER_ALREADY_VOIDED})
"""Nothing is set aside any more."""


def propose(scene: Conversation, case: Case) -> bool:
    """Keep a new dispute and ask for its payer's key; False if it was disputed before."""
    if not cases.add(scene, case):
        return False
    _set_clock(scene, case.dispute)
    person = case.view.payer.person
    assert person is not None, "only persons dispute here"  # noqa: S101 -- our bug
    asking.show(scene, case, Side.PAYER, person)
    return True


def take_back_asked(scene: Conversation, dispute_id: str, person: UserId) -> str | None:
    """Take back what its payer has not approved, and says anew; the number of its payment.

    Args:
        scene: The transaction.
        dispute_id: Of which dispute.
        person: Who says something of it.

    Returns:
        None: It is somebody else's, or is approved, and nothing has changed.
    """
    case = lock(scene, dispute_id)
    if case is None or case.dispute.state is not DisputeState.ASKED:
        return None
    if case.side_of(person, scene) is not Side.PAYER:
        return None
    _step(scene, case, DisputeInput.CANCEL)
    return case.view.number


def answered(scene: Conversation, answer: Answered) -> None:
    """One of them has answered."""
    person = answer.inbound.sender
    case = lock(scene, str(answer.kept.purpose.get("dispute")))
    side = case.side_of(person, scene) if case is not None else None
    if case is None or side is None:
        return
    found = _CHOICES.get((side, answer.chosen.choice or ""))
    localizer = scene.localizer(person)
    is_known = found is not None and case.dispute.state in found.states
    if found is None or not is_known:
        scene.settle(answer, localizer.text("Nothing has changed."))
    elif found.act is _agree and holders.holder(scene.txn, case.dispute.payee).is_frozen:
        scene.settle(answer, localizer.text("You froze your payments, so this does not count."))
    elif (not found.is_signed or answer.chosen.approved_by is not None) and scene.settle(
        answer, localizer.text(found.words)
    ):
        found.act(scene, case, _given(answer))


def choose(scene: Conversation, case: Case, person: UserId, choice: str) -> bool:
    """Do what one of them chose on a page, which takes no key; False if it cannot be done now.

    Args:
        scene: The transaction.
        case: The dispute, locked.
        person: Who chose.
        choice: Id of the choice, as the question has it.
    """
    side = case.side_of(person, scene)
    if side is None or not may_choose(case, side, choice):
        return False
    found = _CHOICES[side, choice]
    if found.is_signed:
        return False
    asking.close(scene, case, person, scene.localizer(person).text(found.words))
    found.act(scene, case, _Given(person, scene.chat_of(person)))
    return True


def may_choose(case: Case, side: Side, choice: str) -> bool:
    """Return whether a side's choice is allowed in the state of a dispute."""
    found = _CHOICES.get((side, choice))
    return found is not None and case.dispute.state in found.states


def contest(scene: Conversation, case: Case, words: str) -> None:
    """The payee does not give it back, and may say why; it goes on to the desk."""
    due_at_ms = scene.now_ms + scene.section.dispute_decide_ms
    answer = words or case.view.answer
    _step(scene, case, DisputeInput.CONTEST, due_at_ms=due_at_ms, answer=answer)


def give_back(scene: Conversation, case: Case, instruction: str, words: str) -> None:
    """An organisation gives back all that is set aside.

    Args:
        scene: The transaction.
        case: Which, in a state for that.
        instruction: The request by which it does.
        words: What it says; may be empty.
    """
    decided = attrs.evolve(case.dispute, decided_by=instruction)
    after = cases.Case(attrs.evolve(case.view, dispute=decided))
    held_minor = decided.held_minor
    answer = words or case.view.answer
    _step(scene, after, DisputeInput.AGREE, given_minor=held_minor, answer=answer)


def appeal(scene: Conversation, case: Case, holder: int, words: str) -> None:
    """One of both sides appeals what was decided: others decide it again.

    Args:
        scene: The transaction.
        case: Which, locked and decided.
        holder: Number of who appeals.
        words: Why; may be empty.

    Raises:
        DisputeStateError: It is not decided, or was appealed already; nothing has changed.
    """
    appealed = attrs.evolve(case.dispute, appealed_by=holder)
    after = cases.Case(attrs.evolve(case.view, dispute=appealed))
    due_at_ms = min(scene.now_ms + scene.section.dispute_decide_ms, appealed.ruled_until_ms)
    _step(scene, after, DisputeInput.APPEAL, due_at_ms=due_at_ms, appeal=words)


def lock(scene: Conversation, dispute_id: str) -> Case | None:
    """Lock a dispute as it stands now: one whose time is over goes on first, before the clock."""
    fire_timer(scene, dispute_id)
    return cases.lock(scene, dispute_id)


def fire_timer(scene: Conversation, dispute_id: str) -> None:
    """Step a dispute whose timer is due; one that is not due stays as it is."""
    case = cases.lock(scene, dispute_id)
    if case is None or case.dispute.due_at_ms is None or case.dispute.due_at_ms > scene.now_ms:
        return
    if case.dispute.state is DisputeState.OPEN:
        due_at_ms = scene.now_ms + scene.section.dispute_decide_ms
        _step(scene, case, DisputeInput.TIME, due_at_ms=due_at_ms)
    elif case.dispute.state in {DisputeState.ASKED, DisputeState.AT_DESK, *RULED}:
        _step(scene, case, DisputeInput.TIME)


def settle(scene: Conversation, dispute_id: str, outcome: Outcome) -> None:
    """The writer has set something aside, or ended that."""
    case = cases.lock(scene, dispute_id)
    assert case is not None, "it is kept with its attempt"  # noqa: S101 -- our bug
    if case.dispute.state is DisputeState.FREEZING:
        _settle_hold(scene, case, outcome)
    elif case.dispute.state is DisputeState.ENDING:
        _settle_end(scene, case, outcome)


def _settle_hold(scene: Conversation, case: Case, outcome: Outcome) -> None:
    dispute = case.dispute
    held_minor = moves.held_minor(scene, dispute) if outcome.is_done else 0
    if held_minor:
        held = attrs.evolve(dispute, held_minor=held_minor)
        after = cases.Case(attrs.evolve(case.view, dispute=held))
        due_at_ms = scene.now_ms + scene.section.dispute_answer_ms
        _step(scene, after, DisputeInput.HELD, due_at_ms=due_at_ms)
        case_rooms.want(scene, "dispute", dispute.id)
        return
    _step(scene, case, DisputeInput.NOT_HELD)
    if outcome.is_done:
        # A hold of nothing is one too, and none stays open.
        hold = transfer_id(scene, dispute.id, HOLD)
        end = void(hold, transfer_id(scene, dispute.id, LET_GO))
        attempts.add(scene.txn, moves.KIND, dispute.id, [end], scene.now_ms, approved_by=())


def _settle_end(scene: Conversation, case: Case, outcome: Outcome) -> None:
    dispute = case.dispute
    refund_id = dispute.refund_id if dispute.given_minor else None
    refund = files.lock(scene, refund_id) if refund_id is not None else None
    heard = payments.Input.MOVED if outcome.is_done else payments.Input.NOT_MOVED
    if refund is not None:
        stepped, _ = payments.step(refund.payment, heard, why=FAILED)
        refund = files.save(scene, refund, stepped)
    if outcome.is_revoked:
        _void(scene, case)
        return
    if outcome.is_done:
        _step(scene, case, DisputeInput.MOVED)
        if refund is not None:
            tell_made(scene, refund, outcome)
        return
    logger.warning(
        "dispute %s was not ended: %s", dispute.id, [one.word for one in outcome.results]
    )
    is_gone = not dispute.given_minor or not _GONE.isdisjoint(outcome.results)
    _step(scene, case, DisputeInput.NOT_HELD if is_gone else DisputeInput.NOT_MOVED)


def _void(scene: Conversation, case: Case) -> None:
    """A decision counts no more, since the key behind it is revoked: it is decided anew."""
    undone = attrs.evolve(
        case.dispute, decided_by=None, ruled_by=None, refund_id=None, appealed_by=None
    )
    after = cases.Case(attrs.evolve(case.view, dispute=undone))
    due_at_ms = min(scene.now_ms + scene.section.dispute_decide_ms, undone.ruled_until_ms)
    _step(scene, after, DisputeInput.VOID, due_at_ms=due_at_ms)


def _open(scene: Conversation, case: Case, given: _Given) -> None:
    """The payer has approved it; meanwhile some of the payment may have gone back."""
    dispute, view = case.dispute, case.view
    if left_minor(scene.txn, dispute.payment_id) < dispute.amount_minor:
        _step(scene, case, DisputeInput.CANCEL)
        problem, localizer = DisputeProblem.TOO_MUCH, scene.localizer(given.person)
        doc = dispute_problem_doc(problem, view.number, view.currency, localizer)
        if given.room_id is not None:
            scene.tell(given.room_id, given.person, doc)
        return
    section = scene.section
    # Whoever decides the appeal has as long as who decides first, as far as a hold can last.
    longest_ms = section.dispute_answer_ms + 2 * section.dispute_decide_ms
    ends_at_ms = scene.now_ms + min(longest_ms + section.dispute_appeal_ms, HOLD_MS_MAX)
    opened = attrs.evolve(
        dispute,
        approved_by=given.approved_by,
        hold_ends_at_ms=ends_at_ms + HOLD_MORE_MS,
    )
    after = cases.Case(attrs.evolve(case.view, dispute=opened))
    _step(scene, after, DisputeInput.GO, due_at_ms=ends_at_ms)


def _cancel(scene: Conversation, case: Case, _: _Given) -> None:
    _step(scene, case, DisputeInput.CANCEL)


def _withdraw(scene: Conversation, case: Case, _: _Given) -> None:
    _step(scene, case, DisputeInput.WITHDRAW)


def _agree(scene: Conversation, case: Case, given: _Given) -> None:
    held_minor = case.dispute.held_minor
    _step(scene, _decided(case, given), DisputeInput.AGREE, given_minor=held_minor)


def _contest(scene: Conversation, case: Case, _: _Given) -> None:
    contest(scene, case, "")


def _appeal(scene: Conversation, case: Case, given: _Given) -> None:
    side = case.side_of(given.person, scene)
    assert side is not None, "they were asked as one"  # noqa: S101 -- our bug
    appeal(scene, case, case.holder_of(side), "")


def _decided(case: Case, given: _Given) -> Case:
    dispute = attrs.evolve(case.dispute, decided_by=given.approved_by)
    return cases.Case(attrs.evolve(case.view, dispute=dispute))


def _decide(scene: Conversation, case: Case, given: _Given) -> None:
    purpose = given.purpose
    given_minor = min(int(str(purpose["given"])), case.dispute.held_minor)
    decision = asking.words_in(scene, purpose)
    decided, dispute, ruler = _decided(case, given), case.dispute, given.person
    until_ms = dispute.appeal_until_ms(scene.now_ms, scene.section.dispute_appeal_ms)
    is_last = dispute.state is DisputeState.APPEALED or not case.appeal_desk(scene, ruler)
    if is_last or until_ms is None:
        _step(scene, decided, DisputeInput.DECIDE, given_minor=given_minor, decision=decision)
        return
    ruled = attrs.evolve(decided.dispute, ruled_by=decided.dispute.decided_by)
    after = cases.Case(attrs.evolve(decided.view, dispute=ruled))
    _step(
        scene,
        after,
        DisputeInput.RULE,
        due_at_ms=until_ms,
        given_minor=given_minor,
        decision=decision,
        ruler=ruler,
    )


def _step(
    scene: Conversation,
    case: Case,
    heard: DisputeInput,
    *,
    due_at_ms: int | None = None,
    given_minor: int = 0,
    **said: str,
) -> Case:
    dispute, effects = step_dispute(
        case.dispute, heard, due_at_ms=due_at_ms, given_minor=given_minor
    )
    after = cases.save(scene, case, dispute, **said)
    for effect in effects:
        match effect:
            case DisputeEffect.SET_CLOCK:
                _set_clock(scene, dispute)
            case DisputeEffect.HOLD:
                moves.attempt_hold(scene, dispute)
            case DisputeEffect.MOVE:
                refund_id = moves.attempt_end(scene, after)
                after = cases.save(scene, after, attrs.evolve(dispute, refund_id=refund_id))
            case DisputeEffect.SHOW:
                asking.show_all(scene, after)
                for person in after.desk(scene):
                    evidence.send_all(scene, after, person)
            case DisputeEffect.CLOSE_QUESTION:
                _close(scene, after)
    return after


def _close(scene: Conversation, case: Case) -> None:
    person = case.view.payer.person
    if person is not None:
        asking.close(scene, case, person)


def _set_clock(scene: Conversation, dispute: Dispute) -> None:
    assert dispute.due_at_ms is not None, "it has such a time"  # noqa: S101 -- our bug
    id_ = effect_id(CLOCK, dispute.id, dispute.due_at_ms)
    jobs.schedule(scene.txn, Job(id_, CLOCK, {"dispute": dispute.id}, dispute.due_at_ms))


@attrs.frozen
class _Given:
    """An answer, wherever it was given.

    Attributes:
        person: Who gave it.
        room_id: Where they are told what comes of it; None: nowhere.
        approved_by: Nonce of what they approved with it.
        purpose: What was remembered for it.
    """

    person: UserId
    room_id: RoomId | None
    approved_by: str | None = None
    purpose: Mapping[str, Any] = attrs.field(factory=dict)


def _given(answer: Answered) -> _Given:
    inbound, approved_by = answer.inbound, answer.chosen.approved_by
    return _Given(inbound.sender, inbound.room_id, approved_by, answer.kept.purpose)


@attrs.frozen
class _Answer:
    """The effect of a choice.

    Attributes:
        act: After the question is settled.
        states: In which it counts.
        words: What its question shows afterwards.
        is_signed: It takes a key.
    """

    act: Callable[[Conversation, Case, _Given], None]
    states: frozenset[DisputeState]
    words: str
    is_signed: bool = False


_ASKED: Final = frozenset({DisputeState.ASKED})
_DECIDED: Final = frozenset({DisputeState.DECIDED})
_CHOICES: Final[Mapping[tuple[Side, str], _Answer]] = {
    (Side.PAYER, asking.DISPUTE): _Answer(_open, _ASKED, N_("Approved."), is_signed=True),
    (Side.PAYER, asking.DECLINE): _Answer(_cancel, _ASKED, N_("Nothing is disputed.")),
    (Side.PAYER, asking.WITHDRAW): _Answer(_withdraw, LIVE, N_("You took it back.")),
    (Side.PAYEE, asking.GIVE_BACK): _Answer(_agree, LIVE, N_("Approved."), is_signed=True),
    (Side.PAYEE, asking.CONTEST): _Answer(
        _contest, frozenset({DisputeState.OPEN}), N_("You do not give it back.")
    ),
    (Side.PAYER, asking.APPEAL): _Answer(_appeal, _DECIDED, N_("You appealed.")),
    (Side.PAYEE, asking.APPEAL): _Answer(_appeal, _DECIDED, N_("You appealed.")),
    (Side.DESK, asking.SO): _Answer(
        _decide,
        frozenset({DisputeState.AT_DESK, DisputeState.APPEALED}),
        N_("Approved."),
        is_signed=True,
    ),
}
