"""Renewing the closed files of sessions: once a day it is looked which ones are due.

A file is due a year before its last time stamp ends to prove anything. It is judged first and
stamped only if it is proven; the new revision is kept like those of signers and handed out again.
What cannot be renewed is logged and tried again the next day, after the others.

Source: design of Veche, signing §7.3.
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.signing.delivery.service import delivery
from appservices.signing.keys.document_cipher import encrypt, increment_of
from appservices.signing.papers.core.growing import added
from appservices.signing.renewal.core import Stamper
from appservices.signing.renewal.sandboxed import Known, renew_file
from appservices.signing.sessions.service import ending
from appservices.signing.sessions.service.conversation import Parts
from appservices.signing.sessions.service.files import read_kept
from appservices.signing.sessions.service.keeping import is_forgotten
from appservices.signing.sessions.store import events, renewals, revisions
from appservices.signing.sessions.store.revisions import Revision
from appservices.signing.sessions.texts.private import renew_doc
from veche.bots import ChatJob
from veche.documents.pki.stamps import StampRequest
from veche.documents.signed_file import lasting_addresses
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import effect_id
from veche.runtime.files.sandbox import in_sandbox
from veche.runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.authority.service.authorities import Authorities
    from appservices.signing.sessions.core.records import Session
    from appservices.signing.sessions.service.conversation import Conversation
    from appservices.signing.sessions.service.files import Kept
    from veche.documents.signatures.report import Report
    from veche.protocol.errors import RefusedError
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

LOOK: Final = "signing.renewals"
"""Job: looks once a day which files are due."""
RENEW: Final = "signing.renew"
"""Job: renews the file of one session."""
DAY_MS: Final = 86_400_000
ASKED_TO_RENEW: Final = "asked_to_renew"
"""Event: the parties were told that one of their pages has to renew the file."""
ASK_AGAIN_MS: Final = 30 * DAY_MS
SESSIONS_MAX: Final = 1_000
"""That are renewed on one day."""


@attrs.frozen
class Renewed:
    """A renewed file.

    Attributes:
        pdf: All of it.
        increment: What was added.
        report: Of the strict check.
    """

    pdf: bytes = attrs.field(repr=False)
    increment: bytes = attrs.field(repr=False)
    report: Report


def order_look(txn: Cursor, at_ms: int) -> None:
    """Have it looked on the day of a moment, once; call it at the start of the service."""
    day = at_ms // DAY_MS
    jobs.schedule(txn, Job(effect_id(LOOK, day), LOOK, {"day": day}, day * DAY_MS))


@attrs.frozen
class Look:
    """Looks which files are due, and orders the next look.

    Attributes:
        stamped_before_ms: Files whose last stamp is older are due, UTC.
    """

    stamped_before_ms: int = 0

    async def perform(self, job: Job) -> Mapping[str, Any]:  # noqa: ARG002 -- of the protocol
        """Nothing: all of it is in the transaction."""
        return {}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Order the renewals of what is due."""
        day = now_ms // DAY_MS
        for session_id in renewals.due(txn, now_ms, self.stamped_before_ms, SESSIONS_MAX):
            id_ = effect_id(RENEW, session_id, day)
            jobs.schedule(txn, Job(id_, RENEW, {"session": session_id}, now_ms))
        order_look(txn, now_ms + DAY_MS)

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:
        """Never: nothing refuses it."""


class Renew(ChatJob[Parts]):
    """Renews the file of one session."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Make the renewed file."""
        session_id = job.payload["session"]
        kept: Kept = await self._host.database.run(
            "signing.renew", read_kept, self._parts, session_id
        )
        if kept.session.is_blind:
            return {}
        now_ms = self._host.now_ms()
        renewed = await in_thread(self._host.reactor, renew_kept, self._parts, kept, now_ms)
        return {"revision": kept.session.revision, "renewed": renewed}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Keep it, plan the next one, and have it handed out."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        session = scene.session(job.payload["session"])
        if session is not None and session.is_blind:
            _ask_pages(scene, session)
        elif (
            session is not None
            and session.revision == result["revision"]
            and not is_forgotten(scene, session)
        ):
            keep(scene, session, result["renewed"])

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Say it in the log: somebody has to look why the file is not proven."""
        session_id = job.payload["session"]
        renewals.count_failure(txn, session_id)
        logger.error("the file of session %s is not renewed: %s", session_id, error)


def renew_kept(parts: Parts, kept: Kept, now_ms: int) -> Renewed:
    """Renew a file; it takes seconds, so call it in a thread.

    Raises:
        NotRenewedError: It is not proven, or would not be for longer.
        SandboxError: It cannot be read within the bounds.
    """
    pdf, authorities, by = kept.whole(), parts.authorities, parts.signing.stamped_by
    proofs = parts.seals.proofs()
    stamper = Stamper(
        proofs.certificates,
        lambda digest: parts.seals.stamp(StampRequest(digest, by=by), now_ms),
        by,
    )
    addresses = in_sandbox(lasting_addresses, pdf)
    own, others = _lists_at(authorities, addresses)
    lists = list(dict.fromkeys([*own, *parts.seals.lists_at(others), *proofs.lists]))
    known = Known(authorities.trusted, now_ms, lists)
    renewed, report = renew_file(pdf, known, stamper)
    increment = added(pdf, renewed) if kept.session.has_container else renewed[len(pdf) :]
    return Renewed(renewed, increment, report)


def keep(scene: Conversation, session: Session, renewed: Renewed) -> None:
    """Keep a renewed file as one more revision."""
    head, number = session.head_sha256, session.revision + 1
    assert head is not None, "it was closed"  # noqa: S101 -- our bug
    digest = hashlib.sha256(renewed.pdf).digest()
    revision = Revision(
        number=number,
        party=None,
        previous_sha256=head,
        sha256=digest,
        size=len(renewed.increment),
        increment=encrypt(session.subject.key, renewed.increment, increment_of(number)),
        at_ms=scene.now_ms,
    )
    revisions.add(scene.txn, session.id, revision)
    session = attrs.evolve(session, revision=number, head_sha256=digest, final_sha256=digest)
    verdict = renewed.report.verdict.value
    scene.record(session, "renewed", details={"verdict": verdict})
    ending.plan_renewal(scene, session, renewed.report.proven_until_ms)
    delivery.order(scene, scene.save(session), verdict)


def _ask_pages(scene: Conversation, session: Session) -> None:
    """Tell the parties of a file that only browsers can read that one of them has to renew it."""
    asked = [
        one.at_ms
        for one in events.of_session(scene.txn, scene.vault, session.id)
        if one.what == ASKED_TO_RENEW
    ]
    if asked and scene.now_ms - asked[-1] < ASK_AGAIN_MS:
        return
    scene.record(session, ASKED_TO_RENEW)
    for person in delivery.recipients(session):
        room_id = scene.chat_of(person)
        if room_id is not None:
            scene.tell(room_id, person, renew_doc(session, scene.localizer(person)))


def _lists_at(authorities: Authorities, addresses: list[str]) -> tuple[list[bytes], list[str]]:
    """The newest lists of this site that are at certain addresses, and which are of others."""
    found, others = [], []
    for address in dict.fromkeys(addresses):
        name = address.rpartition("/")[2].partition(".")[0]
        try:
            held = authorities.lists.get(int(name, 16))
        except ValueError:
            held = None
        if held is not None:
            found.append(held)
        else:
            others.append(address)
    return found, others
