"""Routes for a party's page: the session, its files, a certificate, signing.

Who asks is known by the token of the party's link, which shows and downloads. To sign or to
decline takes what the person's own device key has signed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from appservices.signing.pages.routes.api import API, Signing
from appservices.signing.pages.service.views import session_view
from appservices.signing.parties.api.declining import DeclineBody
from appservices.signing.parties.api.parties import (
    AskBody,
    AskedView,
    CertificateBody,
    CertificateView,
    SessionView,
    SignatureBody,
)
from appservices.signing.parties.service import acting
from appservices.signing.parties.service.approvals import ask
from appservices.signing.parties.service.declining import decline
from appservices.signing.private.api import ClosingBody, DoubtBody
from appservices.signing.private.service import closing
from appservices.signing.sessions.core.session import State
from appservices.signing.sessions.service import keeping
from appservices.signing.sessions.service.tokens import SEED, is_token, read_header
from appservices.signing.sessions.store import blobs, sessions
from appservices.signing.signatures.service import certifying, taking
from veche.access.approvals import said
from veche.api import Download
from veche.protocol.errors import LimitError, NotFoundError, SignInError, VecheError
from veche.protocol.wire import Wire
from veche.runtime.web.limits import Buckets, Limit

if TYPE_CHECKING:
    from collections.abc import Callable

    from appservices.signing.parties.api.parties import RevisionView
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation, Parts
    from appservices.signing.sessions.service.tokens import PartyToken
    from veche.api import Call
    from veche.runtime.database import Cursor

READ_LIMIT: Final = Limit(burst=400, per_s=20)
"""Views and files for one client address."""
ASK_LIMIT: Final = Limit(burst=60, per_s=2)
"""Questions for one client address."""
SIGN_LIMIT: Final = Limit(burst=200, per_s=10)
"""Certificates and signatures for one client address: keys and files to check; one gesture may be
for hundreds of documents."""
BYTES_LIMIT: Final = Limit(burst=1024 * 1024 * 1024, per_s=8 * 1024 * 1024)
"""Bytes of documents for one client address."""
_DIGEST_CHARACTERS: Final = 64
_NO_LINK: Final = "Please open the link from your chat again"
_NO_SUCH: Final = "There is no such document here, or it is not yours to see"


V = TypeVar("V")


class Nothing(Wire):
    """An empty object."""


class Files:
    """Ciphertexts of documents, so much at once for a client address."""

    def __init__(self, reactor: Any) -> None:
        """Serve them."""
        self._reactor = reactor
        self._bytes = Buckets(BYTES_LIMIT)

    def of(self, scene: Conversation, session: Session, call: Call) -> Download:
        """The one whose digest the path has.

        Raises:
            LimitError: It was too much at once.
            NotFoundError: There is no such, or none any more.
        """
        name = call.path_args["digest"]
        try:
            digest = bytes.fromhex(name) if len(name) == _DIGEST_CHARACTERS else b""
        except ValueError:
            digest = b""
        size = blobs.size(scene.txn, session.id, digest)
        wait_ms = self._bytes.spend(call.address, self._reactor.seconds(), size or 0)
        if wait_ms:
            raise LimitError("That is much at once. Please wait.", retry_after_ms=wait_ms)
        found = blobs.get(scene.txn, session.id, digest)
        if found is None:
            keeping.check_kept(scene, session)
            raise NotFoundError(_NO_SUCH)
        return Download(found, "application/octet-stream", f"{name}.bin")


class PartyCalls:
    """Calls of parties: who asks is known by the token of their link."""

    def __init__(self, signing: Signing) -> None:
        """Serve them."""
        self._host = signing.host
        self._signing = signing

    async def admit(self, call: Call) -> None:
        """Refuse whoever has no link of a party, before a large body is read."""
        if read_header(call.header("veche-party")) is None:
            raise SignInError(_NO_LINK)

        def work(txn: Cursor) -> None:
            self._sent(self._conversation(txn, call, "admit"), call)

        # For a certificate the session stands in the body.
        if "session" in call.path_args:
            await self._host.database.run("signing.admit", work)

    async def _unless_refused(
        self, name: str, work: Callable[[Cursor], V | VecheError], call: Call
    ) -> V:
        """Run a transaction; what it returns as an error is raised once it has committed."""
        done = await self._host.database.run(name, work)
        if isinstance(done, VecheError):
            raise said(done, call.language)
        return done

    def _conversation(self, txn: Cursor, call: Call, cause: str) -> Conversation:
        return self._parts().conversation(txn, f"page {cause}", call.now_ms)

    def _parts(self) -> Parts:
        parts = self._signing.parts
        if parts is None:
            raise NotFoundError(_NO_SUCH)
        return parts

    def _sent(self, scene: Conversation, call: Call) -> tuple[Session, Member]:
        return self._party(scene, call, None, call.path_args["session"])

    def _locked(
        self, scene: Conversation, call: Call, party: str | None = None, session: str | None = None
    ) -> tuple[Session, Member]:
        """The session, locked, and the party whose token it is."""
        where = session or call.path_args["session"]
        return self._party(scene, call, party, where, is_locked=True)

    def _party(
        self,
        scene: Conversation,
        call: Call,
        party: str | None,
        session_id: str,
        *,
        is_locked: bool = False,
    ) -> tuple[Session, Member]:
        told = read_header(call.header("veche-party"))
        if told is None:
            raise SignInError(_NO_LINK)
        session, member = known_party(scene, session_id, told, is_locked=is_locked)
        if party is not None and party != member.id:
            raise NotFoundError(_NO_SUCH)
        return session, member


class PartyRoutes(PartyCalls):
    """Serves parties."""

    def __init__(self, signing: Signing) -> None:
        """Serve them."""
        super().__init__(signing)
        self._files = Files(signing.host.reactor)

    @API.sessionless.transaction(
        "signing.view",
        "GET",
        "/sessions/<session>",
        answer=SessionView,
        limit=READ_LIMIT,
        summary="A session as one of its parties sees it (Veche-Party: PARTY TOKEN)",
    )
    def read(self, txn: Cursor, call: Call) -> SessionView:
        """A session."""
        scene = self._conversation(txn, call, "read")
        return session_view(scene, *self._sent(scene, call))

    @API.sessionless.transaction(
        "signing.blob",
        "GET",
        "/sessions/<session>/blobs/<digest>",
        answer=Download,
        limit=READ_LIMIT,
        summary="The document, encrypted; the key is in the party's link",
    )
    def blob(self, txn: Cursor, call: Call) -> Download:
        """A ciphertext."""
        scene = self._conversation(txn, call, "blob")
        session, _ = self._sent(scene, call)
        return self._files.of(scene, session, call)

    @API.sessionless.transaction(
        "signing.viewed",
        "POST",
        "/sessions/<session>/view",
        body=Nothing,
        answer=Nothing,
        limit=READ_LIMIT,
        summary="The party has the document before their eyes",
    )
    def viewed(self, txn: Cursor, call: Call) -> Nothing:
        """Keep that they have seen it."""
        scene = self._conversation(txn, call, "viewed")
        session, member = self._locked(scene, call)
        acting.viewed(scene, session, member.id)
        return Nothing()

    @API.sessionless.route(
        "POST",
        "/sessions/<session>/ask",
        body=AskBody,
        answer=AskedView,
        limit=ASK_LIMIT,
        summary="What the person's device key has to sign, to sign or to decline",
    )
    async def ask(self, call: Call) -> AskedView:
        """A fresh question; an earlier one of this party counts no more."""

        def work(txn: Cursor) -> AskedView | VecheError:
            # Each party's guardians are asked, and once more if what they said counts no more.
            about = f"{call.path_args['session']} {call.body.party} {call.now_ms}"
            scene = self._conversation(txn, call, f"ask {about}")
            session, member = self._locked(scene, call, call.body.party)
            return ask(scene, session, member, call.body)

        return await self._unless_refused("signing.ask", work, call)

    @API.sessionless.route(
        "POST",
        "/certificates",
        body=CertificateBody,
        answer=CertificateView,
        limit=SIGN_LIMIT,
        summary="A certificate for one key and one document; the same approval gives the same",
    )
    async def certificate(self, call: Call) -> CertificateView:
        """Issue it, once it is in the log of acts; its key signs between two transactions."""
        body: CertificateBody = call.body
        nonce = body.approval.approval.nonce

        def prepare(txn: Cursor) -> certifying.ToSign | CertificateView | VecheError:
            scene = self._conversation(txn, call, f"certifying {nonce} {body.session}")
            session, member = self._locked(scene, call, body.party, body.session)
            return certifying.prepare(scene, session, member, body)

        def keep(txn: Cursor, signed: certifying.Signed) -> CertificateView:
            scene = self._conversation(txn, call, f"certificate {nonce} {body.session}")
            session, member = self._locked(scene, call, body.party, body.session)
            return certifying.keep(scene, session, member, signed)

        run, known = self._host.database.run, self._parts().authorities
        wanted: certifying.ToSign | CertificateView
        wanted = await self._unless_refused("signing.certifying", prepare, call)
        if isinstance(wanted, CertificateView):
            return wanted
        signed = await self._signing.pool.run(certifying.sign, wanted, known)
        return await run("signing.certificate", keep, signed)

    @API.sessionless.route(
        "POST",
        "/sessions/<session>/signatures",
        body=SignatureBody,
        answer=SessionView,
        limit=SIGN_LIMIT,
        summary="Hand in a signature: what was added to the file, or the approval alone",
    )
    async def sign(self, call: Call) -> SessionView:
        """It is checked as strictly as a verdict, and counts once."""
        body: SignatureBody = call.body
        if body.revision is not None:
            return await self._take_revision(call, body.revision)

        def work(txn: Cursor) -> SessionView | VecheError:
            assert body.approval is not None, "one of the two is there"  # noqa: S101 -- of the model
            nonce = body.approval.approval.nonce
            scene = self._conversation(txn, call, f"signature {nonce}")
            session, member = self._locked(scene, call, body.party)
            taken = taking.take_approval(scene, session, member, body.approval)
            return taken if isinstance(taken, VecheError) else _view(scene, taken, member)

        return await self._unless_refused("signing.sign", work, call)

    @API.sessionless.route(
        "POST",
        "/sessions/<session>/decline",
        body=DeclineBody,
        answer=SessionView,
        limit=ASK_LIMIT,
        summary="Decline to sign, with a reason; it is final",
    )
    async def decline(self, call: Call) -> SessionView:
        """Signed by the device key as well, so that nobody else can."""
        body: DeclineBody = call.body

        def work(txn: Cursor) -> SessionView | VecheError:
            scene = self._conversation(txn, call, f"decline {body.approval.approval.nonce}")
            session, member = self._locked(scene, call, body.party)
            done = decline(scene, session, member, body)
            return done if isinstance(done, VecheError) else _view(scene, done, member)

        return await self._unless_refused("signing.decline", work, call)

    @API.sessionless.route(
        "POST",
        "/sessions/<session>/closing",
        body=ClosingBody,
        answer=SessionView,
        limit=SIGN_LIMIT,
        summary="Close a file that the service does not see, or put another time stamp on it",
    )
    async def close(self, call: Call) -> SessionView:
        """The time stamp is checked; whether the file holds, pages judge."""
        body: ClosingBody = call.body

        def keep(txn: Cursor) -> SessionView:
            about = f"{call.path_args['session']} {body.revision.number}"
            scene = self._conversation(txn, call, f"closing {about}")
            session, member = self._locked(scene, call, body.party)
            done = closing.keep(scene, session, member, body.revision, until_ms)
            return _view(scene, done, member)

        parts, now_ms = self._parts(), self._host.now_ms()
        check = closing.check
        until_ms = await self._signing.pool.run(check, body.revision, parts, now_ms)
        return await self._host.database.run("signing.closing", keep)

    @API.sessionless.transaction(
        "signing.doubt",
        "POST",
        "/sessions/<session>/doubt",
        body=DoubtBody,
        answer=Nothing,
        limit=ASK_LIMIT,
        summary="A page refuses what it got of a file that the service does not see",
    )
    def doubt(self, txn: Cursor, call: Call) -> Nothing:
        """Tell the requester of a doubt."""
        body: DoubtBody = call.body
        about = f"{call.path_args['session']} {body.party} {body.revision} {body.fault}"
        scene = self._conversation(txn, call, f"doubt {about}")
        session, member = self._locked(scene, call, body.party)
        closing.doubted(scene, session, member, body)
        return Nothing()

    async def _take_revision(self, call: Call, revision: RevisionView) -> SessionView:
        run, party = self._host.database.run, call.body.party

        def read(txn: Cursor) -> taking.Held:
            scene = self._conversation(txn, call, "held")
            session, member = self._party(scene, call, party, call.path_args["session"])
            return taking.read_held(scene, session, member, revision)

        def keep(txn: Cursor, held: taking.Held) -> SessionView:
            # One approval may be of many documents: each is news of its own.
            about = f"{held.issued.nonce} {held.kept.session.id} {revision.number}"
            scene = self._conversation(txn, call, f"signature {about}")
            session, member = self._locked(scene, call, party)
            return _view(scene, taking.keep(scene, held, session, revision), member)

        held = await run("signing.held", read)
        parts, now_ms = self._parts(), self._host.now_ms()
        await self._signing.pool.run(taking.check_held, held, revision, parts, now_ms)
        return await run("signing.sign", keep, held)


def known_party(
    scene: Conversation, session_id: str, told: PartyToken, *, is_locked: bool = False
) -> tuple[Session, Member]:
    """A session that was sent, and the party whose token it is.

    Raises:
        NotFoundError: There is no such, or it is another's token.
    """
    read = sessions.lock if is_locked else sessions.read
    session = read(scene.txn, scene.vault, session_id)
    member = None if session is None else session.member(told.party)
    if session is None or member is None or session.state is State.DRAFT:
        raise NotFoundError(_NO_SUCH)
    if not is_token(scene.parts.host.seed(SEED), session.id, member, told.token):
        raise NotFoundError(_NO_SUCH)
    if session.paper is None:
        raise NotFoundError(_NO_SUCH)
    return session, member


def _view(scene: Conversation, session: Session, member: Member) -> SessionView:
    return session_view(scene, session, session.member(member.id) or member)
