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
    WEAK,
    is_glued,
    words_of,
)
from homeserver_modules.official_accounts.core.romanised import romanised

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
INSIDE_IDEOGRAPHS_MIN: Final = 4
"""The same where words have no spaces between them, and a character is a syllable or a word."""
WINDOW_CHARS_MIN: Final = 11
"""Letters of some of a name's words from which one slip of the pen is no other name."""
WINDOW_WORDS_MAX: Final = 10
"""Of how many words that is looked for: more are spelled letter by letter, or a text."""
SHORTENED_CHARS: Final = range(3, 6)
"""Letters of a word that can stand for a longer one: "Off." for "Office"."""
FULL_CHARS_MIN: Final = 4
"""Letters of the words that are not shortened beside it, all together."""
COMMON_CHARS_MAX: Final = 7
"""A single word of up to so many letters may be somebody's own name: "Marta Bank"."""


class Rule(Enum):
    """How a name is like a protected one, the closest first."""

    SAME = "same"
    """Equal letters and digits."""
    CONTAINS = "contains"
    """Its words in order, or with words as of ``affixes.py``, glued or not."""
    NEAR = "near"
    """One slip of the pen away, alone or among other words; or with words shortened."""
    INSIDE = "inside"
    """Its letters among others, or a word that may be somebody's own name."""


_ORDER: Final = tuple(Rule)
_UNSPACED: Final = re.compile("[\u2e80-\uffff\U00020000-\U0003ffff]")


class Match(NamedTuple):
    """The kind of likeness of a name, and the rule that found it."""

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
        self._sizes: set[tuple[str, int] | tuple[int, str]] = set()
        self._initials: dict[str, set[Sequence[str]]] = defaultdict(set)
        self._counts: Sequence[int] = ()
        self._strong = self._folded(words_of(AFFIXES))
        self._affixes = self._strong | self._folded(words_of(WEAK))
        glued = sorted(word for word in self._affixes if is_glued(word))
        self._only_affixes = re.compile(rf"(?:{'|'.join(map(re.escape, glued))}|\d)+").fullmatch
        for one in protected:
            self._add(one)
        every = (len(parts) for entries in self._words.values() for parts, _ in entries)
        self._counts = sorted({*every})

    def check(self, shown: str, account: str = "") -> Match | None:
        """Return what a name is like most, or None.

        Args:
            shown: As somebody wants to be called, or calls a room.
            account: Matrix user id of who does; names that belong to it do not count, and one that
                is the same as such a name is like none.
        """
        best: Match | None = None
        tried: set[str] = set()
        for parts in self._letters.forms(shown):
            for rule, found in self._matches(parts, tried):
                if any(account in one.accounts for one in found):
                    if rule is Rule.SAME:
                        return None
                    continue
                if best is None or _ORDER.index(rule) < _ORDER.index(best.rule):
                    best = Match(rule, found[0])
                if rule is Rule.SAME:
                    break
        return best

    def _folded(self, words: Iterable[str]) -> frozenset[str]:
        both = (form for word in words for form in (word, word.upper()))
        return frozenset("".join(parts) for form in both for parts in self._letters.forms(form))

    def _add(self, one: ProtectedName) -> None:
        written = one.name
        # Letters of an abbreviation are no person's name.
        is_common = len(written) <= COMMON_CHARS_MAX and not written.isupper()
        cases = (written, written.upper(), written.lower(), written.title(), *romanised(written))
        for form in dict.fromkeys(cases):
            for parts in self._letters.forms(form, with_digits=True):
                key = "".join(parts)
                if len(key) < LETTERS_MIN:
                    continue
                _put(self._same, key, one)
                entry = (parts, is_common and len(parts) == 1)
                if entry not in self._words[parts[0]]:
                    self._words[parts[0]].append(entry)
                self._starts[key[:LETTERS_MIN]].add(key)
                self._ends[key[-LETTERS_MIN:]].add(key)
                for size in range(len(key) - 1, len(key) + 2):
                    self._sizes |= {(key[:LETTERS_MIN], size), (size, key[-LETTERS_MIN:])}
                for slip in _slips(key):
                    _put(self._near, slip, one)
                if len(parts) > 1:
                    self._initials[_initials(parts)].add(parts)
                size = INSIDE_IDEOGRAPHS_MIN if _is_unspaced(key) else INSIDE_CHARS_MIN
                if len(key) >= size:
                    self._long[key[:size]].add(key)

    def _matches(
        self, parts: Sequence[str], tried: set[str]
    ) -> Iterator[tuple[Rule, list[ProtectedName]]]:
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
        texts = {key, stripped, *self._windows(parts)} - tried
        tried |= texts
        for text in texts:
            yield from self._nearly(text)
        for words in {tuple(parts), tuple(others)}:
            for wanted in self._initials.get(_initials(words), ()):
                if _is_shortened(words, wanted):
                    yield Rule.NEAR, self._same["".join(wanted)]
        yield from self._inside(key)

    def _windows(self, parts: Sequence[str]) -> Iterator[str]:
        """Yield neighbours that are as many as a protected name has words, if long enough."""
        for count in self._counts if len(parts) <= WINDOW_WORDS_MAX else ():
            if count >= len(parts):
                break
            for start in range(len(parts) - count + 1):
                text = "".join(parts[start : start + count])
                if len(text) >= WINDOW_CHARS_MIN and text not in self._same:
                    yield text

    def _nearly(self, text: str) -> Iterator[tuple[Rule, list[ProtectedName]]]:
        # One slip leaves the first letters or the last ones as they are, and the length nearly.
        size = len(text)
        if (text[:LETTERS_MIN], size) not in self._sizes and (
            (size, text[-LETTERS_MIN:]) not in self._sizes
        ):
            return
        slips = (self._near.get(slip) for slip in _asked(text))
        for found in {id(found): found for found in slips if found}.values():
            yield Rule.NEAR, found

    def _inside(self, key: str) -> Iterator[tuple[Rule, list[ProtectedName]]]:
        for size in (INSIDE_CHARS_MIN, INSIDE_IDEOGRAPHS_MIN):
            if size == INSIDE_IDEOGRAPHS_MIN and not _UNSPACED.search(key):
                continue
            pieces = {key[start : start + size] for start in range(len(key) - size + 1)}
            for piece in pieces & self._long.keys():
                for wanted in self._long[piece]:
                    if wanted in key:
                        yield Rule.INSIDE, self._same[wanted]

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
        """Return whether a possible person's name stands beside words of offices only."""
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


def _initials(words: Sequence[str]) -> str:
    return "".join(word[0] for word in words)


def _is_unspaced(key: str) -> bool:
    """Return whether a name is of Chinese, Japanese or Korean characters, but for a few letters."""
    return len(_UNSPACED.findall(key)) >= INSIDE_IDEOGRAPHS_MIN


def _is_shortened(words: Sequence[str], wanted: Sequence[str]) -> bool:
    """Return whether words abbreviate a name of as many words, some of them not.

    Args:
        words: What somebody is called; the initials are those of ``wanted``.
        wanted: The protected name.
    """
    full = 0
    for word, whole in zip(words, wanted, strict=True):
        if word == whole:
            full += len(word)
            continue
        letters = iter(whole)
        if len(word) not in SHORTENED_CHARS or not all(char in letters for char in word):
            return False
    return full >= FULL_CHARS_MIN


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
