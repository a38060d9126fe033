"""SQL of prompts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.protocol.answers import OpenPrompt, PromptState
from veche.protocol.message_json import doc_from_json, doc_to_json
from veche.protocol.prompts import Prompt

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from veche.protocol.ids import EffectId, EventId, RoomId, UserId
    from veche.protocol.message import Doc
    from veche.runtime.database import Cursor

HOUSEKEEPING_ROWS_MAX: Final = 1_000
"""Most questions that one call of housekeeping changes."""
TAPPED_AMONG_MAX: Final = 50
"""Newest prompts of a room among which a tapped one is looked for."""
OPEN_ABOUT_MAX: Final = 100
"""Most open prompts about one matter that are looked at, the newest."""


@attrs.frozen
class Kept:
    """A prompt as it is kept.

    Attributes:
        asked: With its state and its event.
        seq: A newer one has a higher number.
        room_id: Where it stands.
        effect: Of the message that asks it.
        intro: What stands above the choices.
        purpose: What the service that asked wants to remember.
        is_on_its_way: Its message is not sent yet, so its event has no id.
        thread: The message in whose thread it stands; None: in none.
    """

    asked: OpenPrompt
    seq: int
    room_id: RoomId
    effect: EffectId
    intro: Doc
    purpose: Mapping[str, Any]
    is_on_its_way: bool
    thread: EffectId | None = None

    @property
    def prompt(self) -> Prompt:
        """The prompt as it was asked."""
        return self.asked.prompt

    @property
    def id(self) -> str:
        """ULID of the prompt."""
        return self.asked.prompt.id

    @property
    def is_open(self) -> bool:
        """Return whether it still takes an answer."""
        return self.asked.state is PromptState.OPEN


@attrs.frozen
class NewPrompt:
    """A prompt that is asked now; its attributes are those of ``Kept`` and of ``Asking``."""

    prompt: Prompt
    bot: UserId
    room_id: RoomId
    effect: EffectId
    about: str | None
    thread: EffectId | None
    intro: Doc
    purpose: Mapping[str, Any]


def add(txn: Cursor, new: NewPrompt, now_ms: int) -> None:
    """Keep a prompt; the same prompt again changes nothing."""
    txn.execute(
        "INSERT INTO runtime.prompt (prompt_id, bot, room_id, effect_id, about, thread,"
        " prompt, intro, purpose, state, created_at_ms)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (
            new.prompt.id,
            new.bot,
            new.room_id,
            new.effect,
            new.about,
            new.thread,
            new.prompt.model_dump_json(exclude_none=True),
            json.dumps(doc_to_json(new.intro)),
            json.dumps(dict(new.purpose)),
            PromptState.OPEN.value,
            now_ms,
        ),
    )


_SELECT: Final = (
    "SELECT p.seq, p.room_id, p.prompt::text, o.event_id, p.state, p.answered_by, p.effect_id,"
    " p.intro, p.purpose, coalesce(o.state < 2, FALSE), p.thread"
    " FROM runtime.prompt AS p"
    " LEFT JOIN runtime.outbox AS o ON o.room_id = p.room_id AND o.effect_id = p.effect_id"
)


def newest(
    txn: Cursor, bot: UserId, room_id: RoomId, limit: int, *, thread: EffectId | None = None
) -> list[Kept]:
    """The prompts of a bot in a room, or in one thread of it, the newest first.

    Args:
        txn: Cursor.
        bot: Who asked.
        room_id: Where.
        limit: How many at most.
        thread: The message that began the thread; None: all of the room.
    """
    txn.execute(
        _SELECT + " WHERE p.room_id = %(room)s AND p.bot = %(bot)s"
        " AND (%(thread)s::text IS NULL OR p.thread = %(thread)s)"
        " ORDER BY p.seq DESC LIMIT %(limit)s",
        {"room": room_id, "bot": bot, "thread": thread, "limit": limit},
    )
    return [_kept(row) for row in txn.fetchall()]


def named(
    txn: Cursor, bot: UserId, room_id: RoomId, events: Collection[EventId], prompt_id: str | None
) -> list[Kept]:
    """The prompts that an event names by their events or by an id, the newest first."""
    txn.execute(
        _SELECT + " WHERE p.room_id = %(room)s AND p.bot = %(bot)s"  # noqa: S608 -- a constant
        " AND (p.prompt_id = %(id)s OR p.effect_id IN (SELECT effect_id FROM runtime.outbox"
        " WHERE room_id = %(room)s AND event_id = ANY(%(events)s))) ORDER BY p.seq DESC",
        {"room": room_id, "bot": bot, "id": prompt_id, "events": list(events)},
    )
    return [_kept(row) for row in txn.fetchall()]


def by_id(txn: Cursor, bot: UserId, prompt_id: str) -> Kept | None:
    """A prompt of a bot, in whatever room."""
    txn.execute(_SELECT + " WHERE p.prompt_id = %s AND p.bot = %s", (prompt_id, bot))
    row = txn.fetchone()
    return _kept(row) if row else None


def open_about(txn: Cursor, bot: UserId, about: str) -> list[Kept]:
    """The open prompts of a bot about one matter, in whatever room, the newest first."""
    txn.execute(
        _SELECT + " WHERE p.bot = %s AND p.about = %s AND p.state = 'open'"
        " ORDER BY p.seq DESC LIMIT %s",
        (bot, about, OPEN_ABOUT_MAX),
    )
    return [_kept(row) for row in txn.fetchall()]


def reactions_of(txn: Cursor, bot: UserId, room_id: RoomId) -> tuple[int, bool]:
    """Return how many prompts of a bot a room had, and whether anybody tapped a reaction there.

    Counted are the newest ``TAPPED_AMONG_MAX``.
    """
    txn.execute(
        "SELECT count(*), coalesce(bool_or(is_tapped), FALSE) FROM (SELECT is_tapped"
        " FROM runtime.prompt WHERE room_id = %s AND bot = %s ORDER BY seq DESC LIMIT %s) AS p",
        (room_id, bot, TAPPED_AMONG_MAX),
    )
    [(count, is_tapped)] = txn.fetchall()
    return count, is_tapped


def set_tapped(txn: Cursor, prompt_id: str) -> None:
    """Note that somebody answered a prompt by a reaction, whether or not that counted."""
    txn.execute(
        "UPDATE runtime.prompt SET is_tapped = TRUE WHERE prompt_id = %s AND NOT is_tapped",
        (prompt_id,),
    )


def set_answered(
    txn: Cursor, prompt_id: str, by: UserId, event_id: EventId, choice: str | None, now_ms: int
) -> bool:
    """Note the answer that counts; False if the prompt is not open any more."""
    txn.execute(
        "UPDATE runtime.prompt SET state = %s, answered_by = %s, answer_event_id = %s, choice = %s,"
        " closed_at_ms = %s WHERE prompt_id = %s AND state = 'open'",
        (PromptState.ANSWERED.value, by, event_id, choice, now_ms, prompt_id),
    )
    return txn.rowcount == 1


def set_closed(txn: Cursor, prompt_id: str, state: PromptState, now_ms: int) -> bool:
    """Note that a prompt ended without an answer; False if it was not open."""
    txn.execute(
        "UPDATE runtime.prompt SET state = %s, closed_at_ms = %s"
        " WHERE prompt_id = %s AND state = 'open'",
        (state.value, now_ms, prompt_id),
    )
    return txn.rowcount == 1


def close_left_open(txn: Cursor, before_ms: int) -> int:
    """Close questions that expired before and were left open; how many, at most a batch."""
    txn.execute(
        "UPDATE runtime.prompt SET state = %s,"
        " closed_at_ms = (prompt ->> 'expires_at_ms')::bigint WHERE prompt_id IN ("
        " SELECT prompt_id FROM runtime.prompt WHERE state = 'open' AND created_at_ms < %s"
        " AND (prompt ->> 'expires_at_ms')::bigint < %s LIMIT %s)",
        (PromptState.EXPIRED.value, before_ms, before_ms, HOUSEKEEPING_ROWS_MAX),
    )
    return txn.rowcount


def wipe_closed(txn: Cursor, before_ms: int) -> int:
    """Wipe what questions showed that were closed before; how many, at most a batch.

    Left is what refuses a late answer: who could answer, and what became of it.
    """
    txn.execute(
        "UPDATE runtime.prompt SET is_wiped = TRUE, intro = '[]', purpose = '{}',"
        " prompt = json_build_object('v', 1, 'id', prompt_id, 'scope', prompt -> 'scope',"
        "  'single_use', coalesce(prompt -> 'single_use', 'true'),"
        "  'expires_at_ms', prompt -> 'expires_at_ms',"
        "  'min_trust', coalesce(prompt ->> 'min_trust', 'any'))"
        " WHERE prompt_id IN (SELECT prompt_id FROM runtime.prompt"
        "  WHERE closed_at_ms < %s AND NOT is_wiped ORDER BY closed_at_ms LIMIT %s)",
        (before_ms, HOUSEKEEPING_ROWS_MAX),
    )
    return txn.rowcount


def forget(txn: Cursor, before_ms: int) -> int:
    """Remove questions that were closed before, and wiped; how many, at most a batch."""
    txn.execute(
        "DELETE FROM runtime.prompt WHERE prompt_id IN (SELECT prompt_id FROM runtime.prompt"
        " WHERE closed_at_ms < %s AND is_wiped ORDER BY closed_at_ms LIMIT %s)",
        (before_ms, HOUSEKEEPING_ROWS_MAX),
    )
    return txn.rowcount


def _kept(row: tuple[Any, ...]) -> Kept:
    seq, room_id, prompt, event_id, state, answered_by, *rest = row
    effect, intro, purpose, *place = rest
    asked = OpenPrompt(
        prompt=Prompt.model_validate_json(prompt),
        event_id=event_id,
        state=PromptState(state),
        answered_by=frozenset([answered_by] if answered_by else []),
    )
    return Kept(asked, seq, room_id, effect, doc_from_json(intro), purpose, *place)
