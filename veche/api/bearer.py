"""Keys by which organisations ask over HTTP (RFC 6750): whose key a request has.

Memory holds digests alone, and a key is looked up by its digest: how long that takes tells nothing.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.errors import ConfigError, ForbiddenError, SignInError
from veche.runtime.config import read_secret

if TYPE_CHECKING:
    from pathlib import Path

KEY_CHARACTERS_MIN: Final = 32
"""Shortest key: of what chance alone makes, more than anybody tries."""


@attrs.frozen
class OrganisationKey:
    """How a route knows who asks: by the key of an organisation.

    Attributes:
        scope: What the key has to allow; None: any key of the service will do.
    """

    scope: str | None = None


@attrs.frozen
class OrganisationCaller:
    """An organisation that asks, by one of its keys.

    Attributes:
        id: Its name in the log of acts.
        name: What it is called; empty where nobody reads it.
        scopes: What this key may do, such as ``refund``.
        mark: By which the key is told from others; whoever has the mark has not the key.
        public_key: What its instructions are checked with; None: it signs none.
    """

    id: str
    name: str = ""
    scopes: frozenset[str] = frozenset()
    mark: str = ""
    public_key: bytes | None = None

    def need(self, scope: str) -> None:
        """Refuse what this key may not do.

        Raises:
            ForbiddenError: It lacks the scope.
        """
        if scope not in self.scopes:
            raise ForbiddenError(f"This key lacks the scope {scope}")


class BearerKeys:
    """The keys of a service's organisations."""

    def __init__(self) -> None:
        """Take none so far."""
        self._by_digest: dict[bytes, OrganisationCaller] = {}

    def add(self, path: Path, caller: OrganisationCaller) -> None:
        """Take a key.

        Args:
            path: File with it.
            caller: Who asks with it; without a mark it gets the digest of the key.

        Raises:
            ConfigError: It cannot be read, is too short, or is there already.
        """
        key = read_secret(path)
        if len(key) < KEY_CHARACTERS_MIN:
            raise ConfigError(f"{path}: a key has {KEY_CHARACTERS_MIN} characters")
        digest = _digest(key)
        if digest in self._by_digest:
            raise ConfigError(f"{path}: this key is there twice; make another")
        self._by_digest[digest] = attrs.evolve(caller, mark=caller.mark or digest.hex())

    def caller(self, authorization: str, wanted: OrganisationKey) -> OrganisationCaller:
        """Return the organisation whose key it is, if the key allows what is wanted.

        Args:
            authorization: The header: ``Bearer …``.
            wanted: What the route asks for.

        Raises:
            SignInError: It is nobody's key.
            ForbiddenError: The key lacks the scope.
        """
        scheme, _, key = authorization.partition(" ")
        found = self._by_digest.get(_digest(key.strip())) if scheme.lower() == "bearer" else None
        if found is None:
            raise SignInError("Please send the key of an organisation: Authorization: Bearer KEY")
        if wanted.scope is not None:
            found.need(wanted.scope)
        return found


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()
