"""The table of the case machine: what may happen where, what works it out, where it can lead."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency.cases.core.inputs import InputKind
from appservices.agency.cases.core.states import UNREACHED, State
from appservices.agency.cases.core.turn import Turn
from appservices.agency.fees import core as fees
from appservices.agency.signatures import core as signing
from appservices.agency.workflow.core import clock_steps, desk_steps, person_steps
from appservices.agency.workflow.core.flow import go_on

if TYPE_CHECKING:
    from collections.abc import Mapping

Handler = Callable[[Turn, Any], None]
"""Works an input out; the machine gives it only inputs of its column."""


@attrs.frozen
class Row:
    """The rule for an input in a state.

    Attributes:
        do: Works it out.
        leads_to: Every state that it can lead to; for the diagram, and held by the tests.
    """

    do: Handler
    leads_to: frozenset[State]


def _plain(do: Callable[[Turn], None]) -> Handler:
    """A handler of an input that says nothing but what it is."""

    def handle(turn: Turn, _: object) -> None:
        do(turn)

    return handle


def _go_on_after(do: Callable[[Turn, Any], None]) -> Handler:
    """A handler after which the case goes on with its next step."""

    def handle(turn: Turn, heard: object) -> None:
        do(turn, heard)
        go_on(turn)

    return handle


_DRAFT, _SUBMITTED, _REVIEW = State.DRAFT, State.SUBMITTED, State.IN_REVIEW
_PAYING, _SIGNING = State.PAYING, State.SIGNING
_MORE, _YES, _NO, _SERVED = State.NEEDS_MORE, State.DECIDED_YES, State.DECIDED_NO, State.SERVED
_WITHDRAWN, _EXPIRED, _CLOSED = State.WITHDRAWN, State.EXPIRED, State.CLOSED

_ALL: Final = tuple(State)
_ALIVE: Final = (_DRAFT, _SUBMITTED, _PAYING, _SIGNING, _REVIEW, _MORE, _YES, _NO, _SERVED)
_UNDECIDED: Final = (_DRAFT, _SUBMITTED, _REVIEW, _MORE)
_ONWARD: Final = (_SUBMITTED, _PAYING, _SIGNING, _YES, _NO, _SERVED)
"""Where the steps of a service can lead once the person has submitted."""
_SAME: Final = None
"""As a target: the state in which the input came."""

_Line = tuple[InputKind, tuple[State, ...], Handler, tuple[State | None, ...]]

_PERSON: Final[tuple[_Line, ...]] = (
    (InputKind.STATUS, _ALL, _plain(person_steps.tell_status), (_SAME,)),
    (InputKind.WHY, _ALL, _plain(person_steps.tell_why), (_SAME,)),
    (InputKind.EXPORT, _ALL, _plain(person_steps.send_export), (_SAME,)),
    (InputKind.ASK_HUMAN, _ALIVE, person_steps.ask_human, (_SAME,)),
    (InputKind.CALL_CONFIRMED, _ALL, _plain(desk_steps.call_confirmed), (_SAME,)),
    (InputKind.ADD_FILE, _UNDECIDED, person_steps.add_file, (_SAME,)),
    (InputKind.WITHDRAW, (*_UNDECIDED, _PAYING), person_steps.withdraw, (_SAME, _WITHDRAWN)),
    (InputKind.ANSWERS, (_DRAFT,), person_steps.answer_form, (_SAME, _WITHDRAWN, *_ONWARD)),
    (InputKind.ANSWERS, (_MORE,), person_steps.answer_desk, (_REVIEW, _SUBMITTED)),
)
_STAFF: Final[tuple[_Line, ...]] = (
    (InputKind.CLAIM, (_SUBMITTED, _REVIEW), desk_steps.claim, (_REVIEW,)),
    (InputKind.ASSIGN, (_SUBMITTED, _REVIEW), desk_steps.assign, (_REVIEW,)),
    (InputKind.ASSIGN, (_MORE,), desk_steps.assign, (_SAME,)),
    (InputKind.RETURN, (_REVIEW,), desk_steps.give_back, (_SUBMITTED,)),
    (InputKind.RETURN, (_MORE,), desk_steps.give_back, (_SAME,)),
    (InputKind.FLAG, (_REVIEW,), desk_steps.flag, (_SAME,)),
    (InputKind.WRITE, (_REVIEW,), desk_steps.begin_writing, (_SAME,)),
    (InputKind.DESK_ANSWERS, (_REVIEW,), desk_steps.go_on_writing, (_SAME, _MORE, _NO)),
    (InputKind.ASK_MORE, (_REVIEW,), desk_steps.ask_more, (_MORE,)),
    (
        InputKind.APPROVE,
        (_REVIEW,),
        desk_steps.approve_case,
        (_SAME, _PAYING, _SIGNING, _YES, _SERVED),
    ),
    (InputKind.REFUSE, (_REVIEW,), desk_steps.refuse_case, (_NO,)),
    (InputKind.REPLY, _ALIVE, desk_steps.reply, (_SAME,)),
    (InputKind.RETRY, (_YES,), desk_steps.retry, (_SAME,)),
    (InputKind.RETRY, (_PAYING,), desk_steps.retry_fee, (_SAME,)),
    (InputKind.RETRY, (_SIGNING,), desk_steps.retry_signing, (_SAME,)),
    (InputKind.CALL, _ALIVE, desk_steps.call, (_SAME,)),
)
_REMIND_PERSON: Final = _plain(clock_steps.remind_person_to_answer)
_CLOCK: Final[tuple[_Line, ...]] = (
    (InputKind.REMINDER, (_DRAFT, _MORE, _PAYING), _REMIND_PERSON, (_SAME,)),
    (
        InputKind.REMINDER,
        (_SUBMITTED, _REVIEW, _YES),
        _plain(clock_steps.remind_desk),
        (_SAME,),
    ),
    (
        InputKind.OVERDUE,
        (_SUBMITTED, _REVIEW),
        _plain(clock_steps.overdue_review),
        (_SAME,),
    ),
    (InputKind.OVERDUE, (_YES,), _plain(clock_steps.overdue_result), (_SAME,)),
    (InputKind.EXPIRY, (_DRAFT, _MORE), _plain(clock_steps.expire), (_EXPIRED,)),
    (InputKind.EXPIRY, (_PAYING,), _plain(clock_steps.unpaid), (_EXPIRED, _NO)),
    (InputKind.EXPIRY, (_SIGNING,), _plain(clock_steps.unsigned), (_EXPIRED,)),
    (
        InputKind.EXPIRY,
        (_SUBMITTED, _REVIEW),
        _plain(clock_steps.silence),
        (_SAME, _PAYING, _SIGNING, _YES, _NO, _SERVED),
    ),
    (InputKind.QUESTION_OVERDUE, _ALIVE, _plain(clock_steps.question_overdue), (_SAME,)),
    (InputKind.WAITED, (_SUBMITTED,), _plain(clock_steps.waited), _ONWARD),
    (InputKind.WAITED, (_YES,), _plain(clock_steps.waited), (_PAYING, _SIGNING, _YES, _SERVED)),
    (
        InputKind.CLOSING,
        (_NO, _SERVED, _WITHDRAWN, _EXPIRED),
        _plain(clock_steps.close_case),
        (_CLOSED,),
    ),
)
_MACHINE: Final[tuple[_Line, ...]] = (
    (InputKind.ROOM_MADE, (_SUBMITTED,), _plain(clock_steps.room_made), _ONWARD),
    (
        InputKind.ROOM_MADE,
        (_YES, _NO, _SERVED, _WITHDRAWN, _CLOSED),
        _plain(clock_steps.room_made_late),
        (_SAME,),
    ),
    (
        InputKind.DOCUMENT_MADE,
        (_YES,),
        clock_steps.document_made,
        (_PAYING, _SIGNING, _YES, _SERVED),
    ),
    (InputKind.LEGALLY_SERVED, _ALL, clock_steps.legally_served, (_SAME,)),
    (InputKind.DOCUMENT_FAILED, (_YES,), clock_steps.document_failed, (_SAME,)),
    (InputKind.SIGNATURES_ASKED, (_SIGNING,), signing.signatures_asked, (_SAME,)),
    (InputKind.SIGNING_FAILED, (_SIGNING,), signing.signing_failed, (_SAME,)),
    (InputKind.ALL_SIGNED, (_SIGNING,), signing.all_signed, (_YES,)),
    (InputKind.NOT_SIGNED, (_SIGNING,), clock_steps.not_signed, (_WITHDRAWN, _EXPIRED)),
    (InputKind.FEE_ASKED, (_PAYING,), fees.fee_asked, (_SAME,)),
    (InputKind.FEE_FAILED, (_PAYING,), fees.fee_failed, (_SAME,)),
    (InputKind.FEE_PAID, (_PAYING,), _go_on_after(fees.fee_paid), (_SAME, *_ONWARD)),
    (
        InputKind.FEE_REFUNDED,
        (_NO, _WITHDRAWN, _EXPIRED, _CLOSED),
        fees.fee_refunded,
        (_SAME,),
    ),
)

PERSON_KINDS: Final = frozenset(line[0] for line in _PERSON)
STAFF_KINDS: Final = frozenset(line[0] for line in _STAFF)

TABLE: Final[Mapping[tuple[State, InputKind], Row]] = {
    (state, kind): Row(do, frozenset(state if to is _SAME else to for to in leads_to))
    for kind, states, do, leads_to in (*_PERSON, *_STAFF, *_CLOCK, *_MACHINE)
    for state in states
}
"""Everything that may happen; a pair that is not in it is refused."""


def mermaid() -> str:
    """The table as a Mermaid state diagram; inputs that change no state are left out."""
    lines = sorted(
        f"    {state.value} --> {target.value}: {kind.value}"
        for (state, kind), row in TABLE.items()
        for target in row.leads_to
        if target is not state and state not in UNREACHED
    )
    start, end = f"    [*] --> {_DRAFT.value}", f"    {_CLOSED.value} --> [*]"
    return "\n".join(["stateDiagram-v2", start, *lines, end])
