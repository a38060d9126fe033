"""Who speaks, what can be written, how somebody's documents and signatures stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import attrs

from appservices.signing.core.commands import COMMANDS
from appservices.signing.core.parties import PartyState, Role
from appservices.signing.core.texts.cards import LISTED_MAX, parties_lines
from appservices.signing.core.texts.words import (
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

    from appservices.signing.core.records import Level, Member, Session
    from veche.protocol.commands import Command
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.texts.localizer import Speech

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


_ORDERS: Final = (
    (N_("Who signs, in their order:"), N_("bob, carol then dave")),
    (N_("Two of three:"), N_("2 of bob, carol, dave then erin")),
    (N_("Roles:"), N_("bob, carol as witness of bob")),
    (N_("Who only gets the file:"), N_("bob; copy to frank")),
    (N_("You yourself:"), N_("me, bob")),
)


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
                *(
                    (speech.text(words), " ", Mono(speech.text(example)))
                    for words, example in _ORDERS
                ),
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


def sessions_doc(person: UserId, listed: Listed, speech: Speech) -> Doc:
    """Somebody's documents, what they have to do first.

    Args:
        person: Who they are.
        listed: What they have.
        speech: How they are spoken to.
    """
    waiting: list[Item] = [_line(one, speech) for one in listed.waiting]
    left = listed.waiting_count - len(waiting)
    if left > 0:
        waiting.append(speech.plural("and {count} more", "and {count} more", left))
    groups: tuple[tuple[str, list[Item]], ...] = (
        (speech.text("For you to sign"), waiting),
        (
            speech.text("Waits for others"),
            [_theirs(person, one, speech) for one in listed.with_others],
        ),
        (speech.text("Sent by you"), [_line(one, speech) for one in listed.own]),
        (speech.text("Ended lately"), [_line(one, speech) for one in listed.ended]),
    )
    blocks: Doc = ()
    for title, lines in groups:
        if lines:
            blocks = (*blocks, Heading(title), Bullets(lines))
    if not blocks:
        return (Paragraph(speech.text("You have no documents here. Send me a file to begin.")),)
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
        facts += [(speech.text("Code"), Mono(session.code)), *digests(session, speech)]
    if is_deleted:
        facts.append((speech.text("Kept here"), speech.text("not any more: it is deleted")))
    elif until_ms is not None:
        facts.append(
            (speech.text("Kept here"), speech.text("until {date}", date=speech.date(until_ms)))
        )
    heading = Heading(headed(session, speech))
    lines: Doc = (Bullets(parties_lines(session, speech)),) if session.members else ()
    return (heading, Facts(facts), *lines)


def own_page_doc(page: str | None, speech: Speech) -> Doc:
    """Where whoever has a document signed sees how it stands; nothing where there are no pages."""
    if page is None:
        return ()
    words = speech.text(
        "Who has signed, more time, reminding, taking it back, the file and the report are on your"
        " page of it; the link is for you alone:"
    )
    return (Paragraph(words, "\n", Link(page, page)),)


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


def _theirs(person: UserId, session: Session, speech: Speech) -> Item:
    """A line that says how it stands for the reader themselves."""
    have, need = counted(session)
    held = [one.party for one in session.members if one.person == person]
    party = next((one for one in held if one.state is not PartyState.DELEGATED), held[0])
    is_copy = party.role is Role.VIEWER
    yours = speech.text(N_("you get a copy") if is_copy else _YOURS[party.state])
    return (Mono(number_of(session)), f" {_listed(session, speech)}: {yours} ({have}/{need})")


def _listed(session: Session, speech: Speech) -> str:
    """What a document is called beside its number."""
    return speech.text("private") if session.is_blind else session.matter.title
