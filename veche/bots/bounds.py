"""How many chats one person may have with a bot: whoever invites it without end is refused.

Chats that the person has left are left by the bot too, so they do not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.chat import people
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import effect_id
from veche.protocol.texts.catalogue import Catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor

CHATS_MAX: Final = 10
"""Chats of one person with one bot."""

_CATALOGUE: Final = Catalogue.load("veche.bots")
_DEFAULT_LANGUAGE: Final = "en"


def answer_invitation(
    txn: Cursor, inbound: Inbound, chats: Sequence[RoomId], kind: str, payload: Mapping[str, str]
) -> bool:
    """Have the bot go into a chat that a person began, or refuse it where they have too many.

    Args:
        txn: Of the invitation.
        inbound: The invitation.
        chats: Those of the person with the bot.
        kind: Of the job that goes in, or that leaves where its payload has a ``reason``.
        payload: Of the job, without the room.

    Returns:
        Whether the bot goes in.
    """
    others = [room_id for room_id in chats if room_id != inbound.room_id]
    left = _left_by(txn, inbound.sender, others)
    if len(others) - len(left) < CHATS_MAX:
        leaving = dict.fromkeys(left, "")
        going = {inbound.room_id: None}
    else:
        leaving = {**dict.fromkeys(left, ""), inbound.room_id: _refusal(txn, inbound.sender)}
        going = {}
    for room_id, reason in {**leaving, **going}.items():
        more = {} if reason is None else {"reason": reason}
        id_ = effect_id(kind, inbound.event_id, room_id)
        job = Job(id_, kind, {**payload, "room": room_id, **more}, inbound.at_ms)
        jobs.schedule(txn, job)
    return bool(going)


def _left_by(txn: Cursor, person: UserId, rooms: Sequence[RoomId]) -> list[RoomId]:
    """The rooms of some whose members are known, and the person is none of them."""
    txn.execute(
        "SELECT r.room_id FROM runtime.room AS r"
        " WHERE r.room_id = ANY(%s) AND r.looked_at_ms IS NOT NULL"
        "  AND NOT EXISTS (SELECT FROM runtime.room_member AS m WHERE m.room_id = r.room_id"
        "   AND m.user_id = %s AND m.membership IN ('join', 'invite')) ORDER BY r.room_id",
        (list(rooms), person),
    )
    return [room_id for (room_id,) in txn.fetchall()]


def _refusal(txn: Cursor, person: UserId) -> str:
    language = people.read(txn, person, default_language=_DEFAULT_LANGUAGE).language
    return _CATALOGUE.text(
        language,
        "You have {count} chats with me already. Please use one of them; or leave one, then invite"
        " me again.",
        count=CHATS_MAX,
    )
