"""How much of a message leaves Matrix: a network that others read gets less, or nothing.

What must never leave in clear is known by the payload beside the words, and by files: for these a
network gets a notice, whatever the person or the office wants.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Level(enum.Enum):
    """How much a network gets."""

    NOTICE = "notice"
    """That there is news, and nothing of it."""
    CONTENT = "content"


NEVER: Final = frozenset(
    {
        "org.veche.approval",
        "org.veche.attribute_request",
        "org.veche.document",
        "org.veche.sign_request",
        "org.veche.sign_result",
        "org.veche.signature",
    }
)
"""Payloads of messages that no network gets: documents to sign, and attributes of the vault."""
_FILES: Final = frozenset({"m.audio", "m.file", "m.image", "m.video"})


def released(content: Mapping[str, Any], ceiling: Level) -> Level:
    """How much of a message a network gets that may get ``ceiling``."""
    if ceiling is Level.NOTICE or content.get("msgtype") in _FILES or NEVER & content.keys():
        return Level.NOTICE
    return Level.CONTENT
