"""Acts of parties and of the requester in a session, and their effects.

Every function here gets a session that is locked, in the transaction of its scene, and returns it
as it is kept afterwards. What is refused raises and changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.certificates import store as certificates
from appservices.signing.guardians.service import guarding
from appservices.signing.meetings import service as by_hand
from appservices.signing.meetings import store as meetings
from appservices.signing.parties.service.effects import Happening, happen
from appservices.signing.sessions.core.errors import (
    AlreadySignedError,
    DelegationError,
    NotIdentifiedError,
    NotYourTurnError,
)
from appservices.signing.sessions.core.hand import writer_of
from appservices.signing.sessions.core.parties import CAN_ACT, Party, PartyState, Role
from appservices.signing.sessions.core.records import (
    DEADLINE_MS_MAX,
    NAME_CHARACTERS_MAX,
    REASON_CHARACTERS_MAX,
    Member,
    Session,
)
from appservices.signing.sessions.core.session import (
    DECLINE,
    LAPSE,
    SIGN,
    Input,
    NotNowError,
    State,
)
from appservices.signing.sessions.store import events, sessions, signatures
from veche.access.approvals import ApprovalError, fingerprint, revoked_among
from veche.protocol.errors import MalformedError

if TYPE_CHECKING:
    from appservices.signing.sessions.core.guests import Identified
    from appservices.signing.sessions.service.conversation import Conversation
    from appservices.signing.sessions.store.signatures import Signature
    from veche.protocol.ids import UserId

_NUMBER_MAX: Final = 999
"""Largest number of a party in a session."""
REASONS: Final = ("wrong_terms", "wrong_person", "not_mine", "need_time", "other")
"""Codes of why somebody declines."""
_STILL_TO_ACT: Final = frozenset({PartyState.WAITING, PartyState.WRITTEN, *CAN_ACT})


def able(session: Session, party: str) -> Member:
    """The party, who may sign, decline or delegate now.

    Raises:
        NotNowError: The session takes no signatures.
        AlreadySignedError: They have signed.
        NotYourTurnError: Others come first, or it is not theirs to act.
        NotIdentifiedError: They sign in person, and nobody has seen who they are.
    """
    member = turn_of(session, party)
    if member.is_unknown:
        raise NotIdentifiedError
    return member


def turn_of(session: Session, party: str) -> Member:
    """The party, whose turn it is, whoever acts for them.

    Raises:
        NotNowError: The session takes no signatures.
        AlreadySignedError: They have signed.
        NotYourTurnError: Others come first, or it is not theirs to act.
    """
    if session.state is not State.OPEN:
        raise NotNowError(session.state)
    member = session.member(party)
    if member is None:
        raise NotYourTurnError("There is no such party")
    if member.party.state is PartyState.SIGNED:
        raise AlreadySignedError("You have signed already")
    if member.party.state not in CAN_ACT:
        raise NotYourTurnError("It is not your turn to sign")
    return member


def check_time(scene: Conversation, session: Session, member: Member) -> None:
    """Make sure that a person's time is not over, also where its clock has not fired yet.

    Raises:
        NotNowError: It is.
        NotWrittenError: They are the witness of what was written by hand, which counts no more.
        NotRegistrarError: They are, and may be no more.
        DelegationError: They act for another by a key that was revoked since.
        NotIdentifiedError: The key was revoked by which their registrar said who they are.
    """
    _check_let(scene, session, member)
    by_hand.check(scene, session, member)
    deadlines = (session.deadline_at_ms, member.deadline_at_ms)
    is_late = any(one is not None and scene.now_ms >= one for one in deadlines)
    if is_late and member.party.role is not Role.SEAL:
        raise NotNowError(State.EXPIRED)


def viewed(scene: Conversation, session: Session, party: str) -> Session:
    """A party has the document before their eyes; later times change nothing.

    Raises:
        NotNowError: The session is a draft.
        NotYourTurnError: There is no such party.
    """
    member = session.member(party)
    if member is None:
        raise NotYourTurnError("There is no such party")
    if member.party.state is PartyState.INVITED:
        session = _with_state(session, party, PartyState.VIEWED)
    return happen(scene, session, Happening(Input.VIEW, member))


def signed(scene: Conversation, session: Session, party: str, signature: Signature) -> Session:
    """A party has signed: the signature is checked, and its revision, if it has one, is kept.

    Args:
        scene: The transaction.
        session: Locked; with the revision, its number and digest.
        party: Who.
        signature: As it is kept.

    Raises:
        NotNowError: The session takes no signatures.
        AlreadySignedError: They have signed.
        NotYourTurnError: It is not theirs to act.
        GuardiansError: Their guardians have not agreed.
        NotWrittenError: They are the witness of something else that was written by hand.
    """
    member = able(session, party)
    check_time(scene, session, member)
    guarding.check(scene, session, member)
    before = _open_stage(session)
    session = by_hand.counted(scene, session, member, signature)
    signatures.add(scene.txn, scene.vault, session.id, signature)
    scene.record(session, "signed", party, {"level": signature.level.value})
    _end_key(scene, session, member)
    session = _with_state(session, party, PartyState.SIGNED)
    what = SIGN[session.plan.progress(before)]
    return happen(scene, session, Happening(what, member, stage=before, signature=signature))


def declined(
    scene: Conversation,
    session: Session,
    party: str,
    code: str,
    words: str,
    *,
    is_said_for: bool = False,
) -> Session:
    """A party does not sign, for ever; the witness of what is written by hand only refuses that.

    Args:
        scene: The transaction.
        session: Locked.
        party: Who.
        code: Of ``REASONS``.
        words: Theirs; may be empty.
        is_said_for: Somebody before whom they have said so tells it.

    Raises:
        NotNowError: The session takes no signatures.
        AlreadySignedError: They have signed.
        NotYourTurnError: It is not theirs to act.
        MalformedError: The reason is none.
        DelegationError: They act for another by a key that was revoked since.
        NotIdentifiedError: The key was revoked by which their registrar said who they are.
    """
    member = (turn_of if is_said_for else able)(session, party)
    _check_let(scene, session, member)
    if code not in REASONS:
        raise MalformedError("reason_code", "is none of those that there are")
    if len(words) > REASON_CHARACTERS_MAX:
        raise MalformedError("reason", f"has more than {REASON_CHARACTERS_MAX} characters")
    if session.is_blind and words:
        raise MalformedError("reason", "is a code alone: this service is to know nothing of it")
    writer = writer_of(session, member)
    if writer is not None:
        return scene.save(by_hand.withdrawn(scene, session, writer))
    before = _open_stage(session)
    scene.record(session, "declined", party, {"reason_code": code, "reason": words})
    _end_key(scene, session, member)
    member = attrs.evolve(member, reason=(code, words))
    session = _with_state(_with_member(session, member), party, PartyState.DECLINED)
    what = DECLINE[session.plan.progress(before)]
    return happen(scene, session, Happening(what, member, stage=before))


def delegated(
    scene: Conversation, session: Session, party: str, to: UserId, name: str, *, approval: str = ""
) -> Session:
    """A party lets somebody else act in their place: one step, which they can take back.

    Args:
        scene: The transaction.
        session: Locked.
        party: Who.
        to: Account of the other.
        name: What the document calls the other.
        approval: Nonce of the mandate that they gave with their key; empty: they said it in their
            chat.

    Raises:
        NotNowError: The session takes no signatures.
        AlreadySignedError: They have signed.
        NotYourTurnError: It is not theirs to act.
        DelegationError: The requester allows none, they are a delegate themselves, or the other
            takes part already.
        GuardiansError: Their guardians have not agreed.
    """
    member = able(session, party)
    check_time(scene, session, member)
    guarding.check(scene, session, member)
    check_delegation(session, member, to)
    if to == scene.sender.bot.user_id:
        raise DelegationError("This cannot be passed on")
    if session.is_blind:
        name = to[:NAME_CHARACTERS_MAX]
    if not 1 <= len(name) <= NAME_CHARACTERS_MAX:
        raise MalformedError("name", f"has 1 to {NAME_CHARACTERS_MAX} characters")
    id_ = _fresh_party(scene, session)
    delegate = attrs.evolve(
        member,
        party=Party(id_, member.party.role, PartyState.INVITED, member.party.of),
        person=to,
        name=name,
        room_id=None,
        card=None,
        identified=None,
    )
    session = _replaced(session, attrs.evolve(member, delegated_to=delegate.id), delegate)
    details = {"to": to, "name": name, "delegate": delegate.id, "approval": approval}
    scene.record(session, "delegated", party, details)
    return happen(scene, session, Happening(Input.DELEGATE, member, other=delegate))


def identified(scene: Conversation, session: Session, party: str, seen: Identified) -> Session:
    """Somebody has seen who a guest is, who can act from now on.

    Raises:
        NotNowError: The session takes no signatures.
        NotYourTurnError: It is not theirs to act.
        AlreadySignedError: They were identified before.
    """
    if session.state is not State.OPEN:
        raise NotNowError(session.state)
    member = session.member(party)
    if member is None or not member.is_guest or member.party.state not in CAN_ACT:
        raise NotYourTurnError("There is nobody here who signs in person now")
    if member.identified is not None:
        raise AlreadySignedError("They were identified before")
    details = {"by": seen.by.person, "papers": seen.papers.value, "approval": seen.nonce}
    scene.record(session, "identified", party, details)
    session = _with_member(session, attrs.evolve(member, identified=seen))
    return scene.save(session)


def known_by(session: Session, member: Member, seen: Identified | None) -> Session:
    """The session in which the certificate of a party says who has identified them, or nobody."""
    return _with_member(session, attrs.evolve(member, identified=seen))


def check_delegation(session: Session, member: Member, to: UserId) -> None:
    """Make sure that somebody may act for a party who is able to act.

    Raises:
        DelegationError: The requester allows none, they are a delegate themselves, or the other
            takes part already.
    """
    if not session.may_delegate:
        raise DelegationError("Whoever asks does not let signers be replaced")
    if any(one.delegated_to == member.id for one in session.members):
        raise DelegationError("Whoever acts for another cannot pass it on")
    if member.party.role is Role.SEAL or member.is_guest or writer_of(session, member) is not None:
        raise DelegationError("This cannot be passed on")
    if any(one.person == to for one in session.members):
        raise DelegationError("They take part already")


def _check_let(scene: Conversation, session: Session, member: Member) -> None:
    if was_seen_by_revoked(scene, member):
        raise NotIdentifiedError
    if not may_act(scene, session, member):
        raise DelegationError(
            "Whoever let you act has revoked the key by which they did: ask them to take that back,"
            " and to let you act once more."
        )


def may_act(scene: Conversation, session: Session, member: Member) -> bool:
    """Return whether a delegate's key still counts; others act for themselves."""
    if not any(one.delegated_to == member.id for one in session.members):
        return True
    record = events.of_session(scene.txn, scene.vault, session.id)
    said = (one.details for one in record if one.what == "delegated")
    nonce = next((one["approval"] for one in said if one["delegate"] == member.id), "")
    try:
        return not nonce or bool(scene.approvals.authorised(scene.txn, nonce))
    except ApprovalError:
        return False


def can_act(member: Member) -> bool:
    """Return whether it is a party's turn still."""
    return member.party.state in CAN_ACT


def was_seen_by_revoked(scene: Conversation, member: Member) -> bool:
    """Return whether the registrar's key that identified a guest was revoked."""
    seen = member.identified if member.is_guest else None
    return seen is not None and bool(revoked_among(scene.txn, [seen.nonce]))


def taken_back(scene: Conversation, session: Session, party: str) -> Session:
    """A party acts themselves again, as whom they let act has not signed yet.

    Raises:
        NotNowError: The session takes no signatures.
        DelegationError: They let nobody act, or it is too late.
    """
    if session.state is not State.OPEN:
        raise NotNowError(session.state)
    member = session.member(party)
    delegate = session.member(member.delegated_to) if member is not None else None
    if member is None or delegate is None:
        raise DelegationError("Nobody acts for you here")
    has_begun = bool(certificates.of_party(scene.txn, session.id, delegate.id))
    is_late = has_begun and may_act(scene, session, delegate)
    if delegate.party.state not in CAN_ACT or is_late:
        raise DelegationError("It is too late: they are signing, or have done so")
    certificates.forget_approved(scene.txn, session.id, delegate.id)
    certificates.move(scene.txn, session.id, delegate.id, member.id)
    scene.record(session, "taken_back", party, {"delegate": delegate.id})
    session = _restored(session, member, delegate)
    return happen(scene, session, Happening(Input.DELEGATE, member, gone=delegate))


def cancelled(scene: Conversation, session: Session) -> Session:
    """The requester takes it back; a draft is forgotten.

    Raises:
        NotNowError: It is over, or everyone has signed.
    """
    if session.state is State.DRAFT:
        sessions.drop(scene.txn, session.id)
        return attrs.evolve(session, state=State.CANCELLED, ended_at_ms=scene.now_ms)
    # Before it is kept: what cannot happen must not stand in the record.
    if session.state is not State.OPEN:
        raise NotNowError(session.state)
    scene.record(session, "cancelled")
    return happen(scene, session, Happening(Input.CANCEL))


def extended(scene: Conversation, session: Session, deadline_at_ms: int) -> Session:
    """The requester gives more time.

    Raises:
        NotNowError: The session takes no signatures.
        MalformedError: It is not later than now and the present deadline, or too late.
    """
    if session.state is not State.OPEN:
        raise NotNowError(session.state)
    if deadline_at_ms <= max(session.deadline_at_ms, scene.now_ms):
        raise MalformedError("deadline_at_ms", "must be later than the present deadline")
    if deadline_at_ms > scene.now_ms + DEADLINE_MS_MAX:
        raise MalformedError("deadline_at_ms", "is too far away")
    scene.record(session, "extended", details={"deadline_at_ms": deadline_at_ms})
    session = attrs.evolve(session, deadline_at_ms=deadline_at_ms)
    return happen(scene, session, Happening(Input.EXTEND))


def lapsed(scene: Conversation, session: Session, party: str) -> Session:
    """A party's own deadline is over; nothing if it is too late for that."""
    member = session.member(party)
    is_over = session.state is not State.OPEN or member is None
    if is_over or member is None or member.party.state not in _STILL_TO_ACT:
        return session
    session = by_hand.withdrawn(scene, session, member)
    before = _open_stage(session)
    scene.record(session, "lapsed", party)
    session = _with_state(session, party, PartyState.LAPSED)
    progress = session.plan.progress(before)
    return happen(scene, session, Happening(LAPSE[progress], member, stage=before))


def expired(scene: Conversation, session: Session) -> Session:
    """The session's deadline is over; nothing if it is too late for that."""
    if session.state is State.OPEN:
        scene.record(session, "expired")
    return happen(scene, session, Happening(Input.DEADLINE))


def reminded(scene: Conversation, session: Session, party: str | None = None) -> Session:
    """Remind whoever can act, or one of them; see ``reminding``."""
    member = session.member(party) if party is not None else None
    return happen(scene, session, Happening(Input.REMIND, member))


def _end_key(scene: Conversation, session: Session, member: Member) -> None:
    """The key of a guest is for one act."""
    meeting = meetings.current(scene.txn, session.id, member.id) if member.is_guest else None
    if meeting is not None and meeting.public_key is not None:
        key_id = fingerprint(meeting.public_key)
        scene.approvals.revoke(scene.txn, member.user_id, key_id, scene.now_ms)


def _open_stage(session: Session) -> int:
    before = session.plan.open_stage()
    assert before is not None, "an open session waits for somebody"  # noqa: S101 -- our bug
    return before


def _with_state(session: Session, party: str, state: PartyState) -> Session:
    return session.with_plan(session.plan.with_state(party, state))


def _with_member(session: Session, member: Member) -> Session:
    members = tuple(member if one.id == member.id else one for one in session.members)
    return attrs.evolve(session, members=members)


def _fresh_party(scene: Conversation, session: Session) -> str:
    """An id that nobody has had here: what the record says of one delegate is of no other."""
    known = [one.id for one in session.members]
    known += events.parties_of(scene.txn, session.id)
    number = 1 + max(int(one[1:]) for one in known)
    if number > _NUMBER_MAX:
        raise DelegationError("This was passed on and taken back too often")
    return f"p{number}"


def _replaced(session: Session, member: Member, delegate: Member) -> Session:
    """The session in which a delegate stands beside whom they act for; witnesses see them now."""
    session = _with_member(session, member)
    members = tuple(_seeing(one, member.id, delegate.id) for one in session.members)
    stages = tuple(
        attrs.evolve(stage, parties=(*stage.parties, delegate.id))
        if member.id in stage.parties
        else stage
        for stage in session.stages
    )
    session = attrs.evolve(session, members=(*members, delegate), stages=stages)
    return _with_state(session, member.id, PartyState.DELEGATED)


def _restored(session: Session, member: Member, delegate: Member) -> Session:
    """The session without a delegate, as it was before."""
    session = _with_member(session, attrs.evolve(member, delegated_to=""))
    members = tuple(
        _seeing(one, delegate.id, member.id) for one in session.members if one.id != delegate.id
    )
    stages = tuple(
        attrs.evolve(stage, parties=tuple(one for one in stage.parties if one != delegate.id))
        for stage in session.stages
    )
    session = attrs.evolve(session, members=members, stages=stages)
    return _with_state(session, member.id, PartyState.VIEWED)


def _seeing(one: Member, before: str, now: str) -> Member:
    if one.party.of != before:
        return one
    return attrs.evolve(one, party=attrs.evolve(one.party, of=now))
