"""Marks of messages that were sent but are not written down yet.

Writing down each acknowledgement by itself would cost a transaction a message. So it rides with the
next transaction of the sender or of the worker, or with one of its own when none comes. If the
process ends before, the same bytes are sent again under the same transaction id, and the homeserver
answers with the same event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from veche.protocol.ids import EffectId, EventId, RoomId, UserId


@attrs.frozen
class Mark:
    """An acknowledgement.

    Attributes:
        event_id: None where the homeserver did not say.
        done_mark: If it was the last row of its room: the mark of the room's work then.
    """

    room_id: RoomId
    bot: UserId
    effect_id: EffectId
    event_id: EventId | None
    done_mark: int | None


class Marks:
    """The acknowledgements of one process."""

    def __init__(self) -> None:
        self._on_first: Callable[[], None] = lambda: None
        self._waiting: list[Mark] = []
        self._known: dict[tuple[RoomId, EffectId], Mark] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def when_first(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` when there is one after there was none."""
        self._on_first = callback

    def note(self, mark: Mark) -> None:
        """Keep one until it is written down."""
        self._waiting.append(mark)
        self._known[mark.room_id, mark.effect_id] = mark
        if len(self._waiting) == 1:
            self._on_first()

    def find(self, room_id: RoomId, effect_id: EffectId) -> Mark | None:
        """The acknowledgement of an effect, if it is not known to be written down."""
        return self._known.get((room_id, effect_id))

    def take(self) -> Sequence[Mark]:
        """All that wait, for a transaction to write."""
        taken, self._waiting = self._waiting, []
        return taken

    def written(self, marks: Sequence[Mark]) -> None:
        """The transaction committed."""
        for mark in marks:
            self._known.pop((mark.room_id, mark.effect_id), None)

    def restore(self, marks: Sequence[Mark]) -> None:
        """The transaction may not have committed: they wait again, before newer ones."""
        if marks:
            self._waiting[:0] = marks
            self._on_first()
