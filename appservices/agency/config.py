"""The section ``agency``: organisations, their offices, desks and staff."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from veche.api.sealing_client import SealSection
from veche.runtime.config import Duration, FilePath, InputPath, SecretPath, Section
from veche.runtime.config.sections import Names, TimeZone, WebAddress

OFFICES_MAX = 50
SERVICES_MAX = 100
STAFF_MAX = 200
HOLIDAYS_MAX = 1_000
OPENINGS_MAX = 4
DAY_MS = 24 * 3600 * 1000

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


Opening = Annotated[
    str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")
]
Date = Annotated[dt.date, Field(strict=False)]


class StaffSection(Section):
    """Somebody who works at an office."""

    id: Name
    """Id in the act log and in the history of a case; never shown to citizens."""
    user: str = Field(pattern=r"^@[^:\s]+:\S+$", max_length=255, examples=["@carol:example.org"])
    """Their Matrix user id."""
    role: Literal["clerk", "decision_maker", "auditor"]
    """Role: an auditor reads only, a decision maker can also hand cases to others."""
    desks: list[Name] = Field(min_length=1, max_length=STAFF_MAX)
    """The desks they work at: they are invited to the encrypted rooms of these."""
    duties: list[Name] = Field(default_factory=list, max_length=STAFF_MAX)
    """Duties that a service can escalate a case to, such as ``head-of-office``."""


class OfficeSection(Section):
    """An office: one bot, its services, its desks."""

    id: Name
    """Part of the bot's name, ``@veche_org_<organisation>_<office>``."""
    name: Names
    """By language: ``{en: Vital Records Office, de: Standesamt}``."""
    language: Literal["en", "ru", "de", "uk"] = "en"
    """Language of messages to its staff."""
    services: list[FilePath] = Field(min_length=1, max_length=SERVICES_MAX)
    """Files of its services. ``veche service check`` tells what is wrong in one."""
    staff: list[StaffSection] = Field(min_length=1, max_length=STAFF_MAX)
    """Staff of the office."""
    avatar: InputPath | None = None
    """Its coat of arms, a PNG or SVG file: the picture of its bot, and on pages. Left out: that of
    the organisation."""
    hours: dict[Weekday, list[Opening]] = Field(default_factory=dict)
    """Opening hours: ``{mon: ["08:00-12:00", "14:00-18:00"]}``; other days it is closed. People
    read it on pages and when they ask for a person."""
    holidays: list[Date] = Field(default_factory=list, max_length=HOLIDAYS_MAX)
    """Days on which the office is closed, such as ``2026-12-25``."""
    weekend: tuple[Weekday, ...] = Field(default=("sat", "sun"), max_length=6, strict=False)
    """Days of the week on which the office is closed."""

    @model_validator(mode="after")
    def _check_hours(self) -> Self:
        for day, times in self.hours.items():
            moments = [moment for one in times for moment in one.split("-")]
            if len(times) > OPENINGS_MAX or moments != sorted(set(moments)):
                raise ValueError(
                    f"hours: {day}: give at most {OPENINGS_MAX} times, one after the other"
                )
        return self

    @model_validator(mode="after")
    def _check_staff(self) -> Self:
        for what, values in (
            ("id", [one.id for one in self.staff]),
            ("user", [one.user for one in self.staff]),
        ):
            if len(set(values)) != len(values):
                raise ValueError(f"staff: every {what} should stand there once")
        if not any(one.role != "auditor" for one in self.staff):
            raise ValueError("staff: somebody should be a clerk or a decision maker")
        return self


class PaymentsSection(Section):
    """Where the fees of an organisation are paid; a service with the step ``pay`` needs it."""

    url: WebAddress = Field(pattern=r"^https?://[^/\s]+$", examples=["https://pay.example.org"])
    """Address of the institution's payments API, without a path."""
    key_path: SecretPath
    """File with the organisation's key for it, of the scopes ``invoice`` and ``read``."""


class DeemedSection(Section):
    """When a message with legal effect counts as served, though nobody showed that they saw it."""

    days: int = Field(ge=0, le=365, examples=[4])
    """Calendar days after the day of the event in ``after``. The message counts as served at the
    end of the last day."""
    after: Literal["delivered", "accepted"] = "delivered"
    """Event from which the days count: the person's homeserver has the message, or your own took
    it. For ``delivered`` the homeserver needs the module ``delivery_evidence``."""
    law: Names
    """The rule, by language. People read it, and receipts contain it."""


class OrganisationSection(Section):
    """An organisation: a town, a ministry, a club."""

    id: str = Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$", examples=["lindenau"])
    """Its name in the log of acts."""
    name: Names
    """By language."""
    avatar: InputPath | None = None
    """Its coat of arms, a PNG or SVG file: the picture of its offices' bots, and on pages."""
    time_zone: TimeZone = "UTC"
    """Time zone of its days."""
    region: str = Field(default="DE", pattern=r"^[A-Z]{2}$")
    """Country (ISO 3166-1) of phone numbers that are typed without one."""
    payments: PaymentsSection | None = None
    """Institution that collects its fees; left out: its services ask for none."""
    seal: SealSection | None = None
    """Service that seals its documents and lets people sign them. Left out: documents carry no
    seal, and no service has the step ``sign``."""
    deemed_served: DeemedSection | None = None
    """When decisions and documents count as served by a rule; left out: only when they are seen."""
    cases_kept_ms: Duration = Field(default=3_650 * DAY_MS, ge=DAY_MS, examples=["3650 d"])
    """How long after its end a case is kept whole. Then answers, messages and the keys of files are
    deleted; states, times and hashes stay. Your law may ask for longer, or shorter."""
    offices: list[OfficeSection] = Field(min_length=1, max_length=OFFICES_MAX)
    """Its offices."""


class AgencySection(Section):
    """Organisations that offer services to persons in rooms."""

    organisations: list[OrganisationSection] = Field(min_length=1, max_length=OFFICES_MAX)
    """Organisations that offer services here."""

    @model_validator(mode="after")
    def _check_bots(self) -> Self:
        bots = [(one.id, office.id) for one in self.organisations for office in one.offices]
        if len(set(bots)) != len(bots):
            raise ValueError("organisations: every office should stand there once")
        return self


def bot_localpart(organisation: str, office: str) -> str:
    """Localpart of the bot of an office; in the namespace of the application service."""
    return f"veche_org_{organisation}_{office}"
