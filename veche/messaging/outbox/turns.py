"""One turn of a room of the outbox: the transaction that fixes the bytes of its next rows."""

from __future__ import annotations

import functools
import json
import logging
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.messaging.outbox import append_store, store
from veche.protocol.acts import OPENING
from veche.protocol.errors import TooLargeError
from veche.protocol.ids import EffectId, EventId, UserId
from veche.protocol.message import RelationKind, relation
from veche.runtime.matrix import store as rooms_store
from veche.runtime.ports import HeldBack, NotPrepared, Undeliverable, Undelivered

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from veche.messaging.outbox.marks import Mark, Marks
    from veche.messaging.outbox.store import OutboxRow
    from veche.protocol.ids import RoomId
    from veche.runtime.database import Cursor
    from veche.runtime.ports import Receiver, Sealer
    from veche.runtime.vault import Vault

    _Seal = Callable[
        [Cursor, RoomId, str, Mapping[str, Any], Mapping[str, Any], int], Mapping[str, Any]
    ]

logger = logging.getLogger(__name__)

REMEMBERED_MS: Final = 23 * 3600 * 1000
"""How long the homeserver knows a transaction id (24 h, measured), less a margin."""
RELATION_WAIT_MS: Final = 1_000
"""When to look again for the event of another queue that a row relates to."""

NUMBERS_WAIT_MS: Final = 2_000
"""When to look again whether there is time for reactions to a question."""

NUMBERS_WAIT_MS_MAX: Final = 20_000
"""How long reactions wait for what is said to others."""

HELD_MS: Final = 60_000
"""When to look again whether what was held back may go."""

HELD_MAX: Final = 100
"""What is held back in one room; more is given up, since it can be asked for again."""

MEMBER: Final = "m.room.member"
REACTION: Final = "m.reaction"
_OPTIONAL: Final = frozenset((RelationKind.REPLY, RelationKind.THREAD))
"""Relations without which a message still says what it says."""


@attrs.frozen
class Place:
    """A bot in a room, with what seals for it and the service behind it."""

    bot: UserId
    room_id: RoomId
    sealer: Sealer
    receiver: Receiver


@attrs.frozen
class Ready:
    """A row whose bytes are committed.

    Attributes:
        body: Of the request.
        kind: Event type in clear.
        redacts: Of a redaction: the event.
        must_search: The homeserver may have it and have forgotten under which id.
    """

    row: OutboxRow
    body: str
    kind: str
    redacts: str | None
    must_search: bool = False


@attrs.define
class Turn:
    """The findings and acts of one transaction.

    Attributes:
        mark: Of the room's work; None if there is no saying when it is done.
        needs_look: The room's state is not known.
        needs_preparation: A reader's keys have to be asked for first.
        is_room_encrypted: Once known.
        has_keys: Room keys may have to go first.
        is_all: Nothing is left after ``ready``.
        wait_ms: Only something that is not at hand is left: when to look again.
        ready: To be sent, in order.
    """

    mark: int | None = None
    needs_look: bool = False
    needs_preparation: bool = False
    is_room_encrypted: bool = False
    has_keys: bool = False
    is_all: bool = True
    wait_ms: int | None = None
    ready: list[Ready] = attrs.field(factory=list)


@attrs.define
class Handover:
    """Messages of a transaction, to be handed on once it is committed.

    Attributes:
        rooms: Where something waits to be sent: (bot, room id).
        here: The room of the transaction, (bot, room id).
        turn: What was sealed there and may leave, None if nothing may.
    """

    rooms: set[tuple[UserId, RoomId]] = attrs.field(factory=set)
    here: tuple[UserId, RoomId] | None = None
    turn: Turn | None = None

    @property
    def sealed_count(self) -> int:
        """How much was sealed."""
        return 0 if self.turn is None else len(self.turn.ready)

    def settle(self, mark: int | None) -> None:
        """Note the mark of the room's work, or that something else has to go first."""
        if self.turn is not None:
            self.turn.mark = mark
        if mark is None:
            self.turn = None


class _CannotSealError(Exception):
    """A row can never be sealed."""

    def __init__(self, reason: Undeliverable, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class _UnresolvedError(Exception):
    """The event to which a row relates was not sent yet."""


class Turns:
    """Takes turns, given the acknowledgements that are not written down yet."""

    def __init__(self, marks: Marks, vault: Vault) -> None:
        self._marks = marks
        self._vault = vault
        self._held: dict[tuple[UserId, RoomId], int] = {}

    def take(
        self,
        txn: Cursor,
        place: Place,
        marks: Sequence[Mark],
        now_ms: int,
        *,
        is_prepared: bool,
        is_busy: bool = False,
    ) -> Turn:
        """Write ``marks`` down, read the next rows of a room, fix their bytes.

        Args:
            txn: The one transaction of the turn.
            place: The room.
            marks: Acknowledgements to write along.
            now_ms: UTC.
            is_prepared: ``Sealer.prepare`` was just called; without it nothing is sealed.
            is_busy: Many others are being written to: reactions that nobody misses yet wait.

        Raises:
            LostWriterError: Another process speaks for the bot; nothing was changed.
        """
        held_count = self._held.pop((place.bot, place.room_id), 0)
        rows_max = store.ROWS_MAX + held_count
        found = store.rows(txn, place.bot, place.room_id, self._vault, marks, rows_max)
        if found is None:
            return Turn()
        rows = [row for row in found.rows if not self._marks.find(place.room_id, row.effect_id)]
        has_marked = len(rows) < len(found.rows)
        if not found.rows:
            store.end_work(txn, place.bot, place.room_id, found.mark)
            return Turn()
        if not found.is_looked_at:
            return Turn(needs_look=True)
        turn = Turn(mark=None if has_marked else found.mark, is_all=found.is_all)
        if is_busy and found.is_all:
            urgent = [row for row in rows if not _can_wait(row, now_ms)]
            turn.is_all, rows = len(urgent) == len(rows), urgent
        turn.is_room_encrypted = place.sealer.is_encrypted(txn, place.room_id)
        if turn.is_room_encrypted and not is_prepared and any(map(_is_to_seal, rows)):
            return Turn(needs_preparation=True, is_all=False, is_room_encrypted=True)
        self._seal_rows(txn, place, rows, turn, now_ms)
        if found.is_all and not (turn.is_all or turn.ready or turn.needs_preparation):
            turn.wait_ms = turn.wait_ms or NUMBERS_WAIT_MS
        return turn

    def _seal_rows(
        self, txn: Cursor, place: Place, rows: Sequence[OutboxRow], turn: Turn, now_ms: int
    ) -> None:
        is_room_encrypted = turn.is_room_encrypted
        seal = place.sealer.seal if is_room_encrypted else None
        device_id = place.sealer.device_id
        fixed: list[store.SealedRow] = []
        held: set[str | None] = set()
        held_count, is_last = 0, turn.is_all
        for row in rows:
            # Also of rows sealed before: the process may have ended before the keys went.
            turn.has_keys |= is_room_encrypted and row.is_sealable
            if row.sealed is not None and row.sealed_type is not None:
                turn.ready.append(_as_sealed(row, row.sealed, row.sealed_type, device_id, now_ms))
                continue
            try:
                _check_follows(row, held)
                one = self._seal(txn, place, row, now_ms, seal)
            except _UnresolvedError:
                turn.is_all = False
                # What it relates to may be acknowledged once this turn was sent.
                turn.wait_ms = None if turn.ready else RELATION_WAIT_MS
                break
            except NotPrepared:
                turn.is_all, turn.needs_preparation, turn.wait_ms = False, True, None
                break
            except HeldBack as e:
                if held_count >= HELD_MAX:
                    give_up(txn, place, [row.effect_id], Undeliverable.FORBIDDEN, str(e))
                    continue
                # What comes after it goes first: it may be the warning of what it waits for.
                held_count += 1
                held |= {row.effect_id, _edited(row)}
                turn.is_all, turn.wait_ms = False, HELD_MS if is_last else None
                continue
            except _CannotSealError as e:
                logger.exception("outbox: %s cannot be sent", row.effect_id)
                give_up(txn, place, [row.effect_id], e.reason, e.detail)
                continue
            fixed.append(one)
            turn.ready.append(Ready(row, one.sealed, one.sealed_type, one.redacts))
        if held_count:
            self._held[place.bot, place.room_id] = held_count
        if fixed:
            store.set_sealed(txn, place.room_id, fixed, device_id, now_ms)

    def seal(
        self, txn: Cursor, place: Place, said: Sequence[append_store.Said], now_ms: int
    ) -> Turn | None:
        """Fix the bytes of rows in the transaction that appends them, where nothing is in the way.

        Returns:
            What is to be sent; the rest of the rows, and all where it is None, are for a turn.
        """
        turn = Turn(is_room_encrypted=place.sealer.is_encrypted(txn, place.room_id))
        seal = place.sealer.seal_now if turn.is_room_encrypted else None
        fixed: list[tuple[append_store.Said, store.SealedRow]] = []
        for one_said in said[: store.ROWS_MAX]:
            row = one_said.row
            if row.state_key is not None or row.redacts is not None or _is_apart(row):
                break
            if seal is not None and _edited(row) is not None:
                if txn.is_again:
                    break  # perhaps an older edit is held back
                append_store.demand_newest(txn, row, said)
            try:
                one = self._seal(txn, place, row, now_ms, seal)
            except (NotPrepared, HeldBack, _UnresolvedError, _CannotSealError):
                break
            turn.has_keys |= turn.is_room_encrypted and row.is_sealable
            turn.ready.append(Ready(row, one.sealed, one.sealed_type, one.redacts))
            fixed.append((one_said, one))
        if not fixed:
            return None
        turn.is_all = len(fixed) == len(said)
        append_store.set_said_sealed(txn, fixed, place.sealer.device_id, now_ms)
        return turn

    def _seal(
        self, txn: Cursor, place: Place, row: OutboxRow, now_ms: int, seal: _Seal | None
    ) -> store.SealedRow:
        content = dict(row.content or {})
        redacts: EventId | None = None
        if row.redacts is not None:
            redacts = self._event_of(txn, place.room_id, row.redacts)
            if redacts is None:
                raise _CannotSealError(Undeliverable.RELATION_LOST, "what it redacts was not sent")
        if row.relation is not None:
            relates = self._relates(txn, place.room_id, row.relation)
            if relates is not None:
                content["m.relates_to"] = relates
        if row.event_type == MEMBER and row.state_key is not None:
            expected = str(content.get("membership"))
            rooms_store.expect_member(txn, place.room_id, UserId(row.state_key), expected)
        audience = content.pop(store.AUDIENCE, None)
        if seal is None or not row.is_sealable:
            content.pop(OPENING, None)  # for the person alone
            return _fixed(row, {**content, **row.beside}, row.event_type, redacts)
        if audience is not None:
            seal = functools.partial(place.sealer.seal_apart, audience)
        try:
            sealed = seal(txn, place.room_id, row.event_type, content, row.beside, now_ms)
        except TooLargeError as e:
            raise _CannotSealError(Undeliverable.MALFORMED, str(e)) from e
        return _fixed(row, sealed, "m.room.encrypted", redacts)

    def _relates(
        self, txn: Cursor, room_id: RoomId, related: store.Relation
    ) -> Mapping[str, Any] | None:
        event_id = self._event_of(txn, room_id, related.target)
        if event_id is None:
            if related.kind in _OPTIONAL:
                return None
            raise _CannotSealError(Undeliverable.RELATION_LOST, "what it relates to was not sent")
        try:
            return relation(related.kind, event_id, related.key)
        except ValueError as e:
            raise _CannotSealError(Undeliverable.MALFORMED, str(e)) from e

    def _event_of(self, txn: Cursor, room_id: RoomId, target: EffectId | EventId) -> EventId | None:
        """The event of an effect, None if there never will be one."""
        if target.startswith("$"):
            return EventId(target)
        mark = self._marks.find(room_id, EffectId(target))
        if mark is not None:
            return mark.event_id
        found = store.target(txn, room_id, EffectId(target))
        if found is None or found[0] is store.State.GIVEN_UP:
            return None
        state, event_id = found
        if state is not store.State.SENT:
            raise _UnresolvedError(target)
        return event_id


def give_up(
    txn: Cursor, place: Place, effect_ids: Sequence[EffectId], reason: Undeliverable, detail: str
) -> None:
    """Give rows up, and tell the service behind the bot, in one transaction."""
    for bot, effect_id, event_type in store.give_up(
        txn, place.room_id, effect_ids, f"{reason.value}: {detail}"
    ):
        if event_type == MEMBER:
            # It was counted with: whoever was not invited after all must be given no key.
            rooms_store.set_doubtful(txn, place.room_id)
        undelivered = Undelivered(bot, place.room_id, effect_id, event_type, reason, detail)
        place.receiver.undelivered(txn, undelivered)


def _is_to_seal(row: OutboxRow) -> bool:
    return row.sealed is None and row.is_sealable


def _can_wait(row: OutboxRow, now_ms: int) -> bool:
    is_new = row.sealed is None and now_ms - row.created_at_ms < NUMBERS_WAIT_MS_MAX
    return is_new and row.event_type == REACTION


def _edited(row: OutboxRow) -> str | None:
    """Return the event that a row edits; edits leave in order, so that the newest text stays."""
    is_edit = row.relation is not None and row.relation.kind is RelationKind.REPLACE
    return f"edit of {row.relation.target}" if row.relation and is_edit else None


def _check_follows(row: OutboxRow, held: Collection[str | None]) -> None:
    """Raise ``HeldBack`` for what belongs to a row that is held back."""
    to = (row.redacts, row.relation and row.relation.target, _edited(row))
    if any(one in held for one in to if one is not None):
        raise HeldBack("what it belongs to is held back")


def _is_apart(row: OutboxRow) -> bool:
    return row.content is not None and store.AUDIENCE in row.content


def _as_sealed(row: OutboxRow, sealed: str, kind: str, device_id: str, now_ms: int) -> Ready:
    is_old = row.first_sent_at_ms is None or now_ms - row.first_sent_at_ms > REMEMBERED_MS
    # Repeating a state event changes nothing.
    must_search = row.state_key is None and (is_old or row.sealed_device != device_id)
    return Ready(row, sealed, kind, row.redacts, must_search)


def _fixed(
    row: OutboxRow, content: Mapping[str, Any], kind: str, redacts: EventId | None
) -> store.SealedRow:
    body = json.dumps(dict(content), separators=(",", ":"))
    return store.SealedRow(row.effect_id, body, kind, redacts)
