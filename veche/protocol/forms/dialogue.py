"""The dialogue that asks a form field by field, for clients that show nothing but text.

A table of rules over (mode, event), so that *back*, *cancel* and *review* work everywhere and no
pair is forgotten. The state is a value: it survives restarts as JSON, and a step changes nothing
but what it returns. Every answer that is taken brings the form nearer to its end, and *cancel*
ends it at once.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.forms.dates import is_relative
from veche.protocol.forms.models import CHOICE_KINDS, FieldKind, fold
from veche.protocol.forms.parsing import parse_some, parse_value
from veche.protocol.forms.problems import FieldError, Problem
from veche.protocol.forms.state import (
    Ask,
    Cancelled,
    Completed,
    Filled,
    FormState,
    Input,
    Mode,
    Output,
    Pressed,
    Review,
    Said,
    Sent,
    Taken,
    Wrong,
)
from veche.protocol.forms.values import is_empty
from veche.protocol.forms.words import (
    Command,
    pressed_command,
    read_command,
    shown_word,
    unquoted,
    yes_or_no,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from veche.protocol.forms.models import Field, Form
    from veche.protocol.forms.values import FieldContext, Value

LABEL_PREFIX_CHARACTERS_MIN: Final = 2

Step = tuple[FormState, tuple[Output, ...]]

_PRESSABLE: Final = CHOICE_KINDS | {FieldKind.YES_NO}
_DAYS: Final = frozenset({FieldKind.DATE, FieldKind.DATE_TIME})


class Event(enum.Enum):
    """The kind of an input to the dialogue."""

    ANSWER = "answer"
    FILLED = "filled"
    BACK = "back"
    CANCEL = "cancel"
    REVIEW = "review"
    SKIP = "skip"
    CLEAR = "clear"
    EDIT = "edit"
    SUBMIT = "submit"


@attrs.frozen
class _Turn:
    """One step: what is known, and what was heard."""

    form: Form
    state: FormState
    heard: Input
    about: str
    """Of *edit*: which line."""
    context: FieldContext

    @property
    def field(self) -> Field:
        return self.form.fields[self.state.position]


@attrs.frozen
class Rule:
    """The rule for an event in a mode.

    Attributes:
        do: Gives the next state and what is said.
        leads_to: Every mode it can lead to; for the diagram, and held by the tests.
    """

    do: Callable[[_Turn], Step]
    leads_to: tuple[Mode, ...]


def start(form: Form, values: Mapping[str, Value] | None = None, *, started_at_ms: int) -> Step:
    """Begin a form.

    Args:
        form: What to ask.
        values: Canonical values that are known already; they are not asked, and shown in the
            review. Those of other fields are left out.
        started_at_ms: UTC.
    """
    ids = [field.id for field in form.fields]
    known = {field: values[field] for field in ids if values and field in values}
    state = FormState(known, 0, Mode.FILLING, started_at_ms, frozenset(known))
    return _go_on(form, state)


def step(form: Form, state: FormState, heard: Input, context: FieldContext) -> Step:
    """The next state, and what to say.

    Args:
        form: The form that the state was started with.
        state: Where the dialogue is.
        heard: What the person did; from outside, of any form and size.
        context: Who the person is.

    Returns:
        The state, and one or more outputs; none after the end.

    Raises:
        ValueError: The state is not of this form: a bug of the caller.
    """
    if state.position >= len(form.fields):
        raise ValueError("the state is not of this form")
    event, about = _event(state.mode, heard, context.language)
    return RULES[state.mode, event].do(_Turn(form, state, heard, about, context))


def mermaid() -> str:
    """The table of rules as a Mermaid state diagram, for the docs."""
    lines = {
        f"    {mode} --> {target}: {event.value}"
        for (mode, event), rule in RULES.items()
        for target in rule.leads_to
        if mode not in _ENDED
    }
    ends = [f"    {mode} --> [*]" for mode in _ENDED]
    return "\n".join(["stateDiagram-v2", "    [*] --> filling", *sorted(lines), *ends])


def _event(mode: Mode, heard: Input, language: str) -> tuple[Event, str]:
    found: tuple[Command, str] | None = None
    is_named = isinstance(heard, Sent) and heard.field_id and heard.problem is None
    if isinstance(heard, Filled) or is_named:
        return Event.FILLED, ""
    if isinstance(heard, Said):
        found = read_command(heard.text, language)
        # A sentence may begin with "change", and a text be "send": commands only in the review.
        if found and found[0] in {Command.EDIT, Command.SUBMIT} and mode is not Mode.REVIEW:
            found = None
    elif isinstance(heard, Pressed):
        found = pressed_command(heard.choice_id)
    if not found:
        return Event.ANSWER, ""
    return Event(found[0].value), found[1]


def _answer(turn: _Turn) -> Step:
    try:
        value = parse_value(turn.field, _raw(turn), turn.context)
    except FieldError as e:
        return turn.state, (Wrong(turn.field, e),)
    values = {**turn.state.values, turn.field.id: value}
    state, said = _done(turn, values)
    typed = turn.heard.text if isinstance(turn.heard, Said) else ""
    is_day = turn.field.kind in _DAYS and is_relative(typed)
    if is_day and state.mode is not Mode.REVIEW:
        return state, (Taken(turn.field, value), *said)
    return state, said


def _raw(turn: _Turn) -> object:
    match turn.heard:
        case Said(text=text):
            return unquoted(text, turn.context.language)
        case Sent(problem=problem) if problem is not None:
            raise FieldError.of(turn.field, problem)
        case Sent(content=content):
            return content
        case Pressed(choice_id=choice_id) if turn.field.kind in _PRESSABLE:
            return choice_id
        case _:
            raise FieldError.of(turn.field, Problem.NOT_TEXT)


def _done(turn: _Turn, values: Mapping[str, Value]) -> Step:
    """This question is dealt with: the next one, or back to the review it came from."""
    done = turn.state.done | {turn.field.id}
    state = attrs.evolve(turn.state, values=values, done=done)
    if state.mode is Mode.EDITING:
        return _show_review(turn.form, state)
    return _go_on(turn.form, state)


def _go_on(form: Form, state: FormState) -> Step:
    """To the first question that is still open, or to the review if there is none."""
    for position, field in enumerate(form.fields):
        if field.id not in state.done:
            return _ask(form, state, position, Mode.FILLING)
    return _show_review(form, state)


def _ask(form: Form, state: FormState, position: int, mode: Mode) -> Step:
    field = form.fields[position]
    asked = Ask(field, position + 1, len(form.fields), state.values.get(field.id))
    return attrs.evolve(state, position=position, mode=mode), (asked,)


def _show_review(form: Form, state: FormState) -> Step:
    review = Review(_in_order(form, state.values), tuple(_missing(form, state)))
    return attrs.evolve(state, mode=Mode.REVIEW), (review,)


def _missing(form: Form, state: FormState) -> list[Field]:
    return [field for field in form.fields if field.required and field.id not in state.values]


def _in_order(form: Form, values: Mapping[str, Value]) -> dict[str, Value]:
    return {field.id: values[field.id] for field in form.fields if field.id in values}


def _skip(turn: _Turn) -> Step:
    if turn.field.required and turn.field.id not in turn.state.values:
        return turn.state, (Wrong(turn.field, FieldError.of(turn.field, Problem.MISSING)),)
    return _done(turn, turn.state.values)


def _clear(turn: _Turn) -> Step:
    if turn.field.required:
        return turn.state, (Wrong(turn.field, FieldError.of(turn.field, Problem.MISSING)),)
    others = {key: value for key, value in turn.state.values.items() if key != turn.field.id}
    return _done(turn, others)


def _back(turn: _Turn) -> Step:
    position = max(turn.state.position - 1, 0)
    return _ask(turn.form, turn.state, position, Mode.FILLING)


def _back_from_review(turn: _Turn) -> Step:
    return _ask(turn.form, turn.state, len(turn.form.fields) - 1, Mode.FILLING)


def _review(turn: _Turn) -> Step:
    return _show_review(turn.form, turn.state)


def _cancel(turn: _Turn) -> Step:
    return attrs.evolve(turn.state, mode=Mode.CANCELLED), (Cancelled(),)


def _edit(turn: _Turn) -> Step:
    position = _line(turn.form, turn.about)
    if position is None:
        if turn.state.mode is Mode.REVIEW:
            return _not_for_review(turn)
        return _ask(turn.form, turn.state, turn.state.position, turn.state.mode)
    return _ask(turn.form, turn.state, position, Mode.EDITING)


def _answer_in_review(turn: _Turn) -> Step:
    """Not a command: the number or label of a line to change, or a plain "yes"."""
    if not isinstance(turn.heard, Said):
        return _not_for_review(turn)
    meant = yes_or_no(turn.heard.text)
    if meant is not None:
        return _submit(turn) if meant else _not_for_review(turn)
    return _edit(attrs.evolve(turn, about=turn.heard.text))


def _line(form: Form, said: str) -> int | None:
    """Index of the field that a number, id, label or unique beginning of a label means."""
    name = fold(said).strip(" .:?")
    if name.isascii() and name.isdecimal():
        number = int(name) if len(name) <= len("50") else 0
        return number - 1 if 1 <= number <= len(form.fields) else None
    labels = [fold(field.label).strip(" .:?") for field in form.fields]
    ids = [field.id for field in form.fields]
    found = [at for at, names in enumerate(zip(labels, ids, strict=True)) if name in names]
    if not found and len(name) >= LABEL_PREFIX_CHARACTERS_MIN:
        found = [at for at, label in enumerate(labels) if label.startswith(name)]
    return found[0] if len(found) == 1 else None


def _not_for_review(turn: _Turn) -> Step:
    submit = shown_word(Command.SUBMIT, turn.context.language)
    error = FieldError("", None, Problem.NOT_FOR_REVIEW, {"submit": submit})
    return turn.state, (Wrong(None, error),)


def _submit(turn: _Turn) -> Step:
    missing = _missing(turn.form, turn.state)
    if not missing:
        values = _in_order(turn.form, turn.state.values)
        return attrs.evolve(turn.state, mode=Mode.COMPLETED), (Completed(values),)
    first = missing[0]
    wrong = Wrong(first, FieldError.of(first, Problem.MISSING))
    at = turn.form.fields.index(first)
    state, asked = _ask(turn.form, turn.state, at, Mode.FILLING)
    return state, (wrong, *asked)


def _filled(turn: _Turn) -> Step:
    """Takes what is right of many answers, and goes on with what is wrong or missing."""
    heard = turn.heard
    data = heard.data if isinstance(heard, Filled) else {}
    if isinstance(heard, Sent):
        data = {heard.field_id: heard.content}
    values, errors = parse_some(turn.form, data, turn.context)
    emptied = [f for f in turn.form.fields if f.id in data and is_empty(data[f.id])]
    errors += [FieldError.of(field, Problem.MISSING) for field in emptied if field.required]
    cleared = {field.id for field in emptied if not field.required}
    kept = {key: value for key, value in turn.state.values.items() if key not in cleared}
    values = {**kept, **values}
    # The person saw the whole form: what is optional and not in it is left empty.
    is_whole = isinstance(heard, Filled)
    seen = {
        one.id for one in turn.form.fields if one.id in values or (is_whole and not one.required)
    }
    done = frozenset((turn.state.done | seen) - {error.field_id for error in errors})
    state = attrs.evolve(turn.state, values=values, done=done)
    by_id = {field.id: field for field in turn.form.fields}
    wrongs = [Wrong(by_id.get(error.field_id), error) for error in errors]
    is_well = not errors and not _missing(turn.form, state)
    if is_well and isinstance(heard, Filled) and heard.is_final:
        return _submit(attrs.evolve(turn, state=state))
    state, said = _go_on(turn.form, state)
    return state, (*wrongs, *said)


def _nothing(turn: _Turn) -> Step:
    return turn.state, ()


_ENDED: Final = (Mode.COMPLETED, Mode.CANCELLED)
_FORWARD: Final = (Mode.FILLING, Mode.REVIEW)
_RETURN: Final = (Mode.EDITING, Mode.REVIEW)
_CANCEL: Final = Rule(_cancel, (Mode.CANCELLED,))
_REVIEW: Final = Rule(_review, (Mode.REVIEW,))
_FILLED: Final = Rule(_filled, (Mode.FILLING, Mode.REVIEW, Mode.COMPLETED))
_HINT: Final = Rule(_not_for_review, (Mode.REVIEW,))

RULES: Final[Mapping[tuple[Mode, Event], Rule]] = {
    (Mode.FILLING, Event.ANSWER): Rule(_answer, _FORWARD),
    (Mode.FILLING, Event.FILLED): _FILLED,
    (Mode.FILLING, Event.BACK): Rule(_back, (Mode.FILLING,)),
    (Mode.FILLING, Event.CANCEL): _CANCEL,
    (Mode.FILLING, Event.REVIEW): _REVIEW,
    (Mode.FILLING, Event.SKIP): Rule(_skip, _FORWARD),
    (Mode.FILLING, Event.CLEAR): Rule(_clear, _FORWARD),
    # Only pressed: a button of a review that is not the latest message any more.
    (Mode.FILLING, Event.EDIT): Rule(_edit, (Mode.FILLING, Mode.EDITING)),
    (Mode.FILLING, Event.SUBMIT): _REVIEW,
    (Mode.EDITING, Event.ANSWER): Rule(_answer, _RETURN),
    (Mode.EDITING, Event.FILLED): _FILLED,
    (Mode.EDITING, Event.BACK): _REVIEW,
    (Mode.EDITING, Event.CANCEL): _CANCEL,
    (Mode.EDITING, Event.REVIEW): _REVIEW,
    (Mode.EDITING, Event.SKIP): Rule(_skip, _RETURN),
    (Mode.EDITING, Event.CLEAR): Rule(_clear, _RETURN),
    (Mode.EDITING, Event.EDIT): Rule(_edit, (Mode.EDITING,)),
    (Mode.EDITING, Event.SUBMIT): _REVIEW,
    (Mode.REVIEW, Event.ANSWER): Rule(
        _answer_in_review, (Mode.REVIEW, Mode.EDITING, Mode.FILLING, Mode.COMPLETED)
    ),
    (Mode.REVIEW, Event.FILLED): _FILLED,
    (Mode.REVIEW, Event.BACK): Rule(_back_from_review, (Mode.FILLING,)),
    (Mode.REVIEW, Event.CANCEL): _CANCEL,
    (Mode.REVIEW, Event.REVIEW): _REVIEW,
    (Mode.REVIEW, Event.SKIP): _HINT,
    (Mode.REVIEW, Event.CLEAR): _HINT,
    (Mode.REVIEW, Event.EDIT): Rule(_edit, (Mode.REVIEW, Mode.EDITING)),
    (Mode.REVIEW, Event.SUBMIT): Rule(_submit, (Mode.FILLING, Mode.COMPLETED)),
} | {(mode, event): Rule(_nothing, (mode,)) for mode in _ENDED for event in Event}
