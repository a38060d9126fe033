"""Roles, states, levels and reasons in words; how sessions are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.authority.core.levels import OWN_LEVELS, Level
from appservices.signing.sessions.core.parties import CAN_ACT, PartyState, Role
from appservices.signing.sessions.core.records import Mode, SessionEffect
from appservices.signing.sessions.core.session import State
from veche.protocol.message import Mono
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.sessions.core.records import Member, Session
    from veche.protocol.message import Item
    from veche.protocol.texts.localizer import Localizer

NUMBER_CHARACTERS: Final = 8
_TO_SIGN: Final = frozenset({PartyState.WAITING, *CAN_ACT})
ROLES: Final[Mapping[Role, str]] = {
    Role.SIGNER: N_("signer"),
    Role.CLERK: N_("clerk"),
    Role.SEAL: N_("seal"),
    Role.APPROVER: N_("approver"),
    Role.WITNESS: N_("witness"),
    Role.VIEWER: N_("gets a copy"),
}
STATES: Final[Mapping[PartyState, str]] = {
    PartyState.WAITING: N_("others come first"),
    PartyState.INVITED: N_("asked"),
    PartyState.VIEWED: N_("has seen it"),
    PartyState.WRITTEN: N_("has written by hand; the witness has not signed yet"),
    PartyState.SIGNED: N_("signed"),
    PartyState.DECLINED: N_("declined"),
    PartyState.DELEGATED: N_("lets somebody else act"),
    PartyState.LAPSED: N_("too late"),
    PartyState.EXCUSED: N_("not needed any more"),
}
SESSIONS: Final[Mapping[State, str]] = {
    State.DRAFT: N_("not sent yet"),
    State.OPEN: N_("open"),
    State.SEALING: N_("everyone who is needed has signed; the file is being closed"),
    State.COMPLETED: N_("complete"),
    State.DECLINED: N_("declined"),
    State.EXPIRED: N_("the time was over"),
    State.CANCELLED: N_("taken back"),
}
LEVELS: Final[Mapping[Level, str]] = {
    Level.CLICK: N_("by a reply with the code (S0)"),
    Level.APPROVAL: N_("with the key of their device (S1)"),
    Level.ADVANCED: N_("in the file, with a certificate (S2)"),
    Level.OWN: N_("in the file, with a certificate of one's own (S3)"),
    Level.QUALIFIED: N_("in the file, with a qualified certificate of one's own (S4)"),
    Level.SEAL: N_("the seal of an organisation"),
}
EFFECTS: Final[Mapping[SessionEffect, str]] = {
    SessionEffect.WHEN_COMPLETE: N_("Signatures count once everyone who is needed has signed."),
    SessionEffect.EACH: N_("Each signature counts at once, whoever else signs."),
}
MODES: Final[Mapping[Mode, str]] = {
    Mode.ASSISTED: N_("those who take part, and the service that I am part of"),
    Mode.BLIND: N_("those who take part alone; I never do"),
}
REASONS: Final[Mapping[str, str]] = {
    "wrong_terms": N_("I do not agree with what it says"),
    "wrong_person": N_("I am not who should sign"),
    "not_mine": N_("I know nothing of it"),
    "need_time": N_("I need more time"),
    "other": N_("Another reason"),
}


def number_of(session: Session) -> str:
    """How people call a session: the end of its ULID, which is chance."""
    return session.id[-NUMBER_CHARACTERS:]


def titled(session: Session, localizer: Localizer) -> str:
    """Name a document inside of a sentence; an unseen one by its number."""
    if session.is_blind:
        return localizer.text("private document {number}", number=number_of(session))
    return session.subject.title


def headed(session: Session, localizer: Localizer) -> str:
    """The same with its number, as a heading."""
    title = titled(session, localizer)
    return title if session.is_blind else f"{title} ({number_of(session)})"


def named(member: Member, session: Session, localizer: Localizer) -> str:
    """A party with their role, "Carol, witness of Bob"; a delegate with whom they act for."""
    role, name = member.party.role, _acting(member, session, localizer)
    seen = session.member(member.party.of)
    if role is Role.WITNESS and seen is not None:
        return localizer.text("{name}, witness of {other}", name=name, other=seen.name)
    if role is Role.SIGNER:
        return name
    return f"{name}, {localizer.text(ROLES[role])}"


def _acting(member: Member, session: Session, localizer: Localizer) -> str:
    acts_for = next((one for one in session.members if one.delegated_to == member.id), None)
    if acts_for is None:
        return member.name
    return localizer.text("{name} for {other}", name=member.name, other=acts_for.name)


def stood(member: Member, session: Session, localizer: Localizer) -> str:
    """A party with what they have done, "Bob: signed"; who only gets a copy does nothing."""
    if member.party.role is Role.VIEWER:
        return named(member, session, localizer)
    is_sealed = member.party.role is Role.SEAL and member.party.state is PartyState.SIGNED
    state = localizer.text("sealed") if is_sealed else localizer.text(STATES[member.party.state])
    if member.level_min in OWN_LEVELS and member.party.state in _TO_SIGN:
        how = localizer.text(LEVELS[member.level_min])
        state = localizer.text("{state}; signs {how}", state=state, how=how)
    if member.is_unknown and member.party.state in CAN_ACT:
        state = in_person(member, localizer)
    name, seen = named(member, session, localizer), member.identified
    if seen is not None:
        by = localizer.text("identified in person by {name}", name=seen.by.name)
        name = f"{name} ({by})"
    return f"{name}: {state}"


def in_person(member: Member, localizer: Localizer) -> str:
    """How somebody without an account signs."""
    return (
        localizer.text("signs by hand") if member.is_by_hand else localizer.text("signs in person")
    )


def reason_words(member: Member, localizer: Localizer) -> str:
    """Why somebody declined."""
    code, words = member.reason
    said = localizer.text(REASONS[code]) if code in REASONS else ""
    return f"{said}: “{words}”" if words else said


def file_facts(name: str, kind: str, size: int, localizer: Localizer) -> list[tuple[str, Item]]:
    """List the facts of a file without pages: its name, media type, and size in bytes.

    Of one that is not read here the name is empty, and the type that of its container.
    """
    named: list[tuple[str, Item]] = [(localizer.text("File"), Mono(name))] if name else []
    return [
        *named,
        (localizer.text("Type"), Mono(kind)),
        (localizer.text("Size"), localizer.plural("{count} byte", "{count} bytes", size)),
    ]


def digests(session: Session, localizer: Localizer) -> list[tuple[str, Item]]:
    """By what a file is told that was closed, and what it was before anybody signed it.

    Each signature is added to the file, so the two differ; whoever has either finds it out with
    any program.
    """
    paper, final = session.paper, session.final_sha256
    if paper is None or final is None or not session.revision:
        return []
    before = (
        localizer.text("SHA-256 of what was signed in it")
        if session.has_container
        else localizer.text("SHA-256 before anybody signed it")
    )
    return [
        (localizer.text("SHA-256 of the signed file"), Mono(final.hex())),
        (before, Mono(paper.sha256.hex())),
    ]


def signed_names(session: Session, localizer: Localizer) -> list[str]:
    """List signers, also by hand; a delegate with the party they act for."""
    signed = [one for one in session.members if one.party.state is PartyState.SIGNED]
    return [_signed_name(one, session, localizer) for one in signed]


def _signed_name(member: Member, session: Session, localizer: Localizer) -> str:
    if member.is_by_hand:
        return localizer.text("{name} (by hand)", name=member.name)
    seen = session.member(member.party.of)
    if seen is not None and seen.is_by_hand:
        return named(member, session, localizer)
    return _acting(member, session, localizer)


def signed_and_sealed(session: Session, localizer: Localizer) -> tuple[list[str], list[str]]:
    """The persons among ``signed_names``, and the seals, which stand for no person."""
    done = [one for one in session.members if one.party.state is PartyState.SIGNED]
    seals = [one for one in done if one.party.role is Role.SEAL]
    persons = [one for one in done if one.party.role is not Role.SEAL]
    return [_signed_name(one, session, localizer) for one in persons], [one.name for one in seals]


def counted(session: Session) -> tuple[int, int]:
    """How many have signed, and how many signatures are needed."""
    have = need = 0
    for stage in session.stages:
        held = [session.plan.parties[one] for one in stage.parties]
        acting = [one for one in held if one.state is not PartyState.DELEGATED]
        have += sum(1 for one in acting if one.state is PartyState.SIGNED)
        witnesses = sum(1 for one in acting if one.role is Role.WITNESS)
        principals = len(acting) - witnesses
        need += (principals if stage.need is None else stage.need) + witnesses
    return have, max(have, need)
