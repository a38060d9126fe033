"""What a case says and asks at its desk.

A desk whose room is not made yet, or was lost, holds nobody up: the case goes on, and its card is
put there, with what is asked by then, once the room is there (``post_waiting``).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from appservices.agency import store
from appservices.agency.core.states import OVER, State
from appservices.agency.core.texts.desk import (
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

    from appservices.agency.core import effects as fx
    from appservices.agency.service.matter import Matter
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.message import Doc

logger = logging.getLogger(__name__)

POST_WAITING: Final = "agency.waiting"
"""Job that puts cases on a desk which wait for it."""


def post(matter: Matter, effect: fx.PostToDesk) -> None:
    """Put the case on a desk: its card, which begins its thread, and a question."""
    desk = matter.scene.workplace.desk_for(effect.desk)
    matter.change(desk=desk, desk_effect=None)
    room_id = _room(matter, desk)
    if room_id is None:
        return
    _post_card(matter, room_id, effect.doc)
    _ask(matter, room_id, effect.question)


def update_card(matter: Matter, effect: fx.UpdateDeskCard) -> None:
    """Show at the desk where the case stands now."""
    room_id = desk_room(matter, effect.desk)
    if room_id is not None and matter.file.desk_effect is not None:
        relation = Relation(RelationKind.REPLACE, matter.file.desk_effect)
        content = message.edit(message.text(effect.doc))
        matter.scene.sender.say(room_id, content, matter.desk_ground, relation=relation)


def tell(matter: Matter, effect: fx.TellDesk) -> None:
    """Say something in the thread of the case."""
    tell_desk(matter, effect.desk, effect.doc)


def ask(matter: Matter, effect: fx.AskDesk) -> None:
    """Ask somebody, or anybody, in the thread of the case."""
    room_id = desk_room(matter, effect.desk)
    if room_id is not None:
        _ask(matter, room_id, effect.question)


def escalate(matter: Matter, effect: fx.Escalate) -> None:
    """Hand the case up to whoever has the duty; who is not at the desk yet is invited."""
    room_id = desk_room(matter, matter.definition.desk)
    if room_id is None:
        return
    workplace = matter.scene.workplace
    users = [one.user_id for one in workplace.with_duty(effect.to) if one.decides][:SCOPE_MAX]
    present = {user_id for user_id, _ in readers(matter.scene.txn, room_id)}
    for user in users:
        if user not in present:
            matter.scene.sender.set_membership(room_id, user, "invite", matter.desk_ground)
    _tell(matter, room_id, effect.doc, users)
    if effect.question is not None:
        matter.ask_staff(room_id, effect.question, users or _deciding(matter))


def tell_desk(matter: Matter, desk: str, doc: Doc) -> None:
    """Say something in the thread of the case at the desk that has it."""
    room_id = desk_room(matter, desk)
    if room_id is not None:
        _tell(matter, room_id, doc)


def post_waiting(matter: Matter) -> None:
    """Put a case on the desk that it waits for, with all that is asked by now."""
    case, context = matter.file.case, matter.context
    desk = matter.file.desk
    room_id = _room(matter, desk) if desk is not None else None
    if room_id is None or matter.file.desk_effect is not None or case.state in OVER:
        return
    if case.is_at_desk:
        _post_card(matter, room_id, desk_card_doc(matter.definition, case, context))
    if case.is_at_desk and case.state in {State.SUBMITTED, State.IN_REVIEW}:
        review = matter.definition.review
        if review is not None and case.clerk is not None:
            for doc in file_docs(matter.definition, case, context):
                _tell(matter, room_id, doc)
            _ask(matter, room_id, decide_question(matter.definition, case, review, context))
        else:
            _ask(matter, room_id, claim_question(matter.definition, case, context))
    if case.question is not None:
        _ask(matter, room_id, reply_question(case, context))


def desk_room(matter: Matter, desk: str) -> RoomId | None:
    """The room of the desk that has the case; None while there is none.

    A case whose desk has nobody left who decides moves to the one that does its work now.
    """
    at = matter.file.desk
    now_at = matter.scene.workplace.desk_for(desk if at is None else at)
    if now_at == at:
        return _room(matter, at)
    was_there = matter.file.desk_effect is not None
    matter.change(desk=now_at, desk_effect=None)
    if was_there:
        post_waiting(matter)
    return _room(matter, now_at)


def _room(matter: Matter, desk: str) -> RoomId | None:
    room_id = store.desk_room(matter.scene.txn, matter.file.bot, desk)
    if room_id is None:
        logger.warning("case %s waits for the room of desk %s", matter.file.case.id, desk)
    return room_id


def _post_card(matter: Matter, room_id: RoomId, doc: Doc) -> None:
    effect = matter.scene.say(room_id, doc, matter.desk_ground)
    matter.change(desk_effect=effect)


def _tell(matter: Matter, room_id: RoomId, doc: Doc, mentions: Sequence[UserId] = ()) -> None:
    thread = matter.file.desk_effect
    matter.scene.say(room_id, doc, matter.desk_ground, thread=thread, mentions=mentions)


def _ask(matter: Matter, room_id: RoomId, question: fx.Question) -> None:
    user = None
    if question.to is not None:
        user = matter.scene.workplace.user_of(question.to)
    matter.ask_staff(room_id, question, [user] if user is not None else _deciding(matter))


def _deciding(matter: Matter) -> list[UserId]:
    """Who may answer at the desk of the case; never empty, since that would be anybody."""
    workplace = matter.scene.workplace
    desk = workplace.desk_for(matter.file.desk or matter.definition.desk)
    return [one.user_id for one in workplace.at_desk(desk) if one.decides][:SCOPE_MAX]
