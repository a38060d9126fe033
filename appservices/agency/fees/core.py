"""Fees of a case: asked for, paid, paid back, and given up with the case.

A case that waits for a fee stands in ``PAYING``; the office's clock stands still meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.agency.cases.core.case import HISTORY_MAX, Fee, FeeState
from appservices.agency.cases.core.effects import AskFee, Escalate, GiveUpFee, TellPerson, Topic
from appservices.agency.cases.core.states import Happened, State, TimerKind
from appservices.agency.cases.core.terms import remind_person, start_office_clock, stop_office_clock
from appservices.agency.cases.core.turn import stale
from appservices.agency.desk.texts import escalated_fee_doc, retry_fee_question
from appservices.agency.fees.texts import fee_doc, given_up_doc, paid_doc, refunded_doc
from appservices.agency.offices.core.office import Role

if TYPE_CHECKING:
    from appservices.agency.cases.core.inputs import FeeAsked, FeeFailed, FeePaid, FeeRefunded
    from appservices.agency.cases.core.turn import Turn
    from appservices.agency.language.core.definition import PayStep

GRACE_MS: Final = 60 * 60 * 1000
"""How long after the last moment to pay a case still waits to hear of a payment."""


def ask_fee(turn: Turn, step: PayStep) -> bool:
    """Ask for a fee; False if there is nothing to pay."""
    amount = step.fee(turn.case.answers)
    if amount is None:
        return False
    stop_office_clock(turn)
    until_ms = turn.context.office.calendar.after_days(turn.context.now_ms, step.due_days)
    fee = Fee(
        number=len(turn.case.fees) + 1,
        step=turn.case.step,
        minor=amount.minor,
        currency=amount.currency,
        due_at_ms=until_ms,
        goes_on=turn.case.state,
    )
    turn.change(state=State.PAYING, fees=(*turn.case.fees, fee))
    turn.set_clock(TimerKind.EXPIRY, until_ms + GRACE_MS)
    remind_person(turn, until_ms)
    turn.record(Role.OFFICE, Happened.FEE_ASKED, turn.context.person.amount(amount))
    turn.emit(AskFee(fee))
    return True


def give_up_fees(turn: Turn) -> None:
    """The case ends without its end: nothing is to be paid, and what was paid comes back."""
    for fee in turn.case.fees:
        if fee.state not in {FeeState.ASKED, FeeState.PAID}:
            continue
        keep_fee(turn, attrs.evolve(fee, state=FeeState.GIVEN_UP))
        turn.emit(GiveUpFee(fee.number), TellPerson(given_up_doc(fee, turn.context)))


def keep_fee(turn: Turn, fee: Fee) -> None:
    """Put a fee in the place of that with its number."""
    fees = turn.case.fees
    turn.change(fees=tuple(fee if one.number == fee.number else one for one in fees))


def fee_asked(turn: Turn, heard: FeeAsked) -> None:
    """The invoice is made: tell the person how to pay it."""
    fee = _waiting(turn, heard.number)
    if fee.reference is not None:
        raise stale()
    asked = attrs.evolve(fee, reference=heard.reference, url=heard.url, has_failed=False)
    keep_fee(turn, asked)
    turn.close(Topic.RETRY)
    turn.emit(TellPerson(fee_doc(turn.definition, asked, turn.context)))


def fee_failed(turn: Turn, heard: FeeFailed) -> None:
    """No invoice can be made: the office must mend it."""
    fee = _waiting(turn, heard.number)
    keep_fee(turn, attrs.evolve(fee, has_failed=True))
    if len(turn.case.history) < HISTORY_MAX:
        turn.record(Role.OFFICE, Happened.FEE_FAILED)
    question = retry_fee_question(turn.case, heard.reason, turn.context)
    doc = escalated_fee_doc(turn.definition, turn.case, turn.context)
    turn.emit(Escalate(turn.definition.deadline.escalate_to, doc, question))


def fee_paid(turn: Turn, heard: FeePaid) -> None:
    """It is paid: the office's clock runs again; the caller goes on with the next step."""
    fee = _waiting(turn, heard.number)
    if fee.has_failed:
        raise stale()  # there is no invoice of ours: somebody gave the number to another one
    turn.drop_clocks(TimerKind.EXPIRY, TimerKind.REMINDER)
    turn.close(Topic.WITHDRAW, Topic.RETRY)
    keep_fee(turn, attrs.evolve(fee, state=FeeState.PAID))
    turn.change(state=fee.goes_on)
    turn.record(Role.PERSON, Happened.FEE_PAID, turn.context.person.amount(fee.amount))
    turn.emit(TellPerson(paid_doc(fee, turn.context)))
    start_office_clock(turn, turn.case.days_left or 1)


def fee_refunded(turn: Turn, heard: FeeRefunded) -> None:
    """The person has it again."""
    fee = next((one for one in turn.case.fees if one.number == heard.number), None)
    if fee is None or fee.state is not FeeState.GIVEN_UP:
        raise stale()
    keep_fee(turn, attrs.evolve(fee, state=FeeState.REFUNDED))
    turn.record(Role.OFFICE, Happened.FEE_REFUNDED, turn.context.person.amount(fee.amount))
    turn.emit(TellPerson(refunded_doc(fee, turn.context)))


def _waiting(turn: Turn, number: int) -> Fee:
    fee = turn.case.fee
    if fee is None or fee.number != number:
        raise stale()
    return fee
