"""A payment in words: its question, its receipts, why it waits or was not made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.amounts.core.order import REFERENCE_CHARACTERS_MAX, OrderProblem
from appservices.payments.transfers.core.payment import Kind
from appservices.payments.transfers.core.rules import Reason
from appservices.payments.transfers.texts.refusals import (
    PEER_REFUSALS,
    PEER_ROOM,
    USE_REFUSALS,
    room_words,
)
from appservices.payments.transfers.texts.views import named
from veche.protocol.message import Bold, Doc, Facts, Heading, Item, Mono, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.transfers.texts.views import ChosenView, PaymentView
    from veche.protocol.texts.localizer import Localizer

NO_COVER: Final = "no_cover"
NOT_PAYABLE: Final = "payee_not_payable"
"""There is no such account, or it is closed, or its owner stopped everything: nobody is told which,
see ``_REFUSALS``."""
_NOT_PAYABLE_BEFORE: Final = "payee_closed"
"""What the same was called in payments of releases before."""
BY_INVOICE: Final = "by_invoice"
"""An organisation that is not paid by its name."""
INVOICE_PAID: Final = "invoice_paid"
INVOICE_OVER: Final = "invoice_over"
REFUND_TOO_HIGH: Final = "refund_too_high"
YOURSELF: Final = "yourself"
UNCONFIRMED: Final = "unconfirmed"
"""The merchant did not say yes in time."""
NOT_CONFIRMED: Final = "not_confirmed"
"""The merchant said no."""
BILL_OVER: Final = "bill_over"
"""Not all of those who share a bill agreed, or it was taken back."""
FAILED: Final = "failed"
BANK_SAYS_NO: Final = "bank_says_no"
"""Told by the bank's own reason, see ``banks``."""
KEY_REVOKED: Final = "key_revoked"
"""The key that approved it was revoked while it waited."""
_ADDRESS_CHARACTERS: Final = 100
"""Of an address beside a reference: what is signed has room for both."""
_REFUSALS: Final[Mapping[str, str]] = {
    **USE_REFUSALS,
    **PEER_REFUSALS,
    KEY_REVOKED: N_(
        "The key that approved it was revoked while it waited, so nothing was paid. You can order"
        " it again."
    ),
    Reason.BANNED.value: N_(
        "You forbade this to yourself for a time, so nothing was paid. Write “ban” to see until"
        " when."
    ),
    Reason.FROZEN.value: N_(
        "You froze your payments, so nothing was paid. Write “unfreeze” to end that."
    ),
    Reason.OVER_DAY_LIMIT.value: N_(
        "This is above your own limit for a day, so nothing was paid. Write “limits” to see it."
    ),
    # One sentence for three things: what somebody has or does here is not for others to find out.
    NOT_PAYABLE: N_(
        "Nobody of this name can be paid here. Look at how the name is written, or ask them."
        " Nothing was paid."
    ),
    _NOT_PAYABLE_BEFORE: N_(
        "Nobody of this name can be paid here. Look at how the name is written, or ask them."
        " Nothing was paid."
    ),
    INVOICE_PAID: N_("Somebody has paid this invoice already. Nothing was paid again."),
    INVOICE_OVER: N_("This invoice cannot be paid any more. Nothing was paid."),
    REFUND_TOO_HIGH: N_("More cannot be given back than was paid. Nothing was paid."),
    YOURSELF: N_("You cannot pay yourself."),
    UNCONFIRMED: N_("The merchant did not confirm in time. Nothing was paid; your money is yours."),
    NOT_CONFIRMED: N_("The merchant does not confirm. Nothing was paid; your money is yours."),
    BILL_OVER: N_("The bill is over before all agreed. You paid nothing; your share is yours."),
    FAILED: N_("The payment could not be made. Nothing was paid; you can try again."),
}
_OF_THE_ACCOUNT: Final = frozenset(
    {
        NO_COVER,
        YOURSELF,
        Reason.FROZEN.value,
        Reason.BANNED.value,
        Reason.OVER_DAY_LIMIT.value,
    }
)
"""What is said to an account's owner alone."""
_WAITS: Final[Mapping[Reason, str]] = {
    Reason.FIRST_PAYEE: N_(
        "They are new to you, and this is above your limit for people who are new to you. Is"
        " somebody rushing you on the phone? It may be a scam."
    ),
    Reason.LARGE_PART: N_(
        "With it most of your money would go out within a day. Is somebody rushing you on the"
        " phone? It may be a scam."
    ),
}
_PROBLEMS: Final[Mapping[OrderProblem, str]] = {
    OrderProblem.USAGE: N_("Write whom, how much and what for, in one line:"),
    OrderProblem.LONG_PAYEE: N_(
        "Whom you pay is one word, a name or an address. Then comes the amount, then what for:"
    ),
    OrderProblem.BAD_AMOUNT: N_("I cannot read the amount. Write it with its currency:"),
    OrderProblem.AMOUNT_IN_DOUBT: N_(
        "Is that a thousand, or one and a bit? Write the amount with all its decimals:"
    ),
    OrderProblem.NOT_ABOVE_ZERO: N_("The amount has to be above zero:"),
    OrderProblem.TOO_MANY_DECIMALS: N_("The amount has more decimals than its currency:"),
    OrderProblem.TOO_LARGE: N_("No account here holds so much. Write a smaller amount:"),
    OrderProblem.NO_CURRENCY: N_("Write the currency too:"),
    OrderProblem.OTHER_CURRENCY: N_("This currency is not kept here. Here are: {currencies}."),
    OrderProblem.LONG_REFERENCE: N_("The purpose of a payment has at most {count} characters:"),
    OrderProblem.HIDDEN_CHARACTERS: N_(
        "The purpose has characters that cannot be seen. Please write it without them:"
    ),
}


def question_doc(
    view: PaymentView,
    localizer: Localizer,
    details: Doc = (),
    chosen: ChosenView | None = None,
) -> Doc:
    """Describe the payment to approve.

    Args:
        view: The payment.
        localizer: How the payer is spoken to.
        details: What stands above it: an invoice, which says whom, how much and what for; or what
            a bank says of a payee, or a bill to share.
        chosen: What the payer chose of a quote: it makes the amount another than the invoice's.
    """
    is_other = chosen is not None or view.user or view.fee_minor or view.tip_minor
    if view.kind is Kind.INVOICE and details and not is_other:
        return details
    whose = [] if view.user is None else [(localizer.text("Whose money"), named(view.payer))]
    return (
        *details,
        Heading(_title(view, localizer)),
        Facts(
            [
                (localizer.text("To"), named(view.payee)),
                *whose,
                *chosen_facts(chosen, view.currency, localizer),
                *_amounts(view, localizer),
                *_reference(view, localizer),
            ]
        ),
    )


def chosen_facts(
    chosen: ChosenView | None, currency: str, localizer: Localizer
) -> list[tuple[str, str]]:
    """List the parts of the amount if a quote was chosen beside the invoice, and the address."""
    if chosen is None:
        return []
    price = localizer.money(chosen.minor, currency)
    facts = [
        (localizer.text("Invoice"), localizer.money(chosen.invoice_minor, currency)),
        (localizer.text("You chose"), f"{chosen.label}: {price}"),
    ]
    return [*facts, (localizer.text("Where to"), chosen.place)] if chosen.place else facts


def tip_facts(tip_minor: int, currency: str, localizer: Localizer) -> list[tuple[str, str]]:
    """State the tip in the amount, if there is one."""
    return (
        [(localizer.text("Of it a tip"), localizer.money(tip_minor, currency))] if tip_minor else []
    )


def receipt_doc(view: PaymentView, localizer: Localizer, *, is_payer: bool) -> Doc:
    """The receipt of who paid, or of who was paid."""
    heading = _receipt_title(view, localizer, is_payer=is_payer)
    if is_payer:
        other = (localizer.text("To"), named(view.payee))
        amounts = _amounts(view, localizer)
    else:
        other = (localizer.text("From"), named(view.payer))
        amounts = [
            (localizer.text("Amount"), Bold(localizer.money(view.amount_minor, view.currency)))
        ]
    facts = [
        other,
        *amounts,
        *_reference(view, localizer),
        (localizer.text("When"), localizer.moment(view.at_ms)),
        (localizer.text("Number"), Mono(view.number)),
    ]
    return (Heading(heading), Facts(facts))


def refused_doc(why: str, view: PaymentView, balance_minor: int, localizer: Localizer) -> Doc:
    """Why a payment was not made.

    Args:
        why: Code: of a rule, or one of this module.
        view: The payment.
        balance_minor: What the payer can pay with; of ``PEER_ROOM``: what can go there.
        localizer: How the payer is spoken to.
    """
    return (Paragraph(refused_words(why, view, balance_minor, localizer)),)


def refused_words(why: str, view: PaymentView, balance_minor: int, localizer: Localizer) -> str:
    """The same as one sentence, for a page."""
    if view.user is not None and why in _OF_THE_ACCOUNT:
        # What somebody has, or forbade themselves, is not for who pays from their account.
        return localizer.text(
            "The account of {name} does not allow this now. Nothing was paid.",
            name=view.payer.name,
        )
    if why == NO_COVER:
        return localizer.text(
            "Your balance is {balance}; {needed} are needed. Nothing was paid.",
            balance=localizer.money(balance_minor, view.currency),
            needed=localizer.money(view.amount_minor + view.fee_minor, view.currency),
        )
    if why == PEER_ROOM:
        return room_words(balance_minor, view.currency, localizer)
    return localizer.text(_REFUSALS.get(why, _REFUSALS[FAILED]))


def no_invoice_doc(is_paid: bool, localizer: Localizer) -> Doc:
    """Say that an invoice cannot be paid: it is paid, or over, or there is none."""
    if is_paid:
        return (Paragraph(over_words(INVOICE_PAID, localizer)),)
    words = localizer.text("No invoice with this reference can be paid now. Nothing was paid.")
    return (Paragraph(words),)


def bad_reference_doc(localizer: Localizer) -> Doc:
    """Say that an invoice's reference was mistyped: its check digits do not fit."""
    words = localizer.text(
        "This is not the reference of an invoice: a character of it is missing or wrong. Nothing"
        " was paid."
    )
    return (Paragraph(words),)


def over_words(why: str, localizer: Localizer) -> str:
    """Why an invoice or a payee cannot be paid, whoever asks; ``why`` is a code of this module."""
    return localizer.text(_REFUSALS[why])


def unknown_payee_doc(localizer: Localizer) -> Doc:
    """Nobody can be paid by that name, whatever the reason."""
    return (Paragraph(localizer.text(_REFUSALS[NOT_PAYABLE])),)


def by_invoice_doc(name: str, localizer: Localizer) -> Doc:
    """Say that an organisation asks for money by invoices, and how to pay those."""
    return (Paragraph(by_invoice_words(name, localizer)),)


def by_invoice_words(name: str, localizer: Localizer) -> str:
    """The same as one sentence, for a page."""
    return localizer.text(
        "{name} is paid by its invoices alone: they come into this chat, or you write “pay” and the"
        " reference that stands on one, RF and digits. Nothing was paid.",
        name=name,
    )


def wait_doc(view: PaymentView, reason: Reason, until_ms: int, localizer: Localizer) -> Doc:
    """Say that a payment waits, why, and how to stop it."""
    words = localizer.text(
        "Your payment of {amount} to {name} is approved and waits until {moment}.",
        amount=localizer.money(view.amount_minor, view.currency),
        name=view.payee.name,
        moment=localizer.moment(until_ms),
    )
    return (
        Paragraph(words),
        Paragraph(wait_words(reason, localizer)),
        Paragraph(localizer.text("You can still stop it until then. Nobody can make it shorter.")),
    )


def problem_doc(
    problem: OrderProblem,
    currencies: Sequence[str],
    localizer: Localizer,
    example: str | None = None,
) -> Doc:
    """Why an order cannot be read, with one that can.

    Args:
        problem: What is wrong with it.
        currencies: Those of the ledgers here.
        localizer: How the person is spoken to.
        example: An order of the kind that was typed, that can be read; None: a payment.
    """
    words = problem_words(problem, currencies, localizer)
    payment = localizer.text("pay bob 12.50 {currency} rent", currency=currencies[0])
    return (Paragraph(words, "\n", Mono(example or payment)),)


def no_currency_doc(line: str, word: str, currencies: Sequence[str], localizer: Localizer) -> Doc:
    """Say that an order lacks a currency that is kept here; show it with one.

    Args:
        line: All of it, with the command, so that it can be sent as it is.
        word: What stands where the currency belongs, and is the code of one; else empty.
        currencies: Those of the ledgers here.
        localizer: How the person is spoken to.
    """
    if word:
        words = localizer.text(
            "“{word}” is the code of a currency, and that is not kept here. Here are:"
            " {currencies}. Did you mean this?",
            word=word,
            currencies=", ".join(currencies),
        )
    else:
        words = problem_words(OrderProblem.NO_CURRENCY, currencies, localizer)
    return (Paragraph(words, "\n", Mono(line)),)


def turned_doc(line: str, localizer: Localizer) -> Doc:
    """Say that the amount comes first in an order; show the command in the right order."""
    words = localizer.text("First comes whom you pay, then how much. Did you mean this?")
    return (Paragraph(words, "\n", Mono(line)),)


def problem_words(problem: OrderProblem, currencies: Sequence[str], localizer: Localizer) -> str:
    """The same without an example, for a page that asks field by field."""
    return localizer.text(
        _PROBLEMS[problem], currencies=", ".join(currencies), count=REFERENCE_CHARACTERS_MAX
    )


def wait_words(reason: Reason, localizer: Localizer) -> str:
    """Why a payment waits."""
    return localizer.text(_WAITS[reason])


def reference_of(view: PaymentView, localizer: Localizer) -> str:
    """Return the purpose of a payment, also where its payer wrote nothing."""
    reference = view.reference or _title(view, localizer)
    if view.user is None:
        return reference
    return localizer.text(
        "{reference}, from the account of {name}",
        reference=reference,
        name=view.payer.address[:_ADDRESS_CHARACTERS],
    )


def kind_words(kind: Kind, localizer: Localizer) -> str:
    """Name the kind of a payment where payee and purpose do not show it; else empty."""
    if kind is Kind.REFUND:
        return localizer.text("Refund")
    if kind is Kind.SHARE:
        return localizer.text("Share of a bill")
    return localizer.text("Escrow") if kind is Kind.ESCROW else ""


def _receipt_title(view: PaymentView, localizer: Localizer, *, is_payer: bool) -> str:
    if view.kind is Kind.REFUND:
        return localizer.text("Given back") if is_payer else localizer.text("You got money back")
    if view.kind is Kind.ESCROW:
        if is_payer:
            return localizer.text("Paid out of what you put aside")
        return localizer.text("You were paid out of an escrow")
    return localizer.text("Paid") if is_payer else localizer.text("You were paid")


def _title(view: PaymentView, localizer: Localizer) -> str:
    if view.kind is Kind.PAYOUT:
        return localizer.text("Payout")
    if view.kind is Kind.SHARE:
        return localizer.text("Share of a bill")
    return localizer.text("Refund") if view.kind is Kind.REFUND else localizer.text("Payment")


def _amounts(view: PaymentView, localizer: Localizer) -> list[tuple[str, Item]]:
    """Amount and fee and, where there is a fee, both together."""
    amount, fee = view.amount_minor, view.fee_minor
    facts: list[tuple[str, Item]] = [
        (localizer.text("Amount"), Bold(localizer.money(amount, view.currency))),
        (localizer.text("Fee"), localizer.money(fee, view.currency)),
    ]
    facts += tip_facts(view.tip_minor, view.currency, localizer)
    if fee:
        facts.append(
            (localizer.text("Together"), Bold(localizer.money(amount + fee, view.currency)))
        )
    return facts


def _reference(view: PaymentView, localizer: Localizer) -> list[tuple[str, Item]]:
    return [(localizer.text("What for"), view.reference)] if view.reference else []
