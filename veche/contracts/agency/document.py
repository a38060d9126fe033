"""Documents that an organisation issues to a person."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from veche.protocol.ids import WireUlid
from veche.protocol.message import URL_CHARACTERS_MAX
from veche.protocol.wire import Wire

DOCUMENT_KEY: Final = "org.veche.document"
KIND_CHARACTERS_MAX: Final = 64
TITLE_CHARACTERS_MAX: Final = 200
FILE_KEYS_MAX: Final = 16


class IssuedDocument(Wire):
    """A document, with the data to check it later.

    Attributes:
        v: Version, 1.
        id: Id of the document.
        kind: Id of the kind of document, as the issuer names it.
        title: Title, in words.
        sha256: SHA-256 of the plain file, unpadded base64.
        file: ``EncryptedFile`` of the Matrix spec, where the event is not itself an ``m.file``.
        issuer: Id of the organisation.
        valid_until_ms: UTC; none: without end.
        status_list: Address of the list that says whether the document was revoked.
    """

    v: Literal[1]
    id: WireUlid
    kind: Annotated[str, Field(min_length=1, max_length=KIND_CHARACTERS_MAX)]
    title: Annotated[str, Field(min_length=1, max_length=TITLE_CHARACTERS_MAX)]
    sha256: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]$")]
    file: Annotated[dict[str, Any], Field(max_length=FILE_KEYS_MAX)] | None = None
    issuer: Annotated[str, Field(min_length=1, max_length=TITLE_CHARACTERS_MAX)]
    valid_until_ms: Annotated[int, Field(ge=0)] | None = None
    status_list: (
        Annotated[str, Field(pattern=r"^https://.+$", max_length=URL_CHARACTERS_MAX)] | None
    ) = None
