"""Documents outside transactions: made from their template, sealed, stored.

A document is made again the same after a crash; its seal is not, since it has the time. What counts
is the one whose digest the job leaves in the case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appservices.agency.cases import store
from appservices.agency.cases.service.cases import case_of, definition_of
from appservices.agency.cases.service.conversation import OfficeParts
from appservices.agency.documents.core import document_data
from appservices.agency.documents.pdf import Document, make_document
from appservices.agency.documents.service import MAKE_DOCUMENT, emblems_of, keep_made
from veche.api.sealing_client import SealError
from veche.bots import ChatJob
from veche.protocol.errors import RefusedError, TooLargeError
from veche.runtime.crypto.media import upload_encrypted
from veche.runtime.files.typesetting import TypesettingError
from veche.runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.messaging.jobs import Job, JobHandler
    from veche.runtime.database import Cursor


def document_handlers(parts: OfficeParts) -> dict[str, JobHandler]:
    """The handlers of jobs about documents."""
    return {MAKE_DOCUMENT: _MakeDocument(parts)}


class _MakeDocument(ChatJob[OfficeParts]):
    """Makes a document, has it sealed, and stores it, encrypted, at the homeserver."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        pending = await self._host.database.run("agency.document", self._read, job)
        template, data, issued_at_ms = pending
        try:
            made: Document = await in_thread(
                self._host.reactor,
                make_document,
                template.encode(),
                data,
                issued_at_ms=issued_at_ms,
                emblems=emblems_of(self._parts, is_sealed=True),
            )
            made = await self._sealed(job, made)
        except (TypesettingError, TooLargeError, SealError) as e:
            return {"failure": str(e)}
        file = await upload_encrypted(self._host.client, self._bot, made.data)
        return {"sha256": made.sha256, "size_bytes": len(made.data), "file": file}

    async def _sealed(self, job: Job, made: Document) -> Document:
        """The document with its organisation's seal; as it is if there is none."""
        if self._parts.sealer is None:
            return made
        reference = str(job.payload["case"])
        data = await self._parts.sealer.seal(made.data, reference, self._host.now_ms())
        return Document.of(data)

    def _read(self, txn: Cursor, job: Job) -> tuple[str, dict[str, Any], int]:
        scene = self._parts.conversation(txn, job.id, self._host.now_ms())
        file = case_of(txn, job)
        kept = store.definition(txn, file.case.digest)
        if kept is None or file.case.pending is None:
            raise RefusedError("the case does not wait for a document any more")
        pending = file.case.pending
        definition = definition_of(scene, file)
        data = document_data(definition, file.case, pending, scene.context(file.person))
        return kept.templates[job.payload["template"]], data, pending.issued_at_ms

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        keep_made(self._parts, txn, job, result, now_ms)
