"""Asking prompts, and what a room is shown once one takes no more answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.chat.prompts import store
from veche.messaging.outbox import Relation, drop_reactions
from veche.protocol.answers import PromptState
from veche.protocol.message import NO_PAYLOAD, RelationKind, edit
from veche.protocol.prompts import closed_content, prompt_content, reaction_keys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.chat.prompts.matching import Answered
    from veche.chat.prompts.store import Kept
    from veche.chat.sending import Ground, Sender
    from veche.protocol.forms import Form
    from veche.protocol.ids import EffectId, RoomId, UserId
    from veche.protocol.message import Doc, Payload
    from veche.protocol.prompts import ApproveHint, ClosedReason, NumberReactions, Prompt
    from veche.protocol.texts.catalogue import Catalogue
    from veche.runtime.database import Cursor

SEEDED_PROMPTS_MAX: Final = 2
"""Prompts of a chat that get number reactions before anybody tapped one there."""
_STATES: Final[Mapping[ClosedReason, PromptState]] = {
    "answered": PromptState.ANSWERED,
    "expired": PromptState.EXPIRED,
    "withdrawn": PromptState.CLOSED,
}


@attrs.frozen
class Asking:
    """A prompt to be asked.

    Attributes:
        room_id: Where.
        prompt: What is asked.
        intro: What this is about, in words.
        language: Of the person.
        ground: Why the organisation may ask.
        about: The matter, by which ``open_about`` finds it again; None: none.
        purpose: What else the service that asks wants to remember, as JSON.
        mentions: Whom it rings.
        payload: What else rides beside it.
        thread: The message in whose thread it belongs.
        kept_form: A form that is too large to travel in the message, and can be filled in on a
            page; None: what can be filled in stands in the prompt.
        hints: How its choices are approved; ``Approvals.ask`` gives them.
        kept_intro: What is kept of the intro, in clear; None: all of it. Who keeps the rest sealed
            gives it again to what ends the question.
    """

    room_id: RoomId
    prompt: Prompt
    intro: Doc
    language: str
    ground: Ground
    about: str | None = None
    purpose: Mapping[str, Any] = attrs.field(factory=dict)
    mentions: Sequence[UserId] = ()
    payload: Payload = NO_PAYLOAD
    thread: EffectId | None = None
    kept_form: Form | None = None
    hints: Sequence[ApproveHint] = ()
    kept_intro: Doc | None = None


@attrs.frozen
class Closing:
    """The text of a prompt that takes no more answers.

    Attributes:
        outcome: One sentence.
        reason: Why.
        chosen: Id of the choice, if one was made.
        is_replaced: A newer question takes its place: where only a form stands on it, that is not
            shown, or each answer of a talk would change a message.
        intro: What stands above it from now on; None: what stood there.
        payload: What else rides beside it.
    """

    outcome: str
    reason: ClosedReason = "withdrawn"
    chosen: str | None = None
    is_replaced: bool = False
    intro: Doc | None = None
    payload: Payload = NO_PAYLOAD


def ask(
    txn: Cursor,
    sender: Sender,
    asking: Asking,
    catalogue: Catalogue,
    reactions: NumberReactions = "first",
) -> EffectId:
    """Ask a prompt, place a reaction for each choice where that helps, and remember it.

    Each reaction is an event that the homeserver sends to everybody in the room, so most chats get
    them only on their first ``SEEDED_PROMPTS_MAX`` prompts. The bot never removes them: the edited
    message says that the prompt is closed.

    Args:
        txn: The transaction of ``sender``.
        sender: Who asks.
        asking: What.
        catalogue: Has the texts of ``veche.protocol``.
        reactions: The operator's choice, ``chats.number_reactions``.

    Raises:
        TooLargeError: As for ``message.text``.
    """
    prompt, room_id, ground = asking.prompt, asking.room_id, asking.ground
    keys = _seeded(txn, sender.bot.user_id, asking, reactions)
    content = prompt_content(
        prompt,
        asking.intro,
        catalogue,
        asking.language,
        mentions=asking.mentions,
        payload=asking.payload,
        hints=asking.hints,
        has_reactions=bool(keys),
    )
    relation = Relation(RelationKind.THREAD, asking.thread) if asking.thread else None
    effect = sender.say(room_id, content, ground, relation=relation)
    for key in keys:
        sender.react(room_id, effect, key, ground)
    kept = prompt.model_copy(update={"form": asking.kept_form}) if asking.kept_form else prompt
    new = store.NewPrompt(
        prompt=kept,
        bot=sender.bot.user_id,
        room_id=room_id,
        effect=effect,
        about=asking.about,
        thread=asking.thread,
        intro=asking.intro if asking.kept_intro is None else asking.kept_intro,
        purpose=asking.purpose,
    )
    store.add(txn, new, sender.now_ms)
    return effect


def _seeded(txn: Cursor, bot: UserId, asking: Asking, reactions: NumberReactions) -> Sequence[str]:
    """The reactions to place on a prompt."""
    keys = reaction_keys(asking.prompt)
    if not keys or reactions == "never":
        return ()
    if reactions == "first":
        count, is_tapped = store.reactions_of(txn, bot, asking.room_id)
        if count >= SEEDED_PROMPTS_MAX and not is_tapped:
            return ()
    return keys


def settle(txn: Cursor, sender: Sender, answered: Answered, outcome: str, ground: Ground) -> bool:
    """Let an answer count: the prompt shows ``outcome`` from now on.

    A prompt that may be answered more than once stays as it is.

    Returns:
        Whether it counts; False if another answer was first.
    """
    kept, inbound, choice = answered.kept, answered.inbound, answered.chosen.choice
    if not kept.prompt.single_use:
        return True
    if not store.set_answered(
        txn, kept.id, inbound.sender, inbound.event_id, choice, sender.now_ms
    ):
        return False
    _show_closed(txn, sender, kept, Closing(outcome, "answered", choice), ground)
    return True


def close(txn: Cursor, sender: Sender, kept: Kept, closing: Closing, ground: Ground) -> None:
    """Close a prompt without an answer; nothing happens if it is not open."""
    if store.set_closed(txn, kept.id, _STATES[closing.reason], sender.now_ms):
        _show_closed(txn, sender, kept, closing, ground)


def _show_closed(txn: Cursor, sender: Sender, kept: Kept, closing: Closing, ground: Ground) -> None:
    is_form = kept.prompt.form is not None and not closing.is_replaced
    if not kept.prompt.choices and not is_form:
        return  # nothing on it can be pressed or filled in, so nothing needs to go
    # Numbers that wait behind other rooms would come under what was answered meanwhile.
    drop_reactions(txn, sender.bot.user_id, kept.room_id, kept.effect)
    content = closed_content(
        kept.prompt,
        kept.intro if closing.intro is None else closing.intro,
        closing.outcome,
        reason=closing.reason,
        chosen=closing.chosen,
        payload=closing.payload,
    )
    relation = Relation(RelationKind.REPLACE, kept.effect)
    sender.say(kept.room_id, edit(content), ground, relation=relation)
