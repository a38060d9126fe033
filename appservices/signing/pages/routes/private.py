"""Routes for people who are signed in on the pages.

To have a document signed that the service never sees, and to have one of theirs deleted.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from appservices.signing.delivery.service import forgetting
from appservices.signing.keys.document_cipher import OVERHEAD_BYTES
from appservices.signing.pages.routes.api import API, Signing
from appservices.signing.parties.service import acting
from appservices.signing.private.api import DOCUMENT_BYTES_MAX, BlindBody, BlindState, LinkView
from appservices.signing.private.service import sending
from appservices.signing.requests.api.deletion import DeletionView
from appservices.signing.sessions.store import sessions
from veche.access.sessions import Level
from veche.protocol.canonical import canonical
from veche.protocol.errors import LimitError, NotFoundError
from veche.protocol.wire import Wire
from veche.runtime.web.limits import Buckets, Limit

if TYPE_CHECKING:
    from appservices.signing.sessions.core.records import Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.api import Call
    from veche.runtime.database import Cursor

LIMIT: Final = Limit(burst=240, per_s=1)
"""For one client address: a hundred documents are drafted and sent in one go."""
FILE_LIMIT: Final = Limit(burst=120, per_s=0.5)
"""Documents for one client address."""
BYTES_LIMIT: Final = Limit(burst=512 * 1024 * 1024, per_s=8 * 1024 * 1024)
"""Bytes of them for one client address."""
_CIPHER: Final = "application/octet-stream"


class Nothing(Wire):
    """An empty object."""


class BlindRoutes:
    """Serves persons who are signed in on the pages."""

    def __init__(self, signing: Signing) -> None:
        """Make them."""
        self._signing = signing
        self._bytes = Buckets(BYTES_LIMIT)

    @API.transaction(
        "signing.blind",
        "POST",
        "/blind",
        body=BlindBody,
        answer=BlindState,
        level=Level.ROOM,
        needs_key=True,
        limit=LIMIT,
        status=201,
        summary="Draft a document that the service never sees; the same key gives the same one",
    )
    def draft_blind(self, txn: Cursor, call: Call) -> BlindState:
        """Nobody is asked before it is sent."""
        person = call.signed_in.person
        body = canonical(call.body.model_dump(mode="json"), where="body")
        asked = sending.Asked(person, call.key, hashlib.sha256(body).digest())
        scene = self._conversation(txn, call, f"draft {person} {call.key}")
        return sending.state_view(scene, sending.draft(scene, asked, call.body))

    @API.transaction(
        "signing.blind_put",
        "PUT",
        "/blind/<session>/document",
        takes=_CIPHER,
        takes_bytes_max=DOCUMENT_BYTES_MAX + OVERHEAD_BYTES,
        answer=BlindState,
        level=Level.ROOM,
        limit=FILE_LIMIT,
        summary="The document's ciphertext, whose digest the draft has",
    )
    def put_blind(self, txn: Cursor, call: Call) -> BlindState:
        """Store a document that nobody here can read."""
        seconds = self._signing.host.reactor.seconds()
        wait_ms = self._bytes.spend(call.address, seconds, len(call.body))
        if wait_ms:
            raise LimitError("That is much at once. Please wait.", retry_after_ms=wait_ms)
        scene = self._conversation(txn, call, "put")
        session = self._own_session(scene, call)
        return sending.state_view(scene, sending.put(scene, session, call.body))

    @API.transaction(
        "signing.blind_send",
        "POST",
        "/blind/<session>/send",
        body=Nothing,
        answer=BlindState,
        level=Level.ROOM,
        limit=LIMIT,
        summary="Ask those of the first stage; again: its state",
    )
    def send_blind(self, txn: Cursor, call: Call) -> BlindState:
        """From now on the document, its parties and its rules do not change."""
        scene = self._conversation(txn, call, f"send {call.path_args['session']}")
        session = self._own_session(scene, call)
        return sending.state_view(scene, sending.send(scene, session))

    @API.transaction(
        "signing.blind_cancel",
        "POST",
        "/blind/<session>/cancel",
        body=Nothing,
        answer=BlindState,
        level=Level.ROOM,
        limit=LIMIT,
        summary="Take a document back before everyone has signed, or forget a draft",
    )
    def cancel_blind(self, txn: Cursor, call: Call) -> BlindState:
        """Everyone who was asked is told."""
        scene = self._conversation(txn, call, f"cancel {call.path_args['session']}")
        session = self._own_session(scene, call)
        return sending.state_view(scene, acting.cancelled(scene, session))

    @API.transaction(
        "signing.link",
        "POST",
        "/sessions/<session>/link",
        body=Nothing,
        answer=LinkView,
        level=Level.ROOM,
        limit=LIMIT,
        summary="Who somebody is in a document whose key they have by the requester's link",
    )
    def link(self, txn: Cursor, call: Call) -> LinkView:
        """Return the link with which the person's page goes on, as with a link of the bot."""
        scene = self._conversation(txn, call, "link")
        session = sessions.read(txn, scene.vault, call.path_args["session"])
        if session is None or session.sent_at_ms is None:
            raise NotFoundError(sending.NO_SUCH)
        return sending.link_of(scene, session, call.signed_in.person)

    @API.transaction(
        "signing.delete",
        "POST",
        "/sessions/<session>/delete",
        body=Nothing,
        answer=DeletionView,
        level=Level.ROOM,
        limit=LIMIT,
        summary="Have a document that is over deleted, a fortnight after its people are told",
    )
    def delete(self, txn: Cursor, call: Call) -> DeletionView:
        """Only whoever asked for the signatures; digests, who signed when, and the report stay."""
        scene = self._conversation(txn, call, f"delete {call.path_args['session']}")
        session = sessions.lock(txn, scene.vault, call.path_args["session"])
        if session is None or session.requester != call.signed_in.person:
            raise NotFoundError(sending.NO_SUCH)
        return DeletionView(deletes_at_ms=forgetting.ask(scene, session))

    def _own_session(self, scene: Conversation, call: Call) -> Session:
        person = call.signed_in.person
        return sending.own_session(scene, person, call.path_args["session"], is_locked=True)

    def _conversation(self, txn: Cursor, call: Call, cause: str) -> Conversation:
        parts = self._signing.parts
        if parts is None:
            raise NotFoundError(sending.NO_SUCH)
        return parts.conversation(txn, f"blind {cause}", call.now_ms)
