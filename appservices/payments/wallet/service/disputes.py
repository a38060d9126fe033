"""Disputes on the wallet's page: the same acts as in the chat, by the same rules and questions.

What takes a key is asked for in the chat too, and whichever is answered first counts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from appservices.payments.disputes.core.dispute import UNSEEN, DisputeState, DisputeStateError
from appservices.payments.disputes.core.evidence import plain_name
from appservices.payments.disputes.core.order import (
    DisputeOrder,
    DisputeProblem,
    read_decision,
    read_words,
)
from appservices.payments.disputes.service import asking, disputes, evidence
from appservices.payments.disputes.service import orders as dispute_orders
from appservices.payments.disputes.service import records as cases
from appservices.payments.disputes.service.organisations import file_view
from appservices.payments.disputes.store import disputes as store
from appservices.payments.disputes.texts.dispute import (
    Side,
    dispute_problem_words,
    dispute_words,
    terms_words,
)
from appservices.payments.disputes.texts.evidence import EvidenceProblem, evidence_problem_doc
from appservices.payments.organisations.service.standing import holders_of
from appservices.payments.wallet.service.asks import asks_of
from appservices.payments.wallet.service.dispute_views import (
    DisputeEntry,
    DisputesView,
    DisputeTermsView,
)
from appservices.payments.wallet.service.orders import read_typed
from appservices.payments.wallet.service.reading import matter_of, party_view, version_of
from appservices.payments.wallet.service.visit import PaymentRefusedError
from appservices.payments.wallet.texts import Trouble
from veche.protocol.ids import ULID_PATTERN
from veche.protocol.message import body
from veche.protocol.money import Money, as_decimal_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from appservices.payments.disputes.core.evidence import Evidence
    from appservices.payments.disputes.service.records import Case
    from appservices.payments.wallet.service.asks import AskView
    from appservices.payments.wallet.service.dispute_views import DecisionBody, DisputeBody
    from appservices.payments.wallet.service.visit import Visit

REASON: Final = "reason"
AMOUNT: Final = "amount"
WORDS: Final = "words"
_UNDECIDED: Final = frozenset({DisputeState.AT_DESK, DisputeState.APPEALED})
_FREE: Final = (asking.WITHDRAW, asking.CONTEST, asking.APPEAL)
"""Choices that take no key."""
_FIELDS: Final[Mapping[DisputeProblem, str]] = {
    DisputeProblem.NOT_POSITIVE: AMOUNT,
    DisputeProblem.TOO_MUCH: AMOUNT,
    DisputeProblem.NO_AMOUNT: AMOUNT,
}
_ABOUT_WORDS: Final = frozenset({DisputeProblem.NO_REASON, DisputeProblem.BAD_WORDS})


def disputes_view(visit: Visit) -> DisputesView:
    """All that concern a person, and what waits for their decision."""
    scene = visit.scene
    ids = store.at_desk(scene.txn) if dispute_orders.is_desk(scene, visit.person) else []
    for holder in holders_of(scene, visit.person):
        ids += [one for one in store.all_of(scene.txn, holder) if one not in ids]
    found = [(case, _side(visit, case)) for one in ids if (case := cases.read(scene, one))]
    entries = [_entry(visit, case, side) for case, side in found if side is not None]
    view = DisputesView(version="", disputes=entries)
    return view.model_copy(update={"version": version_of(view)})


def terms_of(visit: Visit, payment_id: str) -> DisputeTermsView:
    """Return the effects of disputing a payment of theirs.

    Raises:
        NotFoundError: They made no such payment.
    """
    scene = visit.scene
    paid = matter_of(visit, payment_id)
    if paid.payment.payer != visit.holder.id:
        raise visit.not_found(Trouble.NO_PAYMENT)
    currency = paid.private.currency
    left_minor = dispute_orders.left_to_dispute(scene, paid)
    problem = dispute_orders.hindrance(scene, paid, visit.holder.id, left_minor)
    if problem is None and store.latest_of(scene.txn, payment_id) is not None:
        problem = DisputeProblem.TWICE
    refusal = None if problem is None else dispute_problem_words(problem, currency, visit.localizer)
    section = scene.section
    answer_ms = scene.now_ms + section.dispute_answer_ms
    decide_ms = answer_ms + section.dispute_decide_ms
    until_ms = (answer_ms, decide_ms, decide_ms + section.dispute_appeal_ms)
    return DisputeTermsView(
        payee=party_view(paid.private.payee),
        left=Money(minor=left_minor, currency=currency),
        refusal=refusal,
        terms=list(terms_words(paid.private.payee.name, until_ms, visit.localizer)),
    )


def begin(visit: Visit, payment_id: str, wanted: DisputeBody) -> DisputesView:
    """Ask the person for the key with which they dispute a payment.

    What they began before and have not approved is asked anew.

    Raises:
        NotFoundError: They made no such payment.
        PaymentRefusedError: It cannot be disputed, or not so; the error names the field.
    """
    scene = visit.scene
    paid = matter_of(visit, payment_id)
    currency = paid.private.currency
    reason = _words(visit, wanted.reason, REASON)
    amount_minor = None
    if wanted.amount.strip():
        typed = read_typed(visit, wanted.amount, wanted.currency or currency)
        if typed.currency != currency:
            raise _refused(visit, DisputeProblem.OTHER_CURRENCY, currency)
        amount_minor = typed.minor
    before = store.latest_of(scene.txn, payment_id)
    if before is not None:
        disputes.take_back_asked(scene, before, visit.person)
    read = DisputeOrder(amount_minor, reason)
    begun = dispute_orders.begin(scene, paid, visit.holder.id, read)
    if begun is DisputeProblem.NO_PAYMENT:
        raise visit.not_found(Trouble.NO_PAYMENT)
    if isinstance(begun, DisputeProblem):
        raise _refused(visit, begun, currency)
    return disputes_view(visit)


def choose(visit: Visit, dispute_id: str, choice: str, words: str) -> DisputesView:
    """Do what takes no key: withdraw, decline, contest, appeal; ``ask`` asks for the key anew.

    Args:
        visit: The person.
        dispute_id: Of which dispute.
        choice: Which.
        words: What they say with it; may be empty.

    Raises:
        NotFoundError: There is none of theirs.
        PaymentRefusedError: It is in no state for that, or the words cannot be shown.
    """
    scene, person = visit.scene, visit.person
    case, side = _locked(visit, dispute_id)
    said = _words(visit, words, WORDS)
    if choice == "ask":
        asking.call_back(scene, case, person)
        asking.show(scene, case, side, person)
    elif said and choice in {asking.CONTEST, asking.APPEAL}:
        _say(visit, case, side, choice, said)
    elif not disputes.choose(scene, case, person, choice):
        raise visit.refused(Trouble.TOO_LATE)
    scene.announce_change(person)
    return disputes_view(visit)


def decide(visit: Visit, dispute_id: str, wanted: DecisionBody) -> DisputesView:
    """Ask one of those who decide for the key that decides.

    Raises:
        NotFoundError: It is not theirs to decide.
        PaymentRefusedError: It is decided, or cannot be so; the error names the field.
    """
    case, side = _locked(visit, dispute_id)
    if side is not Side.DESK:
        raise visit.not_found(Trouble.NO_DISPUTE)
    if case.dispute.state not in _UNDECIDED:
        raise visit.refused(Trouble.TOO_LATE)
    currency = case.view.currency
    reason = _words(visit, wanted.words, WORDS)
    if not wanted.amount.strip():
        raise _refused(visit, DisputeProblem.NO_AMOUNT, currency)
    typed = wanted.amount.strip()
    amount = "0" if typed == "0" else as_decimal_text(read_typed(visit, typed, currency))
    line = [amount, currency, *reason.split()]
    read = read_decision(line, currency, case.dispute.held_minor)
    if isinstance(read, DisputeProblem):
        raise _refused(visit, read, currency, WORDS)
    given_minor = read.amount_minor or 0
    asking.ask_decision(visit.scene, case, visit.person, given_minor, read.words)
    return disputes_view(visit)


def check_sending(visit: Visit, dispute_id: str) -> None:
    """Refuse a file before it is stored, if it could not count.

    Raises:
        NotFoundError: There is no dispute of theirs; who decides gives no evidence.
        PaymentRefusedError: The dispute is over, or they have sent enough.
    """
    case, side = _own(visit, dispute_id)
    problem = evidence.hindrance(visit.scene, case, case.holder_of(side))
    if problem is not None:
        raise evidence_refused(visit, problem)


def send(visit: Visit, dispute_id: str, found: Mapping[str, Any]) -> DisputesView:
    """Make a file that is stored evidence.

    Raises:
        NotFoundError: There is no dispute of theirs.
        PaymentRefusedError: The dispute is over, they have sent enough, or the same before.
    """
    case, side = _own(visit, dispute_id)
    problem = evidence.keep(visit.scene, case, case.holder_of(side), found)
    if problem is not None:
        raise evidence_refused(visit, problem)
    evidence.hand_on(visit.scene, dispute_id, visit.person)
    visit.scene.announce_change(visit.person)
    return disputes_view(visit)


def file_of(visit: Visit, dispute_id: str, n: str) -> Evidence:
    """A file of a dispute that the person sees.

    Raises:
        NotFoundError: There is none.
    """
    _locked(visit, dispute_id)
    for one in cases.evidence_of(visit.scene, dispute_id):
        if str(one.n) == n:
            return one
    raise visit.not_found(Trouble.NO_DISPUTE)


def name_of(visit: Visit, name: str) -> str:
    """The name of a file as it can be shown.

    Raises:
        PaymentRefusedError: It has characters that cannot be seen.
    """
    plain = plain_name(name)
    if plain is None:
        raise evidence_refused(visit, EvidenceProblem.BROKEN)
    return plain


def evidence_refused(visit: Visit, problem: EvidenceProblem) -> PaymentRefusedError:
    """The error for a file that is no evidence."""
    words = body(evidence_problem_doc(problem, visit.localizer))
    return PaymentRefusedError(problem.value, words, "file")


def _say(visit: Visit, case: Case, side: Side, choice: str, said: str) -> None:
    scene, person = visit.scene, visit.person
    asking.close(scene, case, person)
    try:
        if choice == asking.CONTEST and side is Side.PAYEE:
            disputes.contest(scene, case, said)
        elif choice == asking.APPEAL and side is not Side.DESK:
            disputes.appeal(scene, case, case.holder_of(side), said)
        else:
            raise visit.refused(Trouble.TOO_LATE)
    except DisputeStateError as e:
        raise visit.refused(Trouble.TOO_LATE) from e


def _locked(visit: Visit, dispute_id: str) -> tuple[Case, Side]:
    is_id = re.fullmatch(ULID_PATTERN, dispute_id)
    case = disputes.lock(visit.scene, dispute_id) if is_id else None
    side = _side(visit, case) if case is not None else None
    if case is None or side is None:
        raise visit.not_found(Trouble.NO_DISPUTE)
    return case, side


def _own(visit: Visit, dispute_id: str) -> tuple[Case, Side]:
    case, side = _locked(visit, dispute_id)
    if side is Side.DESK:
        raise visit.not_found(Trouble.NO_DISPUTE)
    return case, side


def _side(visit: Visit, case: Case) -> Side | None:
    """As what a person sees a dispute; whoever was paid learns of it once it is set aside."""
    side = case.side_of(visit.person, visit.scene)
    is_hidden = case.dispute.state in UNSEEN
    return None if is_hidden and side is not Side.PAYER else side


def _entry(visit: Visit, case: Case, side: Side) -> DisputeEntry:
    dispute, view = case.dispute, case.view

    def money(minor: int) -> Money:
        return Money(minor=minor, currency=view.currency)

    asks = asks_of(visit, asking.about(visit.scene, case, visit.person))
    return DisputeEntry(
        id=dispute.id,
        number=view.number,
        payment=dispute.payment_id,
        state=dispute.state.value,
        side=side.value,
        is_own=visit.holder.id == case.holder_of(side),
        payer=party_view(view.payer),
        payee=party_view(view.payee),
        amount=money(dispute.amount_minor),
        held=money(dispute.held_minor) if dispute.held_minor else None,
        given=None if dispute.given_minor is None else money(dispute.given_minor),
        reference=view.reference,
        reason=view.reason,
        answer=view.answer,
        decision=view.decision,
        appeal=view.appeal,
        words=dispute_words(view, side, visit.localizer),
        due_at_ms=dispute.due_at_ms,
        evidence=[file_view(case, one) for one in cases.evidence_of(visit.scene, dispute.id)],
        asks=asks,
        can=_can(visit, case, side, asks),
    )


def _can(visit: Visit, case: Case, side: Side, asks: list[AskView]) -> list[str]:
    dispute = case.dispute
    if dispute.state is DisputeState.ASKED:
        return [asking.DECLINE, *([] if asks else ["ask"])]
    if side is Side.DESK:
        return ["decide"] if dispute.state in _UNDECIDED else []
    found = [one for one in _FREE if disputes.may_choose(case, side, one)]
    if side is Side.PAYEE and disputes.may_choose(case, side, asking.GIVE_BACK) and not asks:
        found.append("ask")
    is_open = evidence.hindrance(visit.scene, case, case.holder_of(side)) is None
    return [*found, *(["send"] if is_open else [])]


def _words(visit: Visit, typed: str, field: str) -> str:
    said = read_words(typed)
    if isinstance(said, DisputeProblem):
        raise _refused(visit, said, "", field)
    return said


def _refused(
    visit: Visit, problem: DisputeProblem, currency: str, field: str = REASON
) -> PaymentRefusedError:
    words = dispute_problem_words(problem, currency, visit.localizer)
    about_words = field if problem in _ABOUT_WORDS else None
    return PaymentRefusedError(problem.value, words, _FIELDS.get(problem, about_words))
