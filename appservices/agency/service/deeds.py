"""Carrying out what a step of a case asks for.

The core says what must happen; here it becomes messages, questions, jobs and clocks, all rows of
the transaction in which the case was stepped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency import store
from appservices.agency.core import effects as fx
from appservices.agency.service import desk_deeds
from appservices.agency.service.fee_invoices import act_of_fee
from veche.contracts.agency.case import CASE_KEY
from veche.contracts.agency.document import DOCUMENT_KEY, IssuedDocument
from veche.messaging.outbox import Relation
from veche.protocol import message
from veche.protocol.acts import ActClass
from veche.protocol.message import RelationKind
from veche.protocol.unpadded_base64 import encode_base64

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from appservices.agency.service.matter import Matter
    from veche.protocol.ids import UserId
    from veche.protocol.message import Doc

MAKE_ROOM: Final = "agency.room"
MAKE_DOCUMENT: Final = "agency.document"
SEND_EXPORT: Final = "agency.export"
ASK_FEE: Final = "agency.fee"
GIVE_UP_FEE: Final = "agency.fee_back"
ASK_SIGNATURES: Final = "agency.sign"
GIVE_UP_SIGNATURES: Final = "agency.sign_back"
FETCH_SIGNED: Final = "agency.signed"
CLOCK: Final = "agency.clock"
WORK_IS_DONE: Final = "The work in this room is done."
"""Why a clerk is shown out of the room of a case; for the log of acts."""


def carry_out(matter: Matter, effects: Sequence[fx.Effect]) -> None:
    """All effects, in their order."""
    for effect in effects:
        DEEDS[type(effect)](matter, effect)


def _tell_person(matter: Matter, effect: fx.TellPerson) -> None:
    matter.tell_person(effect.doc, is_quiet=effect.is_quiet)


def _ask_person(matter: Matter, effect: fx.AskPerson) -> None:
    matter.ask_person(effect.question)


def _update_card(matter: Matter, effect: fx.UpdateCard) -> None:
    if matter.file.is_awaited:
        return  # it is sent once they have joined, see ``reach``
    content = message.text(_with_page(matter, effect.doc), payload={CASE_KEY: effect.card})
    room_id, say = matter.file.person_room, matter.scene.sender.say
    if matter.file.card_effect is None:
        matter.change(card_effect=say(room_id, content, matter.ground))
        return
    relation = Relation(RelationKind.REPLACE, matter.file.card_effect)
    say(room_id, message.edit(content), matter.ground, relation=relation)


def _with_page(matter: Matter, doc: Doc) -> Doc:
    """A card, with the address of the page that shows more."""
    if matter.page is None:
        return doc
    words = matter.context.person.text("You can also follow it on this page:")
    return (*doc, message.Paragraph(words + "\n", message.Link(matter.page, matter.page)))


def _refuse(matter: Matter, refused: fx.Refused) -> None:
    if refused.party is fx.Party.PERSON:
        scene, at = matter.scene, (matter.file.person_room, matter.file.person)
        scene.reply.refuse(scene, at, refused.doc, refused.reason.value, matter.ground)
    elif refused.party is fx.Party.STAFF:
        desk_deeds.tell_desk(matter, matter.definition.desk, refused.doc)


def _close_questions(matter: Matter, effect: fx.CloseQuestions) -> None:
    matter.close_questions(effect.topics)


def _invite_clerk(matter: Matter, effect: fx.InviteClerk) -> None:
    user = matter.scene.workplace.user_of(effect.staff)
    if user is not None and matter.file.room_id is not None:
        matter.scene.sender.set_membership(matter.file.room_id, user, "invite", matter.ground)


def _remove_clerk(matter: Matter, effect: fx.RemoveClerk) -> None:
    scene = matter.scene
    user = scene.workplace.user_of(effect.staff) or _former(matter, effect.staff)
    if user is not None and matter.file.room_id is not None:
        ground = attrs.evolve(matter.ground, why=WORK_IS_DONE)
        scene.sender.set_membership(matter.file.room_id, user, "leave", ground)


def _former(matter: Matter, staff_id: str) -> UserId | None:
    return store.user_of_staff(matter.scene.txn, matter.file.bot, staff_id)


def _make_room(matter: Matter, effect: fx.MakeRoom) -> None:
    matter.send_off(MAKE_ROOM, {"name": effect.name})


def _make_document(matter: Matter, effect: fx.MakeDocument) -> None:
    matter.send_off(MAKE_DOCUMENT, {"template": effect.template})


def _ask_fee(matter: Matter, effect: fx.AskFee) -> None:
    # The same request again must be the same: the person may choose another language meanwhile.
    language = matter.context.language
    act = act_of_fee(matter, effect.fee, language)
    matter.send_off(ASK_FEE, {"number": effect.fee.number, "language": language, "act": act})


def _give_up_fee(matter: Matter, effect: fx.GiveUpFee) -> None:
    matter.send_off(GIVE_UP_FEE, {"number": effect.number})


def _ask_signatures(matter: Matter, effect: fx.AskSignatures) -> None:
    # Another key after each failure: what the service refused once it may take changed.
    payload = {"number": effect.number, "template": effect.template, "try": matter.file.case.serial}
    matter.send_off(ASK_SIGNATURES, payload)


def _give_up_signatures(matter: Matter, effect: fx.GiveUpSignatures) -> None:
    matter.send_off(GIVE_UP_SIGNATURES, {"session": effect.session})


def _fetch_signed(matter: Matter, effect: fx.FetchSigned) -> None:
    matter.send_off(FETCH_SIGNED, {"session": effect.session})


def _send_export(matter: Matter, effect: fx.SendExport) -> None:
    matter.send_off(SEND_EXPORT, {"filename": effect.filename})


def _set_clock(matter: Matter, effect: fx.SetClock) -> None:
    timer = effect.timer
    matter.send_off(CLOCK, {"timer": timer.kind.value, "serial": timer.serial}, timer.at_ms)


def _send_document(matter: Matter, effect: fx.SendDocument) -> None:
    issued, stored = effect.issued, matter.file.document
    # The job that made it puts in DocumentMade with it, in one transaction.
    assert stored is not None, "a document is made before it is sent"  # noqa: S101 -- our bug
    payload = IssuedDocument(
        v=1,
        id=matter.file.case.id,
        kind=effect.kind,
        title=issued.title,
        sha256=encode_base64(bytes.fromhex(issued.sha256)),
        issuer=matter.scene.workplace.organisation,
        valid_until_ms=issued.valid_until_ms,
    )
    content = message.file(
        filename=effect.filename,
        caption=effect.caption,
        encrypted_file=stored,
        mimetype="application/pdf",
        size_bytes=issued.size_bytes,
        payload={DOCUMENT_KEY: payload},
    )
    room_id = matter.file.person_room
    matter.scene.sender.say(room_id, content, matter.ground, act=ActClass.DOC_ISSUED)


def _nothing(matter: Matter, effect: fx.RecordHistory | fx.Close) -> None:
    """The history is in the case itself, and so is that it is closed."""
    del matter, effect


DEEDS: Final[Mapping[type, Callable[[Matter, Any], None]]] = {
    fx.TellPerson: _tell_person,
    fx.AskPerson: _ask_person,
    fx.UpdateCard: _update_card,
    fx.CloseQuestions: _close_questions,
    fx.SetClock: _set_clock,
    fx.Refused: _refuse,
    fx.RecordHistory: _nothing,
    fx.Close: _nothing,
    fx.PostToDesk: desk_deeds.post,
    fx.UpdateDeskCard: desk_deeds.update_card,
    fx.TellDesk: desk_deeds.tell,
    fx.AskDesk: desk_deeds.ask,
    fx.Escalate: desk_deeds.escalate,
    fx.InviteClerk: _invite_clerk,
    fx.RemoveClerk: _remove_clerk,
    fx.MakeRoom: _make_room,
    fx.MakeDocument: _make_document,
    fx.AskFee: _ask_fee,
    fx.GiveUpFee: _give_up_fee,
    fx.AskSignatures: _ask_signatures,
    fx.GiveUpSignatures: _give_up_signatures,
    fx.FetchSigned: _fetch_signed,
    fx.SendDocument: _send_document,
    fx.SendExport: _send_export,
}
"""How each effect is carried out; a test holds that none is missing."""
