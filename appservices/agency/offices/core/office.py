"""An office of an organisation: where it is, who works there, and by which rules it serves."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Literal

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.agency.working_days.core import Calendar


@attrs.frozen
class Office:
    """An office of an organisation.

    Attributes:
        id: Of the office, in the configuration.
        names: By language; the first stands in where one is missing; at least one.
        language: In which its staff works; one of ``LANGUAGES``.
        calendar: Its working days.
        region: ISO 3166-1 alpha-2, for phone numbers without a country code.
        hours: When it is open, by day: ``{"mon": ["08:00-12:00"]}``.
    """

    id: str
    names: Mapping[str, str]
    language: str
    calendar: Calendar
    region: str
    hours: Mapping[str, Sequence[str]] = attrs.field(factory=dict)

    def name(self, language: str) -> str:
        """Its name in a language."""
        return self.names.get(language) or next(iter(self.names.values()))


class Role(enum.Enum):
    """The role of somebody who acts on a case."""

    PERSON = "person"
    CLERK = "clerk"
    DECISION_MAKER = "decision_maker"
    """A clerk who may also hand cases to others."""
    AUDITOR = "auditor"
    """May look, and change nothing."""
    OFFICE = "office"
    """The service itself, by its rules."""


@attrs.frozen
class Staff:
    """Someone of the office.

    Attributes:
        id: In the staff list; never a Matrix id.
        role: ``CLERK``, ``DECISION_MAKER`` or ``AUDITOR``.
    """

    id: str
    role: Role


@attrs.frozen
class ServedRule:
    """When a message counts as served though nobody showed that they saw it.

    Attributes:
        after: The fact from which on it is counted.
        days: Calendar days after that day; it is served at the end of the last.
        law: The rule, by language.
    """

    after: Literal["accepted", "delivered"]
    days: int
    law: Mapping[str, str]

    def text(self, language: str) -> str:
        """The rule in a language."""
        return self.law.get(language) or next(iter(self.law.values()))


@attrs.frozen
class KeptDefinition:
    """A service's file and its templates, as they were when a case began."""

    source: str
    templates: Mapping[str, str]
