"""Commands in the middle of a form: their words are answers only in quotation marks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.agency.cases import store
from appservices.agency.cases.core.commands import (
    BEGIN,
    FORM_COMMANDS,
    ROOM_COMMANDS,
    WITHDRAW,
    is_form_word,
)
from appservices.agency.cases.core.effects import AskPerson
from appservices.agency.cases.core.replies import asked_field
from appservices.agency.cases.core.states import State
from appservices.agency.cases.core.turn import Turn
from appservices.agency.cases.service.cases import definition_of, locked_case
from appservices.agency.language.core.definition import FormStep
from appservices.agency.workflow.core.flow import asker_of
from appservices.agency.workflow.service.effect_handlers import carry_out
from veche.access.sessions.talk import SIGN_IN_KEY
from veche.protocol.commands import HELP, LANGUAGE, MENU
from veche.protocol.forms import FieldKind
from veche.protocol.message import Mono, Paragraph
from veche.protocol.texts.typed_choice import folded

if TYPE_CHECKING:
    from appservices.agency.cases.service.conversation import Conversation
    from appservices.agency.cases.store import CaseFile
    from veche.protocol.commands import Command
    from veche.protocol.inbound import Inbound

IN_FORM_COMMANDS: Final = (HELP, MENU, LANGUAGE)
"""What words of every language mean while a form waits for an answer."""
_MARKS: Final = ("!", "/")
_LEADS_AWAY: Final = (MENU, BEGIN, WITHDRAW, LANGUAGE)
"""After these something else is asked, or the question was asked again already."""
_FREE: Final = frozenset(
    {FieldKind.TEXT, FieldKind.LONG_TEXT, FieldKind.PERSON_NAME, FieldKind.ADDRESS}
)
"""What may be answered by any word."""


def commands_now(scene: Conversation, inbound: Inbound, file: CaseFile) -> tuple[Command, ...]:
    """The commands that a text about a case may be: few while a form waits for an answer."""
    if file.case.state is not State.DRAFT:
        return ROOM_COMMANDS
    body = _body(inbound)
    is_meant = body.lstrip().startswith(_MARKS) or _is_command(scene, file, body)
    return FORM_COMMANDS if is_meant else IN_FORM_COMMANDS


def ask_again(scene: Conversation, inbound: Inbound, before: CaseFile, command: Command) -> None:
    """Ask the question that a command interrupted once more, and say how to answer with the word.

    Args:
        scene: The transaction.
        inbound: What the person wrote.
        before: The case, as it was; where no form waits any more, nothing is asked.
        command: What was done meanwhile.
    """
    if command in _LEADS_AWAY or before.case.state is not State.DRAFT:
        return
    if SIGN_IN_KEY in inbound.content:
        return  # the app asked for a link by itself: nobody has interrupted anything
    file = store.lock_case(scene.txn, before.case.id)
    if file is None or file.case.state is not State.DRAFT:
        return
    definition, context = definition_of(scene, file), scene.context(file.person)
    step = definition.steps[file.case.step]
    if file.case.form is None or not isinstance(step, FormStep):
        return
    asker = asker_of(Turn(definition, file.case, context), step)
    question = asker.question(file.case.form, (), context)
    asked = asked_field(definition, file.case, context.language)
    typed = _body(inbound)
    if asked is not None and asked.kind in _FREE and is_form_word(typed, context.language):
        word = folded(typed)
        how = context.person.text("To answer with the word itself, put it in quotation marks:")
        question = attrs.evolve(
            question, intro=(Paragraph(how, " ", Mono(f'"{word}"')), *question.intro)
        )
    locked = locked_case(scene, file)
    carry_out(locked, (AskPerson(question),))
    store.save_case(scene.txn, locked.file)


def _is_command(scene: Conversation, file: CaseFile, text: str) -> bool:
    """Return whether a text is a bare command word, and no answer that the form offers."""
    language = scene.language_of(file.person)
    if not is_form_word(text, language):
        return False
    asked = asked_field(definition_of(scene, file), file.case, language)
    choices = asked.choices if asked is not None and asked.choices else ()
    return folded(text) not in {folded(one) for c in choices for one in (c.id, c.label)}


def _body(inbound: Inbound) -> str:
    body = inbound.content.get("body")
    return body if isinstance(body, str) else ""
