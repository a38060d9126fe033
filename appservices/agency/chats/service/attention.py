"""Filter of messages to a bot: those that count, and those that only get a warning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from veche.bots import unconfirmed, why_ignored
from veche.chat import prompts
from veche.chat.attention import is_edit
from veche.messaging import outbox
from veche.protocol.ids import as_event_id
from veche.protocol.message import RelationKind
from veche.protocol.wire import mapping

if TYPE_CHECKING:
    from appservices.agency.cases.service.conversation import Conversation
    from veche.chat.sending import Ground
    from veche.protocol.ids import EffectId
    from veche.protocol.inbound import Inbound


def counts(scene: Conversation, inbound: Inbound, ground: Ground) -> bool:
    """Return whether a message counts; if not, tell the sender why where that helps.

    Staff mend their talk as everybody does: only persons are told that an edit changes nothing. Of
    a person no device counts that reads nothing of ours; by which the staff acts, the desk knows.

    Args:
        scene: The transaction.
        inbound: What was said to the bot.
        ground: Why the office may answer.
    """
    why = why_ignored(scene, inbound)
    if why is None and ground.person is not None:
        why = unconfirmed(scene, inbound)
    if why is not None and not (ground.person is None and is_edit(inbound)):
        scene.say(inbound.room_id, why, ground, thread=place_of(scene, inbound))
    return why is None


def thread_of(scene: Conversation, inbound: Inbound) -> EffectId | None:
    """The message of ours that began the thread in which something is said."""
    relates = mapping(inbound.content.get("m.relates_to"))
    root = as_event_id(relates.get("event_id"))
    if relates.get("rel_type") != RelationKind.THREAD.value or root is None:
        return None
    return outbox.effect_of(scene.txn, inbound.room_id, root)


def place_of(scene: Conversation, inbound: Inbound) -> EffectId | None:
    """The thread in which something is answered: its own, else that of the question it is about.

    Whoever pressed a reaction, or has a client without threads, stands beside the thread.
    """
    about = next(iter(prompts.named(scene.txn, inbound)), None)
    return thread_of(scene, inbound) or (about.thread if about is not None else None)
