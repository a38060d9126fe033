"""What the agency keeps: definitions, desks, chats, cases."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency.core import case_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.core.case import Case
    from veche.protocol.ids import EffectId, RoomId, UserId
    from veche.runtime.database import Cursor

OPEN_CASES_MAX: Final = 50
"""Most cases of one person with one office that are not over."""
_OVER: Final = ("withdrawn", "expired", "closed")


@attrs.frozen
class KeptDefinition:
    """A service's file and its templates, as they were when a case began."""

    source: str
    templates: Mapping[str, str]


@attrs.frozen
class Chat:
    """A direct chat of a person with a bot."""

    room_id: RoomId
    person: UserId
    is_greeted: bool


@attrs.frozen
class CaseFile:
    """A case with what only the shell knows of it.

    Attributes:
        case: For the core.
        person: Their Matrix user id.
        chat_id: Room of the chat in which it began.
        room_id: Its own room; None before it is made.
        card_effect: The message that shows where it stands.
        desk_effect: The message that began its thread at the desk.
        document: ``EncryptedFile`` of the document that was made last.
    """

    case: Case
    bot: UserId
    person: UserId
    chat_id: RoomId
    room_id: RoomId | None = None
    card_effect: EffectId | None = None
    desk_effect: EffectId | None = None
    document: Mapping[str, Any] | None = None

    @property
    def person_room(self) -> RoomId:
        """Where the person is spoken to."""
        return self.room_id or self.chat_id


_CASE_COLUMNS: Final = "kept, bot, person, chat_id, room_id, card_effect, desk_effect, document"


def keep_definition(
    txn: Cursor, digest: str, service: str, definition: KeptDefinition, now_ms: int
) -> None:
    """Keep a service's file, unless this very file is kept already."""
    txn.execute(
        "INSERT INTO agency.definition (digest, service, source, templates, first_seen_at_ms)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (digest, service, definition.source, json.dumps(definition.templates), now_ms),
    )


def definition(txn: Cursor, digest: str) -> KeptDefinition | None:
    """A service's file by its digest."""
    txn.execute("SELECT source, templates FROM agency.definition WHERE digest = %s", (digest,))
    row = txn.fetchone()
    return KeptDefinition(*row) if row else None


def keep_desk(txn: Cursor, bot: UserId, desk: str, room_id: RoomId) -> None:
    """Keep the room of a desk."""
    txn.execute(
        "INSERT INTO agency.desk (bot, desk, room_id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (bot, desk, room_id),
    )


def desk_room(txn: Cursor, bot: UserId, desk: str) -> RoomId | None:
    """The room of a desk, if it is made."""
    txn.execute("SELECT room_id FROM agency.desk WHERE bot = %s AND desk = %s", (bot, desk))
    row = txn.fetchone()
    return row[0] if row else None


def desk_of_room(txn: Cursor, bot: UserId, room_id: RoomId) -> str | None:
    """The desk whose room it is."""
    txn.execute("SELECT desk FROM agency.desk WHERE bot = %s AND room_id = %s", (bot, room_id))
    row = txn.fetchone()
    return row[0] if row else None


def keep_chat(txn: Cursor, bot: UserId, room_id: RoomId, person: UserId) -> None:
    """Keep a direct chat; the first person who asked for it is the one it is with."""
    txn.execute(
        "INSERT INTO agency.chat (room_id, bot, person) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (room_id, bot, person),
    )


def chat(txn: Cursor, bot: UserId, room_id: RoomId) -> Chat | None:
    """The chat of a room, if it is one."""
    txn.execute(
        "SELECT room_id, person, is_greeted FROM agency.chat WHERE room_id = %s AND bot = %s",
        (room_id, bot),
    )
    row = txn.fetchone()
    return Chat(*row) if row else None


def set_greeted(txn: Cursor, bot: UserId, room_id: RoomId) -> None:
    """Note that the person was welcomed."""
    txn.execute(
        "UPDATE agency.chat SET is_greeted = TRUE WHERE room_id = %s AND bot = %s", (room_id, bot)
    )


def add_case(txn: Cursor, file: CaseFile) -> None:
    """Keep a new case."""
    case = file.case
    txn.execute(
        "INSERT INTO agency.case_file (case_id, bot, person, service, digest, state, chat_id, kept,"
        " opened_at_ms) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (
            case.id,
            file.bot,
            file.person,
            case.service,
            case.digest,
            case.state.value,
            file.chat_id,
            json.dumps(case_json.to_json(case)),
            case.opened_at_ms,
        ),
    )


def save_case(txn: Cursor, file: CaseFile) -> None:
    """Keep a case as it is now; it was locked before."""
    txn.execute(
        "UPDATE agency.case_file SET state = %s, room_id = %s, card_effect = %s, desk_effect = %s,"
        " document = %s, kept = %s WHERE case_id = %s",
        (
            file.case.state.value,
            file.room_id,
            file.card_effect,
            file.desk_effect,
            None if file.document is None else json.dumps(file.document),
            json.dumps(case_json.to_json(file.case)),
            file.case.id,
        ),
    )


def lock_case(txn: Cursor, case_id: str) -> CaseFile | None:
    """A case, locked until the transaction ends."""
    txn.execute(
        f"SELECT {_CASE_COLUMNS} FROM agency.case_file"  # noqa: S608 -- a constant
        " WHERE case_id = %s FOR NO KEY UPDATE",
        (case_id,),
    )
    row = txn.fetchone()
    return _case_file(row) if row else None


def case_of_room(txn: Cursor, bot: UserId, room_id: RoomId) -> str | None:
    """Id of the case whose own room it is."""
    txn.execute(
        "SELECT case_id FROM agency.case_file WHERE room_id = %s AND bot = %s", (room_id, bot)
    )
    row = txn.fetchone()
    return row[0] if row else None


def draft_of_chat(txn: Cursor, bot: UserId, room_id: RoomId) -> str | None:
    """Id of the newest case without a room of its own that is not over, in a chat."""
    txn.execute(
        "SELECT case_id FROM agency.case_file WHERE chat_id = %s AND bot = %s AND room_id IS NULL"
        " AND state <> ALL(%s) ORDER BY opened_at_ms DESC, case_id DESC LIMIT 1",
        (room_id, bot, list(_OVER)),
    )
    row = txn.fetchone()
    return row[0] if row else None


def open_cases(txn: Cursor, bot: UserId, person: UserId) -> list[str]:
    """Ids of a person's cases that are not over, the newest first, at most ``OPEN_CASES_MAX``."""
    txn.execute(
        "SELECT case_id FROM agency.case_file WHERE bot = %s AND person = %s"
        " AND state <> ALL(%s) ORDER BY opened_at_ms DESC LIMIT %s",
        (bot, person, list(_OVER), OPEN_CASES_MAX),
    )
    return [case_id for (case_id,) in txn.fetchall()]


def case_of_desk_effect(txn: Cursor, bot: UserId, effect: EffectId) -> str | None:
    """Id of the case whose thread at a desk began with a message."""
    txn.execute(
        "SELECT case_id FROM agency.case_file WHERE desk_effect = %s AND bot = %s", (effect, bot)
    )
    row = txn.fetchone()
    return row[0] if row else None


def _case_file(row: tuple[Any, ...]) -> CaseFile:
    kept, *rest = row
    return CaseFile(case_json.from_json(kept), *rest)
