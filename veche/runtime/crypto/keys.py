"""The operator key: 32 bytes outside the database that everything at rest is sealed under.

Two uses, two derived keys: pickles of a device, and the seeds of identities. What is sealed names
the operator key it was sealed under, so that a wrong key is an error that says so.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import attrs
import nacl.exceptions
import nacl.secret

from veche.protocol.errors import ConfigError
from veche.runtime.crypto.core.identity import Identity
from veche.runtime.secret_files import read_secret_bytes

if TYPE_CHECKING:
    from pathlib import Path

OPERATOR_KEY_BYTES: Final = 32
_NAME_BYTES: Final = 8


class WrongOperatorKeyError(ConfigError):
    """What is in the database was sealed under another operator key."""

    errcode = "ORG.VECHE.CRYPTO_WRONG_KEY"


@attrs.frozen
class OperatorKey:
    """The key of an operator.

    Attributes:
        secret: 32 bytes; never in a log, a database or a backup of it.
        name: Public name, 16 hex digits, derived from the secret.
    """

    secret: bytes = attrs.field(repr=False)
    name: str = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        if len(self.secret) != OPERATOR_KEY_BYTES:
            raise ConfigError(f"the operator key must have {OPERATOR_KEY_BYTES} bytes")
        name = self._derived(b"", b"veche.keyname", _NAME_BYTES).hex()
        object.__setattr__(self, "name", name)

    def seed(self, purpose: str) -> bytes:
        """32 secret bytes for a purpose, always the same."""
        return self._derived(purpose.encode(), b"veche.seed", 32)

    def pickle_key(self, user_id: str, device_id: str) -> bytes:
        """The key of 32 bytes for the pickles of one device."""
        return self._derived(f"{user_id}|{device_id}".encode(), b"veche.pickle", 32)

    def seal(self, identity: Identity) -> bytes:
        """The seeds of an identity, sealed."""
        return bytes(self._box().encrypt(identity.to_bytes()))

    def open(self, user_id: str, master_key: str, sealed: bytes, sealed_under: str) -> Identity:
        """The counterpart of ``seal``.

        Args:
            user_id: The bot.
            master_key: Its public master key, as stored beside the seeds.
            sealed: What ``seal`` returned.
            sealed_under: Name of the key that it was sealed under.

        Raises:
            WrongOperatorKeyError: Sealed under another key, or damaged.
        """
        self.check(sealed_under)
        try:
            data = self._box().decrypt(sealed)
            return Identity.from_bytes(user_id, master_key, data)
        except (nacl.exceptions.CryptoError, ValueError) as e:
            raise WrongOperatorKeyError(f"the identity of {user_id} does not open: damaged") from e

    def check(self, sealed_under: str) -> None:
        """Raise ``WrongOperatorKeyError`` unless this is the key of that name."""
        if sealed_under != self.name:
            raise WrongOperatorKeyError(
                f"crypto.key_path holds operator key {self.name}, but the database was sealed"
                f" under {sealed_under}: bring that key back, or run `veche crypto rekey`"
            )

    def _box(self) -> nacl.secret.SecretBox:
        return nacl.secret.SecretBox(self._derived(b"", b"veche.identity", 32))

    def _derived(self, data: bytes, person: bytes, size: int) -> bytes:
        return hashlib.blake2b(data, digest_size=size, key=self.secret, person=person).digest()


def read_operator_key(path: Path, named_by: str = "crypto.key_path") -> OperatorKey:
    """The operator key in a file of exactly 32 bytes that others cannot read.

    Args:
        path: The file.
        named_by: What named it, for the text of errors.

    Raises:
        ConfigError: No such file, another length, or readable by everyone.
    """
    try:
        secret = read_secret_bytes(path)
    except ConfigError as e:
        raise ConfigError(f"{named_by}: {e}") from e
    if len(secret) != OPERATOR_KEY_BYTES:
        raise ConfigError(
            f"{named_by}: {path} has {len(secret)} bytes, not {OPERATOR_KEY_BYTES};"
            f" make one with: head -c {OPERATOR_KEY_BYTES} /dev/urandom > {path}"
        )
    return OperatorKey(secret)
