"""The clocks of sessions: deadlines, and reminders before them, as jobs.

A clock that fires late, or for a deadline that was moved since, finds that and does nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.signing.sessions.core.quiet import QuietHours
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import effect_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appservices.signing.sessions.core.records import Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.protocol.ids import EffectId

DEADLINE: Final = "signing.deadline"
"""Job: the time of a session, or of one party, is over."""
REMIND: Final = "signing.remind"
"""Job: it soon will be."""


def start(scene: Conversation, session: Session) -> None:
    """Come back to a session at its deadlines, and some time before them."""
    for party, at_ms in _deadlines(session):
        payload = {"session": session.id, "party": party, "deadline_at_ms": at_ms}
        _set(scene, DEADLINE, payload, at_ms)
        for before_ms in scene.section.reminders:
            when = quiet_hours(scene).after(at_ms - before_ms)
            if scene.now_ms < when < at_ms:
                _set(scene, REMIND, {**payload, "before_ms": before_ms}, when)


def stop(scene: Conversation, session: Session) -> None:
    """Forget the clocks of a session."""
    for party, at_ms in _deadlines(session):
        jobs.cancel(scene.txn, _id(DEADLINE, session.id, party, at_ms))
        for before_ms in scene.section.reminders:
            jobs.cancel(scene.txn, _id(REMIND, session.id, party, at_ms, before_ms))


def is_current(session: Session, party: str, deadline_at_ms: int) -> bool:
    """Return whether a deadline is still the one that a clock was set for."""
    return (party, deadline_at_ms) in set(_deadlines(session))


def quiet_hours(scene: Conversation) -> QuietHours:
    """When nobody is reminded."""
    section = scene.section
    return QuietHours(section.quiet_from, section.quiet_until, section.time_zone)


def _deadlines(session: Session) -> Iterator[tuple[str, int]]:
    """List deadlines with their owner; that of the session has none."""
    yield "", session.deadline_at_ms
    for one in session.members:
        if one.deadline_at_ms is not None:
            yield one.id, one.deadline_at_ms


def _set(scene: Conversation, kind: str, payload: dict[str, Any], at_ms: int) -> None:
    about = (payload["session"], payload["party"], payload["deadline_at_ms"])
    id_ = _id(kind, *about, payload.get("before_ms", 0))
    jobs.schedule(scene.txn, Job(id_, kind, payload, at_ms))


def _id(kind: str, session: str, party: str, at_ms: int, before_ms: int = 0) -> EffectId:
    return effect_id(kind, session, party, at_ms, before_ms)
