"""Texts for the person about a fee: amount, reason, deadline, payment, refund."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.agency.cases.core.case import FeeState
from appservices.agency.language.core.definition import PayStep
from veche.protocol.message import Bold, Facts, Heading, Item, Link, Mono, Paragraph

if TYPE_CHECKING:
    from appservices.agency.cases.core.case import Fee
    from appservices.agency.language.core.definition import ServiceDefinition
    from appservices.agency.offices.core.context import Context
    from veche.protocol.message import Doc

PAY_WORD: Final = "pay"
"""The command that the payments bot understands in every language."""


def due_words(fee: Fee, context: Context) -> str:
    """How much, and until when."""
    localizer = context.person
    until = localizer.date(fee.due_at_ms)
    return localizer.text("{amount} until {date}", amount=localizer.amount(fee.amount), date=until)


def next_words(fee: Fee, context: Context) -> str:
    """Say in one sentence what happens next."""
    localizer = context.person
    if fee.has_failed:
        return localizer.text("The invoice could not be made yet. The office knows and mends it.")
    amount, until = localizer.amount(fee.amount), localizer.date(fee.due_at_ms)
    if fee.reference is None:
        return localizer.text("The invoice over {amount} is being made.", amount=amount)
    return localizer.text("Pay {amount} until {date}.", amount=amount, date=until)


def unpaid_words(definition: ServiceDefinition, fee: Fee, context: Context) -> str:
    """Say what happens if the fee is not paid in time."""
    step = definition.steps[fee.step]
    if isinstance(step, PayStep) and step.unpaid is not None:
        return context.person.text("If it is not paid by then, the case is refused.")
    return context.person.text("If it is not paid by then, the case expires.")


def fee_doc(definition: ServiceDefinition, fee: Fee, context: Context) -> Doc:
    """The invoice is there: what is to be paid, why, until when, and how."""
    localizer, step = context.person, definition.steps[fee.step]
    facts: list[tuple[str, Item]] = [(localizer.text("To pay"), Bold(due_words(fee, context)))]
    if isinstance(step, PayStep):
        facts += [
            (localizer.text("For"), step.purpose.text(context.language)),
            (localizer.text("By the rule"), step.law.text(context.language)),
        ]
    doc: Doc = (Heading(localizer.text("A fee")), Facts(facts))
    page = localizer.text("You can pay it here:")
    if context.has_client:
        how = localizer.text(
            "The payments bot asks you for it in your chat with it. Or write to it:"
        )
        doc = (*doc, Paragraph(how + "\n", Mono(f"{PAY_WORD} {fee.reference}")))
    else:
        page = localizer.text("Anybody with an account at the bank can pay it here, also for you:")
    if fee.url is not None:
        doc = (*doc, Paragraph(Link(page, fee.url)))
    goes_on = localizer.text(
        "Once it is paid, your case goes on by itself. If your case is refused, you get it back."
    )
    return (*doc, Paragraph(goes_on, " ", unpaid_words(definition, fee, context)))


def paid_doc(fee: Fee, context: Context) -> Doc:
    """It is paid."""
    localizer = context.person
    words = localizer.text("{amount} are paid, thank you.", amount=localizer.amount(fee.amount))
    return (Paragraph(Bold(words), " ", localizer.text("Your case goes on.")),)


def given_up_doc(fee: Fee, context: Context) -> Doc:
    """The case ended: nothing is to be paid, or it comes back."""
    localizer = context.person
    if fee.state is FeeState.PAID:
        amount = localizer.amount(fee.amount)
        words = localizer.text(
            "You paid {amount}. You get them back without doing anything.", amount=amount
        )
    else:
        words = localizer.text("Nothing is to be paid any more.")
    return (Paragraph(words),)


def refunded_doc(fee: Fee, context: Context) -> Doc:
    """The person has it again."""
    localizer = context.person
    amount = localizer.amount(fee.amount)
    return (
        Paragraph(localizer.text("You have {amount} back: the fee of this case.", amount=amount)),
    )
