"""Finding a service by words: in its title, what it is for, its keywords, and whose it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from veche.protocol.forms.models import fold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from appservices.agency.core.definition import ServiceDefinition

QUERY_CHARACTERS_MAX: Final = 200
"""Longest search."""
_NO_WORD: Final = re.compile(r"[\W_]+")


def haystack(definition: ServiceDefinition, language: str, *names: str) -> str:
    """Everything by which a service is found in a language, folded.

    Args:
        definition: The service.
        language: One of ``LANGUAGES``.
        names: Of the office and the organisation.
    """
    texts = (definition.title, definition.about, definition.keywords)
    words = [text.text(language) for text in texts if text is not None]
    labels = [field.label.text(language) for field in definition.fields]
    return _words(" ".join((*words, *labels, *names, definition.id)))


def best_named(
    name: str, definitions: Iterable[ServiceDefinition], language: str
) -> ServiceDefinition | None:
    """The service that a person names: by its id or title, or the only one that fits the words.

    Args:
        name: What was written; may be anything.
        definitions: Where it is looked for.
        language: Of the person; titles in other languages count too.
    """
    wanted = _words(name[:QUERY_CHARACTERS_MAX])
    known = list(definitions)
    for one in known:
        titles = one.title.by_language.values()
        if wanted in {_words(one.id), *map(_words, titles)}:
            return one
    found = [one for one in known if wanted and is_found(wanted, haystack(one, language))]
    return found[0] if len(found) == 1 else None


def is_found(query: str, folded: str) -> bool:
    """Whether every word of a query is in a ``haystack``; the beginning of a word is enough."""
    return all(f" {word}" in f" {folded}" for word in _words(query).split())


def _words(text: str) -> str:
    return _NO_WORD.sub(" ", fold(text)).strip()
