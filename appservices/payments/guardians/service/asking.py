"""Payments and escrows that guardians are asked about: who is asked, who counts, how they stand.

An escrow is looked at as the payment that the rules of its buyer see in it.

Who left does not count: somebody who has no chat here any more, is not here any more, or came with
another identity that nobody has confirmed. What they said before does not count either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.conversation.core.topics import Topic
from appservices.payments.guardians import store
from appservices.payments.guardians.texts import (
    RuleView,
    denied_doc,
    guarded_doc,
    guarded_use_doc,
    look_doc,
    too_few_doc,
    vote_text,
)
from appservices.payments.holders import store as holders
from appservices.payments.transfers.core.payment import Kind
from appservices.payments.transfers.service import asking
from appservices.payments.transfers.service.authority import void_votes
from appservices.payments.transfers.texts.views import Party
from veche.bots import guardian_rules as guard_rules
from veche.protocol.approval import MandateShown
from veche.protocol.guardians import Standing, Tally, tally
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.guardians.store import GuardRule
    from appservices.payments.transfers.service.files import OpenPayment
    from veche.protocol.ids import UserId

WHAT: Final = "guard"
"""``what`` of the mandates by which guardians approve a payment."""
PAYMENT: Final = "payment"
ESCROW: Final = "escrow"
APPROVE: Final = "approve"
REFUSE: Final = "decline"


@attrs.frozen
class One:
    """A guardian of a payment.

    Attributes:
        holder: Number.
        party: Who they are.
        standing: What they are to the payment.
    """

    holder: int
    party: Party
    standing: Standing

    @property
    def person(self) -> UserId:
        """Matrix id."""
        assert self.party.person is not None, "guardians are persons"  # noqa: S101 -- our bug
        return self.party.person


def view_of(scene: Conversation, rule: GuardRule) -> RuleView:
    """A rule with its names."""
    opened = scene.vault.open(rule.sealed)
    return RuleView(
        owner=Party(*opened["owner"]),
        guardians=tuple(Party(*one) for one in opened["guardians"]),
        needed=rule.needed,
        above_minor=rule.above_minor,
        currency=opened["currency"],
        is_shown=rule.is_shown,
        counts_from_ms=rule.counts_from_ms,
    )


def sealed(scene: Conversation, view: RuleView) -> bytes:
    """The names of a rule, under the operator's key."""
    names: Mapping[str, Any] = {
        "owner": [view.owner.address, view.owner.name],
        "guardians": [[one.address, one.name] for one in view.guardians],
        "currency": view.currency,
    }
    return scene.vault.seal(names)


def has_left(scene: Conversation, holder_id: int, person: UserId) -> bool:
    """Return whether a guardian does not count any more."""
    return holders.holder(scene.txn, holder_id).is_closed or guard_rules.has_left(scene, person)


def guardians(scene: Conversation, rule: GuardRule, payment_id: str) -> list[One]:
    """The guardians of a payment in their order, as they stand now."""
    said = store.votes(scene.txn, payment_id, void_votes(scene, payment_id))
    kept = store.guardians_of(scene.txn, rule.id)
    found = []
    for guardian, party in zip(kept, view_of(scene, rule).guardians, strict=True):
        is_yes = said.get(guardian.holder)
        one = One(guardian.holder, party, _STANDINGS[is_yes])
        if has_left(scene, one.holder, one.person):
            one = attrs.evolve(one, standing=Standing.GONE)
        found.append(one)
    return found


def rule_of(scene: Conversation, matter: OpenPayment) -> GuardRule:
    """The rule by which guardians are asked about a payment."""
    rule_id = store.rule_of_payment(scene.txn, matter.payment.id)
    assert rule_id is not None, "what is guarded has a rule"  # noqa: S101 -- our bug
    return store.rule(scene.txn, rule_id)


def tally_of(scene: Conversation, matter: OpenPayment) -> Tally:
    """How the guardians of a payment stand."""
    rule = rule_of(scene, matter)
    ones = guardians(scene, rule, matter.payment.id)
    return tally([one.standing for one in ones], rule.needed)


def ask(scene: Conversation, matter: OpenPayment) -> None:
    """Ask the guardians about a payment, and tell its payer; who left is not asked.

    Too few may be left to approve it: then its payer alone is told, and the caller ends it.
    """
    payment = matter.payment
    rule = store.active(scene.txn, payment.payer, payment.ledger)
    assert rule is not None, "the rule that counts asks for it"  # noqa: S101 -- our bug
    store.guard(scene.txn, payment.id, rule.id)
    ones = guardians(scene, rule, payment.id)
    view, gone = view_of(scene, rule), [one.party for one in ones if one.standing is Standing.GONE]
    if tally([one.standing for one in ones], rule.needed).is_lost:
        _tell_too_few(scene, matter, gone)
        return
    if payment.kind is not Kind.ESCROW:  # whose buyer is shown how it stands
        _tell_payer(scene, matter, view, gone)
    for one in ones:
        if one.standing is Standing.SILENT:
            _ask_one(scene, matter, view, one)


def tell_denied(scene: Conversation, matter: OpenPayment) -> None:
    """Tell the payer that too few guardians approve."""
    counted = tally_of(scene, matter)
    for person in matter.private.concerned:
        room_id = scene.chat_of(person)
        if room_id is not None:
            scene.tell(room_id, person, denied_doc(matter.view, counted, scene.localizer(person)))


def ask_again(scene: Conversation, matter: OpenPayment, holder_id: int) -> None:
    """Ask a guardian anew, whose approval counts no more."""
    rule = rule_of(scene, matter)
    for one in guardians(scene, rule, matter.payment.id):
        if one.holder == holder_id and one.standing is Standing.SILENT:
            _ask_one(scene, matter, view_of(scene, rule), one)


def close(scene: Conversation, matter: OpenPayment) -> None:
    """End the questions to the guardians of a payment."""
    rule_id = store.rule_of_payment(scene.txn, matter.payment.id)
    if rule_id is None:
        return
    rule = store.rule(scene.txn, rule_id)
    for party in view_of(scene, rule).guardians:
        if party.person is not None:
            words = scene.localizer(party.person).text("It is decided.")
            scene.close(_about(matter, party.person), party.person, words)


def _tell_payer(
    scene: Conversation, matter: OpenPayment, view: RuleView, gone: Sequence[Party]
) -> None:
    until_ms, asker = matter.payment.due_at_ms, matter.private.asker.person
    assert until_ms is not None, "guardians have a time"  # noqa: S101 -- our bug
    for person in matter.private.concerned:
        is_owner, localizer = person == matter.private.payer.person, scene.localizer(person)
        if is_owner:
            doc = guarded_doc(matter.view, view, gone, until_ms, localizer)
        else:
            doc = guarded_use_doc(matter.view, until_ms, localizer)
        room_id = scene.chat_of(person)
        if person == asker:
            asking.ask_to_stop(scene, matter, doc)
        elif room_id is not None:
            scene.tell(room_id, person, doc)


def _tell_too_few(scene: Conversation, matter: OpenPayment, gone: Sequence[Party]) -> None:
    for person in matter.private.concerned:
        room_id, is_owner = scene.chat_of(person), person == matter.private.payer.person
        if room_id is not None:
            doc = too_few_doc(gone if is_owner else (), scene.localizer(person))
            scene.tell(room_id, person, doc)


def _ask_one(scene: Conversation, matter: OpenPayment, view: RuleView, one: One) -> None:
    room_id, until_ms = scene.chat_of(one.person), matter.payment.due_at_ms
    if room_id is None or until_ms is None:
        return
    localizer = scene.localizer(one.person)
    shown = MandateShown(what=WHAT, text=vote_text(matter.view, view, localizer))
    approve = scene.approvals.asked(scene.sender, one.person, "mandate", shown)
    choices = (
        Choice(id=APPROVE, label=localizer.text("Approve it"), approve=approve),
        Choice(id=REFUSE, label=localizer.text("Refuse it"), style="danger"),
    )
    prompt = scene.prompt(one.person, choices, until_ms - scene.now_ms)
    scene.ask(
        room_id,
        one.person,
        prompt,
        look_doc(matter.view, view, until_ms, localizer),
        about=_about(matter, one.person),
        purpose={"topic": Topic.GUARD, _subject(matter): matter.payment.id},
    )


def _subject(matter: OpenPayment) -> str:
    """Under which name the id of what guardians are asked about stands in their questions."""
    return ESCROW if matter.payment.kind is Kind.ESCROW else PAYMENT


def _about(matter: OpenPayment, person: UserId) -> str:
    return f"guard {matter.payment.id} {person}"


_STANDINGS: Final = {None: Standing.SILENT, True: Standing.YES, False: Standing.NO}
