"""How documents and increments are encrypted, by the page and by the service alike.

AES-256-GCM: 12 bytes of chance, the ciphertext, 16 bytes of tag. What a ciphertext is for is
authenticated, so none can stand in the place of another.
"""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from veche.protocol.errors import MalformedError

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
OVERHEAD_BYTES: Final = NONCE_BYTES + TAG_BYTES
DOCUMENT: Final = b"veche.signing.blob"
"""What the document is for."""


def fresh_key() -> bytes:
    """A key for one session."""
    return secrets.token_bytes(KEY_BYTES)


def increment_of(number: int) -> bytes:
    """Return the purpose string of a revision's increment."""
    return b"veche.signing.%d" % number


def encrypt(key: bytes, data: bytes, purpose: bytes) -> bytes:
    """Encrypt.

    Args:
        key: Of the session.
        data: Any bytes.
        purpose: ``DOCUMENT``, or from ``increment_of``.
    """
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, purpose)


def decrypt(key: bytes, data: bytes, purpose: bytes) -> bytes:
    """Decrypt.

    Raises:
        MalformedError: It is of another key or purpose, or was changed.
    """
    if len(data) < OVERHEAD_BYTES:
        raise MalformedError("increment", "is too short to be encrypted")
    try:
        return AESGCM(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], purpose)
    except InvalidTag as e:
        raise MalformedError(
            "increment", "is not encrypted with the session's key for this place"
        ) from e
