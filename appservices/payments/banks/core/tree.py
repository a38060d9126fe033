"""Documents of ISO 20022 as trees that are written in the order of their schema."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

from anyascii import anyascii

from appservices.payments.banks.core.port import BankMessage
from appservices.payments.banks.core.xml import PREFIX, check
from appservices.payments.formats.core.xml import xml_text
from veche.protocol.money import Money, as_decimal_text

if TYPE_CHECKING:
    from appservices.payments.formats.core.xml import Element

NAME_CHARACTERS_MAX: Final = 70
"""Longest name in SEPA, shorter than the schemas' own bound."""
TEXT_CHARACTERS_MAX: Final = 140
NOT_PROVIDED: Final = "NOTPROVIDED"
"""The word of ISO 20022 where a value is due and there is none."""
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", re.ASCII)
_NOT_LATIN: Final = re.compile(r"[^A-Za-z0-9/?:().,'+ -]", re.ASCII)


def document(message: str) -> Element:
    """The root of a message."""
    from lxml import etree  # noqa: PLC0415 -- most processes write no bank's file

    namespace = PREFIX + message
    return etree.Element(f"{{{namespace}}}Document", nsmap={None: namespace})


def put(parent: Element, path: str, text: str | None = None, **attributes: str) -> Element:
    """Add an element below ``parent``, and what leads to it where it is not the last there."""
    from lxml import etree  # noqa: PLC0415 -- see `document`

    namespace = etree.QName(parent).namespace
    *folders, leaf = (f"{{{namespace}}}{name}" for name in path.split("/"))
    for tag in folders:
        last = parent[-1] if len(parent) else None
        parent = last if last is not None and last.tag == tag else etree.SubElement(parent, tag)
    element = etree.SubElement(parent, leaf, attributes)
    element.text = None if text is None else xml_text(text)
    return element


def sealed(message_id: str, message: str, root: Element) -> BankMessage:
    """The file of a tree, which its schema accepts."""
    from lxml import etree  # noqa: PLC0415 -- see `document`

    check(message, root)
    data: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return BankMessage(message_id, message, data, hashlib.sha256(data).hexdigest())


def put_amount(parent: Element, path: str, amount_minor: int, currency: str) -> None:
    """Add an amount with its currency."""
    put(parent, path, decimal(amount_minor, currency), Ccy=currency)


def put_account(parent: Element, path: str, account: str) -> None:
    """Add an account: as an IBAN if it looks like one."""
    is_iban = _IBAN.fullmatch(account)
    put(parent, f"{path}/Id/IBAN" if is_iban else f"{path}/Id/Othr/Id", account)


def put_bank(parent: Element, path: str, bic: str) -> None:
    """Add a bank, if need be one that is not told."""
    put(parent, f"{path}/FinInstnId/{'BICFI' if bic else 'Othr/Id'}", bic or NOT_PROVIDED)


def put_remittance(parent: Element, reference: str, text: str) -> None:
    """Add what the payment is for."""
    if reference:
        kind = "RmtInf/Strd/CdtrRefInf"
        put(parent, f"{kind}/Tp/CdOrPrtry/Cd", "SCOR")
        put(parent, f"{kind}/Ref", reference)
    elif text:
        put(parent, "RmtInf/Ustrd", text)


def decimal(amount_minor: int, currency: str) -> str:
    """An amount in whole units with its decimals."""
    return as_decimal_text(Money(minor=amount_minor, currency=currency))


def moment(at_ms: int) -> str:
    """A time as ISO 8601, UTC, to the second."""
    return f"{dt.datetime.fromtimestamp(at_ms // 1000, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def day(at_ms: int) -> dt.date:
    """The day of a time, UTC."""
    return dt.datetime.fromtimestamp(at_ms // 1000, dt.UTC).date()


def latin(text: str, characters_max: int) -> str:
    """A text in the Latin set of SEPA, cut; a cut or written-around name is for the rail alone.

    Source: EPC217-08, "SEPA requirements for an extended character set", as far as public: no
    slash at the ends, none doubled.
    """
    plain = " ".join(_NOT_LATIN.sub(" ", anyascii(text)).split())
    plain = re.sub(r"/{2,}", "/", plain).strip("/ ")
    return plain[:characters_max].strip("/ ") or NOT_PROVIDED


def is_latin(text: Any) -> bool:
    """Return whether a text is in that set as it is."""
    return not _NOT_LATIN.search(text)
