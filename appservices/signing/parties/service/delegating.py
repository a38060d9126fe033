"""Letting somebody else act, and taking that back, on a page: said by the party's own key.

The page asks what the key has to sign, a mandate that names session, party and the other; with it
the party hands it in. A link alone, which shows and downloads, changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from appservices.signing.evidence.core.record import delegation_of
from appservices.signing.guardians.service import guarding
from appservices.signing.parties.api.delegation import AskedDelegationView
from appservices.signing.parties.service import acting
from appservices.signing.sessions.core.errors import ApprovalMismatchError, DelegationError
from appservices.signing.sessions.service.conversation import CATALOGUE
from veche.access.approvals import SIGNATURE_ASKED_MS, by_page
from veche.protocol.approval import Approval, MandateShown
from veche.protocol.errors import VecheError
from veche.protocol.texts.localizer import Localizer

if TYPE_CHECKING:
    from appservices.signing.sessions.core.errors import GuardiansError
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.protocol.approval import SignedApproval
    from veche.protocol.ids import UserId


@attrs.frozen
class Other:
    """The person whom a party lets act.

    Attributes:
        user: Their account.
        name: What they are called.
    """

    user: UserId
    name: str


def ask(
    scene: Conversation, session: Session, member: Member, other: Other | None, language: str
) -> AskedDelegationView | GuardiansError:
    """Ask for the approval that lets somebody act; in place of an earlier one.

    Args:
        scene: The transaction; commit it whatever comes back.
        session: Locked.
        member: Whose page asks.
        other: Who is to act; None: nobody any more.
        language: In which it is told.

    Returns:
        What their key has to sign; or that their guardians, who are asked, have to agree first.

    Raises:
        RefusedError: It could not be done now.
    """
    if other is None:
        _check_taken_back(session, member)
    elif (waits := may_let(scene, session, member, other)) is not None:
        return waits
    shown = MandateShown(
        what=what_of(session, member, None if other is None else other.user),
        text=_text(scene, session, other, language),
        until_ms=scene.now_ms + SIGNATURE_ASKED_MS,
    )
    asked = by_page.ask_mandate(scene.txn, member.user_id, shown, scene.now_ms)
    return AskedDelegationView(
        asked=asked.model_dump(mode="json", exclude_none=True),
        now_ms=scene.now_ms,
        expires_at_ms=scene.now_ms + SIGNATURE_ASKED_MS,
        user=None if other is None else other.user,
        name=None if other is None else other.name,
    )


def may_let(
    scene: Conversation, session: Session, member: Member, other: Other
) -> GuardiansError | None:
    """Make sure that a party may let somebody act; their guardians are asked, if they have any.

    Args:
        scene: The transaction; commit it whatever comes back.
        session: Locked.
        member: Who.
        other: Who is to act.

    Returns:
        None if they may; or that their guardians have to agree first.

    Raises:
        RefusedError: They may not.
    """
    acting.check_delegation(session, acting.able(session, member.id), other.user)
    return guarding.request(scene, session, member)


def delegate(
    scene: Conversation,
    session: Session,
    member: Member,
    other: Other | None,
    signed: SignedApproval,
) -> Session | VecheError:
    """Let somebody act, or nobody any more, as the party has approved.

    Args:
        scene: The transaction; commit it whatever comes back.
        session: Locked.
        member: Whose page it is.
        other: Who is to act; None: nobody any more.
        signed: What the party's key has signed.

    Returns:
        The session as it is kept; or why the approval was refused.

    Raises:
        ApprovalMismatchError: Something else was approved.
        RefusedError: It cannot be done any more.
    """
    told = signed.approval
    if not isinstance(told, Approval) or not isinstance(told.shown, MandateShown):
        raise ApprovalMismatchError("kind")
    user = None if other is None else other.user
    if told.person != member.person or told.shown.what != what_of(session, member, user):
        raise ApprovalMismatchError("what")
    if other is None:
        _check_taken_back(session, member)
    else:
        acting.check_delegation(session, acting.able(session, member.id), other.user)
        guarding.check(scene, session, member)
    taken = scene.approvals.take(scene.txn, signed, scene.now_ms)
    if isinstance(taken.outcome, VecheError):
        return taken.outcome
    if other is None:
        return acting.taken_back(scene, session, member.id)
    return acting.delegated(scene, session, member.id, other.user, other.name, approval=told.nonce)


def shown_in_chat(
    scene: Conversation, session: Session, member: Member, user: UserId | None, language: str
) -> MandateShown:
    """Describe a delegation that a party approves in their chat; valid until revoked.

    It stands in a question, which is kept in clear: so it has neither title nor names. Those are
    in the words above the question.

    Args:
        scene: The transaction.
        session: Of the party.
        member: Who.
        user: Who is to act; None: nobody any more.
        language: In which it is told.
    """
    localizer = Localizer(language, scene.section.time_zone, CATALOGUE)
    what = localizer.text("the document with the code {code}", code=session.code)
    if user is None:
        text = localizer.text("I act myself again: {document}.", document=what)
    else:
        text = localizer.text("{user} acts for me: {document}.", user=user, document=what)
    return MandateShown(what=what_of(session, member, user), text=text)


def what_of(session: Session, member: Member, user: UserId | None) -> str:
    """Describe a delegation for programs: party, session, delegate."""
    return delegation_of(session.id, member.id, user)


def _check_taken_back(session: Session, member: Member) -> None:
    if session.member(member.delegated_to) is None:
        raise DelegationError("Nobody acts for you here")


def _text(scene: Conversation, session: Session, other: Other | None, language: str) -> str:
    localizer = Localizer(language, scene.section.time_zone, CATALOGUE)
    what = localizer.text("the document with the code {code}", code=session.code)
    if not session.is_blind:
        what = localizer.text(
            "“{title}” (code {code})", title=session.subject.title, code=session.code
        )
    if other is None:
        return localizer.text("I act myself again: {document}.", document=what)
    return localizer.text(
        "{name} ({user}) acts for me: {document}.", name=other.name, user=other.user, document=what
    )
