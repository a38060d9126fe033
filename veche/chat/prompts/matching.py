"""Holding what is said in a room against the prompts that stand there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.chat.attention import REACTION
from veche.chat.prompts import store
from veche.protocol.answers import (
    PROMPTS_MAX,
    Chosen,
    Outcome,
    RefusalReason,
    Refused,
    judge_answer,
    read_answer,
)
from veche.protocol.errors import UnavailableError
from veche.protocol.ids import ULID_PATTERN, as_event_id
from veche.protocol.prompts import ANSWER_KEY
from veche.protocol.wire import mapping

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.chat.prompts.store import Kept
    from veche.protocol.ids import EffectId, EventId
    from veche.protocol.inbound import Inbound, Incoming, PromptAnswer
    from veche.runtime.database import Cursor

UNSENT_RETRY_MS: Final = 100
"""The homeserver has the message: what it answered is written down within some 20 ms."""
_ULID: Final = re.compile(ULID_PATTERN)


@attrs.frozen
class Answered:
    """An answer to a prompt.

    Attributes:
        kept: The prompt.
        inbound: By what it came: an event of the room, or an answer on a page.
        chosen: What was chosen.
    """

    kept: Kept
    inbound: Incoming
    chosen: Chosen


@attrs.frozen
class Heard:
    """An event, held against the prompts of its room.

    Attributes:
        outcome: What it is.
        kept: The prompt that it is about, if it is about one.
        open: The prompts of the room, or of the thread, that take answers, the newest first.
    """

    outcome: Outcome
    kept: Kept | None
    open: Sequence[Kept]


def hear(
    txn: Cursor,
    inbound: Inbound,
    *,
    thread: EffectId | None = None,
    is_dialogue: bool = False,
    is_talk: bool = False,
) -> Heard:
    """Hold an event against the prompts of its room.

    Looked at are those that it names, however old, and the newest, ``PROMPTS_MAX`` in all.

    Args:
        txn: The transaction that handles the event.
        inbound: The event.
        thread: The message in whose thread it stands: only what it names and prompts of that
            thread are meant.
        is_dialogue: Only one person speaks here, so words that reply to nothing are meant for the
            newest question, whatever else is open.
        is_talk: Several persons talk with one another here, so words that reply to nothing are
            meant for no question.

    Raises:
        UnavailableError: It is about a message of ours whose event id is not known yet; it is
            to be handed in again.
    """
    events = _events_named(inbound.content)
    kept = candidates(txn, inbound, thread)
    if is_dialogue and not events:
        newest = next((one for one in kept if one.is_open), None)
        kept = [one for one in kept if one is newest or not one.is_open]
    asked = [one.asked for one in kept]
    outcome = read_answer(inbound, asked, inbound.at_ms, is_bare_text_allowed=not is_talk)
    about = next((one for one in kept if one.id == outcome.prompt_id), None)
    if about is not None and inbound.event_type == REACTION:
        store.set_tapped(txn, about.id)
    if about is None and events and any(one.is_open and one.is_on_its_way for one in kept):
        raise UnavailableError("the prompt is on its way", retry_after_ms=UNSENT_RETRY_MS)
    return Heard(outcome, about, [one for one in kept if one.is_open])


def hear_page(txn: Cursor, answer: PromptAnswer) -> Heard:
    """Hold an answer that was given on a page against the prompt that it names."""
    kept = store.by_id(txn, answer.bot, answer.prompt)
    if kept is None:
        return Heard(Refused(None, RefusalReason.MALFORMED), None, ())
    return Heard(judge_answer(answer, kept.asked), kept, ())


def candidates(txn: Cursor, inbound: Inbound, thread: EffectId | None) -> list[Kept]:
    """The prompts that an event may be about, closed ones too, the newest first."""
    bot, room_id = inbound.bot, inbound.room_id
    about = named(txn, inbound)
    newest = store.newest(txn, bot, room_id, PROMPTS_MAX - len(about), thread=thread)
    by_id = {one.id: one for one in (*about, *newest)}
    return sorted(by_id.values(), key=lambda one: one.seq, reverse=True)


def named(txn: Cursor, inbound: Inbound) -> list[Kept]:
    """The prompts that an event names, closed ones too, the newest first."""
    events = _events_named(inbound.content)
    answer = mapping(inbound.content.get(ANSWER_KEY)).get("prompt")
    prompt_id = answer if isinstance(answer, str) and _ULID.fullmatch(answer) else None
    if not events and prompt_id is None:
        return []
    return store.named(txn, inbound.bot, inbound.room_id, events, prompt_id)


def _events_named(content: Mapping[str, Any]) -> frozenset[EventId]:
    """The events that one relates to, whichever way."""
    relates = mapping(content.get("m.relates_to"))
    found = (
        relates.get("event_id"),
        mapping(relates.get("m.in_reply_to")).get("event_id"),
        mapping(content.get("m.in_reply_to")).get("event_id"),  # MSC4139
    )
    return frozenset(one for one in map(as_event_id, found) if one is not None)
