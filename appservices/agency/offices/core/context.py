"""Context of a case's step: time, place, language."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from veche.protocol.forms import FieldContext
from veche.protocol.texts.localizer import Localizer

if TYPE_CHECKING:
    import datetime as dt

    from appservices.agency.offices.core.office import Office
    from veche.protocol.texts.catalogue import Catalogue


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
