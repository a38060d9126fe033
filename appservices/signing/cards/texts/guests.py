"""The text for a registrar about somebody without an account: they wait, and show which papers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.sessions.core.guests import Papers
from appservices.signing.sessions.texts.words import number_of
from veche.protocol.message import Doc, Heading, Mono, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.sessions.core.records import Member, Session
    from veche.protocol.texts.localizer import Localizer

PAPERS: Final[Mapping[Papers, str]] = {
    Papers.PASSPORT: N_("A passport"),
    Papers.IDENTITY_CARD: N_("An identity card"),
    Papers.RESIDENCE_PERMIT: N_("A residence permit"),
    Papers.DRIVING_LICENCE: N_("A driving licence"),
}
SEEN: Final[Mapping[Papers, str]] = {
    Papers.PASSPORT: N_("I have seen the passport of {name}."),
    Papers.IDENTITY_CARD: N_("I have seen the identity card of {name}."),
    Papers.RESIDENCE_PERMIT: N_("I have seen the residence permit of {name}."),
    Papers.DRIVING_LICENCE: N_("I have seen the driving licence of {name}."),
}


def guest_doc(session: Session, member: Member, localizer: Localizer) -> Doc:
    """Tell the registrar that somebody signs in person before them."""
    if member.is_by_hand:
        return writer_doc(session, member, localizer)
    words = localizer.text(
        "{name} has no account and signs in person, on their own phone. When they are with you and"
        " have an identity document, choose below: you get a code for their phone to scan.",
        name=member.name,
    )
    number = localizer.text("Number")
    return (
        Heading(localizer.text("In person: {title}", title=session.subject.title)),
        Paragraph(words),
        Paragraph(f"{number}: ", Mono(number_of(session)), f" {member.id}"),
    )


def writer_doc(session: Session, member: Member, localizer: Localizer) -> Doc:
    """Tell the registrar that somebody signs by hand before them."""
    words = localizer.text(
        "{name} signs by hand, on a tablet of yours, without a key; you sign as the witness with"
        " your own. When they are with you and have an identity document, choose below: you get a"
        " code for the tablet to open.",
        name=member.name,
    )
    number = localizer.text("Number")
    return (
        Heading(localizer.text("By hand: {title}", title=session.subject.title)),
        Paragraph(words),
        Paragraph(f"{number}: ", Mono(number_of(session)), f" {member.id}"),
    )


def name_doc(papers: Papers, localizer: Localizer) -> Doc:
    """The question for the name."""
    words = localizer.text(
        "{papers}: which name stands in it? Write first name and family name as they stand there.",
        papers=localizer.text(PAPERS[papers]),
    )
    return (Paragraph(words),)
