"""Devices of others for the tests of encryption: an account, an identity, and what they send."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

import attrs
import vodozemac as vz

from veche.runtime.crypto.core import account as accounts
from veche.runtime.crypto.core import megolm, olm
from veche.runtime.crypto.core.identity import Identity, new_identity
from veche.runtime.crypto.core.keys_query import read_person

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from veche.runtime.crypto.core.values import Json, OwnKeys, PeerDevice

ROOM: Final = "!room"
ANNA: Final = "@anna:veche.test"
BOT: Final = "@veche_desk:veche.test"

_HUGE: Final = "A" * 200_000
_WRONG: Final[tuple[Any, ...]] = (
    None,
    True,
    7,
    -1,
    1.5,
    2**80,
    "",
    "~ not base64 ~",
    "AAAA=",
    _HUGE,
    [],
    {},
    "\0",
)


def identity(user_id: str, number: int = 1) -> Identity:
    """An identity; another number makes another one."""
    seeds = [bytes([number, usage]) * 16 for usage in range(3)]
    return new_identity(user_id, (seeds[0], seeds[1], seeds[2]))


@attrs.define
class Side:
    """One device of somebody: its account, its sessions with others, its room session.

    Attributes:
        heard: Type and content of what was delivered to it, oldest first.
    """

    user_id: str
    device_id: str
    identity: Identity | None = None
    account: vz.Account = attrs.Factory(vz.Account)
    sessions: dict[str, list[vz.Session]] = attrs.Factory(dict)
    group: vz.GroupSession = attrs.Factory(vz.GroupSession)
    heard: list[tuple[str, Json]] = attrs.Factory(list)

    def inbox(self, kind: str) -> list[Json]:
        """Contents of a kind that were delivered to it, oldest first."""
        return [content for found, content in self.heard if found == kind]

    @property
    def own(self) -> OwnKeys:
        return accounts.own_keys(self.account, self.user_id, self.device_id)

    def published(self) -> Json:
        """What ``/keys/query`` says of this device's user."""
        keys = self.own.device_keys
        answer: Json = {"device_keys": {self.user_id: {self.device_id: keys}}}
        if self.identity is not None:
            signed = self.identity.sign("self_signing", keys)
            master = self.identity.master_object()
            upload = self.identity.upload_body(
                accounts.sign(self.account, self.user_id, self.device_id, master)
            )
            answer["device_keys"][self.user_id][self.device_id] = signed
            answer["master_keys"] = {self.user_id: upload["master_key"]}
            answer["self_signing_keys"] = {self.user_id: upload["self_signing_key"]}
        return answer

    def peer(self) -> PeerDevice:
        """This device as others see it."""
        [device] = read_person(self.published(), self.user_id).devices
        return device

    def claimed(self, *, is_fallback: bool = False) -> Json:
        """What ``/keys/claim`` hands out for this device."""
        accounts.make_keys(self.account, 49, is_fallback_wanted=is_fallback)
        kind = "fallback_keys" if is_fallback else "one_time_keys"
        keys = accounts.upload_body(self.account, self.user_id, self.device_id)[kind]
        self.account.mark_keys_as_published()
        [key] = list(keys.items())[:1]
        return {key[0]: key[1]}

    def meet(self, other: Side, *, is_fallback: bool = False) -> None:
        """Open a session with another device."""
        session = olm.open_session(
            self.account, other.peer(), other.claimed(is_fallback=is_fallback)
        )
        self.sessions.setdefault(other.own.curve25519, []).insert(0, session)

    def tell(self, other: Side, event_type: str, content: Json) -> Json:
        """A to-device event for another device."""
        session = self.sessions[other.own.curve25519][0]
        sealed = olm.encrypt(session, other.peer(), self.own, event_type, content)
        return {"type": "m.room.encrypted", "sender": self.user_id, "content": sealed}

    def give_room_key(self, other: Side, room_id: str = ROOM) -> Json:
        """The to-device event that gives another device this one's room session."""
        return self.tell(other, "m.room_key", megolm.room_key_content(self.group, room_id))

    def hear(self, event: Json) -> olm.OlmPayload:
        """Read a to-device event, as the channel does."""
        message = olm.read_envelope(event["content"], self.own.curve25519)
        known = self.sessions.setdefault(message.sender_key, [])
        session, plaintext = olm.decrypt(self.account, known, message)
        if session in known:
            known.remove(session)
        known.insert(0, session)
        return olm.read_payload(plaintext, event["sender"], message.sender_key, self.own)

    def write(
        self, event_id: str, body: str = "hello", room_id: str = ROOM, /, **more: Any
    ) -> Json:
        """An encrypted room event."""
        content = {"msgtype": "m.text", "body": body, **more}
        payload = megolm.payload_bytes(room_id, "m.room.message", content)
        relation = content.get("m.relates_to")
        return {
            "type": "m.room.encrypted",
            "event_id": event_id,
            "room_id": room_id,
            "sender": self.user_id,
            "content": megolm.encrypt(self.group, self.own, payload, relation, {}),
        }

    def inbound(self) -> vz.InboundGroupSession:
        """This device's room session, from now on, as readers have it."""
        return vz.InboundGroupSession(self.group.session_key)


def refuses(error: type[Exception], call: Callable[..., object], *arguments: object) -> bool:
    """Whether a call raises just that."""
    try:
        call(*arguments)
    except error:
        return True
    return False


def damaged(value: Json) -> Iterator[tuple[str, Json]]:
    """Copies of a JSON object, in each one place missing or of a wrong kind, with where."""
    for path in _paths(value, ()):
        where = ".".join(map(str, path))
        yield f"{where} missing", _changed(value, path, is_removed=True)
        for wrong in _WRONG:
            yield f"{where} = {str(wrong)[:16]!r}", _changed(value, path, wrong)


def _paths(value: object, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield (*path, name)
            yield from _paths(part, (*path, name))


def _changed(
    value: Json, path: tuple[str, ...], wrong: object = None, *, is_removed: bool = False
) -> Json:
    changed = copy.deepcopy(value)
    place = changed
    for name in path[:-1]:
        place = place[name]
    if is_removed:
        del place[path[-1]]
    else:
        place[path[-1]] = copy.deepcopy(wrong)
    return changed
