"""One transaction of an office: who speaks, to whom, in which language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from veche.protocol import message
from veche.protocol.catalogue import Catalogue
from veche.protocol.message import RelationKind
from veche.runtime import people, prompts
from veche.runtime.outbox import Relation
from veche.runtime.prompts import Answered, Closing
from veche.runtime.speak import Ground

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.agency.core.context import Context, Speech
    from appservices.agency.core.effects import Question
    from appservices.agency.service.offices import Workplace
    from veche.protocol.ids import EffectId, RoomId, Ulid, UserId
    from veche.protocol.message import Doc
    from veche.runtime.database import Cursor
    from veche.runtime.prompts import Kept
    from veche.runtime.speak import Voice

CATALOGUE = Catalogue.load("veche.protocol", "veche.protocol.forms", "appservices.agency")
"""Every text that the agency and what it uses can say."""

_AT_REQUEST = "request of the person"


@attrs.frozen
class Scene:
    """One office in one transaction.

    Attributes:
        txn: The transaction.
        voice: The office's bot, because of one cause.
        workplace: The office.
    """

    txn: Cursor
    voice: Voice
    workplace: Workplace

    @property
    def now_ms(self) -> int:
        """Moment of the cause, UTC."""
        return self.voice.now_ms

    def language_of(self, person: UserId) -> str:
        """The language that a person chose, else that of the office."""
        default = self.workplace.office.language
        return people.read(self.txn, person, default_language=default).language

    def context(self, person: UserId) -> Context:
        """The world around a step that concerns a person."""
        return self.workplace.context(self.now_ms, self.language_of(person))

    def speech(self, person: UserId) -> Speech:
        """How to speak to a person."""
        return self.context(person).person

    def ground(self, person: UserId | None, purpose: str = "help", case: str = "") -> Ground:
        """On what ground something is said."""
        return Ground(person=person, purpose=purpose, basis=_AT_REQUEST, case=case)

    def tell(
        self,
        room_id: RoomId,
        doc: Doc,
        ground: Ground,
        *,
        thread: EffectId | None = None,
        mentions: Sequence[UserId] = (),
        is_quiet: bool = False,
    ) -> EffectId:
        """Say something in words.

        Args:
            room_id: Where.
            doc: What.
            ground: Why the office may.
            thread: The message in whose thread it belongs.
            mentions: Whom it rings.
            is_quiet: Whether it notifies nobody.
        """
        content = message.notice(doc) if is_quiet else message.text(doc, mentions=mentions)
        relation = Relation(RelationKind.THREAD, thread) if thread else None
        return self.voice.say(room_id, content, ground, relation=relation)

    def ask(
        self,
        room_id: RoomId,
        question: Question,
        scope: Sequence[UserId],
        asking: AskedOf,
    ) -> None:
        """Ask a question; it takes the place of an open one about the same.

        Args:
            room_id: Where.
            question: What.
            scope: Who may answer.
            asking: What it is about, and how.
        """
        prompt_id = asking.prompt_id
        purpose = {**asking.purpose, "topic": question.topic.value, "thread": asking.thread}
        self.replace(room_id, purpose, asking.speech)
        one = prompts.Asking(
            room_id=room_id,
            prompt=question.prompt(prompt_id, scope),
            intro=question.intro,
            language=asking.speech.language,
            purpose=purpose,
            ground=asking.ground,
            mentions=scope if asking.rings else (),
            thread=asking.thread,
        )
        prompts.ask(self.txn, self.voice, one, CATALOGUE)

    def replace(self, room_id: RoomId, purpose: Mapping[str, Any], speech: Speech) -> None:
        """End open questions about the same, since a newer one follows.

        Questions outside any case (language, menu, introduction) are all about the same: where to
        go.
        """
        words = speech.text("A newer question has taken the place of this one.")
        for kept in prompts.of_room(self.txn, self.voice.bot.user_id, room_id):
            if kept.is_open and _is_same(kept.purpose, purpose):
                prompts.close(self.txn, self.voice, kept, Closing(words), self.ground(None))

    def settle(self, answered: Answered, speech: Speech, ground: Ground) -> bool:
        """Let an answer count and be shown in the question; False if it came second."""
        label = next(
            (c.label for c in answered.kept.prompt.choices if c.id == answered.chosen.choice), None
        )
        words = speech.text("Answer: {answer}", answer=label) if label else speech.text("Answered.")
        return prompts.settle(self.txn, self.voice, answered, words, ground)

    def close(self, kept: Kept, words: str) -> None:
        """End an open question without an answer."""
        prompts.close(self.txn, self.voice, kept, Closing(words), self.ground(None))


def _is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if one.get("case") is None:
        return other.get("case") is None
    return (one["case"], one.get("topic")) == (other.get("case"), other.get("topic"))


@attrs.frozen
class AskedOf:
    """How a question is asked.

    Attributes:
        prompt_id: Of the prompt.
        speech: Language of the words around it.
        purpose: What it is about, as JSON.
        ground: Why the office may ask.
        thread: The message in whose thread it belongs.
        rings: Whether those who may answer are mentioned.
    """

    prompt_id: Ulid
    speech: Speech
    purpose: Mapping[str, Any]
    ground: Ground
    thread: EffectId | None = None
    rings: bool = True
