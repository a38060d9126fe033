"""API models of the catalogue: offices, services, forms.

Every text is in the language of whoever asks; every ``…_ms`` is a moment, UTC. A value that is not
there is null.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from appservices.agency.finding.core.finding import QUERY_CHARACTERS_MAX
from appservices.agency.language.core.definition import StepKind
from veche.protocol.wire import Wire

API_PREFIX: Final = "/_veche/agency/v1"
NAME_CHARACTERS_MAX: Final = 130
"""Longest id of an office: those of the organisation and of the office, and a sign between."""


class ChoiceView(Wire):
    """One answer that a field offers."""

    id: str
    label: str


class FieldView(Wire):
    """A field of a form; bounds as in ``veche.protocol.forms.Field``.

    Attributes:
        min: Lower bound; ``today`` is a date already.
        max: Upper bound, likewise.
        purpose: What the answer is used for, if not to decide the case; an id.
        by_page: Whether its answer is sent with the form; a file is sent by itself.
    """

    id: str
    kind: str
    label: str
    required: bool
    help: str | None
    choices: list[ChoiceView] | None
    min: str | int | None
    max: str | int | None
    max_length: int | None
    currency: str | None
    mimetypes: list[str] | None
    bytes_max: int | None
    purpose: str | None
    by_page: bool


class FormView(Wire):
    """The fields of a form, in their order."""

    fields: list[FieldView]


class DeadlineView(Wire):
    """Until when the office decides, and by which rule."""

    working_days: int
    rule: str


class ServiceView(Wire):
    """A service, as a list shows it.

    Attributes:
        summary: What it is for; may be empty.
        steps: What happens, in this order.
        fee: What it costs, in words; null: nothing.
        documents: Titles of what one gets.
        needs_key: Whether what is submitted is approved with a device key.
    """

    office: str
    service: str
    title: str
    summary: str
    steps: list[StepKind]
    deadline: DeadlineView
    fee: str | None
    documents: list[str]
    needs_key: bool


class OfficeView(Wire):
    """An office with its services.

    Attributes:
        bot: Matrix id of who speaks for it.
        bot_link: Address by which any client begins a chat with it.
        picture: Path of its coat of arms (PNG); null: it has none.
        hours: When it is open, in words, a line for days with the same hours; empty: not said.
    """

    office: str
    name: str
    organisation: str
    bot: str
    bot_link: str
    picture: str | None
    hours: list[str]
    services: list[ServiceView]


class CatalogueView(Wire):
    """Every service that fits what was looked for.

    Attributes:
        count: How many services.
    """

    language: str
    count: int
    offices: list[OfficeView]


class StepView(Wire):
    """A step of a service, in words."""

    kind: StepKind
    text: str


class OneServiceView(ServiceView):
    """A service, with all that one may want to know before starting it.

    Attributes:
        min_trust: How sure it must be that the person submits.
        cost: In words.
        time: In words.
        after: What it means if the office says nothing in time.
        appeal: How to appeal a refusal; null: it cannot be refused.
        appeal_days: In which one can.
        human_working_days: In which a human being answers a question.
        form: All fields of all its forms; null: it has none.
    """

    language: str
    office_name: str
    organisation: str
    bot: str
    bot_link: str
    min_trust: str
    cost: str
    time: str
    after: str | None
    step_list: list[StepView]
    appeal: str | None
    appeal_days: int | None
    human_working_days: int
    form: FormView | None


class CatalogueQuery(Wire):
    """A search: every word of ``q`` must be found."""

    q: Annotated[str, Field(max_length=QUERY_CHARACTERS_MAX)] = ""
