"""From the text of a condition to its words, each with its place."""

from __future__ import annotations

import enum
import re
from typing import Final

import attrs

CONDITION_CHARACTERS_MAX: Final = 1_000
"""Longest condition."""
CONDITION_DEPTH_MAX: Final = 20
"""Deepest nesting of parentheses and ``not``."""
TEXT_LITERAL_CHARACTERS_MAX: Final = 200
"""Longest quoted text in a condition."""
NUMBER_DIGITS_MAX: Final = 18
"""Most digits of a number in a condition."""

KEYWORDS: Final = frozenset({"and", "or", "not", "in", "yes", "no", "none"})


class ConditionError(Exception):
    """A condition is wrong.

    Attributes:
        offset: Of the wrong character, from 0.
        wrong: What is wrong.
        right: What would be right.
    """

    def __init__(self, offset: int, wrong: str, right: str) -> None:
        super().__init__(f"character {offset + 1}: {wrong}; {right}")
        self.offset = offset
        self.wrong = wrong
        self.right = right


class TokenKind(enum.Enum):
    """The kind of a word in a condition."""

    NAME = enum.auto()
    KEYWORD = enum.auto()
    TEXT = enum.auto()
    NUMBER = enum.auto()
    SIGN = enum.auto()
    END = enum.auto()


@attrs.frozen
class Token:
    """A word of a condition.

    Attributes:
        kind: What it is.
        text: The word; of a quoted text, what is inside the quotes.
        offset: Of its first character, from 0.
    """

    kind: TokenKind
    text: str
    offset: int

    def is_word(self, *words: str) -> bool:
        """Return whether it is one of these keywords or signs."""
        return self.kind in {TokenKind.KEYWORD, TokenKind.SIGN} and self.text in words


_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>-?[0-9]+(?:\.[0-9]+)?)
      | (?P<text>'[^'\n]*'|"[^"\n]*")
      | (?P<sign>==|!=|<=|>=|[<>()\[\],])
    )""",
    re.VERBOSE | re.ASCII,
)


def tokens(text: str) -> tuple[Token, ...]:
    """The words of a condition; the last has the kind ``END``.

    Raises:
        ConditionError: It is too long, or a character begins no word.
    """
    if len(text) > CONDITION_CHARACTERS_MAX:
        raise ConditionError(
            0,
            f"the condition has {len(text)} characters",
            f"use at most {CONDITION_CHARACTERS_MAX}",
        )
    found: list[Token] = []
    offset = 0
    end = len(text.rstrip())
    while offset < end:
        match = _TOKEN.match(text, offset)
        if match is None:
            raise _unreadable(text, offset + len(text[offset:]) - len(text[offset:].lstrip()))
        found.append(_token(match))
        offset = match.end()
    return (*found, Token(TokenKind.END, "", end))


def _token(match: re.Match[str]) -> Token:
    group = str(match.lastgroup)
    word = match[group]
    offset = match.start(group)
    if group == "text":
        if len(word) - 2 > TEXT_LITERAL_CHARACTERS_MAX:
            raise ConditionError(
                offset, "the text is too long", f"use at most {TEXT_LITERAL_CHARACTERS_MAX}"
            )
        return Token(TokenKind.TEXT, word[1:-1], offset)
    if group == "number":
        if len(word) > NUMBER_DIGITS_MAX:
            raise ConditionError(
                offset, "the number is too long", f"use at most {NUMBER_DIGITS_MAX} digits"
            )
        return Token(TokenKind.NUMBER, word, offset)
    if group == "sign":
        return Token(TokenKind.SIGN, word, offset)
    return Token(TokenKind.KEYWORD if word in KEYWORDS else TokenKind.NAME, word, offset)


def _unreadable(text: str, offset: int) -> ConditionError:
    sign = text[offset]
    if sign in "'\"":
        return ConditionError(offset, "the text does not end", f"close it with {sign}")
    if sign == "=":
        return ConditionError(offset, "a single =", "compare with ==")
    if sign in "&|!":
        return ConditionError(offset, f"{sign} is not known here", "use and, or, not")
    return ConditionError(
        offset,
        f"{sign!r} is not known here",
        "use names, 'texts', numbers, == != < <= > >=, in, and, or, not, ( ), [ ]",
    )
