"""Effects from the table of sessions, carried out in the transaction of their cause."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.cards.service import cards, news
from appservices.signing.cards.texts.news import is_told
from appservices.signing.delivery.service import delivery
from appservices.signing.guardians.service import guarding
from appservices.signing.sessions.core.parties import CAN_ACT, PartyState, Role
from appservices.signing.sessions.core.session import ENDED, Effect, Input, State, step
from appservices.signing.sessions.service import clocks, ending
from appservices.signing.sessions.service.happening import Happening

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation

__all__ = ["Happening", "happen"]

CARDS_MAX: Final = 20
"""Most parties of a session whose cards all change with each signature; of a larger one, only the
card of who has acted does."""


def happen(scene: Conversation, session: Session, happening: Happening) -> Session:
    """Let something happen to a session; all that follows is done, and the session is kept.

    Args:
        scene: The transaction.
        session: Locked; with what its parties have done already.
        happening: What happens.

    Raises:
        NotNowError: It cannot happen in this state.
    """
    before = session.state
    stepped = step(before, happening.what)
    ended_at_ms = session.ended_at_ms
    if stepped.state in ENDED and ended_at_ms is None:
        ended_at_ms = scene.now_ms
    session = attrs.evolve(session, state=stepped.state, ended_at_ms=ended_at_ms)
    for effect in stepped.effects:
        session = _DONE[effect](scene, session, happening)
    if stepped.state is State.COMPLETED and before is not State.COMPLETED:
        scene.record(session, "completed")
    return scene.save(session)


def _nothing(_conversation: Conversation, session: Session, _happening: Happening) -> Session:
    """The session is kept in the end, whatever happens."""
    return session


def _freeze(scene: Conversation, session: Session, _happening: Happening) -> Session:
    scene.record(session, "sent")
    return attrs.evolve(session, sent_at_ms=scene.now_ms)


def _invite(scene: Conversation, session: Session, _happening: Happening) -> Session:
    plan, invited = session.plan.invited()
    session = session.with_plan(plan)
    for party in invited:
        scene.record(session, "invited", party)
        session = _ask(scene, session, party)
    return session


def _invite_delegate(scene: Conversation, session: Session, happening: Happening) -> Session:
    if happening.gone is not None:
        cards.end(scene, session, happening.gone)
        assert happening.member is not None, "somebody acts again"  # noqa: S101 -- our bug
        return _ask(scene, session, happening.member.id)
    assert happening.other is not None, "somebody acts for another"  # noqa: S101 -- our bug
    scene.record(session, "invited", happening.other.id)
    session = _ask(scene, session, happening.other.id)
    assert happening.member is not None, "they act for somebody"  # noqa: S101 -- our bug
    return cards.show(scene, session, happening.member.id)


def _ask(scene: Conversation, session: Session, party: str) -> Session:
    """Ask a party: a person by their card; a seal is put there by itself."""
    member = session.member(party)
    assert member is not None, "they take part"  # noqa: S101 -- our bug
    if member.party.role is Role.SEAL:
        ending.order_seal(scene, session, member)
        return session
    return cards.show(scene, session, party)


def _excuse(scene: Conversation, session: Session, happening: Happening) -> Session:
    assert happening.stage is not None, "somebody acted in a stage"  # noqa: S101 -- our bug
    before = session.plan
    session = session.with_plan(before.excused(happening.stage))
    for one in session.members:
        was = before.parties[one.id].state
        if one.party.state is not was and was in CAN_ACT:
            scene.record(session, "excused", one.id)
            session = cards.show(scene, session, one.id)
    return session


def _record_view(scene: Conversation, session: Session, happening: Happening) -> Session:
    member = happening.member
    if member is not None and member.party.state is PartyState.INVITED:
        scene.record(session, "viewed", member.id)
    return session


def _update_cards(scene: Conversation, session: Session, happening: Happening) -> Session:
    if happening.signature is not None:
        news.tell_signature(scene, session, happening)
    acted = happening.member.id if happening.member is not None else ""
    is_small = len(session.members) <= CARDS_MAX
    for one in session.members:
        if _has_card(one) and (is_small or one.id == acted):
            session = cards.show(scene, session, one.id)
    return session


def _tell_everyone(scene: Conversation, session: Session, happening: Happening) -> Session:
    news.tell_everyone(scene, session, happening)
    if session.state in ENDED or happening.what is Input.EXTEND:
        for one in session.members:
            if _has_card(one):
                session = cards.show(scene, session, one.id)
    return session


def _has_card(member: Member) -> bool:
    """Return whether a party was asked; guests are recorded elsewhere."""
    return member.card is not None or (member.is_guest and is_told(member))


def _remind(scene: Conversation, session: Session, happening: Happening) -> Session:
    only = happening.member
    for one in session.members:
        is_meant = only is None or only.id == one.id
        if is_meant and one.party.state in CAN_ACT and one.party.role is not Role.SEAL:
            news.remind(scene, session, one)
    return session


def _start_clocks(scene: Conversation, session: Session, _happening: Happening) -> Session:
    clocks.start(scene, session)
    return session


def _stop_clocks(scene: Conversation, session: Session, _happening: Happening) -> Session:
    clocks.stop(scene, session)
    guarding.close(scene, session)
    return session


def _seal(scene: Conversation, session: Session, _happening: Happening) -> Session:
    return ending.order_close(scene, session)


def _seal_later(scene: Conversation, session: Session, happening: Happening) -> Session:
    ending.order_close_later(scene, session, happening.tries)
    return session


def _deliver(scene: Conversation, session: Session, happening: Happening) -> Session:
    delivery.order(scene, session, happening.verdict)
    for one in session.members:
        if one.card is not None:
            session = cards.show(scene, session, one.id)
    return session


def _plan_renewal(scene: Conversation, session: Session, happening: Happening) -> Session:
    ending.plan_renewal(scene, session, happening.proven_until_ms)
    return session


_DONE: Final[Mapping[Effect, Callable[[Conversation, Session, Happening], Session]]] = {
    Effect.STORE: _nothing,
    Effect.FREEZE: _freeze,
    Effect.INVITE: _invite,
    Effect.INVITE_DELEGATE: _invite_delegate,
    Effect.EXCUSE: _excuse,
    Effect.RECORD_VIEW: _record_view,
    Effect.UPDATE_CARDS: _update_cards,
    Effect.TELL_EVERYONE: _tell_everyone,
    Effect.REMIND: _remind,
    Effect.START_CLOCKS: _start_clocks,
    Effect.STOP_CLOCKS: _stop_clocks,
    Effect.SEAL: _seal,
    Effect.SEAL_LATER: _seal_later,
    Effect.DELIVER: _deliver,
    Effect.PLAN_RENEWAL: _plan_renewal,
}
