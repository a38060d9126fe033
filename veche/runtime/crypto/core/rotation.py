"""When a room's outbound session is replaced."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Collection

MESSAGES_MAX: Final = 100
"""Messages a session, whatever the room allows."""
AGE_MS_MAX: Final = 7 * 24 * 3600 * 1000
"""Age of a session, whatever the room allows."""
AGE_MS_MIN: Final = 3600 * 1000
"""Shorter wishes of a room are read as this, or a room could make us rotate at each message."""


class Rotation(enum.Enum):
    """Why a session is replaced; the value is a metric's label."""

    FIRST = "first"
    MESSAGES = "messages"
    AGE = "age"
    READER_GONE = "reader_gone"


@attrs.frozen
class Limits:
    """The limits in a room's ``m.room.encryption``, within our own bounds."""

    rotation_ms: int = AGE_MS_MAX
    rotation_messages: int = MESSAGES_MAX


def read_limits(content: object) -> Limits:
    """The limits in a content of ``m.room.encryption``; anything odd is read as our own."""
    if not isinstance(content, dict):
        return Limits()
    return Limits(
        _within(content.get("rotation_period_ms"), AGE_MS_MIN, AGE_MS_MAX),
        _within(content.get("rotation_period_msgs"), 1, MESSAGES_MAX),
    )


def _within(value: object, least: int, most: int) -> int:
    return min(max(value, least), most) if type(value) is int else most


def rotation(
    limits: Limits,
    *,
    message_count: int,
    age_ms: int,
    shared: Collection[tuple[str, str]],
    readers: Collection[tuple[str, str]],
) -> Rotation | None:
    """Why the session must go, or None.

    Args:
        limits: Of the room.
        message_count: Messages that the session has sealed.
        age_ms: Since it was made; a clock that went back counts as too old.
        shared: User id and Curve25519 of each device that has it.
        readers: The same, of each device that may have it now.
    """
    if message_count >= limits.rotation_messages:
        return Rotation.MESSAGES
    if not 0 <= age_ms < limits.rotation_ms:
        return Rotation.AGE
    if not set(shared) <= set(readers):
        return Rotation.READER_GONE
    return None
