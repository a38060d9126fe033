"""The requests of the outbox: sending a row, looking whether it was sent, and whether we may."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from veche.protocol.acts import ACT
from veche.protocol.ids import EventId
from veche.runtime.matrix.client import MatrixError, path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.messaging.outbox.turns import Ready
    from veche.protocol.ids import DeviceId, RoomId, UserId
    from veche.runtime.matrix.client import MatrixClient

SEARCH_EVENTS_MAX: Final = 10_000
SEARCH_PAGE: Final = 100
SEARCH_MARGIN_MS: Final = 600_000
"""How much earlier than our first attempt the homeserver's clock may say it was."""
SEND_TIMEOUT_S: Final = 60.0


async def send(
    client: MatrixClient, bot: UserId, device: DeviceId, room_id: RoomId, ready: Ready
) -> EventId | None:
    """Send a row; its event.

    Raises:
        MatrixError: The homeserver refused.
        NoAnswerError: There was no answer; it may have been sent.
    """
    answer = await client.call(
        "PUT",
        _target(room_id, ready),
        user=bot,
        device=device,
        body=ready.body.encode(),
        timeout_s=SEND_TIMEOUT_S,
    )
    event_id = answer.get("event_id")
    return EventId(event_id) if isinstance(event_id, str) else None


def _target(room_id: RoomId, ready: Ready) -> str:
    row = ready.row
    if row.state_key is not None:
        return path("rooms", room_id, "state", ready.kind, row.state_key)
    if ready.redacts is not None:  # of redactions alone
        return path("rooms", room_id, "redact", ready.redacts, row.effect_id)
    return path("rooms", room_id, "send", ready.kind, row.effect_id)


async def find_sent(
    client: MatrixClient, bot: UserId, room_id: RoomId, ready: Ready
) -> EventId | None:
    """The event that an earlier attempt made, if the room has it.

    Reads the bot's own events backwards until before the first attempt, at most
    ``SEARCH_EVENTS_MAX``.
    """
    wanted: Mapping[str, Any] = json.loads(ready.body)
    until_ms = (ready.row.first_sent_at_ms or ready.row.created_at_ms) - SEARCH_MARGIN_MS
    only = json.dumps({"senders": [bot], "types": [ready.kind]}, separators=(",", ":"))
    query = {"dir": "b", "limit": str(SEARCH_PAGE), "filter": only}
    for _ in range(SEARCH_EVENTS_MAX // SEARCH_PAGE):
        answer = await client.call("GET", path("rooms", room_id, "messages"), user=bot, query=query)
        events = answer.get("chunk") or []
        for event in events:
            if event.get("sender") == bot and _is_same(wanted, event, ready):
                return EventId(event["event_id"])
        end = answer.get("end")
        if not end or (events and events[-1].get("origin_server_ts", 0) < until_ms):
            return None
        query["from"] = end
    return None


def _is_same(wanted: Mapping[str, Any], event: Mapping[str, Any], ready: Ready) -> bool:
    content = event.get("content")
    if not isinstance(content, dict) or event.get("type") != ready.kind:
        return False
    if "ciphertext" in wanted:
        return all(content.get(key) == wanted[key] for key in ("session_id", "ciphertext"))
    redacts = content.get("redacts", event.get("redacts"))
    if ready.redacts is not None and redacts != ready.redacts:
        return False
    # The proof may have been made by another head.
    return all(content.get(key) == value for key, value in wanted.items() if key != ACT)


async def is_in_room(client: MatrixClient, bot: UserId, room_id: RoomId) -> bool:
    """Return whether the homeserver says that a bot is in a room."""
    target = path("rooms", room_id, "state", "m.room.member", bot)
    try:
        content = await client.call("GET", target, user=bot)
    except MatrixError as e:
        if e.status in {403, 404}:
            return False
        raise
    return content.get("membership") == "join"
