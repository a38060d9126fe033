"""Words that the payments bot answers."""

import itertools

from appservices.payments.conversation.core.commands import (
    BALANCE,
    COMMANDS,
    FREEZE,
    PAY,
    RECEIPT,
    REFUND,
)
from tests.support.tables import each_row
from veche.access.sessions import PAGE_COMMANDS
from veche.protocol.commands import Command, read_command
from veche.protocol.texts.catalogue import LANGUAGES


@each_row(
    ("text", "command", "argument"),
    [
        ("pay bob 12.50 EUR rent", PAY, "bob 12.50 EUR rent"),
        ("Pay  bob\u00a012.50 EUR", PAY, "bob 12.50 EUR"),
        ("!pay bob 5 EUR", PAY, "bob 5 EUR"),
        ("/pay bob 5 EUR", PAY, "bob 5 EUR"),
        ("pay", PAY, ""),
        ("заплати bob 5 EUR обед", PAY, "bob 5 EUR обед"),
        ("zahle bob 5 EUR", PAY, "bob 5 EUR"),
        ("send bob 5 EUR", PAY, "bob 5 EUR"),
        ("refund 1Q2W3E4R 5.00 EUR", REFUND, "1Q2W3E4R 5.00 EUR"),
        ("receipt 1Q2W3E4R", RECEIPT, "1Q2W3E4R"),
        ("Quittung 1Q2W3E4R", RECEIPT, "1Q2W3E4R"),
        ("balance", BALANCE, ""),
        ("stop", FREEZE, ""),
        ("СТОП", FREEZE, ""),
        ("Freeze everything!", FREEZE, ""),
        ("STOP!!!", FREEZE, ""),
        ("freeze", FREEZE, ""),
        ("Freeze now!", FREEZE, ""),
        ("sofort sperren", FREEZE, ""),
        ("Заморозь всё!", FREEZE, ""),
        ("Alles sperren.", FREEZE, ""),
        ("зупинити все", FREEZE, ""),
    ],
)
def test_words_are_understood_in_any_language(text: str, command: Command, argument: str) -> None:
    found = read_command({"msgtype": "m.text", "body": text}, COMMANDS, "en")

    assert found is not None
    assert (found.command, found.argument) == (command, argument)


@each_row("text", ["balance of power", "1234", "please pay", "stop bob", "!", "...", "", "x" * 501])
def test_other_words_are_no_command(text: str) -> None:
    assert read_command({"msgtype": "m.text", "body": text}, COMMANDS, "en") is None


def test_a_picture_that_is_called_so_is_no_command() -> None:
    assert read_command({"msgtype": "m.image", "body": "pay bob 5 EUR"}, COMMANDS, "en") is None


def test_no_word_means_two_things_in_one_language() -> None:
    for language in LANGUAGES:
        words = [
            word
            for one in (*COMMANDS, *PAGE_COMMANDS)
            for word in {one.name, *one.words.get(language, ())}
        ]
        assert [w for w, n in itertools.groupby(sorted(words)) if len(list(n)) > 1] == []
