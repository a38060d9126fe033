"""Refusals that a page hands in: signed by the person's key, as a signature would be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.signing.parties.service import acting
from appservices.signing.sessions.core.errors import ApprovalMismatchError
from veche.protocol.approval import Decline, SignatureShown
from veche.protocol.errors import VecheError

if TYPE_CHECKING:
    from appservices.signing.parties.api.declining import DeclineBody
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation


def decline(
    scene: Conversation, session: Session, member: Member, body: DeclineBody
) -> Session | VecheError:
    """A party declines on their page.

    Args:
        scene: The transaction; commit it whatever comes back.
        session: Locked.
        member: Whose page it is.
        body: What it sent.

    Returns:
        The session as it is kept; or why the refusal was refused.

    Raises:
        ApprovalMismatchError: What was signed is no refusal of something asked in this session.
        RefusedError: They cannot decline any more.
    """
    acting.able(session, member.id)
    told = body.approval.approval
    if not isinstance(told, Decline):
        raise ApprovalMismatchError("kind")
    view = scene.approvals.view(scene.txn, told.nonce, scene.now_ms)
    shown = None if view is None or view.asked is None else view.asked.shown
    is_here = (
        isinstance(shown, SignatureShown)
        and shown.session == session.id
        and shown.party == member.id
    )
    if not is_here:
        raise ApprovalMismatchError("nonce")
    taken = scene.approvals.take(scene.txn, body.approval, scene.now_ms)
    if isinstance(taken.outcome, VecheError):
        return taken.outcome
    return acting.declined(scene, session, member.id, body.reason_code, body.reason)
