"""Answers to the questions of a bot: each goes to what acts on the topic of its question.

The topic stands in the ``purpose`` of a question. A bot has one table from topic to handler; what
has to be approved, who may answer and until when is decided before a handler is called.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar

from veche.bots.conversation import Conversation
from veche.chat import prompts
from veche.chat.prompts import Answered
from veche.protocol.answers import Chosen, NoAnswer, Refused, refusal_text
from veche.protocol.inbound import PromptAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from veche.chat.prompts import Heard
    from veche.protocol.inbound import Incoming, PageAct

logger = logging.getLogger(__name__)

C = TypeVar("C", bound=Conversation[Any])


def check_topics(topics: Collection[str], handlers: Collection[str]) -> None:
    """Make sure that a bot acts on every topic that it asks about, and on no other.

    Raises:
        ValueError: It does not: a bug of the bot, which must not start.
    """
    asked, handled = frozenset(topics), frozenset(handlers)
    if asked != handled:
        raise ValueError(
            f"topics without a handler: {sorted(asked - handled)}; handlers of topics that are"
            f" never asked: {sorted(handled - asked)}"
        )


def act_on_answer(
    scene: C, heard: Heard, inbound: Incoming, handlers: Mapping[str, Callable[[C, Answered], None]]
) -> bool:
    """Act on an answer to a question, or say why it does not count; False if it is none.

    Args:
        scene: The transaction.
        heard: What the questions of the room make of it.
        inbound: By what it came.
        handlers: What acts on an answer, by the topic of its question.
    """
    if not isinstance(heard.outcome, Chosen) or heard.kept is None:
        return refuse(scene, heard, inbound)
    handler = handlers.get(str(heard.kept.purpose.get("topic")))
    if handler is None:
        logger.error("nothing acts on an answer to question %s", heard.kept.id)
    else:
        handler(scene, Answered(heard.kept, inbound, heard.outcome))
    return True


def act_on_page(
    scene: C, act: PageAct, handlers: Mapping[str, Callable[[C, Answered], None]]
) -> None:
    """Act on an answer that was given on a page, as ``act_on_answer`` does in a room."""
    assert isinstance(act, PromptAnswer), "no page gives it commands"  # noqa: S101 -- our bug
    act_on_answer(scene, prompts.hear_page(scene.txn, act), act, handlers)


def is_stale(heard: Heard) -> bool:
    """Return whether words reply to nothing and would fit only a closed question."""
    return isinstance(heard.outcome, NoAnswer) and heard.outcome.stale is not None


def refuse(scene: Conversation[Any], heard: Heard, inbound: Incoming) -> bool:
    """Say why an answer does not count; False if it was none."""
    outcome = heard.outcome
    refused = outcome.stale if isinstance(outcome, NoAnswer) else outcome
    if not isinstance(refused, Refused):
        return False
    prompt = heard.kept.prompt if heard.kept else None
    doc = refusal_text(
        refused.reason,
        scene.parts.profile.catalogue,
        scene.language_of(inbound.sender),
        prompt,
        standing=inbound.standing,
        approve_url=scene.approvals.page_of(prompt, refused.choice),
    )
    scene.reply.refuse(scene, (inbound.room_id, inbound.sender), doc, refused.reason.value)
    return True
