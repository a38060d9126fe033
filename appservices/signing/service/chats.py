"""What a person says in their chat with the signing bot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.signing.core.commands import COMMANDS, VERIFY, command_of, is_word
from appservices.signing.core.texts import account as texts
from appservices.signing.service import (
    card_talk,
    checking,
    clicking,
    draft_talk,
    mine,
    reading,
    template_talk,
)
from appservices.signing.service.scene import CATALOGUE
from appservices.signing.store import chats
from veche.protocol.answers import Chosen, NoAnswer, Refused, is_reply, refusal_text
from veche.protocol.catalogue import LANGUAGE_NAMES, LANGUAGES
from veche.protocol.commands import LANGUAGE, language_named
from veche.protocol.message import Bullets, Mono, Paragraph
from veche.protocol.prompts import ANSWER_KEY
from veche.protocol.typed import without_quote
from veche.protocol.wire import mapping
from veche.runtime import people, prompts
from veche.runtime.listening import came_in_clear, is_edit
from veche.runtime.prompts import Answered
from veche.runtime.sessions import PAGE_COMMANDS, answer_command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appservices.signing.service.scene import Scene
    from veche.protocol.commands import Command, ParsedCommand
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.inbound import Inbound
    from veche.protocol.message import Doc
    from veche.runtime.prompts import Heard, Kept

_TALK_CHARACTERS_MAX: Final = 20_000


def greet(scene: Scene, room_id: RoomId, person: UserId) -> None:
    """Welcome a person who began a chat."""
    speech = scene.speech(person)
    if not scene.is_private(room_id, person):
        scene.tell(room_id, person, texts.private_doc(speech))
        return
    chats.set_greeted(scene.txn, room_id)
    doc = texts.welcome_doc(scene.section.name_in(speech.language), speech)
    scene.tell(room_id, person, (*doc, _language_line()), is_quiet=True)


def hear(scene: Scene, inbound: Inbound, *, is_greeted: bool) -> None:
    """A person says something in their chat.

    Args:
        scene: The transaction.
        inbound: What; a message, a file, or an answer to a question.
        is_greeted: They were welcomed here.
    """
    person, room_id = inbound.sender, inbound.room_id
    doubt = _doubt(scene, inbound)
    if doubt is not None:
        scene.tell(room_id, person, doubt)
        return
    if not is_greeted:
        greet(scene, room_id, person)
    if inbound.content.get("msgtype") in reading.FILE_TYPES:
        _take_file(scene, inbound)
        return
    parsed = command_of(inbound.content, commands(scene), scene.language_of(person))
    # A button sends its words too, which may be those of a command.
    if parsed is not None and ANSWER_KEY not in inbound.content:
        _obey(scene, inbound, parsed)
        return
    if clicking.heard(scene, inbound):
        return
    heard = prompts.hear(scene.txn, inbound, is_dialogue=True)
    if _choose(scene, heard, inbound) or _take_words(scene, heard, inbound):
        return
    if _refuse(scene, heard, inbound):
        return
    if is_greeted and inbound.event_type == "m.room.message":
        scene.tell(room_id, person, texts.help_doc(scene.speech(person), _page_commands(scene)))


def commands(scene: Scene) -> tuple[Command, ...]:
    """All that is answered in a chat."""
    return (*COMMANDS, *_page_commands(scene))


def _page_commands(scene: Scene) -> tuple[Command, ...]:
    return PAGE_COMMANDS if scene.links is not None else ()


def _doubt(scene: Scene, inbound: Inbound) -> Doc | None:
    """Why nothing is done of what was said; None if it counts."""
    speech = scene.speech(inbound.sender)
    if not scene.is_private(inbound.room_id, inbound.sender):
        return texts.private_doc(speech)
    if came_in_clear(scene.txn, inbound):
        return texts.clear_doc(speech)
    return texts.edit_doc(speech) if is_edit(inbound) else None


def _take_file(scene: Scene, inbound: Inbound) -> None:
    """A file is to be signed, or, if they have said so, to be checked."""
    content = inbound.content
    caption = content.get("body") if "filename" in content else None
    is_named = isinstance(caption, str) and is_word(caption.strip().lstrip("!/"), VERIFY)
    asked = prompts.open_about(scene.txn, scene.voice.bot.user_id, checking.about(inbound.sender))
    is_asked = any(one.prompt.expires_at_ms > scene.now_ms for one in asked)
    draft = _draft_without_signers(scene, inbound) if reading.is_list(inbound) else None
    if is_named or is_asked:
        checking.order(scene, inbound)
    elif draft is not None:
        reading.order_list(scene, inbound, draft)
    else:
        reading.order(scene, inbound)


def _draft_without_signers(scene: Scene, inbound: Inbound) -> str | None:
    """The draft of which it is being asked who signs; None: there is none."""
    for kept in prompts.candidates(scene.txn, inbound, None):
        if kept.is_open and kept.purpose.get(draft_talk.WORDS) == draft_talk.WHO:
            return str(kept.purpose["session"])
    return None


def _choose(scene: Scene, heard: Heard, inbound: Inbound) -> bool:
    """Act on an answer to a question; False if it is none that counts."""
    outcome, kept = heard.outcome, heard.kept
    if not isinstance(outcome, Chosen) or kept is None:
        return False
    answered = Answered(kept, inbound, outcome)
    topic = kept.purpose.get("topic")
    if topic == draft_talk.TOPIC:
        draft_talk.answered(scene, answered)
    elif topic in card_talk.TOPICS:
        card_talk.answered(scene, answered)
    elif topic == checking.TOPIC:
        scene.settle(answered, scene.speech(inbound.sender).text("Nothing is checked."))
    return True


def _take_words(scene: Scene, heard: Heard, inbound: Inbound) -> bool:
    """Give what was written to the newest question that waits for words; False if none does."""
    body = inbound.content.get("body")
    if not isinstance(heard.outcome, NoAnswer) or inbound.content.get("msgtype") != "m.text":
        return False
    kept = _waiting(scene, heard)
    if kept is None or not isinstance(body, str) or len(body) > _TALK_CHARACTERS_MAX:
        return False
    words = without_quote(body) if is_reply(inbound.content) else body
    purpose = {key: str(value) for key, value in mapping(kept.purpose).items()}
    if purpose["topic"] == draft_talk.TOPIC:
        _take_for_draft(scene, inbound, purpose, words.strip())
    else:
        card_talk.heard(scene, inbound, purpose, words.strip())
    return True


def _take_for_draft(scene: Scene, inbound: Inbound, purpose: dict[str, str], words: str) -> None:
    session = draft_talk.draft_of(scene, purpose["session"], inbound.sender)
    waited = purpose[draft_talk.WORDS]
    if session is None:
        return
    if waited == template_talk.FORM or waited.startswith(template_talk.PARTY):
        template_talk.heard(scene, session, inbound, waited, words)
    else:
        draft_talk.heard(scene, inbound, purpose, words)


def _waiting(scene: Scene, heard: Heard) -> Kept | None:
    """The question that waits for words: the one that is replied to, else the newest."""
    open_ones = [
        one
        for one in heard.open
        if one.purpose.get(draft_talk.WORDS) and one.prompt.expires_at_ms > scene.now_ms
    ]
    replied = [one for one in open_ones if one.id == heard.outcome.prompt_id]
    return next(iter((*replied, *open_ones)), None)


def _refuse(scene: Scene, heard: Heard, inbound: Inbound) -> bool:
    """Say why an answer does not count; False if it was none."""
    outcome = heard.outcome
    refused = outcome.stale if isinstance(outcome, NoAnswer) else outcome
    if not isinstance(refused, Refused):
        return False
    doc = refusal_text(
        refused.reason,
        CATALOGUE,
        scene.language_of(inbound.sender),
        heard.kept.prompt if heard.kept else None,
        standing=inbound.standing,
    )
    scene.tell(inbound.room_id, inbound.sender, doc)
    return True


def _obey(scene: Scene, inbound: Inbound, parsed: ParsedCommand) -> None:
    person, room_id = inbound.sender, inbound.room_id
    speech, links = scene.speech(person), scene.links
    if answer_command(
        scene.txn, scene.voice, room_id, person, parsed, links=links, language=speech.language
    ):
        return
    order = _ORDERS.get(parsed.command.name)
    if order is not None:
        order(scene, inbound, parsed.argument)
    elif parsed.command.name == LANGUAGE.name:
        _choose_language(scene, room_id, person, parsed.argument)
    else:
        scene.tell(room_id, person, texts.help_doc(speech, _page_commands(scene)))


def _choose_language(scene: Scene, room_id: RoomId, person: UserId, named: str) -> None:
    language = language_named(named) if named else None
    if language is None:
        scene.tell(room_id, person, (_language_line(),))
        return
    people.choose_language(scene.txn, person, language)
    words = scene.speech(person).text(
        "I speak English with you now. Write “language” to change it."
    )
    scene.tell(room_id, person, (Paragraph(words),), is_quiet=True)


def _language_line() -> Bullets:
    """How to choose a language, in each of them."""
    return Bullets(
        [
            (f"{LANGUAGE_NAMES[code]}: ", Mono(f"{LANGUAGE.word(code)} {LANGUAGE_NAMES[code]}"))
            for code in LANGUAGES
        ]
    )


_ORDERS: Final[Mapping[str, Callable[[Scene, Inbound, str], Any]]] = {
    "sign": mine.show_waiting,
    "sessions": mine.show_sessions,
    "templates": template_talk.show_all,
    "template": template_talk.begin,
    "cancel": mine.cancel,
    "extend": mine.extend,
    "remind": mine.remind,
    "signatures": mine.show_signatures,
    "export": mine.order_export,
    "verify": checking.ask,
}
"""What has a module of its own, by command."""
