"""Answers to the form of a service, checked while they are typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.agency.pages.api import CheckView
from appservices.agency.pages.core import DRAFT_BYTES_MAX, problems_of_whole
from appservices.agency.pages.service.errors import error_views
from veche.protocol.canonical import canonical
from veche.protocol.errors import TooLargeError
from veche.protocol.forms import parse_some, show_value
from veche.protocol.forms.models import FILE_KINDS

if TYPE_CHECKING:
    from appservices.agency.language.core.definition import ServiceDefinition
    from appservices.agency.offices.core.context import Context
    from appservices.agency.pages.api import CheckBody


def check_answers(definition: ServiceDefinition, context: Context, given: CheckBody) -> CheckView:
    """Check answers; return the problems, and how the right ones read.

    Files are sent in the chat, so they are not missed here. Fields that the service does not have
    are passed over: the page may show a form of yesterday.

    Args:
        definition: The service.
        context: The world around it, in the language of who fills the form in.
        given: The answers.

    Raises:
        TooLargeError: They are over ``DRAFT_BYTES_MAX``.
        MalformedError: They have no canonical JSON.
    """
    if len(canonical(given.values, where="body.values")) > DRAFT_BYTES_MAX:
        raise TooLargeError(context.person.text("This is too much for one form."))
    ids = tuple(
        one.id
        for one in definition.fields
        if one.kind not in FILE_KINDS and (given.fields is None or one.id in given.fields)
    )
    if not ids:
        return CheckView(errors=[], shown={})
    form, here = definition.form(ids, context.language), context.field_context(context.language)
    typed = {id_: given.values[id_] for id_ in ids if id_ in given.values}
    values, _ = parse_some(form, typed, here)
    shown = {
        field.id: show_value(field, values[field.id], here, context.catalogue)
        for field in form.fields
        if field.id in values
    }
    errors = problems_of_whole(form, {}, typed, here)
    return CheckView(errors=error_views(errors, context.catalogue, context.language), shown=shown)
