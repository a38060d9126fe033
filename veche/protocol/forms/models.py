"""Forms as they travel: fields, their kinds and their bounds (``org.veche.prompt.form``).

A form is checked whole when it is read, so that a mistake of a service's author shows before a
person meets it: a bound that is no value of the kind, two choices of one name, a kind that needs
a service which is not part of forms.
"""

from __future__ import annotations

import datetime as dt
import enum
import re
import unicodedata
from decimal import Decimal
from typing import Annotated, Final, Self

import pydantic

from veche.protocol.errors import MalformedError
from veche.protocol.money import MINOR_MAX, minor_digits
from veche.protocol.texts.folding import folded_text
from veche.protocol.wire import Wire

FIELDS_MAX: Final = 50
CHOICES_MAX: Final = 100
LABEL_CHARACTERS_MAX: Final = 200
HELP_CHARACTERS_MAX: Final = 1000
CHOICE_LABEL_CHARACTERS_MAX: Final = 100
MIMETYPES_MAX: Final = 20

TEXT_CHARACTERS_MAX: Final = 500
LONG_TEXT_CHARACTERS_MAX: Final = 10_000
ADDRESS_LINES_MAX: Final = 8
ADDRESS_LINE_CHARACTERS_MAX: Final = 200
ADDRESS_CHARACTERS_MAX: Final = ADDRESS_LINES_MAX * (ADDRESS_LINE_CHARACTERS_MAX + 1) - 1
PERSON_NAME_CHARACTERS_MAX: Final = 200
EMAIL_CHARACTERS_MAX: Final = 254
"""Longest address of a mailbox (RFC 5321 §4.5.3.1.3, less the two brackets of a path)."""
FILE_BYTES_MAX: Final = 50 * 1024 * 1024

TODAY: Final = "today"
"""As ``min`` or ``max`` of a date: the day on which the person answers."""
COMMAND_ID_PREFIX: Final = "form."
"""Ids of buttons such as *back*; no choice of a field may begin so."""

_DECIMAL: Final = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,10})?")
_INTEGER: Final = re.compile(r"-?[0-9]{1,16}")


class FieldKind(enum.StrEnum):
    """The type of a field's value; each type has one parser."""

    TEXT = "text"
    """One line."""
    LONG_TEXT = "long_text"
    """Several lines."""
    NUMBER = "number"
    """A decimal number; the value is a decimal string, never a float."""
    INTEGER = "integer"
    MONEY = "money"
    """Minor units and a currency."""
    DATE = "date"
    DATE_TIME = "date_time"
    """A moment, typed in the person's time zone."""
    YES_NO = "yes_no"
    CHOICE = "choice"
    CHOICES = "choices"
    """Any number of the choices, within ``min`` and ``max``."""
    COUNTRY = "country"
    PHONE = "phone"
    EMAIL = "email"
    ADDRESS = "address"
    PERSON_NAME = "person_name"
    IBAN = "iban"
    FILE = "file"
    PHOTO = "photo"
    GEO = "geo"
    """A place: latitude and longitude."""
    SIGNATURE = "signature"
    """Needs the signing service: refused in a form so far."""
    ATTRIBUTE = "attribute"
    """Needs the identity service's vault: refused in a form so far."""


NEEDED_SERVICES: Final = {
    FieldKind.SIGNATURE: "the signing service",
    FieldKind.ATTRIBUTE: "the vault of the identity service",
}
"""Kinds that forms alone can't ask for, and what each needs."""

LENGTHS_MAX: Final = {
    FieldKind.TEXT: TEXT_CHARACTERS_MAX,
    FieldKind.LONG_TEXT: LONG_TEXT_CHARACTERS_MAX,
    FieldKind.ADDRESS: ADDRESS_CHARACTERS_MAX,
    FieldKind.PERSON_NAME: PERSON_NAME_CHARACTERS_MAX,
    FieldKind.EMAIL: EMAIL_CHARACTERS_MAX,
}
"""Longest value of the kinds that are text, in characters; ``max_length`` may only lower it."""

FILE_KINDS: Final = frozenset({FieldKind.FILE, FieldKind.PHOTO})
CHOICE_KINDS: Final = frozenset({FieldKind.CHOICE, FieldKind.CHOICES})
_DATE_KINDS: Final = frozenset({FieldKind.DATE, FieldKind.DATE_TIME})
_DECIMAL_KINDS: Final = frozenset({FieldKind.NUMBER, FieldKind.MONEY})
_COUNT_KINDS: Final = frozenset({FieldKind.INTEGER, FieldKind.CHOICES})


def fold(text: str) -> str:
    """``text`` as it is compared with names: as ``folded_text``, and Latin without accents."""
    return "".join(map(_base, folded_text(text)))


def _base(letter: str) -> str:
    # Latin only: й without its breve would be another letter.
    first = unicodedata.normalize("NFD", letter)[0]
    return first if first.isascii() and first.isalpha() else letter


class FieldChoice(Wire):
    """One answer that a field offers.

    Attributes:
        id: The value; the same in all languages and versions.
        label: Text that the person reads, in the person's language.
    """

    id: str = pydantic.Field(pattern=r"^[a-z0-9_.-]{1,64}$")
    label: str = pydantic.Field(min_length=1, max_length=CHOICE_LABEL_CHARACTERS_MAX)


class Field(Wire):
    """One question of a form.

    Attributes:
        id: Key of the value.
        kind: Type of the value; it decides which of the bounds below are allowed.
        label: The question, in the person's language.
        required: Whether the form can't be sent without it.
        help: A longer explanation.
        choices: For ``choice`` and ``choices``: 1 to 100, else None.
        min: Lower bound. For numbers, integers and amounts (in ``currency``): the value itself. For
            dates and times: an ISO date or ``today``. For choices: their count.
        max: Upper bound, likewise; both bounds are allowed values.
        max_length: For kinds that are text: the largest number of characters.
        currency: For ``money``: ISO 4217 code that the amount must have; None allows any.
        mimetypes: For ``file`` and ``photo``: allowed types, ``image/*`` for a whole family;
            None allows any that the kind allows.
        bytes_max: For ``file`` and ``photo``.
    """

    id: str = pydantic.Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    kind: Annotated[FieldKind, pydantic.Field(strict=False)]
    label: str = pydantic.Field(min_length=1, max_length=LABEL_CHARACTERS_MAX)
    required: bool = False
    help: str | None = pydantic.Field(default=None, max_length=HELP_CHARACTERS_MAX)
    choices: Annotated[
        tuple[FieldChoice, ...] | None,
        pydantic.Field(strict=False, min_length=1, max_length=CHOICES_MAX),
    ] = None
    min: str | int | None = None
    max: str | int | None = None
    max_length: int | None = pydantic.Field(default=None, ge=1)
    currency: str | None = pydantic.Field(default=None, pattern=r"^[A-Z]{3}$")
    mimetypes: Annotated[
        tuple[str, ...] | None,
        pydantic.Field(strict=False, min_length=1, max_length=MIMETYPES_MAX),
    ] = None
    bytes_max: int | None = pydantic.Field(default=None, ge=1, le=FILE_BYTES_MAX)

    @pydantic.model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if needed := NEEDED_SERVICES.get(self.kind):
            raise ValueError(f"the kind {self.kind} needs {needed}: use another kind here")
        self._check_choices()
        self._check_currency()
        self._check_bounds()
        self._check_only_for("max_length", self.kind in LENGTHS_MAX)
        self._check_only_for("mimetypes", self.kind in FILE_KINDS)
        self._check_only_for("bytes_max", self.kind in FILE_KINDS)
        for mimetype in self.mimetypes or ():
            if not re.fullmatch(r"[a-z]+/(\*|[a-z0-9.+-]{1,80})", mimetype):
                raise ValueError("mimetypes are like image/png or image/*")
        if self.max_length is not None and self.max_length > LENGTHS_MAX[self.kind]:
            raise ValueError(f"max_length of {self.kind} is at most {LENGTHS_MAX[self.kind]}")
        return self

    def _check_only_for(self, name: str, is_allowed: bool) -> None:
        if getattr(self, name) is not None and not is_allowed:
            raise ValueError(f"{name} is not for the kind {self.kind}")

    def _check_choices(self) -> None:
        if self.kind in CHOICE_KINDS and self.choices is None:
            raise ValueError(f"the kind {self.kind} needs choices")
        self._check_only_for("choices", self.kind in CHOICE_KINDS)
        owners: dict[str, str] = {}
        ids = set()
        for choice in self.choices or ():
            if choice.id in ids:
                raise ValueError("two choices have one id")
            ids.add(choice.id)
            if choice.id.startswith(COMMAND_ID_PREFIX):
                raise ValueError(f"a choice's id can't begin with {COMMAND_ID_PREFIX}")
            for name in (fold(choice.id), fold(choice.label)):
                if owners.setdefault(name, choice.id) != choice.id:
                    raise ValueError("a label or id names two choices: make them differ")

    def _check_currency(self) -> None:
        self._check_only_for("currency", self.kind is FieldKind.MONEY)
        try:
            minor_digits(self.currency or "EUR")
        except MalformedError as e:
            raise ValueError(str(e)) from e

    def _check_bounds(self) -> None:
        for name, bound in (("min", self.min), ("max", self.max)):
            if bound is not None:
                self._check_bound(name, bound)
        if self.min is not None and self.max is not None and _is_above(self.min, self.max):
            raise ValueError("min is above max")

    def _check_bound(self, name: str, bound: str | int) -> None:
        text = str(bound)
        if self.kind in _DATE_KINDS:
            if text != TODAY and not _is_iso_date(text):
                raise ValueError(f"{name} of {self.kind} is like 2026-12-24, or today")
        elif self.kind in _DECIMAL_KINDS:
            if not _DECIMAL.fullmatch(text):
                raise ValueError(f'{name} of {self.kind} is like "12.50"')
        elif self.kind in _COUNT_KINDS:
            if not _INTEGER.fullmatch(text):
                raise ValueError(f"{name} of {self.kind} is a whole number")
        else:
            raise ValueError(f"{name} is not for the kind {self.kind}")
        if self.kind is FieldKind.MONEY:
            self._check_amount(name, text)

    def _check_amount(self, name: str, text: str) -> None:
        if self.currency is None:
            raise ValueError(f"{name} of money needs a currency")
        minor = Decimal(text).scaleb(minor_digits(self.currency))
        if minor != minor.to_integral_value() or abs(minor) > MINOR_MAX:
            raise ValueError(f"{name} is no amount of {self.currency}")


class Form(Wire):
    """A form that a bot asks a person to fill in: 1 to 50 fields, asked in this order."""

    fields: Annotated[
        tuple[Field, ...],
        pydantic.Field(strict=False, min_length=1, max_length=FIELDS_MAX),
    ]

    @pydantic.model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        if len({field.id for field in self.fields}) != len(self.fields):
            raise ValueError("two fields have one id")
        return self


def _is_above(low: str | int, high: str | int) -> bool:
    if TODAY in {low, high}:
        return False
    if _DECIMAL.fullmatch(str(low)):
        return Decimal(low) > Decimal(high)
    return str(low) > str(high)


def _is_iso_date(text: str) -> bool:
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
