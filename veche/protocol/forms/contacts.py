"""Parsers of phone numbers and bank accounts, checked by their own rules."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import phonenumbers
from schwifty import IBAN
from schwifty.exceptions import (
    InvalidChecksumDigits,
    InvalidCountryCode,
    InvalidLength,
    SchwiftyException,
)

from veche.protocol.forms.problems import FieldError, Problem
from veche.protocol.forms.values import FieldContext, plain_of

if TYPE_CHECKING:
    from veche.protocol.forms.models import Field

PHONE_CHARACTERS_MAX: Final = 60

_PHONE_EXAMPLE: Final = "+49 30 123456"
"""For regions without numbers of their own."""
_IBAN_EXAMPLE: Final = "DE89 3704 0044 0532 0130 00"
_IBAN_SEPARATORS: Final = re.compile(r"[\s.\-\u2010-\u2015]|^iban:?", re.IGNORECASE)
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{1,30}")
# No other letters: the library drops them, and "030 12 or 34" would become one number.
_PHONE: Final = re.compile(
    r"(?:tel:)?[-+0-9()./ \u2010-\u2015]+"
    r"(?P<extension>[,;]* ?(?:ext|x|#|доб|вн|дод|app)[ .=:]*[0-9]+)?",
    re.IGNORECASE,
)


def parse_phone(field: Field, raw: object, context: FieldContext) -> str:
    """A phone number in E.164, "+4930123456"; without a country code that of the region."""
    typed = plain_of(field, raw)
    example = _phone_example(context.default_region)
    found = _PHONE.fullmatch(typed)
    if len(typed) > PHONE_CHARACTERS_MAX or not found:
        raise FieldError.of(field, Problem.NOT_A_PHONE, example=example)
    if found["extension"]:
        # E.164 has no place for it, and it would be lost.
        raise FieldError.of(field, Problem.PHONE_EXTENSION, example=example)
    try:
        number = phonenumbers.parse(typed, context.default_region)
    except phonenumbers.NumberParseException as e:
        raise FieldError.of(field, Problem.NOT_A_PHONE, example=example) from e
    if not phonenumbers.is_valid_number(number):
        raise FieldError.of(field, Problem.NO_SUCH_PHONE, example=example)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def show_phone(number: str) -> str:
    """An E.164 number grouped as its country does, "+49 30 123456"."""
    parsed = phonenumbers.parse(number, None)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def parse_iban(field: Field, raw: object, _: FieldContext) -> str:
    """An IBAN without spaces, in capitals; length and check digits are right (ISO 13616-1).

    Whether the account exists only its bank knows.
    """
    iban = _IBAN_SEPARATORS.sub("", plain_of(field, raw)).upper()
    if not _IBAN.fullmatch(iban):
        raise FieldError.of(field, Problem.NOT_AN_IBAN, example=_IBAN_EXAMPLE)
    try:
        IBAN(iban)
    except InvalidCountryCode as e:
        raise FieldError.of(field, Problem.IBAN_COUNTRY, example=_IBAN_EXAMPLE) from e
    except InvalidLength as e:
        length = IBAN(iban, allow_invalid=True).spec.iban_length
        values = {"count": len(iban), "country": iban[:2], "max": length}
        raise FieldError.of(field, Problem.IBAN_LENGTH, **values) from e
    except InvalidChecksumDigits as e:
        raise FieldError.of(field, Problem.IBAN_DIGITS) from e
    except SchwiftyException as e:
        raise FieldError.of(field, Problem.NOT_AN_IBAN, example=_IBAN_EXAMPLE) from e
    return iban


def show_iban(iban: str) -> str:
    """An IBAN in groups of four, as on paper."""
    return " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))


def _phone_example(region: str) -> str:
    number = phonenumbers.example_number(region)
    if number is None:
        return _PHONE_EXAMPLE
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
