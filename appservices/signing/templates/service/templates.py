"""Documents made from templates, and what is wrong with a template.

The same template, answers and day give the same bytes, so a document can be made again after a
crash and is known by its hash. typst's own output is in the sealed profile; only boxes are laid.
"""

from __future__ import annotations

import datetime as dt
import functools
from typing import TYPE_CHECKING, Annotated, Final

import attrs
from pydantic import Field

from appservices.signing.places.core.boxes import Spot, box_of
from appservices.signing.places.service.boxes import FIELDS, with_named_boxes
from appservices.signing.places.service.drawing import page_sizes
from appservices.signing.templates.core import (
    TEMPLATE_BYTES_MAX,
    Filling,
    Template,
    TemplateError,
    document_data,
    read_template,
)
from veche.documents.pdf.grammar import OF_CLAUSE
from veche.documents.pdf.values import PdfError
from veche.protocol.canonical import canonical
from veche.protocol.errors import MalformedError, TooLargeError
from veche.protocol.forms import FieldContext, FieldKind
from veche.protocol.texts.catalogue import Catalogue
from veche.protocol.wire import Wire, parse
from veche.runtime.files.typesetting import (
    ARCHIVE,
    TypesettingError,
    check_source,
    labelled,
    typeset,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from appservices.signing.places.core.places import PageSize
    from appservices.signing.templates.core import TemplateField
    from veche.documents.pdf.signing import Box
    from veche.protocol.forms import Value

DEFINITION: Final = "template.yaml"
SOURCE: Final = "template.typ"
DOCUMENT_BYTES_MAX: Final = 50 * 1024 * 1024
_CLAUSES: Final = "veche-clause"
_PRELUDE: Final = b"""
#let data = json(bytes(sys.inputs.data))
#let texts = data.texts
#let answer(id, none-text: "-") = data.answers.at(id, default: none-text)
#let party(id) = data.parties.at(id)
#let sign-field(id, width: 200pt, height: 56pt) = block(
  width: width,
  height: height,
  breakable: false,
  stroke: (paint: luma(170), thickness: 0.5pt, dash: "dotted"),
  place(top + left, context {
    let place = here().position()
    [#metadata((
      id: id,
      page: place.page,
      x: place.x.pt(),
      y: place.y.pt(),
      w: width.pt(),
      h: height.pt(),
    )) <veche-field>]
  }),
)
#let clause(id) = context [#metadata((id: id, page: here().page())) <veche-clause>]
#set document(title: data.title)
#set text(font: "Libertinus Serif", size: 11pt, lang: data.language)
"""
"""What every source begins with."""


class ClausePlace(Wire):
    """Where a clause begins.

    Attributes:
        id: Of the clause.
        page: From 1.
    """

    id: Annotated[str, Field(max_length=64)]
    page: Annotated[int, Field(ge=1)]


@attrs.frozen
class FolderTemplate:
    """A template with its source.

    Attributes:
        template: What ``template.yaml`` says.
        source: ``template.typ``.
    """

    template: Template
    source: bytes


@attrs.frozen
class MadeDocument:
    """A document made from a template.

    Attributes:
        pdf: With a box for each signer, named as the party: ``tenant``, ``tenant:c7``.
        title: In its language.
        pages: How many it has.
        clause_pages: By the clauses' ids, from 1.
    """

    pdf: bytes = attrs.field(repr=False)
    title: str
    pages: int
    clause_pages: Mapping[str, int]


def read_folder(folder: Path) -> FolderTemplate:
    """Read a template.

    Raises:
        TemplateError: A file is missing, too large, or wrong.
    """
    definition, source = (_read(folder / name) for name in (DEFINITION, SOURCE))
    template = read_template(definition)
    try:
        check_source(source)
    except TypesettingError as e:
        raise TemplateError(f"{SOURCE}: {e}") from e
    return FolderTemplate(template, source)


def make_document(
    template: FolderTemplate, filling: Filling, *, has_boxes: bool = True
) -> MadeDocument:
    """Make a document from answers. It takes 50 to 500 ms of one core, so call it in a thread.

    Args:
        template: The template.
        filling: Answers, names, language and day; the day is the date of the PDF.
        has_boxes: Whether it has the boxes in which is signed; else whoever has it signed lays
            them, and their places are left empty.

    Raises:
        TemplateError: The template does not work with these answers, or lacks a place to sign.
        TooLargeError: The document is over ``DOCUMENT_BYTES_MAX``.
    """
    data = document_data(template.template, filling, _catalogue())
    inputs = canonical(data, where="data").decode()
    source = _PRELUDE + template.source
    day = dt.datetime.combine(filling.context.today, dt.time(), dt.UTC)
    try:
        pdf = typeset(source, inputs, at_ms=int(day.timestamp()) * 1000, standard=ARCHIVE)
        spots = [parse(Spot, one, where=SOURCE) for one in labelled(source, inputs, FIELDS)]
        clauses = [
            parse(ClausePlace, one, where=SOURCE) for one in labelled(source, inputs, _CLAUSES)
        ]
        _check_marks(template.template, spots, clauses)
        sizes = page_sizes(pdf)
        boxes = [_box(spot, sizes[spot.page - 1]) for spot in spots]
        laid = with_named_boxes(pdf, boxes, sizes) if has_boxes else pdf
    except (TypesettingError, MalformedError, PdfError) as e:
        raise TemplateError(f"{SOURCE} does not work: {e}") from e
    if len(laid) > DOCUMENT_BYTES_MAX:
        raise TooLargeError(f"the document is over {DOCUMENT_BYTES_MAX} bytes")
    return MadeDocument(laid, data["title"], len(sizes), {one.id: one.page for one in clauses})


def check_folder(folder: Path) -> list[str]:
    """List the problems of a template, a sentence each.

    It is made in each of its languages, with all answers and with the required ones alone.

    Args:
        folder: With ``template.yaml`` and ``template.typ``.
    """
    try:
        template = read_folder(folder)
    except TemplateError as e:
        return [str(e)]
    problems: list[str] = []
    for language in template.template.languages:
        for is_full in (True, False):
            try:
                _check_made(template, sample(template.template, language, is_full=is_full))
            except (TemplateError, TooLargeError) as e:
                answers = "all answers" if is_full else "the required answers alone"
                problems.append(f"in {language}, with {answers}: {e}")
    return problems


def _check_made(template: FolderTemplate, filling: Filling) -> None:
    made = make_document(template, filling)
    if made != make_document(template, filling):
        raise TemplateError("the same answers do not give the same document")


def sample(template: Template, language: str, *, is_full: bool) -> Filling:
    """Answers and names to try a template with.

    Args:
        template: The template.
        language: One of its languages.
        is_full: Answer all questions, or only the required ones.
    """
    asked = [one for one in template.form if is_full or one.required]
    return Filling(
        values={one.id: _sample_value(one) for one in asked},
        names={one.id: f"{one.title[language]} {at}" for at, one in enumerate(template.parties, 1)},
        context=FieldContext(language, _DAY, "UTC", "DE"),
    )


_DAY: Final = dt.date(2026, 11, 26)
_SAMPLES: Final[Mapping[FieldKind, Value]] = {
    FieldKind.TEXT: "Lindenallee 5",
    FieldKind.LONG_TEXT: "One line.\nAnother one.",
    FieldKind.NUMBER: "54.5",
    FieldKind.INTEGER: 12,
    FieldKind.DATE: "2026-12-01",
    FieldKind.DATE_TIME: {"at_ms": 1_796_083_200_000, "time_zone": "UTC"},
    FieldKind.YES_NO: True,
    FieldKind.COUNTRY: "DE",
    FieldKind.PHONE: "+493012345678",
    FieldKind.EMAIL: "ann@example.org",
    FieldKind.ADDRESS: "Lindenallee 5\n12345 Lindenau",
    FieldKind.PERSON_NAME: "Ann Example",
    FieldKind.IBAN: "DE02120300000000202051",
    FieldKind.GEO: {"latitude_microdegrees": 52_520_008, "longitude_microdegrees": 13_404_954},
}


def _sample_value(field: TemplateField) -> Value:
    choices = list(field.choices or {})
    if field.kind is FieldKind.CHOICE:
        return choices[0]
    if field.kind is FieldKind.CHOICES:
        return choices
    if field.kind is FieldKind.MONEY:
        return {"minor": 90_000, "currency": field.currency or "EUR"}
    value = _SAMPLES.get(field.kind)
    if value is None:
        raise TemplateError(f"form.{field.id}: a document cannot be made from a {field.kind}")
    return value


def _box(spot: Spot, size: PageSize) -> Box:
    """The box at a mark: ``tenant.c7`` in a template is the field ``tenant:c7`` of the file."""
    box = box_of(spot, size)
    return attrs.evolve(box, field=box.field.replace(".", OF_CLAUSE))


def _check_marks(template: Template, spots: list[Spot], clauses: list[ClausePlace]) -> None:
    wanted, found = template.boxes(), [spot.id for spot in spots]
    for name in sorted(wanted ^ set(found)):
        if name in wanted:
            raise TemplateError(f'there is no place to sign: #sign-field("{name}")')
        raise TemplateError(f'nobody signs in #sign-field("{name}")')
    marked = [one.id for one in clauses]
    if len(set(found)) != len(found) or len(set(marked)) != len(marked):
        raise TemplateError("a place or a clause is marked twice")
    for name in sorted({one.id for one in template.clauses} ^ set(marked)):
        raise TemplateError(f'mark each clause of {DEFINITION} once: #clause("{name}")')


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(TEMPLATE_BYTES_MAX + 1)
    except OSError as e:
        raise TemplateError(f"{path} cannot be read: {e.strerror}") from e
    if len(data) > TEMPLATE_BYTES_MAX:
        raise TemplateError(f"{path} is over {TEMPLATE_BYTES_MAX} bytes")
    return data


@functools.cache
def _catalogue() -> Catalogue:
    return Catalogue.load("veche.protocol.forms")
