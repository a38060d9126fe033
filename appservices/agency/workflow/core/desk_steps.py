"""Steps of a case by the staff."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from appservices.agency.cases.core.case import ASKED_MAX, DeskForm
from appservices.agency.cases.core.effects import (
    AskDesk,
    AskFee,
    AskPerson,
    InviteClerk,
    Party,
    Question,
    RefusalReason,
    TellDesk,
    TellPerson,
    Topic,
)
from appservices.agency.cases.core.form_talk import Asker
from appservices.agency.cases.core.states import Happened, State, TimerKind
from appservices.agency.cases.core.terms import remind_person, stop_office_clock
from appservices.agency.cases.texts.words import staff_state_words
from appservices.agency.desk.texts import DESK_QUESTION_MS, claim_question, file_docs, write_form
from appservices.agency.fees.core import keep_fee
from appservices.agency.language.core.definition import Decision
from appservices.agency.offices.core.office import Role
from appservices.agency.signatures.core import emit_signatures, keep_signatures
from appservices.agency.workflow.core.flow import (
    DESK_TOPICS,
    approve,
    emit_document,
    go_on,
    put_on_desk,
    refuse,
)
from appservices.agency.workflow.core.person_steps import ask_decision
from appservices.agency.workflow.texts import reply_doc
from veche.protocol.forms import Field, FieldKind, Form
from veche.protocol.forms.dialogue import start
from veche.protocol.forms.dialogue import step as dialogue_step
from veche.protocol.forms.state import Cancelled, Completed, Review
from veche.protocol.message import Bold, Heading, Paragraph

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.cases.core.inputs import (
        Approve,
        AskMore,
        Assign,
        Call,
        Claim,
        DeskAnswers,
        FlagCase,
        Refuse,
        Reply,
        Retry,
        Return,
        Write,
    )
    from appservices.agency.cases.core.turn import Turn
    from appservices.agency.offices.core.office import Staff


def claim(turn: Turn, heard: Claim) -> None:
    """A clerk takes the case; a decision maker may take it from another."""
    _need_staff(turn, heard.by)
    turn.need_room_in_history(Party.STAFF)
    if turn.case.clerk == heard.by.id:
        raise turn.refuse(Party.STAFF, RefusalReason.ALREADY)
    if turn.case.clerk is not None and heard.by.role is not Role.DECISION_MAKER:
        raise turn.refuse(Party.STAFF, RefusalReason.NOT_YOURS)
    _give_to(turn, heard.by.id, heard.by.role, Happened.CLAIMED)


def assign(turn: Turn, heard: Assign) -> None:
    """The clerk who has the case, or a decision maker, gives it to somebody."""
    _need_staff(turn, heard.by)
    turn.need_room_in_history(Party.STAFF)
    if heard.by.role is not Role.DECISION_MAKER and turn.case.clerk != heard.by.id:
        raise turn.refuse(Party.STAFF, RefusalReason.NOT_YOURS)
    if turn.case.clerk == heard.to:
        raise turn.refuse(Party.STAFF, RefusalReason.ALREADY)
    _give_to(turn, heard.to, heard.by.role, Happened.ASSIGNED)


def _give_to(turn: Turn, staff: str, role: Role, happened: Happened) -> None:
    if not turn.case.is_at_desk:
        # It still waits for its room, or by a rule.
        words = staff_state_words(turn.case.state, turn.context.staff)
        raise turn.refuse(Party.STAFF, RefusalReason.NOT_NOW, state=words)
    if turn.case.first_approval == staff:
        raise turn.refuse(Party.STAFF, RefusalReason.SAME_PERSON)
    turn.let_clerk_go()
    turn.close(*DESK_TOPICS)
    is_asked = turn.case.state is State.NEEDS_MORE
    turn.change(state=State.NEEDS_MORE if is_asked else State.IN_REVIEW, clerk=staff)
    turn.record(role, happened)
    turn.emit(InviteClerk(staff))
    for doc in file_docs(turn.definition, turn.case, turn.context):
        turn.emit(TellDesk(turn.definition.desk, doc))
    if not is_asked:
        ask_decision(turn)


def give_back(turn: Turn, heard: Return) -> None:
    """The clerk gives the case back to the desk."""
    _need_charge(turn, heard.by)
    turn.need_room_in_history(Party.STAFF)
    turn.let_clerk_go()
    turn.close(*DESK_TOPICS)
    if turn.case.state is State.IN_REVIEW:
        put_on_desk(turn)
    turn.record(heard.by.role, Happened.RETURNED)


def flag(turn: Turn, heard: FlagCase) -> None:
    """The clerk makes a remark, or takes it back."""
    _need_charge(turn, heard.by)
    turn.need_room_in_history(Party.STAFF)
    review = turn.definition.review
    known = [one.id for one in review.flags] if review else []
    if heard.flag not in known:
        raise turn.refuse(Party.STAFF, RefusalReason.UNKNOWN, what=heard.flag)
    if (heard.flag in turn.case.flags) == heard.is_set:
        raise turn.refuse(Party.STAFF, RefusalReason.ALREADY)
    is_set = {one: one in turn.case.flags for one in known} | {heard.flag: heard.is_set}
    turn.change(flags=tuple(one for one in known if is_set[one]))
    turn.record(heard.by.role, Happened.FLAGGED)
    ask_decision(turn)


def begin_writing(turn: Turn, heard: Write) -> None:
    """The clerk wants to refuse or to ask for more: ask how, field by field."""
    _need_decision(turn, heard.by, heard.decision)
    asker = _asker(turn, heard.decision)
    form, outputs = start(asker.form, started_at_ms=turn.context.now_ms)
    turn.change(desk_form=DeskForm(heard.decision, heard.by.id, form))
    # Else a number would fit both questions.
    turn.close(Topic.DECIDE)
    turn.emit(AskDesk(turn.definition.desk, asker.question(form, outputs, turn.context)))


def go_on_writing(turn: Turn, heard: DeskAnswers) -> None:
    """The clerk answers a field; at the end it is done."""
    writing = turn.case.desk_form
    if writing is None:
        words = staff_state_words(turn.case.state, turn.context.staff)
        raise turn.refuse(Party.STAFF, RefusalReason.NOT_NOW, state=words)
    _need_decision(turn, heard.by, writing.decision)
    asker = _asker(turn, writing.decision)
    here = turn.context.field_context(turn.context.office.language)
    form, outputs = dialogue_step(asker.form, writing.form, heard.said, here)
    match outputs[-1]:
        case Completed(values=values):
            turn.change(desk_form=None)
            _write(turn, heard.by, writing.decision, values)
        case Review(values=values, missing=()) if len(asker.form.fields) == 1:
            # What was written a moment ago needs no second look.
            turn.change(desk_form=None)
            _write(turn, heard.by, writing.decision, values)
        case Cancelled():
            turn.change(desk_form=None)
            turn.close(Topic.WRITE)
            ask_decision(turn)
        case _:
            turn.change(desk_form=DeskForm(writing.decision, writing.by, form))
            turn.emit(AskDesk(turn.definition.desk, asker.question(form, outputs, turn.context)))


def _write(turn: Turn, by: Staff, decision: Decision, values: Mapping[str, Any]) -> None:
    if decision is Decision.ASK_MORE:
        _ask_person(turn, by, values["text"])
    else:
        _refuse(turn, by, values["reason"], values.get("law", ""), values["text"])


def _asker(turn: Turn, decision: Decision) -> Asker:
    return Asker(
        form=write_form(turn.definition, decision, turn.context),
        language=turn.context.office.language,
        topic=Topic.WRITE,
        expires_at_ms=turn.context.now_ms + DESK_QUESTION_MS,
        to=turn.case.clerk,
    )


def ask_more(turn: Turn, heard: AskMore) -> None:
    """The clerk asks the person for more; meanwhile the office's clock stands still."""
    _need_decision(turn, heard.by, Decision.ASK_MORE)
    _ask_person(turn, heard.by, heard.text)


def _ask_person(turn: Turn, by: Staff, text: str) -> None:
    turn.need_room_in_history(Party.STAFF)
    if turn.case.asked_count >= ASKED_MAX:
        raise turn.refuse(Party.STAFF, RefusalReason.TOO_MANY)
    text = turn.checked_text(Party.STAFF, text)
    review = turn.definition.review
    if review is None:
        raise AssertionError("only a service with a desk comes here: the checker sees to it")
    calendar = turn.context.office.calendar
    until_ms = calendar.after_days(turn.context.now_ms, review.answer_days)
    stop_office_clock(turn)
    turn.change(
        state=State.NEEDS_MORE,
        asked_count=turn.case.asked_count + 1,
        asked_text=text,
        first_approval=None,
        desk_form=None,
    )
    turn.set_clock(TimerKind.EXPIRY, until_ms)
    remind_person(turn, until_ms)
    turn.close(*DESK_TOPICS)
    turn.record(by.role, Happened.ASKED_MORE, text)
    turn.emit(AskPerson(_more_question(turn, text, until_ms)))


def _more_question(turn: Turn, text: str, until_ms: int) -> Question:
    localizer = turn.context.person
    until = localizer.date(until_ms)
    how = localizer.text("Write your answer here, or send a file, by {date}.", date=until)
    label = localizer.text("Your answer")
    form = Form(fields=(Field(id="text", kind=FieldKind.LONG_TEXT, label=label, required=True),))
    return Question(
        Topic.MORE,
        (
            Heading(localizer.text("The office asks you")),
            Paragraph(text),
            Paragraph(Bold(how)),
        ),
        until_ms,
        form=form,
        min_trust=turn.definition.min_trust,
    )


def approve_case(turn: Turn, heard: Approve) -> None:
    """The clerk approves; where two must, the first approval asks for a second person."""
    _need_decision(turn, heard.by, Decision.APPROVE)
    review = turn.definition.review
    needs_two = (
        review is not None
        and review.two_persons_if is not None
        and turn.holds(review.two_persons_if)
    )
    if turn.case.first_approval == heard.by.id:
        raise turn.refuse(Party.STAFF, RefusalReason.SAME_PERSON)
    if needs_two and turn.case.first_approval is None:
        turn.let_clerk_go()
        turn.change(first_approval=heard.by.id)
        turn.close(*DESK_TOPICS)
        turn.record(heard.by.role, Happened.APPROVED_FIRST)
        question = claim_question(turn.definition, turn.case, turn.context)
        turn.emit(AskDesk(turn.definition.desk, question))
        return
    turn.change(decided_by=heard.by.id)
    approve(turn, heard.by.role, Happened.APPROVED)
    go_on(turn)


def refuse_case(turn: Turn, heard: Refuse) -> None:
    """The clerk refuses, with everything that a refusal must say."""
    _need_decision(turn, heard.by, Decision.REFUSE)
    _refuse(turn, heard.by, heard.reason, heard.law, heard.text)


def _refuse(turn: Turn, by: Staff, reason: str, law: str, text: str) -> None:
    rules = turn.definition.refusal
    if rules is None or rules.reason(reason) is None:
        raise turn.refuse(Party.STAFF, RefusalReason.UNKNOWN, what=reason[:80])
    text = turn.checked_text(Party.STAFF, text)
    law = turn.checked_text(Party.STAFF, law) if law.strip() else ""
    refuse(turn, by.role, Happened.REFUSED, code=reason, law=law, text=text)
    go_on(turn)


def reply(turn: Turn, heard: Reply) -> None:
    """Somebody of the office writes to the person."""
    _need_staff(turn, heard.by)
    turn.need_room_in_history(Party.STAFF)
    text = turn.checked_text(Party.STAFF, heard.text)
    turn.change(question=None)
    turn.drop_clocks(TimerKind.QUESTION)
    turn.close(Topic.REPLY)
    turn.record(heard.by.role, Happened.QUESTION_ANSWERED, text)
    turn.emit(TellPerson(reply_doc(text, turn.context)))


def retry(turn: Turn, heard: Retry) -> None:
    """Somebody of the office lets the document be made again."""
    _need_staff(turn, heard.by)
    if turn.case.pending is None or not turn.case.pending.has_failed:
        raise turn.refuse(Party.STAFF, RefusalReason.ALREADY)
    turn.change(pending=attrs.evolve(turn.case.pending, has_failed=False))
    emit_document(turn)


def retry_fee(turn: Turn, heard: Retry) -> None:
    """Somebody of the office lets the invoice be made again."""
    _need_staff(turn, heard.by)
    if turn.case.fee is None or not turn.case.fee.has_failed:
        raise turn.refuse(Party.STAFF, RefusalReason.ALREADY)
    fee = attrs.evolve(turn.case.fee, has_failed=False)
    keep_fee(turn, fee)
    turn.emit(AskFee(fee))


def retry_signing(turn: Turn, heard: Retry) -> None:
    """Somebody of the office lets the document be sent to be signed again."""
    _need_staff(turn, heard.by)
    if turn.case.signatures is None or not turn.case.signatures.has_failed:
        raise turn.refuse(Party.STAFF, RefusalReason.ALREADY)
    keep_signatures(turn, has_failed=False)
    emit_signatures(turn)


def call(turn: Turn, heard: Call) -> None:
    """Somebody of the office is about to call the person."""
    _need_staff(turn, heard.by)
    turn.need_room_in_history(Party.STAFF)
    turn.record(heard.by.role, Happened.CALLED)


def call_confirmed(turn: Turn) -> None:
    """The person was told that it is the office that calls."""
    turn.record(Role.PERSON, Happened.CALL_CONFIRMED)
    words = turn.context.staff.text("The person has typed the words: they know that it is you.")
    turn.emit(TellDesk(turn.definition.desk, (Paragraph(words),)))


def _need_staff(turn: Turn, by: Staff) -> None:
    if by.role not in {Role.CLERK, Role.DECISION_MAKER}:
        raise turn.refuse(Party.STAFF, RefusalReason.NOT_ALLOWED)


def _need_charge(turn: Turn, by: Staff) -> None:
    _need_staff(turn, by)
    if turn.case.clerk != by.id:
        raise turn.refuse(Party.STAFF, RefusalReason.NOT_YOURS)


def _need_decision(turn: Turn, by: Staff, decision: Decision) -> None:
    _need_charge(turn, by)
    review = turn.definition.review
    if review is None or decision not in review.decisions:
        raise turn.refuse(Party.STAFF, RefusalReason.NOT_ALLOWED)
