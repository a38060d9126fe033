"""One transaction of an office: who speaks, to whom, in which language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency import store
from appservices.agency.core.texts.approval import release_shown
from appservices.agency.store import PageOutcome
from veche.chat import people, prompts
from veche.chat.prompts import Answered, Closing
from veche.chat.sending import Ground
from veche.messaging.outbox import Relation
from veche.protocol import message
from veche.protocol.message import RelationKind
from veche.protocol.texts.catalogue import Catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.agency.core.context import Context
    from appservices.agency.core.effects import Question
    from appservices.agency.service.offices import Workplace
    from veche.access.approvals import Approvals
    from veche.chat.prompts import Kept
    from veche.chat.sending import Sender
    from veche.protocol.ids import EffectId, EventId, RoomId, UserId
    from veche.protocol.message import Doc
    from veche.protocol.texts.localizer import Localizer
    from veche.runtime.database import Cursor
    from veche.runtime.web.public import PageLinks

CATALOGUE = Catalogue.load("veche.protocol", "veche.protocol.forms", "appservices.agency")
"""Every text that the agency and what it uses can say."""

AT_REQUEST: Final = "request of the person"
"""Basis of what is said to somebody who wrote to an office."""
AT_WORK: Final = "work of the office"
"""Basis of what is said at a desk outside any case."""


@attrs.frozen
class Scene:
    """One office in one transaction.

    Attributes:
        txn: The transaction.
        sender: The office's bot, because of one cause.
        workplace: The office.
        approvals: Asks for what keys of persons have to approve.
        links: Addresses of the pages; None if there are none here.
        page_act: The act on a page that is the cause; None if something else is.
    """

    txn: Cursor
    sender: Sender
    workplace: Workplace
    approvals: Approvals
    links: PageLinks | None = None
    page_act: EventId | None = None

    @property
    def now_ms(self) -> int:
        """Moment of the cause, UTC."""
        return self.sender.now_ms

    def language_of(self, person: UserId) -> str:
        """The language that a person chose, else that of the office."""
        default = self.workplace.office.language
        return people.read(self.txn, person, default_language=default).language

    def context(self, person: UserId) -> Context:
        """The world around a step that concerns a person."""
        return self.workplace.context(self.now_ms, self.language_of(person))

    def localizer(self, person: UserId) -> Localizer:
        """How to speak to a person."""
        return self.context(person).person

    def ground(self, person: UserId, purpose: str = "help") -> Ground:
        """On what ground something is said to a person outside any case."""
        return Ground(person=person, purpose=purpose, basis=AT_REQUEST)

    def desk_ground(self) -> Ground:
        """On what ground something is said at a desk outside any case."""
        return Ground(person=None, purpose="desk", basis=AT_WORK)

    def link_to(self, room_id: RoomId) -> str:
        """Address by which any client opens a room of the office."""
        server = self.sender.bot.user_id.partition(":")[2]
        return f"https://matrix.to/#/{room_id}?via={server}"

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
        return self.sender.say(room_id, content, ground, relation=relation)

    def refuse(
        self,
        room_id: RoomId,
        doc: Doc,
        ground: Ground,
        reason: str,
        mentions: Sequence[UserId] = (),
    ) -> None:
        """Tell a person that what they did does not count, where they did it.

        Args:
            room_id: Where it would be said.
            doc: Why, in words.
            ground: Why the office may.
            reason: Why, for programs.
            mentions: Whom it rings.
        """
        if self.page_act is None:
            self.tell(room_id, doc, ground, mentions=mentions)
            return
        outcome = PageOutcome(reason=reason, words=message.body(doc))
        store.keep_page_outcome(self.txn, self.page_act, outcome, self.now_ms)

    def ask(
        self, room_id: RoomId, question: Question, scope: Sequence[UserId], asked: AskedOf
    ) -> None:
        """Ask a question; it takes the place of an open one about the same.

        Args:
            room_id: Where.
            question: What.
            scope: Who may answer; at least one.
            asked: What it is about, and how.
        """
        self.replace(asked.about, question.topic.value, asked.localizer, asked.ground)
        approve = {
            choice: self.approvals.asked(self.sender, scope[0], "release", release_shown(release))
            for choice, release in question.approve.items()
        }
        id_ = self.sender.fresh_ulid("prompt")
        one = prompts.Asking(
            room_id=room_id,
            prompt=question.prompt(id_, scope, asked.url, approve),
            intro=question.intro,
            language=asked.localizer.language,
            about=asked.about,
            purpose={**asked.purpose, "topic": question.topic.value},
            ground=asked.ground,
            mentions=scope,
            thread=asked.thread,
            kept_form=question.whole_form,
        )
        self.approvals.ask(self.txn, self.sender, one, CATALOGUE)

    def replace(self, about: str, topic: str, localizer: Localizer, ground: Ground) -> None:
        """End the open questions about a matter that a newer one takes the place of.

        About a case that is one of the same topic. Those of a chat (language, menu, introduction)
        are all about the same: where to go.
        """
        words = localizer.text("A newer question has taken the place of this one.")
        for kept in prompts.open_about(self.txn, self.sender.bot.user_id, about):
            if about.startswith(_CHAT) or kept.purpose.get("topic") == topic:
                closing = Closing(words, is_replaced=True)
                prompts.close(self.txn, self.sender, kept, closing, ground)

    def settle(self, answered: Answered, localizer: Localizer, ground: Ground) -> bool:
        """Let an answer count and be shown in the question; False if it came second."""
        label = next(
            (c.label for c in answered.kept.prompt.choices if c.id == answered.chosen.choice), None
        )
        words = (
            localizer.text("Answer: {answer}", answer=label)
            if label
            else localizer.text("Answered.")
        )
        return prompts.settle(self.txn, self.sender, answered, words, ground)

    def close(self, kept: Kept, words: str, ground: Ground) -> None:
        """End an open question without an answer."""
        prompts.close(self.txn, self.sender, kept, Closing(words), ground)


@attrs.frozen
class AskedOf:
    """How a question is asked.

    Attributes:
        about: The matter: the id of a case, or ``chat_matter``.
        localizer: Language of the words around it.
        ground: Why the office may ask.
        purpose: What else is to be remembered, as JSON.
        thread: The message in whose thread it belongs.
        url: The page where it can be answered too.
    """

    about: str
    localizer: Localizer
    ground: Ground
    purpose: Mapping[str, Any] = attrs.field(factory=dict)
    thread: EffectId | None = None
    url: str | None = None


_CHAT: Final = "chat "


def chat_matter(room_id: RoomId) -> str:
    """What the questions of a chat, outside any case, are about."""
    return _CHAT + room_id
