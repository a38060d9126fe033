"""YAML as we read it: strict, with line numbers.

The scalars are those of YAML 1.2's core schema: ``no`` and ``10:30`` are texts, as people mean
them (YAML 1.1 makes them false and 630). Refused: a key that is there twice, which would silently
win or lose; tags; aliases, which can grow without bound.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import attrs
import yaml

from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

YAML_BYTES_MAX: Final = 1 << 20
DEPTH_MAX: Final = 20
"""How many mappings and lists may lie in one another."""

KeyPath = tuple[str | int, ...]


@attrs.frozen
class YamlDocument:
    """The content of a file, with the place of each value.

    Attributes:
        content: Dicts with text keys, lists, texts, numbers, booleans, None.
        lines: Line, from 1, of each key and list item by its path; () is the whole.
    """

    content: Any
    lines: Mapping[KeyPath, int]

    def line(self, path: KeyPath) -> int:
        """The line of ``path``, or of the nearest thing that holds it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class _Loader(yaml.SafeLoader):
    """Composes nodes with the scalars of YAML 1.2."""

    # Without resolvers all plain scalars are texts; ``_Builder`` reads them.
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """As the base, without aliases, whose place only an event knows."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases (*name): write it out", problem_mark=mark)
        return super().compose_node(parent, index)


_DIGITS_MAX: Final = 4_000
"""Of a whole number; Python refuses to read very long ones at all."""
_INTEGER: Final = re.compile(r"^[-+]?[0-9]+$")
_FLOAT: Final = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_VALUES: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def read_yaml_file(path: Path) -> YamlDocument:
    """Read a file.

    Raises:
        ConfigError: It is missing, unreadable, too large, or ``read_yaml`` refuses it.
    """
    try:
        with path.open("rb") as file:
            data = file.read(YAML_BYTES_MAX + 1)
    except OSError as e:
        raise ConfigError(f"{path}: {e.strerror}") from e
    if len(data) > YAML_BYTES_MAX:
        raise ConfigError(f"{path}: larger than {YAML_BYTES_MAX} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError as e:
        raise ConfigError(f"{path}: not UTF-8 at byte {e.start}") from e
    return read_yaml(text, name=str(path))


def read_yaml(text: str, *, name: str) -> YamlDocument:
    """Read one YAML document.

    Args:
        text: At most ``YAML_BYTES_MAX`` characters, of which the caller takes care.
        name: What to call it in an error.

    Raises:
        ConfigError: It is not YAML, has a key twice, a tag, an alias, or is too deep; the text
            says ``name:line: …``.
    """
    try:
        node = _compose(text)
    except yaml.MarkedYAMLError as e:
        line = e.problem_mark.line + 1 if e.problem_mark else 1
        raise ConfigError(f"{name}:{line}: not YAML: {e.problem}") from e
    except (yaml.YAMLError, RecursionError) as e:
        raise ConfigError(f"{name}: not YAML: {e}") from e
    builder = _Builder(name)
    content = None if node is None else builder.build(node, ())
    return YamlDocument(content, builder.lines)


def _compose(text: str) -> yaml.Node | None:
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


class _Builder:
    def __init__(self, name: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._name = name

    def build(self, node: yaml.Node, path: KeyPath) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if len(path) > DEPTH_MAX:
            raise self._error(node, f"nested deeper than {DEPTH_MAX}")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, i)) for i, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(key_node, "a key must be a text")
            key = key_node.value
            if key in content:
                raise self._error(
                    key_node, f"{key!r} is here twice, first in line {self.lines[*path, key]}"
                )
            self.lines[*path, key] = key_node.start_mark.line + 1
            content[key] = self.build(value_node, (*path, key))
        return content

    def _scalar(self, node: yaml.Node) -> Any:
        if node.tag != "tag:yaml.org,2002:str":
            raise self._error(node, f"the tag {node.tag} is refused")
        text = str(node.value)
        if getattr(node, "style", None) is not None:
            return text
        if text in _VALUES:
            return _VALUES[text]
        if _INTEGER.match(text):
            if len(text) > _DIGITS_MAX:
                raise self._error(node, f"a number has at most {_DIGITS_MAX} digits")
            return int(text)
        return float(text) if _FLOAT.match(text) else text

    def _error(self, node: yaml.Node, what: str) -> ConfigError:
        return ConfigError(f"{self._name}:{node.start_mark.line + 1}: {what}")
