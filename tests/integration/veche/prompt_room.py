"""A bot that asks in one room of a real database, for the tests of prompts and of speaking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.support.prompts import ALICE, BOT, NOW_MS, ROOM, a_prompt
from tests.support.said import opened
from veche.acts import ActLog
from veche.chat import prompts
from veche.chat.prompts import Answered, Asking, Closing
from veche.chat.prompts import store as prompt_store
from veche.chat.sending import Ground, Sender
from veche.messaging.service import BotAccount
from veche.protocol.ids import EventId
from veche.protocol.inbound import DeviceStanding, Inbound, Trust
from veche.protocol.message import Paragraph
from veche.protocol.texts.catalogue import Catalogue
from veche.runtime.database import connect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.chat.prompts import Heard, Kept
    from veche.protocol.ids import EffectId, RoomId, UserId
    from veche.protocol.prompts import NumberReactions, Prompt
    from veche.runtime.database import Cursor

CATALOGUE: Final = Catalogue.load("veche.protocol", "veche.protocol.forms")
GROUND: Final = Ground(ALICE, "test", "request of the person")
ACCOUNT: Final = BotAccount(BOT, "Town", "lindenau")
LOG: Final = ActLog(bytes(32))


class PromptRoom:
    """One room, one connection; every call goes on in the same transaction."""

    def __init__(self, dsn: str) -> None:
        self._connection = connect(dsn)
        self.txn: Cursor = self._connection.cursor()
        self._causes = 0
        self._events = 0

    def close(self) -> None:
        self._connection.close()

    def sender(self, cause: str | None = None, now_ms: int = NOW_MS) -> Sender:
        """The bot, because of a new cause."""
        self._causes += 1
        return Sender(self.txn, LOG, ACCOUNT, cause or f"cause {self._causes}", now_ms)

    def ask(
        self,
        prompt: Prompt | None = None,
        *,
        is_sent: bool = True,
        room_id: RoomId = ROOM,
        thread: EffectId | None = None,
        about: str | None = None,
        cause: str | None = None,
        reactions: NumberReactions = "first",
        **purpose: Any,
    ) -> Prompt:
        """Ask; by default the message is sent at once."""
        prompt = prompt or a_prompt()
        asking = Asking(
            room_id=room_id,
            prompt=prompt,
            intro=(Paragraph("Pay?"),),
            language="en",
            ground=GROUND,
            about=about,
            purpose=purpose,
            mentions=[ALICE],
            thread=thread,
        )
        effect = prompts.ask(self.txn, self.sender(cause), asking, CATALOGUE, reactions)
        if is_sent:
            self.send(effect)
        return prompt

    def send(self, effect: EffectId) -> EventId:
        """The sender sent a message."""
        event_id = EventId(f"${effect}")
        self.txn.execute(
            "UPDATE runtime.outbox SET state = 2, event_id = %s WHERE effect_id = %s",
            (event_id, effect),
        )
        return event_id

    def begin_reactions(self, prompt: Prompt, count: int) -> None:
        """The sender took the first reactions to a prompt: they may have been sent."""
        self.txn.execute(
            "UPDATE runtime.outbox SET state = 1 WHERE seq IN (SELECT seq FROM runtime.outbox"
            " WHERE relation ->> 1 = %s AND event_type = 'm.reaction' ORDER BY seq LIMIT %s)",
            (self.kept(prompt).effect, count),
        )

    def reactions_to_come(self, prompt: Prompt) -> int:
        """How many reactions to a prompt will be sent, or are being sent."""
        self.txn.execute(
            "SELECT count(*) FROM runtime.outbox"
            " WHERE relation ->> 1 = %s AND event_type = 'm.reaction' AND state < 2",
            (self.kept(prompt).effect,),
        )
        [(count,)] = self.txn.fetchall()
        return int(count)

    def give_up(self, effect: EffectId) -> None:
        """The sender gave a message up."""
        self.txn.execute("UPDATE runtime.outbox SET state = 3 WHERE effect_id = %s", (effect,))

    def kept(self, prompt: Prompt) -> Kept:
        """A prompt as it is kept."""
        [kept] = prompt_store.named(self.txn, BOT, ROOM, [], prompt.id)
        return kept

    def event_of(self, prompt: Prompt) -> str:
        """The event that asks a prompt."""
        event_id = self.kept(prompt).asked.event_id
        assert event_id is not None
        return event_id

    def hear(
        self,
        content: Mapping[str, Any],
        kind: str = "m.room.message",
        *,
        sender: UserId = ALICE,
        trust: Trust = Trust.VERIFIED,
        room_id: RoomId = ROOM,
        **how: Any,
    ) -> Heard:
        """Something is said."""
        return prompts.hear(self.txn, self.inbound(content, kind, sender, trust, room_id), **how)

    def inbound(
        self,
        content: Mapping[str, Any],
        kind: str = "m.room.message",
        sender: UserId = ALICE,
        trust: Trust = Trust.VERIFIED,
        room_id: RoomId = ROOM,
    ) -> Inbound:
        """An event."""
        self._events += 1
        event_id = EventId(f"$in{self._events}")
        standing = DeviceStanding.VERIFIED
        return Inbound(
            bot=BOT,
            room_id=room_id,
            event_id=event_id,
            sender=sender,
            event_type=kind,
            content=content,
            trust=trust,
            standing=standing,
            at_ms=NOW_MS,
        )

    def settle(self, heard: Heard, sender: UserId = ALICE) -> bool:
        """Let what was heard count."""
        assert heard.kept is not None
        chosen: Any = heard.outcome
        answered = Answered(heard.kept, self.inbound({}, sender=sender), chosen)
        return prompts.settle(self.txn, self.sender(), answered, "Answer: done", GROUND)

    def shut(self, prompt: Prompt, closing: Closing | None = None) -> None:
        """Close a prompt."""
        closing = closing or Closing("It is over.")
        prompts.close(self.txn, self.sender(), self.kept(prompt), closing, GROUND)

    def outbox(self) -> list[tuple[str, Any, Any, Mapping[str, Any]]]:
        """(type, relation, redacts, content) of all rows in order."""
        self.txn.execute(
            "SELECT event_type, relation, redacts, content FROM runtime.outbox ORDER BY seq"
        )
        return [(*row, opened(content)) for *row, content in self.txn.fetchall()]

    def shown(self) -> list[str]:
        """New bodies of all edits, in order."""
        return [
            content["m.new_content"]["body"]
            for _, relation, _, content in self.outbox()
            if relation and relation[0] == "m.replace"
        ]
