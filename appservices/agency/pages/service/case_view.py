"""A case as its person sees it on a page: the same words as in the room, and the facts beside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency.cases.core.commands import CASE_COMMANDS, HUMAN, command_input
from appservices.agency.cases.core.effects import Topic
from appservices.agency.cases.core.inputs import InputKind
from appservices.agency.cases.core.states import OVER, State
from appservices.agency.cases.texts.words import happened_words, role_words, state_words
from appservices.agency.catalogue.api import API_PREFIX
from appservices.agency.catalogue.service import form_view
from appservices.agency.language.core.definition import FormStep
from appservices.agency.pages.api import (
    AnswerView,
    CaseLineView,
    CaseView,
    ClockView,
    CommandView,
    DocumentView,
    EntryView,
    FactView,
    FeeView,
    PromptView,
    QuestionView,
    RefusalView,
)
from appservices.agency.pages.core import shown_draft
from appservices.agency.workflow.core.table import TABLE
from appservices.agency.workflow.texts import card_facts, document_filename, next_step, reason_of
from veche.protocol.forms import show_value
from veche.protocol.forms.models import FILE_KINDS
from veche.protocol.message import body

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.agency.cases.store import CaseFile
    from appservices.agency.language.core.definition import FieldDefinition, ServiceDefinition
    from appservices.agency.offices.core.context import Context
    from appservices.agency.offices.service import Workplace
    from veche.chat.prompts import Kept

WAITING: Final = frozenset({State.DRAFT, State.NEEDS_MORE})
"""Where the person's own words are waited for."""
_TOPICS: Final = frozenset({Topic.FORM, Topic.APPROVE, Topic.MORE, Topic.WITHDRAW})
"""Of the questions about a case that are for the person."""


@attrs.frozen
class Shown:
    """A case, with what is needed to show it.

    Attributes:
        workplace: Whose case it is.
        definition: The service, in the version with which it began.
        file: The case.
        context: The world around it, in the language of the page.
    """

    workplace: Workplace
    definition: ServiceDefinition
    file: CaseFile
    context: Context


def line_view(shown: Shown) -> CaseLineView:
    """A case, as a list shows it."""
    return CaseLineView(**_line(shown))


def case_view(shown: Shown, asked: Sequence[Kept], draft: Mapping[str, Any]) -> CaseView:
    """A case, with all that its person may know.

    Args:
        shown: The case.
        asked: Its open questions, the newest first.
        draft: What was typed on a page.
    """
    file, context = shown.file, shown.context
    case = file.case
    server = file.bot.partition(":")[2]
    facts = card_facts(shown.definition, case, context)
    fields = form_fields(shown)
    return CaseView(
        **_line(shown),
        version=str(file.version),
        bot=file.bot,
        room=f"https://matrix.to/#/{file.person_room}?via={server}",
        is_room_own=file.room_id is not None,
        submitted_at_ms=case.submitted_at_ms,
        card=[FactView(label=label, value=value) for label, value in facts],
        history=_history(shown),
        answers=_answers(shown),
        question=None
        if case.question is None
        else QuestionView(text=case.question.text, due_at_ms=case.question.due_at_ms),
        refusal=_refusal(shown),
        fee=_fee(shown),
        documents=_documents(shown),
        prompts=[
            _prompt(one)
            for one in asked
            if one.purpose.get("topic") in _TOPICS and file.person in one.prompt.scope
        ],
        form=form_view(fields, context) if fields else None,
        draft=_draft(shown, fields, draft),
        takes_files=case.state is not State.DRAFT and (case.state, InputKind.ADD_FILE) in TABLE,
        commands=_commands(shown),
    )


def form_fields(shown: Shown) -> list[FieldDefinition]:
    """The fields that are being filled in; none where nothing is."""
    case, definition = shown.file.case, shown.definition
    if case.form is None or case.state is not State.DRAFT:
        return []
    step = definition.steps[case.step]
    by_id = {field.id: field for field in definition.fields}
    return [by_id[id_] for id_ in step.fields] if isinstance(step, FormStep) else []


def _line(shown: Shown) -> dict[str, Any]:
    definition, case, context = shown.definition, shown.file.case, shown.context
    language = context.language
    due_at_ms = case.due_at_ms
    rule = definition.deadline.law.text(language)
    return {
        "case": case.id,
        "number": case.number,
        "office": shown.workplace.slug,
        "office_name": shown.workplace.office.name(language),
        "organisation": shown.workplace.name(language),
        "service": case.service,
        "title": definition.title.text(language),
        "state": case.state.value,
        "state_text": state_words(case.state, context.person),
        "is_open": case.state not in OVER,
        "waits_for_you": case.state in WAITING or _fee(shown) is not None,
        "next": next_step(definition, case, context),
        "clock": None if due_at_ms is None else ClockView(due_at_ms=due_at_ms, rule=rule),
        "opened_at_ms": case.opened_at_ms,
        "updated_at_ms": case.history[-1].at_ms if case.history else case.opened_at_ms,
    }


def _history(shown: Shown) -> list[EntryView]:
    localizer = shown.context.person
    return [
        EntryView(
            at_ms=entry.at_ms,
            who=role_words(entry.role, localizer),
            what=happened_words(entry.happened, localizer),
            text=entry.text,
        )
        for entry in shown.file.case.history
    ]


def _answers(shown: Shown) -> list[AnswerView]:
    context, answers = shown.context, shown.file.case.answers
    here = context.field_context(context.language)
    fields = [one.field(context.language) for one in shown.definition.fields if one.id in answers]
    return [
        AnswerView(
            field=field.id,
            label=field.label,
            value=show_value(field, answers[field.id], here, context.catalogue),
        )
        for field in fields
    ]


def _refusal(shown: Shown) -> RefusalView | None:
    refusal, context = shown.file.case.refusal, shown.context
    if refusal is None:
        return None
    title, law, text = reason_of(shown.definition, refusal, context)
    if shown.file.case.wiped_at_ms is not None:
        text = ""  # what the office wrote is not there any more
    rules = shown.definition.refusal
    return RefusalView(
        code=refusal.code,
        reason=title,
        law=law,
        text=text,
        appeal=rules.appeal.text(context.language) if rules else "",
        appeal_until_ms=refusal.appeal_until_ms,
    )


def _fee(shown: Shown) -> FeeView | None:
    fee, localizer = shown.file.case.fee, shown.context.person
    if fee is None or fee.url is None:
        return None
    return FeeView(
        label=localizer.text("Pay {amount}", amount=localizer.amount(fee.amount)), url=fee.url
    )


def _documents(shown: Shown) -> list[DocumentView]:
    case = shown.file.case
    if case.wiped_at_ms is not None:
        return []  # nothing can be fetched; the card has their hashes
    return [
        DocumentView(
            number=one.number,
            title=one.title,
            filename=document_filename(case),
            sha256=one.sha256,
            size_bytes=one.size_bytes,
            issued_at_ms=one.issued_at_ms,
            valid_until_ms=one.valid_until_ms,
            path=f"{API_PREFIX}/cases/{case.id}/documents/{one.sha256}",
        )
        for one in case.documents
    ]


def _prompt(kept: Kept) -> PromptView:
    return PromptView(prompt=kept.prompt, topic=str(kept.purpose["topic"]), text=body(kept.intro))


def _draft(
    shown: Shown, definitions: Sequence[FieldDefinition], typed: Mapping[str, Any]
) -> dict[str, Any]:
    form, context = shown.file.case.form, shown.context
    if form is None or not definitions:
        return {}
    here = context.field_context(context.language)
    whole = shown.definition.form(tuple(one.id for one in definitions), context.language)
    values = shown_draft(whole, form.values, typed, here)
    for field in whole.fields:
        # The key to a file is nothing that a page needs.
        if field.kind in FILE_KINDS and field.id in form.values:
            value = form.values[field.id]
            values[field.id] = show_value(field, value, here, context.catalogue)
    return values


def _commands(shown: Shown) -> list[CommandView]:
    """List the commands that the person can give in the case's state."""
    localizer, state = shown.context.person, shown.file.case.state
    found = []
    for command in CASE_COMMANDS:
        heard = command_input(command, "")
        if heard is not None and (state, heard.kind) in TABLE:
            label = localizer.text(command.description)
            view = {"command": command.name, "label": label, "takes_text": command is HUMAN}
            found.append(CommandView.model_validate(view))
    return found
