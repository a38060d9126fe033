"""SQL of what persons do on pages: drafts, starts, what became of an act, stored documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency.cases.core import case_json
from appservices.agency.cases.core.states import OVER
from appservices.agency.cases.store.cases import CaseFile, case_topic
from veche.messaging.inbox.pages import topic_of
from veche.runtime.live import announce

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.protocol.ids import EventId, RoomId, UserId
    from veche.runtime.database import Cursor

OUTCOME_KEPT_MS: Final = 90 * 24 * 3600 * 1000
"""How long it is known what became of an act: as long as its idempotency key."""
FORGOTTEN_AT_ONCE: Final = 20
"""Old outcomes that are dropped when a new one is kept."""
PAGE_CASES_MAX: Final = 100
"""Most cases of a list: those that are open first, each group with the newest first."""
_OVER: Final = sorted(state.value for state in OVER)


@attrs.frozen
class PageOutcome:
    """The outcome of an act on a page.

    Attributes:
        case_id: The case that it began; None: it began none.
        reason: Why it does not count, for programs; None: it counts.
        words: Why, for the person.
    """

    case_id: str | None = None
    reason: str | None = None
    words: str | None = None


@attrs.frozen
class PageStart:
    """A case that a person began on a page.

    Attributes:
        event_id: Of the act.
        service: Id of the service.
        is_chat_new: A chat is made for it first.
    """

    event_id: EventId
    bot: UserId
    service: str
    is_chat_new: bool


def page_draft(txn: Cursor, case_id: str) -> dict[str, Any]:
    """Read the draft of a case from a page; empty if there is none."""
    txn.execute("SELECT draft FROM agency.page_draft WHERE case_id = %s", (case_id,))
    row = txn.fetchone()
    return dict(row[0]) if row else {}


def keep_page_draft(txn: Cursor, case_id: str, values: Mapping[str, Any]) -> None:
    """Keep what was typed; it takes the place of what was typed before."""
    txn.execute(
        "INSERT INTO agency.page_draft (case_id, draft) VALUES (%s, %s)"
        " ON CONFLICT (case_id) DO UPDATE SET draft = EXCLUDED.draft",
        (case_id, json.dumps(values)),
    )


def drop_page_draft(txn: Cursor, case_id: str) -> None:
    """Forget what was typed: it is sent, or not needed any more."""
    txn.execute("DELETE FROM agency.page_draft WHERE case_id = %s", (case_id,))


def save_form(txn: Cursor, file: CaseFile) -> None:
    """Keep a case whose form alone has changed, and tell the pages that show it.

    One of them did it. Those on other devices must know, or the next word typed there would keep
    the old answers over the new ones.
    """
    txn.execute(
        "UPDATE agency.case_file SET kept = %s, version = version + 1 WHERE case_id = %s",
        (json.dumps(case_json.to_json(file.case)), file.case.id),
    )
    announce(txn, case_topic(file.case.id))


def keep_page_outcome(txn: Cursor, event_id: EventId, outcome: PageOutcome, now_ms: int) -> None:
    """Note what became of an act, the first time that it is told, and tell who waits for it."""
    txn.execute(
        "DELETE FROM agency.page_outcome WHERE event_id IN (SELECT event_id"
        " FROM agency.page_outcome WHERE at_ms < %s ORDER BY at_ms LIMIT %s)",
        (now_ms - OUTCOME_KEPT_MS, FORGOTTEN_AT_ONCE),
    )
    txn.execute(
        "INSERT INTO agency.page_outcome (event_id, case_id, reason, words, at_ms)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (event_id, outcome.case_id, outcome.reason, outcome.words, now_ms),
    )
    announce(txn, topic_of(event_id))


def page_outcome(txn: Cursor, event_id: EventId) -> PageOutcome | None:
    """Read the outcome of an act; None if there is none, or not yet."""
    txn.execute(
        "SELECT case_id, reason, words FROM agency.page_outcome WHERE event_id = %s", (event_id,)
    )
    row = txn.fetchone()
    return PageOutcome(*row) if row else None


def offices_of(txn: Cursor, bots: Sequence[UserId], person: UserId) -> dict[UserId, RoomId]:
    """The offices with which a person has a chat, each with one of them."""
    txn.execute(
        "SELECT DISTINCT ON (c.bot) c.bot, c.room_id FROM agency.chat AS c"
        " JOIN runtime.room_member AS p ON p.room_id = c.room_id AND p.user_id = c.person"
        " WHERE c.bot = ANY(%s) AND c.person = %s AND p.membership IN ('join', 'invite')"
        " ORDER BY c.bot, p.membership = 'join' DESC, c.room_id",
        (list(bots), person),
    )
    return dict(txn.fetchall())


def begin_page_chat(txn: Cursor, bot: UserId, person: UserId) -> bool:
    """Note that a chat is being made; False if one is already.

    Either way the note is locked: whoever ends it then sees the case that is to begin there.
    """
    txn.execute(
        "INSERT INTO agency.page_chat AS c (bot, person) VALUES (%s, %s)"
        " ON CONFLICT (bot, person) DO UPDATE SET person = EXCLUDED.person RETURNING c.xmax = 0",
        (bot, person),
    )
    [(is_new,)] = txn.fetchall()
    return bool(is_new)


def end_page_chat(txn: Cursor, bot: UserId, person: UserId) -> None:
    """Note that no chat is being made any more; from now on all that wait for it are known."""
    txn.execute("DELETE FROM agency.page_chat WHERE bot = %s AND person = %s", (bot, person))


def add_page_start(txn: Cursor, start: PageStart, person: UserId, now_ms: int) -> None:
    """Note a case that a person begins."""
    txn.execute(
        "DELETE FROM agency.page_start WHERE event_id IN (SELECT event_id FROM agency.page_start"
        " WHERE created_at_ms < %s ORDER BY created_at_ms LIMIT %s)",
        (now_ms - OUTCOME_KEPT_MS, FORGOTTEN_AT_ONCE),
    )
    txn.execute(
        "INSERT INTO agency.page_start"
        " (event_id, bot, person, service, is_chat_new, created_at_ms)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (start.event_id, start.bot, person, start.service, start.is_chat_new, now_ms),
    )


def page_start(txn: Cursor, event_id: EventId) -> PageStart | None:
    """A case that is to begin, or was begun so."""
    txn.execute(
        "SELECT event_id, bot, service, is_chat_new FROM agency.page_start WHERE event_id = %s",
        (event_id,),
    )
    row = txn.fetchone()
    return PageStart(*row) if row else None


def waiting_page_starts(txn: Cursor, bot: UserId, person: UserId) -> list[PageStart]:
    """The cases that wait for a chat, the oldest first."""
    txn.execute(
        "SELECT s.event_id, s.bot, s.service, s.is_chat_new FROM agency.page_start AS s"
        " LEFT JOIN agency.page_outcome AS o USING (event_id)"
        " WHERE s.bot = %s AND s.person = %s AND s.is_chat_new AND o.event_id IS NULL"
        " ORDER BY s.created_at_ms, s.event_id",
        (bot, person),
    )
    return [PageStart(*row) for row in txn.fetchall()]


def keep_document(txn: Cursor, case_id: str, sha256: str, file: Mapping[str, Any]) -> None:
    """Keep where a document is stored; of the same bytes made again, the newer place."""
    txn.execute(
        "INSERT INTO agency.document (case_id, sha256, file) VALUES (%s, %s, %s)"
        " ON CONFLICT (case_id, sha256) DO UPDATE SET file = EXCLUDED.file",
        (case_id, sha256, json.dumps(file)),
    )


def document(txn: Cursor, case_id: str, sha256: str) -> Mapping[str, Any] | None:
    """``EncryptedFile`` of a document."""
    txn.execute(
        "SELECT file FROM agency.document WHERE case_id = %s AND sha256 = %s", (case_id, sha256)
    )
    row = txn.fetchone()
    return row[0] if row else None


def cases_of(txn: Cursor, bots: Sequence[UserId], person: UserId) -> list[CaseFile]:
    """The cases of a person with some offices; ``PAGE_CASES_MAX``."""
    txn.execute(
        "SELECT kept, bot, person, chat_id, room_id, card_effect, desk, desk_effect, document,"
        " is_unreached, version FROM agency.case_file WHERE person = %s AND bot = ANY(%s)"
        " ORDER BY state = ANY(%s), opened_at_ms DESC, case_id DESC LIMIT %s",
        (person, list(bots), _OVER, PAGE_CASES_MAX),
    )
    return [CaseFile(case_json.from_json(row[0]), *row[1:]) for row in txn.fetchall()]


def list_version(txn: Cursor, person: UserId) -> str:
    """Changes whenever a case of a person does."""
    txn.execute(
        "SELECT count(*), coalesce(sum(version), 0) FROM agency.case_file WHERE person = %s",
        (person,),
    )
    [(count, changes)] = txn.fetchall()
    return f"{count}.{changes}"
