"""Reachability of people: who joins and leaves, and which messages never arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.agency.cases import store
from appservices.agency.cases.core.effects import UpdateCard
from appservices.agency.cases.core.states import State
from appservices.agency.cases.service.cases import locked_case
from appservices.agency.desk.service import tell_desk
from appservices.agency.fees.texts import fee_doc
from appservices.agency.workflow.service.effect_handlers import carry_out
from appservices.agency.workflow.texts import card_doc, card_of
from veche.bots import log_undelivered
from veche.chat.sending import MEMBER, MESSAGE
from veche.messaging import outbox
from veche.protocol.message import Heading, Link, Mono, Paragraph
from veche.runtime.ports import Undeliverable

if TYPE_CHECKING:
    from appservices.agency.cases.service.conversation import Conversation
    from appservices.agency.cases.service.locked_case import LockedCase
    from appservices.agency.cases.store import CaseFile
    from veche.protocol.ids import RoomId
    from veche.runtime.ports import Undelivered

GONE: Final = frozenset({"leave", "ban"})


def undelivered(scene: Conversation, lost: Undelivered) -> None:
    """Something that the office said never arrives: whoever can do something about it is told."""
    log_undelivered(lost)
    if lost.event_type not in {MEMBER, MESSAGE} or lost.reason is Undeliverable.RELATION_LOST:
        return  # a reaction, or the edit of something that has gone missing itself
    file = _file_of(scene, lost.room_id)
    if file is None:
        return
    locked = locked_case(scene, file)
    invited = outbox.state_key_of(scene.txn, lost.room_id, lost.effect_id)
    if invited is not None and invited != file.person:
        words = locked.context.staff.text("Could not be let into the room of the case:")
        _tell_desk(locked, words, invited)
    elif lost.reason is Undeliverable.INVITES_BLOCKED:
        _tell_way_in(locked, lost.room_id)
    else:
        _note_unreached(locked)
    store.save_case(scene.txn, locked.file)


def person_moved(scene: Conversation, file: CaseFile, membership: str) -> None:
    """The person went out of the room of their case, or came back."""
    locked = locked_case(scene, file)
    if membership in GONE:
        _note_unreached(locked)
        _tell_way_in(locked, file.person_room)
    elif membership == "join":
        note_reached(locked)
    store.save_case(scene.txn, locked.file)


def note_reached(locked: LockedCase) -> None:
    """The person is here again; the desk learns of it if it was told otherwise."""
    if locked.file.is_unreached:
        locked.change(is_unreached=False)
        _tell_desk(locked, locked.context.staff.text("The person can be reached again."))
    _note_joined(locked)


def _note_joined(locked: LockedCase) -> None:
    """Show the card that waited for a person of another homeserver, and say what they missed."""
    was_awaited = locked.file.is_awaited
    locked.change(has_joined=True)
    if not was_awaited:
        return
    definition, case, context = locked.definition, locked.file.case, locked.context
    doc = card_doc(definition, case, context)
    carry_out(locked, (UpdateCard(doc, card_of(definition, case, context)),))
    if case.fee is not None and case.fee.reference is not None:
        locked.tell_person(fee_doc(definition, case.fee, context))
    if case.state is State.NEEDS_MORE and case.asked_text is not None:
        title = context.person.text("The office asks you")
        locked.tell_person((Heading(title), Paragraph(case.asked_text)))


def room_lost(scene: Conversation, room_id: RoomId) -> None:
    """The bot was shown out of a room, or the room is gone."""
    file = _file_of(scene, room_id)
    if file is not None:
        locked = locked_case(scene, file)
        _note_unreached(locked)
        store.save_case(scene.txn, locked.file)


def _file_of(scene: Conversation, room_id: RoomId) -> CaseFile | None:
    """The case whose room it is, or which is dealt with in a chat; locked."""
    bot = scene.sender.bot.user_id
    case_id = store.case_of_room(scene.txn, bot, room_id)
    if case_id is None:
        chat = scene.parts.chats.read(scene.txn, room_id)
        case_id = store.draft_of_chat(scene.txn, bot, room_id, chat.person) if chat else None
    return store.lock_case(scene.txn, case_id) if case_id else None


def _note_unreached(locked: LockedCase) -> None:
    """Tell the desk, once until the person is there again."""
    if locked.file.is_unreached:
        return
    locked.change(is_unreached=True)
    words = locked.context.staff.text(
        "The person cannot be reached in the room of the case. Write to them another way."
    )
    _tell_desk(locked, words)


def _tell_desk(locked: LockedCase, words: str, name: str = "") -> None:
    if locked.file.case.is_at_desk:
        named = (" ", Mono(name)) if name else ()
        doc = (Paragraph(Mono(locked.file.case.number), ": ", words, *named),)
        tell_desk(locked, locked.definition.desk, doc)


def _tell_way_in(locked: LockedCase, room_id: RoomId) -> None:
    """Tell the person, in the chat, how to come into the room of their case by themselves.

    Whoever is in the chat may join that room without an invitation (see ``jobs``).
    """
    file = locked.file
    words = locked.context.person.text(
        "The room of your case {number} is open to you, without an invitation:",
        number=file.case.number,
    )
    link = locked.scene.link_to(room_id)
    doc = (Paragraph(Link(words, link)),)
    locked.scene.say(file.chat_id, doc, locked.ground, mentions=[file.person])
