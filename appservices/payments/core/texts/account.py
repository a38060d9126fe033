"""What somebody has and did, and what they can do here, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.core.commands import COMMANDS, EVERYDAY, FREEZE, UNFREEZE
from appservices.payments.core.texts.paying import kind_words
from veche.protocol.commands import help_doc as commands_doc
from veche.protocol.message import Bold, Bullets, Doc, Heading, Item, Mono, Paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.core.texts.views import Balance, PaymentView
    from veche.protocol.commands import Command
    from veche.protocol.ids import UserId
    from veche.protocol.texts.localizer import Localizer

HISTORY_MAX: Final = 10
"""Payments that the history in the chat shows."""


def welcome_doc(name: str, currency: str, localizer: Localizer) -> Doc:
    """Who speaks here, and what to try first.

    Args:
        name: Of the institution.
        currency: One of those that are kept here.
        localizer: How the person is spoken to.
    """
    return (
        Paragraph(
            localizer.text("Welcome. I am the payments bot of {name}, a program.", name=name), " ",
            localizer.text("Here you pay others and are paid by them."),
        ),
        Paragraph(
            localizer.text("To pay somebody, write for example:"), "\n",
            Mono(localizer.text("pay bob 12.50 {currency} rent", currency=currency)),
        ),
    )  # fmt: skip


def help_doc(localizer: Localizer, more: Sequence[Command] = (), *, is_whole: bool = False) -> Doc:
    """What can be written.

    Args:
        localizer: How the person is spoken to.
        more: Commands that every bot answers where there are pages.
        is_whole: Whether all of it is shown, or what one needs every day.
    """
    everyday = () if is_whole else EVERYDAY
    whole = (*COMMANDS, *more)
    return commands_doc(whole, localizer.catalogue, localizer.language, everyday=everyday)


def balance_doc(balances: Sequence[Balance], localizer: Localizer) -> Doc:
    """What somebody has."""
    lines: list[Item] = []
    for one in balances:
        line: tuple[Bold | str, ...] = (Bold(localizer.money(one.available_minor, one.currency)),)
        if one.held_minor:
            held = localizer.money(one.held_minor, one.currency)
            line = (*line, ", ", localizer.text("beside that {amount} set aside", amount=held))
        lines.append(line)
    return (Paragraph(localizer.text("You have:")), Bullets(lines))


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
    views: Sequence[PaymentView], top_ups: Sequence[TopUp], person: UserId, localizer: Localizer
) -> Doc:
    """The latest payments and top-ups of somebody, the newest first."""
    found = [(one.at_ms, _line(one, person, localizer)) for one in views]
    found += [(one.at_ms, _top_up_line(one, localizer)) for one in top_ups]
    if not found:
        return (Paragraph(localizer.text("There are no payments of yours yet.")),)
    newest = sorted(found, key=lambda one: one[0], reverse=True)[:HISTORY_MAX]
    lines = [line for _, line in newest]
    return (Heading(localizer.text("Your latest payments")), Bullets(lines))


def frozen_doc(
    mandates: Sequence[str], *, has_allowances: bool, localizer: Localizer, is_resting: bool = False
) -> Doc:
    """That everything is stopped, what is over for good by it, and what goes on.

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


def missed_doc(name: str, amount: str, reference: str, localizer: Localizer) -> Doc:
    """Somebody who stopped everything learns what could not be paid to them.

    Args:
        name: Of the organisation that wanted to pay them.
        amount: In words.
        reference: What for.
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


def private_doc(localizer: Localizer) -> Doc:
    """That others can read along, so nothing is done here."""
    words = localizer.text(
        "Others can read along here, so I say and do nothing about money. Please start a new direct"
        " chat with me alone, with encryption on."
    )
    return (Paragraph(words),)


def _top_up_line(one: TopUp, localizer: Localizer) -> Item:
    amount, words = localizer.money(one.minor, one.currency), localizer.text("Top-up")
    return (Bold(amount), f" · {words} · {localizer.moment(one.at_ms)}")


def _line(view: PaymentView, person: UserId, localizer: Localizer) -> Item:
    is_payer = view.payer.person == person
    minor = -(view.amount_minor + view.fee_minor) if is_payer else view.amount_minor
    other = view.payee if is_payer else view.payer
    user = view.user.name if view.user is not None and is_payer else ""
    said = [kind_words(view.kind, localizer), view.reference, user]
    reference = "".join(f" · {words}" for words in said if words)
    return (
        Bold(localizer.money(minor, view.currency)),
        f" · {other.name}{reference} · {localizer.moment(view.at_ms)} · ",
        Mono(view.number),
    )
