"""Closing files that the service never sees: a party's page does it, and hands in the proof.

What the service can check is that the time stamp is its own and that the revision follows the
newest one. Whether the file holds, the pages judge, and whoever gets the file.

Source: design of Veche, signing §3.7, §4 and §7.3.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.signing.cards.service import news
from appservices.signing.keys.document_cipher import OVERHEAD_BYTES
from appservices.signing.papers.core.addition import check_claimed_stamp
from appservices.signing.sessions.core.errors import StaleRevisionError
from appservices.signing.sessions.core.parties import PartyState
from appservices.signing.sessions.core.session import BROKEN_OFF, State
from appservices.signing.sessions.service import ending
from appservices.signing.sessions.store import events, renewals, revisions
from appservices.signing.sessions.store.revisions import Revision
from appservices.signing.sessions.texts.private import doubt_doc
from veche.protocol.errors import BadSignatureError, MalformedError, RefusedError
from veche.protocol.unpadded_base64 import decode_base64

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.parties.api.parties import RevisionView
    from appservices.signing.private.api import DoubtBody
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation, Parts

DOUBTED: Final = "doubted"
DOUBTS_MAX: Final = 10
"""Of one party in one session that are kept."""
CLOSABLE: Final = frozenset({State.SEALING, *BROKEN_OFF})
"""States in which a file is closed, if somebody has signed in it."""


def is_to_close(session: Session, member: Member) -> bool:
    """Return whether a party's page has to close the file of a session now."""
    is_open = session.final_sha256 is None and session.closed_at_ms is None
    is_signed = session.is_blind and session.state in CLOSABLE and session.revision > 0
    return is_signed and is_open and _may_close(session, member)


def is_to_renew(scene: Conversation, session: Session, member: Member) -> bool:
    """Return whether a party's page must add a time stamp to a session's closed file."""
    is_closed = session.is_blind and session.closed_at_ms is not None and session.revision > 0
    if not is_closed or not _may_close(session, member):
        return False
    before_ms = scene.parts.signing.renew_stamped_before_ms
    return renewals.is_due(scene.txn, session.id, scene.now_ms, before_ms)


def check(body: RevisionView, parts: Parts, now_ms: int) -> int:
    """Make sure that what closes a file has a time stamp of ours over what it says.

    Until when that proves something, UTC.

    Raises:
        BadSignatureError: It has not.
        MalformedError: Something is missing in it, or its size is another.
    """
    cms, digest = claimed(body)
    stamps, by = parts.authorities.stampers, parts.signing.stamped_by
    return check_claimed_stamp(cms, digest, stamps, now_ms, by)


def claimed(body: RevisionView) -> tuple[bytes, bytes]:
    """Return a page's signature in an unseen file, and the part that it covers.

    Raises:
        BadSignatureError: The size is not that of the increment.
        MalformedError: Something is missing.
    """
    if body.cms is None or body.signed_sha256 is None:
        missing = "cms" if body.cms is None else "signed_sha256"
        raise MalformedError(missing, "is missing: this service does not see the file")
    if len(decode_base64(body.increment)) != body.size + OVERHEAD_BYTES:
        raise BadSignatureError("its size is not the one that was told")
    return decode_base64(body.cms), decode_base64(body.signed_sha256)


def _may_close(session: Session, member: Member) -> bool:
    """Return whether a party may close the file: a signer, or the requester.

    Why: what is handed in here is not seen, so whoever only reads it could spoil it.
    """
    return member.party.state is PartyState.SIGNED or member.person == session.requester


def keep(
    scene: Conversation, session: Session, member: Member, body: RevisionView, until_ms: int
) -> Session:
    """Keep what closes the file, or renews it; all that follows is ordered.

    Args:
        scene: The transaction.
        session: Locked, as it is now.
        member: Whose page has done it.
        body: What was checked.
        until_ms: Until when its time stamp proves something, UTC.

    Raises:
        RefusedError: The file is not to be closed now.
        StaleRevisionError: Another page was first; nothing has changed.
    """
    head = session.head_sha256
    assert head is not None, "it was sent"  # noqa: S101 -- our bug
    is_next = body.number == session.revision + 1
    if not is_next or not hmac.compare_digest(head, decode_base64(body.previous_sha256)):
        raise StaleRevisionError(session.revision, head)
    is_first = is_to_close(session, member)
    if not is_first and not is_to_renew(scene, session, member):
        raise RefusedError("This file is not to be closed now: look at the session again")
    revision = Revision(
        number=body.number,
        party=None,
        previous_sha256=head,
        sha256=decode_base64(body.sha256),
        size=body.size,
        increment=decode_base64(body.increment),
        at_ms=scene.now_ms,
    )
    revisions.add(scene.txn, session.id, revision)
    scene.record(session, "closing" if is_first else "renewed", member.id)
    sha256 = revision.sha256
    session = attrs.evolve(
        session, revision=revision.number, head_sha256=sha256, final_sha256=sha256
    )
    if is_first:
        ending.order_report(scene, session)
    else:
        ending.plan_renewal(scene, session, until_ms)
    return scene.save(session)


def doubted(scene: Conversation, session: Session, member: Member, body: DoubtBody) -> None:
    """A party's page has refused what it got: the record has it, and whoever asks is told once.

    Raises:
        MalformedError: There is no such revision.
        RefusedError: The service sees the document, and judges it itself.
    """
    if not session.is_blind:
        raise RefusedError("This service judges the file of this session itself")
    if body.revision > session.revision:
        raise MalformedError("revision", "is none that there is")
    details = {"revision": body.revision, "fault": body.fault}
    before = _doubts(scene, session, member)
    if details in before or len(before) >= DOUBTS_MAX:
        return
    scene.record(session, DOUBTED, member.id, details)
    requester = news.requester_of(session)
    room_id = None if requester is None else scene.chat_of(requester)
    if requester is not None and room_id is not None:
        doc = doubt_doc(session, member, body.fault, scene.localizer(requester))
        scene.tell(room_id, requester, doc)


def _doubts(scene: Conversation, session: Session, member: Member) -> list[Mapping[str, Any]]:
    found = events.of_session(scene.txn, scene.vault, session.id)
    return [one.details for one in found if (one.what, one.party) == (DOUBTED, member.id)]
