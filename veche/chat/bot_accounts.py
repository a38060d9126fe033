"""Speaking for a bot from any process: what a bot is called, and the rooms where it meets people.

What is said leaves by the outbox, which the process with the bot's device empties.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.chat.sending import Sender
from veche.messaging.service import BotAccount
from veche.protocol.errors import UnavailableError
from veche.protocol.ids import RoomId, UserId

if TYPE_CHECKING:
    from veche.acts import ActLog
    from veche.runtime.database import Cursor

CHATS_MAX: Final = 100
_RETRY_AFTER_MS: Final = 5_000


def sender_of(txn: Cursor, act_log: ActLog, bot: UserId, cause: str, now_ms: int) -> Sender:
    """The sender of a bot of whichever process, for a cause: see ``Sender``.

    Raises:
        UnavailableError: The bot was never started, or not since an older version.
    """
    txn.execute("SELECT display_name, organisation FROM runtime.bot WHERE user_id = %s", (bot,))
    row = txn.fetchone()
    if row is None or row[0] is None or row[1] is None:
        raise UnavailableError(f"{bot} was not started yet", retry_after_ms=_RETRY_AFTER_MS)
    account = BotAccount(bot, display_name=row[0], organisation=row[1])
    return Sender(txn, act_log, account, cause, now_ms)


def started_bots(txn: Cursor) -> list[UserId]:
    """List the bots of all processes that were started since the present version."""
    txn.execute("SELECT user_id FROM runtime.bot WHERE organisation IS NOT NULL ORDER BY user_id")
    return [UserId(bot) for (bot,) in txn.fetchall()]


def private_chats(txn: Cursor, person: UserId) -> list[tuple[UserId, RoomId]]:
    """Encrypted rooms of a person and one of our bots alone: (bot, room), the newest first.

    A room where anybody else is in, or invited, is none; nor is one whose members are in doubt. At
    most ``CHATS_MAX``.
    """
    txn.execute(
        "SELECT b.bot, b.room_id FROM runtime.room_member AS p"
        " JOIN runtime.room AS r ON r.room_id = p.room_id AND r.looked_at_ms IS NOT NULL"
        " JOIN crypto.room AS c ON c.room_id = p.room_id AND c.is_encrypted"
        " JOIN runtime.room_bot AS b ON b.room_id = p.room_id"
        " JOIN runtime.room_member AS m"
        "  ON m.room_id = b.room_id AND m.user_id = b.bot AND m.membership = 'join'"
        " WHERE p.user_id = %(person)s AND p.membership = 'join'"
        "  AND NOT EXISTS (SELECT FROM runtime.room_member AS o"
        "   WHERE o.room_id = p.room_id AND o.membership IN ('join', 'invite')"
        "   AND o.user_id NOT IN (%(person)s, b.bot))"
        " ORDER BY b.seq DESC NULLS LAST, b.room_id LIMIT %(max)s",
        {"person": person, "max": CHATS_MAX},
    )
    return [(UserId(bot), RoomId(room_id)) for bot, room_id in txn.fetchall()]
