"""``dispute NUMBER …``: opened by who paid, answered by who was paid, decided by the desk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.disputes.core.dispute import (
    ASKED_MS,
    DISPUTABLE,
    OPEN_MAX,
    Dispute,
    DisputeState,
)
from appservices.payments.disputes.core.order import (
    FILES,
    DisputeOrder,
    DisputeProblem,
    read_decision,
    read_dispute,
    read_words,
)
from appservices.payments.disputes.service import asking, disputes, evidence
from appservices.payments.disputes.service import records as cases
from appservices.payments.disputes.service.records import Case
from appservices.payments.disputes.store import disputes as store
from appservices.payments.disputes.texts.dispute import DisputeView, Side, dispute_problem_doc
from appservices.payments.holders import store as holders
from appservices.payments.organisations.service.standing import holders_of
from appservices.payments.peers.service.peers import is_abroad
from appservices.payments.transfers.core.payment import State
from appservices.payments.transfers.service import files
from appservices.payments.transfers.store import payments
from appservices.payments.transfers.texts.views import NUMBER_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.transfers.service.files import OpenPayment
    from veche.protocol.ids import UserId
    from veche.protocol.inbound import Inbound


def order(scene: Conversation, inbound: Inbound, argument: str) -> None:
    """A person disputes a payment, sees their disputes, answers or decides one.

    Args:
        scene: The transaction.
        inbound: What they wrote.
        argument: Nothing; or the number of the payment, and what they say.
    """
    person = inbound.sender
    number, *words = argument.split() or [""]
    number = number.upper()
    if not number:
        _show_all(scene, inbound)
        return
    found = _found(scene, person, number) if len(number) == NUMBER_CHARACTERS else None
    asked = disputes.take_back_asked(scene, found, person) if found and words else None
    if asked is not None:
        problem = _open(scene, inbound, asked, words)
    elif found:
        problem = say(scene, person, found, words)
    else:
        problem = _open(scene, inbound, number, words)
    if problem is not None:
        tell_problem(scene, inbound, problem, number)


def tell_problem(
    scene: Conversation, inbound: Inbound, problem: DisputeProblem, number: str = ""
) -> None:
    """Say why it cannot be done."""
    person, localizer = inbound.sender, scene.localizer(inbound.sender)
    currency = _currency_of(scene, person, number) or scene.section.currencies[0]
    doc = dispute_problem_doc(problem, number or "1Q2W3E4R", currency, localizer)
    scene.tell(inbound.room_id, person, doc)


def _currency_of(scene: Conversation, person: UserId, number: str) -> str | None:
    """Return the currency of a payment by its number; None if they have no such payment."""
    if len(number) != NUMBER_CHARACTERS:
        return None
    file = payments.made(scene.txn, scene.holder(person).id, number)
    if file is not None:
        return files.matter_of(scene, file).private.currency
    found = _found(scene, person, number)
    case = cases.lock(scene, found) if found is not None else None
    return case.view.currency if case is not None else None


def _show_all(scene: Conversation, inbound: Inbound) -> None:
    person = inbound.sender
    live = [one for holder in holders_of(scene, person) for one in store.live_of(scene.txn, holder)]
    if is_desk(scene, person):
        live += [one for one in store.at_desk(scene.txn) if one not in live]
    for dispute_id in live:
        asking.show_to(scene, dispute_id, person)
    if not live:
        tell_problem(scene, inbound, DisputeProblem.USAGE)


def _found(scene: Conversation, person: UserId, number: str) -> str | None:
    """The dispute of a number, if it is for them."""
    own = (store.numbered(scene.txn, one, number) for one in holders_of(scene, person))
    found = next((one for one in own if one is not None), None)
    if found is None and is_desk(scene, person):
        found = store.numbered(scene.txn, None, number)
    return found


def is_desk(scene: Conversation, person: UserId) -> bool:
    """Return whether somebody decides disputes here, first or on appeal."""
    section = scene.section
    return person in section.dispute_desk or person in section.dispute_appeal_desk


def say(  # noqa: PLR0911 -- a wish a line
    scene: Conversation, person: UserId, dispute_id: str, words: Sequence[str]
) -> DisputeProblem | None:
    """Answer or decide a dispute with what was typed; else show it.

    Args:
        scene: The transaction.
        person: Who typed it.
        dispute_id: Of which dispute.
        words: What stood after its number.

    Returns:
        Why it cannot be done; None if it was, or if the dispute is shown.
    """
    case = disputes.lock(scene, dispute_id)
    side = case.side_of(person, scene) if case is not None else None
    if case is None or side is None:
        return DisputeProblem.NO_PAYMENT
    state = case.dispute.state
    if len(words) == 1 and words[0].casefold() in FILES:
        evidence.send_all(scene, case, person)
        return None
    if side is Side.DESK and state in {DisputeState.AT_DESK, DisputeState.APPEALED} and words:
        return _decide(scene, person, case, words)
    if side is Side.PAYEE and state is DisputeState.OPEN and words:
        return _answer(scene, case, words)
    if side is not Side.DESK and state is DisputeState.DECIDED and words:
        return _appeal(scene, case, side, words)
    if side is Side.PAYER and words:
        return DisputeProblem.TWICE
    asking.call_back(scene, case, person)
    asking.show(scene, case, side, person)
    return None


def _decide(
    scene: Conversation, person: UserId, case: Case, words: Sequence[str]
) -> DisputeProblem | None:
    read = read_decision(words, case.view.currency, case.dispute.held_minor)
    if isinstance(read, DisputeProblem):
        return read
    assert read.amount_minor is not None, "a decision has an amount"  # noqa: S101 -- our bug
    asking.ask_decision(scene, case, person, read.amount_minor, read.words)
    return None


def _answer(scene: Conversation, case: Case, words: Sequence[str]) -> DisputeProblem | None:
    said = read_words(" ".join(words))
    if isinstance(said, DisputeProblem):
        return said
    disputes.contest(scene, case, said)
    return None


def _appeal(
    scene: Conversation, case: Case, side: Side, words: Sequence[str]
) -> DisputeProblem | None:
    said = read_words(" ".join(words))
    if isinstance(said, DisputeProblem):
        return said
    disputes.appeal(scene, case, case.holder_of(side), said)
    return None


def _open(
    scene: Conversation, inbound: Inbound, number: str, words: Sequence[str]
) -> DisputeProblem | None:
    """Ask who paid for the key with which they dispute; or why that cannot be done."""
    holder = scene.holder(inbound.sender)
    is_number = len(number) == NUMBER_CHARACTERS
    file = payments.made(scene.txn, holder.id, number) if is_number else None
    if file is None:
        return DisputeProblem.NO_PAYMENT
    paid = files.matter_of(scene, file)
    read = read_dispute(words, paid.private.currency)
    if isinstance(read, DisputeProblem):
        return read
    begun = begin(scene, paid, holder.id, read)
    return begun if isinstance(begun, DisputeProblem) else None


def begin(
    scene: Conversation, paid: OpenPayment, holder_id: int, read: DisputeOrder
) -> Case | DisputeProblem:
    """Ask who paid for the key with which they dispute; or why that cannot be done.

    Args:
        scene: The transaction.
        paid: What is disputed.
        holder_id: Who disputes it.
        read: How much, and why.
    """
    left_minor = left_to_dispute(scene, paid)
    amount_minor = left_minor if read.amount_minor is None else read.amount_minor
    problem = hindrance(scene, paid, holder_id, left_minor)
    problem = problem or _problem(read, amount_minor, left_minor)
    if problem is not None:
        return problem
    case = _case(scene, paid, amount_minor, read.words)
    return case if disputes.propose(scene, case) else DisputeProblem.TWICE


def left_to_dispute(scene: Conversation, paid: OpenPayment) -> int:
    """How much of a payment can still go back, in minor units."""
    # First whom all who give back lock first, so that nobody waits for one another.
    holders.lock_holder(scene.txn, paid.payment.payee)
    return payments.left_minor(scene.txn, paid.payment.id)


def count_waiting(scene: Conversation, person: UserId) -> int:
    """How many disputes wait for a person: to answer as who was paid, or to decide."""
    count = sum(store.count_asked(scene.txn, one) for one in holders_of(scene, person))
    if not is_desk(scene, person):
        return count
    cased = [cases.read(scene, one) for one in store.at_desk(scene.txn)]
    return count + sum(one is not None and person in one.desk(scene) for one in cased)


def is_disputable(scene: Conversation, paid: OpenPayment, holder_id: int) -> bool:
    """Return whether somebody may dispute a payment at all, whatever has gone back of it."""
    is_known = store.latest_of(scene.txn, paid.payment.id) is not None
    return not is_known and _kind_problem(scene, paid, holder_id) is None


def hindrance(
    scene: Conversation, paid: OpenPayment, holder_id: int, left_minor: int
) -> DisputeProblem | None:
    """Why nothing of a payment can be disputed by somebody; None if it can.

    Args:
        scene: The transaction.
        paid: The payment.
        holder_id: Who wants to.
        left_minor: What can still go back of it.
    """
    problem = _kind_problem(scene, paid, holder_id)
    if problem is not None:
        return problem
    if store.count_open(scene.txn, holder_id) >= OPEN_MAX:
        return DisputeProblem.TOO_MANY
    return DisputeProblem.NOTHING_LEFT if left_minor <= 0 else None


def _kind_problem(scene: Conversation, paid: OpenPayment, holder_id: int) -> DisputeProblem | None:
    payment = paid.payment
    is_theirs = payment.payer == holder_id and payment.state is State.PAID
    if not is_theirs or payment.kind not in DISPUTABLE:
        return DisputeProblem.NO_PAYMENT
    if not scene.section.dispute_desk or is_abroad(scene, payment):
        return DisputeProblem.NO_DESK
    is_old = scene.now_ms - paid.changed_at_ms > scene.section.dispute_terms_ms
    return DisputeProblem.TOO_OLD if is_old else None


def _problem(read: DisputeOrder, amount_minor: int, left_minor: int) -> DisputeProblem | None:
    if amount_minor <= 0:
        return DisputeProblem.NOT_POSITIVE
    if amount_minor > left_minor:
        return DisputeProblem.TOO_MUCH
    return None if read.words else DisputeProblem.NO_REASON


def _case(scene: Conversation, paid: OpenPayment, amount_minor: int, reason: str) -> Case:
    payment, private = paid.payment, paid.private
    dispute = Dispute(
        id=scene.sender.fresh_ulid("dispute"),
        payment_id=payment.id,
        state=DisputeState.ASKED,
        payer=payment.payer,
        payee=payment.payee,
        ledger=payment.ledger,
        amount_minor=amount_minor,
        asked_at_ms=scene.now_ms,
        due_at_ms=scene.now_ms + ASKED_MS,
    )
    view = DisputeView(
        dispute,
        payer=private.payer,
        payee=private.payee,
        currency=private.currency,
        reference=private.reference,
        reason=reason,
    )
    return Case(view)
