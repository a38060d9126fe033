"""Kinds of files by their first bytes."""

from __future__ import annotations

from tests.support.tables import each_row
from veche.protocol.forms.magic import AVIF, HEIC, HEIF, JPEG, KNOWN, PDF, PNG, WEBP, true_mimetype

NOISE = bytes(range(7, 71))
ZIP = "application/zip"


def box(*brands: bytes) -> bytes:
    """A file of ISO boxes; the first brand is the major one."""
    major, *others = brands
    inner = b"ftyp" + major + bytes(4) + b"".join(others)
    return (4 + len(inner)).to_bytes(4, "big") + inner + b"....meta"


HEADS = {
    PDF: b"%PDF-1.7\n",
    JPEG: b"\xff\xd8\xff\xe0\0\x10JFIF",
    PNG: b"\x89PNG\r\n\x1a\n\0\0",
    WEBP: b"RIFF\x10\0\0\0WEBPVP8 ",
    HEIC: box(b"heic", b"mif1"),
    HEIF: box(b"mif1"),
    AVIF: box(b"mif1", b"avif"),
}


def test_each_known_kind_has_a_head() -> None:
    assert HEADS.keys() == KNOWN


@each_row("mimetype", sorted(KNOWN))
def test_a_file_is_what_its_content_is(mimetype: str) -> None:
    head = HEADS[mimetype]

    assert true_mimetype(mimetype, head) == mimetype
    assert true_mimetype(ZIP, head) == mimetype


@each_row("mimetype", sorted(KNOWN))
@each_row("head", [b"", NOISE, b"%PD", box(b"qt  "), b"\0\0\0\0ftyp", b"RIFF"])
def test_what_is_not_what_it_says_is_nothing(mimetype: str, head: bytes) -> None:
    assert true_mimetype(mimetype, head) is None


@each_row(
    ("claimed", "head", "mimetype"),
    [
        (ZIP, NOISE, ZIP),
        (ZIP, b"", None),
        ("video/mp4", box(b"isom", b"mp41"), "video/mp4"),
        (HEIF, HEADS[HEIC], HEIF),
        (HEIC, HEADS[HEIF], HEIC),
        (JPEG, HEADS[PNG], PNG),
        (PDF, HEADS[JPEG], JPEG),
    ],
)
def test_of_other_kinds_the_sender_is_believed(
    claimed: str, head: bytes, mimetype: str | None
) -> None:
    assert true_mimetype(claimed, head) == mimetype


def test_brands_are_read_within_their_box_only() -> None:
    head = box(b"isom") + b"heic" * 20

    assert true_mimetype(HEIC, head) is None
