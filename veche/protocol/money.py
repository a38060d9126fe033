"""Money: a whole number of minor units and a currency, never a float.

The minor unit is that of ISO 4217, which banks' files use. CLDR counts several currencies without
decimals that ISO counts with two (RSD, ALL, LBP, …): right for a price tag, a factor of a hundred
wrong in a payment file.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Final

from babel.numbers import list_currencies
from pydantic import Field

from veche.protocol.canonical import INTEGER_MAX
from veche.protocol.errors import MalformedError
from veche.protocol.wire import Wire

MINOR_MAX: Final = INTEGER_MAX
"""Largest amount in minor units that travels as JSON."""
AMOUNT_CHARACTERS_MAX: Final = 40
"""Longest typed amount that is looked at."""

_DIGITS_OTHER: Final = (
    dict.fromkeys(
        ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND",
         "VUV", "XAF", "XOF", "XPF"], 0)
    | dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3)
    | dict.fromkeys(["CLF", "UYW"], 4)
)  # fmt: skip
CURRENCIES: Final = frozenset(list_currencies())
"""Codes of all currencies there are or were (ISO 4217)."""
_SIGNS: Final = {
    "€": "EUR",
    "₴": "UAH",
    "грн": "UAH",
    "₽": "RUB",
    "руб": "RUB",
    "zł": "PLN",
    "kč": "CZK",
}
"""Signs that stand for one currency only; "$" and "£" do not."""
_NAMES: Final = {
    **dict.fromkeys(("euro", "euros", "евро", "євро"), "EUR"),
    **dict.fromkeys(("гривна", "гривны", "гривен", "гривня", "гривні", "гривень"), "UAH"),
    **dict.fromkeys(("zloty", "złoty", "złotych"), "PLN"),
}
"""Names of currencies that stand for one only; a dollar, a pound or a rouble is of several."""

_GROUP_DIGITS: Final = 3
_SEPARATORS: Final = " .,'\u2019"
_TYPED: Final = re.compile(
    r"(?P<before>[^\W\d_]{1,3}|[€₴₽])? ?"
    rf"(?P<number>[0-9](?:[{_SEPARATORS}]?[0-9])*)"
    rf" ?(?P<after>(?i:{'|'.join(_NAMES)})|[^\W\d_]{{1,3}}|[€₴₽])?"
)


class TooManyDecimalsError(MalformedError):
    """A typed amount has more decimals than its currency."""


class AmountTooLargeError(MalformedError):
    """A typed amount is over ``MINOR_MAX``."""


WireMinor = Annotated[int, Field(ge=-MINOR_MAX, le=MINOR_MAX)]


class Money(Wire):
    """An amount of money.

    Attributes:
        minor: Minor units by ISO 4217 (cents), at most ``MINOR_MAX`` in size; negative where a
            family says so (a discount in an invoice's lines).
        currency: ISO 4217 code, three capitals.
    """

    minor: WireMinor
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


def minor_digits(currency: str) -> int:
    """How many decimals a currency has (ISO 4217): 2 for EUR, 0 for JPY, 3 for KWD.

    Raises:
        MalformedError: There is no such currency.
    """
    if currency not in CURRENCIES:
        raise MalformedError("currency", "no such currency; write its code, such as EUR")
    return _DIGITS_OTHER.get(currency, 2)


def parse_money(typed: str, *, currency: str | None = None, where: str = "amount") -> Money:
    """The amount that a person typed: "12.50 EUR", "1 234,50 €", "EUR 12".

    Both decimal signs are read, whatever the person's language, and "1,234" is refused, since it
    is a thousand for one reader and one and a bit for another.

    Args:
        typed: At most ``AMOUNT_CHARACTERS_MAX`` characters; no sign.
        currency: The only currency that will do, which then need not be typed; None: any, typed.
        where: What to call the amount in an error.

    Raises:
        TooManyDecimalsError: It has more than its currency has.
        AmountTooLargeError: It is over ``MINOR_MAX``.
        MalformedError: It is no amount, in doubt, or of another currency.
    """
    plain = re.sub(r"\s", " ", unicodedata.normalize("NFKC", typed)).strip()
    found = _TYPED.fullmatch(plain) if len(plain) <= AMOUNT_CHARACTERS_MAX else None
    if not found or (found["before"] and found["after"]):
        raise MalformedError(where, "write an amount such as 12.50")
    code = _code(found["before"] or found["after"] or "", currency, where)
    digits = minor_digits(code)
    whole, decimals = _split(found["number"], digits, where)
    if len(decimals) > digits:
        raise TooManyDecimalsError(where, f"{code} has {digits} decimals")
    minor = int(whole + decimals.ljust(digits, "0"))
    if minor > MINOR_MAX:
        raise AmountTooLargeError(where, "the amount is too large")
    return Money(minor=minor, currency=code)


def as_decimal_text(money: Money) -> str:
    """The amount in whole units with all its decimals, without grouping: "-1234.50"."""
    digits = minor_digits(money.currency)
    sign, size = "-" if money.minor < 0 else "", str(abs(money.minor)).rjust(digits + 1, "0")
    return f"{sign}{size[:-digits]}.{size[-digits:]}" if digits else f"{sign}{size}"


def _code(written: str, currency: str | None, where: str) -> str:
    known = {**_SIGNS, **_NAMES}
    code = known.get(written.casefold(), written.upper()) if written else currency
    if not code:
        raise MalformedError(where, "write the currency too, such as 12.50 EUR")
    if currency is not None and code != currency:
        raise MalformedError(where, f"the amount must be in {currency}")
    return code


def _split(number: str, digits: int, where: str) -> tuple[str, str]:
    """The whole part and the decimals of a typed number, without their separators."""
    marks = [mark for mark in number if mark in ".,"]
    has_decimals = bool(marks) and marks[-1] not in marks[:-1]
    if has_decimals and len(marks) == 1 and number[-_GROUP_DIGITS - 1 :][:1] == marks[0]:
        # "1,234": decimals only of a currency that has three, groups only of one that has none.
        has_decimals = digits == _GROUP_DIGITS
        if digits not in (0, _GROUP_DIGITS):
            raise MalformedError(where, "is that a thousand? Write it as 1234 or 1234.00")
    whole, decimals = number, ""
    if has_decimals:
        whole, _, decimals = number.rpartition(marks[-1])
    groups = re.split(f"[{_SEPARATORS}]", whole)
    is_grouped = len(groups) == 1 or (
        len(groups[0]) <= _GROUP_DIGITS and all(len(g) == _GROUP_DIGITS for g in groups[1:])
    )
    if not is_grouped or (not decimals.isdecimal() and has_decimals):
        raise MalformedError(where, "write an amount such as 1234.50")
    return "".join(groups), decimals
