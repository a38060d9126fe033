"""Words that a person answers with: commands of the dialogue, yes and no, in four languages.

Several words a meaning, so a table and not the catalogue; the first one is the one we show.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from veche.protocol.forms.models import COMMAND_ID_PREFIX, fold

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMAND_CHARACTERS_MAX: Final = 250
"""Longest text that is looked at as a command."""
QUOTES: Final = "\"'“”„«»‘’‚`"
"""What people put around a word that is an answer and no command."""


class Command(enum.StrEnum):
    """A command that a person can always give instead of an answer."""

    BACK = "back"
    """To the question before."""
    CANCEL = "cancel"
    """Stop, forget the answers."""
    REVIEW = "review"
    """Show all answers."""
    SKIP = "skip"
    """Leave this one as it is, and go on."""
    CLEAR = "clear"
    """Empty this one, and go on."""
    EDIT = "edit"
    """In the review: change the answer that is named."""
    SUBMIT = "submit"
    """In the review: send the form."""


WORDS: Final[Mapping[Command, Mapping[str, tuple[str, ...]]]] = {
    Command.BACK: {
        "en": ("back",),
        "ru": ("назад",),
        "de": ("zurück", "zurueck"),
        "uk": ("назад",),
    },
    Command.CANCEL: {
        "en": ("cancel",),
        "ru": ("отмена", "отменить"),
        "de": ("abbrechen", "abbruch"),
        "uk": ("скасувати", "відміна"),
    },
    Command.REVIEW: {
        "en": ("review",),
        "ru": ("проверить", "проверка"),
        "de": ("prüfen", "pruefen", "übersicht"),
        "uk": ("перевірити", "перевірка"),
    },
    Command.SKIP: {
        "en": ("skip", "-", "–", "—"),
        "ru": ("пропустить",),
        "de": ("überspringen", "ueberspringen", "weiter"),
        "uk": ("пропустити",),
    },
    Command.CLEAR: {"en": ("clear",), "ru": ("очистить",), "de": ("leeren",), "uk": ("очистити",)},
    Command.EDIT: {
        "en": ("edit", "change"),
        "ru": ("изменить", "исправить"),
        "de": ("ändern", "aendern"),
        "uk": ("змінити", "виправити"),
    },
    Command.SUBMIT: {
        "en": ("submit", "send"),
        "ru": ("отправить",),
        "de": ("absenden", "senden"),
        "uk": ("надіслати", "відправити"),
    },
}
"""English words count in every language."""

YES: Final[Mapping[str, tuple[str, ...]]] = {
    "en": ("yes", "y", "true"),
    "ru": ("да", "д"),
    "de": ("ja", "j"),
    "uk": ("так", "т"),
}
NO: Final[Mapping[str, tuple[str, ...]]] = {
    "en": ("no", "n", "false"),
    "ru": ("нет",),
    "de": ("nein",),
    "uk": ("ні",),
}
"""All languages count in every language: none of the words means both."""

_MEANING: Final[Mapping[str, bool]] = {
    fold(word): meaning
    for meaning, words in ((True, YES), (False, NO))
    for language in words.values()
    for word in language
} | {fold("н"): False}


def shown_word(command: Command, language: str) -> str:
    """The word for a command that we tell people of a language."""
    return WORDS[command].get(language, WORDS[command]["en"])[0]


def shown_yes_no(is_yes: bool, language: str) -> str:
    """The word for yes or no that we tell people of a language."""
    words = YES if is_yes else NO
    return words.get(language, words["en"])[0]


def yes_or_no(text: str) -> bool | None:
    """Interpret a word as yes or no, in any of the languages; None if it is neither."""
    return _MEANING.get(fold(text).rstrip("!."))


def read_command(text: str, language: str) -> tuple[Command, str] | None:
    """The command that a text is, and for *edit* what is to be edited; None if it is an answer.

    A leading ``/`` or ``!`` is ignored. ``"back"`` in quotation marks is no command, so that no
    answer is impossible to give (see ``unquoted``).
    """
    if len(text) > COMMAND_CHARACTERS_MAX:
        return None
    said = fold(text).removeprefix("/").removeprefix("!").rstrip(".!")
    first, _, rest = said.partition(" ")
    for command, words in WORDS.items():
        known = {fold(word) for word in (*words["en"], *words.get(language, ()))}
        if said in known:
            return command, ""
        if command is Command.EDIT and first in known:
            return command, rest
    return None


def unquoted(text: str, language: str) -> str:
    """A text without its quotation marks, if they only keep it from being a command."""
    inner = text.strip().strip(QUOTES)
    is_quoted = inner != text.strip() and read_command(inner, language) is not None
    return inner if is_quoted else text


def pressed_command(choice_id: str) -> tuple[Command, str] | None:
    """The command of a button, ``form.back`` or ``form.edit.<field id>``; None if it is none."""
    if not choice_id.startswith(COMMAND_ID_PREFIX):
        return None
    name, _, rest = choice_id.removeprefix(COMMAND_ID_PREFIX).partition(".")
    try:
        return Command(name), rest
    except ValueError:
        return None
