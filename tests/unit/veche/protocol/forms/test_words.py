"""Words of the dialogue: known in four languages, and never two things at once."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from veche.protocol.forms.models import fold
from veche.protocol.forms.words import (
    COMMAND_CHARACTERS_MAX,
    NO,
    WORDS,
    YES,
    Command,
    pressed_command,
    read_command,
    shown_word,
    shown_yes_no,
    unquoted,
    yes_or_no,
)
from veche.protocol.texts.catalogue import LANGUAGES

ALL = [(c, l, w) for c, by in WORDS.items() for l, words in by.items() for w in words]  # noqa: E741


@each_row(("command", "language", "word"), ALL)
def test_every_word_is_its_command(command: Command, language: str, word: str) -> None:
    for said in (word, word.upper(), f" {word} ", f"/{word}", f"!{word}", f"{word}."):
        assert read_command(said, language) == (command, "")


@each_row("language", LANGUAGES)
@each_row("command", Command)
def test_english_words_count_everywhere(command: Command, language: str) -> None:
    assert read_command(command.value, language) == (command, "")
    assert read_command(shown_word(command, language), language) == (command, "")


@each_row("language", LANGUAGES)
def test_no_word_is_two_commands_or_yes_or_no(language: str) -> None:
    for one, other in itertools.combinations(Command, 2):
        names = [
            {fold(w) for w in (*WORDS[command]["en"], *WORDS[command][language])}
            for command in (one, other)
        ]
        assert not names[0] & names[1]
    assert all(yes_or_no(word) is None for _, _, word in ALL)


def test_words_of_other_languages_are_answers() -> None:
    assert read_command("назад", "de") is None
    assert read_command("zurück", "ru") is None


@pytest.mark.parametrize(
    ("said", "about"), [("edit 3", "3"), ("Change Street", "street"), ("/edit a b", "a b")]
)
def test_edit_says_what(said: str, about: str) -> None:
    assert read_command(said, "en") == (Command.EDIT, about)


@each_row("said", ["", "/", "!", ".", "back to the roots", "backs", "go back", "42"])
def test_other_text_is_an_answer(said: str) -> None:
    assert read_command(said, "en") is None


def test_a_long_text_is_no_command() -> None:
    longest = "edit " + "x" * (COMMAND_CHARACTERS_MAX - 5)

    assert read_command(longest, "en") == (Command.EDIT, "x" * (COMMAND_CHARACTERS_MAX - 5))
    assert read_command(longest + "x", "en") is None


@each_row(
    ("typed", "text"),
    [
        ('"back"', "back"), ("“Back”", "Back"), ("„zurück“", "zurück"), ("«назад»", "«назад»"),
        ('"hello"', '"hello"'), ("back", "back"), ("O'Neill", "O'Neill"), ('""', '""'),
    ],
)  # fmt: skip
def test_quotation_marks_make_an_answer_of_a_command(typed: str, text: str) -> None:
    assert unquoted(typed, "de") == text
    assert read_command(typed, "de") is None or typed == "back"


def test_yes_and_no_are_shown_in_the_language() -> None:
    for language in LANGUAGES:
        assert yes_or_no(shown_yes_no(True, language)) is True
        assert yes_or_no(shown_yes_no(False, language)) is False
    assert set(YES) == set(NO) == set(LANGUAGES)


@each_row(
    ("choice_id", "command"),
    [
        ("form.back", (Command.BACK, "")), ("form.edit.street", (Command.EDIT, "street")),
        ("form.", None), ("form.x", None), ("back", None), ("", None), ("form", None),
    ],
)  # fmt: skip
def test_buttons_have_ids_of_commands(choice_id: str, command: tuple[Command, str] | None) -> None:
    assert pressed_command(choice_id) == command


@given(text=st.text(), language=st.sampled_from(LANGUAGES))
def test_any_text_can_be_looked_at(text: str, language: str) -> None:
    read_command(text, language)
    unquoted(text, language)
    yes_or_no(text)
    pressed_command(text)
