"""Secrets: each in a file of its own, which only we can read."""

from __future__ import annotations

import logging
import os
import stat
from typing import TYPE_CHECKING, Final

from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

SECRET_BYTES_MAX: Final = 64 << 10


def read_secret(path: Path) -> str:
    """The text of a secret file, without white space around it.

    A file that its group may read is read with a warning, since some systems hand secrets to
    services that way.

    Raises:
        ConfigError: It is missing, unreadable, empty, not text, too large, or everybody on the
            machine may read it.
    """
    try:
        return read_secret_bytes(path).decode().strip()
    except UnicodeDecodeError as e:
        raise ConfigError(f"{path}: not a text file") from e


def read_secret_bytes(path: Path) -> bytes:
    """The bytes of a secret file.

    Raises:
        ConfigError: As ``read_secret``, but any bytes are taken.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(SECRET_BYTES_MAX + 1)
    except OSError as e:
        raise ConfigError(f"{path}: {e.strerror}") from e
    if stat.S_ISREG(mode) and mode & (stat.S_IROTH | stat.S_IWOTH):
        raise ConfigError(
            f"{path}: everybody on this machine may read or change this secret: chmod 600 {path}"
        )
    if stat.S_ISREG(mode) and mode & (stat.S_IRGRP | stat.S_IWGRP):
        logger.warning("%s: the group may read or change this secret: chmod 600", path)
    if len(data) > SECRET_BYTES_MAX:
        raise ConfigError(f"{path}: larger than {SECRET_BYTES_MAX} bytes")
    if not data.strip():
        raise ConfigError(f"{path}: is empty; write the secret into it, or bring it from a backup")
    return data


def write_private(path: Path, content: str | bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        # A secret that a power cut takes away could not be made again.
        os.fsync(file.fileno())
    draft.replace(path)
