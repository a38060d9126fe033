"""Having files sealed by the service of signing: the file stays here, its digest is sent.

Source: PAdES B-LTA (ETSI EN 319 142-1 §6.3): a signature with its proofs, closed by a time stamp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import Field

from veche.documents.asic import container
from veche.documents.pdf import Document, PdfError
from veche.documents.pdf.signing import (
    Box,
    Proofs,
    form_fields,
    lay_boxes,
    prepare_closing,
    prepare_signature,
    room_for_signature,
    room_for_stamp,
)
from veche.documents.sealing_api import SealBody, SealedView, SealView, StampBody, StampView
from veche.protocol.errors import RefusedError
from veche.protocol.unpadded_base64 import decode_base64, encode_base64
from veche.runtime.config import SecretPath, Section, read_secret
from veche.runtime.threads import in_thread
from veche.runtime.web.service_client import ServiceClient

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from veche.documents.asic import DataFile
    from veche.documents.pdf.signing import Prepared

API: Final = "/_veche/signing/v1"
SEAL_FIELD: Final = "Seal"
CLOSING_FIELD: Final = "Closed"

T = TypeVar("T")


class SealSection(Section):
    """By what the documents of an organisation are sealed."""

    url: str = Field(pattern=r"^https?://[^/\s]+$", examples=["https://sign.example.org"])
    """Address of the signing service, without a path."""
    key_path: SecretPath
    """File with the organisation's key for it."""


class SealError(RefusedError):
    """A file cannot be sealed: the service refuses it, or it has another form (HTTP 409)."""

    errcode = "ORG.VECHE.NOT_SEALED"


class Sealer:
    """The seal of one organisation."""

    def __init__(self, reactor: Any, url: str, key: str, organisation: str) -> None:
        """Make it; the first request connects.

        Args:
            reactor: Clock, network and threads.
            url: Of the service of signing, with nothing after the host.
            key: The organisation's.
            organisation: Its id.
        """
        self._reactor = reactor
        self._client = ServiceClient(
            reactor, url, key, api=API, called="the service of signing", refusal=SealError
        )
        self._path = f"/seals/{organisation}"

    async def seal(self, pdf: bytes, reference: str, now_ms: int) -> bytes:
        """The file with the seal, closed by a time stamp.

        Args:
            pdf: In the sealed profile, as typst makes it; nothing else is done to it.
            reference: What the organisation knows it by, up to 64 printable characters.
            now_ms: The time that readers show besides that of the stamp, UTC.

        Raises:
            SealError: The service seals nothing for this key, or the file is outside the profile.
            UnavailableError: It does not answer; nothing is sealed.
        """
        try:
            return await self._seal(pdf, reference, now_ms)
        except PdfError as e:
            raise SealError(f"the document cannot be sealed: {e}") from e

    async def _seal(self, pdf: bytes, reference: str, now_ms: int) -> bytes:
        proofs, name = await self._view()
        base, signing = await self._work(_prepare_seal, pdf, proofs, name, now_ms)
        body = SealBody(digest=encode_base64(signing.digest), reference=reference)
        sealed = await self._client.call("POST", self._path, SealedView, body=body)
        signed = base + signing.filled(decode_base64(sealed.signature))
        room = room_for_stamp(proofs.certificates)
        closing = await self._work(_prepare_closing, signed, room)
        return signed + closing.filled(await self._stamp(closing.digest))

    async def _view(self) -> tuple[Proofs, str]:
        """Ask for the proofs that a seal needs, and the name in its certificate."""
        seal = await self._client.call("GET", self._path, SealView)
        certificates = [decode_base64(one) for one in seal.certificates]
        return Proofs(certificates, [decode_base64(one) for one in seal.lists]), seal.name

    async def _stamp(self, digest: bytes) -> bytes:
        asked = StampBody(digest=encode_base64(digest))
        return decode_base64(
            (await self._client.call("POST", "/stamps", StampView, body=asked)).token
        )

    async def seal_files(self, files: Sequence[DataFile], reference: str) -> bytes:
        """A container with any files and the seal over them, closed by a time stamp.

        Args:
            files: What is sealed.
            reference: What the organisation knows it by, up to 64 printable characters.

        Raises:
            SealError: The service seals nothing for this key.
            ArchiveError: The files cannot be put together: a name, a media type, their size.
            UnavailableError: It does not answer; nothing is sealed.
        """
        proofs, _ = await self._view()
        signing = await self._work(_prepare_container, files)
        body = SealBody(digest=encode_base64(signing.digest), reference=reference)
        sealed = await self._client.call("POST", self._path, SealedView, body=body)
        signed = await self._work(signing.embed, decode_base64(sealed.signature), proofs)
        closing = await self._work(container.prepare_closing, signed)
        return closing.embed(await self._stamp(closing.digest))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _work(self, work: Callable[..., T], *args: Any) -> T:
        done: T = await in_thread(self._reactor, work, *args)
        return done


def sealer_of(reactor: Any, section: SealSection | None, organisation: str) -> Sealer | None:
    """The seal of an organisation; None if it has none.

    Raises:
        ConfigError: Its key cannot be read.
    """
    if section is None:
        return None
    return Sealer(reactor, section.url, read_secret(section.key_path), organisation)


def _prepare_seal(pdf: bytes, proofs: Proofs, name: str, now_ms: int) -> tuple[bytes, Prepared]:
    """The file with a field for the seal, and the revision that will fill it."""
    document = Document(pdf)
    if form_fields(document):
        raise PdfError("a file that is sealed has no form")
    base = pdf + lay_boxes(document, [Box(SEAL_FIELD, 0, (0, 0, 0, 0))])
    room = room_for_signature(proofs.certificates)
    prepared = prepare_signature(Document(base), SEAL_FIELD, proofs, name, now_ms, bytes_max=room)
    return base, prepared


def _prepare_container(files: Sequence[DataFile]) -> container.Prepared:
    kinds = [one.kind for one in files]
    return container.prepare(container.new_container(files), kinds)


def _prepare_closing(pdf: bytes, room: int) -> Prepared:
    return prepare_closing(Document(pdf), CLOSING_FIELD, Proofs(), bytes_max=room)
