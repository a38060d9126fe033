"""Rules for guardians: set by the person's key, accepted by each guardian, weakened with a wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.signing.core.guards import Guardian, RuleView, is_weaker, read_guards
from appservices.signing.core.texts import guardians as texts
from appservices.signing.service import cards, guarding
from appservices.signing.service.naming import known_name, user_named
from appservices.signing.service.scene import Parts
from appservices.signing.store import guards as store
from appservices.signing.store.guards import GuardRule
from veche.protocol.approval import MandateShown
from veche.protocol.catalogue import N_
from veche.protocol.guard_words import warning_doc, weaker_doc
from veche.protocol.guards import (
    ACCEPT_MS,
    ASKED_MS,
    GuardProblem,
    RuleInput,
    RuleState,
    step_rule,
)
from veche.protocol.ids import RoomId, UserId, effect_id
from veche.protocol.message import Paragraph
from veche.protocol.prompts import Choice
from veche.runtime import errands
from veche.runtime.approvals import DECLINE
from veche.runtime.chats import ChatErrand
from veche.runtime.crypto.tracking import pin_identity
from veche.runtime.errands import Errand

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.service.scene import Scene
    from veche.protocol.inbound import Inbound
    from veche.protocol.message import Doc
    from veche.protocol.prompts import Prompt
    from veche.runtime.database import Cursor
    from veche.runtime.prompts import Answered

NAME: Final = "signing.guardians"
"""Errand: finds out what guardians are called; then the person is asked for their key."""
COUNT: Final = "signing.guard"
"""Errand: the wait of a weaker rule is over."""
OF_OWNER: Final = "guardians"
OF_GUARDIAN: Final = "guardian"
TOPICS: Final = frozenset({OF_OWNER, OF_GUARDIAN})
"""Also ``what`` of the mandates: by which a person sets a rule, by which somebody accepts."""
SET: Final = "set"
KEEP: Final = "keep"
ACCEPT: Final = "accept"
WEAKER_MS: Final = 86_400_000
"""How much later a rule counts that asks for less."""
_ACCEPTED: Final = N_("{name} is your guardian.")
_DECLINED: Final = N_("{name} does not want to be your guardian, so nothing has changed.")
_COMING: Final = (RuleState.PROPOSED, RuleState.ASKED, RuleState.WAITING)


def order(scene: Scene, inbound: Inbound, argument: str) -> None:
    """A person wants to see or to set their guardians.

    Args:
        scene: The transaction.
        inbound: What they wrote.
        argument: "@bob @carol 2 of 2", "off", or nothing.
    """
    person, room_id = inbound.sender, inbound.room_id
    speech, bot = scene.speech(person), scene.voice.bot.user_id
    if not argument.strip():
        scene.tell(room_id, person, shown(scene, person))
        return
    wanted = read_guards(argument)
    if isinstance(wanted, GuardProblem):
        scene.tell(room_id, person, texts.guard_problem_doc(wanted, speech))
        return
    found: list[UserId] = []
    for typed in wanted.guardians:
        one = user_named(typed, bot, person)
        if one is None or one == person or one in found:
            scene.tell(room_id, person, texts.no_guardian_doc(typed[:100], speech))
            return
        found.append(one)
    payload = {"person": person, "room": room_id, "guardians": found, "needed": wanted.needed}
    id_ = effect_id(NAME, inbound.event_id)
    errands.schedule(scene.txn, Errand(id_, NAME, payload, scene.now_ms))


class NameGuardians(ChatErrand[Parts]):
    """Finds out what guardians are called; then asks the person for their key."""

    async def perform(self, errand: Errand) -> Mapping[str, Any]:
        """Ask the homeserver for their names."""
        client, bot = self._parts.host.client, self._parts.bot.user_id
        persons = [errand.payload["person"], *errand.payload["guardians"]]
        return {"names": [await known_name(client, bot, UserId(one)) for one in persons]}

    def finish(self, txn: Cursor, errand: Errand, result: Mapping[str, Any], now_ms: int) -> None:
        """Ask the person, or say who is not here."""
        scene, wanted = self._parts.scene(txn, errand.id, now_ms), errand.payload
        person, room_id = UserId(wanted["person"]), RoomId(wanted["room"])
        named = list(zip([person, *wanted["guardians"]], result["names"], strict=True))
        missing = next((one for one, name in named[1:] if name is None), None)
        if missing is not None:
            scene.tell(room_id, person, texts.no_guardian_doc(missing, scene.speech(person)))
            return
        owner, *chosen = (Guardian(UserId(one), name or one) for one, name in named)
        _propose(scene, RuleView(owner, tuple(chosen), wanted["needed"]), room_id)


class Count(ChatErrand[Parts]):
    """The wait of a weaker rule is over."""

    def finish(self, txn: Cursor, errand: Errand, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Let the rule count; a clock that was set back is waited for."""
        scene = self._parts.scene(txn, errand.id, now_ms)
        rule = _lock(scene, errand.payload["rule"])
        if rule is None or rule.state is not RuleState.WAITING or rule.counts_from_ms is None:
            return
        if rule.counts_from_ms > now_ms:
            _set_clock(scene, rule)
        else:
            _activate(scene, rule, RuleInput.TIME)


def answered(scene: Scene, answer: Answered) -> None:
    """Somebody has answered about a rule: whose it is, or who is to be a guardian."""
    if answer.kept.purpose["topic"] == OF_GUARDIAN:
        _guardian_answered(scene, answer)
    else:
        _owner_answered(scene, answer)


def invite(scene: Scene, rule_id: str, person: UserId) -> None:
    """Ask somebody who has a chat whether they want to be a guardian."""
    rule, room_id = _lock(scene, rule_id), scene.chat_of(person)
    if rule is None or rule.state is not RuleState.ASKED or room_id is None:
        return
    view, speech = guarding.view_of(scene, rule), scene.speech(person)
    told = MandateShown(what=OF_GUARDIAN, text=texts.acceptance_text(view, speech))
    approve = scene.approvals.asked(scene.voice, person, "mandate", told)
    choices = (
        Choice(id=ACCEPT, label=speech.text("Be a guardian"), approve=approve),
        Choice(id=DECLINE, label=speech.text("Do not be one")),
    )
    _ask(scene, room_id, (OF_GUARDIAN, rule, person), choices, texts.invitation_doc(view, speech))


def shown(scene: Scene, person: UserId) -> Doc:
    """The rules of a person: the one that counts, then those that will."""
    found = store.rules_of(
        scene.txn, person, [RuleState.ACTIVE, RuleState.ASKED, RuleState.WAITING]
    )
    ordered = sorted(found, key=lambda one: one.state is not RuleState.ACTIVE)
    rules = [(one.state, guarding.view_of(scene, one)) for one in ordered]
    return texts.rules_doc(rules, scene.speech(person))


def _owner_answered(scene: Scene, answer: Answered) -> None:
    """Whether to set a rule, whether to keep the old one."""
    person, choice = answer.inbound.sender, answer.chosen.choice
    rule = _lock(scene, str(answer.kept.purpose.get("rule")))
    if rule is None or rule.person != person:
        return
    speech, nonce = scene.speech(person), answer.chosen.approved_by
    if choice in {DECLINE, KEEP}:
        if scene.settle(answer, speech.text("Nothing has changed.")):
            _end(scene, rule)
        return
    if nonce is None or step_rule(rule.state, RuleInput.APPROVE) is None:
        return
    if scene.settle(answer, speech.text("Approved.")):
        for older in store.rules_of(scene.txn, person, _COMING):
            if older.id != rule.id:
                _end(scene, older)
        rule = attrs.evolve(rule, approved_by=nonce)
        _ask_guardians(scene, _step(scene, rule, RuleInput.APPROVE))


def _guardian_answered(scene: Scene, answer: Answered) -> None:
    """Whether they want to be a guardian."""
    person, nonce = answer.inbound.sender, answer.chosen.approved_by
    rule, speech = _lock(scene, str(answer.kept.purpose.get("rule"))), scene.speech(person)
    if rule is None or (answer.chosen.choice == ACCEPT and nonce is None):
        return
    if rule.state is not RuleState.ASKED:
        scene.settle(answer, speech.text("It is decided."))
        return
    view = guarding.view_of(scene, rule)
    name = next(one.name for one in view.guardians if one.person == person)
    if answer.chosen.choice != ACCEPT or nonce is None:
        if scene.settle(answer, speech.text("You are not a guardian.")):
            _end(scene, rule)
            _tell_owner(scene, view, _DECLINED, name)
    elif scene.settle(answer, speech.text("You are a guardian.")):
        pin_identity(scene.txn, person, scene.now_ms)
        store.accept(scene.txn, rule.id, person, nonce)
        _tell_owner(scene, view, _ACCEPTED, name)
        _count_if_accepted(scene, rule)


def _propose(scene: Scene, view: RuleView, room_id: RoomId) -> None:
    """Keep a rule that is wanted, and ask for the person's key."""
    person = view.owner.person
    store.wait_turn(scene.txn, person)
    for older in store.rules_of(scene.txn, person, [RuleState.PROPOSED]):
        _end(scene, older)
    if not view.guardians and store.active(scene.txn, person) is None:
        scene.tell(room_id, person, shown(scene, person))
        return
    rule = GuardRule(
        id=scene.voice.fresh_ulid("rule"),
        person=person,
        state=RuleState.PROPOSED,
        needed=view.needed,
        sealed=guarding.sealed(scene, view),
    )
    guardians = [one.person for one in view.guardians]
    store.add_rule(scene.txn, rule, guardians, scene.now_ms)
    speech = scene.speech(person)
    label = speech.text("Set it") if view.guardians else speech.text("Do without guardians")
    told = MandateShown(what=OF_OWNER, text=texts.shown_text(view, speech))
    approve = scene.approvals.asked(scene.voice, person, "mandate", told)
    choices = (
        Choice(id=SET, label=label, approve=approve),
        Choice(id=DECLINE, label=speech.text("Change nothing")),
    )
    _ask(scene, room_id, (OF_OWNER, rule, person), choices, texts.proposal_doc(view, speech))


def _ask_guardians(scene: Scene, rule: GuardRule) -> None:
    """Ask those who have not accepted before; a stricter rule with the same ones counts now."""
    before = store.active(scene.txn, rule.person)
    accepted = {} if before is None else store.accepted(scene.txn, before.id)
    for one in guarding.view_of(scene, rule).guardians:
        nonce = accepted.get(one.person)
        if nonce is not None and not guarding.has_left(scene, one.person):
            store.accept(scene.txn, rule.id, one.person, nonce)
        elif scene.chat_of(one.person) is not None:
            invite(scene, rule.id, one.person)
        else:
            payload = {"person": one.person, "session": "", "party": "", "guard": rule.id}
            id_ = scene.voice.fresh_id(cards.OPEN_CHAT)
            errands.schedule(scene.txn, Errand(id_, cards.OPEN_CHAT, payload, scene.now_ms))
    _count_if_accepted(scene, rule)


def _count_if_accepted(scene: Scene, rule: GuardRule) -> None:
    """Let a rule count once all accepted: now, or later if it asks for less than what counts."""
    if any(nonce is None for nonce in store.accepted(scene.txn, rule.id).values()):
        return
    before, view = store.active(scene.txn, rule.person), guarding.view_of(scene, rule)
    if before is None or not is_weaker(view, guarding.view_of(scene, before)):
        _activate(scene, rule, RuleInput.READY)
        return
    rule = attrs.evolve(rule, counts_from_ms=scene.now_ms + WEAKER_MS)
    rule = _step(scene, rule, RuleInput.LATER)
    _set_clock(scene, rule)
    _tell_weaker(scene, rule, before)


def _tell_weaker(scene: Scene, rule: GuardRule, before: GuardRule) -> None:
    """Tell the person and the guardians of before; the person can keep the old rule by a tap."""
    view, at_ms = guarding.view_of(scene, rule), rule.counts_from_ms
    assert at_ms is not None, "a weaker rule waits"  # noqa: S101 -- our bug
    person, room_id = rule.person, scene.chat_of(rule.person)
    speech = scene.speech(person)
    if room_id is not None:
        # To keep the rule takes no power from anybody, so a tap will do.
        keep = (Choice(id=KEEP, label=speech.text("Keep the present rule"), style="primary"),)
        _ask(
            scene,
            room_id,
            (OF_OWNER, rule, person),
            keep,
            weaker_doc(texts.rule_words(view, speech), at_ms, speech),
        )
    for one in guarding.view_of(scene, before).guardians:
        room_id = scene.chat_of(one.person)
        if room_id is not None:
            doc = warning_doc(view.owner.name, view.owner.person, at_ms, scene.speech(one.person))
            scene.tell(room_id, one.person, doc)


def _activate(scene: Scene, rule: GuardRule, heard: RuleInput) -> None:
    """Let a rule take the place of the one that counted."""
    before = store.active(scene.txn, rule.person)
    if before is not None:
        _step(scene, before, RuleInput.END)
    _close(scene, rule)
    rule = _step(scene, rule, heard)
    if not rule.needed:
        _step(scene, rule, RuleInput.END)
    room_id = scene.chat_of(rule.person)
    if room_id is not None:
        scene.tell(room_id, rule.person, shown(scene, rule.person))


def _tell_owner(scene: Scene, view: RuleView, message: str, name: str) -> None:
    person = view.owner.person
    room_id = scene.chat_of(person)
    if room_id is not None:
        words = scene.speech(person).text(message, name=name)
        scene.tell(room_id, person, (Paragraph(words),))


def _lock(scene: Scene, rule_id: str) -> GuardRule | None:
    """A rule that nobody else steps until the transaction ends; None if there is none."""
    found = store.rule(scene.txn, rule_id)
    if found is None:
        return None
    store.wait_turn(scene.txn, found.person)
    return store.rule(scene.txn, rule_id)


def _step(scene: Scene, rule: GuardRule, heard: RuleInput) -> GuardRule:
    state = step_rule(rule.state, heard)
    assert state is not None, f"{heard} of {rule.state}"  # noqa: S101 -- our bug
    after = attrs.evolve(rule, state=state)
    store.save_rule(scene.txn, after, scene.now_ms)
    return after


def _end(scene: Scene, rule: GuardRule) -> None:
    """End a rule that does not count yet, with its questions."""
    if rule.state in _COMING:
        _step(scene, rule, RuleInput.END)
        _close(scene, rule)


def _close(scene: Scene, rule: GuardRule) -> None:
    """End the questions about a rule, to its owner and to those who were to accept it."""
    view = guarding.view_of(scene, rule)
    for one in (view.owner, *view.guardians):
        words = scene.speech(one.person).text("It is decided.")
        scene.close(_about(rule, one.person), one.person, words)


def _set_clock(scene: Scene, rule: GuardRule) -> None:
    assert rule.counts_from_ms is not None, "it waits"  # noqa: S101 -- our bug
    id_ = effect_id(COUNT, rule.id, rule.counts_from_ms)
    errands.schedule(scene.txn, Errand(id_, COUNT, {"rule": rule.id}, rule.counts_from_ms))


def _ask(
    scene: Scene,
    room_id: RoomId,
    of: tuple[str, GuardRule, UserId],
    choices: tuple[Choice, ...],
    intro: Doc,
) -> None:
    """Ask somebody about a rule."""
    topic, rule, person = of
    prompt: Prompt
    if rule.state is RuleState.WAITING:
        prompt = scene.prompt(person, choices, WEAKER_MS, min_trust="any")
    else:
        lasts_ms = ACCEPT_MS if topic == OF_GUARDIAN else ASKED_MS
        prompt = scene.prompt(person, choices, lasts_ms)
    purpose = {"topic": topic, "rule": rule.id}
    scene.ask(room_id, person, prompt, intro, about=_about(rule, person), purpose=purpose)


def _about(rule: GuardRule, person: UserId) -> str:
    return f"guardians {rule.id} {person}"
