"""What encryption asks of the runtime: to wake rooms whose keys came, to tell persons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.protocol import message
from veche.protocol.catalogue import Catalogue
from veche.protocol.message import Mono, Paragraph
from veche.runtime import people
from veche.runtime.crypto.recovery import HintKind
from veche.runtime.inbox.store import session_came
from veche.runtime.speak import Ground, Voice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.message import Doc
    from veche.runtime.acts import ActLog
    from veche.runtime.crypto.recovery import Hint
    from veche.runtime.database import Cursor
    from veche.runtime.service import BotAccount

_CATALOGUE: Final = Catalogue.load("veche.runtime")
_DEFAULT_LANGUAGE: Final = "en"


class Hints:
    """Carries what the devices of a process have to say."""

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
        voice = Voice(txn, self._log, self._bots[bot], f"unread {hint.event_id}", now_ms)
        person = people.read(txn, hint.sender, default_language=_DEFAULT_LANGUAGE)
        content = message.text(_doc(hint, person.language), mentions=[hint.sender])
        ground = Ground(hint.sender, purpose="help", basis="message of the person")
        voice.say(hint.room_id, content, ground)


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
