"""Phone numbers and IBANs: as people write them, and with their own checks."""

from __future__ import annotations

import phonenumbers
import pytest

from tests.support.tables import each_row
from tests.unit.veche.protocol.forms.builders import field, person, read, refusal
from veche.protocol.forms import FieldError, Problem, parse_value
from veche.protocol.forms.contacts import PHONE_CHARACTERS_MAX, show_iban, show_phone


@each_row(
    ("region", "typed", "value"),
    [
        ("DE", "+49 30 23125000", "+493023125000"), ("DE", "030 23125000", "+493023125000"),
        ("DE", "(030) 2312-5000", "+493023125000"), ("DE", "0049 30 23125000", "+493023125000"),
        ("RU", "8 (495) 123-45-67", "+74951234567"), ("RU", "+7 495 1234567", "+74951234567"),
        ("UA", "044 234 56 78", "+380442345678"), ("GB", "020 7946 0958", "+442079460958"),
        ("US", "(212) 555-2368", "+12125552368"), ("DE", "+7 (495) 123–45–67", "+74951234567"),
        ("DE", "tel:+49-30-23125000", "+493023125000"), ("DE", "＋49 30 23125000", "+493023125000"),
    ],
)  # fmt: skip
def test_phone_numbers_become_e164(region: str, typed: str, value: str) -> None:
    assert read("phone", typed, person("en", region)) == value


@each_row(
    ("typed", "problem"),
    [
        ("hello", Problem.NOT_A_PHONE), ("+", Problem.NOT_A_PHONE), ("1", Problem.NOT_A_PHONE),
        ("+999 1234567", Problem.NOT_A_PHONE), ("+49 1", Problem.NOT_A_PHONE),
        ("123", Problem.NO_SUCH_PHONE), ("+49 30 23125000 ext. 12", Problem.PHONE_EXTENSION),
        ("анна", Problem.NOT_A_PHONE), ("@anna", Problem.NOT_A_PHONE),
        ("0" * (PHONE_CHARACTERS_MAX + 1), Problem.NOT_A_PHONE), (493023125000, Problem.NOT_TEXT),
        ("+1 212 555", Problem.NO_SUCH_PHONE), ("+49 30 23125000 or 5", Problem.NOT_A_PHONE),
    ],
)  # fmt: skip
def test_what_is_no_phone_number_is_refused(typed: object, problem: Problem) -> None:
    assert refusal("phone", typed, person("en", "DE")) is problem


@each_row("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_the_example_that_a_refusal_gives_is_right(region: str) -> None:
    with pytest.raises(FieldError) as caught:
        parse_value(field("phone"), "hello", person("en", region))

    example = str(caught.value.values["example"])
    assert show_phone(str(read("phone", example, person("en", "GB")))) == example


def test_a_region_without_numbers_has_an_example_too() -> None:
    assert refusal("phone", "hello", person("en", "AQ")) is Problem.NOT_A_PHONE


@each_row(
    ("typed", "value"),
    [
        ("DE89 3704 0044 0532 0130 00", "DE89370400440532013000"),
        ("de89370400440532013000", "DE89370400440532013000"),
        ("IBAN: DE89 3704 0044 0532 0130 00", "DE89370400440532013000"),
        ("GB29-NWBK-6016-1331-9268-19", "GB29NWBK60161331926819"),
        ("UA21 3223 1300 0002 6007 2335 6600 1", "UA213223130000026007233566001"),
        ("NO93 8601 1117 947", "NO9386011117947"),
        ("MT84 MALT 0110 0001 2345 MTLC AST0 01S", "MT84MALT011000012345MTLCAST001S"),
        ("ＤＥ89370400440532013000", "DE89370400440532013000"),
    ],
)
def test_ibans_are_read_as_they_are_printed(typed: str, value: str) -> None:
    assert read("iban", typed) == value
    assert read("iban", show_iban(value)) == value


@each_row(
    ("typed", "problem"),
    [
        ("DE89 3704 0044 0532 0130 01", Problem.IBAN_DIGITS),
        ("DE98 3704 0044 0532 0130 00", Problem.IBAN_DIGITS),
        ("DE89 3704 0044 0532 0130", Problem.IBAN_LENGTH),
        ("DE89 3704 0044 0532 0130 000", Problem.IBAN_LENGTH),
        ("US64 SVBK US6S 3300 958879", Problem.IBAN_COUNTRY),
        ("XX89 3704 0044 0532 0130 00", Problem.IBAN_COUNTRY),
        ("DE", Problem.NOT_AN_IBAN), ("370400440532013000", Problem.NOT_AN_IBAN),
        ("ДЕ89 3704 0044 0532 0130 00", Problem.NOT_AN_IBAN), ("my account", Problem.NOT_AN_IBAN),
        ("DE89" + "1" * 31, Problem.NOT_AN_IBAN), ("DE89_3704", Problem.NOT_AN_IBAN),
        (89370400440532013000, Problem.NOT_TEXT), ("GB29 1234 6016 1331 9268 19", None),
    ],
)  # fmt: skip
def test_what_is_no_iban_is_refused_with_the_reason(typed: object, problem: Problem | None) -> None:
    refused = refusal("iban", typed)

    assert problem is None or refused is problem


def test_a_short_iban_is_told_how_long_it_should_be() -> None:
    with pytest.raises(FieldError) as caught:
        parse_value(field("iban"), "DE89 3704 0044 0532 0130", person())

    assert str(caught.value) == (
        "Answer: This has 20 characters; an IBAN that begins with DE has 22."
    )
