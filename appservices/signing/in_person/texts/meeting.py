"""Texts for a registrar when somebody signs in person, and the statement they sign."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.signing.cards.texts.guests import SEEN
from appservices.signing.in_person.texts.by_hand import tablet_doc
from appservices.signing.sessions.texts.words import number_of
from veche.protocol.message import Bold, Bullets, Doc, Link, Mono, Paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.signing.sessions.core.guests import Papers
    from appservices.signing.sessions.core.records import Member, Session
    from veche.protocol.texts.localizer import Localizer


def code_doc(
    member: Member, screen: str, expires_at_ms: int, localizer: Localizer, *, link: str = ""
) -> Doc:
    """The code of a meeting comes: what to do with it.

    Args:
        member: The guest.
        screen: Page that shows the code large.
        expires_at_ms: Until when it can be used.
        localizer: How the registrar is spoken to.
        link: That a tablet opens for who writes by hand; empty: the code is for a phone.
    """
    if link:
        return tablet_doc(member, link, expires_at_ms, localizer)
    words = localizer.text(
        "Let {name} scan this code with their own phone, now: it works once, until {moment}. Send"
        " it to nobody.",
        name=member.name,
        moment=localizer.moment(expires_at_ms),
    )
    large = localizer.text("Large, for a screen:")
    return (Paragraph(words), Paragraph(large, " ", Link(screen, screen)))


def here_doc(waiting: Sequence[tuple[Session, Member]], localizer: Localizer) -> Doc:
    """List the people who wait to sign in person before somebody."""
    if not waiting:
        words = localizer.text(
            "Nobody waits to sign in person before you. When you say who signs, put people"
            " without an account in quotation marks:"
        )
        return (Paragraph(words, " ", Mono('me, "Bob Brown"')),)
    lines = [
        (Mono(f"meet {number_of(session)} {member.id}"), f": {member.name}")
        for session, member in waiting
    ]
    return (Paragraph(localizer.text("Who is with you?")), Bullets(lines))


def attest_doc(session: Session, member: Member, code: str, localizer: Localizer) -> Doc:
    """A phone has opened the code: which identity document is shown."""
    words = localizer.text(
        "A phone has opened the code for “{title}”. It has to be that of {name}, and show these"
        " digits:",
        title=session.subject.title,
        name=member.name,
    )
    ask = localizer.text(
        "Look at their identity document: is it them? Which one do they show? Its number is kept"
        " nowhere."
    )
    return (Paragraph(words, " ", Bold(code)), Paragraph(ask))


def other_name_doc(member: Member, typed: str, localizer: Localizer) -> Doc:
    """Say that the written name differs from that in the document."""
    words = localizer.text(
        "The document was made for {name}, not for {typed}. Write the name again; if it is somebody"
        " else, stop, and have the document made anew.",
        name=member.name,
        typed=typed,
    )
    return (Paragraph(words),)


def attested_text(
    session: Session, member: Member, papers: Papers, code: str, localizer: Localizer
) -> str:
    """Write the text that a registrar signs; it becomes part of the evidence."""
    seen = localizer.text(SEEN[papers], name=member.name)
    here = localizer.text(
        "{name} is with me and holds the phone that shows {code}. On it they sign “{title}” (code"
        " {document}).",
        name=member.name,
        code=code,
        title=session.subject.title,
        document=session.code,
    )
    return f"{seen} {here}"


def identified_doc(member: Member, localizer: Localizer) -> Doc:
    """Say that a guest can sign now."""
    words = localizer.text(
        "{name} can read and sign on their phone now. The certificate says that you have identified"
        " them.",
        name=member.name,
    )
    return (Paragraph(words),)


def meeting_refused_doc(member: Member, localizer: Localizer) -> Doc:
    """Say that nobody signs by this code."""
    words = localizer.text(
        "Nobody signs by this code. When it is {name}, begin anew with a new one.", name=member.name
    )
    return (Paragraph(words),)


def left_doc(member: Member, localizer: Localizer) -> Doc:
    """Say that the guest does not want to go on."""
    words = localizer.text(
        "The person with the phone that opened the code for {name} does not want to go on.",
        name=member.name,
    )
    return (Paragraph(words),)


def over_doc(member: Member, localizer: Localizer) -> Doc:
    """Say that it is too late for a meeting."""
    words = localizer.text(
        "This code is too old, or there is a newer one, or {name} was identified before. Show them"
        " a new code if they still have to sign.",
        name=member.name,
    )
    return (Paragraph(words),)
