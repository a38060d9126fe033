"""Passing words of a person on to the office: from the room of a case, or from a chat.

What is to be passed on is kept sealed, in the purpose of the question that asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.agency import store
from appservices.agency.core.case import TEXT_CHARACTERS_MAX, QuestionKind
from appservices.agency.core.commands import HUMAN
from appservices.agency.core.effects import Topic
from appservices.agency.core.inputs import AskHuman
from appservices.agency.core.texts.asking import chat_question, chat_question_doc, pass_on_question
from appservices.agency.core.texts.hours import hours_lines
from appservices.agency.core.texts.person import reply_doc
from appservices.agency.service.cases import locked_case, step_file, take_step
from appservices.agency.service.conversation import AskedOf
from veche.chat import prompts
from veche.chat.prompts import Closing
from veche.protocol.ids import RoomId, UserId
from veche.protocol.message import Bullets, Mono, Paragraph
from veche.protocol.prompts import SCOPE_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.service.conversation import Conversation
    from appservices.agency.service.offices import StaffMember
    from appservices.agency.store import CaseFile
    from veche.chat.prompts import Answered, Kept
    from veche.protocol.inbound import Inbound

QUESTIONS_MAX: Final = 3
"""Questions from one chat that wait for the office."""
YES: Final = "yes"


def sealed(scene: Conversation, text: str) -> Mapping[str, str]:
    """Return what a question remembers of words that may be passed on."""
    return {"said": scene.vault.seal_text({"text": text[:TEXT_CHARACTERS_MAX]})}


def opened(scene: Conversation, kept: Kept) -> str:
    """Return the words that a question remembers; empty if it remembers none."""
    said = kept.purpose.get("said")
    return str(scene.vault.open_text(str(said))["text"]) if said else ""


def offer(scene: Conversation, inbound: Inbound, file: CaseFile, text: str) -> None:
    """Offer to pass words in the room of a case on to the office.

    Words that already wait for a yes are passed on with them. Once a question is with the office,
    a further one is refused at once.
    """
    case = file.case
    if case.question is not None and case.question.kind is QuestionKind.HUMAN:
        step_file(scene, file, AskHuman(text))
        return
    about = prompts.open_about(scene.txn, scene.sender.bot.user_id, case.id)
    before = [opened(scene, one) for one in about if one.purpose.get("topic") == Topic.FORWARD]
    locked = locked_case(scene, file)
    asked = AskedOf(
        about=case.id,
        localizer=scene.localizer(file.person),
        ground=locked.ground,
        purpose={"case": case.id, **sealed(scene, "\n".join((*before, text)))},
    )
    question = pass_on_question(locked.context)
    scene.ask_question(inbound.room_id, question, [file.person], asked)


def answered(scene: Conversation, answered: Answered) -> None:
    """Pass the words on if the person says yes."""
    kept = answered.kept
    if answered.chosen.choice == YES:
        take_step(scene, str(kept.purpose["case"]), AskHuman(opened(scene, kept)), answered)
        return
    person = answered.inbound.sender
    scene.accept(answered, scene.localizer(person), scene.ground(person))


def ask_office(scene: Conversation, room_id: RoomId, person: UserId, text: str) -> None:
    """Put a question from a chat to the desk of the office; the person reads the answer there.

    Args:
        scene: The transaction.
        room_id: The chat.
        person: Who asks.
        text: The question; where it is empty, the person is told how to ask.
    """
    localizer, bot = scene.localizer(person), scene.sender.bot.user_id
    workplace = scene.workplace
    first = next(iter(workplace.services.values())).definition
    desk = workplace.desk_for(first.desk)
    desk_room = store.desk_room(scene.txn, bot, desk)
    slots = [f"question {number} {room_id}" for number in range(QUESTIONS_MAX)]
    free = [one for one in slots if not prompts.open_about(scene.txn, bot, one)]
    text = text.strip()[:TEXT_CHARACTERS_MAX]
    if not text:
        words = localizer.text("What do you want to ask the office? Write for example:")
        example = localizer.text(
            "{word} When will it be ready?", word=f"!{HUMAN.word(localizer.language)}"
        )
        scene.say(room_id, (Paragraph(words, "\n", Mono(example)),), scene.ground(person))
        return
    if desk_room is None:
        words = localizer.text(
            "The office cannot be reached from here at the moment. Please try again later."
        )
        scene.say(room_id, (Paragraph(words),), scene.ground(person))
        return
    if not free:
        words = localizer.text(
            "I cannot pass this on now: the office has not answered your earlier questions yet."
            " Please try again later."
        )
        scene.say(room_id, (Paragraph(words),), scene.ground(person))
        return
    context, ground = scene.context(person), scene.desk_ground()
    thread = scene.say(desk_room, chat_question_doc(text, context), ground)
    asked = AskedOf(
        about=free[0],
        localizer=context.staff,
        ground=ground,
        purpose={"chat": room_id, "person": person},
        thread=thread,
    )
    scope = [one.user_id for one in workplace.at_desk(desk) if one.decides][:SCOPE_MAX]
    scene.ask_question(desk_room, chat_question(context), scope, asked)
    words = localizer.text("I have passed this on. Somebody of the office answers you here.")
    hours = hours_lines(workplace.office, localizer.language)
    when = (Paragraph(localizer.text("The office is open:")), Bullets(hours)) if hours else ()
    scene.say(room_id, (Paragraph(words), *when), scene.ground(person))


def answer(scene: Conversation, kept: Kept, member: StaffMember, text: str) -> None:
    """Tell a person what somebody of the office answers to a question from their chat."""
    person, room_id = UserId(str(kept.purpose["person"])), RoomId(str(kept.purpose["chat"]))
    text = text.strip()[:TEXT_CHARACTERS_MAX]
    if not text or not scene.is_private(room_id, person):
        return
    words = scene.context(person).staff.text("Answered.")
    scene.end(kept, Closing(words, "answered"), scene.desk_ground())
    ground = attrs.evolve(scene.ground(person), actor=f"role:{member.staff.role.value}")
    scene.tell(room_id, person, reply_doc(text, scene.context(person)), ground=ground)
