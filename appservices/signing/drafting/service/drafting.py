"""Sessions before they are sent: made, given a document, sent.

Source: design of Veche, signing §5.
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.authority.core.levels import OWN_LEVELS, Level
from appservices.signing.drafting.service.inviting import Invited, with_witnesses, written_member
from appservices.signing.keys.document_cipher import DOCUMENT, encrypt, fresh_key
from appservices.signing.papers.service.appending import free_names
from appservices.signing.parties.service.effects import Happening, happen
from appservices.signing.places.core.boxes import BOXES_MAX
from appservices.signing.sessions.core.errors import LevelNotOfferedError, NotRegistrarError
from appservices.signing.sessions.core.guests import is_guest
from appservices.signing.sessions.core.hand import check_by_hand
from appservices.signing.sessions.core.parties import Party, Role, Stage, check_plan
from appservices.signing.sessions.core.records import (
    DEADLINE_MS_MAX,
    IN_FILE,
    NAME_CHARACTERS_MAX,
    TITLE_CHARACTERS_MAX,
    UNFAIR_MAX,
    Before,
    Clause,
    ClauseKind,
    Member,
    Mode,
    Paper,
    Session,
    SessionEffect,
    Subject,
    fields_of,
    with_clause_fields,
)
from appservices.signing.sessions.core.session import Input, NotNowError, State, step
from appservices.signing.sessions.store import blobs, sessions
from veche.documents.pdf import page_count
from veche.documents.pdf.document import Document
from veche.documents.pdf.signing import form_fields
from veche.documents.pdf.values import PdfError
from veche.protocol.approval import showable
from veche.protocol.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.signing.papers.core.any_files import AnyFile
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.documents.signatures.report import Report
    from veche.protocol.ids import RoomId, Ulid

DEADLINE_MS: Final = 14 * 86_400_000
"""How long parties have if nobody says otherwise."""
BOXED: Final = frozenset({Role.SIGNER, Role.CLERK, Role.WITNESS, Role.SEAL})
"""Roles that sign in a box of the document."""
GUEST_ROLES: Final = frozenset({Role.SIGNER, Role.APPROVER, Role.WITNESS})
"""As what somebody without an account takes part."""


@attrs.frozen
class Order:
    """A session that somebody wants.

    Attributes:
        requester: Matrix user id, or id of an organisation.
        requester_name: As people know them.
        title: Of the document; empty: only browsers know it.
        filename: Of its file; empty likewise.
        invited: Who takes part; may be empty of a draft.
        stages: In which order; empty: all who sign at once.
        room_id: Where the requester is told; None: over HTTP alone.
        clauses: That need consent.
        effect: When signatures count.
        level_min: How everybody has to sign at least.
        may_delegate: Whether parties may let others act.
        deadline_at_ms: UTC; None: the usual.
        pages: Of the file; 0: it is not known yet.
        title_sha256: Of a title that only browsers know; None: the service knows it.
    """

    requester: str
    requester_name: str
    title: str
    filename: str
    invited: Sequence[Invited] = ()
    stages: Sequence[Stage] = ()
    room_id: RoomId | None = None
    clauses: Sequence[Clause] = ()
    effect: SessionEffect = SessionEffect.WHEN_COMPLETE
    level_min: Level = Level.ADVANCED
    may_delegate: bool = False
    deadline_at_ms: int | None = None
    pages: int = 0
    title_sha256: bytes | None = None


def make(scene: Conversation, order: Order, session_id: Ulid | None = None) -> Session:
    """A draft, which is kept.

    Args:
        scene: The transaction.
        order: What is wanted.
        session_id: Its id; None: a fresh one.

    Raises:
        MalformedError: A text is too long, or the deadline is not within bounds.
        PlanError: Parties and stages make no session.
    """
    session = drafted(scene, order, session_id)
    sessions.add(scene.txn, scene.vault, session)
    return session


def drafted(scene: Conversation, order: Order, session_id: Ulid | None = None) -> Session:
    """The same, which the caller keeps."""
    session = Session(
        id=scene.sender.fresh_ulid("session") if session_id is None else session_id,
        state=State.DRAFT,
        requester=order.requester,
        room_id=order.room_id,
        effect=order.effect,
        level_min=order.level_min,
        may_delegate=order.may_delegate,
        stages=(),
        members=(),
        subject=Subject(
            title=order.title,
            filename=order.filename,
            requester_name=order.requester_name[:NAME_CHARACTERS_MAX],
            key=fresh_key(),
            clauses=tuple(order.clauses),
            pages=order.pages,
        ),
        deadline_at_ms=order.deadline_at_ms or scene.now_ms + DEADLINE_MS,
        made_at_ms=scene.now_ms,
        mode=Mode.ASSISTED if order.title_sha256 is None else Mode.BLIND,
        title_sha256=order.title_sha256,
    )
    if not session.is_blind:
        check_title(order.title)
        _check_line("filename", order.filename or "document.pdf")
        for one in order.clauses:
            _check_line("clauses", one.title)
    if sum(one.kind is ClauseKind.UNFAIR for one in order.clauses) > UNFAIR_MAX:
        raise MalformedError("clauses", f"at most {UNFAIR_MAX} are signed by themselves")
    check_deadline(scene, session.deadline_at_ms)
    if order.invited:
        session = with_parties(session, order.invited, order.stages)
        check_levels(scene, session)
    return session


def with_parties(
    session: Session,
    invited: Sequence[Invited],
    stages: Sequence[Stage] = (),
    *,
    is_each: bool = False,
) -> Session:
    """A draft with who takes part, in place of whom it had.

    Args:
        session: The draft.
        invited: Who takes part.
        stages: In which order; empty: all who sign at once.
        is_each: Each of the first stage is to have a session of their own.

    Raises:
        PlanError: Parties and stages make no session.
        MalformedError: A name is too long, somebody has no account, or takes part twice.
        NotRegistrarError: Before whom somebody is to sign in person may identify nobody.
        ByHandError: Somebody cannot sign by hand here.
    """
    invited, stages = with_witnesses(invited, stages)
    _check_once(invited)
    acting = tuple(one.id for one in invited if one.role is not Role.VIEWER)
    if not stages and acting:
        stages = (Stage(acting),)
    session = attrs.evolve(
        session,
        members=tuple(_member(session, one) for one in invited),
        stages=tuple(stages),
        subject=attrs.evolve(session.subject, is_each=is_each),
    )
    if is_each:
        for one in session.stages[0].parties:
            check_plan(only(session, one).plan)
    else:
        check_plan(session.plan)
    check_by_hand(session)
    session = with_clause_fields(session)
    if sum(len(fields_of(session, one)) for one in session.members) > BOXES_MAX:
        raise MalformedError("clauses", f"with those of clauses, there are over {BOXES_MAX} boxes")
    return session


def with_signatures(session: Session, report: Report) -> Session:
    """A draft whose document was signed before: signatures are only added to it.

    Args:
        session: The draft.
        report: On the file as it was sent.
    """
    before = Before(
        verdict=report.verdict.value,
        signers=tuple(" ".join(showable(one.name).split()) for one in report.signers),
        fields=tuple(one.field for one in report.signers),
    )
    return attrs.evolve(session, subject=attrs.evolve(session.subject, before=before))


def with_any_file(session: Session, file: AnyFile) -> Session:
    """A draft whose document is no PDF: it is signed in a container."""
    subject = attrs.evolve(
        session.subject, filename=file.name, kind=file.kind, pages=0, before=None
    )
    return attrs.evolve(session, subject=subject)


def only(session: Session, party: str) -> Session:
    """A draft for each of many, for one of them: the others of the first stage are left out."""
    first = session.stages[0]
    left = set(first.parties) - {party}
    members = tuple(one for one in session.members if one.id not in left)
    stages = (attrs.evolve(first, parties=(party,)), *session.stages[1:])
    subject = attrs.evolve(session.subject, is_each=False)
    return attrs.evolve(session, members=members, stages=stages, subject=subject)


def off_page(session: Session) -> Member | None:
    """Return a party with a box on a page that the file lacks; None: nobody."""
    pages = session.subject.pages
    is_known = session.has_container or pages > 0
    placed = (one for one in session.members if one.place is not None and is_known)
    return next((one for one in placed if one.place and one.place.page > pages), None)


def check_title(title: str) -> None:
    """Make sure that a title can be one.

    Raises:
        MalformedError: It is empty, too long, or cannot be shown as it is.
    """
    if not 1 <= len(title) <= TITLE_CHARACTERS_MAX:
        raise MalformedError("title", f"has 1 to {TITLE_CHARACTERS_MAX} characters")
    _check_line("title", title)


def _check_line(field: str, words: str) -> None:
    """Make sure that approvals can show some words: else nobody could sign what has them.

    Raises:
        MalformedError: They cannot, or are blank.
    """
    if not words.strip() or "\n" in words or showable(words) != words:
        raise MalformedError(field, "has characters that cannot be shown, or none that can")


def check_deadline(scene: Conversation, deadline_at_ms: int) -> None:
    """Make sure that a deadline can be one.

    Raises:
        MalformedError: It is over, or too far away.
    """
    if not scene.now_ms < deadline_at_ms <= scene.now_ms + DEADLINE_MS_MAX:
        raise MalformedError("deadline_at_ms", "must be later than now, and within 180 days")


def freeze(scene: Conversation, session: Session, pdf: bytes) -> Session:
    """Give a draft its document, which does not change any more; it is kept as ciphertext.

    Args:
        scene: The transaction.
        session: Locked.
        pdf: In the sealed profile, with a box for everybody who signs in one; or signed already;
            or any other file, as it is.

    Raises:
        NotNowError: The session was sent.
        PdfError: The file is outside the profile, or a box is missing in it.
    """
    if session.state is not State.DRAFT:
        raise NotNowError(session.state)
    if session.has_container:
        return _frozen(scene, session, pdf, 0)
    document = Document(pdf)
    if session.subject.before is None:
        laid = {name for name, _ in form_fields(document)}
        wanted = (field for one in session.members for field in fields_of(session, one))
        missing = [field for field in wanted if field not in laid]
        if missing:
            raise PdfError(f"there is no box {missing[0]}")
    else:
        session = _with_free_names(session, document)
    return _frozen(scene, session, pdf, page_count(document))


def _frozen(scene: Conversation, session: Session, data: bytes, pages: int) -> Session:
    cipher = encrypt(session.subject.key, data, DOCUMENT)
    digest = hashlib.sha256(data).digest()
    paper = Paper(
        sha256=digest,
        size=len(data),
        pages=pages,
        blob_sha256=blobs.put(scene.txn, session.id, "document", cipher, scene.now_ms),
    )
    return scene.save(attrs.evolve(session, paper=paper, head_sha256=digest))


def send(scene: Conversation, session: Session) -> Session:
    """Send a draft that has its document: those of the first stage are asked.

    Raises:
        NotNowError: It was sent before, or has no document.
        PlanError: Parties and stages make no session.
        MalformedError: Its deadline is over.
        ByHandError: Somebody cannot sign by hand in it.
    """
    step(session.state, Input.SEND)
    if session.paper is None:
        raise NotNowError(session.state)
    check_plan(session.plan)
    check_levels(scene, session)
    check_by_hand(session)
    check_deadline(scene, session.deadline_at_ms)
    # What the document was made from is not needed any more, and is not kept twice.
    blobs.drop(scene.txn, session.id, "upload")
    return happen(scene, session, Happening(Input.SEND))


def _with_free_names(session: Session, document: Document) -> Session:
    """The session whose signers sign in fields that the document does not have yet."""
    fields = [field for one in session.members for field in fields_of(session, one)]
    names = free_names(document, fields)
    members = tuple(attrs.evolve(one, field=names.get(one.field, "")) for one in session.members)
    clauses = tuple(
        attrs.evolve(one, fields=tuple(names.get(field, field) for field in one.fields))
        for one in session.subject.clauses
    )
    subject = attrs.evolve(session.subject, clauses=clauses)
    return attrs.evolve(session, members=members, subject=subject)


def _member(session: Session, one: Invited) -> Member:
    if not 1 <= len(one.name) <= NAME_CHARACTERS_MAX:
        raise MalformedError("name", f"has 1 to {NAME_CHARACTERS_MAX} characters")
    _check_line("name", one.name)
    if "@" in unicodedata.normalize("NFKC", one.name) and not one.person.startswith(one.name):
        raise MalformedError("name", "has an at sign: it would pass for somebody's account")
    if (one.role is not Role.SEAL) != one.person.startswith("@"):
        raise MalformedError("user", "must be an account, and of a seal an organisation")
    _check_guest(one)
    if one.is_by_hand:
        return written_member(one)
    if one.place is not None and one.role not in BOXED:
        raise MalformedError("page", "is of who signs in a box: an approver and a viewer have none")
    level = session.level_min if one.level is None else one.level
    level = level_for(one.role, level)
    return Member(
        party=Party(one.id, one.role, of=one.of),
        person=one.person,
        name=one.name,
        field=f"Sig{one.id[1:]}" if one.role in BOXED else "",
        level_min=level,
        deadline_at_ms=one.deadline_at_ms,
        place=one.place,
        registrar=one.registrar,
    )


def _check_once(invited: Sequence[Invited]) -> None:
    """Everybody takes part once; a registrar may be the witness of several who write by hand."""
    by_hand = {one.id for one in invited if one.is_by_hand}
    persons = [one.person for one in invited if one.of not in by_hand]
    if len(set(persons)) != len(persons):
        raise MalformedError("parties", "everybody takes part once")


def level_for(role: Role, level: Level) -> Level:
    """How somebody signs in a document that asks for a level."""
    if role is Role.APPROVER and level in IN_FILE:
        # An approver has no box, so their key signs for them.
        return Level.APPROVAL
    is_nobody = role in (Role.SEAL, Role.VIEWER)
    return Level.ADVANCED if is_nobody and level in OWN_LEVELS else level


def check_levels(scene: Conversation, session: Session) -> None:
    """Make sure that everybody can sign here as is asked of them.

    Raises:
        LevelNotOfferedError: The operator names nobody whose certificates are taken for that, the
            document is no PDF, or it is asked of who signs in person.
    """
    for one in session.members:
        if one.level_min not in OWN_LEVELS:
            continue
        if session.has_container:
            raise LevelNotOfferedError(one.level_min.value, "file")
        if one.level_min not in scene.parts.authorities.levels:
            raise LevelNotOfferedError(one.level_min.value, "authority")
        if one.is_guest:
            raise LevelNotOfferedError(one.level_min.value, "in_person")


def _check_guest(one: Invited) -> None:
    if is_guest(one.person) != (one.registrar is not None):
        raise MalformedError("user", "is the id of somebody who signs in person, not an account")
    if one.registrar is not None and one.role not in GUEST_ROLES:
        raise MalformedError("role", "who signs in person is a signer, an approver or a witness")
    if one.registrar is not None and not one.registrar.organisation:
        raise NotRegistrarError
