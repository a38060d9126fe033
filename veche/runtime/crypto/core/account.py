"""The Olm account of our device: its keys as they are published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from veche.protocol.ids import DeviceId, UserId
from veche.runtime.crypto.core.signing import signed_bytes, with_signature
from veche.runtime.crypto.core.values import MEGOLM, OLM, ONE_TIME_KEYS_TARGET, Json, OwnKeys

if TYPE_CHECKING:
    import vodozemac as vz


def own_keys(account: vz.Account, user_id: str, device_id: str) -> OwnKeys:
    """The public side of an account, its device keys signed by itself."""
    curve25519 = account.curve25519_key.to_base64()
    ed25519 = account.ed25519_key.to_base64()
    keys = {
        "user_id": user_id,
        "device_id": device_id,
        "algorithms": [OLM, MEGOLM],
        "keys": {f"curve25519:{device_id}": curve25519, f"ed25519:{device_id}": ed25519},
    }
    signed = sign(account, user_id, device_id, keys)
    return OwnKeys(UserId(user_id), DeviceId(device_id), curve25519, ed25519, signed)


def sign(account: vz.Account, user_id: str, device_id: str, value: Json) -> Json:
    """``value`` with a signature by the device."""
    signature = account.sign(signed_bytes(value)).to_base64()
    return with_signature(value, user_id, f"ed25519:{device_id}", signature)


def make_keys(account: vz.Account, server_has: int, *, is_fallback_wanted: bool) -> None:
    """Fill up to ``ONE_TIME_KEYS_TARGET``. The account must be stored before they go out.

    Args:
        account: Changed.
        server_has: One-time keys that the server still hands out, as it last said.
        is_fallback_wanted: Whether to replace the fallback key.
    """
    missing = ONE_TIME_KEYS_TARGET - server_has - len(account.one_time_keys)
    if missing > 0:
        account.generate_one_time_keys(missing)
    if is_fallback_wanted:
        account.generate_fallback_key()  # type: ignore[attr-defined]  # absent from its stub


def upload_body(account: vz.Account, user_id: str, device_id: str) -> Json:
    """Unpublished keys for ``POST /keys/upload``; the same again until they are marked."""
    fallback = account.fallback_key  # type: ignore[attr-defined]  # absent from its stub
    return {
        "one_time_keys": {
            f"signed_curve25519:{key_id}": sign(
                account, user_id, device_id, {"key": key.to_base64()}
            )
            for key_id, key in account.one_time_keys.items()
        },
        "fallback_keys": {
            f"signed_curve25519:{key_id}": sign(
                account, user_id, device_id, {"key": key.to_base64(), "fallback": True}
            )
            for key_id, key in fallback.items()
        },
    }
