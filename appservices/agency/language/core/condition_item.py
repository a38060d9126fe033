"""Reading a condition of a service file, its errors placed in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.agency.language.core.conditions import (
    Condition,
    ConditionError,
    Kind,
    Named,
    read_condition,
)
from appservices.agency.language.core.problems import Place
from veche.protocol.forms import FieldKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.language.core.definition import FieldDefinition, Flag
    from appservices.agency.language.core.tree import Item

FACTS: Final = ("today", "flags", "asked_count", "files_count")
"""What is known of a case besides the answers: the date at the office, the flags that clerks set,
how often more was asked for, how many files were added. No field may have one of these names."""

_KINDS: Final = {
    FieldKind.NUMBER: Kind.NUMBER,
    FieldKind.INTEGER: Kind.NUMBER,
    FieldKind.MONEY: Kind.MONEY,
    FieldKind.DATE: Kind.DATE,
    FieldKind.YES_NO: Kind.TRUTH,
    FieldKind.CHOICE: Kind.CHOICE,
    FieldKind.CHOICES: Kind.CHOICES,
    FieldKind.DATE_TIME: Kind.OPAQUE,
    FieldKind.ADDRESS: Kind.OPAQUE,
    FieldKind.FILE: Kind.OPAQUE,
    FieldKind.PHOTO: Kind.OPAQUE,
    FieldKind.GEO: Kind.OPAQUE,
}


def names_in(fields: tuple[FieldDefinition, ...], flags: tuple[Flag, ...]) -> dict[str, Named]:
    """List the names that a condition may use: the fields, and the facts."""
    names = {
        "today": Named(Kind.DATE),
        "asked_count": Named(Kind.NUMBER, is_whole=True),
        "files_count": Named(Kind.NUMBER, is_whole=True),
    }
    if flags:
        names["flags"] = Named(Kind.CHOICES, tuple(flag.id for flag in flags))
    for field in fields:
        kind = _KINDS.get(field.kind, Kind.TEXT)
        choices = tuple(choice.id for choice in field.choices or ())
        names[field.id] = Named(kind, choices, is_whole=field.kind is FieldKind.INTEGER)
    return names


def read_condition_item(item: Item | None, names: Mapping[str, Named]) -> Condition | None:
    """A condition, or None and a problem; None for None."""
    if item is None:
        return None
    if not item.is_kind("str"):
        item.wrong(f"this is {item.kind}", "write a condition in quotes, as \"reason == 'court'\"")
        return None
    text = str(item.node.value)
    try:
        return read_condition(text, names)
    except ConditionError as e:
        item.problems.add(_place(item, text, e.offset), item.path, e.wrong, e.right)
        return None


def _place(item: Item, text: str, offset: int) -> Place:
    """Where a character of the condition stands in the file."""
    start, end = item.node.start_mark, item.node.end_mark
    # Escapes and folded lines move characters: then the place is where the condition begins.
    quote = 1 if getattr(item.node, "style", None) in {"'", '"'} else 0
    is_verbatim = start.line == end.line and end.index - start.index == len(text) + 2 * quote
    shift = offset + quote if is_verbatim else 0
    return Place(item.place.line, item.place.column + shift)
