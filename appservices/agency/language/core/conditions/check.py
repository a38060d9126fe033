"""From the text of a condition to one that can be judged: names known, kinds fitting."""

from __future__ import annotations

import decimal
from typing import TYPE_CHECKING, Final

from appservices.agency.language.core.conditions.judge import (
    Always,
    Condition,
    Equal,
    Every,
    Holds,
    Less,
    Literal,
    Member,
    Name,
    Not,
    Operand,
    Some,
)
from appservices.agency.language.core.conditions.syntax import (
    Bare,
    Compared,
    Joined,
    Listed,
    Negated,
    Tree,
    parse,
)
from appservices.agency.language.core.conditions.tokens import ConditionError, Token, TokenKind
from appservices.agency.language.core.conditions.values import (
    ORDERED,
    Comparable,
    Kind,
    Named,
    comparable,
)
from appservices.agency.language.core.problems import nearest, one_of
from veche.protocol.errors import MalformedError
from veche.protocol.money import parse_money

if TYPE_CHECKING:
    from collections.abc import Mapping

_TRUTHS: Final = {"yes": True, "no": False}


def read_condition(text: str, names: Mapping[str, Named]) -> Condition:
    """A condition, ready to be judged.

    Args:
        text: At most ``CONDITION_CHARACTERS_MAX`` characters.
        names: What may be named in it.

    Raises:
        ConditionError: It breaks the grammar, names something unknown, or compares what does not
            compare; at the place of the first error.
    """
    return _Checker(names).condition(parse(text))


class _Checker:
    def __init__(self, names: Mapping[str, Named]) -> None:
        self._names = names

    def condition(self, tree: Tree) -> Condition:
        match tree:
            case Bare(token=token):
                return self._bare(token)
            case Compared():
                return self._compared(tree)
            case Listed():
                listed = self._listed(tree)
                return Not(listed) if tree.is_negated else listed
            case Negated(part=part):
                return Not(self.condition(part))
            case Joined(is_all=is_all, parts=parts):
                checked = tuple(self.condition(part) for part in parts)
                return Every(checked) if is_all else Some(checked)

    def _bare(self, token: Token) -> Condition:
        if token.is_word("yes", "no"):
            return Always(_TRUTHS[token.text])
        if token.kind is TokenKind.NAME:
            name = self._name(token)
            if name.named.kind is Kind.TRUTH:
                return Holds(name)
            raise ConditionError(
                token.offset,
                f"{token.text} is {name.named.kind.value}, not yes or no",
                f"compare it, as in {token.text} == …",
            )
        raise ConditionError(
            token.offset, "a value alone is no condition", "compare it with a name"
        )

    def _compared(self, compared: Compared) -> Condition:
        left, right = compared.left.token, compared.right.token
        sign = compared.sign.text
        if sign in {">", ">="}:
            left, right, sign = right, left, {">": "<", ">=": "<="}[sign]
        named = self._named(left) or self._named(right)
        if named is None:
            raise ConditionError(
                left.offset, "it compares two values that never change", "name a field"
            )
        if named.kind in {Kind.OPAQUE, Kind.CHOICES} and right.kind is left.kind:
            raise ConditionError(
                right.offset, f"{right.text} is {named.kind.value}", "compare it with none"
            )
        operands = self._operand(left, named), self._operand(right, named)
        if sign in {"==", "!="}:
            equal = Equal(*operands)
            return equal if sign == "==" else Not(equal)
        self._need_ordered(named, compared, operands)
        return Less(*operands, or_equal=sign == "<=")

    def _need_ordered(
        self, named: Named, compared: Compared, operands: tuple[Operand, Operand]
    ) -> None:
        is_none = any(isinstance(o, Literal) and o.value is None for o in operands)
        if named.kind not in ORDERED or is_none:
            what = "none" if is_none else named.kind.value
            raise ConditionError(
                compared.sign.offset,
                f"{compared.sign.text} does not compare {what}",
                "use == or !=",
            )

    def _listed(self, listed: Listed) -> Condition:
        if isinstance(listed.members, Bare):
            return self._member(listed, listed.members.token)
        item = listed.item.token
        named = self._named(item)
        if named is None:
            raise ConditionError(
                item.offset, "it looks for a value that never changes", "name a field"
            )
        name = self._operand(item, named)
        return Some(
            tuple(Equal(name, self._operand(member.token, named)) for member in listed.members)
        )

    def _member(self, listed: Listed, token: Token) -> Condition:
        choices = self._name(token)
        if choices.named.kind is not Kind.CHOICES:
            raise ConditionError(
                token.offset,
                f"{token.text} is {choices.named.kind.value}, not a list of choices",
                "use == or a list in [ ]",
            )
        one = Named(Kind.CHOICE, choices.named.choices)
        return Member(self._operand(listed.item.token, one), choices)

    def _name(self, token: Token) -> Name:
        named = self._names.get(token.text)
        if named is None:
            raise ConditionError(
                token.offset, f"{token.text} is not known here", nearest(token.text, self._names)
            )
        return Name(token.text, named)

    def _named(self, token: Token) -> Named | None:
        return self._name(token).named if token.kind is TokenKind.NAME else None

    def _operand(self, token: Token, other: Named) -> Operand:
        """A value that is compared with something of the kind ``other``."""
        if token.kind is TokenKind.NAME:
            if token.text in other.choices and token.text not in self._names:
                raise ConditionError(
                    token.offset, f"{token.text} is a choice, not a name", f"write '{token.text}'"
                )
            name = self._name(token)
            if name.named.kind is not other.kind:
                raise ConditionError(
                    token.offset,
                    f"{token.text} is {name.named.kind.value}, which does not compare with"
                    f" {other.kind.value}",
                    "compare values of one kind",
                )
            return name
        if token.is_word("none"):
            return Literal(None)
        return Literal(_literal(token, other))


def _literal(token: Token, other: Named) -> Comparable:
    value = _value_as(token, other)
    if value is None:
        raise ConditionError(
            token.offset, f"{token.text!r} is not {other.kind.value}", _right(other)
        )
    if other.kind is Kind.CHOICE and value not in other.choices:
        raise ConditionError(
            token.offset,
            f"{token.text!r} is not one of the choices",
            nearest(token.text, other.choices),
        )
    return value


def _value_as(token: Token, other: Named) -> Comparable | None:
    """The value of a literal as the kind ``other``; None if it is not of that kind."""
    is_text = token.kind is TokenKind.TEXT
    match other.kind:
        case Kind.TRUTH:
            return _TRUTHS.get(token.text) if token.is_word("yes", "no") else None
        case Kind.NUMBER:
            return decimal.Decimal(token.text) if token.kind is TokenKind.NUMBER else None
        case Kind.MONEY if is_text:
            try:
                money = parse_money(token.text)
            except MalformedError:
                return None
            return (money.currency, money.minor)
        case Kind.TEXT | Kind.CHOICE | Kind.DATE if is_text:
            return comparable(other.kind, token.text)
        case _:
            return None


_RIGHT: Final[Mapping[Kind, str]] = {
    Kind.TRUTH: "write yes or no",
    Kind.NUMBER: "write a number without quotes",
    Kind.MONEY: "write an amount as '12.50 EUR'",
    Kind.DATE: "write a date as '2026-01-31'",
    Kind.CHOICES: "write 'choice' in the list",
    Kind.OPAQUE: "compare it with none",
    Kind.TEXT: "write a text in quotes",
}


def _right(other: Named) -> str:
    if other.kind is Kind.CHOICE:
        return f"write {one_of(repr(choice) for choice in other.choices)}"
    return _RIGHT[other.kind]
