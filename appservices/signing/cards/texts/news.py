"""News for parties and requesters as a session goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.cards.texts.cards import declined_words, result_words
from appservices.signing.sessions.core.parties import PartyState
from appservices.signing.sessions.core.session import ENDED, Input
from appservices.signing.sessions.texts import keeping, private
from appservices.signing.sessions.texts.words import (
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

    from appservices.signing.authority.core.levels import Level
    from appservices.signing.sessions.core.records import Member, Session
    from veche.protocol.texts.localizer import Localizer


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


def signature_doc(session: Session, member: Member, level: Level, localizer: Localizer) -> Doc:
    """For the requester: somebody has signed."""
    have, need = counted(session)
    words = localizer.text(
        "{name} has signed “{title}” {level}: {have} of {need}.",
        name=named(member, session, localizer),
        title=titled(session, localizer),
        level=localizer.text(LEVELS[level]),
        have=have,
        need=need,
    )
    return (Paragraph(words),)


def yours_doc(session: Session, level: Level, localizer: Localizer) -> Doc:
    """For the signer: their signature counts."""
    words = localizer.text(
        "You have signed “{title}”, {level}.",
        title=titled(session, localizer),
        level=localizer.text(LEVELS[level]),
    )
    return (Paragraph(words, " ", private.after_words(session, localizer)),)


def news_doc(
    session: Session, what: Input, member: Member | None, other: Member | None, localizer: Localizer
) -> Doc:
    """For everyone: what has happened, and what follows.

    Args:
        session: As it stands now.
        what: What happened.
        member: Who did it, or whose time is over; None: the requester.
        other: Who acts in their place from now on.
        localizer: How the reader is spoken to.
    """
    blocks: Doc = (
        Heading(headed(session, localizer)),
        Paragraph(_what(session, what, member, other, localizer)),
    )
    if session.state not in ENDED:
        return blocks
    return (*blocks, *_end(session, localizer))


def reminder_doc(session: Session, member: Member, page: str | None, localizer: Localizer) -> Doc:
    """Say that somebody still has to sign."""
    until = session.deadline_at_ms if member.deadline_at_ms is None else member.deadline_at_ms
    words = localizer.text(
        "“{title}” of {name} still waits for you, until {moment}.",
        title=titled(session, localizer),
        name=session.subject.requester_name,
        moment=localizer.moment(until),
    )
    blocks: Doc = (Paragraph(words),)
    if page is not None:
        blocks = (*blocks, Paragraph(Link(localizer.text("Sign it here:"), page)))
    return blocks


_CHECKED: Final = N_("Anybody can check it here; the file stays in the browser:")
_REPORT_CHECKED: Final = N_("Anybody can check the report here; it stays in the browser:")


def result_doc(
    session: Session,
    verdict: str | None,
    check_url: str | None,
    until_ms: int | None,
    localizer: Localizer,
    *,
    is_deleted: bool = False,
) -> Doc:
    """Write the text beside the closed file.

    Args:
        session: It.
        verdict: On the file; None: it was not seen.
        check_url: Where it can be checked; None: nowhere here.
        until_ms: From when what is kept of it is deleted, UTC; None: not yet known.
        localizer: How the person is spoken to.
        is_deleted: What was kept of it is deleted already.
    """
    signed, sealed = signed_and_sealed(session, localizer)
    facts: list[tuple[str, Item]] = [(localizer.text("Signed by"), ", ".join(signed) or "–")]
    if sealed:
        facts.append((localizer.text("Sealed by"), ", ".join(sealed)))
    if verdict is not None:
        facts.append((localizer.text("Checked"), localizer.text(_VERDICTS.get(verdict, verdict))))
    facts += [(localizer.text("Number"), Mono(number_of(session))), *digests(session, localizer)]
    blocks: Doc = (
        Heading(localizer.text("{title}: the file", title=titled(session, localizer))),
        Paragraph(Bold(result_words(session, localizer))),
        Facts(facts),
    )
    if not session.is_blind:
        blocks = (*blocks, *keeping.result_lines(until_ms, localizer, is_deleted=is_deleted))
    elif session.revision:
        lines = private.result_lines(session, until_ms, localizer, is_deleted=is_deleted)
        blocks = (*blocks, *lines)
    if signed and not session.revision:
        words = localizer.text(
            "Nobody has signed in the file itself: who agreed, and how, the report proves."
            " Keep both."
        )
        blocks = (*blocks, Paragraph(words))
    if check_url is not None:
        words = localizer.text(_CHECKED if session.revision else _REPORT_CHECKED)
        blocks = (*blocks, Paragraph(Link(words, check_url)))
    return blocks


def file_caption(session: Session, localizer: Localizer) -> str:
    """Beside the closed file."""
    signed, sealed = signed_and_sealed(session, localizer)
    title, names, seals = titled(session, localizer), ", ".join(signed), ", ".join(sealed)
    if not sealed:
        return localizer.text("“{title}”, signed by {names}", title=title, names=names)
    if not signed:
        return localizer.text("“{title}”, sealed by {seals}", title=title, seals=seals)
    return localizer.text(
        "“{title}”, signed by {names}, sealed by {seals}", title=title, names=names, seals=seals
    )


def _end(session: Session, localizer: Localizer) -> Doc:
    names = signed_names(session, localizer)
    if not names:
        return (Paragraph(localizer.text("Nobody had signed it.")),)
    if session.is_blind:
        words = localizer.text(
            "It was signed by {names}. {result}",
            names=", ".join(names),
            result=result_words(session, localizer),
        )
        return (Paragraph(words, " ", private.close_words(localizer)),)
    words = localizer.text(
        "It was signed by {names}. {result} The file follows, as a proof.",
        names=", ".join(names),
        result=result_words(session, localizer),
    )
    return (Paragraph(words),)


def _what(
    session: Session, what: Input, member: Member | None, other: Member | None, localizer: Localizer
) -> str:
    name = "" if member is None else named(member, session, localizer)
    if what in (Input.DECLINE_GOES_ON, Input.DECLINE_IMPOSSIBLE) and member is not None:
        return declined_words(member, session, localizer)
    values = {
        "name": session.subject.requester_name if what is Input.CANCEL else name,
        "other": "" if other is None else other.name,
        "moment": localizer.moment(session.deadline_at_ms),
    }
    if what is Input.DELEGATE and other is None:
        return localizer.text("{name} acts themselves again.", **values)
    return localizer.text(_NEWS[what], **values)


def is_told(member: Member) -> bool:
    """Return whether a party gets news of a session; one who was never asked does not."""
    return member.party.state not in (PartyState.WAITING, PartyState.EXCUSED)
