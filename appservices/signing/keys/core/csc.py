"""Protocol with a provider of remote signatures: bodies and answers of the CSC API, v1 and v2.

Only hashes go there. An authorisation (SAD) is bound to the hashes that it is for, whatever level
the provider asks (SCAL2), so that it signs nothing else.

Source: Cloud Signature Consortium, "Architectures and protocols for remote signature applications",
1.0.4.0 §11 and 2.0.0.2 §8.3 and §11.
"""

from __future__ import annotations

import base64
import binascii
import enum
from typing import TYPE_CHECKING, Any, Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from appservices.signing.keys.core.provider import CHAIN_MAX
from veche.protocol.approval import showable
from veche.protocol.errors import MalformedError, RefusedError
from veche.protocol.wire import mapping

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cryptography.x509 import Certificate

    Json = Mapping[str, Any]

TEXT_CHARACTERS_MAX: Final = 200
CREDENTIALS_MAX: Final = 100
FIELDS_MAX: Final = 5
_SHA256: Final = "2.16.840.1.101.3.4.2.1"
_ECDSA_SHA256: Final = "1.2.840.10045.4.3.2"
_RSA_SHA256: Final = "1.2.840.113549.1.1.11"
_RSA: Final = "1.2.840.113549.1.1.1"
_SENT_BY_THEM: Final = frozenset({"PasswordOOB", "ChallengeResponseOOB"})


class ProviderRefusedError(RefusedError):
    """A provider of remote signatures says no, or has a credential that we cannot use."""

    errcode = "ORG.VECHE.PROVIDER_REFUSED"


class Version(enum.Enum):
    """Version of the API; the value is the start of ``specs``."""

    V1 = "1."
    V2 = "2."


@attrs.frozen
class Field:
    """Something that its holder has to say before a credential signs: a PIN, a code.

    Attributes:
        id: As it is sent.
        label: What to ask for.
        is_challenge: The provider has to be asked first, and then sends a code to the holder.
        is_elsewhere: The holder says it to the provider by themselves, such as in its app.
    """

    id: str
    label: str
    is_challenge: bool = False
    is_elsewhere: bool = False


@attrs.frozen
class Remote:
    """A credential as its provider describes it.

    Attributes:
        id: Of the credential.
        certificates: The holder's, then those above it.
        algorithms: OIDs with which it signs.
        fields: What its holder has to say.
        signatures_max: Hashes that one authorisation may be for.
    """

    id: str
    certificates: Sequence[Certificate]
    algorithms: frozenset[str]
    fields: Sequence[Field]
    signatures_max: int


def version_of(info: Json) -> Version:
    """The version that a provider speaks, of the answer of ``info``.

    Raises:
        ProviderRefusedError: It is none that we speak.
    """
    specs = info.get("specs")
    for version in Version:
        if isinstance(specs, str) and specs.startswith(version.value):
            return version
    raise ProviderRefusedError(f"the provider speaks {said(specs)} of the CSC API, not 1 or 2")


def credentials_of(answer: Json) -> Sequence[str]:
    """Ids of the credentials, of the answer of ``credentials/list``.

    Raises:
        MalformedError: It is none.
    """
    ids = answer.get("credentialIDs")
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise MalformedError("credentialIDs", "should be a list of texts")
    return ids[:CREDENTIALS_MAX]


def list_body(user: str) -> Json:
    """The body of ``credentials/list``.

    Args:
        user: Whose, as the provider knows them (its ``userID``); empty: whose access token it is.
    """
    return {"userID": user} if user else {}


def asked_for(version: Version, credential: str) -> Json:
    """The body of ``credentials/info``."""
    body: dict[str, Any] = {"credentialID": credential, "certificates": "chain"}
    # What certificates say is read from them; in version 1 the fields come anyway.
    return body if version is Version.V1 else body | {"authInfo": True}


def remote_of(version: Version, credential: str, answer: Json) -> Remote:
    """A credential, of the answer of ``credentials/info``.

    Raises:
        MalformedError: It is none.
        ProviderRefusedError: The credential cannot be used, or not by us.
    """
    key, cert = mapping(answer.get("key")), mapping(answer.get("cert"))
    if key.get("status") != "enabled":
        raise ProviderRefusedError(f"the credential {said(credential)} is not enabled")
    if cert.get("status", "valid") != "valid":
        raise ProviderRefusedError(f"its certificate is {said(cert.get('status'))}")
    algorithms = key.get("algo")
    if not isinstance(algorithms, list):
        raise MalformedError("key.algo", "should be a list")
    fields = _fields_1(answer) if version is Version.V1 else _fields_2(mapping(answer.get("auth")))
    many = answer.get("multisign")
    return Remote(
        credential,
        _certificates(cert.get("certificates")),
        frozenset(one for one in algorithms if isinstance(one, str)),
        fields,
        many if isinstance(many, int) and many > 0 else 1,
    )


def authorise_body(
    version: Version, remote: Remote, hashes: Sequence[bytes], secrets: Mapping[str, str]
) -> Json:
    """The body of ``credentials/authorize``: bound to these SHA-256 and to no other.

    Raises:
        ProviderRefusedError: Something that the holder has to say is missing, or there are too many
            hashes.
    """
    if len(hashes) > remote.signatures_max:
        raise ProviderRefusedError(f"the provider signs {remote.signatures_max} files at a time")
    for field in remote.fields:
        if not field.is_elsewhere and not secrets.get(field.id):
            raise ProviderRefusedError(f"{field.label} is needed")
    body: dict[str, Any] = {"credentialID": remote.id, "numSignatures": len(hashes)}
    if version is Version.V1:
        said_here = {one.id: secrets[one.id] for one in remote.fields}
        return body | {"hash": [_b64(one) for one in hashes]} | said_here
    body |= {"hashes": [_b64(one) for one in hashes], "hashAlgorithmOID": _SHA256}
    if remote.fields:
        body["authData"] = [
            {"id": one.id} if one.is_elsewhere else {"id": one.id, "value": secrets[one.id]}
            for one in remote.fields
        ]
    return body


def sign_body(version: Version, remote: Remote, hashes: Sequence[bytes], sad: str) -> Json:
    """The body of ``signatures/signHash``.

    Raises:
        ProviderRefusedError: The credential signs in no way that files of ours have.
    """
    algorithm = _algorithm(remote)
    encoded = [_b64(one) for one in hashes]
    body: dict[str, Any] = {"credentialID": remote.id, "SAD": sad, "signAlgo": algorithm}
    if version is Version.V1:
        return body | {"hash": encoded, "hashAlgo": _SHA256}
    return body | {"hashes": encoded, "hashAlgorithmOID": _SHA256}


def challenge_body(version: Version, remote: Remote, field: Field) -> tuple[str, Json]:
    """Path and body of the request that has a code sent to the holder."""
    body = {"credentialID": remote.id}
    if version is Version.V1:
        return "credentials/sendOTP", body
    return "credentials/getChallenge", body | {"authObjectID": field.id}


def sad_of(answer: Json) -> str:
    """The authorisation, of the answer of ``credentials/authorize``; empty while it is awaited.

    Raises:
        MalformedError: There is none.
    """
    sad = answer.get("SAD", "" if isinstance(answer.get("handle"), str) else None)
    if not isinstance(sad, str):
        raise MalformedError("SAD", "should be a text")
    return sad


def signatures_of(answer: Json, count: int) -> Sequence[bytes]:
    """The signatures, of the answer of ``signatures/signHash``.

    Raises:
        MalformedError: There are not as many as were asked for.
    """
    found = answer.get("signatures")
    if not isinstance(found, list) or len(found) != count:
        raise MalformedError("signatures", f"should be {count}")
    return [_bytes(one, "signatures") for one in found]


def said(value: object) -> str:
    """Clean a provider's text for display."""
    return showable(str(value)).replace("\n", " ")[:TEXT_CHARACTERS_MAX]


def _algorithm(remote: Remote) -> str:
    is_rsa = isinstance(remote.certificates[0].public_key(), rsa.RSAPublicKey)
    for one in (_RSA_SHA256, _RSA) if is_rsa else (_ECDSA_SHA256,):
        if one in remote.algorithms:
            return one
    raise ProviderRefusedError("the credential signs with neither ECDSA nor RSA over SHA-256")


def _fields_1(answer: Json) -> list[Field]:
    mode = answer.get("authMode")
    if mode not in ("implicit", "explicit"):
        raise _by_redirect(mode)
    found = []
    for name in ("PIN", "OTP"):
        asked = mapping(answer.get(name))
        if mode == "explicit" and asked.get("presence") in ("true", "optional"):
            label = said(asked.get("label") or name)
            found.append(Field(name, label, is_challenge=asked.get("type") == "online"))
    return found


def _fields_2(auth: Json) -> list[Field]:
    if auth.get("mode") not in ("explicit", "implicit"):
        raise _by_redirect(auth.get("mode"))
    objects = auth.get("objects", [])
    if not isinstance(objects, list) or len(objects) > FIELDS_MAX:
        raise MalformedError("auth.objects", f"should be a list of at most {FIELDS_MAX}")
    found = []
    for one in map(mapping, objects):
        name, kind = one.get("id"), one.get("type")
        if not isinstance(name, str):
            raise MalformedError("auth.objects.id", "should be a text")
        found.append(
            Field(
                name,
                said(one.get("label") or name),
                is_challenge=kind == "ChallengeResponse",
                is_elsewhere=kind in _SENT_BY_THEM,
            )
        )
    return found


def _by_redirect(mode: object) -> ProviderRefusedError:
    return ProviderRefusedError(
        f"the credential is authorised on a page of its provider ({said(mode)}), which is not"
        " supported: use its own signer"
    )


def _certificates(found: object) -> list[Certificate]:
    if not isinstance(found, list) or not 0 < len(found) <= CHAIN_MAX:
        raise MalformedError("cert.certificates", f"should be 1 to {CHAIN_MAX}")
    try:
        return [x509.load_der_x509_certificate(_bytes(one, "cert.certificates")) for one in found]
    except ValueError as e:
        raise MalformedError("cert.certificates", "has one that cannot be read") from e


def _bytes(text: object, field: str) -> bytes:
    if not isinstance(text, str):
        raise MalformedError(field, "should be text")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as e:
        raise MalformedError(field, "should be base64") from e


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
