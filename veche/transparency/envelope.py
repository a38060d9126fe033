"""Signed envelopes: JSON objects that someone may have to show to a third party.

Source: Matrix spec v1.18, appendices, "Signing JSON". One Ed25519 rule everywhere, stricter than
any one library's: public key and R are canonical points of prime order, S is below the group's
order, and the equation holds. Libraries disagree about crafted signatures that break one of these,
and an organisation could otherwise sign so that a server says yes and a person's browser no.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import nacl.exceptions
import nacl.signing
from nacl.bindings import crypto_core_ed25519_is_valid_point as is_prime_order_point
from signedjson.key import decode_signing_key_base64
from signedjson.sign import sign_json

from veche.protocol.canonical import canonical, plain
from veche.protocol.errors import BadSignatureError, TooLargeError
from veche.protocol.unpadded_base64 import decode_base64, encode_base64

if TYPE_CHECKING:
    from signedjson.types import SigningKey

ENVELOPE_BYTES_MAX: Final = 1024 * 1024
"""Largest signed object, as canonical JSON."""
SIGNATURES_MAX: Final = 16
"""Most signatures of one signer that are looked at."""
KEY_BYTES: Final = 32
"""Of a public key, and of the seed of a secret one."""

_SIGNATURE_BYTES: Final = 64
_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
_LAX_KEY: Final = bytes.fromhex("2a95c33fa684e5266b4748365d46ce23c35b1d046eb90da1190d1e56af5fc52f")
_LAX_SIGNATURES: Final = (
    bytes.fromhex(
        "574035c2b8a649cea62f1c047111665a73c2da976b82ac1255d78abf2fed471a"
        "a3be91853f2056111cecb3db88adf67192706fd98d97507124599e3c737b070f"
    ),
    bytes([1]).ljust(KEY_BYTES, b"\0")
    + bytes.fromhex("25e0c3ea6b1f327aba523688566c467e6d03188c08cac9601392967e979cbb03"),
)
"""Of the message "m", by ``_LAX_KEY``: R has a part of order 8, and R is the neutral point."""


def signing_key(version: str, seed: bytes) -> SigningKey:
    """The key that signs as ``ed25519:<version>``.

    Args:
        version: ``[a-zA-Z0-9_]``, such as "1".
        seed: 32 secret bytes; the caller keeps them.

    Raises:
        ValueError: The seed does not have 32 bytes.
    """
    if len(seed) != KEY_BYTES:
        raise ValueError(f"a seed has {KEY_BYTES} bytes")
    return decode_signing_key_base64("ed25519", version, encode_base64(seed))


def public_key(key: SigningKey) -> bytes:
    """The 32 bytes with which others verify what ``key`` signed."""
    return bytes(key.verify_key)


def sign(body: Mapping[str, Any], signer: str, key: SigningKey) -> dict[str, Any]:
    """A copy of ``body`` with a signature by ``signer`` added.

    Raises:
        MalformedError: ``body`` has no canonical JSON.
        TooLargeError: It is over ``ENVELOPE_BYTES_MAX``.
    """
    _signed_bytes(body)
    return sign_json(plain(body, where="envelope"), signer, key)


def verify(envelope: Mapping[str, Any], signer: str, keys: Mapping[str, bytes]) -> None:
    """Check that ``signer`` signed ``envelope``.

    The signature is checked over the object as received, never over a model of it. Of the
    signatures by keys that are known, there must be one and none may be wrong.

    Args:
        envelope: As received.
        signer: Who must have signed it.
        keys: The signer's public keys, 32 bytes each, by key id (``ed25519:1``).

    Raises:
        BadSignatureError: No known key signed it, or a signature is wrong.
        MalformedError: It has no canonical JSON, so nobody can sign it.
        TooLargeError: It is over ``ENVELOPE_BYTES_MAX``.
    """
    signatures = envelope.get("signatures")
    by_signer = signatures.get(signer) if isinstance(signatures, Mapping) else None
    if not isinstance(by_signer, Mapping) or not by_signer:
        raise BadSignatureError(f"not signed by {signer}")
    if len(by_signer) > SIGNATURES_MAX:
        raise BadSignatureError(f"more than {SIGNATURES_MAX} signatures of one signer")
    known = {key_id: keys[key_id] for key_id in by_signer if key_id in keys}
    if not known:
        raise BadSignatureError(f"not signed by a key of {signer} that is known")
    message = _signed_bytes(envelope)
    for key_id, key in known.items():
        if not verify_ed25519(key, _signature(by_signer[key_id]), message):
            raise BadSignatureError(f"the signature {key_id} of {signer} is wrong")


# A few keys sign nearly all that is checked, and this takes as long as the signature itself.
@functools.lru_cache(maxsize=1_000)
def is_verification_key(key: bytes) -> bool:
    """Return whether a public key is one with which a signature can be right."""
    return len(key) == KEY_BYTES and is_prime_order_point(key)


def verify_ed25519(key: bytes, signature: bytes, message: bytes) -> bool:
    """Return whether a signature is one that every careful verifier accepts.

    Args:
        key: Public key; other than 32 bytes is never right.
        signature: R ‖ S; other than 64 bytes is never right.
        message: What was signed.
    """
    if not is_verification_key(key) or len(signature) != _SIGNATURE_BYTES:
        return False
    if int.from_bytes(signature[KEY_BYTES:], "little") >= _ORDER:
        return False
    if _is_lax() and not is_prime_order_point(signature[:KEY_BYTES]):
        return False
    return _holds(key, signature, message)


def _holds(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        nacl.signing.VerifyKey(key).verify(message, signature)
    except nacl.exceptions.BadSignatureError:
        return False
    return True


# libsodium computes R from the key and S and compares its bytes. Under a key of prime order that
# leaves only an R of prime order, and a look at R would take as long as all the rest again. A
# libsodium that was built or will be written in another way takes one of these two signatures.
@functools.cache
def _is_lax() -> bool:
    """Return whether the library takes a signature whose R is no point of prime order."""
    return any(_holds(_LAX_KEY, one, b"m") for one in _LAX_SIGNATURES)


def _signed_bytes(envelope: Mapping[str, Any]) -> bytes:
    signed = {k: v for k, v in envelope.items() if k not in ("signatures", "unsigned")}
    data = canonical(signed, where="envelope")
    if len(data) > ENVELOPE_BYTES_MAX:
        raise TooLargeError(f"an envelope has at most {ENVELOPE_BYTES_MAX} bytes")
    return data


def _signature(encoded: object) -> bytes:
    """Bytes of unpadded base64; empty for anything else."""
    if not isinstance(encoded, str):
        return b""
    try:
        return decode_base64(encoded)
    except ValueError:
        return b""
