"""One document to many: each of them gets a session of their own, made from one draft.

Every session is made in a job of its own, whose id is that of the draft and the person: so one
that fails stops no other, and none is made twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.signing.drafting.service import drafting
from appservices.signing.drafting.service.laying import boxed
from appservices.signing.drafting.texts import failed_doc, many_doc
from appservices.signing.keys.document_cipher import fresh_key
from appservices.signing.papers.core.uploads import UploadError, UploadTooLargeError
from appservices.signing.places.core.boxes import BoxError
from appservices.signing.sessions.core.session import State
from appservices.signing.sessions.service.conversation import Parts
from appservices.signing.sessions.store import blobs, sessions
from veche.bots import ChatJob
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.errors import MalformedError
from veche.protocol.ids import RoomId, UserId, derived_ulid, effect_id
from veche.runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.sessions.core.records import Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.runtime.database import Cursor

MAKE: Final = "signing.make"
"""Job: makes and sends the session of one of many."""


def order(scene: Conversation, session: Session, room_id: RoomId) -> None:
    """Have a session made for each of the draft's first stage."""
    parties = session.stages[0].parties
    for party in parties:
        payload = {"session": session.id, "party": party, "room": room_id}
        id_ = effect_id(MAKE, session.id, party)
        jobs.schedule(scene.txn, Job(id_, MAKE, payload, scene.now_ms))
    person = UserId(session.requester)
    scene.tell(room_id, person, many_doc(len(parties), scene.localizer(person)))


class Make(ChatJob[Parts]):
    """Makes the session of one of many, and sends it."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Make their document ready, outside the reactor's thread."""
        host = self._parts.host
        read = await host.database.run("signing.make", self._read, job)
        if read is None:
            return {}
        draft, cipher, language = read
        links = host.links
        link = "" if links is None else links.page("verify")
        try:
            pdf = await in_thread(host.reactor, boxed, draft, cipher, language, link)
        except (BoxError, UploadError, UploadTooLargeError):
            return {"failed": True}
        return {"draft": draft, "pdf": pdf}

    def _read(self, txn: Cursor, job: Job) -> tuple[Session, bytes, str] | None:
        """The draft as it is for one of them, its document, the language of the requester."""
        draft = sessions.read(txn, self._parts.vault, job.payload["session"])
        cipher = blobs.of_kind(txn, job.payload["session"], "upload")
        if draft is None or draft.state is not State.DRAFT or cipher is None:
            return None
        scene = self._parts.conversation(txn, job.id, self._parts.host.now_ms())
        language = scene.language_of(UserId(draft.requester))
        return drafting.only(draft, job.payload["party"]), cipher, language

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Keep and send it; what fails is said to the requester."""
        if not result:
            return
        scene = self._parts.conversation(txn, job.id, now_ms)
        draft = sessions.read(txn, scene.vault, job.payload["session"])
        if draft is None:
            return
        person, room_id = UserId(draft.requester), RoomId(job.payload["room"])
        member = draft.member(job.payload["party"])
        assert member is not None, "the draft has them"  # noqa: S101 -- our bug
        if "failed" in result:
            scene.tell(room_id, person, failed_doc(member.name, scene.localizer(person)))
            return
        mine = result["draft"]
        session = attrs.evolve(
            mine,
            id=derived_ulid(now_ms, "bulk", draft.id, member.id),
            subject=attrs.evolve(mine.subject, key=fresh_key()),
            made_at_ms=now_ms,
        )
        try:
            drafting.check_deadline(scene, session.deadline_at_ms)
        except MalformedError:
            scene.tell(room_id, person, failed_doc(member.name, scene.localizer(person)))
            return
        sessions.add(txn, scene.vault, session)
        drafting.send(scene, drafting.freeze(scene, session, result["pdf"]))
