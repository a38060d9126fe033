"""Handing out the closed file: to the requester and to everyone who was asked, in their own chat.

It is sent as a new message, never as an edit, encrypted like every file of a room.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from appservices.signing.cards.service import cards, together
from appservices.signing.cards.service.news import requester_of
from appservices.signing.cards.texts.cards import is_in_force
from appservices.signing.cards.texts.news import file_caption, is_told, result_doc
from appservices.signing.keys.document_cipher import DOCUMENT, decrypt
from appservices.signing.papers.core.any_files import container_name
from appservices.signing.sessions.core.parties import Role
from appservices.signing.sessions.core.session import State
from appservices.signing.sessions.service import keeping
from appservices.signing.sessions.service.conversation import Parts
from appservices.signing.sessions.service.files import read_kept, read_told
from appservices.signing.sessions.store import blobs, sessions, signatures
from appservices.signing.sessions.texts.words import number_of
from veche.bots import ChatJob
from veche.contracts.signing.card import (
    CARD_PARTIES_MAX,
    SIGN_FILE_KEY,
    SIGN_RESULT_KEY,
    ResultSignature,
    SignFile,
    SignResult,
)
from veche.documents.asic.container import MIME
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol import message
from veche.protocol.errors import TooLargeError
from veche.protocol.forms.magic import PDF
from veche.protocol.ids import UserId, effect_id
from veche.protocol.message import Paragraph
from veche.protocol.unpadded_base64 import encode_base64
from veche.runtime.crypto.media import upload_encrypted
from veche.runtime.matrix.client import MatrixError
from veche.runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.sessions.core.records import Session
    from appservices.signing.sessions.service.conversation import Conversation
    from appservices.signing.sessions.service.files import Kept
    from veche.protocol.ids import RoomId
    from veche.runtime.database import Cursor

DELIVER: Final = "signing.deliver"
"""Job: sends the closed file to those who get it."""
_TOO_LARGE: Final = 413


def order(scene: Conversation, session: Session, verdict: str | None) -> None:
    """Have the closed file sent to everybody who gets it."""
    _order(scene, session, verdict, "")


def order_for(scene: Conversation, session: Session, person: UserId, verdict: str | None) -> None:
    """Have it sent to one person, who has a chat now."""
    _order(scene, session, verdict, person)


def recipients(session: Session) -> list[UserId]:
    """List recipients of the closed file: requester, asked parties; if complete, everybody."""
    requester = requester_of(session)
    is_complete = session.state is State.COMPLETED
    persons = [
        one.user_id
        for one in session.members
        if one.party.role is not Role.SEAL and not one.is_guest and (is_told(one) or is_complete)
    ]
    return list(dict.fromkeys((*((requester,) if requester is not None else ()), *persons)))


class Deliver(ChatJob[Parts]):
    """Sends the closed file."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Upload it once, for all of them: only they get its key."""
        host = self._parts.host
        session_id = job.payload["session"]
        kept, cipher = await host.database.run("signing.deliver", self._read, session_id)
        sent = await self._file_of(kept)
        if cipher is None:
            return sent
        report = decrypt(kept.session.subject.key, cipher, DOCUMENT)
        file = await upload(self._parts, report)
        digest = encode_base64(hashlib.sha256(report).digest())
        evidence = {"file": file, "size_bytes": len(report), "sha256": digest}
        return {**sent, "evidence": evidence}

    async def _file_of(self, kept: Kept) -> dict[str, Any]:
        """The closed file, uploaded; of one that is not to be had here, its size."""
        reactor = self._parts.host.reactor
        if not kept.is_here:
            return {"size_bytes": kept.size}
        pdf = await in_thread(reactor, kept.whole)
        kind = signed_kind(kept.session)
        return {"file": await upload(self._parts, pdf), "size_bytes": len(pdf), "kind": kind}

    def _read(self, txn: Cursor, session_id: str) -> tuple[Kept, bytes | None]:
        kept = read_told(txn, self._parts, session_id)
        return kept, blobs.of_kind(txn, session_id, "evidence")

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Say how it ended, and send the file; who has no chat gets one first."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        session = sessions.read(txn, scene.vault, job.payload["session"])
        if session is None:
            return
        only, verdict = job.payload["person"], job.payload["verdict"]
        for person in [UserId(only)] if only else recipients(session):
            room_id = scene.chat_of(person)
            if room_id is None:
                _open_chat(scene, session, person, verdict)
            else:
                _hand_out(scene, session, (room_id, person), result, verdict)


class SendFile(ChatJob[Parts]):
    """Sends the document, with who has signed so far, to a party who wants to see it."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Upload it."""
        host = self._parts.host
        session_id = job.payload["session"]
        kept: Kept = await host.database.run("signing.file", read_kept, self._parts, session_id)
        # Nobody's program shows what is in a container: they get the file that is in it.
        read = kept.document_alone if kept.session.has_container else kept.whole
        data = await in_thread(host.reactor, read)
        file, subject = await upload(self._parts, data), kept.session.subject
        return {
            "file": file,
            "size_bytes": len(data),
            "name": subject.filename,
            "kind": subject.kind or PDF,
            "beside": _beside(kept.session),
        }

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Send it, if they are still alone with the bot."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        room_id, person = job.payload["room"], UserId(job.payload["person"])
        if scene.is_alone(room_id, person):
            payload = result["beside"]
            send(scene, (room_id, person), result, result["name"], "", payload=payload)


def _beside(session: Session) -> Mapping[str, Any]:
    """Build the data beside a session's file: its document, if pages can be shown."""
    if session.paper is None or session.has_container:
        return {}
    told = SignFile(
        v=1,
        session=session.id,
        document_sha256=encode_base64(session.paper.sha256),
        bytes=session.paper.size,
    )
    return {SIGN_FILE_KEY: told.model_dump(mode="json")}


async def upload(parts: Parts, pdf: bytes) -> dict[str, Any] | None:
    """Store a file, encrypted, at the homeserver; None: it takes none so large, or nobody does."""
    try:
        return await upload_encrypted(parts.host.client, parts.bot.user_id, pdf)
    except TooLargeError:
        # A document of the largest size has grown by its signatures.
        return None
    except MatrixError as e:
        if e.status != _TOO_LARGE:
            raise
        return None


def send(
    scene: Conversation,
    to: tuple[RoomId, UserId],
    uploaded: Mapping[str, Any],
    filename: str,
    caption: str,
    *,
    payload: message.Payload = message.NO_PAYLOAD,
) -> None:
    """Send a file that was uploaded, or say that it is too large.

    Args:
        scene: The transaction.
        to: Where, and to whom.
        uploaded: ``file`` and ``size_bytes``; its media type as ``kind``, if it is no PDF.
        filename: Under which it is saved.
        caption: A sentence; may be empty.
        payload: What rides beside it.
    """
    room_id, person = to
    if uploaded["file"] is None:
        words = scene.localizer(person).text(
            "The file is too large for your server: get it from the page of the document."
        )
        scene.tell(room_id, person, (Paragraph(words),))
        return
    content = message.file(
        filename=filename,
        caption=caption,
        encrypted_file=uploaded["file"],
        mimetype=uploaded.get("kind", PDF),
        size_bytes=uploaded["size_bytes"],
        payload=payload,
    )
    scene.sender.say(room_id, content, scene.ground(person))


def signed_name(session: Session) -> str:
    """Name of the file of a session with its signatures."""
    if session.is_blind:
        return f"{number_of(session)}-signed.pdf"
    if session.has_container:
        name = session.subject.filename
        return container_name(name) if session.revision else name
    return f"{_stem(session)}-signed.pdf"


def signed_kind(session: Session) -> str:
    """Media type of the file of a session with its signatures; without, that of the file."""
    if not session.has_container:
        return PDF
    return MIME if session.revision else session.subject.kind


def evidence_name(session: Session) -> str:
    """Name of the report on a session."""
    return f"{number_of(session) if session.is_blind else _stem(session)}-evidence.pdf"


def _stem(session: Session) -> str:
    """Name of the document without its ending."""
    stem, _, ending = session.subject.filename.rpartition(".")
    is_ending = session.has_container or ending.casefold() == "pdf"
    return stem if stem and is_ending else session.subject.filename


def _order(scene: Conversation, session: Session, verdict: str | None, person: str) -> None:
    payload = {"session": session.id, "verdict": verdict, "person": person}
    id_ = effect_id(DELIVER, session.id, person, session.revision)
    jobs.schedule(scene.txn, Job(id_, DELIVER, payload, scene.now_ms))


def _open_chat(scene: Conversation, session: Session, person: UserId, verdict: str | None) -> None:
    payload = {"person": person, "session": session.id, "deliver": True, "verdict": verdict}
    id_ = scene.sender.fresh_id(cards.OPEN_CHAT)
    jobs.schedule(scene.txn, Job(id_, cards.OPEN_CHAT, payload, scene.now_ms))


def _hand_out(
    scene: Conversation,
    session: Session,
    to: tuple[RoomId, UserId],
    uploaded: Mapping[str, Any],
    verdict: str | None,
) -> None:
    room_id, person = to
    localizer = scene.localizer(person)
    check_url = scene.links.page("verify") if scene.links is not None else None
    beside = {SIGN_RESULT_KEY: _payload(scene, session, uploaded, verdict)}
    until_ms = keeping.forgotten_at_ms(scene, session)
    is_deleted = keeping.is_forgotten(scene, session)
    doc = result_doc(session, verdict, check_url, until_ms, localizer, is_deleted=is_deleted)
    if "file" not in uploaded:
        scene.tell(room_id, person, doc, payload=beside)
    else:
        if together.completed(scene, session, verdict):
            together.tell_completed(scene, session, person)
        else:
            scene.tell(room_id, person, doc)
        caption = file_caption(session, localizer)
        send(scene, to, uploaded, signed_name(session), caption, payload=beside)
    evidence = uploaded.get("evidence")
    if evidence is not None and evidence["file"] is not None:
        words = localizer.text("The report on how it came about")
        send(scene, to, evidence, evidence_name(session), words)


def _payload(
    scene: Conversation, session: Session, uploaded: Mapping[str, Any], verdict: str | None
) -> SignResult:
    paper, final = session.paper, session.final_sha256
    assert paper is not None, "it was sent"  # noqa: S101 -- our bug
    assert final is not None, "it is closed"  # noqa: S101 -- our bug
    given = signatures.of_session(scene.txn, scene.vault, session.id)
    names = {one.id: one.name for one in session.members}
    return SignResult(
        v=1,
        session=session.id,
        state=session.state.value,
        verdict=verdict,
        in_force=is_in_force(session),
        document_sha256=encode_base64(paper.sha256),
        final_sha256=encode_base64(final),
        bytes=uploaded["size_bytes"],
        ended_at_ms=session.ended_at_ms or 0,
        signatures=tuple(
            ResultSignature(
                party=one.party,
                name=names.get(one.party, "?"),
                level=one.level.value,
                signed_at_ms=one.at_ms,
            )
            for one in given[:CARD_PARTIES_MAX]
        ),
        count=len(given),
        evidence_sha256=uploaded.get("evidence", {}).get("sha256"),
    )
