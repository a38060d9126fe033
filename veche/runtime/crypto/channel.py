"""The crypto channel: to-device messages, news of devices and counts of keys, and no rooms.

Simplified sliding sync (MSC4186) with only its extensions ``e2ee`` and ``to_device``: a classic
``/sync`` without rooms hides who joins and leaves, and one with rooms costs more. One answer is one
transaction under the epoch, so that ratchets, room keys and the position move together.
Never may anything else call ``/sync`` with the same device: it deletes what is unread here.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import attrs
import vodozemac as vz

from veche.protocol.errors import ConfigError
from veche.protocol.json_reader import is_text
from veche.runtime.crypto import metrics
from veche.runtime.crypto.core import account as accounts
from veche.runtime.crypto.core import megolm, olm
from veche.runtime.crypto.core.trust import BLACKLISTED, NO_OLM, UNVERIFIED
from veche.runtime.crypto.core.values import (
    ID_CHARACTERS_MAX,
    ONE_TIME_KEYS_LOW,
    BadEventError,
    Json,
    Reason,
    WedgedError,
    as_text,
)
from veche.runtime.crypto.store import devices, people, sessions
from veche.runtime.matrix.client import MatrixError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from veche.runtime.crypto.store.devices import DeviceRow
    from veche.runtime.crypto.writer import Writer
    from veche.runtime.database import Cursor
    from veche.runtime.matrix.client import MatrixClient

logger = logging.getLogger(__name__)

POLL_MS: Final = 30_000
EVENTS_A_POLL: Final = 100
EVENTS_MAX: Final = 1_000
"""To-device events of one answer that are looked at."""
USERS_MAX: Final = 50_000
"""People whose news one answer may bring; with more, all of them are outdated."""
FALLBACK_AGE_MS_MAX: Final = 7 * 24 * 3600 * 1000
_SLIDING: Final = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
_KEYS: Final = "signed_curve25519"
_ANSWER_TIMEOUT_S: Final = 60.0
SILENCE_MS_MAX: Final = 3600 * 1000
"""No to-device event for so long while keys were used up: the position may be in the future."""
_NOT_FOUND: Final = 404
_CODES: Final = frozenset({UNVERIFIED, NO_OLM, BLACKLISTED})
"""Why a key may be withheld, as far as it is counted apart."""


class NoChannelError(ConfigError):
    """The homeserver lacks simplified sliding sync."""

    errcode = "ORG.VECHE.CRYPTO_NO_CHANNEL"

    def __init__(self) -> None:
        super().__init__(
            "the homeserver lacks simplified sliding sync (MSC4186), which encrypted bots need:"
            " use Synapse 1.163 or newer, with the endpoint"
            " /_matrix/client/unstable/org.matrix.simplified_msc3575/sync reachable on the"
            " address in homeserver.url"
        )


class OlderAccountError(Exception):
    """The server has keys that the account here does not know of: it is from a backup."""


@attrs.frozen
class Answer:
    """The well-formed part of an answer on the channel."""

    position: str
    to_device_since: str | None
    events: tuple[object, ...]
    changed: tuple[str, ...]
    left: tuple[str, ...]
    one_time_keys: int | None
    is_fallback_used: bool


@attrs.define
class Taken:
    """The effects of one answer.

    Attributes:
        sessions: Ids of the sessions whose keys came, by room.
        wedged: User id and Curve25519 of devices whose messages no session opens.
    """

    sessions: dict[str, list[str]] = attrs.Factory(dict)
    wedged: set[tuple[str, str]] = attrs.Factory(set)


class Channel:
    """Reads the channel of one bot, one answer after another."""

    def __init__(
        self,
        writer: Writer,
        client: MatrixClient,
        row: DeviceRow,
        wake: Callable[[Cursor, str, Sequence[str], int], None],
    ) -> None:
        """Make the channel.

        Args:
            writer: Of the bot.
            client: To the homeserver.
            row: The device as it was taken over.
            wake: Called in the transaction with each room, its sessions that came, and the time.
        """
        self._writer = writer
        self._client = client
        self._wake = wake
        self._position = row.position
        self._since = row.to_device_since
        self._fallback_made_at_ms = row.fallback_made_at_ms or 0
        self._is_behind = True
        self._heard_at_ms: int | None = None
        self._keys_then = 0

    @property
    def is_caught_up(self) -> bool:
        """Return whether everything sent before the present poll has been taken.

        Not at the start, not after a failure, not while more is there than one answer brings.
        """
        return not self._is_behind

    async def step(self, now_ms: Callable[[], int]) -> Taken:
        """Wait for the next answer, at most ``POLL_MS``, and take it.

        Raises:
            LostWriterError: Another process writes for this bot now.
            NoChannelError: The homeserver has no such endpoint.
            OlderAccountError: The account is from a backup.
            MatrixError: The homeserver refuses; nothing moved.
            NoAnswerError: It does not answer; nothing moved.
        """
        try:
            answer = await self._poll()
        except BaseException:
            self._is_behind = True
            raise
        if answer is None:
            self._is_behind = True
            return Taken()
        taken = await self._writer.run("crypto.channel", self._take, answer, now_ms())
        self._position, self._since = answer.position, answer.to_device_since
        self._is_behind = len(answer.events) >= EVENTS_A_POLL
        metrics.answered_at.labels(self._writer.user_id).set(now_ms() / 1000)
        await self._refill(answer, now_ms())
        await self._watch_silence(answer, now_ms())
        return taken

    async def _poll(self) -> Answer | None:
        to_device: Json = {"enabled": True, "limit": EVENTS_A_POLL}
        if self._since is not None:
            to_device["since"] = self._since
        extensions = {"e2ee": {"enabled": True}, "to_device": to_device}
        query = {"timeout": "0" if self._is_behind else str(POLL_MS)}
        if self._position is not None:
            query["pos"] = self._position
        try:
            content = await self._client.call(
                "POST",
                _SLIDING,
                **self._as_device(),
                query=query,
                body={"conn_id": "crypto", "extensions": extensions},
                timeout_s=_ANSWER_TIMEOUT_S,
            )
        except MatrixError as e:
            if e.errcode == "M_UNKNOWN_POS":
                await self._lose_position()
                return None
            if e.status == _NOT_FOUND and e.errcode == "M_UNRECOGNIZED":
                raise NoChannelError from e
            raise
        return read_answer(content, self._since)

    async def _lose_position(self) -> None:
        """The server forgot the connection: what it would have said of devices is unknown."""

        def forget(txn: Cursor) -> None:
            devices.save_position(txn, self._writer.device_no, None, self._since)
            people.mark_all_outdated(txn)

        await self._writer.run("crypto.position", forget)
        self._position = None

    # One answer, one transaction.

    def _take(self, txn: Cursor, answer: Answer, now_ms: int) -> Taken:
        taken = Taken()
        if len(answer.changed) + len(answer.left) > USERS_MAX:
            people.mark_all_outdated(txn)
        else:
            people.mark_outdated(txn, {*answer.changed, *answer.left})
        people.forget_strangers(txn, answer.left[:USERS_MAX])
        for event in answer.events[:EVENTS_MAX]:
            try:
                self._take_event(txn, event, now_ms, taken)
            except WedgedError as e:
                metrics.refused.labels("to_device", e.reason.value).inc()
                sender: Any = event
                taken.wedged.add((sender["sender"], e.sender_key))
            except BadEventError as e:
                metrics.refused.labels("to_device", e.reason.value).inc()
                logger.info("to-device event dropped: %s", e)
        for room_id in sorted(taken.sessions):
            self._wake(txn, room_id, taken.sessions[room_id], now_ms)
        devices.save_position(txn, self._writer.device_no, answer.position, answer.to_device_since)
        return taken

    def _take_event(self, txn: Cursor, event: object, now_ms: int, taken: Taken) -> None:
        if not isinstance(event, dict):
            raise BadEventError(Reason.FORM, "event: not an object")
        sender = as_text(event.get("sender"), "sender")
        match event.get("type"):
            case "m.room.encrypted":
                key = self._take_olm(txn, sender, event.get("content"), now_ms)
                if key is not None:
                    taken.sessions.setdefault(key.room_id, []).append(key.session_id)
            case "m.room_key.withheld":
                self._take_withheld(event.get("content"))
            case _:
                raise BadEventError(Reason.UNWANTED, "a to-device event in clear")

    def _take_olm(
        self, txn: Cursor, sender: str, content: object, now_ms: int
    ) -> olm.RoomKey | None:
        """Read an Olm message; the room key that it brought, if it did."""
        writer = self._writer
        message = olm.read_envelope(content, writer.own.curve25519)
        plaintext = self._decrypt(txn, message, now_ms)
        payload = olm.read_payload(plaintext, sender, message.sender_key, writer.own)
        if payload.event_type in olm.IGNORED or payload.event_type.startswith("m.secret."):
            return None
        if payload.event_type != "m.room_key":
            raise BadEventError(Reason.UNWANTED, "an Olm payload of another kind")
        key = olm.read_room_key(payload)
        known = sessions.known_room_key(txn, writer.device_no, key.room_id, key.session_id)
        if not megolm.check_room_key(known, key.sender, key.sender_curve25519, key.first_index):
            return None
        pickle = key.session.pickle(writer.pickle_key)
        sessions.save_room_key(txn, writer.device_no, key, pickle, now_ms)
        return key

    def _decrypt(self, txn: Cursor, message: olm.OlmMessage, now_ms: int) -> bytes:
        """The plaintext; the ratchet is stored whatever becomes of it."""
        writer = self._writer
        rows = sessions.olm_sessions(txn, writer.device_no, message.sender_key)
        known = [vz.Session.from_pickle(row.pickle, writer.pickle_key) for row in rows]
        is_new = message.session_id is not None and message.session_id not in {
            row.session_id for row in rows
        }
        account = writer.changing_account(txn) if is_new else writer.account(txn)
        session, plaintext = olm.decrypt(account, known, message)
        pickle = session.pickle(writer.pickle_key)
        row = sessions.OlmRow(message.sender_key, session.session_id, pickle, now_ms)
        if is_new:
            writer.save_account(txn)
            sessions.save_olm_session(txn, writer.device_no, row)
        else:
            sessions.save_olm_sessions(txn, writer.device_no, [row])
        return plaintext

    def _take_withheld(self, content: object) -> None:
        if not isinstance(content, dict):
            raise BadEventError(Reason.FORM, "content: not an object")
        code = as_text(content.get("code"), "code", characters_max=64)
        known = code if code in _CODES else "other"
        metrics.withheld.labels(known).inc()
        room_id, session_id = content.get("room_id"), content.get("session_id")
        if isinstance(room_id, str) and isinstance(session_id, str):
            self._writer.note_withheld(
                room_id[:ID_CHARACTERS_MAX], session_id[:ID_CHARACTERS_MAX], code
            )

    # Our own keys.

    async def _refill(self, answer: Answer, now_ms: int) -> None:
        """Make keys and commit them, upload, mark and commit: repeatable at each step."""
        if answer.one_time_keys is None:
            return
        metrics.one_time_keys.labels(self._writer.user_id).set(answer.one_time_keys)
        is_fallback_wanted = (
            answer.is_fallback_used or now_ms - self._fallback_made_at_ms > FALLBACK_AGE_MS_MAX
        )
        if answer.one_time_keys >= ONE_TIME_KEYS_LOW and not is_fallback_wanted:
            return
        body = await self._writer.run(
            "crypto.make_keys", self._make_keys, answer.one_time_keys, is_fallback_wanted, now_ms
        )
        if is_fallback_wanted:
            self._fallback_made_at_ms = now_ms
        await upload_keys(self._writer, self._client, body)

    def _make_keys(
        self, txn: Cursor, server_has: int, is_fallback_wanted: bool, now_ms: int
    ) -> Json:
        account = self._writer.changing_account(txn)
        accounts.make_keys(account, server_has, is_fallback_wanted=is_fallback_wanted)
        self._writer.save_account(txn)
        if is_fallback_wanted:
            devices.save_fallback_time(txn, self._writer.device_no, now_ms)
        own = self._writer.own
        return accounts.upload_body(account, own.user_id, own.device_id)

    async def _watch_silence(self, answer: Answer, now_ms: int) -> None:
        """Start anew where a restored homeserver would never answer our position.

        Its ``to_device_since`` then lies in the future, and it says nothing, without an error.
        """
        count = answer.one_time_keys
        if count is None:
            return
        if answer.events or self._heard_at_ms is None or count > self._keys_then:
            self._heard_at_ms, self._keys_then = now_ms, count
        elif count < self._keys_then and now_ms - self._heard_at_ms > SILENCE_MS_MAX:
            logger.error("no to-device event for an hour while keys were used: starting anew")
            metrics.alarms.labels("silent_channel").inc()
            await self._writer.run("crypto.resync", resync, self._writer.device_no)
            self._position = self._since = None
            self._heard_at_ms, self._fallback_made_at_ms = now_ms, 0

    def _as_device(self) -> dict[str, Any]:
        own = self._writer.own
        return {"user": own.user_id, "device": own.device_id}


async def upload_keys(writer: Writer, client: MatrixClient, body: Json) -> None:
    """Upload keys that were committed, then mark them as published and commit that.

    Raises:
        OlderAccountError: The server has other keys under these ids.
        MatrixError: The server refuses; the same keys go out the next time.
        NoAnswerError: It does not answer; the same keys go out the next time.
    """
    own = writer.own
    try:
        await client.call(
            "POST",
            "/_matrix/client/v3/keys/upload",
            user=own.user_id,
            device=own.device_id,
            body=body,
        )
    except MatrixError as e:
        if "already exists" in e.error:
            raise OlderAccountError(e.error) from e
        raise

    def mark(txn: Cursor) -> None:
        writer.changing_account(txn).mark_keys_as_published()
        writer.save_account(txn)

    await writer.run("crypto.published", mark)


def resync(txn: Cursor, device_no: int) -> None:
    """Forget how far the channel was read; everybody is outdated."""
    devices.save_position(txn, device_no, None, None)
    people.mark_all_outdated(txn)


def read_answer(content: Json, since: str | None) -> Answer:
    """An answer of the channel; parts of a wrong form are left out.

    Args:
        content: As decoded.
        since: To keep where the answer has no ``next_batch``.

    Raises:
        BadEventError: It has no ``pos``: nothing can be taken.
    """
    position = as_text(content.get("pos"), "pos", characters_max=4096)
    extensions = _object(content, "extensions")
    to_device, e2ee = _object(extensions, "to_device"), _object(extensions, "e2ee")
    next_batch, events = to_device.get("next_batch"), to_device.get("events")
    lists = _object(e2ee, "device_lists")
    counts = e2ee.get("device_one_time_keys_count")
    count = counts.get(_KEYS, 0) if isinstance(counts, dict) else None
    unused = e2ee.get("device_unused_fallback_key_types")
    return Answer(
        position,
        next_batch if isinstance(next_batch, str) else since,
        tuple(events) if isinstance(events, list) else (),
        _users(lists, "changed"),
        _users(lists, "left"),
        count if type(count) is int else None,
        isinstance(unused, list) and _KEYS not in unused,
    )


def _object(content: Json, name: str) -> Json:
    value = content.get(name)
    return value if isinstance(value, dict) else {}


def _users(lists: Json, name: str) -> tuple[str, ...]:
    users = lists.get(name)
    if not isinstance(users, list):
        return ()
    return tuple(
        user
        for user in users
        if isinstance(user, str) and 0 < len(user) <= ID_CHARACTERS_MAX and is_text(user)
    )
