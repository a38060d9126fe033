"""Reader of scanned or pasted codes: detects the format, and reads the payment.

A code that was read pays nothing: it fills in a question whose approval shows where the money goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.formats.core import emv, epc, gost56042, links
from appservices.payments.formats.core.emv import EmvPayment
from appservices.payments.formats.core.epc import EpcPayment
from appservices.payments.formats.core.gost56042 import GostPayment
from appservices.payments.formats.core.links import PayLink, PersonLink, SbpLink, UpiLink
from appservices.payments.formats.core.plain import CODE_CHARACTERS_MAX
from veche.protocol.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Scanned = EpcPayment | EmvPayment | GostPayment | SbpLink | UpiLink | PayLink | PersonLink
"""What a code can ask for."""


def _read_link(text: str) -> PayLink | PersonLink:
    """A link of ours: to an invoice, or to a person."""
    return links.read_person(text) if "/pay#to=" in text else links.read_ours(text)


_READERS: Final[Sequence[tuple[str, Callable[[str], Scanned]]]] = (
    ("BCD", epc.read),
    ("000201", emv.read),
    ("ST0001", gost56042.read),
    ("https://qr.nspk.ru/", links.read_sbp),
    ("upi:", links.read_upi),
    ("https://", _read_link),
    ("http://localhost", _read_link),
)


def read_code(text: str) -> Scanned:
    """Read the payment in a code, in any of the known formats.

    Raises:
        MalformedError: It is too long, of no known format, altered, or a field of it is wrong; the
            error names the field.
    """
    if len(text) > CODE_CHARACTERS_MAX:
        raise MalformedError("code", f"at most {CODE_CHARACTERS_MAX} characters")
    for prefix, read in _READERS:
        if text.startswith(prefix):
            return read(text)
    raise MalformedError("code", "this is no payment code of a kind that is known here")
