"""Detection of a file's type by its first bytes, for the types that forms mostly ask for.

The sender's word for it is no evidence: a file that was decrypted with a wrong key is noise, and
this is the only place where that shows (AES-CTR authenticates nothing).
"""

from __future__ import annotations

from typing import Final

HEAD_BYTES: Final = 1024
"""How much of a file has to be looked at."""
PDF: Final = "application/pdf"
HEIC: Final = "image/heic"
HEIF: Final = "image/heif"
AVIF: Final = "image/avif"
JPEG: Final = "image/jpeg"
PNG: Final = "image/png"
WEBP: Final = "image/webp"
KNOWN: Final = frozenset({PDF, HEIC, HEIF, AVIF, JPEG, PNG, WEBP})
"""Kinds whose files are told from others."""
_PREFIXES: Final = ((b"\xff\xd8\xff", JPEG), (b"\x89PNG\r\n\x1a\n", PNG), (b"%PDF-", PDF))
_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"})
_HEIF_BRANDS: Final = frozenset({b"mif1", b"msf1"})
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_BRAND_BYTES: Final = 4


def true_mimetype(claimed: str, head: bytes) -> str | None:
    """The kind of a file: by its content if that says it, else what the sender says.

    Args:
        claimed: What the sender says.
        head: Its first bytes, ``HEAD_BYTES`` of them if there are so many.

    Returns:
        None if it is not what the sender says, nor anything else that is known here.
    """
    found = _kind(head)
    if found == HEIC and claimed == HEIF:
        return claimed  # each HEIC file is a HEIF file
    if found == HEIF and claimed == HEIC:
        return claimed  # some cameras name only the wider brand
    if found is None:
        return None if claimed in KNOWN or not head else claimed
    return found


def _kind(head: bytes) -> str | None:
    for prefix, mimetype in _PREFIXES:
        if head.startswith(prefix):
            return mimetype
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    return _kind_of_box(head) if head[4:8] == b"ftyp" else None


def _kind_of_box(head: bytes) -> str | None:
    """A file of ISO boxes by its brands (ISO/IEC 14496-12 §4.3, 23008-12 §10)."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    starts = (8, *range(16, end, _BRAND_BYTES))
    brands = {head[start : start + _BRAND_BYTES] for start in starts}
    if brands & _AVIF_BRANDS:
        return AVIF
    if brands & _HEIC_BRANDS:
        return HEIC
    return HEIF if brands & _HEIF_BRANDS else None
