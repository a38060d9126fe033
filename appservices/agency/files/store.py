"""SQL of what waits for a file of its case."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs

from veche.protocol.ids import EventId, RoomId, UserId
from veche.protocol.inbound import DeviceStanding, Inbound, Trust

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.runtime.database import Cursor


def hold(txn: Cursor, case_id: str, inbound: Inbound) -> None:
    """Let an event wait behind what waits already; the case is locked."""
    said = {**attrs.asdict(inbound, recurse=False), "standing": inbound.standing.value}
    txn.execute(
        "INSERT INTO agency.held (case_id, said) VALUES (%s, %s)", (case_id, json.dumps(said))
    )


def held(txn: Cursor, case_id: str) -> list[Inbound]:
    """List waiting files, in order."""
    txn.execute("SELECT said FROM agency.held WHERE case_id = %s ORDER BY seq", (case_id,))
    return [_inbound(said) for (said,) in txn.fetchall()]


def release(txn: Cursor, case_id: str) -> list[Inbound]:
    """Let nothing wait any more; what waited, in order. The case is locked."""
    waiting = held(txn, case_id)
    txn.execute("DELETE FROM agency.held WHERE case_id = %s", (case_id,))
    return waiting


def _inbound(said: Mapping[str, Any]) -> Inbound:
    return Inbound(
        bot=UserId(said["bot"]),
        room_id=RoomId(said["room_id"]),
        event_id=EventId(said["event_id"]),
        sender=UserId(said["sender"]),
        event_type=said["event_type"],
        content=said["content"],
        trust=Trust(said["trust"]),
        standing=DeviceStanding(said["standing"]),
        at_ms=said["at_ms"],
        state_key=said["state_key"],
    )
