"""Parsers of numbers and amounts of money, with the separators of the person's language.

What is a thousand here is one and a bit there: a separator with exactly three digits after it is
read as the person's language reads it, and only where no other reading is possible against it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from veche.protocol import money
from veche.protocol.canonical import INTEGER_MAX
from veche.protocol.errors import MalformedError
from veche.protocol.forms.problems import FieldError, Problem
from veche.protocol.forms.values import FieldContext, plain_of
from veche.protocol.money import CURRENCIES, MINOR_MAX, AmountProblem, Money, minor_digits
from veche.protocol.wire import parse

if TYPE_CHECKING:
    from veche.protocol.forms.models import Field

DIGITS_MAX: Final = 28
"""Most digits of a number, before and after its decimal sign: Python's ``Decimal`` rounds more."""

_EXAMPLE: Final = Decimal("1234.5")
_WHOLE_EXAMPLE: Final = 42
_EXAMPLE_CURRENCY: Final = "EUR"
_POINT_LANGUAGES: Final = frozenset({"en"})
"""Where a point is the decimal sign; elsewhere it is a comma."""
_POINT_GROUPS_LANGUAGES: Final = frozenset({"de"})
"""Where a point groups thousands; Russian and Ukrainian group with spaces, and know both signs."""

_EXACT: Final = re.compile(r"-?[0-9]{1,28}(\.[0-9]{1,28})?")
_SIGN: Final = re.compile(r"^\s*([-+\u2212\u2013])\s*(?=[0-9])")
_NUMBER: Final = re.compile(r"[0-9](?:[0-9 .,'\u2019]{0,80}[0-9])?")
_GROUP_DIGITS: Final = 3
_PROBLEMS: Final[Mapping[AmountProblem, Problem]] = {
    AmountProblem.NOT_AN_AMOUNT: Problem.NOT_MONEY,
    AmountProblem.IN_DOUBT: Problem.AMOUNT_IN_DOUBT,
    AmountProblem.TOO_MANY_DECIMALS: Problem.TOO_MANY_DECIMALS,
    AmountProblem.TOO_LARGE: Problem.TOO_BIG,
    AmountProblem.NO_CURRENCY: Problem.NO_CURRENCY,
    AmountProblem.UNKNOWN_CURRENCY: Problem.CURRENCY_UNKNOWN,
    AmountProblem.SHARED_NAME: Problem.CURRENCY_UNKNOWN,
    AmountProblem.OTHER_CURRENCY: Problem.OTHER_CURRENCY,
}


def parse_number(field: Field, raw: object, context: FieldContext) -> str:
    """A decimal number as a string, ``"-12.5"``.

    Besides typed text it takes a JSON integer, and ``{"decimal": "1.234"}`` for programs, which
    is the same number in every language.
    """
    number = _number_of(field, raw, context)
    _check_bounds(field, number)
    return _canonical(number)


def parse_integer(field: Field, raw: object, context: FieldContext) -> int:
    """A whole number, at most ``INTEGER_MAX`` in size (what JSON carries everywhere)."""
    number = _number_of(field, raw, context)
    if number != number.to_integral_value():
        raise FieldError.of(field, Problem.NOT_WHOLE, example=_WHOLE_EXAMPLE)
    if abs(number) > INTEGER_MAX:
        bound = {"max": INTEGER_MAX} if number > 0 else {"min": -INTEGER_MAX}
        raise FieldError.of(field, Problem.TOO_BIG if number > 0 else Problem.TOO_SMALL, **bound)
    _check_bounds(field, number)
    return int(number)


def parse_money(
    field: Field,
    raw: object,
    context: FieldContext,  # noqa: ARG001 -- all parsers of fields get it
) -> dict[str, Any]:
    """An amount, ``{"minor": 1250, "currency": "EUR"}``; not below zero unless ``min`` is."""
    amount = _structured(field, raw) if isinstance(raw, Mapping) else _typed(field, raw)
    low, high = _money_bounds(field, amount.currency)
    if amount.minor < low:
        least = Money(minor=low, currency=amount.currency)
        raise FieldError.of(field, Problem.TOO_SMALL, min=least)
    if amount.minor > high:
        most = Money(minor=high, currency=amount.currency)
        raise FieldError.of(field, Problem.TOO_BIG, max=most)
    return {"minor": amount.minor, "currency": amount.currency}


def read_decimal(text: str, language: str) -> Decimal | None:
    """The number that a person of a language typed; None if it is none, or in doubt."""
    sign = _SIGN.match(text)
    rest = text[sign.end() :] if sign else text.strip()
    if not _NUMBER.fullmatch(rest):
        return None
    mark = _decimal_mark(rest, language)
    whole, _, decimals = rest.rpartition(mark) if mark else (rest, "", "")
    groups = re.split(r"[ .,'\u2019]", whole)
    is_grouped = len(groups) == 1 or (
        1 <= len(groups[0]) <= _GROUP_DIGITS
        and all(len(group) == _GROUP_DIGITS for group in groups[1:])
    )
    is_one_separator = len(set(re.sub("[0-9]", "", whole))) <= 1
    if not is_grouped or not is_one_separator or not (decimals.isdigit() or not mark):
        return None
    number = Decimal(f"{''.join(groups)}.{decimals}" if mark else "".join(groups))
    # Not -number, which rounds.
    return number.copy_negate() if sign and sign[1] != "+" else number


def _decimal_mark(number: str, language: str) -> str:
    """The decimal sign in a number of digits and separators; "" if it has none."""
    marks = [c for c in number if c in ".,"]
    if not marks or (len(marks) > 1 and len(set(marks)) == 1):
        return ""
    if len(marks) > 1:
        return marks[-1]
    mark = marks[0]
    before, _, after = number.partition(mark)
    is_group_like = len(after) == _GROUP_DIGITS and re.fullmatch("[1-9][0-9]{0,2}", before)
    if not is_group_like:
        return mark
    if mark == ",":
        return "" if language in _POINT_LANGUAGES else mark
    return "" if language in _POINT_GROUPS_LANGUAGES else mark


def _number_of(field: Field, raw: object, context: FieldContext) -> Decimal:
    number: Decimal | None = None
    if isinstance(raw, int) and not isinstance(raw, bool):
        # Before it is written out: that takes quadratic time for a huge one.
        number = Decimal(raw) if raw.bit_length() <= DIGITS_MAX * 4 else Decimal(10) ** DIGITS_MAX
    elif isinstance(raw, Mapping):
        exact = raw.get("decimal")
        is_exact = isinstance(exact, str) and _EXACT.fullmatch(exact)
        number = Decimal(str(exact)) if is_exact else None
    elif isinstance(raw, str):
        number = read_decimal(plain_of(field, raw), context.language)
    if number is None:
        raise FieldError.of(field, Problem.NOT_A_NUMBER, example=_EXAMPLE)
    return _exact(field, number)


def _exact(field: Field, number: Decimal) -> Decimal:
    # Written out: 1E+30 has one digit, and is a number of 31.
    if len(format(number, "f").strip("-").replace(".", "")) > DIGITS_MAX:
        raise FieldError.of(field, Problem.TOO_MANY_DIGITS, max=DIGITS_MAX)
    return number


def _canonical(number: Decimal) -> str:
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", "0"} else text


def _check_bounds(field: Field, number: Decimal) -> None:
    if field.min is not None and number < Decimal(field.min):
        raise FieldError.of(field, Problem.TOO_SMALL, min=Decimal(field.min))
    if field.max is not None and number > Decimal(field.max):
        raise FieldError.of(field, Problem.TOO_BIG, max=Decimal(field.max))


def _structured(field: Field, raw: Mapping[Any, Any]) -> Money:
    example = _example_money(field.currency)
    try:
        amount = parse(Money, dict(raw))
    except MalformedError as e:
        raise FieldError.of(field, Problem.NOT_MONEY, example=example) from e
    _check_currency(field, amount.currency)
    return amount


def _typed(field: Field, raw: object) -> Money:
    example = _example_money(field.currency)
    if isinstance(raw, int) and not isinstance(raw, bool):
        # Minor units or whole ones? Whoever guesses is wrong by a hundred.
        raise FieldError.of(field, Problem.NOT_MONEY, example=example)
    try:
        typed = plain_of(field, raw)
        return money.parse_money(typed, currency=field.currency, may_be_negative=True)
    except money.AmountError as e:
        values: dict[str, object] = {"currency": e.currency, "example": example}
        if e.problem is AmountProblem.TOO_MANY_DECIMALS and e.currency:
            values["max"] = minor_digits(e.currency)
        if e.problem is AmountProblem.TOO_LARGE and e.currency:
            values["max"] = Money(minor=MINOR_MAX, currency=e.currency)
        raise FieldError.of(field, _PROBLEMS[e.problem], **values) from e


def _check_currency(field: Field, code: str) -> None:
    example = _example_money(field.currency)
    if code not in CURRENCIES:
        raise FieldError.of(field, Problem.CURRENCY_UNKNOWN, example=example)
    if field.currency is not None and code != field.currency:
        raise FieldError.of(field, Problem.OTHER_CURRENCY, currency=field.currency, example=example)


def _example_money(currency: str | None) -> Money:
    code = currency or _EXAMPLE_CURRENCY
    return Money(minor=125 * 10 ** max(minor_digits(code) - 1, 0), currency=code)


def _money_bounds(field: Field, currency: str) -> tuple[int, int]:
    digits = minor_digits(currency)
    high = int(Decimal(field.max).scaleb(digits)) if field.max is not None else MINOR_MAX
    if field.min is not None:
        return int(Decimal(field.min).scaleb(digits)), high
    return (0 if high >= 0 else -MINOR_MAX), high
