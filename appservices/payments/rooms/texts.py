"""Texts that are the same in the rooms of disputes and escrows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from veche.protocol.message import Doc, Facts, Mono, Paragraph

if TYPE_CHECKING:
    from veche.protocol.texts.localizer import Localizer


def moved_doc(localizer: Localizer) -> Doc:
    """Write the text that replaces a card shown again below."""
    return (Paragraph(localizer.text("How it stands is further down.")),)


def ways_doc(ways: list[tuple[str, str]], again: str, localizer: Localizer) -> Doc:
    """List who can write what, with examples; everybody can show the card again."""
    shown = [*ways, (localizer.text("To see this again"), again)]
    facts = Facts([(who, Mono(what)) for who, what in shown])
    return (Paragraph(localizer.text("Write for example:")), facts)


def over_paragraph(localizer: Localizer) -> Paragraph:
    """Say that a dispute or an escrow is over, and its room stays."""
    words = localizer.text("It is over. This room stays yours; nothing that is said here counts.")
    return Paragraph(words)
