"""Messages of an organisation's staff to people in its own words: acts like any other.

Staff speaks in a room with its own clients, so nothing can hold its words back until they are
committed. The bot reads along, and commits each as soon as it hears it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from veche.chat.attention import SAID, came_in_clear
from veche.protocol.acts import ActClass, call_form, plaintext_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.bots.conversation import Conversation
    from veche.chat.sending import Ground
    from veche.protocol.inbound import Inbound

logger = logging.getLogger(__name__)


def commit_words(
    scene: Conversation[Any], inbound: Inbound, name: str, grounds: Sequence[Ground]
) -> None:
    """Commit what somebody of the staff said.

    What came in clear into the encrypted room may be by anybody, so it is no word of theirs.

    Args:
        scene: The transaction.
        inbound: What was said.
        name: What such an act is called: ``clerk_says``.
        grounds: One for each person to whom it was said.
    """
    if inbound.event_type not in SAID or came_in_clear(scene.txn, inbound):
        return
    try:
        ph = plaintext_hash(inbound.content)
    except ValueError:
        # No canonical JSON: of such words no digest can be told.
        logger.warning("%s has no canonical form: its words are in no act", inbound.event_id)
        return
    form = call_form(
        scene.parts.profile.purpose,
        name,
        sender=inbound.sender,
        room_id=inbound.room_id,
        event_id=inbound.event_id,
        event_type=inbound.event_type,
        ph=ph,
    )
    for ground in grounds:
        scene.sender.commit(ActClass.MESSAGE, form, ground, ph=ph)
