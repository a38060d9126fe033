"""From what somebody did in a room to an input of the case.

The shell knows which question an answer belongs to (its topic) and who gave it; what that means
for the case is decided here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.agency.cases.core.effects import Topic
from appservices.agency.cases.core.inputs import (
    AddFile,
    Answers,
    Approve,
    AskMore,
    Claim,
    DeskAnswers,
    FlagCase,
    PersonInput,
    Refuse,
    Reply,
    Retry,
    Return,
    StaffInput,
    Withdraw,
    Write,
)
from appservices.agency.cases.core.states import State
from appservices.agency.language.core.definition import Decision, FormStep
from veche.protocol.forms.models import FILE_KINDS, Field, FieldKind
from veche.protocol.forms.state import Filled, Mode, Pressed, Said, Sent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.cases.core.case import Case
    from appservices.agency.language.core.definition import ServiceDefinition
    from appservices.agency.offices.core.office import Staff
    from veche.protocol.forms import Problem
    from veche.protocol.inbound import Trust

FILE_FIELD: Final = Field(id="file", kind=FieldKind.FILE, label="File")
"""What a file may be that nobody asked for, or that a desk asked for."""


def person_choice(
    topic: Topic, choice: str | None, data: Mapping[str, Any] | None, trust: Trust
) -> PersonInput | None:
    """Interpret a person's answer to a question; None if nothing changes.

    Args:
        topic: Of the question.
        choice: Id of what was chosen.
        data: Fields that were filled in.
        trust: How sure it is that the person answered.
    """
    if topic is Topic.WITHDRAW:
        return Withdraw(is_confirmed=True) if choice == "withdraw" else None
    if data is not None:
        return Answers(Filled(data, is_final=True), trust)
    return Answers(Pressed(choice), trust) if choice is not None else None


def person_text(case: Case, text: str, trust: Trust) -> PersonInput | None:
    """Interpret a person's text that is no command or choice; None: they ask for help."""
    if case.state in {State.DRAFT, State.NEEDS_MORE}:
        return Answers(Said(text), trust)
    return None


def person_file(
    definition: ServiceDefinition,
    case: Case,
    content: Mapping[str, Any],
    trust: Trust,
    problem: Problem | None = None,
) -> PersonInput:
    """Interpret a person's file or location: an answer, or one file more.

    Args:
        definition: The service.
        case: As it stands.
        content: Of the event that brought it.
        trust: How sure it is that the person sent it.
        problem: What was found when the file was fetched; None: nothing.
    """
    asked = _asked_attachment(definition, case, definition.languages[0])
    if case.state is State.NEEDS_MORE or asked is not None:
        return Answers(Sent(content, problem), trust)
    return AddFile(content, problem, trust)


def file_input(field_id: str, content: Mapping[str, Any], trust: Trust) -> PersonInput:
    """Interpret a file from a page: the answer to a question of the form, or one file more.

    Args:
        field_id: Of the question; empty: none.
        content: A value of the kind ``file``.
        trust: How sure it is that the person sent it.
    """
    return (
        Answers(Sent(content, None, field_id), trust) if field_id else AddFile(content, None, trust)
    )


def file_field(definition: ServiceDefinition, case: Case, language: str) -> Field:
    """The field that says what a file may be that comes now.

    Args:
        definition: The service.
        case: As it stands.
        language: Of the field's label.
    """
    return _asked_attachment(definition, case, language) or FILE_FIELD


def asked_field(definition: ServiceDefinition, case: Case, language: str) -> Field | None:
    """The field that a form asks for now; None: none, or all answers are shown."""
    if case.state is not State.DRAFT or case.form is None or case.form.mode is Mode.REVIEW:
        return None
    step = definition.steps[case.step]
    if not isinstance(step, FormStep) or not step.fields:
        return None
    return definition.form((step.fields[case.form.position],), language).fields[0]


def _asked_attachment(definition: ServiceDefinition, case: Case, language: str) -> Field | None:
    """The field that is asked now, if a file or a location answers it."""
    asked = asked_field(definition, case, language)
    return asked if asked is not None and asked.kind in {*FILE_KINDS, FieldKind.GEO} else None


def staff_choice(  # noqa: PLR0911 -- one a topic
    topic: Topic, by: Staff, choice: str | None, data: Mapping[str, Any] | None
) -> StaffInput | None:
    """Interpret a staff member's answer to a question; None if it means nothing.

    Args:
        topic: Of the question.
        by: Who answered.
        choice: Id of what was chosen.
        data: Fields that were filled in.
    """
    match topic, choice:
        case Topic.CLAIM, "claim":
            return Claim(by)
        case Topic.RETRY, "retry":
            return Retry(by)
        case Topic.DECIDE, str():
            return _decision(by, choice, data or {})
        case Topic.WRITE, _ if data is not None:
            return DeskAnswers(by, Filled(data, is_final=True))
        case Topic.WRITE, str():
            return DeskAnswers(by, Pressed(choice))
        case Topic.REPLY, _ if data is not None:
            return Reply(by, _text(data, "text"))
        case _:
            return None


def staff_text(topic: Topic, by: Staff, text: str) -> StaffInput | None:
    """Interpret a staff member's text that answers a question; None if it means nothing."""
    match topic:
        case Topic.WRITE:
            return DeskAnswers(by, Said(text))
        case Topic.REPLY:
            return Reply(by, text)
        case _:
            return None


def _decision(by: Staff, choice: str, data: Mapping[str, Any]) -> StaffInput | None:
    text = _text(data, "text")
    match choice.partition("."):
        case "approve", "", _:
            return Approve(by)
        case "refuse", "", _:
            reason, law = _text(data, "reason"), _text(data, "law")
            return Refuse(by, reason, law, text) if data else Write(by, Decision.REFUSE)
        case "ask_more", "", _:
            return AskMore(by, text) if data else Write(by, Decision.ASK_MORE)
        case "return", "", _:
            return Return(by)
        case ("flag" | "unflag") as word, ".", flag:
            return FlagCase(by, flag, is_set=word == "flag")
        case _:
            return None


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""
