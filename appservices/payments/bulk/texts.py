"""Payouts in bulk in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.conversation.core.commands import UNFREEZE
from veche.protocol.message import Doc, Mono, Paragraph

if TYPE_CHECKING:
    from veche.protocol.texts.localizer import Localizer


def missed_doc(name: str, amount: str, reference: str, localizer: Localizer) -> Doc:
    """Somebody who stopped everything learns what could not be paid to them.

    Args:
        name: Of the organisation that wanted to pay them.
        amount: In words.
        reference: Purpose.
        localizer: How the person is spoken to.
    """
    words = localizer.text(
        "{name} wanted to pay you {amount} ({reference}). You stopped everything, so nothing was"
        " paid. They are told only that it was not possible: go on, and ask them to pay it again.",
        name=name,
        amount=amount,
        reference=reference,
    )
    return (Paragraph(words, "\n", Mono(UNFREEZE.word(localizer.language))),)
