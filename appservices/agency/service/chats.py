"""What a person says: in the chat with an office, or in the room of a case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.agency import store
from appservices.agency.core import replies
from appservices.agency.core.commands import HUMAN, ROOM_COMMANDS, command_input
from appservices.agency.core.effects import Question, Topic
from appservices.agency.core.inputs import Status
from appservices.agency.core.states import State
from appservices.agency.core.texts.menu import (
    MENU_MS,
    START,
    help_doc,
    intro_question,
    menu_question,
    page_of,
)
from appservices.agency.service.cases import begin, definition_of, step_file, take_step
from appservices.agency.service.scene import CATALOGUE, AskedOf
from veche.protocol.answers import Chosen, NoAnswer, Refused, refusal_text
from veche.protocol.catalogue import LANGUAGE_NAMES, LANGUAGES, language_of
from veche.protocol.commands import CANCEL, HELP, LANGUAGE, MENU, language_named, read_command
from veche.protocol.commands import STATUS as CASES
from veche.protocol.ids import derived_ulid
from veche.protocol.inbound import DeviceStanding, Trust
from veche.protocol.message import Bold, Bullets, Heading, Mono, Paragraph
from veche.protocol.prompts import Choice, Prompt
from veche.runtime import people, prompts
from veche.runtime.crypto.tracking import is_encrypted
from veche.runtime.prompts import Answered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.service.scene import Scene
    from appservices.agency.store import CaseFile
    from veche.protocol.commands import Command, ParsedCommand
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.inbound import Inbound
    from veche.runtime.prompts import Heard, Kept

LANGUAGE_TOPIC: Final = "language"
CHAT_COMMANDS: Final = (HELP, MENU, CASES, CANCEL, LANGUAGE)
"""What is answered in a chat, outside a case."""
IN_FORM_COMMANDS: Final = (HELP, MENU, LANGUAGE)
"""What a bare word means while a form waits for an answer; the form itself knows ``cancel``."""
_FILES: Final = frozenset({"m.file", "m.image", "m.location", "m.video", "m.audio"})
_MARKS: Final = ("!", "/")


def greet(scene: Scene, room_id: RoomId, person: UserId) -> None:
    """Welcome a person who began a chat: who speaks here, in which language, what there is."""
    speech = scene.speech(person)
    name = scene.workplace.office.name(speech.language)
    words = speech.text("Welcome. This is {office}. I am its bot, a program.", office=name)
    scene.tell(room_id, (Paragraph(words),), scene.ground(person), is_quiet=True)
    if not _is_private(scene, room_id, person):
        return
    default = scene.workplace.office.language
    if people.read(scene.txn, person, default_language=default).has_chosen:
        show_menu(scene, room_id, person)
    else:
        _ask_language(scene, room_id, person)


def show_menu(scene: Scene, room_id: RoomId, person: UserId, page: int = 1) -> None:
    """Show the services that one can ask for."""
    definitions = [one.definition for one in scene.workplace.services.values()]
    question = menu_question(definitions, scene.context(person), page=page)
    _ask(scene, room_id, person, question)


def hear_in_chat(scene: Scene, inbound: Inbound, person: UserId) -> None:
    """A person says something in the chat with the office."""
    if not _is_private(scene, inbound.room_id, person):
        return
    case_id = store.draft_of_chat(scene.txn, inbound.bot, inbound.room_id)
    file = store.lock_case(scene.txn, case_id) if case_id else None
    if file is not None:
        _hear_about(scene, inbound, file)
        return
    parsed = read_command(inbound.content, CHAT_COMMANDS, scene.language_of(person))
    if parsed is not None:
        _command(scene, inbound.room_id, person, parsed)
        return
    heard = prompts.hear(scene.txn, inbound, is_dialogue=True)
    if not _answer(scene, inbound, person, heard) and inbound.event_type != "m.reaction":
        show_menu(scene, inbound.room_id, person)


def hear_in_case(scene: Scene, inbound: Inbound, file: CaseFile) -> None:
    """A person says something in the room of their case."""
    _hear_about(scene, inbound, file)


def _hear_about(scene: Scene, inbound: Inbound, file: CaseFile) -> None:
    """A person says something where it is about a case."""
    person = file.person
    language = scene.language_of(person)
    parsed = read_command(inbound.content, _commands_now(inbound, file), language)
    if parsed is not None:
        about = command_input(parsed.command, parsed.argument)
        if about is not None:
            step_file(scene, file, about)
        else:
            _command(scene, inbound.room_id, person, parsed)
        return
    heard = prompts.hear(scene.txn, inbound, is_dialogue=True)
    if _answer(scene, inbound, person, heard):
        return
    _say_freely(scene, inbound, file)


def _say_freely(scene: Scene, inbound: Inbound, file: CaseFile) -> None:
    """Words or a file that answer no prompt: the form or the desk may be waiting for them."""
    content, case = inbound.content, file.case
    if content.get("msgtype") in _FILES:
        definition = definition_of(scene, file)
        step_file(scene, file, replies.person_file(definition, case, content, inbound.trust))
        return
    body = content.get("body")
    if inbound.event_type == "m.reaction" or not isinstance(body, str):
        return
    said = replies.person_text(case, body, inbound.trust)
    if said is not None:
        step_file(scene, file, said)
        return
    speech = scene.speech(file.person)
    words = speech.text(
        "I am a program and did not understand this. To write to the office, begin with {word}:",
        word=HUMAN.word(speech.language),
    )
    example = speech.text("{word} When will it be ready?", word="!" + HUMAN.word(speech.language))
    doc = (Paragraph(words, "\n", Mono(example)), *help_doc(scene.context(file.person)))
    scene.tell(inbound.room_id, doc, scene.ground(file.person))


def _commands_now(inbound: Inbound, file: CaseFile) -> tuple[Command, ...]:
    """The commands that a text may be: few while a form waits, since it may be an answer."""
    body = inbound.content.get("body")
    is_marked = isinstance(body, str) and body.lstrip().startswith(_MARKS)
    if file.case.state is State.DRAFT and not is_marked:
        return IN_FORM_COMMANDS
    return ROOM_COMMANDS


def _command(scene: Scene, room_id: RoomId, person: UserId, parsed: ParsedCommand) -> None:
    """What every bot answers, whatever is going on."""
    match parsed.command.name:
        case "menu":
            show_menu(scene, room_id, person)
        case "language":
            _choose_language(scene, room_id, person, language_named(parsed.argument))
        case "status":
            _show_cases(scene, room_id, person)
        case "cancel":
            words = scene.speech(person).text(
                "Nothing is being filled in, so nothing is cancelled."
            )
            scene.tell(room_id, (Paragraph(words),), scene.ground(person))
        case _:
            scene.tell(room_id, help_doc(scene.context(person)), scene.ground(person))


def _show_cases(scene: Scene, room_id: RoomId, person: UserId) -> None:
    """Where each open case stands."""
    case_ids = store.open_cases(scene.txn, scene.voice.bot.user_id, person)
    if not case_ids:
        words = scene.speech(person).text("You have no open cases with this office.")
        scene.tell(room_id, (Paragraph(words),), scene.ground(person))
        return
    context = scene.context(person)
    items = []
    for case_id in case_ids:
        file = store.lock_case(scene.txn, case_id)
        if file is None:
            continue
        definition = definition_of(scene, file)
        title = definition.title.text(context.language)
        where = f"https://matrix.to/#/{file.person_room}"
        items.append((Bold(title), " ", Mono(file.case.number), f": {where}"))
    doc = (Heading(context.person.text("Your open cases")), Bullets(items))
    scene.tell(room_id, doc, scene.ground(person))


def _answer(scene: Scene, inbound: Inbound, person: UserId, heard: Heard) -> bool:
    """Act on an answer to a prompt, or say why it does not count; False if it is none."""
    outcome = heard.outcome
    if isinstance(outcome, Chosen) and heard.kept is not None:
        _chosen(scene, Answered(heard.kept, inbound, outcome), person)
        return True
    refused = outcome if isinstance(outcome, Refused) else None
    if refused is None and isinstance(outcome, NoAnswer) and _nothing_waits(scene, inbound):
        refused = outcome.stale
    if refused is None:
        return False
    prompt = heard.kept.prompt if heard.kept else None
    language = scene.language_of(person)
    doc = refusal_text(refused.reason, CATALOGUE, language, prompt, standing=inbound.standing)
    scene.tell(inbound.room_id, doc, scene.ground(person))
    return True


def _nothing_waits(scene: Scene, inbound: Inbound) -> bool:
    return store.draft_of_chat(scene.txn, inbound.bot, inbound.room_id) is None


def _chosen(scene: Scene, answered: Answered, person: UserId) -> None:
    kept, chosen = answered.kept, answered.chosen
    topic = kept.purpose.get("topic")
    case_id = kept.purpose.get("case")
    if isinstance(case_id, str):
        heard = replies.person_choice(Topic(topic), chosen.choice, chosen.data, _trust_of(answered))
        if heard is None:
            scene.settle(answered, scene.speech(person), scene.ground(person))
        else:
            take_step(scene, case_id, heard, answered)
        return
    if not scene.settle(answered, scene.speech(person), scene.ground(person)):
        return
    if topic == LANGUAGE_TOPIC:
        _choose_language(scene, kept.room_id, person, language_of(chosen.choice or ""))
    elif topic == Topic.MENU.value:
        _picked(scene, kept, person, chosen.choice or "")
    elif topic == Topic.START.value:
        _start(scene, kept, person, chosen.choice)


def _trust_of(answered: Answered) -> Trust:
    """A reaction travels in clear, whatever the event around it says."""
    return Trust.ANY if answered.chosen.via == "reaction" else answered.inbound.trust


def _picked(scene: Scene, kept: Kept, person: UserId, choice: str) -> None:
    """A line of the menu was chosen."""
    page = page_of(choice)
    if page is not None:
        show_menu(scene, kept.room_id, person, page)
        return
    service = scene.workplace.services.get(choice)
    if service is None:
        words = scene.speech(person).text("This service is no longer offered.")
        scene.tell(kept.room_id, (Paragraph(words),), scene.ground(person))
        show_menu(scene, kept.room_id, person)
        return
    question = intro_question(service.definition, scene.context(person))
    _ask(scene, kept.room_id, person, question, service=service.definition.id)


def _start(scene: Scene, kept: Kept, person: UserId, choice: str | None) -> None:
    service = scene.workplace.services.get(str(kept.purpose.get("service")))
    if choice == START and service is not None:
        begin(scene, person, kept.room_id, service)
    else:
        show_menu(scene, kept.room_id, person)


def _ask(scene: Scene, room_id: RoomId, person: UserId, question: Question, **purpose: str) -> None:
    asked = AskedOf(
        prompt_id=derived_ulid(scene.now_ms, scene.voice.cause, question.topic.value),
        speech=scene.speech(person),
        purpose=purpose,
        ground=scene.ground(person, purpose.get("service", "menu")),
    )
    scene.ask(room_id, question, [person], asked)


def _ask_language(scene: Scene, room_id: RoomId, person: UserId) -> None:
    """In each language at once, since none is known yet."""
    lines = [(Bold(CATALOGUE.text(code, "Which language do you prefer?")),) for code in LANGUAGES]
    purpose: Mapping[str, Any] = {"topic": LANGUAGE_TOPIC}
    scene.replace(room_id, purpose, scene.speech(person))
    question = prompts.Asking(
        room_id=room_id,
        prompt=_language_prompt(scene, person),
        intro=(Bullets(lines),),
        language=scene.language_of(person),
        purpose=purpose,
        ground=scene.ground(person),
        mentions=[person],
    )
    prompts.ask(scene.txn, scene.voice, question, CATALOGUE)


def _language_prompt(scene: Scene, person: UserId) -> Prompt:
    choices = tuple(Choice(id=code, label=LANGUAGE_NAMES[code]) for code in LANGUAGES)
    return Prompt(
        v=1,
        id=derived_ulid(scene.now_ms, scene.voice.cause, LANGUAGE_TOPIC),
        scope=(person,),
        expires_at_ms=scene.now_ms + MENU_MS,
        choices=choices,
    )


def _choose_language(scene: Scene, room_id: RoomId, person: UserId, language: str | None) -> None:
    if language is None:
        _ask_language(scene, room_id, person)
        return
    people.choose_language(scene.txn, person, language)
    speech = scene.speech(person)
    words = speech.text("I speak English with you now. Write “language” to change it.")
    scene.tell(room_id, (Paragraph(words),), scene.ground(person), is_quiet=True)
    case_id = store.draft_of_chat(scene.txn, scene.voice.bot.user_id, room_id)
    if case_id is None:
        show_menu(scene, room_id, person)
    else:
        take_step(scene, case_id, Status())


def _is_private(scene: Scene, room_id: RoomId, person: UserId) -> bool:
    """Whether the chat is encrypted; if not, the person is told how to begin one that is."""
    if is_encrypted(scene.txn, room_id):
        return True
    context = scene.context(person)
    speech = context.person
    services = [one.definition.title.text(context.language) for one in _services(scene)]
    doc = (
        Paragraph(
            speech.text(
                "This chat is not encrypted, so others can read along. Here I only tell what there"
                " is; nothing is asked and nothing is stored."
            )
        ),
        Bullets(services),
        Paragraph(
            speech.text("To go on, please start a new direct chat with me, with encryption on.")
        ),
    )
    scene.tell(room_id, doc, scene.ground(person))
    return False


def _services(scene: Scene) -> list[Any]:
    return list(scene.workplace.services.values())


def warn_of_plain(scene: Scene, inbound: Inbound, person: UserId) -> bool:
    """Whether a message came in clear into an encrypted room; then the person is told."""
    is_message = inbound.event_type == "m.room.message"
    if not (is_message and inbound.standing is DeviceStanding.NOT_ENCRYPTED):
        return False
    if not is_encrypted(scene.txn, inbound.room_id):
        return False
    words = scene.speech(person).text(
        "Your message came without encryption, so it does not count. Please send it encrypted."
    )
    scene.tell(inbound.room_id, (Paragraph(words),), scene.ground(person))
    return True
