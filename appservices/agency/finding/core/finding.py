"""Finding a service by words: in its title, what it is for, its keywords, and whose it is."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final

import attrs
from anyascii import anyascii
from rapidfuzz import process
from rapidfuzz.distance import OSA, Prefix
from snowballstemmer import stemmer

from appservices.agency.finding.core.small_words import COMMON_NOUNS, STOP_WORDS
from veche.protocol.forms.models import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from appservices.agency.language.core.definition import ServiceDefinition

QUERY_CHARACTERS_MAX: Final = 200
"""Longest search."""
QUERY_WORDS_MAX: Final = 16
"""Most words of a search that are looked at."""
SUGGESTIONS_MAX: Final = 3
"""Most services that are suggested where it is not clear which one is meant."""
_NO_WORD: Final = re.compile(r"[\W_]+")
_STEMS_MAX: Final = 50_000
_STEMMERS: Final = {one: stemmer(one) for one in ("english", "german", "russian")}
_TITLE, _ABOUT, _LABEL = 1.0, 0.5, 0.4
"""How much a word counts by where it stands."""
_COMMON, _UNKNOWN = 0.4, 0.5
"""How much a word counts that many services share, and one that no service has."""
_ALIKE: Final = 0.75
"""Least similarity of a word with a typing error, of ``_LONG`` letters or more."""
_SMALL_WORDS: Final = 2
_LONG, _BEGINNING, _ENDING = 5, 4, 4
_CLEAR, _COVERED, _COVERED_PARTLY, _AHEAD = 0.5, 0.6, 0.4, 1.25
"""From where on it is clear which service is meant."""


@attrs.frozen
class Found:
    """Services that words may mean.

    Attributes:
        best: The one that they clearly mean; None: it is not clear.
        nearest: The likeliest, the best first; at most ``SUGGESTIONS_MAX``, never empty.
        likely: Those to which the words fit, the best first; may be empty.
    """

    best: ServiceDefinition | None
    nearest: Sequence[ServiceDefinition]
    likely: Sequence[ServiceDefinition]


class Finder:
    """Finds the services of an office by what people write, in any of the languages.

    Inflected words, typing errors, and parts of compound words count too.
    """

    def __init__(self, definitions: Iterable[ServiceDefinition]) -> None:
        """Take the services, in the order of the menu."""
        self._services = {one.id: one for one in definitions}
        self._weights: dict[str, dict[str, float]] = {}
        for one in self._services.values():
            parts = ((one.title, _TITLE), (one.keywords, _TITLE), (one.about, _ABOUT))
            texts = [(text, weight) for text, weight in parts if text is not None]
            texts += [(field.label, _LABEL) for field in one.fields]
            self._add(one.id, one.id, _TITLE)
            for text, weight in texts:
                for words in text.by_language.values():
                    self._add(one.id, words, weight)
        self._long = [term for term in self._weights if len(term) >= _LONG]
        self._alike: dict[str, list[str]] = {}
        for term in self._weights:
            self._alike.setdefault(term[:_BEGINNING], []).append(term)

    def find(self, query: str) -> Found | None:
        """Return the services that are meant; None if the words say nothing about any.

        Args:
            query: What was written; may be anything.
        """
        words = _meaningful(query)
        if not words:
            return None
        scores = dict.fromkeys(self._services, 0.0)
        covered = dict.fromkeys(self._services, 0.0)
        total = 0.0
        for word in words:
            matches = self._matches(word)
            weight = _COMMON if word in COMMON_NOUNS else 1.0
            total += weight if matches or weight < 1 else _UNKNOWN
            rarity = len([one for one in matches.values() if one >= max(matches.values()) / 2])
            for service, likeness in matches.items():
                scores[service] += weight * likeness / rarity
                covered[service] += weight
        ranked = sorted(self._services, key=lambda one: -scores[one])
        nearest = [self._services[one] for one in ranked[:SUGGESTIONS_MAX]]
        likely = [
            self._services[one]
            for one in ranked
            if scores[one] >= _CLEAR
            and covered[one] >= total * (_COVERED_PARTLY if scores[one] >= 1 else _COVERED)
        ]
        second = scores[ranked[1]] if len(ranked) > 1 else 0.0
        is_clear = likely[:1] == nearest[:1] and scores[ranked[0]] >= second * _AHEAD
        return Found(nearest[0] if is_clear else None, nearest, likely)

    def named(self, name: str) -> ServiceDefinition | None:
        """Return the service that a person names: by id, title, or words that mean it alone."""
        wanted = _words(name[:QUERY_CHARACTERS_MAX])
        for one in self._services.values():
            if wanted in {_words(one.id), *map(_words, one.title.by_language.values())}:
                return one
        found = self.find(name)
        return found.best if found is not None else None

    def _add(self, service: str, text: str, weight: float) -> None:
        for word in _words(text).split():
            if word not in STOP_WORDS:
                for stem in stems(word):
                    weights = self._weights.setdefault(stem, {})
                    weights[service] = max(weight, weights.get(service, 0.0))

    def _matches(self, word: str) -> Mapping[str, float]:
        """How well each service has a word; those that do not have it are left out."""
        found: dict[str, float] = {}
        for stem in stems(word):
            for term, likeness in self._terms_like(stem):
                for service, weight in self._weights[term].items():
                    found[service] = max(found.get(service, 0.0), likeness * weight)
        return found

    def _terms_like(self, stem: str) -> Iterator[tuple[str, float]]:
        """Yield the terms that are like a stem, and how much; one of them maybe twice."""
        for term in self._alike.get(stem[:_BEGINNING], ()):
            yield term, _shared_beginning(stem, term)
        if len(stem) < _LONG:
            return
        for term in self._long:
            if stem in term or term in stem:
                yield term, 0.8
        mistyped = process.extract_iter(
            stem, self._long, scorer=OSA.normalized_similarity, score_cutoff=_ALIKE
        )
        for term, similarity, _ in mistyped:
            yield term, similarity * 0.9


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


def is_found(query: str, folded: str) -> bool:
    """Return whether every word of a query, or its beginning, is in a ``haystack``."""
    return all(f" {word}" in f" {folded}" for word in _words(query).split())


def _words(text: str) -> str:
    return _NO_WORD.sub(" ", fold(text)).strip()


@functools.lru_cache(_STEMS_MAX)
def stems(word: str) -> Sequence[str]:
    """Return a word without its endings, in each language that it may be of, and in Latin letters.

    Args:
        word: Folded.
    """
    if word.isascii():
        return tuple({_STEMMERS[one].stemWord(word) for one in ("english", "german")})
    stem = _STEMMERS["russian"].stemWord(word)
    return (stem, *({_NO_WORD.sub("", anyascii(stem))} - {""}))


def is_small_talk(text: str) -> bool:
    """Return whether a text is no more than a greeting or thanks."""
    return len(_words(text).split()) <= _SMALL_WORDS and not _meaningful(text)


def _meaningful(query: str) -> Sequence[str]:
    """The words of a query that may name a service, each once."""
    words = _words(query[:QUERY_CHARACTERS_MAX]).split()
    return list(dict.fromkeys(one for one in words if one not in STOP_WORDS))[:QUERY_WORDS_MAX]


def _shared_beginning(word: str, term: str) -> float:
    """How much alike two stems are that begin alike."""
    if word == term:
        return 1.0
    short, long = sorted((word, term), key=len)
    if len(short) >= _BEGINNING and long.startswith(short):
        return 0.9
    # The endings that no stemmer of Russian knows.
    is_inflected = not short.isascii() and len(long) - Prefix.similarity(word, term) < _ENDING
    return 0.8 if is_inflected and len(short) >= _BEGINNING else 0.0
