"""Requests to the module, and its evidence from what it was told; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.protocol.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable

EVENTS_MAX: Final = 100
"""Events of one question."""
ID_CHARACTERS_MAX: Final = 255
SEND: Final = "/send"
"""The one method by which an event is acknowledged; the others are pulls."""


@attrs.frozen
class Asked:
    """One event, and the person to whom it was sent."""

    event_id: str
    user_id: str

    @property
    def server(self) -> str:
        """The person's homeserver."""
        return self.user_id.partition(":")[2]


def read_question(body: object) -> list[Asked]:
    """Read the body of a question.

    Raises:
        MalformedError: It is none.
    """
    events = body.get("events") if isinstance(body, Mapping) else None
    if not isinstance(events, list) or not 1 <= len(events) <= EVENTS_MAX:
        raise MalformedError("events", f"must be a list of 1 to {EVENTS_MAX} events")
    return [_read(one, f"events.{number}") for number, one in enumerate(events)]


def _read(one: object, where: str) -> Asked:
    if not isinstance(one, Mapping):
        raise MalformedError(where, "must be an object")
    event_id, user_id = one.get("event_id"), one.get("user_id")
    if not _is_id(event_id, "$"):
        raise MalformedError(f"{where}.event_id", "must be an event id")
    if not _is_id(user_id, "@") or ":" not in str(user_id):
        raise MalformedError(f"{where}.user_id", "must be a Matrix user id")
    return Asked(str(event_id), str(user_id))


def _is_id(value: object, sigil: str) -> bool:
    # PostgreSQL keeps no NUL.
    is_text = isinstance(value, str) and value.startswith(sigil) and "\0" not in value
    return is_text and 1 < len(str(value)) <= ID_CHARACTERS_MAX


def acknowledged(method: str, events: Iterable[Any], prefix: str, own: str) -> list[str]:
    """Return ids of events of our bots that another server has acknowledged.

    Args:
        method: How they came there.
        events: With ``event_id`` and ``sender``.
        prefix: How the localparts of our bots begin.
        own: The name of this server.
    """
    if method != SEND:
        return []
    return [
        event.event_id
        for event in events
        if event.sender.startswith(f"@{prefix}") and event.sender.endswith(f":{own}")
    ]
