"""SQL of the outbox."""

from __future__ import annotations

import enum
import functools
import json
from typing import TYPE_CHECKING, Any, Final, cast

import attrs

from veche import acts
from veche.protocol.ids import EffectId, EventId, RoomId, UserId
from veche.protocol.message import RelationKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from veche.messaging.outbox.marks import Mark
    from veche.runtime.database import Cursor
    from veche.runtime.vault import Vault

CHANNEL: Final = "veche_outbox"
"""Where new rows are announced: ``<bot> <room id>``."""
AUDIENCE: Final = "audience"
"""In the content of a row that waits, not of what is sent: ``Outgoing.audience``."""
ROWS_MAX: Final = 10
"""Rows of one room that one transaction seals: who joins meanwhile does not read them."""
NEVER_ENCRYPTED: Final = frozenset(("m.reaction", "m.room.redaction"))
"""What clients read only in clear."""
SEALED: Final = "sealed"
"""The only key of content that is not encrypted for its room yet."""


class State(enum.IntEnum):
    """The state of a row; below 2 it is still to do."""

    NEW = 0
    SEALED = 1
    """Its bytes are fixed; it may have been sent."""
    SENT = 2
    GIVEN_UP = 3


@attrs.frozen
class Relation:
    """How a message relates to another.

    Attributes:
        kind: Edit, reaction, reference, thread or reply.
        target: An event id (``$…``), else an effect id, which becomes its event's id when the
            message is sealed.
        key: Of a reaction.
    """

    kind: RelationKind
    target: EffectId | EventId
    key: str | None = None


@attrs.frozen
class Outgoing:
    """Something a bot says or does in a room.

    Attributes:
        bot: Who.
        room_id: Where; one bot's rows of a room leave in the order in which they were appended.
        effect_id: Derived from the cause; the same again is the same message.
        event_type: Before encryption.
        content: Before encryption, without ``m.relates_to``; of a redaction only ``reason``.
        state_key: Of a state event; those are never encrypted.
        redacts: Of a redaction: what it removes, an effect id or an event id.
        relation: To another message.
        audience: Which devices in the room can read it where it is not for those that always do:
            see ``Sealer.seal_apart`` of the ports.
    """

    bot: UserId
    room_id: RoomId
    effect_id: EffectId
    event_type: str
    content: Mapping[str, Any]
    state_key: str | None = None
    redacts: EffectId | EventId | None = None
    relation: Relation | None = None
    audience: str | None = None

    @functools.cached_property
    def form(self) -> Mapping[str, str]:
        """Its clear form: what the token of its act binds. Worked out once."""
        relation = self.relation
        to = {
            "state_key": self.state_key,
            "redacts": self.redacts,
            "relation": [relation.kind.value, relation.target, relation.key] if relation else None,
        }
        return acts.message_form(
            self.bot,
            self.room_id,
            self.effect_id,
            self.event_type,
            self.content,
            to={key: value for key, value in to.items() if value is not None},
        )


def announce(txn: Cursor, bot: UserId, room_id: RoomId) -> None:
    """Let the process that has the bot's device know that there is something to send."""
    txn.later("SELECT pg_notify(%s, %s)", (CHANNEL, f"{bot} {room_id}"))


def is_said(txn: Cursor, room_id: RoomId, effect_id: EffectId) -> bool:
    """Return whether a message was sent already; forgotten once its row is deleted."""
    txn.execute(
        "SELECT 1 FROM runtime.outbox WHERE room_id = %s AND effect_id = %s", (room_id, effect_id)
    )
    return txn.fetchone() is not None


def effect_of(txn: Cursor, room_id: RoomId, event_id: EventId) -> EffectId | None:
    """The effect that became an event; None if it is none of ours."""
    return cast("EffectId | None", _column(txn, "effect_id", room_id, "event_id", event_id))


def event_of(txn: Cursor, room_id: RoomId, effect_id: EffectId) -> EventId | None:
    """The event that an effect became; None while the homeserver has not acknowledged it."""
    return cast("EventId | None", _column(txn, "event_id", room_id, "effect_id", effect_id))


def state_key_of(txn: Cursor, room_id: RoomId, effect_id: EffectId) -> str | None:
    """The state key of what was said, such as who was invited; None if it is no state."""
    return cast("str | None", _column(txn, "state_key", room_id, "effect_id", effect_id))


def _column(txn: Cursor, wanted: str, room_id: RoomId, key: str, value: str) -> Any:
    query = f"SELECT {wanted} FROM runtime.outbox WHERE room_id = %s AND {key} = %s"  # noqa: S608
    txn.execute(query, (room_id, value))
    row = txn.fetchone()
    return None if row is None else row[0]


@attrs.frozen
class OutboxRow:
    """A row to be sent.

    Attributes:
        content: None once it is sealed.
        sealed: Body of the request, None before.
        sealed_device: Device with which it was sealed.
        first_sent_at_ms: When it may have been sent first.
    """

    effect_id: EffectId
    event_type: str
    state_key: str | None
    redacts: EffectId | EventId | None
    relation: Relation | None
    content: Mapping[str, Any] | None
    beside: Mapping[str, Any]
    created_at_ms: int
    sealed: str | None = None
    sealed_type: str | None = None
    sealed_device: str | None = None
    attempts: int = 0
    first_sent_at_ms: int | None = None

    @property
    def is_sealable(self) -> bool:
        """Return whether it can be encrypted; clients read state and some event types in clear."""
        return self.state_key is None and self.event_type not in NEVER_ENCRYPTED


@attrs.frozen
class RoomRows:
    """The next rows of a room.

    Attributes:
        mark: Of the room's work.
        is_looked_at: The room's state is known.
        is_all: There are no more.
    """

    mark: int
    is_looked_at: bool
    rows: Sequence[OutboxRow]
    is_all: bool


def due(
    txn: Cursor, bots: Collection[UserId], now_ms: int, limit: int
) -> tuple[list[tuple[UserId, RoomId]], int | None]:
    """Rooms that are due, and when the first of the others is."""
    txn.execute(
        "SELECT bot, room_id FROM runtime.outbox_work WHERE bot = ANY(%s) AND next_at_ms <= %s"
        " ORDER BY next_at_ms LIMIT %s",
        (list(bots), now_ms, limit),
    )
    rooms = [(UserId(bot), RoomId(room_id)) for bot, room_id in txn.fetchall()]
    txn.execute(
        "SELECT min(next_at_ms) FROM runtime.outbox_work WHERE bot = ANY(%s) AND next_at_ms > %s",
        (list(bots), now_ms),
    )
    [(next_at_ms,)] = txn.fetchall()
    return rooms, next_at_ms


def rows(
    txn: Cursor,
    bot: UserId,
    room_id: RoomId,
    vault: Vault,
    marks: Sequence[Mark] = (),
    rows_max: int = ROWS_MAX,
) -> RoomRows | None:
    """The next rows of a room in order; None if it has no work.

    The marks are acknowledgements that are written down first.
    """
    txn.execute(
        "SELECT * FROM runtime.outbox_take("
        "%s, %s, %s, %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[])",
        (room_id, bot, rows_max + 1, *_columns(marks)),
    )
    found = txn.fetchall()
    if not found:
        return None
    mark, is_looked_at = found[0][:2]
    read = [_row(values[2:], vault) for values in found[:rows_max] if values[2] is not None]
    return RoomRows(mark, is_looked_at, read, len(found) <= rows_max)


def _row(values: Sequence[Any], vault: Vault) -> OutboxRow:
    effect_id, event_type, state_key, redacts, relation, content, beside, *rest = values
    if content is not None and SEALED in content:  # not so of rows of before
        content = vault.open_text(content[SEALED])
    *sealed, created_at_ms = rest
    related = relation and Relation(RelationKind(relation[0]), *relation[1:])
    return OutboxRow(
        EffectId(effect_id),
        event_type,
        state_key,
        redacts,
        related,
        content,
        beside,
        created_at_ms,
        *sealed,
    )


def target(
    txn: Cursor, room_id: RoomId, effect_id: EffectId
) -> tuple[State, EventId | None] | None:
    """State and event of an effect, None if there is none."""
    txn.execute(
        "SELECT state, event_id FROM runtime.outbox WHERE room_id = %s AND effect_id = %s",
        (room_id, effect_id),
    )
    row = txn.fetchone()
    return None if row is None else (State(row[0]), row[1])


@attrs.frozen
class SealedRow:
    """The parts of a row that are fixed when it is sealed."""

    effect_id: EffectId
    sealed: str
    sealed_type: str
    redacts: str | None


def set_sealed(
    txn: Cursor, room_id: RoomId, sealed: Sequence[SealedRow], device: str, now_ms: int
) -> None:
    """Fix the bytes of rows; their plain content is gone with it."""
    txn.later(
        "SELECT runtime.outbox_seal(%s, %s::text[], %s::text[], %s::text[], %s::text[], %s, %s)",
        (
            room_id,
            [row.effect_id for row in sealed],
            [row.sealed for row in sealed],
            [row.sealed_type for row in sealed],
            [row.redacts for row in sealed],
            device,
            now_ms,
        ),
    )


def mark_sent(txn: Cursor, marks: Sequence[Mark]) -> None:
    """Write down what was sent, in a transaction that does nothing else."""
    txn.alone(
        "SELECT runtime.outbox_mark(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[])",
        _columns(marks),
    )


def note_sent(txn: Cursor, marks: Sequence[Mark]) -> None:
    """Write down what was sent, and let ``end_sent`` say later that nothing is left."""
    if marks:
        rooms, bots, effects, events, _ = _columns(marks)
        txn.later(
            "SELECT runtime.outbox_mark("
            "%s::text[], %s::text[], %s::text[], %s::text[], '{}'::bigint[])",
            (rooms, bots, effects, events),
        )


def end_sent(txn: Cursor, marks: Sequence[Mark]) -> None:
    """Write down where nothing is left to be sent.

    At the end of a transaction: who has said something in such a room meanwhile waits until then.
    """
    last = [mark for mark in marks if mark.done_mark is not None]
    if last:
        rooms, bots, _, _, done_marks = _columns(last)
        txn.later(
            "SELECT runtime.outbox_end(%s::text[], %s::text[], %s::bigint[])",
            (rooms, bots, done_marks),
        )


def _columns(marks: Sequence[Mark]) -> tuple[list[Any], ...]:
    return (
        [mark.room_id for mark in marks],
        [mark.bot for mark in marks],
        [mark.effect_id for mark in marks],
        [mark.event_id for mark in marks],
        [mark.done_mark for mark in marks],
    )


def end_work(txn: Cursor, bot: UserId, room_id: RoomId, mark: int) -> None:
    """Note that a room has nothing left, unless something came since ``mark``."""
    txn.execute(
        "DELETE FROM runtime.outbox_work WHERE room_id = %s AND bot = %s AND mark = %s",
        (room_id, bot, mark),
    )


def retry(txn: Cursor, bot: UserId, room_id: RoomId, effect_id: EffectId, next_at_ms: int) -> None:
    """Try a row again later; its room's later rows wait."""
    txn.execute(
        "UPDATE runtime.outbox SET attempts = attempts + 1 WHERE room_id = %s AND effect_id = %s",
        (room_id, effect_id),
    )
    delay(txn, bot, room_id, next_at_ms)


def delay(txn: Cursor, bot: UserId, room_id: RoomId, next_at_ms: int) -> None:
    """Leave a room alone until then."""
    txn.execute(
        "UPDATE runtime.outbox_work SET next_at_ms = %s WHERE room_id = %s AND bot = %s",
        (next_at_ms, room_id, bot),
    )


def give_up(
    txn: Cursor, room_id: RoomId, effect_ids: Iterable[EffectId], failure: str
) -> list[tuple[UserId, EffectId, str]]:
    """Give rows up that were not sent; (bot, effect id, event type) of those."""
    txn.execute(
        "UPDATE runtime.outbox SET state = %s, failure = %s, content = NULL, beside = NULL"
        " WHERE room_id = %s AND effect_id = ANY(%s) AND state < 2"
        " RETURNING bot, effect_id, event_type",
        (int(State.GIVEN_UP), failure, room_id, list(effect_ids)),
    )
    return [(UserId(bot), EffectId(effect), kind) for bot, effect, kind in txn.fetchall()]


def drop_reactions(txn: Cursor, bot: UserId, room_id: RoomId, to: EffectId) -> None:
    """Drop a bot's reactions to its own message that nobody has begun to send."""
    txn.later(
        "UPDATE runtime.outbox SET state = %s, failure = 'late'"
        " WHERE room_id = %s AND bot = %s AND state = 0 AND event_type = 'm.reaction'"
        " AND relation ->> 1 = %s",
        (int(State.GIVEN_UP), room_id, bot, to),
    )


def unsent(txn: Cursor, bot: UserId, room_id: RoomId) -> list[EffectId]:
    """All rows of a bot in a room that were not sent."""
    txn.execute(
        "SELECT effect_id FROM runtime.outbox"
        " WHERE room_id = %s AND bot = %s AND state < 2 ORDER BY seq",
        (room_id, bot),
    )
    return [EffectId(effect_id) for (effect_id,) in txn.fetchall()]


def dumped(content: object) -> str:
    """Return JSON as rows have it."""
    # A float or NaN is a bug that must show here, not at the homeserver.
    return json.dumps(content, separators=(",", ":"), allow_nan=False)
