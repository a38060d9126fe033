"""Events as servers exchange them: who asks, the hash, and what a server signs of an event.

Source: Matrix spec v1.18, server-server API ("Request Authentication", "Calculating the content
hash for an event", "Signing Events"), and the redaction rules of each room version.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.protocol.canonical import canonical
from veche.protocol.errors import MalformedError, SignInError
from veche.protocol.unpadded_base64 import encode_base64
from veche.protocol.wire import Wire, mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOM_VERSIONS: Final = frozenset({"9", "10", "11", "12"})
"""Room versions whose redaction rules are known here."""
CREATE: Final = "m.room.create"
_BEFORE_11: Final = frozenset({"9", "10"})
_HEADER_CHARACTERS_MAX: Final = 2_048
_PARAMETER: Final = re.compile(r'\s*([a-z]+)\s*=\s*(?:"([^"\\]*)"|([^\s",]+))\s*(?:,|\Z)')
_UNHASHED: Final = frozenset({"unsigned", "signatures", "hashes"})
_UNSIGNED: Final = frozenset({"unsigned", "signatures"})
_KEPT: Final = frozenset(
    {
        "type",
        "room_id",
        "sender",
        "state_key",
        "content",
        "hashes",
        "depth",
        "prev_events",
        "auth_events",
        "origin_server_ts",
    }
)
_KEPT_BEFORE_11: Final = _KEPT | {"event_id", "origin", "membership", "prev_state"}
_LEVELS: Final = frozenset(
    {
        "ban",
        "events",
        "events_default",
        "kick",
        "redact",
        "state_default",
        "users",
        "users_default",
    }
)
_SAID: Final = {
    "m.room.member": frozenset({"membership", "join_authorised_via_users_server"}),
    "m.room.join_rules": frozenset({"join_rule", "allow"}),
    "m.room.history_visibility": frozenset({"history_visibility"}),
}
"""Of the content of these types, what a redaction leaves in every version that is known here."""


class Pdu(Wire):
    """An event as a server has it, as far as it is looked at.

    Attributes:
        room_id: Where; missing of the first event of a room of version 12.
        sender: Who.
        type: Its type.
        content: As it is.
        origin_server_ts: When its server says that it was sent, ms UTC.
        hashes: Of its content.
        state_key: Of state.
        redacts: Of a redaction, before room version 11.
    """

    room_id: str | None = None
    sender: str
    type: str
    content: dict[str, Any]
    origin_server_ts: int
    hashes: dict[str, Any]
    state_key: str | None = None
    redacts: str | None = None


@attrs.frozen
class Asking:
    """The identity of a server, from the header of its request.

    Attributes:
        origin: The server.
        destination: Whom it asks.
        key: Id of its key, such as ``ed25519:1``.
        signature: Of the request, unpadded base64.
    """

    origin: str
    destination: str
    key: str
    signature: str

    def request(self, method: str, uri: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Build the signed form of a request, with the signature."""
        return {
            "method": method,
            "uri": uri,
            "origin": self.origin,
            "destination": self.destination,
            "content": content,
            "signatures": {self.origin: {self.key: self.signature}},
        }


def read_asking(header: str) -> Asking:
    """Read the header ``Authorization`` of a server's request.

    Raises:
        SignInError: It is missing, of another kind, or lacks a part.
    """
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "x-matrix" or len(header) > _HEADER_CHARACTERS_MAX:
        raise SignInError("Only a homeserver may ask: please sign the request (X-Matrix)")
    found: dict[str, str] = {}
    at = 0
    while (one := _PARAMETER.match(rest, at)) is not None:
        found[one[1]] = one[2] if one[2] is not None else one[3]
        at = one.end()
    parts = [found.get(name, "") for name in ("origin", "destination", "key", "sig")]
    if at != len(rest) or not all(parts):
        raise SignInError("X-Matrix: origin, destination, key and sig are needed")
    return Asking(*parts)


def check_hash(event: Mapping[str, Any]) -> None:
    """Make sure that an event has the content whose hash it carries.

    A server signs the redacted event, in which only the hash stands for the content.

    Raises:
        MalformedError: It has another one, or no canonical JSON.
    """
    content = {key: value for key, value in event.items() if key not in _UNHASHED}
    made = encode_base64(hashlib.sha256(canonical(content, where="event")).digest())
    said = mapping(event.get("hashes")).get("sha256")
    if not isinstance(said, str) or not hmac.compare_digest(made, said):
        raise MalformedError("event.hashes.sha256", "is not that of the event")


def room_of(event: Mapping[str, Any], said: str | None) -> str:
    """Where an event is: of the first one of a room of version 12 its own hash says it.

    Raises:
        MalformedError: It does not say so.
    """
    if said is not None:
        return said
    if event.get("type") != CREATE:
        raise MalformedError("event.room_id", "is missing")
    form = canonical(signed_form(event, "12"), where="event")
    return "!" + base64.urlsafe_b64encode(hashlib.sha256(form).digest()).decode().rstrip("=")


def signed_form(event: Mapping[str, Any], room_version: str) -> dict[str, Any]:
    """Build the signed form of an event: the event as a redaction leaves it.

    Args:
        event: As it is sent.
        room_version: One of ``ROOM_VERSIONS``.
    """
    is_old = room_version in _BEFORE_11
    kept = _KEPT_BEFORE_11 if is_old else _KEPT
    form = {key: value for key, value in event.items() if key in kept}
    form["content"] = _said(str(event.get("type")), mapping(event.get("content")), is_old=is_old)
    return form


def _said(kind: str, content: Mapping[str, Any], *, is_old: bool) -> dict[str, Any]:
    if kind == CREATE and not is_old:
        return {**content}
    names = _SAID.get(kind, frozenset())
    if kind == CREATE:
        names = frozenset({"creator"})
    elif kind == "m.room.power_levels":
        names = _LEVELS if is_old else _LEVELS | {"invite"}
    elif kind == "m.room.redaction" and not is_old:
        names = frozenset({"redacts"})
    said = {key: value for key, value in content.items() if key in names}
    invited = content.get("third_party_invite")
    if kind == "m.room.member" and not is_old and isinstance(invited, dict):
        said["third_party_invite"] = {k: v for k, v in invited.items() if k == "signed"}
    return said
