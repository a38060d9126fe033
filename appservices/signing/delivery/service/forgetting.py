"""Deleting what is kept of closed documents: in time, or when whoever asked for them wants it.

A private one nobody here can read, and the link with the key lies in chats for ever: so what that
opens is not kept for ever. Any other is under the operator's key, and is kept while it is renewed.
Whoever takes part is told a fortnight before, also if it was due long ago when this was first
looked at. Digests, names of accounts, times and the report stay: they prove what was signed to
whoever has the file.

Source: design of Veche, signing §4.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.signing.delivery.service.delivery import recipients
from appservices.signing.sessions.core.errors import NotOverError
from appservices.signing.sessions.core.parties import PartyState
from appservices.signing.sessions.core.records import Mode
from appservices.signing.sessions.service.conversation import Parts
from appservices.signing.sessions.service.keeping import (
    WARNED_MS,
    forgotten_at_ms,
    is_asked,
    is_forgotten,
    kept_ms,
    warned_at_ms,
)
from appservices.signing.sessions.store import blobs, renewals, revisions, sessions
from appservices.signing.sessions.store.kept import DELETION_ASKED, EXPIRING
from appservices.signing.sessions.texts.keeping import expiring_doc
from veche.bots import ChatJob
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import effect_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.sessions.core.records import Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.runtime.database import Cursor

LOOK: Final = "signing.private"
"""Job: looks once a day which documents are due."""
DELETE: Final = "signing.delete_private"
"""Job: tells the people of one document, or deletes what is kept of it."""
FORGOTTEN: Final = "forgotten"
"""Event: it was."""
DAY_MS: Final = 86_400_000
SESSIONS_MAX: Final = 1_000
"""Of each kind that are looked after on one day; the others on the next."""


def order_look(txn: Cursor, at_ms: int) -> None:
    """Have it looked on the day of a moment, once; call it at the start of the service."""
    day = at_ms // DAY_MS
    jobs.schedule(txn, Job(effect_id(LOOK, day), LOOK, {"day": day}, day * DAY_MS))


class Look(ChatJob[Parts]):
    """Looks which documents are due, and orders the next look."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Order what is due, and forget drafts that nobody can send any more."""
        day = now_ms // DAY_MS
        for mode in Mode:
            lasts_ms = kept_ms(self._parts.section, is_blind=mode is Mode.BLIND)
            for session_id in sessions.forgettable(
                txn, mode, EXPIRING, now_ms - lasts_ms, (now_ms, WARNED_MS), SESSIONS_MAX
            ):
                id_ = effect_id(DELETE, session_id, day)
                jobs.schedule(txn, Job(id_, DELETE, {"session": session_id}, now_ms))
        for session_id in sessions.late_drafts(txn, now_ms, SESSIONS_MAX):
            sessions.drop(txn, session_id)
        order_look(txn, now_ms + DAY_MS)


class Delete(ChatJob[Parts]):
    """Tells the people of one document, or deletes what is kept of it."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Do what is due now, if anything is."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        session = scene.session(job.payload["session"])
        if session is None or is_forgotten(scene, session):
            return
        at_ms = forgotten_at_ms(scene, session)
        if at_ms is None:
            return
        if warned_at_ms(scene, session) is None:
            _warn(scene, session, at_ms)
        elif at_ms <= now_ms:
            forget(scene, session)


def ask(scene: Conversation, session: Session) -> int | None:
    """Order the deletion of a document for its requester; a second call changes nothing.

    Args:
        scene: The transaction.
        session: Locked.

    Returns:
        From when it is deleted, UTC; None: it is. Those who signed can save the file before.

    Raises:
        NotOverError: It is still being signed, or closed.
    """
    if is_forgotten(scene, session):
        return None
    if session.closed_at_ms is None:
        raise NotOverError
    if not is_asked(scene, session):
        scene.record(session, DELETION_ASKED)
    if not _is_signed(session):
        forget(scene, session)
        return None
    at_ms = forgotten_at_ms(scene, session)
    assert at_ms is not None, "it is closed"  # noqa: S101 -- our bug
    if warned_at_ms(scene, session) is None:
        _warn(scene, session, at_ms)
    id_ = effect_id(DELETE, session.id, "asked")
    jobs.schedule(scene.txn, Job(id_, DELETE, {"session": session.id}, at_ms))
    return at_ms


def forget(scene: Conversation, session: Session) -> None:
    """Delete a document: the file, all signatures in it, what it was made from, what is private.

    Args:
        scene: The transaction.
        session: Locked; closed.
    """
    for kind in ("upload", "document", "matter"):
        blobs.drop(scene.txn, session.id, kind)
    revisions.empty(scene.txn, session.id)
    # Nobody can renew it here any more; whoever has the file can.
    renewals.drop(scene.txn, session.id)
    if session.subject.template is not None:
        session = attrs.evolve(session, subject=attrs.evolve(session.subject, template=None))
    scene.record(session, FORGOTTEN)
    scene.save(session)


def _warn(scene: Conversation, session: Session, at_ms: int) -> None:
    scene.record(session, EXPIRING)
    if not _is_signed(session):
        return  # there is nothing in it that anybody has to keep
    by_wish = is_asked(scene, session)
    for person in recipients(session):
        room_id = scene.chat_of(person)
        if room_id is not None:
            doc = expiring_doc(session, at_ms, scene.localizer(person), is_asked=by_wish)
            scene.tell(room_id, person, doc)


def _is_signed(session: Session) -> bool:
    return any(one.party.state is PartyState.SIGNED for one in session.members)
