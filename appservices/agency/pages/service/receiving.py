"""Acts of a person on a page, as they reach the bot: a new case, a command, an answer.

It comes through the inbox and has the effect that a message has; only that it does not count is
told to the page instead of the room. An approval came from a page too that waits for nothing more,
so of it the room is told.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from appservices.agency.cases import store
from appservices.agency.cases.core.commands import CASE_COMMANDS, command_input
from appservices.agency.cases.core.effects import RefusalReason
from appservices.agency.cases.core.replies import file_input
from appservices.agency.cases.service.cases import step_file
from appservices.agency.chats.service.person import ANSWERS
from appservices.agency.files import store as file_store
from appservices.agency.files.service import STILL_LOOKING
from appservices.agency.workflow.service.steps import begin
from veche.bots import act_on_answer, refuse
from veche.chat import prompts
from veche.chat.prompts import Heard
from veche.protocol.answers import Chosen, Refused
from veche.protocol.inbound import PageCommand, PromptAnswer, Trust
from veche.protocol.message import Paragraph
from veche.protocol.refusals import RefusalReason as AnswerRefusal

if TYPE_CHECKING:
    from appservices.agency.cases.core.inputs import Input
    from appservices.agency.cases.service.conversation import Conversation
    from veche.chat.prompts import Kept
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.inbound import PageAct

START: Final = "start"
"""Command by which a page begins a service."""
FILE: Final = "file"
"""Command by which a page sends a file that was looked at and stored: canonical JSON of ``field``
and ``value``."""
_MALFORMED: Final = Refused(None, AnswerRefusal.MALFORMED)
_COMMANDS: Final = {command.name: command for command in CASE_COMMANDS}


def hear_on_page(scene: Conversation, act: PageAct) -> None:
    """Act on what a person did on a page."""
    if isinstance(act, PromptAnswer):
        _answer(scene, act)
    elif act.name == START:
        begin_on_page(scene, act.sender, act.room_id, act.about)
    else:
        _command(scene, act)


def begin_on_page(scene: Conversation, person: UserId, room_id: RoomId, name: str) -> None:
    """Begin the case that a person wants to begin on a page, or say there why not.

    Args:
        scene: With the act on the page.
        person: Who.
        room_id: Their chat with the office.
        name: Id of the service.
    """
    chat = scene.parts.chats.read(scene.txn, room_id)
    service = scene.workplace.services.get(name)
    if service is None:
        words = scene.localizer(person).text("This service is no longer offered.")
    elif chat is None or chat.person != person or not scene.is_private(room_id, person):
        words = scene.localizer(person).text(
            "To go on, please start a new direct chat with me alone, with encryption on."
        )
    else:
        begin(scene, person, room_id, service)
        return
    reason = RefusalReason.NOT_NOW.value
    scene.reply.refuse(scene, (room_id, person), (Paragraph(words),), reason)


def _command(scene: Conversation, given: PageCommand) -> None:
    file = store.lock_case(scene.txn, given.about)
    heard: Input | None = None
    if file is not None and file.person == given.sender and file.bot == given.bot:
        command = _COMMANDS.get(given.name)
        heard = command_input(command, given.text) if command else None
        if given.name == FILE:
            sent = json.loads(given.text)
            heard = file_input(sent["field"], sent["value"], given.trust)
    if file is None or heard is None:
        refuse(scene, Heard(_MALFORMED, None, ()), given)
        return
    step_file(scene, file, heard)


def _answer(scene: Conversation, answer: PromptAnswer) -> None:
    heard = prompts.hear_page(scene.txn, answer)
    # What a key has approved waits for no file: it is about what was sent before.
    may_wait = isinstance(heard.outcome, Chosen) and answer.trust is not Trust.SIGNED
    if not (may_wait and _waits_for_file(scene, heard.kept, answer.sender)):
        act_on_answer(scene, heard, answer, ANSWERS)


def _waits_for_file(scene: Conversation, kept: Kept | None, person: UserId) -> bool:
    """Return whether a file of the case is still fetched; then the person is told so."""
    case_id = kept.purpose.get("case") if kept is not None else None
    if kept is None or not isinstance(case_id, str):
        return False
    file = store.lock_case(scene.txn, case_id)
    if file is None or not file_store.held(scene.txn, case_id):
        return False
    doc = (Paragraph(scene.localizer(person).text(STILL_LOOKING)),)
    scene.reply.refuse(scene, (kept.room_id, person), doc, RefusalReason.NOT_NOW.value)
    return True
