"""Text that a person approves with their device's key before submission."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from appservices.agency.cases.core.effects import Question, Release, Topic
from veche.protocol.approval import NAME_CHARACTERS_MAX, ReleaseShown, ShownValue, showable
from veche.protocol.forms import show_value
from veche.protocol.message import Facts, Heading, Item, Paragraph
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from appservices.agency.cases.core.case import Case
    from appservices.agency.language.core.definition import ServiceDefinition
    from appservices.agency.offices.core.context import Context

APPROVE: Final = "approve"
CHANGE: Final = "decline"
"""Also what the page of the key says if the person does not approve there."""
CANCEL: Final = "cancel"
RELEASE_BYTES_MAX: Final = 5 * 1024
"""Largest labels and values that are approved; they travel four times in one message."""
RELEASE_LABEL_CHARACTERS_MAX: Final = 60
_CUTS: Final = (500, 200, 80, 20)
"""Characters to which long values are cut, tried one after the other."""


def approval_question(
    definition: ServiceDefinition, case: Case, expires_at_ms: int, context: Context
) -> Question:
    """Everything that was filled in, to be approved with a key, changed, or dropped.

    Args:
        definition: The service.
        case: With all its answers.
        expires_at_ms: From then on an answer is late, UTC.
        context: The world around the step.
    """
    localizer = context.person
    release = release_of(definition, case, context)
    facts: list[tuple[str, Item]] = list(release.values)
    words = localizer.text(
        "With the key of your device you approve that exactly this goes to: {office}. Nothing is"
        " sent before that.",
        office=release.to,
    )
    return Question(
        Topic.APPROVE,
        (Heading(release.service), Facts(facts), Paragraph(words)),
        expires_at_ms,
        choices=(
            Choice(id=APPROVE, label=localizer.text("Approve with my key"), style="primary"),
            Choice(id=CHANGE, label=localizer.text("No, change an answer")),
            Choice(id=CANCEL, label=localizer.text("Stop, send nothing"), style="danger"),
        ),
        min_trust=definition.min_trust,
        approve={APPROVE: release},
    )


def release_of(definition: ServiceDefinition, case: Case, context: Context) -> Release:
    """Describe the release to approve: recipient, purpose, and each answer as the person reads it.

    Of an answer that is too long the beginning stands there, with the hash of all of it.
    """
    language = context.language
    here = context.field_context(language)
    shown = [
        (field.label, show_value(field, case.answers[field.id], here, context.catalogue))
        for field in (one.field(language) for one in definition.fields if one.id in case.answers)
    ]
    values = _cut(shown, _CUTS[-1])
    for cut in _CUTS:
        values = _cut(shown, cut)
        if _size(values) <= RELEASE_BYTES_MAX:
            break
    return Release(
        to=_name(context.office.name(language)),
        service=_name(definition.title.text(language)),
        number=case.number,
        values=values,
    )


def release_shown(release: Release) -> ReleaseShown:
    """The same, as an approval carries it."""
    return ReleaseShown(
        to=release.to,
        service=release.service,
        number=release.number,
        values=tuple(ShownValue(label=label, value=value) for label, value in release.values),
    )


def _name(text: str) -> str:
    return " ".join(showable(text).split())[:NAME_CHARACTERS_MAX]


def _cut(shown: Iterable[tuple[str, str]], characters: int) -> tuple[tuple[str, str], ...]:
    return tuple((_label(label), _value(value, characters)) for label, value in shown)


def _label(label: str) -> str:
    line = _name(label).rstrip(":? ") or "?"
    if len(line) <= RELEASE_LABEL_CHARACTERS_MAX:
        return line
    return line[: RELEASE_LABEL_CHARACTERS_MAX - 1] + "…"


def _value(value: str, characters: int) -> str:
    # On one line: a fact of its own must not be written by a line break in a value.
    line = ", ".join(part for part in showable(value).split("\n") if part)
    if len(line) <= characters:
        return line
    return f"{line[:characters]}… (SHA-256 {hashlib.sha256(value.encode()).hexdigest()})"


def _size(values: tuple[tuple[str, str], ...]) -> int:
    return sum(len(text.encode()) for pair in values for text in pair)
