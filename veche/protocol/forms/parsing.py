"""The one way to read an answer: by the parser of its field's kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.protocol.forms.contacts import parse_iban, parse_phone
from veche.protocol.forms.dates import parse_date
from veche.protocol.forms.files import parse_file
from veche.protocol.forms.models import FieldKind
from veche.protocol.forms.moments import parse_date_time
from veche.protocol.forms.numbers import parse_integer, parse_money, parse_number
from veche.protocol.forms.options import parse_choice, parse_choices, parse_country, parse_yes_no
from veche.protocol.forms.places import parse_geo
from veche.protocol.forms.problems import FieldError, FormErrors, Problem
from veche.protocol.forms.texts import (
    parse_address,
    parse_email,
    parse_long_text,
    parse_person_name,
    parse_text,
)
from veche.protocol.forms.values import FieldContext, Parser, Value, is_empty

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.forms.models import Field, Form

FIELD_NAME_SHOWN_MAX: Final = 64
"""Characters of an unknown field's name that a refusal repeats."""

PARSERS: Final[Mapping[FieldKind, Parser]] = {
    FieldKind.TEXT: parse_text,
    FieldKind.LONG_TEXT: parse_long_text,
    FieldKind.NUMBER: parse_number,
    FieldKind.INTEGER: parse_integer,
    FieldKind.MONEY: parse_money,
    FieldKind.DATE: parse_date,
    FieldKind.DATE_TIME: parse_date_time,
    FieldKind.YES_NO: parse_yes_no,
    FieldKind.CHOICE: parse_choice,
    FieldKind.CHOICES: parse_choices,
    FieldKind.COUNTRY: parse_country,
    FieldKind.PHONE: parse_phone,
    FieldKind.EMAIL: parse_email,
    FieldKind.ADDRESS: parse_address,
    FieldKind.PERSON_NAME: parse_person_name,
    FieldKind.IBAN: parse_iban,
    FieldKind.FILE: parse_file,
    FieldKind.PHOTO: parse_file,
    FieldKind.GEO: parse_geo,
}
"""All kinds but those that a form refuses (``models.NEEDED_SERVICES``)."""


def parse_value(field: Field, raw: object, context: FieldContext) -> Value:
    """The canonical value of an answer.

    Args:
        field: What was asked.
        raw: Typed text, or JSON of a structured answer, or the content of a file's event; from
            outside, of any form and size.
        context: Who answers.

    Raises:
        FieldError: The answer is empty or refused; nothing else is ever raised for an answer.
    """
    if is_empty(raw):
        raise _empty(field)
    value = PARSERS[field.kind](field, raw, context)
    if is_empty(value):
        # Nothing but invisible characters, or a list of separators.
        raise _empty(field)
    return value


def parse_values(form: Form, data: Mapping[str, object], context: FieldContext) -> dict[str, Value]:
    """The values of a whole form, all at once.

    Args:
        form: What was asked.
        data: Field ids to answers; an optional field may be left out, or empty.
        context: Who answers.

    Returns:
        Values in the order of the form; fields without an answer are not in it.

    Raises:
        FormErrors: Everything that is wrong: a required answer is missing, an answer is refused,
            or there is an answer to no question.
    """
    values, errors = parse_some(form, data, context)
    missing = [
        FieldError.of(field, Problem.MISSING)
        for field in form.fields
        if field.required and is_empty(data.get(field.id))
    ]
    order = {field.id: number for number, field in enumerate(form.fields)}
    errors = sorted([*errors, *missing], key=lambda e: order.get(e.field_id, len(order)))
    if errors:
        raise FormErrors(errors)
    return values


def parse_some(
    form: Form, data: Mapping[str, object], context: FieldContext
) -> tuple[dict[str, Value], list[FieldError]]:
    """The values of those fields that ``data`` answers, and what is wrong with the others.

    Empty answers are in neither. All answers to no question give one error, for the first.
    """
    values: dict[str, Value] = {}
    errors: list[FieldError] = []
    for field in form.fields:
        raw = data.get(field.id)
        if is_empty(raw):
            continue
        try:
            values[field.id] = parse_value(field, raw, context)
        except FieldError as e:
            errors.append(e)
    known = {field.id for field in form.fields}
    for name in data:
        if name not in known:
            shown = str(name)[:FIELD_NAME_SHOWN_MAX]
            errors.append(FieldError(shown, None, Problem.UNKNOWN_FIELD, {"name": shown}))
            break
    return values, errors


def _empty(field: Field) -> FieldError:
    return FieldError.of(field, Problem.MISSING if field.required else Problem.EMPTY)
