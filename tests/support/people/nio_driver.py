"""A person with matrix-nio: a program that a fork server starts (``fork_server.py``)."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import traceback
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import nio
from aiohttp import ClientConnectionError
from canonicaljson import encode_canonical_json
from nio.crypto.attachments import decrypt_attachment, encrypt_attachment

from tests.support.people.cross_signing import Identity
from tests.support.people.lines import Driver
from veche.protocol.unpadded_base64 import encode_base64

_SYNC_MS: Final = 3_000
_RETRY_S_MAX: Final = 1
_ENCRYPTION: Final = {
    "type": "m.room.encryption",
    "state_key": "",
    "content": {"algorithm": "m.megolm.v1.aes-sha2"},
}
_FILTER: Final = {"room": {"timeline": {"limit": 200}}}


class PatientClient(nio.AsyncClient):  # type: ignore[misc]  # no types
    """Tries a request again, as it is, while the homeserver is in trouble.

    By itself matrix-nio gives up then; and where it could not send a room key, it takes the key for
    sent and itself for logged out. It also stops reading for good, without a word, where two ask
    for keys at once, the one that reads and the one that sends: the later one has nothing left to
    ask for, which matrix-nio calls an error.
    """

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._keys_turn = asyncio.Lock()

    async def keys_query(self) -> Any:
        """Ask for the keys that are still missing, if there are any."""
        async with self._keys_turn:
            if self.should_query_keys:
                return await super().keys_query()
            return nio.KeysQueryResponse({}, {})

    async def send(self, *arguments: Any, **more: Any) -> Any:
        """An answer that is not the homeserver's failure; what is raised makes nio try again."""
        answer = await super().send(*arguments, **more)
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ClientConnectionError(f"the homeserver answers {answer.status}")
        return answer


class NioDriver(Driver):
    """One device of one person."""

    client: nio.AsyncClient
    folder: Path
    password: str

    def __init__(self) -> None:
        super().__init__()
        self._unread: dict[str, nio.MegolmEvent] = {}
        self._syncing: asyncio.Task[None] | None = None
        self._asked: list[dict[str, Any]] = []
        self._flow = ""
        self._is_faulty = False

    async def do_start(
        self,
        url: str,
        user: str,
        password: str,
        folder: str,
        is_verified: bool,
    ) -> dict[str, Any]:
        """Log in, or go on with the device whose session is in ``folder``; begin to sync."""
        self.folder, self.password = Path(folder), password
        self.folder.mkdir(parents=True, exist_ok=True)
        config = nio.AsyncClientConfig(
            encryption_enabled=True,
            store_sync_tokens=True,
            max_timeout_retry_wait_time=_RETRY_S_MAX,
        )
        self.client = PatientClient(url, user, store_path=folder, config=config)
        await self._log_in()
        self.client.add_event_callback(self._on_event, nio.Event)
        self.client.add_response_callback(self._on_sync, nio.SyncResponse)
        self.client.add_to_device_callback(self._on_asked, nio.UnknownToDeviceEvent)
        self.client.add_to_device_callback(self._on_started, nio.KeyVerificationStart)
        if self.client.should_upload_keys:
            _done(await self.client.keys_upload())
        if is_verified:
            await self._sign_device()
        _done(await self.client.sync(0, sync_filter=_FILTER, full_state=True))
        self._syncing = asyncio.create_task(self._sync_forever())
        return {
            "user_id": self.client.user_id,
            "device_id": self.client.device_id,
            "access_token": self.client.access_token,
        }

    async def do_prepare_new_device(self) -> None:
        """The identity is in a file beside the device's folder."""

    async def do_create_room(
        self, invite: list[str], is_encrypted: bool, is_direct: bool, name: str | None
    ) -> str:
        state = [_ENCRYPTION] if is_encrypted else []
        answer = _done(
            await self.client.room_create(
                name=name,
                is_direct=is_direct,
                invite=invite,
                initial_state=state,
                preset=nio.RoomPreset.private_chat,
            )
        )
        await self._until(lambda: answer.room_id in self.client.rooms)
        return str(answer.room_id)

    async def do_send(self, room: str, event_type: str, content: dict[str, Any]) -> str:
        await self._until(lambda: room in self.client.rooms)
        if self.client.should_query_keys:
            _done(await self.client.keys_query())
        answer = await self.client.room_send(
            room, event_type, content, ignore_unverified_devices=True
        )
        return str(_done(answer).event_id)

    async def do_send_file(
        self, room: str, name: str, mimetype: str, data: str, content: dict[str, Any]
    ) -> str:
        plain = base64.b64decode(data)
        encrypted, keys = encrypt_attachment(plain)
        answer, _ = await self.client.upload(
            lambda _retries, _timeouts: encrypted,
            content_type="application/octet-stream",
            filesize=len(encrypted),
        )
        file = {**keys, "url": _done(answer).content_uri, "v": "v2"}
        info = {"mimetype": mimetype, "size": len(plain)}
        whole = {"msgtype": "m.file", "body": name, "filename": name, "file": file, "info": info}
        return await self.do_send(room, "m.room.message", {**whole, **content})

    async def do_download(self, content: dict[str, Any]) -> str:
        file = content.get("file")
        answer = _done(await self.client.download(file["url"] if file else content["url"]))
        body: bytes = answer.body
        if file:
            body = decrypt_attachment(body, file["key"]["k"], file["hashes"]["sha256"], file["iv"])
        return base64.b64encode(body).decode()

    async def do_redact(self, room: str, event_id: str) -> str:
        return str(_done(await self.client.room_redact(room, event_id)).event_id)

    async def do_invites(self) -> list[str]:
        return list(self.client.invited_rooms)

    async def do_join(self, room: str) -> None:
        _done(await self.client.join(room))
        await self._until(lambda: room in self.client.rooms)

    async def do_leave(self, room: str) -> None:
        _done(await self.client.room_leave(room))

    async def do_invite(self, room: str, user: str) -> None:
        _done(await self.client.room_invite(room, user))

    async def do_members(self, room: str) -> list[str]:
        known = self.client.rooms.get(room)
        return [u for u in known.users if u not in known.invited_users] if known else []

    async def do_wait_for_device(self, user: str, device: str) -> None:
        await self._until(lambda: device in self.client.device_store[user])

    async def do_logout(self) -> None:
        await self._stop_syncing()
        _done(await self.client.logout())

    async def do_reset_identity(self) -> None:
        """Take a new cross-signing identity, as a person does who lost all devices."""
        (self.folder.parent / "identity.json").unlink(missing_ok=True)
        await self._sign_device()

    async def do_rotate(self, room: str) -> None:
        """Take a new room key for what is sent from now on."""
        self.client.invalidate_outbound_session(room)

    async def do_forget_sessions(self) -> None:
        """Lose all Olm sessions, as a client does whose storage is damaged."""
        self.client.olm.session_store._entries.clear()

    async def do_break_reading(self) -> None:
        """Meet an error in what reads, as a fault of the library would be."""

        async def fail(_answer: nio.SyncResponse) -> None:
            raise RuntimeError("reading is broken")

        self.client.add_response_callback(fail, nio.SyncResponse)

    async def do_answer_verification(self, user: str, is_faulty: bool) -> None:
        """Accept what another device of a person asks, by messages to devices alone.

        matrix-nio knows the comparison but not the request before it (Matrix spec v1.18,
        client-server API, "Key verification framework"), which is therefore answered here.
        """
        self._is_faulty = is_faulty
        await self._until(lambda: any(one["sender"] == user for one in self._asked))
        asked = self._asked.pop()
        self.client.olm.users_for_key_query.add(user)
        _done(await self.client.keys_query())
        self._flow = asked["content"]["transaction_id"]
        device = asked["content"]["from_device"]
        ready = {"from_device": self.client.device_id, "methods": ["m.sas.v1"]}
        await self._tell_device("ready", user, device, ready)

    async def do_emoji(self, is_starting: bool) -> list[str]:
        """What this side shows; the other side has begun the comparison."""
        if is_starting:
            raise ValueError("matrix-nio begins no comparison that was asked for")
        await self._until(lambda: self._sas() and self._sas().established_sas)
        sas = self._sas()
        # Its own `get_emoji` takes these numbers for bytes.
        return [sas.emoji[n][0] for n in sas.established_sas.bytes(sas._extra_info).emoji_indices]

    async def do_confirm_emoji(self) -> None:
        """Say that they are the same; returns once both have."""
        _done(await self.client.confirm_short_auth_string(self._flow))
        await self._until(lambda: self._sas().verified or self._sas().canceled)
        if self._sas().canceled:
            raise RuntimeError(f"cancelled: {self._sas().cancel_reason}")
        device = self._sas().other_olm_device
        self.client.verify_device(device)
        await self._tell_device("done", device.user_id, device.id, {})

    async def do_wait_for_verified(self, user: str) -> None:
        """Return once a device of the person counts as compared."""
        devices = self.client.device_store
        await self._until(lambda: any(one.verified for one in devices.active_user_devices(user)))

    def _sas(self) -> Any:
        return self.client.key_verifications.get(self._flow)

    async def _tell_device(
        self, what: str, user: str, device: str, content: dict[str, Any]
    ) -> None:
        whole = {**content, "transaction_id": self._flow}
        message = nio.ToDeviceMessage(f"m.key.verification.{what}", user, device, whole)
        _done(await self.client.to_device(message))

    async def _on_asked(self, event: nio.UnknownToDeviceEvent) -> None:
        if event.type == "m.key.verification.request":
            self._asked.append(event.source)

    async def _on_started(self, event: nio.KeyVerificationStart) -> None:
        if event.transaction_id != self._flow:
            return
        if not self._is_faulty:
            _mend(self._sas(), event.source["content"])
        _done(await self.client.accept_key_verification(self._flow))

    async def end(self) -> None:
        await self._stop_syncing()
        await self.client.close()

    async def _log_in(self) -> None:
        session = self.folder / "session.json"
        if session.exists():
            self.client.restore_login(**json.loads(session.read_text()))
            return
        _done(await self.client.login(self.password, device_name="nio"))
        fields = ("user_id", "device_id", "access_token")
        session.write_text(json.dumps({name: getattr(self.client, name) for name in fields}))

    async def _sign_device(self) -> None:
        seed = self.folder.parent / "identity.json"
        is_new = not seed.exists()
        if is_new:
            seed.write_text(json.dumps(os.urandom(32).hex()))
        user_id = self.client.user_id
        identity = Identity(user_id, bytes.fromhex(json.loads(seed.read_text())))
        if is_new:
            await self._upload_identity(identity)
        olm = self.client.olm
        keys = olm.share_keys()["device_keys"] if not olm.account.shared else None
        keys = keys or (await self._own_keys())
        body = {user_id: {self.client.device_id: identity.sign_device(keys)}}
        answer = await self._post("/keys/signatures/upload", body)
        if answer.get("failures"):
            raise RuntimeError(f"device not signed: {answer}")

    async def _upload_identity(self, identity: Identity) -> None:
        path = "/keys/device_signing/upload"
        answer = await self._post(path, identity.upload())
        if "session" in answer:
            user = {"type": "m.id.user", "user": self.client.user_id}
            auth = {
                "type": "m.login.password",
                "session": answer["session"],
                "identifier": user,
                "password": self.password,
            }
            answer = await self._post(path, {**identity.upload(), "auth": auth})
        if answer:
            raise RuntimeError(f"identity not accepted: {answer}")

    async def _own_keys(self) -> dict[str, Any]:
        user_id, device_id = self.client.user_id, self.client.device_id
        answer = await self._post("/keys/query", {"device_keys": {user_id: [device_id]}})
        keys: dict[str, Any] = answer["device_keys"][user_id][device_id]
        return keys

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.client.access_token}"}
        url = "/_matrix/client/v3" + path
        answer = await self.client.send("POST", url, json.dumps(body), headers=headers)
        content: dict[str, Any] = await answer.json()
        return content

    async def _sync_forever(self) -> None:
        try:
            await self.client.sync_forever(_SYNC_MS, sync_filter=_FILTER)
        except Exception:
            # Nobody waits for this task: what it raises would be seen by nobody, and the person
            # would go on writing and read nothing more.
            self.emit({"ended": traceback.format_exc()})
            raise

    async def _stop_syncing(self) -> None:
        if self._syncing is not None:
            self._syncing.cancel()
            await asyncio.gather(self._syncing, return_exceptions=True)
            self._syncing = None

    async def _until(self, condition: Any, timeout_s: float = 120) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                if self._syncing is not None and self._syncing.done():
                    self._syncing.result()
                await asyncio.sleep(0.02)

    async def _on_event(self, room: nio.MatrixRoom, event: nio.Event) -> None:
        if isinstance(event, nio.MegolmEvent):
            self._unread[event.event_id] = event
        if isinstance(event, nio.InviteEvent):
            return
        self.emit({"message": _message(room.room_id, event)})

    async def _on_sync(self, _answer: nio.SyncResponse) -> None:
        # matrix-nio does not try again when the key comes after the event.
        for event_id, event in list(self._unread.items()):
            try:
                read = self.client.decrypt_event(event)
            except nio.EncryptionError:
                continue
            del self._unread[event_id]
            self.emit({"message": _message(event.room_id, read)})


def _message(room_id: str, event: Any) -> dict[str, Any]:
    source = event.source
    return {
        "room": room_id,
        "event_id": source["event_id"],
        "sender": source["sender"],
        "type": source["type"],
        "content": source.get("content", {}),
        "state_key": source.get("state_key"),
        "at_ms": source.get("origin_server_ts", 0),
        "is_encrypted": bool(event.decrypted) or isinstance(event, nio.MegolmEvent),
        "is_readable": not isinstance(event, nio.MegolmEvent),
    }


def _mend(sas: Any, start: dict[str, Any]) -> None:
    """Make matrix-nio 0.26 say what the specification wants, and other clients believe.

    It writes the commitment in hexadecimal instead of base64, and under the name of the older code
    for keys it sends the newer one.
    """
    promised = sas.pubkey.encode() + encode_canonical_json(start)
    sas.commitment = encode_base64(sha256(promised).digest())
    sas._mac_normal = "hkdf-hmac-sha256.v2"


def _done(answer: Any) -> Any:
    if isinstance(answer, nio.ErrorResponse):
        raise RuntimeError(str(answer))  # noqa: TRY004 -- an answer, no wrong argument
    return answer


async def main() -> None:
    """Serve calls until stdin ends."""
    logging.basicConfig(level=logging.WARNING)
    await NioDriver().serve()


if __name__ == "__main__":
    asyncio.run(main())
