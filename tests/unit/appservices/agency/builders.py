"""Services, cases and worlds for the tests of the agency."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import yaml

from appservices.agency.cases.core.inputs import (
    Answers,
    Approve,
    Claim,
    DocumentMade,
    Input,
    RoomMade,
    TimerFired,
)
from appservices.agency.language.core.language import read_service
from appservices.agency.offices.core.context import Context
from appservices.agency.offices.core.office import Office, Role, Staff
from appservices.agency.workflow.core.machine import open_case, step
from appservices.agency.working_days.core import Calendar
from veche.protocol.forms.state import Filled, Said
from veche.protocol.ids import Ulid, derived_ulid
from veche.protocol.inbound import Trust
from veche.protocol.message import Doc, body
from veche.protocol.texts.catalogue import Catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.cases.core.effects import Effect
    from appservices.agency.cases.core.states import State, TimerKind
    from appservices.agency.cases.core.turn import Outcome
    from appservices.agency.language.core.definition import ServiceDefinition

ROOT: Final = Path(__file__).parents[4]
EXAMPLE: Final = ROOT / "config/services/birth-certificate-copy.yaml"
NOW_MS: Final = 1_764_000_000_000
"""Monday, 24 November 2025, 16:00 UTC."""
CLERK: Final = Staff("clerk-1", Role.CLERK)
SECOND: Final = Staff("clerk-2", Role.CLERK)
HEAD: Final = Staff("head", Role.DECISION_MAKER)
AUDITOR: Final = Staff("auditor", Role.AUDITOR)
ANSWERS: Final = {"child_name": "Anna Muster", "born_on": "2020-02-01", "reason": "travel"}


@functools.cache
def catalogue() -> Catalogue:
    return Catalogue.load("veche.protocol", "veche.protocol.forms", "appservices.agency")


OFFICE: Final = Office(
    id="archive",
    names={"en": "Town archive", "de": "Stadtarchiv"},
    language="en",
    calendar=Calendar("Europe/Riga"),
    region="LV",
)


def context(now_ms: int = NOW_MS, language: str = "en") -> Context:
    return Context(now_ms, language, OFFICE, catalogue())


@functools.cache
def example() -> ServiceDefinition:
    """The birth certificate of the documentation."""
    return read_service(EXAMPLE.read_text())


def service_data(**changes: Any) -> dict[str, Any]:
    """A small service as data; a change to None leaves the key out."""
    data: dict[str, Any] = {
        "service": "parking",
        "title": {"en": "Parking permit"},
        "deadline": {
            "working_days": 5,
            "law": "Parking Act, section 1",
            "escalate_to": "head-of-office",
            "silence_means": "refused_and_appealable",
        },
        "form": [
            {"id": "plate", "kind": "text", "required": True, "label": {"en": "Plate"}},
            {
                "id": "zone",
                "kind": "choice",
                "label": {"en": "Zone"},
                "choices": [
                    {"id": "north", "label": {"en": "North"}},
                    {"id": "south", "label": {"en": "South"}},
                ],
            },
        ],
        "review": {"desk": "parking", "decisions": ["approve", "refuse", "ask_more"]},
        "refusal": {
            "reasons": [
                {"code": "no_right", "title": {"en": "No right to it"}, "law": "Section 2"},
            ],
            "appeal": {"en": "Write to the court."},
            "appeal_days": 30,
        },
    }
    data.update(changes)
    return {key: value for key, value in data.items() if value is not None}


class _PlainDumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 -- PyYAML names it  # noqa: ARG002 -- PyYAML names it
        return True


def dumped(data: Mapping[str, Any]) -> str:
    return yaml.dump(data, Dumper=_PlainDumper, allow_unicode=True)


def service(**changes: Any) -> ServiceDefinition:
    return read_service(dumped(service_data(**changes)))


@attrs.define
class Play:
    """A case that is played: keeps the case, the time and what was done."""

    definition: ServiceDefinition
    outcome: Outcome
    now_ms: int = NOW_MS
    language: str = "en"

    @classmethod
    def opened(cls, definition: ServiceDefinition | None = None, language: str = "en") -> Play:
        chosen = definition or example()
        case_id: Ulid = derived_ulid(NOW_MS, "test")
        outcome = open_case(
            chosen, case_id=case_id, subject="subject", context=context(NOW_MS, language)
        )
        return cls(chosen, outcome, NOW_MS, language)

    @property
    def state(self) -> State:
        return self.outcome.case.state

    @property
    def due_on(self) -> str | None:
        """The day on which the office must have decided."""
        due_at_ms = self.outcome.case.due_at_ms
        return None if due_at_ms is None else OFFICE.calendar.date(due_at_ms).isoformat()

    def do(self, *heard: Input) -> Play:
        for one in heard:
            self.outcome = step(
                self.definition, self.outcome.case, one, context(self.now_ms, self.language)
            )
        return self

    def ring(self, kind: TimerKind) -> Play:
        """Let time pass until the clock of a kind rings."""
        timer = self.outcome.case.timer(kind)
        assert timer is not None, f"no clock {kind} is set"
        self.now_ms = max(self.now_ms, timer.at_ms)
        return self.do(TimerFired(kind, timer.serial))

    def said(self) -> str:
        """Everything that the last step said, to anybody."""
        return said(self.outcome.effects)

    def kinds(self) -> list[str]:
        return [type(effect).__name__ for effect in self.outcome.effects]


def said(effects: tuple[Effect, ...], *kinds: type) -> str:
    docs = []
    for effect in effects:
        if kinds and not isinstance(effect, kinds):
            continue
        question = getattr(effect, "question", None)
        doc: Doc | None = getattr(effect, "doc", None)
        docs += [doc] if doc else []
        docs += [question.intro] if question is not None else []
    return "\n\n".join(body(doc) for doc in docs)


def filled(data: Mapping[str, object] = ANSWERS, trust: Trust = Trust.E2EE) -> Answers:
    return Answers(Filled(data, is_final=True), trust)


def typed(text: str, trust: Trust = Trust.E2EE) -> Answers:
    return Answers(Said(text), trust)


def submitted(
    definition: ServiceDefinition | None = None, data: Mapping[str, object] = ANSWERS
) -> Play:
    return Play.opened(definition).do(filled(data), RoomMade())


def claimed(
    definition: ServiceDefinition | None = None, data: Mapping[str, object] = ANSWERS
) -> Play:
    return submitted(definition, data).do(Claim(CLERK))


def approved(definition: ServiceDefinition | None = None) -> Play:
    return claimed(definition).do(Approve(CLERK))


def served(definition: ServiceDefinition | None = None) -> Play:
    return approved(definition).do(DocumentMade("a" * 64, 1_000))
