"""Passkeys: what a browser is told to make one, and what it must bring (WebAuthn Level 2).

The library checks; here is what we ask of it: our origin, our name, a verified user, P-256. The
answers are those of a browser, so whatever it cannot read is a bad signature and no error of ours.

The library takes 5 MiB: this module is loaded once the first passkey is met.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import attrs
from webauthn import (
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import decode_credential_public_key, encode_cbor
from webauthn.helpers.cose import COSECRV, COSEKTY, COSEAlgorithmIdentifier, COSEKey
from webauthn.helpers.decode_credential_public_key import DecodedEC2PublicKey
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from veche.protocol.errors import BadSignatureError, MalformedError
from veche.protocol.json_reader import read_json
from veche.protocol.p256 import PUBLIC_KEY_BYTES, public_key
from veche.protocol.unpadded_base64 import decode_base64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.access.approvals.core import Key
    from veche.access.approvals.sites import Site
    from veche.protocol.approval import Assertion
    from veche.protocol.ids import UserId

NAME: Final = "Veche"
TIMEOUT_MS: Final = 5 * 60_000
"""How long a browser waits for the person."""
CREDENTIAL_ID_BYTES_MAX: Final = 1_023
"""WebAuthn Level 2, 4, "Credential ID"."""
_COORDINATE_BYTES: Final = PUBLIC_KEY_BYTES // 2
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


@attrs.frozen
class Made:
    """A passkey that a browser made.

    Attributes:
        credential_id: By which the browser finds it.
        public_key: 65 bytes.
        sign_count: How often it was used, as it says.
    """

    credential_id: bytes
    public_key: bytes
    sign_count: int


def creation_options(
    site: Site, person: UserId, handle: bytes, challenge: bytes, known: Sequence[Key]
) -> dict[str, Any]:
    """Build the browser's ``PublicKeyCredentialCreationOptionsJSON``.

    Args:
        site: Where.
        person: Whose it will be.
        handle: At most 64 bytes by which the device knows the person; says nothing about them.
        challenge: Comes back in what it answers.
        known: The person's keys: a device that has one of them makes no other.
    """
    options = generate_registration_options(
        rp_id=site.rp_id,
        rp_name=NAME,
        user_id=handle,
        user_name=person,
        user_display_name=person,
        challenge=challenge,
        timeout=TIMEOUT_MS,
        attestation=AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=key.credential_id)
            for key in known
            if key.credential_id is not None and key.revoked_at_ms is None
        ],
        supported_pub_key_algs=[COSEAlgorithmIdentifier.ECDSA_SHA_256],
    )
    written: dict[str, Any] = json.loads(options_to_json(options))
    return written


def made(site: Site, challenge: bytes, client_data: str, attestation: str) -> Made:
    """The passkey that a browser made.

    No attestation is asked for, so this proves nothing yet: a signature of the key has to follow.

    Args:
        site: Where it must have been made.
        challenge: What it was given.
        client_data: ``clientDataJSON``, unpadded base64.
        attestation: ``attestationObject``, unpadded base64.

    Raises:
        BadSignatureError: It is not such an answer, or not for this.
    """
    data = _bytes(client_data)
    _check_not_framed(data)
    credential = RegistrationCredential(
        id="",
        raw_id=b"",
        response=AuthenticatorAttestationResponse(
            client_data_json=data, attestation_object=_bytes(attestation)
        ),
    )
    try:
        found = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            require_user_verification=True,
            supported_pub_key_algs=[COSEAlgorithmIdentifier.ECDSA_SHA_256],
        )
        public = _point(decode_credential_public_key(found.credential_public_key))
    except MalformedError as e:
        raise BadSignatureError("the passkey is not of P-256") from e
    except Exception as e:  # the library raises whatever its parsers do
        raise BadSignatureError("the passkey was not made for this") from e
    if not 0 < len(found.credential_id) <= CREDENTIAL_ID_BYTES_MAX:
        raise BadSignatureError("the passkey has no usable id")
    return Made(found.credential_id, public, found.sign_count)


def check_assertion(site: Site, public: bytes, challenge: bytes, assertion: Assertion) -> int:
    """Check a passkey's signature.

    Args:
        site: Where it must have been made.
        public: The key, 65 bytes.
        challenge: What was signed.
        assertion: What the browser brought.

    Returns:
        How often the passkey was used, as it says; the caller compares.

    Raises:
        BadSignatureError: It is none of this key over this, here, with a verified user.
    """
    data = _bytes(assertion.client_data)
    _check_not_framed(data)
    credential = AuthenticationCredential(
        id="",
        raw_id=b"",
        response=AuthenticatorAssertionResponse(
            client_data_json=data,
            authenticator_data=_bytes(assertion.authenticator_data),
            signature=_bytes(assertion.signature),
        ),
    )
    try:
        found = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=_cose(public),
            credential_current_sign_count=0,  # ours, see core.counts_on
            require_user_verification=True,
        )
    except Exception as e:  # the library raises whatever its parsers do
        raise BadSignatureError("the signature is not of this passkey over this") from e
    return found.new_sign_count


def _bytes(text: str) -> bytes:
    try:
        return decode_base64(text)
    except ValueError as e:
        raise BadSignatureError("what the passkey answered is not unpadded base64") from e


def _check_not_framed(client_data: bytes) -> None:
    """Authority is never in a frame of another origin; the library does not look."""
    try:
        read = read_json(client_data, where="client_data")
    except MalformedError as e:
        raise BadSignatureError("what the passkey answered is not JSON") from e
    challenge = read.get("challenge") if isinstance(read, dict) else None
    # The library's decoder passes over characters that are not base64url.
    if not isinstance(challenge, str) or not _BASE64URL.fullmatch(challenge):
        raise BadSignatureError("what the passkey answered has no challenge")
    if read.get("crossOrigin", False) is not False:
        raise BadSignatureError("the passkey was asked inside a frame")


def _point(decoded: object) -> bytes:
    """04 ‖ x ‖ y of a key.

    Raises:
        MalformedError: It is not of P-256.
    """
    if not isinstance(decoded, DecodedEC2PublicKey) or decoded.crv != COSECRV.P256:
        raise MalformedError("public_key", "must be of P-256")
    data = b"\x04" + decoded.x + decoded.y
    public_key(data)
    return data


def _cose(public: bytes) -> bytes:
    """A key in the form of the library (RFC 9053, 7.1.1)."""
    x, y = public[1 : 1 + _COORDINATE_BYTES], public[1 + _COORDINATE_BYTES :]
    return encode_cbor(
        {
            COSEKey.KTY: COSEKTY.EC2,
            COSEKey.ALG: COSEAlgorithmIdentifier.ECDSA_SHA_256,
            COSEKey.CRV: COSECRV.P256,
            COSEKey.X: x,
            COSEKey.Y: y,
        }
    )
