"""Sealing what a bot says in a room, and handing the room's session to its readers.

The usual message costs two statements: one checks the epoch and says whether anything changed that
the session depends on, one stores the ratchet. Only where something changed are readers looked at.
What is in memory is compared with what is committed each time, so a transaction that was rolled
back after it changed an object does no harm.
"""

from __future__ import annotations

import logging
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import attrs
import vodozemac as vz

from veche.protocol.errors import RefusedError, UnavailableError
from veche.runtime.crypto import metrics
from veche.runtime.crypto.core import megolm, olm, sharing
from veche.runtime.crypto.core.rotation import Rotation, rotation
from veche.runtime.crypto.core.trust import IdentityView
from veche.runtime.crypto.core.values import RefusedEvent
from veche.runtime.crypto.store import rooms, sessions
from veche.runtime.crypto.store.rooms import Shared, ToDeviceRow
from veche.runtime.matrix.client import MatrixError, path
from veche.runtime.matrix.connections import NoAnswerError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from veche.protocol.ids import RoomId, UserId
    from veche.runtime.crypto.core.trust import WithoutIdentity
    from veche.runtime.crypto.core.values import Json, PeerDevice
    from veche.runtime.crypto.store.rooms import Reader, SealingRow
    from veche.runtime.crypto.tracking import People
    from veche.runtime.crypto.writer import Writer
    from veche.runtime.database import Cursor, Database
    from veche.runtime.matrix.client import MatrixClient

logger = logging.getLogger(__name__)

ROOMS_CACHED_MAX: Final = 2_000
"""Rooms whose outbound session stays in memory."""
CLAIM_DEVICES_MAX: Final = 250
CLAIM_TIMEOUT_MS: Final = 10_000
CLAIM_RETRY_MS: Final = 300_000
"""How long a device whose key could not be claimed goes without one."""
NO_KEY_MAX: Final = 50_000
TO_DEVICE_PER_ROW_MAX: Final = 100
TO_DEVICE_ROWS_MAX: Final = 100
TO_DEVICE_ATTEMPTS_MAX: Final = 5

_ENCRYPTED: Final = "m.room.encrypted"
_WITHHELD: Final = "m.room_key.withheld"
_RETRY_MS: Final = 1_000
_CLIENT_ERROR: Final = range(400, 500)


class NotPreparedError(UnavailableError):
    """Readers changed since ``prepare``: call it again, then seal again. Nothing was written."""

    errcode = "ORG.VECHE.CRYPTO_NOT_PREPARED"


class NotEncryptedError(RefusedError):
    """The room was never encrypted: what is said there is not sealed."""

    errcode = "ORG.VECHE.CRYPTO_NOT_ENCRYPTED"


@attrs.define
class _Cached:
    """An outbound session in memory; ``readers`` is the digest for which it was settled.

    Attributes:
        readers: None until it was settled.
        again_at_ms: When to look at the readers again though nothing changed; None: never.
        has_invited: Whether somebody must be asked for at each message.
    """

    session: vz.GroupSession
    session_id: str
    readers: str | None = None
    again_at_ms: int | None = None
    has_invited: bool = False
    unreadable_by: tuple[str, ...] = ()


class Sealer:
    """Seals for one bot, while its writer is in this process."""

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
        self._client = client
        self._directory = directory
        self._without_identity = without_identity
        self._cached: OrderedDict[str, _Cached] = OrderedDict()
        self._encrypted: set[str] = set()
        self._no_key: dict[str, int] = {}
        self._unsent: set[str | None] = set()

    # Before: what needs the network.

    async def prepare(self, room_id: RoomId, now_ms: int) -> None:
        """Ask for readers' devices where there was news, and claim keys for those without session.

        Costs nothing while nothing changed. Failures of other servers are no error: their devices
        are served as last known, or told that they get no key.

        Args:
            room_id: Where something is about to be sealed.
            now_ms: UTC.

        Raises:
            LostWriterError: Another process writes for this bot now.
        """
        cached = self._cached.get(room_id)
        if cached is not None and _is_settled(cached, now_ms) and not cached.has_invited:
            return
        readers = await self._database.run(
            "crypto.readers", rooms.readers_of, room_id, self._writer.user_id
        )
        stale = [one.user_id for one in readers if one.is_invited or not one.is_fresh]
        if stale:
            bot: Any = self._writer.user_id
            await self._directory.refresh(bot, stale, now_ms)
        wanted = await self._database.run("crypto.unreached", self._unreached, room_id, now_ms)
        for start in range(0, len(wanted), CLAIM_DEVICES_MAX):
            await self.claim(wanted[start : start + CLAIM_DEVICES_MAX], now_ms)

    def _unreached(self, txn: Cursor, room_id: str, now_ms: int) -> list[PeerDevice]:
        readers = rooms.readers_of(txn, room_id, self._writer.user_id)
        allowed, _ = sharing.allowed_devices(_persons(readers), self._without_identity)
        keys = [device.curve25519 for device in allowed]
        reached = sessions.newest_olm_sessions(txn, self._writer.device_no, keys)
        return [
            device
            for device in allowed
            if device.curve25519 not in reached and self._no_key.get(device.curve25519, 0) <= now_ms
        ]

    async def claim(self, devices: Sequence[PeerDevice], now_ms: int) -> list[PeerDevice]:
        """Open Olm sessions with devices, of keys that the server hands out; returns with which.

        Args:
            devices: At most ``CLAIM_DEVICES_MAX``.
            now_ms: UTC.

        Raises:
            LostWriterError: Another process writes for this bot now.
        """
        wanted: dict[str, dict[str, str]] = {}
        for device in devices:
            wanted.setdefault(device.user_id, {})[device.device_id] = "signed_curve25519"
        body = {"one_time_keys": wanted, "timeout": CLAIM_TIMEOUT_MS}
        answer: object = None
        try:
            answer = await self._client.call(
                "POST", "/_matrix/client/v3/keys/claim", **self._as_device(), body=body
            )
        except (MatrixError, UnavailableError) as e:
            logger.warning("key claim failed: %s", e.__class__.__name__)
        opened = await self._writer.run("crypto.claim", self._open, devices, answer, now_ms)
        for device in devices:
            if device not in opened:
                self._note_no_key(device, now_ms)
        return opened

    def _open(
        self, txn: Cursor, devices: Sequence[PeerDevice], answer: object, now_ms: int
    ) -> list[PeerDevice]:
        opened = []
        account = self._writer.account(txn)
        for device in devices:
            try:
                session = olm.open_session(account, device, _claimed(answer, device))
            except RefusedEvent as e:
                metrics.refused.labels("claim", e.reason.value).inc()
                logger.info("no session with %s %s: %s", device.user_id, device.device_id, e)
                continue
            pickle = session.pickle(self._writer.pickle_key)
            row = sessions.OlmRow(device.curve25519, session.session_id, pickle, now_ms)
            sessions.save_olm_session(txn, self._writer.device_no, row)
            opened.append(device)
        return opened

    def _note_no_key(self, device: PeerDevice, now_ms: int) -> None:
        if len(self._no_key) >= NO_KEY_MAX:
            self._no_key.clear()
        self._no_key[device.curve25519] = now_ms + CLAIM_RETRY_MS

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

        After the commit: ``send_keys``, then the event; always these bytes, however often.

        Args:
            txn: Of the caller; the epoch is checked in it.
            room_id: An encrypted room; ``prepare`` was called for it.
            event_type: The type inside.
            content: The content inside; its ``m.relates_to`` is copied in clear.
            beside: Further keys in clear, unprotected.
            now_ms: UTC.

        Raises:
            TooLargeError: The payload is over ``PAYLOAD_BYTES_MAX``; nothing was written.
            NotEncryptedError: The room was never encrypted; nothing was written.
            NotPreparedError: Readers changed since ``prepare``; nothing was written.
            LostWriterError: Another process writes for this bot now; nothing was written.
        """
        payload = megolm.payload_bytes(room_id, event_type, dict(content))
        try:
            cached, count = self._session_for(txn, room_id, now_ms)
            relation = content.get("m.relates_to")
            own, pickle_key = self._writer.own, self._writer.pickle_key
            sealed = megolm.encrypt(cached.session, own, payload, relation, dict(beside))
            pickle = cached.session.pickle(pickle_key)
            if not rooms.save_outbound(
                txn, self._writer.device_no, room_id, cached.session_id, pickle, count + 1
            ):
                raise NotPreparedError("the session was dropped", retry_after_ms=_RETRY_MS)
        except BaseException:
            self._cached.pop(room_id, None)  # it may have changed, or been settled, in memory
            raise
        return sealed

    def _session_for(self, txn: Cursor, room_id: str, now_ms: int) -> tuple[_Cached, int]:
        """The session to seal with, settled, and how many messages it sealed."""
        writer = self._writer
        if writer.is_lost:
            raise writer.lost()
        row = rooms.sealing_row(txn, writer.device_no, writer.epoch, room_id)
        if row is None:
            raise writer.lost()
        if not row.is_encrypted:
            raise NotEncryptedError(f"{room_id} is not an encrypted room")
        cached = self._loaded(txn, room_id, row)
        if cached is not None and cached.readers == row.readers and _is_settled(cached, now_ms):
            if self._rotation(cached, row, now_ms, (), ()) is None:
                return cached, row.message_count
        return self._settled(txn, room_id, row, cached, now_ms)

    def _loaded(self, txn: Cursor, room_id: str, row: SealingRow) -> _Cached | None:
        """The committed session: from memory if that is what was committed, else from its row."""
        cached = self._cached.get(room_id)
        if cached is not None:
            same = cached.session_id == row.session_id
            if same and cached.session.message_index == row.message_count:
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
        number = self._writer.device_no
        readers = rooms.readers_of(txn, room_id, self._writer.user_id)
        for one in readers:
            if not one.is_fresh and not self._directory.is_unreachable(one.user_id):
                raise NotPreparedError(f"news of {one.user_id}", retry_after_ms=_RETRY_MS)
        persons = _persons(readers)
        allowed, _ = sharing.allowed_devices(persons, self._without_identity)
        given: dict[tuple[str, str], str | None] = {}
        why: Rotation | None = Rotation.FIRST
        if cached is not None:
            told = rooms.shared_with(txn, number, room_id, cached.session_id)
            given = {(one.user_id, one.curve25519): one.withheld_code for one in told}
            has = {place for place, code in given.items() if code is None}
            may = {(device.user_id, device.curve25519) for device in allowed}
            why = self._rotation(cached, row, now_ms, has, may)
        if cached is None or why is not None:
            cached, given = self._rotated(txn, room_id, why or Rotation.FIRST, now_ms), {}
        keys = [device.curve25519 for device in allowed]
        reached = sessions.newest_olm_sessions(txn, number, keys)
        wanted = sharing.plan(
            persons,
            without_identity=self._without_identity,
            given=given,
            reachable=reached.keys(),
        )
        self._check_claimed(wanted, now_ms)
        self._hand_out(txn, room_id, cached, wanted, reached)
        is_known = all(one.is_fresh for one in readers)
        cached.readers = row.readers
        cached.unreadable_by = wanted.unreadable_by
        cached.has_invited = any(one.is_invited for one in readers)
        cached.again_at_ms = None if wanted.is_settled and is_known else now_ms + CLAIM_RETRY_MS
        return cached, cached.session.message_index

    def _rotated(self, txn: Cursor, room_id: str, why: Rotation, now_ms: int) -> _Cached:
        session = vz.GroupSession()
        pickle = session.pickle(self._writer.pickle_key)
        number = self._writer.device_no
        rooms.replace_outbound(txn, number, room_id, session.session_id, pickle, now_ms)
        metrics.rotations.labels(why.value).inc()
        return self._keep(room_id, _Cached(session, session.session_id))

    def _check_claimed(self, wanted: sharing.Sharing, now_ms: int) -> None:
        for device, code in wanted.refuse:
            untried = self._no_key.get(device.curve25519, 0) <= now_ms
            if code == sharing.NO_OLM and untried:
                raise NotPreparedError(
                    f"no session with {device.user_id}", retry_after_ms=_RETRY_MS
                )

    def _hand_out(
        self,
        txn: Cursor,
        room_id: str,
        cached: _Cached,
        wanted: sharing.Sharing,
        reached: Mapping[str, sessions.OlmRow],
    ) -> None:
        writer = self._writer
        index = cached.session.message_index
        content = megolm.room_key_content(cached.session, room_id)
        gives, moved, told = [], [], []
        for device in wanted.give:
            sealed, row = self._to_device(device, reached[device.curve25519], "m.room_key", content)
            gives.append((device, sealed))
            moved.append(row)
            told.append(Shared(device.user_id, device.device_id, device.curve25519, index, None))
        refusals = []
        for device, code in wanted.refuse:
            refusal = megolm.withheld_content(writer.own, room_id, cached.session_id, code)
            refusals.append((device, refusal))
            told.append(Shared(device.user_id, device.device_id, device.curve25519, None, code))
        if moved:
            sessions.save_olm_sessions(txn, writer.device_no, moved)
        queued = [*_rows(_ENCRYPTED, gives), *_rows(_WITHHELD, refusals)]
        if queued:
            rooms.save_shared(txn, writer.device_no, room_id, cached.session_id, told)
            rooms.add_to_device(txn, writer.device_no, room_id, queued)
            self._unsent.add(room_id)

    def _to_device(
        self, device: PeerDevice, row: sessions.OlmRow, event_type: str, content: Json
    ) -> tuple[Json, sessions.OlmRow]:
        session = vz.Session.from_pickle(row.pickle, self._writer.pickle_key)
        sealed = olm.encrypt(session, device, self._writer.own, event_type, content)
        return sealed, attrs.evolve(row, pickle=session.pickle(self._writer.pickle_key))

    def queue_dummies(self, txn: Cursor, devices: Iterable[PeerDevice]) -> None:
        """Queue an ``m.dummy`` to each device with a session, so that it uses that one."""
        wanted = {device.curve25519: device for device in devices}
        number = self._writer.device_no
        sealed, moved = [], []
        for key, row in sessions.newest_olm_sessions(txn, number, wanted).items():
            content, after = self._to_device(wanted[key], row, "m.dummy", {})
            sealed.append((wanted[key], content))
            moved.append(after)
        if sealed:
            sessions.save_olm_sessions(txn, number, moved)
            rooms.add_to_device(txn, number, None, _rows(_ENCRYPTED, sealed))
            self._unsent.add(None)

    # After: what was committed leaves.

    async def load_unsent(self) -> None:
        """Take over what a writer before left unsent; first call of a new writer."""
        self._unsent |= await self._database.run(
            "crypto.unsent", rooms.rooms_with_waiting, self._writer.device_no
        )

    async def send_keys(self, room_id: RoomId | None) -> None:
        """Send what waits for devices before the event of a room goes; None: what has no room.

        Costs nothing if nothing waits.

        Raises:
            MatrixError: The server refuses for now; the rest waits.
            NoAnswerError: It does not answer; the rest waits.
        """
        while room_id in self._unsent:
            self._unsent.discard(room_id)
            waiting = await self._database.run(
                "crypto.to_device",
                rooms.waiting_to_device,
                self._writer.device_no,
                room_id,
                TO_DEVICE_ROWS_MAX,
            )
            if len(waiting) == TO_DEVICE_ROWS_MAX:
                self._unsent.add(room_id)
            try:
                for row in waiting:
                    await self._send_row(row)
            except BaseException:
                self._unsent.add(room_id)
                raise

    async def _send_row(self, row: ToDeviceRow) -> None:
        kind, txn_id = quote(row.event_type, safe=""), quote(row.txn_id, safe="")
        path = f"/_matrix/client/v3/sendToDevice/{kind}/{txn_id}"
        try:
            await self._client.call(
                "PUT", path, **self._as_device(), body={"messages": row.messages}
            )
        except MatrixError as e:
            attempts = await self._database.run("crypto.attempt", rooms.count_attempt, row.txn_id)
            is_hopeless = e.status in _CLIENT_ERROR and attempts >= TO_DEVICE_ATTEMPTS_MAX
            if not is_hopeless or e.errcode in ("M_LIMIT_EXCEEDED", "M_UNKNOWN_DEVICE"):
                raise
            metrics.alarms.labels("to_device_refused").inc()
            logger.error("to-device request %s is refused: %s", row.txn_id, e.errcode)
        await self._database.run("crypto.sent", rooms.drop_to_device, [row.txn_id])

    # What others ask.

    def unreadable_by(self, room_id: RoomId) -> tuple[UserId, ...]:
        """Readers none of whose devices can read what was last sealed in a room."""
        cached = self._cached.get(room_id)
        found: Any = cached.unreadable_by if cached is not None else ()
        return tuple(found)

    def is_encrypted(self, txn: Cursor, room_id: RoomId) -> bool:
        """Whether what is said in the room must be sealed; True is remembered."""
        if room_id not in self._encrypted:
            if not rooms.is_encrypted(txn, room_id):
                return False
            if len(self._encrypted) >= ROOMS_CACHED_MAX:
                self._encrypted.clear()
            self._encrypted.add(room_id)
        return True

    def _as_device(self) -> dict[str, Any]:
        return {"user": self._writer.user_id, "device": self._writer.own.device_id}


def _is_settled(cached: _Cached, now_ms: int) -> bool:
    is_due = cached.again_at_ms is not None and cached.again_at_ms <= now_ms
    return cached.readers is not None and not is_due


def _persons(readers: Sequence[Reader]) -> list[sharing.Person]:
    return [
        sharing.Person(one.user_id, IdentityView(one.master_key, one.master_pinned), one.devices)
        for one in readers
    ]


def _claimed(answer: object, device: PeerDevice) -> object:
    found: object = answer
    for name in ("one_time_keys", device.user_id, device.device_id):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _rows(event_type: str, sealed: Sequence[tuple[PeerDevice, Json]]) -> list[ToDeviceRow]:
    rows = []
    for start in range(0, len(sealed), TO_DEVICE_PER_ROW_MAX):
        messages: dict[str, dict[str, Json]] = {}
        for device, content in sealed[start : start + TO_DEVICE_PER_ROW_MAX]:
            messages.setdefault(device.user_id, {})[device.device_id] = content
        rows.append(ToDeviceRow(secrets.token_hex(16), event_type, messages))
    return rows
