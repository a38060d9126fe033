"""Sealing what a bot says in a room, and handing the room's session to its readers.

The usual message costs two statements: one demands what the session was settled for, one stores the
ratchet. Readers are looked at only where something changed. Each time, memory is compared with what
is committed, so a transaction that was rolled back does no harm.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import attrs
import vodozemac as vz

from veche.protocol.errors import RefusedError, UnavailableError
from veche.protocol.ids import UserId
from veche.protocol.message import PERSONAL
from veche.runtime.crypto import metrics
from veche.runtime.crypto.claims import CLAIM_RETRY_MS, Claims
from veche.runtime.crypto.core import megolm, sharing
from veche.runtime.crypto.core.rotation import Rotation, rotation
from veche.runtime.crypto.core.trust import NO_OLM
from veche.runtime.crypto.store import rooms, sessions
from veche.runtime.crypto.store.rooms import Shared
from veche.runtime.crypto.to_device import ENCRYPTED, ToDeviceQueue
from veche.runtime.crypto.tracking import OWN_UNREACHABLE_MS, is_own
from veche.runtime.ports import EVERY_DEVICE, HeldBack, NotPrepared

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from veche.protocol.ids import DeviceId, RoomId
    from veche.runtime.crypto.core.trust import WithoutIdentity
    from veche.runtime.crypto.core.values import Json, PeerDevice
    from veche.runtime.crypto.store.rooms import Reader, SealingRow
    from veche.runtime.crypto.tracking import People
    from veche.runtime.crypto.writer import Writer
    from veche.runtime.database import Cursor, Database
    from veche.runtime.matrix.client import MatrixClient

_HELD_KEYS: Final = frozenset({"file", "url", *PERSONAL})
"""Beside our own: either is in each content that hands out a file (Matrix spec v1.18)."""
_LINK: Final = re.compile(rb'https?://(?!matrix\.to/)[^\s"\\<>]*#')
"""A link that opens something by itself: what it opens stands behind its ``#``."""
ROOMS_CACHED_MAX: Final = 2_000
"""Rooms whose outbound session stays in memory."""


class NotEncryptedError(RefusedError):
    """The room was never encrypted: what is said there is not sealed."""

    errcode = "ORG.VECHE.CRYPTO_NOT_ENCRYPTED"


@attrs.define
class _Cached:
    """An outbound session in memory.

    Attributes:
        row: For which it was settled; None until it was.
        again_at_ms: When to look at the readers again though nothing changed; None: never.
        has_invited: Whether somebody must be asked for at each message.
    """

    session: vz.GroupSession
    session_id: str
    row: SealingRow | None = None
    again_at_ms: int | None = None
    has_invited: bool = False
    unreadable_by: tuple[str, ...] = ()


class Sealer:
    """Seals for one bot, while its writer is in this process.

    Attributes:
        claims: Opens Olm sessions.
        to_device: What goes to devices.
    """

    def __init__(
        self,
        writer: Writer,
        database: Database,
        client: MatrixClient,
        directory: People,
        without_identity: WithoutIdentity,
    ) -> None:
        self._writer = writer
        self._database = database
        self.claims = Claims(writer, client)
        self.to_device = ToDeviceQueue(writer, database, client)
        self._directory = directory
        self._without_identity = without_identity
        self._cached: OrderedDict[str, _Cached] = OrderedDict()
        self._encrypted: set[str] = set()
        self._plain: set[str] = set()
        self._apart: set[str] = set()

    # Before: what needs the network.

    async def prepare(self, room_id: RoomId, now_ms: int) -> None:
        """Ask for readers' devices where there was news, and claim keys for those without session.

        Costs nothing while nothing changed. Failures of other servers are no error: their devices
        are served as last known, or told that they get no key.

        Raises:
            LostWriterError: Another process writes for this bot now.
            UnavailableError: Our own homeserver does not answer. It would not take the message
                either, and who gets no key now never reads it.
        """
        cached = self._cached.get(room_id)
        is_ready = cached is not None and _is_settled(cached, now_ms) and not cached.has_invited
        if is_ready and room_id not in self._apart:
            return
        readers = await self._database.run(
            "crypto.readers", rooms.readers_of, room_id, self._writer.user_id
        )
        stale = [one.user_id for one in readers if one.is_invited or not one.is_fresh]
        if stale:
            await self._refresh(stale)
        wanted = await self._database.run("crypto.unreached", self._unreached, room_id, now_ms)
        if wanted:
            await self.claims.claim(wanted, now_ms)

    async def _refresh(self, stale: Sequence[str]) -> None:
        bot = self._writer.user_id
        await self._directory.refresh(bot, stale)
        if any(is_own(one, bot) and self._directory.is_unreachable(one) for one in stale):
            words = "the homeserver does not tell the devices of its people"
            raise UnavailableError(words, retry_after_ms=OWN_UNREACHABLE_MS)

    def _unreached(self, txn: Cursor, room_id: str, now_ms: int) -> list[PeerDevice]:
        readers = rooms.readers_of(txn, room_id, self._writer.user_id)
        allowed, _ = sharing.allowed_devices(_persons(readers), self._without_identity)
        if room_id in self._apart:
            self._apart.discard(room_id)
            allowed = [device for one in readers for device in one.devices]
        keys = [device.curve25519 for device in allowed]
        reached = sessions.newest_olm_sessions(txn, self._writer.device_no, keys)
        return [
            device
            for device in allowed
            if device.curve25519 not in reached and self.claims.is_due(device, now_ms)
        ]

    # The one transaction.

    def seal(
        self,
        txn: Cursor,
        room_id: RoomId,
        event_type: str,
        content: Mapping[str, Any],
        beside: Mapping[str, Any],
        now_ms: int,
    ) -> Json:
        """Content of the ``m.room.encrypted`` to send, stored by the caller in ``txn``.

        After the commit: ``deliver``, then the event; always these bytes, however often.

        Args:
            txn: Of the caller; the epoch is checked in it.
            room_id: An encrypted room; ``prepare`` was called for it.
            event_type: The type inside.
            content: The content inside; its ``m.relates_to`` is copied in clear.
            beside: Further keys in clear, unprotected.
            now_ms: UTC.

        Raises:
            TooLargeError: The payload is over ``PAYLOAD_BYTES_MAX``; nothing was written.
            HeldBack: A document or a link, and it is not sure who reads it; nothing was written.
            NotEncryptedError: The room was never encrypted; nothing was written.
            NotPrepared: Readers changed since ``prepare``; nothing was written.
            LostWriterError: Another process writes for this bot now; nothing was written.
        """
        payload = megolm.payload_bytes(room_id, event_type, dict(content))
        try:
            self._check_held(txn, room_id, content, payload)
            cached, count = self._session_for(txn, room_id, now_ms)
        except BaseException:
            self._cached.pop(room_id, None)  # maybe settled in memory; and news is asked for
            raise
        return self._sealed(txn, room_id, cached, count, payload, content, beside)

    def seal_apart(
        self,
        audience: str,
        txn: Cursor,
        room_id: RoomId,
        event_type: str,
        content: Mapping[str, Any],
        beside: Mapping[str, Any],
        now_ms: int,
    ) -> Json:
        """As ``seal``, in a session of its own, for an audience as ``ports.Sealer`` has it.

        For what has to reach a device that nobody confirmed: how to confirm it. The session of the
        room stays as it is, and stays unknown to that device. It raises what ``seal`` raises.
        """
        payload = megolm.payload_bytes(room_id, event_type, dict(content))
        writer = self._writer
        place = writer.device_no, writer.epoch, room_id
        if writer.is_lost or rooms.sealing_row(txn, *place) is None:
            raise writer.lost()
        self._apart.add(room_id)  # should it not be prepared
        readers = self._fresh_readers(txn, room_id)
        devices = [
            one for reader in readers for one in reader.devices if _is_meant(audience, reader, one)
        ]
        keys = [device.curve25519 for device in devices]
        reached = sessions.newest_olm_sessions(txn, writer.device_no, keys)
        if any(d.curve25519 not in reached and self.claims.is_due(d, now_ms) for d in devices):
            raise NotPrepared("a device was not reached yet")
        self._apart.discard(room_id)
        session = vz.GroupSession()
        given = [device for device in devices if device.curve25519 in reached]
        room_key = megolm.room_key_content(session, room_id)
        gives = self.to_device.encrypt(txn, reached, given, "m.room_key", room_key)
        self.to_device.add(txn, room_id, ENCRYPTED, gives)
        relation = content.get("m.relates_to")
        return megolm.encrypt(session, writer.own, payload, relation, dict(beside))

    def seal_now(
        self,
        txn: Cursor,
        room_id: RoomId,
        event_type: str,
        content: Mapping[str, Any],
        beside: Mapping[str, Any],
        now_ms: int,
    ) -> Json:
        """As ``seal``, where the session is settled and the device free; it waits for nobody.

        Where it cannot, it raises ``NotPrepared``, and ``seal`` is to be used.
        """
        payload = megolm.payload_bytes(room_id, event_type, dict(content))
        self._check_held(txn, room_id, content, payload)
        cached, writer = self._cached.get(room_id), self._writer
        if cached is None or cached.has_invited or not _is_settled(cached, now_ms):
            raise NotPrepared("the session is not settled")
        place, count = (writer.device_no, writer.epoch, room_id), cached.session.message_index
        if txn.is_again or cached.row is None:
            row = rooms.sealing_row(txn, *place, waits=False)
        else:  # what is stored demands the count
            row = cached.row
            row.message_count = count
            rooms.demand_sealing(txn, *place, row)
        if row is None or not self._is_current(cached, row, now_ms):
            raise NotPrepared("the device is busy, or the session is not what was committed")
        cached.row = row
        return self._sealed(txn, room_id, cached, count, payload, content, beside)

    def _check_held(
        self, txn: Cursor, room_id: str, content: Mapping[str, Any], payload: bytes
    ) -> None:
        """Raise ``HeldBack`` for what is for one person, while it is not sure who reads it."""
        if not _HELD_KEYS.isdisjoint(content) or (b"#" in payload and _LINK.search(payload)):
            readers = self._fresh_readers(txn, room_id)
            is_shared = self._directory.count(readers) > 1 and not rooms.is_closed(txn, room_id)
            if is_shared or any(one.identity.is_doubted for one in readers):
                raise HeldBack("others are in the chat, or an identity that nobody confirmed")

    def _sealed(
        self,
        txn: Cursor,
        room_id: str,
        cached: _Cached,
        count: int,
        payload: bytes,
        content: Mapping[str, Any],
        beside: Mapping[str, Any],
    ) -> Json:
        session, writer = cached.session, self._writer
        relation = content.get("m.relates_to")
        sealed = megolm.encrypt(session, writer.own, payload, relation, dict(beside))
        pickle = session.pickle(writer.pickle_key)
        rooms.save_outbound(txn, writer.device_no, room_id, cached.session_id, pickle, count + 1)
        return sealed

    def _session_for(self, txn: Cursor, room_id: str, now_ms: int) -> tuple[_Cached, int]:
        """The session to seal with, settled, and how many messages it sealed."""
        writer = self._writer
        place = writer.device_no, writer.epoch, room_id
        row = None if writer.is_lost else rooms.sealing_row(txn, *place)
        if row is None:
            raise writer.lost()
        if not row.is_encrypted:
            raise NotEncryptedError(f"{room_id} is not an encrypted room")
        cached = self._loaded(txn, room_id, row)
        if cached is not None and self._is_current(cached, row, now_ms):
            return cached, row.message_count
        return self._settled(txn, room_id, row, cached, now_ms)

    def _loaded(self, txn: Cursor, room_id: str, row: SealingRow) -> _Cached | None:
        """The committed session: from memory if that is what was committed, else from its row."""
        cached = self._cached.get(room_id)
        if cached is not None:
            if _is_committed(cached, row):
                self._cached.move_to_end(room_id)
                return cached
            del self._cached[room_id]
        stored = None
        if row.session_id is not None:
            stored = rooms.outbound_pickle(txn, self._writer.device_no, room_id)
        if stored is None:
            return None
        session = vz.GroupSession.from_pickle(stored[1], self._writer.pickle_key)
        return self._keep(room_id, _Cached(session, stored[0]))

    def _is_current(self, cached: _Cached, row: SealingRow, now_ms: int) -> bool:
        """Return whether a session may seal as it is: nothing changed since it was settled."""
        return (
            _is_committed(cached, row)
            and row.is_encrypted
            and (cached.row and cached.row.readers) == row.readers
            and _is_settled(cached, now_ms)
            and self._rotation(cached, row, now_ms, (), ()) is None
        )

    def _keep(self, room_id: str, cached: _Cached) -> _Cached:
        self._cached[room_id] = cached
        while len(self._cached) > ROOMS_CACHED_MAX:
            self._cached.popitem(last=False)
        return cached

    def _rotation(
        self,
        cached: _Cached,
        row: SealingRow,
        now_ms: int,
        shared: Collection[tuple[str, str]],
        readers: Collection[tuple[str, str]],
    ) -> Rotation | None:
        return rotation(
            row.limits,
            message_count=cached.session.message_index,
            age_ms=now_ms - row.created_at_ms,
            shared=shared,
            readers=readers,
        )

    def _settled(
        self, txn: Cursor, room_id: str, row: SealingRow, cached: _Cached | None, now_ms: int
    ) -> tuple[_Cached, int]:
        """Rotate if need be, hand the session to whoever lacks it."""
        readers = self._fresh_readers(txn, room_id)
        persons = _persons(readers)
        allowed, _ = sharing.allowed_devices(persons, self._without_identity)
        why, given = self._told(txn, room_id, row, cached, allowed, now_ms)
        keys = [device.curve25519 for device in allowed]
        reached = sessions.newest_olm_sessions(txn, self._writer.device_no, keys)
        wanted = sharing.plan(
            persons, without_identity=self._without_identity, given=given, reachable=reached.keys()
        )
        self._check_claimed(wanted, now_ms)
        if cached is None or why is not None:
            cached = self._rotated(txn, room_id, why or Rotation.FIRST, now_ms)
            row = attrs.evolve(row, session_id=cached.session_id, created_at_ms=now_ms)
        self._hand_out(txn, room_id, cached, wanted, reached)
        is_known = all(one.is_fresh for one in readers)
        cached.row = row
        cached.unreadable_by = wanted.unreadable_by
        cached.has_invited = any(one.is_invited for one in readers)
        cached.again_at_ms = None if wanted.is_settled and is_known else now_ms + CLAIM_RETRY_MS
        return cached, cached.session.message_index

    def _fresh_readers(self, txn: Cursor, room_id: str) -> list[Reader]:
        readers = rooms.readers_of(txn, room_id, self._writer.user_id)
        for one in readers:
            if not one.is_fresh and not self._directory.is_unreachable(one.user_id):
                raise NotPrepared(f"news of {one.user_id}")
        return readers

    def _told(
        self,
        txn: Cursor,
        room_id: str,
        row: SealingRow,
        cached: _Cached | None,
        allowed: Sequence[PeerDevice],
        now_ms: int,
    ) -> tuple[Rotation | None, dict[tuple[str, str], str | None]]:
        """Why the session must go, and who was told what of it; nobody of a new one."""
        if cached is None:
            return Rotation.FIRST, {}
        told = rooms.shared_with(txn, self._writer.device_no, room_id, cached.session_id)
        given = {(one.user_id, one.curve25519): one.withheld_code for one in told}
        has = {place for place, code in given.items() if code is None}
        may = {(device.user_id, device.curve25519) for device in allowed}
        why = self._rotation(cached, row, now_ms, has, may)
        return why, {} if why is not None else given

    def _rotated(self, txn: Cursor, room_id: str, why: Rotation, now_ms: int) -> _Cached:
        session = vz.GroupSession()
        pickle = session.pickle(self._writer.pickle_key)
        number = self._writer.device_no
        rooms.replace_outbound(txn, number, room_id, session.session_id, pickle, now_ms)
        metrics.rotations.labels(why.value).inc()
        return self._keep(room_id, _Cached(session, session.session_id))

    def _check_claimed(self, wanted: sharing.Sharing, now_ms: int) -> None:
        for device, code in wanted.refuse:
            if code == NO_OLM and self.claims.is_due(device, now_ms):
                raise NotPrepared(f"no session with {device.user_id}")

    def _hand_out(
        self,
        txn: Cursor,
        room_id: str,
        cached: _Cached,
        wanted: sharing.Sharing,
        reached: Mapping[str, sessions.OlmRow],
    ) -> None:
        index, session_id = cached.session.message_index, cached.session_id
        content = megolm.room_key_content(cached.session, room_id)
        gives = self.to_device.encrypt(txn, reached, wanted.give, "m.room_key", content)
        refusals = [
            (device, megolm.withheld_content(self._writer.own, room_id, session_id, code))
            for device, code in wanted.refuse
        ]
        self.to_device.add(txn, room_id, ENCRYPTED, gives)
        self.to_device.add(txn, room_id, "m.room_key.withheld", refusals)
        told = [
            *(Shared(d.user_id, d.device_id, d.curve25519, index, None) for d in wanted.give),
            *(
                Shared(d.user_id, d.device_id, d.curve25519, None, code)
                for d, code in wanted.refuse
            ),
        ]
        rooms.save_shared(txn, self._writer.device_no, room_id, session_id, told)

    # After: what was committed leaves.

    async def deliver(self, room_id: RoomId) -> None:
        """Send what waits for devices before the event of a room goes; free if nothing waits.

        Raises:
            MatrixError: The server refuses for now; the rest waits.
            NoAnswerError: It does not answer; the rest waits.
        """
        await self.to_device.send(room_id)

    # What others ask, and say.

    @property
    def device_id(self) -> DeviceId:
        """Id of the device that seals."""
        return self._writer.own.device_id

    def device_lost(self) -> None:
        """The homeserver does not know the device any more: it is replaced by the bot's loop."""
        self._writer.is_deleted = True

    def unreadable_by(self, room_id: RoomId) -> tuple[UserId, ...]:
        """Readers none of whose devices can read what was last sealed in a room."""
        cached = self._cached.get(room_id)
        return tuple(map(UserId, cached.unreadable_by)) if cached is not None else ()

    def is_encrypted(self, txn: Cursor, room_id: RoomId) -> bool:
        """Return whether messages in the room must be encrypted.

        It is remembered. That a room is plain may change, so the transaction demands it, and runs
        again where it is not so any more.
        """
        if room_id in self._encrypted:
            return True
        if room_id in self._plain and not txn.is_again:
            rooms.demand_plain(txn, room_id)
            return False
        is_encrypted = rooms.is_encrypted(txn, room_id)
        known = self._encrypted if is_encrypted else self._plain
        if len(known) >= ROOMS_CACHED_MAX:
            known.clear()
        known.add(room_id)
        return is_encrypted


def _is_committed(cached: _Cached, row: SealingRow) -> bool:
    """Return whether the session in memory is the committed one."""
    is_same = cached.session_id == row.session_id
    return is_same and cached.session.message_index == row.message_count


def _is_meant(audience: str, reader: Reader, device: PeerDevice) -> bool:
    """Return whether a device is of an audience, see ``ports.Sealer``."""
    is_signed = device.is_cross_signed and reader.identity.master_key == audience
    return audience in (EVERY_DEVICE, device.ed25519) or is_signed


def _is_settled(cached: _Cached, now_ms: int) -> bool:
    is_due = cached.again_at_ms is not None and cached.again_at_ms <= now_ms
    return cached.row is not None and not is_due


def _persons(readers: Sequence[Reader]) -> list[sharing.Person]:
    return [sharing.Person(one.user_id, one.identity, one.devices) for one in readers]
