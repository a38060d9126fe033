"""Notices of ``@veche_official`` to people of this server: due ones, and those sent.

Whichever process judges a name writes a row; our application service asks for those that nobody
was told of yet, and says which it took. The same about the same person and name is told once a
day, so it does no harm if two processes write it, or if the service asks twice.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from homeserver_modules.host import Questions, Tables, now_ms
from veche.protocol.errors import MalformedError

if TYPE_CHECKING:
    from synapse.module_api import ModuleApi
    from synapse.storage.database import LoggingTransaction

    from homeserver_modules.official_accounts.core.guard import Match

PATH: Final = "/_synapse/client/veche/notices"
RESET: Final = "reset"
"""The person's own display name was set back."""
NEAR_MISS: Final = "near_miss"
"""Somebody of another server invited them, under a name or into a room that is almost official."""
DAY_MS: Final = 86_400_000
A_DAY_MAX: Final = 5
"""Of one person, kind and protected name: whoever makes accounts by the thousand does not make so
many warnings, and uses up none of another name."""
KEPT_MS: Final = 90 * DAY_MS
ANSWER_MAX: Final = 100

_COLUMNS: Final = "id, at_ms, kind, person, about, name, rule, appeal"
_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS veche_name_notice (
        id TEXT NOT NULL PRIMARY KEY, at_ms BIGINT NOT NULL, kind TEXT NOT NULL,
        person TEXT NOT NULL, about TEXT NOT NULL, name TEXT NOT NULL, rule TEXT NOT NULL,
        appeal TEXT NOT NULL, told_ms BIGINT)""",
    "CREATE INDEX IF NOT EXISTS veche_name_notice_at ON veche_name_notice (person, at_ms)",
)


class Notices:
    """Keeps them until they are told, and ``KEPT_MS`` on record."""

    def __init__(self, api: ModuleApi, appservice: str) -> None:
        """Let the application service ask.

        Args:
            api: Synapse's.
            appservice: Id of its registration.
        """
        self._tables = Tables(api, "notices", _TABLES)
        api.register_web_resource(PATH, Questions(api, appservice, self.answer))

    async def add(self, kind: str, person: str, about: str, match: Match) -> None:
        """Have a person told of something.

        Args:
            kind: What.
            person: Of this server.
            about: Whose name it was: the person's, or an account of another server.
            match: Which protected name it is like.
        """
        at_ms, name = now_ms(), match.protected.name
        said = (kind, person, about, name)
        id_ = hashlib.sha256(repr((at_ms // DAY_MS, *said)).encode()).hexdigest()
        row = (id_, at_ms, *said, match.rule.value, match.protected.appeal)
        await self._tables.run("add", _add, row)

    async def answer(self, body: object) -> dict[str, Any]:
        """Take which were told, and give those that were not.

        Raises:
            MalformedError: It is no question.
        """
        told = body.get("told") if isinstance(body, dict) else None
        if not isinstance(told, list) or not all(isinstance(one, str) for one in told):
            raise MalformedError("told", "must be a list of ids")
        return {"notices": await self._tables.run("next", _next, told, now_ms())}


def _add(txn: LoggingTransaction, row: tuple[Any, ...]) -> None:
    _, at_ms, kind, person, _, name, *_ = row
    sql = (
        "SELECT count(*) FROM veche_name_notice"
        " WHERE person = ? AND at_ms > ? AND kind = ? AND name = ?"
    )
    txn.execute(sql, (person, at_ms - DAY_MS, kind, name))
    [(count,)] = txn.fetchall()
    if count < A_DAY_MAX:
        sql = f"INSERT INTO veche_name_notice ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        txn.execute(f"{sql} ON CONFLICT (id) DO NOTHING", row)


def _next(txn: LoggingTransaction, told: list[str], at_ms: int) -> list[dict[str, Any]]:
    for one in told:
        txn.execute("UPDATE veche_name_notice SET told_ms = ? WHERE id = ?", (at_ms, one))
    txn.execute("DELETE FROM veche_name_notice WHERE at_ms < ?", (at_ms - KEPT_MS,))
    sql = f"SELECT {_COLUMNS} FROM veche_name_notice WHERE told_ms IS NULL ORDER BY at_ms LIMIT ?"  # noqa: S608
    txn.execute(sql, (ANSWER_MAX,))
    names = _COLUMNS.split(", ")
    return [dict(zip(names, row, strict=True)) for row in txn.fetchall()]
