"""Meetings of guests and registrars: a link for one phone, shown as a code; who holds the phone.

The phone makes a key and comes in by the link, which then counts for nobody else. The registrar
compares four digits with the phone's, sees an identity document, and says so with their own key;
with that word the phone's key is enrolled for the guest, for this one signature.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, Final

import attrs
import segno

from appservices.signing.in_person.api import ClaimedView, MeetingView, ScreenView
from appservices.signing.in_person.texts.meeting import code_doc
from appservices.signing.meetings import store
from appservices.signing.meetings.core import Meeting, MeetingInput, MeetingState, step
from appservices.signing.parties.service import acting
from appservices.signing.sessions.core.errors import (
    MeetingOverError,
    NotRegistrarError,
    NotYourTurnError,
)
from appservices.signing.sessions.core.guests import Identified, Papers
from appservices.signing.sessions.core.parties import CAN_ACT
from appservices.signing.sessions.core.session import NotNowError, State
from appservices.signing.sessions.service.tokens import (
    MEETING_SEED,
    SEED,
    key_text,
    meeting_token,
    token_of,
)
from appservices.signing.sessions.store import sessions
from veche.access.approvals import fingerprint
from veche.access.approvals.enrolling import enrol_guest
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol import message
from veche.protocol.canonical import canonical
from veche.protocol.errors import NotFoundError
from veche.protocol.ids import RoomId, Ulid, UserId, effect_id
from veche.protocol.p256 import public_key, verify
from veche.protocol.unpadded_base64 import decode_base64
from veche.runtime.crypto.media import upload_encrypted
from veche.runtime.files.qr_codes import draw_png

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.in_person.api import ClaimBody
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation, Parts
    from veche.protocol.errors import RefusedError
    from veche.runtime.database import Cursor

PICTURE: Final = "signing.meeting"
"""Job: sends the code of a meeting as an encrypted picture."""
KEY_LABEL: Final = "In person"
NO_SUCH: Final = "There is no such code here. Ask for a new one and scan that."


def offer(scene: Conversation, session: Session, member: Member, room_id: RoomId) -> Meeting:
    """A new link for a guest's phone, in place of an earlier one; the registrar gets its code.

    Raises:
        NotNowError: The session takes no signatures.
        NotYourTurnError: It is not the guest's turn, or there is none.
        MeetingOverError: They were identified.
        NotRegistrarError: The registrar is none any more.
    """
    if session.state is not State.OPEN:
        raise NotNowError(session.state)
    if member.registrar is None or member.party.state not in CAN_ACT:
        raise NotYourTurnError("There is nobody here who signs in person now")
    if not scene.section.registers_for(member.registrar.person):
        raise NotRegistrarError
    before = store.current(scene.txn, session.id, member.id)
    if before is not None:
        store.save(scene.txn, step(before, MeetingInput.REPLACE, scene.now_ms), scene.now_ms)
    meeting = Meeting(
        id=scene.sender.fresh_ulid("meeting"),
        session_id=session.id,
        party=member.id,
        registrar=member.registrar.person,
        state=MeetingState.OFFERED,
        made_at_ms=scene.now_ms,
    )
    store.add(scene.txn, meeting)
    payload = {"meeting": meeting.id, "room": room_id}
    id_ = effect_id(PICTURE, meeting.id)
    jobs.schedule(scene.txn, Job(id_, PICTURE, payload, scene.now_ms))
    return meeting


def opened(scene: Conversation, meeting_id: str, token: str) -> tuple[Meeting, Session, Member]:
    """A meeting by its link, its session locked.

    Raises:
        NotFoundError: There is no such, or it is another's token.
    """
    meeting = store.of_id(scene.txn, meeting_id)
    expected = meeting_token(scene.parts.host.seed(MEETING_SEED), Ulid(meeting_id))
    is_theirs = hmac.compare_digest(expected.encode(), token.encode("utf-8", "surrogatepass"))
    if meeting is None or not is_theirs:
        raise NotFoundError(NO_SUCH)
    session = sessions.lock(scene.txn, scene.vault, meeting.session_id)
    member = None if session is None else session.member(meeting.party)
    newest = store.of_id(scene.txn, meeting_id)
    if session is None or member is None or newest is None:
        raise NotFoundError(NO_SUCH)
    return newest, session, member


def claim(
    scene: Conversation, found: tuple[Meeting, Session, Member], body: ClaimBody
) -> tuple[Meeting, bool]:
    """A phone comes in; the same one again finds what it had found; a tablet does it elsewhere.

    Returns:
        The meeting, and whether it came in now.

    Raises:
        MeetingOverError: Another phone did, or it is too late.
        NotNowError: The session takes no signatures.
        BadSignatureError: It does not have the key.
    """
    meeting, session, member = found
    if member.is_by_hand:
        raise NotFoundError(NO_SUCH)
    public = decode_base64(body.public_key)
    public_key(public)
    told = {
        "v": 1,
        "what": "org.veche.meeting",
        "meeting": meeting.id,
        "key": fingerprint(public),
    }
    verify(public, canonical(told, where="meeting"), body.signature)
    if meeting.public_key == public and meeting.state is not MeetingState.REFUSED:
        return meeting, False
    if session.state is not State.OPEN or member.party.state not in CAN_ACT:
        raise NotNowError(session.state)
    meeting = attrs.evolve(step(meeting, MeetingInput.CLAIM, scene.now_ms), public_key=public)
    store.save(scene.txn, meeting, scene.now_ms)
    scene.record(session, "met", member.id)
    return meeting, True


def refuse(scene: Conversation, meeting: Meeting) -> None:
    """It comes to nothing.

    Raises:
        MeetingOverError: It is over.
    """
    store.save(scene.txn, step(meeting, MeetingInput.REFUSE, scene.now_ms), scene.now_ms)


def identify(
    scene: Conversation,
    session: Session,
    member: Member,
    meeting: Meeting,
    papers: Papers,
    nonce: str,
) -> Session:
    """The registrar has said who holds the phone, whose key is the guest's from now on.

    Raises:
        MeetingOverError: It is too late, or there is a newer link.
        NotRegistrarError: The registrar is none any more.
        RefusedError: The guest cannot act any more; nothing has changed.
    """
    meeting = step(meeting, MeetingInput.IDENTIFY, scene.now_ms)
    registrar = member.registrar
    if registrar is None or meeting.public_key is None:
        raise MeetingOverError
    organisation = scene.section.registers_for(registrar.person)
    if not organisation:
        raise NotRegistrarError
    by = attrs.evolve(registrar, organisation=organisation)
    seen = Identified(by, papers, scene.now_ms, nonce)
    session = acting.identified(scene, session, member.id, seen)
    enrol_guest(scene.txn, member.user_id, meeting.public_key, KEY_LABEL, scene.now_ms)
    store.save(scene.txn, meeting, scene.now_ms)
    return session


def view(scene: Conversation, meeting: Meeting, member: Member) -> MeetingView:
    """A meeting as whoever has its link sees it."""
    return MeetingView(**told_of(scene, meeting, member))


def claimed_view(
    scene: Conversation, meeting: Meeting, session: Session, member: Member
) -> ClaimedView:
    """The same for the phone that came in, which can read the document now."""
    return ClaimedView(
        **told_of(scene, meeting, member),
        code=meeting.code,
        person=member.person,
        session=session.id,
        party=member.id,
        token=token_of(scene.parts.host.seed(SEED), session.id, member),
    )


def screen_view(
    scene: Conversation, meeting: Meeting, session: Session, member: Member
) -> ScreenView:
    """The same for a screen that shows the code."""
    is_open = meeting.state is MeetingState.OFFERED and scene.now_ms < meeting.expires_at_ms
    link = link_of(scene.parts, meeting, session) if is_open else None
    modules = []
    if link is not None:
        rows = segno.make_qr(link, error="m").matrix
        modules = ["".join("1" if one else "0" for one in row) for row in rows]
    return ScreenView(**told_of(scene, meeting, member), modules=modules)


def link_of(parts: Parts, meeting: Meeting, session: Session, *, is_screen: bool = False) -> str:
    """The link that a phone or a tablet opens, or of the screen with its code; empty: no pages."""
    if parts.host.links is None:
        return ""
    token = meeting_token(parts.host.seed(MEETING_SEED), meeting.id)
    if is_screen:
        return parts.host.links.page("sign", fragment=f"screen={meeting.id}&x={token}")
    key, member = key_text(session.subject.key), session.member(meeting.party)
    kind = "tablet" if member is not None and member.is_by_hand else "meet"
    return parts.host.links.page("sign", fragment=f"{kind}={meeting.id}&x={token}&k={key}")


def told_of(scene: Conversation, meeting: Meeting, member: Member) -> dict[str, Any]:
    """Build the fields that each view of a meeting has."""
    return {
        "state": meeting.state.value,
        "name": member.name,
        "registrar": "" if member.registrar is None else member.registrar.name,
        "expires_at_ms": meeting.expires_at_ms,
        "now_ms": scene.now_ms,
    }


class Picture:
    """Draws the code of a meeting, and sends it to the registrar."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Upload the picture."""
        host = self._parts.host
        link = await host.database.run("signing.meeting", self._read, job.payload["meeting"])
        if not link:
            return {}
        data = draw_png(link)
        file = await upload_encrypted(host.client, self._parts.bot.user_id, data)
        return {"file": file, "size_bytes": len(data)}

    def _read(self, txn: Cursor, meeting_id: str) -> str:
        meeting = store.of_id(txn, meeting_id)
        session = None
        if meeting is not None:
            session = sessions.read(txn, self._parts.vault, meeting.session_id)
        if meeting is None or session is None or meeting.state is not MeetingState.OFFERED:
            return ""
        return link_of(self._parts, meeting, session)

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Say what it is for, and send it."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        meeting = store.of_id(txn, job.payload["meeting"])
        if not result or meeting is None:
            return
        session = sessions.read(txn, scene.vault, meeting.session_id)
        member = None if session is None else session.member(meeting.party)
        person, room_id = UserId(meeting.registrar), RoomId(job.payload["room"])
        if session is None or member is None or not scene.is_alone(room_id, person):
            return
        screen = link_of(self._parts, meeting, session, is_screen=True)
        localizer = scene.localizer(person)
        link = link_of(self._parts, meeting, session) if member.is_by_hand else ""
        doc = code_doc(member, screen, meeting.expires_at_ms, localizer, link=link)
        scene.tell(room_id, person, doc)
        content = message.file(
            filename="in-person.png",
            caption="",
            encrypted_file=result["file"],
            mimetype="image/png",
            size_bytes=result["size_bytes"],
        )
        scene.sender.say(room_id, content, scene.ground(person))

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:
        """The job can never be done; it was logged."""
