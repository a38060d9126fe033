"""Texts on how long a closed document is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.signing.sessions.texts.words import number_of, titled
from veche.protocol.message import Bold, Doc, Mono, Paragraph

if TYPE_CHECKING:
    from appservices.signing.sessions.core.records import Session
    from veche.protocol.texts.localizer import Localizer


def result_lines(until_ms: int | None, localizer: Localizer, *, is_deleted: bool = False) -> Doc:
    """Until when a closed file that the service reads is kept, beside it.

    Args:
        until_ms: From when it is deleted, UTC; None: that is not known yet.
        localizer: How the person is spoken to.
        is_deleted: It is deleted already.
    """
    if is_deleted:
        words = localizer.text(
            "I have deleted what I kept of it: ask somebody who took part for the file. The report"
            " follows."
        )
        return (Paragraph(words),)
    if until_ms is None:
        return ()
    words = localizer.text(
        "I keep it until {date} and then delete it: save the file that follows, it is yours.",
        date=localizer.date(until_ms),
    )
    return (Paragraph(words),)


def expiring_doc(session: Session, at_ms: int, localizer: Localizer, *, is_asked: bool) -> Doc:
    """Say that the data of a closed document is deleted soon.

    Args:
        session: It.
        at_ms: From when, UTC.
        localizer: How the person is spoken to.
        is_asked: Because whoever asked for the signatures wants it.
    """
    told = {
        "date": localizer.date(at_ms),
        "title": titled(session, localizer),
        "name": session.subject.requester_name,
    }
    if session.is_blind:
        words = localizer.text(
            "On {date} I delete what I keep of {title}, which only your browser can read. Open the"
            " link of {name} before, and save the file. Afterwards that link opens nothing, and"
            " whoever has the file renews it with “veche renew”.",
            **told,
        )
    else:
        words = localizer.text(
            "On {date} I delete what I keep of “{title}”: the document and what was signed in it."
            " Make sure before that you have saved the file that I sent you when it was closed."
            " Afterwards whoever has it renews it with “veche renew”; digests, the report and who"
            " signed when stay.",
            **told,
        )
    if not is_asked:
        return (Paragraph(words),)
    return (Paragraph(words, " ", localizer.text("{name} wants it so.", **told)),)


def asked_doc(session: Session, at_ms: int | None, localizer: Localizer) -> Doc:
    """For whoever wants a document deleted: what becomes of it.

    Args:
        session: It.
        at_ms: From when it is deleted, UTC; None: it is deleted.
        localizer: How they are spoken to.
    """
    number = Mono(number_of(session))
    if at_ms is None:
        words = localizer.text(
            "I have deleted what I kept of it. Files in chats are not mine to delete: delete the"
            " messages, if you want."
        )
        return (Paragraph(number, ": ", words),)
    words = localizer.text(
        "I delete it on {date}, and have told everybody who took part, so that they can save the"
        " file. Files in chats are not mine to delete: delete the messages, if you want.",
        date=localizer.date(at_ms),
    )
    return (Paragraph(number, ": ", Bold(words)),)
