"""One case in one transaction: where it is spoken of, on what ground, and what is learned of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency.cases.service.conversation import AskedOf
from veche.chat import prompts
from veche.chat.prompts import Closing
from veche.chat.sending import Ground
from veche.messaging import jobs
from veche.messaging.jobs import Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.agency.cases.core.effects import Question, Topic
    from appservices.agency.cases.service.conversation import Conversation
    from appservices.agency.cases.store import CaseFile
    from appservices.agency.language.core.definition import ServiceDefinition
    from appservices.agency.offices.core.context import Context
    from veche.protocol.ids import EffectId, RoomId, UserId
    from veche.protocol.message import Doc

LOG_LANGUAGE: Final = "en"
"""Language of rules in the log of acts."""


class LockedCase:
    """A case that is worked on; whoever made it saves ``file`` at the end.

    Attributes:
        scene: The transaction.
        definition: The service, in the version with which the case began.
        file: The case, with what was learned of it since.
        ground: On what ground the person is told of it.
    """

    def __init__(
        self, scene: Conversation, definition: ServiceDefinition, file: CaseFile, actor: str = "bot"
    ) -> None:
        """Take up a case.

        Args:
            scene: The transaction.
            definition: The service of the case.
            file: The case, locked.
            actor: The role that acts: ``bot``, or ``role:…`` of somebody of the staff.
        """
        self.scene = scene
        self.definition = definition
        self.file = file
        self.ground = Ground(
            person=file.person,
            purpose=definition.id,
            basis=definition.deadline.law.text(LOG_LANGUAGE),
            actor=actor,
            case=file.case.id,
        )

    @property
    def desk_ground(self) -> Ground:
        """On what ground the staff is told of it: no act on the person."""
        return attrs.evolve(self.ground, person=None)

    @property
    def context(self) -> Context:
        """The world around it."""
        return self.scene.context(self.file.person)

    @property
    def page(self) -> str | None:
        """Address of its page; a person without an account cannot open it."""
        links = self.scene.links if self.context.has_client else None
        return links.page("cases", self.file.case.id) if links else None

    def change(self, **values: Any) -> None:
        """Note what was learned."""
        self.file = attrs.evolve(self.file, **values)

    def tell_person(self, doc: Doc, *, is_quiet: bool = False) -> EffectId:
        """Say something to the person."""
        room_id, person = self.file.person_room, self.file.person
        return self.scene.tell(room_id, person, doc, ground=self.ground, is_quiet=is_quiet)

    def ask_person(self, question: Question) -> None:
        """Ask the person."""
        asked = AskedOf(
            about=self.file.case.id,
            localizer=self.context.person,
            ground=self.ground,
            purpose={"case": self.file.case.id},
            url=self.page,
        )
        self.scene.ask_question(self.file.person_room, question, [self.file.person], asked)

    def ask_staff(self, room_id: RoomId, question: Question, scope: Sequence[UserId]) -> None:
        """Ask at a desk, in the thread of the case."""
        asked = AskedOf(
            about=self.file.case.id,
            localizer=self.context.staff,
            ground=self.desk_ground,
            purpose={"case": self.file.case.id},
            thread=self.file.desk_effect,
        )
        self.scene.ask_question(room_id, question, scope, asked)

    def close_questions(self, topics: Sequence[Topic]) -> None:
        """End the open questions of some topics, wherever they stand."""
        names = {topic.value for topic in topics}
        context, rooms = self.context, {self.file.person_room, self.file.chat_id}
        bot = self.scene.sender.bot.user_id
        for kept in prompts.open_about(self.scene.txn, bot, self.file.case.id):
            if kept.purpose.get("topic") not in names:
                continue
            is_person = kept.room_id in rooms
            localizer = context.person if is_person else context.staff
            ground = self.ground if is_person else self.desk_ground
            closing = Closing(localizer.text("This question is closed."))
            self.scene.end(kept, closing, ground)

    def send_off(self, kind: str, payload: Mapping[str, Any], due_at_ms: int = 0) -> None:
        """Have something done outside the transaction, or at a time.

        What the job needs of the case is read when it is performed: payloads are bounded.
        """
        whole = {"bot": self.file.bot, "case": self.file.case.id, **payload}
        due_at_ms = max(due_at_ms, self.scene.now_ms)
        job = Job(self.scene.sender.fresh_id(kind), kind, whole, due_at_ms)
        jobs.schedule(self.scene.txn, job)
