"""Commands that a person can write in the room of a case at any time."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

from appservices.agency.cases.core.inputs import (
    AskHuman,
    Export,
    PersonInput,
    Status,
    Why,
    Withdraw,
)
from veche.protocol.commands import (
    CANCEL,
    HELP,
    LANGUAGE,
    MENU,
    MORE,
    PAGE,
    SIGN_OUT,
    Argument,
    Command,
)
from veche.protocol.commands import STATUS as _KERNEL_STATUS
from veche.protocol.forms import QUOTES
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from veche.protocol.commands import ParsedCommand

STATUS: Final = Command(
    _KERNEL_STATUS.name,
    N_("where your case stands, and what happened so far"),
    _KERNEL_STATUS.words,
)
WHY: Final = Command(
    "why",
    N_("what is being waited for, by which rule, until when"),
    {"ru": ("почему",), "de": ("warum",), "uk": ("чому",)},
)
HUMAN: Final = Command(
    "human",
    N_("ask for a human being; you can write your question after it"),
    {"ru": ("человек", "сотрудник"), "de": ("mensch",), "uk": ("людина", "співробітник")},
    Argument("question", N_("what you want to ask")),
)
WITHDRAW: Final = Command(
    "withdraw",
    N_("take the case back"),
    {"ru": ("отозвать",), "de": ("zurückziehen", "zurueckziehen"), "uk": ("відкликати",)},
)
EXPORT: Final = Command(
    "export",
    N_("the whole case as a signed file"),
    {"ru": ("экспорт",), "de": ("export",), "uk": ("експорт",)},
)

CALL: Final = Command(
    "call",
    N_("whether it is us who call you: write the four words that you are told after it"),
    {"ru": ("звонок",), "de": ("anruf",), "uk": ("дзвінок",)},
    Argument("words", N_("the four words")),
)
DESK_CALL: Final = Command(
    "call",
    N_("in the thread of a case: get four words by which the person knows that it is you who call"),
    {"ru": ("звоню",), "de": ("anrufen",), "uk": ("дзвоню",)},
)

RECEIPT: Final = Command(
    "receipt",
    N_("how far decisions and documents have come, with the signed receipt of each"),
    {"ru": ("расписка",), "de": ("nachweis",), "uk": ("розписка",)},
)
READ_RECEIPTS: Final = Command(
    "receipts",
    N_("on or off: whether read receipts of your client count as that you have seen a decision"),
    {"ru": ("отметки",), "de": ("lesebestätigungen",), "uk": ("позначки",)},
    Argument("answer", N_("on or off"), is_required=True),
)
_ON: Final = frozenset({"on", "yes", "an", "ja", "вкл", "да", "увімк", "так"})
_OFF: Final = frozenset({"off", "no", "aus", "nein", "выкл", "нет", "вимк", "ні"})

BEGIN: Final = Command(
    "start",
    N_("start a service, whose name you write after it"),
    {"ru": ("начать",), "de": ("starten",), "uk": ("почати",)},
    Argument("service", N_("the name of the service"), is_required=True),
)

CHAT_COMMANDS: Final = (
    HELP,
    MORE,
    MENU,
    BEGIN,
    _KERNEL_STATUS,
    HUMAN,
    CALL,
    READ_RECEIPTS,
    CANCEL,
    LANGUAGE,
)
"""What is answered in a chat, outside a case."""
CASE_COMMANDS: Final = (STATUS, WHY, HUMAN, WITHDRAW, EXPORT)
"""What concerns the case."""
ROOM_COMMANDS: Final = (
    *CASE_COMMANDS,
    RECEIPT,
    READ_RECEIPTS,
    CALL,
    HELP,
    MORE,
    MENU,
    BEGIN,
    CANCEL,
    LANGUAGE,
)
"""What is answered in the room of a case."""
FORM_COMMANDS: Final = (*CASE_COMMANDS, HELP, MORE, MENU, BEGIN, LANGUAGE)
"""What is answered while a form waits for an answer; the form knows ``cancel``."""
_FORM_WORDS: Final = (*CASE_COMMANDS, HELP, MORE, MENU, LANGUAGE, PAGE, SIGN_OUT)
_ENDS: Final = "!. "


def is_on(argument: str) -> bool | None:
    """Return whether ``READ_RECEIPTS`` turns it on or off; None: it says neither."""
    word = argument.strip().casefold()
    return True if word in _ON else False if word in _OFF else None


def as_command(parsed: ParsedCommand | None) -> ParsedCommand | None:
    """A command as it is meant: "start" alone is the answer to whether one wants to."""
    is_answer = parsed is not None and parsed.command is BEGIN and not parsed.argument
    return None if is_answer else parsed


def is_form_word(text: str, language: str) -> bool:
    """Return whether a text is no answer of a form but the bare word of a command.

    Args:
        text: What was typed, without a mark before it.
        language: Whose words count, beside the English ones.
    """
    word = " ".join(unicodedata.normalize("NFKC", text).split()).casefold().rstrip(_ENDS)
    return any(
        word in {one.name, *one.words.get("en", ()), *one.words.get(language, ())}
        for one in _FORM_WORDS
    )


def without_marks(text: str, language: str) -> str:
    """An answer without its quotation marks, if they only keep it from being a command."""
    inner = text.strip().strip(QUOTES)
    return inner if inner != text.strip() and is_form_word(inner, language) else text


def command_input(command: Command, argument: str) -> PersonInput | None:
    """Return the input of a command to the case; None if it is not about the case.

    Args:
        command: One of ``ROOM_COMMANDS``.
        argument: What follows it; may be empty.
    """
    inputs: dict[str, PersonInput] = {
        STATUS.name: Status(),
        WHY.name: Why(),
        HUMAN.name: AskHuman(argument),
        WITHDRAW.name: Withdraw(),
        EXPORT.name: Export(),
    }
    return inputs.get(command.name)
