"""Until when what is kept of a closed document is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.sessions.store import blobs, events
from appservices.signing.sessions.store.kept import DELETION_ASKED, EXPIRING
from veche.protocol.errors import GoneError

if TYPE_CHECKING:
    from appservices.signing.config import SessionsSection
    from appservices.signing.sessions.core.records import Session
    from appservices.signing.sessions.service.conversation import Conversation

WARNED_MS: Final = 14 * 86_400_000
"""How long before it everybody is told."""


def kept_ms(section: SessionsSection, *, is_blind: bool) -> int:
    """How long what is kept of a document stays after it was closed."""
    return section.private_kept_ms if is_blind else section.kept_ms


def is_forgotten(scene: Conversation, session: Session) -> bool:
    """Return whether the data of a closed document was deleted."""
    is_over = session.closed_at_ms is not None and session.paper is not None
    return is_over and blobs.digest_of(scene.txn, session.id, "document") is None


def check_kept(scene: Conversation, session: Session) -> None:
    """Make sure that a document is still here.

    Raises:
        GoneError: It is deleted.
    """
    if is_forgotten(scene, session):
        raise GoneError(
            "This document is deleted here, as its people were told. Ask whoever took part for the"
            " file; the report on who signed it is kept, and anybody can check the file by it."
        )


def may_ask(scene: Conversation, session: Session) -> bool:
    """Return whether the requester can order the deletion, and has not yet."""
    is_here = session.closed_at_ms is not None and not is_forgotten(scene, session)
    return is_here and not is_asked(scene, session)


def forgotten_at_ms(scene: Conversation, session: Session) -> int | None:
    """From when what is kept of a document may be deleted, UTC; None: not yet known."""
    if session.closed_at_ms is None:
        return None
    lasts_ms = kept_ms(scene.section, is_blind=session.is_blind)
    lasts_ms = 0 if is_asked(scene, session) else lasts_ms
    told_at_ms = warned_at_ms(scene, session)
    return deletion_of(session.closed_at_ms, lasts_ms, told_at_ms, scene.now_ms)


def deletion_of(closed_at_ms: int, lasts_ms: int, told_at_ms: int | None, now_ms: int) -> int:
    """From when a closed document may be deleted, UTC.

    Never sooner than a fortnight after its people were told, or would be now.

    Args:
        closed_at_ms: UTC.
        lasts_ms: How long it stays; 0: whoever asked for the signatures wants it deleted.
        told_at_ms: When its people were told, UTC; None: not yet.
        now_ms: UTC.
    """
    told = now_ms if told_at_ms is None else told_at_ms
    return max(closed_at_ms + lasts_ms, told + WARNED_MS)


def warned_at_ms(scene: Conversation, session: Session) -> int | None:
    """When its people were told that it is deleted, UTC; None: they were not yet."""
    return events.first_ms(scene.txn, session.id, EXPIRING)


def is_asked(scene: Conversation, session: Session) -> bool:
    """Return whether the requester has ordered the deletion."""
    return events.first_ms(scene.txn, session.id, DELETION_ASKED) is not None
