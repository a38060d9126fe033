"""What parties and requesters are told as a session goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.core.parties import PartyState
from appservices.signing.core.session import ENDED, Input
from appservices.signing.core.texts import blind, keeping
from appservices.signing.core.texts.cards import declined_words, result_words
from appservices.signing.core.texts.words import (
    LEVELS,
    counted,
    digests,
    headed,
    named,
    number_of,
    signed_and_sealed,
    signed_names,
    titled,
)
from veche.protocol.message import Bold, Doc, Facts, Heading, Item, Link, Mono, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.core.records import Level, Member, Session
    from veche.protocol.texts.localizer import Speech


_VERDICTS: Final[Mapping[str, str]] = {
    "sealed": N_("every rule holds: who signed what and when is proven"),
    "signed": N_("the signatures hold; not all of it is proven"),
    "unproven": N_("the signatures are intact; not all of the file is proven or checked"),
}

_NEWS: Final[Mapping[Input, str]] = {
    Input.LAPSE_GOES_ON: N_("{name} has not signed in time."),
    Input.LAPSE_IMPOSSIBLE: N_("{name} has not signed in time."),
    Input.DELEGATE: N_("{name} lets {other} act for them."),
    Input.EXTEND: N_("There is more time: until {moment}."),
    Input.CANCEL: N_("{name} has taken it back."),
    Input.DEADLINE: N_("The time for it is over, and not everyone who is needed has signed."),
}


def signature_doc(session: Session, member: Member, level: Level, speech: Speech) -> Doc:
    """For the requester: somebody has signed."""
    have, need = counted(session)
    words = speech.text(
        "{name} has signed “{title}” {level}: {have} of {need}.",
        name=named(member, session, speech),
        title=titled(session, speech),
        level=speech.text(LEVELS[level]),
        have=have,
        need=need,
    )
    return (Paragraph(words),)


def yours_doc(session: Session, level: Level, speech: Speech) -> Doc:
    """For the signer: their signature counts."""
    words = speech.text(
        "You have signed “{title}”, {level}.",
        title=titled(session, speech),
        level=speech.text(LEVELS[level]),
    )
    return (Paragraph(words, " ", blind.after_words(session, speech)),)


def news_doc(
    session: Session, what: Input, member: Member | None, other: Member | None, speech: Speech
) -> Doc:
    """For everyone: what has happened, and what follows.

    Args:
        session: As it stands now.
        what: What happened.
        member: Who did it, or whose time is over; None: the requester.
        other: Who acts in their place from now on.
        speech: How the reader is spoken to.
    """
    blocks: Doc = (
        Heading(headed(session, speech)),
        Paragraph(_what(session, what, member, other, speech)),
    )
    if session.state not in ENDED:
        return blocks
    return (*blocks, *_end(session, speech))


def reminder_doc(session: Session, member: Member, page: str | None, speech: Speech) -> Doc:
    """That somebody still has to sign."""
    until = session.deadline_at_ms if member.deadline_at_ms is None else member.deadline_at_ms
    words = speech.text(
        "“{title}” of {name} still waits for you, until {moment}.",
        title=titled(session, speech),
        name=session.matter.requester_name,
        moment=speech.moment(until),
    )
    blocks: Doc = (Paragraph(words),)
    if page is not None:
        blocks = (*blocks, Paragraph(speech.text("Sign it here:"), "\n", Link(page, page)))
    return blocks


_CHECKED: Final = N_("Anybody can check it here; the file stays in the browser:")
_REPORT_CHECKED: Final = N_("Anybody can check the report here; it stays in the browser:")


def result_doc(
    session: Session,
    verdict: str | None,
    check_url: str | None,
    until_ms: int | None,
    speech: Speech,
    *,
    is_deleted: bool = False,
) -> Doc:
    """What comes with the closed file.

    Args:
        session: It.
        verdict: On the file; None: it was not seen.
        check_url: Where it can be checked; None: nowhere here.
        until_ms: From when what is kept of it is deleted, UTC; None: not yet known.
        speech: How the person is spoken to.
        is_deleted: What was kept of it is deleted already.
    """
    signed, sealed = signed_and_sealed(session, speech)
    facts: list[tuple[str, Item]] = [(speech.text("Signed by"), ", ".join(signed) or "–")]
    if sealed:
        facts.append((speech.text("Sealed by"), ", ".join(sealed)))
    if verdict is not None:
        facts.append((speech.text("Checked"), speech.text(_VERDICTS.get(verdict, verdict))))
    facts += [(speech.text("Number"), Mono(number_of(session))), *digests(session, speech)]
    blocks: Doc = (
        Heading(speech.text("{title}: the file", title=titled(session, speech))),
        Paragraph(Bold(result_words(session, speech))),
        Facts(facts),
    )
    if not session.is_blind:
        blocks = (*blocks, *keeping.result_lines(until_ms, speech, is_deleted=is_deleted))
    elif session.revision:
        lines = blind.result_lines(session, until_ms, speech, is_deleted=is_deleted)
        blocks = (*blocks, *lines)
    if signed and not session.revision:
        words = speech.text(
            "Nobody has signed in the file itself: who agreed, and how, the report proves."
            " Keep both."
        )
        blocks = (*blocks, Paragraph(words))
    if check_url is not None:
        words = speech.text(_CHECKED if session.revision else _REPORT_CHECKED)
        blocks = (*blocks, Paragraph(words, "\n", Link(check_url, check_url)))
    return blocks


def file_caption(session: Session, speech: Speech) -> str:
    """Beside the closed file."""
    signed, sealed = signed_and_sealed(session, speech)
    title, names, seals = titled(session, speech), ", ".join(signed), ", ".join(sealed)
    if not sealed:
        return speech.text("“{title}”, signed by {names}", title=title, names=names)
    if not signed:
        return speech.text("“{title}”, sealed by {seals}", title=title, seals=seals)
    return speech.text(
        "“{title}”, signed by {names}, sealed by {seals}", title=title, names=names, seals=seals
    )


def _end(session: Session, speech: Speech) -> Doc:
    names = signed_names(session, speech)
    if not names:
        return (Paragraph(speech.text("Nobody had signed it.")),)
    if session.is_blind:
        words = speech.text(
            "It was signed by {names}. {result}",
            names=", ".join(names),
            result=result_words(session, speech),
        )
        return (Paragraph(words, " ", blind.close_words(speech)),)
    words = speech.text(
        "It was signed by {names}. {result} The file follows, as a proof.",
        names=", ".join(names),
        result=result_words(session, speech),
    )
    return (Paragraph(words),)


def _what(
    session: Session, what: Input, member: Member | None, other: Member | None, speech: Speech
) -> str:
    name = "" if member is None else named(member, session, speech)
    if what in (Input.DECLINE_GOES_ON, Input.DECLINE_IMPOSSIBLE) and member is not None:
        return declined_words(member, session, speech)
    values = {
        "name": session.matter.requester_name if what is Input.CANCEL else name,
        "other": "" if other is None else other.name,
        "moment": speech.moment(session.deadline_at_ms),
    }
    if what is Input.DELEGATE and other is None:
        return speech.text("{name} acts themselves again.", **values)
    return speech.text(_NEWS[what], **values)


def is_told(member: Member) -> bool:
    """Whether a party hears what becomes of a session: who was never asked does not."""
    return member.party.state not in (PartyState.WAITING, PartyState.EXCUSED)
