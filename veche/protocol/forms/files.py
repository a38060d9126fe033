"""Parsers of files and photos: the content of the event that a client sent.

What is read here is what the sender says. Whoever takes the answer fetches the file first, checks
its hash, and puts its true size and type in the place of what was said (``magic.true_mimetype``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import pydantic

from veche.protocol.canonical import INTEGER_MAX
from veche.protocol.errors import MalformedError
from veche.protocol.forms.models import FILE_BYTES_MAX, FieldKind
from veche.protocol.forms.problems import FieldError, Problem
from veche.protocol.wire import Wire, parse

if TYPE_CHECKING:
    from veche.protocol.forms.models import Field
    from veche.protocol.forms.values import FieldContext

FILE_NAME_CHARACTERS_MAX: Final = 200
MXC_CHARACTERS_MAX: Final = 300
PHOTO_MIMETYPES: Final = (
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/heic",
    "image/heif",
    "image/avif",
)
UNKNOWN_MIMETYPE: Final = "application/octet-stream"

# Not a set: what is looked up in it comes from outside, and may have no hash.
_MSGTYPES: Final = ("m.file", "m.image", "m.video", "m.audio")
_MXC: Final = r"^mxc://[A-Za-z0-9.\[\]:_-]{1,255}/[A-Za-z0-9_-]{1,255}$"
_MIMETYPE: Final = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,80}")
_UNFIT_FOR_NAMES: Final = re.compile(
    r'[\x00-\x1f\x7f-\x9f"*/:<>?\\|\ud800-\udfff\u202a-\u202e\u2066-\u2069]'
)
_MB: Final = 1024 * 1024
_KeyOperation = Annotated[str, pydantic.Field(pattern=r"^[A-Za-z]{1,20}$")]


class JsonWebKey(Wire):
    """Key of an encrypted file (Matrix spec v1.18, "Sending encrypted attachments")."""

    kty: Literal["oct"]
    alg: Literal["A256CTR"]
    ext: Literal[True]
    key_ops: Annotated[tuple[_KeyOperation, ...], pydantic.Field(strict=False, max_length=8)]
    k: str = pydantic.Field(pattern=r"^[A-Za-z0-9_-]{43}=?$")


class Hashes(Wire):
    """SHA-256 of the ciphertext, base64."""

    sha256: str = pydantic.Field(pattern=r"^[A-Za-z0-9+/]{43}=?$")


class EncryptedFile(Wire):
    """How to fetch, check and decrypt a file (Matrix spec v1.18, EncryptedFile)."""

    v: Literal["v2"]
    url: str = pydantic.Field(pattern=_MXC, max_length=MXC_CHARACTERS_MAX)
    key: JsonWebKey
    iv: str = pydantic.Field(pattern=r"^[A-Za-z0-9+/]{22}(==)?$")
    hashes: Hashes


def parse_file(field: Field, raw: object, _: FieldContext) -> dict[str, Any]:
    """A file, from the content of its event, or from a value of this kind."""
    missing = Problem.NOT_A_PHOTO if field.kind is FieldKind.PHOTO else Problem.NOT_A_FILE
    if not isinstance(raw, Mapping):
        raise FieldError.of(field, missing)
    if "mxc" in raw:
        claims: Mapping[Any, Any] = raw
    elif raw.get("msgtype") in _MSGTYPES:
        claims = _claims_of_event(raw)
    else:
        raise FieldError.of(field, missing)
    value = {
        "name": _name(claims.get("name")),
        "mimetype": _mimetype(claims.get("mimetype")),
        **_where(field, claims),
    }
    size_bytes = claims.get("size_bytes")
    if isinstance(size_bytes, int) and not isinstance(size_bytes, bool) and size_bytes >= 0:
        value["size_bytes"] = min(size_bytes, INTEGER_MAX)
    _check_bounds(field, value)
    return value


def _claims_of_event(content: Mapping[Any, Any]) -> Mapping[str, object]:
    info = content.get("info")
    info = info if isinstance(info, Mapping) else {}
    return {
        "name": content.get("filename") or content.get("body"),
        "mimetype": info.get("mimetype"),
        "size_bytes": info.get("size"),
        "mxc": content.get("url"),
        "file": content.get("file"),
    }


def _where(field: Field, claims: Mapping[Any, Any]) -> dict[str, Any]:
    """Where the file is, and what opens it."""
    if claims.get("file") is not None:
        try:
            file = parse(EncryptedFile, claims["file"])
        except MalformedError as e:
            raise FieldError.of(field, Problem.FILE_BROKEN) from e
        opening = file.model_dump(mode="json")
        return {"mxc": file.url, "sha256": file.hashes.sha256.rstrip("="), "file": opening}
    mxc = claims.get("mxc")
    is_url = isinstance(mxc, str) and len(mxc) <= MXC_CHARACTERS_MAX and re.fullmatch(_MXC, mxc)
    if not is_url:
        raise FieldError.of(field, Problem.FILE_BROKEN)
    return {"mxc": mxc}


def _name(name: object) -> str:
    """A name that is safe to show and to save under: no path, no controls."""
    text = name if isinstance(name, str) else ""
    cleaned = _UNFIT_FOR_NAMES.sub("_", text[-FILE_NAME_CHARACTERS_MAX:]).strip(" .")
    return cleaned or "file"


def _mimetype(mimetype: object) -> str:
    # Parameters ("; charset=…") say nothing that a form needs.
    text = mimetype.partition(";")[0].strip().lower() if isinstance(mimetype, str) else ""
    return text if _MIMETYPE.fullmatch(text) else UNKNOWN_MIMETYPE


def _check_bounds(field: Field, value: Mapping[str, Any]) -> None:
    allowed = field.mimetypes
    if allowed is None and field.kind is FieldKind.PHOTO:
        allowed = PHOTO_MIMETYPES
    family = value["mimetype"].partition("/")[0] + "/*"
    if allowed is not None and not {value["mimetype"], family} & set(allowed):
        raise FieldError.of(field, Problem.FILE_KIND, types=allowed)
    bytes_max = field.bytes_max or FILE_BYTES_MAX
    if value.get("size_bytes", 0) > bytes_max:
        raise FieldError.of(field, Problem.FILE_TOO_BIG, max=max(bytes_max // _MB, 1))
