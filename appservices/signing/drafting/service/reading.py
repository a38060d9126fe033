"""Files that persons send: fetched, brought into the form that is signed, kept as a draft."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import DeferredSemaphore

from appservices.signing.drafting.core.order import OrderError, OrderProblem, read_list
from appservices.signing.drafting.service import draft_talk, drafting
from appservices.signing.drafting.texts import any_file_doc, problem_doc, upload_doc
from appservices.signing.keys.document_cipher import DOCUMENT, encrypt
from appservices.signing.papers.core.any_files import AnyFile, shortened
from appservices.signing.papers.core.uploads import (
    REMARKS,
    UPLOAD_BYTES_MAX,
    SignedUpload,
    UploadError,
    UploadTooLargeError,
    note_texts,
    refusal_text,
)
from appservices.signing.papers.service.appending import read_any
from appservices.signing.sessions.core.records import TITLE_CHARACTERS_MAX
from appservices.signing.sessions.core.session import State
from appservices.signing.sessions.service.conversation import CATALOGUE, Parts
from appservices.signing.sessions.service.naming import known_name, name_of
from appservices.signing.sessions.store import blobs
from veche.bots import ChatJob
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.approval import showable
from veche.protocol.errors import MalformedError, TooLargeError, UnavailableError
from veche.protocol.ids import RoomId, UserId, effect_id
from veche.protocol.message import Paragraph
from veche.protocol.unpadded_base64 import decode_base64, encode_base64
from veche.protocol.wire import mapping
from veche.runtime.crypto.attachments import read_file_key
from veche.runtime.crypto.media import download_encrypted
from veche.runtime.matrix.client import MatrixError
from veche.runtime.threads import in_thread
from veche.runtime.web.http_client import AnswerTooLargeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.papers.core.uploads import Upload
    from appservices.signing.sessions.core.records import Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.protocol.inbound import Inbound
    from veche.protocol.message import Doc
    from veche.protocol.texts.localizer import Localizer
    from veche.runtime.database import Cursor

READ: Final = "signing.read"
"""Job: fetches a file and reads it."""
LIST: Final = "signing.list"
"""Job: fetches a list of those who are to sign."""
LIST_BYTES_MAX: Final = 256 * 1024
FILE_TYPES: Final = frozenset({"m.file", "m.image", "m.audio", "m.video"})
FETCHED_AT_ONCE: Final = 2
"""Files that are in memory at once."""
FETCH_BYTES_MAX: Final = UPLOAD_BYTES_MAX
SLOW_BYTES: Final = 2_000_000
"""From here on reading takes so long that a person is told that their file is here."""
_GONE: Final = frozenset({400, 403, 404, 410})
_TOO_LARGE: Final = 413
_NAME_CHARACTERS_MAX: Final = 150
_NO_NAME: Final = "document.pdf"


class FileGoneError(Exception):
    """The homeserver does not have a file any more."""


def file_of(inbound: Inbound) -> Mapping[str, Any] | None:
    """The ``EncryptedFile`` of a message with a file; None: it has none that can be read.

    A file that is not encrypted is none: whoever runs the homeserver could read and change it.
    """
    file = mapping(inbound.content.get("file"))
    try:
        read_file_key(file)
    except MalformedError:
        return None
    return file


def name_in(inbound: Inbound) -> str:
    """Name of the file that a message has; empty: it says none."""
    content = inbound.content
    told = content.get("filename") or content.get("body")
    name = " ".join(showable(told).split()) if isinstance(told, str) else ""
    return shortened(name.replace("/", "-"), _NAME_CHARACTERS_MAX)


def is_list(inbound: Inbound) -> bool:
    """Return whether a file is a list by its name or kind."""
    mimetype = mapping(inbound.content.get("info")).get("mimetype")
    return mimetype == "text/csv" or name_in(inbound).casefold().endswith(".csv")


def order_list(scene: Conversation, inbound: Inbound, session_id: str) -> None:
    """Have a list read of those who are to sign a draft, each their own document."""
    file = file_of(inbound)
    if file is None:
        order(scene, inbound)
        return
    sealed = seal_file(scene, file)
    payload = {"room": inbound.room_id, "sealed": sealed, "session": session_id}
    id_ = effect_id(LIST, inbound.event_id)
    jobs.schedule(scene.txn, Job(id_, LIST, payload, scene.now_ms))


def order(scene: Conversation, inbound: Inbound) -> None:
    """Have a file read that a person has sent to have it signed."""
    person, room_id = inbound.sender, inbound.room_id
    localizer = scene.localizer(person)
    file = file_of(inbound)
    if file is None:
        words = localizer.text(
            "The file is not encrypted. Send it from a client that encrypts files."
        )
        scene.tell(room_id, person, (Paragraph(words),))
        return
    sealed = seal_file(scene, file, name_in(inbound))
    payload = {"person": person, "room": room_id, "sealed": sealed}
    id_ = effect_id(READ, inbound.event_id)
    jobs.schedule(scene.txn, Job(id_, READ, payload, scene.now_ms))
    if _is_slow(inbound):
        words = localizer.text("I am reading the file. As large as it is, that can take a minute.")
        scene.tell(room_id, person, (Paragraph(words),), is_quiet=True)


def _is_slow(inbound: Inbound) -> bool:
    """Return whether a file takes long by the size that its message says."""
    size = mapping(inbound.content.get("info")).get("size")
    return isinstance(size, int) and SLOW_BYTES <= size <= FETCH_BYTES_MAX


def seal_file(scene: Conversation, file: Mapping[str, Any], name: str = "") -> str:
    """A file of a chat, with the key that opens it, as a job keeps it."""
    return encode_base64(scene.vault.seal({"file": dict(file), "name": name}))


def name_of_file(parts: Parts, job: Job) -> str:
    """Name of the file that a job keeps."""
    return str(_opened(parts, job)["name"])


def _opened(parts: Parts, job: Job) -> Mapping[str, Any]:
    return parts.vault.open(decode_base64(job.payload["sealed"]))


async def fetch(parts: Parts, job: Job) -> bytes:
    """The bytes of the file of a chat that a job keeps.

    Raises:
        UploadTooLargeError: It is larger than what is signed here.
        FileGoneError: The homeserver does not have it.
        MalformedError: It was changed on its way.
        UnavailableError: The homeserver may have it later.
    """
    file = _opened(parts, job)["file"]
    try:
        return await download_encrypted(
            parts.host.client, parts.bot.user_id, file, bytes_max=FETCH_BYTES_MAX
        )
    except (AnswerTooLargeError, TooLargeError) as e:
        raise UploadTooLargeError from e
    except MatrixError as e:
        if e.status == _TOO_LARGE:
            raise UploadTooLargeError from e
        if e.status in _GONE:
            raise FileGoneError from e
        raise UnavailableError(str(e), retry_after_ms=e.retry_after_ms or 0) from e


class Read(ChatJob[Parts]):
    """Fetches a file, reads it, and makes a draft of it."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._slots = DeferredSemaphore(FETCHED_AT_ONCE)

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Fetch and read it, and find out what the person is called."""
        await self._slots.acquire()
        try:
            return await self._read(job)
        except (UploadError, UploadTooLargeError) as e:
            return {"problem": e}
        except (FileGoneError, MalformedError):
            return {"problem": UploadError()}
        finally:
            self._slots.release()

    async def _read(self, job: Job) -> Mapping[str, Any]:
        host = self._parts.host
        content = await fetch(self._parts, job)
        roots = self._parts.authorities.trusted
        filename, now_ms = name_of_file(self._parts, job), host.now_ms()
        upload = await in_thread(host.reactor, read_any, content, filename, roots, now_ms)
        person = UserId(job.payload["person"])
        name = await known_name(host.client, self._parts.bot.user_id, person)
        return {"upload": upload, "name": name or name_of(person, "")}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Say what was seen, and ask what it is called; or why it cannot be signed."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        person, room_id = UserId(job.payload["person"]), RoomId(job.payload["room"])
        localizer = scene.localizer(person)
        if "problem" in result:
            words = refusal_text(CATALOGUE, localizer.language, result["problem"])
            scene.tell(room_id, person, (Paragraph(words),))
            return
        if draft_talk.has_too_many(scene, room_id, person):
            return
        upload, filename = result["upload"], name_of_file(self._parts, job)
        if isinstance(upload, AnyFile):
            filename = upload.name
        filename = filename or _NO_NAME
        order = drafting.Order(
            requester=person,
            requester_name=result["name"],
            title=title_of(filename),
            filename=filename,
            room_id=room_id,
            pages=0 if isinstance(upload, AnyFile) else upload.pages,
        )
        session = _kept(scene, drafting.make(scene, order), upload)
        doc = _seen(upload, localizer)
        scene.tell(room_id, person, doc, is_quiet=True)
        draft_talk.forget_later(scene, session)
        if isinstance(upload, SignedUpload):
            draft_talk.ask_whether_added(scene, session, room_id, upload.report)
        else:
            draft_talk.ask_title(scene, session, room_id)


def _kept(
    scene: Conversation, session: Session, upload: Upload | SignedUpload | AnyFile
) -> Session:
    """The draft with its file."""
    data = upload.data if isinstance(upload, AnyFile) else upload.pdf
    cipher = encrypt(session.subject.key, data, DOCUMENT)
    blobs.put(scene.txn, session.id, "upload", cipher, scene.now_ms)
    if isinstance(upload, AnyFile):
        return scene.save(drafting.with_any_file(session, upload))
    if isinstance(upload, SignedUpload):
        return scene.save(drafting.with_signatures(session, upload.report))
    return session


def _seen(upload: Upload | SignedUpload | AnyFile, localizer: Localizer) -> Doc:
    """Describe a file as it was read."""
    if isinstance(upload, AnyFile):
        return any_file_doc(upload, localizer)
    if isinstance(upload, SignedUpload):
        return upload_doc(upload.pages, (), localizer)
    changes = [one for one in upload.notes if one not in REMARKS]
    remarks = [one for one in upload.notes if one in REMARKS]
    language = localizer.language
    return upload_doc(
        upload.pages,
        note_texts(CATALOGUE, language, changes),
        localizer,
        note_texts(CATALOGUE, language, remarks),
    )


class ReadList(ChatJob[Parts]):
    """Fetches and reads a list of those who are to sign."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Fetch and read it."""
        try:
            data = await fetch(self._parts, job)
            if len(data) > LIST_BYTES_MAX:
                return {"problem": OrderError(OrderProblem.TOO_MANY)}
            return {"typed": read_list(data)}
        except OrderError as e:
            return {"problem": e}
        except (FileGoneError, MalformedError, UploadTooLargeError):
            return {"problem": OrderError(OrderProblem.WORD)}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Take it as who signs; or say what is wrong with it."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        session, room_id = scene.session(job.payload["session"]), RoomId(job.payload["room"])
        if session is None or session.state is not State.DRAFT:
            return
        person = UserId(session.requester)
        if "problem" in result:
            scene.tell(room_id, person, problem_doc(result["problem"], scene.localizer(person)))
        else:
            draft_talk.take_who(scene, session, room_id, result["typed"])


def title_of(filename: str) -> str:
    """Derive a document's title from the name of its file."""
    stem = filename[:-4] if filename.casefold().endswith(".pdf") else filename
    return stem.replace("_", " ").strip()[:TITLE_CHARACTERS_MAX] or filename[:TITLE_CHARACTERS_MAX]
