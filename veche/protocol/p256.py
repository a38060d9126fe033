"""Signatures of keys of devices: ECDSA over P-256 with SHA-256, in the form of WebCrypto.

Source: SEC 1 and 2; r and s are written as 32 bytes each.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from veche.protocol.errors import BadSignatureError, MalformedError
from veche.protocol.unpadded_base64 import decode_base64

PUBLIC_KEY_BYTES: Final = 65
SIGNATURE_BYTES: Final = 64
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256 (SEC 2, 2.4.2): r and s lie below it."""
_HALF: Final = SIGNATURE_BYTES // 2


def public_key(data: bytes) -> ec.EllipticCurvePublicKey:
    """A P-256 key from its 65 bytes, ``04 ‖ x ‖ y`` as WebCrypto exports it.

    Raises:
        MalformedError: It is of another form, or no point of the curve.
    """
    if len(data) != PUBLIC_KEY_BYTES:
        raise MalformedError("public_key", f"must have {PUBLIC_KEY_BYTES} bytes")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), data)
    except ValueError as e:
        raise MalformedError("public_key", "is no point of P-256") from e


def verify(public: bytes, data: bytes, signature: str) -> None:
    """Check a P-256 signature in the form of WebCrypto.

    Args:
        public: The key, 65 bytes.
        data: What was signed.
        signature: r and s, 64 bytes in unpadded base64, in the one form in which it is written.

    Raises:
        BadSignatureError: It is none of that key over that.
    """
    try:
        raw = decode_base64(signature)
    except ValueError as e:
        raise BadSignatureError("the signature is not unpadded base64") from e
    if len(raw) != SIGNATURE_BYTES:
        raise BadSignatureError(f"the signature must have {SIGNATURE_BYTES} bytes")
    r, s = int.from_bytes(raw[:_HALF], "big"), int.from_bytes(raw[_HALF:], "big")
    if not (0 < r < _ORDER and 0 < s < _ORDER):
        raise BadSignatureError("the signature is out of range")
    try:
        public_key(public).verify(encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as e:
        raise BadSignatureError("the signature is not of this key over this") from e
