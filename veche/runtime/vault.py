"""Encryption at rest of personal data and purposes, under the operator's key.

A dump tells account numbers, amounts and moments; who they belong to, and what was paid for, only
together with the key (design of Veche, payments §4, C19).
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from nacl.secret import SecretBox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.ids import UserId

MARK_BYTES: Final = 32
CHANCE_BYTES: Final = 10


class Vault:
    """Seals and opens."""

    def __init__(self, key: bytes) -> None:
        """Make it from 32 secret bytes that are not in the database."""
        self._key = key
        self._box = SecretBox(key)

    def mark(self, name: UserId | str) -> bytes:
        """By what a holder is found: 32 bytes that say nothing to whoever has not the key."""
        return hashlib.blake2b(
            name.encode(), digest_size=MARK_BYTES, key=self._key, person=b"veche.holder"
        ).digest()

    def chance(self, cause: str) -> bytes:
        """10 bytes for an id that is always the same for a cause; nobody else can tell them."""
        return hashlib.blake2b(
            cause.encode(), digest_size=CHANCE_BYTES, key=self._key, person=b"veche.chance"
        ).digest()

    def seal(self, value: Mapping[str, Any]) -> bytes:
        """JSON, sealed; another time the same JSON looks different."""
        return bytes(self._box.encrypt(json.dumps(dict(value)).encode()))

    def seal_text(self, value: Mapping[str, Any]) -> str:
        """Seal a value as ``seal`` does, as text: Base64."""
        return base64.b64encode(self.seal(value)).decode()

    def open_text(self, sealed: str) -> dict[str, Any]:
        """Open what ``seal_text`` sealed; it raises as ``open`` does."""
        return self.open(base64.b64decode(sealed))

    def open(self, sealed: bytes) -> dict[str, Any]:
        """Decrypt sealed data.

        Raises:
            nacl.exceptions.CryptoError: It was sealed under another key, or changed.
        """
        opened: dict[str, Any] = json.loads(self._box.decrypt(sealed))
        return opened
