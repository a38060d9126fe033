"""Documents of ``veche.protocol.message`` as JSON, to be kept until they are shown again."""

from __future__ import annotations

from typing import Any, Final

import attrs

from veche.protocol.errors import MalformedError
from veche.protocol.message import (
    Block,
    Bold,
    Bullets,
    Code,
    Doc,
    Facts,
    Heading,
    Link,
    Mono,
    Numbered,
    Paragraph,
)

_KINDS: Final = {
    kind.__name__: kind
    for kind in (Heading, Paragraph, Bullets, Numbered, Facts, Code, Bold, Mono, Link)
}


def doc_to_json(doc: Doc) -> list[Any]:
    """A document as JSON: each block and span ``[kind, fields…]``, plain text as itself."""
    return [_dumped(block) for block in doc]


def doc_from_json(value: list[Any]) -> Doc:
    """The document that ``doc_to_json`` wrote.

    Raises:
        MalformedError: It is not of that form.
    """
    try:
        return tuple(_loaded_block(one) for one in value)
    except (KeyError, TypeError, ValueError, IndexError) as e:
        raise MalformedError("document", "not as it was kept") from e


def _dumped(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return {"items": [_dumped(one) for one in value]}
    fields = [getattr(value, field.name) for field in attrs.fields(type(value))]
    return [type(value).__name__, *(_dumped(one) for one in fields)]


def _loaded_block(value: Any) -> Block:
    kind, content = value
    if kind == "Paragraph":
        return Paragraph(*_loaded(content))
    make: Any = _KINDS[kind]
    block = make(_loaded(content))
    if not isinstance(block, Block):
        raise TypeError(kind)
    return block


def _loaded(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return tuple(_loaded(one) for one in value["items"])
    kind, *fields = value
    make: Any = _KINDS[kind]
    return make(*(_loaded(one) for one in fields))
