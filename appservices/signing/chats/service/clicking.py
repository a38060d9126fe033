"""Signing at level S0: a reply with the document's code, where the requester lets that do.

The code is no secret: it says which document is meant. What signs is that the reply came encrypted
from a device that the person's pinned identity has signed.

Source: design of Veche, signing §2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.authority.core.levels import Level
from appservices.signing.cards.texts.talk import (
    clauses_doc,
    code_doc,
    not_now_doc,
    refused_words,
    wrong_code_doc,
)
from appservices.signing.guardians.service import guarding
from appservices.signing.parties.service import acting
from appservices.signing.sessions.core.records import ClauseKind
from appservices.signing.sessions.core.topics import WORDS
from appservices.signing.sessions.service.conversation import CATALOGUE
from appservices.signing.sessions.store import sessions
from appservices.signing.sessions.store.signatures import Signature
from veche.access.approvals import IdentityState, identities
from veche.access.approvals.core import CodeVerdict, judge_code, typed_code
from veche.chat import prompts
from veche.protocol.answers import is_reply, refusal_text
from veche.protocol.errors import RefusedError
from veche.protocol.inbound import DeviceStanding
from veche.protocol.message import Paragraph
from veche.protocol.refusals import RefusalReason
from veche.protocol.texts.typed_choice import without_quote

if TYPE_CHECKING:
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.protocol.inbound import Inbound, Incoming

SESSIONS_MAX: Final = 50
"""Most documents of a person whose codes are looked at, the newest."""


def heard(scene: Conversation, inbound: Inbound) -> bool:
    """Take a reply that is a code alone; False if it is none, or none is waited for.

    Args:
        scene: The transaction.
        inbound: What was written.
    """
    content, typed = inbound.content, inbound.content.get("body")
    if content.get("msgtype") != "m.text" or not isinstance(typed, str):
        return False
    code = typed_code(without_quote(typed) if is_reply(content) else typed)
    if code is None:
        return False
    theirs = _documents(scene, inbound)
    waiting = [one for one in theirs if _waits_for_code(scene, *one)]
    found = [one for one in waiting if one[0].code == code]
    if not found and _asks_for_words(scene, inbound):
        # Four digits are an answer to many a question, such as one for a year.
        return False
    if not found and (meant := next((one for one in theirs if one[0].code == code), None)):
        _explain(scene, inbound, *meant)
        return True
    if not waiting:
        return False
    person, room_id = inbound.sender, inbound.room_id
    localizer = scene.localizer(person)
    expected = code if len(found) == 1 else None
    standing = standing_of(scene, inbound)
    verdict = judge_code(
        expected=expected, typed=code, tries=0, standing=standing, left_minor=0, minor=0
    )
    if verdict is CodeVerdict.SPENT:
        scene.tell(room_id, person, wrong_code_doc(localizer))
    elif verdict is CodeVerdict.UNTRUSTED:
        doc = refusal_text(
            RefusalReason.TRUST_TOO_LOW, CATALOGUE, localizer.language, standing=standing
        )
        scene.tell(room_id, person, doc)
    elif any(one.kind is not ClauseKind.REQUIRED for one in found[0][0].subject.clauses):
        scene.tell(room_id, person, clauses_doc(localizer))
    else:
        _sign(scene, inbound, *found[0])
    return True


def standing_of(scene: Conversation, inbound: Incoming) -> DeviceStanding:
    """Return the device's standing, if its identity is the one pinned at the question.

    Args:
        scene: The transaction.
        inbound: What the device sent.
    """
    is_pinned = identities.standing(scene.txn, inbound.sender).state is IdentityState.SAME
    if inbound.standing is DeviceStanding.VERIFIED and not is_pinned:
        return DeviceStanding.IDENTITY_CHANGED
    return inbound.standing


def _documents(scene: Conversation, inbound: Inbound) -> list[tuple[Session, Member]]:
    """The documents in which a person takes part, the newest first."""
    found = []
    for session_id in sessions.of_person(scene.txn, inbound.sender, SESSIONS_MAX):
        session = sessions.read(scene.txn, scene.vault, session_id)
        if session is not None:
            mine = (one for one in session.members if one.person == inbound.sender)
            found += [(session, one) for one in mine]
    return found


def _waits_for_code(scene: Conversation, session: Session, member: Member) -> bool:
    return member.level_min is Level.CLICK and _why_not(scene, session, member) is None


def _asks_for_words(scene: Conversation, inbound: Inbound) -> bool:
    """Return whether an open question takes words; a reply to a message answers that."""
    if is_reply(inbound.content):
        return False
    asked = prompts.candidates(scene.txn, inbound, None)
    return any(
        one.is_open and one.purpose.get(WORDS) and one.prompt.expires_at_ms > scene.now_ms
        for one in asked
    )


def _explain(scene: Conversation, inbound: Inbound, session: Session, member: Member) -> None:
    """Why a document is not signed by its code."""
    localizer = scene.localizer(inbound.sender)
    why = _why_not(scene, session, member)
    if why is None:
        doc = code_doc(session, member, scene.page_of(session, member), localizer)
    else:
        doc = not_now_doc(session, why, localizer)
    scene.tell(inbound.room_id, inbound.sender, doc)


def _why_not(scene: Conversation, session: Session, member: Member) -> RefusedError | None:
    """Why somebody cannot sign now; None: they can."""
    try:
        acting.check_time(scene, session, acting.able(session, member.id))
    except RefusedError as e:
        return e
    return None


def _sign(scene: Conversation, inbound: Inbound, session: Session, member: Member) -> None:
    details = {
        "event": inbound.event_id,
        "room": inbound.room_id,
        "reply": inbound.content.get("body"),
        "standing": inbound.standing.value,
    }
    locked = scene.session(session.id)
    if locked is None or _why_not(scene, locked, member) is not None:
        return
    waits = guarding.request(scene, locked, member)
    if waits is not None:
        if not waits.is_told:
            words = refused_words(waits, scene.localizer(inbound.sender))
            scene.tell(inbound.room_id, inbound.sender, (Paragraph(words),))
        return
    signature = Signature(member.id, Level.CLICK, inbound.at_ms, details=details)
    acting.signed(scene, locked, member.id, signature)
