"""Rules for guardians, step by step: set by the person's key, accepted, weakened with a wait.

What a bot's guardians guard is its own: it keeps the rules, names who is in them, says which of two
asks for less, and finds the words. How a rule comes to count is the same for all; its states are in
``veche.protocol.guardians``. Source: design of Veche, safety §2 F8.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar

import attrs

from veche.access.approvals import DECLINE, revoked_among
from veche.bots import Conversation
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol import guardian_texts as words
from veche.protocol.approval import MandateShown
from veche.protocol.guardians import (
    ACCEPT_MS,
    ASKED_MS,
    WEAKER_MS,
    GuardRule,
    RuleInput,
    RuleState,
    step_rule,
)
from veche.protocol.ids import effect_id
from veche.protocol.message import Paragraph
from veche.protocol.prompts import Choice
from veche.runtime.crypto.tracking import identity_view, pin_identity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.chat.prompts import Answered
    from veche.protocol.guardians import Guardian
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.message import Doc
    from veche.protocol.texts.localizer import Localizer

OF_OWNER: Final = "guardians"
OF_GUARDIAN: Final = "guardian"
TOPICS: Final = frozenset({OF_OWNER, OF_GUARDIAN})
"""Of questions about rules; also ``what`` of the mandates by which a person sets a rule, and by
which somebody accepts to be a guardian."""
KEEP: Final = "keep"
ACCEPT: Final = "accept"
COMING: Final = (RuleState.PROPOSED, RuleState.ASKED, RuleState.WAITING)
"""States of rules that do not count yet."""


def has_left(scene: Conversation[Any], person: UserId) -> bool:
    """Return whether somebody has no chat any more, or a new identity that nobody confirmed."""
    if scene.chat_of(person) is None:
        return True
    return identity_view(scene.txn, person).is_doubted


S = TypeVar("S", bound=Conversation[Any])
R = TypeVar("R", bound=GuardRule)


class GuardRules(abc.ABC, Generic[S, R]):
    """The rules for guardians of one bot; everything here is one step in its transaction.

    Attributes:
        clock: Kind of the job that calls ``rang`` with the ``rule`` of its payload.
    """

    clock: ClassVar[str]

    # What is the bot's own

    @abc.abstractmethod
    def lock(self, scene: S, rule_id: str) -> R | None:
        """A rule that nobody else steps until the transaction ends; None if there is none."""

    @abc.abstractmethod
    def save(self, scene: S, rule: R) -> None:
        """Keep the state of a rule, and what goes with it."""

    @abc.abstractmethod
    def counting(self, scene: S, rule: R) -> R | None:
        """The rule that counts where this one is to count; None if there is none."""

    @abc.abstractmethod
    def coming(self, scene: S, rule: R) -> Sequence[R]:
        """The rules that are to count where this one is, itself among them."""

    @abc.abstractmethod
    def members(self, scene: S, rule: R) -> tuple[Guardian, Sequence[Guardian]]:
        """Return the holder of a rule, and its guardians in order."""

    @abc.abstractmethod
    def accepted(self, scene: S, rule: R) -> Mapping[UserId, str | None]:
        """The guardians of a rule with the nonce by which each has accepted; None: not yet."""

    @abc.abstractmethod
    def accept(self, scene: S, rule: R, person: UserId, nonce: str | None) -> None:
        """Keep that a guardian of a rule accepts, by an approval of theirs; None: does not."""

    @abc.abstractmethod
    def open_chat(self, scene: S, rule: R, person: UserId) -> None:
        """Make a chat with a guardian who has none; ``invite`` them when it is there."""

    @abc.abstractmethod
    def is_weaker(self, scene: S, new: R, old: R) -> bool:
        """Return whether a rule lets anything through that the one before it would have stopped."""

    @abc.abstractmethod
    def words(self, scene: S, rule: R, localizer: Localizer) -> str:
        """Describe a rule in words."""

    @abc.abstractmethod
    def invitation(self, scene: S, rule: R, localizer: Localizer) -> tuple[Doc, str]:
        """Write the invitation of a guardian, and the text that they sign to accept."""

    @abc.abstractmethod
    def shown(self, scene: S, person: UserId) -> Doc:
        """The rules of a person: the one that counts, then those that will."""

    def has_left(self, scene: S, person: UserId) -> bool:
        """Return whether a guardian does not count any more."""
        return has_left(scene, person)

    def chosen(self, rule: R, choice: str) -> R:  # noqa: ARG002 -- for those that have a choice
        """The rule as its owner chose it when they approved it."""
        return rule

    # Its steps

    def propose(
        self, scene: S, rule: R, room_id: RoomId, choices: Sequence[Choice], intro: Doc
    ) -> None:
        """Ask for the owner's key for a rule that is kept.

        The choice that nothing changes is added to ``choices``.
        """
        owner, _ = self.members(scene, rule)
        nothing = Choice(id=DECLINE, label=scene.localizer(owner.person).text(words.CHANGE_NOTHING))
        self._ask(scene, room_id, (OF_OWNER, rule, owner.person), (*choices, nothing), intro)

    def answered(self, scene: S, answer: Answered) -> None:
        """Somebody has answered about a rule: whose it is, or who is to be a guardian."""
        rule = self.lock(scene, str(answer.kept.purpose.get("rule")))
        if rule is None:
            return
        if answer.kept.purpose["topic"] == OF_GUARDIAN:
            self._guardian_answered(scene, rule, answer)
        else:
            self._owner_answered(scene, rule, answer)

    def invite(self, scene: S, rule_id: str, person: UserId) -> None:
        """Ask somebody who has a chat whether they want to be a guardian."""
        rule, room_id = self.lock(scene, rule_id), scene.chat_of(person)
        if rule is None or rule.state is not RuleState.ASKED or room_id is None:
            return
        localizer = scene.localizer(person)
        intro, signed = self.invitation(scene, rule, localizer)
        told = MandateShown(what=OF_GUARDIAN, text=signed)
        approve = scene.approvals.asked(scene.sender, person, "mandate", told)
        choices = (
            Choice(id=ACCEPT, label=localizer.text(words.BE_ONE), approve=approve),
            Choice(id=DECLINE, label=localizer.text(words.BE_NONE)),
        )
        self._ask(scene, room_id, (OF_GUARDIAN, rule, person), choices, intro)

    def wait_is_over(self, scene: S, rule_id: str) -> None:
        """The wait of a weaker rule may be over; a clock that was set back is waited for."""
        rule = self.lock(scene, rule_id)
        if rule is None or rule.state is not RuleState.WAITING or rule.counts_from_ms is None:
            return
        if rule.counts_from_ms > scene.now_ms:
            self._set_clock(scene, rule)
        else:
            self._activate(scene, rule, RuleInput.TIME)

    def end(self, scene: S, rule: R) -> None:
        """End a rule that does not count yet, with its questions."""
        if rule.state in COMING:
            self._step(scene, rule, RuleInput.END)
            self._close(scene, rule)

    def _owner_answered(self, scene: S, rule: R, answer: Answered) -> None:
        """Apply the owner's answer: set a rule, or keep the old one."""
        person, choice = answer.inbound.sender, answer.chosen.choice
        if self.members(scene, rule)[0].person != person:
            return
        localizer, nonce = scene.localizer(person), answer.chosen.approved_by
        if choice in {DECLINE, KEEP}:
            if scene.settle(answer, localizer.text(words.UNCHANGED)):
                self.end(scene, rule)
            return
        if nonce is None or step_rule(rule.state, RuleInput.APPROVE) is None:
            return
        if scene.settle(answer, localizer.text(words.APPROVED)):
            for older in self.coming(scene, rule):
                if older.id != rule.id:
                    self.end(scene, older)
            rule = attrs.evolve(self.chosen(rule, str(choice)), approved_by=nonce)
            self._ask_guardians(scene, self._step(scene, rule, RuleInput.APPROVE))

    def _guardian_answered(self, scene: S, rule: R, answer: Answered) -> None:
        """Apply a guardian's answer: accept or decline the role."""
        person, nonce = answer.inbound.sender, answer.chosen.approved_by
        is_yes, localizer = answer.chosen.choice == ACCEPT, scene.localizer(person)
        if is_yes and nonce is None:
            return
        if rule.state is not RuleState.ASKED:
            scene.settle(answer, localizer.text(words.DECIDED))
            return
        name = next(one.name for one in self.members(scene, rule)[1] if one.person == person)
        if not is_yes or nonce is None:
            if scene.settle(answer, localizer.text(words.IS_NONE)):
                self.end(scene, rule)
                self._tell_owner(scene, rule, words.DECLINED, name)
        elif scene.settle(answer, localizer.text(words.IS_ONE)):
            pin_identity(scene.txn, person, scene.now_ms)
            self.accept(scene, rule, person, nonce)
            self._tell_owner(scene, rule, words.ACCEPTED, name)
            self._count_if_accepted(scene, rule)

    def _ask_guardians(self, scene: S, rule: R) -> None:
        """Ask those who have not accepted before; a stricter rule with the same ones counts now."""
        before = self.counting(scene, rule)
        accepted = {} if before is None else self.accepted(scene, before)
        for one in self.members(scene, rule)[1]:
            nonce = accepted.get(one.person)
            if nonce is not None and not self.has_left(scene, one.person):
                self.accept(scene, rule, one.person, nonce)
            elif scene.chat_of(one.person) is not None:
                self.invite(scene, rule.id, one.person)
            else:
                self.open_chat(scene, rule, one.person)
        self._count_if_accepted(scene, rule)

    def _count_if_accepted(self, scene: S, rule: R) -> None:
        """Let a rule count once all accepted: now, or later if it asks for less than before."""
        for person in self._void(scene, rule):
            self.accept(scene, rule, person, None)
            self.invite(scene, rule.id, person)
        if any(nonce is None for nonce in self.accepted(scene, rule).values()):
            return
        before = self.counting(scene, rule)
        if before is None or not self.is_weaker(scene, rule, before):
            self._activate(scene, rule, RuleInput.READY)
            return
        at_ms = scene.now_ms + WEAKER_MS
        rule = self._step(scene, attrs.evolve(rule, counts_from_ms=at_ms), RuleInput.LATER)
        self._set_clock(scene, rule)
        self._tell_weaker(scene, rule, before, at_ms)

    def _void(self, scene: S, rule: R) -> list[UserId]:
        """List those who accepted with a key that was revoked since."""
        accepted = self.accepted(scene, rule)
        void = revoked_among(scene.txn, [nonce for nonce in accepted.values() if nonce])
        return [person for person, nonce in accepted.items() if nonce in void]

    def _tell_weaker(self, scene: S, rule: R, before: R, at_ms: int) -> None:
        """Tell the owner and the guardians of before; the owner can keep the old rule by a tap."""
        owner, _ = self.members(scene, rule)
        room_id, localizer = scene.chat_of(owner.person), scene.localizer(owner.person)
        if room_id is not None:
            keep = (Choice(id=KEEP, label=localizer.text(words.KEEP_PRESENT), style="primary"),)
            intro = words.weaker_doc(self.words(scene, rule, localizer), at_ms, localizer)
            self._ask(scene, room_id, (OF_OWNER, rule, owner.person), keep, intro)
        for one in self.members(scene, before)[1]:
            room_id = scene.chat_of(one.person)
            if room_id is not None:
                doc = words.warning_doc(
                    owner.name, owner.person, at_ms, scene.localizer(one.person)
                )
                scene.tell(room_id, one.person, doc)

    def _activate(self, scene: S, rule: R, heard: RuleInput) -> None:
        """Let a rule take the place of the one that counted, unless its key is revoked since."""
        owner, _ = self.members(scene, rule)
        if rule.approved_by is not None and revoked_among(scene.txn, [rule.approved_by]):
            self.end(scene, rule)
            self._tell_owner(scene, rule, words.UNCHANGED, owner.name)
            return
        before = self.counting(scene, rule)
        if before is not None:
            self._step(scene, before, RuleInput.END)
        self._close(scene, rule)
        rule = self._step(scene, rule, heard)
        if not rule.needed:
            self._step(scene, rule, RuleInput.END)
        room_id = scene.chat_of(owner.person)
        if room_id is not None:
            scene.tell(room_id, owner.person, self.shown(scene, owner.person))

    def _tell_owner(self, scene: S, rule: R, message: str, name: str) -> None:
        owner, _ = self.members(scene, rule)
        room_id = scene.chat_of(owner.person)
        if room_id is not None:
            said = scene.localizer(owner.person).text(message, name=name)
            scene.tell(room_id, owner.person, (Paragraph(said),))

    def _step(self, scene: S, rule: R, heard: RuleInput) -> R:
        state = step_rule(rule.state, heard)
        assert state is not None, f"{heard} of {rule.state}"  # noqa: S101 -- our bug
        after = attrs.evolve(rule, state=state)
        self.save(scene, after)
        return after

    def _close(self, scene: S, rule: R) -> None:
        """End the questions about a rule, to its owner and to those who were to accept it."""
        owner, guardians = self.members(scene, rule)
        for one in (owner, *guardians):
            decided = scene.localizer(one.person).text(words.DECIDED)
            scene.close(_about(rule, one.person), one.person, decided)

    def _set_clock(self, scene: S, rule: R) -> None:
        assert rule.counts_from_ms is not None, "it waits"  # noqa: S101 -- our bug
        id_ = effect_id(self.clock, rule.id, rule.counts_from_ms)
        jobs.schedule(scene.txn, Job(id_, self.clock, {"rule": rule.id}, rule.counts_from_ms))

    def _ask(
        self,
        scene: S,
        room_id: RoomId,
        of: tuple[str, R, UserId],
        choices: Sequence[Choice],
        intro: Doc,
    ) -> None:
        """Ask somebody about a rule."""
        topic, rule, person = of
        if rule.state is RuleState.WAITING:
            # To keep the rule takes no power from anybody, so a tap in clear will do.
            prompt = scene.prompt(person, choices, WEAKER_MS, min_trust="any")
        else:
            lasts_ms = ACCEPT_MS if topic == OF_GUARDIAN else ASKED_MS
            prompt = scene.prompt(person, choices, lasts_ms)
        purpose = {"topic": topic, "rule": rule.id}
        scene.ask(room_id, person, prompt, intro, about=_about(rule, person), purpose=purpose)


def _about(rule: GuardRule, person: UserId) -> str:
    return f"guardians {rule.id} {person}"
