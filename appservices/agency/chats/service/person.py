"""Messages of a person: in the chat with an office, or in the room of a case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.agency.calls.service import answer_call
from appservices.agency.cases import store
from appservices.agency.cases.core import replies
from appservices.agency.cases.core.commands import (
    CALL,
    CASE_COMMANDS,
    CHAT_COMMANDS,
    HUMAN,
    READ_RECEIPTS,
    RECEIPT,
    as_command,
    command_input,
    is_on,
    without_marks,
)
from appservices.agency.cases.core.effects import Question, Topic
from appservices.agency.cases.core.inputs import Status
from appservices.agency.cases.core.states import OVER, State
from appservices.agency.cases.service.cases import definition_of, locked_case, step_file, take_step
from appservices.agency.cases.service.conversation import CATALOGUE
from appservices.agency.cases.texts.words import state_words
from appservices.agency.catalogue.texts.menu import MENU_MS, help_doc
from appservices.agency.chats.service.attention import counts
from appservices.agency.chats.service.form_commands import IN_FORM_COMMANDS, ask_again, commands_now
from appservices.agency.chats.service.menu import (
    answered_intro,
    ask,
    find,
    picked,
    show_menu,
    start_named,
)
from appservices.agency.deliveries.service import note_answer, show_stages
from appservices.agency.deliveries.store import set_counting
from appservices.agency.files.service import PLACE, begin_file_check, queue_if_checking
from appservices.agency.finding.core.finding import is_small_talk
from appservices.agency.questions import service as passing_on
from appservices.agency.reach.service import note_reached
from veche.access.sessions import answer_command
from veche.bots import act_on_answer, is_stale, page_commands
from veche.chat import people, prompts
from veche.chat.attention import REACTION
from veche.protocol.commands import MORE, SIGN_OUT, is_more, language_named, read_command
from veche.protocol.commands import STATUS as CASES
from veche.protocol.inbound import DeviceStanding, Trust
from veche.protocol.message import Bold, Bullets, Heading, Mono, Paragraph, Span
from veche.protocol.prompts import Choice
from veche.protocol.talk import language_doc
from veche.protocol.texts.catalogue import LANGUAGE_NAMES, LANGUAGES, language_of
from veche.protocol.texts.typed_choice import without_quote
from veche.runtime.crypto.tracking import is_encrypted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from appservices.agency.cases.service.conversation import Conversation
    from appservices.agency.cases.store import CaseFile
    from veche.chat.prompts import Answered, Kept
    from veche.protocol.commands import Command, ParsedCommand
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.inbound import Inbound
    from veche.protocol.message import Doc

_FILES: Final = frozenset({"m.file", "m.image", PLACE, "m.video", "m.audio"})
_WAITING: Final = frozenset({State.DRAFT, State.NEEDS_MORE})
"""Where the person's own words are waited for."""
_SETTLED: Final = OVER | {State.SERVED, State.DECIDED_NO}


def greet(scene: Conversation, room_id: RoomId, person: UserId) -> None:
    """Welcome a person who began a chat: who speaks here, in which language, what there is.

    It is one message: where a crowd comes at once, each event more keeps the others waiting.
    """
    hello = _hello(scene, person)
    if tell_if_public(scene, room_id, person, before=hello):
        return
    scene.parts.chats.set_greeted(scene.txn, room_id)
    default = scene.section.language
    if people.read(scene.txn, person, default_language=default).has_chosen:
        show_menu(scene, room_id, person, before=hello)
    else:
        _ask_language(scene, room_id, person, before=hello)


def welcome(scene: Conversation, room_id: RoomId, person: UserId) -> None:
    """Say who speaks here."""
    scene.say(room_id, _hello(scene, person), scene.ground(person), is_quiet=True)


def _hello(scene: Conversation, person: UserId) -> Doc:
    localizer = scene.localizer(person)
    name = scene.section.name_in(localizer.language)
    words = localizer.text("Welcome. This is {office}. I am its bot, a program.", office=name)
    return (Paragraph(words),)


def hear(scene: Conversation, inbound: Inbound, *, is_greeted: bool) -> None:
    """A person says something in their chat with the office; see ``veche.bots``."""
    if is_heard(scene, inbound):
        hear_in_chat(scene, inbound, is_greeted=is_greeted)


def is_heard(scene: Conversation, inbound: Inbound) -> bool:
    """Return whether a person's message still needs an action."""
    ground = scene.ground(inbound.sender)
    return not _signs_out(scene, inbound) and counts(scene, inbound, ground)


def hear_in_chat(scene: Conversation, inbound: Inbound, *, is_greeted: bool) -> None:
    """Act on what counts of what a person says in their chat."""
    person, room_id = inbound.sender, inbound.room_id
    if inbound.event_type != REACTION and not scene.is_private(room_id, person):
        _hear_among_others(scene, inbound, person)
        return
    note_answer(scene, inbound)
    case_id = store.draft_of_chat(scene.txn, inbound.bot, room_id, person)
    file = store.lock_case(scene.txn, case_id) if case_id else None
    if file is not None and not _is_elsewhere(scene, inbound, file):
        _hear_about(scene, inbound, file)
        return
    if answer_call(scene, inbound):
        return
    parsed = _command_in(scene, inbound, person, CHAT_COMMANDS)
    if parsed is not None:
        _command(scene, room_id, person, parsed)
        return
    if _answer(scene, inbound) or inbound.event_type == REACTION:
        return
    if not is_greeted:
        greet(scene, room_id, person)
    elif is_more(text := _text_of(inbound)):
        _help(scene, room_id, person, is_whole=True)
    else:
        find(scene, room_id, person, text)


def _signs_out(scene: Conversation, inbound: Inbound) -> bool:
    """Let a person sign out who says so in clear; False if they say anything else.

    It counts in an encrypted room too: it only takes power away.
    """
    if inbound.standing is not DeviceStanding.NOT_ENCRYPTED or scene.links is None:
        return False
    if inbound.event_type == REACTION:
        return False
    parsed = read_command(inbound.content, (SIGN_OUT,), scene.language_of(inbound.sender))
    if parsed is not None:
        _command(scene, inbound.room_id, inbound.sender, parsed)
    return parsed is not None


def _hear_among_others(scene: Conversation, inbound: Inbound, person: UserId) -> None:
    """A person says something where others read along: only the pages' commands are answered."""
    parsed = _command_in(scene, inbound, person, ())
    if parsed is not None:
        _command(scene, inbound.room_id, person, parsed)
    else:
        tell_if_public(scene, inbound.room_id, person)


def hear_in_case(scene: Conversation, inbound: Inbound, file: CaseFile) -> None:
    """A person says something in the room of their case."""
    if file.is_unreached or file.is_awaited:
        locked = locked_case(scene, file)
        note_reached(locked)
        file = locked.file
        store.save_case(scene.txn, file)
    _hear_about(scene, inbound, file)


def _is_elsewhere(scene: Conversation, inbound: Inbound, file: CaseFile) -> bool:
    """Return whether a chat message is not about the case handled there.

    Once that has its result, only what names the case is about it.
    """
    if file.case.state not in _SETTLED:
        return False
    parsed = read_command(inbound.content, CASE_COMMANDS, scene.language_of(file.person))
    if parsed is not None and parsed.command is HUMAN:
        return file.case.state in OVER
    return parsed is None or parsed.command.name == CASES.name


def _hear_about(scene: Conversation, inbound: Inbound, file: CaseFile) -> None:
    """A person says something where it is about a case."""
    person = file.person
    if answer_call(scene, inbound, is_form=file.case.state in _WAITING):
        return
    parsed = _command_in(scene, inbound, person, commands_now(scene, inbound, file))
    if parsed is not None and parsed.command is RECEIPT:
        show_stages(scene, file, is_desk=False)
        return
    about = command_input(parsed.command, parsed.argument) if parsed is not None else None
    if parsed is not None and about is None:
        _command(scene, inbound.room_id, person, parsed)
        ask_again(scene, inbound, file, parsed.command)
        return
    if queue_if_checking(scene, inbound, file):
        return
    if parsed is not None and about is not None:
        step_file(scene, file, about)
        ask_again(scene, inbound, file, parsed.command)
        return
    if not _answer(scene, inbound, is_waiting=file.case.state in _WAITING):
        _say_freely(scene, inbound, file)


def _say_freely(scene: Conversation, inbound: Inbound, file: CaseFile) -> None:
    """Words or a file that answer no prompt: the form or the desk may be waiting for them."""
    content, case = inbound.content, file.case
    if content.get("msgtype") in _FILES:
        if begin_file_check(scene, inbound, file):
            return
        definition = definition_of(scene, file)
        step_file(scene, file, replies.person_file(definition, case, content, inbound.trust))
        return
    body = content.get("body")
    if inbound.event_type == REACTION or not isinstance(body, str):
        return
    text = without_marks(without_quote(body), scene.language_of(file.person))
    if (said := replies.person_text(case, text, inbound.trust)) is not None:
        step_file(scene, file, said)
        return
    if is_more(text) or is_small_talk(text):
        _help(scene, inbound.room_id, file.person, is_whole=is_more(text))
    elif case.state in OVER:
        words = scene.localizer(file.person).text("This case is closed, and I did not understand.")
        scene.say(inbound.room_id, (Paragraph(words),), scene.ground(file.person))
        _help(scene, inbound.room_id, file.person)
    else:
        passing_on.offer(scene, inbound, file, text)


def _help(scene: Conversation, room_id: RoomId, person: UserId, *, is_whole: bool = False) -> None:
    doc = help_doc(scene.context(person), more=page_commands(scene), is_whole=is_whole)
    scene.say(room_id, doc, scene.ground(person))


def _text_of(inbound: Inbound) -> str:
    """The words of a message; empty if it has none."""
    body = inbound.content.get("body")
    is_text = inbound.content.get("msgtype") == "m.text"
    return without_quote(body) if is_text and isinstance(body, str) else ""


def _command_in(
    scene: Conversation, inbound: Inbound, person: UserId, commands: Sequence[Command]
) -> ParsedCommand | None:
    """The command that a person gives; those of the pages too, where there are pages.

    ``sign out`` is never an answer of a form, in no language: who reads that somebody else is
    signed in as them may be in the middle of one.
    """
    more = page_commands(scene)
    if commands is IN_FORM_COMMANDS:
        more = tuple(one for one in more if one is SIGN_OUT)
    return as_command(read_command(inbound.content, (*commands, *more), scene.language_of(person)))


def _command(scene: Conversation, room_id: RoomId, person: UserId, parsed: ParsedCommand) -> None:
    """Answer a command that every bot has at any time."""
    language = scene.language_of(person)
    if answer_command(
        scene.txn, scene.sender, room_id, person, parsed, links=scene.links, language=language
    ):
        return
    match parsed.command.name:
        case "start":
            start_named(scene, room_id, person, parsed.argument)
        case "menu":
            show_menu(scene, room_id, person)
        case "language":
            _choose_language(scene, room_id, person, language_named(parsed.argument))
        case "status":
            _show_cases(scene, room_id, person)
        case "cancel":
            words = scene.localizer(person).text(
                "Nothing is being filled in, so nothing is cancelled."
            )
            scene.say(room_id, (Paragraph(words),), scene.ground(person))
        case READ_RECEIPTS.name:
            _let_receipts_count(scene, room_id, person, is_on(parsed.argument))
        case CALL.name:
            words = scene.localizer(person).text(
                "Write this word and the four words that the caller tells you. I answer whether it"
                " is us who call."
            )
            scene.say(room_id, (Paragraph(words),), scene.ground(person))
        case HUMAN.name:
            passing_on.ask_office(scene, room_id, person, parsed.argument)
        case _:
            _help(scene, room_id, person, is_whole=parsed.command is MORE)


def _let_receipts_count(
    scene: Conversation, room_id: RoomId, person: UserId, is_wanted: bool | None
) -> None:
    """Let a person say whether their read receipts count."""
    bot, localizer = scene.sender.bot.user_id, scene.localizer(person)
    if is_wanted is None:
        words = localizer.text("Write on or off after it.")
    else:
        set_counting(scene.txn, bot, person, scene.now_ms if is_wanted else None)
        words = (
            localizer.text(
                "From now on read receipts of your client count as that you have seen it."
            )
            if is_wanted
            else localizer.text("Read receipts of your client count for nothing.")
        )
    scene.say(room_id, (Paragraph(words),), scene.ground(person))


def _show_cases(scene: Conversation, room_id: RoomId, person: UserId) -> None:
    """Where each open case stands."""
    case_ids = store.open_cases(scene.txn, scene.sender.bot.user_id, person)
    if not case_ids:
        words = scene.localizer(person).text("You have no open cases with this office.")
        scene.say(room_id, (Paragraph(words),), scene.ground(person))
        return
    files = [file for id_ in case_ids if (file := store.read_case(scene.txn, id_)) is not None]
    items = [_case_line(scene, file) for file in files]
    doc = (Heading(scene.localizer(person).text("Your open cases")), Bullets(items))
    scene.say(room_id, doc, scene.ground(person))


def _case_line(scene: Conversation, file: CaseFile) -> tuple[Span, ...]:
    title = definition_of(scene, file).title.text(scene.language_of(file.person))
    where = scene.link_to(file.person_room)
    state = state_words(file.case.state, scene.localizer(file.person))
    return (Bold(title), " ", Mono(file.case.number), f" ({state}): {where}")


def _answer(scene: Conversation, inbound: Inbound, *, is_waiting: bool = False) -> bool:
    """Act on an answer to a prompt, or say why it does not count; False if it is none.

    Args:
        scene: The transaction.
        inbound: What was said.
        is_waiting: A form waits for words: what would fit a prompt that is closed is meant for it.
    """
    heard = prompts.hear(scene.txn, inbound, is_dialogue=True)
    is_for_form = is_waiting and is_stale(heard)
    return not is_for_form and act_on_answer(scene, heard, inbound, ANSWERS)


def _answered_about_case(scene: Conversation, answered: Answered) -> None:
    kept, chosen, person = answered.kept, answered.chosen, answered.inbound.sender
    case_id, topic = str(kept.purpose["case"]), Topic(kept.purpose["topic"])
    heard = replies.person_choice(topic, chosen.choice, chosen.data, _trust_of(answered))
    if heard is not None:
        take_step(scene, case_id, heard, answered)
        return
    # Locked before anything is said, see `cases.take_step`; saved for the pages' sake.
    file = store.lock_case(scene.txn, case_id)
    scene.accept(answered, scene.localizer(person), scene.ground(person))
    if file is not None:
        store.save_case(scene.txn, file)


def _in_chat(
    act: Callable[[Conversation, Kept, UserId, str], None],
) -> Callable[[Conversation, Answered], None]:
    """Have something done once an answer outside any case counts."""

    def handler(scene: Conversation, answered: Answered) -> None:
        person = answered.inbound.sender
        if scene.accept(answered, scene.localizer(person), scene.ground(person)):
            act(scene, answered.kept, person, answered.chosen.choice or "")

    return handler


def _trust_of(answered: Answered) -> Trust:
    """A reaction travels in clear, whatever the event around it says."""
    return Trust.ANY if answered.chosen.via == "reaction" else answered.inbound.trust


def _ask_language(scene: Conversation, room_id: RoomId, person: UserId, before: Doc = ()) -> None:
    """In each language at once, since none is known yet."""
    lines = [(Bold(CATALOGUE.text(code, "Which language do you prefer?")),) for code in LANGUAGES]
    choices = tuple(Choice(id=code, label=LANGUAGE_NAMES[code]) for code in LANGUAGES)
    expires_at_ms = scene.now_ms + MENU_MS
    intro = (*before, Bullets(lines))
    question = Question(Topic.LANGUAGE, intro, expires_at_ms, choices=choices)
    ask(scene, room_id, person, question)


def _picked_language(scene: Conversation, kept: Kept, person: UserId, choice: str) -> None:
    _choose_language(scene, kept.room_id, person, language_of(choice))


def _choose_language(
    scene: Conversation, room_id: RoomId, person: UserId, language: str | None
) -> None:
    if language is None:
        _ask_language(scene, room_id, person)
        return
    scene.choose_language(person, language)
    doc = language_doc(scene.localizer(person))
    bot = scene.sender.bot.user_id
    case_id = store.case_of_room(scene.txn, bot, room_id)
    case_id = case_id or store.draft_of_chat(scene.txn, bot, room_id, person)
    if case_id is None:
        show_menu(scene, room_id, person, before=doc)
    else:
        scene.say(room_id, doc, scene.ground(person), is_quiet=True)
        take_step(scene, case_id, Status())


def tell_if_public(scene: Conversation, room_id: RoomId, person: UserId, before: Doc = ()) -> bool:
    """Tell a person how to begin a private chat, if others read along in this one; whether so."""
    if scene.is_private(room_id, person):
        return False
    localizer = scene.localizer(person)
    if not is_encrypted(scene.txn, room_id):
        why = localizer.text(
            "This chat is not encrypted, so others can read along. Here I only tell what there is;"
            " nothing is asked and nothing is stored."
        )
    else:
        why = localizer.text(
            "Others are in this room. Here I only tell what there is; nothing is asked and nothing"
            " is stored."
        )
    services, language = scene.workplace.services.values(), localizer.language
    titles = [one.definition.title.text(language) for one in services]
    how = localizer.text(
        "To go on, please start a new direct chat with me alone, with encryption on."
    )
    doc = (*before, Paragraph(why), Bullets(titles), Paragraph(how))
    scene.say(room_id, doc, scene.ground(person))
    return True


ANSWERS: Final[Mapping[str, Callable[[Conversation, Answered], None]]] = {
    Topic.LANGUAGE: _in_chat(_picked_language),
    Topic.MENU: _in_chat(picked),
    Topic.START: _in_chat(answered_intro),
    Topic.FORM: _answered_about_case,
    Topic.APPROVE: _answered_about_case,
    Topic.MORE: _answered_about_case,
    Topic.WITHDRAW: _answered_about_case,
    Topic.FORWARD: passing_on.answered,
}
"""What acts on an answer of a person, by the topic of its question."""


def hear_queued(scene: Conversation, inbound: Inbound, case_id: str) -> None:
    """Hear what waited for a file of a case, where it belongs now."""
    chat = scene.parts.chats.read(scene.txn, inbound.room_id)
    file = store.lock_case(scene.txn, case_id)
    if chat is not None:
        hear_in_chat(scene, inbound, is_greeted=chat.is_greeted)
    elif file is not None:
        hear_in_case(scene, inbound, file)
