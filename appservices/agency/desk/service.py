"""Messages and questions of a case at its desk.

A desk whose room is not made yet, or was lost, holds nobody up: the case goes on, and its card is
put there, with what is asked by then, once the room is there (``post_waiting``).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from appservices.agency.cases import store
from appservices.agency.cases.core.states import OVER, State
from appservices.agency.desk.texts import (
    claim_question,
    decide_question,
    desk_card_doc,
    file_docs,
    reply_question,
)
from veche.messaging.outbox import Relation
from veche.protocol import message
from veche.protocol.message import RelationKind
from veche.protocol.prompts import SCOPE_MAX
from veche.runtime.matrix.store import readers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.agency.cases.core import effects as fx
    from appservices.agency.cases.service.locked_case import LockedCase
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.message import Doc

logger = logging.getLogger(__name__)

POST_WAITING: Final = "agency.waiting"
"""Job that puts cases on a desk which wait for it."""


def post(locked: LockedCase, effect: fx.PostToDesk) -> None:
    """Put the case on a desk: its card, which begins its thread, and a question."""
    desk = locked.scene.workplace.desk_for(effect.desk)
    locked.change(desk=desk, desk_effect=None)
    room_id = _room(locked, desk)
    if room_id is None:
        return
    _post_card(locked, room_id, effect.doc)
    _ask(locked, room_id, effect.question)


def update_card(locked: LockedCase, effect: fx.UpdateDeskCard) -> None:
    """Show at the desk where the case stands now."""
    room_id = desk_room(locked, effect.desk)
    if room_id is not None and locked.file.desk_effect is not None:
        relation = Relation(RelationKind.REPLACE, locked.file.desk_effect)
        content = message.edit(message.text(effect.doc))
        locked.scene.sender.say(room_id, content, locked.desk_ground, relation=relation)


def tell(locked: LockedCase, effect: fx.TellDesk) -> None:
    """Say something in the thread of the case."""
    tell_desk(locked, effect.desk, effect.doc)


def ask(locked: LockedCase, effect: fx.AskDesk) -> None:
    """Ask somebody, or anybody, in the thread of the case."""
    room_id = desk_room(locked, effect.desk)
    if room_id is not None:
        _ask(locked, room_id, effect.question)


def escalate(locked: LockedCase, effect: fx.Escalate) -> None:
    """Hand the case up to whoever has the duty; who is not at the desk yet is invited."""
    room_id = desk_room(locked, locked.definition.desk)
    if room_id is None:
        return
    workplace = locked.scene.workplace
    users = [one.user_id for one in workplace.with_duty(effect.to) if one.decides][:SCOPE_MAX]
    present = {user_id for user_id, _ in readers(locked.scene.txn, room_id)}
    for user in users:
        if user not in present:
            locked.scene.sender.set_membership(room_id, user, "invite", locked.desk_ground)
    _tell(locked, room_id, effect.doc, users)
    if effect.question is not None:
        locked.ask_staff(room_id, effect.question, users or _deciding(locked))


def tell_desk(locked: LockedCase, desk: str, doc: Doc) -> None:
    """Say something in the thread of the case at the desk that has it."""
    room_id = desk_room(locked, desk)
    if room_id is not None:
        _tell(locked, room_id, doc)


def post_waiting(locked: LockedCase) -> None:
    """Put a case on the desk that it waits for, with all that is asked by now."""
    case, context = locked.file.case, locked.context
    desk = locked.file.desk
    room_id = _room(locked, desk) if desk is not None else None
    if room_id is None or locked.file.desk_effect is not None or case.state in OVER:
        return
    if case.is_at_desk:
        _post_card(locked, room_id, desk_card_doc(locked.definition, case, context))
    if case.is_at_desk and case.state in {State.SUBMITTED, State.IN_REVIEW}:
        review = locked.definition.review
        if review is not None and case.clerk is not None:
            for doc in file_docs(locked.definition, case, context):
                _tell(locked, room_id, doc)
            _ask(locked, room_id, decide_question(locked.definition, case, review, context))
        else:
            _ask(locked, room_id, claim_question(locked.definition, case, context))
    if case.question is not None:
        _ask(locked, room_id, reply_question(case, context))


def desk_room(locked: LockedCase, desk: str) -> RoomId | None:
    """The room of the desk that has the case; None while there is none.

    A case whose desk has nobody left who decides moves to the one that does its work now.
    """
    at = locked.file.desk
    now_at = locked.scene.workplace.desk_for(desk if at is None else at)
    if now_at == at:
        return _room(locked, at)
    was_there = locked.file.desk_effect is not None
    locked.change(desk=now_at, desk_effect=None)
    if was_there:
        post_waiting(locked)
    return _room(locked, now_at)


def _room(locked: LockedCase, desk: str) -> RoomId | None:
    room_id = store.desk_room(locked.scene.txn, locked.file.bot, desk)
    if room_id is None:
        logger.warning("case %s waits for the room of desk %s", locked.file.case.id, desk)
    return room_id


def _post_card(locked: LockedCase, room_id: RoomId, doc: Doc) -> None:
    effect = locked.scene.say(room_id, doc, locked.desk_ground)
    locked.change(desk_effect=effect)


def _tell(locked: LockedCase, room_id: RoomId, doc: Doc, mentions: Sequence[UserId] = ()) -> None:
    thread = locked.file.desk_effect
    locked.scene.say(room_id, doc, locked.desk_ground, thread=thread, mentions=mentions)


def _ask(locked: LockedCase, room_id: RoomId, question: fx.Question) -> None:
    user = None
    if question.to is not None:
        user = locked.scene.workplace.user_of(question.to)
    locked.ask_staff(room_id, question, [user] if user is not None else _deciding(locked))


def _deciding(locked: LockedCase) -> list[UserId]:
    """List those who may answer at the case's desk; never empty, as that would be anybody."""
    workplace = locked.scene.workplace
    desk = workplace.desk_for(locked.file.desk or locked.definition.desk)
    return [one.user_id for one in workplace.at_desk(desk) if one.decides][:SCOPE_MAX]
