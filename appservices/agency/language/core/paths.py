"""Trying every way through a service: each step can be reached, each way ends with a decision.

A few values of each name stand for all (``samples``), so walking the steps once for each
combination of them shows every way that there is. A service with too many combinations is refused
rather than half checked.
"""

from __future__ import annotations

import enum
import itertools
import math
from typing import TYPE_CHECKING, Final

from appservices.agency.language.core.conditions import Condition, judge
from appservices.agency.language.core.definition import (
    DecideStep,
    Decision,
    DocumentStep,
    FieldDefinition,
    FormStep,
    MessageStep,
    PayStep,
    Review,
    ReviewStep,
    SignStep,
    Silence,
    Step,
)
from appservices.agency.language.core.samples import samples_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from appservices.agency.language.core.steps_section import PlacedStep
    from appservices.agency.language.core.tree import Item

COMBINATIONS_MAX: Final = 10_000
"""Most combinations of values that are tried."""

_BEFORE_REVIEW: Final[Mapping[str, object]] = {"flags": None, "asked_count": 0}


class _Way(enum.Enum):
    """The decisions on the way so far."""

    UNDECIDED = enum.auto()
    APPROVED = enum.auto()
    REFUSED = enum.auto()


class PathChecker:
    """Walks the steps of a service, every way.

    Attributes:
        reached: Indexes of the steps that some way reaches.
        early: Indexes of the document steps that some way reaches before a decision.
        late: Indexes of the steps at which some way may refuse what it has approved.
        undecided: Values with which nothing is decided in the end; None if there are none.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        fields: Sequence[FieldDefinition],
        review: Review | None,
        silence: Silence,
    ) -> None:
        self._steps = steps
        self._required = {field.id for field in fields if field.required}
        self._after_review = _after_review(review, silence)
        self._decides = any(isinstance(step, ReviewStep | DecideStep) for step in steps)
        conditions = [step.condition for step in steps if step.condition is not None]
        self._samples = samples_of(conditions)
        self.reached: set[int] = set()
        self.early: set[int] = set()
        self.late: set[int] = set()
        self.undecided: Mapping[str, object] | None = None

    @property
    def combinations(self) -> int:
        """How many combinations there are to try."""
        return math.prod(len(values) for values in self._samples.values())

    def walk(self) -> None:
        """Try every combination; only sensible up to ``COMBINATIONS_MAX``."""
        for values in itertools.product(*self._samples.values()):
            self._walk(dict(zip(self._samples, values, strict=True)))

    def _walk(self, given: Mapping[str, object]) -> None:
        facts: dict[str, object] = {**given, **_BEFORE_REVIEW}
        asked = {id_ for step in self._steps if isinstance(step, FormStep) for id_ in step.fields}
        facts.update(dict.fromkeys(asked & facts.keys()))
        ways = {_Way.UNDECIDED}
        for index, step in enumerate(self._steps):
            if not _holds(step.condition, facts):
                continue
            if isinstance(step, FormStep):
                self.reached.add(index)
                if any(given.get(id_, 0) is None and id_ in self._required for id_ in step.fields):
                    return  # A required field cannot be left out: there is no such way.
                facts.update({id_: given[id_] for id_ in step.fields if id_ in given})
                continue
            if isinstance(step, ReviewStep) and _Way.UNDECIDED in ways:
                facts.update({name: given.get(name) for name in _BEFORE_REVIEW})
            ways = set(self._after(index, step, ways))
        if self._decides and _Way.UNDECIDED in ways and self.undecided is None:
            self.undecided = {name: value for name, value in facts.items() if name in given}

    def _after(self, index: int, step: Step, ways: Iterable[_Way]) -> Iterator[_Way]:
        for way in ways:
            if not _takes(step, way):
                yield way
                continue
            self.reached.add(index)
            if isinstance(step, ReviewStep):
                yield from self._after_review
            elif isinstance(step, DecideStep):
                is_approval = step.decision is Decision.APPROVE
                yield _Way.APPROVED if is_approval else _Way.REFUSED
            elif isinstance(step, PayStep) and step.unpaid is not None:
                if way is _Way.APPROVED:
                    self.late.add(index)
                yield from {way, _Way.REFUSED}
            else:
                if (
                    isinstance(step, DocumentStep | SignStep)
                    and self._decides
                    and way is _Way.UNDECIDED
                ):
                    self.early.add(index)
                yield way


def check_paths(item: Item, placed: Sequence[PlacedStep], checker: PathChecker) -> None:
    """Note steps that no way reaches, and ways that end without a decision.

    Args:
        item: Where to note what is wrong with the whole.
        placed: The steps and where they stand.
        checker: Made for these steps; it is walked here.
    """
    if checker.combinations > COMBINATIONS_MAX:
        item.wrong(
            "its conditions have too many combinations to try them all",
            "compare fewer names, or split the service",
        )
        return
    checker.walk()
    for index, step in enumerate(placed):
        if index not in checker.reached:
            step.item.wrong("this step can never be reached", "remove it, or correct a condition")
        elif index in checker.early:
            step.item.wrong(
                "the document would be made before anybody decided",
                "put it after review and decide",
            )
        elif index in checker.late:
            step.item.wrong(
                "what is approved would be refused for an unpaid fee",
                "leave `unpaid` out, or put the step before review and decide",
            )
    if checker.undecided is not None:
        given = [f"{name} = {_shown(value)}" for name, value in sorted(checker.undecided.items())]
        example = f"with {', '.join(given)} " if given else ""
        item.wrong(
            f"{example}nobody decides, so that the case never ends",
            "end with a review, or with a decide step without a condition",
        )


def _after_review(review: Review | None, silence: Silence) -> frozenset[_Way]:
    ways = {_Way.APPROVED}
    refuses = review is not None and Decision.REFUSE in review.decisions
    if refuses or silence is Silence.REFUSED_AND_APPEALABLE:
        ways.add(_Way.REFUSED)
    return frozenset(ways)


def _holds(condition: Condition | None, facts: Mapping[str, object]) -> bool:
    return condition is None or judge(condition, facts)


def _takes(step: Step, way: _Way) -> bool:
    """Return whether a case that is decided like this stops at the step."""
    match step:
        case ReviewStep() | DecideStep():
            return way is _Way.UNDECIDED
        case MessageStep(is_after_refusal=is_after_refusal):
            return (way is _Way.REFUSED) == is_after_refusal
        case _:
            return way is not _Way.REFUSED


def _shown(value: object) -> str:
    return "none" if value is None else repr(value)
