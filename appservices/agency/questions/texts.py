"""Texts around a person's own words that are passed on to the office."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.agency.cases.core.commands import HUMAN
from appservices.agency.cases.core.effects import Question, Topic
from appservices.agency.catalogue.texts.menu import MENU_MS
from appservices.agency.desk.texts import answer_form
from appservices.agency.offices.texts import hours_lines
from veche.protocol.inbound import Trust
from veche.protocol.message import Bold, Bullets, Mono, Paragraph
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from appservices.agency.offices.core.context import Context
    from veche.protocol.message import Doc
    from veche.protocol.texts.localizer import Localizer


def pass_on_question(context: Context) -> Question:
    """Ask a person whether what they wrote in the room of a case goes to the clerk."""
    localizer = context.person
    words = localizer.text("I am a program. Shall I pass this on to the clerk?")
    return Question(
        Topic.FORWARD,
        (Paragraph(words),),
        context.now_ms + MENU_MS,
        choices=(
            Choice(id="yes", label=localizer.text("Yes, pass it on"), style="primary"),
            Choice(id="no", label=localizer.text("No, leave it")),
        ),
    )


def how_to_ask_doc(localizer: Localizer) -> Doc:
    """Tell a person who asks for somebody how to ask."""
    words = localizer.text("What do you want to ask the office? Write for example:")
    word = f"!{HUMAN.word(localizer.language)}"
    example = localizer.text("{word} When will it be ready?", word=word)
    return (Paragraph(words, "\n", Mono(example)),)


def passed_on_doc(context: Context) -> Doc:
    """Tell a person that their question is with the office, and when that is open."""
    localizer = context.person
    words = localizer.text("I have passed this on. Somebody of the office answers you here.")
    hours = hours_lines(context.office, localizer.language)
    when = (Paragraph(localizer.text("The office is open:")), Bullets(hours)) if hours else ()
    return (Paragraph(words), *when)


def chat_question_doc(text: str, context: Context) -> Doc:
    """Show a desk what somebody asks in their chat; who it is, the office does not learn."""
    words = context.staff.text("Somebody asks in the chat with the office:")
    return (Paragraph(Bold(words)), Paragraph(text))


def chat_question(context: Context) -> Question:
    """Ask a desk for an answer to the question above it."""
    words = context.staff.text("Reply to this message; the person reads your answer.")
    return Question(
        Topic.QUESTION,
        (Paragraph(words),),
        context.now_ms + MENU_MS,
        form=answer_form(context),
        min_trust=Trust.E2EE,
    )
