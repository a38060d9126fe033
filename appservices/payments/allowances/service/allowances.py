"""Allowances as their givers give, see and end them; ended with the row, at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.allowances import store, texts
from appservices.payments.allowances.core import (
    ALLOWANCES_MAX,
    ASKED_MS,
    AllowanceInput,
    AllowanceProblem,
    AllowanceState,
    step_allowance,
)
from appservices.payments.allowances.service import uses as allowance_uses
from appservices.payments.allowances.store import Allowance
from appservices.payments.conversation.core.topics import Topic
from appservices.payments.conversation.service import chats
from appservices.payments.holders import store as holders
from appservices.payments.holders.core import LimitKind
from appservices.payments.limits.service import limits as limiting
from appservices.payments.paying.service import paying, settling
from appservices.payments.transfers.core.payment import Kind
from appservices.payments.transfers.core.rules import UseProblem
from appservices.payments.transfers.service import files
from appservices.payments.transfers.store import facts, payments
from appservices.payments.transfers.texts import refusals
from veche.protocol.approval import TEXT_CHARACTERS_MAX, MandateShown, ShownCap
from veche.protocol.ids import UserId
from veche.protocol.message import Paragraph
from veche.protocol.prompts import Choice, Prompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.allowances.texts import AllowanceView
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.transfers.service.files import Private
    from veche.chat.prompts import Answered
    from veche.protocol.ids import RoomId
    from veche.protocol.message import Doc

WHAT: Final = "allowance"
"""``what`` of the mandates by which somebody lets another pay from their account."""
GIVE: Final = "give"
DECLINE: Final = "decline"
END: Final = "end"
_KEPT_MS: Final = 30 * 86_400_000
"""How long the button under a listed allowance works."""


def propose(scene: Conversation, view: AllowanceView, room_id: RoomId) -> None:
    """Keep an allowance that somebody wants to give, and ask for their key."""
    person = UserId(view.giver.address)
    localizer = scene.localizer(person)
    giver = holders.lock_holder(scene.txn, scene.holder(person).id)
    spender = scene.holder(UserId(view.spender.address))
    before = [one for one in store.given_by(scene.txn, giver.id) if one.spender == spender.id]
    if len(before) >= ALLOWANCES_MAX:
        scene.tell(room_id, person, texts.too_many_doc(localizer))
        return
    allowance = Allowance(
        id=scene.sender.fresh_ulid("allowance"),
        giver=giver.id,
        spender=spender.id,
        ledger=holders.currencies(scene.txn)[view.currency],
        state=AllowanceState.PROPOSED,
        sealed=allowance_uses.sealed(scene, view),
        approved_by=None,
        terms=view.terms,
    )
    text = texts.shown_text(view, localizer)
    if len(text) > TEXT_CHARACTERS_MAX:
        problem = AllowanceProblem.TOO_MANY
        scene.tell(room_id, person, texts.allowance_problem_doc(problem, view.currency, localizer))
        return
    store.add_allowance(scene.txn, allowance, scene.now_ms)
    shown = MandateShown(
        what=WHAT,
        text=text,
        cap=ShownCap(minor=view.terms.period_max_minor, currency=view.currency),
        period=view.terms.period,
        until_ms=view.terms.ends_at_ms,
    )
    approve = scene.approvals.asked(scene.sender, person, "mandate", shown)
    choices = (
        Choice(id=GIVE, label=localizer.text("Give this allowance"), approve=approve),
        Choice(id=DECLINE, label=localizer.text("Do not give it")),
    )
    from_ms = start_ms(scene, allowance, view.currency)
    intro = texts.proposal_doc(view, from_ms if from_ms > scene.now_ms else 0, localizer)
    _ask(scene, room_id, person, allowance, scene.prompt(person, choices, ASKED_MS), intro)


def answered(scene: Conversation, answer: Answered) -> None:
    """Act on an answer about an allowance: whether to give it, or to end it."""
    person, choice = answer.inbound.sender, answer.chosen.choice
    allowance_id = str(answer.kept.purpose.get("allowance"))
    if choice == END:
        stop(scene, allowance_id)
    allowance = _lock(scene, allowance_id)
    if allowance is None:
        return
    view, localizer = allowance_uses.view_of(scene, allowance), scene.localizer(person)
    is_giver = view.giver.address == person
    if not is_giver and view.spender.address != person:
        return
    if choice == GIVE:
        if is_giver and answer.chosen.approved_by is not None:
            _give(scene, allowance, view, answer)
        return
    words = localizer.text("Not given.") if choice == DECLINE else localizer.text("Ended.")
    if scene.settle(answer, words):
        _end(scene, allowance)


def stop(scene: Conversation, allowance_id: str) -> None:
    """Take back the uses of an allowance that the writer has not decided: it is being ended.

    No holder may be locked yet, see ``payments.take_back_attempts``.
    """
    giver = store.giver_of(scene.txn, allowance_id)
    if giver is None:
        return
    _refuse(scene, payments.take_back_attempts(scene.txn, giver, allowance_id=allowance_id))


def take_back_uses(scene: Conversation, spender: int) -> list[str]:
    """Take back what somebody pays from accounts of others, who stops everything; the payments.

    No holder may be locked yet, see ``payments.take_back_attempts``.
    """
    return [
        payment_id
        for one in store.given_to(scene.txn, spender)
        for payment_id in payments.take_back_attempts(scene.txn, one.giver, allowance_id=one.id)
    ]


def cancel_uses(scene: Conversation, spender: int) -> None:
    """Cancel what somebody pays from accounts of others, who stops everything, and waits.

    ``take_back_uses`` comes before it. The allowances stay.
    """
    for one in store.given_to(scene.txn, spender):
        locked = _lock(scene, one.id)
        if locked is not None:
            _cancel_uses(scene, locked)


def end_all(scene: Conversation, holder_id: int) -> bool:
    """End every allowance of somebody who stops everything: those they gave, those they have.

    Returns:
        Whether there was one that counted.
    """
    has_any = False
    given = store.given_by(scene.txn, holder_id)
    for allowance in (*given, *store.given_to(scene.txn, holder_id)):
        locked = _lock(scene, allowance.id)
        if locked is not None:
            has_any = has_any or locked.state is AllowanceState.ACTIVE
            _end(scene, locked)
    return has_any


def end(scene: Conversation, allowance_id: str, holder_id: int) -> bool:
    """End an allowance for who gave it, or has it; False if it is none of theirs, or over.

    ``stop`` comes before it.
    """
    allowance = _lock(scene, allowance_id)
    is_theirs = allowance is not None and holder_id in {allowance.giver, allowance.spender}
    if allowance is None or not is_theirs or allowance.state is not AllowanceState.ACTIVE:
        return False
    _end(scene, allowance)
    return True


def show_all(scene: Conversation, room_id: RoomId, person: UserId) -> None:
    """Show somebody the allowances that they gave and have, each with a way to end it."""
    mine = scene.holder(person).id
    given = [
        one
        for one in store.given_by(scene.txn, mine)
        if one.state is AllowanceState.ACTIVE and one.terms.ends_at_ms > scene.now_ms
    ]
    had = [one for one in store.given_to(scene.txn, mine) if one.terms.ends_at_ms > scene.now_ms]
    localizer = scene.localizer(person)
    if not given and not had:
        words = localizer.text(
            "Nobody else may pay from your account, and you may pay from nobody else's."
        )
        scene.tell(room_id, person, (Paragraph(words),))
    for allowance in (*given, *had):
        is_given = allowance.giver == mine
        label = localizer.text("End it") if is_given else localizer.text("Give it up")
        # To end one takes only power away, so a tap in clear will do.
        choices = (Choice(id=END, label=label, style="danger"),)
        prompt = scene.prompt(person, choices, _KEPT_MS, min_trust="any")
        view = allowance_uses.view_of(scene, allowance)
        left_minor = allowance_uses.left_minor(scene, allowance)
        doc = texts.allowance_doc(view, left_minor, localizer, is_given=is_given)
        words = localizer.text("This question was replaced by the one below.")
        scene.close(_about(allowance, person), person, words)
        _ask(scene, room_id, person, allowance, prompt, doc)


def tell_given(scene: Conversation, allowance_id: str, person: UserId) -> None:
    """Tell somebody who has a chat that they may pay from another's account."""
    allowance, room_id = _lock(scene, allowance_id), scene.chat_of(person)
    if allowance is None or allowance.state is not AllowanceState.ACTIVE or room_id is None:
        return
    view = allowance_uses.view_of(scene, allowance)
    doc = texts.given_doc(view, _example_payee(scene, view), scene.localizer(person))
    scene.tell(room_id, person, doc)


def _example_payee(scene: Conversation, view: AllowanceView) -> str | None:
    """Return an example payee of an allowance, as its spender may type it.

    None: it is for organisations alone that are paid by their invoices.
    """
    if not (view.payees or view.kinds):
        return "bob"
    merchants = [one for one in scene.section.organisations if one.is_paid_by_name]
    persons = [one.address for one in view.payees if one.person is not None]
    named, kinds = {one.address for one in view.payees}, frozenset(view.kinds)
    ids = [one.id for one in merchants if one.id in named or not kinds.isdisjoint(one.kinds)]
    return next(iter([*ids, *persons]), None)


def pay(scene: Conversation, private: Private, minor: int, giver: UserId) -> None:
    """Somebody wants to pay another from the account of a third.

    Args:
        scene: The transaction.
        private: Who pays whom, as if from their own account.
        minor: How much.
        giver: Whose account they name.
    """
    total_minor = minor + scene.section.fee_minor(private.currency)
    allowance = usable(scene, private, total_minor, giver)
    if allowance is not None:
        own = paying.new(scene, private, minor, Kind.PAY)
        paying.begin(scene, allowance_uses.paid_from(scene, own, allowance))


def usable(scene: Conversation, private: Private, minor: int, giver: UserId) -> Allowance | None:
    """The allowance by which somebody can pay another from the account of a third.

    Args:
        scene: The transaction.
        private: Who pays whom, as if from their own account.
        minor: What that account would be debited with.
        giver: Whose account they name.

    Returns:
        None: there is none; they are told why.
    """
    person, room_id = private.payer.person, private.room_id
    assert person is not None, "a person asks for it"  # noqa: S101 -- our bug
    assert room_id is not None, "in their chat"  # noqa: S101 -- our bug
    mine, theirs = scene.holder(person).id, scene.holder(giver).id
    ledger = holders.currencies(scene.txn)[private.currency]
    found = [
        one
        for one in store.given_to(scene.txn, mine)
        if one.giver == theirs and one.ledger == ledger
    ]
    localizer = scene.localizer(person)
    if not found:
        scene.tell(room_id, person, texts.no_allowance_doc(localizer))
        return None
    payee = private.payee.address
    problems = {one.id: allowance_uses.problem_of(scene, one, payee, minor) for one in found}
    allowance = next((one for one in found if problems[one.id] is None), None)
    if allowance is None:
        problem = problems[found[0].id]
        assert problem is not None, "none can be used"  # noqa: S101 -- our bug
        words = localizer.text(refusals.USE_REFUSALS[problem.value])
        scene.tell(room_id, person, (Paragraph(words),))
    return allowance


def _give(scene: Conversation, allowance: Allowance, view: AllowanceView, answer: Answered) -> None:
    """The giver's key has approved an allowance: it counts from now on, or after a wait."""
    localizer = scene.localizer(answer.inbound.sender)
    if step_allowance(allowance.state, AllowanceInput.APPROVE) is None:
        scene.settle(answer, localizer.text("Nothing has changed."))
        return
    words = localizer.text("Given. Write “allowances” to see it and to end it.")
    if not scene.settle(answer, words):
        return
    starts_at_ms = start_ms(scene, allowance, view.currency)
    given = attrs.evolve(
        allowance,
        state=AllowanceState.ACTIVE,
        approved_by=answer.chosen.approved_by,
        terms=attrs.evolve(allowance.terms, starts_at_ms=starts_at_ms),
    )
    store.save_allowance(scene.txn, given, scene.now_ms)
    spender = UserId(view.spender.address)
    if scene.chat_of(spender) is not None:
        tell_given(scene, given.id, spender)
    else:
        chats.open_chat(scene, spender, allowance=given.id)


def start_ms(scene: Conversation, allowance: Allowance, currency: str) -> int:
    """When an allowance begins: what would wait as a first payment waits as an allowance too.

    All that somebody may pay from one account in their periods counts together, and what they paid
    of late by one that is ended, and what they were paid of late: small parts gain nothing.
    """
    wait_ms = scene.section.first_payee_wait_ms
    since_ms = scene.now_ms - wait_ms
    pair = (allowance.giver, allowance.spender, allowance.ledger)
    own = limiting.limits_of(scene, allowance.giver, allowance.ledger, currency)
    limit = own[LimitKind.FIRST_PAYEE].at(scene.now_ms).minor
    given_minor = store.given_minor(scene.txn, *pair, 0, since_ms)
    paid_minor = facts.gone_to(scene.txn, *pair, since_ms).lately_minor
    total_minor = given_minor + paid_minor + allowance.terms.period_max_minor
    return scene.now_ms + (wait_ms if total_minor > limit else 0)


def _end(scene: Conversation, allowance: Allowance) -> None:
    """End an allowance that is locked; what waits of it is cancelled, and both hear of it."""
    state = step_allowance(allowance.state, AllowanceInput.END)
    if state is None:
        return
    _cancel_uses(scene, allowance)
    store.save_allowance(scene.txn, attrs.evolve(allowance, state=state), scene.now_ms)
    view = allowance_uses.view_of(scene, allowance)
    for party, is_given in ((view.giver, True), (view.spender, False)):
        person = UserId(party.address)
        localizer, room_id = scene.localizer(person), scene.chat_of(person)
        scene.close(_about(allowance, person), person, localizer.text("Ended."))
        if room_id is not None and allowance.state is AllowanceState.ACTIVE:
            scene.tell(room_id, person, texts.ended_doc(view, localizer, is_given=is_given))


def _cancel_uses(scene: Conversation, allowance: Allowance) -> None:
    """Stop what somebody pays by an allowance, which is locked, and what is not made yet."""
    # Those that were approved while the lock was waited for.
    taken_back = payments.take_back_attempts(
        scene.txn, allowance.giver, allowance_id=allowance.id, is_locked=True
    )
    _refuse(scene, taken_back)
    for payment_id in store.waiting_of(scene.txn, allowance.id, payments.WAITING_MAX):
        matter = files.lock(scene, payment_id)
        if matter is not None:
            paying.cancel(scene, matter)


def _refuse(scene: Conversation, payment_ids: Sequence[str]) -> None:
    """Refuse uses that were taken back from the writer."""
    for payment_id in payment_ids:
        matter = files.lock(scene, payment_id)
        if matter is not None:
            settling.refuse(scene, matter, UseProblem.NOT_ACTIVE.value)


def _lock(scene: Conversation, allowance_id: str) -> Allowance | None:
    """An allowance, whose giver is locked too; None if there is none."""
    giver = store.giver_of(scene.txn, allowance_id)
    if giver is None:
        return None
    holders.lock_holder(scene.txn, giver)
    return store.lock_allowance(scene.txn, allowance_id)


def _ask(
    scene: Conversation,
    room_id: RoomId,
    person: UserId,
    allowance: Allowance,
    prompt: Prompt,
    intro: Doc,
) -> None:
    purpose = {"topic": Topic.ALLOWANCE, "allowance": allowance.id}
    scene.ask(room_id, person, prompt, intro, about=_about(allowance, person), purpose=purpose)


def _about(allowance: Allowance, person: UserId) -> str:
    return f"allowance {allowance.id} {person}"
