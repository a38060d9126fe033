"""A person's documents here: sent to others, received to sign, and signatures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from appservices.signing.cards.texts.talk import all_doc, many_doc, refused_words, sign_doc
from appservices.signing.certificates import store as certificates
from appservices.signing.chats.texts.account import (
    Listed,
    how_doc,
    no_session_doc,
    session_doc,
    sessions_doc,
    signatures_doc,
)
from appservices.signing.config import REMINDERS_MAX
from appservices.signing.delivery.service import forgetting
from appservices.signing.drafting.core.until import read_until
from appservices.signing.drafting.service import draft_talk
from appservices.signing.drafting.texts import bad_until_doc, own_page_doc
from appservices.signing.parties.service import acting, waiting
from appservices.signing.requests import service as requests
from appservices.signing.sessions.core.commands import ALL_WORDS
from appservices.signing.sessions.core.parties import PartyState
from appservices.signing.sessions.core.session import State
from appservices.signing.sessions.service import keeping
from appservices.signing.sessions.service.conversation import Parts
from appservices.signing.sessions.service.views import digest_view
from appservices.signing.sessions.store import listed, sessions, signatures
from appservices.signing.sessions.texts.keeping import asked_doc
from appservices.signing.sessions.texts.private import new_doc
from appservices.signing.sessions.texts.words import NUMBER_CHARACTERS
from veche.bots import ChatJob
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol import message
from veche.protocol.errors import MalformedError, RefusedError
from veche.protocol.ids import RoomId, UserId, effect_id
from veche.protocol.message import Paragraph
from veche.protocol.unpadded_base64 import encode_base64
from veche.runtime.crypto.media import upload_encrypted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from appservices.signing.sessions.store.signatures import Signature
    from veche.protocol.inbound import Inbound
    from veche.protocol.message import Doc
    from veche.protocol.texts.localizer import Localizer
    from veche.runtime.database import Cursor

EXPORT: Final = "signing.export"
"""Job: sends all that was done in a person's name, as a file."""
LOOKED_AT_MAX: Final = 1_000
"""Most documents of a person among which one is looked for, the newest."""
SHOWN_MAX: Final = 20
"""Most lines of a list in the chat."""
ENDED_MAX: Final = 10
"""Documents that are over of which the list has the last."""
WAITING_MAX: Final = 5
"""Documents that wait for somebody whose links are shown at once."""
JSON: Final = "application/json"


def show_waiting(scene: Conversation, inbound: Inbound, argument: str) -> None:
    """A person wants to sign: what waits for them; or else, how others are asked."""
    person, room_id = inbound.sender, inbound.room_id
    localizer = scene.localizer(person)
    found = waiting.waiting_for(scene, person)
    many = waiting.together(found)
    if argument.strip().casefold() in ALL_WORDS and len(many) > 1:
        scene.tell(room_id, person, all_doc(len(many), waiting.link_of(scene, person), localizer))
        return
    for session, one in found[:WAITING_MAX]:
        doc = sign_doc(session, one, scene.page_of(session, one), localizer)
        scene.tell(room_id, person, doc)
    if len(many) > 1:
        scene.tell(room_id, person, many_doc(len(many), localizer), is_quiet=True)
    if not found:
        scene.tell(room_id, person, how_doc(localizer))


def show_private(scene: Conversation, inbound: Inbound, argument: str) -> None:  # noqa: ARG001 -- of all commands
    """A person wants to have a document signed that the bot never sees."""
    person = inbound.sender
    page = None if scene.links is None else scene.links.page("sign", "new")
    scene.tell(inbound.room_id, person, new_doc(page, scene.localizer(person)))


def show_sessions(scene: Conversation, inbound: Inbound, argument: str) -> None:
    """A person wants to see their documents, or one of them."""
    person, room_id = inbound.sender, inbound.room_id
    localizer = scene.localizer(person)
    if argument.strip():
        session = _named(scene, person, argument)
        scene.tell(room_id, person, _stands(scene, session, person, localizer))
        return
    txn = scene.txn
    waiting = sessions.waiting_for(txn, person, LOOKED_AT_MAX)
    found = Listed(
        waiting=_read(scene, waiting[:SHOWN_MAX]),
        waiting_count=len(waiting),
        with_others=_read(scene, listed.with_others(txn, person, SHOWN_MAX)),
        own=_read(scene, listed.running_of(txn, person, SHOWN_MAX)),
        ended=_read(scene, listed.ended_of(txn, person, ENDED_MAX)),
    )
    scene.tell(room_id, person, sessions_doc(person, found, localizer))


def delete(scene: Conversation, inbound: Inbound, argument: str) -> None:
    """A requester wants what is kept of a document that is over deleted."""
    person, room_id = inbound.sender, inbound.room_id
    localizer = scene.localizer(person)
    session = own_session(scene, person, argument) if argument.strip() else None
    if session is None:
        scene.tell(room_id, person, no_session_doc(localizer))
        return
    try:
        at_ms = forgetting.ask(scene, session)
    except RefusedError as e:
        scene.tell(room_id, person, (Paragraph(refused_words(e, localizer)),))
        return
    scene.tell(room_id, person, asked_doc(session, at_ms, localizer))


def extend(scene: Conversation, inbound: Inbound, argument: str) -> None:
    """A requester gives signers more time."""
    person, room_id = inbound.sender, inbound.room_id
    localizer = scene.localizer(person)
    number, _, until = argument.strip().partition(" ")
    session = own_session(scene, person, number) if number else None
    if session is None:
        scene.tell(room_id, person, no_session_doc(localizer))
        return
    zone = scene.section.time_zone
    until_ms = read_until(until, scene.now_ms, localizer.language, zone)
    if until_ms is None:
        scene.tell(room_id, person, bad_until_doc(localizer))
        return
    try:
        acting.extended(scene, session, until_ms)
    except RefusedError as e:
        scene.tell(room_id, person, (Paragraph(refused_words(e, localizer)),))
    except MalformedError:
        words = localizer.text(
            "That is not later: there is time until {moment} already.",
            moment=localizer.moment(session.deadline_at_ms),
        )
        scene.tell(room_id, person, (Paragraph(words),))


def remind(scene: Conversation, inbound: Inbound, argument: str) -> None:
    """A requester has whoever has not signed reminded."""
    person, room_id = inbound.sender, inbound.room_id
    localizer = scene.localizer(person)
    session = own_session(scene, person, argument)
    if session is None or session.state is not State.OPEN:
        scene.tell(room_id, person, no_session_doc(localizer))
        return
    done = requests.remind(scene, session)
    if done.count:
        words = localizer.plural(
            "One person is reminded.", "{count} persons are reminded.", done.count
        )
    elif done.waiting:
        words = localizer.text(
            "Nobody is reminded: each was reminded {count} times, or has no chat with me, to which"
            " I have invited them.",
            count=REMINDERS_MAX,
        )
    else:
        words = localizer.text("Nobody has to sign now.")
    scene.tell(room_id, person, (Paragraph(words),))


def show_signatures(scene: Conversation, inbound: Inbound, argument: str) -> None:  # noqa: ARG001 -- of all commands
    """A person wants to see all that was done in their name."""
    person = inbound.sender
    signed = []
    for session_id, one in signatures.of_person(scene.txn, scene.vault, person, SHOWN_MAX):
        session = sessions.read(scene.txn, scene.vault, session_id)
        if session is not None:
            signed.append((session, one.party, one.level, one.at_ms))
    count = len(certificates.of_person(scene.txn, person, LOOKED_AT_MAX))
    doc = signatures_doc(signed, _declined(scene, person), count, scene.localizer(person))
    scene.tell(inbound.room_id, person, doc)


def order_export(scene: Conversation, inbound: Inbound, argument: str) -> None:  # noqa: ARG001 -- of all commands
    """A person wants all of it as a file."""
    payload = {"person": inbound.sender, "room": inbound.room_id}
    id_ = effect_id(EXPORT, inbound.event_id)
    jobs.schedule(scene.txn, Job(id_, EXPORT, payload, scene.now_ms))


class Export(ChatJob[Parts]):
    """Makes and sends a person's export."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Read all of it, and upload it, encrypted."""
        host = self._parts.host
        found = await host.database.run("signing.export", self._read, job)
        data = json.dumps(found, ensure_ascii=False, indent=1).encode()
        file = await upload_encrypted(host.client, self._parts.bot.user_id, data)
        return {"file": file, "size_bytes": len(data)}

    def _read(self, txn: Cursor, job: Job) -> dict[str, Any]:
        scene = self._parts.conversation(txn, job.id, self._parts.host.now_ms())
        return exported(scene, UserId(job.payload["person"]))

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Send it, if they are still alone with the bot."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        person, room_id = UserId(job.payload["person"]), RoomId(job.payload["room"])
        if not scene.is_alone(room_id, person):
            return
        content = message.file(
            filename="signatures.json",
            caption="",
            encrypted_file=result["file"],
            mimetype=JSON,
            size_bytes=result["size_bytes"],
        )
        scene.sender.say(room_id, content, scene.ground(person))


def exported(scene: Conversation, person: UserId) -> dict[str, Any]:
    """All that was done in a person's name, with recipient and reason, without documents."""
    txn, vault = scene.txn, scene.vault
    signed = signatures.of_person(txn, vault, person, LOOKED_AT_MAX)
    issued = certificates.of_person(txn, person, LOOKED_AT_MAX)
    return {
        "v": 1,
        "person": person,
        "signatures": [
            {**_about(session), **_signature(one)}
            for session_id, one in signed
            if (session := sessions.read(txn, vault, session_id)) is not None
        ],
        "certificates": [
            {
                "session": one.session_id,
                "serial": f"{one.serial:x}",
                "document_sha256": encode_base64(one.document_sha256),
                "issued_at_ms": one.issued_at_ms,
                "revoked_at_ms": one.revoked_at_ms,
                "certificate": encode_base64(one.certificate),
                "act": one.act,
            }
            for one in issued
        ],
        "declined": [
            {**_about(session), "reason_code": member.reason[0], "reason": member.reason[1]}
            for session, member in _declined(scene, person)
        ],
    }


def _about(session: Session) -> dict[str, Any]:
    return {
        "session": session.id,
        "mode": session.mode.value,
        "title": session.subject.title or None,
        "title_sha256": digest_view(session.title_sha256),
        "requester": session.requester,
        "requester_name": session.subject.requester_name,
        "state": session.state.value,
        "document_sha256": None if session.paper is None else encode_base64(session.paper.sha256),
    }


def _signature(one: Signature) -> dict[str, Any]:
    return {
        "party": one.party,
        "level": one.level.value,
        "at_ms": one.at_ms,
        "approval": one.nonce,
        "certificate": None if one.certificate is None else f"{one.certificate:x}",
        "details": dict(one.details),
    }


def _declined(scene: Conversation, person: UserId) -> list[tuple[Session, Member]]:
    held = _read(scene, sessions.of_person(scene.txn, person, LOOKED_AT_MAX))
    return [
        (session, member)
        for session in held
        for member in session.members
        if member.person == person and member.party.state is PartyState.DECLINED
    ]


def _read(scene: Conversation, ids: list[Any]) -> list[Session]:
    found = (sessions.read(scene.txn, scene.vault, one) for one in ids)
    return [one for one in found if one is not None]


def _stands(
    scene: Conversation, session: Session | None, person: UserId, localizer: Localizer
) -> Doc:
    """How a document stands."""
    if session is None:
        return no_session_doc(localizer)
    is_deleted = keeping.is_forgotten(scene, session)
    until_ms = keeping.forgotten_at_ms(scene, session)
    doc = session_doc(session, localizer, until_ms, is_deleted=is_deleted)
    is_theirs = session.requester == person and session.sent_at_ms is not None
    page = requests.page_of(scene, session) if is_theirs and not is_deleted else None
    return (*doc, *own_page_doc(page, localizer))


def own_session(scene: Conversation, person: UserId, number: str) -> Session | None:
    """A document that somebody has sent, locked; without a number, their newest draft."""
    if number.strip():
        found = _named(scene, person, number)
        if found is None or found.requester != person:
            return None
        return scene.session(found.id)
    for session_id in sessions.of_requester(scene.txn, person, LOOKED_AT_MAX):
        session = draft_talk.draft_of(scene, session_id, person)
        if session is not None:
            return session
    return None


def _named(scene: Conversation, person: UserId, number: str) -> Session | None:
    """A document in which somebody has a part, by its number."""
    wanted = number.strip().upper()
    own = sessions.of_requester(scene.txn, person, LOOKED_AT_MAX)
    asked = sessions.of_person(scene.txn, person, LOOKED_AT_MAX)
    for session_id in (*own, *asked):
        if len(wanted) == NUMBER_CHARACTERS and session_id.endswith(wanted):
            return sessions.read(scene.txn, scene.vault, session_id)
    return None
