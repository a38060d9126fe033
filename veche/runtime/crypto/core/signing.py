"""Signatures over Matrix JSON.

Source: Matrix spec v1.18, appendices, "Signing JSON". Verifying is libsodium's: it refuses
small-order keys and non-canonical signatures.
"""

from __future__ import annotations

from typing import Final, TypeGuard

import nacl.exceptions
import nacl.signing
from canonicaljson import encode_canonical_json

from veche.protocol.unpadded_base64 import decode_base64
from veche.runtime.crypto.core.values import KEY_CHARACTERS, Json

_KEY_BYTES: Final = 32
_NOT_SIGNED: Final = ("signatures", "unsigned")
_BAD: Final = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    RecursionError,
    nacl.exceptions.CryptoError,
)


def is_key(value: object) -> TypeGuard[str]:
    """Return whether ``value`` is a public key: 32 bytes in unpadded base64."""
    if not isinstance(value, str) or len(value) != KEY_CHARACTERS:
        return False
    try:
        return len(decode_base64(value)) == _KEY_BYTES
    except ValueError:
        return False


def signed_bytes(value: Json) -> bytes:
    """The bytes that Matrix signs: canonical JSON without ``signatures`` and ``unsigned``."""
    return encode_canonical_json({k: item for k, item in value.items() if k not in _NOT_SIGNED})


def is_signed(value: Json, user_id: str, key_id: str, public_key: str) -> bool:
    """Return whether ``value`` carries a good Ed25519 signature by ``public_key``.

    Args:
        value: The object as received.
        user_id: Under whose name the signature stands.
        key_id: ``ed25519:`` and the device id or public key.
        public_key: Unpadded base64.
    """
    try:
        signature = decode_base64(value["signatures"][user_id][key_id])
        nacl.signing.VerifyKey(decode_base64(public_key)).verify(signed_bytes(value), signature)
    except _BAD:
        return False
    return True


def with_signature(value: Json, user_id: str, key_id: str, signature: str) -> Json:
    """A copy of ``value`` with one signature more; those of others stay as they are."""
    signatures = {name: dict(keys) for name, keys in value.get("signatures", {}).items()}
    signatures.setdefault(user_id, {})[key_id] = signature
    return {**value, "signatures": signatures}
