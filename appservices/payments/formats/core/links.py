"""Payment links: those of the Russian SBP, of the Indian UPI, and ours.

The rule of the SBP's check is inferred from a public sample; the signature of a UPI link is not
checked, and so it is shown.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import attrs

from appservices.payments.amounts.core.order import REFERENCE_CHARACTERS_MAX
from appservices.payments.formats.core.crc import crc
from appservices.payments.formats.core.plain import (
    decimal_minor,
    decimal_text,
    line,
    matching,
    minor,
)
from veche.protocol.errors import MalformedError
from veche.protocol.ids import ULID_PATTERN, Ulid

LINK_CHARACTERS_MAX: Final = 1_000
PARAMETERS_MAX: Final = 30
VERSION_MAX: Final = 999_999
HASH_CHARACTERS: Final = 16
"""Of an invoice's hash, hexadecimal, that a link carries."""

_SBP: Final = "https://qr.nspk.ru/"
_SBP_ID: Final = re.compile(r"A[SD][A-Z0-9]{1,40}", re.ASCII)
_SBP_KINDS: Final = {"01": False, "02": True}
_CRC: Final = re.compile(r"&crc=([0-9A-F]{4})$", re.ASCII)
_DIGITS: Final = re.compile(r"[0-9]{1,16}", re.ASCII)
_BANK: Final = re.compile(r"[0-9]{0,12}", re.ASCII)
_UPI_ADDRESS: Final = re.compile(r"[A-Za-z0-9.\-_]{1,255}@[A-Za-z0-9.\-]{1,64}", re.ASCII)
_LOCAL: Final = re.compile(r"localhost(?::[0-9]{1,5})?", re.ASCII)
"""Hosts that nobody else is at: a demo has no certificate."""
_SITE: Final = (
    r"(?:https://(?P<server>[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?(?::[0-9]{1,5})?)"
    r"|http://(?P<local>localhost(?::[0-9]{1,5})?))/pay#"
)
_PERSON: Final = re.compile(_SITE + r"(?P<query>to=[!-~]{1,900})", re.ASCII)
_PERSON_ID: Final = re.compile(
    r"@[a-z0-9._=/+-]{1,200}:[A-Za-z0-9.:\[\]-]{1,230}|[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?",
    re.ASCII,
)
_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII)
_PERSON_FIELDS: Final = frozenset({"to", "am", "cu", "for"})
_OURS: Final = re.compile(
    _SITE + rf"(?P<id>{ULID_PATTERN[1:-1]})\.(?P<version>[1-9][0-9]{{0,5}})"
    rf"\.(?P<hash>[0-9a-f]{{{HASH_CHARACTERS}}})",
    re.ASCII,
)


@attrs.frozen
class SbpLink:
    """A code of the SBP.

    Attributes:
        id: ``AS…`` or ``AD…``.
        bank: Number of the payee's bank, at most 12 digits.
        is_dynamic: Whether it is for one payment.
        sum_minor: Kopecks, at least 1; None: the payer says how much.
    """

    id: str
    bank: str
    is_dynamic: bool
    sum_minor: int | None = None


@attrs.frozen
class UpiLink:
    """A link of UPI; whoever made it may say anything.

    Attributes:
        address: Whom to pay, ``name@bank``.
        name: As the link says; not proved.
        amount_minor: Paise, at least 1; None: the payer says how much.
        reference: Of the payee.
        note: From the payee.
        has_signature: It carries one; it is not checked here.
    """

    address: str
    name: str
    amount_minor: int | None
    reference: str
    note: str
    has_signature: bool


@attrs.frozen
class PayLink:
    """A link to an invoice of ours.

    Attributes:
        server: Host, with its port if it is not 443.
        invoice_id: A ULID.
        version: 1 to ``VERSION_MAX``.
        hash: First ``HASH_CHARACTERS`` of the invoice's SHA-256, hexadecimal: who scans the code
            of an altered invoice learns it.
    """

    server: str
    invoice_id: Ulid
    version: int
    hash: str


@attrs.frozen
class PersonLink:
    """A link by which somebody asks to be paid; whoever made it may say anything.

    Attributes:
        server: Host, with its port if it is not 443.
        person: Matrix id; of an organisation that is paid by its name, its id.
        amount_minor: At least 1; None: the payer says how much.
        currency: ISO 4217 code; empty where there is no amount.
        reference: What for, at most ``REFERENCE_CHARACTERS_MAX``; may be empty.
    """

    server: str
    person: str
    amount_minor: int | None = None
    currency: str = ""
    reference: str = ""


def is_sbp(text: str) -> bool:
    """Return whether a text begins as a link of the SBP does."""
    return text.startswith(_SBP)


def write_sbp(link: SbpLink) -> str:
    """The address, with its check.

    Raises:
        MalformedError: A field is wrong.
    """
    _check_sbp(link)
    query = f"type={'02' if link.is_dynamic else '01'}&bank={link.bank}"
    if link.sum_minor is not None:
        query += f"&sum={link.sum_minor}&cur=RUB"
    text = f"{_SBP}{link.id}?{query}"
    return f"{text}&crc={crc(text)}"


def read_sbp(text: str) -> SbpLink:
    """Read the payment in an address of the SBP.

    Raises:
        MalformedError: It is none, a field is wrong, or its check does not fit.
    """
    checked = _CRC.search(text)
    if not text.startswith(_SBP) or not checked or len(text) > LINK_CHARACTERS_MAX:
        raise MalformedError("code", "should be a link of the SBP with its check")
    if crc(text[: checked.start()]) != checked[1]:
        raise MalformedError("crc", "the check does not fit: the code was altered or misread")
    found = _parameters(text)
    if found.get("cur", "RUB") != "RUB":
        raise MalformedError("cur", "should be RUB")
    if found.get("type") not in _SBP_KINDS:
        raise MalformedError("type", "should be 01 or 02")
    total = found.get("sum")
    if total is not None:
        matching(total, "sum", _DIGITS, "whole kopecks")
    link = SbpLink(
        urlsplit(text).path.removeprefix("/"),
        found.get("bank", ""),
        _SBP_KINDS[found["type"]],
        None if total is None else int(total),
    )
    _check_sbp(link)
    return link


def read_upi(text: str) -> UpiLink:
    """Read the payment in a UPI link.

    Raises:
        MalformedError: It is none, or a field is wrong.
    """
    if not text.startswith("upi://pay?"):
        raise MalformedError("code", "should be a link such as upi://pay?pa=…")
    found = _parameters(text)
    if found.get("cu", "INR") != "INR":
        raise MalformedError("cu", "should be INR")
    amount = found.get("am")
    return UpiLink(
        matching(found.get("pa", ""), "pa", _UPI_ADDRESS, "an address such as name@bank"),
        line(found.get("pn", ""), "pn", 99),
        decimal_minor(amount, "INR", "am") if amount else None,
        line(found.get("tr", ""), "tr", 35),
        line(found.get("tn", ""), "tn", 80),
        "sign" in found,
    )


def write_ours(link: PayLink) -> str:
    """The address of an invoice; what follows ``#`` is not sent to the server that shows the page.

    Raises:
        MalformedError: A field is wrong.
    """
    text = f"{_origin(link.server)}/pay#{link.invoice_id}.{link.version}.{link.hash}"
    if read_ours(text) != link:
        raise MalformedError("link", "a field is not as it should be")
    return text


def read_ours(text: str) -> PayLink:
    """The invoice that a link of ours names.

    Raises:
        MalformedError: It is no such link.
    """
    found = _OURS.fullmatch(text)
    if not found:
        raise MalformedError("code", "should be https://SERVER/pay#INVOICE.VERSION.HASH")
    server = found["server"] or found["local"]
    return PayLink(server, Ulid(found["id"]), int(found["version"]), found["hash"])


def write_person(link: PersonLink) -> str:
    """The address by which somebody is paid; what follows ``#`` is not sent to the page's server.

    Raises:
        MalformedError: A field is wrong.
    """
    fields = {"to": link.person}
    if link.amount_minor is not None:
        fields |= {"am": decimal_text(link.amount_minor, link.currency), "cu": link.currency}
    if link.reference:
        fields["for"] = link.reference
    text = f"{_origin(link.server)}/pay#{urlencode(fields, quote_via=quote, safe='@:')}"
    if read_person(text) != link:
        raise MalformedError("link", "a field is not as it should be")
    return text


def read_person(text: str) -> PersonLink:
    """Read the payee in a link of ours.

    Raises:
        MalformedError: It is no such link, or a field is wrong.
    """
    found = _PERSON.fullmatch(text)
    if not found:
        raise MalformedError("code", "should be https://SERVER/pay#to=@PERSON:SERVER")
    fields = _parameters(f"?{found['query']}")
    if not fields.keys() <= _PERSON_FIELDS or ("am" in fields) != ("cu" in fields):
        raise MalformedError("code", "should say to, am with cu, and for")
    currency = fields.get("cu", "")
    amount_minor = None
    if "am" in fields:
        matching(currency, "cu", _CURRENCY, "the code of a currency, such as EUR")
        amount_minor = decimal_minor(fields["am"], currency, "am")
    return PersonLink(
        found["server"] or found["local"],
        matching(fields["to"], "to", _PERSON_ID, "an id such as @bob:example.org"),
        amount_minor,
        currency,
        line(fields.get("for", ""), "for", REFERENCE_CHARACTERS_MAX),
    )


def _origin(server: str) -> str:
    return f"{'http' if _LOCAL.fullmatch(server) else 'https'}://{server}"


def _check_sbp(link: SbpLink) -> None:
    matching(link.id, "id", _SBP_ID, "AS… or AD…")
    matching(link.bank, "bank", _BANK, "at most 12 digits")
    if link.sum_minor is not None:
        minor(link.sum_minor, "sum")


def _parameters(text: str) -> dict[str, str]:
    if len(text) > LINK_CHARACTERS_MAX:
        raise MalformedError("code", f"at most {LINK_CHARACTERS_MAX} characters")
    try:
        pairs = parse_qsl(
            urlsplit(text).query, keep_blank_values=True, max_num_fields=PARAMETERS_MAX
        )
    except ValueError as e:
        raise MalformedError("code", f"at most {PARAMETERS_MAX} parameters") from e
    if len(dict(pairs)) != len(pairs):
        raise MalformedError("code", "each parameter stands once")
    return dict(pairs)
