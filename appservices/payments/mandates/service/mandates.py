"""Mandates as payers give, see, pause and end them; ended or paused with the row, at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.conversation.core.topics import Topic
from appservices.payments.holders import store as holders
from appservices.payments.mandates import store
from appservices.payments.mandates.core.mandate import (
    ASKED_MS,
    MANDATES_MAX,
    MandateInput,
    MandateState,
    Terms,
    step_mandate,
)
from appservices.payments.mandates.core.order import MandateOrder
from appservices.payments.mandates.store import Mandate
from appservices.payments.mandates.texts import mandate_doc, proposal_doc, shown_text
from appservices.payments.organisations.service import news
from appservices.payments.transfers.service import authority
from veche.protocol.approval import MandateShown, ShownCap
from veche.protocol.ids import UserId
from veche.protocol.message import Paragraph
from veche.protocol.prompts import Choice, Prompt

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from veche.chat.prompts import Answered
    from veche.protocol.approval import AskedApproval
    from veche.protocol.ids import RoomId

WHAT: Final = "debit"
"""``what`` of the mandates that let somebody be debited."""
GIVE: Final = "give"
DECLINE: Final = "decline"
RESUME: Final = "resume"
_INPUTS: Final = {
    GIVE: MandateInput.APPROVE,
    DECLINE: MandateInput.DECLINE,
    "pause": MandateInput.PAUSE,
    RESUME: MandateInput.RESUME,
    "revoke": MandateInput.END,
}
ENDING: Final = "revoke"
"""Choice that ends one for good."""
STOPPING: Final = frozenset({"pause", ENDING})
"""Choices after which nothing is debited, also not what is on its way to the writer."""
_KEPT_MS: Final = 30 * 86_400_000
"""How long the buttons under a listed mandate work."""


def propose(scene: Conversation, order: MandateOrder) -> None:
    """Keep a mandate that an organisation proposes; its payer is asked by ``ask``."""
    payer, payee = scene.holder(UserId(order.payer)), scene.organisation(order.payee)
    holders.lock_holder(scene.txn, payer.id)  # or several at once would pass the limit
    ledger = holders.currencies(scene.txn).get(order.each_max.currency)
    if ledger is None or store.count_between(scene.txn, payer.id, payee.id) >= MANDATES_MAX:
        tell_payee(scene, order, "refused")
        return
    terms = Terms(
        each_max_minor=order.each_max.minor,
        period=order.period,
        period_max_minor=order.period_max.minor,
        starts_at_ms=order.starts_at_ms,
        ends_at_ms=order.ends_at_ms,
        count_max=order.count_max,
        notice_ms=order.notice_ms,
    )
    sealed = scene.vault.seal(order.model_dump(mode="json", exclude_none=True))
    mandate = Mandate(
        id=order.id,
        payer=payer.id,
        payee=payee.id,
        ledger=ledger,
        state=MandateState.PROPOSED,
        count=0,
        sealed=sealed,
        approved_by=None,
        terms=terms,
    )
    if not store.add_mandate(scene.txn, mandate, scene.now_ms):
        tell_payee(scene, order, "refused")


def ask(scene: Conversation, mandate_id: str) -> None:
    """Ask the payer of a proposed mandate for their key's approval, in their chat."""
    mandate = store.lock_mandate(scene.txn, mandate_id)
    if mandate is None or mandate.state is not MandateState.PROPOSED:
        return
    order = order_of(scene, mandate)
    person = UserId(order.payer)
    room_id = scene.chat_of(person)
    if room_id is None:
        return
    localizer = scene.localizer(person)
    approve = _approval(scene, person, order)
    choices = (
        Choice(id=GIVE, label=localizer.text("Give this mandate"), approve=approve),
        Choice(id=DECLINE, label=localizer.text("Do not give it")),
    )
    prompt = scene.prompt(person, choices, min(ASKED_MS, order.ends_at_ms - scene.now_ms))
    _ask(scene, room_id, prompt, mandate, order)


def show_all(scene: Conversation, room_id: RoomId, person: UserId) -> None:
    """Show a person the mandates that they gave, each with what can be done about it."""
    localizer = scene.localizer(person)
    kept = store.mandates_of(scene.txn, scene.holder(person).id)
    given = [one for one in kept if one.state is not MandateState.PROPOSED]
    if not given:
        words = localizer.text("Nobody may debit you.")
        scene.tell(room_id, person, (Paragraph(words),))
    for mandate in given:
        _show(scene, room_id, person, mandate)


def answered(scene: Conversation, answer: Answered) -> None:
    """A payer has chosen what happens to a mandate; ended or paused, it counts from now on."""
    mandate = store.lock_mandate(scene.txn, str(answer.kept.purpose.get("mandate")))
    heard = _INPUTS.get(answer.chosen.choice or "")
    if mandate is None or heard is None:
        return
    order = order_of(scene, mandate)
    if order.payer != answer.inbound.sender:
        return
    nonce = answer.chosen.approved_by
    state = step_mandate(mandate.state, heard)
    if nonce is None and (
        heard is MandateInput.APPROVE or needs_key(scene, mandate, answer.chosen.choice)
    ):
        return
    localizer = scene.localizer(answer.inbound.sender)
    if state is None:
        scene.settle(answer, localizer.text("Nothing has changed."))
    elif scene.settle(answer, _outcome(scene, answer.inbound.sender, state)):
        _set_state(scene, attrs.evolve(mandate, approved_by=nonce or mandate.approved_by), state)


def change(scene: Conversation, mandate: Mandate, choice: str) -> MandateState | None:
    """Do with a mandate, which is locked, what its payer chose on a page, without a key.

    Args:
        scene: The transaction.
        mandate: Of theirs.
        choice: ``pause``, ``resume``, ``revoke`` or ``decline``.

    Returns:
        Its state now; None if it is in no state for that, and nothing has changed.
    """
    heard = _INPUTS[choice]
    assert heard is not MandateInput.APPROVE, "to give one takes a key"  # noqa: S101 -- our bug
    if needs_key(scene, mandate, choice):
        return None
    state = step_mandate(mandate.state, heard)
    if state is not None:
        payer = UserId(order_of(scene, mandate).payer)
        scene.close(about(mandate.id), payer, _outcome(scene, payer, state))
        _set_state(scene, mandate, state)
    return state


def needs_key(scene: Conversation, mandate: Mandate, choice: str | None) -> bool:
    """Return whether a mandate goes on only with a new approval: the key behind it is revoked."""
    return choice == RESUME and authority.is_revoked(scene, [mandate.approved_by])


def pause_revoked(scene: Conversation, mandate: Mandate) -> None:
    """Pause a mandate, locked, whose key is revoked; ask its payer for another key's approval."""
    if not authority.is_revoked(scene, [mandate.approved_by]):
        return
    if mandate.state is MandateState.ACTIVE:
        mandate = attrs.evolve(mandate, state=MandateState.PAUSED)
        _set_state(scene, mandate, mandate.state)
    person = UserId(order_of(scene, mandate).payer)
    room_id = scene.chat_of(person)
    if room_id is not None:
        _show(scene, room_id, person, mandate)


def about(mandate_id: str) -> str:
    """The matter of the questions about a mandate."""
    return f"mandate {mandate_id}"


def end_all(scene: Conversation, payer: int) -> list[str]:
    """End every mandate of a payer who stops everything; who could debit them by one."""
    found = store.mandates_of(scene.txn, payer)
    for mandate in found:
        _set_state(scene, mandate, MandateState.ENDED)
    given = [order_of(scene, one) for one in found if one.state is not MandateState.PROPOSED]
    return list(dict.fromkeys(one.payee_name for one in given))


def order_of(scene: Conversation, mandate: Mandate) -> MandateOrder:
    """A mandate as it was proposed."""
    return MandateOrder.model_validate(scene.vault.open(mandate.sealed))


def tell_payee(scene: Conversation, order: MandateOrder, state: str) -> None:
    """Let the organisation hear of a state of its mandate."""
    payload = {**order.about, "mandate": order.id, "state": state}
    id_ = scene.sender.fresh_id(f"{order.reply} {order.id}")
    news.tell(scene, order.reply, id_, payload)


def _set_state(scene: Conversation, mandate: Mandate, state: MandateState) -> None:
    store.save_state(scene.txn, mandate.id, state, mandate.approved_by, scene.now_ms)
    tell_payee(scene, order_of(scene, mandate), state.value)


def _approval(scene: Conversation, person: UserId, order: MandateOrder) -> AskedApproval:
    shown = MandateShown(
        what=WHAT,
        text=shown_text(order, scene.localizer(person)),
        cap=ShownCap(minor=order.period_max.minor, currency=order.period_max.currency),
        period=order.period,
        until_ms=order.ends_at_ms,
    )
    return scene.approvals.asked(scene.sender, person, "mandate", shown)


def _show(scene: Conversation, room_id: RoomId, person: UserId, mandate: Mandate) -> None:
    order, localizer = order_of(scene, mandate), scene.localizer(person)
    words = localizer.text("This question was replaced by the one below.")
    scene.close(about(mandate.id), person, words)
    revoke = Choice(id="revoke", label=localizer.text("End it for ever"), style="danger")
    # To pause or end takes power away, so a tap in clear will do; to resume gives it back.
    if mandate.state is MandateState.ACTIVE:
        choices = (Choice(id="pause", label=localizer.text("Pause it")), revoke)
        prompt = scene.prompt(person, choices, _KEPT_MS, min_trust="any")
    else:
        is_void = needs_key(scene, mandate, RESUME)
        approve = _approval(scene, person, order) if is_void else None
        resume = Choice(id=RESUME, label=localizer.text("Let it go on"), approve=approve)
        choices = (resume, revoke)
        prompt = scene.prompt(person, choices, _KEPT_MS)
    _ask(scene, room_id, prompt, mandate, order)


def _ask(
    scene: Conversation, room_id: RoomId, prompt: Prompt, mandate: Mandate, order: MandateOrder
) -> None:
    person = UserId(order.payer)
    localizer = scene.localizer(person)
    if mandate.state is MandateState.PROPOSED:
        intro = proposal_doc(order, localizer)
    else:
        is_void = needs_key(scene, mandate, RESUME)
        intro = mandate_doc(order, mandate.state, localizer, is_void=is_void)
    purpose = {"topic": Topic.MANDATE, "mandate": mandate.id}
    scene.ask(room_id, person, prompt, intro, about=about(mandate.id), purpose=purpose)


def _outcome(scene: Conversation, person: UserId, state: MandateState) -> str:
    localizer = scene.localizer(person)
    match state:
        case MandateState.ACTIVE:
            return localizer.text("The mandate is active. Write “mandates” to stop it.")
        case MandateState.PAUSED:
            return localizer.text("The mandate is paused: nothing is debited.")
        case _:
            return localizer.text("The mandate is ended: nothing is debited any more.")
