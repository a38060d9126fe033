"""Records of a signing session: its document, its parties, its subject.

Source: design of Veche, signing §5 and §9.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.signing.authority.core.levels import OWN_LEVELS, Level
from appservices.signing.keys.core.document_code import code_of, order_sha256
from appservices.signing.sessions.core.parties import Party, Plan, Role, Stage
from veche.documents.pdf.grammar import OF_CLAUSE
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.signing.places.core.places import Place
    from appservices.signing.sessions.core.guests import Identified, Registrar, Written
    from appservices.signing.sessions.core.session import State
    from veche.protocol.ids import EffectId, RoomId, Ulid

TITLE_CHARACTERS_MAX: Final = 200
REASON_CHARACTERS_MAX: Final = 1_000
NAME_CHARACTERS_MAX: Final = 100
CLAUSES_MAX: Final = 50
DEADLINE_MS_MAX: Final = 180 * 86_400_000
UNFAIR_MAX: Final = 15
"""Clauses that are signed by themselves: with each, what a party hands in gets 12 kB longer."""


CONSENTING: Final = frozenset({Role.SIGNER, Role.CLERK})
"""Roles of those who agree to what the document says."""


IN_FILE: Final = frozenset({Level.ADVANCED, *OWN_LEVELS})
"""By a signature in a box of the file."""


class SessionEffect(enum.Enum):
    """When signatures count."""

    WHEN_COMPLETE = "when_complete"
    """Once everyone has signed; until then nobody is bound."""
    EACH = "each"
    """Whoever has signed is bound."""


class Mode(enum.Enum):
    """The mode of a session: who sees the document."""

    ASSISTED = "assisted"
    """The service has it, and gives each party the key."""
    BLIND = "blind"
    """Browsers alone have it; the service knows digests, sizes and accounts."""


class ClauseKind(enum.Enum):
    """The kind of consent to a clause."""

    REQUIRED = "required"
    """Accepted by signing."""
    UNFAIR = "unfair"
    """Needs a box of its own; who does not tick it cannot sign."""
    OPTIONAL = "optional"
    """May be refused."""


@attrs.frozen
class Clause:
    """A part of the document that needs consent.

    Attributes:
        id: Letters and digits, at most 16, unique in the document.
        title: As it is shown; empty: only browsers know it.
        kind: What consent is.
        page: Where it is, from 1.
        fields: Boxes of those who accept an unfair one by a signature of its own; empty: nobody
            does, and everybody answers to it.
        title_sha256: Of a title that only browsers know.
    """

    id: str
    title: str
    kind: ClauseKind
    page: int
    fields: tuple[str, ...] = ()
    title_sha256: bytes | None = None


@attrs.frozen
class Before:
    """The signatures that a document had before it came here.

    Attributes:
        verdict: On it as it came: ``Verdict.value``.
        signers: As their certificates call them.
        fields: Where the report on the file has them.
    """

    verdict: str
    signers: tuple[str, ...]
    fields: tuple[str, ...]


@attrs.frozen
class Subject:
    """The subject of a session; always sealed in the database.

    Attributes:
        title: Of the document; empty: only browsers know it.
        filename: Of the file as it was sent; empty likewise.
        requester_name: Who asks, as people know them; their account if only browsers know more.
        key: 32 bytes that encrypt the file and its increments; of a document that only browsers
            have, nothing but the report.
        clauses: In the order of the document.
        reference: What an organisation that asks knows it by.
        is_each: Each of the first stage gets a session of their own.
        template: What a draft is made of that has a template, as JSON; None: it has none.
        pages: Of the file as it was sent; 0: it is not known.
        before: What it was signed with already; then signatures are only added to it. None: nobody
            had signed it.
        kind: Media type of a file that is no PDF: it is signed in a container, and has no pages,
            no boxes and no clauses. Empty: a PDF, which is signed in itself.
    """

    title: str
    filename: str
    requester_name: str
    key: bytes = attrs.field(repr=False)
    clauses: tuple[Clause, ...] = ()
    reference: str = ""
    is_each: bool = False
    template: Mapping[str, Any] | None = None
    pages: int = 0
    before: Before | None = None
    kind: str = ""


@attrs.frozen
class Paper:
    """The document, once it cannot change any more.

    Attributes:
        sha256: Hash of the file before anybody signed it.
        size: Bytes of it.
        pages: Of it; 0: it is no PDF.
        blob_sha256: Of its ciphertext.
    """

    sha256: bytes
    size: int
    pages: int
    blob_sha256: bytes


@attrs.frozen
class Member:
    """A party with all that is known of them.

    Attributes:
        party: What the rules know.
        person: Their account; of a seal, the organisation's id; of a guest, the id of one.
        name: As the document and the others see them; only sealed in the database.
        field: Name of their box in the file; empty: they have none.
        level_min: How they have to sign.
        deadline_at_ms: Their own, UTC; None: the session's.
        delegated_to: Id of the party who acts in their place; empty: nobody.
        room_id: Where they are asked; None: not yet.
        card: Effect id of their card there.
        reason: Of their refusal: its code and words, or empty.
        place: Where their box is wanted; None: on a page of its own at the end.
        registrar: Of a guest: who has to see who they are; None of whoever has an account.
        identified: Who has seen who they are: of a guest before they sign, of whoever has an
            account once they have a certificate that says so; None: nobody has.
        is_by_hand: A guest who writes by hand on a tablet of the registrar's, who is their witness.
        written: What they have written, until the witness has signed; None: nothing that counts.
    """

    party: Party
    person: str
    name: str
    field: str
    level_min: Level
    deadline_at_ms: int | None = None
    delegated_to: str = ""
    room_id: RoomId | None = None
    card: EffectId | None = None
    reason: tuple[str, str] = ("", "")
    place: Place | None = None
    registrar: Registrar | None = None
    identified: Identified | None = None
    is_by_hand: bool = False
    written: Written | None = None

    @property
    def id(self) -> str:
        """Id of the party."""
        return self.party.id

    @property
    def user_id(self) -> UserId:
        """Their account."""
        return UserId(self.person)

    @property
    def is_guest(self) -> bool:
        """Return whether they have no account, and sign in person."""
        return self.registrar is not None

    @property
    def is_unknown(self) -> bool:
        """Return whether they still have to be identified."""
        return self.is_guest and self.identified is None


@attrs.frozen
class Session:
    """A session.

    Attributes:
        id: ULID.
        state: Where it has got to.
        requester: Matrix user id, or id of an organisation.
        room_id: Where the requester is told; None: over HTTP alone.
        effect: When signatures count.
        level_min: Of every signature.
        may_delegate: Whether parties may let others sign for them.
        stages: Who acts when.
        members: In their order.
        subject: What it is about.
        paper: The document; None: it can still change.
        revision: Number of the newest one; 0: nobody has signed in the file.
        head_sha256: Of the file with all revisions.
        final_sha256: Of the closed file.
        deadline_at_ms: UTC.
        made_at_ms: UTC.
        sent_at_ms: UTC; None: a draft.
        ended_at_ms: UTC; None: not yet.
        mode: Who sees the document.
        title_sha256: Of a title that only browsers know; None: the service knows it.
        closed_at_ms: When the file was closed and handed out; None: not yet.
    """

    id: Ulid
    state: State
    requester: str
    room_id: RoomId | None
    effect: SessionEffect
    level_min: Level
    may_delegate: bool
    stages: tuple[Stage, ...]
    members: tuple[Member, ...]
    subject: Subject
    deadline_at_ms: int
    made_at_ms: int
    paper: Paper | None = None
    revision: int = 0
    head_sha256: bytes | None = None
    final_sha256: bytes | None = None
    sent_at_ms: int | None = None
    ended_at_ms: int | None = None
    closed_at_ms: int | None = None
    mode: Mode = Mode.ASSISTED
    title_sha256: bytes | None = None

    @property
    def is_blind(self) -> bool:
        """Return whether the service never sees the document."""
        return self.mode is Mode.BLIND

    @property
    def has_container(self) -> bool:
        """Return whether its file is no PDF, and signed in a container."""
        return self.subject.kind != ""

    @property
    def plan(self) -> Plan:
        """Its parties and stages, for the rules."""
        return Plan({one.id: one.party for one in self.members}, self.stages)

    def member(self, party: str) -> Member | None:
        """A party; None: there is no such."""
        return next((one for one in self.members if one.id == party), None)

    def with_plan(self, plan: Plan) -> Session:
        """The session in which parties have got on."""
        members = tuple(attrs.evolve(one, party=plan.parties[one.id]) for one in self.members)
        return attrs.evolve(self, members=members, stages=plan.stages)

    @property
    def code(self) -> str:
        """Four digits that two people can compare: that of the document in this session."""
        assert self.paper is not None, "a draft has no code"  # noqa: S101 -- our bug
        return code_of(self.paper.sha256, self.id)


def clauses_of(session: Session, member: Member) -> tuple[Clause, ...]:
    """The clauses that concern a party: an unfair one those who sign it by itself.

    Who writes by hand answers to all of them there; their witness to none.
    """
    held, seen = session.subject.clauses, session.member(member.party.of)
    if member.is_by_hand:
        return held
    if seen is not None and seen.is_by_hand:
        return ()
    return tuple(one for one in held if not one.fields or member.field in one.fields)


def fields_of(session: Session, member: Member) -> tuple[str, ...]:
    """The boxes in which a party signs: their own, then one of each unfair clause; may be empty."""
    if not member.field:
        return ()
    own = (one for one in session.subject.clauses if member.field in one.fields)
    return (member.field, *(clause_field(member.field, one.id) for one in own))


def clause_field(field: str, clause: str) -> str:
    """Name of the box in which a clause is signed by itself, such as ``Sig2:c7``."""
    return f"{field}{OF_CLAUSE}{clause}"


def with_clause_fields(session: Session) -> Session:
    """The session in which all who sign for themselves accept unfair clauses by a signature."""
    fields = tuple(
        one.field for one in session.members if one.field and one.party.role in CONSENTING
    )
    clauses = (
        attrs.evolve(one, fields=fields) if one.kind is ClauseKind.UNFAIR else one
        for one in session.subject.clauses
    )
    return attrs.evolve(session, subject=attrs.evolve(session.subject, clauses=tuple(clauses)))


def parties_sha256(members: Sequence[Member], stages: Sequence[Stage]) -> bytes:
    """SHA-256 of who signs, as what and in which order: what every approval names.

    Delegates do not change it: it is of the parties with whom the document was sent.
    """
    own = [one for one in members if not _is_delegate(one, members)]
    return order_sha256(
        [
            {"party": one.id, "role": one.party.role.value, "name": one.name, "user": one.person}
            for one in own
        ],
        [
            {"need": stage.need, "parties": [one for one in stage.parties if _has(own, one)]}
            for stage in stages
        ],
    )


def _is_delegate(member: Member, members: Sequence[Member]) -> bool:
    return any(one.delegated_to == member.id for one in members)


def _has(members: Sequence[Member], party: str) -> bool:
    return any(one.id == party for one in members)
