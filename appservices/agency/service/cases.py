"""Cases: one step of one case, and carrying out what it asks for.

The core says what must happen; here it becomes messages, questions, errands and clocks, all rows of
the transaction in which the case was stepped.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency import store
from appservices.agency.core import effects as fx
from appservices.agency.core.language import read_service
from appservices.agency.core.machine import open_case, step
from appservices.agency.core.states import OVER
from appservices.agency.service.scene import AskedOf
from appservices.agency.store import CaseFile
from veche.protocol import message
from veche.protocol.acts import ActClass, unpadded
from veche.protocol.case import CASE_KEY
from veche.protocol.document import DOCUMENT_KEY, IssuedDocument
from veche.protocol.ids import derived_ulid, effect_id
from veche.protocol.message import Paragraph, RelationKind
from veche.protocol.prompts import SCOPE_MAX
from veche.runtime import errands, prompts
from veche.runtime.errands import Errand
from veche.runtime.outbox import Relation
from veche.runtime.speak import Ground

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.agency.core.case import Timer
    from appservices.agency.core.context import Context
    from appservices.agency.core.definition import ServiceDefinition
    from appservices.agency.core.inputs import Input
    from appservices.agency.core.machine import Outcome
    from appservices.agency.service.offices import OpenService
    from appservices.agency.service.scene import Scene
    from veche.protocol.ids import EffectId, RoomId, UserId
    from veche.runtime.prompts import Answered

MAKE_ROOM: Final = "agency.room"
MAKE_DOCUMENT: Final = "agency.document"
SEND_EXPORT: Final = "agency.export"
CLOCK: Final = "agency.clock"
OPEN_CASES_MAX: Final = 20
"""Cases that one person may have open with one office."""


def begin(scene: Scene, person: UserId, chat_id: RoomId, service: OpenService) -> None:
    """Begin a case in a chat; a person who has very many open is told so instead."""
    speech = scene.speech(person)
    bot = scene.voice.bot.user_id
    if len(store.open_cases(scene.txn, bot, person)) >= OPEN_CASES_MAX:
        words = speech.text(
            "You have {count} open cases with this office. Please finish or withdraw one first.",
            count=OPEN_CASES_MAX,
        )
        scene.tell(chat_id, (Paragraph(words),), scene.ground(person))
        return
    definition = service.definition
    store.keep_definition(scene.txn, definition.digest, definition.id, service.kept, scene.now_ms)
    outcome = open_case(
        definition,
        case_id=derived_ulid(scene.now_ms, scene.voice.cause, "case"),
        subject=scene.voice.pseudonym(person),
        context=scene.context(person),
    )
    file = CaseFile(outcome.case, bot, person, chat_id)
    store.add_case(scene.txn, file)
    store.save_case(scene.txn, _Deeds(scene, definition, file).carry_out(outcome))


def take_step(
    scene: Scene, case_id: str, heard: Input, answered: Answered | None = None
) -> Outcome | None:
    """Let something happen to a case.

    Args:
        scene: The transaction.
        case_id: Of the case; it is locked.
        heard: What happened.
        answered: The question that it answers; it is settled unless the input is refused.

    Returns:
        None if there is no such case.
    """
    file = store.lock_case(scene.txn, case_id)
    if file is None:
        return None
    return step_file(scene, file, heard, answered)


def step_file(
    scene: Scene, file: CaseFile, heard: Input, answered: Answered | None = None
) -> Outcome:
    """Let something happen to a case that is locked; as ``take_step``."""
    definition = definition_of(scene, file)
    context = scene.context(file.person)
    outcome = step(definition, file.case, heard, context)
    deeds = _Deeds(scene, definition, attrs.evolve(file, case=outcome.case))
    if answered is not None and outcome.refusal is None:
        speech = context.person if answered.inbound.sender == file.person else context.staff
        scene.settle(answered, speech, deeds.ground)
    store.save_case(scene.txn, deeds.carry_out(outcome))
    return outcome


def definition_of(scene: Scene, file: CaseFile) -> ServiceDefinition:
    """The service of a case, in the version with which it began."""
    current = scene.workplace.services.get(file.case.service)
    if current is not None and current.definition.digest == file.case.digest:
        return current.definition
    kept = store.definition(scene.txn, file.case.digest)
    if kept is None:
        raise AssertionError("a case refers to its definition")
    return _read(kept.source)


@functools.lru_cache(maxsize=64)
def _read(source: str) -> ServiceDefinition:
    return read_service(source)


class _Deeds:
    """Carries out the effects of one step."""

    def __init__(self, scene: Scene, definition: ServiceDefinition, file: CaseFile) -> None:
        self.scene = scene
        self.definition = definition
        self.file = file
        case = file.case
        self.ground = Ground(
            person=file.person,
            purpose=definition.id,
            basis=definition.deadline.law.text("en"),
            case=case.id,
        )
        self._count = 0

    @property
    def context(self) -> Context:
        return self.scene.context(self.file.person)

    def carry_out(self, outcome: Outcome) -> CaseFile:
        """All effects in their order; the case with what the shell learned."""
        for effect in outcome.effects:
            self._count += 1
            self._carry_out(effect)
        return self.file

    def _carry_out(self, effect: fx.Effect) -> None:
        match effect:
            case fx.TellPerson(doc=doc, is_quiet=is_quiet):
                self._tell_person(doc, is_quiet=is_quiet)
            case fx.AskPerson(question=question):
                self._ask_person(question)
            case fx.UpdateCard():
                self._update_card(effect)
            case fx.CloseQuestions(topics=topics):
                self._close_questions(topics)
            case fx.SetClock(timer=timer):
                self._set_clock(timer)
            case fx.Refused():
                self._refuse(effect)
            case fx.RecordHistory() | fx.Close():
                pass  # the history is in the case itself
            case _:
                self._carry_out_at_desk(effect)

    def _carry_out_at_desk(self, effect: fx.Effect) -> None:
        match effect:
            case fx.PostToDesk(desk=desk, doc=doc, question=question):
                self._post_to_desk(desk, doc, question)
            case fx.UpdateDeskCard(desk=desk, doc=doc):
                self._update_desk_card(desk, doc)
            case fx.TellDesk(desk=desk, doc=doc):
                self._tell_desk(desk, doc)
            case fx.AskDesk(desk=desk, question=question):
                self._ask_desk(desk, question)
            case fx.Escalate(to=to, doc=doc, question=question):
                self._escalate(to, doc, question)
            case _:
                self._send_out(effect)

    def _send_out(self, effect: fx.Effect) -> None:
        match effect:
            case fx.InviteClerk(staff=staff):
                self._set_clerk(staff, "invite")
            case fx.RemoveClerk(staff=staff):
                self._set_clerk(staff, "leave")
            case fx.MakeRoom(name=name):
                self._send_off(MAKE_ROOM, {"name": name})
            case fx.MakeDocument(template=template):
                self._send_off(MAKE_DOCUMENT, {"template": template})
            case fx.SendDocument():
                self._send_document(effect)
            case fx.SendExport(filename=filename):
                self._send_off(SEND_EXPORT, {"filename": filename})
            case _:
                raise AssertionError(f"no way to carry out {type(effect).__name__}")

    # The person.

    def _tell_person(self, doc: message.Doc, *, is_quiet: bool) -> None:
        self.scene.tell(
            self.file.person_room,
            doc,
            self.ground,
            mentions=[self.file.person],
            is_quiet=is_quiet,
        )

    def _ask_person(self, question: fx.Question) -> None:
        self._ask(self.file.person_room, question, [self.file.person])

    def _update_card(self, effect: fx.UpdateCard) -> None:
        content = message.text(effect.doc, payload={CASE_KEY: effect.card})
        say = self.scene.voice.say
        if self.file.card_effect is None:
            card = say(self.file.person_room, content, self.ground)
            self.file = attrs.evolve(self.file, card_effect=card)
            return
        relation = Relation(RelationKind.REPLACE, self.file.card_effect)
        say(self.file.person_room, message.edit(content), self.ground, relation=relation)

    def _refuse(self, refused: fx.Refused) -> None:
        if refused.party is fx.Party.PERSON:
            self._tell_person(refused.doc, is_quiet=False)
        elif refused.party is fx.Party.STAFF:
            self._tell_desk(self.definition.desk, refused.doc)

    # The desk.

    def _desk_room(self, desk: str) -> RoomId:
        room_id = store.desk_room(self.scene.txn, self.file.bot, desk)
        if room_id is None:
            raise AssertionError(
                f"the desk {desk} has no room: it is made before anybody is served"
            )
        return room_id

    def _post_to_desk(self, desk: str, doc: message.Doc, question: fx.Question) -> None:
        effect = self.scene.tell(self._desk_room(desk), doc, self._staff_ground())
        self.file = attrs.evolve(self.file, desk_effect=effect)
        self._ask_desk(desk, question)

    def _update_desk_card(self, desk: str, doc: message.Doc) -> None:
        if self.file.desk_effect is not None:
            relation = Relation(RelationKind.REPLACE, self.file.desk_effect)
            content = message.edit(message.text(doc))
            room_id = self._desk_room(desk)
            self.scene.voice.say(room_id, content, self._staff_ground(), relation=relation)

    def _tell_desk(self, desk: str, doc: message.Doc, mentions: Sequence[UserId] = ()) -> None:
        self.scene.tell(
            self._desk_room(desk),
            doc,
            self._staff_ground(),
            thread=self.file.desk_effect,
            mentions=mentions,
        )

    def _ask_desk(self, desk: str, question: fx.Question) -> None:
        if question.to is not None:
            user = self.scene.workplace.user_of(question.to)
            scope = [user] if user is not None else []
        else:
            scope = [one.user_id for one in self.scene.workplace.at_desk(desk) if one.decides]
        self._ask(self._desk_room(desk), question, scope[:SCOPE_MAX], is_staff=True)

    def _escalate(self, to: str, doc: message.Doc, question: fx.Question | None) -> None:
        users = [one.user_id for one in self.scene.workplace.with_duty(to)]
        desk = self.definition.desk
        self._tell_desk(desk, doc, mentions=users[:SCOPE_MAX])
        if question is not None and users:
            scope = users[:SCOPE_MAX]
            self._ask(self._desk_room(desk), question, scope, is_staff=True)

    def _set_clerk(self, staff: str, membership: str) -> None:
        user = self.scene.workplace.user_of(staff)
        if user is not None and self.file.room_id is not None:
            self.scene.voice.set_membership(self.file.room_id, user, membership, self.ground)

    def _staff_ground(self) -> Ground:
        return attrs.evolve(self.ground, person=None)

    # Both.

    def _ask(
        self,
        room_id: RoomId,
        question: fx.Question,
        scope: Sequence[UserId],
        *,
        is_staff: bool = False,
    ) -> None:
        case = self.file.case
        context = self.context
        asked = AskedOf(
            prompt_id=derived_ulid(self.scene.now_ms, case.id, case.serial, self._count),
            speech=context.staff if is_staff else context.person,
            purpose={"case": case.id},
            ground=self._staff_ground() if is_staff else self.ground,
            thread=self.file.desk_effect if is_staff else None,
        )
        self.scene.ask(room_id, question, scope, asked)

    def _close_questions(self, topics: Sequence[fx.Topic]) -> None:
        names = {topic.value for topic in topics}
        rooms: set[RoomId] = {self.file.person_room, self.file.chat_id}
        desk = store.desk_room(self.scene.txn, self.file.bot, self.definition.desk)
        if desk is not None:
            rooms.add(desk)
        words = self.context.person.text("This question is closed.")
        for room_id in sorted(rooms):
            for kept in prompts.of_room(self.scene.txn, self.file.bot, room_id):
                is_about = kept.purpose.get("case") == self.file.case.id
                if kept.is_open and is_about and kept.purpose.get("topic") in names:
                    self.scene.close(kept, words)

    # What takes an errand.

    def _send_off(self, kind: str, payload: Mapping[str, Any], due_at_ms: int = 0) -> EffectId:
        case = self.file.case
        errand = effect_id(kind, case.id, case.serial, self._count)
        # What the errand needs of the case is read when it is performed: payloads are bounded.
        whole = {"bot": self.file.bot, "case": case.id, **payload}
        due_at_ms = max(due_at_ms, self.scene.now_ms)
        errands.schedule(self.scene.txn, Errand(errand, kind, whole, due_at_ms))
        return errand

    def _set_clock(self, timer: Timer) -> None:
        payload = {"timer": timer.kind.value, "serial": timer.serial}
        self._send_off(CLOCK, payload, timer.at_ms)

    def _send_document(self, effect: fx.SendDocument) -> None:
        if self.file.document is None:
            raise AssertionError("a document is made before it is sent")
        issued = effect.issued
        workplace = self.scene.workplace
        payload = IssuedDocument(
            v=1,
            id=self.file.case.id,
            kind=effect.kind,
            title=issued.title,
            sha256=unpadded(bytes.fromhex(issued.sha256)),
            issuer=workplace.organisation,
            valid_until_ms=issued.valid_until_ms,
        )
        content = message.file(
            filename=effect.filename,
            caption=effect.caption,
            encrypted_file=self.file.document,
            mimetype="application/pdf",
            size_bytes=issued.size_bytes,
            payload={DOCUMENT_KEY: payload},
        )
        self.scene.voice.say(self.file.person_room, content, self.ground, act=ActClass.DOC_ISSUED)


def is_over(file: CaseFile) -> bool:
    """Whether nobody works on a case any more."""
    return file.case.state in OVER
