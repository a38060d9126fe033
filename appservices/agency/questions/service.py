"""Passing words of a person on to the office: from the room of a case, or from a chat.

The question that asks for it keeps the words sealed, in its purpose, until they are passed on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.agency.cases import store
from appservices.agency.cases.core.case import TEXT_CHARACTERS_MAX, QuestionKind
from appservices.agency.cases.core.effects import RefusalReason, Topic
from appservices.agency.cases.core.inputs import AskHuman
from appservices.agency.cases.service.cases import locked_case, take_step
from appservices.agency.cases.service.conversation import AskedOf
from appservices.agency.cases.texts.refusals import refusal_words
from appservices.agency.questions.texts import (
    chat_question,
    chat_question_doc,
    how_to_ask_doc,
    pass_on_question,
    passed_on_doc,
)
from appservices.agency.workflow.texts import question_doc, reply_doc
from veche.chat import prompts
from veche.chat.prompts import Closing
from veche.protocol.ids import RoomId, UserId
from veche.protocol.message import Paragraph
from veche.protocol.prompts import SCOPE_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.cases.service.conversation import Conversation
    from appservices.agency.cases.store import CaseFile
    from appservices.agency.offices.service import StaffMember
    from veche.chat.prompts import Answered, Kept
    from veche.protocol.inbound import Inbound
    from veche.protocol.message import Doc
    from veche.protocol.texts.localizer import Localizer

QUESTIONS_MAX: Final = 3
"""Questions from one chat that wait for the office."""
YES: Final = "yes"


def sealed(scene: Conversation, text: str) -> Mapping[str, str]:
    """Return what a question remembers of words that may be passed on."""
    # One character more than can be passed on: then it is refused, and never cut without a word.
    return {"said": scene.vault.seal_text({"text": text[: TEXT_CHARACTERS_MAX + 1]})}


def opened(scene: Conversation, kept: Kept) -> str:
    """Return the words that a question remembers; empty if it remembers none."""
    said = kept.purpose.get("said")
    return str(scene.vault.open_text(str(said))["text"]) if said else ""


def offer(scene: Conversation, inbound: Inbound, file: CaseFile, text: str) -> None:
    """Offer to pass words in the room of a case on to the office.

    Words that already wait for a yes are passed on with them.
    """
    case, context = file.case, scene.context(file.person)
    if case.question is not None and case.question.kind is QuestionKind.HUMAN:
        words = context.person.text(
            "I did not pass this on: the office answers your last question first."
        )
        doc = (Paragraph(words), *question_doc(case, context))
        scene.say(inbound.room_id, doc, scene.ground(file.person))
        return
    about = prompts.open_about(scene.txn, scene.sender.bot.user_id, case.id)
    before = [opened(scene, one) for one in about if one.purpose.get("topic") == Topic.FORWARD]
    whole = "\n".join((*before, text))
    if len(whole) > TEXT_CHARACTERS_MAX:
        words = refusal_words(RefusalReason.TOO_LONG, context.person, max=TEXT_CHARACTERS_MAX)
        scene.say(inbound.room_id, (Paragraph(words),), scene.ground(file.person))
        return
    asked = AskedOf(
        about=case.id,
        localizer=context.person,
        ground=locked_case(scene, file).ground,
        purpose={"case": case.id, **sealed(scene, whole)},
    )
    question = pass_on_question(context)
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
    desk = _desk(scene)
    desk_room = store.desk_room(scene.txn, scene.sender.bot.user_id, desk)
    slot = _free_slot(scene, room_id)
    context, text = scene.context(person), text.strip()
    why = _why_not(context.person, text, has_desk=desk_room is not None, has_slot=slot is not None)
    if why or desk_room is None or slot is None:
        scene.say(room_id, why, scene.ground(person))
        return
    ground = scene.desk_ground()
    thread = scene.say(desk_room, chat_question_doc(text, context), ground)
    asked = AskedOf(
        about=slot,
        localizer=context.staff,
        ground=ground,
        purpose={"chat": room_id, "person": person},
        thread=thread,
    )
    scope = [one.user_id for one in scene.workplace.at_desk(desk) if one.decides][:SCOPE_MAX]
    scene.ask_question(desk_room, chat_question(context), scope, asked)
    scene.say(room_id, passed_on_doc(context), scene.ground(person))


def _desk(scene: Conversation) -> str:
    """The desk that gets questions from chats: that of the first service."""
    first = next(iter(scene.workplace.services.values()))
    return scene.workplace.desk_for(first.definition.desk)


def _free_slot(scene: Conversation, room_id: RoomId) -> str | None:
    """Return a free subject for a chat's question; None if too many wait for an answer."""
    bot = scene.sender.bot.user_id
    slots = (f"question {number} {room_id}" for number in range(QUESTIONS_MAX))
    return next((one for one in slots if not prompts.open_about(scene.txn, bot, one)), None)


def _why_not(localizer: Localizer, text: str, *, has_desk: bool, has_slot: bool) -> Doc:
    """Why a question from a chat is not passed on; empty if it is."""
    if not text:
        return how_to_ask_doc(localizer)
    if len(text) > TEXT_CHARACTERS_MAX:
        words = refusal_words(RefusalReason.TOO_LONG, localizer, max=TEXT_CHARACTERS_MAX)
    elif not has_desk:
        words = localizer.text(
            "The office cannot be reached from here at the moment. Please try again later."
        )
    elif not has_slot:
        words = localizer.text(
            "I cannot pass this on now: the office has not answered your earlier questions yet."
            " Please try again later."
        )
    else:
        return ()
    return (Paragraph(words),)


def answer(scene: Conversation, kept: Kept, member: StaffMember, text: str) -> None:
    """Tell a person what somebody of the office answers to a question from their chat."""
    person, room_id = UserId(str(kept.purpose["person"])), RoomId(str(kept.purpose["chat"]))
    staff, text = scene.context(person).staff, text.strip()
    if not text:
        why = refusal_words(RefusalReason.EMPTY, staff)
    elif len(text) > TEXT_CHARACTERS_MAX:
        why = refusal_words(RefusalReason.TOO_LONG, staff, max=TEXT_CHARACTERS_MAX)
    elif not scene.is_private(room_id, person):
        why = staff.text("The chat is not private any more, so your answer was not sent.")
    else:
        why = ""
    if why:
        scene.say(kept.room_id, (Paragraph(why),), scene.desk_ground(), thread=kept.thread)
        return
    scene.end(kept, Closing(staff.text("Answered."), "answered"), scene.desk_ground())
    ground = attrs.evolve(scene.ground(person), actor=f"role:{member.staff.role.value}")
    scene.tell(room_id, person, reply_doc(text, scene.context(person)), ground=ground)
