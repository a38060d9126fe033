"""The cross-signing identity of a bot: three seeds that outlive every device and machine.

Source: Matrix spec v1.18, client-server API, "Cross-signing". The master key is the same for ever:
changing it alarms everyone who verified it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import attrs
import nacl.signing

from veche.protocol.unpadded_base64 import decode_base64, encode_base64
from veche.runtime.crypto.core.signing import signed_bytes, with_signature

if TYPE_CHECKING:
    from veche.runtime.crypto.core.values import Json

SEED_BYTES: Final = 32
_USAGES: Final = ("master", "self_signing", "user_signing")


class MasterIsColdError(ValueError):
    """The master seed was exported and is not here any more."""


@attrs.frozen(repr=False)
class Identity:
    """The seeds of one bot.

    Attributes:
        user_id: The bot.
        master_key: Public master key, unpadded base64.
        seeds: By usage, 32 bytes each; ``master`` is absent once it was exported.
    """

    user_id: str
    master_key: str
    seeds: dict[str, bytes]

    def sign(self, usage: str, value: Json) -> Json:
        """``value`` with a signature by the key of that usage.

        Raises:
            MasterIsColdError: The master key is needed and not here.
        """
        if usage not in self.seeds:
            raise MasterIsColdError("the master key of this bot was exported: bring its seed")
        key = nacl.signing.SigningKey(self.seeds[usage])
        signature = encode_base64(key.sign(signed_bytes(value)).signature)
        return with_signature(
            value, self.user_id, f"ed25519:{_public(self.seeds[usage])}", signature
        )

    def master_object(self) -> Json:
        """The published master key, without signatures."""
        return _key_object(self.user_id, "master", self.master_key)

    def upload_body(self, master_signed: Json) -> Json:
        """Body of ``POST /keys/device_signing/upload``; the same bytes on each call.

        Args:
            master_signed: ``master_object()``, signed by the device.

        Raises:
            MasterIsColdError: The master key is not here.
        """
        body: Json = {"master_key": master_signed}
        for usage in _USAGES[1:]:
            key = _key_object(self.user_id, usage, _public(self.seeds[usage]))
            body[f"{usage}_key"] = self.sign("master", key)
        return body

    def without_master(self) -> Identity:
        """Return the seeds for daily work: self-signing and user-signing."""
        return attrs.evolve(self, seeds={k: v for k, v in self.seeds.items() if k != "master"})

    def to_bytes(self) -> bytes:
        """The seeds, to be sealed. Never stored as they are."""
        return json.dumps(
            {usage: encode_base64(seed) for usage, seed in self.seeds.items()}
        ).encode()

    @classmethod
    def from_bytes(cls, user_id: str, master_key: str, data: bytes) -> Identity:
        """The counterpart of ``to_bytes``.

        Raises:
            ValueError: The bytes are not seeds, or not those of ``master_key``.
        """
        seeds = {usage: decode_base64(seed) for usage, seed in json.loads(data).items()}
        if "master" in seeds and _public(seeds["master"]) != master_key:
            raise ValueError("the sealed master seed is not that of the published key")
        return cls(user_id, master_key, seeds)


def new_identity(user_id: str, seeds: tuple[bytes, bytes, bytes]) -> Identity:
    """The identity that three seeds of 32 bytes make.

    Args:
        user_id: The bot.
        seeds: Master, self-signing and user-signing, from a secure source.
    """
    if any(len(seed) != SEED_BYTES for seed in seeds):
        raise ValueError(f"a seed has {SEED_BYTES} bytes")
    return Identity(user_id, _public(seeds[0]), dict(zip(_USAGES, seeds, strict=True)))


def fingerprint(master_key: str) -> str:
    """How a master key is shown to people: its base64 in groups of four."""
    return " ".join(master_key[at : at + 4] for at in range(0, len(master_key), 4))


def _public(seed: bytes) -> str:
    return encode_base64(nacl.signing.SigningKey(seed).verify_key.encode())


def _key_object(user_id: str, usage: str, public: str) -> Json:
    return {"user_id": user_id, "usage": [usage], "keys": {f"ed25519:{public}": public}}
