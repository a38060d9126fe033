"""Reads of a person's offices and cases for a page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency.cases import store
from appservices.agency.cases.service.cases import definition_of
from appservices.agency.cases.service.conversation import CATALOGUE
from appservices.agency.pages.api import HomesView, HomeView
from appservices.agency.pages.service.case_view import Shown, case_view, line_view
from appservices.agency.workflow.texts import document_filename
from veche.chat import prompts
from veche.protocol.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.cases.service.conversation import Conversation
    from appservices.agency.cases.store import CaseFile
    from appservices.agency.pages.api import CaseLineView, CaseView
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@attrs.frozen
class StoredDocument:
    """A document that was issued, and where it is stored.

    Attributes:
        bot: Who has stored it.
        sha256: Of the plain file, hexadecimal.
        file: ``EncryptedFile``.
        filename: As which it is saved.
    """

    bot: UserId
    sha256: str
    size_bytes: int
    file: Mapping[str, Any]
    filename: str


def homes_seen(
    txn: Cursor, scenes: Mapping[UserId, Conversation], person: UserId, language: str
) -> HomesView:
    """The offices with which a person has a chat, in the order of the configuration."""
    chats = store.offices_of(txn, list(scenes), person)
    return HomesView(
        homes=[
            HomeView(
                office=scene.workplace.slug,
                name=scene.workplace.office.name(language),
                organisation=scene.workplace.name(language),
                bot=bot,
                chat=scene.link_to(chats[bot]),
            )
            for bot, scene in scenes.items()
            if bot in chats
        ]
    )


def cases_seen(
    txn: Cursor, scenes: Mapping[UserId, Conversation], person: UserId, language: str
) -> list[CaseLineView]:
    """The cases of a person with these offices, as a list shows them."""
    files = store.cases_of(txn, list(scenes), person)
    return [line_view(shown_in(scenes[file.bot], file, language)) for file in files]


def case_seen(scene: Conversation, file: CaseFile, language: str) -> CaseView:
    """A case, as its person sees it now."""
    asked = [
        one
        for one in prompts.open_about(scene.txn, file.bot, file.case.id)
        if scene.now_ms < one.prompt.expires_at_ms
    ]
    draft = store.page_draft(scene.txn, file.case.id)
    return case_view(shown_in(scene, file, language), asked, draft)


def stored_document(txn: Cursor, file: CaseFile, sha256: str, language: str) -> StoredDocument:
    """A document of a case.

    Raises:
        NotFoundError: The case has no such document.
    """
    issued = next((one for one in file.case.documents if one.sha256 == sha256), None)
    stored = store.document(txn, file.case.id, sha256) if _SHA256.fullmatch(sha256) else None
    if issued is not None and stored is None and issued is file.case.documents[-1]:
        stored = file.document  # made by an earlier release, which kept the last one only
    if issued is None or stored is None:
        raise NotFoundError(CATALOGUE.text(language, "There is no such document in this case."))
    return StoredDocument(
        bot=file.bot,
        sha256=issued.sha256,
        size_bytes=issued.size_bytes,
        file=stored,
        filename=document_filename(file.case),
    )


def shown_in(scene: Conversation, file: CaseFile, language: str) -> Shown:
    """A case with what is needed to show it in a language."""
    context = scene.workplace.context(scene.now_ms, language)
    return Shown(scene.workplace, definition_of(scene, file), file, context)
