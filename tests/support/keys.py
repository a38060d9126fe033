"""Keys of persons for tests: what a browser would sign, made with ``cryptography`` alone.

``BrowserKey`` is a key of WebCrypto, ``Passkey`` an authenticator with its browser; each attribute
of the latter can be wrong.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import itertools
import json
import secrets
from typing import TYPE_CHECKING, Any, Final

import attrs
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from webauthn.helpers import encode_cbor

from veche.protocol.approval import SignatureShown

if TYPE_CHECKING:
    from collections.abc import Iterator

RSA_KEYS: Final = 8
"""Of a size; no test has as many."""
PRESENT: Final = 0x01
VERIFIED: Final = 0x04
ATTESTED: Final = 0x40


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """An RSA key that no other in this test is; one of few, since to make one takes long."""
    return next(_rsa_keys(bits))


@functools.cache
def _rsa_keys(bits: int) -> Iterator[rsa.RSAPrivateKey]:
    return itertools.cycle(rsa.generate_private_key(65_537, bits) for _ in range(RSA_KEYS))


def canonical_json(value: Any) -> bytes:
    """As a page writes it; another implementation than ours."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def unpadded_base64(data: bytes) -> str:
    """As Matrix writes bytes."""
    return base64.b64encode(data).decode().rstrip("=")


def fragment_base64(data: bytes) -> str:
    """As browsers write bytes."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class BrowserKey:
    """A P-256 key of WebCrypto."""

    def __init__(self, key: ec.EllipticCurvePrivateKey | None = None) -> None:
        self._key = key or ec.generate_private_key(ec.SECP256R1())
        self.public = point_of(self._key)
        self.id = fragment_base64(hashlib.sha256(self.public).digest())

    @classmethod
    def of(cls, secret: str) -> BrowserKey:
        """The key of this secret."""
        return cls(ec.derive_private_key(int(secret, 16), ec.SECP256R1()))

    @property
    def secret(self) -> str:
        """What the browser keeps of it."""
        return f"{self._key.private_numbers().private_value:x}"

    def sign(self, data: bytes) -> str:
        """r and s, 64 bytes."""
        r, s = decode_dss_signature(self._key.sign(data, ec.ECDSA(hashes.SHA256())))
        return unpadded_base64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))

    def proof(self, value: Any) -> dict[str, Any]:
        """The proof of possession, or the signature of an approval."""
        return {"signature": self.sign(canonical_json(value))}

    def signed(self, approval: dict[str, Any]) -> dict[str, Any]:
        """A ``SignedApproval``."""
        return {"v": 1, "approval": approval, "key": self.id, **self.proof(approval)}


@attrs.define
class Passkey:
    """A passkey, with the browser that asks it."""

    origin: str
    rp_id: str
    sign_count: int = 0
    flags: int = PRESENT | VERIFIED
    cross_origin: bool | None = False
    credential_id: bytes = attrs.field(factory=lambda: secrets.token_bytes(16))
    key: ec.EllipticCurvePrivateKey = attrs.field(
        factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def public(self) -> bytes:
        return point_of(self.key)

    @property
    def id(self) -> str:
        return fragment_base64(hashlib.sha256(self.public).digest())

    def client_data(self, kind: str, challenge: bytes) -> bytes:
        """``clientDataJSON``."""
        content: dict[str, Any] = {
            "type": kind,
            "challenge": fragment_base64(challenge),
            "origin": self.origin,
        }
        if self.cross_origin is not None:
            content["crossOrigin"] = self.cross_origin
        return json.dumps(content).encode()

    def create(self, challenge: bytes, *, curve: int = 1, algorithm: int = -7) -> dict[str, Any]:
        """What ``navigator.credentials.create`` brings, as our API takes it."""
        x, y = self.public[1:33], self.public[33:]
        cose = encode_cbor({1: 2, 3: algorithm, -1: curve, -2: x, -3: y})
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id
        data = self.authenticator_data(self.flags | ATTESTED) + attested + cose
        attestation = encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})
        return {
            "client_data": unpadded_base64(self.client_data("webauthn.create", challenge)),
            "attestation_object": unpadded_base64(attestation),
            "transports": ["internal", "telepathy"],
        }

    def get(self, challenge: bytes, kind: str = "webauthn.get") -> dict[str, str]:
        """What ``navigator.credentials.get`` brings; it counts."""
        client_data = self.client_data(kind, challenge)
        data = self.authenticator_data(self.flags)
        signed = data + hashlib.sha256(client_data).digest()
        return {
            "client_data": unpadded_base64(client_data),
            "authenticator_data": unpadded_base64(data),
            "signature": unpadded_base64(self.key.sign(signed, ec.ECDSA(hashes.SHA256()))),
        }

    def authenticator_data(self, flags: int) -> bytes:
        """``authenticatorData`` without a credential."""
        name = hashlib.sha256(self.rp_id.encode()).digest()
        return name + bytes([flags]) + self.sign_count.to_bytes(4, "big")

    def proof(self, value: Any) -> dict[str, Any]:
        """The proof of possession, or the signature of an approval."""
        return {"webauthn": self.get(hashlib.sha256(canonical_json(value)).digest())}

    def signed(self, approval: dict[str, Any]) -> dict[str, Any]:
        """A ``SignedApproval``."""
        return {"v": 1, "approval": approval, "key": self.id, **self.proof(approval)}


def signature_shown(**changes: Any) -> SignatureShown:
    """What is shown of a lease that is to be signed."""
    told = {
        "title": "Lease",
        "sha256": "A" * 43,
        "size": 125_302,
        "pages": 12,
        "requester": "Landlord",
        "session": "01KAV3Z8K4Q6V5W7X9Y0A1B2C3",
        "party": "p2",
        "role": "signer",
        "level": "S2",
        "code": "4718",
        "parties_sha256": "B" * 42 + "A",
        "effect": "when_complete",
        "read": "all_pages",
        "clauses": [{"id": "c7", "title": "Penalty", "accepted": True}],
        "key": "C" * 42 + "A",
    }
    return SignatureShown.model_validate({**told, **changes})


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """04, x, y of a key."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def approval_of(asked: dict[str, Any], at_ms: int) -> dict[str, Any]:
    """What a page signs of an ``AskedApproval``."""
    return {"v": 1, **asked, "at_ms": at_ms}


def decline_of(asked: dict[str, Any], at_ms: int) -> dict[str, Any]:
    """What a page signs to say no."""
    return {
        "v": 1,
        "kind": "decline",
        "nonce": asked["nonce"],
        "person": asked["person"],
        "at_ms": at_ms,
    }
