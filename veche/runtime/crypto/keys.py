"""The operator key: 32 bytes outside the database that everything at rest is sealed under.

Three uses, with a derived key each: pickles of a device, the seeds of identities, and whatever
services seal, mark, number and sign. What is sealed of bots names the operator key it was sealed
under, so that a wrong key is an error that says so.

A new operator key is for the first two. What services have made by the old one, such as marks by
which accounts are found, ids of transfers that are under way, links that lie in chats and keys that
others know, cannot be made anew; so the new key carries the secret on from which all that comes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import attrs
import nacl.exceptions
import nacl.secret

from veche.protocol.errors import ConfigError
from veche.runtime.config.secret_files import read_secret_bytes
from veche.runtime.crypto.core.identity import Identity

if TYPE_CHECKING:
    from pathlib import Path

OPERATOR_KEY_BYTES: Final = 32
CARRYING_BYTES: Final = 2 * OPERATOR_KEY_BYTES
"""Of the file of a key that carries the first one's secret on: its own, then that."""
_NAME_BYTES: Final = 8


class WrongOperatorKeyError(ConfigError):
    """The data in the database was sealed under another operator key."""

    errcode = "ORG.VECHE.CRYPTO_WRONG_KEY"


@attrs.frozen
class OperatorKey:
    """The key of an operator.

    Attributes:
        secret: 32 bytes; never in a log, a database or a backup of it.
        first: Secret of the first operator key, from which ``seed`` makes all; empty: it is this.
        name: Public name, 16 hex digits, derived from both.
    """

    secret: bytes = attrs.field(repr=False)
    first: bytes = attrs.field(repr=False, default=b"")
    name: str = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        if len(self.secret) != OPERATOR_KEY_BYTES:
            raise ConfigError(f"the operator key must have {OPERATOR_KEY_BYTES} bytes")
        if len(self.first) not in (0, OPERATOR_KEY_BYTES):
            raise ConfigError(f"the first operator key must have {OPERATOR_KEY_BYTES} bytes")
        # Of both: the file of a new key without what it has to carry on is another key.
        name = _derived(self.secret, self.first, b"veche.keyname", _NAME_BYTES).hex()
        object.__setattr__(self, "name", name)

    def seed(self, purpose: str) -> bytes:
        """32 secret bytes for a purpose, always the same, also once the operator key is changed."""
        return _derived(self.first or self.secret, purpose.encode(), b"veche.seed", 32)

    def following(self, old: OperatorKey) -> OperatorKey:
        """This key in the place of another one: it makes the same seeds.

        Raises:
            ConfigError: It makes those of a third one already.
        """
        first = old.first or old.secret
        if self.first not in (b"", first):
            raise ConfigError("this key was made to follow another operator key: make a fresh one")
        return OperatorKey(self.secret, first)

    def to_bytes(self) -> bytes:
        """Return the content of its file."""
        return self.secret + self.first

    def pickle_key(self, user_id: str, device_id: str) -> bytes:
        """The key of 32 bytes for the pickles of one device."""
        return _derived(self.secret, f"{user_id}|{device_id}".encode(), b"veche.pickle", 32)

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
        return nacl.secret.SecretBox(_derived(self.secret, b"", b"veche.identity", 32))


def read_operator_key(path: Path, named_by: str = "crypto.key_path") -> OperatorKey:
    """The operator key in a file that others cannot read.

    It has 32 bytes; or 64, once ``veche crypto rekey`` has made it follow another one.

    Raises:
        ConfigError: No such file, another length, or readable by everyone.
    """
    try:
        secret = read_secret_bytes(path)
    except ConfigError as e:
        raise ConfigError(f"{named_by}: {e}") from e
    if len(secret) not in (OPERATOR_KEY_BYTES, CARRYING_BYTES):
        raise ConfigError(
            f"{named_by}: {path} has {len(secret)} bytes, not {OPERATOR_KEY_BYTES};"
            f" make one with: head -c {OPERATOR_KEY_BYTES} /dev/urandom > {path}"
        )
    return OperatorKey(secret[:OPERATOR_KEY_BYTES], secret[OPERATOR_KEY_BYTES:])


def _derived(secret: bytes, data: bytes, person: bytes, size: int) -> bytes:
    return hashlib.blake2b(data, digest_size=size, key=secret, person=person).digest()
