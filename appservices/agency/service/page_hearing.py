"""What a person does on a page, as it reaches the bot: a service begun, a command, an answer.

It comes through the inbox like a message and has the same effect; only that it does not count is
told to the page instead of the room. An approval came from a page too that waits for nothing more,
so of it the room is told. What rides under ``PAGE_KEY`` is written by us, see
``page_acts``: the event of a client never gets here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.agency import store
from appservices.agency.core.commands import CASE_COMMANDS, command_input
from appservices.agency.core.effects import RefusalReason
from appservices.agency.service.cases import begin, step_file
from appservices.agency.service.chats import chosen, refuse_answer
from veche.chat import prompts
from veche.chat.prompts import Answered
from veche.protocol.answers import Chosen, Refused
from veche.protocol.message import Paragraph
from veche.protocol.refusals import RefusalReason as AnswerRefusal
from veche.protocol.wire import mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.service.scene import Scene
    from veche.chat.prompts import Kept
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.inbound import Inbound

PAGE_KEY: Final = "org.veche.page"
"""What a page wants that is no answer: ``{"service"}`` or ``{"case", "command", "text"}``."""
_MALFORMED: Final = Refused(None, AnswerRefusal.MALFORMED)
_COMMANDS: Final = {command.name: command for command in CASE_COMMANDS}


def hear_on_page(scene: Scene, inbound: Inbound) -> None:
    """Act on what a person did on a page."""
    wanted = mapping(inbound.content.get(PAGE_KEY))
    if "service" in wanted:
        begin_on_page(scene, inbound.sender, inbound.room_id, str(wanted["service"]))
    elif "command" in wanted:
        _command(scene, inbound, wanted)
    else:
        _answer(scene, inbound)


def begin_on_page(scene: Scene, person: UserId, room_id: RoomId, name: str) -> None:
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
    doc = (Paragraph(words),)
    scene.refuse(room_id, doc, scene.ground(person), RefusalReason.NOT_NOW.value)


def _command(scene: Scene, inbound: Inbound, wanted: Mapping[str, Any]) -> None:
    file = store.lock_case(scene.txn, str(wanted.get("case")))
    command = _COMMANDS.get(str(wanted.get("command")))
    heard = command_input(command, str(wanted.get("text", ""))) if command else None
    if file is None or file.person != inbound.sender or file.bot != inbound.bot or heard is None:
        refuse_answer(scene, inbound, inbound.sender, _MALFORMED, None)
        return
    step_file(scene, file, heard)


def _answer(scene: Scene, inbound: Inbound) -> None:
    heard = prompts.hear(scene.txn, inbound)
    outcome, person = heard.outcome, inbound.sender
    if isinstance(outcome, Chosen) and heard.kept is not None:
        if _waits_for_file(scene, heard.kept, person):
            return
        chosen(scene, Answered(heard.kept, inbound, outcome), person)
        return
    refused = outcome if isinstance(outcome, Refused) else _MALFORMED
    refuse_answer(scene, inbound, person, refused, heard.kept)


def _waits_for_file(scene: Scene, kept: Kept, person: UserId) -> bool:
    """Whether a file of the case is still fetched; then the person is told so.

    What a key has approved does not wait: it is about what was sent before.
    """
    case_id = kept.purpose.get("case")
    if scene.page_act is None or not isinstance(case_id, str):
        return False
    file = store.lock_case(scene.txn, case_id)
    if file is None or not store.held(scene.txn, case_id):
        return False
    words = scene.localizer(person).text(
        "I am still looking at the file that you sent. Please do this again in a moment."
    )
    reason = RefusalReason.NOT_NOW.value
    scene.refuse(kept.room_id, (Paragraph(words),), scene.ground(person), reason)
    return True
