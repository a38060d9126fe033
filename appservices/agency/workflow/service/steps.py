"""Beginning a case, and letting something happen to one: the case machine, and what it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.agency.cases import store
from appservices.agency.cases.core.effects import RefusalReason
from appservices.agency.cases.core.inputs import Answers, StaffInput
from appservices.agency.cases.service.cases import definition_of
from appservices.agency.cases.service.locked_case import LockedCase
from appservices.agency.cases.store import CaseFile
from appservices.agency.cases.texts.approval import CHANGE
from appservices.agency.workflow.core.machine import open_case, step
from appservices.agency.workflow.service.effect_handlers import carry_out
from veche.protocol.forms.state import Pressed
from veche.protocol.message import Paragraph
from veche.runtime.crypto.tracking import pin_identity

if TYPE_CHECKING:
    from appservices.agency.cases.core.inputs import Input
    from appservices.agency.cases.core.turn import Outcome
    from appservices.agency.cases.service.conversation import Conversation
    from appservices.agency.offices.service import OpenService
    from veche.chat.prompts import Answered
    from veche.protocol.ids import RoomId, UserId

OPEN_CASES_MAX: Final = 20
"""Cases that one person may have open with one office; less than a list shows."""


def begin(scene: Conversation, person: UserId, chat_id: RoomId, service: OpenService) -> None:
    """Begin a case in a chat; a person who has very many open is told so instead.

    From now on something is stored about the person, so the identity that they have now is pinned.
    If it is begun on a page, that learns its id.
    """
    bot = scene.sender.bot.user_id
    if len(store.open_cases(scene.txn, bot, person)) >= OPEN_CASES_MAX:
        words = scene.localizer(person).text(
            "You have {count} open cases with this office. Please finish or withdraw one first.",
            count=OPEN_CASES_MAX,
        )
        reason = RefusalReason.TOO_MANY.value
        scene.reply.refuse(scene, (chat_id, person), (Paragraph(words),), reason)
        return
    definition = service.definition
    pin_identity(scene.txn, person, scene.now_ms)
    store.keep_definition(scene.txn, definition.digest, definition.id, service.kept, scene.now_ms)
    outcome = open_case(
        definition,
        case_id=scene.sender.fresh_ulid("case"),
        subject=scene.sender.pseudonym(person),
        context=scene.context(person),
    )
    locked = LockedCase(scene, definition, CaseFile(outcome.case, bot, person, chat_id))
    store.add_case(scene.txn, locked.file)
    carry_out(locked, outcome.effects)
    store.save_case(scene.txn, locked.file)
    scene.reply.made(scene, outcome.case.id)


def step_file(
    scene: Conversation, file: CaseFile, heard: Input, answered: Answered | None = None
) -> Outcome:
    """Let something happen to a case that is locked; as ``take_step``."""
    definition = definition_of(scene, file)
    context = scene.context(file.person)
    outcome = step(definition, file.case, heard, context)
    locked = LockedCase(scene, definition, file, _actor(heard))
    locked.change(case=outcome.case)
    if answered is not None and outcome.refusal is None:
        is_person = answered.inbound.sender == file.person
        localizer = context.person if is_person else context.staff
        ground = locked.ground if is_person else locked.desk_ground
        if not scene.accept(answered, localizer, ground):
            # The key was revoked by then. Another one can approve the answers, shown once more.
            changed = Answers(Pressed(CHANGE), answered.inbound.trust)
            return step_file(scene, file, changed) if answered.chosen.approved_by else outcome
    carry_out(locked, outcome.effects)
    if file.case.form is not None and outcome.case.form is None:
        store.drop_page_draft(scene.txn, file.case.id)
    store.save_case(scene.txn, locked.file)
    return outcome


def _actor(heard: Input) -> str:
    """Name the actor for the log: a role, never a name."""
    return f"role:{heard.by.role.value}" if isinstance(heard, StaffInput) else "bot"
