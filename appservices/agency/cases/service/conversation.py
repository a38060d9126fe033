"""One transaction of an office: who speaks, to whom, in which language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs

from appservices.agency.cases import store
from appservices.agency.cases.core.commands import CHAT_COMMANDS
from appservices.agency.cases.core.effects import Topic
from appservices.agency.cases.store import CaseFile, PageOutcome
from appservices.agency.cases.texts.approval import release_shown
from appservices.agency.offices.service import Workplace
from veche.bots import AT_REQUEST, BotProfile, ChatParts, Chats, RoomReply
from veche.bots import Conversation as BotConversation
from veche.chat import prompts
from veche.chat.prompts import Answered, Closing
from veche.chat.sending import Ground
from veche.protocol import message
from veche.protocol.texts.catalogue import Catalogue
from veche.runtime.widget import widget_state

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from twisted.internet.defer import DeferredSemaphore

    from appservices.agency.cases.core.effects import Question
    from appservices.agency.cases.core.inputs import Input
    from appservices.agency.cases.core.turn import Outcome
    from appservices.agency.offices.core.context import Context
    from veche.api.sealing_client import Sealer
    from veche.protocol.ids import EffectId, EventId, RoomId, UserId
    from veche.protocol.message import Doc
    from veche.protocol.texts.localizer import Localizer
    from veche.runtime.database import Cursor

CATALOGUE = Catalogue.load("veche.protocol", "veche.protocol.forms", "appservices.agency")
"""Every text that the agency and what it uses can say."""

PURPOSE: Final = "agency"
AT_WORK: Final = "work of the office"
"""Basis of what is said at a desk outside any case."""


class StepFile(Protocol):
    """Lets something happen to a locked case; what the parts of an office call the workflow by."""

    def __call__(
        self,
        scene: Conversation,
        file: CaseFile,
        heard: Input,
        answered: Answered | None = None,
        /,
    ) -> Outcome:
        """Take the step, and carry out what it asks for."""


@attrs.frozen
class OfficeParts(ChatParts[Workplace]):
    """Hold what all transactions of one office share; its section is the office as it works.

    Attributes:
        sealer: The seal of its organisation; None: its documents carry none.
        fetches: Files of persons that are in memory at once, of all offices.
        step_file: Lets something happen to a case: the workflow.
    """

    profile = BotProfile(PURPOSE, CATALOGUE, CHAT_COMMANDS, Chats(PURPOSE), frozenset(Topic))
    sealer: Sealer | None
    fetches: DeferredSemaphore
    step_file: StepFile

    @property
    def chats(self) -> Chats:
        """Return the table that says which person's chat with the office a room is."""
        return Chats(PURPOSE, self.bot.user_id)

    def conversation(
        self, txn: Cursor, cause: str, now_ms: int, page_act: EventId | None = None
    ) -> Conversation:
        """Begin what the office does in a transaction; see ``ChatParts``.

        Args:
            txn: The transaction.
            cause: Id of what makes the bot act, see ``Sender``.
            now_ms: The moment of the cause, UTC.
            page_act: The act on a page that is the cause, if one is.
        """
        reply = RoomReply() if page_act is None else PageReply(page_act)
        return Conversation(txn, self.sender(txn, cause, now_ms), self, reply=reply)

    def widget(self, language: str) -> Sequence[Mapping[str, Any]]:
        """State that shows the cases of a person in a room; none where there are no pages."""
        links = self.host.links
        url = links.widget() if links is not None else None
        return widget_state(url, self.bot.user_id, self.section.name_in(language))


@attrs.frozen
class PageReply:
    """Tells it to the page that waits for what became of an act.

    Attributes:
        act: Id of the act.
    """

    act: EventId

    def refuse(
        self,
        scene: BotConversation[Any],
        _at: tuple[RoomId, UserId],
        doc: Doc,
        reason: str,
        _ground: Ground | None = None,
        /,
    ) -> None:
        """Keep why it does not count; see ``Reply``."""
        self._keep(scene, PageOutcome(reason=reason, words=message.body(doc)))

    def made(self, scene: BotConversation[Any], made_id: str, /) -> None:
        """Keep the id of the case; see ``Reply``."""
        self._keep(scene, PageOutcome(case_id=made_id))

    def _keep(self, scene: BotConversation[Any], outcome: PageOutcome) -> None:
        store.keep_page_outcome(scene.txn, self.act, outcome, scene.now_ms)


@attrs.frozen
class Conversation(BotConversation[Workplace]):
    """One office in one transaction."""

    parts: OfficeParts

    @property
    def workplace(self) -> Workplace:
        """The office."""
        return self.section

    def context(self, person: UserId) -> Context:
        """The world around a step that concerns a person."""
        context = self.workplace.context(self.now_ms, self.language_of(person))
        return attrs.evolve(context, has_client=not self.is_bridged(person))

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

    def ask_question(
        self, room_id: RoomId, question: Question, scope: Sequence[UserId], asked: AskedOf
    ) -> None:
        """Ask a question; it takes the place of an open one about the same.

        Args:
            room_id: Where.
            question: What.
            scope: Who may answer; at least one.
            asked: What it is about, and how.
        """
        self.replace(asked.about, question.topic, asked.localizer, asked.ground)
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
            purpose={**asked.purpose, "topic": question.topic},
            ground=asked.ground,
            mentions=scope,
            thread=asked.thread,
            kept_form=question.whole_form,
        )
        self.put(one)

    def replace(self, about: str, topic: str, localizer: Localizer, ground: Ground) -> None:
        """End the open questions about a matter that a newer one takes the place of.

        About a case that is one of the same topic. Those of a chat (language, menu, introduction)
        are all about the same: where to go.
        """
        words = localizer.text("This question was replaced by the one below.")
        for kept in prompts.open_about(self.txn, self.sender.bot.user_id, about):
            if about.startswith(_CHAT) or kept.purpose.get("topic") == topic:
                self.end(kept, Closing(words, is_replaced=True), ground)

    def accept(self, answered: Answered, localizer: Localizer, ground: Ground) -> bool:
        """Let an answer count and be shown in the question; False if it does not."""
        chosen = answered.kept.prompt.choice(answered.chosen.choice)
        words = (
            localizer.text("Answer: {answer}", answer=chosen.label)
            if chosen
            else localizer.text("Answered.")
        )
        return self.settle(answered, words, ground)


@attrs.frozen
class AskedOf:
    """How a question is asked.

    Attributes:
        about: What it is about: the id of a case, or ``chat_subject``.
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


def chat_subject(room_id: RoomId) -> str:
    """Return the subject of a chat's questions outside any case."""
    return _CHAT + room_id
