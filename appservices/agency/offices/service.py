"""Offices as they work: bot, staff, desks and services, made from the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.agency.config import bot_localpart
from appservices.agency.finding.core.finding import Finder
from appservices.agency.language.core.language import ServiceFileError, read_service
from appservices.agency.offices.core.context import Context
from appservices.agency.offices.core.office import KeptDefinition, Office, Role, ServedRule, Staff
from appservices.agency.offices.texts import WEEKDAYS
from appservices.agency.working_days.core import Calendar
from veche.messaging.service import BotAccount
from veche.protocol.errors import ConfigError
from veche.protocol.ids import UserId
from veche.protocol.texts.catalogue import Catalogue
from veche.runtime.files.pictures import read_picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from appservices.agency.config import (
        AgencySection,
        OfficeSection,
        OrganisationSection,
        StaffSection,
    )
    from appservices.agency.language.core.definition import ServiceDefinition

_ROLES: Final = {
    "clerk": Role.CLERK,
    "decision_maker": Role.DECISION_MAKER,
    "auditor": Role.AUDITOR,
}


@attrs.frozen
class StaffMember:
    """Somebody of the staff."""

    staff: Staff
    user_id: UserId
    desks: frozenset[str]
    duties: frozenset[str]

    @property
    def decides(self) -> bool:
        """Return whether they may do more than look."""
        return self.staff.role is not Role.AUDITOR


@attrs.frozen
class OpenService:
    """A service that an office offers: its file and what it says."""

    definition: ServiceDefinition
    kept: KeptDefinition


@attrs.frozen
class Workplace:
    """An office with its bot, its people and what it offers.

    Attributes:
        organisation: Id of the organisation.
        organisation_name: By language.
        bot: Who speaks for the office.
        office: For the core.
        members: The staff.
        services: By id, in the order of the menu.
        catalogue: Every text that it can say.
        finder: Finds its services by what people write.
        served_rule: When what it sends counts as served; None: only if it is seen.
    """

    organisation: str
    organisation_name: Mapping[str, str]
    bot: BotAccount
    office: Office
    members: Sequence[StaffMember]
    services: Mapping[str, OpenService]
    catalogue: Catalogue
    finder: Finder
    served_rule: ServedRule | None = None

    @property
    def slug(self) -> str:
        """Name for pages; neither part of it contains the sign between them."""
        return f"{self.organisation}_{self.office.id}"

    @property
    def bot_link(self) -> str:
        """Address by which any client begins a chat with it."""
        return f"https://matrix.to/#/{self.bot.user_id}"

    @property
    def language(self) -> str:
        """The language of the staff, and of persons who chose none."""
        return self.office.language

    @property
    def time_zone(self) -> str:
        """The time zone in which it tells times."""
        return self.office.calendar.time_zone

    def name_in(self, language: str) -> str:
        """Its own name in a language."""
        return self.office.name(language)

    def name(self, language: str) -> str:
        """The name of its organisation in a language."""
        names = self.organisation_name
        return names.get(language) or next(iter(names.values()))

    @property
    def signs(self) -> bool:
        """Return whether a document of one of its services is signed by persons."""
        return any(service.definition.signs for service in self.services.values())

    @property
    def desks(self) -> Sequence[str]:
        """Names of its desks, sorted."""
        return sorted({desk for member in self.members for desk in member.desks})

    def desk_for(self, name: str) -> str:
        """The desk that does the work of one that a service names.

        It is that very desk while somebody decides there; else one of somebody with a duty of
        that name, else any where somebody decides.
        """
        if any(member.decides for member in self.at_desk(name)):
            return name
        deciding = [member for member in self.members if member.decides]
        on_duty = [member for member in deciding if name in member.duties]
        return min(desk for member in on_duty or deciding for desk in member.desks)

    def at_desk(self, desk: str) -> list[StaffMember]:
        """List the staff at a desk."""
        return [member for member in self.members if desk in member.desks]

    def with_duty(self, duty: str) -> list[StaffMember]:
        """List those to whom a case escalates: by duty, else by a desk of that name."""
        found = [member for member in self.members if duty in member.duties]
        return found or self.at_desk(duty)

    def member(self, user_id: UserId) -> StaffMember | None:
        """Somebody of the staff by their Matrix id."""
        return next((one for one in self.members if one.user_id == user_id), None)

    def user_of(self, staff_id: str) -> UserId | None:
        """The Matrix id of somebody of the staff; None once they have left."""
        return next((one.user_id for one in self.members if one.staff.id == staff_id), None)

    def context(self, now_ms: int, language: str) -> Context:
        """The world around a step of one of its cases."""
        return Context(now_ms, language, self.office, self.catalogue)


def open_workplaces(
    section: AgencySection, server_name: str, catalogue: Catalogue
) -> list[Workplace]:
    """All offices of the configuration.

    Raises:
        ConfigError: A picture cannot be read. A service's file cannot be read, is wrong, or names
            a desk where nobody works; everything that is wrong is told.
    """
    return [
        _workplace(organisation, office, server_name, catalogue)
        for organisation in section.organisations
        for office in organisation.offices
    ]


def office_faults(section: AgencySection) -> Iterator[tuple[str, str]]:
    """Yield what keeps an office from opening, and what mends it: files, desks, duties."""
    for organisation in section.organisations:
        for office in organisation.offices:
            try:
                _workplace(organisation, office, "localhost", Catalogue.load())
            except ConfigError as e:
                what, _, mend = str(e).rpartition(": ")
                yield (what, mend) if mend.startswith("add ") else (str(e), "")


def _workplace(
    organisation: OrganisationSection, office: OfficeSection, server_name: str, catalogue: Catalogue
) -> Workplace:
    names = office.name
    display_name = names.get(office.language) or next(iter(names.values()))
    user_id = UserId(f"@{bot_localpart(organisation.id, office.id)}:{server_name}")
    calendar = Calendar(
        time_zone=organisation.time_zone,
        weekend=frozenset(WEEKDAYS.index(day) for day in office.weekend),
        holidays=frozenset(office.holidays),
    )
    services = [_open(path) for path in office.services]
    avatar = read_picture(office.avatar or organisation.avatar)
    workplace = Workplace(
        organisation=organisation.id,
        organisation_name=organisation.name,
        bot=BotAccount(user_id, display_name, organisation.id, avatar),
        office=Office(
            office.id,
            names,
            office.language,
            calendar,
            organisation.region,
            {str(day): times for day, times in office.hours.items()},
        ),
        members=[_member(one) for one in office.staff],
        services={one.definition.id: one for one in services},
        catalogue=catalogue,
        finder=Finder(one.definition for one in services),
        served_rule=_served_rule(organisation),
    )
    _check(workplace, services, office)
    if organisation.payments is None:
        _check_free(services, office, organisation)
    if organisation.seal is None:
        _check_unsigned(services, office, organisation)
    return workplace


def _served_rule(organisation: OrganisationSection) -> ServedRule | None:
    rule = organisation.deemed_served
    return None if rule is None else ServedRule(rule.after, rule.days, rule.law)


def _member(section: StaffSection) -> StaffMember:
    return StaffMember(
        Staff(section.id, _ROLES[section.role]),
        UserId(section.user),
        frozenset(section.desks),
        frozenset(section.duties),
    )


def _open(path: Path) -> OpenService:
    try:
        source = path.read_text("utf-8")
        definition = read_service(source)
        templates = {}
        if definition.document is not None:
            name = definition.document.template
            templates[name] = (path.parent / name).read_text("utf-8")
    except ServiceFileError as e:
        raise ConfigError(f"{path}:\n{e}") from e
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"{path}: cannot be read as a service with its template: {e}") from e
    return OpenService(definition, KeptDefinition(source, templates))


def _check_free(
    services: Sequence[OpenService], office: OfficeSection, organisation: OrganisationSection
) -> None:
    for one in services:
        if one.definition.pays:
            raise ConfigError(
                f"agency: office {office.id}: the service {one.definition.id} asks for a fee, and"
                f" the organisation {organisation.id} has nowhere to be paid: add `payments:"
                " {url: …, key_path: …}` to it"
            )


def _check_unsigned(
    services: Sequence[OpenService], office: OfficeSection, organisation: OrganisationSection
) -> None:
    for one in services:
        if one.definition.signs:
            raise ConfigError(
                f"agency: office {office.id}: the service {one.definition.id} has a document"
                f" signed, and the organisation {organisation.id} has no service of signing: add"
                " `seal: {url: …, key_path: …}` to it"
            )


def _check(workplace: Workplace, services: Sequence[OpenService], section: OfficeSection) -> None:
    where = f"agency: office {section.id}"
    if len(workplace.services) != len(services):
        raise ConfigError(f"{where}: two of its services have the same id; give each its own")
    for one in services:
        definition = one.definition
        if not workplace.with_duty(definition.deadline.escalate_to):
            raise ConfigError(
                f"{where}: nobody has the duty {definition.deadline.escalate_to!r}, to which the"
                f" service {definition.id} hands up: add it to the `duties` of somebody"
            )
        if definition.review is None:
            continue
        deciding = [m for m in workplace.at_desk(definition.desk) if m.decides]
        if not deciding:
            raise ConfigError(
                f"{where}: nobody decides at the desk {definition.desk!r} of the service"
                f" {definition.id}: add it to the `desks` of a clerk"
            )
