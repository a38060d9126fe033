"""What the payments service reports of a fee, and what happens if nothing comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from appservices.agency.core.case import HISTORY_MAX, FeeState
from appservices.agency.core.effects import Escalate, TellPerson, Topic
from appservices.agency.core.fees import keep_fee
from appservices.agency.core.office import Role
from appservices.agency.core.states import Happened, TimerKind
from appservices.agency.core.terms import start_office_clock
from appservices.agency.core.texts.desk import escalated_fee_doc, retry_fee_question
from appservices.agency.core.texts.fees import fee_doc, paid_doc, refunded_doc
from appservices.agency.core.turn import stale

if TYPE_CHECKING:
    from appservices.agency.core.case import Fee
    from appservices.agency.core.inputs import FeeAsked, FeeFailed, FeePaid, FeeRefunded
    from appservices.agency.core.turn import Turn


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
