"""Laying the boxes of those who sign into a draft's document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.signing.drafting.service import drafting
from appservices.signing.keys.document_cipher import DOCUMENT, decrypt
from appservices.signing.papers.core.uploads import UploadError
from appservices.signing.papers.texts.sheet import (
    EFFECTS,
    Sheet,
    clause_words,
    hand_words,
    role_word,
    stage_words,
)
from appservices.signing.places.core.boxes import BoxError, Seat, seating
from appservices.signing.places.service.boxes import with_signature_boxes
from appservices.signing.places.service.drawing import read_pages
from appservices.signing.sessions.core.hand import writer_of
from appservices.signing.sessions.core.records import clause_field, clauses_of
from appservices.signing.sessions.service.conversation import CATALOGUE
from veche.runtime.files.sandbox import SandboxError, in_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from appservices.signing.places.core.places import PageSize
    from appservices.signing.sessions.core.records import Member, Session


def boxed(session: Session, cipher: bytes, language: str, link: str) -> bytes:
    """A draft's document with a box for everybody who signs in one; call it in a thread.

    Args:
        session: The draft.
        cipher: Of its document without boxes.
        language: Of the page of signatures.
        link: Where it can be checked; empty: nowhere.

    Raises:
        BoxError: Somebody is to sign where a box cannot be.
        UploadError: The document cannot be written anew.
        UploadTooLargeError: It has too many pages with that of signatures.
    """
    pdf = decrypt(session.subject.key, cipher, DOCUMENT)
    if session.subject.template is not None:
        return pdf  # whose boxes it has
    if session.has_container:
        return pdf  # which is none, and has no place for boxes
    if session.subject.before is not None:
        return pdf  # which does not change any more
    seats = seats_of(session, language)
    if not seats:
        return pdf
    sheet = Sheet(session.subject.title, language, link, rules_of(session, language))
    return with_signature_boxes(pdf, seats, sheet)


def sizes_of(session: Session, cipher: bytes) -> Sequence[PageSize]:
    """The pages of a draft's document, if it has any; call it in a thread.

    Raises:
        UploadError: They cannot be read.
    """
    if session.has_container:
        return ()
    try:
        return in_sandbox(read_pages, decrypt(session.subject.key, cipher, DOCUMENT)).sizes
    except SandboxError as e:
        raise UploadError from e


def misplaced(session: Session, sizes: Sequence[PageSize], language: str) -> BoxError | None:
    """Return the party whose box cannot be where a draft has it; None: all can.

    Args:
        session: The draft; of one for each of many, each of those is looked at.
        sizes: Of the pages of its document.
        language: In which roles are printed.
    """
    drafts = [session]
    if session.subject.is_each:
        first = [one for one in session.members if one.id in session.stages[0].parties]
        different = {one.place: one for one in first}.values()
        drafts = [drafting.only(session, one.id) for one in different]
    for one in drafts:
        seats = seats_of(one, language)
        try:
            if seats:
                seating(seats, sizes, frozenset())
        except BoxError as e:
            return e
    return None


def rules_of(session: Session, language: str) -> tuple[str, ...]:
    """When signatures count, and whose are enough, as the page of signatures says it."""
    effect = CATALOGUE.text(language, EFFECTS[session.effect.value])
    names = {one.id: one.name for one in session.members}
    if len(session.stages) == 1 and session.stages[0].need is None:
        return (effect,)
    stages = (
        stage_words(CATALOGUE, language, at, [names[party] for party in one.parties], one.need)
        for at, one in enumerate(session.stages, 1)
    )
    return (effect, *stages)


def seats_of(session: Session, language: str) -> Sequence[Seat]:
    """List the parties with boxes, in their order, each with their own clauses."""
    return [seat for one in session.members if one.field for seat in _seats(session, one, language)]


def _seats(session: Session, member: Member, language: str) -> Iterator[Seat]:
    role = role_word(CATALOGUE, language, member.party.role.value)
    place, writer, name = member.place, writer_of(session, member), member.name
    if writer is not None:
        # Whose signature it is stands there, and that it is made with another's key.
        name, role = writer.name, hand_words(CATALOGUE, language, member.name)
    yield Seat(member.field, name, role, place)
    # Clauses stand where it is printed what is signed: at the same foot, or at the end.
    printed = None if place is None or place.is_free else place
    for one in clauses_of(session, member):
        if one.fields:
            what = clause_words(CATALOGUE, language, one.id, one.title)
            field = clause_field(member.field, one.id)
            yield Seat(field, member.name, what, printed)
