"""A template filled in without a chat: answers and parties are checked, a draft is made of them.

What is wrong is told by field, all of it at once, and never with what was answered.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import attrs

from appservices.signing.drafting.service import drafting
from appservices.signing.drafting.service.inviting import Invited
from appservices.signing.sessions.core.parties import Role
from appservices.signing.sessions.core.records import Clause
from appservices.signing.sessions.service.conversation import CATALOGUE
from appservices.signing.templates.api import (
    TemplateFieldView,
    TemplatePartyView,
    TemplatesView,
    TemplateView,
)
from appservices.signing.templates.core import Filling, TemplateError
from appservices.signing.templates.service.templates import DEFINITION, SOURCE, read_folder
from veche.protocol.errors import MalformedError, NotFoundError
from veche.protocol.forms import FieldContext, FormErrors, parse_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from appservices.signing.sessions.core.records import Session
    from appservices.signing.sessions.service.conversation import Parts
    from appservices.signing.templates.api import RowParty
    from appservices.signing.templates.core import Template, TemplateParty
    from appservices.signing.templates.service.templates import FolderTemplate, MadeDocument
    from veche.contracts.signing.session_api import PartyOrder
    from veche.protocol.forms import Form

_REGION: Final = "ZZ"
_NO_SUCH: Final = "There is no such template here"


@attrs.frozen
class Problem:
    """A problem with the values for a template.

    Attributes:
        field: Path of the wrong field, such as ``answers.rent``.
        why: In words.
    """

    field: str
    why: str


class FillingError(MalformedError):
    """A template cannot be filled with this; the message names the first wrong field.

    Attributes:
        problems: All of them, at least one.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems[0].field, problems[0].why)
        self.problems = tuple(problems)


@attrs.frozen
class Named:
    """A template of the site.

    Attributes:
        folder: With its source.
        version: SHA-256 of its files.
    """

    folder: FolderTemplate
    version: bytes

    @property
    def template(self) -> Template:
        """Content of ``template.yaml``."""
        return self.folder.template


@attrs.frozen
class Filled:
    """Checked values for a template.

    Attributes:
        filling: For the document.
        persons: Who the parties are, by their ids in the template; of a seal the organisation.
    """

    filling: Filling
    persons: Mapping[str, str]

    @property
    def names(self) -> Mapping[str, str]:
        """Names of the parties in the document, by their ids in the template."""
        return self.filling.names


def template_of(folder: Path | None, name: str) -> Named:
    """A template of the site; it reads files, so call it in a thread.

    Raises:
        NotFoundError: There is no such, or it cannot be used.
    """
    # Looked for among what is there: a name from outside makes no path.
    found = [] if folder is None or not folder.is_dir() else sorted(folder.iterdir())
    path = next((one for one in found if one.name == name), None)
    if path is None:
        raise NotFoundError(_NO_SUCH)
    try:
        read = read_folder(path)
        digest = hashlib.sha256()
        for file in (DEFINITION, SOURCE):
            digest.update(hashlib.sha256((path / file).read_bytes()).digest())
    except (TemplateError, OSError) as e:
        raise NotFoundError(_NO_SUCH) from e
    return Named(read, digest.digest())


def templates_of(folder: Path | None, language: str) -> TemplatesView:
    """All templates of the site that can be used; it reads files, so call it in a thread."""
    found = [] if folder is None or not folder.is_dir() else sorted(folder.iterdir())
    views = []
    for path in found:
        try:
            template = read_folder(path).template
        except TemplateError:
            continue
        views.append(_view(template, language))
    return TemplatesView(templates=views)


def _view(template: Template, language: str) -> TemplateView:
    known = template.languages
    shown = language if language in known else known[0]
    parties = [
        TemplatePartyView(party=f"p{n}", role=one.role.value, title=one.title[shown])
        for n, one in enumerate(template.parties, 1)
    ]
    form = [
        TemplateFieldView(
            id=one.id,
            kind=one.kind.value,
            label=one.label[shown],
            required=one.required,
            choices=None if one.choices is None else list(one.choices),
        )
        for one in template.form
    ]
    return TemplateView(
        template=template.template,
        version=template.version,
        title=template.title[shown],
        languages=list(known),
        parties=parties,
        form=form,
    )


def context_of(parts: Parts, template: Template, language: str | None, at_ms: int) -> FieldContext:
    """In which language and on which day a document is made.

    Args:
        parts: Of the site.
        template: The template.
        language: That is wanted; None: the site's. One that the template lacks gives its first.
        at_ms: UTC.
    """
    wanted = language or parts.section.language
    known = template.languages
    zone = parts.section.time_zone
    today = dt.datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)).date()
    return FieldContext(wanted if wanted in known else known[0], today, zone, _REGION)


def fill(
    template: Template,
    parties: Sequence[RowParty | PartyOrder],
    answers: Mapping[str, object],
    caller: str,
    context: FieldContext,
    form: Form | None = None,
) -> Filled:
    """Check what a template is filled with.

    Args:
        template: The template.
        parties: ``p1`` and on, in its order.
        answers: By the ids of its form: typed text, or JSON of a structured answer.
        caller: Id of the organisation that asks, whose seal it is where one is a party.
        context: In which language, and on which day.
        form: Of the template in this language, for whoever fills in many; None: it is made.

    Raises:
        FillingError: Something is missing, refused, or too much.
    """
    problems = list(_wrong_parties(template, parties))
    values = {}
    try:
        values = parse_values(form or template.asked(context.language), answers, context)
    except FormErrors as e:
        problems += [
            Problem(f"answers.{one.field_id}", one.text(CATALOGUE, context.language))
            for one in e.errors
        ]
    if problems:
        raise FillingError(problems)
    by_id = {one.party: one for one in parties}
    told = {one.id: by_id[f"p{n}"] for n, one in enumerate(template.parties, 1)}
    names = {party: one.name for party, one in told.items()}
    persons = {party: str(one.user) if one.user else caller for party, one in told.items()}
    return Filled(Filling(values, names, context), persons)


def filled(
    session: Session,
    template: Template,
    made: MadeDocument,
    persons: Mapping[str, str],
    names: Mapping[str, str],
    language: str,
) -> Session:
    """A draft with the parties and clauses of its template.

    Args:
        session: The draft.
        template: Its template.
        made: The document.
        persons: Who the parties are, by their ids in the template.
        names: What the document calls them, the same way.
        language: Of the document.

    Raises:
        PlanError: Parties and stages make no session.
        MalformedError: A name is too long, or somebody takes part twice.
    """
    ids = {one.id: f"p{n}" for n, one in enumerate(template.parties, 1)}
    invited = [
        Invited(ids[one.id], one.role, persons[one.id], names[one.id], ids.get(one.of, ""))
        for one in template.parties
    ]
    stages = [
        attrs.evolve(one, parties=tuple(ids[party] for party in one.parties))
        for one in template.plan().stages
    ]
    session = drafting.with_parties(session, invited, stages)
    boxed = {ids[party]: party for party in template.signing()}
    members = tuple(attrs.evolve(one, field=boxed.get(one.id, "")) for one in session.members)
    clauses = tuple(
        Clause(one.id, one.title[language], one.kind, made.clause_pages[one.id], one.parties)
        for one in template.clauses
    )
    subject = attrs.evolve(session.subject, clauses=clauses)
    return attrs.evolve(session, members=members, subject=subject)


def _wrong_parties(
    template: Template, parties: Sequence[RowParty | PartyOrder]
) -> Iterable[Problem]:
    wanted = {f"p{n}": one for n, one in enumerate(template.parties, 1)}
    told = [one.party for one in parties]
    if len(set(told)) != len(told):
        yield Problem("parties", "somebody is there twice")
    for party, one in wanted.items():
        if party not in told:
            yield Problem(f"parties.{party}", f"is missing: {one.title[template.languages[0]]}")
    persons: set[str] = set()
    for told_one in parties:
        found = wanted.get(told_one.party)
        where = f"parties.{told_one.party}"
        if found is None:
            yield Problem(where, f"the template has p1 to p{len(wanted)}")
            continue
        yield from _wrong_party(told_one, found, where)
        if told_one.user in persons:
            yield Problem(f"{where}.user", "everybody takes part once")
        persons.add(told_one.user or "")


def _wrong_party(
    told: RowParty | PartyOrder, wanted: TemplateParty, where: str
) -> Iterable[Problem]:
    if (wanted.role is Role.SEAL) != (told.user is None):
        yield Problem(f"{where}.user", "must be an account, and of a seal must be left out")
    own = {"role": wanted.role.value, "witness_of": None, "level": None}
    own |= dict.fromkeys(("page", "side", "box", "in_person"))
    for field, value in own.items():
        if field in told.model_fields_set and getattr(told, field) != value:
            yield Problem(f"{where}.{field}", "is the template's: leave it out")
