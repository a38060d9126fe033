"""Signing in a session with a certificate of one's own: what is said over HTTP.

First the certificate is told, then the person approves it with the key of their device, on their
page; then the signature is handed in as any other (``signing_api.SignatureBody``).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from veche.protocol.approval import Sha256, SignedApproval
from veche.protocol.wire import Wire

CHAIN_MAX: Final = 4
CERTIFICATE_CHARACTERS_MAX: Final = 12_000
CREDENTIAL_CHARACTERS_MAX: Final = 200
PartyId = Annotated[str, Field(pattern=r"^p[1-9][0-9]{0,2}$")]
ProviderId = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$")]
CredentialId = Annotated[str, Field(pattern=r"^[!-~]+$", max_length=CREDENTIAL_CHARACTERS_MAX)]
OwnLevel = Literal["S3", "S4"]
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


class OwnCertificateView(Wire):
    """A certificate that was issued elsewhere.

    Attributes:
        name: Whom it names.
        issuer: Who has issued it, as the certificate says.
        authority: Below whom it is trusted, as the operator calls them.
        level: Of signatures by it: ``S4`` only where the operator says that those are qualified.
        key: SHA-256 of its SubjectPublicKeyInfo, DER.
        ends_at_ms: Until when it is valid, UTC.
        is_approved: Whether the person has approved it with the key of their device.
        provider: At which provider its key is; none: the person has it.
    """

    name: str
    issuer: str
    authority: str
    level: OwnLevel
    key: Sha256
    ends_at_ms: int
    is_approved: bool
    provider: ProviderId | None = None


class AuthorityView(Wire):
    """An authority elsewhere whose certificates are taken.

    Attributes:
        name: As the operator calls it.
        level: Of signatures by its certificates.
        certificate: Its own, DER.
        policies: A certificate has to state one of these (dotted numbers); empty: any or none.
    """

    name: str
    level: OwnLevel
    certificate: str
    policies: list[str] = Field(default_factory=list)


class AuthoritiesView(Wire):
    """All authorities elsewhere whose certificates are taken.

    Attributes:
        authorities: As the operator has named them.
        stampers: Those whose time stamps close files here, and who are trusted for nothing else:
            their certificates, DER.
    """

    authorities: list[AuthorityView]
    stampers: list[str] = Field(default_factory=list)
