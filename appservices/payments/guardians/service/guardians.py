"""Rules for guardians: set by the payer's key, accepted by each guardian, weakened with a wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.conversation.service.chats import open_chat
from appservices.payments.conversation.service.conversation import Conversation, Parts
from appservices.payments.guardians import store, texts
from appservices.payments.guardians.core import is_weaker
from appservices.payments.guardians.service import asking as guarding
from appservices.payments.guardians.store import GuardRule
from appservices.payments.holders import store as holders
from veche.bots import ChatJob
from veche.bots.guardian_rules import COMING, OF_OWNER, GuardRules
from veche.protocol.approval import MandateShown
from veche.protocol.guardians import Guardian, RuleState
from veche.protocol.ids import UserId
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.guardians.texts import RuleView
    from veche.messaging.jobs import Job
    from veche.protocol.ids import RoomId
    from veche.protocol.message import Doc
    from veche.protocol.texts.localizer import Localizer
    from veche.runtime.database import Cursor

COUNT: Final = "payments.guard"
"""Job: the wait of a weaker rule is over."""
SHOW: Final = "show"
HIDE: Final = "hide"


class Count(ChatJob[Parts]):
    """The wait of a weaker rule is over."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Let the rule count."""
        RULES.wait_is_over(self._parts.conversation(txn, job.id, now_ms), job.payload["rule"])


class _Rules(GuardRules[Conversation, GuardRule]):
    """Rules for payments in a currency."""

    clock = COUNT

    def lock(self, scene: Conversation, rule_id: str) -> GuardRule | None:
        owner = store.owner_of(scene.txn, rule_id)
        if owner is None:
            return None
        holders.lock_holder(scene.txn, owner)
        return store.rule(scene.txn, rule_id)

    def save(self, scene: Conversation, rule: GuardRule) -> None:
        store.save_rule(scene.txn, rule, scene.now_ms)

    def counting(self, scene: Conversation, rule: GuardRule) -> GuardRule | None:
        return store.active(scene.txn, rule.holder, rule.ledger)

    def coming(self, scene: Conversation, rule: GuardRule) -> Sequence[GuardRule]:
        found = store.rules_of(scene.txn, rule.holder, COMING)
        return [one for one in found if one.ledger == rule.ledger]

    def members(self, scene: Conversation, rule: GuardRule) -> tuple[Guardian, Sequence[Guardian]]:
        view = guarding.view_of(scene, rule)
        owner, *guardians = (
            Guardian(UserId(one.address), one.name) for one in (view.owner, *view.guardians)
        )
        return owner, guardians

    def accepted(self, scene: Conversation, rule: GuardRule) -> Mapping[UserId, str | None]:
        kept = store.guardians_of(scene.txn, rule.id)
        _, guardians = self.members(scene, rule)
        pairs = zip(guardians, kept, strict=True)
        return {guardian.person: one.approved_by for guardian, one in pairs}

    def accept(
        self, scene: Conversation, rule: GuardRule, person: UserId, nonce: str | None
    ) -> None:
        store.accept(scene.txn, rule.id, scene.holder(person).id, nonce)

    def has_left(self, scene: Conversation, person: UserId) -> bool:
        return guarding.has_left(scene, scene.holder(person).id, person)

    def open_chat(self, scene: Conversation, rule: GuardRule, person: UserId) -> None:
        open_chat(scene, person, guard=rule.id)

    def is_weaker(self, scene: Conversation, new: GuardRule, old: GuardRule) -> bool:
        return is_weaker(store.terms_of(scene.txn, new), store.terms_of(scene.txn, old))

    def words(self, scene: Conversation, rule: GuardRule, localizer: Localizer) -> str:
        return texts.rule_words(guarding.view_of(scene, rule), localizer)

    def invitation(
        self, scene: Conversation, rule: GuardRule, localizer: Localizer
    ) -> tuple[Doc, str]:
        view = guarding.view_of(scene, rule)
        return texts.invitation_doc(view, localizer), texts.acceptance_text(view, localizer)

    def shown(self, scene: Conversation, person: UserId) -> Doc:
        states = [RuleState.ACTIVE, RuleState.ASKED, RuleState.WAITING]
        found = store.rules_of(scene.txn, scene.holder(person).id, states)
        ordered = sorted(found, key=lambda one: one.state is not RuleState.ACTIVE)
        rules = [(one.state, guarding.view_of(scene, one)) for one in ordered]
        return texts.rules_doc(rules, scene.section.currencies[0], scene.localizer(person))

    def chosen(self, rule: GuardRule, choice: str) -> GuardRule:
        return attrs.evolve(rule, is_shown=choice == SHOW)


RULES: Final = _Rules()


def propose(scene: Conversation, view: RuleView, room_id: RoomId) -> None:
    """Keep a rule that is wanted, and ask for the payer's key."""
    person = UserId(view.owner.address)
    holder = holders.lock_holder(scene.txn, scene.holder(person).id)
    ledger = holders.currencies(scene.txn)[view.currency]
    for older in store.rules_of(scene.txn, holder.id, [RuleState.PROPOSED]):
        RULES.end(scene, older)
    if not view.guardians and store.active(scene.txn, holder.id, ledger) is None:
        scene.tell(room_id, person, RULES.shown(scene, person))
        return
    rule = GuardRule(
        id=scene.sender.fresh_ulid("rule"),
        holder=holder.id,
        ledger=ledger,
        state=RuleState.PROPOSED,
        needed=view.needed,
        above_minor=view.above_minor,
        is_shown=True,
        sealed=guarding.sealed(scene, view),
    )
    numbers = [scene.holder(UserId(one.address)).id for one in view.guardians]
    store.add_rule(scene.txn, rule, numbers, scene.now_ms)
    localizer = scene.localizer(person)
    intro = texts.proposal_doc(view, localizer)
    RULES.propose(scene, rule, room_id, _choices(scene, view, localizer), intro)


def _choices(scene: Conversation, view: RuleView, localizer: Localizer) -> list[Choice]:
    """Ways to set a rule that is wanted; what guardians see is their choice."""
    person = UserId(view.owner.address)
    labels: tuple[tuple[str, str], ...] = (
        (SHOW, localizer.text("Set it: they see whom and how much")),
        (HIDE, localizer.text("Set it: they see neither")),
    )
    if not view.guardians:
        labels = ((HIDE, localizer.text("Do without guardians")),)
    choices = []
    for choice, label in labels:
        seen = attrs.evolve(view, is_shown=choice == SHOW)
        told = MandateShown(what=OF_OWNER, text=texts.shown_text(seen, localizer))
        approve = scene.approvals.asked(scene.sender, person, "mandate", told)
        choices.append(Choice(id=choice, label=label, approve=approve))
    return choices
