"""Somebody without a phone writes by hand on the office's tablet, and whoever saw it signs that.

Neither of the two counts alone: what is written has no key behind it, and a witness has nothing to
sign before it is there. The rules of it, pure: who may witness, what is kept, what the record says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.authority.core.levels import Level
from appservices.signing.evidence.core.handwriting import HandRecord
from appservices.signing.sessions.core.errors import ByHandError
from appservices.signing.sessions.core.parties import PartyState, Role
from veche.protocol.unpadded_base64 import encode_base64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.signing.evidence.core.handwriting import Drawing
    from appservices.signing.sessions.core.guests import Papers
    from appservices.signing.sessions.core.records import Member, Session
    from veche.protocol.approval import ShownClause

WITHDRAWN: Final = "withdrawn"
"""What the record of a session says once what was written counts no more."""


def witness_of(session: Session, member: Member) -> Member | None:
    """Return the witness who must sign for a party who signs by hand; None: there is none."""
    if not member.is_by_hand:
        return None
    seeing = (one for one in session.members if one.party.of == member.id)
    return next(seeing, None)


def writer_of(session: Session, member: Member) -> Member | None:
    """Return the party who signs by hand of a witness; None: they are no witness."""
    seen = session.member(member.party.of)
    return seen if seen is not None and seen.is_by_hand else None


def check_by_hand(session: Session) -> None:
    """Make sure that whoever writes by hand has one witness who may be that.

    Raises:
        ByHandError: They have none, or more, or one who signs elsewhere in the document too; or the
            document is private, or no PDF.
    """
    for one in session.members:
        if one.is_by_hand:
            _check_one(session, one)


def _check_one(session: Session, writer: Member) -> None:
    if session.is_blind or session.has_container:
        raise ByHandError("file")
    if session.subject.template is not None:
        raise ByHandError("template")
    if writer.party.role is not Role.SIGNER or writer.level_min is not Level.CLICK:
        raise ByHandError("level")
    seeing = [one for one in session.members if one.party.of == writer.id]
    registrar = writer.registrar
    if registrar is None or [one.person for one in seeing] != [registrar.person]:
        raise ByHandError("witness")
    # Who has a part of their own in it is no witness of it; who witnesses two is.
    parts = [one for one in session.members if one.person == registrar.person]
    if any(writer_of(session, one) is None and one.party.role is not Role.VIEWER for one in parts):
        raise ByHandError("interest")


def is_written(session: Session, witness: Member) -> bool:
    """Return whether a witness has something before them that somebody wrote by hand."""
    writer = writer_of(session, witness)
    is_there = writer is not None and writer.written is not None
    return is_there and writer is not None and writer.party.state is PartyState.WRITTEN


def record_of(
    session: Session,
    writer: Member,
    drawing: Drawing,
    clauses: Sequence[ShownClause],
    *,
    parties_sha256: bytes,
    written_at_ms: int,
    papers: Papers,
) -> HandRecord:
    """The record of what somebody agreed to, once their papers were seen."""
    paper, registrar = session.paper, writer.registrar
    assert paper is not None, "an open session has a document"  # noqa: S101 -- our bug
    assert registrar is not None, "a guest has one"  # noqa: S101 -- our bug
    return HandRecord(
        session=session.id,
        party=writer.id,
        name=writer.name,
        title=session.subject.title,
        document_sha256=encode_base64(paper.sha256),
        code=session.code,
        parties_sha256=encode_base64(parties_sha256),
        effect=session.effect.value,
        clauses=tuple(clauses),
        drawing_sha256=drawing.sha256,
        written_at_ms=written_at_ms,
        witness=registrar.person,
        papers=papers.value,
    )
