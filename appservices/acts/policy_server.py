"""The policy server: signs what may pass in the rooms that ask for it (Matrix spec v1.18).

A room names a server by its state ``m.room.policy``. Every homeserver in it then shows nothing that
this server has not signed, whether it has our modules or not. What people send is signed as it is,
what an official account sends only with the proof of its act: the check is that of the event guard.
It needs no content in clear, so it works in encrypted rooms. It keeps nothing.

The server should be that of a third party, never of the organisation itself.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, TypeVar

from appservices.acts.api import KeysOfServers, PolicyKeysView, Signatures
from appservices.acts.pdu import (
    ROOM_VERSIONS,
    Asking,
    Pdu,
    check_hash,
    read_asking,
    room_of,
    signed_form,
)
from veche.api import Api
from veche.contracts.directory.receipts import Policy, ReceiptRefusedError, SeenEvent, check_receipt
from veche.protocol.errors import (
    BadSignatureError,
    ForbiddenError,
    MalformedError,
    SignInError,
    UnavailableError,
)
from veche.protocol.ids import RoomId
from veche.protocol.json_reader import read_json
from veche.protocol.unpadded_base64 import decode_base64, encode_base64
from veche.protocol.wire import parse
from veche.runtime.matrix.client import MatrixError, path
from veche.runtime.matrix.store import bots_in
from veche.runtime.web.bodies import BODY_BYTES_MAX
from veche.transparency.envelope import public_key, sign, signing_key, verify

if TYPE_CHECKING:
    from appservices.acts.service import Directories
    from veche.api import Call
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor, Database
    from veche.runtime.matrix.client import MatrixClient

logger = logging.getLogger(__name__)

API: Final = Api("/_matrix/policy/v1", "The policy server, as homeservers ask it")
WELL_KNOWN: Final = Api("/.well-known/matrix/policy_server", "The key of the policy server")
SEED: Final = "policy server"
"""Purpose of the seed of its key."""
KEY_VERSION: Final = "policy_server"
"""The key's id is ``ed25519:policy_server`` (Matrix spec v1.18)."""
POLICY: Final = "m.room.policy"
REDACTION: Final = "m.room.redaction"
KNOWN_MAX: Final = 10_000
"""Rooms whose version, and servers whose keys are remembered."""
KEYS_MS_MAX: Final = 3_600_000
"""How long keys of a server are believed without asking again."""
RETRY_AFTER_MS: Final = 5_000

_T = TypeVar("_T")


class ServerKeys:
    """Keys of other homeservers, as ours knows them: it finds them, and checks who signed them."""

    def __init__(self, client: MatrixClient) -> None:
        """Nobody is asked yet."""
        self._client = client
        self._known: dict[str, tuple[int, dict[str, bytes]]] = {}

    async def of(self, server: str, key_id: str, now_ms: int) -> dict[str, bytes]:
        """The keys of a server, 32 bytes each, by key id; asks again for one that is not known.

        Raises:
            UnavailableError: Nobody knows them now.
        """
        until_ms, keys = self._known.get(server, (0, {}))
        if now_ms >= until_ms or key_id not in keys:
            keys = await self._asked(server, now_ms)
            _keep(self._known, server, (now_ms + KEYS_MS_MAX, keys))
        return keys

    async def _asked(self, server: str, now_ms: int) -> dict[str, bytes]:
        where = path(server, root="/_matrix/key/v2/query")
        query = {"minimum_valid_until_ts": str(now_ms)}
        try:
            answer = await self._client.call("GET", where, query=query)
        except MatrixError as e:
            logger.warning("keys of %s: %s; has homeserver.url the resource `keys`?", server, e)
            words = f"The keys of {server} are not known now"
            raise UnavailableError(words, retry_after_ms=RETRY_AFTER_MS) from e
        return {
            key_id: decode_base64(one.key)
            for said in parse(KeysOfServers, answer, where="keys").server_keys
            if said.server_name == server and said.valid_until_ts > now_ms
            for key_id, one in said.verify_keys.items()
        }


class PolicyServer:
    """Signs events; see this module's text."""

    def __init__(
        self,
        server_name: str,
        seed: bytes,
        client: MatrixClient,
        database: Database,
        directories: Directories,
    ) -> None:
        """Make it.

        Args:
            server_name: Of the homeserver for which it signs.
            seed: Of its key, 32 secret bytes.
            client: To that homeserver.
            database: Of the directories.
            directories: That are trusted here.
        """
        self._server_name = server_name
        self._key = signing_key(KEY_VERSION, seed)
        self._client = client
        self._database = database
        self._directories = directories
        self._server_keys = ServerKeys(client)
        self._versions: dict[str, str] = {}

    @WELL_KNOWN.sessionless.route(
        "GET",
        "",
        answer=PolicyKeysView,
        takes_other_sites=True,
        summary="The key for `public_keys` of `m.room.policy` (Matrix spec v1.18)",
    )
    async def key(self, _call: Call) -> PolicyKeysView:
        """Answer the public half."""
        return PolicyKeysView(public_keys={"ed25519": encode_base64(public_key(self._key))})

    @API.sessionless.route(
        "POST",
        "/sign",
        takes="application/json",
        takes_bytes_max=BODY_BYTES_MAX,
        takes_model=Pdu,
        answer=Signatures,
        summary="Sign an event that may pass (Matrix spec v1.18, policy servers)",
    )
    async def sign(self, call: Call) -> Signatures:
        """Sign it, or say why not."""
        asking = read_asking(call.header("authorization"))
        event = read_json(call.body, where="event", any_text=True)
        pdu = parse(Pdu, event, where="event")
        await self._check_asking(asking, event, call.now_ms)
        if pdu.type == POLICY and pdu.state_key == "":
            raise MalformedError("event.type", f"{POLICY} is nothing that is signed here")
        check_hash(event)
        room_id = room_of(event, pdu.room_id)
        version = await self._room_version(room_id)
        trusted = await self._database.run(
            "directory.policy", self._directories.trusted, call.now_ms
        )
        if unknown := self._directories.unknown:
            words = f"Nothing is known of the directory {unknown[0]} yet"
            raise UnavailableError(words, retry_after_ms=RETRY_AFTER_MS)
        try:
            check_receipt(_seen(pdu, room_id), trusted, Policy())
        except ReceiptRefusedError as e:
            raise ForbiddenError(f"{e.fault.value}: {e}") from e
        signed = sign(signed_form(event, version), self._server_name, self._key)
        ours = signed["signatures"][self._server_name]
        return Signatures.model_validate({self._server_name: ours})

    async def _check_asking(self, asking: Asking, event: Any, now_ms: int) -> None:
        """Make sure that a homeserver asks, and asks us.

        Raises:
            SignInError: Its signature is none of this request.
        """
        if asking.destination != self._server_name:
            raise SignInError(f"X-Matrix: destination is not {self._server_name}")
        keys = await self._server_keys.of(asking.origin, asking.key, now_ms)
        try:
            verify(asking.request("POST", f"{API.prefix}/sign", event), asking.origin, keys)
        except BadSignatureError as e:
            raise SignInError(f"X-Matrix: {e}") from e

    async def _room_version(self, room_id: str) -> str:
        """The version of a room in which a bot of ours is.

        Raises:
            ForbiddenError: None of them is there, or nobody knows the version.
        """
        known = self._versions.get(room_id)
        if known is not None:
            return known
        bot = await self._database.run("directory.policy_room", _bot_in, RoomId(room_id))
        if bot is None:
            raise ForbiddenError("No bot of this server is in that room: invite one first")
        where = path("rooms", room_id, "state", "m.room.create", "")
        try:
            made = await self._client.call("GET", where, user=bot)
        except MatrixError as e:
            raise ForbiddenError("No bot of this server is in that room any more") from e
        version = made.get("room_version", "1")
        if version not in ROOM_VERSIONS:
            raise ForbiddenError(f"Rooms of version {version} are not signed here: upgrade it")
        _keep(self._versions, room_id, version)
        return str(version)


def _bot_in(txn: Cursor, room_id: RoomId) -> UserId | None:
    return next(iter(bots_in(txn, room_id)), None)


def _seen(pdu: Pdu, room_id: str) -> SeenEvent:
    return SeenEvent(
        room_id=room_id,
        sender=pdu.sender,
        kind=pdu.type,
        content=pdu.content,
        at_ms=pdu.origin_server_ts,
        state_key=pdu.state_key,
        redacts=(pdu.redacts or pdu.content.get("redacts")) if pdu.type == REDACTION else None,
    )


def _keep(known: dict[str, _T], key: str, value: _T) -> None:
    """Remember something, and forget what has been remembered longest."""
    known.pop(key, None)
    known[key] = value
    while len(known) > KNOWN_MAX:
        del known[next(iter(known))]
