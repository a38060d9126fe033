"""Steps of a case by the person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import attrs

from appservices.agency.cases.core.case import FILES_MAX, AddedFile, OpenQuestion, QuestionKind
from appservices.agency.cases.core.effects import (
    AskDesk,
    AskPerson,
    Party,
    Question,
    RefusalReason,
    SendExport,
    TellDesk,
    TellPerson,
    Topic,
)
from appservices.agency.cases.core.export import export
from appservices.agency.cases.core.replies import FILE_FIELD
from appservices.agency.cases.core.states import WITH_OFFICE, Happened, State, TimerKind
from appservices.agency.cases.core.terms import start_office_clock
from appservices.agency.cases.texts.approval import APPROVE, CANCEL, CHANGE
from appservices.agency.cases.texts.words import state_words
from appservices.agency.desk.texts import (
    answer_doc,
    decide_question,
    file_added_doc,
    reply_question,
)
from appservices.agency.language.core.definition import FormStep
from appservices.agency.offices.core.office import Role
from appservices.agency.workflow.core.flow import advance, asker_of, end, go_on, put_on_desk
from appservices.agency.workflow.texts import ended_doc, question_doc, status_doc, why_doc
from veche.protocol.forms import FieldError, parse_value
from veche.protocol.forms.dialogue import step as dialogue_step
from veche.protocol.forms.models import FILE_KINDS
from veche.protocol.forms.state import (
    Cancelled,
    Completed,
    Filled,
    FormState,
    Mode,
    Pressed,
    Said,
    Sent,
)
from veche.protocol.forms.values import is_empty
from veche.protocol.inbound import Trust
from veche.protocol.message import Paragraph
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.cases.core.inputs import AddFile, Answers, AskHuman, Withdraw
    from appservices.agency.cases.core.turn import Turn
    from veche.protocol.forms import Form, Problem
    from veche.protocol.forms.state import Input as FormInput

CONFIRM_MS: Final = 60 * 60 * 1000
"""How long one can confirm a withdrawal."""
_NO_FILE: Final = "not sent to the room"


def answer_form(turn: Turn, heard: Answers) -> None:
    """The person answers a question of the form, or approves what they filled in."""
    if turn.case.form is None and turn.definition.needs_key and not turn.case.is_approved:
        _answer_approval(turn, heard)
        return
    step = turn.definition.steps[turn.case.step]
    if turn.case.form is None or not isinstance(step, FormStep):
        # Only a case that was damaged is here: nothing is asked, and yet it is a draft.
        words = state_words(turn.case.state, turn.context.person)
        raise turn.refuse(Party.PERSON, RefusalReason.NOT_NOW, state=words)
    asker = asker_of(turn, step)
    here = turn.context.field_context(turn.context.language)
    before = turn.case.form
    said = _with_known_files(asker.form, before, heard.said)
    form, outputs = dialogue_step(asker.form, before, said, here)
    last = outputs[-1]
    if isinstance(last, Cancelled):
        end(turn, State.WITHDRAWN, Role.PERSON, Happened.WITHDRAWN)
        turn.emit(TellPerson(ended_doc(turn.definition, turn.case, turn.context)))
    elif isinstance(last, Completed):
        if heard.trust < turn.definition.min_trust:
            raise turn.refuse(Party.PERSON, RefusalReason.TRUST_TOO_LOW)
        turn.change(form=None, answers={**turn.case.answers, **last.values})
        go_on(turn)
    else:
        turn.change(form=form)
        turn.emit(AskPerson(asker.question(form, outputs, turn.context)))


def _with_known_files(form: Form, before: FormState, said: FormInput) -> FormInput:
    """Drop a file that was not sent to the room, and so was not checked."""
    if not isinstance(said, Filled):
        return said
    files = {field.id for field in form.fields if field.kind in FILE_KINDS}
    known = before.values
    data = {
        id_: _NO_FILE if id_ in files and not is_empty(value) and value != known.get(id_) else value
        for id_, value in said.data.items()
    }
    return attrs.evolve(said, data=data)


def _answer_approval(turn: Turn, heard: Answers) -> None:
    """The person approves their answers with a key, or wants to change or drop them."""
    choice = heard.said.choice_id if isinstance(heard.said, Pressed) else None
    if choice == APPROVE and heard.trust >= Trust.SIGNED:
        turn.change(is_approved=True)
        advance(turn)
    elif choice == CHANGE and (last := _last_form(turn)) is not None:
        _reopen_form(turn, *last)
    elif choice in {CHANGE, CANCEL}:
        # Whoever says no where nothing was asked has nothing to change.
        end(turn, State.WITHDRAWN, Role.PERSON, Happened.WITHDRAWN)
        turn.emit(TellPerson(ended_doc(turn.definition, turn.case, turn.context)))
    else:
        raise turn.refuse(Party.PERSON, RefusalReason.KEY_NEEDED)


def _last_form(turn: Turn) -> tuple[int, FormStep] | None:
    """The form that was filled in last, and its place among the steps; None: none was."""
    steps = turn.definition.steps[: turn.case.step]
    forms = [(at, step) for at, step in enumerate(steps) if isinstance(step, FormStep)]
    return next((one for one in reversed(forms) if turn.holds(one[1].condition)), None)


def _reopen_form(turn: Turn, at: int, step: FormStep) -> None:
    """Show the answers of a form again, each of which can be changed."""
    asker = asker_of(turn, step)
    known = {id_: turn.case.answers[id_] for id_ in step.fields if id_ in turn.case.answers}
    # What is optional and was left empty was seen, and is not asked again.
    form = FormState(known, 0, Mode.REVIEW, turn.case.opened_at_ms, frozenset(step.fields))
    others = {id_: value for id_, value in turn.case.answers.items() if id_ not in step.fields}
    turn.change(step=at, form=form, answers=others)
    turn.close(Topic.APPROVE)
    turn.emit(AskPerson(asker.question(form, (), turn.context)))


def answer_desk(turn: Turn, heard: Answers) -> None:
    """The person answers what the desk has asked."""
    if heard.trust < turn.definition.min_trust:
        raise turn.refuse(Party.PERSON, RefusalReason.TRUST_TOO_LOW)
    said = heard.said
    desk = turn.definition.desk
    text: str | None = None
    if isinstance(said, Sent):
        name = _add_file(turn, said.content, said.problem)
        turn.emit(TellDesk(desk, file_added_doc(name, turn.context)))
    else:
        text = turn.checked_text(Party.PERSON, _words_of(turn, said))
        turn.emit(TellDesk(desk, answer_doc(text, turn.context)))
    turn.close(Topic.MORE)
    turn.drop_clocks(TimerKind.EXPIRY, TimerKind.REMINDER)
    start_office_clock(turn, turn.case.days_left or 1)
    if turn.case.clerk is None:
        turn.change(asked_text=None)
        put_on_desk(turn)
    else:
        turn.change(state=State.IN_REVIEW, asked_text=None)
        ask_decision(turn)
    turn.record(Role.PERSON, Happened.ANSWERED, text)
    turn.emit(TellPerson((Paragraph(turn.context.person.text("Thank you, the office has it.")),)))


def _words_of(turn: Turn, said: Said | Filled | Pressed) -> str:
    """The text of an answer to the desk, however it was given."""
    if isinstance(said, Said):
        return said.text
    text = said.data.get("text") if isinstance(said, Filled) else None
    if not isinstance(text, str):
        raise turn.refuse(Party.PERSON, RefusalReason.EMPTY)
    return text


def ask_decision(turn: Turn) -> None:
    """Ask the clerk who has the case for a decision."""
    review = turn.definition.review
    if review is not None:
        question = decide_question(turn.definition, turn.case, review, turn.context)
        turn.emit(AskDesk(turn.definition.desk, question))


def add_file(turn: Turn, heard: AddFile) -> None:
    """The person adds a file that nobody asked for."""
    if heard.trust < turn.definition.min_trust:
        raise turn.refuse(Party.PERSON, RefusalReason.TRUST_TOO_LOW)
    turn.need_room_in_history(Party.PERSON)
    name = _add_file(turn, heard.file, heard.problem)
    if turn.case.is_at_desk:
        turn.emit(TellDesk(turn.definition.desk, file_added_doc(name, turn.context)))
    # Whoever approved first has not seen it.
    turn.change(first_approval=None)
    turn.record(Role.PERSON, Happened.FILE_ADDED, name)
    words = turn.context.person.text("The file is added to your case: {name}.", name=name)
    turn.emit(TellPerson((Paragraph(words),)))


def _add_file(turn: Turn, content: Mapping[str, Any], problem: Problem | None) -> str:
    """Keep a file with the case; its name."""
    if len(turn.case.files) >= FILES_MAX:
        raise turn.refuse(Party.PERSON, RefusalReason.TOO_MANY)
    here = turn.context.field_context(turn.context.language)
    try:
        if problem is not None:
            raise FieldError.of(FILE_FIELD, problem)
        value = parse_value(FILE_FIELD, content, here)
    except FieldError as e:
        text = e.text(turn.context.catalogue, turn.context.language)
        raise turn.refuse(Party.PERSON, RefusalReason.UNKNOWN, what=text) from e
    file = cast("dict[str, Any]", value)  # The value of a file is an object.
    turn.change(files=(*turn.case.files, AddedFile(turn.context.now_ms, file)))
    return str(file["name"])


def withdraw(turn: Turn, heard: Withdraw) -> None:
    """The person takes the case back, after they were asked whether they mean it."""
    localizer = turn.context.person
    if heard.is_confirmed:
        end(turn, State.WITHDRAWN, Role.PERSON, Happened.WITHDRAWN)
        turn.emit(TellPerson(ended_doc(turn.definition, turn.case, turn.context)))
        return
    title = turn.definition.title.text(turn.context.language)
    ask = localizer.text("Withdraw “{title}”? The office then does nothing more.", title=title)
    question = Question(
        Topic.WITHDRAW,
        (Paragraph(ask),),
        turn.context.now_ms + CONFIRM_MS,
        choices=(
            Choice(id="withdraw", label=localizer.text("Yes, withdraw it"), style="danger"),
            Choice(id="keep", label=localizer.text("No, go on")),
        ),
        min_trust=turn.definition.min_trust,
    )
    turn.emit(AskPerson(question))


def tell_status(turn: Turn) -> None:
    """The person wants to know where it stands."""
    turn.emit(TellPerson(status_doc(turn.definition, turn.case, turn.context)))


def tell_why(turn: Turn) -> None:
    """The person wants to know what is being waited for; the office gets a term to say more."""
    turn.emit(TellPerson(why_doc(turn.definition, turn.case, turn.context)))
    is_late_to_say = turn.case.timer(TimerKind.WAIT) is None
    if turn.case.state in WITH_OFFICE and is_late_to_say and turn.case.question is None:
        _ask_office(turn, QuestionKind.WHY, "")


def ask_human(turn: Turn, heard: AskHuman) -> None:
    """The person asks for a human being."""
    turn.need_room_in_history(Party.PERSON)
    if turn.case.question is not None and turn.case.question.kind is QuestionKind.HUMAN:
        raise turn.refuse(Party.PERSON, RefusalReason.ALREADY)
    text = turn.checked_text(Party.PERSON, heard.text) if heard.text.strip() else ""
    _ask_office(turn, QuestionKind.HUMAN, text)


def _ask_office(turn: Turn, kind: QuestionKind, text: str) -> None:
    now_ms = turn.context.now_ms
    days = turn.definition.deadline.answer_working_days
    due_at_ms = turn.context.office.calendar.after_working_days(now_ms, days)
    turn.change(question=OpenQuestion(kind, text, due_at_ms))
    turn.set_clock(TimerKind.QUESTION, due_at_ms)
    turn.record(Role.PERSON, Happened.QUESTION_ASKED, text or None)
    turn.emit(
        AskDesk(turn.definition.desk, reply_question(turn.case, turn.context)),
        TellPerson(question_doc(turn.case, turn.context)),
    )


def send_export(turn: Turn) -> None:
    """The person wants the whole case."""
    data = export(turn.definition, turn.case, turn.context)
    turn.emit(SendExport(f"{turn.case.service}-{turn.case.number}.json", data))
