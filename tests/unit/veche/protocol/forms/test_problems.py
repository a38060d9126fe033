"""Every refusal in every language: what is wrong, and what would be right."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

from tests.support.catalogues import catalogue_problems
from tests.support.tables import each_row
from tests.unit.veche.protocol.forms.builders import CATALOGUE, field
from veche.protocol.errors import ProtocolError
from veche.protocol.forms import FieldError, FormErrors, Problem
from veche.protocol.money import Money
from veche.protocol.texts.catalogue import LANGUAGES

NARROW_SPACE = "\u202f"
VALUES = {
    "example": dt.date(2026, 12, 24), "iso": "2026-12-24", "min": Decimal("1.5"), "max": 3,
    "count": 4, "currency": "EUR", "first": "first", "second": "second", "yes": "yes", "no": "no",
    "choices": ("Red", "Green"), "types": ("image/png",), "country": "DE", "name": "name",
    "submit": "submit",
}  # fmt: skip


def test_the_catalogues_are_complete() -> None:
    assert catalogue_problems("veche.protocol.forms") == []


@each_row("language", LANGUAGES)
@each_row("problem", Problem)
def test_every_problem_is_said_in_every_language(problem: Problem, language: str) -> None:
    error = FieldError.of(field("text", label="Label"), problem, **VALUES)

    text = error.text(CATALOGUE, language)

    assert text.startswith("Label: ")
    assert not re.search(r"[{}]", text)
    if language != "en":
        assert text != error.text(CATALOGUE, "en")
    if language in {"ru", "uk"}:
        assert re.search(r"[а-яі]", text)


def test_each_problem_has_a_text_of_its_own() -> None:
    assert len({problem.value for problem in Problem}) == len(Problem.__members__)


def test_values_are_shown_in_the_language_of_the_text() -> None:
    error = FieldError.of(field("date"), Problem.TOO_EARLY, min=dt.date(2026, 1, 2))

    assert error.text(CATALOGUE, "de").endswith("ist der 2. Januar 2026.")
    assert error.text(CATALOGUE, "ru").endswith(f"2 января 2026{NARROW_SPACE}г.")
    amount = FieldError.of(field("money"), Problem.TOO_BIG, max=Money(minor=1250, currency="EUR"))
    assert amount.text(CATALOGUE, "de").endswith("ist 12,50 EUR.")


def test_a_value_that_looks_like_a_place_for_a_value_is_left_alone() -> None:
    error = FieldError.of(field("choice"), Problem.SEVERAL_CHOICES, choices=("{choices}", "{max}"))

    assert "{choices}, {max}" in str(error)


def test_a_refusal_is_an_error_of_the_protocol_with_a_stable_code() -> None:
    error = FieldError.of(field("text"), Problem.MISSING)

    assert isinstance(error, ProtocolError)
    assert error.errcode == "ORG.VECHE.FIELD"
    assert FormErrors([error]).errcode == "ORG.VECHE.FORM"
    assert FormErrors([error]).errors == (error,)


@each_row(
    ("label", "begins"),
    [
        ("Label", "Label: "),
        ("Label:", "Label: "),
        ("Label: ", "Label: "),
        ("Who?", "Who? "),
        ("Who ?", "Who ? "),
    ],
)
def test_the_label_of_a_refusal_has_one_mark(label: str, begins: str) -> None:
    assert str(FieldError.of(field("text", label=label), Problem.EMPTY)) == (
        f"{begins}This answer is empty."
    )
