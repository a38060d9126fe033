"""The state, inputs and outputs of a form's dialogue."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import attrs
import pydantic

from veche.protocol.canonical import plain
from veche.protocol.forms.models import FIELDS_MAX, Field
from veche.protocol.wire import Wire, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.forms.problems import FieldError, Problem
    from veche.protocol.forms.values import Value

FORM_KEPT_MS: Final = 30 * 24 * 3600 * 1000
"""How long an unfinished form is kept, from its start."""


class Mode(enum.StrEnum):
    """Where the dialogue is."""

    FILLING = "filling"
    """One question after the other."""
    EDITING = "editing"
    """One question, asked again from the review."""
    REVIEW = "review"
    """All answers are shown: send, or change one?"""
    COMPLETED = "completed"
    CANCELLED = "cancelled"


@attrs.frozen
class FormState:
    """A form that is being filled in; a value, kept as JSON between messages.

    Attributes:
        values: The answers so far, by field id.
        position: Index of the question that is asked; in the review of the one asked last.
        mode: Where the dialogue is.
        started_at_ms: UTC.
        done: Ids of the fields that need not be asked any more: answered, or left empty.
    """

    values: Mapping[str, Value]
    position: int
    mode: Mode
    started_at_ms: int
    done: frozenset[str] = frozenset()

    def to_json(self) -> dict[str, Any]:
        """The state as JSON; ``from_json`` reads it again."""
        return {
            "v": 1,
            "mode": self.mode.value,
            "position": self.position,
            "started_at_ms": self.started_at_ms,
            "values": plain(self.values),
            "done": sorted(self.done),
        }

    @classmethod
    def from_json(cls, state: object) -> FormState:
        """The state that was kept.

        Raises:
            MalformedError: It was not written by ``to_json``.
        """
        kept = parse(_KeptState, state, where="form")
        return cls(kept.values, kept.position, kept.mode, kept.started_at_ms, frozenset(kept.done))


class _KeptState(Wire):
    v: Literal[1]
    mode: Annotated[Mode, pydantic.Field(strict=False)]
    position: int = pydantic.Field(ge=0, lt=FIELDS_MAX)
    started_at_ms: int
    values: dict[str, Any] = pydantic.Field(max_length=FIELDS_MAX)
    done: list[str] = pydantic.Field(max_length=FIELDS_MAX)


@attrs.frozen
class Said:
    """Text that the person wrote."""

    text: str


@attrs.frozen
class Filled:
    """Answers to many questions at once, from a page, a widget, or the vault.

    Attributes:
        data: Field ids to answers; an empty answer empties an optional field.
        is_final: The person saw the whole form and sent it: no review if all is well.
    """

    data: Mapping[str, object]
    is_final: bool = False


@attrs.frozen
class Sent:
    """A file or a location: the content of its event.

    Attributes:
        content: It, or a value of the field's kind.
        problem: What was found when the file was fetched; None: nothing.
        field_id: Of the question that it answers, whichever is asked now; empty: that one.
    """

    content: Mapping[str, Any]
    problem: Problem | None = None
    field_id: str = ""


@attrs.frozen
class Pressed:
    """A button: the id of a choice, or of a command such as ``form.back``."""

    choice_id: str


Input = Said | Filled | Sent | Pressed


@attrs.frozen
class Ask:
    """Ask a question.

    Attributes:
        field: The question.
        number: Its number in the form, from 1.
        count: How many questions the form has.
        value: The answer so far, if there is one.
    """

    field: Field
    number: int
    count: int
    value: Value | None = None


@attrs.frozen
class Taken:
    """Say how an answer was understood that did not say it itself, such as "yesterday".

    Attributes:
        field: The question.
        value: The answer.
    """

    field: Field
    value: Value


@attrs.frozen
class Wrong:
    """Say what is wrong with an answer; the question stays open.

    Attributes:
        field: The question; None if the answer was to none.
        error: What is wrong, and what would be right.
    """

    field: Field | None
    error: FieldError


@attrs.frozen
class Review:
    """Show all answers, and ask whether to send them.

    Attributes:
        values: The answers, in the order of the form.
        missing: Required questions without an answer.
    """

    values: Mapping[str, Value]
    missing: tuple[Field, ...] = ()


@attrs.frozen
class Completed:
    """The person sent the form; said once.

    Attributes:
        values: The answers, in the order of the form; every required one is there.
    """

    values: Mapping[str, Value]


@attrs.frozen
class Cancelled:
    """The person gave up the form; said once."""


Output = Ask | Taken | Wrong | Review | Completed | Cancelled
