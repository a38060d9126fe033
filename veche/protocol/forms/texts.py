"""Parsers of the kinds that are words: text, long text, name of a person, address, e-mail."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from veche.protocol.forms.models import ADDRESS_LINE_CHARACTERS_MAX, ADDRESS_LINES_MAX, LENGTHS_MAX
from veche.protocol.forms.problems import FieldError, Problem
from veche.protocol.forms.values import FieldContext, line_of, lines_of, plain_of

if TYPE_CHECKING:
    from veche.protocol.forms.models import Field

EMAIL_LOCAL_CHARACTERS_MAX: Final = 64
"""RFC 5321 §4.5.3.1.1."""

_NAME_EXAMPLES: Final = {
    "en": "Anna O'Neill",
    "ru": "Анна Иванова-Петрова",
    "de": "Anna Müller-Lüdenscheidt",
    "uk": "Олена Мар'яненко",
}
_NAME_MARKS: Final = frozenset(" -'’ʼ`´.,·‐‑・\u200c\u200d")
"""Beside letters: hyphens, apostrophes, initials, and the joiners of Persian and Indic scripts."""

# Dots between words of these, none at either end (RFC 5321 §4.1.2, RFC 6531: any letters).
# Quoted local parts and address literals are legal, and in forms always a mistake.
_EMAIL_LOCAL: Final = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*")
_DOMAIN_LABEL: Final = re.compile(r"[^\W_]([\w-]{0,61}[^\W_])?")


def parse_text(field: Field, raw: object, _: FieldContext) -> str:
    """One line of any text; a line break in it is refused, not lost."""
    lines = lines_of(field, raw)
    if len(lines) > 1:
        raise FieldError.of(field, Problem.ONE_LINE)
    return _within_length(field, lines[0])


def parse_long_text(field: Field, raw: object, _: FieldContext) -> str:
    """Text of any number of lines."""
    return _within_length(field, "\n".join(lines_of(field, raw)))


def parse_address(field: Field, raw: object, _: FieldContext) -> str:
    r"""A postal address, lines with ``\n`` between them, as they would stand on a letter."""
    lines = [line for line in lines_of(field, raw) if line]
    if len(lines) > ADDRESS_LINES_MAX:
        raise FieldError.of(field, Problem.TOO_MANY_LINES, count=len(lines), max=ADDRESS_LINES_MAX)
    if any(len(line) > ADDRESS_LINE_CHARACTERS_MAX for line in lines):
        raise FieldError.of(field, Problem.LONG_LINE, max=ADDRESS_LINE_CHARACTERS_MAX)
    address = "\n".join(lines)
    if not any(map(str.isalpha, address)):
        raise FieldError.of(field, Problem.NOT_AN_ADDRESS)
    return _within_length(field, address)


def parse_person_name(field: Field, raw: object, context: FieldContext) -> str:
    """A name in letters of any script; no rule on how many parts it has."""
    name = _within_length(field, line_of(field, raw))
    is_name = any(map(str.isalpha, name)) and all(map(_is_of_a_name, name))
    if not is_name:
        example = _NAME_EXAMPLES[context.language]
        raise FieldError.of(field, Problem.NOT_A_NAME, example=example)
    return name


def parse_email(field: Field, raw: object, _: FieldContext) -> str:
    """An e-mail address; its domain in lower case, letters of any script as they are.

    Whether the mailbox exists only a message to it can tell.
    """
    typed = plain_of(field, raw).removeprefix("mailto:").strip("<> ")
    address = _within_length(field, typed)
    local, _at, domain = address.rpartition("@")
    labels = domain.lower().split(".")
    is_address = (
        len(local) <= EMAIL_LOCAL_CHARACTERS_MAX
        and _EMAIL_LOCAL.fullmatch(local)
        and len(labels) > 1
        and all(map(_DOMAIN_LABEL.fullmatch, labels))
        and not labels[-1].isnumeric()
    )
    if not is_address:
        raise FieldError.of(field, Problem.NOT_AN_EMAIL, example="anna@example.org")
    return f"{local}@{'.'.join(labels)}"


def _within_length(field: Field, text: str) -> str:
    characters_max = field.max_length or LENGTHS_MAX[field.kind]
    if len(text) > characters_max:
        raise FieldError.of(field, Problem.TOO_LONG, count=len(text), max=characters_max)
    return text


def _is_of_a_name(character: str) -> bool:
    return character in _NAME_MARKS or unicodedata.category(character)[0] in "LM"
