"""Text, long text, names of persons, addresses, e-mail: what is taken and what is refused."""

from __future__ import annotations

import pytest

from tests.support.tables import each_row
from tests.unit.veche.protocol.forms.builders import field, person, read, refusal
from veche.protocol.forms import FieldError, Problem, parse_value
from veche.protocol.forms.models import (
    ADDRESS_LINE_CHARACTERS_MAX,
    ADDRESS_LINES_MAX,
    EMAIL_CHARACTERS_MAX,
    LENGTHS_MAX,
    LONG_TEXT_CHARACTERS_MAX,
    PERSON_NAME_CHARACTERS_MAX,
    TEXT_CHARACTERS_MAX,
)
from veche.protocol.forms.texts import EMAIL_LOCAL_CHARACTERS_MAX
from veche.protocol.forms.values import TYPED_CHARACTERS_MAX

TEXTS = ("text", "long_text", "person_name", "address", "email")


@each_row(
    ("typed", "value"),
    [
        ("hello", "hello"),
        ("  two   words\t ", "two words"),
        ("e\u0301", "é"),
        ("a\u00a0b\u2009c", "a b c"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("שלום", "שלום"),
        ("👩\u200d⚕️", "👩\u200d⚕️"),
        ("\n one line \n\n", "one line"),
        ("0", "0"),
        ("null", "null"),
    ],
)
def test_text_is_cleaned_and_never_changed_beyond(typed: str, value: str) -> None:
    assert read("text", typed) == value


def test_text_is_one_line_and_long_text_many() -> None:
    assert refusal("text", "one\ntwo") is Problem.ONE_LINE
    assert read("long_text", "one\r\ntwo\rthree\u2028four\n\n\nfive ") == (
        "one\ntwo\nthree\nfour\n\n\nfive"
    )


@each_row("kind", TEXTS)
@each_row("raw", [1, 1.5, True, ["a"], {"a": "b"}, object(), b"bytes"])
def test_what_is_no_text_is_refused(kind: str, raw: object) -> None:
    assert refusal(kind, raw) is Problem.NOT_TEXT


@each_row("kind", TEXTS)
@each_row(
    "sign", ["\x00", "\x1b", "\x7f", "\x9b", "\u202e", "\u2066", "\ud800", "\ufffe", "\uffff"]
)
def test_controls_and_marks_of_direction_are_refused(kind: str, sign: str) -> None:
    assert refusal(kind, f"a{sign}b") is Problem.CONTROL_CHARACTERS


@each_row("kind", TEXTS)
@each_row("raw", [None, "", "   ", "\n\t", [], {}, ()])
def test_nothing_is_no_answer(kind: str, raw: object) -> None:
    assert refusal(kind, raw, required=True) is Problem.MISSING
    assert refusal(kind, raw) is Problem.EMPTY


@each_row("kind", TEXTS)
def test_only_invisible_characters_are_no_answer(kind: str) -> None:
    problem = refusal(kind, "\u200b\u2060\ufeff", required=True)

    assert problem is {
        "person_name": Problem.NOT_A_NAME,
        "address": Problem.NOT_AN_ADDRESS,
        "email": Problem.NOT_AN_EMAIL,
    }.get(kind, Problem.MISSING)


@pytest.mark.parametrize(
    ("kind", "most"),
    [
        ("text", TEXT_CHARACTERS_MAX),
        ("long_text", LONG_TEXT_CHARACTERS_MAX),
        ("person_name", PERSON_NAME_CHARACTERS_MAX),
    ],
)
def test_the_length_of_text_is_bounded(kind: str, most: int) -> None:
    assert read(kind, "x" * most) == "x" * most
    assert refusal(kind, "x" * (most + 1)) is Problem.TOO_LONG


def test_a_field_may_ask_for_less() -> None:
    assert read("text", "abc", max_length=3) == "abc"
    with pytest.raises(FieldError) as caught:
        parse_value(field("text", max_length=3), "abcd", person())

    assert str(caught.value) == "Answer: This has 4 characters. Please use at most 3."


def test_a_huge_text_is_refused_before_it_is_cleaned() -> None:
    assert refusal("text", " " * TYPED_CHARACTERS_MAX + "x") is Problem.TOO_LONG
    assert read("text", " " * (TYPED_CHARACTERS_MAX - 1) + "x") == "x"


@each_row(
    "name",
    [
        "Anna", "O'Neill", "D’Arc", "Мар'яна ʼ", "Müller-Lüdenscheidt", "Jean‐Luc", "李小龙",
        "محمد علی", "می\u200cخواهم", "Nguyễn Thị Minh Khai", "J. R. R. Tolkien", "Đặng",
        "Sammy Davis, Jr.", "अमिताभ बच्चन", "Gáll·lega", "ジョン・スミス", "Ё", "ΑΒΓ",
    ],
)  # fmt: skip
def test_names_in_any_script_are_taken(name: str) -> None:
    assert read("person_name", f"  {name} ") == name


@each_row("name", ["Anna1", "@anna", "a_b", "<b>", "-", ". .", "Anna 👩", "a/b", "&"])
def test_what_no_name_has_is_refused(name: str) -> None:
    assert refusal("person_name", name) is Problem.NOT_A_NAME


def test_a_name_on_two_lines_is_one_name() -> None:
    assert read("person_name", "Anna\nMüller") == "Anna Müller"


def test_an_address_keeps_its_lines() -> None:
    typed = " Musterstraße 1 \n\n 10115  Berlin\nDeutschland\n"

    assert read("address", typed) == "Musterstraße 1\n10115 Berlin\nDeutschland"
    assert read("address", "ул. Ленина, 1, Москва") == "ул. Ленина, 1, Москва"


def test_lines_of_an_address_are_bounded() -> None:
    lines = "\n".join(["a" * ADDRESS_LINE_CHARACTERS_MAX] * ADDRESS_LINES_MAX)

    assert read("address", lines) == lines
    assert len(lines) == LENGTHS_MAX[field("address").kind]
    assert refusal("address", lines + "\nb") is Problem.TOO_MANY_LINES
    assert refusal("address", "a" * (ADDRESS_LINE_CHARACTERS_MAX + 1)) is Problem.LONG_LINE
    assert refusal("address", "12345, 6") is Problem.NOT_AN_ADDRESS
    assert refusal("address", "Street 12", max_length=8) is Problem.TOO_LONG


@each_row(
    ("typed", "value"),
    [
        ("anna@example.org", "anna@example.org"),
        (" Anna.B+tag@EXAMPLE.Org ", "Anna.B+tag@example.org"),
        ("<anna@example.org>", "anna@example.org"),
        ("mailto:anna@example.org", "anna@example.org"),
        ("почта@пример.рф", "почта@пример.рф"),
        ("a@b.co", "a@b.co"),
        ("o'neill_x=1@a-b.c-d.museum", "o'neill_x=1@a-b.c-d.museum"),
        ("ａｎｎａ@example.org", "anna@example.org"),
    ],
)
def test_email_addresses_are_taken(typed: str, value: str) -> None:
    assert read("email", typed) == value


@each_row(
    "typed",
    [
        "anna", "@example.org", "anna@", "anna@localhost", "a b@example.org", "a@b@example.org",
        ".a@example.org", "a.@example.org", "a..b@example.org", "a@-b.org", "a@b-.org", "a@b..org",
        "a@.org", "a@b.org.", "a@1.2.3.4", "a@[1.2.3.4]", '"a b"@example.org', "a@exa_mple!.org",
        "anna@example.org, bob@example.org", "anna@example.org bob@example.org", "a,b@example.org",
        "a@b." + "c" * 64, "a" * (EMAIL_LOCAL_CHARACTERS_MAX + 1) + "@example.org",
    ],
)  # fmt: skip
def test_what_no_mailbox_is_called_is_refused(typed: str) -> None:
    assert refusal("email", typed) is Problem.NOT_AN_EMAIL


def test_the_length_of_an_email_address_is_bounded() -> None:
    local, label = "a" * EMAIL_LOCAL_CHARACTERS_MAX, "b" * 60
    domain = f"{label}.{label}.{label}."
    longest = f"{local}@{domain}"
    longest += "c" * (EMAIL_CHARACTERS_MAX - len(longest))

    assert read("email", longest) == longest
    assert refusal("email", longest + "c") is Problem.TOO_LONG
