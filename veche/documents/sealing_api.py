"""The sealing API for an organisation's files: the digest is sent, never the file.

Whoever makes a file prepares the revision that will hold the seal, sends its digest, and puts the
signature in. So a seal costs two small requests, and the service that has the key learns nothing of
what it seals but who asked, when, and a number of theirs.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from veche.protocol.wire import Wire

CERTIFICATES_MAX = 10
ENCODED_CHARACTERS_MAX = 128 * 1024
REFERENCE_CHARACTERS_MAX = 64

Encoded = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+$", max_length=ENCODED_CHARACTERS_MAX)]
"""DER in unpadded base64."""
Digest = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]$")]
"""SHA-256 in unpadded base64."""


class SealView(Wire):
    """A seal, as whoever prepares a file needs it.

    Attributes:
        name: Whom its certificate names.
        certificates: The chain up to the root with the root, and that of the time stamps.
        lists: Of revoked certificates, one for each of those but the root.
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    certificates: Annotated[tuple[Encoded, ...], Field(strict=False, max_length=CERTIFICATES_MAX)]
    lists: Annotated[tuple[Encoded, ...], Field(strict=False, max_length=CERTIFICATES_MAX)]


class SealBody(Wire):
    """The body of a request for a seal.

    Attributes:
        digest: SHA-256 of the file with the prepared revision, without its hole.
        reference: What the organisation knows it by; it stands in the record of seals.
    """

    digest: Digest
    reference: Annotated[
        str, Field(min_length=1, max_length=REFERENCE_CHARACTERS_MAX, pattern=r"^[!-~]+$")
    ]


class SealedView(Wire):
    """The seal over a digest.

    Attributes:
        signature: CMS with its time stamp.
    """

    signature: Encoded


class StampBody(Wire):
    """The body of a request for a time stamp.

    Attributes:
        digest: SHA-256 of the closing revision, without its hole.
    """

    digest: Digest


class StampView(Wire):
    """A time stamp.

    Attributes:
        token: RFC 3161.
    """

    token: Encoded


class StampersView(Wire):
    """The authorities that stamp signatures, and the certificates that prove it.

    Attributes:
        certificates: DER: of those who stamp, and those above them.
        lists: DER: what says that they were not revoked.
        roots: DER: below which those elsewhere have to be; none: the service stamps.
        policy: Under which they stamp, as dotted numbers; none: any.
    """

    certificates: list[Encoded]
    lists: list[Encoded]
    roots: list[Encoded]
    policy: str | None = None
