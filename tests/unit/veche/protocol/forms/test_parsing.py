"""All kinds alike: nothing but refusals, values that read as themselves, whole forms at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from tests.unit.veche.protocol.forms.builders import (
    CATALOGUE,
    all_fields,
    field,
    file_content,
    form,
    person,
    read,
    refusal,
)
from veche.protocol.canonical import plain
from veche.protocol.forms import (
    Field,
    FieldContext,
    FieldError,
    FieldKind,
    Form,
    FormErrors,
    Problem,
    parse_some,
    parse_value,
    parse_values,
    show_value,
)
from veche.protocol.forms.models import FIELDS_MAX, NEEDED_SERVICES
from veche.protocol.forms.parsing import FIELD_NAME_SHOWN_MAX, PARSERS
from veche.protocol.forms.values import PLAIN_CHARACTERS_MAX
from veche.protocol.texts.catalogue import LANGUAGES

GOOD: dict[str, tuple[object, ...]] = {
    "text": ("Hello, world",),
    "long_text": ("one\n\ntwo",),
    "number": ("-12.5", 1234, {"decimal": "1.234"}, "1 234 567,8901"),
    "integer": ("2026", -3, "1 000 000"),
    "money": ("1 234,50 EUR", {"minor": 5, "currency": "JPY"}, "12 UAH", "0.5 KWD"),
    "date": ("2026-12-24", "1.1.1900"),
    "date_time": ("24.12.2026 18:30", {"at_ms": 1_800_000_000_000, "time_zone": "Europe/Berlin"}),
    "yes_no": (True, "no"),
    "choice": ("1", "grey"),
    "choices": ("1, 3", ["green"]),
    "country": ("Germany", "CI", "XK"),
    "phone": ("+49 30 23125000",),
    "email": ("anna@example.org",),
    "address": ("Musterstraße 1\n10115 Berlin",),
    "person_name": ("Мар'яна О’Ніл",),
    "iban": ("de89 3704 0044 0532 0130 00",),
    "file": (file_content(),),
    "photo": (file_content(info={"mimetype": "image/png"}),),
    "geo": ("52.517036, -13.388860",),
}
CASES = [(kind, raw) for kind, raws in GOOD.items() for raw in raws]

WORDS = "24 12 2026 . / - , : 18:30 pm EUR € +49 @ DE89 geo: yes december декабря Z +01:00 1 red ١"
words = st.sampled_from([*WORDS.split(), " ", "\n", "\u202e", "\ud800"])
texts = st.one_of(st.text(), st.lists(words, max_size=12).map("".join), st.text("0123456789 .,:-/"))
raws = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, st.binary()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(
                texts,
                st.sampled_from(
                    ["minor", "currency", "at_ms", "time_zone", "decimal", "geo_uri", "mxc", "file",
                     "msgtype", "info", "url", "body", "latitude_microdegrees"]
                ),
                st.integers(),
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=8,
)  # fmt: skip
people = st.builds(
    person,
    st.sampled_from(LANGUAGES),
    st.sampled_from(["US", "DE", "RU", "AQ"]),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "UTC"]),
)


def test_every_kind_that_a_form_may_have_is_read() -> None:
    assert set(PARSERS) == set(FieldKind) - set(NEEDED_SERVICES)
    assert set(GOOD) == {kind.value for kind in PARSERS}


@pytest.mark.parametrize("asked", all_fields(), ids=lambda one: one.kind.value)
@given(raw=raws, who=people)
def test_no_answer_raises_anything_but_a_refusal(
    asked: Field, raw: object, who: FieldContext
) -> None:
    values, errors = parse_some(Form(fields=(asked,)), {"answer": raw}, who)

    for error in errors:
        assert error.field_id == "answer"
        for language in LANGUAGES:
            assert error.text(CATALOGUE, language).startswith("Answer: ")
    for value in values.values():
        assert plain(value) == value
        assert json.loads(json.dumps(value)) == value
        assert parse_value(asked, as_structured(asked, value), who) == value
        assert show_value(asked, value, who, CATALOGUE)


def as_structured(asked: Field, value: Any) -> object:
    """A canonical value as a program sends it back: only a number needs its exact form."""
    return {"decimal": value} if asked.kind is FieldKind.NUMBER else value


@each_row("language", LANGUAGES)
@each_row(("kind", "raw"), CASES)
def test_a_value_reads_as_itself_in_every_language(kind: str, raw: object, language: str) -> None:
    asked, who = field(kind), person(language)

    value = parse_value(asked, raw, person())

    assert parse_value(asked, as_structured(asked, value), who) == value


@each_row("language", LANGUAGES)
@each_row(("kind", "raw"), [case for case in CASES if case[0] not in {"file", "photo"}])
def test_what_is_shown_can_be_typed_again(kind: str, raw: object, language: str) -> None:
    asked, who = field(kind), person(language)

    value = parse_value(asked, raw, person())

    assert parse_value(asked, show_value(asked, value, who, CATALOGUE), who) == value


GRAMMATICAL = [
    "number", "integer", "money", "date", "date_time", "yes_no", "choice", "country", "phone",
    "email", "iban", "geo",
]  # fmt: skip


@each_row("kind", GRAMMATICAL)
def test_what_is_far_too_long_is_not_looked_at(kind: str) -> None:
    assert refusal(kind, "é" * PLAIN_CHARACTERS_MAX) is not None
    assert refusal(kind, "é" * (PLAIN_CHARACTERS_MAX + 1)) is Problem.TOO_LONG


def test_an_error_names_the_question_and_not_the_answer() -> None:
    asked = field("date", label="Born on:")

    with pytest.raises(FieldError) as caught:
        parse_value(asked, "top secret", person())

    assert str(caught.value).startswith("Born on: This is not a date.")
    assert "secret" not in repr(caught.value)
    assert caught.value.problem.code == "not_a_date"


def test_a_whole_form_is_read_at_once() -> None:
    asked = form(
        {"id": "b", "kind": "date", "required": True},
        {"id": "a", "kind": "integer"},
        {"id": "c", "kind": "yes_no"},
        {"id": "d"},
    )

    values = parse_values(asked, {"a": 5, "b": "24.12.2026", "c": False, "d": " "}, person())

    assert values == {"b": "2026-12-24", "a": 5, "c": False}
    assert list(values) == ["b", "a", "c"]


def test_all_that_is_wrong_is_said_at_once_in_the_order_of_the_form() -> None:
    asked = form(
        {"id": "a", "required": True}, {"id": "b", "kind": "date"}, {"id": "c", "required": True}
    )

    with pytest.raises(FormErrors) as caught:
        parse_values(asked, {"x" * 200: 1, "y": 2, "b": "soon", "c": None}, person())

    errors = caught.value.errors
    assert [(e.field_id, e.problem) for e in errors] == [
        ("a", Problem.MISSING),
        ("b", Problem.NOT_A_DATE),
        ("c", Problem.MISSING),
        ("x" * FIELD_NAME_SHOWN_MAX, Problem.UNKNOWN_FIELD),
    ]
    assert str(caught.value).count("\n") == 3
    assert caught.value.text(CATALOGUE, "ru").startswith("A: Здесь нужен ответ.\nB: Это не дата.")


def test_what_is_right_is_taken_apart_from_what_is_wrong() -> None:
    asked = form({"id": "a"}, {"id": "b", "kind": "date"}, {"id": "c"})

    values, errors = parse_some(asked, {"a": "x", "b": "soon", "c": ""}, person())

    assert values == {"a": "x"}
    assert [e.field_id for e in errors] == ["b"]


def test_the_largest_form_is_read() -> None:
    asked = form(*({"id": f"f{n}"} for n in range(FIELDS_MAX)))

    assert len(parse_values(asked, {f"f{n}": "x" for n in range(FIELDS_MAX)}, person())) == 50


@each_row(
    ("language", "region", "zone"),
    [
        ("fr", "FR", "UTC"), ("EN", "GB", "UTC"), ("en", "gb", "UTC"), ("en", "GBR", "UTC"),
        ("en", "GB", "Mars/Base"), ("en", "GB", ""), ("en", "GB", "/etc/localtime"),
    ],
)  # fmt: skip
def test_who_answers_is_checked(language: str, region: str, zone: str) -> None:
    with pytest.raises(ValueError, match=r"is an|is one of"):
        person(language, region, zone)


@each_row(
    ("kind", "raw", "language", "shown"),
    [
        ("number", "1234.5", "en", "1,234.5"), ("number", "1234.5", "de", "1.234,5"),
        ("integer", "2026", "en", "2026"), ("money", "1234.5 EUR", "de", "1.234,50 EUR"),
        ("date", "2026-12-24", "ru", "24 декабря 2026 г."), ("yes_no", True, "uk", "так"),
        ("choices", "1 2", "en", "Red wine, Green tea"),
        ("choices", "1 3", "en", "Red wine; Grey, or black"), ("country", "DE", "uk", "Німеччина"),
        ("phone", "+493023125000", "en", "+49 30 23125000"),
        ("geo", "1,-2", "de", "1.000000, -2.000000"),
        ("iban", "DE89370400440532013000", "ru", "DE89 3704 0044 0532 0130 00"),
        ("file", file_content(), "de", "passport.pdf (1,5 MB)"),
        ("file", file_content(info={"size": 1}), "ru", "passport.pdf (0,1 МБ)"),
        ("file", file_content(info={}), "en", "passport.pdf"),
    ],
)  # fmt: skip
def test_values_are_shown_as_people_write_them(
    kind: str, raw: object, language: str, shown: str
) -> None:
    value = read(kind, raw)

    text = show_value(field(kind), value, person(language), CATALOGUE)

    assert " ".join(text.split()) == shown


@each_row("kind", sorted(GOOD))
def test_an_empty_answer_is_missing_where_one_is_needed(kind: str) -> None:
    assert refusal(kind, " ", required=True) is Problem.MISSING
    assert refusal(kind, None) is Problem.EMPTY
