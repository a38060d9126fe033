"""The dialogue's words to people: questions, reviews and refusals as documents."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, assert_never

from veche.protocol.forms.display import show_value
from veche.protocol.forms.models import COMMAND_ID_PREFIX, FieldChoice, FieldKind
from veche.protocol.forms.options import is_numbered
from veche.protocol.forms.state import Ask, Cancelled, Completed, Output, Review, Taken, Wrong
from veche.protocol.forms.words import Command, shown_word, shown_yes_no
from veche.protocol.message import (
    Block,
    Bold,
    Bullets,
    Doc,
    Heading,
    Numbered,
    Paragraph,
    body,
    html,
)
from veche.protocol.money import Money
from veche.protocol.texts.catalogue import N_, Catalogue, show_date, show_money, show_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.protocol.forms.models import Field, Form
    from veche.protocol.forms.values import FieldContext, Value

DOC_BYTES_MAX: Final = 20 * 1024
"""Largest text and HTML of a question or review together: a message carries other things too."""
_CUTS: Final = (1000, 300, 100, 40, 15)
"""Characters to which the longest parts are cut, tried one after the other."""

_EXAMPLE_DAY: Final = dt.date(2026, 12, 24)

HINTS: Final[Mapping[FieldKind, str]] = {
    FieldKind.LONG_TEXT: N_("Several lines are possible."),
    FieldKind.NUMBER: N_("A number, like {number}."),
    FieldKind.INTEGER: N_("A whole number."),
    FieldKind.MONEY: N_("An amount, like {amount}."),
    FieldKind.DATE: N_("A date, like {date}."),
    FieldKind.DATE_TIME: N_("A day and a time, like {date}, 18:30."),
    FieldKind.CHOICES: N_("Several are possible: write their numbers, like 1, 3."),
    FieldKind.COUNTRY: N_("The name of a country."),
    FieldKind.PHONE: N_("A phone number with its country code."),
    FieldKind.EMAIL: N_("An e-mail address."),
    FieldKind.ADDRESS: N_("Street and number, postal code and town."),
    FieldKind.IBAN: N_("An IBAN."),
    FieldKind.FILE: N_("Send the file here, as an attachment."),
    FieldKind.PHOTO: N_("Send the photo here, as an attachment."),
    FieldKind.GEO: N_("Send a location, or write latitude and longitude."),
}
"""How to answer, where the question alone does not say it."""


def ask_doc(  # the value is the sixth, and is often left out
    field: Field,
    number: int,
    count: int,
    catalogue: Catalogue,
    context: FieldContext,
    value: Value | None = None,
) -> Doc:
    """A question, "3 of 7 · Your street and number", and how to answer it.

    Args:
        field: The question.
        number: Its number in the form, from 1.
        count: How many questions the form has.
        catalogue: Loaded with this package.
        context: Who reads it.
        value: The answer so far; it is shown, and can be kept.
    """
    for cut in _CUTS:
        blocks = [
            Heading(_progress(field, number, count, catalogue, context)),
            *([Paragraph(_cut(field.help, cut))] if field.help else []),
            *_answers(field, context, cut),
            *_hint(field, catalogue, context),
            *_so_far(field, value, catalogue, context, cut),
        ]
        if number == 1:
            blocks.append(Paragraph(_always(catalogue, context)))
        doc = tuple(blocks)
        if _size(doc) <= DOC_BYTES_MAX:
            break
    return doc


def review_doc(
    form: Form, values: Mapping[str, Value], catalogue: Catalogue, context: FieldContext
) -> Doc:
    """All answers, numbered as the questions are, and how to change or send them.

    Long answers are cut so that the document fits into a message.
    """
    language = context.language
    words = {command.value: shown_word(command, language) for command in Command}
    for cut in _CUTS:
        items = [
            (Bold(_line_label(field, cut)), " " + _cut(shown, cut))
            for field in form.fields
            for shown in [_shown(field, values.get(field.id), catalogue, context)]
        ]
        doc: Doc = (
            Heading(catalogue.text(language, "Please check your answers")),
            Numbered(items),
            Paragraph(
                catalogue.text(
                    language,
                    "Write “{submit}” to send them, a number to change that answer, or “{cancel}”"
                    " to stop.",
                    **words,
                )
            ),
        )
        if _size(doc) <= DOC_BYTES_MAX:
            break
    return doc


def output_doc(form: Form, output: Output, catalogue: Catalogue, context: FieldContext) -> Doc:
    """Render an output of the dialogue as a document."""
    language = context.language
    match output:
        case Ask():
            return ask_doc(
                output.field, output.number, output.count, catalogue, context, output.value
            )
        case Taken(field=field, value=value):
            label = _line_label(field, _CUTS[0])
            return (Paragraph(label, " ", Bold(show_value(field, value, context, catalogue))),)
        case Wrong():
            return (Paragraph(output.error.text(catalogue, language)),)
        case Review():
            return review_doc(form, output.values, catalogue, context)
        case Completed():
            return (Paragraph(catalogue.text(language, "Thank you, your answers are sent.")),)
        case Cancelled():
            text = catalogue.text(language, "The form is cancelled. Nothing was sent.")
            return (Paragraph(text),)
        case _:
            assert_never(output)


def buttons(output: Output, context: FieldContext) -> tuple[FieldChoice, ...]:
    """List the buttons to press instead of typing; ``Pressed`` takes their ids.

    First the answers of a question, then commands. A network that shows fewer buttons may leave
    out any of them: the document says how to do without.
    """
    commands: tuple[Command, ...] = ()
    answers: tuple[FieldChoice, ...] = ()
    if isinstance(output, Review):
        commands = (Command.SUBMIT, Command.BACK, Command.CANCEL)
    elif isinstance(output, Ask):
        answers = _pressable(output.field, context.language)
        if not output.field.required or output.value is not None:
            commands = (Command.SKIP,)
        commands = (*commands, Command.BACK, Command.REVIEW, Command.CANCEL)
    return answers + tuple(
        FieldChoice(
            id=f"{COMMAND_ID_PREFIX}{command.value}",
            label=shown_word(command, context.language).capitalize(),
        )
        for command in commands
    )


def _pressable(field: Field, language: str) -> tuple[FieldChoice, ...]:
    if field.kind is FieldKind.YES_NO:
        return tuple(
            FieldChoice(id=one_id, label=shown_yes_no(is_yes, language).capitalize())
            for one_id, is_yes in (("yes", True), ("no", False))
        )
    return (field.choices or ()) if field.kind is FieldKind.CHOICE else ()


def _progress(
    field: Field, number: int, count: int, catalogue: Catalogue, context: FieldContext
) -> str:
    return catalogue.text(
        context.language, "{number} of {count} · {label}", number=number, count=count,
        label=field.label,
    )  # fmt: skip


def _answers(field: Field, context: FieldContext, cut: int) -> list[Block]:
    if field.kind is FieldKind.YES_NO:
        words = [shown_yes_no(is_yes, context.language).capitalize() for is_yes in (True, False)]
        return [Numbered(words)]
    labels: Sequence[str] = [_cut(choice.label, cut) for choice in field.choices or ()]
    if not labels:
        return []
    return [Numbered(labels) if is_numbered(field) else Bullets(labels)]


def _hint(field: Field, catalogue: Catalogue, context: FieldContext) -> list[Block]:
    language = context.language
    hint = HINTS.get(field.kind)
    if field.kind is FieldKind.CHOICES and not is_numbered(field):
        hint = N_("Several are possible: write them with commas between.")
    if hint is None:
        return []
    amount = Money(minor=1250, currency=field.currency or "EUR")
    examples = {
        "number": show_number("12.5", language),
        "amount": show_money(amount, language),
        "date": show_date(_EXAMPLE_DAY, language),
    }
    return [Paragraph(catalogue.text(language, hint, **examples))]


def _so_far(
    field: Field, value: Value | None, catalogue: Catalogue, context: FieldContext, cut: int
) -> list[Block]:
    """Explain what skipping does here: it keeps the answer so far, or leaves the field empty."""
    language = context.language
    skip, clear = shown_word(Command.SKIP, language), shown_word(Command.CLEAR, language)
    lines: list[str] = []
    if value is not None:
        shown = _cut(show_value(field, value, context, catalogue), cut)
        lines.append(catalogue.text(language, "Your answer so far: {value}", value=shown))
        lines.append(catalogue.text(language, "Write “{skip}” to keep it.", skip=skip))
        if not field.required:
            lines.append(catalogue.text(language, "Write “{clear}” to remove it.", clear=clear))
    elif not field.required:
        lines.append(
            catalogue.text(language, "Optional: write “{skip}” to go on without it.", skip=skip)
        )
    return [Paragraph("\n".join(lines))] if lines else []


def _always(catalogue: Catalogue, context: FieldContext) -> str:
    words = {command.value: shown_word(command, context.language) for command in Command}
    return catalogue.text(
        context.language,
        "At any time you can write “{back}”, “{review}” or “{cancel}”.",
        **words,
    )


def _shown(field: Field, value: Value | None, catalogue: Catalogue, context: FieldContext) -> str:
    language = context.language
    if value is not None:
        return ", ".join(show_value(field, value, context, catalogue).split("\n"))
    if field.required:
        return catalogue.text(language, "still missing")
    return "—"


def _line_label(field: Field, cut: int) -> str:
    label = _cut(field.label.rstrip(": "), cut)
    return label if label.endswith("?") else f"{label}:"


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1].rstrip() + "…"


def _size(doc: Doc) -> int:
    return len(body(doc).encode()) + len(html(doc).encode())
