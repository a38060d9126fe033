"""The four words by which a person finds out whether it is the office that calls.

They are derived from the id of the call and a key of the office, so nothing stores them. The words
are those of BIP-39: no two of a list begin with the same four letters, and so much is compared, for
what is heard on the phone is spelt in many ways.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Final

from mnemonic import Mnemonic

from appservices.agency.cases.core.commands import CALL
from veche.protocol.texts.catalogue import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

WORDS: Final = 4
"""Of 2,048 each: 44 bits."""
CALL_MS: Final = 600_000
"""How long the words count."""
TRIES_MAX: Final = 3
"""Wrong ones of a person; then no words of theirs count until ``TRIES_MS`` are over."""
TRIES_MS: Final = 3_600_000
CHARACTERS_MAX: Final = 200
"""Longest text that is looked at."""
_LISTS: Final[Mapping[str, str]] = {"en": "english", "ru": "russian"}
_PREFIX: Final = 4
_BITS: Final = 11
_NOT_LETTERS: Final = re.compile(r"[\W\d_]+")
_MARKS: Final = ("!", "/")


def list_of(person: str, office: str) -> str:
    """The list whose words both can read: Russian if both do, else English.

    Args:
        person: Their language.
        office: That of its staff.
    """
    return person if person == office and person in _LISTS else "en"


def words_of(key: bytes, call_id: str, language: str) -> tuple[str, ...]:
    """The words of a call.

    Args:
        key: Of the office, secret.
        call_id: Of the call.
        language: Of the list, see ``list_of``.
    """
    number = int.from_bytes(hmac.digest(key, call_id.encode(), "sha256"), "big")
    words = _words(language)
    return tuple(words[number >> (_BITS * i) & (len(words) - 1)] for i in range(WORDS))


def is_same(heard: tuple[str, ...], words: tuple[str, ...]) -> bool:
    """Return whether the typed words are these, in constant time."""
    typed, wanted = (" ".join(map(_key, ones)).encode() for ones in (heard, words))
    return hmac.compare_digest(typed, wanted)


def heard_words(text: str, *, is_form: bool = False) -> tuple[str, ...] | None:
    """The words that somebody typed to ask who calls; None: it is no such question.

    "call" and four words are one, and four words of a list alone are too.

    Args:
        text: What was typed.
        is_form: Whether a form waits for words: then they must be of a list, or have a mark.
    """
    line = unicodedata.normalize("NFKC", text).casefold().strip()
    if len(line) > CHARACTERS_MAX:
        return None
    is_marked = line.startswith(_MARKS)
    words = tuple(filter(None, _NOT_LETTERS.split(line)))
    is_named = bool(words) and words[0] in _names() and len(words) > 1
    is_asked = is_named and (is_marked or len(words) == WORDS + 1)
    # "call" may itself be one of four words, so a text of four is looked up as it is.
    said = words[1:] if is_asked else words
    if is_asked and (is_marked or not is_form):
        return said
    return said if len(said) == WORDS and all(_key(one) in _keys() for one in said) else None


@cache
def _words(language: str) -> tuple[str, ...]:
    return tuple(Mnemonic(_LISTS[language]).wordlist)


@cache
def _keys() -> frozenset[str]:
    return frozenset(_key(word) for language in _LISTS for word in _words(language))


@cache
def _names() -> frozenset[str]:
    return frozenset(
        {CALL.name, *(one for language in LANGUAGES for one in CALL.words.get(language, ()))}
    )


def _key(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold().replace("ё", "е")[:_PREFIX]
