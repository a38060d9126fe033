"""Files that are no PDF: what is taken of them, under which name, and of which kind they are.

Nothing in such a file is changed, and nobody looks into it: who signs it looks at it with a program
of their own. So its name and its kind, which the signatures cover too, must not mislead: the name
is one that every system takes for the same file, the kind is by the content where that can be told.
"""

from __future__ import annotations

import unicodedata
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.papers.core.uploads import (
    UPLOAD_BYTES_MAX,
    EmptyFileError,
    NotPdfError,
    SignedAlreadyError,
    UploadTooLargeError,
)
from veche.documents.asic import (
    NAME_CHARACTERS_MAX,
    HiddenError,
    bytes_before,
    check_name,
    is_container,
    twin_of,
)
from veche.protocol.approval import showable
from veche.protocol.forms.magic import HEAD_BYTES, PDF, true_mimetype
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

FILENAME_CHARACTERS_MAX: Final = NAME_CHARACTERS_MAX // 2
"""Of the name of a file in its container: those of signatures beside it have room then."""
ANY: Final = "application/octet-stream"
CONTAINER: Final = ".asice"
_WORD: Final = "application/vnd.openxmlformats-officedocument."
_OPEN: Final = "application/vnd.oasis.opendocument."
_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_TEXTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "txt": "text/plain",
        "md": "text/markdown",
        "csv": "text/csv",
        "json": "application/json",
        "xml": "application/xml",
        "html": "text/html",
        "htm": "text/html",
        "svg": "image/svg+xml",
        "eml": "message/rfc822",
    }
)
_PICTURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "png": "image/png",
        "jpg": "image/jpeg",
        "jpeg": "image/jpeg",
        "webp": "image/webp",
        "heic": "image/heic",
        "heif": "image/heif",
        "avif": "image/avif",
    }
)
_BEGINNINGS: Final[Mapping[str, tuple[str, bytes]]] = MappingProxyType(
    {
        "docx": (f"{_WORD}wordprocessingml.document", _ZIP),
        "xlsx": (f"{_WORD}spreadsheetml.sheet", _ZIP),
        "pptx": (f"{_WORD}presentationml.presentation", _ZIP),
        "odt": (f"{_OPEN}text", _ZIP),
        "ods": (f"{_OPEN}spreadsheet", _ZIP),
        "odp": (f"{_OPEN}presentation", _ZIP),
        "epub": ("application/epub+zip", _ZIP),
        "zip": ("application/zip", _ZIP),
        "doc": ("application/msword", _OLE),
        "xls": ("application/vnd.ms-excel", _OLE),
        "ppt": ("application/vnd.ms-powerpoint", _OLE),
        "rtf": ("application/rtf", b"{\\rtf"),
        "gif": ("image/gif", b"GIF8"),
        "tif": ("image/tiff", b""),
        "tiff": ("image/tiff", b""),
        "7z": ("application/x-7z-compressed", b"7z\xbc\xaf\x27\x1c"),
        "mp3": ("audio/mpeg", b""),
        "ogg": ("audio/ogg", b"OggS"),
        "wav": ("audio/wav", b"RIFF"),
        "mp4": ("video/mp4", b""),
    }
)
_FORBIDDEN: Final = str.maketrans(dict.fromkeys('\\/:*?"<>|', "-"))
_TAKEN: Final = frozenset({"mimetype", "meta-inf"})
"""What has another meaning in a container."""
_NO_NAME: Final = "document"


@attrs.frozen
class AnyFile:
    """A file that is signed as it is, in a container.

    Attributes:
        data: It, byte for byte.
        name: Under which it is in the container.
        kind: Media type.
    """

    data: bytes = attrs.field(repr=False)
    name: str
    kind: str


class ContainerUploadError(SignedAlreadyError):
    """The file is a container with signatures, or for them."""

    text = N_(
        "This is a container with signatures already (ASiC-E): none are added to it here. Write"
        " “verify” to have it checked, or send the file that is in it."
    )


def any_file(data: bytes, name: str) -> AnyFile:
    """A file as it is signed in a container: one that is no PDF, or a PDF as it is.

    Args:
        data: The file.
        name: As it was sent.

    Raises:
        UploadError: It is not signed so.
        UploadTooLargeError: It is above ``UPLOAD_BYTES_MAX``.
    """
    if len(data) > UPLOAD_BYTES_MAX:
        raise UploadTooLargeError
    if not data:
        raise EmptyFileError
    if is_container(data) or bytes_before(data):
        raise ContainerUploadError
    safe = safe_name(name)
    if _ending(safe) == "pdf" and true_mimetype(PDF, data[:HEAD_BYTES]) != PDF:
        raise NotPdfError
    return AnyFile(data, safe, kind_of(safe, data))


def safe_name(name: str) -> str:
    """A name that stays within an archive, and is the same file to every system and reader."""
    shown = " ".join(showable(unicodedata.normalize("NFC", name)).split()).translate(_FORBIDDEN)
    shown = "".join(one if one.isprintable() else "-" for one in shown).rstrip(". ")
    made = shortened(shown, FILENAME_CHARACTERS_MAX).rstrip(". ")
    if not made or twin_of(made) in _TAKEN:
        made = f"{_NO_NAME}{'-' if made else ''}{made}"
    try:
        check_name(made)
    except HiddenError:
        return _NO_NAME
    return made


def shortened(name: str, characters_max: int) -> str:
    """A name of at most so many characters, whose ending stays."""
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > characters_max // 2:
        stem, dot, ending = name, "", ""
    return f"{stem[: characters_max - len(dot) - len(ending)].rstrip()}{dot}{ending}"


def kind_of(name: str, data: bytes) -> str:
    """The media type of a file: what its name says, unless its content says that it is not so."""
    ending = _ending(name)
    claimed = _PICTURES.get(ending, ANY)
    found = true_mimetype(claimed, data[:HEAD_BYTES])
    if found is not None and found != ANY:
        return found
    if ending in _TEXTS and _is_text(data):
        return _TEXTS[ending]
    kind, beginning = _BEGINNINGS.get(ending, (ANY, b""))
    return kind if data.startswith(beginning) else ANY


def container_name(name: str) -> str:
    """Name of the container with a file and its signatures."""
    stem, _, _ = name.rpartition(".")
    return f"{stem or name}-signed{CONTAINER}"


def _ending(name: str) -> str:
    stem, _, ending = name.rpartition(".")
    return ending.casefold() if stem else ""


def _is_text(data: bytes) -> bool:
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError:
        return False
