"""Memory of a witness: the newest head of each log, on disk before its signature is out.

One file a log, which is replaced as a whole: written beside, flushed, renamed, and its folder
flushed. Whatever ends the process or the machine, a file is either the head before or the new one,
and a signature that somebody has is never of a head that the file forgot.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path  # noqa: TC003 -- of the arguments
from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.errors import ConfigError, MalformedError, VecheError
from veche.transparency.notes import NOTE_BYTES_MAX, Checkpoint, read_checkpoint

if TYPE_CHECKING:
    from collections.abc import Collection

FORKS_MAX: Final = 16
"""Proofs of two histories that are kept of one log: one is enough, and disks are finite."""

_HEAD, _NEW, _FORK = "head", "new", "fork"


class WitnessFolderError(VecheError):
    """The witness cannot read or write its folder, so it signs nothing."""

    errcode = "ORG.VECHE.WITNESS_FOLDER"


@attrs.frozen
class KeptHead:
    """The newest head of a log that was signed.

    Attributes:
        head: What it says.
        note: With the log's signatures and the witness's.
    """

    head: Checkpoint
    note: str


class WitnessFolder:
    """The folder, which no other process writes while this one has it."""

    def __init__(self, folder: Path, origins: Collection[str]) -> None:
        """Take it, and read it.

        Args:
            folder: Made if it is not there.
            origins: Of the logs that are read.

        Raises:
            ConfigError: Another process has it, or it cannot be made.
            WitnessFolderError: What is there cannot be read.
        """
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as e:
            raise ConfigError(f"{folder}: {e.strerror}") from e
        try:
            self._take()
            self._heads = {one: found for one in origins if (found := self._read(one))}
            self._fork_counts = {one: len(self._fork_paths(one)) for one in origins}
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give it back."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)

    def head(self, origin: str) -> KeptHead | None:
        """The newest head of a log; None: none was ever signed."""
        return self._heads.get(origin)

    def keep(self, head: KeptHead) -> None:
        """Remember a head instead of the one before; it is on the disk once this returns.

        Raises:
            WitnessFolderError: It is not; the one before is still there, or the new one.
        """
        self._write(self._path(head.head.origin, _HEAD), head.note)
        self._heads[head.head.origin] = head

    def keep_fork(self, origin: str, note: str) -> None:
        """Keep a head that does not go with the one that is there, as proof against the log.

        Raises:
            WitnessFolderError: It could not be written.
        """
        digest = hashlib.sha256(note.partition("\n\n")[0].encode()).hexdigest()[:16]
        path = self._path(origin, f"{digest}.{_FORK}")
        if not path.exists() and self.fork_count(origin) < FORKS_MAX:
            self._write(path, note)
            self._fork_counts[origin] = self.fork_count(origin) + 1

    def fork_count(self, origin: str) -> int:
        """How many heads were kept so."""
        return self._fork_counts.get(origin, 0)

    def forks(self, origin: str) -> list[str]:
        """These heads.

        Raises:
            WitnessFolderError: They cannot be read.
        """
        return [_text(path) for path in self._fork_paths(origin)[:FORKS_MAX]]

    def _fork_paths(self, origin: str) -> list[Path]:
        return sorted(self._folder.glob(f"{name_of(origin)}.*.{_FORK}"))

    def _take(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            raise ConfigError(f"{self._folder}: another process is this witness") from e

    def _path(self, origin: str, kind: str) -> Path:
        return self._folder / f"{name_of(origin)}.{kind}"

    def _read(self, origin: str) -> KeptHead | None:
        path = self._path(origin, _HEAD)
        if not path.exists():
            return None
        note = _text(path)
        try:
            head = read_checkpoint(f"{note.rpartition(chr(10) * 2)[0]}\n")
        except MalformedError as e:
            raise _damaged(path) from e
        if head.origin != origin:
            raise _damaged(path)
        return KeptHead(head, note)

    def _write(self, path: Path, text: str) -> None:
        new = path.with_suffix(f".{_NEW}")
        try:
            with new.open("wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as e:
            raise WitnessFolderError(f"{path} cannot be written: {e.strerror}") from e


def name_of(origin: str) -> str:
    """Return the name of a log's files, also its address at the witness."""
    return hashlib.sha256(origin.encode()).hexdigest()


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(2 * NOTE_BYTES_MAX + 1)
        return data.decode()
    except (OSError, UnicodeDecodeError) as e:
        raise _damaged(path) from e


def _damaged(path: Path) -> WitnessFolderError:
    return WitnessFolderError(
        f"{path} cannot be read: without it nobody knows what was signed. Make a new key and a new"
        " folder, and tell the logs"
    )
