"""Carrying out what a step of a case asks for.

The core says what must happen; here it becomes messages, questions, jobs and clocks, all rows of
the transaction in which the case was stepped.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency.cases import store
from appservices.agency.cases.core import effects as fx
from appservices.agency.cases.core.states import State
from appservices.agency.deliveries.service import follow
from appservices.agency.desk import service as desk_effects
from appservices.agency.documents import service as documents
from appservices.agency.fees import service as fees
from appservices.agency.signatures import service as signatures
from veche.contracts.agency.case import CASE_KEY
from veche.messaging.outbox import Relation
from veche.protocol import message
from veche.protocol.message import RelationKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from appservices.agency.cases.service.locked_case import LockedCase
    from veche.protocol.ids import UserId
    from veche.protocol.message import Doc

MAKE_ROOM: Final = "agency.room"
SEND_EXPORT: Final = "agency.export"
CLOCK: Final = "agency.clock"
WORK_IS_DONE: Final = "The work in this room is done."
"""Why a clerk is shown out of the room of a case; for the log of acts."""


_NOT_HANDED_IN: Final = frozenset({State.DRAFT, State.WITHDRAWN, State.EXPIRED})
"""Where a case stands that was never handed in, as long as it has neither a room nor a card."""


def carry_out(locked: LockedCase, effects: Sequence[fx.Effect]) -> None:
    """All effects, in their order."""
    for effect in effects:
        EFFECT_HANDLERS[type(effect)](locked, effect)


def _tell_person(locked: LockedCase, effect: fx.TellPerson) -> None:
    effect_id = locked.tell_person(effect.doc, is_quiet=effect.is_quiet)
    if effect.is_served:
        digest = hashlib.sha256(message.body(effect.doc).encode()).hexdigest()
        follow(locked, effect_id, digest, "text")


def _ask_person(locked: LockedCase, effect: fx.AskPerson) -> None:
    locked.ask_person(effect.question)


def _update_card(locked: LockedCase, effect: fx.UpdateCard) -> None:
    if locked.file.is_awaited:
        return  # it is sent once they have joined, see ``reach``
    file = locked.file
    if file.card_effect is None and file.room_id is None and file.case.state in _NOT_HANDED_IN:
        return  # in a chat the question says enough, and each event keeps others waiting
    content = message.text(_with_page(locked, effect.doc), payload={CASE_KEY: effect.card})
    room_id, say = locked.file.person_room, locked.scene.sender.say
    if locked.file.card_effect is None:
        locked.change(card_effect=say(room_id, content, locked.ground))
        return
    relation = Relation(RelationKind.REPLACE, locked.file.card_effect)
    say(room_id, message.edit(content), locked.ground, relation=relation)


def _with_page(locked: LockedCase, doc: Doc) -> Doc:
    """A card, with the address of the page that shows more."""
    if locked.page is None:
        return doc
    words = locked.context.person.text("You can also follow it on this page:")
    return (*doc, message.Paragraph(message.Link(words, locked.page)))


def _refuse(locked: LockedCase, refused: fx.Refused) -> None:
    if refused.party is fx.Party.PERSON:
        scene, at = locked.scene, (locked.file.person_room, locked.file.person)
        scene.reply.refuse(scene, at, refused.doc, refused.reason.value, locked.ground)
    elif refused.party is fx.Party.STAFF:
        desk_effects.tell_desk(locked, locked.definition.desk, refused.doc)


def _close_questions(locked: LockedCase, effect: fx.CloseQuestions) -> None:
    locked.close_questions(effect.topics)


def _invite_clerk(locked: LockedCase, effect: fx.InviteClerk) -> None:
    user = locked.scene.workplace.user_of(effect.staff)
    if user is not None and locked.file.room_id is not None:
        locked.scene.sender.set_membership(locked.file.room_id, user, "invite", locked.ground)


def _remove_clerk(locked: LockedCase, effect: fx.RemoveClerk) -> None:
    user = locked.scene.workplace.user_of(effect.staff) or _former(locked, effect.staff)
    if user is not None:
        show_out(locked, user)


def show_out(locked: LockedCase, user: UserId) -> None:
    """Show somebody of the staff out of the room of a case."""
    scene, room_id = locked.scene, locked.file.room_id
    if room_id is not None:
        ground = attrs.evolve(locked.ground, why=WORK_IS_DONE)
        scene.sender.set_membership(room_id, user, "leave", ground)


def _former(locked: LockedCase, staff_id: str) -> UserId | None:
    return store.user_of_staff(locked.scene.txn, locked.file.bot, staff_id)


def _make_room(locked: LockedCase, effect: fx.MakeRoom) -> None:
    locked.send_off(MAKE_ROOM, {"name": effect.name})


def _send_export(locked: LockedCase, effect: fx.SendExport) -> None:
    locked.send_off(SEND_EXPORT, {"filename": effect.filename})


def _set_clock(locked: LockedCase, effect: fx.SetClock) -> None:
    timer = effect.timer
    locked.send_off(CLOCK, {"timer": timer.kind.value, "serial": timer.serial}, timer.at_ms)


def _nothing(locked: LockedCase, effect: fx.RecordHistory | fx.Close) -> None:
    """The history is in the case itself, and so is that it is closed."""
    del locked, effect


EFFECT_HANDLERS: Final[Mapping[type, Callable[[LockedCase, Any], None]]] = {
    fx.TellPerson: _tell_person,
    fx.AskPerson: _ask_person,
    fx.UpdateCard: _update_card,
    fx.CloseQuestions: _close_questions,
    fx.SetClock: _set_clock,
    fx.Refused: _refuse,
    fx.RecordHistory: _nothing,
    fx.Close: _nothing,
    fx.PostToDesk: desk_effects.post,
    fx.UpdateDeskCard: desk_effects.update_card,
    fx.TellDesk: desk_effects.tell,
    fx.AskDesk: desk_effects.ask,
    fx.Escalate: desk_effects.escalate,
    fx.InviteClerk: _invite_clerk,
    fx.RemoveClerk: _remove_clerk,
    fx.MakeRoom: _make_room,
    fx.MakeDocument: documents.order_document,
    fx.AskFee: fees.ask_fee,
    fx.GiveUpFee: fees.give_up_fee,
    fx.AskSignatures: signatures.ask_signatures,
    fx.GiveUpSignatures: signatures.give_up_signatures,
    fx.FetchSigned: signatures.fetch_signed,
    fx.SendDocument: documents.send_document,
    fx.SendExport: _send_export,
}
"""How each effect is carried out; a test holds that none is missing."""
