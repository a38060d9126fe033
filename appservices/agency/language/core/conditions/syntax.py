"""From the words of a condition to its tree.

```
condition  = all ("or" all)*
all        = one ("and" one)*
one        = "not" one | "(" condition ")" | comparison
comparison = value [("==" | "!=" | "<" | "<=" | ">" | ">=") value | ["not"] "in" (list | name)]
value      = name | 'text' | number | "yes" | "no" | "none"
list       = "[" value ("," value)* "]"
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.agency.language.core.conditions.tokens import (
    CONDITION_DEPTH_MAX,
    ConditionError,
    Token,
    TokenKind,
    tokens,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=")
LIST_ITEMS_MAX: Final = 50
"""Most values of a list in a condition."""


@attrs.frozen
class Bare:
    """A value as written: a name, a text, a number, ``yes``, ``no`` or ``none``."""

    token: Token


@attrs.frozen
class Compared:
    """Two values with a sign between them."""

    left: Bare
    sign: Token
    right: Bare


@attrs.frozen
class Listed:
    """``in``: a value, and a list of values or the name of one.

    Attributes:
        item: What is looked for.
        members: The values of the list, or the name.
        is_negated: ``not in``.
        offset: Of the word ``in``.
    """

    item: Bare
    members: tuple[Bare, ...] | Bare
    is_negated: bool
    offset: int


@attrs.frozen
class Negated:
    """``not``."""

    part: Tree


@attrs.frozen
class Joined:
    """Parts between ``and``, or between ``or``."""

    is_all: bool
    parts: tuple[Tree, ...]


Tree = Bare | Compared | Listed | Negated | Joined


def parse(text: str) -> Tree:
    """The tree of a condition.

    Raises:
        ConditionError: It breaks the grammar, at the place of the error.
    """
    parser = _Parser(tokens(text))
    tree = parser.condition(0)
    parser.end()
    return tree


class _Parser:
    def __init__(self, words: Sequence[Token]) -> None:
        self._words = words
        self._at = 0

    @property
    def _next(self) -> Token:
        return self._words[self._at]

    def _take(self) -> Token:
        token = self._next
        # END is never passed, so that there is always a next word.
        if token.kind is not TokenKind.END:
            self._at += 1
        return token

    def end(self) -> None:
        if self._next.kind is not TokenKind.END:
            raise ConditionError(
                self._next.offset,
                f"{self._next.text!r} does not continue the condition",
                "join conditions with and, or",
            )

    def condition(self, depth: int) -> Tree:
        return self._joined("or", depth)

    def _joined(self, word: str, depth: int) -> Tree:
        parts = [self._part(word, depth)]
        while self._next.is_word(word):
            self._take()
            parts.append(self._part(word, depth))
        return parts[0] if len(parts) == 1 else Joined(word == "and", tuple(parts))

    def _part(self, word: str, depth: int) -> Tree:
        return self._joined("and", depth) if word == "or" else self._one(depth)

    def _one(self, depth: int) -> Tree:
        if depth > CONDITION_DEPTH_MAX:
            raise ConditionError(
                self._next.offset, "it is nested too deeply", f"use {CONDITION_DEPTH_MAX} levels"
            )
        if self._next.is_word("not"):
            self._take()
            return Negated(self._one(depth + 1))
        if self._next.is_word("("):
            self._take()
            tree = self.condition(depth + 1)
            self._expect(")")
            return tree
        return self._comparison()

    def _comparison(self) -> Tree:
        left = self._value()
        sign = self._next
        if sign.is_word(*COMPARISONS):
            self._take()
            compared = Compared(left, sign, self._value())
            self._refuse_chain()
            return compared
        if sign.is_word("in"):
            self._take()
            return Listed(left, self._members(), is_negated=False, offset=sign.offset)
        if sign.is_word("not"):
            self._take()
            self._expect("in")
            return Listed(left, self._members(), is_negated=True, offset=sign.offset)
        return left

    def _refuse_chain(self) -> None:
        if self._next.is_word(*COMPARISONS):
            raise ConditionError(
                self._next.offset,
                "two comparisons in a row",
                "write a < b and b < c",
            )

    def _members(self) -> tuple[Bare, ...] | Bare:
        if self._next.kind is TokenKind.NAME:
            return Bare(self._take())
        self._expect("[")
        found = [self._value()]
        while self._next.is_word(","):
            self._take()
            found.append(self._value())
            if len(found) > LIST_ITEMS_MAX:
                raise ConditionError(
                    self._next.offset, "the list is too long", f"use at most {LIST_ITEMS_MAX}"
                )
        self._expect("]")
        return tuple(found)

    def _value(self) -> Bare:
        token = self._next
        is_value = token.kind in {TokenKind.NAME, TokenKind.TEXT, TokenKind.NUMBER}
        if not is_value and not token.is_word("yes", "no", "none"):
            found = repr(token.text) if token.text else "the end"
            raise ConditionError(
                token.offset, f"{found} stands where a value should", "write a name or 'a text'"
            )
        return Bare(self._take())

    def _expect(self, word: str) -> None:
        if not self._next.is_word(word):
            found = repr(self._next.text) if self._next.text else "the end"
            raise ConditionError(
                self._next.offset, f"{found} stands where {word} should", f"write {word}"
            )
        self._take()
