"""Statements as files, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from veche.protocol.message import Doc, Mono, Paragraph

if TYPE_CHECKING:
    from veche.protocol.texts.localizer import Speech


def files_doc(speech: Speech) -> Doc:
    """What the files are that come next."""
    words = speech.text("The files that come now are your statement: to read, and for a table.")
    return (Paragraph(words),)


def nothing_doc(speech: Speech) -> Doc:
    """That there is no account yet."""
    return (Paragraph(speech.text("You have no account yet, so there is no statement.")),)


def usage_doc(month: str, speech: Speech) -> Doc:
    """How a month is written.

    Args:
        month: This one.
        speech: How the person is spoken to.
    """
    example = speech.text("statement {month}", month=month)
    return (Paragraph(speech.text("Write a month that has begun, as in:"), "\n", Mono(example)),)
