"""Talking a form through: the dialogue of ``veche.protocol.forms``, asked as questions of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.agency.cases.core.effects import Question, Topic
from veche.protocol.canonical import canonical
from veche.protocol.forms.models import COMMAND_ID_PREFIX
from veche.protocol.forms.rendering import buttons, output_doc
from veche.protocol.forms.state import Ask, FormState, Mode, Output, Review, Wrong
from veche.protocol.inbound import Trust
from veche.protocol.message import Doc, Numbered, body
from veche.protocol.prompts import CHOICES_MAX, LABEL_CHARACTERS_MAX, Choice
from veche.protocol.texts.typed_choice import folded

if TYPE_CHECKING:
    from appservices.agency.offices.core.context import Context
    from veche.protocol.forms import Form

FORM_BYTES_MAX: Final = 4 * 1024
"""Largest form that travels beside a question; a larger one is asked field by field only."""
INTRO_BYTES_MAX: Final = 6 * 1024
"""Longest question, as plain text, that has choices or a form beside it: they repeat its words."""


@attrs.frozen
class Asker:
    """How questions of one form are asked.

    Attributes:
        form: The form, in the language of who answers.
        language: Of who answers.
        topic: Of the questions.
        expires_at_ms: From then on an answer is late, UTC.
        min_trust: How sure it must be who sends the form; answers on the way may come anyhow.
        to: Whom of the staff it is for; None: the person.
    """

    form: Form
    language: str
    topic: Topic
    expires_at_ms: int
    min_trust: Trust = Trust.ANY
    to: str | None = None

    def question(self, state: FormState, outputs: tuple[Output, ...], context: Context) -> Question:
        """Build one question from the present outputs of the dialogue.

        What is wrong with an answer stands above the question, which is asked again.

        Args:
            state: Of the dialogue, after what it says.
            outputs: What it says; not its end.
            context: The world around the step.
        """
        if not outputs or isinstance(outputs[-1], Wrong):
            outputs = (*outputs, _asked(self.form, state))
        last = outputs[-1]
        here = context.field_context(self.language)
        intro: Doc = ()
        for output in outputs:
            intro = (*intro, *output_doc(self.form, output, context.catalogue, here))
        is_short = len(body(intro).encode()) <= INTRO_BYTES_MAX
        is_sent = is_short and _size(self.form) <= FORM_BYTES_MAX
        choices = _choices(last, context, self.language) if is_short else ()
        if choices:
            # The prompt numbers them itself.
            intro = tuple(block for block in intro if not isinstance(block, Numbered))
        return Question(
            self.topic,
            intro,
            self.expires_at_ms,
            choices=choices,
            form=self.form if is_sent else None,
            whole_form=None if is_sent else self.form,
            min_trust=self.min_trust if isinstance(last, Review) else Trust.ANY,
            to=self.to,
        )


def _asked(form: Form, state: FormState) -> Output:
    """Return the output that the person was asked last."""
    if state.mode is Mode.REVIEW:
        missing = [f for f in form.fields if f.required and f.id not in state.values]
        return Review(state.values, tuple(missing))
    field = form.fields[state.position]
    value = state.values.get(field.id)
    return Ask(field, state.position + 1, len(form.fields), value)


def _choices(output: Output, context: Context, language: str) -> tuple[Choice, ...]:
    """The answers of a question that offers a few; none if a prompt cannot carry them.

    Commands such as *back* are left to words: in the review a number means a line.
    """
    if not isinstance(output, Ask):
        return ()
    pressable = buttons(output, context.field_context(language))
    answers = [button for button in pressable if not button.id.startswith(COMMAND_ID_PREFIX)]
    labels = [folded(answer.label) for answer in answers]
    fits = (
        len(answers) <= CHOICES_MAX
        and len(set(labels)) == len(labels)
        and not any(label.isdecimal() for label in labels)
        and all(len(answer.label) <= LABEL_CHARACTERS_MAX for answer in answers)
    )
    return tuple(Choice(id=a.id, label=a.label) for a in answers) if fits else ()


def _size(form: Form) -> int:
    return len(canonical(form.model_dump(mode="json", exclude_none=True)))
