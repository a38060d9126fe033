"""Steps of a service, for people who think of starting it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.agency.language.core.definition import (
    DecideStep,
    DocumentStep,
    FormStep,
    MessageStep,
    PayStep,
    ReviewStep,
    SignStep,
    WaitStep,
)
from appservices.agency.signatures.texts import signer_words

if TYPE_CHECKING:
    from appservices.agency.language.core.definition import ServiceDefinition, Step
    from appservices.agency.offices.core.context import Context


def step_words(  # noqa: PLR0911 -- one for each kind, so that the type checker misses none
    step: Step, definition: ServiceDefinition, context: Context
) -> str:
    """A step in a sentence; empty for what is only said on the way."""
    localizer = context.person
    match step:
        case FormStep(fields=fields):
            count = len(fields)
            words = localizer.plural(
                "You answer {count} question.", "You answer {count} questions.", count
            )
            key = localizer.text("You approve your answers with the key of your device.")
            is_last = step is [one for one in definition.steps if isinstance(one, FormStep)][-1]
            return f"{words} {key}" if definition.needs_key and is_last else words
        case ReviewStep():
            return localizer.text("The office looks at it and decides.")
        case DecideStep():
            return localizer.text("The rules of the service decide.")
        case DocumentStep() if definition.document is not None:
            title = definition.document.title.text(context.language)
            return localizer.text("You get: {title}.", title=title)
        case WaitStep(working_days=days, reason=reason):
            waits = localizer.plural(
                "It waits {count} working day.", "It waits {count} working days.", days
            )
            return f"{waits} {reason.text(context.language)}"
        case PayStep():
            return _pay_words(step, context)
        case SignStep() if definition.document is not None:
            title = definition.document.title.text(context.language)
            return localizer.text(
                "Signed by: {who}. Then you get: {title}.",
                who=signer_words(step, context),
                title=title,
            )
        case MessageStep() | DocumentStep() | SignStep():
            return ""


def fee_words(definition: ServiceDefinition, context: Context) -> str | None:
    """State the highest fee of a service; None if it costs nothing."""
    localizer = context.person
    found = [localizer.amount(step.amount) for step in definition.fees if step.amount is not None]
    if len(found) < len(definition.fees):
        found.append(localizer.text("depends on your answers"))
    return " + ".join(found) or None


def _pay_words(step: PayStep, context: Context) -> str:
    localizer, purpose = context.person, step.purpose.text(context.language)
    if step.amount is None:
        return localizer.text("You pay: {purpose}.", purpose=purpose)
    amount = localizer.amount(step.amount)
    return localizer.text("You pay {amount}: {purpose}.", amount=amount, purpose=purpose)
