"""Documents that the service never sees: drafted, given their ciphertext, sent.

Whoever asks has prepared and encrypted the document in their browser. Here is what the service
learns of it, and nothing more: accounts, roles, digests, sizes, times. Parties are called by their
accounts, as it knows no names.

Source: design of Veche, signing §4.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.authority.core.levels import Level
from appservices.signing.drafting.service import draft_talk, drafting
from appservices.signing.drafting.service.inviting import Invited
from appservices.signing.keys.document_cipher import OVERHEAD_BYTES
from appservices.signing.private.api import MATTER_BYTES_MAX, BlindState, LinkView
from appservices.signing.sessions.core.guests import is_guest
from appservices.signing.sessions.core.parties import PlanError, Role, Stage
from appservices.signing.sessions.core.records import (
    NAME_CHARACTERS_MAX,
    Clause,
    ClauseKind,
    Paper,
    Session,
    SessionEffect,
)
from appservices.signing.sessions.core.session import NotNowError, State
from appservices.signing.sessions.service.naming import user_named
from appservices.signing.sessions.service.tokens import SEED, token_of
from appservices.signing.sessions.store import blobs, sessions
from appservices.signing.sessions.texts.private import sent_doc
from veche.documents.asic.container import MIME
from veche.protocol.errors import (
    ConflictError,
    MalformedError,
    NotFoundError,
    RefusedError,
)
from veche.protocol.ids import UserId
from veche.protocol.unpadded_base64 import decode_base64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.signing.private.api import BlindBody, BlindClause, BlindParty
    from appservices.signing.sessions.service.conversation import Conversation

NO_SUCH: Final = "There is no such document here, or it is not yours to see"


@attrs.frozen
class Asked:
    """The requester of a draft, with their idempotency key.

    Attributes:
        person: Their account.
        key: ``Idempotency-Key``.
        sha256: Of what was asked.
    """

    person: UserId
    key: str
    sha256: bytes


def draft(scene: Conversation, asked: Asked, body: BlindBody) -> Session:
    """A draft, still without the document's ciphertext; the same key again gives the same one.

    Raises:
        ConflictError: The key came before, with another content.
        RefusedError: They prepare too many documents at once.
        MalformedError: Parties and stages make no session, or a digest or a moment is wrong.
    """
    matter = decode_base64(body.matter)
    if not OVERHEAD_BYTES < len(matter) <= MATTER_BYTES_MAX:
        raise MalformedError("matter", f"has up to {MATTER_BYTES_MAX} bytes, and is encrypted")
    if len({one.id for one in body.clauses}) != len(body.clauses):
        raise MalformedError("clauses", "two have the same id")
    session = _drafted(scene, asked.person, body)
    before = sessions.add_once(scene.txn, scene.vault, session, asked.key, asked.sha256)
    if before is not None:
        if before[1] != asked.sha256:
            raise ConflictError("This Idempotency-Key came before, with another content")
        return own_session(scene, asked.person, before[0])
    if sessions.drafts_of(scene.txn, asked.person) > draft_talk.DRAFTS_MAX:
        raise RefusedError(
            "You are preparing too many documents already: send or cancel one of them."
        )
    blobs.put(scene.txn, session.id, "matter", matter, scene.now_ms)
    draft_talk.forget_later(scene, session)
    return scene.save(session)


def put(scene: Conversation, session: Session, cipher: bytes) -> Session:
    """Keep the ciphertext of a draft's document.

    Args:
        scene: The transaction.
        session: Locked.
        cipher: As the requester's browser made it.

    Raises:
        NotNowError: The session was sent.
        MalformedError: It is not the one that the draft names.
    """
    paper = _paper(session)
    if session.state is not State.DRAFT:
        raise NotNowError(session.state)
    is_named = hashlib.sha256(cipher).digest() == paper.blob_sha256
    if not is_named or len(cipher) != paper.size + OVERHEAD_BYTES:
        raise MalformedError("document", "is not the one whose digest and size the draft has")
    if not has_document(scene, session):
        blobs.put(scene.txn, session.id, "document", cipher, scene.now_ms)
    return session


def send(scene: Conversation, session: Session) -> Session:
    """Send a draft whose ciphertext is there; one that was sent stays as it is.

    Raises:
        RefusedError: The ciphertext has not come.
        MalformedError: Its deadline is over.
    """
    if session.state is not State.DRAFT:
        return session
    if not has_document(scene, session):
        raise RefusedError("The document has not come yet: put it into the draft first")
    session = drafting.send(scene, session)
    person = UserId(session.requester)
    room_id = scene.chat_of(person)
    if room_id is not None:
        scene.tell(room_id, person, sent_doc(session, scene.localizer(person)))
    return session


def own_session(
    scene: Conversation, person: UserId, session_id: str, *, is_locked: bool = False
) -> Session:
    """A document that somebody has signed by others without showing it to the service.

    Raises:
        NotFoundError: They have no such.
    """
    read = sessions.lock if is_locked else sessions.read
    session = read(scene.txn, scene.vault, session_id)
    if session is None or session.requester != person or not session.is_blind:
        raise NotFoundError(NO_SUCH)
    return session


def state_view(scene: Conversation, session: Session) -> BlindState:
    """A document as its requester's page sees it."""
    return BlindState(
        **link_of(scene, session, UserId(session.requester)).model_dump(),
        session=session.id,
        state=session.state.value,
        code=session.code,
        document_is_here=has_document(scene, session),
    )


def link_of(scene: Conversation, session: Session, person: UserId) -> LinkView:
    """Return the link by which a person's page acts as a party of a document.

    Of somebody who takes part twice, which a delegate can, it is the place that is newest.

    Raises:
        NotFoundError: They take no part.
    """
    mine = [one for one in session.members if one.person == person]
    if not mine or not session.is_blind:
        raise NotFoundError(NO_SUCH)
    token = token_of(scene.parts.host.seed(SEED), session.id, mine[-1])
    return LinkView(party=mine[-1].id, token=token)


def has_document(scene: Conversation, session: Session) -> bool:
    """Return whether the ciphertext of a document has come."""
    return blobs.digest_of(scene.txn, session.id, "document") is not None


def _drafted(scene: Conversation, person: UserId, body: BlindBody) -> Session:
    level = Level(body.level)
    order = drafting.Order(
        requester=person,
        requester_name=person,
        title="",
        filename="",
        invited=_invited(scene, person, body),
        stages=[Stage(one.parties, one.need) for one in body.stages] or _at_once(body.parties),
        room_id=scene.chat_of(person),
        clauses=[_clause(one) for one in body.clauses],
        effect=SessionEffect(body.effect),
        level_min=level,
        may_delegate=body.may_delegate,
        deadline_at_ms=body.deadline_at_ms,
        title_sha256=decode_base64(body.title_sha256),
    )
    try:
        session = drafting.drafted(scene, order)
    except PlanError as e:
        raise MalformedError("stages", f"make no session: {e}") from e
    document = body.document
    if document.pages == 0:
        session = _in_container(scene, session)
    digest = decode_base64(document.sha256)
    paper = Paper(digest, document.size, document.pages, bytes.fromhex(document.blob))
    return attrs.evolve(session, paper=paper, head_sha256=digest)


def _in_container(scene: Conversation, session: Session) -> Session:
    """A draft whose document is no PDF; what it is else, is not known."""
    if session.subject.clauses:
        raise MalformedError("clauses", "are on pages, and this file is no PDF: it has none")
    session = attrs.evolve(session, subject=attrs.evolve(session.subject, kind=MIME))
    drafting.check_levels(scene, session)
    return session


def _invited(scene: Conversation, person: UserId, body: BlindBody) -> list[Invited]:
    """List the parties; the requester is always one, to have a page of it."""
    bot = scene.sender.bot.user_id
    for one in body.parties:
        # Bots, who came in by a picture, and what is no account of Matrix.
        if user_named(one.user, bot, person) != one.user or is_guest(one.user):
            raise MalformedError("parties", f"{one.user} is nobody who can be asked here")
    found = [
        Invited(
            id=one.party,
            role=Role(one.role),
            person=one.user,
            name=one.user[:NAME_CHARACTERS_MAX],
            of=one.of or "",
            level=None if one.level is None else Level(one.level),
            deadline_at_ms=one.deadline_at_ms,
        )
        for one in body.parties
    ]
    if any(one.person == person for one in found):
        return found
    number = 1 + max(int(one.id[1:]) for one in found)
    name = person[:NAME_CHARACTERS_MAX]
    return [*found, Invited(f"p{number}", Role.VIEWER, person, name)]


def _at_once(parties: Sequence[BlindParty]) -> list[Stage]:
    acting = tuple(one.party for one in parties if one.role != Role.VIEWER.value)
    return [Stage(acting)] if acting else []


def _clause(one: BlindClause) -> Clause:
    title_sha256 = decode_base64(one.title_sha256)
    return Clause(one.id, "", ClauseKind(one.kind), one.page, title_sha256=title_sha256)


def _paper(session: Session) -> Paper:
    assert session.paper is not None, "its draft names the document"  # noqa: S101 -- our bug
    return session.paper
