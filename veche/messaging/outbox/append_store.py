"""SQL of saying: rows that come into the outbox, in the transaction of their cause."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import attrs

from veche import acts
from veche.messaging.outbox.store import AUDIENCE, SEALED, OutboxRow, dumped
from veche.protocol.acts import ACT, OPENING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.messaging.outbox.store import Outgoing, SealedRow
    from veche.protocol.acts import ActToken
    from veche.protocol.ids import RoomId, UserId
    from veche.runtime.database import Cursor


@attrs.define
class Said:
    """A row that its transaction hands on itself, with its bot and room.

    Attributes:
        sealed: Its bytes, the device and the moment, where they are known before it is written.
        is_written: The database has it, or will have it as it was said.
    """

    bot: UserId
    room_id: RoomId
    row: OutboxRow
    sealed: tuple[SealedRow, str, int] | None = None
    is_written: bool = False

    def statement(self, txn: Cursor) -> bytes:
        """Write the row, as far as it is known now."""
        self.is_written = True
        if self.sealed is None:
            return txn.mogrify(*_appending(txn, self.bot, self.room_id, self.row))
        row, (one, device, now_ms) = self.row, self.sealed
        related = _related(row)
        return txn.mogrify(
            "SELECT runtime.outbox_append_sealed(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                self.room_id,
                row.effect_id,
                self.bot,
                row.event_type,
                related,
                row.created_at_ms,
                one.sealed,
                one.sealed_type,
                device,
                now_ms,
            ),
        )


def append(txn: Cursor, outgoing: Outgoing, act: ActToken, now_ms: int) -> None:
    """Have something said, once the transaction commits; the same effect id again does nothing.

    Args:
        txn: The transaction of the cause; what it says is in ``txn.said`` too if that is a list.
        outgoing: What.
        act: Token for exactly this message (``Outgoing.form``); it is spent.
        now_ms: Moment, UTC.

    Raises:
        ActRequiredError: The token is for another message, or was spent.
    """
    acts.spend(txn, act, outgoing.form)
    content = dict(outgoing.content)
    if act.opening is not None:
        # For the person, inside the encryption; never sent where there is none.
        content[OPENING] = act.opening
    if outgoing.audience is not None:
        content[AUDIENCE] = outgoing.audience  # taken out when it is sealed
    row = OutboxRow(
        effect_id=outgoing.effect_id,
        event_type=outgoing.event_type,
        state_key=outgoing.state_key,
        redacts=outgoing.redacts,
        relation=outgoing.relation,
        content=content,
        beside={ACT: act.receipt.model_dump(mode="json", exclude_none=True)},
        created_at_ms=now_ms,
    )
    said = Said(outgoing.bot, outgoing.room_id, row, is_written=not row.is_sealable)
    if txn.said is not None:
        txn.said.append(said)
    if txn.said is None or said.is_written:
        txn.later(*_appending(txn, said.bot, said.room_id, row))
    else:
        txn.made_later(functools.partial(said.statement, txn))


def _appending(
    txn: Cursor, bot: UserId, room_id: RoomId, row: OutboxRow
) -> tuple[str, Sequence[Any]]:
    content = row.content or {}
    if row.is_sealable:
        # What is in clear here stays in the log of writes, also once it is overwritten.
        content = {SEALED: txn.vault.seal_text(content)}
    return (
        "SELECT runtime.outbox_append(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            room_id,
            row.effect_id,
            bot,
            row.event_type,
            row.state_key,
            row.redacts,
            _related(row),
            dumped(content),
            dumped(row.beside),
            row.created_at_ms,
            txn.said is None,
        ),
    )


def _related(row: OutboxRow) -> str | None:
    relation = row.relation
    return dumped([relation.kind.value, relation.target, relation.key]) if relation else None


def demand_newest(txn: Cursor, row: OutboxRow, said: Sequence[Said]) -> None:
    """Have the transaction run again if, beside what it said, an edit of the same waits."""
    txn.later(
        "SELECT runtime.demand(NOT EXISTS (SELECT FROM runtime.outbox WHERE room_id = %s"
        " AND bot = %s AND state = 0 AND relation ->> 0 = 'm.replace' AND relation ->> 1 = %s"
        " AND effect_id <> ALL (%s)), 'an older edit waits')",
        (
            said[0].room_id,
            said[0].bot,
            row.relation and row.relation.target,
            [one.row.effect_id for one in said],
        ),
    )


def set_said_sealed(
    txn: Cursor, sealed: Sequence[tuple[Said, SealedRow]], device: str, now_ms: int
) -> None:
    """As ``set_sealed``, of rows of a room that this transaction appended and that redact nothing.

    What is not written yet never waits in any other form.
    """
    written = [(said.room_id, one) for said, one in sealed if said.is_written]
    for said, one in sealed:
        if not said.is_written:
            said.sealed = one, device, now_ms
    if written:
        txn.later(
            "SELECT runtime.outbox_seal_said(%s, %s::text[], %s::text[], %s::text[], %s, %s)",
            (
                written[0][0],
                [one.effect_id for _, one in written],
                [one.sealed for _, one in written],
                [one.sealed_type for _, one in written],
                device,
                now_ms,
            ),
        )
