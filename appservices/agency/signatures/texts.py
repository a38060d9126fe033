"""Texts for the person about a document being signed: signers, deadline, way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.agency.language.core.definition import Signer, SignStep
from veche.protocol.message import Bold, Facts, Heading, Item, Paragraph

if TYPE_CHECKING:
    from appservices.agency.cases.core.case import Case, Signatures
    from appservices.agency.language.core.definition import ServiceDefinition
    from appservices.agency.offices.core.context import Context
    from veche.protocol.message import Doc


def signer_words(step: SignStep, context: Context) -> str:
    """List the signers in their order."""
    localizer = context.person
    words = {Signer.PERSON: localizer.text("you"), Signer.CLERK: localizer.text("the office")}
    return ", ".join(words[one] for one in step.by)


def next_words(definition: ServiceDefinition, asked: Signatures, context: Context) -> str:
    """Say in one sentence what happens next."""
    localizer, step = context.person, definition.steps[asked.step]
    if asked.has_failed:
        return localizer.text(
            "The document could not be sent to be signed yet. The office knows and mends it."
        )
    if asked.session is None:
        return localizer.text("The document is being made ready to be signed.")
    until = localizer.date(asked.due_at_ms)
    if isinstance(step, SignStep) and Signer.PERSON in step.by:
        return localizer.text(
            "Sign the document until {date}: the signing bot asks you.", date=until
        )
    return localizer.text("The office signs the document until {date}.", date=until)


def why_signing_doc(definition: ServiceDefinition, asked: Signatures, context: Context) -> Doc:
    """Explain what the case waits for, until when, and what happens after that."""
    localizer = context.person
    until = localizer.date(asked.due_at_ms)
    words = localizer.text("If it is not signed by {date}, the case expires.", date=until)
    return (Paragraph(next_words(definition, asked, context), " ", words),)


def asked_doc(definition: ServiceDefinition, case: Case, context: Context) -> Doc:
    """The document is with the signing bot: who signs, until when, what comes then."""
    localizer, asked = context.person, case.signatures
    assert asked is not None, "they are asked for"  # noqa: S101 -- our bug
    step = definition.steps[asked.step]
    facts: list[tuple[str, Item]] = [
        (localizer.text("Until"), Bold(localizer.date(asked.due_at_ms))),
    ]
    if isinstance(step, SignStep):
        facts = [
            (localizer.text("Signed by"), signer_words(step, context)),
            *facts,
            (localizer.text("By the rule"), step.law.text(context.language)),
        ]
    goes_on = localizer.text(
        "Once everyone has signed, your case goes on by itself, and you get the signed document"
        " here. If it is not signed by then, the case expires."
    )
    return (
        Heading(localizer.text("Signatures")),
        Facts(facts),
        Paragraph(next_words(definition, asked, context), " ", goes_on),
    )


def signed_doc(context: Context) -> Doc:
    """Everyone has signed."""
    return (Paragraph(Bold(context.person.text("Everyone has signed, thank you."))),)


def not_signed_doc(definition: ServiceDefinition, context: Context, *, is_late: bool) -> Doc:
    """The document never comes to be."""
    localizer = context.person
    title = definition.title.text(context.language)
    words = (
        localizer.text("It was not signed in time, so the case has expired.")
        if is_late
        else localizer.text("Somebody did not sign it, so the case has ended without it.")
    )
    again = localizer.text("You can start again at any time.")
    return (Paragraph(Bold(title), ": ", words, " ", again),)
