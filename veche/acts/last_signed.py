"""Newest signed heads of logs, in files outside the database, which survive its restoring.

One file a log. It is written before a head leaves the process, so it never knows less than anybody
who was shown one. It may know a head that was not kept in the end: then the log grows beyond that,
and still begins with it.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, unquote

from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from veche.runtime.database import Cursor

FORMAT: Final = 1
_END: Final = ".json"


class Signed(NamedTuple):
    """The last head that a log has signed.

    Attributes:
        size: How many entries it has.
        root: Of the tree over them.
        database: In which database, as ``database_id`` names it.
    """

    size: int
    root: bytes
    database: str


class LastSigned:
    """The files of all logs, in one folder."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read or written yet."""
        self.folder = folder

    def of(self, origin: str) -> Signed | None:
        """Read the newest signed head of a log; None: there is no file.

        Raises:
            ConfigError: The file cannot be read.
        """
        path = self._path(origin)
        try:
            return _read(path.read_bytes(), origin)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise ConfigError(
                f"{path} says what {origin} has signed last, and cannot be read ({e}). Restore it"
                " from the copy of another machine. If there is none, delete it: the public room"
                " and other institutions are asked then"
            ) from e

    def origins(self) -> list[str]:
        """The logs that have a file."""
        names = sorted(self.folder.glob(f"*{_END}")) if self.folder.is_dir() else []
        return [unquote(path.name.removesuffix(_END)) for path in names]

    def keep(self, origin: str, signed: Signed) -> None:
        """Write what a log is about to sign; it is on the disk once this returns.

        Raises:
            ConfigError: It cannot be written: nothing may be signed.
        """
        path = self._path(origin)
        told = {
            "v": FORMAT,
            "log": origin,
            "size": signed.size,
            "root": base64.b64encode(signed.root).decode(),
            "database": signed.database,
        }
        new = path.with_name(f".{secrets.token_hex(8)}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                with new.open("xb") as file:
                    file.write(f"{json.dumps(told, indent=1)}\n".encode())
                    file.flush()
                    os.fsync(file.fileno())
                new.replace(path)
            finally:
                new.unlink(missing_ok=True)
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as e:
            raise ConfigError(
                f"{path}: {e.strerror}. Veche has to write there what its logs have signed last."
                " Give its user that folder, or choose another: heads.folder"
            ) from e

    def _path(self, origin: str) -> Path:
        return self.folder / f"{quote(origin, safe='')}{_END}"


def _read(data: bytes, origin: str) -> Signed:
    told = json.loads(data)
    if told["v"] != FORMAT or told["log"] != origin:
        raise ValueError("it is of another log, or of a newer Veche")
    root = base64.b64decode(told["root"], validate=True)
    return Signed(int(told["size"]), root, str(told["database"]))


def database_id(txn: Cursor) -> str:
    """Which database this is: another one once a dump was restored, in whatever place."""
    txn.execute(
        "SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || d.oid || '/'"
        " || 'runtime.act_head'::regclass::oid"
        " FROM pg_database AS d WHERE d.datname = current_database()"
    )
    [(name,)] = txn.fetchall()
    return str(name)
