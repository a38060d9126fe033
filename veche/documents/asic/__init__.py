"""Containers for signed files of any kind: ASiC-E with CAdES."""

from veche.documents.asic.archive import (
    NAME_CHARACTERS_MAX,
    ArchiveError,
    HiddenError,
    check_name,
    read_archive,
    read_records,
    twin_of,
    write_archive,
)
from veche.documents.asic.container import DataFile, bytes_before, is_container

__all__ = [
    "NAME_CHARACTERS_MAX",
    "ArchiveError",
    "DataFile",
    "HiddenError",
    "bytes_before",
    "check_name",
    "is_container",
    "read_archive",
    "read_records",
    "twin_of",
    "write_archive",
]
