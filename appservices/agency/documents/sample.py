"""Data that a document could have, to try a template before anybody needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.agency.cases.core.case import Case, PendingDocument
from appservices.agency.cases.core.states import State
from appservices.agency.documents.core import document_data
from veche.protocol.forms import FieldKind
from veche.protocol.ids import derived_ulid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.language.core.definition import FieldDefinition, ServiceDefinition
    from appservices.agency.offices.core.context import Context
    from veche.protocol.forms import Value

_VALID_MS: Final = 365 * 24 * 60 * 60 * 1000
_FILE: Final = {"name": "photo.jpg", "mimetype": "image/jpeg", "mxc": "mxc://example.org/photo"}
_VALUES: Final[Mapping[FieldKind, Value]] = {
    FieldKind.TEXT: "A text, with #signs and $signs",
    FieldKind.LONG_TEXT: "First line\nSecond line",
    FieldKind.NUMBER: "12.5",
    FieldKind.INTEGER: 3,
    FieldKind.MONEY: {"minor": 1250, "currency": "EUR"},
    FieldKind.DATE: "2020-02-29",
    FieldKind.DATE_TIME: {"at_ms": 1_600_000_000_000, "time_zone": "UTC"},
    FieldKind.YES_NO: True,
    FieldKind.COUNTRY: "DE",
    FieldKind.PHONE: "+4930123456",
    FieldKind.EMAIL: "anna@example.org",
    FieldKind.ADDRESS: "Example Street 1\n12345 Example",
    FieldKind.PERSON_NAME: "Anna Müller-Lüdenscheidt, Анна, Їжак",
    FieldKind.IBAN: "DE89370400440532013000",
    FieldKind.FILE: {**_FILE},
    FieldKind.PHOTO: {**_FILE},
    FieldKind.GEO: {"latitude_microdegrees": 52_520_000, "longitude_microdegrees": 13_405_000},
}


def sample_data(definition: ServiceDefinition, context: Context) -> dict[str, Any]:
    """Data for the document of a service, every field filled in."""
    case = Case(
        id=derived_ulid(context.now_ms, "sample"),
        service=definition.id,
        digest=definition.digest,
        subject="sample",
        office=context.office.id,
        state=State.DECIDED_YES,
        opened_at_ms=context.now_ms,
        answers={field.id: sample_value(field) for field in definition.fields},
    )
    valid_until_ms = context.now_ms + _VALID_MS
    pending = PendingDocument(1, context.language, context.now_ms, valid_until_ms)
    return document_data(definition, case, pending, context)


def sample_value(field: FieldDefinition) -> Value:
    """A value of the kind of a field; its bounds are not looked at."""
    ids = [choice.id for choice in field.choices or ()]
    if field.kind is FieldKind.CHOICE:
        return ids[0]
    if field.kind is FieldKind.CHOICES:
        return ids
    return _VALUES[field.kind]
