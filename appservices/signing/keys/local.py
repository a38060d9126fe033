"""Keys on this machine as what signs documents: in a PEM file, or in a token that is plugged in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from appservices.signing.keys.core.provider import (
    DIGEST,
    Credential,
    KeyHome,
    KeyUnfitError,
    check_key,
    checked,
)
from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from appservices.signing.keys.pool import SigningPool
    from appservices.signing.keys.tokens import Token


@attrs.frozen
class LocalKey:
    """A key that signs in a thread of ours.

    Attributes:
        credential: Whose key it is.
    """

    credential: Credential
    _pool: SigningPool
    _work: Callable[[bytes], bytes]

    async def sign(self, digest: bytes) -> bytes:
        """Sign a SHA-256; see ``SignatureProvider``."""
        signature = await self._pool.run(self._work, digest)
        return checked(self.credential.certificate, digest, signature)


def key_in_file(
    pool: SigningPool, key: Path, passphrase: bytes | None, chain: Sequence[x509.Certificate]
) -> LocalKey:
    """A key in a PEM file.

    Args:
        pool: Threads to sign in.
        key: The file.
        passphrase: Of the file; None if it is not encrypted.
        chain: The key's certificate, then those above it.

    Raises:
        ConfigError: The file cannot be read, or not with this passphrase.
        KeyUnfitError: The key is of a kind that we don't take, or not of the certificate.
    """
    try:
        found = load_pem_private_key(key.read_bytes(), passphrase)
    except (OSError, ValueError, TypeError) as e:
        raise ConfigError(f"{key} is no key that can be read: {e}") from e
    if not isinstance(found, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise KeyUnfitError(f"{key} is neither a key of an elliptic curve nor RSA")
    held = found
    if held.public_key() != chain[0].public_key():
        raise KeyUnfitError(f"{key} is not the key of the certificate")

    def work(digest: bytes) -> bytes:
        if isinstance(held, rsa.RSAPrivateKey):
            return held.sign(digest, padding.PKCS1v15(), DIGEST)
        return held.sign(digest, ec.ECDSA(DIGEST))

    return _local(pool, chain, KeyHome.FILE, work)


def key_in_token(
    pool: SigningPool, token: Token, key: str, chain: Sequence[x509.Certificate]
) -> LocalKey:
    """A key in a token. It blocks while it looks for the certificate there.

    Args:
        pool: Threads to sign in.
        token: Where it is.
        key: Label of the pair, and of the certificate beside it.
        chain: The key's certificate, then those above it; empty: the one in the token.

    Raises:
        ConfigError: There is no certificate.
        KeyUnfitError: The key is of a kind that we don't take.
        TokenError: The token does not answer.
        PinRefusedError: It does not take the PIN.
    """
    known = list(chain)
    if not known:
        found = token.certificate(key)
        if found is None:
            raise ConfigError(f"the token has no certificate {key}: give it with --certificate")
        known = [x509.load_der_x509_certificate(found)]
    return _local(pool, known, KeyHome.TOKEN, lambda digest: token.sign(key, digest))


def _local(
    pool: SigningPool,
    chain: Sequence[x509.Certificate],
    home: KeyHome,
    work: Callable[[bytes], bytes],
) -> LocalKey:
    certificate, *above = chain
    check_key(certificate)
    return LocalKey(Credential(certificate, above, home), pool, work)
