"""Encrypted files of rooms: ``EncryptedFile`` version ``v2``.

Source: Matrix spec v1.18, "Sending encrypted attachments". The hash is over the ciphertext and is
checked before anything is decrypted.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import IO, TYPE_CHECKING, Any, Final

import attrs
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from veche.protocol.errors import MalformedError, TooLargeError
from veche.protocol.unpadded_base64 import decode_base64, encode_base64

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_BYTES_MAX: Final = 50 * 1024 * 1024
"""Largest file that is read or written."""
CHUNK_BYTES: Final = 64 * 1024
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 8
_IV_BYTES: Final = 16
_MXC_CHARACTERS_MAX: Final = 512


@attrs.frozen
class FileKey:
    """The key that decrypts a file, from its ``EncryptedFile``.

    Attributes:
        mxc: Where the ciphertext is.
        key: 32 bytes.
        iv: 16 bytes: the first counter block.
        sha256: Of the ciphertext.
    """

    mxc: str
    key: bytes = attrs.field(repr=False)
    iv: bytes
    sha256: bytes


def encrypt_file(plain: bytes) -> tuple[bytes, dict[str, Any]]:
    """Ciphertext of a file under a new key, and its ``EncryptedFile`` still without ``url``.

    Raises:
        TooLargeError: Over ``FILE_BYTES_MAX``.
    """
    if len(plain) > FILE_BYTES_MAX:
        raise TooLargeError(f"a file must stay under {FILE_BYTES_MAX} bytes")
    key = secrets.token_bytes(_KEY_BYTES)
    iv = secrets.token_bytes(_NONCE_BYTES) + bytes(_IV_BYTES - _NONCE_BYTES)
    encryptor = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
    ciphertext = encryptor.update(plain) + encryptor.finalize()
    jwk = {
        "kty": "oct",
        "alg": "A256CTR",
        "key_ops": ["encrypt", "decrypt"],
        "k": base64.urlsafe_b64encode(key).decode().rstrip("="),
        "ext": True,
    }
    hashes = {"sha256": encode_base64(hashlib.sha256(ciphertext).digest())}
    return ciphertext, {"v": "v2", "key": jwk, "iv": encode_base64(iv), "hashes": hashes}


def read_file_key(file: Mapping[str, Any], *, where: str = "file") -> FileKey:
    """Parse an ``EncryptedFile`` and check its form.

    Raises:
        MalformedError: A part is missing or wrong, the hash above all.
    """
    key = file.get("key")
    hashes = file.get("hashes")
    mxc = file.get("url")
    if file.get("v") != "v2":
        raise MalformedError(f"{where}.v", "must be v2")
    if not isinstance(mxc, str) or not mxc.startswith("mxc://") or len(mxc) > _MXC_CHARACTERS_MAX:
        raise MalformedError(f"{where}.url", "not an mxc: address")
    if not isinstance(key, dict) or (key.get("kty"), key.get("alg")) != ("oct", "A256CTR"):
        raise MalformedError(f"{where}.key", "must be an oct key for A256CTR")
    if not isinstance(hashes, dict) or "sha256" not in hashes:
        raise MalformedError(f"{where}.hashes", "sha256 is missing")
    return FileKey(
        mxc,
        _bytes(key.get("k"), f"{where}.key.k", _KEY_BYTES, is_url_safe=True),
        _bytes(file.get("iv"), f"{where}.iv", _IV_BYTES),
        _bytes(hashes["sha256"], f"{where}.hashes.sha256", hashlib.sha256().digest_size),
    )


def decrypt_file(ciphertext: IO[bytes], plain: IO[bytes], key: FileKey) -> int:
    """Decrypt from one file into another, in chunks; returns the number of bytes.

    The whole ciphertext is hashed first: nothing is written unless the hash is right.

    Args:
        ciphertext: At its beginning; can seek.
        plain: Where to write; a temporary file of the caller.
        key: From ``read_file_key``.

    Raises:
        TooLargeError: The ciphertext is over ``FILE_BYTES_MAX``.
        MalformedError: The hash is another: the server or the sender changed the file.
    """
    digest, total = hashlib.sha256(), 0
    while chunk := ciphertext.read(CHUNK_BYTES):
        total += len(chunk)
        if total > FILE_BYTES_MAX:
            raise TooLargeError(f"a file must stay under {FILE_BYTES_MAX} bytes")
        digest.update(chunk)
    _check_hash(digest.digest(), key)
    ciphertext.seek(0)
    decryptor = Cipher(algorithms.AES(key.key), modes.CTR(key.iv)).decryptor()
    while chunk := ciphertext.read(CHUNK_BYTES):
        plain.write(decryptor.update(chunk))
    plain.write(decryptor.finalize())
    return total


def open_head(ciphertext: bytes, key: FileKey, count: int) -> bytes:
    """The first ``count`` bytes of a file, decrypted; its whole ciphertext is hashed first.

    Raises:
        MalformedError: The hash is another: the server or the sender changed the file.
    """
    _check_hash(hashlib.sha256(ciphertext).digest(), key)
    return Cipher(algorithms.AES(key.key), modes.CTR(key.iv)).decryptor().update(ciphertext[:count])


def _check_hash(digest: bytes, key: FileKey) -> None:
    if not hmac.compare_digest(digest, key.sha256):
        raise MalformedError("file.hashes.sha256", "is not that of the file")


def _bytes(value: object, where: str, size: int, *, is_url_safe: bool = False) -> bytes:
    if not isinstance(value, str) or len(value) > 2 * size:
        raise MalformedError(where, "not base64")
    try:
        text = value.replace("-", "+").replace("_", "/") if is_url_safe else value
        data = decode_base64(text.rstrip("="))
    except ValueError as e:
        raise MalformedError(where, "not base64") from e
    if len(data) != size:
        raise MalformedError(where, f"not {size} bytes")
    return data
