"""A payment in words: its question, its receipts, why it waits or was not made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.core.order import REFERENCE_CHARACTERS_MAX, OrderProblem
from appservices.payments.core.payment import Kind
from appservices.payments.core.rules import Reason
from veche.protocol.catalogue import N_
from veche.protocol.message import Bold, Doc, Facts, Heading, Item, Mono, Paragraph

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.core.speech import Speech
    from appservices.payments.core.texts.views import Party, PaymentView

NO_COVER: Final = "no_cover"
PAYEE_CLOSED: Final = "payee_closed"
INVOICE_PAID: Final = "invoice_paid"
INVOICE_OVER: Final = "invoice_over"
REFUND_TOO_HIGH: Final = "refund_too_high"
YOURSELF: Final = "yourself"
FAILED: Final = "failed"
BANK_SAYS_NO: Final = "bank_says_no"
"""Told by the bank's own reason, see ``banks``."""
_REFUSALS: Final[Mapping[str, str]] = {
    Reason.FROZEN.value: N_(
        "You froze your payments, so nothing was paid. Write “unfreeze” to end that."
    ),
    Reason.OVER_DAY_LIMIT.value: N_(
        "This is above your own limit for a day, so nothing was paid. Write “limits” to see it."
    ),
    # One sentence for three things: what somebody has or does here is not for others to find out.
    PAYEE_CLOSED: N_(
        "Nobody of this name can be paid here. Look at how the name is written, or ask them."
        " Nothing was paid."
    ),
    INVOICE_PAID: N_("Somebody has paid this invoice already. Nothing was paid again."),
    INVOICE_OVER: N_("This invoice cannot be paid any more. Nothing was paid."),
    REFUND_TOO_HIGH: N_("More cannot be given back than was paid. Nothing was paid."),
    YOURSELF: N_("You cannot pay yourself."),
    FAILED: N_("The payment could not be made. Nothing was paid; you can try again."),
}
_WAITS: Final[Mapping[Reason, str]] = {
    Reason.FIRST_PAYEE: N_(
        "It is your first payment to them, and it is above your limit for that. Whoever hurries you"
        " on the phone wants exactly this."
    ),
    Reason.LARGE_PART: N_(
        "With it most of your money would go out within a day. Whoever hurries you on the phone"
        " wants exactly this."
    ),
}
_PROBLEMS: Final[Mapping[OrderProblem, str]] = {
    OrderProblem.USAGE: N_("Write whom, how much and what for, in one line:"),
    OrderProblem.BAD_AMOUNT: N_("I cannot read the amount. Write it with its currency:"),
    OrderProblem.AMOUNT_IN_DOUBT: N_(
        "Is that a thousand, or one and a bit? Write the amount with all its decimals:"
    ),
    OrderProblem.NO_CURRENCY: N_("Write the currency too:"),
    OrderProblem.OTHER_CURRENCY: N_("This currency is not kept here. Here are: {currencies}."),
    OrderProblem.LONG_REFERENCE: N_("What it is for has at most {count} characters:"),
    OrderProblem.HIDDEN_CHARACTERS: N_(
        "What it is for has characters that cannot be seen. Please write it without them:"
    ),
}


def question_doc(view: PaymentView, speech: Speech, details: Doc = ()) -> Doc:
    """What is to be approved.

    Args:
        view: The payment.
        speech: How the payer is spoken to.
        details: What stands above it: the invoice.
    """
    return (
        *details,
        Heading(_title(view, speech)),
        Facts(
            [
                (speech.text("To"), _named(view.payee)),
                *_amounts(view, speech),
                *_reference(view, speech),
            ]
        ),
    )


def receipt_doc(view: PaymentView, speech: Speech, *, is_payer: bool) -> Doc:
    """The receipt of who paid, or of who was paid."""
    is_refund = view.kind is Kind.REFUND
    if is_payer:
        heading = speech.text("Given back") if is_refund else speech.text("Paid")
        other = (speech.text("To"), _named(view.payee))
        amounts = _amounts(view, speech)
    else:
        heading = speech.text("You got money back") if is_refund else speech.text("You were paid")
        other = (speech.text("From"), _named(view.payer))
        amounts = [(speech.text("Amount"), Bold(speech.money(view.amount_minor, view.currency)))]
    facts = [
        other,
        *amounts,
        *_reference(view, speech),
        (speech.text("When"), speech.moment(view.at_ms)),
        (speech.text("Number"), Mono(view.number)),
    ]
    return (Heading(heading), Facts(facts))


def refused_doc(why: str, view: PaymentView, balance_minor: int, speech: Speech) -> Doc:
    """Why a payment was not made.

    Args:
        why: Code: of a rule, or one of this module.
        view: The payment.
        balance_minor: What the payer can pay with.
        speech: How the payer is spoken to.
    """
    if why == NO_COVER:
        words = speech.text(
            "Your balance is {balance}; {needed} are needed. Nothing was paid.",
            balance=speech.money(balance_minor, view.currency),
            needed=speech.money(view.amount_minor + view.fee_minor, view.currency),
        )
    else:
        words = speech.text(_REFUSALS.get(why, _REFUSALS[FAILED]))
    return (Paragraph(words),)


def no_invoice_doc(is_paid: bool, speech: Speech) -> Doc:
    """That an invoice cannot be paid: it is paid, or over, or there is none."""
    return (Paragraph(speech.text(_REFUSALS[INVOICE_PAID if is_paid else INVOICE_OVER])),)


def unknown_payee_doc(speech: Speech) -> Doc:
    """Nobody can be paid by that name, whatever the reason."""
    return (Paragraph(speech.text(_REFUSALS[PAYEE_CLOSED])),)


def wait_doc(view: PaymentView, reason: Reason, until_ms: int, speech: Speech) -> Doc:
    """That a payment waits, and why; how to stop it."""
    words = speech.text(
        "Your payment of {amount} to {name} is approved and waits until {moment}.",
        amount=speech.money(view.amount_minor, view.currency),
        name=view.payee.name,
        moment=speech.moment(until_ms),
    )
    return (
        Paragraph(words),
        Paragraph(speech.text(_WAITS[reason])),
        Paragraph(speech.text("You can still stop it until then. Nobody can make it shorter.")),
    )


def problem_doc(problem: OrderProblem, currencies: Sequence[str], speech: Speech) -> Doc:
    """Why an order cannot be read, with one that can."""
    words = speech.text(
        _PROBLEMS[problem], currencies=", ".join(currencies), count=REFERENCE_CHARACTERS_MAX
    )
    example = speech.text("pay bob 12.50 {currency} rent", currency=currencies[0])
    return (Paragraph(words, "\n", Mono(example)),)


def reference_of(view: PaymentView, speech: Speech) -> str:
    """What a payment is for, also where its payer wrote nothing."""
    return view.reference or _title(view, speech)


def _title(view: PaymentView, speech: Speech) -> str:
    if view.kind is Kind.PAYOUT:
        return speech.text("Payout")
    return speech.text("Refund") if view.kind is Kind.REFUND else speech.text("Payment")


def _named(party: Party) -> Item:
    return (Bold(party.name), " ", Mono(party.address))


def _amounts(view: PaymentView, speech: Speech) -> list[tuple[str, Item]]:
    """Amount and fee and, where there is a fee, both together."""
    amount, fee = view.amount_minor, view.fee_minor
    facts: list[tuple[str, Item]] = [
        (speech.text("Amount"), Bold(speech.money(amount, view.currency))),
        (speech.text("Fee"), speech.money(fee, view.currency)),
    ]
    if fee:
        facts.append((speech.text("Together"), Bold(speech.money(amount + fee, view.currency))))
    return facts


def _reference(view: PaymentView, speech: Speech) -> list[tuple[str, Item]]:
    return [(speech.text("What for"), view.reference)] if view.reference else []
