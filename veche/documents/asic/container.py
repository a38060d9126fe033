"""Containers: files, and signatures and stamps over them, each with its manifest.

A container is made of files, and grows at its end: ``prepare`` and somebody's signature, and the
next one's; ``prepare_closing`` and a time stamp over all that is there, which closes it and later
renews it. As with PDFs the digest alone goes to where the key is.

Source: ETSI EN 319 162-1 V1.1.1 §4.4 and §A.7 (ASiC-E with CAdES, long-term form).
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

import attrs

from veche.documents.asic.archive import (
    ArchiveError,
    Entry,
    HiddenError,
    new_entry,
    read_archive,
    twin_of,
    write_archive,
)
from veche.documents.asic.manifest import Row, read_manifest, row_of, write_manifest, write_rows
from veche.documents.pki.cms import with_proofs
from veche.documents.pki.digests import SHA256

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.documents.pdf.signing import Proofs
    from veche.documents.pki.digests import Hash

MIME: Final = "application/vnd.etsi.asic-e+zip"
_MARK: Final = b"PK\x03\x04"
_OTHERS: Final = (b"mimetypeapplication/vnd.oasis.", b"mimetypeapplication/epub+zip")
"""What begins alike: documents of offices (ODF) and electronic books."""
_NAME_AT: Final = 30
BEFORE_BYTES_MAX: Final = 1024 * 1024
"""How far into a file a container is looked for."""
FILES_MAX: Final = 500
STEPS_MAX: Final = 200
"""Signatures and stamps of one container."""
_MIME_NAME: Final = "mimetype"
FOLDER: Final = "META-INF/"
_STEP: Final = re.compile(r"META-INF/ASiC(Archive)?Manifest(\d{3})\.xml")
_SIGNATURE: Final = "application/x-pkcs7-signature"
_STAMP: Final = "application/vnd.etsi.timestamp-token"
_XML: Final = "text/xml"
_MIME_DETAIL: Final = "mimetype is not first, or not that of a container"


@attrs.frozen
class DataFile:
    """A file to be signed.

    Attributes:
        name: In the container; slashes are between folders.
        kind: Media type.
        data: What is in it.
    """

    name: str
    kind: str
    data: bytes


@attrs.frozen
class Step:
    """A signature with its manifest, or a stamp with its.

    Attributes:
        name: Of it, as ``signature001``.
        is_stamp: Whether it is a stamp over all before it.
        manifest: As it stands there.
        rows: What the manifest says.
        encoded: CMS, or a time stamp; DER.
    """

    name: str
    is_stamp: bool
    manifest: bytes
    rows: Sequence[Row]
    encoded: bytes


@attrs.frozen
class Container:
    """A container as it was read; whether its signatures hold is not said.

    Attributes:
        entries: All entries.
        files: The files that are signed.
        steps: Signatures and stamps, first to last.
    """

    entries: Sequence[Entry]
    files: Sequence[Entry]
    steps: Sequence[Step]

    def before(self, step: int) -> Sequence[Entry]:
        """Return the entries before a step, without ``mimetype``."""
        return self.entries[1 : 1 + len(self.files) + 2 * step]

    @property
    def document_sha256(self) -> bytes:
        """Digest that certificates for one document name: of the file, or of all rows."""
        if len(self.files) == 1:
            return hashlib.sha256(self.files[0].data).digest()
        rows = [row_of(one.name, _NO_KIND, one.data) for one in self.files]
        return hashlib.sha256(write_rows(rows)).digest()


_NO_KIND: Final = "application/octet-stream"


@attrs.frozen
class Prepared:
    """A container that waits for a signature or a stamp.

    Attributes:
        digest: Of the manifest: what is signed, by SHA-256, or stamped.
    """

    digest: bytes
    _entries: Sequence[Entry]
    _name: str
    _proofs: Proofs | None = None

    def carrying(self, proofs: Proofs) -> Prepared:
        """The same, with proofs that will travel with the signature or the stamp."""
        return Prepared(self.digest, self._entries, self._name, proofs)

    def embed(self, encoded: bytes, proofs: Proofs | None = None) -> bytes:
        """The container with the signature.

        Args:
            encoded: CMS, or a time stamp; DER.
            proofs: Of the signer's certificate, the authorities' and the time stamp's: they travel
                with the signature.

        Raises:
            CmsError: The signature is of another form, or there is no room for the proofs.
        """
        if proofs is not None:
            encoded = with_proofs(encoded, proofs.certificates, proofs.lists)
        return write_archive([*self._entries, new_entry(self._name, encoded, is_packed=False)])

    def filled(self, encoded: bytes) -> bytes:
        """Return the manifest and signature to add to the container, as ``growing`` takes them.

        Args:
            encoded: As for ``embed``.

        Raises:
            CmsError: As of ``embed``.
        """
        if self._proofs is not None:
            encoded = with_proofs(encoded, self._proofs.certificates, self._proofs.lists)
        signature = new_entry(self._name, encoded, is_packed=False)
        return b"".join([self._entries[-1].record, signature.record])


def is_container(data: bytes) -> bool:
    """Return whether a file begins as containers do, and no other archive."""
    is_alike = data.startswith(_MARK) and data.startswith(_MIME_NAME.encode(), _NAME_AT)
    return is_alike and not data.startswith(_OTHERS, _NAME_AT)


def bytes_before(data: bytes) -> int:
    """How many bytes stand before the container in a file that begins as nothing known here.

    Some programs find the container all the same, and others do not. 0: there is none, or it is
    whole; a PDF or an archive that has one in it is what it begins as.
    """
    if data.startswith((_MARK, b"%PDF-")):
        return 0
    beginning = _MIME_NAME.encode() + MIME.encode()
    at = data.find(beginning, _NAME_AT, BEFORE_BYTES_MAX) - _NAME_AT
    return at if at > 0 and data.startswith(_MARK, at) else 0


def new_container(files: Sequence[DataFile], *, is_packed: bool = True) -> bytes:
    """The container before anyone signs.

    Args:
        files: In their order.
        is_packed: Whether they are deflated; if not, everybody makes the same bytes of them.

    Raises:
        ArchiveError: A name could hide, is there twice, or there are too many files or too large.
    """
    if not 1 <= len(files) <= FILES_MAX:
        raise ArchiveError(f"a container has 1 to {FILES_MAX} files")
    entries = [new_entry(_MIME_NAME, MIME.encode(), is_packed=False)]
    for one in files:
        if twin_of(one.name.split("/")[0]) in (_MIME_NAME, twin_of(FOLDER[:-1])):
            raise HiddenError(f"{one.name!a} is a name for other things")
        entries.append(new_entry(one.name, one.data, is_packed=is_packed))
    made = write_archive(entries)
    read_container(made)
    return made


def prepare(container: bytes, kinds: Sequence[str] = ()) -> Prepared:
    """A container for one more signature over its files.

    Args:
        container: As ``new_container`` made it, or with signatures.
        kinds: Media types of its files; without, they are as the signature before says.

    Raises:
        ArchiveError: It is no container of our form, or has too many signatures.
    """
    held = read_container(container)
    said = [row.kind for row in held.steps[0].rows] if held.steps else []
    known = [*kinds] or said or [_NO_KIND] * len(held.files)
    rows = [row_of(one.name, kind, one.data) for one, kind in zip(held.files, known, strict=True)]
    return _prepared(held, rows, is_stamp=False)


def prepare_closing(container: bytes, proofs: Proofs | None = None, by: Hash = SHA256) -> Prepared:
    """A container for a stamp over all that is in it: it closes it, and later renews it.

    Args:
        container: With a signature.
        proofs: That were not known before: they go with what the new stamp covers.
        by: The hash of what is covered, and of the stamp.

    Raises:
        ArchiveError: It is no container of our form, or nobody has signed it.
        CmsError: There is no room for the proofs.
    """
    held = read_container(container)
    if not held.steps:
        raise ArchiveError("nobody has signed it")
    if proofs is not None:
        last = held.entries[-1]
        more = with_proofs(last.data, proofs.certificates, proofs.lists)
        entries = [*held.entries[:-1], new_entry(last.name, more, is_packed=False)]
        held = read_container(write_archive(entries))
    kinds = {row.name: row.kind for step in held.steps for row in step.rows}
    for number, step in enumerate(held.steps):
        name, kind = _place(step.is_stamp, number_of(held.steps, number))
        kinds |= {name: kind, _manifest_name(step.is_stamp, number_of(held.steps, number)): _XML}
    rows = [
        row_of(one.name, kinds.get(one.name, _NO_KIND), one.data, by) for one in held.entries[1:]
    ]
    return _prepared(held, rows, is_stamp=True, by=by)


def read_container(data: bytes) -> Container:
    """Read a container.

    Raises:
        ArchiveError: It is of another form; ``HiddenError`` if no honest program made it.
    """
    entries = read_archive(data)
    if not entries or entries[0].name != _MIME_NAME or entries[0].data != MIME.encode():
        raise ArchiveError(_MIME_DETAIL)
    if entries[0].record[8:10] != b"\0\0":
        raise ArchiveError("mimetype is packed")
    files = [one for one in entries[1:] if not one.name.startswith(FOLDER)]
    rest = entries[1 + len(files) :]
    if not 1 <= len(files) <= FILES_MAX or len(rest) > 2 * STEPS_MAX:
        raise ArchiveError("it has no files, or too many files or signatures")
    if not any(_STEP.fullmatch(one.name) for one in entries) and len(files) + 1 < len(entries):
        raise ArchiveError("signatures of another form")
    if len(rest) % 2 or files != entries[1 : 1 + len(files)]:
        raise HiddenError("something lies between the signatures")
    steps: list[Step] = []
    for manifest, signature in zip(rest[::2], rest[1::2], strict=True):
        steps.append(_step(steps, manifest, signature))
    return Container(entries, files, steps)


def signature_name(number: int) -> str:
    """Name a signature by its number in the container, from 1."""
    return f"signature{number:03}"


def number_of(steps: Sequence[Step], at: int) -> int:
    """Which signature, or which stamp, a step is, from 1."""
    return sum(one.is_stamp == steps[at].is_stamp for one in steps[: at + 1])


def _step(before: Sequence[Step], manifest: Entry, signature: Entry) -> Step:
    found = _STEP.fullmatch(manifest.name)
    is_stamp = found is not None and found[1] is not None
    number = 1 + sum(one.is_stamp == is_stamp for one in before)
    place = _place(is_stamp, number)
    if found is None or int(found[2]) != number or signature.name != place[0]:
        raise HiddenError("something lies between the signatures")
    rows = read_manifest(manifest.data, place)
    name = signature.name.removeprefix(FOLDER).partition(".")[0]
    return Step(name, is_stamp, manifest.data, rows, signature.data)


def _prepared(
    held: Container, rows: Sequence[Row], *, is_stamp: bool, by: Hash = SHA256
) -> Prepared:
    if len(held.steps) == STEPS_MAX:
        raise ArchiveError(f"more than {STEPS_MAX} signatures")
    number = 1 + sum(one.is_stamp == is_stamp for one in held.steps)
    place = _place(is_stamp, number)
    made = write_manifest(place, rows)
    listed = new_entry(_manifest_name(is_stamp, number), made, is_packed=False)
    return Prepared(by.digest(made), [*held.entries, listed], place[0])


def _manifest_name(is_stamp: bool, number: int) -> str:
    return f"{FOLDER}ASiC{'Archive' if is_stamp else ''}Manifest{number:03}.xml"


def _place(is_stamp: bool, number: int) -> tuple[str, str]:
    """Name and media type of a signature or a stamp."""
    if is_stamp:
        return f"{FOLDER}timestamp{number:03}.tst", _STAMP
    return f"{FOLDER}{signature_name(number)}.p7s", _SIGNATURE
