"""Keeping what we know of a room current from its state events, in the worker's transaction.

Events may come late and out of order. A member event is applied only if it replaces the very event
that is known (`unsigned.replaces_state`); otherwise the room's state is read again before anything
is said in it. A wrong reader would be sent keys, so doubt costs a look, never a guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from veche.messaging.inbox.events import ENCRYPTION, HISTORY_VISIBILITY, MEMBER
from veche.protocol.ids import UserId
from veche.runtime.matrix import store as rooms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from veche.messaging.inbox.store import Claim, Item
    from veche.runtime.database import Cursor
    from veche.runtime.ports import RoomHooks


def track(
    txn: Cursor, hooks: RoomHooks, is_ours: Callable[[str], bool], claim: Claim, item: Item
) -> bool:
    """Apply a state event; True if the room has to be looked at again."""
    state_key, content = item.event.get("state_key"), _mapping(item.event.get("content"))
    if not isinstance(state_key, str):
        return False
    if item.event_type == MEMBER:
        return _track_member(txn, hooks, is_ours, claim, item)
    if state_key:
        return False
    if item.event_type == ENCRYPTION:
        hooks.encrypted(txn, claim.room_id, content)
        return False
    if item.event_type == HISTORY_VISIBILITY and not _is_seen_by_look(claim, item):
        # Too rare to be clever about its order.
        rooms.set_doubtful(txn, claim.room_id)
        return True
    return False


def _track_member(
    txn: Cursor, hooks: RoomHooks, is_ours: Callable[[str], bool], claim: Claim, item: Item
) -> bool:
    user_id = UserId(str(item.event["state_key"]))
    membership = _mapping(item.event.get("content")).get("membership")
    if not isinstance(membership, str):
        return False
    if is_ours(user_id):
        # The intake noted it; here only what follows from it.
        if user_id == claim.bot and not claim.is_joined and membership in {"leave", "ban"}:
            rooms.forget_room(txn, claim.room_id)
        return False
    hooks.member(txn, claim.room_id, user_id, membership)
    if _is_seen_by_look(claim, item):
        return False
    replaces = _mapping(item.event.get("unsigned")).get("replaces_state")
    member = rooms.Member(user_id, membership, item.event_id)
    is_applied = rooms.note_member(
        txn, claim.room_id, member, replaces if isinstance(replaces, str) else None
    )
    if is_applied:
        return False
    rooms.set_doubtful(txn, claim.room_id)
    return True


def _is_seen_by_look(claim: Claim, item: Item) -> bool:
    looked_at_ms = claim.looked_at_ms
    return looked_at_ms is not None and item.received_at_ms < looked_at_ms - rooms.CLOCK_SKEW_MS


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
