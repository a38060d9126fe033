"""All that waits for a person: a link to the list of it, and one question for many documents.

The link is short, however long the list is: the page asks for the list, which is encrypted with
the key in the link, as it has the keys of the documents.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.authority.core.levels import Level
from appservices.signing.guardians.service import guarding
from appservices.signing.keys.document_cipher import encrypt
from appservices.signing.parties.api.waiting import (
    AskedListView,
    LeftOutView,
    PrivateParty,
    WaitingList,
    WaitingParty,
    WaitingView,
)
from appservices.signing.parties.service.acting import able, check_time
from appservices.signing.parties.service.approvals import check_level, facts_of
from appservices.signing.sessions.core.errors import ApprovalMismatchError, ClauseError
from appservices.signing.sessions.core.hand import writer_of
from appservices.signing.sessions.service.tokens import (
    LIST_SEED,
    SEED,
    key_text,
    list_link,
    token_of,
)
from appservices.signing.sessions.store import sessions
from veche.access.approvals import SIGNATURE_ASKED_MS, by_page
from veche.protocol.approval import DOCUMENTS_MAX, SignatureShown, documents_sha256
from veche.protocol.errors import RefusedError
from veche.protocol.unpadded_base64 import decode_base64, encode_base64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.signing.parties.api.waiting import AskListBody
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from appservices.signing.sessions.service.tokens import ListLink
    from veche.protocol.ids import UserId

LINK_MS: Final = 24 * 3_600_000
"""How long a link opens the list."""
OTHERS_MAX: Final = 20
"""Documents to be signed one at a time that the list names."""
LOOKED_AT_MAX: Final = 600
"""Documents among which the list is made, the oldest."""
PURPOSE: Final = b"veche.signing.waiting"


def waiting_for(scene: Conversation, person: UserId) -> list[tuple[Session, Member]]:
    """List what waits for a person, oldest first, at most ``LOOKED_AT_MAX``."""
    ids = sessions.waiting_for(scene.txn, person, LOOKED_AT_MAX)
    found: list[tuple[Session, Member]] = []
    for session_id in ids:
        session = sessions.read(scene.txn, scene.vault, session_id)
        members = () if session is None else session.members
        found += [
            (session, one)
            for one in members
            if session is not None and one.person == person and _is_able(scene, session, one)
        ]
    return found


def together(found: Sequence[tuple[Session, Member]]) -> list[tuple[Session, Member]]:
    """Those that can be signed by one approval; of one session, the first party."""
    good = {
        session.id: (session, one) for session, one in reversed(found) if is_plain(session, one)
    }
    return list(reversed(good.values()))


def is_plain(session: Session, member: Member) -> bool:
    """Return whether a document can be signed together with others."""
    try:
        check_plain(session, member)
    except RefusedError:
        return False
    return True


def check_plain(session: Session, member: Member) -> None:
    """Make sure that a document can be signed with others: in its file, without clauses.

    Raises:
        SignatureLevelError: The person has no box in it.
        ClauseError: It has clauses, which have to be seen and answered on its own page.
        RefusedError: Others have signed it before, or it is no PDF, which has to be seen on its own
            page.
    """
    check_level(member, Level.ADVANCED)
    if session.subject.before is not None:
        raise RefusedError("Others have signed this document: please sign it on its own page.")
    if session.has_container:
        raise RefusedError("This file is no PDF: please sign it on its own page.")
    if writer_of(session, member) is not None:
        raise RefusedError("What was written by hand has to be seen: sign on its own page.")
    if session.subject.clauses:
        raise ClauseError(
            session.subject.clauses[0].id,
            "This document has clauses to be agreed to: please sign it on its own page.",
        )


def link_of(scene: Conversation, person: UserId) -> str | None:
    """Address of the page of a person's list; None if there are no pages here."""
    if scene.links is None:
        return None
    seed = scene.parts.host.seed(LIST_SEED)
    return scene.links.page(
        "sign", fragment=list_link(seed, person, scene.now_ms + LINK_MS).fragment
    )


def is_good(scene: Conversation, told: ListLink) -> bool:
    """Return whether a link is valid for the list of the person in it."""
    known = list_link(scene.parts.host.seed(LIST_SEED), told.person, told.until_ms)
    is_same = hmac.compare_digest(known.token.encode(), told.token.encode())
    return is_same and scene.now_ms <= told.until_ms


def list_view(scene: Conversation, person: UserId, until_ms: int) -> WaitingView:
    """The list of a person, for whoever has the key in their link."""
    waiting = waiting_for(scene, person)
    found = [one for one in waiting if not one[0].is_blind]
    private = [one for one in waiting if one[0].is_blind]
    good = together(found)
    ids = {session.id for session, _ in good}
    others = [(session, one) for session, one in found if session.id not in ids]
    documents, hidden = good[:DOCUMENTS_MAX], private[: max(0, DOCUMENTS_MAX - len(good))]
    told = WaitingList(
        documents=[_party(scene, *one) for one in documents],
        others=[_party(scene, *one) for one in others[:OTHERS_MAX]],
        private=[_private_party(scene, *one) for one in hidden],
        more=len(good)
        - len(documents)
        + max(0, len(others) - OTHERS_MAX)
        + len(private)
        - len(hidden),
    )
    key = list_link(scene.parts.host.seed(LIST_SEED), person, until_ms).key
    return WaitingView(sealed=encode_base64(encrypt(key, told.model_dump_json().encode(), PURPOSE)))


def ask_all(
    scene: Conversation,
    found: Sequence[tuple[Session, Member]],
    left: Sequence[LeftOut],
    body: AskListBody,
) -> AskedListView:
    """Ask for one approval of several documents.

    Args:
        scene: The transaction.
        found: What the page lists, in its order, as far as its links are good.
        left: The others of it.
        body: What the page sent.

    Raises:
        RefusedError: None of them can be signed.
    """
    good: list[tuple[Session, Member]] = []
    out = list(left)
    for session, member in found:
        try:
            _check(scene, session, member, good)
        except RefusedError as e:
            out.append(LeftOut(session.id, e))
        else:
            good.append((session, member))
    if not good:
        raise out[0].error
    documents = tuple(facts_of(*one) for one in good)
    digest = documents_sha256(decode_base64(one.sha256) for one in documents)
    shown = SignatureShown(
        **{
            **documents[0].model_dump(),
            "sha256": encode_base64(digest),
            "size": sum(one.size for one in documents),
            "pages": sum(one.pages for one in documents),
        },
        level=Level.ADVANCED.value,
        read=body.read,
        clauses=(),
        key=body.key,
        documents=documents,
    )
    person = good[0][1].user_id
    asked = by_page.ask_signature(scene.txn, person, shown, scene.now_ms)
    return AskedListView(
        asked=asked.model_dump(mode="json", exclude_none=True),
        now_ms=scene.now_ms,
        expires_at_ms=scene.now_ms + SIGNATURE_ASKED_MS,
        left_out=[
            LeftOutView(session=one.session, errcode=one.error.errcode, error=str(one.error))
            for one in out
        ],
    )


@attrs.frozen
class LeftOut:
    """A document that is not asked for with the others.

    Attributes:
        session: Id of its session.
        error: Why.
    """

    session: str
    error: RefusedError


def _check(
    scene: Conversation, session: Session, member: Member, before: Sequence[tuple[Session, Member]]
) -> None:
    check_time(scene, session, able(session, member.id))
    check_plain(session, member)
    guarding.check(scene, session, member)
    if before and member.person != before[0][1].person:
        raise ApprovalMismatchError("person")
    if any(session.id == other.id for other, _ in before):
        raise ApprovalMismatchError("session")


def _is_able(scene: Conversation, session: Session, member: Member) -> bool:
    try:
        check_time(scene, session, able(session, member.id))
    except RefusedError:
        return False
    return True


def _private_party(scene: Conversation, session: Session, member: Member) -> PrivateParty:
    """One that only browsers can read: its key is not here."""
    return PrivateParty(
        session=session.id,
        party=member.id,
        token=token_of(scene.parts.host.seed(SEED), session.id, member),
        requester=session.requester,
        is_together=is_plain(session, member),
    )


def _party(scene: Conversation, session: Session, member: Member) -> WaitingParty:
    return WaitingParty(
        session=session.id,
        party=member.id,
        token=token_of(scene.parts.host.seed(SEED), session.id, member),
        key=key_text(session.subject.key),
        title=session.subject.title,
    )
