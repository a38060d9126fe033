"""What is said where a person's own words are passed on to the office."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.agency.core.effects import Question, Topic
from appservices.agency.core.texts.desk import DESK_QUESTION_MS, answer_form
from appservices.agency.core.texts.menu import MENU_MS
from veche.protocol.inbound import Trust
from veche.protocol.message import Bold, Paragraph
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from appservices.agency.core.context import Context
    from veche.protocol.message import Doc


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
        context.now_ms + DESK_QUESTION_MS,
        form=answer_form(context),
        min_trust=Trust.E2EE,
    )
