"""Recovery of messages that nobody here can read.

The inbox waits quietly first: keys and events travel apart. Then, once an hour and device at most,
a new Olm session is opened with the sender's devices and ``m.dummy`` said in it, after which strict
clients share their room session again with the next message (measured); and the person is told.
Nobody is told while the crypto channel is behind: the key may be in what it did not bring yet.
With more than that, two broken sides would answer one another for ever.
"""

from __future__ import annotations

import enum
import logging
from typing import TYPE_CHECKING, Final, Protocol

import attrs

from veche.protocol.ids import EventId, RoomId, UserId
from veche.runtime.crypto import metrics
from veche.runtime.crypto.core.trust import BLACKLISTED, UNVERIFIED
from veche.runtime.crypto.store import people, rooms, sessions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from veche.runtime.crypto.core.values import PeerDevice
    from veche.runtime.crypto.sealing import Sealer
    from veche.runtime.crypto.store.rooms import Unreadable
    from veche.runtime.crypto.tracking import People
    from veche.runtime.crypto.writer import Writer
    from veche.runtime.database import Cursor, Database

logger = logging.getLogger(__name__)

UNWEDGE_PAUSE_MS: Final = 3600 * 1000
WAITING_MAX: Final = 200
"""Unread messages, or wedged devices, that one round looks at."""
ROOM_KEY_KEPT_MS: Final = 37 * 24 * 3600 * 1000
"""Room keys go 30 days after their last use; clients replace a session after a week at most."""
WIPE_PAUSE_MS: Final = 3600 * 1000
WIPED_A_ROUND_MAX: Final = 1_000
UNWEDGED_A_ROUND_MAX: Final = 50
ASKED_KEPT_MS: Final = 24 * 3600 * 1000
"""So long the key directory is believed without news; then it is asked anew when it is next needed.
News gets lost between servers, and then a new device would never be served."""
OLD_A_ROUND_MAX: Final = 5_000
_REFUSALS: Final = frozenset({UNVERIFIED, BLACKLISTED})
"""Codes with which a client refuses us until its person changes that: sending again is no use."""


class HintKind(enum.Enum):
    """The kind of hint to a person whose message was not read."""

    SEND_AGAIN = "send_again"
    """I could not read your last message. Please send it again."""
    CLIENT_REFUSES = "client_refuses"
    """Your client refuses this bot's device; here is its fingerprint."""


@attrs.frozen
class Hint:
    """Something to tell a person about a message that was not read.

    Attributes:
        fingerprint: Of the bot's identity, as people are shown it.
    """

    kind: HintKind
    room_id: RoomId
    event_id: EventId
    sender: UserId
    fingerprint: str


class CryptoPorts(Protocol):
    """The operations that encryption needs from the runtime; each call in a transaction."""

    def wake(
        self, txn: Cursor, bot: UserId, room_id: RoomId, session_ids: Sequence[str], now_ms: int, /
    ) -> None:
        """Room keys came: the events that wait for them can be opened."""

    def hint(self, txn: Cursor, bot: UserId, hint: Hint, now_ms: int, /) -> None:
        """Tell the person; may be called again for the same event."""


@attrs.define(slots=False, eq=False)
class Recovery:
    """Rounds over the messages of one bot that wait; run by its writer."""

    _writer: Writer
    _database: Database
    _directory: People
    _sealer: Sealer
    _ports: CryptoPorts
    _fingerprint: str
    _wedged: set[tuple[str, str]] = attrs.field(init=False, factory=set)
    _wiped_at_ms: int = attrs.field(init=False, default=0)

    def note_wedged(self, devices: Iterable[tuple[str, str]]) -> None:
        """Devices (user id, Curve25519) whose Olm messages no session opens."""
        for device in devices:
            if len(self._wedged) < WAITING_MAX:
                self._wedged.add(device)

    async def round(self, now_ms: int, *, is_caught_up: bool = True) -> None:
        """Unwedge what has waited too long, and tell people.

        Args:
            now_ms: UTC.
            is_caught_up: Whether a missing key cannot be on its way any more.

        Raises:
            LostWriterError: Another process writes for this bot now.
            MatrixError: The server refuses; the rest is done the next time.
            NoAnswerError: It does not answer; the rest is done the next time.
        """
        bot = self._writer.user_id
        waiting = await self._database.run("crypto.unreadable", self._waiting)
        metrics.waiting.labels(bot).set(len(waiting))
        if not is_caught_up:
            waiting = []
        missed = {event.sender for event in waiting}
        wedged, self._wedged = self._wedged, set()
        if missed or wedged:
            users = missed | {user for user, _ in wedged}
            stale = await self._database.run("crypto.stale", people.outdated_among, users)
            await self._directory.refresh(bot, stale)
            try:
                await self._unwedge(wedged, missed, now_ms)
            except BaseException:
                self.note_wedged(wedged)
                raise
        if waiting:
            await self._writer.run("crypto.hints", self._tell, waiting, now_ms)
        await self._sealer.to_device.send(None)
        if now_ms - self._wiped_at_ms >= WIPE_PAUSE_MS:
            self._wiped_at_ms = now_ms
            before_ms = now_ms - ROOM_KEY_KEPT_MS
            await self._writer.run(
                "crypto.wipe", sessions.wipe_room_keys, before_ms, WIPED_A_ROUND_MAX
            )
            old_ms = now_ms - ASKED_KEPT_MS
            await self._database.run("crypto.old", people.mark_old, bot, old_ms, OLD_A_ROUND_MAX)

    def _waiting(self, txn: Cursor) -> list[Unreadable]:
        """List messages that are still unreadable; forget those whose key has come."""
        bot = self._writer.user_id
        rooms.drop_readable(txn, bot, self._writer.device_no)
        return rooms.unreadable(txn, bot, WAITING_MAX)

    async def _unwedge(self, wedged: set[tuple[str, str]], missed: set[str], now_ms: int) -> None:
        """Send dummies where none went for an hour; who gives no key now gets one the next time."""
        devices = await self._database.run("crypto.unwedge", self._chosen, wedged, missed, now_ms)
        if not devices:
            return
        opened = await self._sealer.claims.claim(devices, now_ms)
        await self._writer.run("crypto.dummies", self._add_dummies, opened, now_ms)
        metrics.unwedged.inc(len(opened))
        logger.info("%s: new Olm sessions with %d devices", self._writer.user_id, len(opened))

    def _chosen(
        self, txn: Cursor, wedged: set[tuple[str, str]], missed: set[str], now_ms: int
    ) -> list[PeerDevice]:
        """Devices to which a dummy may go now."""
        chosen: list[PeerDevice] = []
        since_ms = now_ms - UNWEDGE_PAUSE_MS
        for user_id in sorted(missed | {user for user, _ in wedged}):
            for device in people.stored_keys(txn, user_id).devices:
                is_meant = user_id in missed or (user_id, device.curve25519) in wedged
                if not is_meant or len(chosen) >= UNWEDGED_A_ROUND_MAX:
                    continue
                is_due = self._sealer.claims.is_due(device, now_ms)
                if is_due and not rooms.is_unwedged(txn, self._writer.device_no, device, since_ms):
                    chosen.append(device)
        return chosen

    def _add_dummies(self, txn: Cursor, devices: Sequence[PeerDevice], now_ms: int) -> None:
        # In one transaction: a note without its dummy would keep the next one from going for an
        # hour, wherever the process is killed.
        self._sealer.to_device.add_dummies(txn, devices)
        rooms.note_unwedged(txn, self._writer.device_no, devices, now_ms)

    def _tell(self, txn: Cursor, waiting: Sequence[Unreadable], now_ms: int) -> None:
        bot = self._writer.user_id
        for event in waiting:
            code = self._writer.withheld.get((event.room_id, event.session_id))
            kind = HintKind.CLIENT_REFUSES if code in _REFUSALS else HintKind.SEND_AGAIN
            hint = Hint(
                kind,
                RoomId(event.room_id),
                EventId(event.event_id),
                UserId(event.sender),
                self._fingerprint,
            )
            self._ports.hint(txn, bot, hint, now_ms)
        rooms.drop_unreadable(txn, bot, [event.event_id for event in waiting])
