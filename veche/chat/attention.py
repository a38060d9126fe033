"""Filter of messages to a bot: which of them count, and the reason if one does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.protocol.inbound import DeviceStanding
from veche.protocol.message import RelationKind
from veche.protocol.wire import mapping
from veche.runtime.crypto.tracking import is_encrypted

if TYPE_CHECKING:
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor

REACTION: Final = "m.reaction"
HEARD: Final = frozenset(
    {
        "m.room.message",
        REACTION,
        "org.matrix.msc3381.poll.response",
        "m.poll.response",
        "org.matrix.msc4139.conversation.reply",
        "m.conversation.reply",
    }
)
"""Types of the events that can be an answer."""
SAID: Final = HEARD | {"m.sticker", "m.poll.start", "org.matrix.msc3381.poll.start"}
"""Types of the events by which somebody says something."""


def is_said(inbound: Inbound) -> bool:
    """Return whether an event says anything to the bot.

    Notices never do (Matrix spec, m.notice).
    """
    is_notice = inbound.content.get("msgtype") == "m.notice"
    return inbound.event_type in HEARD and inbound.state_key is None and not is_notice


def came_in_clear(txn: Cursor, inbound: Inbound) -> bool:
    """Return whether it came unencrypted into an encrypted room, so its writer is unknown.

    Only reactions always do.
    """
    is_clear = inbound.standing is DeviceStanding.NOT_ENCRYPTED
    is_reaction = inbound.event_type == REACTION
    return is_clear and not is_reaction and is_encrypted(txn, inbound.room_id)


def is_edit(inbound: Inbound) -> bool:
    """Return whether it changes an earlier message, which had its effect already."""
    relates = mapping(inbound.content.get("m.relates_to"))
    return relates.get("rel_type") == RelationKind.REPLACE.value
