"""Templates of documents that are signed: a folder with a form, texts, parties and a typst source.

``template.yaml`` says who signs, what is asked for, and what everything is called in each language;
``template.typ`` sets the document from the answers. Places for signatures are marked in the source:
``#sign-field("tenant")`` for a party, ``#sign-field("tenant.c7")`` for a clause that a party has to
accept with a signature of its own, ``#clause("c7")`` where a clause begins.

Source: design of Veche, signing §5.3.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

import attrs
import pydantic
import yaml
from pydantic import Field

from appservices.signing.authority.core.levels import Level
from appservices.signing.places.core.boxes import BOXES_MAX
from appservices.signing.sessions.core.parties import (
    PARTIES_MAX,
    STAGES_MAX,
    Party,
    Plan,
    PlanError,
    Role,
    Stage,
    check_plan,
)
from appservices.signing.sessions.core.records import (
    CLAUSES_MAX,
    CONSENTING,
    UNFAIR_MAX,
    ClauseKind,
)
from veche.protocol.errors import ConfigError
from veche.protocol.forms import Field as FormField
from veche.protocol.forms import FieldKind, Form, show_value
from veche.protocol.forms.models import FIELDS_MAX
from veche.protocol.texts.catalogue import LANGUAGES
from veche.protocol.wire import reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from veche.protocol.forms import FieldContext, Value
    from veche.protocol.texts.catalogue import Catalogue

TEMPLATE_BYTES_MAX: Final = 256 * 1024
"""Largest source, and largest ``template.yaml``."""
TEXTS_MAX: Final = 500
TEXT_CHARACTERS_MAX: Final = 10_000
TITLE_CHARACTERS_MAX: Final = 200
_PARTY: Final = r"^[a-z][a-z0-9]{0,15}$"
_CLAUSE: Final = r"^[a-z][a-z0-9]{0,15}$"
_BOXED: Final = frozenset({Role.SIGNER, Role.CLERK, Role.SEAL, Role.WITNESS})
"""Roles that sign in a field of the document."""

Words = dict[str, str]
"""A text by language."""


class TemplateError(ConfigError):
    """A template of documents cannot be used; the message says where, and what would be right."""

    errcode = "ORG.VECHE.DOCUMENT_TEMPLATE"


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


class TemplateParty(_Part):
    """Somebody who takes part."""

    id: Annotated[str, Field(pattern=_PARTY)]
    role: Role
    title: Words
    of: str = ""
    """Of a witness, whose signature they see."""


class TemplateStage(_Part):
    """Parties who act at once."""

    parties: tuple[str, ...]
    need: int | None = None


class TemplateClause(_Part):
    """A part of the document that needs consent of its own."""

    id: Annotated[str, Field(pattern=_CLAUSE)]
    kind: ClauseKind
    title: Words
    parties: tuple[str, ...] = ()
    """Who has to accept an unfair one with a signature of its own."""


class TemplateField(_Part):
    """A question whose answer the document needs; bounds as ``veche.protocol.forms`` has them."""

    id: str
    kind: FieldKind
    label: Words
    help: Words | None = None
    required: bool = False
    choices: dict[str, Words] | None = None
    min: str | int | None = None
    max: str | int | None = None
    max_length: int | None = None
    currency: str | None = None

    def field(self, language: str) -> FormField:
        """The question in a language.

        Raises:
            pydantic.ValidationError: Its bounds do not go with its kind.
        """
        choices = None
        if self.choices is not None:
            choices = [{"id": key, "label": words[language]} for key, words in self.choices.items()]
        asked = {
            "id": self.id,
            "kind": self.kind.value,
            "label": self.label[language],
            "required": self.required,
            "help": None if self.help is None else self.help[language],
            "choices": choices,
        }
        bounds = self.model_dump(include={"min", "max", "max_length", "currency"})
        return FormField.model_validate({**asked, **bounds})


class Template(_Part):
    """A template of documents."""

    template: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    """Its name."""
    version: Annotated[int, Field(ge=1)]
    """Counts up with every change."""
    title: Words
    parties: Annotated[tuple[TemplateParty, ...], Field(min_length=1, max_length=PARTIES_MAX)]
    stages: Annotated[tuple[TemplateStage, ...], Field(min_length=1, max_length=STAGES_MAX)]
    form: Annotated[tuple[TemplateField, ...], Field(min_length=1, max_length=FIELDS_MAX)]
    clauses: Annotated[tuple[TemplateClause, ...], Field(max_length=CLAUSES_MAX)] = ()
    texts: Annotated[dict[str, Words], Field(max_length=TEXTS_MAX)] = {}
    level_min: Literal["S1", "S2", "S3", "S4"] = "S2"
    effect: Literal["when_complete", "each"] = "when_complete"

    @property
    def languages(self) -> tuple[str, ...]:
        """Those of the title; every other text has the same ones."""
        return tuple(one for one in LANGUAGES if one in self.title)

    @property
    def level(self) -> Level:
        """At which everyone signs at least."""
        return Level(self.level_min)

    def plan(self) -> Plan:
        """Parties and stages, for the rules of sessions."""
        parties = {one.id: Party(one.id, one.role, of=one.of) for one in self.parties}
        return Plan(parties, tuple(Stage(one.parties, one.need) for one in self.stages))

    def asked(self, language: str) -> Form:
        """The form in a language."""
        return Form(fields=tuple(one.field(language) for one in self.form))

    def signing(self) -> set[str]:
        """Ids of the parties who sign in a field of the document."""
        return {one.id for one in self.parties if one.role in _BOXED}

    def boxes(self) -> set[str]:
        """Names of the fields that the document has to have, each once."""
        unfair = (one for one in self.clauses if one.kind is ClauseKind.UNFAIR)
        return self.signing() | {f"{party}.{one.id}" for one in unfair for party in one.parties}

    @pydantic.model_validator(mode="after")
    def _check(self) -> Self:
        _check_once("parties", [one.id for one in self.parties])
        _check_once("form", [one.id for one in self.form])
        _check_once("clauses", [one.id for one in self.clauses])
        _check_words(self)
        _check_clauses(self)
        try:
            check_plan(self.plan())
        except PlanError as e:
            raise ValueError(f"stages: {e}") from e
        for language in self.languages:
            self.asked(language)
        if len(self.boxes()) > BOXES_MAX:
            raise ValueError(f"more than {BOXES_MAX} places for signatures")
        return self


def read_template(data: bytes) -> Template:
    """Read ``template.yaml``.

    Raises:
        TemplateError: It is none; the message names the first wrong place.
    """
    if len(data) > TEMPLATE_BYTES_MAX:
        raise TemplateError(f"template.yaml is over {TEMPLATE_BYTES_MAX} bytes")
    try:
        content = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as e:
        raise TemplateError(f"template.yaml is no YAML: {' '.join(str(e).split())}") from e
    try:
        return Template.model_validate(content)
    except pydantic.ValidationError as e:
        first = e.errors(include_url=False)[0]
        where = ".".join(["template.yaml", *map(str, first["loc"])])
        raise TemplateError(f"{where}: {reason(first)}") from e


@attrs.frozen
class Filling:
    """The values from which a document is made.

    Attributes:
        values: Answers of the form, as ``parse_values`` gave them.
        names: Of the parties that sign, by their ids.
        context: Language, day and time zone of the document.
    """

    values: Mapping[str, Value]
    names: Mapping[str, str]
    context: FieldContext


def document_data(template: Template, filling: Filling, catalogue: Catalogue) -> dict[str, Any]:
    """Build the source's data: ``language, title, today, texts, answers, labels`` and so on.

    Args:
        template: The template.
        filling: Its answers and names.
        catalogue: Has the texts of ``veche.protocol.forms``.

    Raises:
        TemplateError: A party that signs has no name, or the language is none of the template's.
    """
    language = filling.context.language
    if language not in template.languages:
        raise TemplateError(f"the template has no texts in {language}")
    missing = template.signing() - filling.names.keys()
    if missing:
        raise TemplateError(f"the party {min(missing)} has no name")
    form = template.asked(language)
    return {
        "language": language,
        "title": template.title[language],
        "today": filling.context.today.isoformat(),
        "texts": {key: words[language] for key, words in template.texts.items()},
        "labels": {one.id: one.label for one in form.fields},
        "answers": {
            one.id: show_value(one, filling.values[one.id], filling.context, catalogue)
            for one in form.fields
            if one.id in filling.values
        },
        "parties": {
            one.id: {"name": filling.names.get(one.id, ""), "title": one.title[language]}
            for one in template.parties
        },
        "clauses": {one.id: one.title[language] for one in template.clauses},
    }


def _check_once(where: str, ids: list[str]) -> None:
    if len(set(ids)) != len(ids):
        raise ValueError(f"{where}: two have one id")


def _check_words(template: Template) -> None:
    languages = set(template.title)
    if not languages or languages - set(LANGUAGES):
        raise ValueError(f"title: is in one or more of the languages {', '.join(LANGUAGES)}")
    for where, words in _all_words(template):
        if set(words) != languages:
            raise ValueError(f"{where}: must be in the languages of the title")
        longest = TEXT_CHARACTERS_MAX if where.startswith("texts") else TITLE_CHARACTERS_MAX
        if not all(0 < len(one) <= longest for one in words.values()):
            raise ValueError(f"{where}: must have 1 to {longest} characters")
    for key in template.texts:
        if re.fullmatch(r"[a-z][a-z0-9_]{0,63}", key) is None:
            raise ValueError(f"texts: {key[:64]} is no name: small letters, digits and _")


def _all_words(template: Template) -> Iterator[tuple[str, Words]]:
    yield "title", template.title
    yield from ((f"parties.{one.id}.title", one.title) for one in template.parties)
    yield from ((f"clauses.{one.id}.title", one.title) for one in template.clauses)
    yield from ((f"texts.{key}", words) for key, words in template.texts.items())
    for one in template.form:
        yield f"form.{one.id}.label", one.label
        if one.help is not None:
            yield f"form.{one.id}.help", one.help
        for key, words in (one.choices or {}).items():
            yield f"form.{one.id}.choices.{key}", words


def _check_clauses(template: Template) -> None:
    known = {one.id for one in template.parties if one.role in CONSENTING}
    for one in template.clauses:
        is_unfair = one.kind is ClauseKind.UNFAIR
        if is_unfair != bool(one.parties) or set(one.parties) - known:
            raise ValueError(
                f"clauses.{one.id}.parties: an unfair clause names the signers who accept it,"
                " others name nobody"
            )
    if sum(one.kind is ClauseKind.UNFAIR for one in template.clauses) > UNFAIR_MAX:
        raise ValueError(f"clauses: at most {UNFAIR_MAX} are signed by themselves")
