"""Values as people read them: by their language, and such that typing it again gives the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from veche.protocol.forms.contacts import show_iban, show_phone
from veche.protocol.forms.models import FieldKind
from veche.protocol.forms.places import show_geo
from veche.protocol.forms.values import FieldContext, Value
from veche.protocol.forms.words import shown_yes_no
from veche.protocol.money import Money
from veche.protocol.texts.catalogue import (
    N_,
    Catalogue,
    country_name,
    show_date,
    show_date_time,
    show_money,
    show_number,
)

if TYPE_CHECKING:
    from veche.protocol.forms.models import Field

_Show = Callable[["Field", Any, FieldContext, Catalogue], str]

FILE_SIZE: Final = N_("{name} ({size} MB)")
_MB: Final = 1024 * 1024


def show_value(field: Field, value: Value, context: FieldContext, catalogue: Catalogue) -> str:
    """A canonical value in the person's language.

    Args:
        field: What was asked.
        value: As ``parse_value`` gave it for this field.
        context: Who reads it.
        catalogue: Loaded with this package.
    """
    return _SHOWN[field.kind](field, value, context, catalogue)


def _as_it_is(_: Field, value: str, __: FieldContext, ___: Catalogue) -> str:
    return value


def _number(_: Field, value: str, context: FieldContext, __: Catalogue) -> str:
    return show_number(value, context.language)


def _integer(_: Field, value: int, __: FieldContext, ___: Catalogue) -> str:
    # Not grouped: it may be a year or the number of a house.
    return str(value)


def _money(_: Field, value: Mapping[str, Any], context: FieldContext, __: Catalogue) -> str:
    return show_money(Money.model_validate(value), context.language)


def _date(_: Field, value: str, context: FieldContext, __: Catalogue) -> str:
    return show_date(dt.date.fromisoformat(value), context.language)


def _date_time(_: Field, value: Mapping[str, Any], context: FieldContext, __: Catalogue) -> str:
    return show_date_time(value["at_ms"], context.language, value["time_zone"])


def _yes_no(_: Field, value: bool, context: FieldContext, __: Catalogue) -> str:
    return shown_yes_no(value, context.language)


def _choice(field: Field, value: str, _: FieldContext, __: Catalogue) -> str:
    return _labels(field)[value]


def _choices(field: Field, value: list[str], _: FieldContext, __: Catalogue) -> str:
    labels = [_labels(field)[one] for one in value]
    # A label with a comma would read as two.
    separator = "; " if any("," in label for label in labels) else ", "
    return separator.join(labels)


def _country(_: Field, value: str, context: FieldContext, __: Catalogue) -> str:
    return country_name(value, context.language)


def _phone(_: Field, value: str, __: FieldContext, ___: Catalogue) -> str:
    return show_phone(value)


def _iban(_: Field, value: str, __: FieldContext, ___: Catalogue) -> str:
    return show_iban(value)


def _file(_: Field, value: Mapping[str, Any], context: FieldContext, catalogue: Catalogue) -> str:
    name = str(value["name"])
    if "size_bytes" not in value:
        return name
    # Rounded up, so that no file has a size of nothing.
    tenths = -(-value["size_bytes"] * 10 // _MB)
    size = show_number(str(Decimal(tenths) / 10), context.language)
    return catalogue.text(context.language, FILE_SIZE, name=name, size=size)


def _geo(_: Field, value: Mapping[str, Any], __: FieldContext, ___: Catalogue) -> str:
    return show_geo(value)


def _labels(field: Field) -> Mapping[str, str]:
    return {choice.id: choice.label for choice in field.choices or ()}


_SHOWN: Final[Mapping[FieldKind, _Show]] = {
    FieldKind.TEXT: _as_it_is,
    FieldKind.LONG_TEXT: _as_it_is,
    FieldKind.NUMBER: _number,
    FieldKind.INTEGER: _integer,
    FieldKind.MONEY: _money,
    FieldKind.DATE: _date,
    FieldKind.DATE_TIME: _date_time,
    FieldKind.YES_NO: _yes_no,
    FieldKind.CHOICE: _choice,
    FieldKind.CHOICES: _choices,
    FieldKind.COUNTRY: _country,
    FieldKind.PHONE: _phone,
    FieldKind.EMAIL: _as_it_is,
    FieldKind.ADDRESS: _as_it_is,
    FieldKind.PERSON_NAME: _as_it_is,
    FieldKind.IBAN: _iban,
    FieldKind.FILE: _file,
    FieldKind.PHOTO: _file,
    FieldKind.GEO: _geo,
}
