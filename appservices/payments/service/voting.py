"""What guardians say of a payment: each once, a yes with their key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.core.guards import Standing
from appservices.payments.core.payment import State
from appservices.payments.service import files, guarding, paying
from appservices.payments.store import guards as store

if TYPE_CHECKING:
    from appservices.payments.service.scene import Scene
    from veche.runtime.prompts import Answered


def answered(scene: Scene, answer: Answered) -> None:
    """A guardian has answered whether a payment may be made."""
    person, choice = answer.inbound.sender, answer.chosen.choice
    nonce, is_yes = answer.chosen.approved_by, choice == guarding.APPROVE
    matter = files.lock(scene, str(answer.kept.purpose.get("payment")))
    speech = scene.speech(person)
    if matter is None or (is_yes and nonce is None):
        return
    if matter.payment.state is not State.GUARDED:
        scene.settle(answer, speech.text("It is decided."))
        return
    ones = guarding.guardians(scene, guarding.rule_of(scene, matter), matter.payment.id)
    mine = next((one for one in ones if one.party.address == person), None)
    if mine is None or mine.standing is Standing.GONE:
        scene.settle(answer, speech.text("Your answer does not count: your identity has changed."))
        return
    words = speech.text("Approved.") if is_yes else speech.text("Refused.")
    if scene.settle(answer, words) and store.vote(
        scene.txn, matter.payment.id, mine.holder, nonce, is_yes=is_yes, now_ms=scene.now_ms
    ):
        paying.guardian_said(scene, matter)
