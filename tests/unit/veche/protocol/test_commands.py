from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.prompts import BOT
from tests.support.tables import each_row
from veche.protocol import message
from veche.protocol.commands import (
    BACK,
    CANCEL,
    COMMAND_CHARACTERS_MAX,
    HELP,
    KERNEL_COMMANDS,
    LANGUAGE,
    MENU,
    STATUS,
    Argument,
    Command,
    ParsedCommand,
    command_description,
    help_doc,
    language_named,
    parse_command,
    read_command,
)
from veche.protocol.texts.catalogue import LANGUAGES, Catalogue

CATALOGUE = Catalogue.load("veche.protocol")


def parsed(text: str, language: str = "en") -> ParsedCommand | None:
    return parse_command(text, KERNEL_COMMANDS, language)


@pytest.mark.parametrize("key", ["org.veche.answer", "org.matrix.msc4139.used_prompt"])
def test_the_label_that_a_button_sends_with_its_answer_is_no_command(key: str) -> None:
    content = {"msgtype": "m.text", "body": "Cancel"}

    assert read_command({**content, key: {}}, KERNEL_COMMANDS, "en") is None
    assert read_command(content, KERNEL_COMMANDS, "en") == ParsedCommand(CANCEL, "")


@each_row("mark", ["", "!", "/"])
@each_row(
    ("word", "command"),
    [
        ("help", HELP),
        ("HELP", HELP),
        (" help ", HELP),
        ("помощь", HELP),
        ("Справка", HELP),
        ("hilfe", HELP),
        ("допомога", HELP),
        ("menu", MENU),
        ("Menü", MENU),
        ("menue", MENU),
        ("меню", MENU),
        ("status", STATUS),
        ("стан", STATUS),
        ("back", BACK),
        ("zurück", BACK),
        ("назад", BACK),
        ("cancel", CANCEL),
        ("abbrechen", CANCEL),
        ("отмена", CANCEL),
        ("скасувати", CANCEL),
        ("language", LANGUAGE),
        ("язык", LANGUAGE),
        ("sprache", LANGUAGE),
        ("мова", LANGUAGE),
    ],
)
def test_a_command_is_one_word_in_any_language(mark: str, word: str, command: Command) -> None:
    text = mark + word.strip() if mark else word

    assert parsed(text) == ParsedCommand(command, "")
    assert parsed(text, "ru") == ParsedCommand(command, "")


@each_row(
    ("text", "argument"),
    [
        ("language de", "de"),
        ("/language de", "de"),
        ("!язык  немецкий", "немецкий"),
        ("/language@veche_town:example.org de", "de"),
        ("/language the German one", "the German one"),
    ],
)
def test_what_follows_is_the_argument(text: str, argument: str) -> None:
    assert parsed(text) == ParsedCommand(LANGUAGE, argument)


def test_with_a_mark_a_command_may_be_followed_by_anything() -> None:
    assert parsed("!help me with my taxes") == ParsedCommand(HELP, "me with my taxes")


@each_row(
    "text",
    [
        "",
        " ",
        "!",
        "/",
        "!!help",
        "! help",
        "helpme",
        "help me",
        "help me with my taxes",
        "back to the roots",
        "language is a virus",
        "/unknown",
        "thank you",
        "@veche_town:example.org help",
    ],
)
def test_other_words_are_no_command(text: str) -> None:
    assert parsed(text) is None


def test_a_command_has_a_bound() -> None:
    text = "/help " + "x" * (COMMAND_CHARACTERS_MAX - len("/help "))

    assert parsed(text) is not None
    assert parsed(text + "x") is None


def test_the_persons_own_language_wins_where_two_use_one_word() -> None:
    stop = Command("halt", "stop", {"de": ("stand",)})
    state = Command("standing", "state", {"ru": ("stand",)})

    assert parse_command("stand", (stop, state), "ru") == ParsedCommand(state, "")
    assert parse_command("stand", (stop, state), "de") == ParsedCommand(stop, "")


@given(st.text(max_size=60))
def test_any_text_gets_a_verdict(text: str) -> None:
    found = parsed(text)

    assert found is None or found.command in KERNEL_COMMANDS


# --- structured, as MSC4391 has it --------------------------------------------------------------


def structured(command: object, arguments: object = None) -> dict[str, Any]:
    given_ = {"command": command, "arguments": arguments}
    return {"msgtype": "m.text", "body": "/x", "org.matrix.msc4391.command": given_}


@each_row(
    ("content", "argument"),
    [
        (structured("language", {"language": "de"}), "de"),
        (structured("sprache", {"language": "de"}), "de"),
        (structured("language", {}), ""),
        (structured("language"), ""),
        (structured("language", ["de"]), ""),
        (structured("language", {"language": 7}), ""),
        (structured("language", {"language": "x" * (COMMAND_CHARACTERS_MAX + 1)}), ""),
        ({"m.bot.command": {"command": "language", "arguments": {"language": "de"}}}, "de"),
        ({"msgtype": "m.text", "body": "language de"}, "de"),
    ],
)
def test_a_command_is_read_from_structure_or_text(content: dict[str, Any], argument: str) -> None:
    assert read_command(content, KERNEL_COMMANDS, "en") == ParsedCommand(LANGUAGE, argument)


@each_row(
    "content",
    [
        {},
        {"msgtype": "m.notice", "body": "help"},
        {"msgtype": "m.text", "body": 7},
        {"msgtype": "m.text"},
        structured("steal"),
        structured(None),
        structured(["help"]),
    ],
)
def test_other_content_is_no_command(content: dict[str, Any]) -> None:
    assert read_command(content, KERNEL_COMMANDS, "en") is None


def test_an_argument_that_nobody_asked_for_is_dropped() -> None:
    found = read_command(structured("help", {"x": "y"}), KERNEL_COMMANDS, "en")

    assert found == ParsedCommand(HELP, "")


def test_a_command_is_published_under_the_key_that_clients_check() -> None:
    state_key, content = command_description(HELP, BOT, CATALOGUE, "ru")

    digest = hashlib.sha256(b"help@veche_town:example.org").digest()
    assert state_key == base64.b64encode(digest).decode()
    assert content == {
        "command": "help",
        "aliases": ["помощь", "справка"],
        "description": {"m.text": [{"body": "что я умею"}]},
        "parameters": [],
    }


def test_an_argument_is_published_in_both_spellings() -> None:
    command = Command("find", "x", argument=Argument("what", "the thing", is_required=True))

    _, content = command_description(command, BOT, CATALOGUE, "en")

    assert content["fi.mau.tail_parameter"] == "what"
    assert content["parameters"] == [
        {
            "key": "what",
            "description": {"m.text": [{"body": "the thing"}]},
            "type": "string",
            "required": True,
            "schema": {"schema_type": "primitive", "type": "string"},
            "optional": False,
        }
    ]


# --- words --------------------------------------------------------------------------------------


@each_row("language", LANGUAGES)
def test_every_command_that_help_shows_can_be_typed(language: str) -> None:
    shown = message.body(help_doc(KERNEL_COMMANDS, CATALOGUE, language))

    for command in KERNEL_COMMANDS:
        word = command.word(language)
        assert f"• {word}: " in shown
        assert parsed(word, language) == ParsedCommand(command, "")


def test_no_word_stands_for_two_commands_in_any_language() -> None:
    owners: dict[str, set[str]] = {}
    for command in KERNEL_COMMANDS:
        for word in (command.name, *(w for words in command.words.values() for w in words)):
            owners.setdefault(word, set()).add(command.name)

    assert [word for word, commands in owners.items() if len(commands) > 1] == []


@each_row(
    ("name", "language"),
    [
        ("en", "en"),
        ("English", "en"),
        ("английский", "en"),
        ("DE", "de"),
        ("Deutsch", "de"),
        ("german", "de"),
        ("немецкий", "de"),
        ("німецька", "de"),
        ("Русский", "ru"),
        ("Russisch", "ru"),
        (" українська ", "uk"),
        ("ukrainian", "uk"),
        ("fr", None),
        ("", None),
        ("x" * 1000, None),
    ],
)
def test_a_language_is_named_in_any_language(name: str, language: str | None) -> None:
    assert language_named(name) == language
