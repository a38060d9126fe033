"""What bots say, as it waits in the outbox, and what of it PostgreSQL writes down."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

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


_URL = re.compile(r"https?://[^\s\"<>\\)]+")
_SECRET = re.compile(r"[A-Za-z0-9_-]{22,}")
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


def link_secrets(dsn: str, key: bytes = bytes(32)) -> set[str]:
    """The parts of all links that bots say which nobody could guess.

    The numbers of what is to be approved are none: they open nothing without a session.
    """
    rows = execute(dsn, "SELECT content FROM runtime.outbox WHERE content IS NOT NULL")
    said = [opened(content, key) for (content,) in rows]
    asked = {nonce for (nonce,) in execute(dsn, "SELECT nonce FROM runtime.approval_asked")}
    parts = [
        part for one in said for url in _URL.findall(str(one)) for part in _SECRET.findall(url)
    ]
    return {one for one in parts if one not in asked and not _ULID.fullmatch(one)}


def columns_with(dsn: str, value: str) -> list[str]:
    """The columns of all tables in which a value stands by itself, in JSON too."""
    tables = execute(
        dsn,
        "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace NOT IN"
        " ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)",
    )
    found = set()
    for (table,) in tables:
        for (row,) in execute(dsn, f"SELECT row_to_json(t) FROM {table} AS t"):  # noqa: S608 -- a name of PostgreSQL's
            found |= {
                f"{table}.{name}"
                for name, one in cast("dict[str, Any]", row).items()
                if _has(one, value)
            }
    return sorted(found)


def _has(one: Any, value: str) -> bool:
    if isinstance(one, dict):
        return any(_has(part, value) for part in one.values())
    if isinstance(one, list):
        return any(_has(part, value) for part in one)
    if isinstance(one, str) and one[:1] in {"{", "["}:
        with suppress(ValueError):
            return _has(json.loads(one), value)
    return bool(one == value)


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
