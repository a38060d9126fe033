"""Messages of a person in their chat with the signing bot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.signing.cards.service import cards
from appservices.signing.chats.service import (
    cancelling,
    card_talk,
    checking,
    clicking,
    delegation_talk,
    documents,
    private_links,
)
from appservices.signing.chats.texts import account as texts
from appservices.signing.drafting.service import draft_talk, reading
from appservices.signing.guardians.service import guardians, guarding
from appservices.signing.identification.service import identify_talk
from appservices.signing.in_person.service import meeting_talk
from appservices.signing.sessions.core.commands import COMMANDS, VERIFY
from appservices.signing.sessions.core.topics import WORDS, Topic
from appservices.signing.sessions.store import chats
from appservices.signing.templates.service import template_talk
from veche.access.sessions import answer_command
from veche.bots import act_on_answer, act_on_page, choose_language, doubt, page_commands
from veche.bots.guardian_rules import TOPICS
from veche.chat import prompts
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.answers import NoAnswer, is_reply
from veche.protocol.commands import LANGUAGE, MORE, is_more, read_command
from veche.protocol.ids import effect_id
from veche.protocol.talk import languages_line
from veche.protocol.texts.typed_choice import without_quote
from veche.protocol.wire import mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appservices.signing.sessions.service.conversation import Conversation
    from veche.chat.prompts import Answered, Heard, Kept
    from veche.protocol.commands import Command, ParsedCommand
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.inbound import Inbound, PageAct

_TALK_CHARACTERS_MAX: Final = 20_000


def greet(scene: Conversation, room_id: RoomId, person: UserId) -> None:
    """Welcome a person who began a chat."""
    localizer = scene.localizer(person)
    if not scene.is_private(room_id, person):
        scene.tell(room_id, person, texts.private_doc(localizer))
        _offer_chat(scene, room_id, person)
        return
    chats.set_greeted(scene.txn, room_id)
    doc = texts.welcome_doc(scene.section.name_in(localizer.language), localizer)
    scene.tell(room_id, person, (*doc, languages_line()), is_quiet=True)


def _offer_chat(scene: Conversation, room_id: RoomId, person: UserId) -> None:
    """Show a person their encrypted chat; who has none is invited to one."""
    known = scene.chat_of(person)
    if known is None:
        payload = {"person": person, "session": "", "party": ""}
        id_ = effect_id(cards.OPEN_CHAT, "private", person)
        jobs.schedule(scene.txn, Job(id_, cards.OPEN_CHAT, payload, scene.now_ms))
    scene.tell(room_id, person, texts.chat_doc(known, scene.localizer(person)), is_quiet=True)


def hear(scene: Conversation, inbound: Inbound, *, is_greeted: bool) -> None:
    """A person says something in their chat.

    Args:
        scene: The transaction.
        inbound: What; a message, a file, or an answer to a question.
        is_greeted: They were welcomed here.
    """
    person, room_id = inbound.sender, inbound.room_id
    why = doubt(scene, inbound, texts.private_doc) or private_links.doubt(scene, inbound)
    if why is not None:
        scene.tell(room_id, person, why)
        if not scene.is_private(room_id, person):
            _offer_chat(scene, room_id, person)
        return
    if not is_greeted:
        greet(scene, room_id, person)
    if inbound.content.get("msgtype") in reading.FILE_TYPES:
        _take_file(scene, inbound)
        return
    parsed = read_command(inbound.content, commands(scene), scene.language_of(person))
    if parsed is not None:
        _obey(scene, inbound, parsed)
        return
    if identify_talk.heard_digits(scene, inbound) or clicking.heard(scene, inbound):
        return
    heard = prompts.hear(scene.txn, inbound, is_dialogue=True)
    if _take_words(scene, heard, inbound) or act_on_answer(scene, heard, inbound, ANSWERS):
        return
    if is_greeted and inbound.event_type == "m.room.message":
        _help(scene, room_id, person, is_whole=is_more(str(inbound.content.get("body"))))


def hear_page(scene: Conversation, act: PageAct) -> None:
    """Act on what a person did on a page: an answer that they approved, or declined."""
    room_id, person = act.room_id, act.sender
    if scene.is_private(room_id, person):
        act_on_page(scene, act, ANSWERS)
        return
    scene.tell(room_id, person, texts.private_doc(scene.localizer(person)))
    _offer_chat(scene, room_id, person)


def commands(scene: Conversation) -> tuple[Command, ...]:
    """All that is answered in a chat."""
    return (*COMMANDS, *page_commands(scene))


def _take_file(scene: Conversation, inbound: Inbound) -> None:
    """A file is to be signed, or, if they have said so, to be checked."""
    content = inbound.content
    caption = content.get("body") if "filename" in content else None
    is_named = isinstance(caption, str) and VERIFY.is_called(caption.strip().lstrip("!/"))
    asked = prompts.open_about(scene.txn, scene.sender.bot.user_id, checking.about(inbound.sender))
    is_asked = any(one.prompt.expires_at_ms > scene.now_ms for one in asked)
    draft = _draft_without_signers(scene, inbound) if reading.is_list(inbound) else None
    if is_named or is_asked:
        checking.order(scene, inbound)
    elif draft is not None:
        reading.order_list(scene, inbound, draft)
    else:
        reading.order(scene, inbound)


def _draft_without_signers(scene: Conversation, inbound: Inbound) -> str | None:
    """The draft of which it is being asked who signs; None: there is none."""
    for kept in prompts.candidates(scene.txn, inbound, None):
        if kept.is_open and kept.purpose.get(WORDS) == draft_talk.WHO:
            return str(kept.purpose["session"])
    return None


def _take_words(scene: Conversation, heard: Heard, inbound: Inbound) -> bool:
    """Give what was written to the newest question that waits for words; False if none does."""
    body = inbound.content.get("body")
    if not isinstance(heard.outcome, NoAnswer) or inbound.content.get("msgtype") != "m.text":
        return False
    kept = _waiting(scene, heard)
    if kept is None or not isinstance(body, str) or len(body) > _TALK_CHARACTERS_MAX:
        return False
    words = without_quote(body) if is_reply(inbound.content) else body
    purpose = {key: str(value) for key, value in mapping(kept.purpose).items()}
    _WORDS[purpose["topic"]](scene, inbound, purpose, words.strip())
    return True


def _take_for_draft(
    scene: Conversation, inbound: Inbound, purpose: dict[str, str], words: str
) -> None:
    session = draft_talk.draft_of(scene, purpose["session"], inbound.sender)
    waited = purpose[WORDS]
    if session is None:
        return
    if waited == template_talk.FORM or waited.startswith(template_talk.PARTY):
        template_talk.heard(scene, session, inbound, waited, words)
    else:
        draft_talk.heard(scene, inbound, purpose, words)


def _waiting(scene: Conversation, heard: Heard) -> Kept | None:
    """The question that waits for words: the one that is replied to, else the newest."""
    open_ones = [
        one
        for one in heard.open
        if one.purpose.get(WORDS) and one.prompt.expires_at_ms > scene.now_ms
    ]
    replied = [one for one in open_ones if one.id == heard.outcome.prompt_id]
    return next(iter((*replied, *open_ones)), None)


def _obey(scene: Conversation, inbound: Inbound, parsed: ParsedCommand) -> None:
    person, room_id = inbound.sender, inbound.room_id
    localizer, links = scene.localizer(person), scene.links
    if answer_command(
        scene.txn, scene.sender, room_id, person, parsed, links=links, language=localizer.language
    ):
        return
    order = _ORDERS.get(parsed.command.name)
    if order is not None:
        order(scene, inbound, parsed.argument)
    elif parsed.command.name == LANGUAGE.name:
        choose_language(scene, room_id, person, parsed.argument)
    else:
        _help(scene, room_id, person, is_whole=parsed.command is MORE)


def _help(scene: Conversation, room_id: RoomId, person: UserId, *, is_whole: bool) -> None:
    localizer, more = scene.localizer(person), page_commands(scene)
    scene.tell(room_id, person, texts.help_doc(localizer, more, is_whole=is_whole))


ANSWERS: Final[Mapping[str, Callable[[Conversation, Answered], None]]] = {
    Topic.CANCEL: cancelling.answered,
    Topic.DRAFT: draft_talk.answered,
    Topic.GUARD: guarding.answered,
    Topic.SIGN: card_talk.answered_card,
    Topic.VERIFY: checking.answered,
    **dict.fromkeys(TOPICS, guardians.RULES.answered),
    **dict.fromkeys(card_talk.TOPICS, card_talk.answered),
    **dict.fromkeys(delegation_talk.TOPICS, delegation_talk.answered),
    **dict.fromkeys(identify_talk.TOPICS, identify_talk.answered),
    **dict.fromkeys(meeting_talk.TOPICS, meeting_talk.answered),
}
"""What acts on an answer, by the topic of its question."""

_WORDS: Final[Mapping[str, Callable[[Conversation, Inbound, dict[str, str], str], None]]] = {
    Topic.ANSWER: card_talk.heard,
    Topic.DECLINE_WORDS: card_talk.heard,
    Topic.DELEGATE: card_talk.heard,
    Topic.DRAFT: _take_for_draft,
    Topic.IDENTIFY_DIGITS: identify_talk.heard,
    Topic.IDENTIFY_NAME: identify_talk.heard,
    Topic.MEET_NAME: meeting_talk.heard,
    Topic.QUESTION: card_talk.heard,
}
"""What acts on the words that a question waits for, by its topic."""

_ORDERS: Final[Mapping[str, Callable[[Conversation, Inbound, str], Any]]] = {
    "sign": documents.show_waiting,
    "private": documents.show_private,
    "sessions": documents.show_sessions,
    "templates": template_talk.show_all,
    "template": template_talk.begin,
    "cancel": cancelling.order,
    "delete": documents.delete,
    "extend": documents.extend,
    "remind": documents.remind,
    "meet": meeting_talk.begin,
    "identify": identify_talk.begin,
    "guardians": guardians.order,
    "signatures": documents.show_signatures,
    "export": documents.order_export,
    "verify": checking.ask,
}
"""What has a module of its own, by command."""
