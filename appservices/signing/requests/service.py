"""A document as whoever asks for the signatures sees it, also if they take no part in it.

What they can do with it (take it back, give more time, remind, have it deleted) is the same in the
chat (``mine``, ``cancelling``) and on the page, and refused for the same reasons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.cards.service import news
from appservices.signing.parties.service import acting
from appservices.signing.sessions.core.parties import CAN_ACT, Party, PartyState, Role
from appservices.signing.sessions.core.records import Member
from appservices.signing.sessions.core.session import NotNowError, State
from appservices.signing.sessions.service.tokens import key_text
from appservices.signing.sessions.store import events, sessions
from veche.protocol.errors import NotFoundError

if TYPE_CHECKING:
    from appservices.signing.sessions.core.records import Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.protocol.ids import UserId

NO_SUCH: Final = "There is no such document here, or it is not yours"


def own_session(
    scene: Conversation, person: UserId, session_id: str, *, is_locked: bool = False
) -> Session:
    """A document that somebody has sent to have it signed.

    Raises:
        NotFoundError: They have sent no such.
    """
    read = sessions.lock if is_locked else sessions.read
    session = read(scene.txn, scene.vault, session_id)
    if session is None or session.requester != person or session.sent_at_ms is None:
        raise NotFoundError(NO_SUCH)
    return session


def asker(session: Session) -> Member:
    """Return the requester as a party: their own place, else one who only looks on."""
    mine = [one for one in session.members if one.person == session.requester]
    if mine:
        return mine[-1]
    number = 1 + max((int(one.id[1:]) for one in session.members), default=0)
    party = Party(f"p{number}", Role.VIEWER, PartyState.WAITING)
    name = session.subject.requester_name
    return Member(party, session.requester, name, "", session.level_min)


def page_of(scene: Conversation, session: Session) -> str | None:
    """Address of the page of whoever asks; None if there is none here.

    Whoever takes part has one page for both. Of a private document it has to be opened by the link
    with the key, which is not here.
    """
    if scene.links is None or session.is_blind or not session.requester.startswith("@"):
        return None
    mine = asker(session)
    if session.member(mine.id) is not None:
        return scene.page_of(session, mine)
    return scene.links.page("sign", fragment=f"r={session.id}&k={key_text(session.subject.key)}")


@attrs.frozen
class Reminded:
    """The result of reminding.

    Attributes:
        count: How many are reminded.
        waiting: How many can act now.
        session: As it stands.
    """

    count: int
    waiting: int
    session: Session


def remind(scene: Conversation, session: Session) -> Reminded:
    """Remind whoever can act now.

    Args:
        scene: The transaction.
        session: Locked.

    Raises:
        NotNowError: It takes no signatures.
    """
    if session.state is not State.OPEN:
        raise NotNowError(session.state)
    waiting = sum(1 for one in session.members if one.party.state in CAN_ACT)
    before = events.count(scene.txn, session.id, news.REMINDED)
    session = acting.reminded(scene, session)
    count = events.count(scene.txn, session.id, news.REMINDED) - before
    return Reminded(count, waiting, session)
