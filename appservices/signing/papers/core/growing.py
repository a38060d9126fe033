"""A container that grows in the hands of many: one file, and what each signature has added.

The file is what is known and kept; while nobody has signed, there is no container at all. What a
signature adds are two entries, as they stand in the archive: its manifest and itself. The directory
at the end of an archive says nothing that the entries do not, so it is written anew each time, and
nobody can change a byte of what was there before. Nothing is packed: whoever has the file and the
additions makes the same container, byte for byte.

A renewal adds proofs to the stamp before it, too: an entry whose name is there already takes the
place of that one. No signature may do so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from veche.documents.asic import HiddenError, read_archive, read_records, write_archive
from veche.documents.asic.container import FOLDER, new_container, read_container

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.documents.asic import DataFile


def begun(
    file: DataFile, additions: Sequence[bytes] = (), beside: Sequence[DataFile] = ()
) -> bytes:
    """The container with what was added; without, the one that waits for its first signature.

    Args:
        file: What is signed.
        additions: Of ``Prepared.filled`` or ``added``, first to last.
        beside: Other files in the container.

    Raises:
        ArchiveError: The name of the file cannot be in a container, or an addition is none.
    """
    container = new_container([file, *beside], is_packed=False)
    if not additions:
        return container
    entries = {one.name: one for one in read_archive(container)}
    for addition in additions:
        records = read_records(addition)
        if not all(one.name.startswith(FOLDER) for one in records):
            raise HiddenError("what is added is no signature")
        entries |= {one.name: one for one in records}
    made = write_archive(list(entries.values()))
    read_container(made)
    return made


def grown(file: DataFile, additions: Sequence[bytes]) -> bytes:
    """The container; the file alone while nobody has signed it.

    Args:
        file: What is signed.
        additions: First to last.

    Raises:
        ArchiveError: As of ``begun``.
    """
    return begun(file, additions) if additions else file.data


def added(before: bytes, after: bytes) -> bytes:
    """Return the entries that a container adds to, or changes in, the one before.

    Args:
        before: Of ``begun``.
        after: The same with more.

    Raises:
        ArchiveError: One of them is no container.
    """
    known = {one.name: one.record for one in read_container(before).entries}
    entries = read_container(after).entries
    return b"".join(one.record for one in entries if known.get(one.name) != one.record)
