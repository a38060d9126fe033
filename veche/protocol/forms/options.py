"""Parsers of the kinds that offer answers: yes or no, one choice, several choices, countries."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from veche.protocol.forms.models import CHOICES_MAX, fold
from veche.protocol.forms.problems import FieldError, Problem
from veche.protocol.forms.values import PLAIN_CHARACTERS_MAX, FieldContext, lines_of, plain_of
from veche.protocol.forms.words import shown_yes_no, yes_or_no
from veche.protocol.texts.catalogue import LANGUAGES, country_name
from veche.protocol.texts.locales import locale_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from veche.protocol.forms.models import Field, FieldChoice

PREFIX_CHARACTERS_MIN: Final = 2
"""Shortest beginning of a choice that counts as it."""
COUNTRY_PREFIX_CHARACTERS_MIN: Final = 4
SHOWN_CHOICES_MAX: Final = 10
"""Most choices that a refusal lists."""

_NUMBERS: Final = {"1": True, "2": False}
"""Yes and no as a plain client numbers them."""
_KEYCAP: Final = re.compile("\ufe0f?\u20e3")
_LIST_NUMBER: Final = re.compile(r"[0-9]{1,3}\.?")

_NOT_COUNTRIES: Final = frozenset(
    ["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"]
)
"""Codes of two letters in CLDR that ISO 3166-1 does not list; Kosovo's ``XK`` stays."""
_AND: Final = re.compile(r" (?:and|und|&|и|і|й|та) ")
_COUNTRY_ALIASES: Final = {
    "usa": "US", "us": "US", "united states of america": "US", "america": "US",
    "uk": "GB", "great britain": "GB", "england": "GB", "scotland": "GB",
    "wales": "GB",
    "czech republic": "CZ", "holland": "NL", "ivory coast": "CI",
    "сша": "US", "америка": "US", "англия": "GB", "британия": "GB", "рф": "RU",
    "российская федерация": "RU", "белоруссия": "BY", "голландия": "NL", "чешская республика": "CZ",
    "grossbritannien": "GB", "russische föderation": "RU",
    "tschechische republik": "CZ", "weissrussland": "BY",
    "англія": "GB", "британія": "GB", "російська федерація": "RU", "голландія": "NL",
}  # fmt: skip


def parse_yes_no(field: Field, raw: object, context: FieldContext) -> bool:
    """A boolean, or a word for yes or no in any of the languages, or its number in a list."""
    if isinstance(raw, bool):
        return raw
    text = plain_of(field, raw)
    answer = _NUMBERS.get(_KEYCAP.sub("", text).rstrip("."), yes_or_no(text))
    if answer is None:
        language = context.language
        words = {"yes": shown_yes_no(True, language), "no": shown_yes_no(False, language)}
        raise FieldError.of(field, Problem.NOT_YES_NO, **words)
    return answer


def parse_choice(field: Field, raw: object, _: FieldContext) -> str:
    """The id of a choice, from its label, its id, its number, or the beginning of one of them."""
    return _chosen(field, plain_of(field, raw)).id


def parse_choices(field: Field, raw: object, _: FieldContext) -> list[str]:
    """Ids of choices in the order of the form, from a list, or text like "1, 3"."""
    if isinstance(raw, list | tuple):
        if len(raw) > CHOICES_MAX:
            raise FieldError.of(
                field, Problem.TOO_MANY_CHOICES, count=len(raw), max=len(field.choices or ())
            )
        chosen = {_chosen(field, plain_of(field, one)).id for one in raw}
    else:
        chosen = {choice.id for choice in _split(field, lines_of(field, raw))}
    least = int(field.min) if field.min is not None else 0
    most = int(field.max) if field.max is not None else CHOICES_MAX
    if len(chosen) < least:
        raise FieldError.of(field, Problem.TOO_FEW_CHOICES, count=len(chosen), min=least)
    if len(chosen) > most:
        raise FieldError.of(field, Problem.TOO_MANY_CHOICES, count=len(chosen), max=most)
    return [choice.id for choice in field.choices or () if choice.id in chosen]


def parse_country(field: Field, raw: object, context: FieldContext) -> str:
    """ISO 3166-1 alpha-2, from a code or a name in any of the languages.

    In the person's own language the beginning of a name will do, if only one begins so.
    """
    said = _country_name(plain_of(field, raw))
    if said.upper() in country_codes():
        return said.upper()
    code = _country_names(context.language).get(said) or _all_country_names().get(said)
    if code:
        return code
    names = locale_of(context.language).territories
    codes = sorted(
        code
        for name, code in _country_names(context.language).items()
        if name.startswith(said) and len(said) >= COUNTRY_PREFIX_CHARACTERS_MIN
    )
    found = tuple(dict.fromkeys(codes))
    if not found:
        raise FieldError.of(field, Problem.NOT_A_COUNTRY, example=f"{names['DE']}, DE")
    if len(found) > 1:
        shown = tuple(names[code] for code in found[:SHOWN_CHOICES_MAX])
        raise FieldError.of(field, Problem.SEVERAL_COUNTRIES, choices=shown)
    return found[0]


@cache
def country_codes() -> frozenset[str]:
    """All countries: ISO 3166-1 alpha-2, and XK."""
    codes = (str(code) for code in locale_of("en").territories)
    return frozenset(code for code in codes if code.isalpha() and code not in _NOT_COUNTRIES)


def is_numbered(field: Field) -> bool:
    """Return whether the choices of a field can be answered by number.

    Not if a label or id is itself a number of the list: "2" would mean two things.
    """
    names = (name for choice in field.choices or () for name in (choice.id, choice.label))
    return not any(_LIST_NUMBER.fullmatch(name.strip()) for name in names)


def _chosen(field: Field, said: str) -> FieldChoice:
    choices = field.choices or ()
    # A keycap (1️⃣) counts as its digit.
    found = _matching(field, fold(_KEYCAP.sub("", said)))
    if len(found) == 1:
        return found[0]
    shown = tuple(choice.label for choice in (found or choices)[:SHOWN_CHOICES_MAX])
    problem = Problem.SEVERAL_CHOICES if found else Problem.NOT_A_CHOICE
    raise FieldError.of(field, problem, choices=shown)


def _matching(field: Field, said: str) -> Sequence[FieldChoice]:
    choices = field.choices or ()
    exact = [choice for choice in choices if said in {fold(choice.label), fold(choice.id)}]
    if exact:
        return exact
    if is_numbered(field) and _LIST_NUMBER.fullmatch(said):
        number = int(said.rstrip("."))
        return choices[number - 1 : number] if number else ()
    if len(said) < PREFIX_CHARACTERS_MIN:
        return ()
    return [
        choice
        for choice in choices
        if fold(choice.label).startswith(said) or choice.id.startswith(said)
    ]


def _split(field: Field, lines: Sequence[str]) -> Iterable[FieldChoice]:
    """The choices in a text: a label may have a comma or a space, so the coarsest split first."""
    text = "\n".join(lines)
    if not text:
        return ()
    separators = [r"\n", r"[;\n]", r"[,;\n]"]
    if is_numbered(field) and re.fullmatch(r"[0-9 ,;.\n]+", text):
        separators.append(r"[,;\s]")
    error: FieldError | None = None
    for separator in separators:
        parts = [part.strip(" .") for part in re.split(separator, text)][: 2 * CHOICES_MAX]
        try:
            return [_chosen(field, part[:PLAIN_CHARACTERS_MAX]) for part in parts if part]
        except FieldError as e:
            error = e
    raise error or FieldError.of(field, Problem.NOT_A_CHOICE, choices=())


def _country_name(text: str) -> str:
    """A name as it is compared: "St. Kitts and Nevis" and "st kitts & nevis" are one."""
    plain = fold(text).replace(".", "").replace("’", "'").removeprefix("the ")
    return _AND.sub(" & ", plain)


@cache
def _country_names(language: str) -> Mapping[str, str]:
    """Names of countries in a language, as they are compared, to their codes."""
    territories = locale_of(language).territories
    return {
        _country_name(name): code
        for code in sorted(country_codes())
        for name in (str(territories[code]), country_name(code, language))
    }


@cache
def _all_country_names() -> Mapping[str, str]:
    names = {_country_name(alias): code for alias, code in _COUNTRY_ALIASES.items()}
    for language in LANGUAGES:
        names |= _country_names(language)
    return names
