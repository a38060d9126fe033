"""Containers for tests of signing: signed by real keys, and changed as attackers would."""

from __future__ import annotations

import hashlib
import io
import struct
import subprocess
import zipfile
import zlib
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from veche.documents.asic.container import (
    DataFile,
    new_container,
    prepare,
    prepare_closing,
    read_container,
)
from veche.documents.asic.manifest import row_of, write_rows
from veche.documents.pki.cms import Signer

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence
    from pathlib import Path

    from appservices.signing.authority.core.issuing import Authority
    from tests.support.signing import Office, Person
    from veche.documents.pdf.signing import Proofs

LEASE = DataFile("lease.txt", "text/plain", b"Pay 100 EUR a month to Bob.\n" * 40)
PLAN = DataFile("plans/Квартира 12.svg", "image/svg+xml", b"<svg/>")
FILES = (LEASE, PLAN)


def docx(words: str = "Lease of flat 12b") -> bytes:
    """A file as programs for letters write it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", f"<w:document>{words}</w:document>")
    return out.getvalue()


def odt(words: str = "Lease of flat 12b") -> bytes:
    """A file as programs for letters write it that are free: an archive that begins as ours do."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", f"<text>{words}</text>")
    return out.getvalue()


def check_by_openssl(program: str, folder: Path, container: bytes, number: int) -> bytes:
    """What OpenSSL says against a signature in a container, with ``root.pem`` in a folder.

    Args:
        program: OpenSSL.
        folder: Has the authority's certificate; the container is unpacked there.
        container: With signatures.
        number: Of the signature, from 1.

    Returns:
        Why it does not hold; empty: it does.
    """
    with zipfile.ZipFile(io.BytesIO(container)) as archive:
        archive.extractall(folder)
    inside = folder / "META-INF"
    done = subprocess.run(
        [
            *(program, "cms", "-verify", "-cades", "-binary", "-inform", "DER"),
            *("-in", str(inside / f"signature{number:03}.p7s")),
            *("-content", str(inside / f"ASiCManifest{number:03}.xml")),
            *("-CAfile", str(folder / "root.pem")),
            *("-purpose", "any", "-out", "/dev/null"),
        ],
        capture_output=True,
        check=False,
    )
    return done.stderr if done.returncode else b""


def bound_to(office: Office, name: str, container: bytes, now: dt.datetime | None = None) -> Person:
    """Somebody with a certificate for what is in a container."""
    return office.person(name, document_of(container), now)


def document_of(container: bytes) -> bytes:
    """What has the digest that certificates for a container name."""
    held = read_container(container)
    if len(held.files) == 1:
        return held.files[0].data
    kind = "application/octet-stream"
    return write_rows([row_of(one.name, kind, one.data) for one in held.files])


def signed(
    container: bytes, person: Person, now: dt.datetime | None = None, kinds: Sequence[str] = ()
) -> bytes:
    """The container with somebody's signature: CAdES B-LT."""
    when = now or person.office.now
    prepared = prepare(container, kinds)
    signer = Signer(person.certificate, [person.office.issuing.certificate])
    attributes = signer.signed_attributes(prepared.digest)
    signature = person.key.sign(attributes, ec.ECDSA(hashes.SHA256()))
    token = person.office.token(hashlib.sha256(signature).digest(), when)
    proofs = person.office.proofs(person.certificate, when)
    return prepared.embed(signer.detached(attributes, signature, token), proofs)


def closed(
    office: Office,
    container: bytes,
    now: dt.datetime | None = None,
    proofs: Proofs | None = None,
    stamping: Authority | None = None,
) -> bytes:
    """Close or renew a container with a stamp."""
    prepared = prepare_closing(container, proofs)
    return prepared.embed(office.token(prepared.digest, now or office.now, stamping))


def made(
    office: Office, files: Sequence[DataFile] = FILES, names: Sequence[str] = ("Ann",)
) -> bytes:
    """A container that people have signed, not closed."""
    container = new_container(files)
    kinds = [one.kind for one in files]
    for name in names:
        container = signed(container, bound_to(office, name, container), kinds=kinds)
    return container


def zipped(entries: Sequence[tuple[str, bytes]], **changes: int) -> bytes:
    """An archive of any entries, without the checks of our writer.

    Args:
        entries: Names and contents, stored.
        changes: Values of fields, in the local header and the directory alike: ``flags``,
            ``method``, ``size``, ``attributes``.
    """
    out, lines = bytearray(), bytearray()
    for name, data in entries:
        encoded = name.encode()
        flags = changes.get("flags", 0 if name.isascii() else 0x800)
        size = changes.get("size", len(data))
        said = (20, flags, changes.get("method", 0), 0, 40 << 8 | 33, zlib.crc32(data))
        sizes = (len(data), size, len(encoded), 0)
        lines += struct.pack("<4sH", b"PK\1\2", 20) + struct.pack("<5H3L2H", *said, *sizes)
        lines += struct.pack("<3H2L", 0, 0, 0, changes.get("attributes", 0), len(out)) + encoded
        out += struct.pack("<4s5H3L2H", b"PK\3\4", *said, *sizes) + encoded + data
    count = len(entries)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(lines), len(out), 0)
    return bytes(out + lines + end)


def contents(container: bytes) -> list[tuple[str, bytes]]:
    """Names and contents of what is in a container."""
    return [(one.name, one.data) for one in read_container(container).entries]
