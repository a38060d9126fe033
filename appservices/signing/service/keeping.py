"""Until when what is kept of a document that the service never sees is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.store import blobs, events

if TYPE_CHECKING:
    from appservices.signing.core.records import Session
    from appservices.signing.service.scene import Scene

EXPIRING: Final = "expiring"
"""Event: the parties were told when it is deleted."""
WARNED_MS: Final = 14 * 86_400_000
"""How long before it everybody is told."""


def is_forgotten(scene: Scene, session: Session) -> bool:
    """Whether what was kept of a private document is deleted."""
    is_over = session.is_blind and session.closed_at_ms is not None
    return is_over and blobs.digest_of(scene.txn, session.id, "document") is None


def forgotten_at_ms(scene: Scene, session: Session) -> int | None:
    """From when what is kept of a private document may be deleted, UTC; None: not yet known.

    Never sooner than a fortnight after its people were told, or would be now.
    """
    if not session.is_blind or session.closed_at_ms is None:
        return None
    before_ms = warned_at_ms(scene, session)
    told_at_ms = scene.now_ms if before_ms is None else before_ms
    return max(session.closed_at_ms + scene.section.private_kept_ms, told_at_ms + WARNED_MS)


def warned_at_ms(scene: Scene, session: Session) -> int | None:
    """When its people were told that it is deleted, UTC; None: they were not yet."""
    found = events.of_session(scene.txn, scene.vault, session.id)
    return next((one.at_ms for one in found if one.what == EXPIRING), None)
