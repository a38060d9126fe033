"""Drafts whose document a template makes, for organisations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from appservices.signing.drafting.service import drafting
from appservices.signing.keys.document_cipher import DOCUMENT, encrypt
from appservices.signing.organisations.service.organisations import Asked, name_of, own_session
from appservices.signing.sessions.core.records import SessionEffect
from appservices.signing.sessions.store import blobs, sessions
from appservices.signing.templates.core import TemplateError
from appservices.signing.templates.service import filling
from appservices.signing.templates.service.filling import FillingError, Problem
from appservices.signing.templates.service.templates import make_document
from veche.protocol.errors import ConflictError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from appservices.signing.sessions.core.records import Session
    from appservices.signing.sessions.service.conversation import Conversation, Parts
    from appservices.signing.templates.core import Template
    from appservices.signing.templates.service.filling import Filled, Named
    from appservices.signing.templates.service.templates import MadeDocument
    from veche.contracts.signing.session_api import SessionBody


@attrs.frozen
class Made:
    """A document that a template has made.

    Attributes:
        named: The template.
        filled: What it is filled with.
        document: That.
    """

    named: Named
    filled: Filled
    document: MadeDocument


@attrs.frozen
class Options:
    """An organisation's options for a session whose document a template makes.

    Attributes:
        title: Of the session.
        filename: Of its file.
        reference: What the organisation knows it by.
        may_delegate: Whether parties may let others sign.
        deadline_at_ms: UTC.
    """

    title: str
    filename: str
    reference: str
    may_delegate: bool
    deadline_at_ms: int


def draft_of(
    scene: Conversation, asked: Asked, options: Options, found: Made
) -> tuple[Session, bool]:
    """A draft with the document of a template, once for each key of an organisation.

    Args:
        scene: The transaction.
        asked: By whom and under which key.
        options: What they chose.
        found: The template, what it is filled with, and the document.

    Returns:
        The session under that key, and whether it is new.

    Raises:
        ConflictError: The key came before, with another content.
        MalformedError: A text or a moment is wrong, or somebody takes part twice.
        PlanError: Parties and stages make no session.
    """
    template, filled, made = found.named.template, found.filled, found.document
    wanted = drafting.Order(
        requester=asked.caller,
        requester_name=name_of(scene, asked.caller),
        title=options.title,
        filename=options.filename,
        effect=SessionEffect(template.effect),
        level_min=template.level,
        may_delegate=options.may_delegate,
        deadline_at_ms=options.deadline_at_ms,
    )
    language = filled.filling.context.language
    session = filling.filled(
        drafting.drafted(scene, wanted), template, made, filled.persons, filled.names, language
    )
    kept = {"name": template.template, "language": language}
    subject = attrs.evolve(session.subject, reference=options.reference, template=kept)
    session = attrs.evolve(session, subject=subject)
    before = sessions.add_once(scene.txn, scene.vault, session, asked.key, asked.sha256)
    if before is None:
        cipher = encrypt(session.subject.key, made.pdf, DOCUMENT)
        blobs.put(scene.txn, session.id, "upload", cipher, scene.now_ms)
        return session, True
    if before[1] != asked.sha256:
        raise ConflictError("This Idempotency-Key came before, with another content")
    return own_session(scene, asked.caller, before[0]), False


def options_of(body: SessionBody) -> Options:
    """Return the organisation's options of one session."""
    return Options(
        title=body.title,
        filename=body.filename,
        reference=body.reference,
        may_delegate=body.may_delegate,
        deadline_at_ms=body.deadline_at_ms,
    )


def made_of(parts: Parts, name: str, body: SessionBody, caller: str, now_ms: int) -> Made:
    """Make the document of one session; call it in a thread.

    Args:
        parts: Of the site.
        name: Of the template.
        body: What was asked.
        caller: Id of the organisation.
        now_ms: UTC.

    Raises:
        NotFoundError: There is no such template.
        FillingError: It cannot be filled with this.
        RefusedError: It does not work with these answers.
        TooLargeError: The document is too large.
    """
    named = filling.template_of(parts.section.templates, name)
    problems = list(_not_theirs(named.template, body))
    if problems:
        raise FillingError(problems)
    context = filling.context_of(parts, named.template, body.language, now_ms)
    filled = filling.fill(named.template, body.parties, body.answers, caller, context)
    try:
        return Made(named, filled, make_document(named.folder, filled.filling))
    except TemplateError as e:
        raise RefusedError("The template does not work with these answers") from e


def _not_theirs(template: Template, body: SessionBody) -> Iterable[Problem]:
    """List fields that the template fixes, and an organisation cannot change."""
    own = {"stages": (), "clauses": (), "level": template.level_min, "effect": template.effect}
    for field, value in own.items():
        if field in body.model_fields_set and getattr(body, field) != value:
            yield Problem(field, "is the template's: leave it out")
