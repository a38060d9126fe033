"""Texts on a payment code that was pasted into a chat, and on what to write then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.payouts.texts import payout_line
from veche.protocol.message import Facts, Mono, Paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.protocol.message import Doc
    from veche.protocol.texts.localizer import Localizer


def other_doc(
    facts: Sequence[tuple[str, str]], amount: str, words: str, localizer: Localizer
) -> Doc:
    """A code that can be read and not paid from here.

    Args:
        facts: What it says, each with what it is called.
        amount: It asks for; empty: it leaves that open.
        words: Why it is not paid from here.
        localizer: How the person is spoken to.
    """
    said = [(localizer.text("Amount"), amount), *facts] if amount else facts
    return (Paragraph(words), Facts(tuple(said)))


def person_amount_doc(amount: str, address: str, reference: str, localizer: Localizer) -> Doc:
    """A code by which a person is paid, that leaves the amount open.

    Args:
        amount: An example.
        address: Whose code it is.
        reference: Purpose; may be empty.
        localizer: How the person is spoken to.
    """
    line = localizer.text("pay {address} {amount}", address=address, amount=amount)
    return _amount_doc(f"{line} {reference}".rstrip(), localizer)


def bank_amount_doc(amount: str, iban: str, name: str, localizer: Localizer) -> Doc:
    """The same of a code with the number of an account at a bank; ``name`` is its owner's."""
    return _amount_doc(payout_line(amount, iban, name, localizer), localizer)


def _amount_doc(line: str, localizer: Localizer) -> Doc:
    words = localizer.text("The code leaves the amount to you. Write how much, such as:")
    return (Paragraph(words, "\n", Mono(line)),)
