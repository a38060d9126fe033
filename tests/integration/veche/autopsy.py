"""Why a message has no answer: what each station on its way knows, for the report of a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.support.echo import bot_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.integration.veche.traffic import Talk
    from tests.support.services import House

_ROWS_MAX: Final = 30
"""Rows of one table that are shown."""

_STATIONS: Final = {
    "the clock": "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, %s",
    "inbox, how many rows are in which state": "SELECT state, count(*) FROM runtime.inbox"
    " WHERE room_id = %s GROUP BY state ORDER BY state",
    "inbox, what is not done": "SELECT seq, event_id, event_type, source, state, failures,"
    " wanted_session, waits_until_ms, received_at_ms FROM runtime.inbox"
    " WHERE room_id = %s AND state <> 2 ORDER BY seq",
    "rooms with something to do": "SELECT next_at_ms, not_before_ms, mark FROM runtime.room_work"
    " WHERE room_id = %s",
    "outbox, what is not sent": "SELECT seq, effect_id, event_type, state, attempts, sealed_device"
    " FROM runtime.outbox WHERE room_id = %s AND state <> 2 ORDER BY seq",
    "rooms with something to send": "SELECT next_at_ms, mark FROM runtime.outbox_work"
    " WHERE room_id = %s",
    "room keys that came": "SELECT session_id, sender, first_index, received_at_ms"
    " FROM crypto.room_key_in WHERE room_id = %s ORDER BY received_at_ms",
    "our room key": "SELECT session_id, message_count, created_at_ms FROM crypto.room_key_out"
    " WHERE room_id = %s",
    "who has it": "SELECT session_id, user_id, device_id, first_index, withheld_code"
    " FROM crypto.room_key_shared WHERE room_id = %s",
    "keys on their way": "SELECT txn_id, event_type, attempts FROM crypto.to_device_out"
    " WHERE room_id = %s",
    "unreadable events": "SELECT event_id, sender, session_id, noted_at_ms FROM crypto.unreadable"
    " WHERE room_id = %s",
    "members": "SELECT user_id, membership, outdated_seq, queried_seq, device_id, is_cross_signed"
    " FROM runtime.room_member LEFT JOIN crypto.person USING (user_id)"
    " LEFT JOIN crypto.person_device USING (user_id) WHERE room_id = %s",
    "healing": "SELECT b.user_id, healed_since, healed_at_ms, heal_leased_until_ms"
    " FROM runtime.bot AS b JOIN runtime.room_bot AS r ON r.bot = b.user_id WHERE r.room_id = %s",
}


def autopsy(town: House, talks: Sequence[Talk]) -> str:
    """What services, homeserver and clients know of some rooms; nothing is changed."""
    return "\n".join([*(_of_talk(town, talk) for talk in talks), town.log()])


def _of_talk(town: House, talk: Talk) -> str:
    room, bot = talk.room, bot_of(town.server.plan.server_name)
    events = [event for event in talk.events() if event["sender"] == bot]
    known = {message.event_id for message in talk.person.messages(room)}
    unseen = [event["event_id"] for event in events if event["event_id"] not in known]
    lines = [
        f"{talk.person.user_id} in {room}",
        f"  unanswered: {talk.unanswered()}",
        f"  events of the bot on the homeserver: {len(events)}",
        f"  of these the client has not got: {unseen[:_ROWS_MAX]}",
        f"  and cannot read: {[message.event_id for message in talk.unreadable()]}",
    ]
    for name, statement in _STATIONS.items():
        rows = town.query(statement, room)
        lines += [f"  {name}: {len(rows)}", *(f"    {row}" for row in rows[:_ROWS_MAX])]
    return "\n".join([*lines, talk.person.transcript(room)])
