"""Olm: what devices say to one another, one to one.

The checks of a received message run in the order of this file: form, session, payload, kind. The
ratchet moves at the second step, so the session is stored even when a later one refuses.
Source: Matrix spec v1.18, "m.olm.v1.curve25519-aes-sha2"; MSC4147 for ``sender_device_keys``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs
import vodozemac as vz

from veche.protocol.unpadded_base64 import decode_base64, encode_base64
from veche.runtime.crypto.core.signing import is_key, is_signed
from veche.runtime.crypto.core.values import (
    EVENT_BYTES_MAX,
    MEGOLM,
    OLM,
    BadEventError,
    Json,
    Reason,
    WedgedError,
    as_object,
    as_text,
    read_json,
    write_json,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.runtime.crypto.core.values import OwnKeys, PeerDevice

_KINDS: Final = (0, 1)
IGNORED: Final = frozenset({"m.dummy", "m.room_key_request", "m.forwarded_room_key"})
"""Payloads that are right and mean nothing to us. Keys are never given on request."""


@attrs.frozen
class OlmMessage:
    """An envelope that is addressed to us.

    Attributes:
        sender_key: Curve25519 of the sender's device, as the envelope claims.
        session_id: Of a pre-key message; None for a normal one.
    """

    sender_key: str
    message: vz.AnyOlmMessage
    session_id: str | None


@attrs.frozen
class OlmPayload:
    """The payload of a device's message, once sender and recipient inside were compared.

    Attributes:
        sender_key: Curve25519 of the device, proved by the session.
        sender_ed25519: As the device says; to be compared with the directory.
    """

    event_type: str
    content: Json
    sender: str
    sender_key: str
    sender_ed25519: str


@attrs.frozen
class RoomKey:
    """A Megolm session that somebody gave us.

    Attributes:
        first_index: The first message that it opens.
    """

    room_id: str
    session_id: str
    session: vz.InboundGroupSession
    sender: str
    sender_curve25519: str
    sender_ed25519: str
    first_index: int


def read_envelope(content: object, own_curve25519: str) -> OlmMessage:
    """The message for us in the content of a to-device ``m.room.encrypted``.

    Raises:
        BadEventError: Another algorithm, not for us, too large, or garbage.
    """
    envelope = as_object(content, "content")
    if envelope.get("algorithm") != OLM:
        raise BadEventError(Reason.ALGORITHM, "not Olm")
    sender_key = envelope.get("sender_key")
    if not is_key(sender_key):
        raise BadEventError(Reason.FORM, "sender_key: not a key")
    mine = as_object(envelope.get("ciphertext"), "ciphertext").get(own_curve25519)
    if mine is None:
        raise BadEventError(Reason.NOT_FOR_US, "no ciphertext for this device")
    mine = as_object(mine, "ciphertext")
    kind = mine.get("type")
    if type(kind) is not int or kind not in _KINDS:
        raise BadEventError(Reason.FORM, "ciphertext.type: neither 0 nor 1")
    body = as_text(mine.get("body"), "ciphertext.body", characters_max=EVENT_BYTES_MAX)
    try:
        message = vz.AnyOlmMessage.from_parts(kind, decode_base64(body))
    except ValueError as e:
        raise BadEventError(Reason.FORM, "ciphertext.body: not an Olm message") from e
    pre_key = message.to_pre_key()
    return OlmMessage(sender_key, message, pre_key.session_id() if pre_key else None)


def decrypt(
    account: vz.Account, sessions: Sequence[vz.Session], message: OlmMessage
) -> tuple[vz.Session, bytes]:
    """The session that opened a message, and what was in it; both must be stored.

    Args:
        account: Changed when a session is made.
        sessions: Those with the sender's device, newest first; the one returned was changed, or
            is new and not among them.
        message: From ``read_envelope``.

    Raises:
        WedgedError: No session fits, or none can be made.
        BadEventError: A pre-key message of a known session does not decrypt. A second session is
            never made of it: on a fallback key a replay would decrypt as if new.
    """
    if message.session_id is not None:
        return _decrypt_pre_key(account, sessions, message)
    for session in sessions:
        try:
            return session, session.decrypt(message.message)
        except vz.OlmDecryptionException:
            continue
    raise WedgedError("no Olm session fits", sender_key=message.sender_key)


def _decrypt_pre_key(
    account: vz.Account, sessions: Sequence[vz.Session], message: OlmMessage
) -> tuple[vz.Session, bytes]:
    for session in sessions:
        if session.session_id == message.session_id:
            try:
                return session, session.decrypt(message.message)
            except vz.OlmDecryptionException as e:
                raise BadEventError(Reason.PRE_KEY_REPLAY, "a pre-key message again") from e
    pre_key = message.message.to_pre_key()
    if pre_key is None:  # session_id says that it is one
        raise BadEventError(Reason.FORM, "not a pre-key message")
    try:
        key = vz.Curve25519PublicKey.from_base64(message.sender_key)
        return account.create_inbound_session(key, pre_key)
    except ValueError as e:
        raise WedgedError("no Olm session can be made", sender_key=message.sender_key) from e


def read_payload(plaintext: bytes, sender: str, sender_key: str, own: OwnKeys) -> OlmPayload:
    """Parse a device's message, if it is addressed to us and in the device's own name.

    Args:
        plaintext: From ``decrypt``.
        sender: Of the to-device event, as the homeserver says.
        sender_key: Of the session.
        own: Our device.

    Raises:
        BadEventError: The payload names another sender, recipient or device, or has no form.
    """
    payload = read_json(plaintext, "payload")
    if payload.get("sender") != sender:
        raise BadEventError(Reason.WRONG_SENDER, "the payload names another sender")
    recipient_keys = as_object(payload.get("recipient_keys"), "recipient_keys")
    if payload.get("recipient") != own.user_id or recipient_keys.get("ed25519") != own.ed25519:
        raise BadEventError(Reason.WRONG_RECIPIENT, "the payload names another recipient")
    ed25519 = as_object(payload.get("keys"), "keys").get("ed25519")
    if not is_key(ed25519):
        raise BadEventError(Reason.FORM, "keys.ed25519: not a key")
    enclosed = payload.get("sender_device_keys")
    if enclosed is not None and not _is_of_device(enclosed, sender, sender_key, ed25519):
        raise BadEventError(Reason.WRONG_DEVICE_KEYS, "device keys of another device are enclosed")
    return OlmPayload(
        as_text(payload.get("type"), "type"),
        as_object(payload.get("content"), "content"),
        sender,
        sender_key,
        ed25519,
    )


def _is_of_device(enclosed: object, sender: str, curve25519: str, ed25519: str) -> bool:
    if not isinstance(enclosed, dict):
        return False
    device_id = enclosed.get("device_id")
    expected = {f"curve25519:{device_id}": curve25519, f"ed25519:{device_id}": ed25519}
    return (
        isinstance(device_id, str)
        and enclosed.get("user_id") == sender
        and enclosed.get("keys") == expected
        and is_signed(enclosed, sender, f"ed25519:{device_id}", ed25519)
    )


def read_room_key(payload: OlmPayload) -> RoomKey:
    """The session in an ``m.room_key``.

    Raises:
        BadEventError: Another algorithm, garbage, or an id that is not the key's own.
    """
    content = payload.content
    if content.get("algorithm") != MEGOLM:
        raise BadEventError(Reason.ALGORITHM, "not Megolm")
    room_id = as_text(content.get("room_id"), "room_id")
    session_id = as_text(content.get("session_id"), "session_id")
    key = as_text(content.get("session_key"), "session_key", characters_max=EVENT_BYTES_MAX)
    try:
        session = vz.InboundGroupSession(vz.SessionKey(key))
    except ValueError as e:
        raise BadEventError(Reason.FORM, "session_key: not a key") from e
    if session.session_id != session_id:
        raise BadEventError(Reason.WRONG_SESSION_ID, "the session id does not belong to the key")
    return RoomKey(
        room_id,
        session_id,
        session,
        payload.sender,
        payload.sender_key,
        payload.sender_ed25519,
        session.first_known_index,
    )


def open_session(account: vz.Account, device: PeerDevice, claimed: object) -> vz.Session:
    """A new session with a device, of the one-time key that the server gave for it.

    Args:
        account: Ours, not changed.
        device: Whose key must have signed the one-time key.
        claimed: ``{"signed_curve25519:<id>": {"key", "signatures"}}`` from ``/keys/claim``.

    Raises:
        BadEventError: Not exactly one key, of another kind, or not signed by the device.
    """
    keys = as_object(claimed, "claimed")
    if len(keys) != 1:
        raise BadEventError(Reason.BAD_CLAIM, "not exactly one key")
    [(key_id, key)] = keys.items()
    key = as_object(key, "claimed key")
    signer = f"ed25519:{device.device_id}"
    is_signed_kind = isinstance(key_id, str) and key_id.startswith("signed_curve25519:")
    if not (is_signed_kind and is_signed(key, device.user_id, signer, device.ed25519)):
        raise BadEventError(Reason.BAD_CLAIM, "the one-time key is not signed by its device")
    one_time = key.get("key")
    if not is_key(one_time):
        raise BadEventError(Reason.BAD_CLAIM, "the one-time key is not a key")
    try:
        return account.create_outbound_session(
            vz.Curve25519PublicKey.from_base64(device.curve25519),
            vz.Curve25519PublicKey.from_base64(one_time),
        )
    except ValueError as e:
        raise BadEventError(Reason.BAD_CLAIM, "no session can be made of the one-time key") from e


def encrypt(
    session: vz.Session, device: PeerDevice, own: OwnKeys, event_type: str, content: Json
) -> Json:
    """Content of an ``m.room.encrypted`` for one device; ``session`` changed and must be stored."""
    payload: dict[str, Any] = {
        "type": event_type,
        "content": content,
        "sender": own.user_id,
        "sender_device": own.device_id,
        "keys": {"ed25519": own.ed25519},
        "recipient": device.user_id,
        "recipient_keys": {"ed25519": device.ed25519},
        "sender_device_keys": own.device_keys,
    }
    kind, body = session.encrypt(write_json(payload)).to_parts()
    return {
        "algorithm": OLM,
        "sender_key": own.curve25519,
        "ciphertext": {device.curve25519: {"type": kind, "body": encode_base64(bytes(body))}},
    }
