"""Documents: ordered, kept once they are made, and sent to the person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency.cases import store
from appservices.agency.cases.core.inputs import DocumentFailed, DocumentMade
from appservices.agency.cases.service.cases import case_of, step_file
from appservices.agency.deliveries.service import follow
from appservices.agency.documents.pdf import Emblems
from veche.contracts.agency.document import DOCUMENT_KEY, IssuedDocument
from veche.protocol import message
from veche.protocol.acts import ActClass
from veche.protocol.unpadded_base64 import encode_base64

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.cases.core.effects import MakeDocument, SendDocument
    from appservices.agency.cases.service.conversation import OfficeParts
    from appservices.agency.cases.service.locked_case import LockedCase
    from veche.messaging.jobs import Job
    from veche.runtime.database import Cursor

MAKE_DOCUMENT: Final = "agency.document"


def emblems_of(parts: OfficeParts, *, is_sealed: bool) -> Emblems:
    """Return what the documents of an office show of it."""
    links, office = parts.host.links, parts.section
    seal = office.name(office.language) if is_sealed and parts.sealer is not None else None
    return Emblems(parts.bot.avatar, links.page("verify") if links else None, seal)


def keep_made(
    parts: OfficeParts, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int
) -> None:
    """Keep a document that is stored, and let its case go on; or tell why there is none."""
    scene = parts.conversation(txn, job.id, now_ms)
    file = case_of(txn, job)
    if "failure" in result:
        step_file(scene, file, DocumentFailed(result["failure"]))
        return
    store.keep_document(txn, file.case.id, result["sha256"], result["file"])
    file = attrs.evolve(file, document=result["file"])
    step_file(scene, file, DocumentMade(result["sha256"], result["size_bytes"]))


def order_document(locked: LockedCase, effect: MakeDocument) -> None:
    """Have the document of a case made."""
    locked.send_off(MAKE_DOCUMENT, {"template": effect.template})


def send_document(locked: LockedCase, effect: SendDocument) -> None:
    """Send a document that was made to the person, and follow it until it is served."""
    issued, stored = effect.issued, locked.file.document
    # The job that made it puts in DocumentMade with it, in one transaction.
    assert stored is not None, "a document is made before it is sent"  # noqa: S101 -- our bug
    payload = IssuedDocument(
        v=1,
        id=locked.file.case.id,
        kind=effect.kind,
        title=issued.title,
        sha256=encode_base64(bytes.fromhex(issued.sha256)),
        issuer=locked.scene.workplace.organisation,
        valid_until_ms=issued.valid_until_ms,
    )
    content = message.file(
        filename=effect.filename,
        caption=effect.caption,
        encrypted_file=stored,
        mimetype="application/pdf",
        size_bytes=issued.size_bytes,
        payload={DOCUMENT_KEY: payload},
    )
    room_id = locked.file.person_room
    say = locked.scene.sender.say
    effect_id = say(room_id, content, locked.ground, act=ActClass.DOC_ISSUED)
    follow(locked, effect_id, issued.sha256, "file")
