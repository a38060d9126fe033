"""Routes by which requesters manage their documents on their page, as in the chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.signing.pages.routes.api import API
from appservices.signing.pages.routes.parties import READ_LIMIT, Files
from appservices.signing.pages.routes.private import LIMIT, Nothing
from appservices.signing.pages.service.views import session_view
from appservices.signing.parties.api.parties import SessionView
from appservices.signing.parties.service import acting
from appservices.signing.requests import service as requests
from appservices.signing.requests.api.requests import RemindedView
from appservices.signing.requests.api.sessions import ExtendBody
from veche.access.sessions import Level
from veche.api import Download
from veche.protocol.errors import NotFoundError

if TYPE_CHECKING:
    from appservices.signing.pages.routes.api import Signing
    from appservices.signing.sessions.core.records import Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.api import Call
    from veche.runtime.database import Cursor


class OwnedRoutes:
    """Serves whoever is signed in and has sent a document to have it signed."""

    def __init__(self, signing: Signing) -> None:
        """Make them."""
        self._signing = signing
        self._files = Files(signing.host.reactor)

    @API.transaction(
        "signing.owned",
        "GET",
        "/owned/<session>",
        answer=SessionView,
        level=Level.ROOM,
        limit=READ_LIMIT,
        summary="A document as whoever asks for the signatures sees it",
    )
    def read_owned(self, txn: Cursor, call: Call) -> SessionView:
        """As its parties see it, and that it is theirs."""
        scene = self._conversation(txn, call, "read")
        return _view(scene, self._own_session(scene, call))

    @API.transaction(
        "signing.owned_blob",
        "GET",
        "/owned/<session>/blobs/<digest>",
        answer=Download,
        level=Level.ROOM,
        limit=READ_LIMIT,
        summary="The document, or the report, encrypted; the key is in the link of whoever asks",
    )
    def blob_owned(self, txn: Cursor, call: Call) -> Download:
        """A ciphertext."""
        scene = self._conversation(txn, call, "blob")
        return self._files.of(scene, self._own_session(scene, call), call)

    @API.transaction(
        "signing.owned_cancel",
        "POST",
        "/owned/<session>/cancel",
        body=Nothing,
        answer=SessionView,
        level=Level.ROOM,
        limit=LIMIT,
        summary="Take a document back before everyone who is needed has signed",
    )
    def cancel_owned(self, txn: Cursor, call: Call) -> SessionView:
        """Everyone who was asked is told; who has signed gets the file."""
        scene = self._conversation(txn, call, f"cancel {call.path_args['session']}")
        session = self._own_session(scene, call, is_locked=True)
        return _view(scene, acting.cancelled(scene, session))

    @API.transaction(
        "signing.owned_extend",
        "POST",
        "/owned/<session>/extend",
        body=ExtendBody,
        answer=SessionView,
        level=Level.ROOM,
        limit=LIMIT,
        summary="Give whoever has not signed more time; all who were asked are told",
    )
    def extend_owned(self, txn: Cursor, call: Call) -> SessionView:
        """A later deadline."""
        until_ms = call.body.deadline_at_ms
        scene = self._conversation(txn, call, f"extend {call.path_args['session']} {until_ms}")
        session = self._own_session(scene, call, is_locked=True)
        return _view(scene, acting.extended(scene, session, until_ms))

    @API.transaction(
        "signing.owned_remind",
        "POST",
        "/owned/<session>/remind",
        body=Nothing,
        answer=RemindedView,
        level=Level.ROOM,
        limit=LIMIT,
        summary="Remind whoever can sign now and has not",
    )
    def remind_owned(self, txn: Cursor, call: Call) -> RemindedView:
        """Nobody is reminded more often than the operator allows."""
        once = call.idempotency_key or call.now_ms
        scene = self._conversation(txn, call, f"remind {call.path_args['session']} {once}")
        done = requests.remind(scene, self._own_session(scene, call, is_locked=True))
        view = _view(scene, done.session)
        return RemindedView(count=done.count, waiting=done.waiting, view=view)

    def _own_session(self, scene: Conversation, call: Call, *, is_locked: bool = False) -> Session:
        person = call.signed_in.person
        return requests.own_session(scene, person, call.path_args["session"], is_locked=is_locked)

    def _conversation(self, txn: Cursor, call: Call, cause: str) -> Conversation:
        parts = self._signing.parts
        if parts is None:
            raise NotFoundError(requests.NO_SUCH)
        return parts.conversation(txn, f"owned {cause}", call.now_ms)


def _view(scene: Conversation, session: Session) -> SessionView:
    return session_view(scene, session, requests.asker(session))
