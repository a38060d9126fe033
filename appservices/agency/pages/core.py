"""Drafts typed on a page and not sent yet: kept as they are, and shared with the chat.

What is right of it becomes part of the form, so that the chat does not ask it again. The person
always sees all of it in the review before anything is sent. While the chat shows that review, it
must say what will be sent, so what a page types meanwhile stays on the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.protocol.forms import FieldError, Problem, parse_some, parse_value
from veche.protocol.forms.models import FILE_KINDS, FieldKind
from veche.protocol.forms.state import Mode
from veche.protocol.forms.values import is_empty

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.protocol.forms import Field, FieldContext, Form, Value
    from veche.protocol.forms.state import FormState

DRAFT_VALUES_MAX: Final = 50
"""Most values of a draft."""
DRAFT_BYTES_MAX: Final = 64 * 1024
"""Largest draft, as canonical JSON."""


def problems_of(
    form: Form, draft: Mapping[str, object], context: FieldContext
) -> Sequence[FieldError]:
    """List the problems of a draft so far; missing answers are no problem yet."""
    return parse_some(form, draft, context)[1]


def problems_of_whole(
    form: Form,
    values: Mapping[str, Value],
    data: Mapping[str, object],
    context: FieldContext,
) -> Sequence[FieldError]:
    """List the problems of a form that is sent, in the order of its fields.

    Args:
        form: The form.
        values: Answers that it has: files, which come by the chat, count from here.
        data: What a page sends.
        context: Who sends it.
    """
    errors = list(problems_of(form, data, context))
    missing = [
        FieldError.of(field, Problem.MISSING)
        for field in form.fields
        if field.required and is_empty(data.get(field.id)) and not _has_file(field, values)
    ]
    order = {field.id: number for number, field in enumerate(form.fields)}
    return sorted([*errors, *missing], key=lambda one: order.get(one.field_id, len(order)))


def _has_file(field: Field, values: Mapping[str, Value]) -> bool:
    return field.kind in FILE_KINDS and field.id in values


def with_draft(
    form: Form, state: FormState, draft: Mapping[str, object], context: FieldContext
) -> FormState:
    """The form with what is right of a draft; as before while its review is shown.

    A field that the draft empties, or fills with something wrong, has no answer any more, so that
    it is asked again.

    Args:
        form: The form.
        state: As it was kept.
        draft: What was typed, by id of the field; what is not in it stays as it is.
        context: Who typed.
    """
    if state.mode not in {Mode.FILLING, Mode.EDITING}:
        return state
    values, _ = parse_some(form, draft, context)
    typed = {field.id for field in form.fields if field.id in draft}
    others = {id_: value for id_, value in state.values.items() if id_ not in typed}
    done = (state.done - typed) | values.keys()
    return attrs.evolve(state, values={**others, **values}, done=frozenset(done))


def shown_draft(
    form: Form,
    values: Mapping[str, Value],
    draft: Mapping[str, object],
    context: FieldContext,
) -> dict[str, Any]:
    """Build the fields of a page from the draft, and from answers given in the chat since.

    Args:
        form: The form.
        values: Answers that the form has.
        draft: What was typed on the page.
        context: Who types.
    """
    shown: dict[str, Any] = {}
    for field in form.fields:
        typed, answer = draft.get(field.id), values.get(field.id)
        if answer is None:
            if not is_empty(typed):
                shown[field.id] = typed
        else:
            is_typed = _read(field, typed, context) == answer
            shown[field.id] = typed if is_typed else _exact(field, answer)
    return shown


def _exact(field: Field, answer: Value) -> Any:
    """An answer, not to be taken for what was typed: "1.234" typed in German is a thousand."""
    return {"decimal": answer} if field.kind is FieldKind.NUMBER else answer


def _read(field: Field, raw: object, context: FieldContext) -> Value | None:
    try:
        return parse_value(field, raw, context)
    except FieldError:
        return None
