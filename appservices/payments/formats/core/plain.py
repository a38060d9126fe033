"""Fields of payment codes: single lines without anything that hides or breaks them.

A line break in a name would put what follows it onto the line of the account; a mark that turns the
direction of writing shows another name than the one that is paid. So neither gets in or out.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from schwifty import BIC, IBAN
from schwifty.exceptions import SchwiftyException

from veche.protocol.errors import MalformedError
from veche.protocol.money import MINOR_MAX, Money, as_decimal_text, minor_digits

CODE_CHARACTERS_MAX: Final = 4_296
"""Most characters that a QR code holds (ISO/IEC 18004, version 40, level L, alphanumeric)."""

# Controls, formats (among them the bidi marks), surrogates, private use, line and paragraph ends.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_DECIMAL: Final = re.compile(r"(?P<whole>[0-9]{1,16})(?:\.(?P<decimals>[0-9]{1,4}))?", re.ASCII)


def line(value: str, where: str, characters_max: int, *, characters_min: int = 0) -> str:
    """``value``, if it is one line of visible characters.

    Args:
        value: From outside.
        where: What to call it in an error.
        characters_max: Longest that will do.
        characters_min: Shortest that will do, blanks at the ends not counted.

    Raises:
        MalformedError: It is too long or too short, or has control characters, line breaks or
            marks of direction.
    """
    if any(unicodedata.category(character) in _HIDDEN for character in value):
        raise MalformedError(where, "no line breaks, control characters or hidden marks")
    if len(value) > characters_max:
        raise MalformedError(where, f"at most {characters_max} characters")
    if len(value.strip()) < characters_min:
        raise MalformedError(where, "must not be empty")
    return value


def matching(value: str, where: str, pattern: re.Pattern[str], what: str) -> str:
    """``value``, if all of it fits ``pattern``.

    Args:
        value: From outside.
        where: What to call it in an error.
        pattern: Of the whole.
        what: What would be right, for the error.

    Raises:
        MalformedError: It does not fit.
    """
    if not pattern.fullmatch(value):
        raise MalformedError(where, f"should be {what}")
    return value


def iban(value: str, where: str = "iban") -> str:
    """An IBAN without spaces, in capitals; length and check digits are right (ISO 13616-1).

    Raises:
        MalformedError: It is none.
    """
    compact = line(value, where, 42).replace(" ", "").upper()
    try:
        if not compact.isascii():
            raise MalformedError(where, "should be an IBAN")
        return str(IBAN(compact).compact)
    except SchwiftyException as e:
        raise MalformedError(where, "should be an IBAN; its digits do not fit together") from e


def bic(value: str, where: str = "bic") -> str:
    """A BIC of 8 or 11 characters (ISO 9362); whether a bank has it is not asked.

    Raises:
        MalformedError: It is none.
    """
    try:
        return str(BIC(line(value, where, 11, characters_min=8)).compact)
    except SchwiftyException as e:
        raise MalformedError(where, "should be a BIC of 8 or 11 characters") from e


def decimal_minor(text: str, currency: str, where: str = "amount") -> int:
    """Minor units of an amount with a point, such as ``12.50``; at least 1.

    Raises:
        MalformedError: It is no such amount, zero, too large, or has more decimals than the
            currency.
    """
    found = _DECIMAL.fullmatch(text)
    digits = minor_digits(currency)
    if not found:
        raise MalformedError(where, "should be an amount such as 12.50")
    decimals = found["decimals"] or ""
    if len(decimals) > digits:
        raise MalformedError(where, f"{currency} has {digits} decimals")
    return minor(int(found["whole"] + decimals.ljust(digits, "0")), where)


def minor(value: int, where: str = "amount", *, at_most: int = MINOR_MAX) -> int:
    """``value``, if it is an amount that can be paid: 1 to ``at_most`` minor units.

    Raises:
        MalformedError: It is not.
    """
    if not 1 <= value <= at_most:
        raise MalformedError(where, f"should be 1 to {at_most} minor units")
    return value


def decimal_text(amount_minor: int, currency: str) -> str:
    """An amount with a point and all decimals of its currency, such as ``12.50``."""
    return as_decimal_text(Money(minor=amount_minor, currency=currency))
