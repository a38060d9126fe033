"""Tables of the messages with legal effect."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency.deliveries import core as delivery
from appservices.agency.deliveries.core import Record

if TYPE_CHECKING:
    from veche.protocol.ids import EffectId, EventId, RoomId, UserId
    from veche.runtime.database import Cursor

_SELECT: Final = (
    "SELECT delivery_id, case_id, bot, person, room_id, effect_id, sha256, of_what, made_at_ms,"
    " event_id, has_evidence, facts FROM agency.delivery"
)


@attrs.frozen
class Delivery:
    """A message that is followed until it is served.

    Attributes:
        event_id: Once the homeserver has it.
        has_evidence: Whether the homeserver has our module; None: nobody has asked yet.
    """

    id: str
    case_id: str
    bot: UserId
    person: UserId
    room_id: RoomId
    effect_id: EffectId
    sha256: str
    of: str
    made_at_ms: int
    event_id: EventId | None = None
    has_evidence: bool | None = None
    record: Record = attrs.field(factory=Record)


def add(txn: Cursor, one: Delivery) -> None:
    """Keep a message that was just said."""
    txn.execute(
        "INSERT INTO agency.delivery (delivery_id, case_id, bot, person, room_id, effect_id,"
        " sha256, of_what, made_at_ms, facts) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, '[]')",
        (
            one.id,
            one.case_id,
            one.bot,
            one.person,
            one.room_id,
            one.effect_id,
            one.sha256,
            one.of,
            one.made_at_ms,
        ),
    )


def save(txn: Cursor, one: Delivery) -> None:
    """Keep what is known now."""
    txn.execute(
        "UPDATE agency.delivery SET event_id = %s, has_evidence = %s, facts = %s, is_over = %s"
        " WHERE delivery_id = %s",
        (
            one.event_id,
            one.has_evidence,
            json.dumps(delivery.to_json(one.record)),
            one.record.stage in delivery.OVER,
            one.id,
        ),
    )


def read(txn: Cursor, delivery_id: str, *, is_locked: bool = False) -> Delivery | None:
    """One message."""
    lock = " FOR NO KEY UPDATE" if is_locked else ""
    txn.execute(f"{_SELECT} WHERE delivery_id = %s{lock}", (delivery_id,))
    row = txn.fetchone()
    return _delivery(row) if row else None


def of_event(txn: Cursor, bot: UserId, room_id: RoomId, event_id: EventId) -> str | None:
    """Id of the message that is an event; None if it is none that is followed."""
    txn.execute(
        "SELECT delivery_id FROM agency.delivery WHERE room_id = %s AND event_id = %s AND bot = %s",
        (room_id, event_id, bot),
    )
    row = txn.fetchone()
    return row[0] if row else None


def of_effect(txn: Cursor, effect_id: EffectId) -> str | None:
    """Id of the message of an effect."""
    txn.execute("SELECT delivery_id FROM agency.delivery WHERE effect_id = %s", (effect_id,))
    row = txn.fetchone()
    return row[0] if row else None


def of_case(txn: Cursor, case_id: str) -> list[Delivery]:
    """All messages of a case, the oldest first."""
    txn.execute(f"{_SELECT} WHERE case_id = %s ORDER BY made_at_ms, delivery_id", (case_id,))
    return [_delivery(row) for row in txn.fetchall()]


def set_counting(txn: Cursor, bot: UserId, person: UserId, since_ms: int | None) -> None:
    """Let a person's read receipts count from now on, or never."""
    txn.execute("DELETE FROM agency.receipts_count WHERE bot = %s AND person = %s", (bot, person))
    if since_ms is not None:
        txn.execute(
            "INSERT INTO agency.receipts_count (bot, person, since_ms) VALUES (%s, %s, %s)",
            (bot, person, since_ms),
        )


def counts(txn: Cursor, bot: UserId, person: UserId) -> bool:
    """Return whether a person lets their read receipts count."""
    txn.execute("SELECT 1 FROM agency.receipts_count WHERE bot = %s AND person = %s", (bot, person))
    return txn.fetchone() is not None


def _delivery(row: tuple[Any, ...]) -> Delivery:
    *rest, facts = row
    return attrs.evolve(Delivery(*rest), record=delivery.from_json(facts))
