"""SQL of the chats of persons with the bot, and of what they could not be told yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.bots import Chats

if TYPE_CHECKING:
    from veche.runtime.database import Cursor

CHATS: Final = Chats("payments")
"""Whose chat with the bot a room is."""
keep_chat = CHATS.keep
chat = CHATS.read
chats_of = CHATS.of
set_greeted = CHATS.set_greeted
drop_chat = CHATS.drop


def keep_untold(txn: Cursor, holder_id: int, payment_id: str) -> str:
    """Note that a holder is to be told of a payment once they have a chat.

    Returns:
        Id of the payment of which they were to be told first.
    """
    txn.execute(
        "INSERT INTO payments.untold (holder, payment_id) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        (holder_id, payment_id),
    )
    txn.execute(
        "SELECT payment_id FROM payments.untold WHERE holder = %s ORDER BY n LIMIT 1", (holder_id,)
    )
    [(first,)] = txn.fetchall()
    return str(first)


def take_untold(txn: Cursor, holder_id: int) -> list[str]:
    """The payments that a holder is to be told of, the oldest first; they are told now."""
    txn.execute("DELETE FROM payments.untold WHERE holder = %s RETURNING payment_id", (holder_id,))
    return sorted(payment_id for (payment_id,) in txn.fetchall())
