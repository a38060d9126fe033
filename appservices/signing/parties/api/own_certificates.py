"""Signing in a session with a certificate of one's own: what is said over HTTP.

First the certificate is told, then the person approves it with the key of their device, on their
page; then the signature is handed in as any other (``parties.SignatureBody``).
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, model_validator

from veche.contracts.signing.own_certificate_api import ProviderId
from veche.contracts.signing.signing_api import PartyId
from veche.protocol.approval import SignedApproval
from veche.protocol.wire import Wire

CHAIN_MAX: Final = 4
CERTIFICATE_CHARACTERS_MAX: Final = 12_000
CREDENTIAL_CHARACTERS_MAX: Final = 200
CredentialId = Annotated[str, Field(pattern=r"^[!-~]+$", max_length=CREDENTIAL_CHARACTERS_MAX)]
Certificate = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9+/]+$", max_length=CERTIFICATE_CHARACTERS_MAX)
]


class AnnounceBody(Wire):
    """A party tells with which certificate of their own they want to sign.

    Attributes:
        party: Who.
        chain: The certificate, then those above it, DER in unpadded base64.
        provider: At which provider of remote signatures the key is, as the operator calls it; none:
            the party has it.
        credential: Its id there.
    """

    party: PartyId
    chain: Annotated[
        tuple[Certificate, ...], Field(strict=False, min_length=1, max_length=CHAIN_MAX)
    ]
    provider: ProviderId | None = None
    credential: CredentialId | None = None

    @model_validator(mode="after")
    def _check_place(self) -> AnnounceBody:
        if (self.provider is None) != (self.credential is None):
            raise ValueError("credential: belongs to a provider, and both are told or neither")
        return self


class OwnApprovalBody(Wire):
    """A party has approved the certificate that they told.

    Attributes:
        party: Who.
        approval: Of a signature of the certificate's level, whose ``key`` is the certificate's.
    """

    party: PartyId
    approval: SignedApproval
