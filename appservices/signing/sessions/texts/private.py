"""Texts on documents that the bot never sees: the requester gives their key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.signing.authority.core.levels import Level
from appservices.signing.sessions.core.commands import CANCEL
from appservices.signing.sessions.texts.words import number_of, titled
from veche.protocol.message import Bold, Bullets, Doc, Heading, Link, Mono, Paragraph

if TYPE_CHECKING:
    from appservices.signing.sessions.core.records import Member, Session
    from veche.protocol.texts.localizer import Localizer


def new_doc(page: str | None, localizer: Localizer) -> Doc:
    """How a document is signed that the bot never sees.

    Args:
        page: Where it is prepared; None: there are no pages here.
        localizer: How the person is spoken to.
    """
    heading = Heading(localizer.text("Have a document signed that I never see"))
    if page is None:
        words = localizer.text("There are no pages here, and only a page can do that.")
        return (heading, Paragraph(words))
    return (
        heading,
        Paragraph(
            localizer.text(
                "Your browser prepares and encrypts it. I learn who signs, when, and digests; not"
                " the document, its title or its clauses."
            )
        ),
        Paragraph(Link(localizer.text("Prepare it here:"), page)),
        Paragraph(
            localizer.text(
                "The page then gives you a link with the key. Send that link to the signers"
                " yourself, in an encrypted chat of yours: never to me."
            )
        ),
    )


def leaked_doc(localizer: Localizer) -> Doc:
    """Warn that somebody sent the bot the key of a private document."""
    words = localizer.text(
        "This link has the key of a private document, and I am not to have it. I have done nothing"
        " with it. Delete your message; if it matters, take the document back and send it anew."
    )
    return (Paragraph(words),)


def sent_doc(session: Session, localizer: Localizer) -> Doc:
    """For the requester: all were asked, and what is left to do."""
    return (
        Heading(titled(session, localizer)),
        Paragraph(localizer.text("It is sent: I ask everybody whose turn it is.")),
        Paragraph(
            localizer.text("Send them the link with the key yourself. Its code is"),
            " ",
            Mono(session.code),
        ),
    )


def how_doc(session: Session, member: Member, page: str | None, localizer: Localizer) -> Doc:
    """Where a party gets the key, and how they sign."""
    name = session.subject.requester_name
    blocks: Doc = (
        Paragraph(
            localizer.text(
                "I never see this document: {name} sends you a link with its key. Open that link;"
                " the page shows the same code as I do.",
                name=name,
            )
        ),
    )
    if page is not None:
        words = localizer.text("If it asks who you are, open this one, and paste theirs there:")
        blocks = (*blocks, Paragraph(Link(words, page)))
    if member.level_min is Level.CLICK:
        words = localizer.text("Or read it there and reply here with its code alone, to sign it:")
        blocks = (*blocks, Paragraph(words, " ", Mono(session.code)))
    return blocks


def result_lines(
    session: Session, until_ms: int | None, localizer: Localizer, *, is_deleted: bool = False
) -> Doc:
    """Where the closed file is, which the bot cannot send, and until when."""
    if is_deleted:
        gone = localizer.text(
            "I have deleted what I kept of it, so the link of {name} opens nothing any more: ask"
            " somebody who took part for the file. I never had it, so I say nothing of what is in"
            " it. The report follows.",
            name=session.subject.requester_name,
        )
        return (Paragraph(gone),)
    words = localizer.text(
        "The file is on your page, where your browser decrypts it: open the link of {name} and save"
        " it. I never had it, so I say nothing of what is in it. The report follows.",
        name=session.subject.requester_name,
    )
    if until_ms is None:
        return (Paragraph(words),)
    until = localizer.text(
        "I delete what I keep of it on {date}: save the file before.", date=localizer.date(until_ms)
    )
    return (Paragraph(words, " ", Bold(until)),)


def after_words(session: Session, localizer: Localizer) -> str:
    """How somebody who has signed gets the file."""
    if session.is_blind:
        return localizer.text("Once it is over, you can save the file on its page.")
    return localizer.text("You get the file once it is over.")


def close_words(localizer: Localizer) -> str:
    """Say that a page has to close the file."""
    return localizer.text(
        "Open the page of the document: your browser closes the file, as a proof, and you can save"
        " it there. I cannot, as I never see it."
    )


def doubt_doc(session: Session, member: Member, fault: str, localizer: Localizer) -> Doc:
    """For the requester: a page has refused what it got.

    Args:
        session: As it stands.
        member: Whose page it was.
        fault: ``document``, ``matter``, ``increment`` or ``signature``.
        localizer: How the requester is spoken to.
    """
    words = localizer.text(
        "The page of {name} refuses {title}: what it got is not what it should be.",
        name=member.name,
        title=titled(session, localizer),
    )
    lines = Bullets(
        [
            localizer.text("What does not hold: {fault}", fault=_faults(localizer)[fault]),
            (
                localizer.text("To take it back, write"),
                " ",
                Mono(f"{CANCEL.word(localizer.language)} {number_of(session)}"),
            ),
        ]
    )
    return (Paragraph(words), lines)


def renew_doc(session: Session, localizer: Localizer) -> Doc:
    """Say that a closed file needs another time stamp, which only a page can add."""
    words = localizer.text(
        "The time stamp of {title} proves less with the years. Open its page with the link of"
        " {name}, and your browser puts a new one on it; or run “veche renew” on your copy.",
        title=titled(session, localizer),
        name=session.subject.requester_name,
    )
    return (Paragraph(words),)


def _faults(localizer: Localizer) -> dict[str, str]:
    return {
        "document": localizer.text("the document"),
        "matter": localizer.text("its title, names or clauses"),
        "increment": localizer.text("what the last signer handed in"),
        "signature": localizer.text("a signature in it"),
    }
