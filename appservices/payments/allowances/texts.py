"""Allowances in words: given, listed, used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.allowances.core import PAYEES_MAX, AllowanceProblem
from appservices.payments.transfers.texts.views import named
from veche.protocol.message import Doc, Facts, Heading, Item, Mono, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.allowances.core import AllowanceTerms
    from appservices.payments.amounts.core.periods import Period
    from appservices.payments.transfers.texts.views import Party, PaymentView
    from veche.protocol.texts.localizer import Localizer

_CAPS: Final[Mapping[Period, str]] = {
    "day": N_("at most {amount} a day"),
    "week": N_("at most {amount} a week"),
    "month": N_("at most {amount} a month"),
    "year": N_("at most {amount} a year"),
}
_PROBLEMS: Final[Mapping[AllowanceProblem, str]] = {
    AllowanceProblem.USAGE: N_("Write whom, how much in which time, and whom they may pay:"),
    AllowanceProblem.BAD_DATE: N_("Write the last day as a date that is to come:"),
    AllowanceProblem.EACH_ABOVE: N_("At once cannot be more than in all:"),
    AllowanceProblem.TOO_MANY: N_("An allowance names {count} payees at most:"),
}


@attrs.frozen
class AllowanceView:
    """An allowance with its names.

    Attributes:
        giver: Whose account it is.
        spender: Who may pay from it.
        payees: Whom; empty, with no kinds: anybody.
        kinds: What organisations sell that may be paid.
        currency: ISO 4217.
    """

    giver: Party
    spender: Party
    payees: tuple[Party, ...]
    kinds: tuple[str, ...]
    currency: str
    terms: AllowanceTerms


def allowance_problem_doc(problem: AllowanceProblem, currency: str, localizer: Localizer) -> Doc:
    """Why an allowance cannot be read, with one that can."""
    words = localizer.text(_PROBLEMS[problem], count=PAYEES_MAX)
    return (Paragraph(words, "\n", Mono(allowance_example(currency, localizer))),)


def allowance_example(currency: str, localizer: Localizer) -> str:
    """An order of an allowance that can be read."""
    return localizer.text("allow @bob 50 {currency} a week at @shop", currency=currency)


def nobody_doc(name: str, localizer: Localizer) -> Doc:
    """Somebody who was named is not here."""
    words = localizer.text(
        "Nobody else of the name {name} is here. Nothing has changed.", name=name
    )
    return (Paragraph(words),)


def too_many_doc(localizer: Localizer) -> Doc:
    """Say that a person cannot give more allowances to somebody."""
    words = localizer.text(
        "You have given them many allowances already. End one first: write “allowances”."
    )
    return (Paragraph(words),)


def proposal_doc(view: AllowanceView, from_ms: int, localizer: Localizer) -> Doc:
    """Describe the allowance that a giver is asked to approve.

    Args:
        view: The allowance.
        from_ms: When it begins if it is approved now, UTC; 0: at once.
        localizer: How the giver is spoken to.
    """
    intro = localizer.text(
        "{name} may then pay from your account, within these limits. Both of you see every payment"
        " at once, and you can end it at any time, in one tap.",
        name=view.spender.name,
    )
    doc: Doc = (Heading(localizer.text("Allowance")), Paragraph(intro), _facts(view, localizer))
    if not from_ms:
        return doc
    words = localizer.text(
        "It is above your limit for people who are new to you, so it begins at {moment}.",
        moment=localizer.moment(from_ms),
    )
    return (*doc, Paragraph(words))


def shown_text(view: AllowanceView, localizer: Localizer) -> str:
    """The same in the words that are signed."""
    each = localizer.money(view.terms.each_max_minor, view.currency)
    return localizer.text(
        "{name} ({address}) may pay from my account: at most {each} at once, {cap}, to {payees},"
        " until {end}.",
        name=view.spender.name,
        address=view.spender.address,
        each=each,
        cap=_cap(view, localizer),
        payees=payees_words(view, localizer),
        end=localizer.date(view.terms.ends_at_ms - 1),
    )


def given_doc(view: AllowanceView, payee: str | None, localizer: Localizer) -> Doc:
    """Somebody learns that they may pay from another's account.

    Args:
        view: The allowance.
        payee: Whom the example pays; None: it is for those alone who are paid by invoices.
        localizer: How they are spoken to.
    """
    words = localizer.text("{name} lets you pay from their account.", name=view.giver.name)
    approval = localizer.text(
        "You approve each payment with your own key, and {name} sees it at once. An invoice asks"
        " you from whose account it is paid.",
        name=view.giver.name,
    )
    doc: Doc = (Heading(localizer.text("Allowance")), Paragraph(words), _facts(view, localizer))
    if payee is None:
        return (*doc, Paragraph(approval))
    example = localizer.text(
        "pay {payee} 5 {currency} lunch from {name}",
        payee=payee,
        currency=view.currency,
        name=view.giver.address,
    )
    intro = localizer.text("Without an invoice, write for example:")
    return (*doc, Paragraph(approval), Paragraph(intro, "\n", Mono(example)))


def allowance_doc(
    view: AllowanceView, left_minor: int, localizer: Localizer, *, is_given: bool
) -> Doc:
    """An allowance as it stands, for one of the two.

    Args:
        view: The allowance.
        left_minor: What can still be paid in this period.
        localizer: How the person is spoken to.
        is_given: For the giver; else for who pays.
    """
    if is_given:
        heading = localizer.text("Allowance for {name}", name=view.spender.name)
    else:
        heading = localizer.text("Allowance from {name}", name=view.giver.name)
    left = localizer.text("left now: {amount}", amount=localizer.money(left_minor, view.currency))
    return (Heading(heading), _facts(view, localizer), Paragraph(left))


def used_doc(payment: PaymentView, left_minor: int, localizer: Localizer) -> Doc:
    """The giver learns of a use."""
    assert payment.user is not None, "a use is of somebody"  # noqa: S101 -- our bug
    words = localizer.text(
        "{user} paid {amount} to {name} from your account, by your allowance. Left now: {left}."
        " Write “allowances” to end it.",
        user=payment.user.name,
        amount=localizer.money(payment.amount_minor + payment.fee_minor, payment.currency),
        name=payment.payee.name,
        left=localizer.money(left_minor, payment.currency),
    )
    facts: list[tuple[str, Item]] = [(localizer.text("To"), named(payment.payee))]
    if payment.reference:
        facts.append((localizer.text("What for"), payment.reference))
    return (Paragraph(words), Facts([*facts, (localizer.text("Number"), Mono(payment.number))]))


def use_refused_doc(payment: PaymentView, localizer: Localizer) -> Doc:
    """The giver learns that a use was tried and refused."""
    assert payment.user is not None, "a use is of somebody"  # noqa: S101 -- our bug
    words = localizer.text(
        "{user} tried to pay {amount} to {name} from your account, and it was refused. Nothing was"
        " paid.",
        user=payment.user.name,
        amount=localizer.money(payment.amount_minor + payment.fee_minor, payment.currency),
        name=payment.payee.name,
    )
    return (Paragraph(words),)


def ended_doc(view: AllowanceView, localizer: Localizer, *, is_given: bool) -> Doc:
    """One of the two learns that an allowance is ended."""
    if is_given:
        words = localizer.text(
            "{name} cannot pay from your account any more.", name=view.spender.name
        )
    else:
        words = localizer.text("You cannot pay from the account of {name} any more.",
                            name=view.giver.name)  # fmt: skip
    return (Paragraph(words),)


def no_allowance_doc(localizer: Localizer) -> Doc:
    """Say that there is no allowance of the named person."""
    words = localizer.text(
        "Nobody of this name lets you pay from their account. Write “allowances” to see who does."
        " Nothing was paid."
    )
    return (Paragraph(words),)


def payees_words(view: AllowanceView, localizer: Localizer) -> str:
    """List the payees of an allowance."""
    names = [f"{one.name} ({one.address})" for one in view.payees]
    return ", ".join([*names, *view.kinds]) or localizer.text("anybody")


def _cap(view: AllowanceView, localizer: Localizer) -> str:
    amount = localizer.money(view.terms.period_max_minor, view.currency)
    return localizer.text(_CAPS[view.terms.period], amount=amount)


def _facts(view: AllowanceView, localizer: Localizer) -> Facts:
    each = localizer.money(view.terms.each_max_minor, view.currency)
    return Facts(
        [
            (localizer.text("Who pays"), named(view.spender)),
            (localizer.text("Whose money"), named(view.giver)),
            (localizer.text("At once"), localizer.text("at most {amount}", amount=each)),
            (localizer.text("In all"), _cap(view, localizer)),
            (localizer.text("To"), payees_words(view, localizer)),
            (localizer.text("Until"), localizer.date(view.terms.ends_at_ms - 1)),
        ]
    )
