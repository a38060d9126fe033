"""Forms as they travel: what is read, and what is refused before a person meets it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.tables import each_row
from tests.unit.veche.protocol.forms.builders import field, form
from veche.protocol.errors import MalformedError
from veche.protocol.forms import Field, FieldKind, Form
from veche.protocol.forms.models import (
    CHOICE_LABEL_CHARACTERS_MAX,
    CHOICES_MAX,
    FIELDS_MAX,
    FILE_BYTES_MAX,
    HELP_CHARACTERS_MAX,
    LABEL_CHARACTERS_MAX,
    LENGTHS_MAX,
    MIMETYPES_MAX,
    NEEDED_SERVICES,
    fold,
)
from veche.protocol.wire import parse


def refused(**wrong: Any) -> str:
    content = {"fields": [{"id": "a", "kind": "text", "label": "A", **wrong}]}
    with pytest.raises(MalformedError) as caught:
        parse(Form, content, where="form")
    return str(caught.value)


def choices(count: int, label: str = "Label") -> list[dict[str, str]]:
    return [{"id": f"c{n}", "label": f"{label} {n}"} for n in range(count)]


def test_a_form_of_the_wire_is_read_as_it_is_documented() -> None:
    content = {
        "fields": [
            {"id": "iban", "kind": "iban", "label": "Account", "required": True, "help": "…"},
            {"id": "why", "kind": "choice", "label": "Why", "choices": choices(2), "later": 1},
        ]
    }

    read = parse(Form, content)

    assert read.fields[0] == Field(
        id="iban", kind=FieldKind.IBAN, label="Account", required=True, help="…"
    )
    assert read.fields[1].choices is not None
    assert [choice.id for choice in read.fields[1].choices] == ["c0", "c1"]


def test_a_form_survives_json() -> None:
    before = form({"id": "a", "kind": "choice", "choices": choices(2)}, {"id": "b"})

    text = json.dumps(before.model_dump(mode="json", exclude_none=True))

    assert parse(Form, json.loads(text)) == before


@pytest.mark.parametrize("kind", sorted(NEEDED_SERVICES))
def test_a_kind_that_needs_another_service_is_refused_by_its_name(kind: FieldKind) -> None:
    assert f"the kind {kind} needs {NEEDED_SERVICES[kind]}" in refused(kind=kind.value)


@each_row("kind", ["", "TEXT", "password", 1, None])
def test_an_unknown_kind_is_refused(kind: object) -> None:
    assert refused(kind=kind).startswith("form.fields.0.kind")


@each_row("field_id", ["", "A", "1a", "a-b", "a" * 65, "ä", "a b", 1])
def test_an_id_is_lower_case_letters_digits_and_underscores(field_id: object) -> None:
    assert refused(id=field_id).startswith("form.fields.0.id")


def test_the_longest_id_is_read() -> None:
    assert field("text", id="a" * 64).id == "a" * 64


@pytest.mark.parametrize(
    ("name", "most"),
    [("label", LABEL_CHARACTERS_MAX), ("help", HELP_CHARACTERS_MAX)],
)
def test_words_of_a_field_are_bounded(name: str, most: int) -> None:
    assert getattr(field("text", **{name: "x" * most}), name) == "x" * most
    assert refused(**{name: "x" * (most + 1)}).startswith(f"form.fields.0.{name}")


def test_a_field_needs_a_label() -> None:
    assert refused(label="").startswith("form.fields.0.label")


def test_a_form_has_one_to_fifty_fields() -> None:
    fields = [{"id": f"f{n}"} for n in range(FIELDS_MAX)]

    assert len(form(*fields).fields) == FIELDS_MAX
    for wrong in ([], [*fields, {"id": "more"}]):
        content = {"fields": [{"kind": "text", "label": "A", **one} for one in wrong]}
        with pytest.raises(MalformedError):
            parse(Form, content)


def test_two_fields_of_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="two fields have one id"):
        form({"id": "a"}, {"id": "a"})


def test_the_number_of_choices_is_bounded() -> None:
    assert len(field("choice", choices=choices(CHOICES_MAX)).choices or ()) == CHOICES_MAX
    assert "choices" in refused(kind="choice", choices=choices(CHOICES_MAX + 1))
    assert "choices" in refused(kind="choice", choices=[])


def test_the_label_of_a_choice_is_bounded() -> None:
    label = "x" * CHOICE_LABEL_CHARACTERS_MAX

    assert field("choice", choices=[{"id": "a", "label": label}])
    assert "label" in refused(kind="choice", choices=[{"id": "a", "label": label + "x"}])
    assert "label" in refused(kind="choice", choices=[{"id": "a", "label": ""}])


@pytest.mark.parametrize("kind", ["choice", "choices"])
def test_kinds_with_choices_need_them(kind: str) -> None:
    assert f"the kind {kind} needs choices" in refused(kind=kind)


@each_row(
    ("wrong", "why"),
    [
        ([("a", "One"), ("a", "Two")], "two choices have one id"),
        ([("a", "One"), ("b", "one ")], "names two choices"),
        ([("one", "First"), ("b", "ONE")], "names two choices"),
        ([("form.back", "Back")], "can't begin with form."),
        ([("A", "One")], "id"),
    ],
)
def test_each_name_means_one_choice(wrong: list[tuple[str, str]], why: str) -> None:
    given = [{"id": one_id, "label": label} for one_id, label in wrong]

    assert why in refused(kind="choice", choices=given)


def test_a_choice_may_have_its_label_as_its_id() -> None:
    assert field("choice", choices=[{"id": "school", "label": "School"}])


@each_row(
    ("kind", "low", "high"),
    [
        ("number", "1.5", "2"),
        ("number", -3, 3),
        ("integer", 0, "10"),
        ("choices", 1, 2),
        ("date", "2026-01-01", "today"),
        ("date_time", "today", "2027-01-01"),
    ],
)
def test_bounds_of_each_kind_are_read(kind: str, low: object, high: object) -> None:
    read = field(kind, min=low, max=high)

    assert (read.min, read.max) == (low, high)


@each_row(
    ("kind", "bound"),
    [
        ("number", "1,5"), ("number", "today"), ("number", "1e3"), ("number", "9" * 19),
        ("integer", "1.5"), ("integer", "x"), ("choices", "1.5"),
        ("date", "24.12.2026"), ("date", "2026-02-30"), ("date", 2026), ("date", "20261224"),
        ("date_time", "2026-12-24T18:00"), ("text", 3), ("yes_no", 1), ("choice", 1),
        ("country", "DE"), ("file", 10), ("iban", 1),
    ],
)  # fmt: skip
def test_a_bound_that_is_no_value_of_the_kind_is_refused(kind: str, bound: object) -> None:
    more = {"choices": choices(3)} if kind in {"choice", "choices"} else {}

    assert "min" in refused(kind=kind, min=bound, **more)
    assert "max" in refused(kind=kind, max=bound, **more)


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [("number", "10", "9.5"), ("integer", -1, -2), ("date", "2026-02-01", "2026-01-01")],
)
def test_bounds_that_leave_nothing_are_refused(kind: str, low: object, high: object) -> None:
    assert "min is above max" in refused(kind=kind, min=low, max=high)


def test_bounds_of_money_need_its_currency_and_its_decimals() -> None:
    assert field("money", min="0.50", max=100, currency="EUR").max == 100
    assert "needs a currency" in refused(kind="money", min=1)
    assert "no amount of EUR" in refused(kind="money", min="0.005", currency="EUR")
    assert "no amount of JPY" in refused(kind="money", max="0.5", currency="JPY")
    assert "no amount of EUR" in refused(kind="money", max="9" * 18, currency="EUR")


@each_row("currency", ["XQQ", "eur", "EURO", ""])
def test_a_currency_that_does_not_exist_is_refused(currency: str) -> None:
    assert "currency" in refused(kind="money", currency=currency)


@each_row(
    ("name", "value"),
    [
        ("max_length", 5), ("currency", "EUR"), ("mimetypes", ["image/png"]), ("bytes_max", 5),
        ("choices", [{"id": "a", "label": "A"}]),
    ],
)  # fmt: skip
def test_what_is_not_for_a_kind_is_refused(name: str, value: object) -> None:
    assert f"{name} is not for the kind date" in refused(kind="date", **{name: value})


@each_row("kind", sorted(LENGTHS_MAX))
def test_a_length_may_be_lowered_and_never_raised(kind: FieldKind) -> None:
    most = LENGTHS_MAX[kind]

    assert field(kind.value, max_length=most).max_length == most
    assert "max_length" in refused(kind=kind.value, max_length=most + 1)
    assert "max_length" in refused(kind=kind.value, max_length=0)


def test_types_and_sizes_of_files_are_bounded() -> None:
    assert field("file", mimetypes=["image/*", "application/pdf"], bytes_max=FILE_BYTES_MAX)
    assert "bytes_max" in refused(kind="file", bytes_max=FILE_BYTES_MAX + 1)
    assert "mimetypes" in refused(kind="file", mimetypes=["pdf"])
    assert "mimetypes" in refused(kind="file", mimetypes=["*/*"])
    assert field("file", mimetypes=[f"a/b{n}" for n in range(MIMETYPES_MAX)])
    assert "mimetypes" in refused(
        kind="file", mimetypes=[f"a/b{n}" for n in range(MIMETYPES_MAX + 1)]
    )


@each_row(
    ("one", "other"),
    [
        ("Grüße ", "GRUSSE"), ("ё", "Е"), ("ﬁn", "FIN"), ("１２", "12"), ("a  b", "A B"),
        ("José", "jose"), ("Київ", "КИЇВ"),
    ],
)  # fmt: skip
def test_what_people_type_either_way_is_the_same_name(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("й", "и"), ("ї", "і"), ("b", "v")])
def test_different_letters_stay_different(one: str, other: str) -> None:
    assert fold(one) != fold(other)
