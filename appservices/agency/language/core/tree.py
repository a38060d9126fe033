"""Reading YAML with places: each value knows its line, its column and its name.

PyYAML's ``safe_load`` forgets where a value stood, silently takes the last of two equal keys and
turns an unquoted ``no`` into False. So we read its nodes, before they become values. Anchors are
refused: a few lines of them can stand for gigabytes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs
import yaml

from appservices.agency.language.core.problems import Place, Problems, nearest, one_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Protocol

    class _Mark(Protocol):
        """A place of PyYAML, counted from 0."""

        line: int
        column: int


SERVICE_FILE_CHARACTERS_MAX: Final = 128 * 1024
"""Longest service file."""
DEPTH_MAX: Final = 12
"""Deepest nesting of a service file."""
ITEMS_MAX: Final = 500
"""Most entries of one list or mapping."""

_TAG: Final = "tag:yaml.org,2002:"
_KINDS: Final[Mapping[str, str]] = {
    "str": "a text",
    "int": "a number",
    "float": "a number with a fraction",
    "bool": "yes or no",
    "null": "nothing",
    "timestamp": "a date",
    "seq": "a list",
    "map": "a mapping",
}


def _place(mark: _Mark | None) -> Place:
    return Place(1, 1) if mark is None else Place(mark.line + 1, mark.column + 1)


@attrs.frozen
class Item:
    """A value of the file.

    Attributes:
        node: As PyYAML composed it.
        path: Its name in the file.
        problems: Where to note what is wrong with it.
    """

    node: yaml.Node
    path: str
    problems: Problems

    @property
    def place(self) -> Place:
        """Where it begins."""
        return _place(self.node.start_mark)

    @property
    def kind(self) -> str:
        """Kind of the value, in words."""
        return _KINDS.get(self.node.tag.removeprefix(_TAG), f"a value tagged {self.node.tag}")

    def wrong(self, wrong: str, right: str) -> None:
        """Note that it is wrong."""
        self.problems.add(self.place, self.path, wrong, right)

    def is_kind(self, *names: str) -> bool:
        """Return whether YAML reads it as one of these: ``str``, ``int``, ``bool``, ``map``."""
        return self.node.tag in {_TAG + name for name in names}

    def text(self, *, characters_max: int, pattern: str | None = None) -> str | None:
        """The text, or None and a problem.

        Args:
            characters_max: Longest text; the shortest has one character.
            pattern: What it must match whole.
        """
        if not self.is_kind("str"):
            hint = ", in quotes" if isinstance(self.node, yaml.ScalarNode) else ""
            self.wrong(f"this is {self.kind}", f"write a text{hint}")
            return None
        value = str(self.node.value)
        if not value.strip():
            self.wrong("the text is empty", "write at least one word")
        elif len(value) > characters_max:
            self.wrong(
                f"the text has {len(value)} characters", f"use at most {characters_max} characters"
            )
        elif pattern is not None and not re.fullmatch(pattern, value):
            self.wrong("the text does not have the right form", f"it must match {pattern}")
        else:
            return value
        return None

    def integer(self, low: int, high: int) -> int | None:
        """The whole number from ``low`` to ``high``, or None and a problem."""
        right = f"write a whole number from {low} to {high}"
        if not self.is_kind("int") or not re.fullmatch(r"-?[0-9]{1,15}", self.node.value):
            self.wrong(f"this is {self.kind}", right)
            return None
        value = int(self.node.value)
        if not low <= value <= high:
            self.wrong(f"{value} is out of bounds", right)
            return None
        return value

    def truth(self) -> bool | None:
        """The truth value, or None and a problem."""
        if self.is_kind("bool"):
            return str(self.node.value).lower() in {"yes", "true", "on", "y"}
        self.wrong(f"this is {self.kind}", "write true or false")
        return None

    def word(self, words: Collection[str]) -> str | None:
        """One of ``words``, or None and a problem."""
        if not self.is_kind("str"):
            self.wrong(f"this is {self.kind}", f"use {one_of(words)}")
        elif self.node.value not in words:
            self.wrong(
                f"{self.node.value!r:.80} is not known here", nearest(self.node.value, words)
            )
        else:
            return str(self.node.value)
        return None

    def items(self, *, items_max: int = ITEMS_MAX) -> tuple[Item, ...]:
        """The entries of the list; none and a problem if it is no list, empty or too long."""
        if not isinstance(self.node, yaml.SequenceNode):
            self.wrong(f"this is {self.kind}", "write a list")
            return ()
        if not self.node.value:
            self.wrong("the list is empty", "write at least one entry")
        if len(self.node.value) > items_max:
            self.wrong(
                f"the list has {len(self.node.value)} entries", f"use at most {items_max} entries"
            )
            return ()
        return tuple(
            Item(node, f"{self.path}[{index}]", self.problems)
            for index, node in enumerate(self.node.value)
        )

    def section(self, keys: Collection[str], later: Mapping[str, str] | None = None) -> Section:
        """The mapping; every key outside ``keys`` is a problem.

        Args:
            keys: What may stand in it.
            later: Keys of later versions of Veche, and the service that each needs.
        """
        if not isinstance(self.node, yaml.MappingNode):
            self.wrong(f"this is {self.kind}", f"write a mapping of {one_of(keys)}")
            return Section(self, {}, is_mapping=False)
        return Section(self, _entries(self, self.node, keys, later or {}), is_mapping=True)


@attrs.frozen
class Section:
    """A mapping of the file.

    Attributes:
        item: The mapping itself.
        entries: Its known keys.
        is_mapping: False if something else stood there: then nothing more is said of it.
    """

    item: Item
    entries: Mapping[str, Item]
    is_mapping: bool

    def get(self, key: str) -> Item | None:
        """The value of a key that may be left out."""
        return self.entries.get(key)

    def need(self, key: str, right: str) -> Item | None:
        """The value of a key that must be there, or None and a problem.

        Args:
            key: Its name.
            right: What to write, if it is missing.
        """
        found = self.entries.get(key)
        if found is None and self.is_mapping:
            self.item.wrong(f"{key} is missing", right)
        return found


def _entries(
    item: Item, node: yaml.MappingNode, keys: Collection[str], later: Mapping[str, str]
) -> dict[str, Item]:
    found: dict[str, Item] = {}
    for key_node, value_node in node.value[:ITEMS_MAX]:
        key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
        path = f"{item.path}.{key}" if item.path else key
        place = _place(key_node.start_mark)
        if key in later:
            item.problems.add(
                place,
                path,
                f"needs the {later[key]} service, which service files cannot use yet",
                "leave it out",
            )
        elif key not in keys:
            item.problems.add(place, path, "is not known here", nearest(key, keys))
        elif key in found:
            item.problems.add(place, path, "stands twice", "keep one of the two")
        else:
            found[key] = Item(value_node, path, item.problems)
    if len(node.value) > ITEMS_MAX:
        item.wrong(f"the mapping has {len(node.value)} entries", f"use at most {ITEMS_MAX}")
    return found


def read_tree(text: str, problems: Problems) -> Item | None:
    """The root of a file, or None and a problem.

    Args:
        text: The whole file, at most ``SERVICE_FILE_CHARACTERS_MAX`` characters.
        problems: Where to note what is wrong.
    """
    if len(text) > SERVICE_FILE_CHARACTERS_MAX:
        problems.add(
            Place(1, 1),
            "",
            f"it has {len(text)} characters",
            f"use at most {SERVICE_FILE_CHARACTERS_MAX}",
        )
        return None
    try:
        _check_events(text, problems)
        root = None if len(problems) else yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        problems.add(
            _place(mark), "", f"this is not YAML: {e.problem}", "see yaml.org for its rules"
        )
        return None
    except yaml.reader.ReaderError as e:
        place = _place_of_index(text, int(e.position))
        problems.add(place, "", "a character that YAML does not allow", "remove it")
        return None
    if root is None and not len(problems):
        problems.add(Place(1, 1), "", "it is empty", "begin with `service: NAME`")
    return None if root is None else Item(root, "", problems)


def _place_of_index(text: str, index: int) -> Place:
    before = text[:index]
    return Place(before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1)


def _check_events(text: str, problems: Problems) -> None:
    """Refuse what must not even be composed: aliases, a second document, deep nesting."""
    depth = 0
    documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        place = _place(event.start_mark)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            problems.add(place, "", "anchors (&, *) are not allowed", "write the value out")
            return
        if depth > DEPTH_MAX:
            problems.add(place, "", "it is nested too deeply", f"use at most {DEPTH_MAX} levels")
            return
        if documents > 1:
            problems.add(place, "", "a second document begins", "write one service in a file")
            return
