"""HTTP bodies by which organisations have documents signed: drafts, states, events.

Source: design of Veche, signing §9.5.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from veche.contracts.signing.signing_api import (
    NAME_CHARACTERS_MAX,
    PARTIES_MAX,
    ClauseId,
    LevelName,
    PartyId,
    PartyView,
    RoleName,
    SessionId,
)
from veche.protocol.approval import CLAUSES_MAX, Sha256
from veche.protocol.ids import WireUlid, WireUserId
from veche.protocol.wire import Wire

CURSOR_MAX: Final = 2**53 - 1
STAGES_MAX: Final = 20
TITLE_CHARACTERS_MAX: Final = 200


class Nothing(Wire):
    """An empty object."""


EMPTY: Final = Nothing()


class InPersonOrder(Wire):
    """The registrars who may check the identity of a person at the office.

    Attributes:
        user: Their account.
        name: What the certificate calls them.
    """

    user: WireUserId
    name: Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS_MAX)]


class BoxOrder(Wire):
    """A rectangle on a page, in whole points (1/72 inch) of the page as it is shown.

    Cropped and turned as readers show it; a page that has a unit of its own (``/UserUnit``) is
    measured in that.

    Attributes:
        x: From its left edge to the left side of the box.
        y: From its top edge to the top of the box.
        width: Of the box.
        height: Of the box.
    """

    x: Annotated[int, Field(ge=0, le=14_400)]
    y: Annotated[int, Field(ge=0, le=14_400)]
    width: Annotated[int, Field(ge=60, le=400)] = 200
    height: Annotated[int, Field(ge=30, le=150)] = 60


class PartyOrder(Wire):
    """Somebody whom an organisation asks.

    Attributes:
        party: Id, ``p1`` and on.
        role: Their role.
        name: Name in the document.
        user: Their account; of a seal none: it is the organisation's own.
        level: How they have to sign at least; none: as the session says.
        witness_of: For a witness: the party whose signature they saw.
        page: On which page of the file they sign, from 1; none: on a page of signatures at the
            end. Without ``box`` at its foot, and at the end where that has no room.
        side: Where at the foot; none: wherever there is room.
        box: Where on the page instead, which stays as it is.
        in_person: Of somebody without an account, who has no ``user``: before whom they sign.
        by_hand: Of the same: they write by hand on a tablet, without a key (level S0), and that
            person signs as the witness of it, as a party of their own, which is added unless one is
            there with ``witness_of``.
    """

    party: PartyId
    role: RoleName = "signer"
    name: Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS_MAX)]
    user: WireUserId | None = None
    level: LevelName | None = None
    witness_of: PartyId | None = None
    page: Annotated[int, Field(ge=1, le=2_000)] | None = None
    side: Literal["left", "middle", "right"] | None = None
    box: BoxOrder | None = None
    in_person: InPersonOrder | None = None
    by_hand: bool = False


class StageOrder(Wire):
    """Parties who act at once.

    Attributes:
        parties: Their ids; a viewer stands in no stage.
        need: Number of signatures that are enough; none: all.
    """

    parties: Annotated[tuple[PartyId, ...], Field(strict=False, min_length=1)]
    need: Annotated[int, Field(ge=1)] | None = None


class ClauseOrder(Wire):
    """A clause that needs consent; see ``ClauseView``."""

    id: ClauseId
    title: Annotated[str, Field(min_length=1, max_length=80)]
    kind: Literal["required", "unfair", "optional"]
    page: Annotated[int, Field(ge=1, le=2_000)]


class SessionBody(Wire):
    """An organisation has a document signed.

    Attributes:
        title: What it is, at most 200 characters.
        filename: Name of the file.
        template: Name of a template of the site, from which the file is made; none: the file is
            put into the draft (``PUT …/file``).
        answers: What the template is filled with, by the ids of its form.
        language: Of a template's document; none: the site's.
        parties: Who takes part; of a template all of its parties, in its order.
        stages: In which order; none: all signers at once.
        clauses: Clauses that need separate consent.
        level: How everybody has to sign at least.
        effect: When signatures count.
        may_delegate: Whether parties may let others sign.
        deadline_at_ms: UTC, at most 180 days from now.
        reference: What the organisation knows it by; it comes back in events.
    """

    title: Annotated[str, Field(min_length=1, max_length=TITLE_CHARACTERS_MAX)]
    filename: Annotated[str, Field(max_length=200)] = "document.pdf"
    template: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] | None = None
    answers: dict[str, Any] = Field(default_factory=dict)
    language: Literal["en", "ru", "de", "uk"] | None = None
    parties: Annotated[
        tuple[PartyOrder, ...], Field(strict=False, min_length=1, max_length=PARTIES_MAX)
    ]
    stages: Annotated[tuple[StageOrder, ...], Field(strict=False, max_length=STAGES_MAX)] = ()
    clauses: Annotated[tuple[ClauseOrder, ...], Field(strict=False, max_length=CLAUSES_MAX)] = ()
    level: LevelName = "S2"
    effect: Literal["when_complete", "each"] = "when_complete"
    may_delegate: bool = False
    deadline_at_ms: int
    reference: Annotated[str, Field(max_length=64)] = ""


class SessionState(Wire):
    """A session as the organisation that asked for it sees it.

    Attributes:
        session: Its id.
        state: Where it has got to.
        title: Of the document.
        reference: The organisation's own.
        document_sha256: Of the document before anybody signed it.
        final_sha256: Of the closed file; none: it is not closed.
        parties: With what they have done.
        deadline_at_ms: Deadline, UTC.
        deletes_at_ms: Of a closed one: from when its file may be deleted here, UTC.
        is_deleted: Whether it was: its digests, the report and the events stay.
    """

    session: SessionId
    state: str
    title: str
    reference: str
    document_sha256: Sha256 | None
    final_sha256: Sha256 | None
    parties: list[PartyView]
    deadline_at_ms: int
    deletes_at_ms: int | None = None
    is_deleted: bool = False


class SessionEvent(Wire):
    """Something that happened in a session of an organisation.

    Attributes:
        n: Its number: ask for those after it.
        session: Which session; none: of a row that has none.
        reference: The organisation's own.
        what: ``sent``, ``viewed``, ``signed``, ``declined``, ``delegated``, ``expired``,
            ``cancelled``, ``closed``, ``completed``, ``deletion_asked``, ``expiring``,
            ``forgotten`` …; of batches ``row_made`` and ``row_failed``.
        party: Who did it; none: the session.
        at_ms: UTC.
        batch: Of a row: its batch.
        row: Which row, from 1.
    """

    n: int
    session: SessionId | None = None
    reference: str
    what: str
    party: PartyId | None = None
    at_ms: int
    batch: WireUlid | None = None
    row: int | None = None


class FileView(Wire):
    """The file of a draft, as it will be signed.

    Attributes:
        sha256: SHA-256 of it as it was put.
        pages: Its pages; 0: it is signed in a container.
        notes: What was taken out of it, in words; of one that is signed already, what its
            signatures are worth.
        is_signed: Whether others had signed it: then signatures are only added to it.
        name: Of one that is signed in a container, its name there, which signatures cover.
        kind: Likewise, its media type.
    """

    sha256: Sha256
    pages: int
    notes: list[str]
    is_signed: bool = False
    name: str | None = None
    kind: str | None = None


class SessionEvents(Wire):
    """Events, the oldest first.

    Attributes:
        events: At most 100.
        cursor: ``n`` of the last one, for ``after``.
    """

    events: list[SessionEvent]
    cursor: int
