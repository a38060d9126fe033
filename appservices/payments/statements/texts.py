"""Statements as files, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from veche.protocol.message import Doc, Mono, Paragraph

if TYPE_CHECKING:
    from veche.protocol.texts.localizer import Localizer


def files_doc(localizer: Localizer) -> Doc:
    """Describe the files that come next."""
    words = localizer.text("The files that come now are your statement: to read, and for a table.")
    return (Paragraph(words),)


def nothing_doc(localizer: Localizer) -> Doc:
    """Say that there is no account yet."""
    return (Paragraph(localizer.text("You have no account yet, so there is no statement.")),)


def usage_doc(month: str, localizer: Localizer) -> Doc:
    """How a month is written.

    Args:
        month: This one.
        localizer: How the person is spoken to.
    """
    example = localizer.text("statement {month}", month=month)
    return (Paragraph(localizer.text("Write a month that has begun, as in:"), "\n", Mono(example)),)


@attrs.frozen
class TopUp:
    """Money that came from a bank.

    Attributes:
        at_ms: When, UTC.
        minor: How much, in minor units of ``currency``.
        currency: ISO 4217.
    """

    at_ms: int
    minor: int
    currency: str
