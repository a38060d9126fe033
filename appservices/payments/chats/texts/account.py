"""Texts on a person's balances, history and commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.conversation.core.commands import COMMANDS, EVERYDAY
from appservices.payments.transfers.texts.paying import kind_words
from veche.protocol.commands import help_doc as commands_doc
from veche.protocol.message import Bold, Bullets, Doc, Heading, Item, Mono, Paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.statements.texts import TopUp
    from appservices.payments.transfers.texts.views import Balance, PaymentView
    from veche.protocol.commands import Command
    from veche.protocol.ids import UserId
    from veche.protocol.texts.localizer import Localizer

HISTORY_MAX: Final = 10
"""Payments that the history in the chat shows."""


def welcome_doc(name: str, currency: str, localizer: Localizer) -> Doc:
    """Introduce the bot, and say what to try first.

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
    """List the commands.

    Args:
        localizer: How the person is spoken to.
        more: Commands that every bot answers where there are pages.
        is_whole: Whether all of it is shown, or what one needs every day.
    """
    everyday = () if is_whole else EVERYDAY
    whole = (*COMMANDS, *more)
    return commands_doc(whole, localizer.catalogue, localizer.language, everyday=everyday)


def balance_doc(balances: Sequence[Balance], localizer: Localizer) -> Doc:
    """State a person's balances."""
    lines: list[Item] = []
    for one in balances:
        line: tuple[Bold | str, ...] = (Bold(localizer.money(one.available_minor, one.currency)),)
        if one.held_minor:
            held = localizer.money(one.held_minor, one.currency)
            line = (*line, ", ", localizer.text("beside that {amount} set aside", amount=held))
        lines.append(line)
    return (Paragraph(localizer.text("You have:")), Bullets(lines))


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


def private_doc(localizer: Localizer) -> Doc:
    """Say that others can read along, so the bot does nothing here."""
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
