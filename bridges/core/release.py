"""How much of a message leaves Matrix: a network that others read gets less, or nothing.

The payload beside the words says what must never leave in clear, and so do files. A network gets a
notice instead, whatever the person or the office wants.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final

from veche.protocol.wire import mapping

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
        "org.veche.personal",
        "org.veche.sign_request",
        "org.veche.sign_result",
        "org.veche.signature",
    }
)
"""Payloads of messages that no network gets: documents to sign, attributes of the vault,
and what is for one person alone."""
ISSUED: Final = "org.veche.document"
"""Payload of the one file that leaves: what the office issued to the person."""
FILE_BYTES_MAX: Final = 10 << 20
_FILES: Final = frozenset({"m.audio", "m.file", "m.image", "m.video"})


def released(content: Mapping[str, Any], ceiling: Level) -> Level:
    """How much of a message a network gets that may get ``ceiling``."""
    if ceiling is Level.NOTICE or NEVER & content.keys():
        return Level.NOTICE
    if content.get("msgtype") not in _FILES:
        return Level.CONTENT
    size = mapping(content.get("info")).get("size")
    is_small = isinstance(size, int) and 0 <= size <= FILE_BYTES_MAX
    return Level.CONTENT if ISSUED in content and is_small else Level.NOTICE
