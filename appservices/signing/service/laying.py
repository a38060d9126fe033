"""Laying the boxes of those who sign into a draft's document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.signing.core.boxes import Seat
from appservices.signing.core.papers.sheet import EFFECTS, Sheet, role_word, stage_words
from appservices.signing.service.boxes import with_signature_boxes
from appservices.signing.service.cipher import DOCUMENT, decrypt
from appservices.signing.service.scene import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.signing.core.records import Session


def boxed(session: Session, cipher: bytes, language: str, link: str) -> bytes:
    """A draft's document with a box for everybody who signs in one; call it in a thread.

    Args:
        session: The draft.
        cipher: Of its document without boxes.
        language: Of the page of signatures.
        link: Where it can be checked; empty: nowhere.

    Raises:
        UploadError: The document cannot be written anew.
        UploadTooLargeError: It has too many pages with that of signatures.
    """
    pdf = decrypt(session.matter.key, cipher, DOCUMENT)
    if session.matter.template is not None:
        return pdf  # whose boxes it has
    seats = seats_of(session, language)
    if not seats:
        return pdf
    sheet = Sheet(session.matter.title, language, link, rules_of(session, language))
    return with_signature_boxes(pdf, seats, sheet)


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
    """Who signs in a box of the document, in their order."""
    return [
        Seat(
            one.field,
            one.name,
            role_word(CATALOGUE, language, one.party.role.value),
            page=None if one.place is None else one.place.page,
            side=None if one.place is None else one.place.side,
        )
        for one in session.members
        if one.field
    ]
