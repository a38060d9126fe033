"""Rules for guardians: set by the payer's key, accepted by each guardian, weakened with a wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.core.guards import is_weaker
from appservices.payments.core.limits import WEAKER_MS
from appservices.payments.core.texts import guardians as texts
from appservices.payments.service import guarding
from appservices.payments.service.scene import Parts
from appservices.payments.service.settling import open_chat
from appservices.payments.store import guards as store
from appservices.payments.store import holders
from appservices.payments.store.guards import GuardRule
from veche.protocol.approval import MandateShown
from veche.protocol.catalogue import N_
from veche.protocol.guard_words import warning_doc, weaker_doc
from veche.protocol.guards import ACCEPT_MS, ASKED_MS, RuleInput, RuleState, step_rule
from veche.protocol.ids import UserId, effect_id
from veche.protocol.message import Paragraph
from veche.protocol.prompts import Choice, Prompt
from veche.runtime import errands
from veche.runtime.chats import ChatErrand
from veche.runtime.crypto.tracking import pin_identity
from veche.runtime.errands import Errand

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.core.texts.guardians import RuleView
    from appservices.payments.service.scene import Scene
    from veche.protocol.ids import RoomId
    from veche.protocol.message import Doc
    from veche.protocol.speech import Speech
    from veche.runtime.database import Cursor
    from veche.runtime.prompts import Answered

COUNT: Final = "payments.guard"
"""Errand: the wait of a weaker rule is over."""
TOPIC: Final = "guardians"
WHAT: Final = "guardians"
"""``what`` of the mandates by which a payer sets a rule."""
TOPIC_OF_GUARDIAN: Final = "guardian"
WHAT_OF_GUARDIAN: Final = "guardian"
"""``what`` of the mandates by which somebody accepts to be a guardian."""
SHOW: Final = "show"
HIDE: Final = "hide"
DECLINE: Final = "decline"
KEEP: Final = "keep"
ACCEPT: Final = "accept"
_ACCEPTED: Final = N_("{name} is your guardian.")
_DECLINED: Final = N_("{name} does not want to be your guardian, so nothing has changed.")
_COMING: Final = (RuleState.PROPOSED, RuleState.ASKED, RuleState.WAITING)


def answered(scene: Scene, answer: Answered) -> None:
    """A payer has answered about a rule of theirs: whether to set it, whether to keep the old."""
    person, choice = answer.inbound.sender, answer.chosen.choice
    rule = _lock(scene, str(answer.kept.purpose.get("rule")))
    if rule is None or guarding.view_of(scene, rule).owner.address != person:
        return
    speech, nonce = scene.speech(person), answer.chosen.approved_by
    if choice in {DECLINE, KEEP}:
        if scene.settle(answer, speech.text("Nothing has changed.")):
            _end(scene, rule)
        return
    if nonce is None or step_rule(rule.state, RuleInput.APPROVE) is None:
        return
    if scene.settle(answer, speech.text("Approved.")):
        _end_coming(scene, rule.holder, rule.ledger, but=rule.id)
        rule = attrs.evolve(rule, is_shown=choice == SHOW, approved_by=nonce)
        _ask_guardians(scene, _step(scene, rule, RuleInput.APPROVE))


def guardian_answered(scene: Scene, answer: Answered) -> None:
    """Somebody has answered whether they want to be a guardian."""
    person, nonce = answer.inbound.sender, answer.chosen.approved_by
    rule = _lock(scene, str(answer.kept.purpose.get("rule")))
    speech = scene.speech(person)
    if rule is None or (answer.chosen.choice == ACCEPT and nonce is None):
        return
    if rule.state is not RuleState.ASKED:
        scene.settle(answer, speech.text("It is decided."))
        return
    mine = scene.holder(person).id
    name = next(
        one.name for one in guarding.view_of(scene, rule).guardians if one.address == person
    )
    if nonce is None:
        if scene.settle(answer, speech.text("You are not a guardian.")):
            _end(scene, rule)
            _tell_owner(scene, rule, _DECLINED, name)
    elif scene.settle(answer, speech.text("You are a guardian.")):
        pin_identity(scene.txn, person, scene.now_ms)
        store.accept(scene.txn, rule.id, mine, nonce)
        _tell_owner(scene, rule, _ACCEPTED, name)
        _count_if_accepted(scene, rule)


def invite(scene: Scene, rule_id: str, person: UserId) -> None:
    """Ask somebody who has a chat whether they want to be a guardian."""
    rule = _lock(scene, rule_id)
    room_id = scene.chat_of(person)
    if rule is None or rule.state is not RuleState.ASKED or room_id is None:
        return
    view, speech = guarding.view_of(scene, rule), scene.speech(person)
    shown = MandateShown(what=WHAT_OF_GUARDIAN, text=texts.acceptance_text(view, speech))
    approve = scene.approvals.asked(scene.voice, person, "mandate", shown)
    choices = (
        Choice(id=ACCEPT, label=speech.text("Be a guardian"), approve=approve),
        Choice(id=DECLINE, label=speech.text("Do not be one")),
    )
    prompt = scene.prompt(person, choices, ACCEPT_MS)
    purpose = {"topic": TOPIC_OF_GUARDIAN, "rule": rule.id}
    intro = texts.invitation_doc(view, speech)
    scene.ask(room_id, person, prompt, intro, about=_about(rule, person), purpose=purpose)


class Count(ChatErrand[Parts]):
    """The wait of a weaker rule is over."""

    def finish(self, txn: Cursor, errand: Errand, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Let the rule count."""
        rang(self._parts.scene(txn, errand.id, now_ms), errand.payload["rule"])


def rang(scene: Scene, rule_id: str) -> None:
    """The wait of a rule may be over; a clock that was set back is waited for."""
    rule = _lock(scene, rule_id)
    if rule is None or rule.state is not RuleState.WAITING or rule.counts_from_ms is None:
        return
    if rule.counts_from_ms > scene.now_ms:
        _set_clock(scene, rule)
    else:
        _activate(scene, rule, RuleInput.TIME)


def propose(scene: Scene, view: RuleView, room_id: RoomId) -> None:
    """Keep a rule that is wanted, and ask for the payer's key."""
    person = UserId(view.owner.address)
    holder = holders.lock_holder(scene.txn, scene.holder(person).id)
    ledger = holders.currencies(scene.txn)[view.currency]
    for older in store.rules_of(scene.txn, holder.id, [RuleState.PROPOSED]):
        _end(scene, older)
    if not view.guardians and store.active(scene.txn, holder.id, ledger) is None:
        scene.tell(room_id, person, shown(scene, person))
        return
    rule = GuardRule(
        id=scene.voice.fresh_ulid("rule"),
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
    speech = scene.speech(person)
    prompt = scene.prompt(person, _choices(scene, view, speech), ASKED_MS)
    _ask_owner(scene, room_id, rule, prompt, texts.proposal_doc(view, speech))


def _choices(scene: Scene, view: RuleView, speech: Speech) -> tuple[Choice, ...]:
    """What the payer can do with a rule that is wanted; what guardians see is their choice."""
    person = UserId(view.owner.address)
    labels: tuple[tuple[str, str], ...] = (
        (SHOW, speech.text("Set it: they see whom and how much")),
        (HIDE, speech.text("Set it: they see neither")),
    )
    if not view.guardians:
        labels = ((HIDE, speech.text("Do without guardians")),)
    choices = []
    for choice, label in labels:
        seen = attrs.evolve(view, is_shown=choice == SHOW)
        shown = MandateShown(what=WHAT, text=texts.shown_text(seen, speech))
        approve = scene.approvals.asked(scene.voice, person, "mandate", shown)
        choices.append(Choice(id=choice, label=label, approve=approve))
    return (*choices, Choice(id=DECLINE, label=speech.text("Change nothing")))


def _ask_guardians(scene: Scene, rule: GuardRule) -> None:
    """Ask those who have not accepted before; a stricter rule with the same ones counts now."""
    before = store.active(scene.txn, rule.holder, rule.ledger)
    accepted = {
        one.holder: one.approved_by
        for one in (store.guardians_of(scene.txn, before.id) if before is not None else ())
    }
    kept = store.guardians_of(scene.txn, rule.id)
    for guardian, party in zip(kept, guarding.view_of(scene, rule).guardians, strict=True):
        person, nonce = UserId(party.address), accepted.get(guardian.holder)
        if nonce is not None and not guarding.has_left(scene, guardian.holder, person):
            store.accept(scene.txn, rule.id, guardian.holder, nonce)
        elif scene.chat_of(person) is not None:
            invite(scene, rule.id, person)
        else:
            open_chat(scene, person, guard=rule.id)
    _count_if_accepted(scene, rule)


def _count_if_accepted(scene: Scene, rule: GuardRule) -> None:
    """Let a rule count once all accepted: now, or later if it asks for less than what counts."""
    if any(one.approved_by is None for one in store.guardians_of(scene.txn, rule.id)):
        return
    before = store.active(scene.txn, rule.holder, rule.ledger)
    if before is None or not is_weaker(
        store.terms_of(scene.txn, rule), store.terms_of(scene.txn, before)
    ):
        _activate(scene, rule, RuleInput.READY)
        return
    rule = attrs.evolve(rule, counts_from_ms=scene.now_ms + WEAKER_MS)
    rule = _step(scene, rule, RuleInput.LATER)
    _set_clock(scene, rule)
    _tell_weaker(scene, rule, before)


def _tell_weaker(scene: Scene, rule: GuardRule, before: GuardRule) -> None:
    """Tell the payer and the guardians of before; the payer can keep the old rule by a tap."""
    view, at_ms = guarding.view_of(scene, rule), rule.counts_from_ms
    assert at_ms is not None, "a weaker rule waits"  # noqa: S101 -- our bug
    person = UserId(view.owner.address)
    room_id, speech = scene.chat_of(person), scene.speech(person)
    if room_id is not None:
        # To keep the rule takes no power from anybody, so a tap in clear will do.
        keep = (Choice(id=KEEP, label=speech.text("Keep the present rule"), style="primary"),)
        prompt = scene.prompt(person, keep, WEAKER_MS, min_trust="any")
        _ask_owner(
            scene, room_id, rule, prompt, weaker_doc(texts.rule_words(view, speech), at_ms, speech)
        )
    for party in guarding.view_of(scene, before).guardians:
        guardian = UserId(party.address)
        room_id = scene.chat_of(guardian)
        if room_id is not None:
            doc = warning_doc(view.owner.name, view.owner.address, at_ms, scene.speech(guardian))
            scene.tell(room_id, guardian, doc)


def _activate(scene: Scene, rule: GuardRule, heard: RuleInput) -> None:
    """Let a rule take the place of the one that counted."""
    before = store.active(scene.txn, rule.holder, rule.ledger)
    if before is not None:
        _step(scene, before, RuleInput.END)
    _close(scene, rule)
    rule = _step(scene, rule, heard)
    if not rule.needed:
        _step(scene, rule, RuleInput.END)
    person = UserId(guarding.view_of(scene, rule).owner.address)
    room_id = scene.chat_of(person)
    if room_id is not None:
        scene.tell(room_id, person, shown(scene, person))


def shown(scene: Scene, person: UserId) -> Doc:
    """The rules of a person: the one that counts, then those that will."""
    found = store.rules_of(
        scene.txn, scene.holder(person).id, [RuleState.ACTIVE, RuleState.ASKED, RuleState.WAITING]
    )
    ordered = sorted(found, key=lambda one: one.state is not RuleState.ACTIVE)
    rules = [(one.state, guarding.view_of(scene, one)) for one in ordered]
    return texts.rules_doc(rules, scene.section.currencies[0], scene.speech(person))


def _tell_owner(scene: Scene, rule: GuardRule, message: str, name: str) -> None:
    person = UserId(guarding.view_of(scene, rule).owner.address)
    room_id = scene.chat_of(person)
    if room_id is not None:
        words = scene.speech(person).text(message, name=name)
        scene.tell(room_id, person, (Paragraph(words),))


def _lock(scene: Scene, rule_id: str) -> GuardRule | None:
    """A rule, whose owner is locked, so that nobody else steps it; None if there is none."""
    owner = store.owner_of(scene.txn, rule_id)
    if owner is None:
        return None
    holders.lock_holder(scene.txn, owner)
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


def _end_coming(scene: Scene, holder: int, ledger: int, but: str) -> None:
    """A newer rule takes the place of those that were to count."""
    for older in store.rules_of(scene.txn, holder, _COMING):
        if older.ledger == ledger and older.id != but:
            _end(scene, older)


def _close(scene: Scene, rule: GuardRule) -> None:
    """End the questions about a rule, to its owner and to those who were to accept it."""
    view = guarding.view_of(scene, rule)
    for party in (view.owner, *view.guardians):
        person = UserId(party.address)
        words = scene.speech(person).text("It is decided.")
        scene.close(_about(rule, person), person, words)


def _set_clock(scene: Scene, rule: GuardRule) -> None:
    assert rule.counts_from_ms is not None, "it waits"  # noqa: S101 -- our bug
    id_ = effect_id(COUNT, rule.id, rule.counts_from_ms)
    errands.schedule(scene.txn, Errand(id_, COUNT, {"rule": rule.id}, rule.counts_from_ms))


def _ask_owner(scene: Scene, room_id: RoomId, rule: GuardRule, prompt: Prompt, intro: Doc) -> None:
    person = UserId(guarding.view_of(scene, rule).owner.address)
    purpose = {"topic": TOPIC, "rule": rule.id}
    scene.ask(room_id, person, prompt, intro, about=_about(rule, person), purpose=purpose)


def _about(rule: GuardRule, person: UserId) -> str:
    return f"guardians {rule.id} {person}"
