"""Documents that persons sign, outside transactions: sent to be signed, heard of, fetched."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency.cases import store
from appservices.agency.cases.core.inputs import (
    AllSigned,
    NotSigned,
    SignaturesAsked,
    SigningFailed,
)
from appservices.agency.cases.service.cases import case_of, definition_of, step_file, take_step
from appservices.agency.cases.service.conversation import OfficeParts
from appservices.agency.cases.service.event_poller import EventPoller
from appservices.agency.documents.core import document_data
from appservices.agency.documents.pdf import Document, make_document
from appservices.agency.documents.service import emblems_of, keep_made
from appservices.agency.language.core.definition import Signer, SignStep
from appservices.agency.signatures import store as signature_store
from appservices.agency.signatures.service import ASK_SIGNATURES, FETCH_SIGNED, GIVE_UP_SIGNATURES
from veche.bots import ChatJob
from veche.contracts.signing.session_api import (
    TITLE_CHARACTERS_MAX,
    PartyOrder,
    SessionBody,
    StageOrder,
)
from veche.contracts.signing.signing_api import NAME_CHARACTERS_MAX
from veche.protocol.errors import RefusedError, TooLargeError
from veche.runtime.crypto.media import upload_encrypted
from veche.runtime.files.typesetting import TypesettingError
from veche.runtime.matrix.client import MatrixError, path
from veche.runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.cases.core.inputs import Input
    from appservices.agency.signatures.client import SigningClient
    from veche.contracts.signing.session_api import SessionEvent
    from veche.messaging.jobs import Job, JobHandler
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

ENDED: Final = frozenset({"completed", "declined", "expired", "cancelled"})
LOOK_FOR_SIGNER: Final = "agency.signer_left"
"""Job that takes back what somebody who left the office has not signed yet."""
_SIGNER_LEFT: Final = "who approved the case works there no more: let another one sign"
_NEWS: Final = frozenset({"closed", "declined", "expired", "cancelled"})
"""Events after which a session may have ended."""


def signature_handlers(
    parts: OfficeParts, signing_client: SigningClient | None
) -> dict[str, JobHandler]:
    """The handlers of jobs about signatures.

    Args:
        parts: Of the office.
        signing_client: Where its documents are signed; None: none are.
    """
    return {
        ASK_SIGNATURES: _AskSignatures(parts, signing_client),
        GIVE_UP_SIGNATURES: _GiveUpSignatures(parts, signing_client),
        FETCH_SIGNED: _FetchSigned(parts, signing_client),
        LOOK_FOR_SIGNER: _SignerLeft(parts, signing_client),
    }


@attrs.frozen
class _ToSign:
    """The facts of a case that are needed to have its document signed.

    Attributes:
        template: typst.
        data: What it gets.
        issued_at_ms: What stands on it, UTC.
        signers: Accounts, in the order in which they sign, with what each is.
        title: What the document is called.
        due_at_ms: Until when it can be signed, UTC.
        reference: By which its events are known again.
    """

    template: str
    data: Mapping[str, Any]
    issued_at_ms: int
    signers: tuple[tuple[UserId, Signer], ...]
    title: str
    due_at_ms: int
    reference: str


class _SigningHandler(ChatJob[OfficeParts]):
    def __init__(self, parts: OfficeParts, signing_client: SigningClient | None) -> None:
        super().__init__(parts)
        self._client = signing_client

    @property
    def _signing(self) -> SigningClient:
        if self._client is None:
            raise RefusedError(f"{self._parts.section.organisation} has no service of signing")
        return self._client


class _AskSignatures(_SigningHandler):
    """Makes a document and sends it to be signed."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        wanted = await self._host.database.run("agency.sign", self._read, job)
        try:
            made: Document = await in_thread(
                self._host.reactor,
                make_document,
                wanted.template.encode(),
                wanted.data,
                issued_at_ms=wanted.issued_at_ms,
                emblems=emblems_of(self._parts, is_sealed=False),
            )
        except (TypesettingError, TooLargeError) as e:
            return {"failure": str(e)}
        body = await self._body(wanted)
        key = f"{job.payload['case']}.{job.payload['number']}.{job.payload['try']}"
        session = await self._signing.send(body, made.data, key)
        return {"session": session}

    def _read(self, txn: Cursor, job: Job) -> _ToSign:
        scene = self._parts.conversation(txn, job.id, self._host.now_ms())
        file = case_of(txn, job)
        case, definition = file.case, definition_of(scene, file)
        kept = store.definition(txn, case.digest)
        asked, pending = case.signatures, case.pending
        step = definition.steps[case.step]
        if kept is None or asked is None or pending is None or not isinstance(step, SignStep):
            raise RefusedError("the case does not wait for signatures any more")
        clerk = None if asked.clerk is None else scene.workplace.user_of(asked.clerk)
        by = {Signer.PERSON: file.person, Signer.CLERK: clerk}
        signers = [(user, one) for one in step.by if (user := by[one]) is not None]
        if len(signers) != len(step.by):
            raise RefusedError(_SIGNER_LEFT)
        return _ToSign(
            template=kept.templates[job.payload["template"]],
            data=document_data(definition, case, pending, scene.context(file.person)),
            issued_at_ms=pending.issued_at_ms,
            signers=tuple(signers),
            title=_title(scene.context(file.person).language, definition.document),
            due_at_ms=asked.due_at_ms,
            reference=f"{case.id}.{asked.number}",
        )

    async def _body(self, wanted: _ToSign) -> SessionBody:
        parties = [
            PartyOrder(
                party=f"p{at}",
                role="signer" if one is Signer.PERSON else "clerk",
                name=await self._name_of(user),
                user=user,
            )
            for at, (user, one) in enumerate(wanted.signers, 1)
        ]
        name = self._parts.bot.display_name[:NAME_CHARACTERS_MAX]
        seal = PartyOrder(party=f"p{len(parties) + 1}", role="seal", name=name)
        return SessionBody(
            title=wanted.title[:TITLE_CHARACTERS_MAX],
            filename="document.pdf",
            parties=(*parties, seal),
            stages=tuple(StageOrder(parties=(one.party,)) for one in (*parties, seal)),
            deadline_at_ms=wanted.due_at_ms,
            reference=wanted.reference,
        )

    async def _name_of(self, user: UserId) -> str:
        """Return somebody's display name, else the beginning of their account."""
        plain = user.removeprefix("@").partition(":")[0]
        try:
            where = path("profile", user, "displayname")
            found = await self._host.client.call("GET", where, user=self._bot)
        except MatrixError:
            found = {}
        name = found.get("displayname")
        return (name if isinstance(name, str) and name.strip() else plain)[:NAME_CHARACTERS_MAX]

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        scene = self._parts.conversation(txn, job.id, now_ms)
        file = case_of(txn, job)
        number = job.payload["number"]
        if "failure" in result:
            step_file(scene, file, SigningFailed(number, result["failure"]))
            return
        step_file(scene, file, SignaturesAsked(number, result["session"]))

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:
        scene = self._parts.conversation(txn, job.id, now_ms)
        failed = SigningFailed(job.payload["number"], str(error))
        step_file(scene, case_of(txn, job), failed)


class _GiveUpSignatures(_SigningHandler):
    """Takes back what is being signed."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        signing_client, session = self._signing, job.payload["session"]
        if (await signing_client.state(session)).state not in ENDED:
            await signing_client.cancel(session)
        return {}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """The service tells everyone who was asked."""

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """It ended meanwhile, or somebody has to look."""
        logger.warning("the session of %s is not taken back: %s", job.payload["case"], error)


class _SignerLeft(_SigningHandler):
    """Lets nobody sign for the office who works there no more; what they signed before stays."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        parties = (await self._signing.state(job.payload["session"])).parties
        return {"signed": any(one.role == "clerk" and one.state == "signed" for one in parties)}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        scene = self._parts.conversation(txn, job.id, now_ms)
        file, number = case_of(txn, job), job.payload["number"]
        asked = file.case.signatures
        is_same = asked is not None and asked.session == job.payload["session"]
        if is_same and not result["signed"]:
            step_file(scene, file, SigningFailed(number, _SIGNER_LEFT))

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Somebody has to look."""
        logger.error("the session of %s is not taken back: %s", job.payload["case"], error)


class _FetchSigned(_SigningHandler):
    """Fetches the signed document, and stores it, encrypted, at the homeserver."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        data = await self._signing.file(job.payload["session"])
        made = Document.of(data)
        file = await upload_encrypted(self._host.client, self._bot, made.data)
        return {"sha256": made.sha256, "size_bytes": len(made.data), "file": file}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        keep_made(self._parts, txn, job, result, now_ms)

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:
        keep_made(self._parts, txn, job, {"failure": str(error)}, now_ms)


@attrs.frozen
class SigningEventPoller(EventPoller):
    """Hears what became of the sessions of one organisation, and lets its cases go on.

    Attributes:
        signing_client: Where they are.
    """

    signing_client: SigningClient

    async def follow(self) -> None:
        """Hear for ever."""
        await self.poll("signatures", self._round)

    async def _round(self) -> None:
        run = self.host.database.run
        after = await run(
            "agency.signing cursor", signature_store.signing_cursor, self.organisation
        )
        for event in (await self.signing_client.events(after)).events:
            state = ""
            if event.what in _NEWS and event.reference and event.session is not None:
                state = (await self.signing_client.state(event.session)).state
            now_ms = self.host.now_ms()
            await run("agency.signing news", self.hear, event, state, now_ms)

    def hear(self, txn: Cursor, event: SessionEvent, state: str, now_ms: int) -> None:
        """Let an event happen to its case: once, whoever hears it and how often."""
        if not signature_store.move_signing_cursor(txn, self.organisation, event.n):
            return
        case_id, _, number = event.reference.rpartition(".")
        if state not in ENDED or not number.isdecimal() or event.session is None:
            return
        if state == "completed" and event.what != "closed":
            return  # its file is not there yet
        office = self.office_of(txn, case_id)
        if office is not None:
            cause = f"signing event {self.organisation} {event.n}"
            scene = office.conversation(txn, cause, now_ms)
            take_step(scene, case_id, _heard(int(number), event.session, state))


def _heard(number: int, session: str, state: str) -> Input:
    if state == "completed":
        return AllSigned(number, session)
    return NotSigned(number, session, is_late=state != "declined")


def _title(language: str, document: Any) -> str:
    return str(document.title.text(language)) if document is not None else "Document"
