"""HTTP routes of organisations, by their keys: have documents signed, and see the results."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, TypeVar

import attrs
from twisted.internet.defer import DeferredSemaphore

from appservices.signing.delivery.service import forgetting
from appservices.signing.delivery.service.delivery import signed_kind, signed_name
from appservices.signing.drafting.service import drafting
from appservices.signing.drafting.service.laying import boxed
from appservices.signing.keys.document_cipher import DOCUMENT, decrypt, encrypt
from appservices.signing.organisations.routes.callers import CallerRoutes
from appservices.signing.organisations.service.organisations import (
    Asked,
    draft,
    own_session,
    state_view,
)
from appservices.signing.organisations.service.template_drafts import draft_of, made_of, options_of
from appservices.signing.pages.routes.api import API
from appservices.signing.papers.core.any_files import ANY, AnyFile, any_file
from appservices.signing.papers.core.uploads import UPLOAD_BYTES_MAX, SignedUpload, note_texts
from appservices.signing.papers.service.appending import read_pdf
from appservices.signing.papers.service.uploads import read_upload
from appservices.signing.parties.service import acting
from appservices.signing.places.core.boxes import BoxError
from appservices.signing.requests.api.sessions import ExtendBody, FileQuery
from appservices.signing.sessions.core.session import NotNowError, State
from appservices.signing.sessions.service.conversation import CATALOGUE
from appservices.signing.sessions.service.files import kept
from appservices.signing.sessions.store import blobs
from veche.api import Download
from veche.contracts.signing.session_api import (
    FileView,
    Nothing,
    SessionBody,
    SessionState,
)
from veche.documents.signatures.words import words_of
from veche.protocol.canonical import canonical
from veche.protocol.errors import ConflictError, MalformedError, NotFoundError, RefusedError
from veche.protocol.unpadded_base64 import encode_base64
from veche.runtime.threads import in_thread
from veche.runtime.web.limits import Limit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from appservices.signing.organisations.routes.callers import CalledSigning
    from appservices.signing.organisations.service.template_drafts import Made
    from appservices.signing.papers.core.uploads import Upload
    from appservices.signing.sessions.core.records import Session
    from appservices.signing.sessions.service.conversation import Conversation
    from appservices.signing.sessions.service.files import Kept
    from veche.api import Call
    from veche.runtime.database import Cursor

WRITE_LIMIT: Final = Limit(burst=500, per_s=50)
"""Requests of one client address that change something."""
FILE_LIMIT: Final = Limit(burst=50, per_s=5)
"""Files of one client address: each is read in a process of its own."""
FILES_AT_ONCE: Final = 2
"""Files of organisations that are read, laid out or put together at a time."""
_PDF: Final = "application/pdf"
R = TypeVar("R")


class OrganisationRoutes(CallerRoutes):
    """Serves organisations."""

    def __init__(self, signing: CalledSigning) -> None:
        """Make them."""
        super().__init__(signing)
        self._slots = DeferredSemaphore(FILES_AT_ONCE)

    @API.by_key().route(
        "POST",
        "/sessions",
        body=SessionBody,
        answer=SessionState,
        needs_key=True,
        limit=WRITE_LIMIT,
        status=201,
        summary="Draft a session; the same key again gives the same one",
    )
    async def draft(self, call: Call) -> SessionState:
        """A draft: nobody is asked before it is sent. That of a template has its file."""
        caller, name = call.caller.id, call.body.template
        made = None
        if name is not None:
            told = (self._parts(), name, call.body, caller, call.now_ms)
            made = await in_thread(self._host.reactor, made_of, *told)
        return await self._host.database.run("signing.draft", self._new, call, made)

    @API.by_key().route(
        "PUT",
        "/sessions/<session>/file",
        takes=_PDF,
        takes_bytes_max=UPLOAD_BYTES_MAX,
        query=FileQuery,
        answer=FileView,
        limit=FILE_LIMIT,
        summary="Put the file into a draft, or another one in its place",
    )
    async def put(self, call: Call) -> FileView:
        """It is brought into the form that all readers show alike; what that changes is told.

        One that others have signed already is refused, or, by ``signed=add``, stays as it is.
        """
        run = self._host.database.run
        await run("signing.owned", self._draft, call)
        if call.query.signed == "add":
            roots = self._parts().authorities.trusted
            upload = await self._in_thread(read_pdf, call.body, roots, call.now_ms)
        else:
            upload = await self._in_thread(read_upload, call.body)
        return await run("signing.upload", self._keep, call, upload)

    @API.by_key().route(
        "PUT",
        "/sessions/<session>/file/any",
        takes=ANY,
        takes_bytes_max=UPLOAD_BYTES_MAX,
        answer=FileView,
        limit=FILE_LIMIT,
        summary="The same with a file of any kind, which is signed as it is, in a container",
    )
    async def put_any(self, call: Call) -> FileView:
        """Nothing in it is changed. It has no clauses, and nobody signs on a page of it."""
        run = self._host.database.run
        session = await run("signing.owned", self._draft, call)
        upload = await self._in_thread(any_file, call.body, session.subject.filename)
        return await run("signing.upload", self._keep, call, upload)

    @API.by_key().route(
        "POST",
        "/sessions/<session>/send",
        body=Nothing,
        answer=SessionState,
        limit=FILE_LIMIT,
        summary="Freeze a draft and ask those of the first stage; again: its state",
    )
    async def send(self, call: Call) -> SessionState:
        """From now on the document, its parties and its rules do not change."""
        run = self._host.database.run
        read = await run("signing.freeze", self._ready, call)
        if isinstance(read, SessionState):
            return read
        session, cipher, language, link = read
        try:
            pdf = await self._in_thread(boxed, session, cipher, language, link)
        except BoxError as e:
            told = {one.field: one.id for one in session.members}
            raise MalformedError(f"parties.{told.get(e.field, '')}.box", e.why) from e
        return await run("signing.send", self._send, call, (session, cipher), pdf)

    @API.by_key().transaction(
        "signing.state",
        "GET",
        "/sessions/<session>/state",
        answer=SessionState,
        limit=WRITE_LIMIT,
        summary="A session of the organisation",
    )
    def state(self, txn: Cursor, call: Call) -> SessionState:
        """Where it has got to."""
        scene = self._conversation(txn, call, "state")
        return state_view(scene, self._own_session(scene, call))

    @API.by_key().transaction(
        "signing.cancel",
        "POST",
        "/sessions/<session>/cancel",
        body=Nothing,
        answer=SessionState,
        limit=WRITE_LIMIT,
        summary="Take a session back before everyone has signed",
    )
    def cancel(self, txn: Cursor, call: Call) -> SessionState:
        """Everyone who was asked is told."""
        scene = self._conversation(txn, call, f"cancel {call.path_args['session']}")
        session = self._own_session(scene, call, is_locked=True)
        return state_view(scene, acting.cancelled(scene, session))

    @API.by_key().transaction(
        "signing.extend",
        "POST",
        "/sessions/<session>/extend",
        body=ExtendBody,
        answer=SessionState,
        limit=WRITE_LIMIT,
        summary="Give a session more time; everyone is told",
    )
    def extend(self, txn: Cursor, call: Call) -> SessionState:
        """A later deadline."""
        until_ms = call.body.deadline_at_ms
        scene = self._conversation(txn, call, f"extend {call.path_args['session']} {until_ms}")
        session = self._own_session(scene, call, is_locked=True)
        return state_view(scene, acting.extended(scene, session, until_ms))

    @API.by_key().route(
        "GET",
        "/sessions/<session>/file",
        answer=Download,
        limit=FILE_LIMIT,
        summary="The file as it is signed until now; closed once the session has ended",
    )
    async def file(self, call: Call) -> Download:
        """The PDF, or the container; while nobody has signed in one, what is to be in it."""

        def read(txn: Cursor) -> Kept:
            scene = self._conversation(txn, call, "file")
            return kept(scene, self._own_session(scene, call))

        found = await self._host.database.run("signing.file", read)
        whole = await self._in_thread(found.whole)
        session = found.session
        name = signed_name(session) if session.has_container else session.subject.filename
        return Download(whole, signed_kind(session), name)

    @API.by_key().transaction(
        "signing.delete_file",
        "DELETE",
        "/sessions/<session>/file",
        answer=SessionState,
        limit=WRITE_LIMIT,
        summary="Have the file of a session that is over deleted, a fortnight after all are told",
    )
    def delete(self, txn: Cursor, call: Call) -> SessionState:
        """Digests, who signed when, and the report stay; again: nothing changes."""
        scene = self._conversation(txn, call, f"delete {call.path_args['session']}")
        session = self._own_session(scene, call, is_locked=True)
        forgetting.ask(scene, session)
        return state_view(scene, session)

    @API.by_key().route(
        "GET",
        "/sessions/<session>/evidence",
        answer=Download,
        limit=FILE_LIMIT,
        summary="The sealed report on who signed what, when and how",
    )
    async def evidence(self, call: Call) -> Download:
        """A PDF/A-3 with the record for programs inside."""

        def read(txn: Cursor) -> tuple[Session, bytes | None]:
            scene = self._conversation(txn, call, "evidence")
            session = self._own_session(scene, call)
            return session, blobs.of_kind(txn, session.id, "evidence")

        session, cipher = await self._host.database.run("signing.evidence", read)
        if cipher is None:
            raise NotFoundError("There is no report yet: it is made once the session has ended")
        pdf = await self._in_thread(decrypt, session.subject.key, cipher, DOCUMENT)
        return Download(pdf, _PDF, f"evidence-{session.id}.pdf")

    async def _in_thread(self, work: Callable[..., R], *args: object) -> R:
        """Do what takes time with a file, not in the threads of keys: no signature waits for it."""
        await self._slots.acquire()
        try:
            return await in_thread(self._host.reactor, work, *args)
        finally:
            self._slots.release()

    # In transactions

    def _new(self, txn: Cursor, call: Call, made: Made | None) -> SessionState:
        caller = call.caller.id
        body = canonical(call.body.model_dump(mode="json"), where="body")
        asked = Asked(caller, call.key, hashlib.sha256(body).digest())
        scene = self._conversation(txn, call, f"draft {caller} {call.key}")
        if made is None:
            return state_view(scene, draft(scene, asked, call.body))
        session, _ = draft_of(scene, asked, options_of(call.body), made)
        return state_view(scene, session)

    def _draft(self, txn: Cursor, call: Call) -> Session:
        scene = self._conversation(txn, call, "put")
        session = self._own_session(scene, call, is_locked=True)
        if session.state is not State.DRAFT:
            raise NotNowError(session.state)
        if session.subject.template is not None:
            raise ConflictError("The file of this draft is made from a template")
        return session

    def _keep(self, txn: Cursor, call: Call, upload: Upload | SignedUpload | AnyFile) -> FileView:
        session = self._draft(txn, call)
        notes: Sequence[str] = ()
        if isinstance(upload, AnyFile):
            data = upload.data
            session = drafting.with_any_file(session, upload)
            if session.subject.clauses:
                raise MalformedError("clauses", "are of PDFs: leave them out, or put a PDF")
        else:
            data = upload.pdf
            session, notes = _with_pdf(session, upload, call.language)
        astray = drafting.off_page(session)
        if astray is not None and astray.place is not None:
            told = f"there is no page {astray.place.page}: the file has {session.subject.pages}"
            raise MalformedError(f"parties.{astray.id}.page", told)
        session = self._conversation(txn, call, "put").save(session)
        cipher = encrypt(session.subject.key, data, DOCUMENT)
        blobs.put(txn, session.id, "upload", cipher, call.now_ms)
        return FileView(
            sha256=encode_base64(hashlib.sha256(data).digest()),
            pages=session.subject.pages,
            notes=list(notes),
            is_signed=isinstance(upload, SignedUpload),
            name=session.subject.filename if session.has_container else None,
            kind=session.subject.kind or None,
        )

    def _ready(self, txn: Cursor, call: Call) -> SessionState | tuple[Session, bytes, str, str]:
        scene = self._conversation(txn, call, "freeze")
        session = self._own_session(scene, call)
        if session.state is not State.DRAFT:
            return state_view(scene, session)
        cipher = blobs.of_kind(txn, session.id, "upload")
        if cipher is None:
            raise RefusedError("The draft has no file yet: put one into it first (PUT …/file)")
        links = self._parts().host.links
        return session, cipher, call.language, "" if links is None else links.page("verify")

    def _send(
        self, txn: Cursor, call: Call, read: tuple[Session, bytes], pdf: bytes
    ) -> SessionState:
        drawn, cipher = read
        scene = self._conversation(txn, call, f"send {drawn.id}")
        session = self._own_session(scene, call, is_locked=True)
        if session.state is not State.DRAFT:
            return state_view(scene, session)
        newest = blobs.digest_of(txn, session.id, "upload")
        if session != drawn or newest != hashlib.sha256(cipher).digest():
            raise ConflictError("The draft was changed meanwhile: send it again")
        session = drafting.freeze(scene, session, pdf)
        return state_view(scene, drafting.send(scene, session))

    def _own_session(self, scene: Conversation, call: Call, *, is_locked: bool = False) -> Session:
        return own_session(scene, call.caller.id, call.path_args["session"], is_locked=is_locked)


def _with_pdf(
    session: Session, upload: Upload | SignedUpload, language: str
) -> tuple[Session, Sequence[str]]:
    """A draft with a PDF in the place of what it had, and what was seen of it."""
    subject = attrs.evolve(session.subject, pages=upload.pages, before=None, kind="")
    session = attrs.evolve(session, subject=subject)
    if isinstance(upload, SignedUpload):
        signed = drafting.with_signatures(session, upload.report)
        return signed, words_of(upload.report, language).split("\n")
    return session, note_texts(CATALOGUE, language, upload.notes)
