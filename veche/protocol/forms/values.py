"""Values of fields, and what a parser needs to know of the person."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs

from veche.protocol.forms.problems import FieldError, Problem
from veche.protocol.texts.catalogue import LANGUAGES

if TYPE_CHECKING:
    import datetime as dt

    from veche.protocol.forms.models import Field

Value = str | int | bool | list[str] | dict[str, Any]
"""A canonical JSON value without floats, by kind:

- text, long_text, person_name, email: a string; address: lines with ``\\n`` between them
- number: a decimal string, ``"-12.5"``, without needless zeros; integer: an integer
- money: ``{"minor": 1250, "currency": "EUR"}``
- date: ``"2026-12-24"``; date_time: ``{"at_ms": …, "time_zone": "Europe/Berlin"}``, UTC
- yes_no: a boolean; choice: an id; choices: ids, in the order of the form
- country: ISO 3166-1 alpha-2; phone: E.164; iban: without spaces
- file, photo: ``{"name", "mimetype", "size_bytes"?, "mxc", "sha256"?, "file"?}``: what the sender
  says of it; ``file`` is Matrix' EncryptedFile and ``sha256`` its hash of the ciphertext, both
  only if the file came encrypted
- geo: ``{"latitude_microdegrees", "longitude_microdegrees"}``
"""

TYPED_CHARACTERS_MAX: Final = 20_000
"""Longest answer that is looked at, before it is cleaned."""
PLAIN_CHARACTERS_MAX: Final = 500
"""Longest answer of a kind with a grammar: a number, a date, a name of a choice."""

_REGION: Final = re.compile(r"[A-Z]{2}")
_SPACES: Final = re.compile(r"[^\S\n]+")
# Controls but line breaks and tabs; lone surrogates, which no UTF-8 can carry; and the marks that
# turn the direction of what follows, with which an answer could show as another one.
_REFUSED: Final = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_LINE_BREAKS: Final = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_UNSEEN: Final = re.compile("[\u00ad\u200b\u200e\u200f\u2060\ufeff]")


def _check_language(_: object, __: object, language: str) -> None:
    if language not in LANGUAGES:
        raise ValueError(f"language is one of {', '.join(LANGUAGES)}")


def _check_time_zone(_: object, __: object, time_zone: str) -> None:
    if not is_time_zone(time_zone):
        raise ValueError("time_zone is an IANA name, such as Europe/Berlin")


def _check_region(_: object, __: object, region: str) -> None:
    if not _REGION.fullmatch(region):
        raise ValueError("default_region is an ISO 3166-1 code, such as DE")


@attrs.frozen
class FieldContext:
    """The person who answers, the place and the time.

    Attributes:
        language: One of ``LANGUAGES``: how numbers, dates and names are read and shown.
        today: The day where the person is, for bounds like ``today``.
        time_zone: IANA name: where typed times are meant.
        default_region: ISO 3166-1 alpha-2: of phone numbers without a country code, and of the
            order of day and month in English.
    """

    language: str = attrs.field(validator=_check_language)
    today: dt.date
    time_zone: str = attrs.field(validator=_check_time_zone)
    default_region: str = attrs.field(validator=_check_region)


Parser = Callable[["Field", object, FieldContext], Value]
"""Reads one kind: typed text, or JSON of a structured answer; raises ``FieldError``."""


def is_time_zone(name: object) -> bool:
    """Return whether ``name`` is a time zone of the IANA database."""
    if not isinstance(name, str) or not name.isascii():
        return False
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def lines_of(field: Field, raw: object) -> list[str]:
    """The lines of a typed answer, cleaned: NFC, single spaces, no empty line at either end.

    Raises:
        FieldError: It is no text, far too long, or has control characters.
    """
    if not isinstance(raw, str):
        raise FieldError.of(field, Problem.NOT_TEXT)
    if len(raw) > TYPED_CHARACTERS_MAX:
        count = len(raw)
        raise FieldError.of(field, Problem.TOO_LONG, count=count, max=TYPED_CHARACTERS_MAX)
    text = _LINE_BREAKS.sub("\n", raw)
    if _REFUSED.search(text):
        raise FieldError.of(field, Problem.CONTROL_CHARACTERS)
    text = unicodedata.normalize("NFC", _UNSEEN.sub("", text))
    lines = [line.strip() for line in _SPACES.sub(" ", text).split("\n")]
    return "\n".join(lines).strip("\n").split("\n")


def line_of(field: Field, raw: object) -> str:
    """A typed answer as one line; a break between lines counts as a space.

    Raises:
        FieldError: As ``lines_of``.
    """
    return " ".join(line for line in lines_of(field, raw) if line)


def plain_of(field: Field, raw: object) -> str:
    """A typed answer of a kind with a grammar: one line, compatibility forms made plain (NFKC).

    Raises:
        FieldError: As ``lines_of``, or it is over ``PLAIN_CHARACTERS_MAX``.
    """
    line = line_of(field, raw)
    if len(line) > PLAIN_CHARACTERS_MAX:
        # NFKC can make eighteen characters of one.
        raise FieldError.of(field, Problem.TOO_LONG, count=len(line), max=PLAIN_CHARACTERS_MAX)
    return " ".join(unicodedata.normalize("NFKC", line).split())


def is_empty(raw: object) -> bool:
    """Return whether an answer says nothing: None, blank text, an empty list or object."""
    if isinstance(raw, str):
        return not raw.strip()
    return raw is None or (isinstance(raw, list | tuple | Mapping) and not raw)
