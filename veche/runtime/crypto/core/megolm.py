"""Megolm: what is said in a room, to all its readers.

Source: Matrix spec v1.18, "m.megolm.v1.aes-sha2". What stands beside the ciphertext
(``sender_key``, ``device_id``, ``m.relates_to``, any other key) is not authenticated.
"""

from __future__ import annotations

import attrs
import vodozemac as vz

from veche.protocol.errors import TooLargeError
from veche.runtime.crypto.core.values import (
    EVENT_BYTES_MAX,
    MEGOLM,
    PAYLOAD_BYTES_MAX,
    BadEventError,
    Json,
    OwnKeys,
    Reason,
    as_object,
    as_text,
    read_json,
    write_json,
)

_RELATION = "m.relates_to"


class UnknownIndexError(BadEventError):
    """The message is older than the key that we have: it is gone for us, unless sent again."""


@attrs.frozen
class MegolmEvent:
    """The content of an ``m.room.encrypted`` of a room, its form checked.

    Attributes:
        message: The index that it claims is true if it decrypts.
        relation: ``m.relates_to`` from outside, unauthenticated; None if absent.
    """

    session_id: str
    message: vz.MegolmMessage
    relation: object


@attrs.frozen
class MegolmPayload:
    """The decrypted payload of a room's message.

    Attributes:
        message_index: Place in the session; two events with one index are a replay.
    """

    event_type: str
    content: Json
    message_index: int


def read_event(content: object) -> MegolmEvent:
    """The parts of the content of a room's ``m.room.encrypted``.

    Raises:
        BadEventError: Another algorithm, a part missing, too large, garbage.
    """
    envelope = as_object(content, "content")
    if envelope.get("algorithm") != MEGOLM:
        raise BadEventError(Reason.ALGORITHM, "not Megolm")
    session_id = as_text(envelope.get("session_id"), "session_id")
    text = as_text(envelope.get("ciphertext"), "ciphertext", characters_max=EVENT_BYTES_MAX)
    try:
        message = vz.MegolmMessage.from_base64(text)
    except ValueError as e:
        raise BadEventError(Reason.FORM, "ciphertext: not a Megolm message") from e
    return MegolmEvent(session_id, message, envelope.get(_RELATION))


def decrypt(session: vz.InboundGroupSession, event: MegolmEvent, room_id: str) -> MegolmPayload:
    """Decrypt an event of a room.

    Args:
        session: The one of ``event.session_id``; it still reads what it could read before.
        event: From ``read_event``.
        room_id: Of the event, as the homeserver says.

    Raises:
        UnknownIndexError: The session came to us later than this message.
        BadEventError: Garbage, or a payload of another room.
    """
    message = event.message
    try:
        decrypted = session.decrypt(message)
    except ValueError as e:
        if message.message_index() < session.first_known_index:
            raise UnknownIndexError(Reason.BAD_CIPHERTEXT, "older than the key") from e
        raise BadEventError(Reason.BAD_CIPHERTEXT, "does not decrypt") from e
    payload = read_json(decrypted.plaintext, "payload")
    if payload.get("room_id") != room_id:
        raise BadEventError(Reason.WRONG_ROOM, "the payload belongs to another room")
    content = as_object(payload.get("content"), "payload.content")
    if event.relation is not None:
        content.setdefault(_RELATION, event.relation)
    event_type = as_text(payload.get("type"), "payload.type")
    return MegolmPayload(event_type, content, decrypted.message_index)


def check_room_key(
    known: tuple[str, str, int] | None, sender: str, curve25519: str, first_index: int
) -> bool:
    """Return whether to keep a room key.

    Args:
        known: Sender, Curve25519 and first index of the key at its place, if one is there.
        sender: Of the key that came.
        curve25519: Of the device that gave it.
        first_index: The first message that it opens.

    Raises:
        BadEventError: Another device already gave this session.
    """
    if known is None:
        return True
    if known[:2] != (sender, curve25519):
        raise BadEventError(Reason.STOLEN_SESSION, "another device already gave this session")
    return first_index < known[2]


def payload_bytes(room_id: str, event_type: str, content: Json) -> bytes:
    """Encode the payload to encrypt.

    Raises:
        TooLargeError: Over ``PAYLOAD_BYTES_MAX``; found here, before an index is spent.
    """
    data = write_json({"type": event_type, "content": content, "room_id": room_id})
    if len(data) > PAYLOAD_BYTES_MAX:
        raise TooLargeError(f"a message must stay under {PAYLOAD_BYTES_MAX} bytes")
    return data


def encrypt(
    session: vz.GroupSession, own: OwnKeys, payload: bytes, relation: object, beside: Json
) -> Json:
    """Content of the room's ``m.room.encrypted``; ``session`` changed and must be stored.

    Args:
        session: Ours, for this room.
        own: Our device.
        payload: From ``payload_bytes``.
        relation: ``m.relates_to`` of the content, which servers need in clear; or None.
        beside: Further keys in clear, unprotected.
    """
    sealed: Json = {
        **beside,
        "algorithm": MEGOLM,
        "ciphertext": session.encrypt(payload).to_base64(),
        "session_id": session.session_id,
        "sender_key": own.curve25519,
        "device_id": own.device_id,
    }
    if relation is not None:
        sealed[_RELATION] = relation
    return sealed


def room_key_content(session: vz.GroupSession, room_id: str) -> Json:
    """Content of an ``m.room_key``: the session from its present index on."""
    return {
        "algorithm": MEGOLM,
        "room_id": room_id,
        "session_id": session.session_id,
        "session_key": session.session_key.to_base64(),
    }


def withheld_content(own: OwnKeys, room_id: str, session_id: str, code: str) -> Json:
    """Content of a plain ``m.room_key.withheld``."""
    content = {"algorithm": MEGOLM, "sender_key": own.curve25519, "code": code}
    if code != "m.no_olm":
        content |= {"room_id": room_id, "session_id": session_id}
    return content
