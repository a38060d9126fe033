"""Reading events as the homeserver sends them; pure.

An event that cannot be read is counted and passed over: refusing one would keep all behind it from
being acknowledged.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from veche.protocol.ids import UserId

ID_CHARACTERS_MAX: Final = 255
"""Longest id or type (Matrix spec v1.18, "Size limits")."""

PAGE: Final = "page:"
"""With it begins the id of what a person did on a page of ours; no homeserver may say so."""
MEMBER: Final = "m.room.member"
ENCRYPTED: Final = "m.room.encrypted"
ENCRYPTION: Final = "m.room.encryption"
HISTORY_VISIBILITY: Final = "m.room.history_visibility"
TRACKED: Final = frozenset((MEMBER, ENCRYPTION, HISTORY_VISIBILITY))
"""State that decides who may read what we say; it counts whoever sets it, our bots too."""
_SAID: Final = frozenset((ENCRYPTED, "m.room.message", "m.reaction"))


@attrs.frozen
class Row:
    """An event on its way into the inbox.

    Attributes:
        state_key: Of a state event, else None.
        bot: The bot whose membership it is about, None for all other events.
        membership: What it says about ``bot``, or None.
        event: As JSON.
    """

    room_id: str
    event_id: str
    sender: str
    event_type: str
    state_key: str | None
    bot: UserId | None
    membership: str | None
    event: str


def is_for_an_answer(event_type: str, event: Mapping[str, Any]) -> bool:
    """Return whether the sender of an event may expect an answer.

    A notice is never answered: bots would talk with one another for ever (Matrix spec, m.notice).
    """
    content = event.get("content")
    is_notice = isinstance(content, dict) and content.get("msgtype") == "m.notice"
    return event_type in _SAID and "state_key" not in event and not is_notice


def read_event(event: object, is_ours: Callable[[str], bool]) -> Row | None:
    """An event as a row.

    Args:
        event: From a transaction or a /sync, with ``room_id``.
        is_ours: Whether a user id is in our namespace.

    Returns:
        None for what our own bots say, which they know already. Not so for what decides who may
        read: whom a bot removed gets no key any more, a room that it encrypted stays so, and a
        person's next membership says which event it replaces.

    Raises:
        ValueError: It is no event.
    """
    if not isinstance(event, dict):
        raise ValueError("not an object")  # noqa: TRY004 -- of the wire, not of the caller
    room_id, event_id = _id(event, "room_id"), _id(event, "event_id")
    if not event_id.startswith(("$", HEALED_INVITE)):
        raise ValueError("event_id is none of a homeserver")
    sender, event_type = _id(event, "sender"), _id(event, "type")
    state_key = event.get("state_key")
    about: Any = None
    membership: str | None = None
    if event_type == MEMBER and isinstance(state_key, str) and is_ours(state_key):
        about, membership = state_key, _membership(event)
    elif is_ours(sender) and not (event_type in TRACKED and isinstance(state_key, str)):
        return None
    return Row(
        room_id,
        event_id,
        sender,
        event_type,
        state_key if isinstance(state_key, str) else None,
        about,
        membership,
        json.dumps(event, separators=(",", ":")),
    )


def read_events(events: Iterable[object], is_ours: Callable[[str], bool]) -> tuple[list[Row], int]:
    """The rows of those events that can be read, and how many cannot."""
    rows: list[Row] = []
    malformed_count = 0
    for event in events:
        try:
            row = read_event(event, is_ours)
        except (ValueError, RecursionError):
            malformed_count += 1
            continue
        if row is not None:
            rows.append(row)
    return rows, malformed_count


HEALED_INVITE: Final = "invite "
"""With it begins the id of an invitation whose own id the homeserver does not tell."""


def invite_of(room_id: str, invite: object, bot: UserId, since: str) -> dict[str, Any] | None:
    """The invitation of ``bot`` out of a /sync answer's ``rooms.invite``, as an event.

    There it is stripped of its id (Matrix spec v1.18, "Stripped state"), so it gets one that is
    derived from what it says, and when.

    Args:
        room_id: Where to.
        invite: From the answer.
        bot: Who is invited.
        since: Token of the request: a later invitation of the same words is another.
    """
    state = invite.get("invite_state") if isinstance(invite, dict) else None
    events = state.get("events") if isinstance(state, dict) else None
    for event in events if isinstance(events, list) else ():
        if (
            isinstance(event, dict)
            and event.get("type") == MEMBER
            and event.get("state_key") == bot
            and _membership(event) == "invite"
        ):
            whole = {"event_id": _derived_id(room_id, event, since), **event}
            return {**whole, "room_id": room_id}
    return None


def is_first_join(event: Mapping[str, Any], bot: UserId) -> bool:
    """Return whether ``bot`` joins by it: nothing before it concerns the bot."""
    if event.get("type") != MEMBER or event.get("state_key") != bot:
        return False
    unsigned = event.get("unsigned")
    previous = unsigned.get("prev_content") if isinstance(unsigned, dict) else None
    was = previous.get("membership") if isinstance(previous, dict) else None
    return _membership(event) == "join" and was != "join"


def _membership(event: Mapping[str, Any]) -> str | None:
    content = event.get("content")
    membership = content.get("membership") if isinstance(content, dict) else None
    return membership if isinstance(membership, str) else None


def _id(event: Mapping[str, Any], field: str) -> str:
    value = event.get(field)
    if not isinstance(value, str) or not 1 <= len(value) <= ID_CHARACTERS_MAX:
        raise ValueError(f"{field} is not an id")
    if "\0" in value or not value.isascii():
        # PostgreSQL takes no NUL; UTF-8 has no lone surrogates.
        value.encode()
        if "\0" in value:
            raise ValueError(f"{field} has a NUL")
    return value


def _derived_id(room_id: str, event: Mapping[str, Any], since: str) -> str:
    data = json.dumps([room_id, event, since], sort_keys=True).encode()
    return HEALED_INVITE + hashlib.blake2b(data, digest_size=16).hexdigest()
