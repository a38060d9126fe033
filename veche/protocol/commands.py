"""Commands: single words that every bot answers, in the person's language.

They are read from plain text ("help", "!help", "/help", "помощь") and from MSC4391's structured
form, and published as MSC4391 state, so that clients which know it offer them after "/".

Source: MSC4391 as of January 2026, and the package ``event/cmdschema`` of mautrix-go, which is
what clients follow where the two differ; where they only name a thing differently we say both.
"""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.protocol.message import Bullets, Content, Doc, Mono, Paragraph, checked
from veche.protocol.prompts import ANSWER_KEY, USED_PROMPT_KEYS
from veche.protocol.texts.catalogue import LANGUAGE_NAMES, LANGUAGES, N_, Catalogue
from veche.protocol.texts.locales import locale_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from veche.protocol.ids import UserId

COMMAND_CHARACTERS_MAX: Final = 500
"""Longest text that is looked at as a command."""

COMMAND_DESCRIPTION: Final = "org.matrix.msc4391.command_description"
_COMMAND_KEYS: Final = ("org.matrix.msc4391.command", "m.bot.command")
_MARKS: Final = ("!", "/")
_ENDS: Final = "!. "
"""What people in a hurry, or with a careful keyboard, put behind a word that is all they write."""


@attrs.frozen
class Argument:
    """The kind of argument after a command: the rest of the line.

    Attributes:
        key: Its name for programs.
        description: Message id of what it is.
        is_required: Whether the command means nothing without it.
    """

    key: str
    description: str
    is_required: bool = False


@attrs.frozen
class Command:
    """A word that a bot answers.

    Attributes:
        name: Its name for programs, and in English; one word.
        description: Message id of what it does.
        words: Its further names, by language; the first is the one shown. One may be of several
            words, if it is never followed by an argument.
        argument: What may follow it.
        is_sentence: Whether that may be several words, without a mark before it too.
    """

    name: str
    description: str
    words: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    argument: Argument | None = None
    is_sentence: bool = False

    def word(self, language: str) -> str:
        """The name that is shown in a language."""
        return (*self.words.get(language, ()), self.name)[0]

    def is_called(self, typed: str) -> bool:
        """Return whether a word is one of its names, in any language."""
        words = (word for language in LANGUAGES for word in self.words.get(language, ()))
        return typed.casefold() in {self.name, *words}


@attrs.frozen
class ParsedCommand:
    """A command that a person gave.

    Attributes:
        argument: The rest of the line; empty if there is none.
    """

    command: Command
    argument: str


HELP: Final = Command(
    "help",
    N_("what I can do"),
    {"ru": ("помощь", "справка"), "de": ("hilfe",), "uk": ("допомога", "довідка")},
)
MORE: Final = Command(
    "morehelp",
    N_("everything that you can write"),
    {
        "en": ("help more", "more help", "help all"),
        "ru": ("помощь ещё", "помощь еще", "справка ещё", "справка еще"),
        "de": ("hilfe mehr", "mehr hilfe"),
        "uk": ("допомога ще", "довідка ще"),
    },
)
"""Of bots whose ``help`` shows what one needs every day."""
_MORE_WORDS: Final = frozenset({"more", "ещё", "еще", "mehr", "ще"})
MENU: Final = Command(
    "menu",
    N_("the services, from the beginning"),
    {"ru": ("меню",), "de": ("menü", "menue"), "uk": ("меню",)},
)
STATUS: Final = Command(
    "status",
    N_("your open cases"),
    {"ru": ("статус",), "de": ("stand",), "uk": ("стан", "статус")},
)
BACK: Final = Command(
    "back", N_("one step back"), {"ru": ("назад",), "de": ("zurück", "zurueck"), "uk": ("назад",)}
)
CANCEL: Final = Command(
    "cancel",
    N_("stop what we are doing; nothing is sent"),
    {"ru": ("отмена",), "de": ("abbrechen",), "uk": ("скасувати",)},
)
LANGUAGE: Final = Command(
    "language",
    N_("change the language: English, Русский, Deutsch, Українська"),
    {"ru": ("язык",), "de": ("sprache",), "uk": ("мова",)},
    Argument("language", N_("the language, by its name or code")),
)
PAGE: Final = Command(
    "page",
    N_("a link to your page in the browser, for you alone"),
    {"ru": ("страница",), "de": ("seite",), "uk": ("сторінка",)},
)
SIGN_OUT: Final = Command(
    "signout",
    N_("sign out on all pages"),
    {
        "en": ("sign out", "sign off"),
        "ru": ("выйти", "выход"),
        "de": ("abmelden",),
        "uk": ("вийти", "вихід"),
    },
)
KERNEL_COMMANDS: Final = (HELP, MENU, STATUS, BACK, CANCEL, LANGUAGE, PAGE, SIGN_OUT)
"""What every bot answers."""


def parse_command(text: str, commands: Sequence[Command], language: str) -> ParsedCommand | None:
    """The command that a text is; None for any other text.

    With a mark ("!", "/") anything may follow. Without one the text must be the bare word, or the
    word of a command that takes an argument and one word more, or more words if it is a sentence:
    "help me with my taxes" is not a command, "Stop!!!" is.

    Args:
        text: At most ``COMMAND_CHARACTERS_MAX`` characters can be a command.
        commands: Those of the bot.
        language: Whose words win where two languages use one word differently.
    """
    line = " ".join(unicodedata.normalize("NFKC", text).split())
    if not line or len(text) > COMMAND_CHARACTERS_MAX:
        return None
    is_marked = line.startswith(_MARKS)
    first, _, rest = line.removeprefix(line[0] if is_marked else "").partition(" ")
    if is_marked:
        # Clients that know several bots write "/help@bot:example.org".
        first = first.partition("@")[0]
    plain = line.removeprefix(line[0] if is_marked else "")
    whole = _named(plain, commands, language) or _named(plain.rstrip(_ENDS), commands, language)
    if whole is not None:
        return ParsedCommand(whole, "")
    command = _named(first, commands, language)
    if command is None:
        return None
    is_argument = command.argument is not None and (command.is_sentence or " " not in rest)
    return ParsedCommand(command, rest) if is_marked or not rest or is_argument else None


def read_command(
    content: Mapping[str, Any], commands: Sequence[Command], language: str
) -> ParsedCommand | None:
    """The command in the content of a message: structured (MSC4391), else by its text.

    A client that draws buttons sends their label as text beside its answer: "Withdraw" is then the
    answer to a question, and not the command that led to it.
    """
    if any(key in content for key in (ANSWER_KEY, *USED_PROMPT_KEYS)):
        return None
    for key in _COMMAND_KEYS:
        given = content.get(key)
        if isinstance(given, Mapping):
            return _structured(given, commands, language)
    body = content.get("body")
    if content.get("msgtype") != "m.text" or not isinstance(body, str):
        return None
    return parse_command(body, commands, language)


def command_description(
    command: Command, bot: UserId, catalogue: Catalogue, language: str
) -> tuple[str, Content]:
    """State key and content of the state event that publishes a command (MSC4391).

    Args:
        command: What is published.
        bot: Who answers it; must also send the event.
        catalogue: Has the command's texts.
        language: Of the room.
    """
    content: dict[str, Any] = {
        "command": command.name,
        # Clients read the first word of a line as the command.
        "aliases": [
            word
            for word in command.words.get(language, ())
            if word != command.name and " " not in word
        ],
        "description": _extensible(catalogue.text(language, command.description)),
        "parameters": [],
    }
    if command.argument is not None:
        argument = command.argument
        content["parameters"] = [
            {
                "key": argument.key,
                "description": _extensible(catalogue.text(language, argument.description)),
                # The MSC's words, then those of cmdschema.
                "type": "string",
                "required": argument.is_required,
                "schema": {"schema_type": "primitive", "type": "string"},
                "optional": not argument.is_required,
            }
        ]
        content["fi.mau.tail_parameter"] = argument.key
    digest = hashlib.sha256(f"{command.name}{bot}".encode()).digest()
    return base64.b64encode(digest).decode(), checked(content)


def help_doc(
    commands: Iterable[Command],
    catalogue: Catalogue,
    language: str,
    *,
    everyday: Sequence[Command] = (),
) -> Doc:
    """The commands of a bot, with what each does.

    Args:
        commands: All of them.
        catalogue: Has their texts.
        language: Of the person.
        everyday: Those to which it is shortened, with how to see all; empty: all are shown.
    """
    lines = [
        (Mono(command.word(language)), ": ", catalogue.text(language, command.description))
        for command in everyday or commands
    ]
    doc = (Paragraph(catalogue.text(language, "You can write at any time:")), Bullets(lines))
    if not everyday:
        return doc
    words = catalogue.text(language, "To see everything else, write:")
    return (*doc, Paragraph(words, " ", Mono(MORE.word(language))))


def is_more(text: str) -> bool:
    """Return whether an unexpected text means ``MORE``.

    Alone the word is no command: it may be the answer to a question.
    """
    return unicodedata.normalize("NFKC", text).strip(_ENDS).casefold() in _MORE_WORDS


def language_named(name: str) -> str | None:
    """The language that a person named: "de", "Deutsch", "German", "немецкий"; None if unknown."""
    wanted = unicodedata.normalize("NFKC", name).strip().casefold()
    for code in LANGUAGES:
        names = {LANGUAGE_NAMES[code], *(locale_of(shown).languages[code] for shown in LANGUAGES)}
        if wanted == code or wanted in {n.casefold() for n in names}:
            return code
    return None


def _named(word: str, commands: Sequence[Command], language: str) -> Command | None:
    wanted = word.casefold()
    for spoken in (language, "en", *LANGUAGES):
        for command in commands:
            words = command.words.get(spoken, ())
            names = (command.name, *words) if spoken == "en" else words
            if wanted in names:
                return command
    return None


def _structured(
    given: Mapping[str, Any], commands: Sequence[Command], language: str
) -> ParsedCommand | None:
    name, arguments = given.get("command"), given.get("arguments")
    command = _named(name, commands, language) if isinstance(name, str) else None
    if command is None:
        return None
    value = ""
    if command.argument is not None and isinstance(arguments, Mapping):
        value = arguments.get(command.argument.key, "")
    is_text = isinstance(value, str) and len(value) <= COMMAND_CHARACTERS_MAX
    return ParsedCommand(command, value if is_text else "")


def _extensible(text: str) -> dict[str, Any]:
    return {"m.text": [{"body": text}]}
