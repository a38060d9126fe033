"""EPC069-12, "GiroCode": a SEPA credit transfer as the lines of a QR code.

The text is built here and not by ``segno.helpers``, which checks neither account nor reference and
lets a line break in the name become the account's line. The limits are those of public samples and
libraries; the guideline itself was not at hand.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from appservices.payments.formats.core import rf
from appservices.payments.formats.core.plain import (
    bic,
    decimal_minor,
    decimal_text,
    iban,
    line,
    matching,
    minor,
)
from veche.protocol.errors import MalformedError

BYTES_MAX: Final = 331
EPC_VERSION_MAX: Final = 13
"""Largest size of a GiroCode (EPC069-12)."""
NAME_CHARACTERS_MAX: Final = 70
TEXT_CHARACTERS_MAX: Final = 140
NOTE_CHARACTERS_MAX: Final = 70
AMOUNT_MINOR_MAX: Final = 99_999_999_999
"""999,999,999.99 EUR."""

_SETS: Final = dict(
    zip("12345678", ("utf-8", *(f"iso8859-{n}" for n in (1, 2, 4, 5, 7, 10, 15))), strict=True)
)
"""Codecs by what a code calls them."""
_HEAD: Final = ("BCD", "002", "1", "SCT")
_VERSIONS: Final = frozenset({"001", "002"})
_LINES: Final = range(7, 13)
_PURPOSE: Final = re.compile(r"[A-Z0-9]{1,4}", re.ASCII)


@attrs.frozen
class EpcPayment:
    """The payment in a GiroCode; an empty text means that the code leaves it out.

    Attributes:
        name: Whom to pay, at most ``NAME_CHARACTERS_MAX``.
        iban: The account, without spaces.
        amount_minor: Euro cents, 1 to ``AMOUNT_MINOR_MAX``; None: the payer says how much.
        bic: Of the account's bank.
        purpose: ISO 20022 purpose code, at most 4 capitals and digits.
        reference: ISO 11649; excludes ``text``.
        text: Remittance information, at most ``TEXT_CHARACTERS_MAX``.
        note: From the payee to the payer, at most ``NOTE_CHARACTERS_MAX``.
    """

    name: str
    iban: str
    amount_minor: int | None = None
    bic: str = ""
    purpose: str = ""
    reference: str = ""
    text: str = ""
    note: str = ""


def write(payment: EpcPayment) -> str:
    """The text of the code; draw it at error level M, version 13 at most.

    Raises:
        MalformedError: A field is wrong or too long, or all together are over ``BYTES_MAX``.
    """
    sane = _checked(payment)
    amount = "" if sane.amount_minor is None else f"EUR{decimal_text(sane.amount_minor, 'EUR')}"
    lines = [*_HEAD, sane.bic, sane.name, sane.iban, amount, sane.purpose]
    text = "\n".join([*lines, sane.reference, sane.text, sane.note]).rstrip("\n")
    return _bounded(text)


def read(text: str) -> EpcPayment:
    """Read the payment in a code, by the rules of ``write``.

    Raises:
        MalformedError: It is no such code, of another version, or a field is wrong.
    """
    lines = re.split(r"\r\n|\n", text)
    codec = _SETS.get("".join(lines[2:3]), "")
    lines = re.split(r"\r\n|\n", _bounded(_as_meant(text, codec), codec or "utf-8"))
    if len(lines) not in _LINES:
        raise MalformedError("code", f"a GiroCode has {_LINES.start} to {_LINES.stop - 1} lines")
    magic, version, charset, kind, *fields = lines
    if (magic, kind) != ("BCD", "SCT") or version not in _VERSIONS or charset not in _SETS:
        raise MalformedError("code", "should begin with BCD, 002, a number from 1 to 8, and SCT")
    fields += [""] * (8 - len(fields))
    bank, name, account, amount, purpose, reference, remittance, note = fields
    if version == "001" and not bank:
        raise MalformedError("bic", "version 001 has to name the bank")
    if amount and not amount.startswith("EUR"):
        raise MalformedError("amount", "should be in EUR, as EUR12.50")
    amount_minor = decimal_minor(amount.removeprefix("EUR"), "EUR") if amount else None
    return _checked(
        EpcPayment(name, account, amount_minor, bank, purpose, reference, remittance, note)
    )


def decoded(raw: bytes) -> str:
    """The text of the bytes of a code, in the character set that it names.

    Raises:
        MalformedError: It names none, or has a byte that is not in it.
    """
    codec = _SETS.get(b"".join(raw.splitlines()[2:3]).decode("latin-1"), "")
    try:
        return raw.decode(codec)
    except (LookupError, UnicodeDecodeError) as e:
        raise MalformedError("code", "is not in the character set that it names") from e


def _as_meant(text: str, codec: str) -> str:
    """The text in its own set: many scanners take the bytes of any other set for Latin-1."""
    try:
        return text.encode("latin-1").decode(codec) if codec not in {"", "utf-8"} else text
    except (UnicodeEncodeError, UnicodeDecodeError):
        return text


def _checked(payment: EpcPayment) -> EpcPayment:
    if payment.reference and payment.text:
        raise MalformedError("text", "a reference or a text, not both")
    if payment.amount_minor is not None:
        minor(payment.amount_minor, at_most=AMOUNT_MINOR_MAX)
    if payment.purpose:
        matching(payment.purpose, "purpose", _PURPOSE, "a code of at most 4 capitals and digits")
    line(payment.name, "name", NAME_CHARACTERS_MAX, characters_min=1)
    line(payment.text, "text", TEXT_CHARACTERS_MAX)
    line(payment.note, "note", NOTE_CHARACTERS_MAX)
    return attrs.evolve(
        payment,
        iban=iban(payment.iban),
        bic=bic(payment.bic) if payment.bic else "",
        reference=rf.read(payment.reference) if payment.reference else "",
    )


def _bounded(text: str, codec: str = "utf-8") -> str:
    # A lone surrogate has no bytes; the fields' own check names it.
    if len(text.encode(codec, "replace")) > BYTES_MAX:
        raise MalformedError("code", f"a GiroCode has at most {BYTES_MAX} bytes")
    return text
