"""Texts about stopping everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.conversation.core.commands import FREEZE, UNFREEZE
from veche.protocol.message import Bold, Doc, Mono, Paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.protocol.texts.localizer import Localizer


def frozen_doc(
    mandates: Sequence[str], *, has_allowances: bool, localizer: Localizer, is_resting: bool = False
) -> Doc:
    """Say that everything is stopped, what ended for good by it, and what goes on.

    Args:
        mandates: Who could debit the person, and cannot any more.
        has_allowances: Allowances ended too, given to them or by them.
        localizer: How the person is spoken to.
        is_resting: Mandates and allowances are not ended, but nothing passes by them until the
            person goes on.
    """
    ended: Doc = ()
    if is_resting:
        words = localizer.text(
            "Nothing is debited, and allowances cannot be used, until you unfreeze. Then they go"
            " on. To end them for good, write:"
        )
        ended = (Paragraph(words, " ", Mono(FREEZE.word(localizer.language)), "."),)
    if mandates:
        words = localizer.text(
            "These could debit you and cannot any more, also after you go on: {names}. To debit"
            " you again, they have to ask you for a new mandate.",
            names=", ".join(mandates),
        )
        ended = (Paragraph(words),)
    if has_allowances:
        words = localizer.text(
            "The allowances that you gave and have ended for good: they have to be given anew."
        )
        ended = (*ended, Paragraph(words))
    return (
        Paragraph(
            Bold(localizer.text("Everything is stopped.")), " ",
            localizer.text(
                "Nothing is paid any more, also not what was waiting. You cannot be paid either,"
                " but what others give back to you arrives."
            ),
        ),
        *ended,
        Paragraph(
            localizer.text(
                "Money set aside for a deal or by a dispute stays so until that is decided."
                " Payments that a bank was told to send may still go out."
            )
        ),
        Paragraph(
            localizer.text(
                "It stops payments alone: your keys still sign documents, and approve what offices"
                " ask. If somebody else may have one, revoke it under “My keys” as well: then it"
                " counts for nothing."
            )
        ),
        Paragraph(
            localizer.text("To end that, write:"),
            " ",
            Mono(UNFREEZE.word(localizer.language)),
            ". ",
            localizer.text("It takes one of your keys."),
        ),
    )  # fmt: skip
