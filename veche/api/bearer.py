"""Keys by which organisations ask over HTTP (RFC 6750): whose key a request has.

Memory holds digests alone, and a key is looked up by its digest: how long that takes tells nothing.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from veche.protocol.errors import ConfigError, SignInError
from veche.runtime.config import read_secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY_CHARACTERS_MIN: Final = 32
"""Shortest key: of what chance alone makes, more than anybody tries."""

C = TypeVar("C")


class BearerKeys(Generic[C]):
    """Who may ask, by their keys."""

    def __init__(self) -> None:
        """Nobody may, so far."""
        self._by_digest: dict[bytes, C] = {}

    def add(self, path: Path, caller_of: Callable[[bytes], C]) -> None:
        """Take a key.

        Args:
            path: File with it.
            caller_of: Who asks with it, given the SHA-256 of the key.

        Raises:
            ConfigError: It cannot be read, is too short, or is there already.
        """
        key = read_secret(path)
        if len(key) < KEY_CHARACTERS_MIN:
            raise ConfigError(f"{path}: a key has {KEY_CHARACTERS_MIN} characters")
        digest = _digest(key)
        if digest in self._by_digest:
            raise ConfigError(f"{path}: this key is there twice; make another")
        self._by_digest[digest] = caller_of(digest)

    def of(self, authorization: str) -> C:
        """Whose key it is.

        Args:
            authorization: The header: ``Bearer …``.

        Raises:
            SignInError: Nobody's.
        """
        scheme, _, key = authorization.partition(" ")
        found = self._by_digest.get(_digest(key.strip())) if scheme.lower() == "bearer" else None
        if found is None:
            raise SignInError("Please send the key of an organisation: Authorization: Bearer KEY")
        return found


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()
