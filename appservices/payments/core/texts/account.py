"""What somebody has and did, and what they can do here, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.core.commands import COMMANDS, FREEZE, UNFREEZE
from appservices.payments.core.texts.paying import kind_words
from veche.protocol.commands import help_doc as commands_doc
from veche.protocol.message import Bold, Bullets, Doc, Heading, Item, Mono, Paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.core.texts.views import Balance, PaymentView
    from veche.protocol.commands import Command
    from veche.protocol.ids import UserId
    from veche.protocol.texts.localizer import Speech

HISTORY_MAX: Final = 10
"""Payments that the history in the chat shows."""


def welcome_doc(name: str, currency: str, speech: Speech) -> Doc:
    """Who speaks here, and what to try first.

    Args:
        name: Of the institution.
        currency: One of those that are kept here.
        speech: How the person is spoken to.
    """
    return (
        Paragraph(
            speech.text("Welcome. I am the payments bot of {name}, a program.", name=name), " ",
            speech.text("Here you pay others and are paid by them."),
        ),
        Paragraph(
            speech.text("To pay somebody, write for example:"), "\n",
            Mono(speech.text("pay bob 12.50 {currency} rent", currency=currency)),
        ),
    )  # fmt: skip


def help_doc(speech: Speech, more: Sequence[Command] = ()) -> Doc:
    """What can be written.

    Args:
        speech: How the person is spoken to.
        more: Commands that every bot answers where there are pages.
    """
    return commands_doc((*COMMANDS, *more), speech.catalogue, speech.language)


def balance_doc(balances: Sequence[Balance], speech: Speech) -> Doc:
    """What somebody has."""
    lines: list[Item] = []
    for one in balances:
        line: tuple[Bold | str, ...] = (Bold(speech.money(one.available_minor, one.currency)),)
        if one.held_minor:
            held = speech.money(one.held_minor, one.currency)
            line = (*line, ", ", speech.text("beside that {amount} set aside", amount=held))
        lines.append(line)
    return (Paragraph(speech.text("You have:")), Bullets(lines))


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


def history_doc(
    views: Sequence[PaymentView], top_ups: Sequence[TopUp], person: UserId, speech: Speech
) -> Doc:
    """The latest payments and top-ups of somebody, the newest first."""
    found = [(one.at_ms, _line(one, person, speech)) for one in views]
    found += [(one.at_ms, _top_up_line(one, speech)) for one in top_ups]
    if not found:
        return (Paragraph(speech.text("There are no payments of yours yet.")),)
    newest = sorted(found, key=lambda one: one[0], reverse=True)[:HISTORY_MAX]
    lines = [line for _, line in newest]
    return (Heading(speech.text("Your latest payments")), Bullets(lines))


def frozen_doc(
    mandates: Sequence[str], *, has_allowances: bool, speech: Speech, is_resting: bool = False
) -> Doc:
    """That everything is stopped, what is over for good by it, and what goes on.

    Args:
        mandates: Who could debit the person, and cannot any more.
        has_allowances: Allowances ended too, given to them or by them.
        speech: How the person is spoken to.
        is_resting: Mandates and allowances are not ended, but nothing passes by them until the
            person goes on.
    """
    ended: Doc = ()
    if is_resting:
        words = speech.text(
            "Nothing is debited, and allowances cannot be used, until you unfreeze. Then they go"
            " on. To end them for good, write:"
        )
        ended = (Paragraph(words, " ", Mono(FREEZE.word(speech.language)), "."),)
    if mandates:
        words = speech.text(
            "These could debit you and cannot any more, also after you go on: {names}. Whoever"
            " shall again asks you for a new mandate.",
            names=", ".join(mandates),
        )
        ended = (Paragraph(words),)
    if has_allowances:
        words = speech.text(
            "The allowances that you gave and have ended for good: they have to be given anew."
        )
        ended = (*ended, Paragraph(words))
    return (
        Paragraph(
            Bold(speech.text("Everything is stopped.")), " ",
            speech.text(
                "Nothing is paid any more, also not what was waiting. You cannot be paid either,"
                " but what others give back to you arrives."
            ),
        ),
        *ended,
        Paragraph(
            speech.text(
                "What is set aside for a deal or by a dispute stays so until that is decided. What"
                " a bank was told to send may still go out."
            )
        ),
        Paragraph(
            speech.text(
                "It stops payments alone: your keys still sign documents, and approve what offices"
                " ask. If somebody else may have one, revoke it under “My keys” as well: then it"
                " counts for nothing."
            )
        ),
        Paragraph(
            speech.text("To end that, write:"), " ", Mono(UNFREEZE.word(speech.language)), ". ",
            speech.text("It takes one of your keys."),
        ),
    )  # fmt: skip


def missed_doc(name: str, amount: str, reference: str, speech: Speech) -> Doc:
    """Somebody who stopped everything learns what could not be paid to them.

    Args:
        name: Of the organisation that wanted to pay them.
        amount: In words.
        reference: What for.
        speech: How the person is spoken to.
    """
    words = speech.text(
        "{name} wanted to pay you {amount} ({reference}). You stopped everything, so nothing was"
        " paid. They are told only that it was not possible: go on, and ask them to pay it again.",
        name=name,
        amount=amount,
        reference=reference,
    )
    return (Paragraph(words, "\n", Mono(UNFREEZE.word(speech.language))),)


def private_doc(speech: Speech) -> Doc:
    """That others can read along, so nothing is done here."""
    words = speech.text(
        "Others can read along here, so I say and do nothing about money. Please start a new direct"
        " chat with me alone, with encryption on."
    )
    return (Paragraph(words),)


def _top_up_line(one: TopUp, speech: Speech) -> Item:
    amount, words = speech.money(one.minor, one.currency), speech.text("Top-up")
    return (Bold(amount), f" · {words} · {speech.moment(one.at_ms)}")


def _line(view: PaymentView, person: UserId, speech: Speech) -> Item:
    is_payer = view.payer.person == person
    minor = -(view.amount_minor + view.fee_minor) if is_payer else view.amount_minor
    other = view.payee if is_payer else view.payer
    user = view.user.name if view.user is not None and is_payer else ""
    said = [kind_words(view.kind, speech), view.reference, user]
    reference = "".join(f" · {words}" for words in said if words)
    return (
        Bold(speech.money(minor, view.currency)),
        f" · {other.name}{reference} · {speech.moment(view.at_ms)} · ",
        Mono(view.number),
    )
