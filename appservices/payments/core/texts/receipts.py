"""Receipts as files, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from veche.protocol.message import Doc, Link, Mono, Paragraph

if TYPE_CHECKING:
    from appservices.payments.core.speech import Speech


def receipt_file_doc(url: str | None, speech: Speech) -> Doc:
    """What the file is that comes next.

    Args:
        url: Of the page that checks it; None if there are no pages here.
        speech: How the person is spoken to.
    """
    words = speech.text("The file that comes now proves the payment to anybody, without us.")
    if url is None:
        return (Paragraph(words),)
    return (Paragraph(words), Paragraph(speech.text("Where it is checked:"), "\n", Link(url, url)))


def no_receipt_doc(speech: Speech) -> Doc:
    """That there is no such payment, and how it would be right."""
    words = speech.text("There is no payment of yours of this number. Write “history” to see them:")
    return (Paragraph(words, "\n", Mono(speech.text("receipt NUMBER"))),)
