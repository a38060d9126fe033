"""A person's cross-signing identity, for clients that cannot make one.

Source: Matrix spec v1.18, client-server API §"Cross-signing".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from canonicaljson import encode_canonical_json
from nacl.signing import SigningKey

from veche.protocol.unpadded_base64 import encode_base64

if TYPE_CHECKING:
    from collections.abc import Mapping


def public(key: SigningKey) -> str:
    """Its public part, unpadded base64."""
    return encode_base64(bytes(key.verify_key))


def signed(
    content: Mapping[str, Any], user_id: str, key_id: str, key: SigningKey
) -> dict[str, Any]:
    """``content`` with one more signature."""
    bare = {k: v for k, v in content.items() if k not in {"signatures", "unsigned"}}
    signature = encode_base64(key.sign(encode_canonical_json(bare)).signature)
    signatures = {u: dict(s) for u, s in content.get("signatures", {}).items()}
    signatures.setdefault(user_id, {})[f"ed25519:{key_id}"] = signature
    return {**bare, "signatures": signatures}


class Identity:
    """Master and self-signing key from one seed; the master key signs the self-signing key."""

    def __init__(self, user_id: str, seed: bytes) -> None:
        self.user_id = user_id
        keys = [SigningKey(bytes([number]) + seed[1:]) for number in (1, 2, 3)]
        self._master, self._self_signing, self._user_signing = keys

    def upload(self) -> dict[str, Any]:
        """Body of ``POST /keys/device_signing/upload``."""
        master = self._key("master", self._master)
        return {
            "master_key": master,
            "self_signing_key": self._signed_key("self_signing", self._self_signing),
            "user_signing_key": self._signed_key("user_signing", self._user_signing),
        }

    def sign_device(self, device_keys: Mapping[str, Any]) -> dict[str, Any]:
        """The device's keys, signed by the self-signing key."""
        key = self._self_signing
        return signed(device_keys, self.user_id, public(key), key)

    def _key(self, usage: str, key: SigningKey) -> dict[str, Any]:
        keys = {f"ed25519:{public(key)}": public(key)}
        return {"user_id": self.user_id, "usage": [usage], "keys": keys}

    def _signed_key(self, usage: str, key: SigningKey) -> dict[str, Any]:
        return signed(self._key(usage, key), self.user_id, public(self._master), self._master)
