"""Texts for a registrar when somebody writes by hand, and the statement they sign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.sessions.core.guests import Papers
from appservices.signing.sessions.texts.words import REASONS
from veche.protocol.message import Bold, Doc, Heading, Link, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.meetings.core import Meeting
    from appservices.signing.sessions.core.records import Member, Session
    from veche.protocol.texts.localizer import Localizer

SAW: Final[Mapping[Papers, str]] = {
    Papers.PASSPORT: N_("{name}, who showed a passport"),
    Papers.IDENTITY_CARD: N_("{name}, who showed an identity card"),
    Papers.RESIDENCE_PERMIT: N_("{name}, who showed a residence permit"),
    Papers.DRIVING_LICENCE: N_("{name}, who showed a driving licence"),
}


def tablet_doc(member: Member, link: str, expires_at_ms: int, localizer: Localizer) -> Doc:
    """The code for a tablet comes: what to do with it."""
    words = localizer.text(
        "Open this on your tablet, now, and give it to {name}: it works once, until {moment}. Send"
        " it to nobody. They read the document, write their name, and give the tablet back.",
        name=member.name,
        moment=localizer.moment(expires_at_ms),
    )
    or_type = localizer.text("Or open this link there:")
    return (Paragraph(words), Paragraph(or_type, " ", Link(link, link)))


def opened_doc(session: Session, member: Member, meeting: Meeting, localizer: Localizer) -> Doc:
    """A tablet has opened the code."""
    words = localizer.text(
        "A tablet has opened “{title}” for {name}. It has to be yours, and show these digits:",
        title=session.subject.title,
        name=member.name,
    )
    more = localizer.text(
        "Stay with them while they read and write: you will say that you saw it. There is time"
        " until {moment}.",
        moment=localizer.moment(meeting.expires_at_ms),
    )
    return (Paragraph(words, " ", Bold(meeting.code)), Paragraph(more))


def written_doc(session: Session, member: Member, meeting: Meeting, localizer: Localizer) -> Doc:
    """Somebody has written on the tablet: which identity document is shown."""
    words = localizer.text(
        "On the tablet somebody has agreed to “{title}” and written the name of {name}. It has to"
        " show these digits:",
        title=session.subject.title,
        name=member.name,
    )
    ask = localizer.text(
        "Did you see them write it? Look at their identity document: is it them? Which one do they"
        " show? Its number is kept nowhere."
    )
    return (Paragraph(words, " ", Bold(meeting.code)), Paragraph(ask))


def witness_doc(
    session: Session, member: Member, papers: Papers, page: str | None, localizer: Localizer
) -> Doc:
    """The registrar is to sign as the witness now."""
    assert member.written is not None, "a witness signs what was written"  # noqa: S101 -- our bug
    seen = localizer.text(SAW[papers], name=member.name)
    words = localizer.text(
        "Now sign as the witness, with your key: you say that you saw {seen}, write this and agree"
        " to it. Your page shows what was written. Until you have signed it counts for nothing, and"
        " after {moment} no more.",
        seen=seen,
        moment=localizer.moment(member.written.until_ms),
    )
    blocks: Doc = (Heading(localizer.text("Witness: {title}", title=session.subject.title)),)
    blocks = (*blocks, Paragraph(words))
    if page is None:
        return blocks
    return (*blocks, Paragraph(Link(localizer.text("Sign it here:"), page)))


def refusal_doc(session: Session, member: Member, meeting: Meeting, localizer: Localizer) -> Doc:
    """Somebody has said on the tablet that they do not sign."""
    words = localizer.text(
        "On the tablet somebody has said that {name} does not sign “{title}”. It has to show these"
        " digits:",
        title=session.subject.title,
        name=member.name,
    )
    ask = localizer.text(
        "Is it them, and do they mean it? It is final. Confirm it with your key; else stop."
    )
    return (Paragraph(words, " ", Bold(meeting.code)), Paragraph(ask))


def refusal_text(
    session: Session, member: Member, reason: tuple[str, str], localizer: Localizer
) -> str:
    """Write a registrar's signed statement on somebody who declined before them."""
    code, words = reason
    said = localizer.text(REASONS[code]) if code in REASONS else ""
    why = f"{said}: “{words}”" if words else said
    return localizer.text(
        "{name} is with me and declines to sign “{title}” (code {code}): {why}.",
        name=member.name,
        title=session.subject.title,
        code=session.code,
        why=why,
    )


def over_doc(member: Member, localizer: Localizer) -> Doc:
    """Say that the time for a witness's signature is over."""
    words = localizer.text(
        "The time is over: nothing that was written or said for {name} counts. When they are still"
        " with you, begin anew with a new code.",
        name=member.name,
    )
    return (Paragraph(words),)
