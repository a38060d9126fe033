"""Tell which official name somebody's name passes itself off as.

A name is compared by its folded forms (``letters.py``), as letters without borders and as words.
The index is built once; a check looks up, and never walks through the protected names.
"""

from __future__ import annotations

import re
from collections import defaultdict
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from homeserver_modules.official_accounts.core.affixes import (
    AFFIXES,
    GLUED_CHARS_MIN,
    WEAK,
    words_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from homeserver_modules.official_accounts.core.letters import Letters
    from veche.contracts.directory.snapshot import ProtectedName

LETTERS_MIN: Final = 3
"""A protected name has at least so many letters and digits: shorter ones are everywhere."""
NEAR_CHARS_MIN: Final = 7
"""Letters of a name from which one slip of the pen is no other word."""
SLIPPED_CHARS_MIN: Final = 5
"""Letters of a name from which a letter twice, or two in the wrong order, is no other word."""
INSIDE_CHARS_MIN: Final = 9
"""Letters of a name from which it is found in the middle of others."""
COMMON_CHARS_MAX: Final = 7
"""A single word of up to so many letters may be somebody's own name: "Marta Bank"."""


class Rule(Enum):
    """How a name is like a protected one, the closest first."""

    SAME = "same"
    """Equal letters and digits."""
    CONTAINS = "contains"
    """Its words in order, or with words as of ``affixes.py``, glued or not."""
    NEAR = "near"
    """One slip of the pen away."""
    INSIDE = "inside"
    """Its letters among others, or a word that may be somebody's own name."""


_ORDER: Final = tuple(Rule)


class Match(NamedTuple):
    """What a name is like, and by which rule."""

    rule: Rule
    protected: ProtectedName


_Index = dict[str, list["ProtectedName"]]


class NameGuard:
    """All protected names, ready to be compared with."""

    def __init__(self, protected: Iterable[ProtectedName], letters: Letters) -> None:
        """Build the index."""
        self._letters = letters
        self._same: _Index = defaultdict(list)
        self._near: _Index = defaultdict(list)
        self._words: dict[str, list[tuple[Sequence[str], bool]]] = defaultdict(list)
        self._starts: dict[str, set[str]] = defaultdict(set)
        self._ends: dict[str, set[str]] = defaultdict(set)
        self._long: dict[str, set[str]] = defaultdict(set)
        self._strong = self._folded(words_of(AFFIXES))
        self._affixes = self._strong | self._folded(words_of(WEAK))
        glued = sorted(word for word in self._affixes if len(word) >= GLUED_CHARS_MIN)
        self._only_affixes = re.compile(rf"(?:{'|'.join(map(re.escape, glued))}|\d)+").fullmatch
        for one in protected:
            self._add(one)

    def check(self, shown: str, account: str = "") -> Match | None:
        """Return what a name is like most, or None.

        Args:
            shown: As somebody wants to be called, or calls a room.
            account: Matrix user id of who does; names that belong to it do not count.
        """
        best: Match | None = None
        for parts in self._letters.forms(shown):
            for rule, found in self._matches(parts):
                if any(account in one.accounts for one in found):
                    continue
                if best is None or _ORDER.index(rule) < _ORDER.index(best.rule):
                    best = Match(rule, found[0])
                    if rule is Rule.SAME:
                        return best
        return best

    def _folded(self, words: Iterable[str]) -> frozenset[str]:
        both = (form for word in words for form in (word, word.upper()))
        return frozenset("".join(parts) for form in both for parts in self._letters.forms(form))

    def _add(self, one: ProtectedName) -> None:
        written = one.name
        # Letters of an abbreviation are no person's name.
        is_common = len(written) <= COMMON_CHARS_MAX and not written.isupper()
        for form in dict.fromkeys((written, written.upper(), written.lower(), written.title())):
            for parts in self._letters.forms(form):
                key = "".join(parts)
                if len(key) < LETTERS_MIN:
                    continue
                _put(self._same, key, one)
                entry = (parts, is_common and len(parts) == 1)
                if entry not in self._words[parts[0]]:
                    self._words[parts[0]].append(entry)
                self._starts[key[:LETTERS_MIN]].add(key)
                self._ends[key[-LETTERS_MIN:]].add(key)
                for slip in _slips(key):
                    _put(self._near, slip, one)
                if len(key) >= INSIDE_CHARS_MIN:
                    self._long[key[:INSIDE_CHARS_MIN]].add(key)

    def _matches(self, parts: Sequence[str]) -> Iterator[tuple[Rule, list[ProtectedName]]]:
        key = "".join(parts)
        if len(key) < LETTERS_MIN:
            return
        if found := self._same.get(key):
            yield Rule.SAME, found
        others = [part for part in parts if part not in self._affixes and not part.isdigit()]
        yield from self._contained(parts, others)
        yield from self._glued(key, parts)
        stripped = "".join(others)
        if stripped != key and (found := self._same.get(stripped)):
            yield Rule.CONTAINS, found
        for text in {key, stripped}:
            # One slip leaves the first letters or the last ones as they are.
            if text[:LETTERS_MIN] in self._starts or text[-LETTERS_MIN:] in self._ends:
                yield from self._nearly(text)
        for start in range(len(key) - INSIDE_CHARS_MIN + 1):
            for wanted in self._long.get(key[start : start + INSIDE_CHARS_MIN], ()):
                if key.startswith(wanted, start):
                    yield Rule.INSIDE, self._same[wanted]

    def _nearly(self, text: str) -> Iterator[tuple[Rule, list[ProtectedName]]]:
        for slip in _asked(text):
            if found := self._near.get(slip):
                yield Rule.NEAR, found

    def _contained(
        self, parts: Sequence[str], others: Sequence[str]
    ) -> Iterator[tuple[Rule, list[ProtectedName]]]:
        for place, part in enumerate(parts):
            for wanted, is_common in self._words.get(part, ()):
                if tuple(parts[place : place + len(wanted)]) == wanted:
                    is_somebody = is_common and not self._is_addressed(part, parts, others)
                    rule = Rule.INSIDE if is_somebody else Rule.CONTAINS
                    yield rule, self._same["".join(wanted)]

    def _is_addressed(self, name: str, parts: Sequence[str], others: Sequence[str]) -> bool:
        """Whether nothing but words of offices stands beside a word that may be a person's name."""
        return set(others) <= {name} and not self._strong.isdisjoint({*parts} - {name})

    def _glued(self, key: str, parts: Sequence[str]) -> Iterator[tuple[Rule, list[ProtectedName]]]:
        for word in dict.fromkeys((key, *parts)):
            for wanted in self._starts.get(word[:LETTERS_MIN], ()):
                if word.startswith(wanted) and self._only_affixes(word, len(wanted)):
                    yield Rule.CONTAINS, self._same[wanted]
            for wanted in self._ends.get(word[-LETTERS_MIN:], ()):
                if word.endswith(wanted) and self._only_affixes(word, 0, len(word) - len(wanted)):
                    yield Rule.CONTAINS, self._same[wanted]


def _put(index: _Index, key: str, one: ProtectedName) -> None:
    if one not in index[key]:
        index[key].append(one)


def _less_one(key: str) -> Iterator[str]:
    for place in range(len(key)):
        yield key[:place] + key[place + 1 :]


def _slips(key: str) -> Iterator[str]:
    """Keys by which a protected name is found after a slip: two that share one are near."""
    if len(key) >= NEAR_CHARS_MIN:
        yield key
        yield from _less_one(key)
    elif len(key) >= SLIPPED_CHARS_MIN:
        for place, char in enumerate(key):
            yield key[:place] + char + key[place:]
            yield key[:place] + key[place : place + 2][::-1] + key[place + 2 :]


def _asked(key: str) -> Iterator[str]:
    """Keys by which a name asks for protected ones that are near."""
    if len(key) >= SLIPPED_CHARS_MIN:
        yield key
    if len(key) >= NEAR_CHARS_MIN - 1:
        yield from _less_one(key)
