"""The key with which a site signs what it sends to push services (RFC 8292)."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from appservices.app.core import to_base64url

_KEY_BYTES: Final = 32


def new_key() -> str:
    """Make a key: 32 bytes in base64url, as other tools of Web Push write them, and a line end."""
    number = generate_private_key(SECP256R1()).private_numbers().private_value
    return to_base64url(number.to_bytes(_KEY_BYTES, "big")) + "\n"
