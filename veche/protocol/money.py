"""Money: a whole number of minor units and a currency, never a float.

The minor unit is that of ISO 4217, which banks' files use. CLDR counts several currencies without
decimals that ISO counts with two (RSD, ALL, LBP, …): right for a price tag, a factor of a hundred
wrong in a payment file.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from typing import TYPE_CHECKING, Annotated, Final

from babel.numbers import list_currencies
from pydantic import Field

from veche.protocol.canonical import INTEGER_MAX
from veche.protocol.errors import MalformedError
from veche.protocol.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Collection

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
_WRITTEN: Final = {
    "EUR": "€ euro euros евро євро",
    "UAH": "₴ грн hryvnia hryvnias гривна гривны гривен гривну гривня гривні гривень гривню",
    "RUB": "₽ руб ruble rubles rouble roubles rubel рубль рубля рублей рублі рублів",
    "PLN": "zł zloty zlotys złoty złote złotych злотый злотых злотий злоті злотих",
    "CZK": "kč",
    "USD": "us$",
    "GEL": "₾",
    "ILS": "₪",
    "INR": "₹",
    "KZT": "₸",
    "TRY": "₺",
}
"""Signs and names that stand for one currency, in small letters."""
_SHARED: Final = {
    "USD AUD CAD HKD NZD SGD": "$ dollar dollars доллар доллара долларов долар долари доларів",
    "GBP EGP GIP": "£ pound pounds pfund фунт фунта фунтов фунти фунтів",
    "JPY CNY": "¥ yen yuan",
    "CHF XAF XOF": "franc francs franken франк франка франков франки франків",
    "CZK DKK ISK NOK SEK": "kr krona kronor krone kroner kronen крона кроны крон крони",
}
"""Signs and names of several currencies: which one is meant, only the place says."""
_CODES: Final = {
    word: frozenset(codes.split())
    for table in (_WRITTEN, _SHARED)
    for codes, words in table.items()
    for word in words.split()
}

_GROUP_DIGITS: Final = 3
_SEPARATORS: Final = " .,'\u2019"
_SIGNS: Final = r"+\-\u2212\u2013"
_CURRENCY: Final = rf"(?:[^\W\d_]{{1,12}}\.?)?[^\w\s.,'\u2019{_SIGNS}]?"
_TYPED: Final = re.compile(
    rf"(?P<sign>[{_SIGNS}]?) ?(?P<before>{_CURRENCY}) ?(?P<inner>[{_SIGNS}]?) ?"
    rf"(?P<number>[0-9](?:[{_SEPARATORS}]?[0-9])*) ?(?P<after>{_CURRENCY})"
)


class AmountProblem(enum.Enum):
    """Why a typed amount is refused; the value says what would be right."""

    NOT_AN_AMOUNT = "write an amount such as 12.50"
    IN_DOUBT = "is that a thousand? Write it as 1234 or 1234.00"
    TOO_MANY_DECIMALS = "{currency} has fewer decimals"
    TOO_LARGE = "the amount is too large"
    NO_CURRENCY = "write the currency too, such as 12.50 EUR"
    UNKNOWN_CURRENCY = "no such currency; write its code, such as EUR"
    SHARED_NAME = "several currencies are called so; write the code, such as USD"
    OTHER_CURRENCY = "the amount must be in {currency}"


class AmountError(MalformedError):
    """A typed amount that is refused.

    Attributes:
        problem: Why.
        currency: Of the amount; None if it is not known.
    """

    def __init__(self, where: str, problem: AmountProblem, currency: str | None = None) -> None:
        super().__init__(where, problem.value.format(currency=currency))
        self.problem = problem
        self.currency = currency


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
        raise AmountError("currency", AmountProblem.UNKNOWN_CURRENCY)
    return _DIGITS_OTHER.get(currency, 2)


def parse_money(
    typed: str,
    *,
    currency: str | None = None,
    among: Collection[str] = (),
    where: str = "amount",
    may_be_negative: bool = False,
) -> Money:
    """Read the amount that a person typed: "12.50 EUR", "1 234,50 €", "100 гривен", "EUR 12".

    Both decimal signs are read, whatever the person's language, and "1,234" is refused, since it
    is a thousand for one reader and one and a bit for another.

    Args:
        typed: At most ``AMOUNT_CHARACTERS_MAX`` characters.
        currency: The only currency that will do, which then need not be typed; None: any, typed.
        among: Currencies that are in use here. "$" is read if it can mean exactly one of them.
        where: What to call the amount in an error.
        may_be_negative: Whether a sign may be typed.

    Raises:
        AmountError: It is no amount, in doubt, or of another currency.
    """
    plain = re.sub(r"\s", " ", unicodedata.normalize("NFKC", typed)).strip()
    found = _TYPED.fullmatch(plain) if len(plain) <= AMOUNT_CHARACTERS_MAX else None
    sign = (found["sign"] + found["inner"]) if found else ""
    if not found or (found["before"] and found["after"]) or len(sign) > may_be_negative:
        raise AmountError(where, AmountProblem.NOT_AN_AMOUNT)
    code = _code(found["before"] or found["after"], currency, among, where)
    digits = minor_digits(code)
    whole, decimals = _split(found["number"], digits, where)
    if len(decimals) > digits:
        raise AmountError(where, AmountProblem.TOO_MANY_DECIMALS, code)
    minor = int(whole + decimals.ljust(digits, "0"))
    if minor > MINOR_MAX:
        raise AmountError(where, AmountProblem.TOO_LARGE, code)
    return Money(minor=minor if sign in {"", "+"} else -minor, currency=code)


def is_currency_name(word: str) -> bool:
    """Return whether a word is a sign or a name of one currency or of several."""
    return word.casefold().rstrip(".") in _CODES


def as_decimal_text(money: Money) -> str:
    """The amount in whole units with all its decimals, without grouping: "-1234.50"."""
    digits = minor_digits(money.currency)
    sign, size = "-" if money.minor < 0 else "", str(abs(money.minor)).rjust(digits + 1, "0")
    return f"{sign}{size[:-digits]}.{size[-digits:]}" if digits else f"{sign}{size}"


def _code(written: str, currency: str | None, among: Collection[str], where: str) -> str:
    if not written and currency is None:
        raise AmountError(where, AmountProblem.NO_CURRENCY)
    word = written.rstrip(".")
    codes = _CODES.get(word.casefold(), frozenset({word.upper() or str(currency)}))
    if len(codes) > 1:
        codes &= {currency} if currency else set(among)
    if len(codes) != 1:
        raise AmountError(where, AmountProblem.SHARED_NAME)
    (code,) = codes
    if code not in CURRENCIES:
        raise AmountError(where, AmountProblem.UNKNOWN_CURRENCY)
    if currency is not None and code != currency:
        raise AmountError(where, AmountProblem.OTHER_CURRENCY, currency)
    return code


def _split(number: str, digits: int, where: str) -> tuple[str, str]:
    """The whole part and the decimals of a typed number, without their separators."""
    marks = [mark for mark in number if mark in ".,"]
    has_decimals = bool(marks) and marks[-1] not in marks[:-1]
    if has_decimals and len(marks) == 1 and number[-_GROUP_DIGITS - 1 :][:1] == marks[0]:
        # "1,234": decimals only of a currency that has three, groups only of one that has none.
        has_decimals = digits == _GROUP_DIGITS
        if digits not in (0, _GROUP_DIGITS):
            raise AmountError(where, AmountProblem.IN_DOUBT)
    whole, decimals = number, ""
    if has_decimals:
        whole, _, decimals = number.rpartition(marks[-1])
    groups = re.split(f"[{_SEPARATORS}]", whole)
    is_grouped = len(groups) == 1 or (
        len(groups[0]) <= _GROUP_DIGITS and all(len(g) == _GROUP_DIGITS for g in groups[1:])
    )
    if not is_grouped or (not decimals.isdecimal() and has_decimals):
        raise AmountError(where, AmountProblem.NOT_AN_AMOUNT)
    return "".join(groups), decimals
