"""Storage of definitions, desks and cases."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency.cases.core import case_json
from appservices.agency.cases.core.states import OVER
from appservices.agency.offices.core.office import KeptDefinition
from veche.runtime.live import announce

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.cases.core.case import Case
    from veche.protocol.ids import EffectId, RoomId, UserId
    from veche.runtime.database import Cursor

LISTED_CASES_MAX: Final = 50
"""Most open cases of a person that are looked at, the newest."""
_OVER: Final = sorted(state.value for state in OVER)


@attrs.frozen
class CaseFile:
    """A case with what only the shell knows of it.

    Attributes:
        case: For the core.
        person: Their Matrix user id.
        chat_id: Room of the chat in which it began.
        room_id: Its own room; None before it is made.
        card_effect: The message that shows where it stands.
        desk: The desk that has it; None before it goes to one.
        desk_effect: The message that began its thread there; None while that waits for a room.
        document: ``EncryptedFile`` of the document that was made last.
        is_unreached: The desk was told that nothing arrives at the person.
        has_joined: The person was seen to join its room.
        version: Counts the changes that were kept.
    """

    case: Case
    bot: UserId
    person: UserId
    chat_id: RoomId
    room_id: RoomId | None = None
    card_effect: EffectId | None = None
    desk: str | None = None
    desk_effect: EffectId | None = None
    document: Mapping[str, Any] | None = None
    is_unreached: bool = False
    has_joined: bool = False
    version: int = 1

    @property
    def is_awaited(self) -> bool:
        """Return whether nothing said in its room reaches the person yet.

        Somebody of another homeserver is shown nothing there from before they joined.
        """
        is_far = self.person.partition(":")[2] != self.bot.partition(":")[2]
        return is_far and self.room_id is not None and not self.has_joined

    @property
    def person_room(self) -> RoomId:
        """Where the person is spoken to."""
        return self.room_id or self.chat_id


_SELECT_CASE: Final = (
    "SELECT kept, bot, person, chat_id, room_id, card_effect, desk, desk_effect, document,"
    " is_unreached, has_joined, version FROM agency.case_file WHERE case_id = %s"
)


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


def desk_rooms(txn: Cursor, bot: UserId) -> dict[str, RoomId]:
    """The rooms of all desks of an office that are made, also of desks that are no more."""
    txn.execute("SELECT desk, room_id FROM agency.desk WHERE bot = %s ORDER BY desk", (bot,))
    return dict(txn.fetchall())


def lose_desk(txn: Cursor, bot: UserId, desk: str) -> None:
    """Forget the room of a desk; its cases wait for a new one."""
    txn.execute("DELETE FROM agency.desk WHERE bot = %s AND desk = %s", (bot, desk))
    txn.execute(
        "UPDATE agency.case_file SET desk_effect = NULL WHERE bot = %s AND desk = %s", (bot, desk)
    )


def keep_staff(txn: Cursor, bot: UserId, users: Mapping[str, UserId]) -> dict[str, UserId]:
    """Keep who works at an office, by their ids; who did before, or did by another account."""
    ids, accounts = list(users), list(users.values())
    txn.execute(
        "SELECT staff_id, user_id FROM agency.staff WHERE bot = %s AND (staff_id, user_id) NOT IN"
        " (SELECT * FROM unnest(%s::text[], %s::text[])) ORDER BY staff_id",
        (bot, ids, accounts),
    )
    former = dict(txn.fetchall())
    txn.execute(
        "INSERT INTO agency.staff (bot, staff_id, user_id)"
        " SELECT %s, * FROM unnest(%s::text[], %s::text[])"
        " ON CONFLICT (bot, staff_id) DO UPDATE SET user_id = EXCLUDED.user_id",
        (bot, ids, accounts),
    )
    return former


def user_of_staff(txn: Cursor, bot: UserId, staff_id: str) -> UserId | None:
    """The Matrix id of somebody who works, or worked, at an office."""
    txn.execute(
        "SELECT user_id FROM agency.staff WHERE bot = %s AND staff_id = %s", (bot, staff_id)
    )
    row = txn.fetchone()
    return row[0] if row else None


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
    """Keep a case as it is now, and tell the pages that show it; it was locked before."""
    txn.execute(
        "UPDATE agency.case_file SET state = %s, clerk = %s, room_id = %s, card_effect = %s,"
        " desk = %s, desk_effect = %s, document = %s, is_unreached = %s, has_joined = %s,"
        " kept = %s, version = version + 1 WHERE case_id = %s",
        (
            file.case.state.value,
            file.case.clerk,
            file.room_id,
            file.card_effect,
            file.desk,
            file.desk_effect,
            None if file.document is None else json.dumps(file.document),
            file.is_unreached,
            file.has_joined,
            json.dumps(case_json.to_json(file.case)),
            file.case.id,
        ),
    )
    announce(txn, case_topic(file.case.id))
    announce(txn, person_topic(file.person))


def cases_to_wipe(txn: Cursor, bot: UserId, before_ms: int, limit: int) -> list[CaseFile]:
    """Cases of an office that are over and whole, the longest over first; locked.

    Args:
        txn: A transaction. Cases that another one has are left to a later time.
        bot: Of the office.
        before_ms: Nothing happened to them from this moment on, UTC.
        limit: Most of them.
    """
    txn.execute(
        "SELECT kept, bot, person, chat_id, room_id, card_effect, desk, desk_effect, document,"
        " is_unreached, has_joined, version FROM agency.case_file"
        " WHERE bot = %s AND wiped_at_ms IS NULL AND state = ANY(%s)"
        " AND (kept #>> '{history,-1,at_ms}')::bigint < %s"
        " ORDER BY (kept #>> '{history,-1,at_ms}')::bigint LIMIT %s"
        " FOR NO KEY UPDATE SKIP LOCKED",
        (bot, _OVER, before_ms, limit),
    )
    return [_case_file(row) for row in txn.fetchall()]


def keep_wiped(txn: Cursor, file: CaseFile, left: Case) -> None:
    """Keep of a case that is locked only what is left of it; keys of its documents go too."""
    for table in ("call", "document", "page_draft", "held"):
        txn.execute(f"DELETE FROM agency.{table} WHERE case_id = %s", (left.id,))  # noqa: S608 -- names of ours
    save_case(txn, attrs.evolve(file, case=left, document=None))
    txn.execute(
        "UPDATE agency.case_file SET wiped_at_ms = %s WHERE case_id = %s",
        (left.wiped_at_ms, left.id),
    )


def case_topic(case_id: str) -> str:
    """Return the topic announced when a case changes."""
    return f"case {case_id}"


def person_topic(person: UserId) -> str:
    """Return the topic announced when any case of a person changes."""
    return f"person {person}"


def bot_of_case(txn: Cursor, case_id: str) -> UserId | None:
    """The office whose case it is, by its bot."""
    txn.execute("SELECT bot FROM agency.case_file WHERE case_id = %s", (case_id,))
    row = txn.fetchone()
    return row[0] if row else None


def read_case(txn: Cursor, case_id: str) -> CaseFile | None:
    """A case as it is, for showing."""
    txn.execute(_SELECT_CASE, (case_id,))
    row = txn.fetchone()
    return _case_file(row) if row else None


def lock_case(txn: Cursor, case_id: str) -> CaseFile | None:
    """A case, locked until the transaction ends."""
    txn.execute(_SELECT_CASE + " FOR NO KEY UPDATE", (case_id,))
    row = txn.fetchone()
    return _case_file(row) if row else None


def case_of_room(txn: Cursor, bot: UserId, room_id: RoomId) -> str | None:
    """Id of the case whose own room it is."""
    txn.execute(
        "SELECT case_id FROM agency.case_file WHERE room_id = %s AND bot = %s", (room_id, bot)
    )
    row = txn.fetchone()
    return row[0] if row else None


def draft_of_chat(txn: Cursor, bot: UserId, room_id: RoomId, person: UserId) -> str | None:
    """Id of the newest case without a room of its own that is not over, of a person's chat."""
    txn.execute(
        "SELECT case_id FROM agency.case_file WHERE chat_id = %s AND bot = %s AND person = %s"
        " AND room_id IS NULL AND state <> ALL(%s) ORDER BY opened_at_ms DESC, case_id DESC"
        " LIMIT 1",
        (room_id, bot, person, _OVER),
    )
    row = txn.fetchone()
    return row[0] if row else None


def open_cases(txn: Cursor, bot: UserId, person: UserId) -> list[str]:
    """Ids of a person's cases that are not over, the newest first; ``LISTED_CASES_MAX``."""
    txn.execute(
        "SELECT case_id FROM agency.case_file WHERE bot = %s AND person = %s"
        " AND state <> ALL(%s) ORDER BY opened_at_ms DESC, case_id DESC LIMIT %s",
        (bot, person, _OVER, LISTED_CASES_MAX),
    )
    return [case_id for (case_id,) in txn.fetchall()]


def cases_of_clerk(txn: Cursor, bot: UserId, staff_id: str, after: str, limit: int) -> list[str]:
    """Ids of open cases that somebody has, approved first, or may have to sign, after one.

    They are at most ``limit``, in order; who signs is known only to the case.
    """
    txn.execute(
        "SELECT case_id FROM agency.case_file WHERE bot = %s AND (clerk = %s OR state = 'signing'"
        " OR kept ->> 'first_approval' = %s) AND case_id > %s AND state <> ALL(%s)"
        " ORDER BY case_id LIMIT %s",
        (bot, staff_id, staff_id, after, _OVER, limit),
    )
    return [case_id for (case_id,) in txn.fetchall()]


def cases_waiting_for(txn: Cursor, bot: UserId, desk: str, after: str, limit: int) -> list[str]:
    """Ids of open cases that wait for a desk's room, in order after one, at most ``limit``."""
    txn.execute(
        "SELECT case_id FROM agency.case_file WHERE bot = %s AND desk = %s"
        " AND case_id > %s AND desk_effect IS NULL AND state <> ALL(%s) ORDER BY case_id LIMIT %s",
        (bot, desk, after, _OVER, limit),
    )
    return [case_id for (case_id,) in txn.fetchall()]


def lift_cases(txn: Cursor, bot: UserId, desk: str) -> int:
    """Let the open cases of a desk wait to be put there anew; how many there are."""
    txn.execute(
        "UPDATE agency.case_file SET desk_effect = NULL"
        " WHERE bot = %s AND desk = %s AND state <> ALL(%s)",
        (bot, desk, _OVER),
    )
    return txn.rowcount


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
