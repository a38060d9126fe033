"""A Matrix client that costs next to nothing: raw HTTP, vodozemac, one thread.

It holds what a real client would (a cross-signed device, one-time keys, a Megolm session a room
that it takes anew after ``MESSAGES_MAX`` messages) and does nothing else, so that what a benchmark
sees is the servers' work.
"""

from __future__ import annotations

import http.client
import itertools
import json
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urlsplit

import vodozemac as vz

from tests.support import echo
from tests.support.crypto_peers import Side, identity
from tests.support.people.person import PASSWORD
from tests.support.services import house
from veche.runtime.crypto.core import account as accounts
from veche.runtime.crypto.core import megolm, olm
from veche.runtime.crypto.core.keys_query import read_person
from veche.runtime.crypto.core.values import MEGOLM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.services import House
    from veche.runtime.crypto.core.values import Json

MESSAGES_MAX: Final = 100
"""Messages of one Megolm session, as in every client (`rotation_period_msgs`)."""
TIMEOUT_S: Final = 60
WAIT_S_MAX: Final = 30.0
_SYNC_MS: Final = 30_000
"""How long a /sync waits for news, as in Element and the Rust SDK."""
_TYPES_NONE: Final[Mapping[str, Any]] = {"types": []}
_ENCRYPTION: Final[Mapping[str, Any]] = {
    "type": "m.room.encryption",
    "state_key": "",
    "content": {"algorithm": MEGOLM},
}
_CLIENT: Final = "/_matrix/client/v3"


@contextmanager
def echo_house() -> Iterator[House]:
    """A house with the echo service, in a folder of its own that is taken away afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="veche-bench-") as folder,
        house(
            Path(folder), program=echo.PROGRAM, sections=echo.SECTIONS, migrations=echo.MIGRATIONS
        ) as town,
    ):
        yield town


class LightClient:
    """One device of a person; every call blocks. One thread uses it.

    Attributes:
        user_id: Who.
        side: The device's keys.
    """

    def __init__(self, house: House, name: str) -> None:
        """Register and log in a new person with a cross-signed device."""
        self.user_id = house.server.register(name)
        url = urlsplit(house.url)
        self._connection = http.client.HTTPConnection(
            url.hostname or "", url.port, timeout=TIMEOUT_S
        )
        self._head = {"Content-Type": "application/json"}
        body = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": self.user_id},
            "password": PASSWORD,
        }
        answer = self.call("POST", f"{_CLIENT}/login", body)
        self._head["Authorization"] = f"Bearer {answer['access_token']}"
        self.side = Side(self.user_id, answer["device_id"], identity(self.user_id))
        self._numbers = itertools.count(1)
        self._said: dict[str, int] = {}
        self._groups: dict[str, vz.GroupSession] = {}
        self._keys: dict[str, vz.InboundGroupSession] = {}
        self._members: dict[str, str] = {}
        self._since = ""
        self._publish()
        self._filter = self._make_filter()
        self.catch_up()

    def call(self, method: str, target: str, body: object = None) -> Any:
        """One request; its answer's JSON."""
        data = None if body is None else json.dumps(body, separators=(",", ":"))
        self._connection.request(method, target, data, self._head)
        with self._connection.getresponse() as answer:
            content = json.loads(answer.read())
        if answer.status != http.client.OK:
            raise RuntimeError(f"{method} {target}: {answer.status} {content}")
        return content

    # Rooms

    def create_room(self, other: str, *, is_encrypted: bool, is_join_awaited: bool = True) -> str:
        """A direct chat; returns once ``other`` has joined."""
        body = {
            "preset": "private_chat",
            "is_direct": True,
            "invite": [other],
            "initial_state": [_ENCRYPTION] if is_encrypted else [],
        }
        room_id = str(self.call("POST", f"{_CLIENT}/createRoom", body)["room_id"])
        if is_join_awaited:
            self.wait_for_join(room_id, other)
        if is_encrypted:
            self._members[room_id] = other
        return room_id

    def wait_for_join(self, room_id: str, other: str) -> None:
        """Return once ``other`` is in the room."""
        target = f"{_CLIENT}/rooms/{quote(room_id)}/joined_members"
        deadline_s = time.monotonic() + WAIT_S_MAX
        while other not in self.call("GET", target)["joined"]:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{other} did not join")
            time.sleep(0.05)

    def join(self, room_id: str) -> None:
        """Accept an invitation."""
        self.call("POST", f"{_CLIENT}/join/{quote(room_id)}", {})

    # Messages

    def prepare(self, room_id: str, body: str) -> tuple[str, Json]:
        """Target and content of a message, encrypted where the room is."""
        content: Json = {"msgtype": "m.text", "body": body}
        kind = "m.room.message"
        if room_id in self._members:
            if self._said.get(room_id, MESSAGES_MAX) >= MESSAGES_MAX:
                self._share(room_id)
            self._said[room_id] += 1
            payload = megolm.payload_bytes(room_id, kind, content)
            content = megolm.encrypt(self._groups[room_id], self.side.own, payload, None, {})
            kind = "m.room.encrypted"
        number = next(self._numbers)
        return f"{_CLIENT}/rooms/{quote(room_id)}/send/{kind}/{number}", content

    def send(self, room_id: str, body: str) -> str:
        """Say something; its event id."""
        target, content = self.prepare(room_id, body)
        return str(self.call("PUT", target, content)["event_id"])

    def catch_up(self) -> None:
        """Pass over all that came until now."""
        self._take(self._sync(0))

    def wait_for(self, room_id: str, body: str) -> Json:
        """The message of somebody else in a room that says just this, as decrypted.

        Raises:
            TimeoutError: It did not come within ``WAIT_S_MAX``.
        """
        deadline_s = time.monotonic() + WAIT_S_MAX
        while time.monotonic() < deadline_s:
            for event in self._take(self._sync(_SYNC_MS)).get(room_id, []):
                if event["content"].get("body") == body:
                    return event
        raise TimeoutError(f"{body!r} did not come within {WAIT_S_MAX} s")

    def messages(self, room_id: str, wait_s_max: float) -> Iterator[Json]:
        """What others say in a room from now on, decrypted, in order.

        Raises:
            TimeoutError: Nothing came for ``wait_s_max``.
        """
        deadline_s = time.monotonic() + wait_s_max
        while time.monotonic() < deadline_s:
            for event in self._take(self._sync(_SYNC_MS)).get(room_id, []):
                if event["type"] == "m.room.message":
                    yield event
                    deadline_s = time.monotonic() + wait_s_max
        raise TimeoutError(f"nothing came within {wait_s_max} s")

    # What it consists of

    def _publish(self) -> None:
        side = self.side
        accounts.make_keys(side.account, 0, is_fallback_wanted=True)
        keys = accounts.upload_body(side.account, side.user_id, side.device_id)
        assert side.identity is not None
        published = side.published()
        master = accounts.sign(
            side.account, side.user_id, side.device_id, side.identity.master_object()
        )
        signing = side.identity.upload_body(master)
        auth = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": self.user_id},
            "password": PASSWORD,
        }
        self.call("POST", f"{_CLIENT}/keys/device_signing/upload", {**signing, "auth": auth})
        device_keys = published["device_keys"][side.user_id][side.device_id]
        self.call("POST", f"{_CLIENT}/keys/upload", {**keys, "device_keys": device_keys})
        side.account.mark_keys_as_published()

    def _make_filter(self) -> str:
        timeline = {"limit": 50, "not_senders": [self.user_id]}
        room = {
            "timeline": timeline,
            "state": {"lazy_load_members": True, "types": []},
            "ephemeral": _TYPES_NONE,
            "account_data": _TYPES_NONE,
        }
        body = {"room": room, "presence": _TYPES_NONE, "account_data": _TYPES_NONE}
        answer = self.call("POST", f"{_CLIENT}/user/{quote(self.user_id)}/filter", body)
        return str(answer["filter_id"])

    def _sync(self, timeout_ms: int) -> Json:
        query = {"filter": self._filter, "timeout": str(timeout_ms), "set_presence": "offline"}
        if self._since:
            query["since"] = self._since
        answer: Json = self.call("GET", f"{_CLIENT}/sync?{urlencode(query)}")
        return answer

    def _take(self, answer: Json) -> dict[str, list[Json]]:
        """The readable messages of a /sync answer by room; room keys are kept."""
        self._since = answer["next_batch"]
        for event in answer.get("to_device", {}).get("events", []):
            if event["type"] == "m.room.encrypted":
                payload = self.side.hear(event)
                if payload.event_type == "m.room_key":
                    key = olm.read_room_key(payload)
                    self._keys[key.session_id] = key.session
        rooms = answer.get("rooms", {}).get("join", {})
        return {
            room_id: [self._opened(room_id, event) for event in room["timeline"]["events"]]
            for room_id, room in rooms.items()
        }

    def _opened(self, room_id: str, event: Json) -> Json:
        if event["type"] != "m.room.encrypted":
            return event
        sealed = megolm.read_event(event["content"])
        payload = megolm.decrypt(self._keys[sealed.session_id], sealed, room_id)
        return {**event, "type": payload.event_type, "content": payload.content}

    def _share(self, room_id: str) -> None:
        """Take a new Megolm session and give it to the other member's devices."""
        group = self._groups[room_id] = vz.GroupSession()
        self._said[room_id] = 0
        other = self._members[room_id]
        found = self.call("POST", f"{_CLIENT}/keys/query", {"device_keys": {other: []}})
        messages: dict[str, Json] = {}
        for device in read_person(found, other).devices:
            known = self.side.sessions.setdefault(device.curve25519, [])
            if not known:
                wanted = {other: {device.device_id: "signed_curve25519"}}
                claimed = self.call("POST", f"{_CLIENT}/keys/claim", {"one_time_keys": wanted})[
                    "one_time_keys"
                ][other][device.device_id]
                known.insert(0, olm.open_session(self.side.account, device, claimed))
            content = megolm.room_key_content(group, room_id)
            messages[device.device_id] = olm.encrypt(
                known[0], device, self.side.own, "m.room_key", content
            )
        target = f"{_CLIENT}/sendToDevice/m.room.encrypted/{next(self._numbers)}"
        self.call("PUT", target, {"messages": {other: messages}})
