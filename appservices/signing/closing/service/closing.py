"""Closing a session's file: a time stamp over all of it, a strict verdict, the report on it.

Outside the transaction the file is put together, stamped and judged; in the one that ends the
job all of it is kept at once. So after a crash at any moment it is done again, or is there.
What fails is tried again, later and later.

Source: design of Veche, signing §3.7.
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.signing.cards.service.news import requester_of
from appservices.signing.closing.service.organisation_seals import BASIS
from appservices.signing.closing.service.recording import has_seal, make_report, record_of
from appservices.signing.keys.document_cipher import DOCUMENT, encrypt, increment_of
from appservices.signing.papers.core.judged import judged, judged_file
from appservices.signing.papers.service.appending import free_names
from appservices.signing.parties.service.effects import Happening, happen
from appservices.signing.private.service.closing import CLOSABLE
from appservices.signing.sessions.core.session import Input
from appservices.signing.sessions.service.conversation import PURPOSE, Parts
from appservices.signing.sessions.service.ending import RETRY_MS_MAX, retry_ms
from appservices.signing.sessions.service.files import read_kept
from appservices.signing.sessions.store import blobs, revisions
from appservices.signing.sessions.store.revisions import Revision
from appservices.signing.stamps.store import add_seal
from veche.acts import spend
from veche.bots import ChatJob
from veche.chat.sending import Ground
from veche.documents.asic import container
from veche.documents.pdf.document import Document
from veche.documents.pdf.signing import prepare_closing, room_for_stamp
from veche.documents.pki.stamps import StampRequest
from veche.documents.signatures.report import Verdict
from veche.protocol.acts import ActClass, call_form
from veche.protocol.unpadded_base64 import encode_base64
from veche.runtime.files.sandbox import in_sandbox
from veche.runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from appservices.signing.evidence.core.record import Evidence
    from appservices.signing.sessions.core.records import Session
    from appservices.signing.sessions.service.conversation import Conversation
    from appservices.signing.sessions.service.files import Grow, Kept
    from veche.documents.pdf.signing import Prepared
    from veche.documents.signatures.report import Report
    from veche.messaging.jobs import Job
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

FIELD: Final = "Closed"
_FALSE: Final = frozenset({Verdict.INVALID, Verdict.UNSIGNED, Verdict.UNREADABLE})


class NotClosedError(Exception):
    """The closed file is not as it has to be: nothing of it is kept."""


@attrs.frozen
class Closed:
    """A closed file.

    Attributes:
        sha256: Of all of it.
        increment: What was added; empty: nobody has signed in the file, or a page has closed it.
        verdict: Of the strict check; None: nobody has signed in the file, or it is not seen here.
        proven_until_ms: Until when it stays provable, UTC; None: it never was.
    """

    sha256: bytes
    increment: bytes = attrs.field(default=b"", repr=False)
    verdict: str | None = None
    proven_until_ms: int | None = None


class Close(ChatJob[Parts]):
    """Closes the file of a session."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Make the closed file and the report on it, or say why there is none."""
        try:
            kept = await self._host.database.run(
                "signing.close", read_kept, self._parts, job.payload["session"]
            )
            if not _is_to_close(kept.session):
                return {}
            closed = await self._close(kept)
            is_sealed = has_seal(self._parts, self._host.now_ms())
            report = await self._report_on(kept, closed, is_sealed=is_sealed)
        except Exception as e:  # noqa: BLE001 -- whatever it is, the session stays to be closed
            self._report(job, e)
            return {"failed": True}
        return {"kept": kept, "closed": closed, "evidence": report, "is_sealed": is_sealed}

    async def _close(self, kept: Kept) -> Closed:
        """The closed file: prepared in a thread, stamped by the key, judged in the sandbox.

        Raises:
            NotClosedError: The closed file does not hold.
        """
        reactor, parts = self._host.reactor, self._parts
        now_ms = self._host.now_ms()
        if kept.session.is_blind:
            return await in_thread(reactor, _closed_by_page, parts, kept.session)
        if not kept.revisions:
            unsigned = await in_thread(reactor, kept.whole)
            return Closed(hashlib.sha256(unsigned).digest())
        prepared, grow = await in_thread(reactor, _prepare, parts, kept)
        request = StampRequest(prepared.digest, by=parts.signing.stamped_by)
        token = await parts.pool.run(parts.seals.stamp, request, now_ms)
        increment = prepared.filled(token)
        whole: bytes = await in_thread(reactor, grow, increment)
        roots = parts.authorities.trusted
        judge: Callable[[bytes, Sequence[bytes], int], Report] = judged
        if kept.session.has_container:
            judge = judged_file
        report: Report = await in_thread(reactor, in_sandbox, judge, whole, roots, now_ms)
        if report.verdict in _FALSE:
            reasons = ", ".join(one.reason.value for one in report.findings)
            raise NotClosedError(f"the closed file is {report.verdict.value}: {reasons}")
        digest = hashlib.sha256(whole).digest()
        return Closed(digest, increment, report.verdict.value, report.proven_until_ms)

    async def _report_on(self, kept: Kept, closed: Closed, *, is_sealed: bool) -> bytes:
        """The evidence report, sealed by who runs the bot if that can be."""
        record, language = await self._host.database.run(
            "signing.record", self._read_record, kept.session, closed
        )
        now_ms = self._host.now_ms()
        return await self._parts.pool.run(
            make_report, self._parts, record, language, now_ms, is_sealed=is_sealed
        )

    def _read_record(self, txn: Cursor, session: Session, closed: Closed) -> tuple[Evidence, str]:
        scene = self._parts.conversation(txn, f"record {session.id}", self._host.now_ms())
        requester = requester_of(session)
        default = self._parts.section.language
        language = default if requester is None else scene.language_of(requester)
        return record_of(scene, session, closed.sha256, closed.verdict or ""), language

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Keep all of it, and have it handed out; or come back later."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        session = scene.session(job.payload["session"])
        if session is None or not _is_to_close(session):
            return
        if "closed" not in result:
            tries = job.payload["tries"] + 1
            happen(scene, session, Happening(Input.SEAL_FAILED, tries=tries))
            return
        kept, closed = result["kept"], result["closed"]
        if kept.session.revision != session.revision:
            happen(scene, session, Happening(Input.SEAL_FAILED, tries=1))
            return
        _keep_evidence(scene, session, result["evidence"], is_sealed=result["is_sealed"])
        _keep(scene, session, closed)

    def _report(self, job: Job, error: Exception) -> None:
        tries = job.payload["tries"] + 1
        is_late = retry_ms(tries) >= RETRY_MS_MAX
        logger.log(
            logging.ERROR if is_late else logging.WARNING,
            "session %s cannot be closed, attempt %d",
            job.payload["session"],
            tries,
            exc_info=error,
        )


def _closed_by_page(parts: Parts, session: Session) -> Closed:
    """A file that is not seen here: a page has closed it, unless nobody signed, or came."""
    assert session.head_sha256 is not None, "it was sent"  # noqa: S101 -- our bug
    if session.final_sha256 is None:
        return Closed(session.head_sha256)
    return Closed(session.final_sha256, proven_until_ms=parts.seals.proven_until_ms())


def _prepare(parts: Parts, kept: Kept) -> tuple[Prepared | container.Prepared, Grow]:
    """The revision that closes the file, still without its stamp, and how the file is with one."""
    proofs, by = parts.seals.proofs(), parts.signing.stamped_by
    if kept.session.has_container:
        # With the stamp: what is there already is others', and stays as it is.
        prepared = container.prepare_closing(kept.container(), by=by)
        return prepared.carrying(proofs), kept.container
    pdf = kept.whole()
    document = Document(pdf)
    field = free_names(document, [FIELD])[FIELD]
    room = room_for_stamp(proofs.certificates)
    return prepare_closing(document, field, proofs, bytes_max=room, by=by), pdf.__add__


def _keep_evidence(
    scene: Conversation, session: Session, report: bytes, *, is_sealed: bool
) -> None:
    """Keep the report; that it has a seal is an act, committed before the report leaves."""
    cipher = encrypt(session.subject.key, report, DOCUMENT)
    blobs.put(scene.txn, session.id, "evidence", cipher, scene.now_ms)
    if not is_sealed:
        return
    organisation, digest = scene.section.id, hashlib.sha256(report).digest()
    form = call_form(
        "signing", "seal", session=session.id, digest=encode_base64(digest), by=organisation
    )
    ground = Ground(None, PURPOSE, BASIS, case=session.id)
    spend(scene.txn, scene.sender.commit(ActClass.SEAL, form, ground), form)
    add_seal(scene.txn, organisation, digest, f"evidence {session.id}", scene.now_ms)


def _keep(scene: Conversation, session: Session, closed: Closed) -> None:
    """Keep the closed file; all that follows from it is ordered."""
    digest = closed.sha256
    if closed.increment:
        head, number = session.head_sha256, session.revision + 1
        assert head is not None, "it was read with the file"  # noqa: S101 -- our bug
        revision = Revision(
            number=number,
            party=None,
            previous_sha256=head,
            sha256=digest,
            size=len(closed.increment),
            increment=encrypt(session.subject.key, closed.increment, increment_of(number)),
            at_ms=scene.now_ms,
        )
        revisions.add(scene.txn, session.id, revision)
        session = attrs.evolve(session, revision=number, head_sha256=digest)
    session = attrs.evolve(session, final_sha256=digest, closed_at_ms=scene.now_ms)
    scene.record(session, "closed", details={"verdict": closed.verdict})
    until_ms = closed.proven_until_ms
    happen(
        scene, session, Happening(Input.SEALED, verdict=closed.verdict, proven_until_ms=until_ms)
    )


def _is_to_close(session: Session) -> bool:
    return session.state in CLOSABLE and session.closed_at_ms is None
