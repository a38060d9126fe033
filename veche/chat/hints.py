"""Hints to people about messages that reached no service: unread ones, and abandoned ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.chat import people
from veche.chat.sending import Ground, Sender
from veche.messaging.inbox.store import session_came
from veche.messaging.outbox import Relation
from veche.protocol import message
from veche.protocol.message import Mono, Paragraph, RelationKind
from veche.protocol.texts.catalogue import Catalogue
from veche.runtime.crypto.recovery import HintKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.acts import ActLog
    from veche.messaging.inbox.store import Claim, Item
    from veche.messaging.service import BotAccount
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.message import Doc
    from veche.runtime.crypto.recovery import Hint
    from veche.runtime.database import Cursor

_CATALOGUE: Final = Catalogue.load("veche.chat")
_DEFAULT_LANGUAGE: Final = "en"


class Hints:
    """Carries what the devices and the inbox of a process have to say."""

    def __init__(self, bots: Mapping[UserId, BotAccount], log: ActLog) -> None:
        """Make it.

        Args:
            bots: The bots of this process, by user id.
            log: Commits the acts: what a bot tells a person is one.
        """
        self._bots = dict(bots)
        self._log = log

    def wake(
        self, txn: Cursor, bot: UserId, room_id: RoomId, session_ids: Sequence[str], now_ms: int
    ) -> None:
        """Room keys came: the events that wait for them can be opened."""
        session_came(txn, bot, room_id, session_ids, now_ms)

    def hint(self, txn: Cursor, bot: UserId, hint: Hint, now_ms: int) -> None:
        """Tell a person that their message was not read, and what to do."""
        sender = Sender(txn, self._log, self._bots[bot], f"unread {hint.event_id}", now_ms)
        doc = _doc(hint, _language(txn, hint.sender))
        content = message.text(doc, mentions=[hint.sender])
        sender.say(hint.room_id, content, _ground(hint.sender))

    def given_up(self, txn: Cursor, claim: Claim, item: Item, now_ms: int) -> None:
        """Tell a person that nothing was done about their message, since it failed each time."""
        sender = Sender(txn, self._log, self._bots[claim.bot], f"given up {item.event_id}", now_ms)
        words = _CATALOGUE.text(
            _language(txn, item.sender),
            "I could not process your message because of a fault on our side. Nothing was done."
            " Please write it again, or ask a human being.",
        )
        content = message.text((Paragraph(words),), mentions=[item.sender])
        reply = Relation(RelationKind.REPLY, item.event_id)
        sender.say(claim.room_id, content, _ground(item.sender), relation=reply)


def _language(txn: Cursor, person: UserId) -> str:
    return people.read(txn, person, default_language=_DEFAULT_LANGUAGE).language


def _ground(person: UserId) -> Ground:
    return Ground(person, purpose="help", basis="message of the person")


def _doc(hint: Hint, language: str) -> Doc:
    if hint.kind is HintKind.SEND_AGAIN:
        again = _CATALOGUE.text(
            language, "I could not read your last message. Please send it again."
        )
        return (Paragraph(again),)
    refuses = _CATALOGUE.text(
        language,
        "Your client does not give this bot the keys to your messages. Compare this fingerprint of"
        " the bot with the one its office publishes, and verify the bot in your client:",
    )
    return (Paragraph(refuses, "\n", Mono(hint.fingerprint)),)
