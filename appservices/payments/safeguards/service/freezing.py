"""Stopping everything at once, and going on again with a key.

To stop takes one word from anywhere, since it only takes power away; to go on takes a key that the
person has already, which whoever sits at their chat has not. Source: design of Veche, safety §2 F7,
identity §7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.allowances.service import allowances
from appservices.payments.bills import store as bill_store
from appservices.payments.bills.service import bills
from appservices.payments.bills.service import ending as bill_ends
from appservices.payments.conversation.core.commands import FREEZE, UNFREEZE
from appservices.payments.conversation.core.topics import Topic
from appservices.payments.disputes.service import disputes
from appservices.payments.disputes.service import moving as dispute_moves
from appservices.payments.escrows.service import escrows
from appservices.payments.escrows.service import moving as escrow_moves
from appservices.payments.guardians import store as guards
from appservices.payments.guardians.service import guardians
from appservices.payments.holders import store as holders
from appservices.payments.ledger.service.work import Outcome
from appservices.payments.ledger.store import attempts
from appservices.payments.mandates.service import mandates
from appservices.payments.paying.service import paying, settling
from appservices.payments.postings.service import moving
from appservices.payments.safeguards.texts import frozen_doc
from appservices.payments.transfers.core.rules import Reason
from appservices.payments.transfers.service import files
from appservices.payments.transfers.store import payments as store
from veche.bots.guardian_rules import COMING
from veche.protocol.approval import MandateShown
from veche.protocol.message import Paragraph
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from veche.chat.prompts import Answered
    from veche.protocol.commands import ParsedCommand
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.inbound import Inbound
    from veche.protocol.message import Doc

WHAT: Final = "unfreeze"
"""``what`` of the mandate by which a key lets payments go on."""
GO_ON: Final = "go_on"
DECLINE: Final = "decline"
ASKED_MS: Final = 15 * 60_000


def obey(
    scene: Conversation, inbound: Inbound, parsed: ParsedCommand | None, *, is_private: bool
) -> bool:
    """Stop or go on, if that is what a command says; False if it says something else.

    Args:
        scene: The transaction.
        inbound: What was said.
        parsed: The command in it.
        is_private: Nobody else reads along: only there a key is asked for.
    """
    if parsed is None:
        return False
    person, room_id = inbound.sender, inbound.room_id
    if parsed.command is FREEZE:
        told, own_room = freeze(scene, person), scene.chat_of(person)
        localizer = scene.localizer(person)
        # Who debits somebody is for nobody else who reads along.
        here = told if is_private else frozen_doc((), has_allowances=False, localizer=localizer)
        scene.tell(room_id, person, here)
        if not is_private and own_room is not None and own_room != room_id:
            scene.tell(own_room, person, told)
        return True
    if parsed.command is UNFREEZE and is_private:
        ask_to_go_on(scene, room_id, person)
        return True
    return False


def freeze(scene: Conversation, person: UserId, *, may_end: bool = True) -> Doc:
    """Stop everything of a person, cancel what waits, and return what they are told of it.

    Args:
        scene: The transaction.
        person: Whose.
        may_end: Whether who asks for it may end mandates and allowances for good; if not, these
            rest as long as everything is stopped, and nothing passes by them.
    """
    holder = scene.holder(person)
    taken_back = attempts.take_back(scene.txn, holder.id)
    taken_back += [(moving.KIND, id_) for id_ in allowances.take_back_uses(scene, holder.id)]
    bill_ids = bill_store.lock_bills_of(scene.txn, holder.id)
    holders.lock_holder(scene.txn, holder.id)
    holders.set_frozen(scene.txn, holder.id, scene.now_ms)
    escrows.forget_decisions(scene, holder.id)
    # What was approved while the locks were waited for.
    taken_back += attempts.take_back(scene.txn, holder.id, is_locked=True)
    for kind, id_ in taken_back:
        _undo(scene, kind, id_)
    for file in store.waiting_of(scene.txn, holder.id):
        paying.cancel(scene, files.matter_of(scene, file))
    for bill_id in bill_ids:
        for share in bill_store.shares(scene.txn, bill_id):
            if share.payment.payer == holder.id:
                paying.cancel(scene, files.matter_of(scene, share))
    for rule in guards.rules_of(scene.txn, holder.id, COMING):
        guardians.RULES.end(scene, rule)
    escrows.stop_all(scene, holder.id)
    # Also of those that were taken back.
    escrows.forget_decisions(scene, holder.id)
    localizer = scene.localizer(person)
    if not may_end:
        allowances.cancel_uses(scene, holder.id)
        return frozen_doc((), has_allowances=False, localizer=localizer, is_resting=True)
    ended = mandates.end_all(scene, holder.id)
    has_allowances = allowances.end_all(scene, holder.id)
    return frozen_doc(ended, has_allowances=has_allowances, localizer=localizer)


def _undo(scene: Conversation, kind: str, about: str) -> None:
    """Take back the step to which an attempt belongs that was taken back."""
    undone = Outcome((), scene.now_ms, (), None, is_revoked=True)
    if kind == escrow_moves.KIND:
        escrows.not_funded(scene, about, Reason.FROZEN.value)
        escrows.settle(scene, about, undone)
    elif kind == dispute_moves.KIND:
        disputes.settle(scene, about, undone)
    elif kind == bills.POST:
        bill_ends.settle(scene, about, undone)
    elif (matter := files.lock(scene, about)) is not None:
        settling.refuse(scene, matter, Reason.FROZEN.value)


def answered(scene: Conversation, answer: Answered) -> None:
    """The person has answered whether payments go on."""
    person = answer.inbound.sender
    localizer = scene.localizer(person)
    if answer.chosen.choice == GO_ON and answer.chosen.approved_by is not None:
        if scene.settle(answer, localizer.text("Approved.")):
            holders.set_frozen(scene.txn, scene.holder(person).id, None)
            escrows.ask_undecided(scene, person)
            words = localizer.text("Your payments go on.")
            scene.tell(answer.inbound.room_id, person, (Paragraph(words),))
    else:
        scene.settle(answer, localizer.text("Everything stays stopped."))


def about(person: UserId) -> str:
    """The matter of the question whether a person's payments go on."""
    return f"unfreeze {person}"


def ask_to_go_on(scene: Conversation, room_id: RoomId, person: UserId) -> None:
    """Ask a person who stopped everything for the key that lets it go on."""
    localizer = scene.localizer(person)
    if not scene.holder(person).is_frozen:
        words = localizer.text("Nothing is stopped.")
        scene.tell(room_id, person, (Paragraph(words),))
        return
    text = localizer.text("Your payments go on: what you approve is paid again.")
    approve = scene.approvals.asked(
        scene.sender, person, "mandate", MandateShown(what=WHAT, text=text)
    )
    choices = (
        Choice(id=GO_ON, label=localizer.text("Go on"), approve=approve),
        Choice(id=DECLINE, label=localizer.text("Leave it stopped")),
    )
    prompt = scene.prompt(person, choices, ASKED_MS)
    matter = about(person)
    scene.close(matter, person, localizer.text("This question was replaced by the one below."))
    scene.ask(
        room_id, person, prompt, (Paragraph(text),), about=matter, purpose={"topic": Topic.UNFREEZE}
    )
