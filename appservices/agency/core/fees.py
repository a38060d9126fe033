"""Fees of a case: asked for, and given up with it.

A case that waits for a fee stands in ``PAYING``; the office's clock stands still meanwhile. What
happens once it is paid, or not, is in ``fee_steps``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.agency.core.case import Fee, FeeState
from appservices.agency.core.effects import AskFee, GiveUpFee, TellPerson
from appservices.agency.core.office import Role
from appservices.agency.core.states import Happened, State, TimerKind
from appservices.agency.core.terms import remind_person, stop_office_clock
from appservices.agency.core.texts.fees import given_up_doc

if TYPE_CHECKING:
    from appservices.agency.core.definition import PayStep
    from appservices.agency.core.turn import Turn

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
