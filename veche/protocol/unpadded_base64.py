"""Unpadded base64, as Matrix writes every hash, key and signature.

Source: Matrix spec v1.18, appendices, "Unpadded Base64". Read is only the one form in which a value
is written: two texts for the same bytes would be two ids of one key, or two hashes of one file.
"""

from __future__ import annotations

import base64


def encode_base64(data: bytes) -> str:
    """Standard base64 without padding."""
    return base64.b64encode(data).decode().rstrip("=")


def decode_base64(text: str) -> bytes:
    """Bytes from unpadded base64.

    Raises:
        ValueError: It is padded, of another alphabet, or not as ``encode_base64`` writes it.
    """
    data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    if encode_base64(data) != text:
        raise ValueError("not as it is written: other unused bits, or padding")
    return data
