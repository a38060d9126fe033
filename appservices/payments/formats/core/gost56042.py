"""GOST R 56042-2014: payment codes of Russian banks and offices, ``ST00012|Name=…|…``.

The first five fields are mandatory and stand in their order; the others follow in any. Limits and
order come from public samples; the standard itself was not at hand.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.formats.core.plain import CODE_CHARACTERS_MAX, line, matching, minor
from veche.protocol.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

MANDATORY_BYTES_MAX: Final = 300
FIELDS_MAX: Final = 60
VALUE_CHARACTERS_MAX: Final = 210
NAME_CHARACTERS_MAX: Final = 160
BANK_CHARACTERS_MAX: Final = 45

_ENCODINGS: Final = {"1": "cp1251", "2": "utf-8", "3": "koi8-r"}
_MANDATORY: Final = ("Name", "PersonalAcc", "BankName", "BIC", "CorrespAcc")
_SEPARATORS: Final = "|~^#`"
_KEY: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,29}", re.ASCII)
_ACCOUNT: Final = re.compile(r"[0-9]{20}", re.ASCII)
_CORRESPONDENT: Final = re.compile(r"[0-9]{20}|0?", re.ASCII)
_BIC: Final = re.compile(r"[0-9]{9}", re.ASCII)
_SUM: Final = re.compile(r"[0-9]{1,16}", re.ASCII)
_HEAD_CHARACTERS: Final = 7
_TREASURY: Final = "03"
"""Accounts of the Treasury begin with it; their key follows another rule, not known here."""


@attrs.frozen
class GostPayment:
    """The payment in such a code.

    Attributes:
        name: Whom to pay, at most ``NAME_CHARACTERS_MAX``.
        account: 20 digits.
        bank: Name of the bank, at most ``BANK_CHARACTERS_MAX``.
        bic: 9 digits.
        correspondent: Account of the bank, 20 digits; ``0`` or empty where it has none.
        sum_minor: Kopecks, at least 1; None: the payer says how much.
        others: Further fields, ``Purpose``, ``PayeeINN``, ``UIN`` and so on, as they stand; each
            at most ``VALUE_CHARACTERS_MAX``.
    """

    name: str
    account: str
    bank: str
    bic: str
    correspondent: str
    sum_minor: int | None = None
    others: Mapping[str, str] = attrs.field(factory=dict)


def write(payment: GostPayment) -> str:
    """The text of the code, to be drawn in UTF-8.

    Raises:
        MalformedError: A field is wrong or too long, or every separator stands in some value.
    """
    _check(payment)
    mandatory = [payment.name, payment.account, payment.bank, payment.bic, payment.correspondent]
    fields = dict(zip(_MANDATORY, mandatory, strict=True))
    if payment.sum_minor is not None:
        fields["Sum"] = str(payment.sum_minor)
    fields |= payment.others
    used = "".join(fields.values())
    separator = next((one for one in _SEPARATORS if one not in used), None)
    if separator is None:
        raise MalformedError("code", f"one of {_SEPARATORS} must not stand in any field")
    return separator.join(["ST00012", *(f"{key}={value}" for key, value in fields.items())])


def read(data: str | bytes) -> GostPayment:
    """Read the payment in a code.

    Args:
        data: As scanned; bytes are read in the encoding that the code names.

    Raises:
        MalformedError: It is no such code, a field is wrong, or the account's key does not fit.
    """
    text = data if isinstance(data, str) else decoded(data)
    head, separator, body = text[:_HEAD_CHARACTERS], text[_HEAD_CHARACTERS:][:1], text[8:]
    if head[:6] != "ST0001" or head[6:] not in _ENCODINGS or not separator:
        raise MalformedError("code", "should begin with ST00012")
    if len(text) > CODE_CHARACTERS_MAX:
        raise MalformedError("code", f"at most {CODE_CHARACTERS_MAX} characters")
    fields = _fields(body.removesuffix(separator).split(separator))
    if tuple(fields)[:5] != _MANDATORY:
        raise MalformedError("code", f"the first fields are {', '.join(_MANDATORY)}")
    name, account, bank, bic, correspondent = (fields.pop(key) for key in _MANDATORY)
    total = fields.pop("Sum", None)
    if total is not None:
        matching(total, "Sum", _SUM, "whole kopecks")
    payment = GostPayment(
        name, account, bank, bic, correspondent, None if total is None else int(total), fields
    )
    _check(payment)
    return payment


def decoded(data: bytes) -> str:
    """The text of a code, in the encoding that it names.

    Raises:
        MalformedError: It is in another.
    """
    encoding = _ENCODINGS.get(data[6:7].decode("ascii", "replace"), "ascii")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as e:
        raise MalformedError("code", "the text is not in the encoding that it names") from e


def is_account_key_right(account: str, bic: str) -> bool:
    """Return whether the ninth digit of an account fits the account and its bank.

    Source: the Bank of Russia's rule for the key: weights 7, 1, 3 over three digits of the BIC and
    the account; the sum of the last digits ends in 0.

    Args:
        account: 20 digits; the Bank of Russia's own accounts of banks begin with 301.
        bic: 9 digits.
    """
    prefix = f"0{bic[4:6]}" if account.startswith("301") else bic[-3:]
    weights = (7, 1, 3) * 8
    return sum(int(d) * w % 10 for d, w in zip(prefix + account, weights, strict=False)) % 10 == 0


def _fields(parts: list[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    if len(parts) > FIELDS_MAX:
        raise MalformedError("code", f"at most {FIELDS_MAX} fields")
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals or not _KEY.fullmatch(key):
            raise MalformedError("code", "should be fields such as Name=…")
        if key in fields:
            raise MalformedError(key, "stands twice")
        fields[key] = value
    return fields


def _check(payment: GostPayment) -> None:
    line(payment.name, "Name", NAME_CHARACTERS_MAX, characters_min=1)
    line(payment.bank, "BankName", BANK_CHARACTERS_MAX, characters_min=1)
    matching(payment.account, "PersonalAcc", _ACCOUNT, "20 digits")
    matching(payment.bic, "BIC", _BIC, "9 digits")
    matching(payment.correspondent, "CorrespAcc", _CORRESPONDENT, "20 digits, or 0")
    if payment.sum_minor is not None:
        minor(payment.sum_minor, "Sum")
    for key, value in payment.others.items():
        matching(key, "others", _KEY, "a name such as Purpose")
        line(value, key, VALUE_CHARACTERS_MAX)
        if key in {*_MANDATORY, "Sum"}:
            raise MalformedError(key, "stands twice")
    _check_keys(payment)
    mandatory = [payment.name, payment.account, payment.bank, payment.bic, payment.correspondent]
    head = "|".join(f"{key}={value}" for key, value in zip(_MANDATORY, mandatory, strict=True))
    if len(head.encode("utf-8", "replace")) > MANDATORY_BYTES_MAX:
        raise MalformedError("code", f"the first fields have at most {MANDATORY_BYTES_MAX} bytes")


def _check_keys(payment: GostPayment) -> None:
    accounts = {"PersonalAcc": payment.account, "CorrespAcc": payment.correspondent}
    for where, account in accounts.items():
        has_key = _ACCOUNT.fullmatch(account) and not account.startswith(_TREASURY)
        if has_key and not is_account_key_right(account, payment.bic):
            raise MalformedError(where, "the digits do not fit together, or it is another bank's")
