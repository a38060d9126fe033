"""EMVCo merchant-presented codes (Pix, SGQR, and others): tag, length, value, and a CRC.

A length counts characters, two digits. Tags that are not known are kept. The limits are those of
public samples; the specification itself was not at hand.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.formats.core.crc import crc
from appservices.payments.formats.core.currencies import code_of, number_of
from appservices.payments.formats.core.plain import decimal_minor, decimal_text, line, matching
from veche.protocol.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable

CHARACTERS_MAX: Final = 512
VALUE_CHARACTERS_MAX: Final = 99
NAME_CHARACTERS_MAX: Final = 25
CITY_CHARACTERS_MAX: Final = 15
REFERENCE_CHARACTERS_MAX: Final = 25
PIX: Final = "br.gov.bcb.pix"
"""Name of Pix among templates."""

Tag = tuple[str, str]
"""A tag of two digits and its value."""

_FORMAT, _INITIATION, _CATEGORY, _CURRENCY = "00", "01", "52", "53"
_AMOUNT, _FEE_KIND, _COUNTRY, _NAME, _CITY = "54", "55", "58", "59", "60"
_ADDITIONAL, _CRC = "62", "63"
_REFERENCE: Final = "05"
_ACCOUNTS: Final = [f"{number:02}" for number in range(26, 52)]
_OWN: Final = frozenset(
    {_FORMAT, _INITIATION, _CATEGORY, _CURRENCY, _AMOUNT, _COUNTRY, _NAME, _CITY, _ADDITIONAL, _CRC}
)
_INITIATIONS: Final = {"": None, "11": False, "12": True}
_ALPHA_2: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_CATEGORY_FORM: Final = re.compile(r"[0-9]{4}", re.ASCII)
_TAG: Final = re.compile(r"[0-9]{2}", re.ASCII)


@attrs.frozen
class Template:
    """Where a scheme is told about the payee's account.

    Attributes:
        tag: 26 to 51.
        scheme: Its globally unique name, such as ``PIX``.
        fields: The rest, as it stands.
    """

    tag: str
    scheme: str
    fields: tuple[Tag, ...] = ()

    def field(self, tag: str) -> str:
        """The value of a tag, empty where there is none."""
        return dict(self.fields).get(tag, "")


@attrs.frozen
class EmvPayment:
    """The payment in a merchant's code.

    Attributes:
        name: The merchant, at most ``NAME_CHARACTERS_MAX``.
        city: At most ``CITY_CHARACTERS_MAX``.
        country: ISO 3166-1, two capitals.
        currency: ISO 4217 code.
        amount_minor: At least 1; None: the payer says how much.
        templates: Accounts by scheme, at least one of them unless ``others`` has a card's.
        reference: Of the merchant, at most ``REFERENCE_CHARACTERS_MAX``.
        is_dynamic: Whether it is for one payment; None where it does not say so.
        category: ISO 18245, four digits.
        additional: What else template 62 says.
        others: Tags that are not read.
    """

    name: str
    city: str
    country: str
    currency: str
    amount_minor: int | None = None
    templates: tuple[Template, ...] = ()
    reference: str = ""
    is_dynamic: bool | None = None
    category: str = "0000"
    additional: tuple[Tag, ...] = ()
    others: tuple[Tag, ...] = ()

    def template(self, scheme: str) -> Template | None:
        """The account of a scheme, whose name may be written in capitals or not."""
        named = (one for one in self.templates if one.scheme.casefold() == scheme.casefold())
        return next(named, None)


def pix(key: str, *, name: str, city: str, amount_minor: int | None, reference: str) -> EmvPayment:
    """A Pix BR Code to a key (e-mail, phone, tax number or random key).

    Args:
        key: At most 77 characters.
        name: The payee.
        city: Of the payee.
        amount_minor: Centavos, or None.
        reference: Letters and digits, at most 25; empty: none.
    """
    template = Template("26", PIX, (("01", line(key, "key", 77, characters_min=1)),))
    return EmvPayment(
        name, city, "BR", "BRL", amount_minor, (template,), reference=reference or "***"
    )


def write(payment: EmvPayment) -> str:
    """The text of the code, by rising tags, the CRC last.

    Raises:
        MalformedError: A field is wrong or too long, or all together are over ``CHARACTERS_MAX``.
    """
    _check(payment)
    additional = [*payment.additional]
    if payment.reference:
        additional.append((_REFERENCE, payment.reference))
    amount = payment.amount_minor
    tags = [
        (_INITIATION, {None: "", False: "11", True: "12"}[payment.is_dynamic]),
        *((one.tag, _joined([("00", one.scheme), *one.fields])) for one in payment.templates),
        (_CATEGORY, payment.category),
        (_CURRENCY, number_of(payment.currency)),
        (_AMOUNT, "" if amount is None else decimal_text(amount, payment.currency)),
        (_COUNTRY, payment.country),
        (_NAME, payment.name),
        (_CITY, payment.city),
        (_ADDITIONAL, _joined(sorted(additional))),
        *payment.others,
    ]
    given = sorted((tag, value) for tag, value in tags if value)
    text = _joined([(_FORMAT, "01"), *given]) + _CRC + "04"
    return _bounded(text + crc(text))


def read(text: str) -> EmvPayment:
    """Read the payment in a code.

    Raises:
        MalformedError: It is no such code, its CRC is wrong, a tag stands twice, a field is wrong,
            or the merchant adds a fee, which is not read.
    """
    found = _verified(text)
    values = dict(found)
    currency = code_of(values.get(_CURRENCY, ""))
    amount = values.get(_AMOUNT)
    if values.get(_FEE_KIND, "01") != "01":
        raise MalformedError("55", "codes in which the merchant adds a fee are not read")
    if values.get(_INITIATION, "") not in _INITIATIONS:
        raise MalformedError("01", "should be 11 or 12")
    additional = _split(values.get(_ADDITIONAL, ""), "62")
    payment = EmvPayment(
        name=values.get(_NAME, ""),
        city=values.get(_CITY, ""),
        country=values.get(_COUNTRY, ""),
        currency=currency,
        amount_minor=None if amount is None else decimal_minor(amount, currency),
        templates=tuple(_template(tag, value) for tag, value in found if tag in _ACCOUNTS),
        reference=dict(additional).get(_REFERENCE, ""),
        is_dynamic=_INITIATIONS[values.get(_INITIATION, "")],
        category=values.get(_CATEGORY, ""),
        additional=tuple(sorted(one for one in additional if one[0] != _REFERENCE)),
        others=tuple(sorted(one for one in found if one[0] not in {*_OWN, *_ACCOUNTS})),
    )
    _check(payment)
    return payment


def _verified(text: str) -> tuple[Tag, ...]:
    """The tags of a code whose ends are right."""
    _bounded(text)
    found = _split(text, "code")
    if found[:1] != ((_FORMAT, "01"),):
        raise MalformedError("00", "a payment code begins with 000201")
    if found[-1][0] != _CRC or len(found[-1][1]) != 4:  # noqa: PLR2004 -- digits of a CRC-16
        raise MalformedError("63", "the check stands at the end")
    if crc(text[:-4]) != found[-1][1].upper():
        raise MalformedError("63", "the check does not fit: the code was altered or misread")
    return found


def _check(payment: EmvPayment) -> None:
    line(payment.name, "name", NAME_CHARACTERS_MAX, characters_min=1)
    line(payment.city, "city", CITY_CHARACTERS_MAX, characters_min=1)
    line(payment.reference, "reference", REFERENCE_CHARACTERS_MAX)
    matching(payment.country, "country", _ALPHA_2, "two capitals")
    matching(payment.category, "category", _CATEGORY_FORM, "four digits")
    if payment.amount_minor is not None:
        decimal_minor(decimal_text(payment.amount_minor, payment.currency), payment.currency)
    for template in payment.templates:
        if template.tag not in _ACCOUNTS:
            raise MalformedError("templates", "a template has a tag from 26 to 51")
    tags = [tag for tag, _ in payment.others] + [one.tag for one in payment.templates]
    if len(set(tags)) != len(tags) or any(tag in _OWN for tag in tags):
        raise MalformedError("others", "each tag stands once")


def _template(tag: str, value: str) -> Template:
    fields = _split(value, tag)
    if fields[:1] == () or fields[0][0] != "00":
        raise MalformedError(tag, "a template begins with the name of its scheme")
    return Template(tag, fields[0][1], fields[1:])


def _split(text: str, where: str) -> tuple[Tag, ...]:
    tags: list[Tag] = []
    at = 0
    while at < len(text):
        tag, length, value = text[at : at + 2], text[at + 2 : at + 4], ""
        if _TAG.fullmatch(tag) and _TAG.fullmatch(length):
            value = text[at + 4 : at + 4 + int(length)]
        if not value or len(value) != int(length):
            raise MalformedError(where, "should be tags of two digits, lengths and values")
        tags.append((tag, line(value, tag, VALUE_CHARACTERS_MAX)))
        at += 4 + len(value)
    if len({tag for tag, _ in tags}) != len(tags):
        raise MalformedError(where, "each tag stands once")
    return tuple(tags)


def _joined(tags: Iterable[Tag]) -> str:
    parts = []
    for tag, value in tags:
        matching(tag, "others", _TAG, "a tag of two digits")
        line(value, tag, VALUE_CHARACTERS_MAX, characters_min=1)
        parts.append(f"{tag}{len(value):02}{value}")
    return "".join(parts)


def _bounded(text: str) -> str:
    if len(text) > CHARACTERS_MAX:
        raise MalformedError("code", f"a payment code has at most {CHARACTERS_MAX} characters")
    return text
