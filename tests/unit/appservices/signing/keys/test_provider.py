"""Signatures as keys give them: which are taken, in which form they go into files."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from appservices.signing.keys.core.provider import DIGEST, KeyUnfitError, check_key, checked
from tests.support.tables import each_row

HASH = hashlib.sha256(b"what is signed").digest()


def _of(key: Any) -> Any:
    """A certificate, as far as its key goes."""
    return SimpleNamespace(public_key=key.public_key)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()])
def test_ecdsa_is_der_however_it_came(curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    signature = key.sign(HASH, ec.ECDSA(DIGEST))
    size = curve.key_size // 8
    numbers = b"".join(one.to_bytes(size) for one in decode_dss_signature(signature))

    assert checked(_of(key), HASH, signature) == signature
    assert checked(_of(key), HASH, numbers) == signature


def test_rsa_is_taken_as_it_is() -> None:
    key = rsa.generate_private_key(65537, 2048)
    signature = key.sign(HASH, padding.PKCS1v15(), DIGEST)

    assert checked(_of(key), HASH, signature) == signature


@each_row("signature", [b"", b"x", bytes(64), bytes(256)])
def test_what_the_key_did_not_sign_is_refused(signature: bytes) -> None:
    for key in (ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)):
        with pytest.raises(KeyUnfitError, match="not signed by the certificate's key"):
            checked(_of(key), HASH, signature)


@pytest.mark.parametrize(
    "key",
    [
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP256K1()),
        rsa.generate_private_key(65537, 1024),  # noqa: S505 -- refused
    ],
)
def test_keys_of_other_kinds_are_refused(key: Any) -> None:
    with pytest.raises(KeyUnfitError, match="neither P-256"):
        check_key(_of(key))
