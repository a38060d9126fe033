"""Find in events and requests what people will read as a name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

MEMBER: Final = "m.room.member"
NAME: Final = "m.room.name"
ALIAS: Final = "m.room.canonical_alias"
JOIN_RULES: Final = "m.room.join_rules"
ENCRYPTION: Final = "m.room.encryption"
ALIASES_MAX: Final = 50
"""How many aliases of an event are looked at."""
_CLOSED: Final = frozenset({"invite", "private"})


def localpart(matrix_id: str) -> str:
    """Return an id or alias without its sigil and server."""
    return matrix_id[1:].partition(":")[0]


def name_of_member(user_id: str, content: object) -> str:
    """Return what clients call a member: the display name, else the localpart."""
    return text(content, "displayname") or localpart(user_id)


def names_of_room(event_type: str, content: object) -> Iterator[str]:
    """Yield the names that an event of state gives a room."""
    if event_type == NAME and (name := text(content, "name")):
        yield name
    if event_type == ALIAS and isinstance(content, Mapping):
        others = content.get("alt_aliases")
        aliases = [content.get("alias"), *(others if isinstance(others, (list, tuple)) else ())]
        for alias in aliases[:ALIASES_MAX]:
            if isinstance(alias, str):
                yield localpart(alias)


def names_of_request(request: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of a room that somebody asks for (client-server API, ``createRoom``)."""
    if alias := text(request, "room_alias_name"):
        yield alias
    if _is_own_business(request):
        return
    if name := text(request, "name"):
        yield name
    for event in _initial_state(request):
        yield from names_of_room(str(event.get("type")), event.get("content"))


def is_closed(join_rules: object) -> bool:
    """Return whether nobody comes into a room but by an invitation, which is looked at itself."""
    return (text(join_rules, "join_rule") or "invite") in _CLOSED


def text(content: object, key: str) -> str:
    """Return a text of an object, "" if there is none."""
    value = content.get(key) if isinstance(content, Mapping) else None
    return value if isinstance(value, str) else ""


def _is_own_business(request: Mapping[str, Any]) -> bool:
    """Return whether a new room is encrypted, closed, and nobody is invited yet."""
    kinds = {str(event.get("type")) for event in _initial_state(request)}
    is_open = "public" in (request.get("visibility"), str(request.get("preset"))[:6])
    is_shown = is_open or JOIN_RULES in kinds or request.get("invite") or request.get("invite_3pid")
    return ENCRYPTION in kinds and not is_shown


def _initial_state(request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    events = request.get("initial_state")
    # What is not of the right form here, the homeserver refuses itself.
    if isinstance(events, (list, tuple)):
        yield from (event for event in events if isinstance(event, Mapping))
