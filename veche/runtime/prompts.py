"""Prompts in rooms: asked, answered once, closed.

What an answer is, ``veche.protocol.answers`` decides; here is what it needs to know of a room, and
what the room is shown afterwards.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.protocol.answers import (
    PROMPTS_MAX,
    Chosen,
    OpenPrompt,
    Outcome,
    PromptState,
    Refused,
    read_answer,
)
from veche.protocol.documents_json import doc_from_json, doc_to_json
from veche.protocol.errors import UnavailableError
from veche.protocol.message import NO_PAYLOAD, RelationKind, edit
from veche.protocol.prompts import Prompt, closed_content, prompt_content, reaction_keys
from veche.runtime.outbox import Relation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.protocol.catalogue import Catalogue
    from veche.protocol.ids import EffectId, RoomId, UserId
    from veche.protocol.inbound import Inbound
    from veche.protocol.message import Doc, Payload
    from veche.protocol.prompts import ClosedReason
    from veche.runtime.database import Cursor
    from veche.runtime.speak import Ground, Voice

_UNSENT_RETRY_MS: Final = 1_000

_STATES: Final[Mapping[ClosedReason, PromptState]] = {
    "answered": PromptState.ANSWERED,
    "expired": PromptState.EXPIRED,
    "withdrawn": PromptState.CLOSED,
}


@attrs.frozen
class Kept:
    """A prompt as it is kept.

    Attributes:
        asked: With its state and its event.
        room_id: Where it stands.
        effect: Of the message that asks it.
        reactions: Effects of what the bot placed below it.
        intro: What stands above the choices.
        purpose: What the service that asked wants to remember.
    """

    asked: OpenPrompt
    room_id: RoomId
    effect: EffectId
    reactions: Sequence[EffectId]
    intro: Doc
    purpose: Mapping[str, Any]

    @property
    def prompt(self) -> Prompt:
        """What was asked."""
        return self.asked.prompt

    @property
    def id(self) -> str:
        """ULID of the prompt."""
        return self.asked.prompt.id

    @property
    def is_open(self) -> bool:
        """Whether it still takes an answer."""
        return self.asked.state is PromptState.OPEN


@attrs.frozen
class Answered:
    """An answer to a prompt."""

    kept: Kept
    inbound: Inbound
    chosen: Chosen


@attrs.frozen
class Closing:
    """What a prompt shows once it takes no more answers.

    Attributes:
        outcome: One sentence.
        reason: Why.
        chosen: Id of the choice, if one was made.
    """

    outcome: str
    reason: ClosedReason = "withdrawn"
    chosen: str | None = None


@attrs.frozen
class Heard:
    """An event, held against the prompts of its room.

    Attributes:
        outcome: What it is.
        kept: The prompt that it is about, if it is about one.
        open: All prompts of the room that take answers, the newest first.
    """

    outcome: Outcome
    kept: Kept | None
    open: Sequence[Kept]


@attrs.frozen
class Asking:
    """A prompt to be asked.

    Attributes:
        room_id: Where.
        prompt: What is asked.
        intro: What this is about, in words.
        language: Of the person.
        purpose: What the service that asks wants to remember, as JSON.
        ground: Why the organisation may ask.
        mentions: Whom it rings.
        payload: What else rides beside it.
        thread: The message in whose thread it belongs.
    """

    room_id: RoomId
    prompt: Prompt
    intro: Doc
    language: str
    purpose: Mapping[str, Any]
    ground: Ground
    mentions: Sequence[UserId] = ()
    payload: Payload = NO_PAYLOAD
    thread: EffectId | None = None


def ask(txn: Cursor, voice: Voice, asking: Asking, catalogue: Catalogue) -> EffectId:
    """Ask a prompt, place a reaction for each choice, and remember it.

    Args:
        txn: The transaction of ``voice``.
        voice: Who asks.
        asking: What.
        catalogue: Has the texts of ``veche.protocol``.
    """
    prompt, room_id, ground = asking.prompt, asking.room_id, asking.ground
    content = prompt_content(
        prompt,
        asking.intro,
        catalogue,
        asking.language,
        mentions=asking.mentions,
        payload=asking.payload,
    )
    relation = Relation(RelationKind.THREAD, asking.thread) if asking.thread else None
    effect = voice.say(room_id, content, ground, relation=relation)
    placed = [voice.react(room_id, effect, key, ground) for key in reaction_keys(prompt)]
    txn.execute(
        "INSERT INTO runtime.prompt (prompt_id, bot, room_id, effect_id, reactions, prompt, intro,"
        " purpose, state, created_at_ms) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (
            prompt.id,
            voice.bot.user_id,
            room_id,
            effect,
            placed,
            prompt.model_dump_json(exclude_none=True),
            json.dumps(doc_to_json(asking.intro)),
            json.dumps(asking.purpose),
            PromptState.OPEN.value,
            voice.now_ms,
        ),
    )
    return effect


def hear(
    txn: Cursor, inbound: Inbound, *, thread: EffectId | None = None, is_dialogue: bool = False
) -> Heard:
    """Hold an event against the prompts of its room.

    Args:
        txn: The transaction that handles the event.
        inbound: The event.
        thread: The message in whose thread it stands: only prompts of that thread are meant, their
            ``purpose`` has it as ``thread``.
        is_dialogue: Only one person speaks here, so words that reply to nothing are meant for the
            newest question, whatever else is open.

    Raises:
        UnavailableError: It is about a message of ours whose event id is not known yet; it is
            to be handed in again.
    """
    kept = of_room(txn, inbound.bot, inbound.room_id)
    if thread is not None:
        kept = [one for one in kept if one.purpose.get("thread") == thread]
    if is_dialogue and "m.relates_to" not in inbound.content:
        newest = next((one for one in kept if one.is_open), None)
        kept = [one for one in kept if one is newest or not one.is_open]
    outcome = read_answer(inbound, [one.asked for one in kept], inbound.at_ms)
    about = next((one for one in kept if one.id == outcome.prompt_id), None)
    if about is None and inbound.event_type == "m.reaction" and _has_unsent(kept):
        raise UnavailableError("the prompt is on its way", retry_after_ms=_UNSENT_RETRY_MS)
    return Heard(outcome, about, [one for one in kept if one.is_open])


def of_room(txn: Cursor, bot: UserId, room_id: RoomId) -> list[Kept]:
    """The prompts of a bot in a room, the newest first, at most ``PROMPTS_MAX``."""
    txn.execute(
        "SELECT p.prompt::text, o.event_id, p.state, p.answered_by, p.effect_id, p.reactions,"
        " p.intro, p.purpose FROM runtime.prompt AS p LEFT JOIN runtime.outbox AS o"
        " ON o.room_id = p.room_id AND o.effect_id = p.effect_id"
        " WHERE p.room_id = %s AND p.bot = %s ORDER BY p.created_at_ms DESC, p.prompt_id DESC"
        " LIMIT %s",
        (room_id, bot, PROMPTS_MAX),
    )
    return [_kept(room_id, row) for row in txn.fetchall()]


def settle(txn: Cursor, voice: Voice, answered: Answered, outcome: str, ground: Ground) -> bool:
    """Let an answer count: the prompt shows ``outcome`` from now on, its reactions go.

    A prompt that may be answered more than once stays as it is.

    Returns:
        Whether it counts; False if another answer was first.
    """
    kept, inbound, choice = answered.kept, answered.inbound, answered.chosen.choice
    if not kept.prompt.single_use:
        return True
    txn.execute(
        "UPDATE runtime.prompt SET state = %s, answered_by = %s, answer_event_id = %s, choice = %s,"
        " closed_at_ms = %s WHERE prompt_id = %s AND state = %s",
        (
            PromptState.ANSWERED.value,
            inbound.sender,
            inbound.event_id,
            choice,
            voice.now_ms,
            kept.id,
            PromptState.OPEN.value,
        ),
    )
    if txn.rowcount != 1:
        return False
    _show_closed(voice, kept, Closing(outcome, "answered", choice), ground)
    return True


def close(txn: Cursor, voice: Voice, kept: Kept, closing: Closing, ground: Ground) -> None:
    """Close a prompt without an answer; nothing happens if it is not open."""
    txn.execute(
        "UPDATE runtime.prompt SET state = %s, closed_at_ms = %s"
        " WHERE prompt_id = %s AND state = %s",
        (_STATES[closing.reason].value, voice.now_ms, kept.id, PromptState.OPEN.value),
    )
    if txn.rowcount == 1:
        _show_closed(voice, kept, closing, ground)


def is_refusal(outcome: Outcome) -> Refused | None:
    """The refusal that the person should hear of, if there is one."""
    if isinstance(outcome, Refused):
        return outcome
    return None if isinstance(outcome, Chosen) else outcome.stale


def _show_closed(voice: Voice, kept: Kept, closing: Closing, ground: Ground) -> None:
    if not kept.prompt.choices:
        return  # nothing on it can be pressed, so nothing needs to go
    content = closed_content(
        kept.prompt, kept.intro, closing.outcome, reason=closing.reason, chosen=closing.chosen
    )
    relation = Relation(RelationKind.REPLACE, kept.effect)
    voice.say(kept.room_id, edit(content), ground, relation=relation)
    for placed in kept.reactions:
        voice.take_back(kept.room_id, placed, ground)


def _has_unsent(kept: Sequence[Kept]) -> bool:
    return any(one.is_open and one.asked.event_id is None for one in kept)


def _kept(room_id: RoomId, row: tuple[Any, ...]) -> Kept:
    prompt, event_id, state, answered_by, effect, reactions, intro, purpose = row
    asked = OpenPrompt(
        prompt=Prompt.model_validate_json(prompt),
        event_id=event_id,
        state=PromptState(state),
        answered_by=frozenset([answered_by] if answered_by else []),
    )
    return Kept(asked, room_id, effect, reactions, doc_from_json(intro), purpose)
