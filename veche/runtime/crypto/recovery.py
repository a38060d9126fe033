"""What to do about messages that nobody here can read.

Quietly wait first: keys and events travel apart. Then, once an hour and device at most, open a new
Olm session with the sender's devices and say ``m.dummy`` in it, after which strict clients share
their room session again with the next message (measured); and tell the person. More than that, two
broken sides would answer one another for ever.
"""

from __future__ import annotations

import enum
import logging
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs

from veche.runtime.crypto import metrics
from veche.runtime.crypto.store import people, rooms

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from veche.protocol.ids import EventId, RoomId, UserId
    from veche.runtime.crypto.core.values import PeerDevice
    from veche.runtime.crypto.sealing import Sealer
    from veche.runtime.crypto.tracking import People
    from veche.runtime.crypto.writer import Writer
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

KEY_WAIT_MS: Final = 10_000
UNWEDGE_PAUSE_MS: Final = 3600 * 1000
WAITING_KEPT_MS: Final = 7 * 24 * 3600 * 1000
"""How long a message waits for its key; the inbox drops it after that."""
WAITING_MAX: Final = 200
"""Waiting messages that one round looks at."""
UNWEDGED_A_ROUND_MAX: Final = 50


class HintKind(enum.Enum):
    """What a person is told whose message was not read."""

    SEND_AGAIN = "send_again"
    """I could not read your last message. Please send it again."""
    CLIENT_REFUSES = "client_refuses"
    """Your client refuses this bot's device; here is its fingerprint."""


@attrs.frozen
class WaitingEvent:
    """A room event that waits for its key.

    Attributes:
        is_too_late: Whether the key came, but from a later message on: this one is gone.
    """

    room_id: RoomId
    event_id: EventId
    sender: UserId
    session_id: str
    received_at_ms: int
    is_too_late: bool = False


@attrs.frozen
class Hint:
    """Something to tell a person about a message that was not read."""

    kind: HintKind
    event: WaitingEvent
    fingerprint: str


class CryptoPorts(Protocol):
    """What encryption asks of the rest of the runtime; each call in a transaction."""

    def wake(self, txn: Cursor, bot: UserId, room_ids: Iterable[str]) -> None:
        """Keys came for rooms: their waiting events can be opened."""

    def waiting(
        self, txn: Cursor, bot: UserId, before_ms: int, rows_max: int
    ) -> Sequence[WaitingEvent]:
        """Events of the bot that wait for a key since before a moment and were not told of."""

    def hint(self, txn: Cursor, bot: UserId, hint: Hint) -> None:
        """Tell the person, once an event: it is told of after this."""


class Recovery:
    """Rounds over the messages of one bot that wait; run by its writer."""

    def __init__(
        self,
        writer: Writer,
        sealer: Sealer,
        directory: People,
        ports: CryptoPorts,
        fingerprint: str,
    ) -> None:
        self._writer = writer
        self._sealer = sealer
        self._directory = directory
        self._ports = ports
        self._fingerprint = fingerprint
        self._wedged: set[tuple[str, str]] = set()

    def note_wedged(self, devices: Iterable[tuple[str, str]]) -> None:
        """Devices (user id, Curve25519) whose Olm messages no session opens."""
        for device in devices:
            if len(self._wedged) < WAITING_MAX:
                self._wedged.add(device)

    async def round(self, now_ms: int) -> None:
        """Unwedge what has waited too long, and tell people.

        Raises:
            LostWriterError: Another process writes for this bot now.
            MatrixError: The server refuses; the rest is done the next time.
            NoAnswerError: It does not answer; the rest is done the next time.
        """
        bot: Any = self._writer.user_id
        waiting = await self._writer.run(
            "crypto.waiting", self._ports.waiting, bot, now_ms - KEY_WAIT_MS, WAITING_MAX
        )
        metrics.waiting.labels(bot).set(len(waiting))
        senders = {event.sender for event in waiting} | {user for user, _ in self._wedged}
        if senders:
            wedged, self._wedged = self._wedged, set()
            await self._unwedge(senders, wedged, {event.sender for event in waiting}, now_ms)
        if waiting:
            await self._writer.run("crypto.hints", self._tell, waiting)
        await self._sealer.send_keys(None)

    async def _unwedge(
        self,
        senders: set[Any],
        wedged: set[tuple[str, str]],
        missed: set[Any],
        now_ms: int,
    ) -> None:
        def chosen(txn: Cursor) -> list[PeerDevice]:
            return self._chosen(txn, senders, wedged, missed, now_ms)

        devices = await self._writer.run("crypto.unwedge", chosen)
        if devices:
            opened = await self._sealer.claim(devices, now_ms)
            await self._writer.run("crypto.dummies", self._sealer.queue_dummies, opened)
            metrics.unwedged.inc(len(opened))
            logger.info("%s: new Olm sessions with %d devices", self._writer.user_id, len(opened))

    def _chosen(
        self,
        txn: Cursor,
        senders: set[Any],
        wedged: set[tuple[str, str]],
        missed: set[Any],
        now_ms: int,
    ) -> list[PeerDevice]:
        """Devices to which a dummy may go now; that is noted before it goes."""
        chosen: list[PeerDevice] = []
        for user_id in sorted(senders):
            for device in people.stored_keys(txn, user_id).devices:
                is_meant = user_id in missed or (user_id, device.curve25519) in wedged
                if not is_meant or len(chosen) >= UNWEDGED_A_ROUND_MAX:
                    continue
                number = self._writer.device_no
                if rooms.may_unwedge(txn, number, device, now_ms, UNWEDGE_PAUSE_MS):
                    chosen.append(device)
        return chosen

    def _tell(self, txn: Cursor, waiting: Sequence[WaitingEvent]) -> None:
        bot: Any = self._writer.user_id
        for event in waiting:
            code = self._writer.withheld.get((event.room_id, event.session_id))
            refuses = code == "m.unverified"
            kind = HintKind.CLIENT_REFUSES if refuses else HintKind.SEND_AGAIN
            self._ports.hint(txn, bot, Hint(kind, event, self._fingerprint))
