"""Data for the template of a document: words to show, and the same facts for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from veche.protocol.canonical import plain
from veche.protocol.forms import show_value

if TYPE_CHECKING:
    from appservices.agency.cases.core.case import Case, PendingDocument
    from appservices.agency.language.core.definition import ServiceDefinition
    from appservices.agency.offices.core.context import Context


def document_data(
    definition: ServiceDefinition, case: Case, pending: PendingDocument, context: Context
) -> dict[str, Any]:
    """The data of a document: JSON without floats, the same for the same case.

    ``shown`` has words in the language of the document; ``facts`` the same for machines, which the
    document carries inside as ``data.json``.
    """
    language = pending.language
    localizer = attrs.evolve(context, language=language).person
    here = context.field_context(language)
    fields = [
        (field.field(language), case.answers[field.id])
        for field in definition.fields
        if field.id in case.answers
    ]
    rules = definition.document
    valid_until_ms = pending.valid_until_ms
    shown = {
        "title": rules.title.text(language) if rules else "",
        "office": context.office.name(language),
        "issued_on": localizer.date(pending.issued_at_ms),
        "valid_until": localizer.date(valid_until_ms) if valid_until_ms is not None else "",
        "law": definition.deadline.law.text(language),
        "answers": [
            {
                "id": field.id,
                "label": field.label,
                "value": show_value(field, value, here, context.catalogue),
            }
            for field, value in fields
        ],
    }
    facts = {
        "v": 1,
        "case": case.id,
        "service": definition.id,
        "service_version": definition.version,
        "office": context.office.id,
        "document": pending.number,
        "issued_at_ms": pending.issued_at_ms,
        "valid_until_ms": valid_until_ms,
        "answers": {field.id: value for field, value in fields},
    }
    data: dict[str, Any] = plain({"language": language, "shown": shown, "facts": facts})
    return data
