"""The reference of the configuration, written from the sections' docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic_core import PydanticUndefined

from veche.runtime.config.sections import Duration, Section, example_of, is_secret, key_of, model_in
from veche.runtime.config.units import show_duration, show_size

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_HEAD: Final = """\
# Configuration

<!-- Written by `veche config reference` from the docstrings of the sections: change those. -->

One YAML file, a section for each part. `veche config check FILE` finds all that is wrong in it.

- A duration is a whole number and a unit: `250 ms`, `30 s`, `5 min`, `2 h`, `7 d`, `1 w`.
- A size is a whole number and a unit: `512 B`, `64 KiB`, `16 MiB`, `2 GiB`, `1 TiB`.
- A relative path starts at the folder of the file.
- A secret is in a file of its own, which only its user may read (`chmod 600`).
- Unknown keys, keys that are there twice, YAML tags and aliases are refused.
"""
_PLAIN: Final = {"str": "text", "int": "number", "bool": "true or false", "Path": "path"}


def configuration_page(sections: Mapping[str, type[Section]]) -> str:
    """The page in Markdown.

    Args:
        sections: Models by the name of their section, in the page's order.
    """
    return "\n".join([_HEAD, *(_section(name, model) for name, model in sections.items())])


def _section(name: str, model: type[Section], depth: int = 2) -> str:
    lines = [f"{'#' * depth} `{name}`", "", inspect.cleandoc(model.__doc__ or ""), ""]
    lines += ["| key | value | default | what it is |", "|---|---|---|---|"]
    inner: list[str] = []
    for attribute, field in model.model_fields.items():
        key = key_of(attribute)
        part = model_in(field.annotation)
        what = " ".join((field.description or "").split()).replace("``", "`")
        kind = _part(f"`{name}.{key}`", field) if part else _kind(attribute, field)
        lines.append(f"| `{key}` | {_cell(kind)} | {_default(attribute, field)} | {_cell(what)} |")
        if part:
            inner.append(_section(f"{name}.{key}", part, depth + 1))
    return "\n".join([*lines, "", *inner])


def _part(link: str, field: FieldInfo) -> str:
    origin = get_origin(field.annotation)
    if origin in {list, tuple}:
        return f"list, see {link}"
    if inspect.isclass(origin) and issubclass(origin, Mapping):
        return f"by name, see {link}"
    return f"see {link}"


def _kind(attribute: str, field: FieldInfo) -> str:
    if attribute.endswith("_ms"):
        kind = "duration"
    elif attribute.endswith("_bytes"):
        kind = "size"
    elif is_secret(field):
        kind = "path of a secret"
    else:
        kind = _type(field.annotation)
    bounds = _bounds(field) if kind == "number" else ""
    example = example_of(field)
    return f"{kind}{bounds}" + (f", such as `{example}`" if example is not None else "")


def _type(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if origin is Annotated:
        return "duration" if annotation == Duration else _type(get_args(annotation)[0])
    arguments = [argument for argument in get_args(annotation) if argument is not type(None)]
    if origin in {list, tuple}:
        return f"list of {_type(arguments[0])}"
    if inspect.isclass(origin) and issubclass(origin, Mapping):
        return f"{_type(arguments[0])} → {_type(arguments[1])}"
    if origin is Union or arguments:
        return " or ".join(_type(argument) for argument in arguments)
    return _PLAIN.get(getattr(annotation, "__name__", ""), "text")


def _bounds(field: FieldInfo) -> str:
    low = next((mark.ge for mark in field.metadata if isinstance(mark, Ge)), None)
    high = next((mark.le for mark in field.metadata if isinstance(mark, Le)), None)
    if low is not None and high is not None:
        return f" from {low} to {high}"
    return f" from {low}" if low is not None else f" to {high}" if high is not None else ""


def _default(attribute: str, field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value is PydanticUndefined:
        return "none"
    if attribute.endswith("_ms"):
        return f"`{show_duration(value)}`"
    if get_args(field.annotation)[:1] == (Duration,):
        value = [show_duration(one) for one in value]
    return f"`{show_size(value)}`" if attribute.endswith("_bytes") else _yaml(value)


def _yaml(value: object) -> str:
    if isinstance(value, list | tuple | Mapping) and not value:
        return "empty"
    if isinstance(value, Mapping):
        return f"`{{{', '.join(f'{key}: {one!r}' for key, one in value.items())}}}`"
    if isinstance(value, list | tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
