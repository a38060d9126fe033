"""Checks of a service as a whole: parts missing, unused, unreachable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.agency.language.core.definition import (
    DecideStep,
    Decision,
    DocumentStep,
    FormStep,
    PayStep,
    ReviewStep,
    ServiceDefinition,
    SignStep,
    Silence,
)
from appservices.agency.language.core.paths import PathChecker, check_paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.agency.language.core.definition import Step
    from appservices.agency.language.core.steps_section import PlacedStep
    from appservices.agency.language.core.tree import Section


def check_whole(root: Section, definition: ServiceDefinition, placed: Sequence[PlacedStep]) -> None:
    """Note what is wrong between the sections of a service that are right by themselves."""
    _check_refusal(root, definition)
    _check_unused(root, definition)
    checker = PathChecker(
        definition.steps, definition.fields, definition.review, definition.deadline.silence_means
    )
    check_paths(root.get("steps") or root.item, placed, checker)


def _check_refusal(root: Section, definition: ServiceDefinition) -> None:
    refuses = can_refuse(definition)
    item = root.get("refusal")
    if refuses and item is None:
        root.item.wrong(
            "refusal is missing: it can be refused",
            "add `refusal: {reasons: …, appeal: …, appeal_days: 30}`",
        )
    if item is not None and not refuses:
        item.wrong("nothing in this service can be refused", "leave it out")


def can_refuse(definition: ServiceDefinition) -> bool:
    """Return whether a case can be refused: by a desk, a rule, silence, or unpaid."""
    if any(map(_refuses, definition.steps)):
        return True
    if not any(isinstance(step, ReviewStep) for step in definition.steps):
        return False
    by_desk = definition.review is not None and Decision.REFUSE in definition.review.decisions
    return by_desk or definition.deadline.silence_means is Silence.REFUSED_AND_APPEALABLE


def _refuses(step: Step) -> bool:
    """Return whether a step by itself can refuse a case."""
    if isinstance(step, DecideStep):
        return step.decision is Decision.REFUSE
    return isinstance(step, PayStep) and step.unpaid is not None


def _check_unused(root: Section, definition: ServiceDefinition) -> None:
    kinds = {type(step) for step in definition.steps}
    for key, users in (("review", {ReviewStep}), ("result", {DocumentStep, SignStep})):
        item = root.get(key)
        if item is not None and not users & kinds:
            item.wrong("no step uses it", "add the step, or leave it out")
    asked = {id_ for step in definition.steps if isinstance(step, FormStep) for id_ in step.fields}
    form = root.get("form")
    never = [field.id for field in definition.fields if field.id not in asked]
    if form is not None and never:
        form.wrong(f"no step asks for {', '.join(never)}", "add it to a form step")
