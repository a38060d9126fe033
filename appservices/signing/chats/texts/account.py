"""Texts on the bot, its commands, and a person's documents and signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import attrs

from appservices.signing.cards.texts.cards import LISTED_MAX, parties_lines
from appservices.signing.sessions.core.commands import COMMANDS, EVERYDAY
from appservices.signing.sessions.core.parties import PartyState, Role
from appservices.signing.sessions.texts.words import (
    EFFECTS,
    LEVELS,
    SESSIONS,
    STATES,
    counted,
    digests,
    headed,
    number_of,
    reason_words,
    signed_names,
    titled,
)
from veche.protocol.commands import help_doc as commands_doc
from veche.protocol.message import Bold, Bullets, Doc, Facts, Heading, Item, Link, Mono, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.signing.authority.core.levels import Level
    from appservices.signing.sessions.core.records import Member, Session
    from veche.protocol.commands import Command
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.texts.localizer import Localizer

_YOURS: Final[Mapping[PartyState, str]] = {
    PartyState.WAITING: N_("others come first"),
    PartyState.INVITED: STATES[PartyState.INVITED],
    PartyState.VIEWED: STATES[PartyState.VIEWED],
    PartyState.WRITTEN: N_("you have written by hand; the witness has not signed yet"),
    PartyState.SIGNED: N_("you have signed"),
    PartyState.DECLINED: N_("you have declined"),
    PartyState.DELEGATED: N_("somebody else acts for you"),
    PartyState.LAPSED: N_("your time was over"),
    PartyState.EXCUSED: N_("not needed any more"),
}


def welcome_doc(name: str, localizer: Localizer) -> Doc:
    """Introduce the bot, and say what to try first.

    Args:
        name: Of the bot.
        localizer: How the person is spoken to.
    """
    return (
        Paragraph(
            localizer.text("Welcome. I am the signing bot of {name}, a program.", name=name), " ",
            localizer.text("Here documents are signed, and you can have others sign yours."),
        ),
        Paragraph(
            localizer.text(
                "To have a document signed, send it to me in this chat: a PDF, or any other file."
            )
        ),
    )  # fmt: skip


_ORDERS: Final = (
    (N_("Who signs, in their order:"), N_("bob, carol then dave")),
    (N_("Two of three:"), N_("2 of bob, carol, dave then erin")),
    (N_("Roles:"), N_("bob, carol as witness of bob")),
    (N_("Who only gets the file:"), N_("bob; copy to frank")),
    (N_("You yourself:"), N_("me, bob")),
)


def how_doc(localizer: Localizer) -> Doc:
    """How to have a document signed."""
    return (
        Heading(localizer.text("Have a document signed")),
        Bullets(
            [
                localizer.text(
                    "Send me the file in this chat, a PDF or any other; I ask what it is called and"
                    " who signs."
                ),
                *(
                    (localizer.text(words), " ", Mono(localizer.text(example)))
                    for words, example in _ORDERS
                ),
            ]
        ),
        Paragraph(localizer.text("Nothing is sent before you have seen all of it and say so.")),
    )  # fmt: skip


def help_doc(localizer: Localizer, more: Sequence[Command] = (), *, is_whole: bool = False) -> Doc:
    """List the commands: those of every day, or all of them."""
    everyday = () if is_whole else EVERYDAY
    whole = (*COMMANDS, *more)
    return commands_doc(whole, localizer.catalogue, localizer.language, everyday=everyday)


def private_doc(localizer: Localizer) -> Doc:
    """Say that documents are only for an encrypted chat of two."""
    words = localizer.text(
        "Documents are signed only where nobody reads along: please write to me in an encrypted"
        " chat, without others in it."
    )
    return (Paragraph(words),)


def chat_doc(room_id: RoomId | None, localizer: Localizer) -> Doc:
    """Where somebody's encrypted chat is; None: they are being invited to one."""
    if room_id is None:
        words = localizer.text(
            "I invite you to an encrypted chat: accept that, and write to me there."
        )
        return (Paragraph(words),)
    url = f"https://matrix.to/#/{quote(room_id, safe='!:')}"
    return (Paragraph(Link(localizer.text("Our encrypted chat is here:"), url)),)


@attrs.frozen
class Listed:
    """Somebody's documents, by what is to be done with them.

    Attributes:
        waiting: Those that they are asked to sign, the oldest first.
        waiting_count: How many they are in all.
        with_others: Those that others sent them, and that wait for others now.
        own: Those that they prepare or have sent, and that are not over.
        ended: Those that are over, what ended last first.
    """

    waiting: Sequence[Session] = ()
    waiting_count: int = 0
    with_others: Sequence[Session] = ()
    own: Sequence[Session] = ()
    ended: Sequence[Session] = ()


def sessions_doc(person: UserId, listed: Listed, localizer: Localizer) -> Doc:
    """Somebody's documents, what they have to do first.

    Args:
        person: Who they are.
        listed: What they have.
        localizer: How they are spoken to.
    """
    waiting: list[Item] = [_line(one, localizer) for one in listed.waiting]
    left = listed.waiting_count - len(waiting)
    if left > 0:
        waiting.append(localizer.plural("and {count} more", "and {count} more", left))
    groups: tuple[tuple[str, list[Item]], ...] = (
        (localizer.text("For you to sign"), waiting),
        (
            localizer.text("Waits for others"),
            [_theirs(person, one, localizer) for one in listed.with_others],
        ),
        (localizer.text("Sent by you"), [_line(one, localizer) for one in listed.own]),
        (localizer.text("Ended lately"), [_line(one, localizer) for one in listed.ended]),
    )
    blocks: Doc = ()
    for title, lines in groups:
        if lines:
            blocks = (*blocks, Heading(title), Bullets(lines))
    if not blocks:
        return (Paragraph(localizer.text("You have no documents here. Send me a file to begin.")),)
    return blocks


def session_doc(
    session: Session, localizer: Localizer, until_ms: int | None = None, *, is_deleted: bool = False
) -> Doc:
    """One document, for whoever has it signed.

    Args:
        session: It.
        localizer: How they are spoken to.
        until_ms: From when it is deleted, UTC; None: that is not known yet.
        is_deleted: It is.
    """
    facts: list[tuple[str, Item]] = [
        (localizer.text("State"), Bold(localizer.text(SESSIONS[session.state]))),
        (localizer.text("Until"), localizer.moment(session.deadline_at_ms)),
        (localizer.text("How it is signed"), localizer.text(LEVELS[session.level_min])),
        (localizer.text("Effect"), localizer.text(EFFECTS[session.effect])),
    ]
    if session.paper is not None:
        facts += [(localizer.text("Code"), Mono(session.code)), *digests(session, localizer)]
    if is_deleted:
        facts.append((localizer.text("Kept here"), localizer.text("not any more: it is deleted")))
    elif until_ms is not None:
        facts.append(
            (
                localizer.text("Kept here"),
                localizer.text("until {date}", date=localizer.date(until_ms)),
            )
        )
    heading = Heading(headed(session, localizer))
    lines: Doc = (Bullets(parties_lines(session, localizer)),) if session.members else ()
    return (heading, Facts(facts), *lines)


def signatures_doc(
    signed: Sequence[tuple[Session, str, Level, int]],
    declined: Sequence[tuple[Session, Member]],
    certificates: int,
    localizer: Localizer,
) -> Doc:
    """All that was done in somebody's name.

    Args:
        signed: What they signed, as which party, how and when, the newest first.
        declined: What they declined.
        certificates: How many certificates were issued to them.
        localizer: How they are spoken to.
    """
    lines: list[Item] = [_signed_line(*one, localizer) for one in signed[:LISTED_MAX]]
    lines += [
        localizer.text(
            "“{title}” of {name}, declined: {reason}",
            title=titled(session, localizer),
            name=session.subject.requester_name,
            reason=reason_words(member, localizer),
        )
        for session, member in declined[:LISTED_MAX]
    ]
    if not lines and not certificates:
        return (Paragraph(localizer.text("Nothing was signed in your name here.")),)
    count = localizer.plural(
        "One certificate was issued to you.",
        "{count} certificates were issued to you.",
        certificates,
    )
    blocks: Doc = (Heading(localizer.text("In your name")),)
    if lines:
        blocks = (*blocks, Bullets(lines))
    return (
        *blocks,
        Paragraph(count, " ", localizer.text("Write “export” to get all of it as a file.")),
    )


def _signed_line(
    session: Session, party: str, level: Level, at_ms: int, localizer: Localizer
) -> str:
    values = {
        "moment": localizer.moment(at_ms),
        "title": titled(session, localizer),
        "name": session.subject.requester_name,
        "level": localizer.text(LEVELS[level]),
    }
    member = session.member(party)
    seen = None if member is None else session.member(member.party.of)
    if seen is None:
        return localizer.text("{moment}: “{title}” of {name}, signed {level}", **values)
    return localizer.text(
        "{moment}: “{title}” of {name}, signed {level}, as the witness of {other}",
        other=seen.name,
        **values,
    )


def no_session_doc(localizer: Localizer) -> Doc:
    """Say that there is no document with this number."""
    words = localizer.text("You have no document with this number. Write “sessions” to see yours.")
    return (Paragraph(words),)


def back_doc(session: Session, localizer: Localizer) -> Doc:
    """The question whether a document that was sent is taken back."""
    names = ", ".join(signed_names(session, localizer))
    if names:
        told = localizer.text(
            "Signed already by: {names}. They are told, and get the file as it is now.", names=names
        )
    else:
        told = localizer.text("Nobody has signed it yet.")
    end = localizer.text(
        "All who were asked are told that you have taken it back. It cannot be undone: to have it"
        " signed after all, you send it anew."
    )
    heading = localizer.text("Take back {title}?", title=headed(session, localizer))
    return (Heading(heading), Paragraph(told), Paragraph(end))


def no_draft_doc(localizer: Localizer) -> Doc:
    """Say that no draft is open, and how to cancel a sent document."""
    words = localizer.text(
        "You are preparing no document. To take back one that you have sent, write its number too:"
        " cancel NUMBER. Write “sessions” to see the numbers."
    )
    return (Paragraph(words),)


def _line(session: Session, localizer: Localizer) -> Item:
    have, need = counted(session)
    state = localizer.text(SESSIONS[session.state])
    return (Mono(number_of(session)), f" {_listed(session, localizer)}: {state} ({have}/{need})")


def _theirs(person: UserId, session: Session, localizer: Localizer) -> Item:
    """A line that says how it stands for the reader themselves."""
    have, need = counted(session)
    held = [one.party for one in session.members if one.person == person]
    party = next((one for one in held if one.state is not PartyState.DELEGATED), held[0])
    is_copy = party.role is Role.VIEWER
    yours = localizer.text(N_("you get a copy") if is_copy else _YOURS[party.state])
    return (Mono(number_of(session)), f" {_listed(session, localizer)}: {yours} ({have}/{need})")


def _listed(session: Session, localizer: Localizer) -> str:
    """Name a document beside its number."""
    return localizer.text("private") if session.is_blind else session.subject.title
