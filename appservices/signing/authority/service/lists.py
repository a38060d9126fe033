"""The lists in the authority's folder, as they are now: nothing is restarted for a new one.

A list that cannot be read, since it is being written or was spoiled, does not take the place of the
one before.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from cryptography import x509

from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

LIST: Final = ".crl"
_Mark = tuple[int, int]


class FolderLists(Mapping[int, bytes]):
    """Lists of revoked certificates, DER, by the serial number of the one of which each speaks."""

    def __init__(self, folder: Path, again: str) -> None:
        """Read them.

        Args:
            folder: With files ``SERIAL.crl``, the number in hexadecimal digits.
            again: How a list is made again, for the error.

        Raises:
            ConfigError: One is no list that can be read.
        """
        self._folder = folder
        self._held: dict[int, tuple[_Mark, bytes]] = {}
        for path in sorted(folder.glob(f"*{LIST}")):
            try:
                self._held[int(path.stem, 16)] = _read(path)
            except ValueError as e:
                raise ConfigError(f"{path} is no list that can be read ({e}); {again}") from e

    def __getitem__(self, serial: int) -> bytes:
        """The newest list; ``KeyError`` if there is none."""
        path = self._folder / f"{serial:x}{LIST}"
        held = self._held.get(serial)
        try:
            if held is None or _mark(path) != held[0]:
                held = self._held[serial] = _read(path)
        except (OSError, ValueError) as e:
            if held is None:
                raise KeyError(serial) from e
            logger.warning("%s cannot be read, the list before it stays: %s", path, e)
        return held[1]

    def __iter__(self) -> Iterator[int]:
        """The numbers of those that were read so far."""
        return iter(self._held)

    def __len__(self) -> int:
        """How many were read so far."""
        return len(self._held)


def is_listed(listed: bytes, certificate: x509.Certificate) -> bool:
    """Return whether a list says that a certificate was revoked, at any time."""
    held = x509.load_der_x509_crl(listed)
    return held.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None


def _read(path: Path) -> tuple[_Mark, bytes]:
    mark, data = _mark(path), path.read_bytes()
    x509.load_der_x509_crl(data)
    return mark, data


def _mark(path: Path) -> _Mark:
    found = path.stat()
    return found.st_mtime_ns, found.st_size
