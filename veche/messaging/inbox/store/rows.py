"""SQL of the rows: adding them, and the one transaction of a worker."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.messaging.inbox.events import HEALED_INVITE, MEMBER

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from veche.messaging.inbox.events import Row
    from veche.messaging.service import BotAccount
    from veche.protocol.ids import EventId, RoomId, UserId
    from veche.runtime.database import Cursor

CHANNEL: Final = "veche_inbox"
"""Where rooms with something to do are announced to other processes."""
ROWS_MAX: Final = 50
"""Rows of one room that one transaction handles."""
FAILURES_MAX: Final = 5
"""After which a row is refused, so that it does not block its room."""
NEVER_MS: Final = (1 << 62) - 1


class Source(enum.IntEnum):
    """How a row came."""

    PUSHED = 1
    HEALED = 2
    PAGE = 3


class State(enum.IntEnum):
    """The state of a row; below 2 it is still to do."""

    NEW = 0
    WAITS = 1
    """For a room key, quietly; later rows of its sender wait with it."""
    DONE = 2
    REFUSED = 3
    LATE = 4
    """The key did not come in time; kept in case it comes after all."""


@attrs.frozen
class Claim:
    """A room that a worker has for the length of its transaction.

    Attributes:
        mark: Of its work when it was claimed.
        is_joined: The bot is in the room.
        looked_at_ms: When the room's state was read; None: to be read.
    """

    room_id: RoomId
    bot: UserId
    mark: int
    is_joined: bool
    looked_at_ms: int | None


@attrs.frozen
class Item:
    """A row to be done."""

    seq: int
    event_id: EventId
    sender: UserId
    event_type: str
    event: Mapping[str, Any]
    state: State
    waits_until_ms: int | None
    received_at_ms: int
    failures: int


def add_bots(txn: Cursor, bots: Collection[BotAccount]) -> None:
    """Note the bots that this process serves, and what they are called."""
    accounts = sorted(bots, key=lambda bot: bot.user_id)
    txn.execute(
        "INSERT INTO runtime.bot AS b (user_id, organisation, display_name)"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]) ON CONFLICT (user_id) DO UPDATE"
        " SET organisation = EXCLUDED.organisation, display_name = EXCLUDED.display_name"
        " WHERE (b.organisation, b.display_name)"
        " IS DISTINCT FROM (EXCLUDED.organisation, EXCLUDED.display_name)",
        (
            [bot.user_id for bot in accounts],
            [bot.organisation for bot in accounts],
            [bot.display_name for bot in accounts],
        ),
    )


# A push that comes again must not undo what followed it, and nobody invites one who is in the room.
_ADD_MEMBERSHIPS: Final = """
WITH given AS (
    SELECT * FROM unnest(%(rooms)s::text[], %(bots)s::text[], %(memberships)s::text[],
        %(events)s::text[]) AS g (room_id, bot, membership, event_id)
), noted AS (
    INSERT INTO runtime.room_bot (room_id, bot)
    SELECT DISTINCT g.room_id, g.bot FROM given AS g
        JOIN runtime.bot AS b ON b.user_id = g.bot
    ON CONFLICT DO NOTHING
)
INSERT INTO runtime.room_member AS m (room_id, user_id, membership, event_id)
SELECT room_id, bot, membership, event_id FROM given AS g
WHERE NOT EXISTS (SELECT 1 FROM runtime.inbox AS i
    WHERE i.room_id = g.room_id AND i.event_id = g.event_id AND i.bot = g.bot)
ORDER BY room_id, bot
ON CONFLICT (room_id, user_id) DO UPDATE
SET membership = EXCLUDED.membership, event_id = EXCLUDED.event_id
WHERE NOT (m.membership = 'join' AND EXCLUDED.membership = 'invite')
"""

_ADD: Final = """
SELECT row_count, room_count FROM runtime.inbox_add(
    %(rooms)s::text[], %(event_ids)s::text[], %(senders)s::text[], %(types)s::text[],
    %(about)s::text[], %(events)s::text[], %(source)s::smallint, %(now)s, %(bot)s,
    %(local)s::text[], %(is_busy)s)
"""


@attrs.frozen
class Added:
    """The result of an intake.

    Attributes:
        row_count: New rows.
        room_count: Rooms, counted for each bot, that have them.
    """

    row_count: int
    room_count: int


def add(
    txn: Cursor,
    rows: Sequence[Row],
    source: Source,
    now_ms: int,
    *,
    local: Collection[UserId],
    is_busy: bool,
    bot: UserId | None = None,
) -> Added:
    """Store rows; those that are there already change nothing.

    Args:
        txn: One transaction for all, which does nothing else where they are pushed.
        rows: In the order in which they came.
        source: How they came.
        now_ms: Moment, UTC.
        local: Bots that this process serves; for others, other processes are told.
        is_busy: Other processes shall be told in any case.
        bot: Only for this bot, for what its own /sync brought.
    """
    if not rows:
        return Added(0, 0)
    memberships = [row for row in rows if row.bot is not None and row.membership is not None]
    invites = [row for row in memberships if row.membership == "invite"]
    # The usual push is one statement.
    run = txn.alone if source is Source.PUSHED and not memberships else txn.execute
    if invites and source is Source.PUSHED:
        _note_pushed_invites(txn, invites, now_ms)
    if memberships:
        # The last one counts: a statement may change a row only once.
        last = {(row.room_id, row.bot): row for row in memberships}
        txn.execute(
            _ADD_MEMBERSHIPS,
            {
                "rooms": [row.room_id for row in last.values()],
                "bots": [row.bot for row in last.values()],
                "memberships": [row.membership for row in last.values()],
                "events": [row.event_id for row in last.values()],
            },
        )
    run(
        _ADD,
        {
            "rooms": [row.room_id for row in rows],
            "event_ids": [row.event_id for row in rows],
            "senders": [row.sender for row in rows],
            "types": [row.event_type for row in rows],
            "about": [row.bot for row in rows],
            "events": [row.event for row in rows],
            "source": int(source),
            "now": now_ms,
            "bot": bot,
            "is_busy": is_busy,
            "local": list(local),
        },
    )
    [(row_count, room_count)] = txn.fetchall()
    return Added(row_count, room_count)


def _note_pushed_invites(txn: Cursor, rows: Sequence[Row], now_ms: int) -> None:
    """Give invitations that were healed the id with which they are pushed: they are done."""
    txn.execute(
        "WITH given AS (SELECT * FROM unnest(%(rooms)s::text[], %(bots)s::text[],"
        "  %(ids)s::text[], %(senders)s::text[]) AS g (room_id, bot, event_id, sender)),"
        " named AS (UPDATE runtime.room_member AS m SET event_id = g.event_id FROM given AS g"
        "  WHERE m.room_id = g.room_id AND m.user_id = g.bot AND m.membership = 'invite'"
        "  AND starts_with(m.event_id, %(healed)s)"
        "  RETURNING g.room_id, g.bot, g.event_id, g.sender)"
        " INSERT INTO runtime.inbox"
        "  (room_id, event_id, bot, sender, event_type, source, state, received_at_ms)"
        " SELECT room_id, event_id, bot, sender, %(type)s, %(source)s, %(done)s, %(now)s"
        " FROM named ON CONFLICT DO NOTHING",
        {
            "rooms": [row.room_id for row in rows],
            "bots": [row.bot for row in rows],
            "ids": [row.event_id for row in rows],
            "senders": [row.sender for row in rows],
            "healed": HEALED_INVITE,
            "type": MEMBER,
            "source": int(Source.PUSHED),
            "done": int(State.DONE),
            "now": now_ms,
        },
    )


# One transaction of a worker.

# In the same trip: when the next room is due, where none is now.
_TAKE: Final = """
SELECT t.*, CASE WHEN t.room_id IS NULL THEN
    (SELECT min(next_at_ms) FROM runtime.room_work WHERE bot = ANY (%(bots)s)) END
FROM (SELECT) AS one LEFT JOIN LATERAL
    runtime.inbox_take(%(bots)s::text[], %(now)s, %(room)s, %(before)s, %(max)s) AS t ON TRUE
"""


def take(
    txn: Cursor,
    bots: Collection[UserId],
    now_ms: int,
    *,
    room_id: RoomId | None = None,
    before_seq: int = NEVER_MS,
) -> tuple[Claim, list[Item]] | int | None:
    """Take a due room that nobody else has, and its first rows to be done, in order of arrival.

    The room is held until the transaction ends.

    Returns:
        At most ``ROWS_MAX`` rows; if no room is due, when the next one is, None if there is none.
    """
    values = {"bots": list(bots), "now": now_ms, "room": room_id, "before": before_seq}
    txn.execute(_TAKE, {**values, "max": ROWS_MAX})
    found = txn.fetchall()
    if found[0][0] is None:
        due_at_ms: int | None = found[0][-1]
        return due_at_ms
    return Claim(*found[0][:5]), [_item(*row[5:-1]) for row in found if row[5] is not None]


def _item(seq: int, event_id: EventId, sender: UserId, kind: str, *rest: Any) -> Item:
    event, state, *numbers = rest
    return Item(seq, event_id, sender, kind, event, State(state), *numbers)


@attrs.frozen
class End:
    """How far a worker got with a room.

    Attributes:
        done: Rows by ``seq``.
        refused: Rows by ``seq`` that broke a rule.
        next_at_ms: When to look at the room again, None if nothing is left.
        sealed_count: What the bot says in the room and this transaction has sealed.
    """

    done: Sequence[int] = ()
    refused: Sequence[int] = ()
    next_at_ms: int | None = None
    sealed_count: int = 0


@attrs.frozen
class Settled:
    """The effects of finishing the work on a room.

    Attributes:
        due_at_ms: When the next room is due, or None.
        outbox_mark: Of what the bot has to send in the room, if what was sealed comes first there;
            None otherwise.
    """

    due_at_ms: int | None
    outbox_mark: int | None


def settle(
    txn: Cursor,
    claim: Claim,
    end: End,
    bots: Collection[UserId],
    taken: Collection[tuple[RoomId, UserId]] = (),
) -> Settled:
    """End the work on a room, and the transaction.

    Args:
        txn: The transaction of the claim; nothing may follow in it.
        claim: The room.
        end: How far it got.
        bots: Of this process.
        taken: Rooms that others of this process have, for which bot; those look when they are done.
    """
    row = txn.last(
        "SELECT due_at_ms, outbox_mark FROM runtime.inbox_end(%s, %s, %s, %s::bigint[],"
        " %s::bigint[], %s, %s::text[], %s::text[], %s::text[], %s)",
        (
            claim.room_id,
            claim.bot,
            claim.mark,
            list(end.done),
            list(end.refused),
            end.next_at_ms,
            list(bots),
            [room_id for room_id, _ in taken],
            [bot for _, bot in taken],
            end.sealed_count,
        ),
    )
    return Settled(row["due_at_ms"], row["outbox_mark"])


def wait(txn: Cursor, claim: Claim, item: Item, session_id: str, until_ms: int) -> None:
    """Let a row wait for a room key."""
    txn.execute(
        "UPDATE runtime.inbox SET state = %s, wanted_session = %s, waits_until_ms = %s"
        " WHERE room_id = %s AND bot = %s AND state < 2 AND seq = %s",
        (int(State.WAITS), session_id, until_ms, claim.room_id, claim.bot, item.seq),
    )


def set_late(txn: Cursor, claim: Claim, item: Item) -> None:
    """Let later rows go on; the row is done if its key comes after all."""
    txn.execute(
        "UPDATE runtime.inbox SET state = %s, waits_until_ms = NULL"
        " WHERE room_id = %s AND bot = %s AND seq = %s",
        (int(State.LATE), claim.room_id, claim.bot, item.seq),
    )


def fail(txn: Cursor, claim: Claim, item: Item, now_ms: int, delays_ms: Sequence[int]) -> int:
    """Count a failure of a row and let its room rest; how many there are now.

    With ``FAILURES_MAX`` the row is refused. Two loops may meet the row at once, since a failed
    transaction lets go of the room: that is one failure, and only the first to come counts it,
    also where the other has read the row after that: the room rests by then.
    """
    txn.execute(
        "UPDATE runtime.inbox AS i SET failures = failures + 1,"
        " state = CASE WHEN failures + 1 >= %s THEN %s ELSE state END"
        " WHERE room_id = %s AND bot = %s AND seq = %s AND failures = %s AND NOT EXISTS ("
        "SELECT FROM runtime.room_work AS w"
        " WHERE w.room_id = i.room_id AND w.bot = i.bot AND w.not_before_ms > %s)"
        " RETURNING failures",
        (
            *(FAILURES_MAX, int(State.REFUSED), claim.room_id, claim.bot, item.seq),
            *(item.failures, now_ms),
        ),
    )
    row = txn.fetchone()
    if row is None:
        return item.failures
    failures = int(row[0])
    rest_ms = 0 if failures >= FAILURES_MAX else delays_ms[min(failures, len(delays_ms)) - 1]
    delay(txn, claim.room_id, claim.bot, now_ms + rest_ms)
    return failures


def delay(txn: Cursor, room_id: RoomId, bot: UserId, until_ms: int) -> None:
    """Leave a room alone until then, whatever comes, and whoever else has taken it just now."""
    txn.execute(
        "UPDATE runtime.room_work"
        " SET next_at_ms = %(until)s, not_before_ms = %(until)s, mark = mark + 1"
        " WHERE room_id = %(room)s AND bot = %(bot)s",
        {"until": until_ms, "room": room_id, "bot": bot},
    )


def make_due(txn: Cursor, rooms: Iterable[tuple[str, str]], now_ms: int) -> None:
    """Have rooms looked at now; (room id, bot) each."""
    pairs = sorted(set(rooms))
    if not pairs:
        return
    txn.execute(
        "WITH work AS ("
        " INSERT INTO runtime.room_work AS w (room_id, bot, next_at_ms)"
        " SELECT room_id, bot, %(now)s"
        " FROM unnest(%(rooms)s::text[], %(bots)s::text[]) AS g (room_id, bot)"
        " ON CONFLICT (room_id, bot) DO UPDATE"
        " SET next_at_ms = LEAST(w.next_at_ms, EXCLUDED.next_at_ms), not_before_ms = 0,"
        " mark = w.mark + 1)"
        " SELECT pg_notify(%(channel)s, '')",
        {
            "now": now_ms,
            "rooms": [room_id for room_id, _ in pairs],
            "bots": [bot for _, bot in pairs],
            "channel": CHANNEL,
        },
    )


def wake_room(txn: Cursor, room_id: RoomId, bot: UserId, now_ms: int) -> None:
    """Have a room looked at that has one more row; it rests first if a row of it has failed."""
    txn.execute(
        "WITH work AS ("
        " INSERT INTO runtime.room_work AS w (room_id, bot, next_at_ms) VALUES (%s, %s, %s)"
        " ON CONFLICT (room_id, bot) DO UPDATE SET mark = w.mark + 1,"
        " next_at_ms = GREATEST(w.not_before_ms, LEAST(w.next_at_ms, EXCLUDED.next_at_ms)))"
        " SELECT pg_notify(%s, '')",
        (room_id, bot, now_ms, CHANNEL),
    )


def session_came(
    txn: Cursor, bot: UserId, room_id: RoomId, session_ids: Sequence[str], now_ms: int
) -> int:
    """Do the rows that waited for room keys; how many.

    For the crypto channel, in the transaction that stores the keys.
    """
    txn.execute(
        "UPDATE runtime.inbox SET state = %s, wanted_session = NULL, waits_until_ms = NULL"
        " WHERE room_id = %s AND bot = %s AND wanted_session = ANY(%s) AND state IN (%s, %s)",
        (int(State.NEW), room_id, bot, list(session_ids), int(State.WAITS), int(State.LATE)),
    )
    count = txn.rowcount
    if count:
        make_due(txn, [(room_id, bot)], now_ms)
    return count
