"""A bot speaking, in the transaction of what made it speak.

Everything that a bot of an organisation says is an act: here it gets its token, and here is the
one way from a service to the outbox.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.acts import Act
from veche.messaging import outbox
from veche.messaging.outbox import Outgoing, Relation
from veche.protocol.acts import ActClass
from veche.protocol.ids import EffectId, Ulid, derived_ulid, effect_id
from veche.protocol.message import RelationKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.acts import ActLog
    from veche.messaging.service import BotAccount
    from veche.protocol.acts import ActToken
    from veche.protocol.ids import RoomId, UserId
    from veche.runtime.database import Cursor

MESSAGE: Final = "m.room.message"
REACTION: Final = "m.reaction"
MEMBER: Final = "m.room.member"


@attrs.frozen
class Ground:
    """On what ground an organisation speaks to a person; the private part of the act.

    Attributes:
        person: To whom or about whom; None for no one in particular.
        purpose: Code of the purpose: the service.
        basis: The rule or law.
        actor: A role, never a name.
        case: Id of the case, or empty.
        why: Reason in words, where the class of the act needs one; else empty.
    """

    person: UserId | None
    purpose: str
    basis: str
    actor: str = "bot"
    case: str = ""
    why: str = ""


class Sender:
    """One bot that speaks because of one cause; made anew for each transaction.

    Attributes:
        bot: Who speaks.
        cause: Id of what made it speak: an event, a job. The ids of what is said are derived from
            it and the order, so that a cause handled twice says nothing twice.
        now_ms: When, UTC.
    """

    def __init__(self, txn: Cursor, log: ActLog, bot: BotAccount, cause: str, now_ms: int) -> None:
        """Make the sender, in the transaction in which the cause is handled."""
        self._txn = txn
        self._log = log
        self._said_count = 0
        self._made_count = 0
        self.bot = bot
        self.cause = cause
        self.now_ms = now_ms

    def say(
        self,
        room_id: RoomId,
        content: Mapping[str, Any],
        ground: Ground,
        *,
        relation: Relation | None = None,
        act: ActClass = ActClass.MESSAGE,
        audience: str | None = None,
    ) -> EffectId:
        """Queue a message; it is encrypted where the room is.

        ``audience`` says which devices can read it, see ``Outgoing``.
        """
        return self._queue(
            MESSAGE, room_id, content, ground, act=act, relation=relation, audience=audience
        )

    def react(self, room_id: RoomId, target: EffectId, key: str, ground: Ground) -> EffectId:
        """Queue a reaction. It is never encrypted."""
        relation = Relation(RelationKind.ANNOTATION, target, key)
        return self._queue(REACTION, room_id, {}, ground, relation=relation)

    def set_membership(
        self, room_id: RoomId, user_id: UserId, membership: str, ground: Ground
    ) -> None:
        """Queue an invitation (``invite``) or a removal (``leave``).

        It is sent as the state event that it is: of ``/invite``, and of the list of
        ``/createRoom``, the homeserver's guard does not see the content. A removal is a
        restriction, whose ground says why.
        """
        content = {"membership": membership}
        act = ActClass.MESSAGE if membership == "invite" else ActClass.RESTRICTION
        self._queue(MEMBER, room_id, content, ground, act=act, state_key=user_id)

    def commit(
        self, act: ActClass, form: Mapping[str, Any], ground: Ground, *, ph: str = ""
    ) -> ActToken:
        """Commit an act that is no event of ours: of another service, or of somebody of the staff.

        Args:
            act: Class of the act.
            form: The clear form of the effect, as whoever carries it out names it.
            ground: Why the organisation may.
            ph: SHA-256 of the plaintext, for words.
        """
        return self._log.commit(self._txn, self._act(act, ground), form, self.now_ms, ph=ph)

    def fresh_id(self, kind: str) -> EffectId:
        """An id for something that this cause makes; the same again if the cause is run again."""
        self._made_count += 1
        return effect_id(self.bot.user_id, self.cause, kind, self._made_count)

    def fresh_ulid(self, kind: str) -> Ulid:
        """As ``fresh_id``, sortable by time."""
        self._made_count += 1
        return derived_ulid(self.now_ms, self.bot.user_id, self.cause, kind, self._made_count)

    def pseudonym(self, person: UserId) -> str:
        """Return the organisation's pseudonym of a person; no other organisation uses it."""
        return self._log.pseudonym(self.bot.organisation, person)

    def _queue(
        self,
        event_type: str,
        room_id: RoomId,
        content: Mapping[str, Any],
        ground: Ground,
        *,
        act: ActClass = ActClass.MESSAGE,
        **target: Any,
    ) -> EffectId:
        self._said_count += 1
        effect = effect_id(self.bot.user_id, self.cause, self._said_count)
        outgoing = Outgoing(self.bot.user_id, room_id, effect, event_type, content, **target)
        form = outgoing.form
        now = self._act(act, ground)
        token = self._log.commit(self._txn, now, form, self.now_ms, ph=form["ph"])
        outbox.append(self._txn, outgoing, token, self.now_ms)
        return effect

    def _act(self, act: ActClass, ground: Ground) -> Act:
        return Act(
            organisation=self.bot.organisation,
            act=act,
            person=ground.person,
            purpose=ground.purpose,
            basis=ground.basis,
            actor=ground.actor,
            why=ground.why,
            case=ground.case,
        )
