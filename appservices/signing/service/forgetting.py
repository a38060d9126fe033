"""Deleting what is kept of documents that the service never sees, some time after they are closed.

Nobody here can read it, and the link with the key lies in chats for ever: so what that opens is not
kept for ever. Whoever takes part is told a fortnight before, also if it was due long ago when this
was first looked at. Digests, names of accounts, times and the report stay.

Source: design of Veche, signing §4.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.signing.core.parties import PartyState
from appservices.signing.core.texts.blind import expiring_doc
from appservices.signing.service.delivery import recipients
from appservices.signing.service.keeping import (
    EXPIRING,
    WARNED_MS,
    forgotten_at_ms,
    is_forgotten,
    warned_at_ms,
)
from appservices.signing.service.scene import Parts
from appservices.signing.store import blobs, renewals, revisions, sessions
from veche.protocol.ids import effect_id
from veche.runtime import errands
from veche.runtime.chats import ChatErrand
from veche.runtime.errands import Errand

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.core.records import Session
    from appservices.signing.service.scene import Scene
    from veche.protocol.errors import RefusedError
    from veche.runtime.database import Cursor

LOOK: Final = "signing.private"
"""Errand: looks once a day which documents are due."""
DELETE: Final = "signing.delete_private"
"""Errand: tells the people of one document, or deletes what is kept of it."""
FORGOTTEN: Final = "forgotten"
"""Event: it was."""
DAY_MS: Final = 86_400_000
SESSIONS_MAX: Final = 1_000
"""That are looked after on one day; the others on the next."""


def order_look(txn: Cursor, at_ms: int) -> None:
    """Have it looked on the day of a moment, once; call it at the start of the service."""
    day = at_ms // DAY_MS
    errands.schedule(txn, Errand(effect_id(LOOK, day), LOOK, {"day": day}, day * DAY_MS))


class Look(ChatErrand[Parts]):
    """Looks which documents are due, and orders the next look."""

    async def perform(self, errand: Errand) -> Mapping[str, Any]:  # noqa: ARG002 -- of the protocol
        """Nothing: all of it is in the transaction."""
        return {}

    def finish(self, txn: Cursor, errand: Errand, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Order what is due."""
        day, kept_ms = now_ms // DAY_MS, self._parts.section.private_kept_ms
        due = sessions.forgettable(
            txn, EXPIRING, now_ms - kept_ms, (now_ms, WARNED_MS), SESSIONS_MAX
        )
        for session_id in due:
            id_ = effect_id(DELETE, session_id, day)
            errands.schedule(txn, Errand(id_, DELETE, {"session": session_id}, now_ms))
        order_look(txn, now_ms + DAY_MS)

    def refused(self, txn: Cursor, errand: Errand, error: RefusedError, now_ms: int) -> None:
        """Never: nothing refuses it."""


class Delete(ChatErrand[Parts]):
    """Tells the people of one document, or deletes what is kept of it."""

    async def perform(self, errand: Errand) -> Mapping[str, Any]:  # noqa: ARG002 -- of the protocol
        """Nothing: all of it is in the transaction."""
        return {}

    def finish(self, txn: Cursor, errand: Errand, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Do what is due now, if anything is."""
        scene = self._parts.scene(txn, errand.id, now_ms)
        session = scene.session(errand.payload["session"])
        if session is None or is_forgotten(scene, session):
            return
        at_ms = forgotten_at_ms(scene, session)
        if at_ms is None:
            return
        if warned_at_ms(scene, session) is None:
            _warn(scene, session, at_ms)
        elif at_ms <= now_ms:
            forget(scene, session)

    def refused(self, txn: Cursor, errand: Errand, error: RefusedError, now_ms: int) -> None:
        """Never: nothing refuses it."""


def forget(scene: Scene, session: Session) -> None:
    """Delete the ciphertext of a private document: the file, title and names, all signatures in it.

    Args:
        scene: The transaction.
        session: Locked; closed.
    """
    for kind in ("document", "matter"):
        blobs.drop(scene.txn, session.id, kind)
    revisions.empty(scene.txn, session.id)
    # Its page cannot renew it any more; whoever has the file can.
    renewals.drop(scene.txn, session.id)
    scene.record(session, FORGOTTEN)


def _warn(scene: Scene, session: Session, at_ms: int) -> None:
    scene.record(session, EXPIRING)
    if not any(one.party.state is PartyState.SIGNED for one in session.members):
        return  # there is nothing in it that anybody has to keep
    for person in recipients(session):
        room_id = scene.chat_of(person)
        if room_id is not None:
            scene.tell(room_id, person, expiring_doc(session, at_ms, scene.speech(person)))
