"""What bots say, as it waits in the outbox, and what of it PostgreSQL writes down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.postgres import execute
from veche.acts import ActLog


def opened(content: Any, key: bytes = bytes(32)) -> dict[str, Any]:
    """The content of a row of the outbox, which is sealed unless it can only be sent in clear.

    Args:
        content: Of the row.
        key: Of the log of acts that committed it.
    """
    if "sealed" not in content:
        return dict(content)
    return ActLog(key).outbox_vault.open_text(content["sealed"])


class WriteAheadLog:
    """What PostgreSQL writes to its log of writes from now on, as bytes.

    A backup takes that log along, and an archive keeps it for good.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._first = self._now()

    def read(self) -> bytes:
        """The bytes of all segments since."""
        execute(self._dsn, "CHECKPOINT")
        last = self._now()
        [(folder,)] = execute(self._dsn, "SHOW data_directory")
        segments = (Path(str(folder)) / "pg_wal").iterdir()
        return b"".join(one.read_bytes() for one in segments if self._first <= one.name <= last)

    def _now(self) -> str:
        [(name,)] = execute(self._dsn, "SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
        return str(name)
