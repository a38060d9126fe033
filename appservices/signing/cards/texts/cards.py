"""The card of a document: what a party is asked, and how it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.authority.core.levels import Level
from appservices.signing.sessions.core.parties import CAN_ACT, PartyState, Role
from appservices.signing.sessions.core.records import ClauseKind
from appservices.signing.sessions.core.session import BROKEN_OFF, State
from appservices.signing.sessions.texts import private
from appservices.signing.sessions.texts.words import (
    EFFECTS,
    LEVELS,
    MODES,
    SESSIONS,
    counted,
    file_facts,
    named,
    number_of,
    reason_words,
    stood,
    titled,
)
from veche.documents.signatures.report import Verdict
from veche.documents.signatures.words import verdict_words
from veche.protocol.message import Bold, Bullets, Doc, Facts, Heading, Item, Link, Mono, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.sessions.core.records import Member, Paper, Session
    from veche.protocol.texts.localizer import Localizer

LISTED_MAX: Final = 20
"""Most parties that a card lists; of more it says how many there are."""

_YOURS: Final[Mapping[PartyState, str]] = {
    PartyState.WAITING: N_("Others come first: you are told when it is your turn."),
    PartyState.INVITED: N_("It is your turn."),
    PartyState.VIEWED: N_("It is your turn."),
    PartyState.WRITTEN: N_("The handwritten signature waits for that of the witness."),
    PartyState.SIGNED: N_("You have signed. You get the file once it is over."),
    PartyState.DECLINED: N_("You have declined."),
    PartyState.LAPSED: N_("Your time is over."),
    PartyState.EXCUSED: N_("Enough others have signed: nothing is left to do for you."),
}


def card_doc(
    session: Session,
    member: Member,
    page: str | None,
    localizer: Localizer,
    *,
    is_short: bool = False,
) -> Doc:
    """The card of one party.

    Args:
        session: As it stands.
        member: Whose card it is.
        page: Where they sign; None: there are no pages here.
        localizer: How they are spoken to.
        is_short: Name no others and no clauses: a message has no room for them.
    """
    have, need = counted(session)
    signed = localizer.text("Signed: {have} of {need}", have=have, need=need)
    others: Doc = (Paragraph(signed),)
    if not is_short:
        lines = Bullets(parties_lines(session, localizer))
        others = (*_clauses(session, localizer), lines, *_enough(session, localizer))
    head = (
        Heading(_asks(session, member, localizer)),
        _facts(session, localizer),
        *_before(session, localizer),
        *others,
    )
    if session.state is State.OPEN and member.party.state in CAN_ACT:
        return (*head, *_how(session, member, page, localizer))
    return (*head, Paragraph(Bold(state_words(session, member, localizer))))


def parties_lines(session: Session, localizer: Localizer) -> list[Item]:
    """List the parties and their states, a line each."""
    lines: list[Item] = [stood(one, session, localizer) for one in session.members[:LISTED_MAX]]
    left = len(session.members) - LISTED_MAX
    if left > 0:
        lines.append(localizer.plural("and {count} more", "and {count} more", left))
    return lines


def state_words(session: Session, member: Member, localizer: Localizer) -> str:
    """How it stands for one party, in a sentence."""
    if session.state is not State.OPEN:
        return localizer.text("It is over: {state}.", state=localizer.text(SESSIONS[session.state]))
    if member.party.state is PartyState.DELEGATED:
        other = session.member(member.delegated_to)
        return localizer.text("{name} acts for you.", name=other.name if other is not None else "?")
    if session.is_blind and member.party.state is PartyState.SIGNED:
        return f"{localizer.text('You have signed.')} {private.after_words(session, localizer)}"
    return localizer.text(_YOURS[member.party.state])


def result_words(session: Session, localizer: Localizer) -> str:
    """Say in one sentence whether the signatures are in force."""
    if session.state is State.COMPLETED:
        return localizer.text("Everyone who is needed has signed, so it is in force.")
    if is_in_force(session):
        return localizer.text("It stays in force between those who have signed.")
    return localizer.text("It is not in force: not everyone who is needed has signed.")


def is_in_force(session: Session) -> bool:
    """Return whether the signatures of a session that is over count."""
    if session.state in BROKEN_OFF:
        signed = any(one.party.state is PartyState.SIGNED for one in session.members)
        return signed and session.effect.value == "each"
    return session.state is State.COMPLETED


def _asks(session: Session, member: Member, localizer: Localizer) -> str:
    names = {"name": session.subject.requester_name, "title": titled(session, localizer)}
    if member.party.role is Role.WITNESS:
        return localizer.text("{name} asks you to sign as a witness: {title}", **names)
    if member.party.role is Role.APPROVER:
        return localizer.text("{name} asks you to approve: {title}", **names)
    return localizer.text("{name} asks you to sign: {title}", **names)


def _facts(session: Session, localizer: Localizer) -> Facts:
    paper = session.paper
    assert paper is not None, "what is sent has a document"  # noqa: S101 -- our bug
    asker: Item = (session.subject.requester_name, " ", Mono(session.requester))
    if session.is_blind:
        asker = Mono(session.requester)
    return Facts(
        [
            (localizer.text("Asked by"), asker),
            *_file(session, paper, localizer),
            (localizer.text("Code"), Mono(session.code)),
            (localizer.text("Until"), localizer.moment(session.deadline_at_ms)),
            (localizer.text("Effect"), localizer.text(EFFECTS[session.effect])),
            (localizer.text("Who sees it"), localizer.text(MODES[session.mode])),
            (localizer.text("Number"), Mono(number_of(session))),
        ]
    )  # fmt: skip


def _file(session: Session, paper: Paper, localizer: Localizer) -> list[tuple[str, Item]]:
    """Describe the document: its pages, or its file if it has none."""
    if not session.has_container:
        return [(localizer.text("Pages"), str(paper.pages))]
    return file_facts(session.subject.filename, session.subject.kind, paper.size, localizer)


def _before(session: Session, localizer: Localizer) -> Doc:
    """Say that others had signed the document before, and the verdict on that."""
    before = session.subject.before
    if before is None:
        return ()
    words = localizer.text(
        "It was signed before by {names}. {verdict} Signatures are only added to it.",
        names=", ".join(before.signers) or "?",
        verdict=verdict_words(Verdict(before.verdict), localizer.language),
    )
    return (Paragraph(words),)


def _clauses(session: Session, localizer: Localizer) -> Doc:
    asked = [one for one in session.subject.clauses if one.kind is not ClauseKind.REQUIRED]
    if not asked or session.is_blind:
        return ()
    titles = ", ".join(f"“{one.title}”" for one in asked)
    words = localizer.text("These clauses are asked about one by one: {titles}.", titles=titles)
    return (Paragraph(words),)


def _enough(session: Session, localizer: Localizer) -> Doc:
    """Say how many of the parties have to sign."""
    found: list[Paragraph] = []
    for stage in session.stages:
        held = [one for one in session.members if one.id in stage.parties]
        acting = [one for one in held if one.party.state is not PartyState.DELEGATED]
        if stage.need is None or stage.need >= len(acting):
            continue
        names = ", ".join(one.name for one in acting[:LISTED_MAX])
        words = localizer.plural(
            "{count} of these is enough: {names}",
            "{count} of these are enough: {names}",
            stage.need,
            names=names,
        )
        found.append(Paragraph(words))
    return tuple(found)


def _how(session: Session, member: Member, page: str | None, localizer: Localizer) -> Doc:
    if session.is_blind:
        return private.how_doc(session, member, page, localizer)
    blocks: Doc = ()
    if page is not None:
        words = localizer.text("Read and sign it here; the link is for you alone:")
        blocks = (Paragraph(Link(words, page)),)
    if member.level_min is Level.CLICK:
        words = localizer.text(
            "Or read the file that I send you here and reply with its code alone, to sign it:"
        )
        blocks = (*blocks, Paragraph(words, " ", Mono(session.code)))
    elif page is None:
        level = localizer.text(LEVELS[member.level_min])
        words = localizer.text(
            "It has to be signed {level}, and there are no pages here: ask who asks you.",
            level=level,
        )
        blocks = (Paragraph(words),)
    return blocks


def declined_words(member: Member, session: Session, localizer: Localizer) -> str:
    """Say that somebody declined, and why."""
    return localizer.text(
        "{name} has declined: {reason}.",
        name=named(member, session, localizer),
        reason=reason_words(member, localizer),
    )
