"""Who speaks, what can be written, how somebody's documents and signatures stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from appservices.signing.core.commands import COMMANDS
from appservices.signing.core.texts.cards import LISTED_MAX, parties_lines
from appservices.signing.core.texts.words import (
    EFFECTS,
    LEVELS,
    SESSIONS,
    counted,
    headed,
    number_of,
    reason_words,
    signed_names,
    titled,
)
from veche.protocol.commands import help_doc as commands_doc
from veche.protocol.message import Bold, Bullets, Doc, Facts, Heading, Item, Link, Mono, Paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.signing.core.records import Level, Member, Session
    from veche.protocol.commands import Command
    from veche.protocol.ids import RoomId
    from veche.protocol.speech import Speech

SHOWN_MAX: Final = 20
"""Most lines of a list in the chat; the export has all of them."""


def welcome_doc(name: str, speech: Speech) -> Doc:
    """Who speaks here, and what to try first.

    Args:
        name: Of the bot.
        speech: How the person is spoken to.
    """
    return (
        Paragraph(
            speech.text("Welcome. I am the signing bot of {name}, a program.", name=name), " ",
            speech.text("Here documents are signed, and you can have others sign yours."),
        ),
        Paragraph(
            speech.text(
                "To have a document signed, send it to me in this chat: a PDF, or any other file."
            )
        ),
    )  # fmt: skip


def how_doc(speech: Speech) -> Doc:
    """How to have a document signed."""
    return (
        Heading(speech.text("Have a document signed")),
        Bullets(
            [
                speech.text(
                    "Send me the file in this chat, a PDF or any other; I ask what it is called and"
                    " who signs."
                ),
                (speech.text("Who signs, in their order:"), " ", Mono("bob, carol then dave")),
                (speech.text("Two of three:"), " ", Mono("2 of bob, carol, dave then erin")),
                (speech.text("Roles:"), " ", Mono("bob, carol as witness of bob")),
                (speech.text("Who only gets the file:"), " ", Mono("bob; copy to frank")),
                (speech.text("You yourself:"), " ", Mono("me, bob")),
            ]
        ),
        Paragraph(speech.text("Nothing is sent before you have seen all of it and say so.")),
    )  # fmt: skip


def help_doc(speech: Speech, more: Sequence[Command] = ()) -> Doc:
    """What can be written."""
    return commands_doc((*COMMANDS, *more), speech.catalogue, speech.language)


def private_doc(speech: Speech) -> Doc:
    """That documents are only for an encrypted chat of two."""
    words = speech.text(
        "Documents are signed only where nobody reads along: please write to me in an encrypted"
        " chat, without others in it."
    )
    return (Paragraph(words),)


def chat_doc(room_id: RoomId | None, speech: Speech) -> Doc:
    """Where somebody's encrypted chat is; None: they are being invited to one."""
    if room_id is None:
        words = speech.text(
            "I invite you to an encrypted chat: accept that, and write to me there."
        )
        return (Paragraph(words),)
    url = f"https://matrix.to/#/{quote(room_id, safe='!:')}"
    return (Paragraph(speech.text("Our encrypted chat is here:"), " ", Link(url, url)),)


def sessions_doc(own: Sequence[Session], asked: Sequence[Session], speech: Speech) -> Doc:
    """Somebody's documents.

    Args:
        own: Those that they have signed by others, the newest first.
        asked: Those in which they take part.
        speech: How they are spoken to.
    """
    if not own and not asked:
        return (Paragraph(speech.text("You have no documents here. Send me a file to begin.")),)
    blocks: Doc = ()
    for title, held in (
        (speech.text("Sent by you"), own),
        (speech.text("For you to sign"), asked),
    ):
        if held:
            lines = [_line(one, speech) for one in held[:SHOWN_MAX]]
            blocks = (*blocks, Heading(title), Bullets(lines))
    return blocks


def session_doc(
    session: Session, speech: Speech, until_ms: int | None = None, *, is_deleted: bool = False
) -> Doc:
    """One document, for whoever has it signed.

    Args:
        session: It.
        speech: How they are spoken to.
        until_ms: From when it is deleted, UTC; None: that is not known yet.
        is_deleted: It is.
    """
    facts: list[tuple[str, Item]] = [
        (speech.text("State"), Bold(speech.text(SESSIONS[session.state]))),
        (speech.text("Until"), speech.moment(session.deadline_at_ms)),
        (speech.text("How it is signed"), speech.text(LEVELS[session.level_min])),
        (speech.text("Effect"), speech.text(EFFECTS[session.effect])),
    ]
    if session.paper is not None:
        facts.append((speech.text("Code"), Mono(session.code)))
    if is_deleted:
        facts.append((speech.text("Kept here"), speech.text("not any more: it is deleted")))
    elif until_ms is not None:
        facts.append(
            (speech.text("Kept here"), speech.text("until {date}", date=speech.date(until_ms)))
        )
    heading = Heading(headed(session, speech))
    lines: Doc = (Bullets(parties_lines(session, speech)),) if session.members else ()
    return (heading, Facts(facts), *lines)


def signatures_doc(
    signed: Sequence[tuple[Session, str, Level, int]],
    declined: Sequence[tuple[Session, Member]],
    certificates: int,
    speech: Speech,
) -> Doc:
    """All that was done in somebody's name.

    Args:
        signed: What they signed, as which party, how and when, the newest first.
        declined: What they declined.
        certificates: How many certificates were issued to them.
        speech: How they are spoken to.
    """
    lines: list[Item] = [_signed_line(*one, speech) for one in signed[:LISTED_MAX]]
    lines += [
        speech.text(
            "“{title}” of {name}, declined: {reason}",
            title=titled(session, speech),
            name=session.matter.requester_name,
            reason=reason_words(member, speech),
        )
        for session, member in declined[:LISTED_MAX]
    ]
    if not lines and not certificates:
        return (Paragraph(speech.text("Nothing was signed in your name here.")),)
    count = speech.plural(
        "One certificate was issued to you.",
        "{count} certificates were issued to you.",
        certificates,
    )
    blocks: Doc = (Heading(speech.text("In your name")),)
    if lines:
        blocks = (*blocks, Bullets(lines))
    return (
        *blocks,
        Paragraph(count, " ", speech.text("Write “export” to get all of it as a file.")),
    )


def _signed_line(session: Session, party: str, level: Level, at_ms: int, speech: Speech) -> str:
    values = {
        "moment": speech.moment(at_ms),
        "title": titled(session, speech),
        "name": session.matter.requester_name,
        "level": speech.text(LEVELS[level]),
    }
    member = session.member(party)
    seen = None if member is None else session.member(member.party.of)
    if seen is None:
        return speech.text("{moment}: “{title}” of {name}, signed {level}", **values)
    return speech.text(
        "{moment}: “{title}” of {name}, signed {level}, as the witness of {other}",
        other=seen.name,
        **values,
    )


def no_session_doc(speech: Speech) -> Doc:
    """That there is no document with this number."""
    words = speech.text("You have no document with this number. Write “sessions” to see yours.")
    return (Paragraph(words),)


def back_doc(session: Session, speech: Speech) -> Doc:
    """The question whether a document that was sent is taken back."""
    names = ", ".join(signed_names(session, speech))
    if names:
        told = speech.text(
            "Signed already by: {names}. They are told, and get the file as it is now.", names=names
        )
    else:
        told = speech.text("Nobody has signed it yet.")
    end = speech.text(
        "All who were asked are told that you have taken it back. It cannot be undone: to have it"
        " signed after all, you send it anew."
    )
    heading = speech.text("Take back {title}?", title=headed(session, speech))
    return (Heading(heading), Paragraph(told), Paragraph(end))


def no_draft_doc(speech: Speech) -> Doc:
    """That nothing is being prepared, and how something that was sent is taken back."""
    words = speech.text(
        "You are preparing no document. To take back one that you have sent, write its number too:"
        " cancel NUMBER. Write “sessions” to see the numbers."
    )
    return (Paragraph(words),)


def _line(session: Session, speech: Speech) -> Item:
    have, need = counted(session)
    state = speech.text(SESSIONS[session.state])
    return (Mono(number_of(session)), f" {_listed(session, speech)}: {state} ({have}/{need})")


def _listed(session: Session, speech: Speech) -> str:
    """What a document is called beside its number."""
    return speech.text("private") if session.is_blind else session.matter.title
