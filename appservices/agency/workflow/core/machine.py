"""The case machine: a case and an input in, a case and effects out.

``step`` is pure: the same case, input and context give the same outcome. What is not in the table
is refused in words, and so is what a rule of its row does not allow; then the case is unchanged
and the refusal is the only effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.agency.cases.core.case import Case
from appservices.agency.cases.core.effects import Party, RefusalReason
from appservices.agency.cases.core.inputs import Input, InputKind, TimerFired
from appservices.agency.cases.core.states import Happened, State, TimerKind
from appservices.agency.cases.core.terms import remind_person
from appservices.agency.cases.core.turn import InputRefusedError, Outcome, Turn, stale
from appservices.agency.cases.texts.words import staff_state_words, state_words
from appservices.agency.offices.core.office import Role
from appservices.agency.workflow.core.cards import outcome
from appservices.agency.workflow.core.clock_steps import take_clock
from appservices.agency.workflow.core.flow import advance
from appservices.agency.workflow.core.table import PERSON_KINDS, STAFF_KINDS, TABLE
from veche.protocol.forms.state import FORM_KEPT_MS

if TYPE_CHECKING:
    from appservices.agency.language.core.definition import ServiceDefinition
    from appservices.agency.offices.core.context import Context
    from veche.protocol.ids import Ulid

__all__ = ["Outcome", "open_case", "step"]


def open_case(
    definition: ServiceDefinition, *, case_id: Ulid, subject: str, context: Context
) -> Outcome:
    """A new case, at the first step of its service.

    The form is asked where the person is. A service with a desk gets a room of its own once the
    person has submitted; one without stays where it began.

    Args:
        definition: The service.
        case_id: Of the new case.
        subject: The person, as the organisation knows them; never a Matrix id.
        context: The world around the step.
    """
    case = Case(
        id=case_id,
        service=definition.id,
        digest=definition.digest,
        subject=subject,
        office=context.office.id,
        state=State.DRAFT,
        opened_at_ms=context.now_ms,
    )
    turn = Turn(definition, case, context)
    turn.change(serial=1)
    turn.record(Role.PERSON, Happened.OPENED)
    until_ms = context.now_ms + FORM_KEPT_MS
    turn.set_clock(TimerKind.EXPIRY, until_ms)
    remind_person(turn, until_ms)
    turn.change(has_room=definition.review is None)
    advance(turn)
    return outcome(turn)


def step(definition: ServiceDefinition, case: Case, heard: Input, context: Context) -> Outcome:
    """Apply an input to a case. It never fails: it refuses senseless inputs, in words.

    Args:
        definition: The service, in the version with which the case began.
        case: As it was kept.
        heard: What happened.
        context: The world around the step.
    """
    turn = Turn(definition, case, context)
    row = TABLE.get((case.state, heard.kind))
    try:
        if row is None:
            raise _not_in_table(turn, heard.kind)
        turn.change(serial=case.serial + 1)
        if isinstance(heard, TimerFired):
            take_clock(turn, heard)
        row.do(turn, heard)
    except InputRefusedError as e:
        return Outcome(case, (e.refused,))
    return outcome(turn)


def _not_in_table(turn: Turn, kind: InputKind) -> InputRefusedError:
    state = turn.case.state
    if kind in PERSON_KINDS:
        words = state_words(state, turn.context.person)
        return turn.refuse(Party.PERSON, RefusalReason.NOT_NOW, state=words)
    if kind in STAFF_KINDS:
        words = staff_state_words(state, turn.context.staff)
        return turn.refuse(Party.STAFF, RefusalReason.NOT_NOW, state=words)
    return stale()
