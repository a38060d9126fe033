"""Values of elements of a document that its schema has accepted."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from appservices.payments.banks.core.xml import refusal
from veche.protocol.errors import MalformedError
from veche.protocol.money import MINOR_MAX, minor_digits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.formats.core.xml import Element

_FIRST_DAY: Final = dt.date(2000, 1, 1)
"""Days before it are mistakes: ISO 20022 is younger, and ids have no such times."""


def maybe(parent: Element, path: str) -> Element | None:
    """The first element at a path, or None."""
    return parent.find("/".join("{*}" + name for name in path.split("/")))


def one(parent: Element, path: str) -> Element:
    """The first element at a path.

    Raises:
        BankMessageError: There is none.
    """
    found = maybe(parent, path)
    if found is None:
        raise refusal(parent, f"{path} is missing")
    return found


def many(parent: Element, name: str) -> Sequence[Element]:
    """All children of a name."""
    return list(parent.iterchildren("{*}" + name))


def value(parent: Element, path: str) -> str:
    """The text at a path, without blanks at its ends; empty if there is none."""
    found = maybe(parent, path)
    return "" if found is None else (found.text or "").strip()


def account(parent: Element, path: str) -> str:
    """The IBAN, or else the other number, of an account; empty if there is none."""
    return value(parent, f"{path}/Id/IBAN") or value(parent, f"{path}/Id/Othr/Id")


def currency_of(amount: Element) -> str:
    """The currency of an amount.

    Raises:
        BankMessageError: There is no such currency.
    """
    currency = str(amount.get("Ccy", ""))
    try:
        minor_digits(currency)
    except MalformedError as e:
        raise refusal(amount, "there is no such currency") from e
    return currency


def minor_of(amount: Element, currency: str, *, is_zero_fine: bool = False) -> int:
    """Minor units of an amount; nothing is rounded.

    Raises:
        BankMessageError: It has decimals that its currency has not, is too large, or is zero.
    """
    written = str(amount.text or "")
    whole, _, decimals = written.strip().partition(".")
    digits = minor_digits(currency)
    if decimals.rstrip("0")[digits:]:
        raise refusal(amount, f"{currency} has {digits} decimals")
    minor: int = int(whole.lstrip("+") or "0") * 10**digits
    minor += int(decimals[:digits].ljust(digits, "0") or "0")
    if not (minor or is_zero_fine) or minor > MINOR_MAX:
        raise refusal(amount, "is no amount that can be booked")
    return minor


def date_of(element: Element) -> dt.date:
    """The day of a date or time, as the bank wrote it in the element or below it.

    Raises:
        BankMessageError: It is none.
    """
    written = value(element, "Dt") or value(element, "DtTm") or str(element.text or "").strip()
    try:
        day = dt.date.fromisoformat(written[:10])
    except ValueError as e:
        raise refusal(element, "should be a date") from e
    if day < _FIRST_DAY:
        raise refusal(element, f"should be a date from {_FIRST_DAY.isoformat()} on")
    return day
