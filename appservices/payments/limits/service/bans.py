"""``ban payouts 30 days``: what a person forbids themselves, by their key; nobody ends it early."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.amounts.core.periods import DAY_MS
from appservices.payments.conversation.core.topics import Topic
from appservices.payments.holders import store as holders
from appservices.payments.limits import store as limits
from appservices.payments.limits.core import BanProblem, read_ban
from appservices.payments.limits.texts.bans import (
    ban_problem_doc,
    ban_proposal_doc,
    ban_text,
    bans_doc,
)
from veche.protocol.approval import MandateShown
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from veche.chat.prompts import Answered
    from veche.protocol.inbound import Inbound

WHAT: Final = "ban"
"""``what`` of the mandates by which somebody forbids themselves something."""
FORBID: Final = "forbid"
DECLINE: Final = "decline"
ASKED_MS: Final = 15 * 60_000


def order(scene: Conversation, inbound: Inbound, argument: str) -> None:
    """A person wants to see what they forbid themselves, or to forbid something.

    Args:
        scene: The transaction.
        inbound: What they wrote.
        argument: "gambling 90 days", or nothing.
    """
    person, room_id = inbound.sender, inbound.room_id
    localizer, kinds = scene.localizer(person), scene.section.kinds()
    if not argument:
        bans = limits.bans(scene.txn, scene.holder(person).id, scene.now_ms)
        scene.tell(room_id, person, bans_doc(bans, localizer))
        return
    wanted = read_ban(argument, kinds)
    if isinstance(wanted, BanProblem):
        scene.tell(room_id, person, ban_problem_doc(wanted, sorted(kinds), localizer))
        return
    until_ms = scene.now_ms + wanted.days * DAY_MS
    shown = MandateShown(
        what=WHAT, text=ban_text(wanted.what, until_ms, localizer), until_ms=until_ms
    )
    approve = scene.approvals.asked(scene.sender, person, "mandate", shown)
    choices = (
        Choice(id=FORBID, label=localizer.text("Forbid it to me"), approve=approve),
        Choice(id=DECLINE, label=localizer.text("Change nothing")),
    )
    prompt = scene.prompt(person, choices, ASKED_MS)
    about = f"ban {person}"
    scene.close(about, person, localizer.text("This question was replaced by the one below."))
    intro = ban_proposal_doc(wanted.what, until_ms, localizer)
    purpose = {"topic": Topic.BAN, "what": wanted.what, "until": str(until_ms)}
    scene.ask(room_id, person, prompt, intro, about=about, purpose=purpose)


def answered(scene: Conversation, answer: Answered) -> None:
    """A person has answered whether they forbid themselves something."""
    person, nonce = answer.inbound.sender, answer.chosen.approved_by
    localizer, purpose = scene.localizer(person), answer.kept.purpose
    if answer.chosen.choice != FORBID or nonce is None:
        scene.settle(answer, localizer.text("Nothing has changed."))
    elif scene.settle(answer, localizer.text("Approved.")):
        holder = holders.lock_holder(scene.txn, scene.holder(person).id)
        until_ms = int(str(purpose.get("until")))
        limits.ban(scene.txn, holder.id, str(purpose.get("what")), until_ms, nonce)
        bans = limits.bans(scene.txn, holder.id, scene.now_ms)
        scene.tell(answer.inbound.room_id, person, bans_doc(bans, localizer))
