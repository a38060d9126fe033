"""Devices without a client: many of them cost little. Synapse and the encryption are real."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any, Final

import vodozemac as vz
from twisted.internet.defer import Deferred, gatherResults

from tests.support.crypto_peers import Side, identity
from veche.protocol.ids import DeviceId, UserId
from veche.runtime.crypto.core import account as accounts
from veche.runtime.crypto.core import megolm, olm
from veche.runtime.crypto.core.keys_query import read_person
from veche.runtime.matrix.client import MatrixError, path

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from tests.integration.veche.runtime.crypto.house import House
    from veche.protocol.ids import RoomId
    from veche.runtime.crypto.core.values import Json, PeerDevice

_TO_DEVICE: Final = json.dumps({"room": {"rooms": []}, "presence": {"types": []}})


class Guest:
    """One device of a user of the application service, driven by hand.

    Attributes:
        side: Its keys and sessions.
        withheld: Codes with which keys were withheld from it.
    """

    def __init__(self, house: House, name: str, device: str, *, has_identity: bool = False) -> None:
        self.house = house
        self.user = UserId(f"@veche_{name}:{house.bot.partition(':')[2]}")
        who = identity(self.user) if has_identity else None
        self.side = Side(self.user, device, who)
        self.withheld: list[str] = []
        self._sessions: dict[str, vz.InboundGroupSession] = {}

    async def call(self, method: str, where: str, **more: Any) -> Json:
        """One request as this device."""
        device = DeviceId(self.side.device_id)
        return await self.house.client.call(method, where, user=self.user, device=device, **more)

    async def enter(self) -> None:
        """Come into the world with device keys and one-time keys."""
        name = self.user[1:].partition(":")[0]
        body = {"type": "m.login.application_service", "username": name, "inhibit_login": True}
        try:
            await self.house.client.call("POST", path("register"), body=body)
        except MatrixError as e:
            if e.errcode != "M_USER_IN_USE":
                raise
        device = path("devices", self.side.device_id)
        await self.house.client.call("PUT", device, user=self.user, body={"display_name": "guest"})
        account, own = self.side.account, self.side.own
        account.generate_one_time_keys(2)
        keys = accounts.upload_body(account, own.user_id, own.device_id)
        account.mark_keys_as_published()
        whole = {**keys, "device_keys": own.device_keys}
        await self.call("POST", path("keys", "upload"), body=whole)

    async def publish_identity(self) -> None:
        """Publish the identity of the person, once."""
        assert self.side.identity is not None
        own, master = self.side.own, self.side.identity.master_object()
        signed = accounts.sign(self.side.account, own.user_id, own.device_id, master)
        body = self.side.identity.upload_body(signed)
        await self.call("POST", path("keys", "device_signing", "upload"), body=body)

    async def sign(self) -> None:
        """Have the identity sign the device."""
        assert self.side.identity is not None
        own = self.side.own
        signed = self.side.identity.sign("self_signing", own.device_keys)
        body = {own.user_id: {own.device_id: signed}}
        answer = await self.call("POST", path("keys", "signatures", "upload"), body=body)
        assert not answer.get("failures"), answer

    async def hear(self) -> None:
        """Take what was sent to the device."""
        query = {"timeout": "0", "filter": _TO_DEVICE}
        answer = await self.call("GET", path("sync"), query=query)
        for event in answer.get("to_device", {}).get("events", []):
            if event["type"] == "m.room_key.withheld":
                self.withheld.append(event["content"]["code"])
            else:
                key = olm.read_room_key(self.side.hear(event))
                self._sessions[key.session_id] = key.session

    def read(self, event: Json) -> str | None:
        """The text of an encrypted event, None without its key."""
        session = self._sessions.get(event["content"]["session_id"])
        if session is None:
            return None
        sealed = vz.MegolmMessage.from_base64(event["content"]["ciphertext"])
        return str(json.loads(session.decrypt(sealed).plaintext)["content"]["body"])

    async def say(self, room: RoomId, body: str, to: UserId | str) -> str:
        """Give each device of somebody the room's key, then write; the event id."""
        group, own = self.side.group, self.side.own
        key = megolm.room_key_content(group, room)
        messages = {
            device.device_id: olm.encrypt(session, device, own, "m.room_key", key)
            for device, session in await self._reach(to)
        }
        where = path("sendToDevice", "m.room.encrypted", secrets.token_hex(8))
        await self.call("PUT", where, body={"messages": {to: messages}})
        payload = megolm.payload_bytes(room, "m.room.message", {"msgtype": "m.text", "body": body})
        sealed = megolm.encrypt(group, own, payload, None, {})
        where = path("rooms", room, "send", "m.room.encrypted", secrets.token_hex(8))
        return str((await self.call("PUT", where, body=sealed))["event_id"])

    async def _reach(self, user_id: str) -> list[tuple[PeerDevice, vz.Session]]:
        answer = await self.call("POST", path("keys", "query"), body={"device_keys": {user_id: []}})
        devices = read_person(answer, user_id).devices
        wanted = {user_id: {one.device_id: "signed_curve25519" for one in devices}}
        claimed = await self.call("POST", path("keys", "claim"), body={"one_time_keys": wanted})
        keys = claimed["one_time_keys"][user_id]
        account = self.side.account
        reached = [(one, olm.open_session(account, one, keys[one.device_id])) for one in devices]
        for device, session in reached:
            self.side.sessions.setdefault(device.curve25519, []).insert(0, session)
        return reached

    async def join(self, room: RoomId) -> None:
        """Go into a room."""
        await self.call("POST", path("join", room), body={})


async def at_once(works: Iterable[Coroutine[Any, Any, Any]]) -> None:
    """Wait for all of some coroutines."""
    await gatherResults([Deferred.fromCoroutine(one) for one in works], consumeErrors=True)
