"""Reading a room event: decrypt it, and judge the device that sent it.

Any replica may do this in the transaction that handles the event: reading changes no session, only
``crypto.message_seen`` is written; and by somebody's first message, by what they deal with us.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import attrs
import vodozemac as vz

from veche.protocol.ids import UserId
from veche.protocol.inbound import DeviceStanding
from veche.runtime.crypto import metrics
from veche.runtime.crypto.core import megolm, trust
from veche.runtime.crypto.core.values import BadEventError, Reason
from veche.runtime.crypto.store import devices, sessions
from veche.runtime.ports import NeedsDevices, RefusedEvent, WaitsForKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.ids import RoomId
    from veche.protocol.inbound import Trust
    from veche.runtime.crypto.keys import OperatorKey
    from veche.runtime.crypto.store.sessions import OpeningRow
    from veche.runtime.crypto.tracking import People
    from veche.runtime.database import Cursor

ENCRYPTED: Final = "m.room.encrypted"
SESSIONS_CACHED_MAX: Final = 1_000
"""Inbound sessions that stay in memory, each as far as it was read: the next message is near."""
SESSIONS_CACHED_S: Final = 3_600.0
"""After which all of them are forgotten: those whose row was deleted would stay otherwise."""
ASKED_MAX: Final = 10_000
"""Unknown devices that are remembered as asked for; older ones are asked for once more."""


@attrs.frozen
class Opened:
    """The decrypted content of an event.

    Attributes:
        event_type: The type inside the encryption.
        content: The content inside the encryption, ``m.relates_to`` taken in from outside.
        trust: Level of what it says.
        standing: Why it has that level.
    """

    event_type: str
    content: Mapping[str, Any]
    trust: Trust
    standing: DeviceStanding


class Opener:
    """Opens events for all bots of a process."""

    def __init__(self, key: OperatorKey, people: People) -> None:
        self._key = key
        self._people = people
        self._asked: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._sessions: OrderedDict[tuple[str, str, str], vz.InboundGroupSession] = OrderedDict()
        self._forgot_s = time.monotonic()

    def __call__(self, txn: Cursor, bot: UserId, event: Mapping[str, Any], /) -> Opened:
        """Return the content of an event, and how sure it is that its sender wrote it.

        Args:
            txn: Of the transaction that handles the event; one row is written, and at somebody's
                first message what is pinned of them.
            bot: Which of our bots it reached.
            event: As the homeserver gave it, ``room_id``, ``event_id``, ``sender`` and ``type``
                checked to be strings.

        Raises:
            WaitsForKey: Try again when the bot got room keys; nothing was written.
            NeedsDevices: Try again after asking for the sender's devices; nothing was written.
            RefusedEvent: It fails a check, now and for ever.
        """
        content = event.get("content")
        if event["type"] != ENCRYPTED:
            plain = content if isinstance(content, dict) else {}
            standing = DeviceStanding.NOT_ENCRYPTED
            return Opened(event["type"], plain, trust.trust_of(standing), standing)
        try:
            opened = self._open(txn, bot, event, content)
        except BadEventError as e:
            metrics.refused.labels("room", e.reason.value).inc()
            raise RefusedEvent(e.reason.value) from e
        metrics.opened.labels(opened.trust.label).inc()
        return opened

    def settled(self, txn: Cursor, bot: UserId) -> None:
        """Wait until whoever is storing keys of a bot now has ended; a transaction of its own."""
        devices.await_writer(txn, bot)

    def has_come(self, txn: Cursor, bot: UserId, room_id: RoomId, wanted: WaitsForKey) -> bool:
        """Return whether a key is there that was not, or one from an earlier message on."""
        found = sessions.first_index(txn, bot, room_id, wanted.session_id)
        return found is not None and (wanted.first_index is None or found < wanted.first_index)

    def _open(self, txn: Cursor, bot: str, event: Mapping[str, Any], content: object) -> Opened:
        envelope = megolm.read_event(content)
        room_id, session_id = event["room_id"], envelope.session_id
        index = envelope.message.message_index()
        row = sessions.opening_row(txn, bot, room_id, session_id, index)
        if row is None:
            raise WaitsForKey(session_id)
        if row.sender != event["sender"]:
            raise BadEventError(Reason.STOLEN_SESSION, "the session is somebody else's")
        self._key.check(row.pickled_under)
        if time.monotonic() - self._forgot_s > SESSIONS_CACHED_S:
            self._sessions.clear()
            self._forgot_s = time.monotonic()
        place = (bot, row.device_id, row.pickle)
        # Taken out meanwhile: to read changes it, and other threads read too.
        session = self._sessions.pop(place, None) or vz.InboundGroupSession.from_pickle(
            row.pickle, self._key.pickle_key(bot, row.device_id)
        )
        try:
            payload = megolm.decrypt(session, envelope, room_id)
        except megolm.UnknownIndexError as e:
            there = sessions.first_index(txn, bot, room_id, session_id)
            raise WaitsForKey(session_id, there) from e  # an earlier key of it may come still
        self._sessions[place] = session
        while len(self._sessions) > SESSIONS_CACHED_MAX:
            self._sessions.popitem(last=False)
        standing = self._standing(row)
        if not row.identity.is_pinned and standing is not DeviceStanding.UNKNOWN:
            # Else an identity that comes later would be taken for the first.
            self._people.pin(txn, UserId(row.sender), row.sender_curve25519)
        if row.seen_with is None:
            # Only now: what does not decrypt may claim any index.
            sessions.note_seen(txn, row.device_no, (room_id, session_id, index), event["event_id"])
        elif row.seen_with != event["event_id"]:
            raise BadEventError(Reason.REPLAY, "this message already came with another event")
        return Opened(payload.event_type, payload.content, trust.trust_of(standing), standing)

    def _standing(self, row: OpeningRow) -> DeviceStanding:
        """The standing of the sender's device, asked afresh where there was news or it is new."""
        is_unreachable = self._people.is_unreachable(row.sender)
        is_asked = row.is_cross_signed is not None or self._was_asked(row)
        if not is_unreachable and not (row.is_fresh and is_asked):
            raise NeedsDevices(UserId(row.sender))
        if row.is_cross_signed is None:
            return DeviceStanding.UNKNOWN
        return trust.standing_of(
            row.identity, is_cross_signed=row.is_cross_signed, is_pinned=row.is_pinned
        )

    def _was_asked(self, row: OpeningRow) -> bool:
        """Return whether the directory answered since this device was first missing in it."""
        device = (row.sender, row.sender_curve25519)
        answers = self._people.answers(row.sender)
        if answers > self._asked.setdefault(device, answers):
            return True
        while len(self._asked) > ASKED_MAX:
            self._asked.popitem(last=False)
        return False
