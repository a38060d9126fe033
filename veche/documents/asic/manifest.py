"""Manifests: which files a signature or a stamp in a container covers, with their digests.

All rows of a manifest are by one hash. Of signatures it is SHA-256; of a stamp over all it may be a
longer one.

There is one form for each list of files. A manifest is read by writing it again from what it says:
if that is not the same byte for byte, it is none of ours. So there is no reader of XML here that
could be told something else than another one.

Source: ETSI EN 319 162-1 V1.1.1 §A.4 (ASiCManifest).
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

import attrs

from veche.documents.asic.archive import ArchiveError
from veche.documents.pki.digests import HASHES, SHA256

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.documents.pki.digests import Hash

_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<asic:ASiCManifest xmlns:asic="http://uri.etsi.org/02918/v1.2.1#"'
    ' xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
    '<asic:SigReference URI="{name}" MimeType="{kind}"/>'
)
_FOOT: Final = "</asic:ASiCManifest>"
_ROW: Final = (
    '<asic:DataObjectReference URI="{name}" MimeType="{kind}">'
    '<ds:DigestMethod Algorithm="{uri}"/>'
    "<ds:DigestValue>{digest}</ds:DigestValue></asic:DataObjectReference>"
)
_READ: Final = re.compile(
    '<asic:DataObjectReference URI="([^"<>&]+)" MimeType="([^"<>&]+)">'
    r'<ds:DigestMethod Algorithm="([^"<>&]+)"/><ds:DigestValue>([A-Za-z0-9+/]{43,86}={0,2})<'
)
_BY_URI: Final = {one.uri: one for one in HASHES}
_KIND: Final = re.compile(r"[a-zA-Z0-9!#$^_.+-]{1,80}/[a-zA-Z0-9!#$^_.+-]{1,80}")
_AS_THEY_ARE: Final = "/!~*'()"
"""Besides letters, digits, ``_.-``: what ``encodeURIComponent`` leaves too."""


@attrs.frozen
class Row:
    """A file that is covered.

    Attributes:
        name: In the container.
        kind: Its media type.
        digest: Of its content.
        by: The hash.
    """

    name: str
    kind: str
    digest: bytes
    by: Hash = SHA256


def row_of(name: str, kind: str, data: bytes, by: Hash = SHA256) -> Row:
    """The row of a file.

    Raises:
        ArchiveError: ``kind`` is no media type.
    """
    if not _KIND.fullmatch(kind):
        raise ArchiveError(f"{kind!a} is no media type")
    return Row(name, kind, by.digest(data), by)


def write_rows(rows: Sequence[Row]) -> bytes:
    """The rows of a manifest alone: the same for every signature over the same files."""
    return "".join(
        _ROW.format(
            name=quote(one.name, safe=_AS_THEY_ARE),
            kind=one.kind,
            uri=one.by.uri,
            digest=base64.b64encode(one.digest).decode(),
        )
        for one in rows
    ).encode()


def write_manifest(signature: tuple[str, str], rows: Sequence[Row]) -> bytes:
    """A manifest.

    Args:
        signature: Name and media type of the file with the signature or the stamp.
        rows: What it covers.
    """
    name, kind = signature
    return _HEAD.format(name=name, kind=kind).encode() + write_rows(rows) + _FOOT.encode()


def read_manifest(data: bytes, signature: tuple[str, str]) -> list[Row]:
    """Read the rows of a manifest.

    Args:
        data: The manifest.
        signature: Name and media type of the file with the signature that it belongs to.

    Raises:
        ArchiveError: It is of another form.
    """
    try:
        text = data.decode()
        rows = [
            Row(unquote(name, errors="strict"), kind, base64.b64decode(digest), _BY_URI[uri])
            for name, kind, uri, digest in _READ.findall(text)
        ]
        again = write_manifest(signature, rows)
    except UnicodeError as e:
        raise ArchiveError("a manifest is in another encoding") from e
    except (KeyError, ValueError) as e:
        raise ArchiveError("a manifest of another form") from e
    if again != data or not all(map(_is_formed, rows)) or len({one.by for one in rows}) > 1:
        raise ArchiveError("a manifest of another form")
    return rows


def _is_formed(row: Row) -> bool:
    return _KIND.fullmatch(row.kind) is not None and len(row.digest) == row.by.size
