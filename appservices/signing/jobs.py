"""Jobs of the signing bot outside transactions: chats, names, files, clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appservices.signing.batches.jobs import MakeRow, ScheduleRows
from appservices.signing.batches.service import ROW, SCHEDULE_ROWS
from appservices.signing.cards.service import cards, together
from appservices.signing.chats.service.chats import greet
from appservices.signing.chats.service.checking import CHECK, Check
from appservices.signing.chats.service.delegation_talk import DELEGATE, Delegate
from appservices.signing.chats.service.documents import EXPORT, Export
from appservices.signing.closing.service.closing import Close
from appservices.signing.closing.service.organisation_seals import PutSeal
from appservices.signing.delivery.service import delivery, forgetting
from appservices.signing.delivery.service.delivery import DELIVER, Deliver, SendFile
from appservices.signing.drafting.service.bulk import MAKE, Make
from appservices.signing.drafting.service.draft_jobs import Find, Forget, Freeze
from appservices.signing.drafting.service.draft_talk import FIND, FORGET, FREEZE
from appservices.signing.drafting.service.reading import LIST, READ, Read, ReadList
from appservices.signing.guardians.service import guardians
from appservices.signing.identification.service.identify_talk import IDENTIFY, Identify
from appservices.signing.in_person.service.meetings import PICTURE, Picture
from appservices.signing.in_person.service.tablet_talk import Over
from appservices.signing.meetings.service import OVER
from appservices.signing.parties.service import acting, revoked_keys
from appservices.signing.renewal.service import LOOK, RENEW, Look, Renew
from appservices.signing.sessions.service import ending
from appservices.signing.sessions.service.clocks import DEADLINE, REMIND, is_current
from appservices.signing.sessions.service.conversation import Parts
from appservices.signing.templates.service.template_talk import FILL, Fill
from veche.bots import ChatJob, Join, OpenChat, invite, join_kind
from veche.protocol.ids import RoomId, UserId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.sessions.service.conversation import Conversation
    from veche.messaging.jobs import Job, JobHandler
    from veche.runtime.database import Cursor


def handlers(parts: Parts) -> dict[str, JobHandler]:
    """The handler of each kind of job."""
    return {
        join_kind(parts.profile.purpose): Join(parts, greet),
        MAKE: Make(parts),
        cards.OPEN_CHAT: _OpenChat(parts),
        cards.SEND_FILE: SendFile(parts),
        CHECK: Check(parts),
        DEADLINE: _Deadline(parts),
        DELEGATE: Delegate(parts),
        DELIVER: Deliver(parts),
        ending.CLOSE: Close(parts),
        ending.SEAL: PutSeal(parts),
        EXPORT: Export(parts),
        FILL: Fill(parts),
        FIND: Find(parts),
        FORGET: Forget(parts),
        IDENTIFY: Identify(parts),
        FREEZE: Freeze(parts),
        LIST: ReadList(parts),
        PICTURE: Picture(parts),
        READ: Read(parts),
        REMIND: _Remind(parts),
        ROW: MakeRow(parts),
        SCHEDULE_ROWS: ScheduleRows(parts),
        LOOK: Look(parts.signing.renew_stamped_before_ms),
        RENEW: Renew(parts),
        guardians.NAME: guardians.NameGuardians(parts),
        guardians.COUNT: guardians.Count(parts),
        OVER: Over(parts),
        forgetting.LOOK: forgetting.Look(parts),
        forgetting.DELETE: forgetting.Delete(parts),
        together.SIGNED: together.SignedTogether(parts),
        together.COMPLETE: together.CompleteTogether(parts),
        **revoked_keys.handlers(parts),
    }


class _Handler(ChatJob[Parts]):
    def _conversation(self, txn: Cursor, job: Job, now_ms: int) -> Conversation:
        return self._parts.conversation(txn, job.id, now_ms)


class _OpenChat(OpenChat[Parts]):
    """Makes a chat with somebody who has none, and goes on there."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        scene = self._parts.conversation(txn, job.id, now_ms)
        person, room_id = UserId(job.payload["person"]), RoomId(result["room"])
        # Before the chat is theirs: whoever steps the session asks for the chat in this order too.
        session = scene.session(job.payload["session"])
        if not invite(scene, room_id, person):
            greet(scene, room_id, person)
        if job.payload.get("guard"):
            guardians.RULES.invite(scene, job.payload["guard"], person)
        if session is None:
            return
        if job.payload.get("deliver"):
            delivery.order_for(scene, session, person, job.payload["verdict"])
        elif session.member(job.payload["party"]) is not None:
            scene.save(cards.show(scene, session, job.payload["party"]))


class _Deadline(_Handler):
    """The time of a session, or of one party, is over."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        scene, payload = self._conversation(txn, job, now_ms), job.payload
        session = scene.session(payload["session"])
        if session is None or not is_current(session, payload["party"], payload["deadline_at_ms"]):
            return
        if payload["party"]:
            acting.lapsed(scene, session, payload["party"])
        else:
            acting.expired(scene, session)


class _Remind(_Handler):
    """The time of a session, or of one party, soon will be over."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        scene, payload = self._conversation(txn, job, now_ms), job.payload
        session = scene.session(payload["session"])
        if session is None or not is_current(session, payload["party"], payload["deadline_at_ms"]):
            return
        acting.reminded(scene, session, payload["party"] or None)
