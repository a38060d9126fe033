"""Signing at a provider of remote signatures on one's page: what is said over HTTP.

A person looks their certificates up at a provider, tells one (``own_certificates``) and approves
it; then the page gets what belongs into the file, prepares it, and has its digest signed. The file
stays in the page; what the person says to the provider, a PIN or a code, is passed on.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from appservices.signing.parties.api.own_certificates import Certificate
from veche.contracts.signing.own_certificate_api import OwnCertificateView, ProviderId
from veche.contracts.signing.signing_api import PartyId
from veche.protocol.approval import Sha256
from veche.protocol.wire import Wire

USER_CHARACTERS_MAX: Final = 200
SECRET_CHARACTERS_MAX: Final = 200
SECRETS_MAX: Final = 5
Secret = Annotated[
    str, Field(min_length=1, max_length=SECRET_CHARACTERS_MAX, pattern=r"^[^\x00-\x1f\x7f]+$")
]


class ProviderView(Wire):
    """A provider at which people sign here.

    Attributes:
        id: By which it is called.
        name: What the operator calls it.
    """

    id: ProviderId
    name: str


class LookBody(Wire):
    """A party looks for their certificates at a provider.

    Attributes:
        party: Who.
        provider: At which.
        user: As whom it knows them.
    """

    party: PartyId
    provider: ProviderId
    user: Annotated[
        str, Field(min_length=1, max_length=USER_CHARACTERS_MAX, pattern=r"^[^\x00-\x1f\x7f]+$")
    ]


class CredentialView(Wire):
    """A key at a provider, with its certificate.

    Attributes:
        credential: Its id there.
        chain: The certificate, then those above it, DER; empty: it cannot be used.
        own: What the certificate says; none: it is not taken.
        refusal: Why it cannot sign here; empty: it can.
    """

    credential: str
    chain: list[str]
    own: OwnCertificateView | None = None
    refusal: str = ""


class CredentialsView(Wire):
    """All that was found.

    Attributes:
        credentials: Those that can sign first.
    """

    credentials: list[CredentialView]


class PartyBody(Wire):
    """A party goes on with the certificate that they approved.

    Attributes:
        party: Who.
    """

    party: PartyId


class FieldView(Wire):
    """Something that the person has to say to the provider.

    Attributes:
        id: By which it is sent.
        label: What the provider calls it.
        is_sent: It is a code that the provider has sent just now.
        is_elsewhere: It is said to the provider directly, such as in its app.
    """

    id: str
    label: str
    is_sent: bool
    is_elsewhere: bool


class FieldsView(Wire):
    """All that the person has to say.

    Attributes:
        fields: In the order in which they are asked for; may be empty.
    """

    fields: list[FieldView]


class SaidField(Wire):
    """A value from the person.

    Attributes:
        id: Of the field.
        value: It; passed on to the provider, and kept nowhere.
    """

    id: Annotated[str, Field(min_length=1, max_length=SECRET_CHARACTERS_MAX)]
    value: Annotated[Secret, Field(repr=False)]


class DigestBody(Wire):
    """A digest is to be signed by the certificate that was approved.

    Attributes:
        party: Who.
        digest: SHA-256 of the signed attributes of their signature.
        said: What the person says to the provider.
    """

    party: PartyId
    digest: Sha256
    said: Annotated[tuple[SaidField, ...], Field(strict=False, max_length=SECRETS_MAX)] = ()


class OrderView(Wire):
    """A signature that a provider is asked for.

    Attributes:
        state: ``none``: there is none; ``prepared``: nothing was signed yet; ``waiting``: the
            person has to agree at the provider; ``signed``: here it is.
        chain: The certificate, then those above it, DER.
        certificates: That belong into the file beside these.
        lists: Of revoked certificates, that belong into the file.
        revision: Number of the revision for which it was prepared.
        at_ms: The time that the signature shows, UTC.
        until_ms: Until when it can be finished, UTC.
        digest: That is signed.
        signature: ECDSA in DER, or RSA with PKCS #1 v1.5; checked.
        now_ms: Our clock, UTC.
    """

    state: Literal["none", "prepared", "waiting", "signed"]
    chain: list[Certificate] = Field(default_factory=list)
    certificates: list[Certificate] = Field(default_factory=list)
    lists: list[str] = Field(default_factory=list)
    revision: int = 0
    at_ms: int = 0
    until_ms: int = 0
    digest: Sha256 | None = None
    signature: str | None = None
    now_ms: int
