"""A provider of remote signatures for tests, by the text of CSC API 2.0.0.2.

The one that can be installed (certomancer-csc-dummy) speaks version 1 and asks its user nothing;
this one speaks version 2, and asks for a PIN, a code, or the holder's word elsewhere.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

import attrs
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from appservices.signing.keys.core.provider import DIGEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cryptography.x509 import Certificate

PIN: Final = "4711"
CODE: Final = "738496"
ACCESS: Final = "an-access-token"
SHA256: Final = "2.16.840.1.101.3.4.2.1"
_ALGORITHMS: Final = ("1.2.840.113549.1.1.11", "1.2.840.10045.4.3.2")
_OBJECTS: Final[Mapping[str, Any]] = {
    "PIN": {"type": "Password", "id": "PIN", "format": "N", "label": "PIN of the signature"},
    "OTP": {"type": "ChallengeResponse", "id": "OTP", "label": "Code by SMS"},
    "APP": {"type": "PasswordOOB", "id": "APP", "label": "Our app"},
}


@attrs.define
class Holder:
    """A credential and what its holder has to say.

    Attributes:
        key: Its key.
        chain: Its certificate, then those above.
        asked: Names of ``PIN``, ``OTP``, ``APP``.
        mode: Of the authorisation.
        status: Of the key.
        is_raw: Whether ECDSA comes as two numbers, as some providers do.
        waits: How often the holder is waited for.
        has_code: Whether a code was sent.
        tries: How often something else may be said until it is locked.
        says_no: Whether they refuse in the app.
    """

    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    chain: Sequence[Certificate]
    asked: Sequence[str] = ("PIN", "OTP")
    mode: str = "explicit"
    status: str = "enabled"
    is_raw: bool = False
    waits: int = 0
    has_code: bool = False
    tries: int = 1_000
    says_no: bool = False


class RefusedError(Exception):
    """What the provider refuses; its text is the description."""


@attrs.define
class Provider:
    """The provider.

    Attributes:
        holders: By the id of the credential.
        url: Where its API begins.
        asked: Paths that were asked for, with their bodies.
        specs: The version that it says.
        answers: What it says instead, by path: status and body.
        users: Ids of the credentials that somebody has; empty: whoever asks has all.
    """

    holders: dict[str, Holder]
    url: str = ""
    asked: list[tuple[str, Mapping[str, Any]]] = attrs.field(factory=list)
    specs: str = "2.0.0.2"
    answers: dict[str, tuple[int, bytes]] = attrs.field(factory=dict)
    users: dict[str, list[str]] = attrs.field(factory=dict)
    _bound: dict[str, tuple[str, list[str]]] = attrs.field(factory=dict)
    _handles: dict[str, tuple[Holder, str]] = attrs.field(factory=dict)

    def answer(self, path: str, token: str, body: Mapping[str, Any]) -> tuple[int, bytes]:
        """Status and body of an answer."""
        self.asked.append((path, body))
        if path in self.answers:
            return self.answers[path]
        if path != "info" and token != f"Bearer {ACCESS}":
            return 401, json.dumps({"error": "invalid_token"}).encode()
        try:
            status, said = getattr(self, "_" + path.replace("/", "_"))(body)
        except RefusedError as e:
            status, said = 400, {"error": "invalid_request", "error_description": str(e)}
        return status, json.dumps(said).encode() if said is not None else b""

    def _info(self, body: Mapping[str, Any]) -> Any:
        del body
        return 200, {"specs": self.specs, "name": "Provider", "methods": ["signatures/signHash"]}

    def _credentials_list(self, body: Mapping[str, Any]) -> Any:
        if not self.users:
            return 200, {"credentialIDs": list(self.holders)}
        found = self.users.get(body.get("userID", ""))
        if found is None:
            raise RefusedError("Invalid parameter userID")
        return 200, {"credentialIDs": found}

    def _credentials_info(self, body: Mapping[str, Any]) -> Any:
        holder = self._holder(body)
        certificates = [base64.b64encode(_der(one)).decode() for one in holder.chain]
        auth = {"mode": holder.mode, "expression": " AND ".join(holder.asked)}
        return 200, {
            "key": {"status": holder.status, "algo": list(_ALGORITHMS), "len": 256},
            "cert": {"status": "valid", "certificates": certificates},
            "auth": auth | {"objects": [_OBJECTS[one] for one in holder.asked]},
            "SCAL": "2",
            "multisign": 2,
        }

    def _credentials_getChallenge(self, body: Mapping[str, Any]) -> Any:
        if body["authObjectID"] != "OTP":
            raise RefusedError("Invalid parameter authObjectID")
        self._holder(body).has_code = True
        return 204, None

    def _credentials_authorize(self, body: Mapping[str, Any]) -> Any:
        holder = self._holder(body)
        hashes = body["hashes"]
        if body["hashAlgorithmOID"] != SHA256 or body["numSignatures"] != len(hashes):
            raise RefusedError("Invalid value for parameter numSignatures")
        if holder.tries <= 0:
            raise RefusedError("The credential is locked")
        said = {one["id"]: one.get("value") for one in body.get("authData", [])}
        right = {"PIN": PIN, "OTP": CODE if holder.has_code else "nothing was sent", "APP": None}
        if said != {one: right[one] for one in holder.asked}:
            holder.tries -= 1
            raise RefusedError("The authentication data is invalid")
        sad = secrets.token_urlsafe(16)
        self._bound[sad] = (body["credentialID"], hashes)
        return self._awaited(holder, sad)

    def _credentials_authorizeCheck(self, body: Mapping[str, Any]) -> Any:
        return self._awaited(*self._handles.pop(body["handle"]))

    def _awaited(self, holder: Holder, sad: str) -> Any:
        if holder.says_no:
            raise RefusedError("The user has refused")
        if not holder.waits:
            return 200, {"SAD": sad, "expiresIn": 300}
        holder.waits -= 1
        handle = secrets.token_urlsafe(8)
        self._handles[handle] = (holder, sad)
        return 202, {"handle": handle}

    def _signatures_signHash(self, body: Mapping[str, Any]) -> Any:
        holder = self._holder(body)
        bound = self._bound.pop(body["SAD"], None)  # good for once
        if bound is None:
            raise RefusedError("Invalid parameter SAD")
        if bound != (body["credentialID"], body["hashes"]):
            raise RefusedError("Hash is not authorized by the SAD")
        signed = [_signed(holder, base64.b64decode(one)) for one in body["hashes"]]
        return 200, {"signatures": [base64.b64encode(one).decode() for one in signed]}

    def _holder(self, body: Mapping[str, Any]) -> Holder:
        found = self.holders.get(body["credentialID"])
        if found is None:
            raise RefusedError("Invalid parameter credentialID")
        return found


def _signed(holder: Holder, digest: bytes) -> bytes:
    if isinstance(holder.key, rsa.RSAPrivateKey):
        return holder.key.sign(digest, padding.PKCS1v15(), DIGEST)
    signature = holder.key.sign(digest, ec.ECDSA(DIGEST))
    if not holder.is_raw:
        return signature
    return b"".join(one.to_bytes(32) for one in decode_dss_signature(signature))


def _der(certificate: Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


@contextmanager
def served(provider: Provider) -> Iterator[Provider]:
    """The provider on the loopback address, in threads of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            path = self.path.removeprefix("/csc/v2/")
            token = self.headers.get("authorization", "")
            status, answer = provider.answer(path, token, json.loads(content))
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            if answer:
                self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        provider.url = f"http://127.0.0.1:{server.server_port}/csc/v2"
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
