"""Replies to a party who answers their card, and reasons of refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.authority.core.levels import Level
from appservices.signing.sessions.core.errors import (
    AlreadySignedError,
    DelegationError,
    GuardiansError,
    IdentificationOverError,
    NotIdentifiedError,
    NotOverError,
    NotRegistrarError,
    NotYourTurnError,
)
from appservices.signing.sessions.core.session import NotNowError
from appservices.signing.sessions.texts import private
from appservices.signing.sessions.texts.words import LEVELS, SESSIONS, named, number_of, titled
from veche.protocol.message import Bold, Doc, Heading, Link, Mono, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.sessions.core.records import Member, Session
    from veche.protocol.errors import VecheError
    from veche.protocol.texts.localizer import Localizer

KEY_REVOKED: Final = "ORG.VECHE.KEY_REVOKED"
"""Of the runtime, which checks keys."""
_WHY: Final[Mapping[str, str]] = {
    AlreadySignedError.errcode: N_("You have signed it already; that counts once."),
    NotYourTurnError.errcode: N_("It is not your turn: others come first, or you have acted."),
    NotIdentifiedError.errcode: N_("It has to be seen first who they are."),
    NotOverError.errcode: N_(
        "It is not over yet. Take it back first, or wait until everyone has signed and the file is"
        " closed."
    ),
    IdentificationOverError.errcode: N_("This is over, or took too long. Begin anew."),
    NotRegistrarError.errcode: N_(
        "Only those whom the operator of this service has named may identify somebody in person."
    ),
    GuardiansError.errcode: N_(
        "Your guardians have to agree to this document first. They are asked once you want to sign"
        " it, on its page or by its code."
    ),
    KEY_REVOKED: N_(
        "The key that approved this was revoked meanwhile: nothing was done. Approve it with"
        " another key."
    ),
    DelegationError.errcode: N_(
        "This person cannot act for you: they take part already, or it is not allowed here."
    ),
}


def refused_words(error: VecheError, localizer: Localizer) -> str:
    """Why something is not done."""
    if isinstance(error, NotNowError):
        state = localizer.text(SESSIONS[error.state])
        return localizer.text("This cannot be done any more: {state}.", state=state)
    known = _WHY.get(error.errcode)
    return localizer.text(known) if known is not None else localizer.text("This cannot be done.")


def sign_doc(session: Session, member: Member, page: str | None, localizer: Localizer) -> Doc:
    """Where and how somebody signs, asked again."""
    blocks: Doc = (Heading(titled(session, localizer)),)
    if session.is_blind:
        return (*blocks, *private.how_doc(session, member, page, localizer))
    if page is not None:
        words = localizer.text("Read and sign it here; the link is for you alone:")
        blocks = (*blocks, Paragraph(Link(words, page)))
    if member.level_min is Level.CLICK:
        words = localizer.text(
            "Or read the file that I send you here and reply with its code alone, to sign it:"
        )
        blocks = (*blocks, Paragraph(words, " ", Mono(session.code)))
    elif page is None:
        words = localizer.text(
            "It has to be signed {level}, and there are no pages here: ask who asks you.",
            level=localizer.text(LEVELS[member.level_min]),
        )
        blocks = (*blocks, Paragraph(words))
    return blocks


def many_doc(count: int, localizer: Localizer) -> Doc:
    """Say that many documents can be signed at once."""
    words = localizer.plural(
        "{count} document waits for you.", "{count} documents wait for you.", count
    )
    hint = localizer.text("To sign them all on one page, write")
    return (Paragraph(words, " ", hint, " ", Mono(localizer.text("sign all"))),)


def all_doc(count: int, page: str | None, localizer: Localizer) -> Doc:
    """Where somebody signs many documents at once."""
    if page is None:
        words = localizer.text("There are no pages here: sign each document by its own card.")
        return (Paragraph(words),)
    waiting = localizer.plural(
        "{count} document waits for you.", "{count} documents wait for you.", count
    )
    words = localizer.text("Read and sign them here; the link is for you alone, for a day:")
    return (Paragraph(waiting), Paragraph(Link(words, page)))


def why_doc(session: Session, localizer: Localizer) -> Doc:
    """The question why somebody declines."""
    words = localizer.text(
        "Why do you decline “{title}”? The person who asks is told, and so is everybody who was"
        " asked. It cannot be"
        " taken back.",
        title=titled(session, localizer),
    )
    return (Paragraph(words),)


def more_doc(localizer: Localizer) -> Doc:
    """The question for words beside a reason."""
    return (Paragraph(localizer.text("Do you want to add a sentence? Write it, or choose below.")),)


def whom_doc(localizer: Localizer) -> Doc:
    """The question for a delegate."""
    words = localizer.text(
        "Who shall act for you? Write their name. Everybody is told, and both names stand in the"
        " report. You can take it back until they have signed."
    )
    return (Paragraph(words),)


def question_doc(session: Session, localizer: Localizer) -> Doc:
    """The question for a question."""
    words = localizer.text(
        "What do you want to ask {name}? Write it; they see that it is from you.",
        name=session.subject.requester_name,
    )
    return (Paragraph(words),)


def asked_doc(session: Session, member: Member, words: str, localizer: Localizer) -> Doc:
    """A party's question, for the requester."""
    head = localizer.text(
        "{name} asks about “{title}” ({number}):",
        name=named(member, session, localizer),
        title=titled(session, localizer),
        number=number_of(session),
    )
    return (
        Paragraph(head),
        Paragraph(Bold(words)),
        Paragraph(localizer.text("Write your answer: only they get it.")),
    )


def answer_doc(session: Session, words: str, localizer: Localizer) -> Doc:
    """The requester's answer, for a party."""
    head = localizer.text(
        "{name} answers about “{title}”:",
        name=session.subject.requester_name,
        title=titled(session, localizer),
    )
    return (Paragraph(head), Paragraph(Bold(words)))


def wrong_code_doc(localizer: Localizer) -> Doc:
    """Say that no document has this code."""
    words = localizer.text(
        "No document that waits for you has this code. Look at the code in its message again: the"
        " same stands with whoever asks you."
    )
    return (Paragraph(words),)


def code_doc(session: Session, member: Member, page: str | None, localizer: Localizer) -> Doc:
    """Say that a code alone does not sign a document, and what does."""
    words = localizer.text("A reply with its code does not sign this document.")
    return (*sign_doc(session, member, page, localizer), Paragraph(words))


def not_now_doc(session: Session, error: VecheError, localizer: Localizer) -> Doc:
    """Say that the document of a code cannot be signed, and why."""
    return (Heading(titled(session, localizer)), Paragraph(refused_words(error, localizer)))


def clauses_doc(localizer: Localizer) -> Doc:
    """Say that a document with clauses is signed on its page."""
    words = localizer.text(
        "Some of its clauses are asked about one by one, so please sign it on its page."
    )
    return (Paragraph(words),)


def nobody_doc(typed: str, localizer: Localizer) -> Doc:
    """Say that somebody does not exist."""
    words = localizer.text(
        "I find nobody called {name}. Look at how the name is written, and write all of it again.",
        name=typed,
    )
    return (Paragraph(words),)
