"""Steps of a case by time, and by reports of our own machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from appservices.agency.cases.core.case import HISTORY_MAX, QUESTION_ESCALATIONS_MAX, Issued
from appservices.agency.cases.core.effects import (
    Close,
    Escalate,
    SendDocument,
    TellDesk,
    TellPerson,
    Topic,
)
from appservices.agency.cases.core.states import Happened, State, TimerKind
from appservices.agency.cases.core.terms import start_office_clock
from appservices.agency.cases.core.turn import stale
from appservices.agency.desk.texts import (
    claim_question,
    due_soon_doc,
    escalated_doc,
    question_escalated_doc,
    reply_question,
    retry_question,
)
from appservices.agency.language.core.definition import SILENCE, PayStep, Silence
from appservices.agency.offices.core.office import Role
from appservices.agency.signatures.core import give_up_signatures, waiting_session
from appservices.agency.signatures.texts import not_signed_doc
from appservices.agency.workflow.core.flow import (
    DESK_TOPICS,
    PERSON_TOPICS,
    advance,
    approve,
    end,
    go_on,
    refuse,
)
from appservices.agency.workflow.texts import (
    document_filename,
    ended_doc,
    overdue_doc,
    reminder_doc,
    unanswered_doc,
)
from veche.protocol.message import Paragraph

if TYPE_CHECKING:
    from appservices.agency.cases.core.inputs import (
        DocumentFailed,
        DocumentMade,
        LegallyServed,
        NotSigned,
        TimerFired,
    )
    from appservices.agency.cases.core.turn import Turn


def take_clock(turn: Turn, heard: TimerFired) -> None:
    """Forget the timer that fired.

    Raises:
        InputRefusedError: It was set anew, or dropped, before it fired.
    """
    timer = turn.case.timer(heard.timer)
    if timer is None or timer.serial != heard.serial:
        raise stale()
    turn.drop_clocks(heard.timer)


def remind_person_to_answer(turn: Turn) -> None:
    """The person must act soon."""
    turn.emit(TellPerson(reminder_doc(turn.definition, turn.case, turn.context)))


def remind_desk(turn: Turn) -> None:
    """The office must act soon."""
    desk = turn.definition.desk
    turn.emit(TellDesk(desk, due_soon_doc(turn.definition, turn.case, turn.context)))


def overdue_review(turn: Turn) -> None:
    """The desk has missed the deadline: hand the case up, with a last term."""
    _set_due_again(turn, TimerKind.EXPIRY)
    _hand_up(turn)


def overdue_result(turn: Turn) -> None:
    """The result is late: hand the case up; there is nothing that silence could decide."""
    _set_due_again(turn, TimerKind.OVERDUE)
    _hand_up(turn)


def _set_due_again(turn: Turn, kind: TimerKind) -> None:
    days = turn.definition.deadline.escalated_working_days
    calendar, now_ms = turn.context.office.calendar, turn.context.now_ms
    # Clocks ring a little late: the term runs from the missed day, unless that is long ago.
    due_at_ms = calendar.after_working_days(turn.case.due_at_ms or now_ms, days)
    if due_at_ms <= now_ms:
        due_at_ms = calendar.after_working_days(now_ms, days)
    turn.change(due_at_ms=due_at_ms)
    turn.set_clock(kind, due_at_ms)


def _hand_up(turn: Turn) -> None:
    if len(turn.case.history) < HISTORY_MAX:
        # It may be handed up for years; the first times are enough to know.
        turn.record(Role.OFFICE, Happened.OVERDUE)
    is_decided = turn.case.state is State.DECIDED_YES
    question = None if is_decided else claim_question(turn.definition, turn.case, turn.context)
    to = turn.definition.deadline.escalate_to
    turn.emit(
        Escalate(to, escalated_doc(turn.definition, turn.case, turn.context), question),
        TellPerson(overdue_doc(turn.definition, turn.case, turn.context)),
    )


def silence(turn: Turn) -> None:
    """The last term is over, and nobody has decided: the rule says what that means."""
    match turn.definition.deadline.silence_means:
        case Silence.REFUSED_AND_APPEALABLE:
            refuse(turn, Role.OFFICE, Happened.REFUSED_BY_SILENCE, code=SILENCE)
            go_on(turn)
        case Silence.APPROVED:
            approve(turn, Role.OFFICE, Happened.APPROVED_BY_SILENCE)
            go_on(turn)
        case Silence.KEEPS_WAITING:
            overdue_review(turn)


def expire(turn: Turn) -> None:
    """The person has not answered in time."""
    end(turn, State.EXPIRED, Role.OFFICE, Happened.EXPIRED)
    turn.emit(TellPerson(ended_doc(turn.definition, turn.case, turn.context)))


def question_overdue(turn: Turn) -> None:
    """The office has not answered a question: hand it up, at last tell how to complain."""
    question = turn.case.question
    if question is None:
        raise stale()
    if question.escalations >= QUESTION_ESCALATIONS_MAX:
        turn.change(question=None)
        turn.close(Topic.REPLY)
    else:
        days = turn.definition.deadline.answer_working_days
        now_ms = turn.context.now_ms
        due_at_ms = turn.context.office.calendar.after_working_days(now_ms, days)
        again = attrs.evolve(question, due_at_ms=due_at_ms, escalations=question.escalations + 1)
        turn.change(question=again)
        turn.set_clock(TimerKind.QUESTION, due_at_ms)
        doc = question_escalated_doc(turn.case, turn.context)
        asked = reply_question(turn.case, turn.context)
        turn.emit(Escalate(turn.definition.deadline.escalate_to, doc, asked))
    turn.record(Role.OFFICE, Happened.QUESTION_OVERDUE)
    turn.emit(TellPerson(unanswered_doc(turn.case, turn.context)))


def waited(turn: Turn) -> None:
    """The time that a step waits is over: the office's clock runs again."""
    start_office_clock(turn, turn.case.days_left or 1)
    go_on(turn)


def close_case(turn: Turn) -> None:
    """The time in which one could still object or ask is over."""
    turn.drop_clocks()
    turn.close(*PERSON_TOPICS, *DESK_TOPICS, Topic.REPLY, Topic.RETRY)
    turn.change(state=State.CLOSED, question=None)
    turn.record(Role.OFFICE, Happened.CLOSED)
    turn.emit(Close())


def room_made(turn: Turn) -> None:
    """The room is ready: go on with the step that waits for it."""
    if turn.case.has_room:
        raise stale()
    turn.change(has_room=True)
    advance(turn)


def room_made_late(turn: Turn) -> None:
    """The room is ready, but the case went on or ended meanwhile: show so in it."""
    if turn.case.has_room:
        raise stale()
    turn.change(has_room=True)


def legally_served(turn: Turn, heard: LegallyServed) -> None:
    """A message of the office counts as served."""
    law = f", {heard.law}" if heard.law else ""
    text = f"{turn.context.person.moment(heard.at_ms)}{law}"
    turn.record(Role.OFFICE, Happened.LEGALLY_SERVED, text)
    if turn.case.is_at_desk:
        moment = turn.context.staff.moment(heard.at_ms)
        words = turn.context.staff.text("A message of this case is served: {moment}", moment=moment)
        turn.emit(TellDesk(turn.definition.desk, (Paragraph(f"{words}{law}"),)))


def document_made(turn: Turn, heard: DocumentMade) -> None:
    """The document is made: deliver it, and go on."""
    pending, rules = turn.case.pending, turn.definition.document
    if pending is None or rules is None:
        raise stale()
    issued = Issued(
        number=pending.number,
        title=rules.title.text(pending.language),
        sha256=heard.sha256,
        size_bytes=heard.size_bytes,
        issued_at_ms=pending.issued_at_ms,
        valid_until_ms=pending.valid_until_ms,
    )
    turn.change(documents=(*turn.case.documents, issued), pending=None)
    turn.record(Role.OFFICE, Happened.DOCUMENT_MADE, issued.title)
    turn.close(Topic.RETRY)
    caption = issued.title
    if issued.valid_until_ms is not None:
        until = turn.context.person.date(issued.valid_until_ms)
        valid = turn.context.person.text("Valid until {date}.", date=until)
        caption = f"{issued.title}. {valid}"
    filename = document_filename(turn.case)
    turn.emit(SendDocument(filename, caption, turn.case.service, issued))
    go_on(turn)


def document_failed(turn: Turn, heard: DocumentFailed) -> None:
    """The document cannot be made: the office must mend it."""
    pending = turn.case.pending
    if pending is None:
        raise stale()
    turn.change(pending=attrs.evolve(pending, has_failed=True))
    if len(turn.case.history) < HISTORY_MAX:
        turn.record(Role.OFFICE, Happened.DOCUMENT_FAILED)
    question = retry_question(turn.case, heard.reason, turn.context)
    to = turn.definition.deadline.escalate_to
    turn.emit(Escalate(to, escalated_doc(turn.definition, turn.case, turn.context), question))


def unpaid(turn: Turn) -> None:
    """It was not paid in time: the case expires, or is refused if the service says so."""
    step = turn.definition.steps[turn.case.step]
    if not isinstance(step, PayStep) or step.unpaid is None:
        expire(turn)
        return
    turn.close(Topic.WITHDRAW, Topic.RETRY)
    refuse(turn, Role.OFFICE, Happened.REFUSED_BY_RULE, code=step.unpaid)
    go_on(turn)


def not_signed(turn: Turn, heard: NotSigned) -> None:
    """Somebody declined, or it was too late: the document never comes to be."""
    waiting_session(turn, heard)
    state = State.EXPIRED if heard.is_late else State.WITHDRAWN
    end(turn, state, Role.OFFICE, Happened.NOT_SIGNED)
    turn.emit(TellPerson(not_signed_doc(turn.definition, turn.context, is_late=heard.is_late)))


def unsigned(turn: Turn) -> None:
    """Nothing was heard in time."""
    give_up_signatures(turn)
    expire(turn)
