"""Chats that are made for persons who have none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.messaging import jobs
from veche.messaging.jobs import Job

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from veche.protocol.ids import UserId


OPEN_CHAT: Final = "payments.chat"
"""Job: makes a chat with somebody who was paid and has none."""


def open_chat(scene: Conversation, person: UserId, **about: str | int) -> None:
    """Make a chat with a person who has none, and go on there.

    Args:
        scene: The transaction.
        person: Who.
        about: What they are asked there: an ``invoice`` and its ``version``, a ``mandate``,
            an ``escrow``, a ``dispute``, the ``share`` of a bill.
    """
    payload = {"person": person, **about}
    id_ = scene.sender.fresh_id(OPEN_CHAT)
    jobs.schedule(scene.txn, Job(id_, OPEN_CHAT, payload, scene.now_ms))
