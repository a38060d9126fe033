"""Creditor references that check themselves: ``RF``, two check digits, up to 21 characters.

Source: ISO 11649; the check is that of IBANs, ISO 7064 MOD 97-10.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from veche.protocol.errors import MalformedError

if TYPE_CHECKING:
    from veche.protocol.ids import Ulid

REFERENCE_CHARACTERS_MAX: Final = 25
"""Longest reference, check digits included."""
_BODY: Final = re.compile(r"[A-Z0-9]{1,21}", re.ASCII)
_REFERENCE: Final = re.compile(r"RF[0-9]{2}[A-Z0-9]{1,21}", re.ASCII)
_MEANT: Final = re.compile(r"RF ?[0-9]{2}[A-Z0-9 ]{0,40}", re.ASCII | re.IGNORECASE)
_ULID_TIME_CHARACTERS: Final = 10
_MODULUS: Final = 97


def make(body: str) -> str:
    """The reference of a body: capitals and digits, 1 to 21 of them.

    Raises:
        MalformedError: The body is none.
    """
    if not _BODY.fullmatch(body):
        raise MalformedError("reference", "1 to 21 capitals and digits")
    return f"RF{_MODULUS + 1 - _remainder(body + 'RF00'):02}{body}"


def reference_of(payment: Ulid) -> str:
    """The reference of a payment of ours: its id's 16 random characters, 20 in all."""
    return make(payment[_ULID_TIME_CHARACTERS:])


def read(text: str, where: str = "reference") -> str:
    """A reference without spaces, in capitals, whose check digits are right.

    Raises:
        MalformedError: It is no reference, or a character of it is wrong.
    """
    compact = text.replace(" ", "").upper()
    if not _REFERENCE.fullmatch(compact) or _remainder(compact[4:] + compact[:4]) != 1:
        raise MalformedError(where, "should be an RF reference; its digits do not fit together")
    return compact


def is_reference(text: str) -> bool:
    """Return whether ``read`` would take it."""
    try:
        read(text)
    except MalformedError:
        return False
    return True


def is_meant(text: str) -> bool:
    """Return whether a text looks like a reference, right or wrong: RF and digits."""
    return _MEANT.fullmatch(text) is not None


def _remainder(text: str) -> int:
    return int("".join(str(int(character, 36)) for character in text)) % _MODULUS
