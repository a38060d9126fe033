"""Rules for guardians: set by the person's key, accepted by each guardian, weakened with a wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.signing.cards.service import cards
from appservices.signing.guardians import store, texts
from appservices.signing.guardians.core import RuleView, is_weaker, read_guards
from appservices.signing.guardians.service import guarding
from appservices.signing.guardians.store import GuardRule
from appservices.signing.sessions.service.conversation import Conversation, Parts
from appservices.signing.sessions.service.naming import known_name, user_named
from veche.bots import ChatJob
from veche.bots.guardian_rules import COMING, OF_OWNER, GuardRules
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.approval import MandateShown
from veche.protocol.guardians import Guardian, GuardProblem, RuleState
from veche.protocol.ids import RoomId, UserId, effect_id
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.protocol.inbound import Inbound
    from veche.protocol.message import Doc
    from veche.protocol.texts.localizer import Localizer
    from veche.runtime.database import Cursor

NAME: Final = "signing.guardians"
"""Job: finds out what guardians are called; then the person is asked for their key."""
COUNT: Final = "signing.guard"
"""Job: the wait of a weaker rule is over."""
SET: Final = "set"


def order(scene: Conversation, inbound: Inbound, argument: str) -> None:
    """A person wants to see or to set their guardians.

    Args:
        scene: The transaction.
        inbound: What they wrote.
        argument: "@bob @carol 2 of 2", "off", or nothing.
    """
    person, room_id = inbound.sender, inbound.room_id
    localizer, bot = scene.localizer(person), scene.sender.bot.user_id
    if not argument.strip():
        scene.tell(room_id, person, RULES.shown(scene, person))
        return
    wanted = read_guards(argument)
    if isinstance(wanted, GuardProblem):
        scene.tell(room_id, person, texts.guard_problem_doc(wanted, localizer))
        return
    found: list[UserId] = []
    for typed in wanted.guardians:
        one = user_named(typed, bot, person)
        if one is None or one == person or one in found:
            scene.tell(room_id, person, texts.no_guardian_doc(typed[:100], localizer))
            return
        found.append(one)
    payload = {"person": person, "room": room_id, "guardians": found, "needed": wanted.needed}
    id_ = effect_id(NAME, inbound.event_id)
    jobs.schedule(scene.txn, Job(id_, NAME, payload, scene.now_ms))


class NameGuardians(ChatJob[Parts]):
    """Finds out what guardians are called; then asks the person for their key."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Ask the homeserver for their names."""
        client, bot = self._parts.host.client, self._parts.bot.user_id
        persons = [job.payload["person"], *job.payload["guardians"]]
        return {"names": [await known_name(client, bot, UserId(one)) for one in persons]}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Ask the person, or say who is not here."""
        scene, wanted = self._parts.conversation(txn, job.id, now_ms), job.payload
        person, room_id = UserId(wanted["person"]), RoomId(wanted["room"])
        named = list(zip([person, *wanted["guardians"]], result["names"], strict=True))
        missing = next((one for one, name in named[1:] if name is None), None)
        if missing is not None:
            scene.tell(room_id, person, texts.no_guardian_doc(missing, scene.localizer(person)))
            return
        owner, *chosen = (Guardian(UserId(one), name or one) for one, name in named)
        _propose(scene, RuleView(owner, tuple(chosen), wanted["needed"]), room_id)


class Count(ChatJob[Parts]):
    """The wait of a weaker rule is over."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Let the rule count."""
        RULES.wait_is_over(self._parts.conversation(txn, job.id, now_ms), job.payload["rule"])


class _Rules(GuardRules[Conversation, GuardRule]):
    """Rules for whose signatures count."""

    clock = COUNT

    def lock(self, scene: Conversation, rule_id: str) -> GuardRule | None:
        found = store.rule(scene.txn, rule_id)
        if found is None:
            return None
        store.wait_turn(scene.txn, found.person)
        return store.rule(scene.txn, rule_id)

    def save(self, scene: Conversation, rule: GuardRule) -> None:
        store.save_rule(scene.txn, rule, scene.now_ms)

    def counting(self, scene: Conversation, rule: GuardRule) -> GuardRule | None:
        return store.active(scene.txn, rule.person)

    def coming(self, scene: Conversation, rule: GuardRule) -> Sequence[GuardRule]:
        return store.rules_of(scene.txn, rule.person, COMING)

    def members(self, scene: Conversation, rule: GuardRule) -> tuple[Guardian, Sequence[Guardian]]:
        view = guarding.view_of(scene, rule)
        return view.owner, view.guardians

    def accepted(self, scene: Conversation, rule: GuardRule) -> Mapping[UserId, str | None]:
        return store.accepted(scene.txn, rule.id)

    def accept(
        self, scene: Conversation, rule: GuardRule, person: UserId, nonce: str | None
    ) -> None:
        store.accept(scene.txn, rule.id, person, nonce)

    def open_chat(self, scene: Conversation, rule: GuardRule, person: UserId) -> None:
        payload = {"person": person, "session": "", "party": "", "guard": rule.id}
        id_ = scene.sender.fresh_id(cards.OPEN_CHAT)
        jobs.schedule(scene.txn, Job(id_, cards.OPEN_CHAT, payload, scene.now_ms))

    def is_weaker(self, scene: Conversation, new: GuardRule, old: GuardRule) -> bool:
        return is_weaker(guarding.view_of(scene, new), guarding.view_of(scene, old))

    def words(self, scene: Conversation, rule: GuardRule, localizer: Localizer) -> str:
        return texts.rule_words(guarding.view_of(scene, rule), localizer)

    def invitation(
        self, scene: Conversation, rule: GuardRule, localizer: Localizer
    ) -> tuple[Doc, str]:
        view = guarding.view_of(scene, rule)
        return texts.invitation_doc(view, localizer), texts.acceptance_text(view, localizer)

    def shown(self, scene: Conversation, person: UserId) -> Doc:
        found = store.rules_of(
            scene.txn, person, [RuleState.ACTIVE, RuleState.ASKED, RuleState.WAITING]
        )
        ordered = sorted(found, key=lambda one: one.state is not RuleState.ACTIVE)
        rules = [(one.state, guarding.view_of(scene, one)) for one in ordered]
        return texts.rules_doc(rules, scene.localizer(person))


RULES: Final = _Rules()


def _propose(scene: Conversation, view: RuleView, room_id: RoomId) -> None:
    """Keep a rule that is wanted, and ask for the person's key."""
    person = view.owner.person
    store.wait_turn(scene.txn, person)
    for older in store.rules_of(scene.txn, person, [RuleState.PROPOSED]):
        RULES.end(scene, older)
    if not view.guardians and store.active(scene.txn, person) is None:
        scene.tell(room_id, person, RULES.shown(scene, person))
        return
    rule = GuardRule(
        id=scene.sender.fresh_ulid("rule"),
        person=person,
        state=RuleState.PROPOSED,
        needed=view.needed,
        sealed=guarding.sealed(scene, view),
    )
    guardians = [one.person for one in view.guardians]
    store.add_rule(scene.txn, rule, guardians, scene.now_ms)
    localizer = scene.localizer(person)
    label = localizer.text("Set it") if view.guardians else localizer.text("Do without guardians")
    told = MandateShown(what=OF_OWNER, text=texts.shown_text(view, localizer))
    approve = scene.approvals.asked(scene.sender, person, "mandate", told)
    choices = (Choice(id=SET, label=label, approve=approve),)
    RULES.propose(scene, rule, room_id, choices, texts.proposal_doc(view, localizer))
