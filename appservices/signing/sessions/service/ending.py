"""Orders at a session's end, or at an organisation's turn: closing, seals, renewal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.sessions.core.parties import PartyState
from appservices.signing.sessions.core.session import ENDED
from appservices.signing.sessions.store import renewals
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import effect_id

if TYPE_CHECKING:
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation

CLOSE: Final = "signing.close"
"""Job: closes the file with a time stamp, judges it, makes the evidence."""
SEAL: Final = "signing.seal"
"""Job: puts the seal of an organisation on the file."""
PAGE_CLOSES_MS: Final = 14 * 86_400_000
"""How long a file that only browsers can read waits for one that closes it: then the report is made
on the file as it is."""
RETRY_MS_MIN: Final = 5_000
RETRY_MS_MAX: Final = 3_600_000
_YEAR_MS: Final = 365 * 86_400_000


def order_close(scene: Conversation, session: Session) -> Session:
    """Have the file closed; where nobody has signed there is nothing to close."""
    if not any(one.party.state is PartyState.SIGNED for one in session.members):
        return attrs.evolve(session, closed_at_ms=scene.now_ms)
    # A file that only browsers can read is closed by one of them; see `blind_closing`.
    is_for_page = session.is_blind and session.revision > 0
    _order_close(scene, session, 0, scene.now_ms + (PAGE_CLOSES_MS if is_for_page else 0))
    return session


def order_report(scene: Conversation, session: Session) -> None:
    """Have the report made on a file that a page has closed."""
    id_ = effect_id(CLOSE, session.id, "by a page")
    payload = {"session": session.id, "tries": 0}
    jobs.schedule(scene.txn, Job(id_, CLOSE, payload, scene.now_ms))


def order_close_later(scene: Conversation, session: Session, tries: int) -> None:
    """Have it tried again after ``tries`` failures."""
    _order_close(scene, session, tries, scene.now_ms + retry_ms(tries))


def retry_ms(tries: int) -> int:
    """How long to wait after the ``tries``-th failure: 5 s, doubling to an hour."""
    return min(RETRY_MS_MAX, RETRY_MS_MIN << min(tries - 1, 20))


def order_seal(scene: Conversation, session: Session, member: Member) -> None:
    """Have an organisation's seal put on the file: its turn has come."""
    id_ = effect_id(SEAL, session.id, member.id)
    payload = {"session": session.id, "party": member.id, "at_ms": scene.now_ms}
    jobs.schedule(scene.txn, Job(id_, SEAL, payload, scene.now_ms))


def plan_renewal(scene: Conversation, session: Session, proven_until_ms: int | None) -> None:
    """Note when the closed file needs a new time stamp: a year before it proves nothing more."""
    assert session.state in ENDED, "only what is over is kept for long"  # noqa: S101 -- our bug
    if session.final_sha256 is not None and proven_until_ms is not None:
        before_ms = proven_until_ms - _YEAR_MS
        renewals.plan(scene.txn, session.id, session.final_sha256, before_ms)


def _order_close(scene: Conversation, session: Session, tries: int, at_ms: int) -> None:
    id_ = effect_id(CLOSE, session.id, tries)
    payload = {"session": session.id, "tries": tries}
    jobs.schedule(scene.txn, Job(id_, CLOSE, payload, at_ms))
