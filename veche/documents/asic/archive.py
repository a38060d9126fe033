"""ZIP archives of which no two programs think differently: written, and read strictly.

Every byte belongs to one entry, to its line in the central directory, or to the end record. An
entry says the same of itself in both places; no name is there twice, also not to a system that
takes large and small letters, or composed and decomposed ones, for the same. Nothing is encrypted,
linked, split, or described after itself.

Source: APPNOTE.TXT 6.3.10 of PKWARE; ETSI EN 319 162-1 §A.1 (``mimetype``).
"""

from __future__ import annotations

import io
import re
import struct
import unicodedata
import zlib
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

ARCHIVE_BYTES_MAX: Final = 100 * 1024 * 1024
"""Of an archive, and of all that is in it."""
ENTRIES_MAX: Final = 1000
NAME_CHARACTERS_MAX: Final = 200

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_LOCAL_MARK: Final = b"PK\x03\x04"
_CENTRAL_MARK: Final = b"PK\x01\x02"
_END_MARK: Final = b"PK\x05\x06"
_STORED: Final = 0
_DEFLATED: Final = 8
_UTF8: Final = 0x0800
_ENCRYPTED: Final = 0x0041
_VERSION: Final = 20
_RAW_DEFLATE: Final = -15
_DATE: Final = (2000 - 1980) << 9 | 1 << 5 | 1
"""1 January 2000: the signature says when; a container of equal files is equal."""
_UNPACKED_AT_ONCE: Final = 16 * 1024
"""Packed bytes: their content is at most a thousand times as long, and is held twice."""
_FILE_KIND: Final = 0xF000
_PLAIN_FILE: Final = 0x8000
_PART: Final = re.compile(r'[^\\:*?"<>|/]*[^\\:*?"<>|/. ]')


class ArchiveError(ValueError):
    """Not an archive of the form that we take; it may be an honest one of others."""


class HiddenError(ArchiveError):
    """An archive in which programs find different things; no honest program writes one."""


@attrs.frozen
class Entry:
    """A file in an archive.

    Attributes:
        name: With slashes between its parts.
        data: What is in it.
        record: The bytes of the archive that are its own; of one that was read a view of them.
        line: Its line of the central directory, whose place is said elsewhere.
    """

    name: str
    data: bytes
    record: bytes | memoryview
    line: bytes

    def __reduce__(self) -> tuple[type[Entry], tuple[object, ...]]:
        """To another process goes what is viewed: a view is of the memory of this one."""
        return Entry, (self.name, self.data, bytes(self.record), self.line)


def new_entry(name: str, data: bytes, *, is_packed: bool = True) -> Entry:
    """An entry, deflated if that makes it smaller.

    Raises:
        ArchiveError: The name could leave an archive, or hide in it.
    """
    check_name(name)
    body, method = data, _STORED
    if is_packed:
        packing = zlib.compressobj(6, zlib.DEFLATED, _RAW_DEFLATE)
        packed = packing.compress(data) + packing.flush()
        if len(packed) < len(data):
            body, method = packed, _DEFLATED
    encoded = name.encode()
    flags = 0 if name.isascii() else _UTF8
    said = (flags, method, 0, _DATE, zlib.crc32(data), len(body), len(data), len(encoded), 0)
    record = _LOCAL.pack(_LOCAL_MARK, _VERSION, *said) + encoded + body
    line = _CENTRAL.pack(_CENTRAL_MARK, _VERSION, _VERSION, *said, 0, 0, 0, 0, 0) + encoded
    return Entry(name, data, record, line)


def write_archive(entries: Sequence[Entry]) -> bytes:
    """The archive of entries, in their order; those that were read stay byte for byte."""
    places, at = [], 0
    for one in entries:
        places.append(at)
        at += len(one.record)
    size = _CENTRAL.size
    lines = [
        one.line[: size - 4] + struct.pack("<L", place) + one.line[size:]
        for one, place in zip(entries, places, strict=True)
    ]
    count = len(entries)
    end = _END.pack(_END_MARK, 0, 0, count, count, sum(map(len, lines)), at, 0)
    return b"".join([*(one.record for one in entries), *lines, end])


def read_archive(data: bytes) -> list[Entry]:
    """The entries of an archive, in the order of their bytes.

    Raises:
        ArchiveError: It is no archive of the form that we take.
    """
    if len(data) > ARCHIVE_BYTES_MAX:
        raise ArchiveError(f"the file is above {ARCHIVE_BYTES_MAX} bytes")
    count, at, directory = _end_of(data)
    found: list[Entry] = []
    start, left = 0, ARCHIVE_BYTES_MAX
    for _ in range(count):
        line, at = _line(data, at, len(data) - _END.size)
        entry = _entry(data, line, start, directory, left)
        found.append(entry)
        start += len(entry.record)
        left -= len(entry.data)
    if at != len(data) - _END.size or start != directory:
        raise HiddenError("bytes that belong to no entry")
    _check_names([one.name for one in found])
    return found


def read_records(data: bytes) -> list[Entry]:
    """Entries as they stand in an archive one after another, without its directory.

    There is one form for each, that of ``new_entry`` for what is not packed.

    Raises:
        ArchiveError: It is anything else.
    """
    found: list[Entry] = []
    at = 0
    while at < len(data):
        if len(found) == ENTRIES_MAX or at + _LOCAL.size > len(data):
            raise ArchiveError("what is added are no entries")
        _, _, flags, *_, size, _, length, _ = _LOCAL.unpack_from(data, at)
        body = at + _LOCAL.size + length
        name = _name(data[at + _LOCAL.size : body], flags)
        one = new_entry(name, data[body : body + size], is_packed=False)
        if not data.startswith(one.record, at):
            raise HiddenError("what is added is not of its one form")
        found.append(one)
        at += len(one.record)
    return found


def check_name(name: str) -> None:
    """Make sure that a name stays within its archive and is what it looks like.

    Raises:
        HiddenError: It is none that every system takes for the same file below a folder.
    """
    is_plain = name.isprintable() and 0 < len(name) <= NAME_CHARACTERS_MAX
    if not is_plain or not all(_PART.fullmatch(part) for part in name.split("/")):
        raise HiddenError(f"{name!a} is no name of a file in an archive")


def twin_of(name: str) -> str:
    """Normalise a name, so that names that some system confuses become equal."""
    return unicodedata.normalize("NFKC", name).upper().lower()


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        check_name(name)
    if len({twin_of(name) for name in names}) != len(names):
        raise HiddenError("two entries have the same name")


def _end_of(data: bytes) -> tuple[int, int, int]:
    """How many entries there are, and where the central directory begins, twice."""
    end = data[-_END.size :]
    if len(end) < _END.size or end[:4] != _END_MARK:
        if data[:4] == _LOCAL_MARK and _END_MARK in data:
            raise HiddenError("something follows the end of the archive")
        raise ArchiveError("not an archive")
    _, disk, first, here, count, size, at, comment = _END.unpack(end)
    if disk or first or here != count or count > ENTRIES_MAX:
        raise ArchiveError(f"the archive is split, or has more than {ENTRIES_MAX} entries")
    if comment or at + size != len(data) - _END.size:
        raise HiddenError("the end of the archive is not where it says")
    return count, at, at


def _line(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    """A line of the central directory, and where the next one begins."""
    if at + _CENTRAL.size > end or data[at : at + 4] != _CENTRAL_MARK:
        raise HiddenError("the central directory is not what the end says")
    fields = _CENTRAL.unpack_from(data, at)
    after = at + _CENTRAL.size + sum(fields[10:13])
    if after > end:
        raise HiddenError("a line of the central directory does not end")
    if any(fields[11:14]):
        raise ArchiveError("an entry has more fields, or a comment")
    kind = (fields[15] >> 16) & _FILE_KIND
    if kind not in (0, _PLAIN_FILE):
        raise HiddenError("an entry is no plain file")
    return data[at:after], after


def _entry(data: bytes, line: bytes, start: int, directory: int, left: int) -> Entry:
    """The entry of a line, which has to begin at ``start``."""
    fields = _CENTRAL.unpack_from(line)
    said, place = list(fields[2:13]), fields[16]
    if start + _LOCAL.size > directory or place != start:
        raise HiddenError("an entry is not where the directory says")
    mark, *here = _LOCAL.unpack_from(data, start)
    if mark != _LOCAL_MARK or here[:-1] != said[:-2]:
        raise HiddenError("an entry says something else of itself than the directory")
    needed, flags, method, time, date, crc, packed, size, length, more = here
    if (fields[1], needed, time, date, *fields[14:16]) != (_VERSION, _VERSION, 0, _DATE, 0, 0):
        raise ArchiveError("an entry says more of itself than is signed")
    if more or flags & ~_UTF8 or method not in (_STORED, _DEFLATED):
        what = "encrypted" if flags & _ENCRYPTED else "of another form"
        raise ArchiveError(f"an entry is {what}")
    head = start + _LOCAL.size
    end = head + length + packed
    encoded = data[head : head + length]
    if end > directory or encoded != line[_CENTRAL.size :]:
        raise HiddenError("an entry has two names, or does not end")
    body = memoryview(data)[head + length : end]
    content = _content(body, method, min(size, left + 1))
    if len(content) > left:
        raise ArchiveError(f"there is more than {ARCHIVE_BYTES_MAX} bytes in the archive")
    if len(content) != size or zlib.crc32(content) != crc:
        raise HiddenError("an entry is not what it says")
    return Entry(_name(encoded, flags), content, memoryview(data)[start:end], line)


def _content(body: memoryview, method: int, size: int) -> bytes:
    """Read the content of an entry, at most one byte more than it declares."""
    if method == _STORED:
        return bytes(body)
    unpacking = zlib.decompressobj(_RAW_DEFLATE)
    content = io.BytesIO()
    behind = 0
    try:
        for at in range(0, len(body), _UNPACKED_AT_ONCE):
            part: bytes | memoryview = body[at : at + _UNPACKED_AT_ONCE]
            behind += len(part) if unpacking.eof else 0
            while part and not unpacking.eof and content.tell() <= size:
                content.write(unpacking.decompress(part, size + 1 - content.tell()))
                part = unpacking.unconsumed_tail
    except zlib.error as e:
        raise HiddenError("an entry is broken") from e
    is_whole = unpacking.eof and not unpacking.unused_data and not behind
    if content.tell() == size and not is_whole:
        raise HiddenError("an entry is not what it says")
    return content.getvalue()


def _name(encoded: bytes, flags: int) -> str:
    try:
        return encoded.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError as e:
        raise ArchiveError("a name is in another encoding") from e
