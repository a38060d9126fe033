"""The catalogue as pages show it: found by words, read before one begins."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING
from urllib.parse import quote

from appservices.agency.catalogue.api import (
    API_PREFIX,
    CatalogueView,
    ChoiceView,
    DeadlineView,
    FieldView,
    FormView,
    OfficeView,
    OneServiceView,
    ServiceView,
    StepView,
)
from appservices.agency.catalogue.texts.steps import fee_words, step_words
from appservices.agency.finding.core.finding import haystack, is_found
from appservices.agency.offices.texts import hours_lines
from appservices.agency.workflow.texts import silence_words
from veche.protocol.errors import NotFoundError
from veche.protocol.forms.models import FILE_KINDS, TODAY
from veche.protocol.texts.catalogue import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.agency.language.core.definition import FieldDefinition, ServiceDefinition
    from appservices.agency.offices.core.context import Context
    from appservices.agency.offices.service import Workplace


class ServiceCatalogue:
    """The services that all offices of a process offer."""

    def __init__(self, workplaces: Sequence[Workplace]) -> None:
        """Take the offices, and show each service once: what cannot be shown fails at the start.

        Args:
            workplaces: In the order of the configuration.
        """
        self._workplaces = {one.slug: one for one in workplaces}
        self._all = functools.cache(self._whole)
        for language in LANGUAGES:
            for office, _ in self._all(language):
                for service in office.services:
                    self.read(office.office, service.service, language, 0)

    def office(self, slug: str, language: str) -> Workplace:
        """An office.

        Raises:
            NotFoundError: There is none.
        """
        found = self._workplaces.get(slug)
        if found is None:
            words = next(iter(self._workplaces.values())).catalogue
            raise NotFoundError(words.text(language, "There is no such office."))
        return found

    def picture(self, slug: str, language: str) -> bytes:
        """The coat of arms of an office, as PNG.

        Raises:
            NotFoundError: There is no such office, or it has no picture.
        """
        workplace = self.office(slug, language)
        if workplace.bot.avatar is None:
            raise NotFoundError(workplace.catalogue.text(language, "There is no such office."))
        return workplace.bot.avatar

    def service(
        self, slug: str, service: str, language: str
    ) -> tuple[Workplace, ServiceDefinition]:
        """A service of an office.

        Raises:
            NotFoundError: There is none.
        """
        workplace = self.office(slug, language)
        found = workplace.services.get(service)
        if found is None:
            words = workplace.catalogue.text(language, "This service is no longer offered.")
            raise NotFoundError(words)
        return workplace, found.definition

    def search(self, query: str, language: str) -> CatalogueView:
        """The services in which every word of ``query`` is found; all for an empty one.

        Where there is none, those that a bot would understand by it: see ``Finder``.
        """
        found = [
            (office, [one for one in office.services if is_found(query, folded[one.service])])
            for office, folded in self._all(language)
        ]
        if not any(services for _, services in found):
            found = [(office, self._meant(office, query)) for office, _ in self._all(language)]
        offices = [
            office.model_copy(update={"services": services})
            for office, services in found
            if services
        ]
        count = sum(len(office.services) for office in offices)
        return CatalogueView(language=language, count=count, offices=offices)

    def read(self, slug: str, service: str, language: str, now_ms: int) -> OneServiceView:
        """A service, with its form and what to expect.

        Raises:
            NotFoundError: There is none.
        """
        workplace, definition = self.service(slug, service, language)
        context = workplace.context(now_ms, language)
        localizer = context.person
        days = definition.deadline.working_days
        refusal = definition.refusal
        whole = definition.fields
        return OneServiceView(
            **service_view(workplace, definition, language).model_dump(),
            language=language,
            office_name=workplace.office.name(language),
            organisation=workplace.name(language),
            bot=workplace.bot.user_id,
            bot_link=workplace.bot_link,
            min_trust=definition.min_trust.label,
            cost=fee_words(definition, context) or localizer.text("It costs nothing."),
            time=localizer.plural(
                "at most {count} working day", "at most {count} working days", days
            ),
            after=silence_words(definition, context) or None,
            step_list=[
                StepView(kind=step.kind, text=words)
                for step in definition.steps
                if (words := step_words(step, definition, context))
            ],
            appeal=refusal.appeal.text(language) if refusal else None,
            appeal_days=refusal.appeal_days if refusal else None,
            human_working_days=definition.deadline.answer_working_days,
            form=form_view(whole, context) if whole else None,
        )

    def _meant(self, office: OfficeView, query: str) -> list[ServiceView]:
        """The services of an office that a query means, the best first."""
        found = self._workplaces[office.office].finder.find(query)
        views = {one.service: one for one in office.services}
        return [views[one.id] for one in found.likely] if found is not None else []

    def _whole(self, language: str) -> list[tuple[OfficeView, Mapping[str, str]]]:
        """Each office with all its services, and by what each is found."""
        return [_office(one, language) for one in self._workplaces.values()]


def _office(workplace: Workplace, language: str) -> tuple[OfficeView, Mapping[str, str]]:
    name, organisation = workplace.office.name(language), workplace.name(language)
    definitions = [one.definition for one in workplace.services.values()]
    picture = f"{API_PREFIX}/offices/{quote(workplace.slug)}/picture"
    view = OfficeView(
        office=workplace.slug,
        name=name,
        organisation=organisation,
        bot=workplace.bot.user_id,
        bot_link=workplace.bot_link,
        picture=picture if workplace.bot.avatar is not None else None,
        hours=list(hours_lines(workplace.office, language)),
        services=[service_view(workplace, one, language) for one in definitions],
    )
    return view, {one.id: haystack(one, language, name, organisation) for one in definitions}


def service_view(workplace: Workplace, definition: ServiceDefinition, language: str) -> ServiceView:
    """A service, as a list shows it."""
    deadline = definition.deadline
    steps = dict.fromkeys(step.kind for step in definition.steps)
    document = definition.document
    return ServiceView(
        office=workplace.slug,
        service=definition.id,
        title=definition.title.text(language),
        summary=definition.about.text(language) if definition.about else "",
        steps=list(steps),
        deadline=DeadlineView(working_days=deadline.working_days, rule=deadline.law.text(language)),
        fee=fee_words(definition, workplace.context(0, language)),
        documents=[document.title.text(language)] if document else [],
        needs_key=definition.needs_key,
    )


def form_view(fields: Sequence[FieldDefinition], context: Context) -> FormView:
    """Fields, as a page asks them."""
    return FormView(fields=[_field_view(one, context) for one in fields])


def _field_view(definition: FieldDefinition, context: Context) -> FieldView:
    field = definition.field(context.language)
    return FieldView(
        id=field.id,
        kind=field.kind.value,
        label=field.label,
        required=field.required,
        help=field.help,
        choices=[ChoiceView(id=one.id, label=one.label) for one in field.choices]
        if field.choices
        else None,
        min=_bound(field.min, context),
        max=_bound(field.max, context),
        max_length=field.max_length,
        currency=field.currency,
        mimetypes=list(field.mimetypes) if field.mimetypes else None,
        bytes_max=field.bytes_max,
        purpose=definition.purpose,
        by_page=field.kind not in FILE_KINDS,
    )


def _bound(bound: str | int | None, context: Context) -> str | int | None:
    return context.today.isoformat() if bound == TODAY else bound
