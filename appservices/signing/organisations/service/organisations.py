"""Sessions that organisations ask for over HTTP: drafts, what became of them, their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from appservices.signing.authority.core.levels import Level
from appservices.signing.drafting.service import drafting
from appservices.signing.drafting.service.inviting import Invited
from appservices.signing.pages.service.views import party_views
from appservices.signing.places.core.places import Area, Place, Side, covering
from appservices.signing.sessions.core.guests import Registrar, guest_id
from appservices.signing.sessions.core.parties import PlanError, Role, Stage
from appservices.signing.sessions.core.records import Clause, ClauseKind, SessionEffect
from appservices.signing.sessions.service import keeping
from appservices.signing.sessions.store import sessions
from veche.contracts.signing.session_api import SessionState
from veche.protocol.errors import ConflictError, MalformedError, NotFoundError, RefusedError
from veche.protocol.ids import UserId
from veche.protocol.unpadded_base64 import encode_base64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.signing.sessions.core.records import Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.contracts.signing.session_api import PartyOrder, SessionBody
    from veche.protocol.ids import Ulid

_NO_SUCH = "Your organisation has no such session"


@attrs.frozen
class Asked:
    """An organisation's request, by one of its idempotency keys.

    Attributes:
        caller: Id of the organisation.
        key: ``Idempotency-Key``.
        sha256: Of what was asked.
    """

    caller: str
    key: str
    sha256: bytes


def draft(scene: Conversation, asked: Asked, body: SessionBody) -> Session:
    """A draft of an organisation; the same key again gives the same one.

    Raises:
        ConflictError: The key came before, with another content.
        MalformedError: Parties and stages make no session, or a text or a moment is wrong.
    """
    level, session_id = Level(body.level), scene.sender.fresh_ulid("session")
    order = drafting.Order(
        requester=asked.caller,
        requester_name=name_of(scene, asked.caller),
        title=body.title,
        filename=body.filename,
        invited=[_invited(scene, session_id, one, asked.caller) for one in body.parties],
        stages=[Stage(tuple(one.parties), one.need) for one in body.stages],
        clauses=[Clause(one.id, one.title, ClauseKind(one.kind), one.page) for one in body.clauses],
        effect=SessionEffect(body.effect),
        level_min=level,
        may_delegate=body.may_delegate,
        deadline_at_ms=body.deadline_at_ms,
    )
    _check_boxes(body.parties)
    if len({one.id for one in body.clauses}) != len(body.clauses):
        raise MalformedError("clauses", "two have the same id")
    try:
        session = drafting.drafted(scene, order, session_id)
    except PlanError as e:
        raise MalformedError("stages", f"make no session: {e}") from e
    subject = attrs.evolve(session.subject, reference=body.reference)
    session = attrs.evolve(session, subject=subject)
    before = sessions.add_once(scene.txn, scene.vault, session, asked.key, asked.sha256)
    if before is None:
        return session
    if before[1] != asked.sha256:
        raise ConflictError("This Idempotency-Key came before, with another content")
    return own_session(scene, asked.caller, before[0])


def own_session(
    scene: Conversation, caller: str, session_id: str, *, is_locked: bool = False
) -> Session:
    """A session of an organisation.

    Raises:
        NotFoundError: It has no such.
    """
    read = sessions.lock if is_locked else sessions.read
    session = read(scene.txn, scene.vault, session_id)
    if session is None or session.requester != caller:
        raise NotFoundError(_NO_SUCH)
    return session


def state_view(scene: Conversation, session: Session) -> SessionState:
    """A session as the organisation that asked for it sees it."""
    paper, is_deleted = session.paper, keeping.is_forgotten(scene, session)
    return SessionState(
        session=session.id,
        state=session.state.value,
        title=session.subject.title,
        reference=session.subject.reference,
        document_sha256=None if paper is None else encode_base64(paper.sha256),
        final_sha256=None if session.final_sha256 is None else encode_base64(session.final_sha256),
        parties=party_views(scene, session),
        deadline_at_ms=session.deadline_at_ms,
        deletes_at_ms=None if is_deleted else keeping.forgotten_at_ms(scene, session),
        is_deleted=is_deleted,
    )


def name_of(scene: Conversation, caller: str) -> str:
    """Return the name by which people know an organisation.

    Raises:
        RefusedError: It has no seal here.
    """
    if caller not in scene.parts.authorities.seals:
        raise RefusedError("Your organisation has no seal here, by whose name people know it")
    return scene.parts.seals.name(caller, scene.now_ms)


def _invited(scene: Conversation, session_id: Ulid, one: PartyOrder, caller: str) -> Invited:
    role, registrar = Role(one.role), None
    person = caller if one.user is None else one.user
    if one.in_person is not None:
        if one.user is not None:
            raise MalformedError("parties.user", "must be left out of who signs in person")
        seer = UserId(one.in_person.user)
        registrar = Registrar(seer, one.in_person.name, scene.section.registers_for(seer))
        person = guest_id(session_id, one.party, scene.parts.host.server_name)
    elif one.by_hand:
        raise MalformedError("parties.by_hand", "is of who signs in person: say before whom")
    elif (role is Role.SEAL) != (one.user is None):
        raise MalformedError("parties.user", "must be an account, and of a seal must be left out")
    return Invited(
        id=one.party,
        role=role,
        person=person,
        name=one.name,
        of=one.witness_of or "",
        level=None if one.level is None else Level(one.level),
        place=_place(one),
        registrar=registrar,
        is_by_hand=one.by_hand,
    )


def _place(one: PartyOrder) -> Place | None:
    if one.page is None:
        for field, value in (("side", one.side), ("box", one.box)):
            if value is not None:
                raise MalformedError(f"parties.{field}", "is of a page: say which one (page)")
        return None
    if one.box is None:
        return Place(one.page, None if one.side is None else Side(one.side))
    if one.side is not None:
        raise MalformedError("parties.side", "is of the foot of a page: leave it out, or the box")
    return Place(one.page, area=Area(one.box.x, one.box.y, one.box.width, one.box.height))


def _check_boxes(parties: Sequence[PartyOrder]) -> None:
    """Make sure that no box is where another one is."""
    found = covering([_place(one) for one in parties])
    if found is not None:
        first, second = (parties[at].party for at in found)
        raise MalformedError(f"parties.{second}.box", f"covers the box of {first}")
