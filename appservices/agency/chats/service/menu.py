"""The services of an office in its chats: the menu, one of them, finding one by words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from appservices.agency.cases import store
from appservices.agency.cases.service.conversation import AskedOf, chat_subject
from appservices.agency.catalogue.texts.menu import (
    PERSON,
    START,
    intro_question,
    menu_question,
    page_of,
    unclear_question,
)
from appservices.agency.questions import service as passing_on
from appservices.agency.workflow.service.steps import begin
from veche.protocol.message import Link, Paragraph

if TYPE_CHECKING:
    from appservices.agency.cases.core.effects import Question
    from appservices.agency.cases.service.conversation import Conversation
    from appservices.agency.offices.service import OpenService
    from veche.chat.prompts import Kept
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.message import Doc


def show_menu(
    scene: Conversation, room_id: RoomId, person: UserId, page: int = 1, before: Doc = ()
) -> None:
    """Show the services that one can ask for, below what else is to be said."""
    definitions = [one.definition for one in scene.workplace.services.values()]
    question = menu_question(definitions, scene.context(person), page=page)
    question = attrs.evolve(question, intro=(*before, *question.intro))
    ask(scene, room_id, person, question, url=scene.links.page("services") if scene.links else None)


def picked(scene: Conversation, kept: Kept, person: UserId, choice: str) -> None:
    """Act on a choice of the menu, or of the services that words may have meant."""
    if choice == PERSON:
        passing_on.ask_office(scene, kept.room_id, person, passing_on.opened(scene, kept))
        return
    page = page_of(choice)
    if page is not None:
        show_menu(scene, kept.room_id, person, page)
        return
    service = scene.workplace.services.get(choice)
    if service is None:
        words = scene.localizer(person).text("This service is no longer offered.")
        scene.say(kept.room_id, (Paragraph(words),), scene.ground(person))
        show_menu(scene, kept.room_id, person)
        return
    _introduce(scene, kept.room_id, person, service)


def find(scene: Conversation, room_id: RoomId, person: UserId, text: str) -> None:
    """Introduce the service that a person's words mean; else suggest some, or somebody to ask."""
    found = scene.workplace.finder.find(text)
    if found is None:
        show_menu(scene, room_id, person)
    elif found.best is not None:
        _introduce(scene, room_id, person, scene.workplace.services[found.best.id])
    else:
        question = unclear_question(found.nearest, scene.context(person))
        ask(scene, room_id, person, question, **passing_on.sealed(scene, text))


def _introduce(scene: Conversation, room_id: RoomId, person: UserId, service: OpenService) -> None:
    id_ = service.definition.id
    question = intro_question(service.definition, scene.context(person))
    url = scene.links.page("services", scene.workplace.slug, id_) if scene.links else None
    ask(scene, room_id, person, question, url=url, service=id_)


def answered_intro(scene: Conversation, kept: Kept, person: UserId, choice: str) -> None:
    """Begin the service that was introduced, or go back to the menu."""
    service = scene.workplace.services.get(str(kept.purpose.get("service")))
    if choice == START and service is not None:
        _begin(scene, person, kept.room_id, service)
    else:
        show_menu(scene, kept.room_id, person)


def start_named(scene: Conversation, room_id: RoomId, person: UserId, name: str) -> None:
    """Begin the service that a person names; show what there is if that is none."""
    services = scene.workplace.services
    found = scene.workplace.finder.named(name)
    if found is not None:
        _begin(scene, person, room_id, services[found.id])
        return
    words = scene.localizer(person).text("There is no service of this name here.")
    scene.say(room_id, (Paragraph(words),), scene.ground(person))
    show_menu(scene, room_id, person)


def _begin(scene: Conversation, person: UserId, room_id: RoomId, service: OpenService) -> None:
    """Begin a case; from the room of another one in the chat where that began."""
    case_id = store.case_of_room(scene.txn, scene.sender.bot.user_id, room_id)
    file = store.read_case(scene.txn, case_id) if case_id else None
    if file is None:
        begin(scene, person, room_id, service)
        return
    words = scene.localizer(person).text("It goes on in our chat:")
    link = scene.link_to(file.chat_id)
    doc = (Paragraph(Link(words, link)),)
    scene.say(room_id, doc, scene.ground(person))
    begin(scene, person, file.chat_id, service)


def ask(
    scene: Conversation,
    room_id: RoomId,
    person: UserId,
    question: Question,
    *,
    url: str | None = None,
    **purpose: str,
) -> None:
    """Ask a person something that is about no case."""
    asked = AskedOf(
        about=chat_subject(room_id),
        localizer=scene.localizer(person),
        ground=scene.ground(person, purpose.get("service", question.topic)),
        purpose=purpose,
        url=url,
    )
    scene.ask_question(room_id, question, [person], asked)
