"""Letting somebody else act, and taking that back, in the chat: said by the party's own key.

Whoever has a device key approves with it, as on the page of the document. Who has none says so
from a device that their pinned identity has signed, where a reply with the code would be enough to
sign, too (level S0); for more than that they need a key first.

Source: design of Veche, signing §5.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.signing.authority.core.levels import Level
from appservices.signing.cards.texts.talk import nobody_doc, refused_words, whom_doc
from appservices.signing.chats.service.clicking import standing_of
from appservices.signing.chats.service.party_asking import (
    KEEP,
    Question,
    ask,
    attempt,
    session_and_party,
)
from appservices.signing.chats.texts.delegation import acts_doc, allow_doc, no_key_doc
from appservices.signing.parties.service import acting, delegating
from appservices.signing.parties.service.delegating import Other
from appservices.signing.sessions.core.errors import GuardiansError
from appservices.signing.sessions.core.topics import Topic
from appservices.signing.sessions.service.conversation import CATALOGUE, Parts
from appservices.signing.sessions.service.naming import known_name, user_named
from veche.access.approvals import DECLINE, keys_of
from veche.bots import ChatJob
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.answers import refusal_text
from veche.protocol.errors import RefusedError
from veche.protocol.ids import RoomId, UserId, effect_id
from veche.protocol.inbound import DeviceStanding
from veche.protocol.message import Paragraph
from veche.protocol.prompts import Choice
from veche.protocol.refusals import RefusalReason
from veche.protocol.unpadded_base64 import decode_base64, encode_base64

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.chat.prompts import Answered
    from veche.protocol.approval import AskedApproval
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor

WHOM: Final = Topic.DELEGATE
ALLOW: Final = Topic.DELEGATION
BACK: Final = Topic.TAKEN_BACK
TOPICS: Final = frozenset({WHOM, ALLOW, BACK})
ALLOWED: Final = "allow"
"""Choice: they let the other act."""
DELEGATE: Final = "signing.delegate"
"""Job: finds out what a delegate is called."""
_NAME: Final = "name"


def begin(scene: Conversation, session: Session, member: Member, room_id: RoomId) -> None:
    """Ask a party who is to act for them."""
    localizer = scene.localizer(member.user_id)
    if not _has_key(scene, member) and member.level_min is not Level.CLICK:
        page = scene.links.keys() if scene.links is not None else None
        scene.tell(room_id, member.user_id, no_key_doc(page, localizer))
        return
    myself = Choice(id=KEEP, label=localizer.text("I act myself"))
    question = Question(WHOM, whom_doc(localizer), (myself,), takes_words=True)
    ask(scene, session, member, room_id, question)


def heard(
    scene: Conversation, session: Session, member: Member, inbound: Inbound, typed: str
) -> None:
    """A party has written who is to act for them: find out who that is."""
    person = member.user_id
    to = user_named(typed, scene.sender.bot.user_id, person)
    if to is None:
        doc = nobody_doc(typed[:100], scene.localizer(person))
        scene.tell(inbound.room_id, person, doc)
        return
    payload = {"session": session.id, "party": member.id, "to": to, "room": inbound.room_id}
    id_ = effect_id(DELEGATE, inbound.event_id)
    jobs.schedule(scene.txn, Job(id_, DELEGATE, payload, scene.now_ms))


def answered(scene: Conversation, answered: Answered) -> None:
    """A party has chosen: they let the other act, or act themselves."""
    found = session_and_party(scene, answered.kept.purpose)
    if found is None:
        return
    session, member = found
    purpose, choice = answered.kept.purpose, answered.chosen.choice or ""
    person, room_id = member.user_id, answered.inbound.room_id
    nonce = answered.chosen.approved_by or ""
    label = answered.kept.prompt.choice(choice)
    does = choice in (ALLOWED, BACK)
    if does and not nonce and not _may_without_key(scene, session, member, answered):
        return
    if not scene.settle(answered, label.label if label is not None else ""):
        return
    if not does:
        words = scene.localizer(person).text("Nothing was changed.")
        scene.tell(room_id, person, (Paragraph(words),))
    elif choice == BACK:
        attempt(scene, room_id, person, lambda: acting.taken_back(scene, session, member.id))
    else:
        other = _other_of(scene, purpose)
        done = attempt(scene, room_id, person, lambda: _let(scene, session, member, other, nonce))
        if done is not None:
            _offer_back(scene, done, done.member(member.id) or member, room_id, other)


def _may_without_key(
    scene: Conversation, session: Session, member: Member, answered: Answered
) -> bool:
    """Return whether an answer without a key counts; if not, tell the party what to do.

    A key that was enrolled after the question was asked has to approve, too: they are asked anew.
    """
    room_id = answered.inbound.room_id
    if _has_key(scene, member) or member.level_min is not Level.CLICK:
        if answered.chosen.choice == BACK:
            delegate = session.member(member.delegated_to)
            if delegate is not None and _has_key(scene, member):
                other = Other(UserId(delegate.person), delegate.name)
                _offer_back(scene, session, member, room_id, other)
                return False
        begin(scene, session, member, room_id)
        return False
    standing = standing_of(scene, answered.inbound)
    if standing is DeviceStanding.VERIFIED:
        return True
    language = scene.language_of(member.user_id)
    doc = refusal_text(RefusalReason.TRUST_TOO_LOW, CATALOGUE, language, standing=standing)
    scene.tell(room_id, member.user_id, doc)
    return False


def _let(
    scene: Conversation, session: Session, member: Member, other: Other, nonce: str
) -> Session:
    return acting.delegated(scene, session, member.id, other.user, other.name, approval=nonce)


def _offer(
    scene: Conversation, session: Session, member: Member, room_id: RoomId, other: Other
) -> None:
    """Ask the party to say with their key that the other is to act.

    Raises:
        RefusedError: It could not be done now.
    """
    waits = delegating.may_let(scene, session, member, other)
    if waits is not None:
        raise waits
    localizer = scene.localizer(member.user_id)
    choices = (
        Choice(
            id=ALLOWED,
            label=localizer.text("Let them act"),
            approve=_approve(scene, session, member, other.user),
        ),
        Choice(id=DECLINE, label=localizer.text("I act myself")),
    )
    # What the other is called is sealed: questions are kept in clear.
    sealed = encode_base64(scene.vault.seal({_NAME: other.name}))
    more = {"to": str(other.user), _NAME: sealed}
    doc = allow_doc(session, other.name, other.user, localizer)
    ask(scene, session, member, room_id, Question(ALLOW, doc, choices, more=more))


def _offer_back(
    scene: Conversation, session: Session, member: Member, room_id: RoomId, other: Other
) -> None:
    """Say that the other acts, and offer to take that back."""
    localizer = scene.localizer(member.user_id)
    choices = (
        Choice(
            id=BACK.value,
            label=localizer.text("Take it back"),
            approve=_approve(scene, session, member, None),
        ),
        Choice(id=DECLINE, label=localizer.text("Leave it so")),
    )
    question = Question(BACK, acts_doc(other.name, localizer), choices)
    ask(scene, session, member, room_id, question)


def _approve(
    scene: Conversation, session: Session, member: Member, user: UserId | None
) -> AskedApproval | None:
    """Build the approval that the party's key has to sign; None: they have no key."""
    if not _has_key(scene, member):
        return None
    language = scene.language_of(member.user_id)
    shown = delegating.shown_in_chat(scene, session, member, user, language)
    return scene.approvals.asked(scene.sender, member.user_id, "mandate", shown)


def _has_key(scene: Conversation, member: Member) -> bool:
    keys = keys_of(scene.txn, member.user_id)
    return scene.links is not None and any(one.revoked_at_ms is None for one in keys)


def _other_of(scene: Conversation, purpose: Mapping[str, Any]) -> Other:
    opened = scene.vault.open(decode_base64(str(purpose[_NAME])))
    return Other(UserId(str(purpose["to"])), str(opened[_NAME]))


class Delegate(ChatJob[Parts]):
    """Finds out what a delegate is called; then the party is asked for their approval."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Ask the homeserver; they may not be there."""
        host, bot = self._parts.host, self._parts.bot.user_id
        return {"name": await known_name(host.client, bot, UserId(job.payload["to"]))}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Ask whether they are the one."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        found = session_and_party(scene, job.payload)
        if found is None:
            return
        session, member = found
        to, room_id = UserId(job.payload["to"]), RoomId(job.payload["room"])
        person, localizer, name = member.user_id, scene.localizer(member.user_id), result["name"]
        if name is None:
            scene.tell(room_id, person, nobody_doc(to, localizer))
            return
        try:
            _offer(scene, session, member, room_id, Other(to, name))
        except RefusedError as e:
            if not (isinstance(e, GuardiansError) and e.is_told):
                scene.tell(room_id, person, (Paragraph(refused_words(e, localizer)),))
