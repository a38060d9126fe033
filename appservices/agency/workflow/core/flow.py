"""Going through the steps of a service, until one of them waits for somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.agency.cases.core.case import PendingDocument, Refusal
from appservices.agency.cases.core.effects import (
    AskDesk,
    AskPerson,
    FetchSigned,
    MakeDocument,
    MakeRoom,
    PostToDesk,
    TellDesk,
    TellPerson,
    Topic,
)
from appservices.agency.cases.core.form_talk import Asker
from appservices.agency.cases.core.states import Happened, State, TimerKind
from appservices.agency.cases.core.terms import start_office_clock, stop_office_clock
from appservices.agency.cases.texts.approval import approval_question
from appservices.agency.desk.texts import claim_question, desk_card_doc, ended_desk_doc
from appservices.agency.documents.core import document_data
from appservices.agency.fees.core import ask_fee, give_up_fees
from appservices.agency.language.core.definition import (
    DecideStep,
    Decision,
    DocumentStep,
    FormStep,
    MessageStep,
    PayStep,
    ReviewStep,
    Signer,
    SignStep,
    Step,
    WaitStep,
)
from appservices.agency.offices.core.office import Role
from appservices.agency.signatures.core import ask_signatures
from appservices.agency.workflow.texts import approved_doc, refusal_doc, served_doc, submitted_doc
from appservices.agency.working_days.core import DAY_MS
from veche.protocol.forms.dialogue import start
from veche.protocol.forms.state import FORM_KEPT_MS
from veche.protocol.message import Paragraph

if TYPE_CHECKING:
    from appservices.agency.cases.core.turn import Turn

CLOSED_AFTER_DAYS: Final = 30
"""Calendar days in which one can still ask about a case that is served, withdrawn or expired."""
DESK_TOPICS: Final = (Topic.CLAIM, Topic.DECIDE, Topic.WRITE)
PERSON_TOPICS: Final = (Topic.FORM, Topic.APPROVE, Topic.MORE, Topic.WITHDRAW)


def advance(turn: Turn) -> None:
    """Take the steps from the present one, until one waits or all are taken."""
    steps = turn.definition.steps
    while turn.case.step < len(steps):
        step = steps[turn.case.step]
        if _is_for(turn, step) and turn.holds(step.condition) and not _take(turn, step):
            return
        turn.change(step=turn.case.step + 1)
    if turn.case.state is State.DRAFT and _asks_for_key(turn):
        return
    if turn.case.state is not State.DECIDED_NO:
        _finish(turn)


def go_on(turn: Turn) -> None:
    """The present step is done: take the next ones."""
    turn.change(step=turn.case.step + 1)
    advance(turn)


def asker_of(turn: Turn, step: FormStep) -> Asker:
    """How the form of a step is asked."""
    return Asker(
        form=turn.definition.form(step.fields, turn.context.language),
        language=turn.context.language,
        topic=Topic.FORM,
        expires_at_ms=turn.case.opened_at_ms + FORM_KEPT_MS,
        min_trust=turn.definition.min_trust,
    )


def _is_for(turn: Turn, step: Step) -> bool:
    """Return whether a step applies to a case with this decision."""
    state = turn.case.state
    is_decided = state in {State.DECIDED_YES, State.DECIDED_NO}
    if isinstance(step, ReviewStep | DecideStep):
        return not is_decided
    if isinstance(step, MessageStep):
        return step.is_after_refusal == (state is State.DECIDED_NO)
    return state is not State.DECIDED_NO


def _take(turn: Turn, step: Step) -> bool:
    """Take a step; False if it waits for somebody."""
    is_for_office = not isinstance(step, FormStep | MessageStep)
    if turn.case.state is State.DRAFT and is_for_office and not _hand_in(turn):
        return False
    match step:
        case FormStep():
            _ask_form(turn, step)
            return False
        case MessageStep(text=text):
            turn.emit(TellPerson((Paragraph(text.text(turn.context.language)),)))
            return True
        case DecideStep():
            _decide(turn, step)
            return True
        case ReviewStep():
            put_on_desk(turn)
        case DocumentStep():
            _make_document(turn)
        case WaitStep():
            _wait(turn, step)
        case PayStep():
            return not ask_fee(turn, step)
        case SignStep():
            ask_signatures(turn, step, _pending(turn))
    return False


def _hand_in(turn: Turn) -> bool:
    """Submit what was filled in; False if it waits for a key, or for a room."""
    if _asks_for_key(turn):
        return False
    _submit(turn)
    if not turn.context.has_client:
        turn.change(has_room=True)  # there is no room but the chat
    turn.emit(TellPerson(submitted_doc(turn.definition, turn.case, turn.context)))
    if not turn.case.has_room:
        # Nothing is on a desk before the person has the room in which to follow it.
        office = turn.context.office.name(turn.context.language)
        turn.emit(MakeRoom(f"{office} · {turn.case.number}"))
    return turn.case.has_room


def _ask_form(turn: Turn, step: FormStep) -> None:
    asker = asker_of(turn, step)
    state, outputs = start(asker.form, started_at_ms=turn.context.now_ms)
    turn.change(form=state)
    turn.emit(AskPerson(asker.question(state, outputs, turn.context)))


def _asks_for_key(turn: Turn) -> bool:
    """Let the person approve their answers with a key, where that is needed and not yet done."""
    if not turn.definition.needs_key or turn.case.is_approved:
        return False
    until_ms = turn.case.opened_at_ms + FORM_KEPT_MS
    question = approval_question(turn.definition, turn.case, until_ms, turn.context)
    turn.close(Topic.FORM)
    turn.emit(AskPerson(question))
    return True


def _submit(turn: Turn) -> None:
    """The person has given what was asked: from now on it is for the office."""
    turn.drop_clocks(TimerKind.EXPIRY, TimerKind.REMINDER)
    turn.close(*PERSON_TOPICS)
    turn.change(state=State.SUBMITTED, submitted_at_ms=turn.context.now_ms, form=None)
    turn.record(Role.PERSON, Happened.SUBMITTED)
    start_office_clock(turn, turn.definition.deadline.working_days)


def put_on_desk(turn: Turn) -> None:
    """The case waits for a clerk."""
    turn.change(state=State.SUBMITTED)
    question = claim_question(turn.definition, turn.case, turn.context)
    desk = turn.definition.desk
    if turn.case.is_at_desk:
        turn.emit(AskDesk(desk, question))
        return
    doc = desk_card_doc(turn.definition, turn.case, turn.context)
    turn.emit(PostToDesk(desk, doc, question))
    turn.change(is_at_desk=True)


def _decide(turn: Turn, step: DecideStep) -> None:
    if step.decision is Decision.APPROVE:
        approve(turn, Role.OFFICE, Happened.APPROVED_BY_RULE)
    else:
        refuse(turn, Role.OFFICE, Happened.REFUSED_BY_RULE, code=step.reason or "")


def approve(turn: Turn, role: Role, happened: Happened) -> None:
    """The case is decided: yes. The caller goes on with the next step."""
    turn.let_clerk_go()
    turn.change(state=State.DECIDED_YES, days_left=None)
    _owe_result(turn)
    turn.record(role, happened)
    by_silence = happened is Happened.APPROVED_BY_SILENCE
    turn.emit(TellPerson(approved_doc(turn.definition, turn.context, by_silence=by_silence)))
    _leave_desk(turn)


def _owe_result(turn: Turn) -> None:
    """Silence decides nothing any more, but the office still has a term, for the result."""
    expiry = turn.case.timer(TimerKind.EXPIRY)
    turn.drop_clocks(TimerKind.EXPIRY)
    if turn.case.timer(TimerKind.OVERDUE) is not None:
        return
    days = turn.definition.deadline.escalated_working_days
    now_ms = turn.context.now_ms
    later_ms = turn.context.office.calendar.after_working_days(now_ms, days)
    due_at_ms = expiry.at_ms if expiry is not None else later_ms
    turn.change(due_at_ms=due_at_ms)
    turn.set_clock(TimerKind.OVERDUE, due_at_ms)


def refuse(
    turn: Turn,
    role: Role,
    happened: Happened,
    *,
    code: str,
    law: str = "",
    text: str = "",
) -> None:
    """The case is decided: no. The caller goes on with the next step.

    Args:
        turn: The step.
        role: Who decided.
        happened: How it came.
        code: Of a reason of the service, or ``SILENCE``.
        law: The rule in words, if it is not that of the reason.
        text: The clerk's words.
    """
    rules = turn.definition.refusal
    if rules is None:
        raise AssertionError("a service that can refuse has rules for it: the checker sees to it")
    turn.let_clerk_go()
    calendar = turn.context.office.calendar
    until_ms = calendar.after_days(turn.context.now_ms, rules.appeal_days)
    refusal = Refusal(code, law or None, text, until_ms)
    turn.drop_clocks(TimerKind.OVERDUE, TimerKind.REMINDER, TimerKind.EXPIRY, TimerKind.WAIT)
    turn.change(state=State.DECIDED_NO, refusal=refusal, due_at_ms=None, days_left=None)
    turn.set_clock(TimerKind.CLOSING, until_ms)
    turn.record(role, happened, text or None)
    doc = refusal_doc(turn.definition, refusal, turn.context)
    turn.emit(TellPerson(doc, is_served=True))
    give_up_fees(turn)
    _leave_desk(turn)


def _leave_desk(turn: Turn) -> None:
    if turn.case.is_at_desk:
        # What is decided can't be taken back: the question whether to do so is over.
        turn.close(Topic.WITHDRAW, *DESK_TOPICS)
        doc = ended_desk_doc(turn.case, turn.context, signer=_signer(turn))
        turn.emit(TellDesk(turn.definition.desk, doc))


def _signer(turn: Turn) -> str | None:
    """Return the staff member who will sign a decided case's document; None: nobody."""
    coming = turn.definition.steps[turn.case.step + 1 :]
    is_signed = any(
        isinstance(step, SignStep)
        and Signer.CLERK in step.by
        and _is_for(turn, step)
        and turn.holds(step.condition)
        for step in coming
    )
    return turn.case.decided_by if is_signed else None


def _make_document(turn: Turn) -> None:
    turn.change(state=State.DECIDED_YES, pending=_pending(turn))
    emit_document(turn)


def _pending(turn: Turn) -> PendingDocument:
    """The next document, to be made."""
    rules = turn.definition.document
    if rules is None:
        raise AssertionError("a document step has rules for it: the checker sees to it")
    calendar = turn.context.office.calendar
    valid_until_ms = None
    if rules.valid_days is not None:
        valid_until_ms = calendar.after_days(turn.context.now_ms, rules.valid_days)
    return PendingDocument(
        number=len(turn.case.documents) + 1,
        language=turn.context.language,
        issued_at_ms=turn.context.now_ms,
        valid_until_ms=valid_until_ms,
    )


def emit_document(turn: Turn) -> None:
    """Let the pending document be made, or made again."""
    rules, pending = turn.definition.document, turn.case.pending
    if rules is None or pending is None:
        raise AssertionError("only a pending document is made")
    signed = turn.case.signatures
    if signed is not None and signed.number == pending.number and signed.session is not None:
        turn.emit(FetchSigned(signed.session))
        return
    data = document_data(turn.definition, turn.case, pending, turn.context)
    turn.emit(MakeDocument(rules.template, data))


def _wait(turn: Turn, step: WaitStep) -> None:
    calendar = turn.context.office.calendar
    stop_office_clock(turn)
    until_ms = calendar.after_working_days(turn.context.now_ms, step.working_days)
    turn.set_clock(TimerKind.WAIT, until_ms)
    reason = step.reason.text(turn.context.language)
    turn.record(Role.OFFICE, Happened.WAITS, reason)
    until = turn.context.person.date(until_ms)
    goes_on = turn.context.person.text("It goes on after {date}.", date=until)
    turn.emit(TellPerson((Paragraph(f"{reason} {goes_on}"),)))


def _finish(turn: Turn) -> None:
    if turn.case.state is State.DRAFT:
        _submit(turn)
    # A question of the person is still to be answered.
    turn.drop_clocks(*(kind for kind in TimerKind if kind is not TimerKind.QUESTION))
    turn.change(state=State.SERVED, due_at_ms=None, days_left=None)
    turn.record(Role.OFFICE, Happened.SERVED)
    turn.emit(TellPerson(served_doc(turn.definition, turn.case, turn.context)))
    _set_closing(turn)


def end(turn: Turn, state: State, role: Role, happened: Happened) -> None:
    """The case ends without a decision: withdrawn or expired."""
    turn.let_clerk_go()
    turn.drop_clocks()
    turn.change(
        state=state, form=None, desk_form=None, question=None, due_at_ms=None, days_left=None
    )
    turn.record(role, happened)
    turn.close(*PERSON_TOPICS, *DESK_TOPICS, Topic.REPLY, Topic.RETRY)
    give_up_fees(turn)
    if turn.case.is_at_desk:
        desk = turn.definition.desk
        turn.emit(TellDesk(desk, ended_desk_doc(turn.case, turn.context)))
    _set_closing(turn)


def _set_closing(turn: Turn) -> None:
    now_ms = turn.context.now_ms
    at_ms = turn.context.office.calendar.after_days(now_ms, CLOSED_AFTER_DAYS)
    turn.set_clock(TimerKind.CLOSING, max(at_ms, now_ms + DAY_MS))
