"""Votes of guardians on a payment or an escrow: one each, a yes with their key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.escrows.core.escrow import EscrowState
from appservices.payments.escrows.service import escrows
from appservices.payments.escrows.service import records as escrow_files
from appservices.payments.guardians import store
from appservices.payments.guardians.service import asking as guarding
from appservices.payments.paying.service import paying
from appservices.payments.transfers.core.payment import State
from appservices.payments.transfers.service import files
from appservices.payments.transfers.service.authority import void_votes
from veche.protocol.guardians import Standing

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.transfers.service.files import OpenPayment
    from veche.chat.prompts import Answered


def answered(scene: Conversation, answer: Answered) -> None:
    """A guardian has answered whether a payment may be made, or money be put aside."""
    purpose = answer.kept.purpose
    if guarding.ESCROW in purpose:
        deal = escrow_files.lock(scene, str(purpose[guarding.ESCROW]))
        if deal is not None:
            is_open = deal.escrow.state is EscrowState.GUARDED
            if _votes(scene, answer, escrows.as_payment(scene, deal), is_open=is_open):
                escrows.guardian_said(scene, deal)
        return
    matter = files.lock(scene, str(purpose.get(guarding.PAYMENT)))
    if matter is not None:
        is_open = matter.payment.state is State.GUARDED
        if _votes(scene, answer, matter, is_open=is_open):
            paying.guardian_said(scene, matter)


def _votes(scene: Conversation, answer: Answered, matter: OpenPayment, *, is_open: bool) -> bool:
    """Keep what a guardian says of what is locked; False if it does not count."""
    person, choice = answer.inbound.sender, answer.chosen.choice
    nonce, is_yes = answer.chosen.approved_by, choice == guarding.APPROVE
    localizer = scene.localizer(person)
    if is_yes and nonce is None:
        return False
    if not is_open:
        scene.settle(answer, localizer.text("It is decided."))
        return False
    ones = guarding.guardians(scene, guarding.rule_of(scene, matter), matter.payment.id)
    mine = next((one for one in ones if one.party.address == person), None)
    if mine is None or mine.standing is Standing.GONE:
        scene.settle(
            answer, localizer.text("Your answer does not count: your identity has changed.")
        )
        return False
    words = localizer.text("Approved.") if is_yes else localizer.text("Refused.")
    return scene.settle(answer, words) and store.vote(
        scene.txn,
        matter.payment.id,
        mine.holder,
        nonce,
        is_yes=is_yes,
        now_ms=scene.now_ms,
        void=void_votes(scene, matter.payment.id),
    )
