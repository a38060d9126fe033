"""Values of the rules of encryption: devices of others, reasons, bounds."""

from __future__ import annotations

import enum
import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.protocol import json_reader
from veche.protocol.errors import MalformedError, RefusedError

if TYPE_CHECKING:
    from veche.protocol.ids import DeviceId, UserId

Json = dict[str, Any]
"""A JSON object as decoded."""

OLM: Final = "m.olm.v1.curve25519-aes-sha2"
MEGOLM: Final = "m.megolm.v1.aes-sha2"

EVENT_BYTES_MAX: Final = 64 * 1024
"""Largest ciphertext that is looked at; a Matrix event cannot be larger."""
PAYLOAD_BYTES_MAX: Final = 32 * 1024
"""Largest payload that is sealed. Beyond about 48 kB Synapse answers 413 to the sealed event, and
the message index would be spent."""
ID_CHARACTERS_MAX: Final = 255
KEY_CHARACTERS: Final = 43
"""A Curve25519 or Ed25519 public key in unpadded base64."""
ONE_TIME_KEYS_TARGET: Final = 50
ONE_TIME_KEYS_LOW: Final = 25
OLM_SESSIONS_MAX: Final = 5
"""Olm sessions kept a peer device."""
DEVICES_PER_PERSON_MAX: Final = 500
"""Devices of one person that are kept; those that the person's identity signed come first."""


class Reason(enum.Enum):
    """Why something from outside was dropped; the value is a metric's label."""

    ALGORITHM = "algorithm"
    FORM = "form"
    TOO_LARGE = "too_large"
    NOT_FOR_US = "not_for_us"
    BAD_CIPHERTEXT = "bad_ciphertext"
    NO_SESSION_FITS = "no_session_fits"
    PRE_KEY_REPLAY = "pre_key_replay"
    WRONG_SENDER = "wrong_sender"
    WRONG_RECIPIENT = "wrong_recipient"
    WRONG_DEVICE_KEYS = "wrong_device_keys"
    WRONG_SESSION_ID = "wrong_session_id"
    STOLEN_SESSION = "stolen_session"
    REPLAY = "replay"
    WRONG_ROOM = "wrong_room"
    BAD_CLAIM = "bad_claim"
    UNWANTED = "unwanted"


class BadEventError(RefusedError):
    """An event fails a check and is dropped.

    Attributes:
        reason: Which check.
    """

    errcode = "ORG.VECHE.CRYPTO_REFUSED"

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class WedgedError(BadEventError):
    """No Olm session of the sender's device decrypts its message: a new one must be opened.

    Attributes:
        sender_key: Curve25519 of the device.
    """

    def __init__(self, message: str, *, sender_key: str) -> None:
        super().__init__(Reason.NO_SESSION_FITS, message)
        self.sender_key = sender_key


@attrs.frozen
class PeerDevice:
    """A device of somebody else that signs its own keys.

    Attributes:
        curve25519: Identity key, unpadded base64.
        ed25519: Signing key, unpadded base64.
        is_cross_signed: Whether the self-signing key of its owner's identity signed it.
        is_pinned: Whether it, with these keys, is one of those by which its owner dealt with us.
    """

    user_id: str
    device_id: str
    curve25519: str
    ed25519: str
    is_cross_signed: bool
    is_pinned: bool = False


@attrs.frozen
class OwnKeys:
    """The public side of one of our devices.

    Attributes:
        device_keys: As published, signed by the device; goes into each Olm payload (MSC4147).
    """

    user_id: UserId
    device_id: DeviceId
    curve25519: str
    ed25519: str
    device_keys: Json


def as_object(value: object, where: str) -> Json:
    """``value``, which must be a JSON object.

    Raises:
        BadEventError: It is something else.
    """
    if not isinstance(value, dict):
        raise BadEventError(Reason.FORM, f"{where}: not an object")
    return value


def as_text(value: object, where: str, *, characters_max: int = ID_CHARACTERS_MAX) -> str:
    """``value``, which must be a string of 1 to ``characters_max`` characters.

    Raises:
        BadEventError: It is something else, empty, longer, or nothing that can be stored.
    """
    if not isinstance(value, str) or not value:
        raise BadEventError(Reason.FORM, f"{where}: not a string")
    if len(value) > characters_max:
        raise BadEventError(Reason.TOO_LARGE, f"{where}: longer than {characters_max}")
    if not json_reader.is_text(value):
        raise BadEventError(Reason.FORM, f"{where}: not text")
    return value


def read_json(plaintext: bytes, where: str) -> Json:
    """The JSON object that a decrypted payload holds.

    Raises:
        BadEventError: It is not one, or is nested too deeply.
    """
    try:
        value = json_reader.read_json(plaintext, where=where, any_text=True)
    except MalformedError as e:
        raise BadEventError(Reason.FORM, str(e)) from e
    return as_object(value, where)


def write_json(value: Json) -> bytes:
    """The shortest UTF-8 form of ``value``."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
