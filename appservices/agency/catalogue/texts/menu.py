"""Before there is a case: the menu of services, the introduction of one, help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.agency.cases.core.commands import HUMAN, ROOM_COMMANDS, STATUS
from appservices.agency.cases.core.effects import Question, Topic
from appservices.agency.catalogue.texts.steps import fee_words
from appservices.agency.language.core.definition import ReviewStep
from appservices.agency.workflow.texts import silence_words
from appservices.agency.working_days.core import DAY_MS
from veche.protocol.commands import CANCEL, LANGUAGE
from veche.protocol.commands import MENU as MENU_COMMAND
from veche.protocol.commands import help_doc as commands_doc
from veche.protocol.message import Bold, Bullets, Doc, Facts, Heading, Item, Paragraph
from veche.protocol.prompts import LABEL_CHARACTERS_MAX, Choice
from veche.protocol.texts.typed_choice import folded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.agency.language.core.definition import ServiceDefinition
    from appservices.agency.offices.core.context import Context
    from veche.protocol.commands import Command

EVERYDAY: Final = (MENU_COMMAND, STATUS, HUMAN, CANCEL, LANGUAGE)
"""What help shows before anybody asks for more."""
MENU_SERVICES_MAX: Final = 9
"""Services on one page of the menu; with *more* it fits the ten reactions."""
INTRO_FIELDS_MAX: Final = 10
"""Questions that the introduction of a service names; more are only counted on."""
INTRO_LABEL_CHARACTERS_MAX: Final = 60
MENU_MS: Final = 30 * DAY_MS
"""How long a menu can be answered."""
START: Final = "start"
MENU: Final = "menu"
MORE_PREFIX: Final = "menu."
"""Choices of the menu that begin so lead to another page: ``menu.2``."""
PERSON: Final = f"{MORE_PREFIX}person"
"""Choice of those who want to talk to a person; no service has such an id."""


def menu_question(
    services: Sequence[ServiceDefinition], context: Context, *, page: int = 1
) -> Question:
    """The services that a person can ask for, numbered.

    Args:
        services: In the order in which they are shown; at least one.
        context: The world around it.
        page: From 1; one that does not exist shows the first.
    """
    localizer = context.person
    pages = -(-len(services) // MENU_SERVICES_MAX)
    page = page if 1 <= page <= pages else 1
    shown = services[(page - 1) * MENU_SERVICES_MAX : page * MENU_SERVICES_MAX]
    labels = _labels(shown, context)
    choices = [Choice(id=service.id, label=labels[service.id]) for service in shown]
    if pages > 1:
        next_page = page % pages + 1
        choices.append(
            Choice(id=f"{MORE_PREFIX}{next_page}", label=localizer.text("More services"))
        )
    office = context.office.name(context.language)
    intro: Doc = (
        Heading(office),
        Paragraph(
            localizer.text("What do you need?"), " ",
            localizer.text("Choose a number, or write it in your own words."),
        ),
    )  # fmt: skip
    return Question(
        Topic.MENU,
        intro,
        context.now_ms + MENU_MS,
        choices=tuple(choices),
        is_single_use=False,
    )


def page_of(choice: str) -> int | None:
    """The page of the menu that a choice leads to; None if it is a service."""
    number = choice.removeprefix(MORE_PREFIX)
    return int(number) if choice.startswith(MORE_PREFIX) and number.isdecimal() else None


def _labels(services: Sequence[ServiceDefinition], context: Context) -> dict[str, str]:
    """A label for each service that no other has, and that is not a number."""
    titles = {service.id: service.title.text(context.language) for service in services}
    names = [folded(title) for title in titles.values()]
    labels = {}
    for id_, title in titles.items():
        name = folded(title)
        is_clear = names.count(name) == 1 and name and not name.isdecimal()
        suffix = "" if is_clear else f" ({id_})"
        labels[id_] = title[: LABEL_CHARACTERS_MAX - len(suffix)] + suffix
    return labels


def intro_question(definition: ServiceDefinition, context: Context) -> Question:
    """Describe a service, its needs and its duration, and ask whether to start."""
    localizer = context.person
    language = context.language
    title = definition.title.text(language)
    deadline = definition.deadline
    days = localizer.plural("{count} working day", "{count} working days", deadline.working_days)
    facts: list[tuple[str, Item]] = [
        (localizer.text("Office"), context.office.name(language)),
        (localizer.text("It takes at most"), days),
        (localizer.text("By the rule"), deadline.law.text(language)),
    ]
    if (fee := fee_words(definition, context)) is not None:
        facts.append((localizer.text("It costs"), fee))
    doc: Doc = (Heading(title),)
    if definition.about is not None:
        doc = (*doc, Paragraph(definition.about.text(language)))
    doc = (*doc, Facts(facts))
    if any(isinstance(step, ReviewStep) for step in definition.steps):
        doc = (*doc, Paragraph(silence_words(definition, context)))
    if definition.fields:
        labels = [field.label.text(language) for field in definition.fields]
        asked = [label[:INTRO_LABEL_CHARACTERS_MAX] for label in labels[:INTRO_FIELDS_MAX]]
        asked += ["…"] if len(labels) > INTRO_FIELDS_MAX else []
        doc = (*doc, Paragraph(Bold(localizer.text("We will ask you:"))), Bullets(asked))
    return Question(
        Topic.START,
        doc,
        context.now_ms + MENU_MS,
        choices=(
            Choice(id=START, label=localizer.text("Start"), style="primary"),
            Choice(id=MENU, label=localizer.text("Back to the menu")),
        ),
    )


def unclear_question(services: Sequence[ServiceDefinition], context: Context) -> Question:
    """The services that a person may have meant, and somebody who can be asked instead.

    Args:
        services: The nearest first.
        context: The world around it.
    """
    localizer = context.person
    labels = _labels(services, context)
    choices = [Choice(id=one.id, label=labels[one.id]) for one in services]
    choices.append(Choice(id=PERSON, label=localizer.text("Talk to a person")))
    choices.append(Choice(id=f"{MORE_PREFIX}1", label=localizer.text("All services")))
    return Question(
        Topic.MENU,
        (Paragraph(localizer.text("I did not understand this. Did you mean one of these?")),),
        context.now_ms + MENU_MS,
        choices=tuple(choices),
    )


def help_doc(context: Context, *, more: Sequence[Command] = (), is_whole: bool = False) -> Doc:
    """List the commands that a person can write, with their effects.

    Args:
        context: Who the person is.
        more: Commands of the kernel that work here too.
        is_whole: Whether all of it is shown, or what one needs every day.
    """
    return commands_doc(
        (*ROOM_COMMANDS, *more),
        context.catalogue,
        context.language,
        everyday=() if is_whole else EVERYDAY,
    )
