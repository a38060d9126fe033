"""Certificates that were issued elsewhere, and from whom a site takes them, as HTTP says it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from veche.protocol.approval import Sha256
from veche.protocol.wire import Wire

ProviderId = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$")]
OwnLevel = Literal["S3", "S4"]


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
