"""What the world looks like while a case takes a step: time, place, language."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from veche.protocol.forms import FieldContext
from veche.protocol.texts.localizer import Localizer

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from appservices.agency.core.clock import Calendar
    from veche.protocol.texts.catalogue import Catalogue


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


@attrs.frozen
class Context:
    """The world around a step.

    Attributes:
        now_ms: UTC.
        language: The person's; one of ``LANGUAGES``.
        office: Whose case it is.
        catalogue: Has the texts of the agency, of ``veche.protocol`` and of its forms.
        has_client: The person has a Matrix account; without, all of a case is said in one chat.
    """

    now_ms: int
    language: str
    office: Office
    catalogue: Catalogue
    has_client: bool = True

    @property
    def today(self) -> dt.date:
        """The date at the office."""
        return self.office.calendar.date(self.now_ms)

    @property
    def person(self) -> Localizer:
        """How to speak to the person."""
        return Localizer(self.language, self.office.calendar.time_zone, self.catalogue)

    @property
    def staff(self) -> Localizer:
        """How to speak to the staff."""
        return Localizer(self.office.language, self.office.calendar.time_zone, self.catalogue)

    def field_context(self, language: str) -> FieldContext:
        """How answers in a language are read and shown."""
        return FieldContext(
            language=language,
            today=self.today,
            time_zone=self.office.calendar.time_zone,
            default_region=self.office.region,
        )
