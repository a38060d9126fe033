"""Parts that the transactions of the bot share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from appservices.acts import store, texts
from appservices.acts.config import ActsSection
from veche.bots import BotProfile, ChatParts, Conversation

if TYPE_CHECKING:
    from appservices.acts.service import Directories
    from veche.runtime.database import Cursor

ActsConversation: TypeAlias = Conversation[ActsSection]
PURPOSE: Final = "directory"
CHECK: Final = "directory.check"
"""Kind of the job that looks an account or a room up."""


@attrs.frozen
class Parts(ChatParts[ActsSection]):
    """The parts that all transactions of the bot share.

    Attributes:
        directories: That are trusted here.
    """

    profile = BotProfile(PURPOSE, texts.CATALOGUE, texts.COMMANDS, store.CHATS)
    directories: Directories

    def conversation(self, txn: Cursor, cause: str, now_ms: int) -> ActsConversation:
        """Begin a transaction of the bot."""
        return Conversation(txn, self.sender(txn, cause, now_ms), self)
