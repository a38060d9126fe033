"""The case machine: one table of what may happen where, and the step that obeys it.

``step`` is pure: the same case, input and context give the same outcome. What is not in the table
is refused in words, and so is what a rule of the row does not allow; then the case is unchanged
and the refusal is the only effect.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency.core import clock_steps, desk_steps, person_steps
from appservices.agency.core.case import Case
from appservices.agency.core.effects import MakeRoom, Party, Refused, RefusalReason
from appservices.agency.core.flow import advance
from appservices.agency.core.inputs import CLOCK_KINDS, Input, InputKind, Rang
from appservices.agency.core.states import UNREACHED, Happened, Role, State, TimerKind
from appservices.agency.core.texts.words import staff_state_words, state_words
from appservices.agency.core.turn import InputRefusedError, Outcome, Turn
from veche.protocol.forms.state import FORM_KEPT_MS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from appservices.agency.core.context import Context
    from appservices.agency.core.definition import ServiceDefinition
    from veche.protocol.ids import Ulid

Handler = Callable[[Turn, Any], None]
"""Works an input out; the machine gives it only inputs of its column."""


@attrs.frozen
class Row:
    """What happens on an input in a state.

    Attributes:
        do: Works it out.
        leads_to: Every state that it can lead to; for the diagram, and held by the tests.
    """

    do: Handler
    leads_to: frozenset[State]


def _row(do: Handler, *leads_to: State) -> Row:
    return Row(do, frozenset(leads_to))


def _plain(do: Callable[[Turn], None]) -> Handler:
    def handle(turn: Turn, _: object) -> None:
        do(turn)

    return handle


_D, _S, _R, _M = State.DRAFT, State.SUBMITTED, State.IN_REVIEW, State.NEEDS_MORE
_YES, _NO, _OK = State.DECIDED_YES, State.DECIDED_NO, State.SERVED
_W, _E, _C = State.WITHDRAWN, State.EXPIRED, State.CLOSED

_ONWARD: Final = (_S, _YES, _NO, _OK)
"""Where the steps of a service can lead once the person has submitted."""


def _same(do: Handler, *states: State) -> Iterator[tuple[State, Row]]:
    for state in states:
        yield state, _row(do, state)


def _each(row: Row, *states: State) -> Iterator[tuple[State, Row]]:
    for state in states:
        yield state, row


def _rows() -> Iterator[tuple[InputKind, Iterable[tuple[State, Row]]]]:
    everywhere = tuple(State)
    alive = (_D, _S, _R, _M, _YES, _NO, _OK)
    yield from _person_rows(everywhere, alive)
    yield from _staff_rows(alive)
    yield from _clock_rows(alive)


def _person_rows(
    everywhere: tuple[State, ...], alive: tuple[State, ...]
) -> Iterator[tuple[InputKind, Iterable[tuple[State, Row]]]]:
    yield InputKind.STATUS, _same(_plain(person_steps.tell_status), *everywhere)
    yield InputKind.WHY, _same(_plain(person_steps.tell_why), *everywhere)
    yield InputKind.EXPORT, _same(_plain(person_steps.send_export), *everywhere)
    yield InputKind.ASK_HUMAN, _same(person_steps.ask_human, *alive)
    yield InputKind.ADD_FILE, _same(person_steps.add_file, _D, _S, _R, _M)
    yield InputKind.ANSWERS, ((_D, _row(person_steps.answer_form, _D, _W, *_ONWARD)),)
    yield InputKind.ANSWERS, ((_M, _row(person_steps.answer_desk, _R, _S)),)
    for state in (_D, _S, _R, _M):
        yield InputKind.WITHDRAW, ((state, _row(person_steps.withdraw, state, _W)),)


def _staff_rows(
    alive: tuple[State, ...],
) -> Iterator[tuple[InputKind, Iterable[tuple[State, Row]]]]:
    yield InputKind.CLAIM, _each(_row(desk_steps.claim, _R), _S, _R)
    yield InputKind.ASSIGN, _each(_row(desk_steps.assign, _R), _S, _R)
    yield InputKind.ASSIGN, _same(desk_steps.assign, _M)
    yield InputKind.RETURN, ((_R, _row(desk_steps.give_back, _S)),)
    yield InputKind.RETURN, _same(desk_steps.give_back, _M)
    yield InputKind.FLAG, _same(desk_steps.flag, _R)
    yield InputKind.WRITE, _same(desk_steps.begin_writing, _R)
    yield InputKind.DESK_ANSWERS, ((_R, _row(desk_steps.go_on_writing, _R, _M, _NO)),)
    yield InputKind.ASK_MORE, ((_R, _row(desk_steps.ask_more, _M)),)
    yield InputKind.APPROVE, ((_R, _row(desk_steps.approve_case, _R, _YES, _OK)),)
    yield InputKind.REFUSE, ((_R, _row(desk_steps.refuse_case, _NO)),)
    yield InputKind.REPLY, _same(desk_steps.reply, *alive)
    yield InputKind.RETRY, _same(desk_steps.retry, _YES)


def _clock_rows(
    alive: tuple[State, ...],
) -> Iterator[tuple[InputKind, Iterable[tuple[State, Row]]]]:
    yield InputKind.REMINDER, _same(_plain(clock_steps.remind_person_to_answer), _D, _M)
    yield InputKind.REMINDER, _same(_plain(clock_steps.remind_desk), _S, _R, _YES)
    yield InputKind.OVERDUE, _same(_plain(clock_steps.overdue_review), _S, _R)
    yield InputKind.OVERDUE, _same(_plain(clock_steps.overdue_result), _YES)
    yield InputKind.EXPIRY, _each(_row(_plain(clock_steps.expire), _E), _D, _M)
    for state in (_S, _R):
        silence = _row(_plain(clock_steps.silence), state, _YES, _NO, _OK)
        yield InputKind.EXPIRY, ((state, silence),)
    yield InputKind.QUESTION_OVERDUE, _same(_plain(clock_steps.question_overdue), *alive)
    yield InputKind.WAITED, ((_S, _row(_plain(clock_steps.waited), *_ONWARD)),)
    yield InputKind.WAITED, ((_YES, _row(_plain(clock_steps.waited), _YES, _OK)),)
    yield InputKind.CLOSING, _each(_row(_plain(clock_steps.close_case), _C), _NO, _OK, _W, _E)
    yield InputKind.ROOM_MADE, ((_D, _row(_plain(clock_steps.room_made), _D, *_ONWARD)),)
    yield InputKind.ROOM_MADE, _same(_plain(clock_steps.room_made_late), _W, _E, _C)
    made = _row(clock_steps.document_made, _YES, _OK)
    yield InputKind.DOCUMENT_MADE, ((_YES, made),)
    yield InputKind.DOCUMENT_FAILED, _same(clock_steps.document_failed, _YES)


TABLE: Final[Mapping[tuple[State, InputKind], Row]] = {
    (state, kind): row for kind, rows in _rows() for state, row in rows
}

_PERSON_KINDS: Final = frozenset(
    {
        InputKind.ANSWERS,
        InputKind.WITHDRAW,
        InputKind.STATUS,
        InputKind.WHY,
        InputKind.ASK_HUMAN,
        InputKind.ADD_FILE,
        InputKind.EXPORT,
    }
)
_MACHINE_KINDS: Final = frozenset(CLOCK_KINDS.values()) | {
    InputKind.ROOM_MADE,
    InputKind.DOCUMENT_MADE,
    InputKind.DOCUMENT_FAILED,
}


def open_case(
    definition: ServiceDefinition, *, case_id: Ulid, subject: str, context: Context
) -> Outcome:
    """A new case, at the first step of its service.

    A service with a desk gets a room of its own first; one without stays where the person is.

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
    desk_steps.remind_person(turn, until_ms)
    if definition.review is not None:
        title = definition.title.text(context.language)
        turn.emit(MakeRoom(f"{title} · {case.number}"))
    else:
        turn.change(has_room=True)
        advance(turn)
    return turn.outcome()


def step(definition: ServiceDefinition, case: Case, heard: Input, context: Context) -> Outcome:
    """What comes of an input. It never fails: what makes no sense is refused, in words.

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
            raise _refusal(turn, heard.kind)
        turn.change(serial=case.serial + 1)
        if isinstance(heard, Rang):
            clock_steps.take_clock(turn, heard)
        row.do(turn, heard)
    except InputRefusedError as e:
        return Outcome(case, (e.refused,))
    return turn.outcome()


def _refusal(turn: Turn, kind: InputKind) -> InputRefusedError:
    if kind in _MACHINE_KINDS:
        return clock_steps.stale()
    state = turn.case.state
    if kind in _PERSON_KINDS:
        words = state_words(state, turn.context.person)
        return turn.refuse(Party.PERSON, RefusalReason.NOT_NOW, state=words)
    words = staff_state_words(state, turn.context.staff)
    return turn.refuse(Party.STAFF, RefusalReason.NOT_NOW, state=words)


def mermaid() -> str:
    """The table as a Mermaid state diagram; inputs that change no state are left out."""
    lines = sorted(
        f"    {state.value} --> {target.value}: {kind.value}"
        for (state, kind), row in TABLE.items()
        for target in row.leads_to
        if target is not state and state not in UNREACHED
    )
    return "\n".join(
        ["stateDiagram-v2", f"    [*] --> {State.DRAFT.value}", *lines, "    closed --> [*]"]
    )


def reference() -> str:
    """The page docs/reference/case-states.md, whole."""
    states = [f"| `{state.value}` | {_told(state)} |" for state in State]
    rows = [
        f"| `{state.value}` | `{kind.value}` | {_targets(row)} |"
        for (state, kind), row in sorted(
            TABLE.items(), key=lambda item: (_ORDER[item[0][0]], item[0][1].value)
        )
        if state not in UNREACHED
    ]
    return "\n".join([_PAGE_START, "", *states, "", _DIAGRAM, "", "```mermaid", mermaid(), "```",
                      "", _TABLE_START, "", *rows, ""])  # fmt: skip
