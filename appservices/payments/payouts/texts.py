"""Texts on bank operations with a person's money: top-ups, payouts, refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.banks.core.orders import NEVER_GOT
from appservices.payments.payouts.core import OWNER_CHARACTERS_MAX, PayoutProblem
from appservices.payments.transfers.texts.views import named
from veche.protocol.message import Bold, Doc, Facts, Heading, Item, Mono, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.banks.core.port import Party
    from appservices.payments.transfers.texts.views import PaymentView
    from veche.protocol.texts.localizer import Localizer

IBAN_EXAMPLE: Final = "DE02 1203 0000 0000 2020 51"
"""Of the examples that ISO 13616 readers are tried with; nobody's."""
_REASONS: Final[Mapping[str, str]] = {
    "AC01": N_("There is no account of this number."),
    "AC03": N_("There is no account of this number."),
    "AC04": N_("The account is closed."),
    "AC06": N_("The account is blocked."),
    "AG01": N_("Such payments to this account are not allowed."),
    "AG02": N_("Such payments to this account are not allowed."),
    "AM04": N_("Our account at the bank has not enough. We look after it; try again later."),
    "BE01": N_("The name is not that of the account's owner."),
    "MD07": N_("The account's owner has died."),
    "MS02": N_("The account's owner does not want the money."),
    "MS03": N_("The bank gives no reason."),
    "RR04": N_("The law does not allow it."),
    NEVER_GOT: N_("The bank never got it."),
}
"""By code of ISO 20022, external code set ``StatusReason`` and ``ReturnReason``; the last is what
an operator found out."""
_PROBLEMS: Final[Mapping[PayoutProblem, str]] = {
    PayoutProblem.USAGE: N_("Write how much, to which account, and whose it is, in one line:"),
    PayoutProblem.BAD_IBAN: N_(
        "That is no number of an account: its digits do not fit together. Write the IBAN as it"
        " stands on the card or the statement:"
    ),
    PayoutProblem.LONG_NAME: N_("The owner's name has at most {count} characters:"),
    PayoutProblem.HIDDEN_CHARACTERS: N_(
        "The name has characters that cannot be seen. Please write it without them:"
    ),
    PayoutProblem.OURS: N_(
        "That account is this institution's own, so the money would reach nobody. Pay whom you mean"
        " by their name here."
    ),
    PayoutProblem.NO_BANK: N_("There is no bank here for this currency. Nothing was paid out."),
    PayoutProblem.NOT_TAKEN: N_(
        "Our bank does not take this payout. Look at the amount and the name. Nothing was paid out."
    ),
    PayoutProblem.TOO_MANY: N_("These are too many payouts for one day. Try again tomorrow."),
}

_WITHOUT_EXAMPLE: Final = frozenset(
    {
        PayoutProblem.OURS,
        PayoutProblem.NO_BANK,
        PayoutProblem.NOT_TAKEN,
        PayoutProblem.TOO_MANY,
    }
)


def credited_doc(minor: int, currency: str, localizer: Localizer) -> Doc:
    """Say that money came in by a bank."""
    words = localizer.text(
        "{amount} came in from your bank.", amount=localizer.money(minor, currency)
    )
    return (Paragraph(words),)


def under_way_doc(view: PaymentView, localizer: Localizer) -> Doc:
    """Say that a payout goes to the bank, and its money is set aside."""
    words = localizer.text("The bank has your payout to do. I tell you when it is booked.")
    return (Paragraph(words), _facts(view, localizer))


def silent_doc(view: PaymentView, localizer: Localizer) -> Doc:
    """Say that a bank has been silent on a payout for days, and that people ask it."""
    words = localizer.text(
        "The bank has not said for days what became of your payout. Our people ask it; the money"
        " stays set aside until we know. You need do nothing."
    )
    return (Paragraph(words), _facts(view, localizer))


def booked_doc(view: PaymentView, localizer: Localizer) -> Doc:
    """Say that a payout was made."""
    return (Heading(localizer.text("Paid out")), _facts(view, localizer))


def paid_out_doc(booked_at_ms: int, localizer: Localizer) -> Doc:
    """Say that a bank has already made a payout, which needs a new approval."""
    words = localizer.text(
        "Our bank paid this for you on {day}. We had to restore a backup that does not have it."
        " Please approve it again, if it was yours. The bank does not pay it a second time.",
        day=localizer.date(booked_at_ms),
    )
    return (Paragraph(words),)


def rejected_doc(view: PaymentView, code: str, localizer: Localizer) -> Doc:
    """Say that a bank rejects a payout, and why."""
    words = localizer.text("The bank did not do your payout. You have the money again.")
    return (Paragraph(Bold(words), "\n", reason(code, localizer)), _facts(view, localizer))


def returned_doc(view: PaymentView, code: str, localizer: Localizer) -> Doc:
    """Say that a payout came back, and why."""
    words = localizer.text("Your payout came back from the bank. You have the money again.")
    return (Paragraph(Bold(words), "\n", reason(code, localizer)), _facts(view, localizer))


def conflict_doc(view: PaymentView, localizer: Localizer) -> Doc:
    """Say that a bank contradicts itself, and that people look at it."""
    words = localizer.text(
        "The bank says two different things of your payout. Our people ask the bank; you need do"
        " nothing."
    )
    return (Paragraph(words), _facts(view, localizer))


def reason(code: str, localizer: Localizer) -> str:
    """A bank's code for why not, in words; one that is not known is named."""
    if code in _REASONS:
        return localizer.text(_REASONS[code])
    if not code:
        return localizer.text("The bank gives no reason.")
    return localizer.text("The bank's code for the reason: {code}", code=code)


def top_up_doc(own: Party, reference: str, localizer: Localizer) -> Doc:
    """How money is sent to one's wallet.

    Args:
        own: The account of the institution.
        reference: ISO 11649; leads the money to this wallet.
        localizer: How the person is spoken to.
    """
    facts: list[tuple[str, Item]] = [
        (localizer.text("To"), Bold(own.name)),
        (localizer.text("Account"), Mono(own.account)),
        (localizer.text("Reference"), Mono(reference)),
    ]
    return (
        Paragraph(localizer.text("Send money from your bank, as much and as often as you like:")),
        Facts(facts),
        Paragraph(
            localizer.text("Write the reference exactly: the money finds you by it."), " ",
            localizer.text("I tell you when it is here."),
        ),
    )  # fmt: skip


def top_up_code_doc(localizer: Localizer) -> Doc:
    """Describe the picture that comes next."""
    words = localizer.text("The picture that comes now is the same as a code for your bank's app.")
    return (Paragraph(words),)


def no_bank_doc(names: Sequence[str], localizer: Localizer) -> Doc:
    """Say that there is no such bank, and which there are."""
    if not names:
        return (Paragraph(localizer.text("There is no bank here yet.")),)
    words = localizer.text("There is no such bank here. Here are: {names}.", names=", ".join(names))
    return (Paragraph(words),)


def payout_problem_doc(problem: PayoutProblem, currency: str, localizer: Localizer) -> Doc:
    """Why a payout cannot be made, with one that can where that helps."""
    words = payout_problem_words(problem, localizer)
    if problem in _WITHOUT_EXAMPLE:
        return (Paragraph(words),)
    return (Paragraph(words, "\n", Mono(payout_example(currency, localizer))),)


def payout_example(currency: str, localizer: Localizer) -> str:
    """An order of a payout that can be read."""
    return payout_line(f"50.00 {currency}", IBAN_EXAMPLE, "Bob Beispiel", localizer)


def payout_line(amount: str, iban: str, name: str, localizer: Localizer) -> str:
    """Write the command for a payout."""
    return localizer.text("payout {amount} to {iban} {name}", amount=amount, iban=iban, name=name)


def payout_problem_words(problem: PayoutProblem, localizer: Localizer) -> str:
    """The same without an example, for a page that asks field by field."""
    return localizer.text(_PROBLEMS[problem], count=OWNER_CHARACTERS_MAX)


def is_warning(answer: str) -> bool:
    """Return whether the bank's answer on the name is a warning."""
    return answer in {"close", "no_match"}


def name_doc(answer: str, name: str, localizer: Localizer) -> Doc:
    """Tell the payer, before the approval, what the bank says of the name.

    Args:
        answer: ``match``, ``close``, ``no_match`` or ``unknown``.
        name: What the name nearly is, with ``close``.
        localizer: How the person is spoken to.
    """
    if answer == "match":
        return (Paragraph(localizer.text("The bank says: the name is that of the owner.")),)
    if answer == "close":
        words = localizer.text("The bank says that the owner is called: {name}", name=name)
        return (Paragraph(Bold(words)),)
    if answer == "no_match":
        words = localizer.text(
            "The bank says: the account is not that of somebody of this name. A caller who"
            " hurries you wants exactly this."
        )
        return (Paragraph(Bold(words)),)
    return (Paragraph(localizer.text("The bank does not say whose account it is.")),)


def _facts(view: PaymentView, localizer: Localizer) -> Facts:
    return Facts(
        [
            (localizer.text("To"), named(view.payee)),
            (localizer.text("Amount"), Bold(localizer.money(view.amount_minor, view.currency))),
            (localizer.text("Number"), Mono(view.number)),
        ]
    )
